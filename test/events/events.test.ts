/** Events from verdicts: each thing once, nothing flaps, times are those of the verdicts. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Agreement, PathState, Verdict } from '../../src/core.ts';
import { type ClockEvent, createEventWatch, type EventWatch } from '../../src/events.ts';

const test = suite('events');
const PATH = '192.0.2.1|198.51.100.7';
const OTHER = '192.0.2.2|198.51.100.7';
const START_S = 1_763_600_000;

type PathVerdict = Verdict & { readonly about: 'path' };
type ClockVerdict = Verdict & { readonly about: 'clock' };

const onPath = (s: number, state: PathState, reason: number, over: Partial<PathVerdict> = {}) =>
  ({
    ...{ about: 'path', path: 0, order: 0, atS: START_S + s, intervalS: 1 },
    ...{ state, reason, reasonS: 0.01, sinceS: START_S + s - 10, lies: false },
    ...{ shiftReverseS: 0, shiftForwardS: 0.01 },
    ...over,
  }) as PathVerdict;

const onClock = (s: number, agreement: Agreement, over: Partial<ClockVerdict> = {}) =>
  ({
    ...{ about: 'clock', order: 0, atS: START_S + s, intervalS: 1, agreement },
    ...{ agreedAtS: START_S + s - 5, steps: 0, stepS: 0, gapS: 0 },
    ...over,
  }) as ClockVerdict;

/** What a watch says, `type@second`. */
function listen(): { watch: EventWatch; events: ClockEvent[]; said(): string[] } {
  const events: ClockEvent[] = [];
  return {
    watch: createEventWatch((event) => events.push(event)),
    events,
    said: () => events.map(({ type, atS }) => `${type}@${Math.round((atS - START_S) * 10) / 10}`),
  };
}

test('a one-sided shift is suspected at once, once, with sentence, onset and state', () => {
  const { watch, events } = listen();
  watch.take(onPath(100, 'congested', 11), PATH);
  watch.take(onPath(110, 'quarantined', 11), PATH);
  watch.advance(START_S + 1e6);
  assert.equal(events, [
    {
      type: 'suspicion',
      atS: START_S + 100,
      path: PATH,
      state: 'congested',
      sinceS: START_S + 90,
      reason: 'offset shifts with its delay: +10.0ms on the way back since 00:54:50',
    },
  ]);
});

test('it is cleared only after it stayed away for a minute, or 64 polls', () => {
  for (const [intervalS, afterS] of [
    [1, 64],
    [0.1, 60],
    [16, 1024],
  ] as const) {
    const { watch, said } = listen();
    watch.take(onPath(0, 'congested', 11, { intervalS }), PATH);
    watch.take(onPath(50, 'good', 0, { intervalS }), PATH);
    watch.advance(START_S + 50 + afterS - 0.1);
    assert.equal(said(), ['suspicion@0']);
    assert.is(watch.dueS, START_S + 50 + afterS);
    watch.advance(START_S + 50 + afterS);
    assert.equal(said(), ['suspicion@0', `cleared@${50 + afterS}`]);
    assert.is(watch.dueS, Number.POSITIVE_INFINITY);
  }
});

test('disagreement by vote alone must last 128 polls to be a suspicion', () => {
  const { watch, said, events } = listen();
  watch.take(onPath(0, 'quarantined', 3), PATH);
  watch.take(onPath(120, 'good', 0), PATH);
  watch.advance(START_S + 1000);
  assert.equal(said(), []);
  watch.take(onPath(1000, 'quarantined', 3), PATH);
  watch.advance(START_S + 5000);
  assert.equal(said(), ['suspicion@1128']);
  assert.match(events[0]?.reason ?? '', /away from the majority/);
});

test('evidence of the path itself cuts the wait short', () => {
  const { watch, said } = listen();
  watch.take(onPath(0, 'quarantined', 3), PATH);
  watch.take(onPath(20, 'quarantined', 11), PATH);
  watch.advance(START_S + 5000);
  assert.equal(said(), ['suspicion@20']);
});

test('silence and warming are no acquittal and no suspicion; NO_MAJORITY blames nobody', () => {
  const { watch, said } = listen();
  watch.take(onPath(0, 'warming', 1), PATH);
  watch.take(onPath(10, 'stale', 5), PATH);
  watch.take(onPath(20, 'congested', 2), PATH);
  watch.take(onPath(30, 'good', 9), PATH);
  watch.take(onPath(40, 'quarantined', 9), PATH);
  watch.take(onPath(50, 'standby', 8), PATH);
  watch.take(onPath(60, 'same-route', 15), PATH);
  watch.advance(START_S + 5000);
  assert.equal(said(), []);
  watch.take(onPath(6000, 'congested', 11), PATH);
  watch.take(onPath(6010, 'stale', 5), PATH);
  watch.advance(START_S + 9000);
  assert.equal(said(), ['suspicion@6000']);
});

test('a new route is told once, and is no suspicion', () => {
  const { watch, said, events } = listen();
  watch.take(onPath(0, 'changed', 14, { shiftReverseS: 0.003, shiftForwardS: 0.003 }), PATH);
  watch.take(onPath(32, 'good', 0), PATH);
  watch.advance(START_S + 5000);
  assert.equal(said(), ['rerouted@0']);
  assert.match(events[0]?.reason ?? '', /^rerouted: .*3\.00ms on the way there.*since/);
});

test('a contradiction is told once however often it repeats, before the suspicion it makes', () => {
  const { watch, said } = listen();
  watch.take(onPath(0, 'quarantined', 12, { lies: true }), PATH);
  for (let s = 10; s < 600; s += 20) {
    watch.take(onPath(s, 'quarantined', 12, { lies: false }), PATH);
    watch.take(onPath(s + 10, 'quarantined', 12, { lies: true }), PATH);
  }
  assert.equal(said(), ['contradiction@0', 'suspicion@0']);
});

test('a lost majority and holdover: lost, held over, agreed again, back', () => {
  const { watch, said, events } = listen();
  watch.take(onClock(0, 'majority'), undefined);
  watch.take(onClock(100, 'holdover'), undefined);
  watch.advance(START_S + 110);
  assert.equal(said(), []); // it may be a moment's noise
  watch.advance(START_S + 120);
  watch.take(onClock(500, 'majority'), undefined);
  watch.advance(START_S + 9999);
  assert.equal(said(), ['majority-lost@116', 'holdover@116', 'majority-back@564', 'back@564']);
  assert.is(
    events[0]?.reason,
    'the paths disagree since 00:54:55, none has a majority and there is no clean history to go by',
  );
});

test('with a clean history a lost majority is no holdover', () => {
  const { watch, said, events } = listen();
  watch.take(onClock(100, 'history'), undefined);
  watch.advance(START_S + 9999);
  assert.equal(said(), ['majority-lost@116']);
  assert.match(events[0]?.reason ?? '', /the clock stays with what the paths agreed on before$/);
});

test('a gap is told as holdover when it began and as back when it ended', () => {
  const { watch, said } = listen();
  watch.take(onClock(0, 'majority'), undefined);
  watch.take(onClock(1000, 'majority', { gapS: 300 }), undefined);
  assert.equal(said(), ['holdover@700', 'back@1000']);
});

test('a host that knows of the silence tells it as it comes; the core adds nothing to it', () => {
  const { watch, said } = listen();
  watch.take(onClock(0, 'majority'), undefined);
  watch.silent(START_S + 50);
  watch.silent(START_S + 60);
  watch.take(onClock(400, 'majority', { gapS: 300 }), undefined);
  watch.heard(START_S + 400);
  watch.heard(START_S + 401);
  assert.equal(said(), ['holdover@50', 'back@400']);
});

test('silence while no majority is left is one holdover, and its end none', () => {
  const { watch, said } = listen();
  watch.take(onClock(0, 'holdover'), undefined);
  watch.advance(START_S + 100);
  watch.silent(START_S + 200);
  watch.heard(START_S + 300);
  assert.equal(said(), ['majority-lost@16', 'holdover@16']);
});

test('a step is told with its size; a restart of the core for other reasons is none', () => {
  const { watch, events } = listen();
  watch.take(onClock(0, 'majority'), undefined);
  watch.take(onClock(5, 'majority', { steps: 1, stepS: -0.05 }), undefined);
  watch.take(onClock(6, 'history', { steps: 1, stepS: -0.05 }), undefined);
  watch.take(onClock(9, 'majority', { steps: 2 }), undefined);
  assert.equal(
    events.map((event) => (event.type === 'step' ? [event.atS - START_S, event.byS] : event.type)),
    [[5, -0.05]],
  );
  assert.is(events[0]?.reason, 'the offset stepped by -50.0ms: a clock was set');
});

test('a clock that keeps stepping is told a few times, then once in ten minutes', () => {
  const { watch, events } = listen();
  for (let steps = 1; steps <= 3600; steps++) {
    watch.take(onClock(steps, 'majority', { steps, stepS: 0.1 }), undefined);
  }
  assert.is(events.length, 4 + 5);
});

test('paths are told apart, and a closed one is not spoken of any more', () => {
  const { watch, events } = listen();
  watch.take(onPath(0, 'congested', 11), PATH);
  watch.take(onPath(1, 'congested', 11, { path: 1 }), OTHER);
  watch.take(onPath(2, 'good', 0), PATH);
  watch.forget(PATH);
  watch.advance(START_S + 9999);
  assert.equal(
    events.map((event) => ('path' in event ? `${event.type} ${event.path}` : event.type)),
    [`suspicion ${PATH}`, `suspicion ${OTHER}`],
  );
});

const HOUR_S = 3600;
const state = fc.constantFrom<readonly [PathState, number]>(
  ['good', 0],
  ['quarantined', 3],
  ['quarantined', 11],
  ['quarantined', 12],
  ['congested', 11],
  ['congested', 2],
  ['changed', 4],
  ['changed', 14],
  ['stale', 5],
  ['warming', 1],
);
const change = fc.record({
  waitS: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 400 })),
  state,
  lies: fc.boolean(),
  agreement: fc.constantFrom<Agreement>('few', 'majority', 'history', 'holdover'),
});
type Change = { waitS: number; state: readonly [PathState, number]; lies: boolean };

/** Feeds changes of one path and of the clock until `untilS`, over and over. */
function alternate(
  changes: readonly (Change & { agreement: Agreement })[],
  untilS: number,
  leastS = 1,
): ClockEvent[] {
  const { watch, events } = listen();
  let s = 0;
  for (let k = 0; s < untilS; k++) {
    const next = changes[k % changes.length];
    if (next === undefined) break;
    s += Math.max(next.waitS, leastS);
    watch.take(onPath(s, ...next.state, { lies: next.lies }), PATH);
    watch.take(onClock(s, next.agreement), undefined);
  }
  watch.advance(START_S + s + 1e7);
  return events;
}

const PAIRS: readonly (readonly [string, string])[] = [
  ['suspicion', 'cleared'],
  ['majority-lost', 'majority-back'],
  ['holdover', 'back'],
];

test('whatever alternates however fast, starts and ends alternate, in order of time', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
      const events = alternate(changes, 2 * HOUR_S);
      for (const [k, event] of events.entries()) {
        assert.ok(event.atS >= (events[k - 1]?.atS ?? 0), 'out of order');
        assert.ok(
          event.reason.length > 10 && !/NaN|undefined|\.$/.test(event.reason),
          event.reason,
        );
      }
      for (const [start, end] of PAIRS) {
        const own = events
          .map(({ type }) => type as string)
          .filter((t) => t === start || t === end);
        for (const [k, type] of own.entries()) assert.is(type, k % 2 === 0 ? start : end);
      }
    }),
    { numRuns: 100 },
  );
});

test('whatever keeps coming back fills no log: a day of it is a few dozen events', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 2, maxLength: 6 }), (changes) => {
      const events = alternate(changes, 24 * HOUR_S, 8);
      for (const [start] of PAIRS.slice(0, 2)) {
        const count = events.filter(({ type }) => type === start).length;
        // seven holds of 1 to 64 min, then at most one in 64 min
        assert.ok(count <= 7 + 24, `${count} times ${start}`);
      }
      for (const type of ['rerouted', 'contradiction']) {
        assert.ok(events.filter((event) => event.type === type).length <= 7 + 24, type);
      }
    }),
    { numRuns: 30 },
  );
});

test('an attacker that alternates faster than the hold is named once in all', () => {
  for (const periodS of [2, 10, 30, 60]) {
    const { watch, said } = listen();
    for (let s = 0; s < 6 * HOUR_S; s += periodS) {
      const on = (s / periodS) % 2 === 0;
      watch.take(onPath(s, on ? 'quarantined' : 'good', on ? 11 : 0), PATH);
      watch.advance(START_S + s);
    }
    assert.equal(said(), ['suspicion@0'], `every ${periodS} s`);
  }
});

test.run();

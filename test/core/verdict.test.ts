/**
 * Verdicts of the core on simulated worlds: which direction moved, by how much, since when; whether
 * the paths agree; shared routes; and the list of verdicts a host takes.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Core, createCore, explainPath, type Verdict } from '../../src/core.ts';
import { ConfigError } from '../../src/errors.ts';
import { event, MS, path, plain } from '../../src/sim/build.ts';
import { namedScenario } from '../../src/sim/named.ts';
import type { Event, Scenario } from '../../src/sim/scenario.ts';
import { type Trace, traceOf } from '../../src/sim/trace.ts';
import { EPOCH_S } from '../../src/sim/world.ts';
import { BUILDS } from './rig.ts';

const test = suite('core verdicts');
const AT_S = 1200;

/** A world of four plain paths, 1 s apart, cut short; what happens begins at AT_S. */
function world(change: Partial<Scenario>, paths = 4): Scenario {
  return { ...namedScenario('A', paths), durationS: 1800, ...change };
}

const happens = (paths: readonly number[], over: Partial<Event>): Partial<Scenario> => ({
  events: [event('attack', paths, { fromS: AT_S, ...over })],
});

interface Seen {
  readonly core: Core;
  readonly verdicts: readonly Verdict[];
  /** Verdicts on one path. */
  on(path: number): (Verdict & { about: 'path' })[];
  /** Worst error of the clock from then on, s. */
  worstS(fromS: number): number;
  /** True if the truth was always within [earliest, latest] from then on. */
  inside(fromS: number): boolean;
}

function run(scenario: Scenario, seed: number, combiner?: 'median' | 'kalman'): Seen {
  const core = createCore(combiner === undefined ? {} : { combiner });
  return feed(core, traceOf(scenario, seed));
}

function feed(core: Core, trace: Trace, batch = 1): Seen {
  for (let k = 0; k < trace.paths; k++) core.openPath();
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  const verdicts: Verdict[] = [];
  const errors: [number, number, boolean][] = [];
  const size = core.recordBytes;
  for (let from = 0; from < trace.count; from += batch) {
    const to = Math.min(from + batch, trace.count);
    input.set(trace.records.subarray(from * size, to * size));
    core.ingest(to - from);
    verdicts.push(...core.takeVerdicts());
    const { offsetS, earliestS, latestS } = core.result(to - from - 1);
    const truthS = trace.truthS[to - 1] ?? 0;
    const isInside = earliestS <= truthS && truthS <= latestS;
    errors.push([trace.atS[to - 1] ?? 0, Math.abs(offsetS - truthS), isInside]);
  }
  return {
    core,
    verdicts,
    on: (path) =>
      verdicts.flatMap((one) => (one.about === 'path' && one.path === path ? [one] : [])),
    worstS: (fromS) => Math.max(...errors.filter(([at]) => at >= fromS).map(([, error]) => error)),
    inside: (fromS) => errors.every(([at, , isInside]) => at < fromS || isInside),
  };
}

/** Local time of the simulated clock is 10 ms off, so this is right to that. */
const sinceStart = (s: number): number => s - EPOCH_S;

const ONE_SIDED = 11;

for (const direction of ['forward', 'reverse'] as const) {
  test(`D1: a delay attack ${direction} is named in 30 s: way, amount, onset (SEC-03, SEC-10)`, () => {
    for (const seed of [1, 2]) {
      const seen = run(world(happens([1], { byS: 10 * MS, direction })), seed);
      const [told] = seen.on(0).filter(({ reason }) => reason === ONE_SIDED);
      assert.ok(told !== undefined, 'never named');
      assert.ok(sinceStart(told.atS) - AT_S < 30, `named after ${sinceStart(told.atS) - AT_S} s`);
      assert.ok(Math.abs(sinceStart(told.sinceS) - AT_S) < 3, `since ${sinceStart(told.sinceS)}`);
      const report = seen.core.path(0);
      assert.is(report.state, 'quarantined');
      assert.is(report.reason, ONE_SIDED);
      assert.is(report.weight, 0);
      const [moved, still] =
        direction === 'forward'
          ? [report.shiftForwardS, report.shiftReverseS]
          : [report.shiftReverseS, report.shiftForwardS];
      assert.ok(Math.abs(moved - 10 * MS) < 0.5 * MS, `moved ${moved}`);
      assert.is(still, 0);
      assert.is(report.sinceS, told.sinceS);
      assert.match(
        explainPath(report),
        direction === 'forward'
          ? /^offset shifts with its delay: \+(9\.[5-9]\d|10\.\d)ms on the way back since 01:13:\d\d$/
          : /^offset shifts with its delay: \+(9\.[5-9]\d|10\.\d)ms on the way there since 01:13:\d\d$/,
      );
      for (const other of [1, 2, 3]) assert.is(seen.core.path(other).state, 'good');
      assert.ok(seen.worstS(300) < 60e-6, `${seen.worstS(300)}`);
    }
  });
}

test('D1r: a ramp of 10 us/s is named before it has grown to 1 ms, and followed', () => {
  const seen = run(world(happens([1], { byS: 10 * MS, ramp: 10e-6 })), 3);
  const [told] = seen.on(0).filter(({ reason }) => reason === ONE_SIDED);
  assert.ok(told !== undefined && sinceStart(told.atS) - AT_S < 100, `${told?.atS}`);
  assert.ok(sinceStart(told.sinceS) >= AT_S - 3 && told.sinceS < told.atS);
  const { shiftForwardS } = seen.core.path(0);
  assert.ok(shiftForwardS > 5.5 * MS && shiftForwardS < 6.5 * MS, `at the end ${shiftForwardS}`);
});

test('D2: two attacked paths of five are both named, the other three carry', () => {
  const seen = run(world(happens([1, 2], { byS: 10 * MS }), 5), 4);
  for (const hit of [0, 1]) {
    assert.is(seen.core.path(hit).reason, ONE_SIDED);
    assert.is(seen.core.path(hit).weight, 0);
  }
  assert.is(seen.core.clock()?.agreement, 'majority');
  assert.is(seen.core.clock()?.paths, 3);
});

test('a majority attacked after a clean history is convicted by it, not the clean minority', () => {
  for (const byS of [10 * MS, 1 * MS]) {
    const seen = run(world(happens([1, 2, 3, 4, 5], { byS }), 8), 5);
    for (let k = 0; k < 8; k++) {
      const { state, reason } = seen.core.path(k);
      assert.is(reason, k < 5 ? ONE_SIDED : 0, `path ${k} ${state}`);
    }
    assert.ok(seen.worstS(300) < 60e-6, `${seen.worstS(300)}`);
  }
});

test('an attack that ends is forgiven, and told to be over', () => {
  const seen = run(world(happens([1], { byS: 10 * MS, toS: AT_S + 200 })), 6);
  const states = seen.on(0).map(({ reason }) => reason);
  assert.equal(states.slice(-2), [ONE_SIDED, 0]);
  assert.is(seen.core.path(0).shiftForwardS, 0);
});

test('C: constant asymmetry from the start is a disagreement, never a shift', () => {
  for (const byS of [2 * MS, -2 * MS]) {
    const { baseS } = plain;
    const slow = { ...plain, baseS: baseS + Math.abs(byS) };
    const first = byS > 0 ? path(slow, plain) : path(plain, slow);
    const seen = run(world({ paths: [first, path(plain), path(plain), path(plain)] }), 7);
    const { state, reason, reasonS, shiftForwardS, shiftReverseS } = seen.core.path(0);
    assert.is(`${state} ${reason}`, 'quarantined 3');
    assert.ok(Math.abs(reasonS + byS / 2) < 0.1 * MS, `${reasonS}`);
    assert.is(shiftForwardS, 0);
    assert.is(shiftReverseS, 0);
    assert.not.ok(seen.verdicts.some((one) => one.about === 'path' && one.reason === ONE_SIDED));
  }
});

test('R: a longer route is queueing both ways at first, then believed: both shifts and the onset', () => {
  const seen = run(world(happens([1], { byS: 3 * MS, direction: 'both' })), 8);
  const reasons = seen.on(0).map(({ reason }) => reason);
  assert.ok(reasons.includes(2) && reasons.includes(14), reasons.join(' '));
  assert.not.ok(reasons.includes(ONE_SIDED));
  const told = seen.on(0).find(({ reason }) => reason === 14);
  assert.ok(told !== undefined && told.state === 'changed');
  for (const s of [told.shiftReverseS, told.shiftForwardS]) {
    assert.ok(Math.abs(s - 3 * MS) < 0.3 * MS, `${s}`);
  }
  assert.ok(Math.abs(sinceStart(told.sinceS) - AT_S) < 8, `${sinceStart(told.sinceS)}`);
  assert.match(
    explainPath(told),
    /^rerouted: delay moved by \+[23]\.\d\dms on the way there, \+[23]\.\d\dms on the way back since 01:1[23]:\d\d$/,
  );
});

test('R: a shorter route is believed within seconds, with both shifts', () => {
  const seen = run(world(happens([1], { byS: -3 * MS, direction: 'both' })), 9);
  const told = seen.on(0).find(({ reason }) => reason === 14);
  assert.ok(told !== undefined && sinceStart(told.atS) - AT_S < 20);
  assert.ok(told.shiftReverseS < 0 || told.shiftForwardS < 0);
  assert.not.ok(seen.on(0).some(({ reason }) => reason === ONE_SIDED));
});

test('quiet worlds: nothing is ever said of any path but that it is good', () => {
  for (const [name, paths] of [
    ['A', 1],
    ['A', 4],
    ['Bln', 4],
    ['Plan', 4],
  ] as const) {
    const seen = run({ ...namedScenario(name, paths), durationS: 5000 }, 10);
    const said = seen.verdicts.flatMap((one) =>
      one.about === 'path' && one.reason > 1 ? [one] : [],
    );
    assert.equal(said, [], `${name} ${paths}`);
  }
});

test('a liar is caught by its stamps, with the sentence that says so (SEC-01)', () => {
  const { events } = happens([1], { kind: 'manipulation', byS: 20 * MS });
  const seen = run(world({ events: events ?? [] }), 11);
  const { state, reason, reasonS, weight } = seen.core.path(0);
  assert.is(`${state} ${reason} ${weight}`, 'quarantined 12 0');
  assert.ok(Math.abs(reasonS - 20 * MS) < 1 * MS, `${reasonS}`);
  assert.match(explainPath(seen.core.path(0)), /^its stamps are impossible since 01:13:2\d/);
  assert.ok(seen.on(0).some(({ lies }) => lies));
  for (const other of [1, 2, 3]) assert.not.ok(seen.on(other).some(({ lies }) => lies));
});

test('stamps that drift move both directions against each other: that is no shift of a delay', () => {
  for (const byS of [2 * MS, -2 * MS]) {
    const drift = happens([1], { kind: 'manipulation', byS, ramp: 4e-6 });
    const seen = run(world({ ...drift, durationS: 2000 }), 11);
    assert.not.ok(seen.on(0).some(({ reason }) => reason === ONE_SIDED));
    assert.ok(seen.worstS(300) < 60e-6, `${seen.worstS(300)}`);
  }
});

test('two against two from the start: holdover is said, and the bound reaches the truth (SEC-05)', () => {
  const seen = run(world(happens([1, 2], { byS: 10 * MS, fromS: 0 })), 12);
  assert.is(seen.core.clock()?.agreement, 'holdover');
  assert.ok(seen.inside(60), 'the safe interval lost the truth');
  assert.ok([2, 3].some((k) => seen.core.path(k).reason === 13));
  assert.match(
    explainPath(seen.core.path(2)),
    /no clean history to go by: the clock is held over$/,
  );
  const clock = seen.verdicts.filter(({ about }) => about === 'clock');
  assert.ok(clock.some((one) => one.about === 'clock' && one.agreement === 'holdover'));
});

test('two against two after a clean history: the clock stays with it and names them', () => {
  for (const over of [{ byS: 10 * MS }, { byS: 10 * MS, ramp: 1e-6 }, { byS: 4 * MS }]) {
    const seen = run(world({ ...happens([1, 2], over), durationS: 3600 }), 13);
    assert.ok(seen.worstS(300) < 80e-6, `${seen.worstS(300)}`);
    assert.ok(seen.inside(60));
    for (const k of [0, 1]) assert.is(seen.core.path(k).reason, ONE_SIDED);
  }
});

test('every path attacked after a clean history: no majority to believe, history carries', () => {
  const seen = run(world(happens([1, 2, 3, 4], { byS: 10 * MS })), 14);
  assert.is(seen.core.clock()?.agreement, 'history');
  assert.ok(seen.worstS(300) < 60e-6, `${seen.worstS(300)}`);
  for (let k = 0; k < 4; k++) assert.is(seen.core.path(k).reason, ONE_SIDED);
});

test('one path alone is watched, too', () => {
  const seen = run(world(happens([1], { byS: 10 * MS }), 1), 15);
  assert.is(seen.core.path(0).reason, ONE_SIDED);
  assert.is(seen.core.path(0).state, 'congested');
  assert.is(seen.core.clock()?.agreement, 'few');
});

test('a step of the clock is told with its size, and no path is blamed for it', () => {
  const clock = { ...namedScenario('A', 4).clock, steps: [{ atS: AT_S, byS: 50 * MS }] };
  const seen = run(world({ clock }), 16);
  const steps = seen.verdicts.flatMap((one) =>
    one.about === 'clock' && one.steps > 0 ? [one] : [],
  );
  assert.is(steps.length, 1);
  assert.is(steps[0]?.steps, 1);
  // the local clock went ahead, so the remote one is behind that
  assert.ok(Math.abs((steps[0]?.stepS ?? 0) + 50 * MS) < 3 * MS, `${steps[0]?.stepS}`);
  assert.not.ok(seen.verdicts.some((one) => one.about === 'path' && (one.lies || one.reason > 1)));
});

test('silence of all paths is told when it ends, with how long it was', () => {
  const outage = event('outage', [1, 2, 3, 4], { direction: 'both', fromS: 600, toS: 700 });
  const seen = run(world({ events: [outage], durationS: 900 }), 17);
  const gaps = seen.verdicts.flatMap((one) => (one.about === 'clock' && one.gapS > 0 ? [one] : []));
  assert.is(gaps.length, 1);
  assert.ok(Math.abs((gaps[0]?.gapS ?? 0) - 95.5) < 2, `${gaps[0]?.gapS}`);
  const one = run(
    world({ events: [event('outage', [1], { direction: 'both', fromS: 600, toS: 700 })] }),
    17,
  );
  assert.not.ok(one.verdicts.some((verdict) => verdict.about === 'clock' && verdict.gapS > 0));
});

test('verdicts come in order, once, wherever batches are split, and from both builds', () => {
  const scenario = world({ ...happens([1], { byS: 10 * MS, toS: 1400 }), durationS: 1600 });
  const trace = traceOf(scenario, 18);
  const [whole, ...others] = BUILDS.flatMap(({ bytes }) =>
    [1, 7, 2048].map((batch) => feed(createCore({ module: bytes }), trace, batch).verdicts),
  );
  assert.ok(whole !== undefined && whole.length > 5);
  for (const other of others) assert.equal(other, whole);
  for (const [k, one] of whole.entries()) {
    assert.ok(one.order > (whole[k - 1]?.order ?? 0), `row ${k}`);
  }
});

test('a host that never asks loses verdicts, nothing else', () => {
  const trace = traceOf(world({ durationS: 700 }), 19);
  const [asking, deaf] = [createCore(), createCore()];
  feed(asking, trace, 64);
  for (let k = 0; k < trace.paths; k++) deaf.openPath();
  const input = new Uint8Array(deaf.records.buffer, deaf.records.byteOffset);
  for (let from = 0; from < trace.count; from += 64) {
    const to = Math.min(from + 64, trace.count);
    input.set(trace.records.subarray(from * 40, to * 40));
    deaf.ingest(to - from);
  }
  assert.equal(deaf.clock(), asking.clock());
  for (let k = 0; k < trace.paths; k++) assert.equal(deaf.path(k), asking.path(k));
});

test('other combiners date their states and tell them; their shifts stay 0', () => {
  const seen = run(world(happens([1], { kind: 'manipulation', byS: 20 * MS })), 20, 'median');
  const report = seen.core.path(0);
  assert.is(report.state, 'quarantined');
  assert.ok(sinceStart(report.sinceS) >= AT_S && sinceStart(report.sinceS) < AT_S + 60);
  assert.is(report.shiftForwardS + report.shiftReverseS, 0);
  assert.match(explainPath(report), / since 01:13:\d\d, so it is not trusted/);
  assert.ok(seen.on(0).some(({ state }) => state === 'quarantined'));
});

test('a shared route has one voice: no weight, no vote, and its packets move nothing', () => {
  // three paths of five over one route, asymmetric by 2 ms: alone they would be the majority
  const slow = { ...plain, baseS: plain.baseS + 2 * MS };
  const paths = [1, 2, 3].map(() => path(slow, plain)).concat([path(plain), path(plain)]);
  const trace = traceOf(world({ paths, durationS: 900 }), 21);
  for (const combiner of ['braid', 'kalman', 'median'] as const) {
    const errorOf = (share: boolean): number => {
      const core = createCore({ combiner });
      for (let k = 0; k < 5; k++) core.openPath();
      if (share) for (const k of [1, 2]) core.shareRoute(k, 0);
      const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
      for (let from = 0; from < trace.count; from += 50) {
        const to = Math.min(from + 50, trace.count);
        input.set(trace.records.subarray(from * 40, to * 40));
        core.ingest(to - from);
      }
      if (share) {
        for (const k of [1, 2]) {
          const { state, reason, weight, taken } = core.path(k);
          assert.is(`${state} ${reason} ${weight}`, 'same-route 15 0', combiner);
          assert.ok(taken > 800);
        }
        assert.ok((core.clock()?.paths ?? 9) <= 3, combiner);
      }
      return Math.abs((core.clock()?.offsetS ?? 9) - (trace.truthS[trace.count - 1] ?? 0));
    };
    assert.ok(
      errorOf(true) < 0.75 * errorOf(false),
      `${combiner} ${errorOf(true)} ${errorOf(false)}`,
    );
  }
  const core = createCore();
  for (let k = 0; k < 3; k++) core.openPath();
  core.shareRoute(1, 0);
  assert.is(core.path(1).state, 'same-route');
  const isRefused = (error: unknown) =>
    error instanceof Error && /speaks for itself/.test(error.message);
  assert.throws(() => core.shareRoute(2, 1), isRefused); // 1 has no voice to lend
  assert.throws(() => core.shareRoute(2, 2), isRefused);
  assert.throws(() => core.shareRoute(2, 7), isRefused);
  core.shareRoute(1, null);
  assert.is(core.path(1).state, 'warming');
  core.shareRoute(1, 0);
  core.closePath(0); // nobody speaks for it any more
  assert.is(core.path(1).state, 'warming');
});

for (const combiner of ['braid', 'kalman', 'median', 'trimmed'] as const) {
  test(`${combiner}: who delays three of five paths on a router they share is no majority once that is known (COMB-13, SEC-06)`, () => {
    // from before the start on, so that no clean history tells
    const slow = { ...plain, baseS: plain.baseS + 2 * MS };
    const paths = [1, 2, 3].map(() => path(slow, plain)).concat([path(plain), path(plain)]);
    for (const seed of [21, 22]) {
      const trace = traceOf(world({ paths }), seed);
      const errorOf = (isTold: boolean): number => {
        const core = createCore({ combiner });
        for (let k = 0; k < 5; k++) core.openPath();
        for (const k of isTold ? [0, 1, 2] : []) core.setVote(k, 1 / 3);
        const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
        const errors: number[] = [];
        for (let from = 0; from < trace.count; from += 50) {
          const to = Math.min(from + 50, trace.count);
          input.set(trace.records.subarray(from * 40, to * 40));
          core.ingest(to - from);
          errors.push(Math.abs((core.clock()?.offsetS ?? 9) - (trace.truthS[to - 1] ?? 0)));
        }
        assert.is(core.path(0).vote, isTold ? 1 / 3 : 1);
        assert.is(core.path(4).vote, 1);
        // of the second half
        const late = errors.slice(errors.length / 2).sort((a, b) => a - b);
        return late[late.length >> 1] ?? 9;
      };
      const [deceived, told] = [errorOf(false), errorOf(true)];
      assert.ok(deceived > 0.9 * MS, `${combiner} ${seed}: the majority wins untold, ${deceived}`);
      assert.ok(told < 0.4 * MS, `${combiner} ${seed}: told, ${told}`);
    }
  });
}

test('votes are within [0, 1], of open paths, and begin anew with a path', () => {
  const core = createCore();
  core.openPath();
  assert.is(core.path(0).vote, 1);
  core.setVote(0, 0.25);
  core.setVote(0, 0);
  for (const vote of [-0.1, 1.1, Number.NaN]) {
    assert.throws(
      () => core.setVote(0, vote),
      (error: unknown) => error instanceof ConfigError,
    );
  }
  core.closePath(0);
  core.openPath();
  assert.is(core.path(0).vote, 1);
});

test('a shared path that becomes free again counts again', () => {
  const trace = traceOf(world({ durationS: 400 }, 2), 22);
  const core = createCore();
  for (let k = 0; k < 2; k++) core.openPath();
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  for (let from = 0; from < trace.count; from++) {
    if (from === 100) core.shareRoute(1, 0);
    if (from === 500) core.shareRoute(1, null);
    input.set(trace.records.subarray(from * 40, (from + 1) * 40));
    core.ingest(1);
    if (from === 499) assert.is(core.clock()?.paths, 1);
  }
  assert.is(core.clock()?.paths, 2);
  assert.is(core.path(1).state, 'good');
});

test.run();

/**
 * One-way measurements on simulated worlds, at equal and unequal rates: as exact as exchanges for
 * every combiner, and what happens when a direction is lost, the clock steps or a route changes.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type CombinerName } from '../../src/core.ts';
import { EVENT, type Event, type Scenario } from '../../src/sim/scenario.ts';
import type { Trace } from '../../src/sim/trace.ts';
import { follow, rates, rms, trace } from '../sim/spans.ts';
import { openCore } from './rig.ts';

const test = suite('core one-way worlds');

const US = 1e-6;
const NS = 1e-9;
const SEEDS = [11, 12, 13, 14, 15, 16];
/**
 * Sync and Delay_Req: alike, eight to one, one to eight; and how many times the error of exchanges
 * is allowed. At equal rates they do not take turns, so a fifth of them finds no partner.
 */
const RATES = [
  { oneWay: rates(1, 1), braid: 1.4, others: 1.5 },
  { oneWay: rates(0.125, 1), braid: 0.7, others: 1.5 },
  { oneWay: rates(1, 0.125), braid: 0.7, others: 1.5 },
] as const;

const told = (errorS: number): string => `${(errorS / US).toPrecision(3)} us`;
const hour: Partial<Scenario> = { durationS: 3600 };

const event = (kind: Event['kind'], over: Partial<Event>): Event => ({
  ...{ ...EVENT, kind, paths: [1] },
  ...over,
});

const worlds = (change: Partial<Scenario>): Trace[] =>
  SEEDS.map((seed) => trace('A', 4, seed, { ...hour, ...change }));

function score(combiner: CombinerName, runs: readonly Trace[]): number {
  const errors = runs.map((run) => rms(openCore({ combiner }, 4), run, 900));
  return Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
}

const exchangeRuns = worlds({});
const spanRuns = RATES.map((rate) => ({ ...rate, runs: worlds({ oneWay: rate.oneWay }) }));

for (const combiner of COMBINERS) {
  test(`${combiner}: as exact as with exchanges, at equal rates and at 8:1 and 1:8`, () => {
    const exchanges = score(combiner, exchangeRuns);
    for (const { oneWay, braid, others, runs } of spanRuns) {
      const spans = score(combiner, runs);
      const { forwardS, reverseS } = oneWay;
      const what = `${told(spans)} instead of ${told(exchanges)} at ${forwardS}, ${reverseS} s`;
      assert.ok(spans <= (combiner === 'braid' ? braid : others) * exchanges, what);
    }
  });
}

/** Scenario, paths, most rms at 8:1 (s); exchanges: 4.2 us, 2.4 us, 110 ns, 5.5 ns. */
const GOALS: readonly (readonly [string, number, number])[] = [
  ['A', 1, 2.2 * US],
  ['A', 4, 1.2 * US],
  ['C', 4, 1.5 * US],
  ['Plan', 4, 60 * NS],
  ['Phw', 4, 5 * NS],
];

for (const [name, paths, most] of GOALS) {
  test(`braid on ${name} over ${paths}: eight Syncs a second pay, the uncertainty is honest`, () => {
    const run = trace(name, paths, 11, { oneWay: rates(0.125, 1) });
    const core = openCore({ combiner: 'braid' }, paths);
    let squares = 0;
    let nees = 0;
    let inside = 0;
    let count = 0;
    follow(core, run, ({ at, error, truth }) => {
      if (at < 3600) return;
      const [, , , sigma = 0, earliest = 0, latest = 0] = core.results;
      squares += error * error;
      nees += (error / sigma) ** 2;
      if (earliest <= truth && truth <= latest) inside++;
      count++;
    });
    const error = Math.sqrt(squares / count);
    assert.ok(error <= most, `${error} s`);
    assert.ok(nees / count >= 0.3 && nees / count <= 2.5, `NEES ${nees / count}`);
    assert.ok(inside / count >= 0.9999, `inside ${inside / count}`);
  });
}

test('time in bridges that the correction tells costs nothing', () => {
  const bridged = worlds({ oneWay: rates(0.125, 1, 5e-3) });
  for (const combiner of ['kalman', 'braid'] as const) {
    const without = score(combiner, spanRuns[1]?.runs ?? []);
    const within = score(combiner, bridged);
    assert.ok(within < 1.2 * without, `${combiner}: ${told(within)}, not ${told(without)}`);
  }
});

test('one path loses its Delay_Resp: the clock holds, the path is flagged one-way (SEC-02)', () => {
  for (const combiner of COMBINERS) {
    const core = openCore({ combiner }, 4);
    const events = [event('removal', { direction: 'reverse', fromS: 1200 })];
    const run = trace('A', 4, 13, { durationS: 2400, oneWay: rates(0.125, 1), events });
    let before = 0;
    let after = 0;
    follow(core, run, ({ at, error }) => {
      if (at > 900 && at < 1200) before = Math.max(before, Math.abs(error));
      if (at > 1200) after = Math.max(after, Math.abs(error));
    });
    const { state, reason, reasonS, weight, forwards } = core.path(0);
    assert.equal([state, reason, weight], ['stale', 16, 0], combiner);
    assert.ok(Math.abs(reasonS - 1200) < 5, `${combiner}: ${reasonS} s`);
    assert.ok(forwards > 18_000);
    assert.is(core.path(1).state === 'stale', false);
    assert.ok(after < 3 * before, `${combiner}: ${told(after)} after ${told(before)}`);
  }
});

test('all paths lose it: braid follows the frequency by the forward direction alone', () => {
  const events = [event('removal', { direction: 'reverse', fromS: 1800, paths: [1, 2, 3, 4] })];
  const errorOf = (combiner: CombinerName) => {
    let most = 0;
    const core = openCore({ combiner }, 4);
    const run = trace('Aq8', 4, 14, { durationS: 5400, oneWay: rates(0.125, 1), events });
    follow(core, run, ({ at, error }) => {
      if (at > 1800) most = Math.max(most, Math.abs(error));
    });
    for (let path = 0; path < 4; path++) assert.is(core.path(path).reason, 16);
    return most;
  };
  const followed = errorOf('braid');
  assert.ok(followed < 30 * US, told(followed));
  assert.ok(errorOf('kalman') > 10 * followed, 'the others hold over');
});

test('a direction that comes back after minutes is taken up again at once', () => {
  for (const combiner of ['kalman', 'braid', 'trimmed'] as const) {
    const core = openCore({ combiner }, 1);
    const events = [event('removal', { direction: 'reverse', fromS: 1200, toS: 1500 })];
    const run = trace('A', 1, 15, { durationS: 2400, oneWay: rates(0.125, 1), events });
    let worst = 0;
    follow(core, run, ({ at, error }) => {
      if (at > 1510) worst = Math.max(worst, Math.abs(error));
      if (at > 1490 && at < 1500) assert.is(core.path(0).reason, 16, combiner);
    });
    assert.is(core.path(0).state, 'good');
    assert.ok(worst < 60 * US, `${combiner}: ${told(worst)}`);
  }
});

test('a step of the local clock is followed within seconds, at any rates, either sign', () => {
  for (const combiner of ['kalman', 'braid'] as const) {
    for (const { oneWay } of RATES) {
      for (const [paths, byS] of [
        [1, 0.05],
        [1, -0.05],
        [4, 0.5],
        [4, -0.5],
        [4, 0.002],
        [4, -0.002],
      ] as const) {
        const clock = { offsetS: 0, frequency: 1e-5, wander: 1e-9, steps: [{ atS: 1500, byS }] };
        const run = trace('A', paths, 16, { durationS: 1800, oneWay, clock });
        const core = openCore({ combiner }, paths);
        let lostS = 0;
        follow(core, run, ({ at, error }) => {
          if (at > 1500 && !(Math.abs(error) < 200 * US)) lostS = at - 1500;
        });
        const { forwardS, reverseS } = oneWay;
        const what = `${combiner}, ${paths} paths, ${byS} s at ${forwardS}:${reverseS}`;
        assert.ok(lostS < 30, `${what}: lost for ${lostS} s`);
        const { causalEarliestS = 0, causalLatestS = 0 } = core.clock() ?? {};
        const last = run.truthS[run.count - 1] ?? 0;
        assert.ok(causalEarliestS <= last && last <= causalLatestS, `${what}: causal`);
        assert.ok(causalLatestS - causalEarliestS < 0.02, `${what}: causal is narrow again`);
      }
    }
  }
});

test('a route that gets shorter both ways is no step, whichever direction shows it first', () => {
  for (const { oneWay } of RATES) {
    for (const byS of [-1e-3, -3e-3]) {
      const core = openCore({ combiner: 'braid' }, 1);
      const events = [event('reroute', { direction: 'both', byS, fromS: 1200 })];
      const run = trace('A', 1, 17, { durationS: 1800, oneWay, events });
      let worst = 0;
      follow(core, run, ({ at, error }) => {
        if (at > 900) worst = Math.max(worst, Math.abs(error));
      });
      const { forwardS, reverseS } = oneWay;
      assert.is(core.clock()?.steps, 0, `${byS} s at ${forwardS}:${reverseS}`);
      assert.ok(worst < 60 * US, `${byS} s at ${forwardS}:${reverseS}: ${told(worst)}`);
    }
  }
});

test('Syncs delayed by an attacker after a clean history do not move the clock (SEC-03)', () => {
  const events = [event('attack', { direction: 'forward', byS: 5e-3, fromS: 1200 })];
  for (const paths of [1, 4]) {
    const core = openCore({ combiner: 'braid' }, paths);
    const run = trace('A', paths, 18, { durationS: 2400, oneWay: rates(0.125, 1), events });
    let worst = 0;
    follow(core, run, ({ at, error }) => {
      if (at > 900) worst = Math.max(worst, Math.abs(error));
    });
    assert.ok(worst < 60 * US, `${paths} paths: ${told(worst)}`);
  }
});

test('moved remote stamps of one path: the causal interval holds the truth and narrows again', () => {
  const events = [event('manipulation', { byS: 20e-3, fromS: 600, toS: 1200 })];
  const core = openCore({ combiner: 'braid' }, 4);
  const run = trace('A', 4, 19, { durationS: 1500, oneWay: rates(0.125, 1), events });
  let misses = 0;
  let narrow = 0;
  follow(core, run, ({ at, truth, error }) => {
    const { causalEarliestS, causalLatestS } = core.result(0);
    if (!(causalEarliestS <= truth && truth <= causalLatestS)) misses++;
    if (at > 1000 && at < 1200 && causalLatestS - causalEarliestS < 0.012) narrow++;
    if (at > 300) assert.ok(Math.abs(error) < 60 * US, `${told(error)} at ${at}`);
  });
  assert.is(misses, 0);
  assert.ok(narrow > 1000, `${narrow} narrow ones while the liar is outvoted`);
  assert.ok((core.clock()?.contradictions ?? 0) > 100);
});

test.run();

/**
 * braid held to the table "to reach" (rms from 3600 s on of 5 h) on worlds of our own seeds, with
 * one parameter set for all. What nobody could do is a test, too.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CombinerName, type Core, createCore } from '../../src/core.ts';
import { seeded } from '../sim/random.ts';
import { SCENARIOS } from '../sim/scenarios.ts';
import { type Exchange, score, simulate, type World, writeExchange } from '../sim/world.ts';

const test = suite('braid');
const SEEDS = [11, 12];
const MANY_SEEDS = [21, 22, 23, 24, 25, 26];
const SETTLE_S = 3600;

function world(name: string, paths: number, pollS = 1): World {
  const make = SCENARIOS[name];
  if (make === undefined) throw new Error(`no scenario ${name}`);
  return make(paths, pollS);
}

function opened(paths: number, combiner: CombinerName = 'braid'): Core {
  const core = createCore({ combiner });
  for (let path = 0; path < paths; path++) core.openPath();
  return core;
}

/** Feeds exchanges one by one; the error is against the truth. */
function follow(
  core: Core,
  exchanges: readonly Exchange[],
  each: (exchange: Exchange, errorS: number) => void,
): void {
  for (const exchange of exchanges) {
    writeExchange(core, 0, exchange);
    core.ingest(1);
    each(exchange, core.result(0).offsetS - exchange.truth);
  }
}

function measure(
  name: string,
  paths: number,
  pollS = 1,
  combiner: CombinerName = 'braid',
  seeds = SEEDS,
) {
  const core = createCore({ combiner });
  const scores = seeds.map((seed) =>
    score(core, paths, simulate(world(name, paths, pollS), seed), SETTLE_S),
  );
  const mean = (pick: (one: (typeof scores)[number]) => number) =>
    scores.reduce((sum, one) => sum + pick(one), 0) / scores.length;
  return {
    rmsS: Math.sqrt(mean((one) => one.rmsS ** 2)),
    bounded: mean((one) => one.bounded),
    nees: mean((one) => one.nees),
    core,
  };
}

/** Scenario, paths, poll s, most rms s. */
const GOALS: readonly (readonly [string, number, number, number])[] = [
  ['A', 1, 1, 5e-6],
  ['A', 4, 1, 3e-6],
  ['A', 8, 1, 2.2e-6],
  ['Aq8', 1, 1, 13e-6],
  ['Aq8', 4, 1, 7e-6],
  ['Ahet', 4, 1, 2.5e-6],
  ['Ahet', 8, 1, 2.5e-6],
  ['Berl', 4, 1, 11.5e-6],
  ['C', 4, 1, 4e-6],
  ['C', 8, 1, 3e-6],
  ['D1', 4, 1, 4e-6],
  ['D1r', 4, 1, 4e-6],
  ['D2', 5, 1, 4e-6],
  ['E', 2, 1, 8e-6],
  ['E', 4, 1, 5e-6],
  ['F', 1, 1, 8e-6],
  ['F', 4, 1, 4e-6],
  ['Rup', 1, 1, 8e-6],
  ['Rup', 4, 1, 5e-6],
  ['A', 1, 16, 26e-6],
  ['A', 4, 16, 14e-6],
  ['A', 8, 16, 11e-6],
  ['Plan', 1, 1, 300e-9],
  ['Plan', 4, 1, 140e-9],
  ['Phw', 1, 1, 11e-9],
  ['Phw', 4, 1, 7e-9],
];

for (const [name, paths, pollS, most] of GOALS) {
  test(`${name} over ${paths} at ${pollS} s: rms <= ${most * 1e6} us, honest, bounded (COMB-08)`, () => {
    const got = measure(name, paths, pollS);
    assert.ok(got.rmsS <= most, `rms ${got.rmsS * 1e6} us`);
    assert.ok(got.bounded >= 0.9999, `inside ${got.bounded}`);
    assert.ok(got.nees >= 0.3 && got.nees <= 2.5, `NEES ${got.nees}`);
  });
}

test('C with 2 paths cannot be decided: the middle is held, said, and the bound covers it', () => {
  const got = measure('C', 2);
  assert.ok(got.rmsS <= 520e-6, `rms ${got.rmsS * 1e6} us`);
  assert.ok(got.bounded >= 0.9999);
  assert.is(got.core.path(0).reason, 13, 'no majority and no clean history: held over');
});

test('adding paths never hurts, also much worse ones (MP-25)', () => {
  const list = [1, 2, 4, 8].map((paths) => measure('Ahet', paths, 1, 'braid', MANY_SEEDS).rmsS);
  for (let k = 1; k < list.length; k++) {
    assert.ok((list[k] ?? 1) <= (list[k - 1] ?? 0) * 1.05, `${list.map((s) => s * 1e6)} us`);
  }
});

test('never worse than 1.1 times the better of kalman and rfc5905', () => {
  for (const name of ['A', 'Berl', 'C', 'D1', 'E', 'Plan', 'Phw']) {
    const own = measure(name, 4).rmsS;
    const others = (['kalman', 'rfc5905'] as const).map((rival) => measure(name, 4, 1, rival).rmsS);
    assert.ok(own <= 1.1 * Math.min(...others), `${name}: ${own * 1e6} us against ${others}`);
  }
});

test('from cold: an estimate at once, below 8 us rms from 300 s on', () => {
  let squares = 0;
  let count = 0;
  for (const seed of [1, 2, 3, 4]) {
    const core = opened(4);
    follow(core, simulate({ ...world('A', 4), durationS: 900 }, seed), (exchange, error) => {
      assert.ok(core.result(0).valid);
      if (exchange.at < 300) return;
      squares += error * error;
      count++;
    });
  }
  assert.ok(Math.sqrt(squares / count) < 8e-6, `${Math.sqrt(squares / count) * 1e6} us`);
});

test('a step of the local clock is followed within seconds, big or small, either sign', () => {
  for (const paths of [1, 2, 4, 8]) {
    for (const byS of [0.5, -0.5, 0.002, -0.002]) {
      const stepped = { ...world('A', paths), durationS: 1700, steps: [{ atS: 1500, byS }] };
      let lostS = 0;
      follow(opened(paths), simulate(stepped, 3), ({ at }, error) => {
        if (at > 1500 && Math.abs(error) > 100e-6) lostS = at - 1500;
      });
      assert.ok(lostS < 30, `${paths} paths, ${byS} s: lost for ${lostS} s`);
    }
  }
});

test('the causal interval always holds the truth when only delays are attacked', () => {
  for (const name of ['A', 'C', 'D1', 'F', 'Rup', 'E']) {
    const core = opened(4);
    let widthS = 0;
    let leastS = 1;
    follow(core, simulate({ ...world(name, 4), durationS: 8000 }, 5), ({ truth, path, at }) => {
      const { causalEarliestS, causalLatestS } = core.result(0);
      assert.ok(causalEarliestS <= truth && truth <= causalLatestS, `${name} at ${at}`);
      widthS = causalLatestS - causalEarliestS;
      leastS = Math.min(leastS, core.path(path).delayS);
    });
    assert.ok(widthS < 1.5 * leastS, `${name}: ${widthS} s wide, least delay ${leastS} s`);
    assert.is(core.clock()?.contradictions, 0);
  }
});

const lying = (exchange: Exchange, liars: number, byNs: number): Exchange =>
  exchange.path < liars
    ? { ...exchange, t2: exchange.t2 + byNs, t3: exchange.t3 + byNs }
    : exchange;

test('a liar contradicts the causal interval, is named, and moves nothing (SEC-01)', () => {
  const core = opened(4);
  const exchanges = simulate({ ...world('A', 4), durationS: 900 }, 6);
  follow(
    core,
    exchanges.map((e) => lying(e, 1, 50e6)),
    ({ at, truth }, error) => {
      if (at < 60) return;
      const { causalEarliestS, causalLatestS } = core.result(0);
      assert.ok(causalEarliestS <= truth && truth <= causalLatestS);
      assert.ok(Math.abs(error) < 100e-6, `${error} s at ${at}`);
    },
  );
  assert.ok((core.clock()?.contradictions ?? 0) > 500);
  assert.is(core.path(0).state, 'quarantined');
  assert.is(core.path(1).state, 'good');
});

test('a majority that lies from the start wins: nobody could tell (SEC-05, expected failure)', () => {
  const exchanges = simulate({ ...world('A', 5), durationS: 900 }, 7);
  let last = 0;
  follow(
    opened(5),
    exchanges.map((e) => lying(e, 3, 4e6)),
    (_, error) => {
      last = Math.abs(error);
    },
  );
  assert.ok(last > 1e-3, `${last} s: three liars of five should have won`);
});

test('a majority delayed after a clean history does not move the clock (SEC-03)', () => {
  let most = 0;
  const exchanges = simulate({ ...world('A', 8), durationS: 7200 }, 8).map((e) =>
    e.path < 5 && e.at > 3600 ? { ...e, t4: e.t4 + 1e6 } : e,
  );
  follow(opened(8), exchanges, ({ at }, error) => {
    if (at > 3700) most = Math.max(most, Math.abs(error));
  });
  assert.ok(most < 60e-6, `${most * 1e6} us`);
});

test('10^5 exchanges of nonsense leave no NaN, and clean data recovers in the cold-start time', () => {
  const core = opened(8);
  const random = seeded(9);
  let now = 1_763_600_000n * 1_000_000_000n;
  const odd = () => {
    const u = random();
    if (u < 0.05) return 2n ** 63n - 1n;
    if (u < 0.1) return -(2n ** 63n);
    if (u < 0.15) return 0n;
    return now + BigInt(Math.floor((random() - 0.5) * (u < 0.6 ? 1e7 : 1e12)));
  };
  for (let n = 0; n < 100_000; n++) {
    now += BigInt(Math.floor(random() * 1e8));
    core.records.setUint32(0, Math.floor(random() * 9), true);
    core.records.setUint32(4, Math.floor(random() * 3), true);
    const sane = random() < 0.5;
    const times = [now, now + 5_000_000n, now + 10_000_000n, now + 25_000_000n];
    for (const [k, time] of times.entries()) {
      core.records.setBigInt64(
        8 + 8 * k,
        sane ? time + BigInt(Math.floor(random() * 1e6)) : odd(),
        true,
      );
    }
    core.ingest(1);
    for (let slot = 0; slot < core.resultSlots; slot++) {
      if (!Number.isFinite(core.results[slot])) assert.unreachable(`slot ${slot} after ${n}`);
    }
  }
  let lostS = 0;
  follow(core, simulate({ ...world('A', 8), durationS: 1200 }, 1), ({ at }, error) => {
    if (!(Math.abs(error) < 100e-6)) lostS = at;
  });
  assert.ok(lostS < 120, `lost for ${lostS} s`);
});

test.run();

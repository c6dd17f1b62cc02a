/**
 * What the combiners do, on seeded worlds (test/sim): convergence, accuracy within generous bounds,
 * events, limits that must show. Bounds are about twice what was measured.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type CombinerName, type Core } from '../../src/core.ts';
import { expo, law, SCENARIOS } from '../sim/scenarios.ts';
import { score, simulate, type World, type WorldPath } from '../sim/world.ts';
import { firstDifference, openCore, remembered } from './rig.ts';
import { lie, type Seen, watchClock, worst } from './watch.ts';

const test = suite('core combiners');

const MS = 1e-3;
const US = 1e-6;

/** A path of 5 ms each way with exponential queues of `jitterS`. */
const plain = (jitterS = 1 * MS): WorldPath => {
  const delay = law(expo(jitterS));
  return { reverse: delay, forward: delay };
};

const world = (paths: number, over: Partial<World> = {}): World => ({
  paths: Array.from({ length: paths }, () => plain()),
  pollS: 1,
  durationS: 900,
  ...over,
});

const rms = (seen: readonly Seen[], fromS: number): number => {
  const counted = seen.filter(({ at }) => at >= fromS);
  return Math.sqrt(counted.reduce((sum, { errorS }) => sum + errorS ** 2, 0) / counted.length);
};

const share = (seen: readonly Seen[], fromS: number): number => {
  const counted = seen.filter(({ at }) => at >= fromS);
  return counted.filter(({ bounded }) => bounded).length / counted.length;
};

/** Largest error after settling on four calm 1 ms paths. */
const SETTLED_S: Record<CombinerName, number> = {
  kalman: 0.15 * MS,
  rfc5905: 3 * MS,
  average: 3 * MS,
  weighted: 3 * MS,
  best: 6 * MS,
  braid: 0.15 * MS,
  median: 0.3 * MS,
  trimmed: 0.3 * MS,
  failover: 0.3 * MS,
  khronos: 0.3 * MS,
};

for (const combiner of COMBINERS) {
  test(`${combiner} converges to the truth from both signs of offset and frequency`, () => {
    for (const sign of [1, -1]) {
      for (const size of [0.01, 1000]) {
        const over = { offsetS: sign * size, frequency: sign * 2e-5 };
        const core = openCore({ combiner }, 4);
        const seen = watchClock(core, simulate(world(4, over), 1));
        assert.ok(worst(seen, 300) < SETTLED_S[combiner], `${worst(seen, 300)} at ${sign * size}`);
        assert.ok(share(seen, 300) > 0.99);
        const frequency = core.clock()?.frequency ?? 0;
        assert.ok(Math.abs(frequency + over.frequency) < 1e-5, `frequency ${frequency}`);
      }
    }
  });

  test(`${combiner}: the clock carried to a time is offset + frequency · time, wider away`, () => {
    const core = openCore({ combiner }, 2);
    const exchanges = simulate(world(2, { durationS: 200 }), 2);
    watchClock(core, exchanges);
    const clock = core.clock();
    const last = exchanges[exchanges.length - 1];
    assert.ok(clock !== null && last !== undefined);
    const now = core.clockAt(1_763_600_000, last.t4);
    assert.ok(Math.abs((now?.offsetS ?? 0) - clock.offsetS) < 1e-12);
    const later = core.clockAt(1_763_600_000, last.t4 + 100e9);
    const earlier = core.clockAt(1_763_600_000 - 100, last.t4);
    const drift = clock.frequency * 100;
    assert.ok(Math.abs((later?.offsetS ?? 0) - clock.offsetS - drift) < 1e-9);
    assert.ok(Math.abs((earlier?.offsetS ?? 0) - clock.offsetS + drift) < 1e-9);
    assert.ok((later?.uncertaintyS ?? 0) > clock.uncertaintyS);
    assert.ok((later?.earliestS ?? 0) < (later?.offsetS ?? 0));
    assert.ok((later?.latestS ?? 0) > (later?.offsetS ?? 0));
  });

  test(`${combiner}: without an exchange there is no clock, and reset forgets all`, () => {
    const core = openCore({ combiner }, 2);
    assert.is(core.clock(), null);
    assert.is(core.clockAt(1_763_600_000, 0), null);
    watchClock(core, simulate(world(2, { durationS: 20 }), 3));
    assert.ok(core.clock() !== null);
    core.reset();
    assert.is(core.clock(), null);
    assert.is(core.path(0).state, 'closed');
  });

  test(`${combiner}: a core that was reset gives the bits of a new one`, () => {
    const [before, after] = [simulate(world(3), 4), simulate(world(3, { offsetS: -3 }), 5)];
    const used = openCore({ combiner }, 3);
    watchClock(used, lie(lie(before, 0, 0.02), 1, -0.03)); // no majority: all intervals doubled
    used.reset();
    for (let path = 0; path < 3; path++) used.openPath();
    const fresh = openCore({ combiner }, 3);
    watchClock(used, after);
    watchClock(fresh, after);
    const end = (core: Core) => core.exports.PATHS.value + 64 * 256 - core.exports.CLOCK.value;
    const seen = (core: Core) => remembered(core).subarray(0, end(core));
    assert.is(firstDifference(seen(used), seen(fresh)), -1);
  });

  test(`${combiner}: a path that was closed and opened again starts clean`, () => {
    const exchanges = simulate(world(3, { durationS: 300 }), 6);
    const core = openCore({ combiner }, 3);
    watchClock(core, lie(exchanges, 2, 0.05));
    core.closePath(2);
    const closed = core.path(2);
    assert.is(closed.state, 'closed');
    assert.is(closed.weight, 0);
    assert.is(core.openPath(), 2);
    const report = core.path(2);
    assert.equal(
      { ...report, offsetS: report.offsetS - (core.clock()?.baseS ?? 0) },
      {
        state: 'warming',
        reason: 1,
        reasonS: 0,
        taken: 0,
        refused: 0,
        offsetS: 0,
        delayS: 0,
        floorS: 0,
        excessS: 0,
        jitterS: 0,
        asymmetryS: 0,
        asymmetrySigmaS: 0,
        weight: 0,
        vote: 1,
        noiseS: 0,
        residualS: 0,
        intervalS: 0,
        gated: 0,
        sinceS: 0,
        shiftReverseS: 0,
        shiftForwardS: 0,
        forwards: 0,
        reverses: 0,
        stamps: { send: { user: 0, kernel: 0 }, receive: { user: 0, kernel: 0 } },
      },
    );
    // the index now belongs to an honest path: nothing of the liar's may stick to it
    const again = simulate(world(3, { durationS: 900 }), 6).filter(({ at }) => at >= 300);
    const seen = watchClock(core, again);
    assert.ok(worst(seen, 600) < SETTLED_S[combiner], `${worst(seen, 600)}`);
    assert.ok(core.path(2).state === 'good' || combiner === 'best');
  });

  test(`${combiner} follows a step of the local clock, of any size and sign`, () => {
    for (const byS of [0.3, -0.3, 40, -40, 5e3, -5e3, 5e6]) {
      const core = openCore({ combiner }, 4);
      const steps = [{ atS: 300, byS }];
      const seen = watchClock(core, simulate(world(4, { durationS: 420, steps }), 7));
      // ten exchanges per path: the RFC 5905 filter must shift out its eight
      const after = worst(seen, 315);
      assert.ok(after < 2 * SETTLED_S[combiner], `${after} after a step of ${byS} s`);
    }
  });

  test(`${combiner}: the death of the best path causes no step`, () => {
    const quick = plain(0.2 * MS);
    const dies: WorldPath = {
      reverse: (packet) => (packet.at < 400 ? quick.reverse(packet) : Number.POSITIVE_INFINITY),
      forward: quick.forward,
    };
    const paths = [dies, plain(), plain(), plain()];
    const core = openCore({ combiner }, 4);
    const seen = watchClock(core, simulate(world(4, { paths, durationS: 700 }), 8));
    const offsets = seen.filter(({ at }) => at > 395 && at < 430);
    const jumps = offsets.slice(1).map(({ errorS }, k) => errorS - (offsets[k]?.errorS ?? 0));
    assert.ok(Math.max(...jumps.map(Math.abs)) < SETTLED_S[combiner]);
    assert.ok(worst(seen, 300) < SETTLED_S[combiner] * 1.5);
    assert.is(core.path(0).state, 'stale');
    assert.is(core.path(0).weight, 0);
  });
}

// --- accuracy of the joint Kalman filter -----------------------------------------------------

/** Bound on the rms error (µs) after 3600 s at 1 s polls, seeds 1 and 2, worlds cut to 9000 s. */
const RMS_US: Record<string, readonly [paths: number, boundUs: number]> = {
  A: [4, 21],
  C: [4, 26],
  D1: [4, 28],
  D2: [5, 32],
  E: [4, 48],
  F: [4, 25],
  Rup: [4, 22],
};

test('kalman stays within twice its measured error in every scenario', () => {
  for (const [name, [paths, boundUs]] of Object.entries(RMS_US)) {
    for (const seed of [1, 2]) {
      const made = SCENARIOS[name]?.(paths);
      assert.ok(made !== undefined);
      const core = openCore({ combiner: 'kalman' }, 0);
      const got = score(core, paths, simulate({ ...made, durationS: 9000 }, seed), 3600);
      assert.ok(got.rmsS < boundUs * US, `${name}:${paths} seed ${seed}: ${got.rmsS / US} us`);
      assert.ok(got.bounded > 0.9999, `${name}:${paths} seed ${seed}: ${got.bounded} bounded`);
    }
  }
});

test('more paths make kalman better: 1, 2 and 8 of the same kind', () => {
  for (const [paths, boundUs] of [
    [1, 32],
    [2, 28],
    [8, 16.5],
  ] as const) {
    const exchanges = simulate({ ...world(paths), durationS: 9000 }, 1);
    const got = score(openCore({ combiner: 'kalman' }, 0), paths, exchanges, 3600);
    assert.ok(got.rmsS < boundUs * US, `${paths} paths: ${got.rmsS / US} us`);
  }
});

test('kalman beats the average by far, and the average the best single path', () => {
  const exchanges = simulate(world(4, { durationS: 3000 }), 11);
  const error = (combiner: CombinerName) =>
    rms(watchClock(openCore({ combiner }, 4), exchanges), 900);
  const [kalman, average, best] = [error('kalman'), error('average'), error('best')];
  assert.ok(kalman < average / 5, `kalman ${kalman}, average ${average}`);
  assert.ok(average < best, `average ${average}, best ${best}`);
});

// --- liars and limits ------------------------------------------------------------------------

for (const combiner of ['kalman', 'braid'] as const) {
  test(`${combiner}: one liar of four never moves the clock, however far off, whenever it begins`, () => {
    const honest = simulate(world(4, { durationS: 600 }), 12);
    for (const byS of [0.02, -1, 50, -3600, 1e6]) {
      for (const [path, fromS] of [
        [0, 0], // it is the first to be asked: the filter starts on it
        [3, 0],
        [1, 300],
      ] as const) {
        const core = openCore({ combiner }, 4);
        const seen = watchClock(core, lie(honest, path, byS, fromS));
        const error = fromS === 0 ? worst(seen, 60) : worst(seen, 60, fromS + 300);
        assert.ok(error < 1.5 * MS, `liar ${path} by ${byS} s from ${fromS}: ${error}`);
        assert.ok(worst(seen, 400) < 0.6 * MS, `${byS} s, later: ${worst(seen, 400)}`);
        assert.is(core.path(path).state, 'quarantined', `liar ${path} by ${byS} s from ${fromS}`);
      }
    }
  });
}

for (const combiner of ['kalman', 'braid'] as const) {
  test(`${combiner}: the lie is told: path, state and figure`, () => {
    const core = openCore({ combiner }, 4);
    watchClock(core, lie(simulate(world(4, { durationS: 400 }), 13), 2, 0.05, 200));
    const report = core.path(2);
    assert.is(report.state, 'quarantined');
    // braid says more: no delay explains those stamps
    assert.is(report.reason, combiner === 'braid' ? 12 : 3);
    assert.ok(Math.abs(report.reasonS - 0.05) < 2 * MS, `${report.reasonS}`);
    assert.ok(report.weight < 0.01);
  });
}

test('rfc5905 rejects one falseticker of four and names it', () => {
  for (const byS of [0.05, -0.05]) {
    const core = openCore({ combiner: 'rfc5905' }, 4);
    const seen = watchClock(core, lie(simulate(world(4), 14), 1, byS));
    assert.ok(worst(seen, 60) < 5 * MS, `${worst(seen, 60)}`);
    assert.is(core.path(1).state, 'quarantined');
    assert.is(core.path(1).reason, 6);
    assert.is(core.path(1).weight, 0);
    const average = watchClock(
      openCore({ combiner: 'average' }, 4),
      lie(simulate(world(4), 14), 1, byS),
    );
    assert.ok(worst(average, 60) > 10 * MS); // which the plain average cannot
  }
});

test('the limit: three of five paths that lie alike from the start win, and no test can tell', () => {
  const honest = simulate(world(5), 15);
  const lied = [0, 1, 2].reduce((exchanges, path) => lie(exchanges, path, 0.05), honest);
  for (const combiner of ['kalman', 'rfc5905'] as const) {
    const core = openCore({ combiner }, 5);
    const seen = watchClock(core, lied);
    const last = seen[seen.length - 1];
    assert.ok(
      last !== undefined && Math.abs(last.errorS) > 40 * MS,
      `${combiner}: ${last?.errorS}`,
    );
    const honestOnes = [3, 4].map((path) => core.path(path).state);
    assert.equal(honestOnes, ['quarantined', 'quarantined'], combiner);
  }
});

test('two paths that disagree: it is said that they do, or the bound covers the truth', () => {
  for (const byS of [2 * MS, 20 * MS, -0.5]) {
    const core = openCore({ combiner: 'kalman' }, 2);
    const seen = watchClock(core, lie(simulate(world(2), 16), 1, byS));
    const told = [0, 1].some((path) => core.path(path).reason !== 0);
    assert.ok(told || share(seen, 300) > 0.99, `by ${byS} s`);
  }
});

test('three paths that contradict each other: the clock stays where it is and says so', () => {
  for (const [one, other] of [
    [20 * MS, -30 * MS],
    [0.2, -0.3],
  ] as const) {
    const core = openCore({ combiner: 'kalman' }, 3);
    const seen = watchClock(core, lie(lie(simulate(world(3), 21), 0, one), 1, other)).slice(300);
    const jumps = seen.slice(1).map(({ errorS }, k) => Math.abs(errorS - (seen[k]?.errorS ?? 0)));
    assert.ok(Math.max(...jumps) < 1 * MS, `a jump of ${Math.max(...jumps)} s`);
    assert.is(core.clock()?.steps, 0);
    assert.ok([0, 1, 2].some((path) => core.path(path).reason === 9));
  }
});

for (const combiner of ['kalman', 'braid'] as const) {
  test(`${combiner}: one reply that hung for seconds does not spoil the hours after it`, () => {
    for (const [paths, lateS] of [
      [1, 1],
      [1, 10],
      [4, 1],
    ] as const) {
      const exchanges = simulate(world(paths, { durationS: 3000 }), 22);
      const slow = exchanges.map((exchange, index) =>
        index === 1000 * paths ? { ...exchange, t4: exchange.t4 + lateS * 1e9 } : exchange,
      );
      const calm = rms(watchClock(openCore({ combiner }, paths), exchanges), 1300);
      const after = rms(
        watchClock(
          openCore({ combiner }, paths),
          [...slow].sort((a, b) => a.t4 - b.t4),
        ),
        1300,
      );
      assert.ok(after < 2.5 * calm, `${paths} paths, ${lateS} s late: ${after} instead of ${calm}`);
    }
  });
}

test('a path asymmetric by 2 ms is told from three that are not', () => {
  const slow: WorldPath = { reverse: plain().reverse, forward: law(expo(MS), () => 2 * MS) };
  const paths = [slow, plain(), plain(), plain()];
  const core = openCore({ combiner: 'kalman' }, 4);
  watchClock(core, simulate(world(4, { paths, durationS: 1800 }), 17));
  assert.ok(Math.abs(core.path(0).asymmetryS - 1 * MS) < 0.2 * MS, `${core.path(0).asymmetryS}`);
  assert.ok(Math.abs(core.path(1).asymmetryS) < 0.2 * MS);
});

test('weights are shares: they add up to one over the fresh paths', () => {
  for (const combiner of COMBINERS) {
    const core = openCore({ combiner }, 6);
    watchClock(core, simulate(world(6, { durationS: 120 }), 18));
    const weights = Array.from({ length: 6 }, (_, path) => core.path(path).weight);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    assert.ok(Math.abs(sum - 1) < 1e-9, `${combiner}: ${weights}`);
    assert.ok(weights.every((weight) => weight >= 0 && weight <= 1));
  }
});

test('best carries its clock along while other paths are asked', () => {
  const paths = [plain(1 * US), plain(5 * US)];
  const core = openCore({ combiner: 'best' }, 2);
  const fast = world(2, { paths, pollS: 16, durationS: 16_000, frequency: 1e-4 });
  const seen = watchClock(core, simulate(fast, 20)).filter(({ at }) => at > 8000);
  assert.ok(seen.length > 900);
  assert.ok(worst(seen, 8000) < 50 * US, `${worst(seen, 8000)}`); // 800 us if it stood still
});

test('best keeps to the quietest path and leaves it only for a better one', () => {
  const paths = [plain(4 * MS), plain(0.3 * MS), plain(1 * MS)];
  const core = openCore({ combiner: 'best' }, 3);
  watchClock(core, simulate(world(3, { paths }), 19));
  assert.equal(
    [0, 1, 2].map((path) => core.path(path).weight),
    [0, 1, 0],
  );
  assert.is(core.path(0).state, 'standby');
  assert.is(core.path(0).reason, 8);
});

test.run();

/** A clock that is lost starts again (lost.ts), one that is only in trouble does not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type Core } from '../../src/core.ts';
import { PATHS, putHostile, recordsOf, STREAMS, type Stream } from '../fuzz/hostile.ts';
import { createRandom } from '../fuzz/random.ts';
import { expo, law } from '../sim/scenarios.ts';
import { EPOCH_S, type Exchange, simulate, type World, writeExchange } from '../sim/world.ts';
import { openCore } from './rig.ts';

const test = suite('core lost clocks');

const MS = 1e-3;
const US = 1e-6;

const world = (count: number, over: Partial<World> = {}, baseS = 5 * MS): World => {
  const delay = law(expo(1 * MS), undefined, baseS);
  return {
    paths: Array.from({ length: count }, () => ({ reverse: delay, forward: delay })),
    pollS: 1,
    durationS: 300,
    ...over,
  };
};

/** Errors after each exchange. */
const follow = (core: Core, exchanges: readonly Exchange[]): number[] =>
  exchanges.map((exchange) => {
    writeExchange(core, 0, exchange);
    core.ingest(1);
    const { valid, offsetS } = core.result(0);
    return valid ? offsetS - exchange.truth : Number.NaN;
  });

const worst = (errors: readonly number[]): number => Math.max(...errors.map(Math.abs));

/** Exchanges `byS` later, on a world whose remote clock stands elsewhere by `offS`. */
const later = (exchanges: readonly Exchange[], byS: number, offS = 0): Exchange[] =>
  exchanges.map(({ t1, t2, t3, t4, truth, at, path }) => ({
    ...{ path, at: at + byS, truth: truth + offS },
    ...{ t1: t1 + byS * 1e9, t2: t2 + (byS + offS) * 1e9 },
    ...{ t3: t3 + (byS + offS) * 1e9, t4: t4 + byS * 1e9 },
  }));

test('after a storm of lies on every path no clock is left anywhere else', () => {
  for (const combiner of COMBINERS) {
    if (combiner === 'best') continue; // its errors are as large as the queues
    const core = openCore({ combiner }, PATHS);
    const storm = STREAMS.walking?.(createRandom(5)) as Stream;
    const { records, maxBatch } = core;
    const input = new Uint8Array(records.buffer, records.byteOffset);
    input.set(recordsOf(storm, maxBatch));
    core.ingest(maxBatch);
    // the stream starts at the epoch of the worlds, too: go on where it ends
    const byS = Number((storm.now() - BigInt(EPOCH_S) * 1_000_000_000n) / 1_000_000_000n) + 1;
    const errors = follow(core, later(simulate(world(PATHS), 3), byS));
    const end = worst(errors.slice(-100));
    assert.ok(end < 3 * MS, `${combiner}: ${end} s`);
  }
});

test('stamps that are all equal for long do not make a number that is none', () => {
  for (const combiner of COMBINERS) {
    const core = openCore({ combiner }, 2);
    for (let k = 0; k < 4000; k++) {
      const now = BigInt(EPOCH_S + k) * 1_000_000_000n;
      const there = now + (k % 2 === 0 ? 0n : 5000n);
      putHostile(core.records, 0, { path: k % 2, kind: 0, stamps: [now, there, there, now] });
      core.ingest(1);
      const { offsetS, uncertaintyS, earliestS } = core.result(0);
      assert.ok(Number.isFinite(offsetS + uncertaintyS + earliestS), `${combiner}, ${k}`);
    }
  }
});

test('a world of other delays and another time at once is met anew by the filters', () => {
  for (const combiner of ['kalman', 'median', 'trimmed', 'khronos'] as const) {
    const core = openCore({ combiner }, 4);
    const near = law(expo(100e-9), undefined, 500e-9, 1e-9);
    const paths = Array.from({ length: 4 }, () => ({ reverse: near, forward: near }));
    follow(core, simulate(world(4, { paths, durationS: 600 }), 4));
    const errors = follow(core, later(simulate(world(4, { durationS: 400 }), 5), 601, 0.2));
    const end = worst(errors.slice(-200));
    assert.ok(end < 0.3 * MS, `${combiner}: ${end} s`);
  }
});

test('one path 256 times slower both ways is met anew, one slower one way is not: the clock stays', () => {
  const core = openCore({ combiner: 'kalman' }, 4);
  const near = law(expo(5 * US), undefined, 20 * US, 1e-7);
  const slowed = (both: boolean) => (exchange: Exchange) =>
    exchange.path === 0
      ? {
          ...exchange,
          ...(both
            ? { t2: exchange.t2 + 50e6, t3: exchange.t3 + 50e6, t4: exchange.t4 + 100e6 }
            : { t4: exchange.t4 + 100e6 }),
        }
      : exchange;
  const paths = Array.from({ length: 4 }, () => ({ reverse: near, forward: near }));
  const calm = simulate(world(4, { paths, durationS: 600 }), 6);
  for (const both of [true, false]) {
    core.reset();
    for (let path = 0; path < 4; path++) core.openPath();
    const errors = follow(
      core,
      calm.map((exchange) => (exchange.at < 300 ? exchange : slowed(both)(exchange))),
    );
    const { taken, floorS } = core.path(0);
    assert.ok(worst(errors.slice(-1000)) < 20 * US, `both ${both}: ${worst(errors.slice(-1000))}`);
    assert.is(core.clock()?.steps, 0);
    if (both) assert.ok(taken < 300 && floorS > 90 * MS, `${taken} taken, floor ${floorS}`);
    else assert.ok(taken > 550 && floorS < 1 * MS, `${taken} taken, floor ${floorS}`);
  }
});

test('most paths delayed after a clean history prove nothing: no combiner starts again', () => {
  const attacked = simulate(world(5, { durationS: 1200 }), 7).map((exchange) =>
    exchange.path < 3 && exchange.at > 600 ? { ...exchange, t4: exchange.t4 + 50e6 } : exchange,
  );
  for (const combiner of COMBINERS) {
    const core = openCore({ combiner }, 5);
    follow(core, attacked);
    for (let path = 0; path < 5; path++) {
      const { taken } = core.path(path);
      assert.ok(taken > 1100, `${combiner}: path ${path} began anew, ${taken} taken`);
    }
  }
});

test.run();

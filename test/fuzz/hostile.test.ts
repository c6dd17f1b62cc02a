/**
 * A million hostile exchanges for every combiner: whatever they are, every number that comes out is
 * one, intervals are not empty, and once good exchanges come the clock is as good as a new one's
 * within the time a new one takes.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type Core, createCore } from '../../src/core.ts';
import { expo, law } from '../sim/scenarios.ts';
import { type Exchange, simulate } from '../sim/world.ts';
import { FAILOVER, feed, JUDGED, start, US } from './feed.ts';
import { EPOCH_NS, PATHS, putHostile, recordsOf, STREAMS, type Stream } from './hostile.ts';
import { createRandom } from './random.ts';

const test = suite('fuzz hostile exchanges');

const COUNT = 50_000;

/** A clock may be so many times worse than new ones are in the mean: one run is luck. */
const WORSE = 10;

/** Good exchanges; the local clock as the streams' honest parts have it, or drifting. */
const goodWorld = (drifts: boolean, seed: number): Exchange[] => {
  const delay = law(expo(1e-3));
  const paths = Array.from({ length: PATHS }, () => ({ reverse: delay, forward: delay }));
  const clock = drifts ? {} : { frequency: 0, offsetS: -10e-3 };
  return simulate({ paths, pollS: 1, durationS: 310, ...clock }, seed);
};

/** Rms errors over the last fifth before each count of JUDGED. */
function judged(core: Core, exchanges: readonly Exchange[], beginNs: bigint): number[] {
  const first = BigInt(exchanges[0]?.t1 ?? 0);
  const at = (ns: number) => BigInt.asIntN(64, beginNs + BigInt(ns) - first);
  const errors = exchanges.map(({ path, t1, t2, t3, t4, truth }) => {
    putHostile(core.records, 0, { path, kind: 0, stamps: [at(t1), at(t2), at(t3), at(t4)] });
    core.ingest(1);
    const { valid, offsetS } = core.result(0);
    return valid ? offsetS - truth : Number.NaN;
  });
  return JUDGED.map((each) => {
    const last = errors.slice(each * PATHS * 0.8, each * PATHS);
    return Math.sqrt(last.reduce((sum, error) => sum + error * error, 0) / last.length);
  });
}

const NAMES = Object.keys(STREAMS);
const SEEDS = [1, 2, 3, 4, 5, 6];
const good = [false, true].map((drifts) => SEEDS.map((seed) => goodWorld(drifts, 100 + seed)));

/** What a new core reaches: rms over the seeds. */
function fresh(core: Core): number[] {
  const runs = good.flat().map((exchanges) => {
    start(core);
    return judged(core, exchanges, EPOCH_NS);
  });
  return JUDGED.map((_, k) =>
    Math.sqrt(runs.reduce((sum, run) => sum + (run[k] ?? 0) ** 2, 0) / runs.length),
  );
}

const cores = COMBINERS.map((combiner) => {
  const core = createCore({ combiner });
  return { combiner, core, fresh: fresh(core) };
});

for (const [index, name] of NAMES.entries()) {
  test(`10^5 exchanges, ${name}: numbers stay numbers, good exchanges bring every clock back`, () => {
    const stream = STREAMS[name]?.(createRandom(7919 * (index + 1))) as Stream;
    const first = recordsOf(stream, COUNT);
    const afterNs = stream.now() + 1_000_000_000n;
    const second = recordsOf(stream, COUNT);
    const failures: string[] = [];
    for (const { combiner, core, fresh } of cores) {
      start(core);
      for (const [half, records] of [first, second].entries()) {
        const where = `${combiner}, half ${half}`;
        feed(core, records, where);
        const seed = index % SEEDS.length;
        // once right after the stream, once at quite another time
        const beginNs = half === 0 ? afterNs : EPOCH_NS - 86_400_000_000_000n;
        const got = judged(core, good[half]?.[seed] ?? [], beginNs);
        for (const [k, error] of got.entries()) {
          const most = (fresh[k] ?? 0) * (combiner === 'failover' ? FAILOVER : WORSE);
          if (error <= most) continue;
          const times = (error / (fresh[k] ?? 1)).toPrecision(3);
          failures.push(
            `${where}: ${(error / US).toPrecision(3)} us after ${JUDGED[k]} per path, ${times} times a new one's`,
          );
        }
      }
    }
    assert.equal(failures, []);
  });
}

test.run();

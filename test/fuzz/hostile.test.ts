/**
 * A million hostile exchanges for every combiner: whatever they are, every number that comes out is
 * one, intervals are not empty, and once good exchanges come the clock is as good as a new one's
 * within the time a new one takes.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type Core, createCore } from '../../src/core.ts';
import { RECORD_BYTES } from '../../src/recording/blocks.ts';
import { RESULT } from '../../src/recording/tally.ts';
import { expo, law } from '../sim/scenarios.ts';
import { type Exchange, simulate } from '../sim/world.ts';
import { EPOCH_NS, PATHS, putHostile, recordsOf, STREAMS, type Stream } from './hostile.ts';
import { createRandom } from './random.ts';

const test = suite('fuzz hostile exchanges');

const COUNT = 50_000;
const US = 1e-6;

/** Good exchanges per path until the clock is judged: the cold start, and five times that. */
const JUDGED = [60, 300] as const;
/** A clock may be so many times worse than new ones are in the mean: one run is luck. */
const WORSE = 10;
/** failover never steps by design, but slews to where its paths agree; it must still be on its way. */
const FAILOVER = 100;

const start = (core: Core): void => {
  core.reset();
  for (let path = 0; path < PATHS; path++) core.openPath();
};

/** Feeds records and looks at every row of results, and at every slot of the reports. */
function feed(core: Core, records: Uint8Array, where: string): void {
  const { exports: raw, results, resultSlots, maxBatch } = core;
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  const bytes = raw.RECORDS.value - raw.CLOCK.value;
  const slots = new Float64Array(raw.memory.buffer, raw.CLOCK.value, bytes / 8);
  const count = records.length / RECORD_BYTES;
  for (let from = 0; from < count; from += maxBatch) {
    const length = Math.min(maxBatch, count - from);
    input.set(records.subarray(from * RECORD_BYTES, (from + length) * RECORD_BYTES));
    core.ingest(length);
    const at = (k: number) => `${where}, exchange ${from + k}`;
    for (let k = 0, row = 0; k < length; k++, row += resultSlots) {
      for (let slot = 0; slot < resultSlots; slot++) {
        if (!Number.isFinite(results[row + slot])) assert.unreachable(`slot ${slot}: ${at(k)}`);
      }
      if (results[row + RESULT.valid] === 0) continue;
      const of = (slot: number) => results[row + slot] as number;
      const safe = of(RESULT.earliestS) <= of(RESULT.latestS);
      const causal = of(RESULT.causalEarliestS) <= of(RESULT.causalLatestS);
      if (!safe || !causal) assert.unreachable(`an interval is empty: ${at(k)}`);
      if (!(of(RESULT.uncertaintyS) >= 0)) assert.unreachable(`uncertainty: ${at(k)}`);
    }
    const bad = slots.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) assert.unreachable(`report slot ${bad} is ${slots[bad]}: ${at(length)}`);
  }
}

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

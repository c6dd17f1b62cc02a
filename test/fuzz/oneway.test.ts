/**
 * Hostile one-way measurements for every combiner: each direction of the hostile exchanges by
 * itself, lost, late and corrected at random. Whatever comes, every number that comes out is one,
 * and once good measurements come the clock is as good as a new one's in the time a new one takes.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type Core, createCore } from '../../src/core.ts';
import { RECORD_BYTES } from '../../src/recording/blocks.ts';
import { RECORD_LOCAL, RECORD_REMOTE } from '../../src/recording/record.ts';
import { RESULT } from '../../src/recording/tally.ts';
import type { Trace } from '../../src/sim/trace.ts';
import { EPOCH_S } from '../../src/sim/world.ts';
import { awkward } from '../core/rig.ts';
import { type OneWayRecord, putOneWay, rates, trace } from '../sim/spans.ts';
import { PATHS, STREAMS, type Stream } from './hostile.ts';
import { createRandom, type Random } from './random.ts';

const test = suite('fuzz hostile one-way measurements');

const COUNT = 10_000; // of each stream, for each combiner
const US = 1e-6;
const EPOCH_NS = BigInt(EPOCH_S) * 1_000_000_000n;

/** Good exchanges per path until the clock is judged, and how much worse than a new one it may be. */
const JUDGED = [60, 300] as const;
const WORSE = 20;
const FAILOVER = 100;

/** The span as it is, spent in bridges in part, or corrected by anything. */
function corrected(random: Random, span: OneWayRecord): OneWayRecord {
  const what = random.below(64);
  if (what === 0) return { ...span, correction: awkward(random) };
  if (what > 16) return span;
  const bridgeNs = BigInt(random.u32() >> 8);
  const received = span.direction === 'forward' ? 'local' : 'remote';
  const correction = (bridgeNs << 16n) + BigInt(random.below(65536));
  return { ...span, correction, [received]: BigInt.asIntN(64, span[received] + bridgeNs) };
}

/** `count` records of the two directions of a hostile stream. */
function split(stream: Stream, random: Random, count: number): Uint8Array {
  const bytes = new Uint8Array(count * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (let k = 0; k < count; ) {
    const { path, stamps } = stream.next();
    const [t1, t2, t3, t4] = stamps;
    const spans: OneWayRecord[] = [
      { path, direction: 'reverse', local: t1, remote: t2, correction: 0n },
      { path, direction: 'forward', local: t4, remote: t3, correction: 0n },
    ];
    if (random.below(2) === 0) spans.reverse();
    for (const span of spans) {
      if (k >= count || random.below(5) === 0) continue;
      putOneWay(view, RECORD_BYTES * k++, corrected(random, span));
    }
  }
  return bytes;
}

const start = (core: Core): void => {
  core.reset();
  for (let path = 0; path < PATHS; path++) core.openPath();
};

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
    for (let k = 0, row = 0; k < length; k++, row += resultSlots) {
      for (let slot = 0; slot < resultSlots; slot++) {
        if (Number.isFinite(results[row + slot])) continue;
        assert.unreachable(`slot ${slot} is ${results[row + slot]}: ${where}, record ${from + k}`);
      }
      if (results[row + RESULT.valid] === 0) continue;
      const of = (slot: number) => results[row + slot] as number;
      const safe = of(RESULT.earliestS) <= of(RESULT.latestS);
      const causal = of(RESULT.causalEarliestS) <= of(RESULT.causalLatestS);
      const isWhole = safe && causal && of(RESULT.uncertaintyS) >= 0;
      if (!isWhole) assert.unreachable(`an interval is empty: ${where}, record ${from + k}`);
    }
    const bad = slots.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) assert.unreachable(`report slot ${bad} is ${slots[bad]}: ${where}`);
  }
}

/** Rms errors over the last fifth before each count of JUDGED; the run begins at `beginNs`. */
function judged(core: Core, run: Trace, beginNs: bigint): number[] {
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  const squares = JUDGED.map(() => ({ sum: 0, count: 0 }));
  for (let k = 0; k < run.count; k++) {
    input.set(run.records.subarray(k * RECORD_BYTES, (k + 1) * RECORD_BYTES));
    for (const at of [RECORD_LOCAL, RECORD_REMOTE]) {
      const ns = core.records.getBigInt64(at, true) - EPOCH_NS + beginNs;
      core.records.setBigInt64(at, BigInt.asIntN(64, ns), true);
    }
    core.ingest(1);
    const { valid, offsetS } = core.result(0);
    const error = valid ? offsetS - (run.truthS[k] ?? 0) : Number.NaN;
    const atS = run.atS[k] ?? 0;
    for (const [n, each] of JUDGED.entries()) {
      if (atS < each * 0.8 || atS > each) continue;
      const cell = squares[n];
      if (cell !== undefined) cell.sum += error * error;
      if (cell !== undefined) cell.count++;
    }
  }
  return squares.map(({ sum, count }) => Math.sqrt(sum / count));
}

const NAMES = Object.keys(STREAMS);
const good = [1, 2, 3, 4].map((seed) => {
  const clock = { offsetS: -10e-3, frequency: 0, wander: 1e-9, steps: [] };
  return trace('A', PATHS, 200 + seed, { durationS: 305, oneWay: rates(0.5, 1), clock });
});

const cores = COMBINERS.map((combiner) => {
  const core = createCore({ combiner });
  const runs = good.map((run) => {
    start(core);
    return judged(core, run, EPOCH_NS);
  });
  const mean = (k: number) => runs.reduce((sum, run) => sum + (run[k] ?? 0) ** 2, 0) / runs.length;
  return { combiner, core, fresh: JUDGED.map((_, k) => Math.sqrt(mean(k))) };
});

for (const [index, name] of NAMES.entries()) {
  test(`each way of ${name}: numbers stay numbers, good measurements bring every clock back`, () => {
    const random = createRandom(104_729 * (index + 1));
    const stream = STREAMS[name]?.(random) as Stream;
    const records = split(stream, random, COUNT);
    const beginNs = stream.now() + 1_000_000_000n;
    const failures: string[] = [];
    for (const { combiner, core, fresh } of cores) {
      start(core);
      feed(core, records, combiner);
      const run = good[index % good.length];
      if (run === undefined) continue;
      for (const [k, error] of judged(core, run, beginNs).entries()) {
        const most = (fresh[k] ?? 0) * (combiner === 'failover' ? FAILOVER : WORSE);
        if (error <= most) continue;
        const got = `${(error / US).toPrecision(3)} us after ${JUDGED[k]} s`;
        failures.push(`${combiner}: ${got}, a new one ${((fresh[k] ?? 0) / US).toPrecision(3)} us`);
      }
    }
    assert.equal(failures, []);
  });
}

test.run();

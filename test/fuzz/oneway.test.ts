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
import type { Trace } from '../../src/sim/trace.ts';
import { awkward } from '../core/rig.ts';
import { type OneWayRecord, putOneWay, rates, trace } from '../sim/spans.ts';
import { FAILOVER, feed, JUDGED, start, US } from './feed.ts';
import { EPOCH_NS, PATHS, STREAMS, type Stream } from './hostile.ts';
import { createRandom, type Random } from './random.ts';

const test = suite('fuzz hostile one-way measurements');

const COUNT = 10_000; // of each stream, for each combiner
/** A clock may be so many times worse than a new one. */
const WORSE = 20;

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

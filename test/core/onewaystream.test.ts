/**
 * One-way streams of integer arithmetic: the same bits in Node, Deno and Bun, in both builds, and
 * wherever batches are split. Pins as in determinism.test.ts; whoever changes a combiner on purpose
 * pins what the test prints.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type CombinerName } from '../../src/core.ts';
import { RECORD_BYTES } from '../../src/recording/blocks.ts';
import { createRandom, type Random } from '../fuzz/random.ts';
import { type OneWayRecord, putOneWay } from '../sim/spans.ts';
import { createHash } from './hash.ts';
import { BUILDS, firstDifference, openCore, remembered } from './rig.ts';

const test = suite('core one-way streams');

const STREAM_HASH = '5ea5516df7e0ea96';
const HASHES: Record<CombinerName, string> = {
  kalman: '9d64034223f5d220',
  rfc5905: '29ad133a27dbfcb3',
  average: 'c89a7dc7c26df450',
  weighted: '3c7139f99d503ea1',
  best: '357ef5a552bf919d',
  braid: '78d95f5bd0fee31b',
  median: 'd03ecc7076ad1cef',
  trimmed: 'e5bfb0d414f88022',
  failover: 'eeb4794ff5e64143',
  khronos: '13e3a0bb945af3fd',
};

interface Options {
  readonly paths: number;
  /** Intervals of each direction of a path, ns. */
  readonly forwardNs: number;
  readonly reverseNs: number;
  readonly seconds: number;
  /** Largest queueing delay; triangular below it. */
  readonly jitterNs: number;
  /** From this second on … */
  readonly from?: number;
  readonly trouble?: 'step' | 'deaf' | 'lies' | 'reroutes';
  /** One in so many is repeated, reordered or broken; 0: none. */
  readonly oddIn?: number;
}

const STREAMS: readonly Options[] = [
  { paths: 4, forwardNs: 125e6, reverseNs: 1e9, seconds: 300, jitterNs: 2e6, oddIn: 20 },
  { paths: 3, forwardNs: 1e9, reverseNs: 1e9, seconds: 700, jitterNs: 1e6, oddIn: 0 },
  { paths: 2, forwardNs: 1e9, reverseNs: 125e6, seconds: 200, jitterNs: 3000, oddIn: 30 },
  { paths: 1, forwardNs: 25e7, reverseNs: 1e9, seconds: 500, jitterNs: 5e5, oddIn: 0 },
  ...(['step', 'deaf', 'lies', 'reroutes'] as const).map((trouble) => ({
    ...{ paths: 3, forwardNs: 25e7, reverseNs: 1e9, seconds: 400, jitterNs: 1e6 },
    ...{ from: 200, trouble, oddIn: 50 },
  })),
];

const EPOCH_NS = 1_763_600_000n * 1_000_000_000n;

function makeStream(options: Options, seed: number): OneWayRecord[] {
  const { paths, forwardNs, reverseNs, seconds, jitterNs, trouble, from = seconds } = options;
  const random = createRandom(seed);
  const stream: { at: number; record: OneWayRecord }[] = [];
  const triangle = () => Math.floor((random.below(jitterNs + 1) + random.below(jitterNs + 1)) / 2);
  for (const [direction, stepNs] of [
    ['forward', forwardNs],
    ['reverse', reverseNs],
  ] as const) {
    for (let path = 0; path < paths; path++) {
      const phase = Math.floor((path * stepNs) / paths);
      for (let at = phase; at < seconds * 1e9; at += stepNs) {
        const isOn = path === 0 && at >= from * 1e9;
        if (isOn && trouble === 'deaf' && direction === 'reverse') continue;
        const bridge = random.below(4) === 0 ? random.below(1_000_000) : 0;
        const delay = 50_000 + path * 20_000 + triangle() + bridge;
        const extra = isOn && trouble === 'reroutes' ? 4_000_000 : 0;
        const sent = at + (direction === 'reverse' ? random.below(stepNs) : 0);
        const stepped = trouble === 'step' && sent >= from * 1e9 ? 7_000_000 : 0;
        const driftNs = Math.floor(sent / 100_000) + 12_345_678 + stepped; // 10 ppm
        const lie = isOn && trouble === 'lies' ? 30_000_000 : 0;
        const arrived = sent + delay + extra;
        const [local, remote] = direction === 'forward' ? [arrived, sent] : [sent, arrived];
        const record: OneWayRecord = {
          path,
          direction,
          local: EPOCH_NS + BigInt(local + driftNs),
          remote: EPOCH_NS + BigInt(remote + lie),
          correction: (BigInt(bridge) << 16n) + BigInt(random.below(65536)),
        };
        // a reverse measurement is told when its answer comes
        const known = direction === 'forward' ? arrived : arrived + delay;
        stream.push({ at: known, record });
      }
    }
  }
  const ordered = stream.sort((a, b) => a.at - b.at).map(({ record }) => record);
  return options.oddIn === undefined || options.oddIn === 0
    ? ordered
    : ordered.flatMap((record, index) => odd(ordered, record, index, options.oddIn ?? 0, random));
}

function odd(
  all: readonly OneWayRecord[],
  record: OneWayRecord,
  index: number,
  oddIn: number,
  random: Random,
): OneWayRecord[] {
  if (random.below(oddIn) !== 0) return [record];
  switch (random.below(5)) {
    case 0:
      return [record, record];
    case 1:
      return [record, all[Math.max(index - 1 - random.below(20), 0)] ?? record];
    case 2:
      return [{ ...record, correction: -record.correction }];
    case 3:
      return [{ ...record, path: 63 }, record]; // not open
    default:
      return []; // lost
  }
}

const streams = STREAMS.map((options, index) => {
  const all = makeStream(options, 300 + index);
  const records = new Uint8Array(all.length * RECORD_BYTES);
  const view = new DataView(records.buffer);
  for (const [k, record] of all.entries()) putOneWay(view, k * RECORD_BYTES, record);
  return { paths: options.paths, records, count: all.length };
});

/** Feeds a stream in batches of the given sizes, in turn; each row goes to `each`. */
function run(
  combiner: CombinerName,
  bytes: Uint8Array,
  sizes: readonly number[],
  each: (rows: Uint8Array) => void,
) {
  return streams.map(({ paths, records, count }) => {
    const core = openCore({ combiner, module: bytes }, paths);
    const { results, resultSlots } = core;
    const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
    for (let from = 0, n = 0; from < count; n++) {
      const length = Math.min(sizes[n % sizes.length] ?? 1, count - from);
      input.set(records.subarray(from * RECORD_BYTES, (from + length) * RECORD_BYTES));
      core.ingest(length);
      each(new Uint8Array(results.buffer, results.byteOffset, length * resultSlots * 8));
      from += length;
    }
    return core;
  });
}

test('the streams themselves are the same everywhere, and long enough', () => {
  const hash = createHash();
  let count = 0;
  for (const stream of streams) {
    hash.add(stream.records);
    count += stream.count;
  }
  assert.ok(count >= 20_000, `${count} measurements`);
  assert.is(hash.text(), STREAM_HASH);
});

for (const combiner of COMBINERS) {
  test(`${combiner} gives the pinned bits in every runtime, both builds, however they are split`, () => {
    let reference: Uint8Array[] = [];
    for (const { name, bytes } of BUILDS) {
      for (const sizes of [[512], [1, 7, 300, 2]]) {
        const hash = createHash();
        const cores = run(combiner, bytes, sizes, (rows) => hash.add(rows));
        assert.is(hash.text(), HASHES[combiner], `${name} build, batches of ${sizes}`);
        const states = cores.map(remembered);
        if (reference.length === 0) reference = states;
        for (const [k, state] of states.entries()) {
          const wanted = reference[k] ?? state;
          assert.is(firstDifference(state, wanted), -1, `${name} build, stream ${k}`);
        }
        for (const core of cores) assert.ok((core.clock()?.taken ?? 0) > 500);
      }
    }
  });
}

test.run();

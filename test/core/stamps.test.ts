/**
 * Measurements count by whose their local stamps are: worlds in which a program's stamps (late or
 * early by 10 µs to 5 ms, heavy tails) take the place of the kernel's, told and not told. Bounds
 * leave a third beside what was measured.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type CombinerName, type Core } from '../../src/core.ts';
import { RECORD_BYTES } from '../../src/recording/blocks.ts';
import { KIND_FORWARD, KIND_REVERSE, RECORD_KIND } from '../../src/recording/record.ts';
import {
  DEFAULTS,
  LINK,
  type PathSpec,
  type Queue,
  type Scenario,
} from '../../src/sim/scenario.ts';
import { type Trace, traceOf } from '../../src/sim/trace.ts';
import { stampBits } from '../../src/stamps.ts';
import { follow, rates } from '../sim/spans.ts';
import { createHash } from './hash.ts';
import { BUILDS, openCore, writeStamps } from './rig.ts';
import { makeStream, STREAMS, writeBatch } from './stream.ts';

const test = suite('core stamps');

const US = 1e-6;
const SEEDS = [1, 2, 3];
const SETTLE_S = 400;
/** Event loops: 15 µs early, 40 µs late in the median; 1 in 1000 receipts is 4 ms late. */
const EARLY: Queue = { law: 'lognormal', medianS: 15 * US, sigma: 0.6 };
const LATE: Queue = { law: 'lognormal', medianS: 40 * US, sigma: 1.5 };

/** A path of a LAN, or longer; the shares of its stamps that are a program's. */
function path(send: number, receive = send, baseS = 100 * US, queueS = 5 * US): PathSpec {
  const link = {
    ...LINK,
    baseS,
    noiseS: 0.3 * US,
    queues: [{ law: 'exp', meanS: queueS } as const],
  };
  const stamps = {
    send: { share: send, queues: [EARLY] },
    receive: { share: receive, queues: [LATE] },
  };
  return { forward: link, reverse: link, stamps };
}

const KERNEL = path(0);
const USER = path(1);

const world = (paths: readonly PathSpec[], over: Partial<Scenario> = {}): Scenario => ({
  ...{ ...DEFAULTS, name: '', title: '', durationS: 1600, settleS: SETTLE_S, paths },
  ...over,
});

/** The same records, and nobody tells whose their stamps are. */
function untold(run: Trace): Trace {
  const records = run.records.slice();
  const view = new DataView(records.buffer);
  for (let at = RECORD_KIND; at < records.length; at += RECORD_BYTES) {
    view.setUint32(at, view.getUint32(at, true) & 0xff, true);
  }
  return { ...run, records };
}

interface Figures {
  readonly rmsS: number;
  /** Share of truths within the safe and within the causal interval. */
  readonly inside: number;
  readonly causal: number;
  /** Of the last path, mean from the 4th to the 12th second. */
  readonly share: number;
}

function figures(core: Core, run: Trace, settleS: number): Figures {
  let squares = 0;
  let [scored, inside, causal, all, share, early] = [0, 0, 0, 0, 0, 0];
  const { results } = core;
  follow(core, run, ({ at, truth, error }) => {
    all++;
    if ((results[10] ?? 0) <= truth && truth <= (results[11] ?? 0)) causal++;
    if (at >= 4 && at < 12) {
      share += core.path(run.paths - 1).weight;
      early++;
    }
    if (at < settleS) return;
    squares += error * error;
    if ((results[4] ?? 0) <= truth && truth <= (results[5] ?? 0)) inside++;
    scored++;
  });
  const rmsS = Math.sqrt(squares / scored);
  return { rmsS, inside: inside / scored, causal: causal / all, share: share / early };
}

/** Told against not told: the ratio of the rms errors over the seeds, and the figures of the told. */
function compare(combiner: CombinerName, scenario: Scenario) {
  const sums = [0, 0];
  let all: readonly Figures[] = [];
  for (const seed of SEEDS) {
    const run = traceOf(scenario, seed);
    const [blind, told] = [untold(run), run].map((one) =>
      figures(openCore({ combiner }, run.paths), one, scenario.settleS),
    ) as [Figures, Figures];
    sums[0] = (sums[0] ?? 0) + blind.rmsS ** 2;
    sums[1] = (sums[1] ?? 0) + told.rmsS ** 2;
    all = [...all, told];
    assert.is(told.causal, 1, `${combiner}: the causal interval holds`);
    assert.ok(told.inside > 0.99, `${combiner}: the safe interval holds, ${told.inside}`);
  }
  return { ratio: Math.sqrt((sums[1] ?? 0) / (sums[0] ?? 1)), told: all };
}

/** World, and the most that the told rms may be of the untold one. */
const WORLDS: readonly (readonly [string, Scenario, Partial<Record<CombinerName, number>>])[] = [
  ['1 of 10 stamps, one path', world([path(0.1)]), { kalman: 0.25, braid: 1 }],
  ['3 of 10 stamps, four paths', world(Array(4).fill(path(0.3))), { kalman: 0.1, braid: 0.9 }],
  ['3 of 10 receipts, two paths', world([path(0, 0.3), path(0, 0.3)]), { kalman: 0.2, braid: 0.9 }],
  ['9 of 10 stamps, two paths', world([path(0.9), path(0.9)]), { kalman: 0.2, braid: 0.7 }],
  ['one path by kernel, one by user', world([KERNEL, USER]), { kalman: 0.25, braid: 1.02 }],
  ['one by kernel, three by user', world([KERNEL, USER, USER, USER]), { kalman: 0.3, braid: 1.05 }],
  [
    '1 of 10 stamps, one direction at a time',
    world([path(0.1), path(0.1)], {
      ...{ oneWay: rates(0.5, 1), durationS: 4000, settleS: 1000 },
    }),
    { kalman: 0.25, braid: 1 },
  ],
  [
    'where queues hide what stamps are off by',
    world(Array(4).fill(path(0.1, 0.1, 5e-3, 0.5e-3))),
    { kalman: 1.05, braid: 1.05 },
  ],
];

for (const [what, scenario, most] of WORLDS) {
  test(`${what}: told is more exact than not told`, () => {
    for (const [combiner, bound] of Object.entries(most)) {
      const { ratio } = compare(combiner as CombinerName, scenario);
      assert.ok(ratio <= bound, `${combiner}: ${ratio}`);
    }
  });
}

test('the other combiners gain, too, or lose nothing', () => {
  const scenario = world([path(0.1), path(0.1), KERNEL], { durationS: 1000 });
  const most = {
    weighted: 0.8,
    median: 1.02,
    trimmed: 1.02,
    failover: 1.02,
    rfc5905: 1.02,
    best: 1,
  };
  for (const [combiner, bound] of Object.entries(most)) {
    const { ratio } = compare(combiner as CombinerName, scenario);
    assert.ok(ratio <= bound, `${combiner}: ${ratio}`);
  }
});

test('a path by user weighs less than one by kernel from the first exchanges on', () => {
  for (const combiner of ['kalman', 'braid', 'weighted'] as const) {
    for (const order of [
      [KERNEL, KERNEL, USER],
      [KERNEL, USER],
    ]) {
      const { told } = compare(combiner, world(order, { durationS: SETTLE_S + 10 }));
      const share = told.reduce((sum, one) => sum + one.share, 0) / told.length;
      assert.ok(share < 0.75 / order.length, `${combiner}: ${share} of ${order.length}`);
    }
  }
});

test('paths that are all by user, or all by kernel, lose nothing', () => {
  for (const paths of [
    [USER, USER],
    [KERNEL, KERNEL],
  ]) {
    for (const combiner of ['braid', 'kalman'] as const) {
      const { ratio } = compare(combiner, world(paths, { durationS: 1000 }));
      const most = combiner === 'braid' || paths[0] === KERNEL ? 1 : 1.02;
      assert.ok(ratio <= most, `${combiner}: ${ratio}`);
    }
  }
});

test('kernel stamps that cease, and come back, are followed', () => {
  for (const combiner of ['braid', 'kalman'] as const) {
    const run = traceOf(world([path(0), path(0)], { durationS: 1500 }), 4);
    const worse = traceOf(world([USER, USER], { durationS: 1500 }), 4);
    const between = (at: number) => at >= 500 && at < 1000;
    const records = run.records.slice();
    for (const [k, at] of run.atS.entries()) {
      if (!between(at)) continue;
      const from = k * RECORD_BYTES;
      records.set(worse.records.subarray(from, from + RECORD_BYTES), from);
    }
    const core = openCore({ combiner }, 2);
    const worst = { before: 0, during: 0, after: 0 };
    follow(core, { ...run, records }, ({ at, error }) => {
      if (at < 200) return;
      const part = at < 500 ? 'before' : between(at) ? 'during' : at < 1100 ? null : 'after';
      if (part !== null) worst[part] = Math.max(worst[part], Math.abs(error));
    });
    assert.ok(
      worst.before < 2 * US && worst.after < 4 * US,
      `${combiner}: ${JSON.stringify(worst)}`,
    );
    assert.ok(worst.during < 60 * US, `${combiner}: ${worst.during}`);
    assert.is(core.path(0).state, 'good');
  }
});

test('the report counts stamps by whose they were', () => {
  const run = traceOf(world([path(0.2, 0.4)], { durationS: 1000 }), 1);
  const core = openCore({ combiner: 'braid' }, 1);
  follow(core, run, () => {});
  const { send, receive } = core.path(0).stamps;
  assert.is(send.user + send.kernel, run.count);
  assert.is(receive.user + receive.kernel, run.count);
  assert.ok(Math.abs(send.user / run.count - 0.2) < 0.05, `${send.user}`);
  assert.ok(Math.abs(receive.user / run.count - 0.4) < 0.05, `${receive.user}`);
});

test('calls tell the same as records', () => {
  const core = openCore({ combiner: 'braid' }, 1);
  const packet = new Uint8Array(48).fill(200);
  core.ntpExchange(0, packet, 1_763_600_000, 0, 1e6, 'kernel', 'user');
  const word = () => new DataView(core.lastRecord().buffer).getUint32(RECORD_KIND, true);
  assert.is(word(), 1 | stampBits('kernel', 'user'));
  core.oneWay(0, 'forward', 0n, 1_763_600_000, 0, 0n, 'user');
  assert.is(word(), KIND_FORWARD | stampBits(undefined, 'user'));
  core.oneWay(0, 'reverse', 0n, 1_763_600_000, 0, 0n, 'kernel');
  assert.is(word(), KIND_REVERSE | stampBits('kernel', undefined));
  core.oneWay(0, 'reverse', 0n, 1_763_600_000, 1, 0n);
  assert.is(word(), KIND_REVERSE);
});

test('a kind of stamp that does not exist is an unknown kind', () => {
  const core = openCore({ combiner: 'kalman' }, 1);
  const stamps = { path: 0, localSend: 0n, remoteReceive: 10n, remoteSend: 20n, localReceive: 30n };
  for (const [word, code] of [
    ...([
      [0x300, -2],
      [0xc00, -2],
      [0xf00, -2],
      [0x1000, -2],
      [0x80000000, -2],
    ] as const),
    ...([
      [0xa00, 0],
      [0x500, 2],
    ] as const),
  ]) {
    writeStamps(core, 0, word, stamps);
    assert.is(core.exports.ingest(1), code, word.toString(16));
  }
});

/** What each combiner made of the streams of determinism.test.ts with stamps told. */
const HASHES: Record<CombinerName, string> = {
  kalman: '36b39a2dc9919cb0',
  rfc5905: '499ddfe9e486bfaf',
  average: '18e42c186bcdd2f0',
  weighted: 'dce536913dd125a4',
  best: 'b4f4dafea75ef0ba',
  braid: '73ce28385164f008',
  median: '91298a4e554ddbcd',
  trimmed: 'a6b8dd4a4eb5882b',
  failover: '0bdfa1e9030a52c7',
  khronos: 'fcd234b0a01bfd15',
};

function hashOf(combiner: CombinerName, bytes: Uint8Array): string {
  const hash = createHash();
  for (const [index, options] of Object.values(STREAMS).entries()) {
    const core = openCore({ combiner, module: bytes }, options.paths);
    const stream = makeStream(options, 200 + index);
    for (let at = 0; at < stream.length; at += 512) {
      const batch = stream.slice(at, at + 512);
      writeBatch(core, batch);
      for (let k = 0; k < batch.length; k++) {
        const word = k * RECORD_BYTES + RECORD_KIND;
        // all kinds of mixtures, long runs among them
        const turn = at + k;
        const bits = turn % 1500 > 1000 ? 0x500 : turn % 7 === 0 ? 0x600 : turn % 5 ? 0xa00 : 0x900;
        core.records.setUint32(word, core.records.getUint32(word, true) | bits, true);
      }
      core.ingest(batch.length);
      const { buffer, byteOffset } = core.results;
      hash.add(new Uint8Array(buffer, byteOffset, batch.length * core.resultSlots * 8));
    }
  }
  return hash.text();
}

for (const combiner of COMBINERS) {
  test(`${combiner} gives the pinned bits with stamps told, in every runtime and both builds`, () => {
    for (const { name, bytes } of BUILDS) {
      assert.is(hashOf(combiner, bytes), HASHES[combiner], `${name} build`);
    }
  });
}

test.run();

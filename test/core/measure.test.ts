/** measureBatch, the bare exchange arithmetic, against the BigInt twin and the core's own path. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Core, createCore } from '../../src/core.ts';
import { KIND_NTP, KIND_UNIX } from '../../src/recording/record.ts';
import { createRandom } from '../fuzz/random.ts';
import { type FourStamps, isDisorder, measureNtp, measureUnix } from '../twin/exchange.ts';
import { clamp, ntpFromUnix, wrap } from '../twin/time.ts';
import {
  awkward,
  BUILDS,
  firstDifference,
  openCore,
  rawOf,
  remembered,
  writeStamps,
} from './rig.ts';

const test = suite('core measureBatch');

const SECOND = 1_000_000_000n;
const NOW = 1_763_600_000n * SECOND;
const SLOTS = 3;
const [USED, ORDER, HOLD, ERROR_KIND, ERROR_BATCH] = [0, 3, 4, -2, -3];

interface Row {
  readonly status: number;
  readonly offsetS: number;
  readonly delayS: number;
}

const rowIn = (core: Core, slot: number): Row => {
  const rows = new Float64Array(core.exports.memory.buffer, core.exports.RESULTS.value);
  const [status, offsetS, delayS] = rows.subarray(slot * SLOTS, (slot + 1) * SLOTS);
  return { status: status ?? 9, offsetS: offsetS ?? 9, delayS: delayS ?? 9 };
};

function put(core: Core, slot: number, kind: number, { t1, t2, t3, t4 }: FourStamps, path = 0) {
  const stamps = { path, localSend: t1, remoteReceive: t2, remoteSend: t3, localReceive: t4 };
  writeStamps(core, slot, kind, stamps);
}

/** The exact spans, each rounded to f64 seconds once, as the core says it does. */
function wantedRow(kind: number, stamps: FourStamps, baseS: bigint): Row {
  const exact = kind === KIND_NTP ? measureNtp(stamps, baseS) : measureUnix(stamps, baseS);
  if (isDisorder(stamps, exact)) return { status: ORDER, offsetS: 0, delayS: 0 };
  const seconds = (span: bigint) => Number(span) / Number(exact.unitsPerS);
  const [reverse, forward] = [seconds(exact.reverse), seconds(exact.forward)];
  const offsetS = (reverse - forward) * 0.5;
  if (reverse + forward >= 0) return { status: USED, offsetS, delayS: reverse + forward };
  const slack = 20e-6 + seconds(clamp(exact.hold)) * 5e-4;
  if (reverse + forward < -slack) return { status: HOLD, offsetS: 0, delayS: 0 };
  return { status: USED, offsetS, delayS: 0 };
}

const SHAPES = [
  { out: 5_000_000n, back: 7_000_000n }, // as everyday
  { out: 999_999_999n, back: 1_000_000_001n }, // a round trip of 2 s, where the quick way ends
  { out: 1_000_000_000n, back: 1_000_000_001n },
  { out: 40n * SECOND, back: 2n },
  { out: 0n, back: 0n },
  { out: 0n, back: -19_000n }, // a hold a little too long
  { out: 0n, back: -30_000n },
  { out: 10n, back: -SECOND },
];

test('offset and delay of both kinds are the twin’s, to the last bit', () => {
  for (const { name, bytes } of BUILDS) {
    const core = createCore({ module: bytes });
    const random = createRandom(77);
    const seen = new Map<number, number>();
    for (let round = 0; round < 40; round++) {
      const baseS = round % 2 === 0 ? 0n : BigInt(random.below(2 ** 31)) - BigInt(2 ** 30);
      const records = Array.from({ length: 200 }, (_, k) => {
        const kind = random.below(2) === 0 ? KIND_UNIX : KIND_NTP;
        const shape = SHAPES[random.below(SHAPES.length)] ?? { out: 0n, back: 0n };
        const ahead = BigInt(random.below(2 ** 31)) - BigInt(2 ** 30) + baseS * SECOND;
        const t1 = k % 10 === 0 ? awkward(random) : NOW + BigInt(random.below(2 ** 31));
        const hold = BigInt(random.below(50_000));
        const t2 = clamp(t1 + shape.out + ahead);
        const t4 = clamp(t1 + shape.out + shape.back + hold);
        const unix = { t1, t2, t3: clamp(t2 + hold), t4 };
        const wild = random.below(20) === 0;
        if (wild) return { kind, stamps: { ...unix, t3: awkward(random), t4: awkward(random) } };
        const ntp = { ...unix, t2: ntpFromUnix(unix.t2), t3: ntpFromUnix(unix.t3) };
        return { kind, stamps: kind === KIND_NTP ? ntp : unix };
      });
      for (const [k, { kind, stamps }] of records.entries()) put(core, k, kind, stamps);
      assert.is(core.exports.measureBatch(records.length, Number(baseS)), 0);
      for (const [k, { kind, stamps }] of records.entries()) {
        const unsigned = { ...stamps, t2: wrap(stamps.t2), t3: wrap(stamps.t3) };
        const wanted = wantedRow(kind, kind === KIND_NTP ? unsigned : stamps, baseS);
        assert.equal(rowIn(core, k), wanted, `${name}, round ${round}, record ${k}`);
        seen.set(wanted.status, (seen.get(wanted.status) ?? 0) + 1);
      }
    }
    for (const status of [USED, ORDER, HOLD]) assert.ok((seen.get(status) ?? 0) > 100, `${status}`);
  }
});

/** Nanoseconds whose NTP fraction lies close to a tie: 2^23·ns ≡ about 1953125/2. */
function nearTies(): bigint[] {
  const modulus = 1_953_125n; // 10^9 / 2^9
  const found: bigint[] = [];
  for (let ns = 0n; ns < modulus; ns++) {
    const away = 2n * ((ns << 23n) % modulus) - modulus;
    if (away >= -7n && away <= 7n) found.push(ns);
  }
  const each = 1024 / found.length;
  return found.flatMap((ns) =>
    Array.from({ length: each }, (_, k) => ns + modulus * BigInt(4 * k)),
  );
}

test('local stamps round right where rounding is hardest, in any second and within 2 s', () => {
  const ties = nearTies();
  assert.is(ties.length, 1024);
  for (const { name, bytes } of BUILDS) {
    const core = createCore({ module: bytes });
    const random = createRandom(8);
    for (const second of [0n, 1n, NOW / SECOND, -3n, 9_223_372_030n, -9_223_372_030n]) {
      const stamps = ties.map((ns): FourStamps => {
        const t4 = second * SECOND + ns;
        const t1 = t4 - BigInt(random.below(2_000_000_000));
        assert.is(wrap(rawOf(core).ntpFromUnix(t4)), ntpFromUnix(t4), `${name}, ${t4}`);
        return { t1, t2: ntpFromUnix(t1), t3: ntpFromUnix(t1), t4 };
      });
      for (const [k, four] of stamps.entries()) put(core, k, KIND_NTP, four);
      assert.is(core.exports.measureBatch(stamps.length, 0), 0);
      for (const [k, four] of stamps.entries()) {
        assert.equal(rowIn(core, k), wantedRow(KIND_NTP, four, 0n), `${name}, ${four.t4}`);
      }
    }
  }
});

test('they are what an exchange of the same record publishes', () => {
  const core = openCore({ combiner: 'average' }, 1);
  const random = createRandom(3);
  for (let k = 0; k < 500; k++) {
    const t1 = NOW + BigInt(k) * SECOND;
    const t2 = ntpFromUnix(t1 + BigInt(random.below(2 ** 28)));
    const t4 = t1 + BigInt(2 ** 28 + random.below(2 ** 28));
    put(core, 0, KIND_NTP, { t1, t2, t3: t2, t4 });
    assert.is(core.exports.measureBatch(1, 0), 0);
    const { status, offsetS, delayS } = rowIn(core, 0);
    core.ingest(1);
    assert.is(status, USED);
    assert.is(core.path(0).offsetS, offsetS);
    assert.is(core.path(0).delayS, delayS);
  }
});

test('no path need be open, and nothing is remembered', () => {
  for (const { bytes } of BUILDS) {
    const core = openCore({ module: bytes }, 1);
    const t2 = ntpFromUnix(NOW);
    put(core, 0, KIND_NTP, { t1: NOW, t2, t3: t2, t4: NOW + 10n });
    core.ingest(1);
    const before = remembered(core);
    put(core, 0, KIND_NTP, { t1: NOW, t2, t3: t2, t4: NOW + 4n }, 200);
    put(core, 1, KIND_UNIX, { t1: NOW, t2: NOW, t3: NOW, t4: NOW + SECOND }, 0xffffffff);
    put(core, 2, 2, { t1: NOW, t2, t3: t2, t4: NOW + 4n });
    assert.is(core.exports.measureBatch(3, 0), 0);
    assert.is(firstDifference(before, remembered(core)), -1);
    assert.equal(rowIn(core, 1), { status: USED, offsetS: -0.5, delayS: 1 });
    assert.equal(rowIn(core, 2), { status: ERROR_KIND, offsetS: 0, delayS: 0 });
  }
});

test('a local clock that is behind gives a positive offset', () => {
  const core = createCore();
  for (const sign of [1n, -1n]) {
    const t2 = ntpFromUnix(NOW + sign * SECOND + 5_000_000n);
    put(core, 0, KIND_NTP, { t1: NOW, t2, t3: t2, t4: NOW + 10_000_000n });
    core.exports.measureBatch(1, 0);
    assert.ok(Math.abs(rowIn(core, 0).offsetS - Number(sign)) < 1e-9);
  }
});

test('a batch that is too long is refused with ERROR_BATCH and writes nothing', () => {
  const core = createCore();
  const rows = new Float64Array(core.exports.memory.buffer, core.exports.RESULTS.value, SLOTS);
  rows.fill(7);
  for (const count of [-1, core.maxBatch + 1, 2 ** 31 - 1]) {
    assert.is(core.exports.measureBatch(count, 0), ERROR_BATCH);
  }
  assert.is(core.exports.measureBatch(0, 0), 0);
  assert.equal([...rows], [7, 7, 7]);
  assert.is(core.exports.measureBatch(core.maxBatch, 0), 0);
});

test.run();

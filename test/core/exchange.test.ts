/** Exchange arithmetic against the twin, signs, statuses, and that refused records change nothing. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type Core, CoreError } from '../../src/core.ts';
import { KIND_NTP, KIND_UNIX, setUnixNs } from '../../src/recording/record.ts';
import { createRandom, type Random } from '../fuzz/random.ts';
import {
  type FourStamps,
  holdMargin,
  isDisorder,
  type Measured,
  measureNtp,
  measureUnix,
} from '../twin/exchange.ts';
import { exactly, ntpFromUnix, unixFromNtp, wrap } from '../twin/time.ts';
import { awkward, BUILDS, firstDifference, openCore, remembered, writeStamps } from './rig.ts';

const test = suite('core exchange');

const SECOND = 1_000_000_000n;
const NOW = 1_763_600_000n * SECOND;
const PATH_REVERSE = 19; // slots of a path's report (assembly/memory.ts)
const PATH_FORWARD = 20;

/** Takes one record on path 0; `kind` says what the remote stamps are. */
function take(core: Core, kind: number, { t1, t2, t3, t4 }: FourStamps): string {
  const stamps = { path: 0, localSend: t1, remoteReceive: t2, remoteSend: t3, localReceive: t4 };
  writeStamps(core, 0, kind, stamps);
  core.ingest(1);
  return core.result(0).status;
}

/** A fresh core that has taken this one exchange. */
function only(kind: number, stamps: FourStamps, bytes = BUILDS[0]?.bytes): Core {
  const core = openCore(bytes === undefined ? {} : { module: bytes }, 1);
  assert.is(take(core, kind, stamps), 'used');
  return core;
}

/** Unix ns on all four, remote clock `ahead` ns ahead, `out` and `back` ns one way, no hold. */
const unixStamps = (ahead: bigint, out: bigint, back: bigint, t1 = NOW): FourStamps => {
  const t2 = t1 + out + ahead;
  return { t1, t2, t3: t2, t4: t1 + out + back };
};

const toNtp = ({ t1, t2, t3, t4 }: FourStamps): FourStamps => ({
  t1,
  t2: ntpFromUnix(t2),
  t3: ntpFromUnix(t3),
  t4,
});

/** base + rest − wanted, all exact, in seconds. */
function errorS(base: number, rest: number, numerator: bigint, denominator: bigint): number {
  const { numerator: n, denominator: d } = exactly(rest);
  const exact = BigInt(base) * d * denominator + n * denominator - numerator * d;
  return Number(exact) / Number(d * denominator);
}

test('a local clock 1 s behind gives offset +1 s, 1 s ahead gives −1 s', () => {
  for (const kind of [KIND_UNIX, KIND_NTP]) {
    for (const sign of [1n, -1n]) {
      const stamps = unixStamps(sign * SECOND, 5_000_000n, 5_000_000n);
      const core = only(kind, kind === KIND_NTP ? toNtp(stamps) : stamps);
      assert.ok(Math.abs((core.clock()?.offsetS ?? 0) - Number(sign)) < 1e-9);
      assert.ok(Math.abs(core.path(0).delayS - 0.01) < 1e-9);
    }
  }
});

test('remote→local is forward: 3 ms back and 1 ms out look like an offset of −1 ms', () => {
  const core = only(KIND_UNIX, unixStamps(0n, 1_000_000n, 3_000_000n));
  assert.is(core.clock()?.offsetS, -0.001);
  assert.is(core.path(0).delayS, 0.004);
});

test('the WIRE 1.2 exchange across the era boundary: offset +0.53 s, delay 0.04 s (NTP eras)', () => {
  const start = 2_085_978_496n * SECOND;
  const local = (stamp: bigint) => unixFromNtp(stamp, start);
  const core = only(KIND_NTP, {
    t1: local(0xffffffff_c0000000n),
    t2: 0x00000000_4ccccc00n,
    t3: 0x00000000_4f5c2800n,
    t4: local(0xffffffff_cccccc00n),
  });
  // the vector's stamps are cut to 2^-22 s
  assert.ok(Math.abs((core.clock()?.offsetS ?? 0) - 0.53) < 1e-6);
  assert.ok(Math.abs(core.path(0).delayS - 0.04) < 1e-6);
  const exact = measureNtp({
    t1: local(0xffffffff_c0000000n),
    t2: 0x00000000_4ccccc00n,
    t3: 0x00000000_4f5c2800n,
    t4: local(0xffffffff_cccccc00n),
  });
  const clock = core.clock();
  const error = errorS(clock?.baseS ?? 0, clock?.restS ?? 0, exact.offset2, exact.unitsPerS * 2n);
  assert.ok(Math.abs(error) < 1e-15);
});

test('clocks decades apart keep their nanoseconds in base + rest', () => {
  for (const t1 of [1_000_000n, -86_400n * SECOND]) {
    for (const extra of [0n, 1n, 123_456_789n, 999_999_999n]) {
      const stamps = unixStamps(NOW - t1 + extra, 1_000_000n, 1_000_000n, t1);
      for (const kind of [KIND_UNIX, KIND_NTP]) {
        const clock = only(kind, kind === KIND_NTP ? toNtp(stamps) : stamps).clock();
        assert.ok(clock !== null && Math.abs(clock.restS) <= 1.001, `rest ${clock?.restS}`);
        const error = errorS(clock.baseS, clock.restS, NOW - t1 + extra, SECOND);
        assert.ok(Math.abs(error) < (kind === KIND_NTP ? 2.4e-10 : 1e-15), `error ${error}`);
      }
    }
  }
});

test('one-way spans are the exact ones, rounded once: 40000 random exchanges per build', () => {
  for (const { bytes, name } of BUILDS) {
    const random = createRandom(11);
    const core = openCore({ module: bytes, combiner: 'average' }, 1);
    const slots = new Float64Array(core.exports.memory.buffer, core.exports.PATHS.value, 32);
    const clock = new Float64Array(core.exports.memory.buffer, core.exports.CLOCK.value, 16);
    let at = NOW;
    let counted = 0;
    for (let k = 0; k < 40_000; k++) {
      const kind = random.below(2);
      at += BigInt(1 + random.below(2_000_000_000));
      const unix = near(random, at);
      const stamps = kind === KIND_NTP ? toNtp(unix) : unix;
      at = stamps.t4;
      const status = take(core, kind, stamps);
      const exact = (kind === KIND_NTP ? measureNtp : measureUnix)(stamps, BigInt(clock[1] ?? 0));
      if (!checkStatus(status, stamps, exact)) continue;
      counted++;
      const unit = Number(exact.unitsPerS);
      assert.is(slots[PATH_REVERSE], Number(exact.reverse) / unit, `${name} ${k} reverse`);
      assert.is(slots[PATH_FORWARD], Number(exact.forward) / unit, `${name} ${k} forward`);
      const size = 2 ** -52 * (Math.abs(Number(exact.reverse)) + Math.abs(Number(exact.forward)));
      const offset = Number(exact.offset2) / (2 * unit);
      const delay = Math.max(Number(exact.delay), 0) / unit;
      assert.ok(Math.abs((slots[6] ?? 0) - offset) <= size / unit, `${name} ${k} offset`);
      assert.ok(Math.abs((slots[7] ?? 0) - delay) <= size / unit, `${name} ${k} delay`);
    }
    assert.ok(counted > 20_000, `only ${counted} counted`);
  }
});

/** Stamps as a network might give them, offsets up to some years, now and then impossible ones. */
function near(random: Random, t1: bigint): FourStamps {
  const ahead = BigInt(random.u32() - 2 ** 31) << BigInt(random.below(26));
  const out = BigInt(random.u32()) >> BigInt(random.below(32));
  const back = BigInt(random.u32()) >> BigInt(random.below(32));
  const hold = BigInt(random.u32()) >> BigInt(random.below(32));
  const bent = random.below(8) === 0 ? BigInt(random.below(200_000)) - 100_000n : 0n;
  const t2 = t1 + out + ahead;
  const t4 = t1 + out + hold + back - (random.below(8) === 0 ? out + back : 0n) + bent;
  return { t1, t2, t3: t2 + (random.below(50) === 0 ? -1n : hold), t4 };
}

/** Checks order and hold against the twin; true if the exchange counted. */
function checkStatus(status: string, stamps: FourStamps, exact: Measured): boolean {
  if (isDisorder(stamps, exact)) {
    assert.is(status, 'order');
    return false;
  }
  const margin = holdMargin(exact);
  if (margin >= 50_000n) assert.is(status, 'used');
  else if (margin <= -50_000n) assert.is(status, 'hold');
  return status === 'used';
}

test('any four i64 stamps give a status and finite numbers: 40000 awkward records per build', () => {
  for (const { bytes } of BUILDS) {
    const random = createRandom(12);
    const core = openCore({ module: bytes, combiner: 'average' }, 1);
    for (let k = 0; k < 40_000; k++) {
      if (k % 8 === 0) {
        core.reset();
        core.openPath();
      }
      const kind = random.below(2);
      const [t1, t2, t3, t4] = [awkward(random), awkward(random), awkward(random), awkward(random)];
      const ordered = random.below(2) === 0 && t1 > t4;
      const stamps = { t1: ordered ? t4 : t1, t2, t3, t4: ordered ? t1 : t4 };
      const unsigned = { ...stamps, t2: wrap(t2), t3: wrap(t3) };
      const exact = kind === KIND_NTP ? measureNtp(unsigned) : measureUnix(stamps);
      const status = take(core, kind, stamps);
      const repeats = status === 'duplicate'; // looked at first
      if (isDisorder(stamps, exact) && !repeats) assert.is(status, 'order', `${k}`);
      const report = core.path(0);
      assert.ok(Number.isFinite(report.offsetS) && Number.isFinite(report.delayS), `${k}`);
      assert.ok(report.delayS >= 0);
    }
  }
});

test('records written in two 32-bit words are the 64-bit ones (setUnixNs)', () => {
  const random = createRandom(13);
  const view = new DataView(new ArrayBuffer(16));
  for (let k = 0; k < 20_000; k++) {
    const seconds = Math.round((random.u32() - 2 ** 31) * 2 ** (random.below(34) - 31) * 2);
    const ns = Math.round((random.u32() - 2 ** 31) * 2 ** random.below(22));
    setUnixNs(view, 8, seconds, ns);
    const exact = BigInt(seconds) * SECOND + BigInt(ns);
    if (view.getBigInt64(8, true) !== BigInt.asIntN(64, exact)) {
      assert.unreachable(`setUnixNs(${seconds}, ${ns}) gave ${view.getBigInt64(8, true)}`);
    }
  }
});

const GOOD = unixStamps(250_000_000n, 5_000_000n, 6_000_000n);
const later = (stamps: FourStamps, byNs: bigint): FourStamps => ({
  t1: stamps.t1 + byNs,
  t2: stamps.t2 + byNs,
  t3: stamps.t3 + byNs,
  t4: stamps.t4 + byNs,
});

const REFUSALS: Record<string, (last: FourStamps) => FourStamps> = {
  duplicate: (last) => last,
  order: (last) => ({ ...later(last, SECOND), t4: last.t1 + SECOND - 1n }),
  hold: (last) => ({ ...later(last, SECOND), t3: last.t3 + 2n * SECOND }),
  late: (last) => later(last, -64n * SECOND - 1n),
};

test('a remote side that sends before it received is out of order too', () => {
  const core = only(KIND_UNIX, GOOD);
  const stamps = later(GOOD, SECOND);
  assert.is(take(core, KIND_UNIX, { ...stamps, t3: stamps.t2 - 1n }), 'order');
});

test('a delay below zero is forgiven up to 20 µs and 500 ppm of the hold', () => {
  const hold = SECOND;
  const least = -20_000n - hold / 2000n;
  for (const [delay, status] of [
    [least + 2n, 'used'],
    [least - 2n, 'hold'],
  ] as const) {
    const core = only(KIND_UNIX, GOOD);
    const t1 = NOW + SECOND;
    const t2 = t1 + 250_000_000n;
    const got = take(core, KIND_UNIX, { t1, t2, t3: t2 + hold, t4: t1 + hold + delay });
    assert.is(got, status);
    if (status === 'used') assert.is(core.path(0).delayS, 0);
  }
});

test('refused records change nothing but the two counters, whatever the combiner', () => {
  for (const combiner of COMBINERS) {
    const core = openCore({ combiner }, 3);
    const slots = new Float64Array(core.exports.memory.buffer);
    const refusals = [
      core.exports.CLOCK.value / 8 + 12, // CLOCK_REFUSED
      core.exports.PATHS.value / 8 + 5, // PATH_REFUSED of path 0
    ];
    let last = GOOD;
    for (let k = 0n; k < 20n; k++) {
      last = later(GOOD, k * SECOND);
      assert.ok(['used', 'held'].includes(take(core, KIND_UNIX, last)));
    }
    let refused = 0;
    for (const [status, bend] of Object.entries(REFUSALS)) {
      for (let again = 0; again < 7; again++) {
        const before = remembered(core);
        assert.is(take(core, KIND_UNIX, bend(last)), status);
        refused++;
        assert.is(core.path(0).refused, refused);
        assert.is(core.clock()?.refused, refused);
        for (const slot of refusals) slots[slot] = refused - 1;
        assert.is(firstDifference(remembered(core), before), -1, `${combiner} ${status}`);
        for (const slot of refusals) slots[slot] = refused;
      }
    }
  }
});

test('a stream with refused records in between ends in the same state as without them', () => {
  for (const combiner of COMBINERS) {
    const clean = openCore({ combiner }, 2);
    const dirty = openCore({ combiner }, 2);
    const random = createRandom(14);
    for (let k = 0n; k < 300n; k++) {
      const out = 5_000_000n + BigInt(random.below(1_000_000));
      const last = later(unixStamps(250_000_000n, out, 5_000_000n), k * SECOND);
      assert.is(take(clean, KIND_UNIX, last), take(dirty, KIND_UNIX, last));
      const [status, bend] = random.pick(
        Object.entries(REFUSALS) as [[string, (typeof REFUSALS)[string]]],
      );
      assert.is(take(dirty, KIND_UNIX, bend(last)), status);
    }
    const refusals = [dirty.exports.CLOCK.value / 8 + 12, dirty.exports.PATHS.value / 8 + 5];
    const slots = new Float64Array(dirty.exports.memory.buffer);
    for (const slot of refusals) slots[slot] = 0;
    assert.is(firstDifference(remembered(clean), remembered(dirty)), -1, combiner);
  }
});

test('eight late exchanges in a row mean that the local clock went back', () => {
  const core = only(KIND_UNIX, GOOD);
  for (let k = 0n; k < 7n; k++) {
    const stamps = later(unixStamps(3_600n * SECOND, 5_000_000n, 5_000_000n), k * SECOND);
    assert.is(take(core, KIND_UNIX, later(stamps, -3_600n * SECOND)), 'late');
  }
  const eighth = later(unixStamps(3_600n * SECOND, 5_000_000n, 5_000_000n), 8n * SECOND);
  assert.is(take(core, KIND_UNIX, later(eighth, -3_600n * SECOND)), 'used');
  const clock = core.clock();
  assert.is(clock?.steps, 1);
  assert.ok(Math.abs((clock?.offsetS ?? 0) - 3600) < 1e-9);
});

test('a closed path, an unknown kind and too long a batch are errors and change nothing', () => {
  const core = only(KIND_UNIX, GOOD);
  const before = remembered(core);
  const next = later(GOOD, SECOND);
  const stamps = { localSend: next.t1, remoteReceive: next.t2, remoteSend: next.t3 };
  for (const [path, kind, code] of [
    [1, KIND_UNIX, -1],
    [64, KIND_UNIX, -1],
    [-1, KIND_UNIX, -1],
    [0, 4, -2],
    [0, -1, -2],
  ] as const) {
    writeStamps(core, 0, kind, { ...stamps, path, localReceive: next.t4 });
    assert.is(core.exports.ingest(1), code);
    assert.is(core.results[0], code);
    assert.throws(
      () => core.result(0),
      (error: unknown) => error instanceof CoreError,
    );
  }
  for (const count of [core.maxBatch + 1, -1, 2 ** 31]) {
    assert.is(core.exports.ingest(count), -3);
    assert.is(core.exports.absorb(count), -3);
  }
  assert.is(core.exports.closePath(1), -1);
  assert.is(core.exports.reset(COMBINERS.length), -5);
  assert.is(core.exports.reset(-1), -5);
  assert.is(firstDifference(remembered(core), before), -1);
});

test.run();

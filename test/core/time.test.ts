/** Fixed-point time: exact vectors, then the core against the BigInt twin. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { createRandom, type Random } from '../fuzz/random.ts';
import * as twin from '../twin/time.ts';
import { awkward, BUILDS, type RawCore, rawOf } from './rig.ts';

const test = suite('core time');

const MOST = (1n << 63n) - 1n;
const LEAST = -(1n << 63n);
const SECOND = 1_000_000_000n;

const cores = BUILDS.map(({ bytes }) => rawOf(createCore({ module: bytes })));

function inBothBuilds(check: (core: RawCore) => void): void {
  for (const core of cores) check(core);
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Runs `count` seeded cases in each build and names the first that differs. */
function agree(seed: number, count: number, check: (core: RawCore, random: Random) => void): void {
  inBothBuilds((core) => {
    const random = createRandom(seed);
    for (let k = 0; k < count; k++) check(core, random);
  });
}

function same(got: bigint | number, wanted: bigint | number, what: string, ...given: unknown[]) {
  if (got === wanted) return;
  assert.unreachable(`${what}(${given.join(', ')}): core ${got}, twin ${wanted}`);
}

test('WIRE 1.2 vectors: Unix time to NTP stamp, both eras (NTP time, RFC 5905 §6)', () => {
  inBothBuilds((core) => {
    const stamp = (unixNs: bigint) => unsigned(core.ntpFromUnix(unixNs));
    assert.is(stamp(0n), 0x83aa7e80_00000000n);
    assert.is(stamp(1_700_000_000_500_000_000n), 0xe8fe6f80_80000000n);
    assert.is(stamp(2_085_978_495_750_000_000n), 0xffffffff_c0000000n);
    assert.is(stamp(2_085_978_496_250_000_000n), 0x00000000_40000000n);
  });
});

test('2^32 units are one second, exactly', () => {
  inBothBuilds((core) => {
    assert.is(core.secondsFromSpan(1n << 32n), 1);
    assert.is(core.secondsFromSpan(1n), 2 ** -32);
    assert.is(core.secondsFromSpan(LEAST), -(2 ** 31));
    assert.is(core.nsFromSpan(1n << 32n), SECOND);
    assert.is(core.nsFromSpan(-(1n << 32n)), -SECOND);
    assert.is(unsigned(core.ntpFromUnix(SECOND)) - unsigned(core.ntpFromUnix(0n)), 1n << 32n);
    assert.is(core.secondsFromShort(1 << 16), 1);
    assert.is(core.secondsFromShort(1), 2 ** -16);
    assert.is(core.shortFromSeconds(1), 1 << 16);
  });
});

test('2^16 units of a TimeInterval are one nanosecond, exactly (IEEE 1588 §5.3.2)', () => {
  inBothBuilds((core) => {
    assert.is(core.intervalFromNs(1n), 1n << 16n);
    assert.is(core.intervalFromNs(-1n), -(1n << 16n));
    assert.is(core.nsFromInterval(1n << 16n), 1n);
    assert.is(core.secondsFromInterval(65_536n * SECOND), 1);
    assert.is(core.secondsFromInterval(-65_536n * SECOND), -1);
    assert.is(core.ptpSpan(5n, 7n), 2n << 16n);
  });
});

test('a span across the era boundary keeps its length and sign', () => {
  inBothBuilds((core) => {
    const before = 0xffffffff_80000000n;
    const after = 0x00000000_80000000n;
    assert.is(core.ntpSpan(before, after), 1n << 32n);
    assert.is(core.ntpSpan(after, before), -(1n << 32n));
    assert.is(core.ntpSpan(0n, 1n << 63n), LEAST);
  });
});

test('the 64-bit stamp wraps from era to era and back', () => {
  inBothBuilds((core) => {
    const start = 2_085_978_496n * SECOND; // 2036-02-07
    assert.is(unsigned(core.ntpFromUnix(start - 1n)), twin.wrap(-4n)); // 1 ns is 4.29 units
    assert.is(core.ntpFromUnix(start), 0n);
    // 0.1 ns before a second rounds up into it, at the end of an era into the next one
    assert.is(core.unixFromNtp(-1n, start), start);
    assert.is(core.unixFromNtp(0n, start), start);
    assert.is(core.unixFromNtp(0n, start + (1n << 32n) * SECOND), start + (1n << 32n) * SECOND);
    const year = 31_556_952n * SECOND;
    assert.is(core.unixFromNtp(0n, 0n), start); // 1970 is nearer to 2036 than to 1900 …
    assert.is(core.unixFromNtp(0n, -3n * year), start - (1n << 32n) * SECOND); // … 1967 is not
  });
});

test('times before 1970 and before 1900 are floored, not truncated', () => {
  inBothBuilds((core) => {
    assert.is(unsigned(core.ntpFromUnix(-500_000_000n)), 0x83aa7e7f_80000000n);
    const in1900 = -2_208_988_800n * SECOND;
    assert.is(core.ntpFromUnix(in1900), 0n);
    assert.is(unsigned(core.ntpFromUnix(in1900 - 250_000_000n)), 0xffffffff_c0000000n);
  });
});

test('NTP stamps round to the nearest unit and nanosecond, ties up; spans away from zero', () => {
  inBothBuilds((core) => {
    // 2^22 units are 976562.5 ns, the shortest tie there is
    const tie = 1n << 22n;
    assert.is(core.nsFromSpan(tie), 976_563n);
    assert.is(core.nsFromSpan(-tie), -976_563n);
    assert.is(core.nsFromSpan(tie - 1n), 976_562n);
    const epoch = unsigned(core.ntpFromUnix(0n));
    assert.is(core.unixFromNtp(BigInt.asIntN(64, epoch + tie), 0n), 976_563n);
    assert.is(core.unixFromNtp(BigInt.asIntN(64, epoch - tie), 0n), -976_562n);
    // the answer is that of the stamp, whatever the pivot's own rounding was
    for (let ns = 0n; ns < 64n; ns++) {
      assert.is(core.unixFromNtp(BigInt.asIntN(64, epoch + tie), ns), 976_563n);
    }
  });
});

test('short format rounds to nearest and saturates; what is no number is the maximum', () => {
  inBothBuilds((core) => {
    const units = (s: number) => core.shortFromSeconds(s) >>> 0;
    assert.is(units(0), 0);
    assert.is(units(-1), 0);
    assert.is(units(0.5 / 65536), 1);
    assert.is(units(0.49999999999999994 / 65536), 0);
    assert.is(units(65535 + 65535 / 65536), 0xffffffff);
    for (const s of [65536, 1e300, Number.POSITIVE_INFINITY, Number.NaN]) {
      assert.is(units(s), 0xffffffff);
    }
    assert.is(units(Number.NEGATIVE_INFINITY), 0);
  });
});

test('PTP pairs: what is a time, and where nanoseconds since 1970 end (48-bit seconds)', () => {
  inBothBuilds((core) => {
    assert.is(core.ptpIsTime((1n << 48n) - 1n, 999_999_999), 1);
    assert.is(core.ptpIsTime(1n << 48n, 0), 0);
    assert.is(core.ptpIsTime(0n, 1_000_000_000), 0);
    assert.is(core.ptpIsTime(-1n, 0), 0);
    assert.is(core.nsFromPtp(9_223_372_036n, 854_775_807), MOST);
    assert.is(core.nsFromPtp(9_223_372_036n, 854_775_806), MOST - 1n);
    assert.is(core.nsFromPtp(9_223_372_036n, 999_999_999), MOST);
    assert.is(core.nsFromPtp((1n << 48n) - 1n, 999_999_999), MOST);
  });
});

test('TAI is 37 s ahead of UTC since 2017, and both conversions saturate', () => {
  inBothBuilds((core) => {
    assert.is(core.taiFromUnix(1_483_228_800n * SECOND, 37), 1_483_228_837n * SECOND);
    assert.is(core.unixFromTai(1_483_228_837n * SECOND, 37), 1_483_228_800n * SECOND);
    assert.is(core.taiFromUnix(MOST, 37), MOST);
    assert.is(core.unixFromTai(LEAST, 37), LEAST);
    assert.is(core.unixFromTai(MOST, -37), MOST);
  });
});

test('TimeIntervals saturate at both ends and round half up', () => {
  inBothBuilds((core) => {
    assert.is(core.intervalFromNs((1n << 47n) - 1n), ((1n << 47n) - 1n) << 16n);
    assert.is(core.intervalFromNs(1n << 47n), MOST);
    assert.is(core.intervalFromNs(-(1n << 47n)), LEAST);
    assert.is(core.intervalFromNs(-(1n << 47n) - 1n), LEAST);
    assert.is(core.addIntervals(MOST, 1n), MOST);
    assert.is(core.addIntervals(LEAST, -1n), LEAST);
    assert.is(core.ptpSpan(LEAST, MOST), MOST);
    assert.is(core.ptpSpan(MOST, LEAST), LEAST);
    assert.is(core.nsFromInterval(0x8000n), 1n);
    assert.is(core.nsFromInterval(0x7fffn), 0n);
    assert.is(core.nsFromInterval(-0x8000n), 0n);
    assert.is(core.nsFromInterval(-0x8001n), -1n);
    assert.is(core.nsFromInterval(MOST), 1n << 47n);
  });
});

test('NTP time agrees with the twin on 30000 awkward cases per build', () => {
  agree(1, 30_000, (core, random) => {
    const a = awkward(random);
    const b = awkward(random);
    same(unsigned(core.ntpFromUnix(a)), twin.ntpFromUnix(a), 'ntpFromUnix', a);
    same(core.unixFromNtp(a, b), twin.unixFromNtp(unsigned(a), b), 'unixFromNtp', unsigned(a), b);
    same(core.ntpSpan(a, b), twin.ntpSpan(a, b), 'ntpSpan', a, b);
    same(core.nsFromSpan(a), twin.nsFromSpan(a), 'nsFromSpan', a);
    same(core.secondsFromSpan(a), twin.secondsFromSpan(a), 'secondsFromSpan', a);
  });
});

test('PTP time agrees with the twin on 30000 awkward cases per build', () => {
  agree(2, 30_000, (core, random) => {
    const a = awkward(random);
    const b = awkward(random);
    const leap = (random.u32() | 0) >> random.below(32);
    const nanoseconds = random.u32() >>> random.below(3);
    const wide = BigInt(nanoseconds);
    same(core.nsFromInterval(a), twin.nsFromInterval(a), 'nsFromInterval', a);
    same(core.intervalFromNs(a), twin.intervalFromNs(a), 'intervalFromNs', a);
    same(core.addIntervals(a, b), twin.addIntervals(a, b), 'addIntervals', a, b);
    same(core.ptpSpan(a, b), twin.ptpSpan(a, b), 'ptpSpan', a, b);
    same(core.taiFromUnix(a, leap), twin.taiFromUnix(a, BigInt(leap)), 'taiFromUnix', a, leap);
    same(core.unixFromTai(a, leap), twin.unixFromTai(a, BigInt(leap)), 'unixFromTai', a, leap);
    const seconds = unsigned(a) >> BigInt(random.below(64));
    same(
      core.nsFromPtp(BigInt.asIntN(64, seconds), nanoseconds),
      twin.nsFromPtp(seconds, wide),
      'nsFromPtp',
      seconds,
      nanoseconds,
    );
    same(
      core.ptpIsTime(BigInt.asIntN(64, seconds), nanoseconds),
      Number(twin.ptpIsTime(seconds, wide)),
      'ptpIsTime',
      seconds,
      nanoseconds,
    );
  });
});

test('TimeInterval seconds are within one rounding of the exact quotient', () => {
  agree(3, 5000, (core, random) => {
    const interval = awkward(random);
    const { numerator, denominator } = twin.exactly(core.secondsFromInterval(interval));
    const unit = 65_536n * SECOND;
    const error = numerator * unit - interval * denominator; // over denominator · unit
    const size = interval < 0n ? -interval : interval;
    assert.ok((error < 0n ? -error : error) << 51n <= size * denominator, `interval ${interval}`);
  });
});

test('short format agrees with the twin, in both directions, as do the fractions beside ties', () => {
  agree(4, 10_000, (core, random) => {
    const short = random.u32() >>> random.below(32);
    same(core.secondsFromShort(short), twin.secondsFromShort(short), 'secondsFromShort', short);
    same(core.shortFromSeconds(short / 65536) >>> 0, short, 'shortFromSeconds', short);
    const beside = ((short + 0.5) / 65536) * (1 + (random.below(3) - 1) * 2 ** -52);
    same(
      core.shortFromSeconds(beside) >>> 0,
      twin.shortFromSeconds(beside),
      'shortFromSeconds',
      beside,
    );
  });
});

test('any number whatever is some short format (fast-check)', () => {
  inBothBuilds((core) => {
    fc.assert(
      fc.property(fc.double(), (s) => core.shortFromSeconds(s) >>> 0 === twin.shortFromSeconds(s)),
      { numRuns: 2000, seed: 5 },
    );
  });
});

test('Unix → NTP → Unix gives the same nanosecond for any pivot within 68 years (fast-check)', () => {
  const reach = (1n << 31n) * SECOND - 2n;
  inBothBuilds((core) => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(1n << 62n), max: 1n << 62n }),
        fc.bigInt({ min: -reach, max: reach }),
        (ns, away) => core.unixFromNtp(core.ntpFromUnix(ns), ns + away) === ns,
      ),
      { numRuns: 5000, seed: 6 },
    );
  });
});

test.run();

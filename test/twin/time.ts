/**
 * Slow, obvious twin of the core's time arithmetic, written from the documents: whole numbers of any
 * size (BigInt), one exact fraction, one rounding, and only then the wrap or the clamp.
 * NTP: RFC 5905 §6 and WIRE §1.2. PTP: IEEE 1588-2008 §5.3.2, §5.3.3. Imports nothing.
 */

const NS = 1_000_000_000n; // per second
const NTP_UNITS = 1n << 32n; // 2^-32 s per second
const NTP_LEAD_S = 2_208_988_800n; // NTP seconds = Unix seconds + this (WIRE §1.2)
const INTERVAL_UNITS = 1n << 16n; // 2^-16 ns per ns
const MOST = (1n << 63n) - 1n;
const LEAST = -(1n << 63n);

/** Clamped to i64: spans saturate. */
export const clamp = (value: bigint): bigint =>
  value > MOST ? MOST : value < LEAST ? LEAST : value;

/** Modulo 2^64: timestamps wrap. */
export const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** floor(a / b), b > 0. */
export function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

/** a / b to the nearest whole number, ties up (towards +∞), b > 0. */
export const roundUp = (a: bigint, b: bigint): bigint => floorDivide(2n * a + b, 2n * b);

/** a / b to the nearest whole number, ties away from zero, b > 0. */
export const roundAway = (a: bigint, b: bigint): bigint =>
  a < 0n ? -roundUp(-a, b) : roundUp(a, b);

/** A finite number as an exact fraction numerator / denominator. */
export function exactly(value: number): { numerator: bigint; denominator: bigint } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const power = Number((bits >> 52n) & 0x7ffn);
  const digits = bits & ((1n << 52n) - 1n);
  const size = power === 0 ? digits : digits + (1n << 52n);
  const signed = bits >> 63n === 0n ? size : -size;
  const shift = Math.max(power, 1) - 1075;
  return shift >= 0
    ? { numerator: signed << BigInt(shift), denominator: 1n }
    : { numerator: signed, denominator: 1n << BigInt(-shift) };
}

// --- NTP -------------------------------------------------------------------------------------

/** 2^-32 s since 1900, of all eras. */
const ntpUnits = (unixNs: bigint): bigint => roundUp((unixNs + NTP_LEAD_S * NS) * NTP_UNITS, NS);

export const ntpFromUnix = (unixNs: bigint): bigint => wrap(ntpUnits(unixNs));

/** The only subtraction RFC 5905 §6 allows: two's complement modulo 2^64. */
export const ntpSpan = (a: bigint, b: bigint): bigint => BigInt.asIntN(64, b - a);

/** Of all the times this stamp may mean, one per era, that nearest to the pivot. */
export function unixFromNtp(stamp: bigint, pivotNs: bigint): bigint {
  const units = ntpUnits(pivotNs) + ntpSpan(ntpFromUnix(pivotNs), stamp);
  return clamp(roundUp((units - NTP_LEAD_S * NTP_UNITS) * NS, NTP_UNITS));
}

export const nsFromSpan = (span: bigint): bigint => roundAway(span * NS, NTP_UNITS);

/** One correctly rounded division by a power of two. */
export const secondsFromSpan = (span: bigint): number => Number(span) / 2 ** 32;

export const secondsFromShort = (short: number): number => short / 2 ** 16;

export function shortFromSeconds(s: number): number {
  if (Number.isNaN(s) || s >= 65536) return 0xffffffff;
  if (s <= 0) return 0;
  const { numerator, denominator } = exactly(s);
  return Math.min(Number(roundUp(numerator * 65536n, denominator)), 0xffffffff);
}

// --- PTP -------------------------------------------------------------------------------------

export const ptpIsTime = (seconds: bigint, nanoseconds: bigint): boolean =>
  seconds < 1n << 48n && nanoseconds < NS;

export const nsFromPtp = (seconds: bigint, nanoseconds: bigint): bigint =>
  clamp(seconds * NS + nanoseconds);

export const unixFromTai = (taiNs: bigint, taiMinusUtcS: bigint): bigint =>
  clamp(taiNs - taiMinusUtcS * NS);

export const taiFromUnix = (unixNs: bigint, taiMinusUtcS: bigint): bigint =>
  clamp(unixNs + taiMinusUtcS * NS);

export const intervalFromNs = (ns: bigint): bigint => clamp(ns * INTERVAL_UNITS);

export const ptpSpan = (a: bigint, b: bigint): bigint => intervalFromNs(b - a);

export const nsFromInterval = (interval: bigint): bigint => roundUp(interval, INTERVAL_UNITS);

export const addIntervals = (a: bigint, b: bigint): bigint => clamp(a + b);

/**
 * NTP time: 64-bit timestamps in 2^-32 s since the era's start, 16.16 short format.
 * Timestamps wrap (an era is 2^32 s), spans are i64 in 2^-32 s and are right for |span| < 2^31 s.
 * Source: RFC 5905 §6.
 */

export const UNITS_PER_S: f64 = 4294967296.0; // 2^32
/** Seconds from 1900-01-01 (NTP era 0) to 1970-01-01. */
export const UNIX_TO_NTP_S: i64 = 2208988800;
const NS_PER_S: i64 = 1000000000;
const FRACTION: u64 = 0xffffffff;

/** 1.5 · 2^52: added to a f64 it rounds to nearest and leaves the integer in the low bits. */
const ROUND: f64 = 6755399441055744.0;
const ROUND_BITS: i64 = 0x4338000000000000;

/** Nearest integer of |x| < 2^51, ties to even, and ROUND_BITS more. */
function rounded(x: f64): i64 {
  return reinterpret<i64>(x + ROUND);
}

/**
 * Unix ns → NTP timestamp of the era it falls in, rounded to the nearest 2^-32 s. Exact without a
 * division, which wasm has only in its slowest form: the seconds are a rounded product that may be
 * one off, the rest makes that good.
 */
export function ntpFromUnix(ns: i64): u64 {
  const second = nearSecond(ns);
  return u64((second << 32) + unitsFromNs(afterSecond(ns, second)) + STAMP_REST);
}

/** The second of a time, or the next; ROUND_BITS too much, which `<< 32` shifts out. */
export function nearSecond(ns: i64): i64 {
  return rounded(f64(ns) * 1.0e-9);
}

/** Time less that second, ns, ROUND_BITS too much. */
export function afterSecond(ns: i64, second: i64): i64 {
  return ns + (ROUND_BITS * NS_PER_S + ROUND_BITS) - second * NS_PER_S;
}

/**
 * Such a time, |ns| < 3·10^9, in 2^-32 s, rounded to nearest, UNITS_REST too little. 2^32/10^9 is 4
 * and 0.294967296; the product with that (2^23/1953125 − 4) stays 2.5·10^-7 clear of a tie and is
 * good to 10^-7.
 */
export function unitsFromNs(ns: i64): i64 {
  return (ns << 2) + rounded((reinterpret<f64>(ns) - ROUND) * 0.294967296);
}

/** What makes a timestamp of `(second << 32) + units`. */
export const STAMP_REST: i64 = (UNIX_TO_NTP_S << 32) - ROUND_BITS - (ROUND_BITS << 2);

/**
 * NTP timestamp → Unix ns nearest to `pivot` among all eras, rounded to the nearest ns (ties up),
 * saturating.
 */
export function unixFromNtp(stamp: u64, pivot: i64): i64 {
  const near = ntpFromUnix(pivot);
  const span = ntpSpan(near, stamp);
  let second = pivot / NS_PER_S - i64(pivot % NS_PER_S < 0);
  second += i64((near >> 32) - u64(second + UNIX_TO_NTP_S)) & 1; // near may have been rounded up
  second += (span >> 32) + i64(((u64(span) & FRACTION) + (near & FRACTION)) >> 32);
  const ns = i64(((stamp & FRACTION) * 1000000000 + 0x80000000) >> 32); // [0, 10^9]
  if (second > 9223372036) return i64.MAX_VALUE;
  if (second < -9223372037) return i64.MIN_VALUE;
  if (second < 0) return saturatingAdd((second + 1) * NS_PER_S, ns - NS_PER_S);
  return saturatingAdd(second * NS_PER_S, ns);
}

/** b − a in 2^-32 s, modulo 2^64: right for |b − a| < 2^31 s (RFC 5905 §6). */
export function ntpSpan(a: u64, b: u64): i64 {
  return i64(b - a);
}

/** Span in 2^-32 s → ns, rounded to nearest (ties away from zero). */
export function nsFromSpan(span: i64): i64 {
  const negative = span < 0;
  const size = negative ? u64(0) - u64(span) : u64(span);
  const seconds = size >> 32; // [0, 2^31]
  const fraction = size & 0xffffffff;
  const ns = i64(seconds * 1000000000 + ((fraction * 1000000000 + 0x80000000) >> 32));
  return negative ? -ns : ns;
}

/** Span in 2^-32 s → s. Exact for |span| < 2^21 s. */
export function secondsFromSpan(span: i64): f64 {
  return f64(span) / UNITS_PER_S;
}

/** NTP short format (u16.u16) → s, [0, 65536). */
export function secondsFromShort(short: u32): f64 {
  return f64(short) / 65536.0;
}

/** s → NTP short format, rounded to nearest, saturating at both ends; NaN gives the maximum. */
export function shortFromSeconds(s: f64): u32 {
  if (!(s < 65535.99999)) return 0xffffffff;
  if (s <= 0.0) return 0;
  const whole = floor<f64>(s * 65536.0);
  return u32(whole) + u32(s * 65536.0 - whole >= 0.5);
}

/** a + b, clamped to the i64 range: spans saturate, they never wrap. */
export function saturatingAdd(a: i64, b: i64): i64 {
  const sum = a + b;
  if (((a ^ sum) & (b ^ sum)) < 0) return a < 0 ? i64.MIN_VALUE : i64.MAX_VALUE;
  return sum;
}

/** b − a, clamped to the i64 range. */
export function saturatingSpan(a: i64, b: i64): i64 {
  const span = b - a;
  if (((b ^ a) & (b ^ span)) < 0) return b < 0 ? i64.MIN_VALUE : i64.MAX_VALUE;
  return span;
}

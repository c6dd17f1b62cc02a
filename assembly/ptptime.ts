/**
 * PTP time: 48-bit seconds + 32-bit nanoseconds (TAI since 1970), corrections and spans as
 * TimeInterval, i64 in 2^-16 ns. Spans saturate at ±2^47 ns (about 39 h).
 * Source: IEEE 1588-2008 §5.3.2, §5.3.3.
 */
import { saturatingAdd, saturatingSpan } from './ntptime';

const NS_PER_S: i64 = 1000000000;
const MAX_SECONDS: u64 = 0xffffffffffff; // 2^48 − 1
/** Largest |ns| that fits a TimeInterval. */
const MAX_INTERVAL_NS: i64 = 0x7fffffffffff;

/** 1 if the pair is a timestamp at all: seconds < 2^48, nanoseconds < 10^9. */
export function ptpIsTime(seconds: u64, nanoseconds: u32): i32 {
  return i32(seconds <= MAX_SECONDS && nanoseconds < 1000000000);
}

/** Seconds and nanoseconds → ns since the PTP epoch, saturating (2^48 s exceeds i64 ns). */
export function nsFromPtp(seconds: u64, nanoseconds: u32): i64 {
  if (seconds > 9223372036) return i64.MAX_VALUE;
  return saturatingAdd(i64(seconds) * NS_PER_S, i64(nanoseconds));
}

/** TAI ns since the PTP epoch → Unix ns, `taiMinusUtcS` whole seconds given (37 since 2017). */
export function unixFromTai(ns: i64, taiMinusUtcS: i32): i64 {
  return saturatingAdd(ns, -i64(taiMinusUtcS) * NS_PER_S);
}

/** Unix ns → TAI ns since the PTP epoch. */
export function taiFromUnix(ns: i64, taiMinusUtcS: i32): i64 {
  return saturatingAdd(ns, i64(taiMinusUtcS) * NS_PER_S);
}

/** b − a for two ns counts, in 2^-16 ns, saturating. */
export function ptpSpan(a: i64, b: i64): i64 {
  return intervalFromNs(saturatingSpan(a, b));
}

/** True if so many ns fit a TimeInterval, and if up to one more is taken off them. */
export function fitsInterval(ns: i64): bool {
  return ns >= -MAX_INTERVAL_NS && ns <= MAX_INTERVAL_NS;
}

/** ns → TimeInterval (2^-16 ns), saturating. */
export function intervalFromNs(ns: i64): i64 {
  if (ns > MAX_INTERVAL_NS) return i64.MAX_VALUE;
  if (ns < -MAX_INTERVAL_NS) return i64.MIN_VALUE;
  return ns << 16;
}

/** TimeInterval → ns, rounded to nearest (ties up). */
export function nsFromInterval(interval: i64): i64 {
  return (interval >> 16) + ((interval >> 15) & 1);
}

/** Sum of two TimeIntervals (span − correctionField …), saturating. */
export function addIntervals(a: i64, b: i64): i64 {
  return saturatingAdd(a, b);
}

/** TimeInterval → s. */
export function secondsFromInterval(interval: i64): f64 {
  return f64(interval) / 65536.0 / 1.0e9;
}

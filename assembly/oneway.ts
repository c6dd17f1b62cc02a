/**
 * One-way arithmetic: two timestamps and a correction → the span of one direction. Differences and
 * the correction are taken in integers, 2^-16 ns, less the clock's whole-second base; only then
 * they become f64 seconds. Source: IEEE 1588-2008 §11.2, §11.3 (correctionField is subtracted).
 */
import {
  KIND_FORWARD,
  KIND_MASK,
  KIND_REVERSE,
  RECORD_CORRECTION,
  RECORD_KIND,
  RECORD_LOCAL,
  RECORD_PATH,
  RECORD_REMOTE,
} from './memory';
import { saturatingAdd, saturatingSpan } from './ntptime';
import { addIntervals, fitsInterval, intervalFromNs, secondsFromInterval } from './ptptime';

const NS_PER_S: i64 = 1000000000;

/** Slots that exist for both directions come in pairs of f64 (or i64), reverse first. */
export const REVERSE: usize = 0;
export const FORWARD: usize = 8;

/**
 * The span just measured, as in exchange.ts: reverse: offset + delay, less the base; forward:
 * delay − offset, plus the base; s.
 */
export let spanS: f64 = 0;

/** Which of a pair of slots a one-way record fills. */
export function sideOf(record: usize): usize {
  return (load<u32>(record, RECORD_KIND) & KIND_MASK) == KIND_REVERSE ? REVERSE : FORWARD;
}

/** Reads one one-way record and leaves its span in spanS; `baseS` whole seconds come off the offset. */
export function measureSpan(record: usize, baseS: i64): void {
  const remote = load<i64>(record, RECORD_REMOTE);
  const local = load<i64>(record, RECORD_LOCAL);
  const base = baseS * NS_PER_S;
  const isReverse = sideOf(record) == REVERSE;
  const ns = isReverse
    ? saturatingAdd(saturatingSpan(local, remote), -base)
    : saturatingAdd(saturatingSpan(remote, local), base);
  spanS = corrected(ns, load<i64>(record, RECORD_CORRECTION));
}

/** ns − correction, s: exact in 2^-16 ns up to 39 h, in whole ns beyond. */
function corrected(ns: i64, correction: i64): f64 {
  const whole = saturatingAdd(ns, -(correction >> 16)); // too large by …
  const part = correction & 0xffff; // [0, 2^16) of 2^-16 ns
  if (!fitsInterval(whole)) return f64(whole) / 1.0e9;
  return secondsFromInterval(addIntervals(intervalFromNs(whole), -part));
}

/** Offset of a one-way record in whole seconds, to choose the base with. */
export function wholeSpan(record: usize): i64 {
  return (
    saturatingSpan(load<i64>(record, RECORD_LOCAL), load<i64>(record, RECORD_REMOTE)) / NS_PER_S
  );
}

/**
 * Builds a one-way record; stamps in Unix ns, correction in 2^-16 ns.
 * @param stamps whose the local one is, in the place it has in RECORD_KIND
 */
export function recordOneWay(
  record: usize,
  path: u32,
  isReverse: bool,
  remote: i64,
  local: i64,
  correction: i64,
  stamps: u32,
): void {
  store<u32>(record, path, RECORD_PATH);
  store<u32>(record, (isReverse ? KIND_REVERSE : KIND_FORWARD) | stamps, RECORD_KIND);
  store<i64>(record, 0, 8);
  store<i64>(record, correction, RECORD_CORRECTION);
  store<i64>(record, remote, RECORD_REMOTE);
  store<i64>(record, local, RECORD_LOCAL);
}

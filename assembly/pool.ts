/**
 * The pool: all fresh paths' tracks carried to now, one row each in columns over 0..pool − 1. The
 * voting combiners give each a weight; this turns the weights into the clock and the reports.
 */
import { publishClock } from './clock';
import {
  COLUMN_BYTES,
  PATH_EXCESS_S,
  PATH_FLOOR_S,
  PATH_REASON,
  PATH_TAKEN,
  PATH_WEIGHT,
  POOL,
  REASON_FEW,
  REASON_NONE,
  REASON_NOT_BEST,
  REASON_QUEUE,
  STATE_CONGESTED,
  STATE_GOOD,
  STATE_QUARANTINED,
  STATE_WARMING,
} from './memory';
import { isFresh, isOpen, pathEnd, row, setState, stateOf, WARM_EXCHANGES } from './path';
import {
  offsetAt,
  TRACK_AT_S,
  TRACK_LEAN_S,
  TRACK_P01,
  TRACK_P11,
  TRACK_RATE,
  TRACK_TAKEN,
  track,
  varianceAt,
} from './track';
import { wander } from './wander';

const PATH: usize = POOL;
const OFFSET: usize = POOL + COLUMN_BYTES;
const VARIANCE: usize = POOL + 2 * COLUMN_BYTES;
const HALF: usize = POOL + 3 * COLUMN_BYTES;
const WEIGHT: usize = POOL + 4 * COLUMN_BYTES;

/** A column for the combiner's own use. */
export const CARDS: usize = POOL + 5 * COLUMN_BYTES;

/** Sigmas of a window, and what it allows for asymmetry, as a share of the delay. */
const KAPPA: f64 = 3.0;
const ALPHA: f64 = 0.01;
/** A lean this many times that of half of the others is called congestion. */
const CONGESTED_RATIO: f64 = 5.0;

/** Rows in the pool. */
export let pool: i32 = 0;

export function pathOf(k: i32): i32 {
  return i32(load<f64>(PATH + (usize(k) << 3)));
}

/** Offset of row k now, relative to the base, s. */
export function offsetOf(k: i32): f64 {
  return load<f64>(OFFSET + (usize(k) << 3));
}

/** Its variance, s². */
export function varianceOf(k: i32): f64 {
  return load<f64>(VARIANCE + (usize(k) << 3));
}

/** Half width of its window: noise, asymmetry, lean; s. */
export function halfOf(k: i32): f64 {
  return load<f64>(HALF + (usize(k) << 3));
}

export function weightOf(k: i32): f64 {
  return load<f64>(WEIGHT + (usize(k) << 3));
}

/** Weights need no common scale; publishPool makes shares of them. */
export function setWeight(k: i32, weight: f64): void {
  store<f64>(WEIGHT + (usize(k) << 3), weight);
}

/** Fills the pool with the fresh paths that have a track; returns how many. */
export function gatherPool(nowS: f64): i32 {
  pool = 0;
  for (let i = 0; i < pathEnd; i++) {
    const t = track(i);
    if (!isOpen(i) || !isFresh(i, nowS) || load<f64>(t, TRACK_TAKEN) == 0.0) continue;
    const age = max<f64>(nowS - load<f64>(t, TRACK_AT_S), 0.0);
    const variance = varianceAt(t, age);
    const at = usize(pool) << 3;
    store<f64>(PATH + at, f64(i));
    store<f64>(OFFSET + at, offsetAt(t, age));
    store<f64>(VARIANCE + at, variance);
    store<f64>(
      HALF + at,
      KAPPA * sqrt<f64>(variance) +
        ALPHA * load<f64>(row(i), PATH_FLOOR_S) +
        load<f64>(t, TRACK_LEAN_S),
    );
    store<f64>(WEIGHT + at, 0.0);
    pool++;
  }
  return pool;
}

/** Mean of the offsets by the weights given; at least one must be above zero. */
export function poolMean(): f64 {
  let sum: f64 = 0;
  let weights: f64 = 0;
  for (let k = 0; k < pool; k++) {
    sum += weightOf(k) * offsetOf(k);
    weights += weightOf(k);
  }
  return sum / weights;
}

/**
 * Publishes the clock `offset`, made of the pool by the weights given.
 * Their errors are neither independent nor the same: all follow one wandering clock. The variances
 * are the geometric means of both extremes.
 * @param scatter variance of the members about the clock that their own does not explain, s²
 */
export function publishPool(offset: f64, scatter: f64, nowS: f64): void {
  let weights: f64 = 0;
  for (let k = 0; k < pool; k++) weights += weightOf(k);
  let rate: f64 = 0;
  let p00: f64 = 0;
  let p01: f64 = 0;
  let p11: f64 = 0;
  let alone: f64 = 0;
  let bound: f64 = 0;
  let paths = 0;
  for (let k = 0; k < pool; k++) {
    const i = pathOf(k);
    const t = track(i);
    const share = weightOf(k) / weights;
    const age = max<f64>(nowS - load<f64>(t, TRACK_AT_S), 0.0);
    store<f64>(row(i), share, PATH_WEIGHT);
    if (share > 0.0) paths++;
    rate += share * load<f64>(t, TRACK_RATE);
    alone += share * share;
    p00 += share * varianceOf(k);
    p01 += share * (load<f64>(t, TRACK_P01) + age * load<f64>(t, TRACK_P11));
    p11 += share * load<f64>(t, TRACK_P11);
    bound += share * load<f64>(row(i), PATH_FLOOR_S) * 0.5;
  }
  const gain = sqrt<f64>(alone);
  publishClock(offset, rate, p00 * gain + scatter, p01 * gain, p11 * gain, wander, bound, paths);
}

/** Row k is sound. The path just measured is looked at closely; of others only blame is taken. */
export function describeSound(k: i32, measured: i32): void {
  const i = pathOf(k);
  const p = row(i);
  if (i != measured) {
    const state = stateOf(i);
    const blamed = state == STATE_QUARANTINED || load<f64>(p, PATH_REASON) > f64(REASON_NOT_BEST);
    if (blamed) setState(i, STATE_GOOD, REASON_NONE, 0.0);
  } else if (load<f64>(p, PATH_TAKEN) < WARM_EXCHANGES) {
    setState(i, STATE_WARMING, REASON_FEW, 0.0);
  } else if (isCongested(i)) {
    setState(i, STATE_CONGESTED, REASON_QUEUE, load<f64>(p, PATH_EXCESS_S));
  } else {
    setState(i, STATE_GOOD, REASON_NONE, 0.0);
  }
}

/** No row carries, all for one reason. */
export function blameAll(reason: i32): void {
  for (let k = 0; k < pool; k++) {
    store<f64>(row(pathOf(k)), 0.0, PATH_WEIGHT);
    setState(pathOf(k), STATE_QUARANTINED, reason, 0.0);
  }
}

function isCongested(i: i32): bool {
  const own = load<f64>(track(i), TRACK_LEAN_S);
  let less = 0;
  for (let k = 0; k < pool; k++) {
    if (load<f64>(track(pathOf(k)), TRACK_LEAN_S) * CONGESTED_RATIO < own) less++;
  }
  return pool > 1 && 2 * less >= pool - 1;
}

/**
 * How much one measurement is believed: noise learnt per path, from what its delay excess says. A
 * packet that waited e may be off by ±e/2; what is left at zero excess is learnt, and so is the
 * share of the excess that falls on one direction.
 */
import {
  K_DIVISOR,
  K_EXCESS2,
  K_INFORMATION,
  K_LATE_RESIDUAL2,
  K_LATE2,
  K_MEAN,
  K_MEAN_EXCESS,
  K_NOISE,
  K_PLAIN,
  K_PRODUCT,
  K_R,
  K_SLOPE,
  K_TAKEN,
  kalmanRow,
} from './kalmanrow';
import { PATH_EXCESS_S, PATH_FLOOR_S } from './memory';
import { row } from './path';
import { isMixed, isStray, learnLateness, strays, userVariance } from './stamps';

const START_NOISE: f64 = 0.002; // of delay, 1 sigma
export const START_DIVISOR: f64 = 12.0; // two exponential queues
const LEAST_DIVISOR: f64 = 4.0;
const MOST_DIVISOR: f64 = 60.0;
/** The least of n round trips lies about this share of the mean excess over √n above the floor. */
const FLOOR_DOUBT: f64 = 0.7;
/** Share of a delay that may be queueing for all one knows at the first packet. */
const YOUNG_DOUBT: f64 = 1.0;
/** The coarsest clock worth its time, s. */
const COARSE_S: f64 = 1.0e-3;
/** A packet with more than so many times the mean excess teaches nothing about queues. */
const OUTLYING: f64 = 16.0;
/** Exchanges that count as taken where noise begins anew. */
const RELEARNT: f64 = 8.0;
/** Averages close to this memory, exchanges. */
export const MEMORY: f64 = 256.0;
/** Squared sigmas beyond which a measurement does not fit. */
export const GATE: f64 = 12.0;
/** Starting noise is no less than this, learnt noise no less than a tenth of it, 1 sigma, s. */
const LEAST_S: f64 = 1.0e-9;

/** Noise of a path at its first measurement, or after its route changed. */
export function startNoise(i: i32): void {
  const start = START_NOISE * load<f64>(row(i), PATH_FLOOR_S);
  store<f64>(
    kalmanRow(i),
    start * start + LEAST_S * LEAST_S + (isMixed ? userVariance(i) : 0.0),
    K_NOISE,
  );
}

/**
 * How far the path's least delay may lie above its floor, s. A young path's mean excess may be
 * small by luck, so part of the delay itself counts at first.
 */
function floorDoubt(i: i32, taken: f64, mean: f64): f64 {
  const n = taken + 1.0;
  const unknown = (YOUNG_DOUBT * load<f64>(row(i), PATH_FLOOR_S)) / (n * sqrt<f64>(n));
  return (FLOOR_DOUBT * mean) / sqrt<f64>(min<f64>(n, 1024.0)) + unknown;
}

/** Queueing is uniform over ±excess/2 given the excess; the floor itself is only known so well. */
export function measurementVariance(i: i32, excess: f64): f64 {
  const k = kalmanRow(i);
  const mean = load<f64>(row(i), PATH_EXCESS_S);
  const doubt = floorDoubt(i, load<f64>(k, K_TAKEN), mean);
  const wide = excess + doubt;
  // a stray had all of it on one side
  const divisor = strays == 0 ? load<f64>(k, K_DIVISOR) : LEAST_DIVISOR;
  return load<f64>(k, K_NOISE) + (wide * wide) / divisor;
}

/** What a measurement with strays teaches: how far such stamps are off, nothing of the path. */
function learnStrays(i: i32, excess: f64): void {
  const k = kalmanRow(i);
  store<f64>(k, load<f64>(k, K_TAKEN) + 1.0, K_TAKEN);
  const usual = load<f64>(row(i), PATH_EXCESS_S);
  const byS = excess - usual;
  const isBoth = isStray(0) && isStray(8);
  if (isStray(0)) learnLateness(0, isBoth ? byS * 0.5 : byS, usual);
  if (isStray(8)) learnLateness(8, isBoth ? byS * 0.5 : byS, usual);
}

/** Path i goes by other stamps: its noise begins anew, its bias stays. */
export function restartNoise(i: i32): void {
  const k = kalmanRow(i);
  startNoise(i);
  store<f64>(k, START_DIVISOR, K_DIVISOR);
  store<f64>(k, min<f64>(load<f64>(k, K_TAKEN), RELEARNT), K_TAKEN);
  store<f64>(k, 0.0, K_EXCESS2);
  store<f64>(k, 0.0, K_PRODUCT);
  store<f64>(k, 0.0, K_SLOPE);
  store<f64>(k, 0.0, K_LATE2);
  store<f64>(k, 0.0, K_LATE_RESIDUAL2);
  store<f64>(k, 0.0, K_PLAIN);
  store<f64>(k, 0.0, K_MEAN_EXCESS);
}

/**
 * Noise at zero excess, the divisor of excess², and the pull of one-sided queueing; of strays only
 * how far they are off.
 * @param young θ itself may be wrong yet
 */
export function learnNoise(
  i: i32,
  excess: f64,
  plain: f64,
  deviation: f64,
  known: f64,
  total: f64,
  young: bool,
): void {
  if (strays != 0) return learnStrays(i, excess);
  const k = kalmanRow(i);
  const taken = load<f64>(k, K_TAKEN) + 1.0;
  store<f64>(k, taken, K_TAKEN);
  const share = 1.0 / min<f64>(taken + 4.0, MEMORY);
  const mean = load<f64>(row(i), PATH_EXCESS_S);
  let own = plain - load<f64>(k, K_SLOPE) * excess;
  let sure = known;
  if (young) {
    // about the path's own mean: θ may be wrong yet, and its error is no noise of the path
    const information = load<f64>(k, K_INFORMATION);
    own = information > 0.0 ? deviation - load<f64>(k, K_MEAN) : 0.0;
    sure = information > 0.0 ? 1.0 / information : total;
  }
  const random = min<f64>(own * own, 2.0 * GATE * total) - sure;
  const divisor = load<f64>(k, K_DIVISOR);
  const noise = load<f64>(k, K_NOISE);
  const doubt = floorDoubt(i, taken, mean);
  const queue = ((excess + doubt) * (excess + doubt)) / divisor;
  if (excess <= mean) {
    const least = LEAST_S * LEAST_S * 1.0e-2 + 1.0e-4 * mean * mean;
    // no offset is off by more than half its delay, but for the grain of coarse clocks
    const most = load<f64>(row(i), PATH_FLOOR_S) + mean + COARSE_S;
    const learnt = min<f64>(noise + (random - queue - noise) * share, most * most);
    store<f64>(k, max<f64>(learnt, least), K_NOISE);
  } else if (excess <= OUTLYING * mean) {
    const late2 = ewma(k, K_LATE2, excess * excess, share);
    const wide2 = ewma(k, K_LATE_RESIDUAL2, max<f64>(random - noise, 0.0), share);
    if (taken > 32.0) {
      const fitted = late2 / max<f64>(wide2, late2 / MOST_DIVISOR);
      store<f64>(k, max<f64>(fitted, LEAST_DIVISOR), K_DIVISOR);
    }
  }
  // one packet that hung for seconds must not outweigh thousands of others for hours
  if (excess <= OUTLYING * mean) learnSlope(k, excess, plain, taken, share, total);
  ewma(k, K_R, load<f64>(k, K_NOISE) + queue, share);
}

/**
 * Regression of the residual on the excess, about their means: a common error of θ must not hide in
 * the slopes. Under symmetric queues its standard error is 1/√n, so two of these are taken off.
 */
function learnSlope(k: usize, excess: f64, plain: f64, taken: f64, share: f64, total: f64): void {
  const clip = 4.0 * sqrt<f64>(total);
  const residual = max<f64>(min<f64>(plain, clip), -clip);
  const squares = ewma(k, K_EXCESS2, excess * excess, share);
  const product = ewma(k, K_PRODUCT, residual * excess, share);
  const meanResidual = ewma(k, K_PLAIN, residual, share);
  const meanExcess = ewma(k, K_MEAN_EXCESS, excess, share);
  const spread = squares - meanExcess * meanExcess;
  if (taken <= 16.0 || !(spread > 0.0)) return;
  const raw = (product - meanResidual * meanExcess) / spread;
  const doubt = 2.0 / sqrt<f64>(min<f64>(taken, MEMORY));
  const size = min<f64>(max<f64>(abs<f64>(raw) - doubt, 0.0), 0.5);
  store<f64>(k, raw < 0.0 ? -size : size, K_SLOPE);
}

function ewma(k: usize, slot: usize, value: f64, share: f64): f64 {
  const old = load<f64>(k + slot);
  const next = old + (value - old) * share;
  store<f64>(k + slot, next);
  return next;
}

/**
 * Frequency for combiners that have none of their own: a straight line through the combined
 * offsets, least squares with exponential forgetting (memory about 128 updates).
 */

const FORGET: f64 = 127.0 / 128.0;
/** Prior on the slope: 0 ± 1e-4, worth this many seconds² of span per s² of scatter. */
const PRIOR_SLOPE: f64 = 1.0e-4;
const FEW: f64 = 8.0;
/** A combined offset this far from the last one is a step, not a slope (RFC 5905 STEPT), s … */
const STEP_S: f64 = 0.128;
/** … plus what the fastest oscillator makes of the time between, s/s. */
const MOST_SLOPE: f64 = 5.0e-4;

let weight: f64 = 0;
let sumT: f64 = 0;
let sumTt: f64 = 0;
let sumZ: f64 = 0;
let sumTz: f64 = 0;
let sumZz: f64 = 0;
let anchorS: f64 = 0;
let updates: f64 = 0;
let lastS: f64 = 0;
let sinceS: f64 = 0;

/** Slope, s/s; 0 while unknown. */
export let slope: f64 = 0;
/** Variance of the slope. */
export let slopeVariance: f64 = PRIOR_SLOPE * PRIOR_SLOPE;

export function clearTrend(): void {
  restartTrend();
  slope = 0;
  slopeVariance = PRIOR_SLOPE * PRIOR_SLOPE;
}

/** The offset stepped: the line starts again, its slope stays until it has enough points. */
function restartTrend(): void {
  weight = 0;
  sumT = 0;
  sumTt = 0;
  sumZ = 0;
  sumTz = 0;
  sumZz = 0;
  updates = 0;
  sinceS = 0;
}

/** Moves the origin of time forward by `dtS`. */
export function ageTrend(dtS: f64): void {
  sinceS += dtS;
  sumTt += dtS * (dtS * weight - 2.0 * sumT);
  sumTz -= dtS * sumZ;
  sumT -= dtS * weight;
}

/** Adds the combined offset `z` (s) of now. */
export function addTrend(z: f64): void {
  if (abs<f64>(z - lastS) > STEP_S + MOST_SLOPE * sinceS) restartTrend();
  if (updates == 0.0) anchorS = z;
  lastS = z;
  sinceS = 0;
  const y = z - anchorS;
  weight = weight * FORGET + 1.0;
  sumT *= FORGET;
  sumTt *= FORGET;
  sumZ = sumZ * FORGET + y;
  sumTz *= FORGET;
  sumZz = sumZz * FORGET + y * y;
  updates += 1.0;
  if (updates < FEW) return;
  const spread = sumTt - (sumT * sumT) / weight;
  if (!(spread > 0.0)) return;
  const product = sumTz - (sumT * sumZ) / weight;
  const raw = product / spread;
  const scatter = max<f64>(sumZz - (sumZ * sumZ) / weight - raw * product, 0.0) / weight;
  const variance = max<f64>(scatter, 1.0e-24) / spread;
  const prior = PRIOR_SLOPE * PRIOR_SLOPE;
  const share = prior / (prior + variance);
  slope = raw * share;
  slopeVariance = variance * share;
}

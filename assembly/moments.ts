/**
 * The shape of each direction's queueing, from the first three moments of its one-way delays. An
 * exponential has skewness 2 and is learnt at its edge; a law with light tails (gamma, uniform,
 * Gaussian) shows its edge too rarely for that, but its mean says as much. Its exponentially
 * modified Gaussian follows from the moments: L = sd·(g/2)^(1/3), s² = var − L².
 */
import { B_CUBE, B_MEAN, B_MOMENTS, B_ORIGIN, B_SQUARE, braidRow } from './braidrow';

const MEMORY: f64 = 2048.0;
/** Skewness below which the mean tells more than the edge. */
const LIGHT: f64 = 1.3;
/** Never quite Gaussian: the edge must not be lost for good. */
const LEAST_SKEW: f64 = 0.02;

/** What fitLaw found: mean queueing, square of softness, mean delay and its variance, s and s². */
export let fitLate: f64 = 0;
export let fitNoise2: f64 = 0;
export let fitMeanS: f64 = 0;
export let fitVariance: f64 = 0;

export function clearMoments(i: i32, originS: f64): void {
  const k = braidRow(i);
  store<f64>(k, originS, B_ORIGIN);
  for (let side: usize = 0; side < 16; side += 8) {
    store<f64>(k + side, 0.0, B_MOMENTS);
    store<f64>(k + side, 0.0, B_MEAN);
    store<f64>(k + side, 0.0, B_SQUARE);
    store<f64>(k + side, 0.0, B_CUBE);
  }
}

/** One more one-way delay of path i, θ taken out, s. */
export function noteMoments(i: i32, side: usize, delayS: f64): void {
  const k = braidRow(i);
  const x = delayS - load<f64>(k, B_ORIGIN);
  const s = k + side;
  const count = load<f64>(s, B_MOMENTS) + 1.0;
  store<f64>(s, count, B_MOMENTS);
  const pace = 1.0 / min<f64>(count, MEMORY);
  store<f64>(s, load<f64>(s, B_MEAN) + (x - load<f64>(s, B_MEAN)) * pace, B_MEAN);
  store<f64>(s, load<f64>(s, B_SQUARE) + (x * x - load<f64>(s, B_SQUARE)) * pace, B_SQUARE);
  store<f64>(s, load<f64>(s, B_CUBE) + (x * x * x - load<f64>(s, B_CUBE)) * pace, B_CUBE);
}

/** True if this direction's tails are light; then the fit* variables hold its law. */
export function fitLaw(i: i32, side: usize): bool {
  const k = braidRow(i);
  const mean = load<f64>(k + side, B_MEAN);
  const square = load<f64>(k + side, B_SQUARE);
  const variance = square - mean * mean;
  if (!(variance > 0.0)) return false;
  const cube = load<f64>(k + side, B_CUBE) - 3.0 * mean * square + 2.0 * mean * mean * mean;
  const sd = sqrt<f64>(variance);
  const skew = cube / (variance * sd);
  if (!(skew < LIGHT)) return false;
  fitLate = sd * cubeRoot(max<f64>(skew, LEAST_SKEW) * 0.5);
  fitNoise2 = variance - fitLate * fitLate;
  fitMeanS = mean + load<f64>(k, B_ORIGIN);
  fitVariance = variance;
  return true;
}

/** Of x in (0, 1], by Newton. */
function cubeRoot(x: f64): f64 {
  let y: f64 = 0.7;
  for (let n = 0; n < 12; n++) y = (2.0 * y + x / (y * y)) / 3.0;
  return y;
}

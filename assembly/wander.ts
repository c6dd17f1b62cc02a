/**
 * Learns how much the local oscillator wanders. Eight two-state filters (offset, frequency) with
 * wanders 1e-21 … 1e-14 s²/s³ run on the same measurements; each is scored by the likelihood of
 * what it predicted, with slow forgetting, and the wander in use is their weighted geometric mean.
 * Source: multiple-model estimation.
 */
import { WANDER } from './memory';

const MODELS: i32 = 8;
const LEAST_LOG10: f64 = -21.0;
const DECADE: f64 = 2.302585092994046; // ln 10
/** Scores forget with this memory, in rounds of ROUND measurements. */
const FORGET: f64 = 127.0 / 128.0;
const ROUND: i32 = 16;
const START_WANDER: f64 = 1.0e-17;
const START_FREQUENCY_VARIANCE: f64 = 1.0e-8; // (100 ppm)²
/** Index of the model at START_WANDER. */
const START_MODEL: f64 = 4.0;
/** Measurements before the scores are believed. */
const TRUST_AFTER: f64 = 64.0;

// columns of 8 f64
const X: usize = WANDER;
const Y: usize = WANDER + 64;
const P00: usize = WANDER + 128;
const P01: usize = WANDER + 192;
const P11: usize = WANDER + 256;
const SCORE: usize = WANDER + 320; // log likelihood, forgetting
const SCALE: usize = WANDER + 384; // product of innovation variances this round
const SQUARES: usize = WANDER + 448; // sum of normalised squares this round

/** Wander in use, s²/s³. */
export let wander: f64 = START_WANDER;

let inRound: i32 = 0;
let taken: f64 = 0;

/** Forgets all; a decade away from START_WANDER costs `prior` log-likelihood at first. */
export function clearWander(prior: f64): void {
  memory.fill(WANDER, 0, 512);
  for (let k = 0; k < MODELS; k++) {
    const away = f64(k) - START_MODEL;
    store<f64>(SCORE + (usize(k) << 3), -prior * away * away);
  }
  wander = START_WANDER;
  inRound = 0;
  taken = 0;
}

/** The offset axis jumped: offsets start again, frequencies and scores stay. */
export function restartWander(): void {
  taken = 0;
  inRound = 0;
}

/** dtS after the last call, the offset was measured as z (s) with variance r (s²). */
export function learnWander(dtS: f64, z: f64, r: f64): void {
  if (taken == 0.0) {
    begin(z, r);
    return;
  }
  taken += 1.0;
  const cube = (dtS * dtS * dtS) / 3.0;
  const square = dtS * dtS * 0.5;
  let q = 1.0e-21;
  let reference: f64 = 1.0;
  for (let k: usize = 0; k < usize(MODELS) << 3; k += 8) {
    const p11 = load<f64>(P11 + k);
    const old01 = load<f64>(P01 + k);
    const p00 = load<f64>(P00 + k) + dtS * (2.0 * old01 + dtS * p11) + q * cube;
    const p01 = old01 + dtS * p11 + q * square;
    const y = load<f64>(Y + k);
    const x = load<f64>(X + k) + dtS * y;
    const s = p00 + r;
    const inverse = 1.0 / s;
    const innovation = z - x;
    const g0 = p00 * inverse;
    const g1 = p01 * inverse;
    const left = r * inverse; // 1 − g0 without its cancellation after a long gap
    store<f64>(X + k, x + g0 * innovation);
    store<f64>(Y + k, y + g1 * innovation);
    store<f64>(P00 + k, p00 * left);
    store<f64>(P01 + k, p01 * left);
    store<f64>(P11 + k, max<f64>(p11 + q * dtS - g1 * p01, 1.0e-30));
    if (k == 0) reference = inverse;
    store<f64>(SCALE + k, load<f64>(SCALE + k) * (s * reference));
    store<f64>(
      SQUARES + k,
      load<f64>(SQUARES + k) + min<f64>(innovation * innovation * inverse, 25.0),
    );
    q *= 10.0;
  }
  if (++inRound == ROUND) score();
}

function begin(z: f64, r: f64): void {
  taken = 1.0;
  for (let k: usize = 0; k < usize(MODELS) << 3; k += 8) {
    store<f64>(X + k, z);
    store<f64>(P00 + k, r);
    store<f64>(P01 + k, 0.0);
    if (load<f64>(P11 + k) == 0.0) store<f64>(P11 + k, START_FREQUENCY_VARIANCE);
    store<f64>(SCALE + k, 1.0);
    store<f64>(SQUARES + k, 0.0);
  }
}

function score(): void {
  inRound = 0;
  let top: f64 = -1.0e300;
  for (let k: usize = 0; k < usize(MODELS) << 3; k += 8) {
    const gain = -0.5 * (Math.log(load<f64>(SCALE + k)) + load<f64>(SQUARES + k));
    const total = load<f64>(SCORE + k) * FORGET + gain;
    store<f64>(SCORE + k, total);
    store<f64>(SCALE + k, 1.0);
    store<f64>(SQUARES + k, 0.0);
    top = max<f64>(top, total);
  }
  if (taken < TRUST_AFTER) return;
  let sum: f64 = 0;
  let sumLog: f64 = 0;
  let log10 = LEAST_LOG10;
  for (let k: usize = 0; k < usize(MODELS) << 3; k += 8) {
    const w = Math.exp(max<f64>(load<f64>(SCORE + k) - top, -700.0));
    sum += w;
    sumLog += w * log10;
    log10 += 1.0;
  }
  wander = Math.exp((sumLog / sum) * DECADE);
}

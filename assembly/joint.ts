/**
 * The joint Gaussian state: offset θ and frequency ω, one more number per column, and the full
 * covariance. Shared by the filters, one at a time: kalman gives every path the column of its own
 * index, braid seats its best paths (seats.ts).
 */
import {
  BIAS,
  COLUMN,
  COLUMN_BYTES,
  COVARIANCE,
  COVARIANCE_ROW,
  CROSS_FREQUENCY,
  CROSS_OFFSET,
  MAX_PATHS,
} from './memory';

const LEAST_OFFSET_VARIANCE: f64 = 1.0e-24;
const LEAST_FREQUENCY_VARIANCE: f64 = 1.0e-30;

/** Offset relative to the base, s, and its rate, s/s. */
export let theta: f64 = 0;
export let omega: f64 = 0;
/** Their covariance. */
export let p00: f64 = 0;
export let p01: f64 = 0;
export let p11: f64 = 0;
/** Columns in use; loops run to here. */
let width: i32 = 0;

/** Forgets everything; the frequency starts as 0 with this variance. */
export function clearJoint(frequencyVariance: f64): void {
  memory.fill(BIAS, 0, COVARIANCE + COVARIANCE_ROW * usize(MAX_PATHS) - BIAS);
  width = 0;
  theta = 0;
  omega = 0;
  p00 = 0;
  p01 = 0;
  p11 = frequencyVariance;
}

/** Carries the state `dtS` >= 0 ahead with random-walk frequency `q` (s²/s³). */
export function predictJoint(dtS: f64, q: f64): void {
  theta += omega * dtS;
  p00 += dtS * (2.0 * p01 + dtS * p11) + (q * dtS * dtS * dtS) / 3.0;
  p01 += dtS * p11 + q * dtS * dtS * 0.5;
  p11 += q * dtS;
  const end = usize((width + 1) & ~1) << 3;
  if (ASC_FEATURE_SIMD) {
    const gaps = f64x2.splat(dtS);
    for (let j: usize = 0; j < end; j += 16) {
      const grown = f64x2.mul(gaps, v128.load(j, CROSS_FREQUENCY));
      v128.store(j, f64x2.add(v128.load(j, CROSS_OFFSET), grown), CROSS_OFFSET);
    }
  } else {
    for (let j: usize = 0; j < end; j += 8) {
      const grown = dtS * load<f64>(j, CROSS_FREQUENCY);
      store<f64>(j, load<f64>(j, CROSS_OFFSET) + grown, CROSS_OFFSET);
    }
  }
}

/** Puts θ somewhere, independent of everything else. */
export function placeOffset(offset: f64, variance: f64): void {
  theta = offset;
  p00 = variance;
  p01 = 0;
  memory.fill(CROSS_OFFSET, 0, COLUMN_BYTES);
}

/** Puts θ somewhere with what it shares with ω; the columns' shares are the caller's. */
export function setOffset(offset: f64, variance: f64, withFrequency: f64): void {
  theta = offset;
  p00 = variance;
  p01 = withFrequency;
}

/** Corrects the variance of θ where a caller knows a form that does not cancel. */
export function setOffsetVariance(variance: f64): void {
  p00 = max<f64>(variance, LEAST_OFFSET_VARIANCE);
}

export function covariance(i: i32, j: i32): usize {
  return COVARIANCE + usize(i) * COVARIANCE_ROW + (usize(j) << 3);
}

/** Puts the number of column i somewhere, independent of everything else. */
export function placeColumn(i: i32, value: f64, variance: f64): void {
  const c = usize(i) << 3;
  if (i >= width) width = i + 1;
  store<f64>(BIAS + c, value);
  store<f64>(CROSS_OFFSET + c, 0.0);
  store<f64>(CROSS_FREQUENCY + c, 0.0);
  memory.fill(covariance(i, 0), 0, COLUMN_BYTES);
  for (let j = 0; j < width; j++) store<f64>(covariance(j, i), 0.0);
  store<f64>(covariance(i, i), variance);
}

export function columnOf(i: i32): f64 {
  return load<f64>(BIAS + (usize(i) << 3));
}

/** Covariances of sign·θ + d_i with everything, left in COLUMN, gain0 and gain1. */
export let gain0: f64 = 0;
export let gain1: f64 = 0;

/** Prepares an update along sign·θ + d_i; returns the variance of that sum. */
export function along(i: i32, sign: f64): f64 {
  const c = usize(i) << 3;
  const line = covariance(i, 0);
  const end = usize((width + 1) & ~1) << 3;
  gain0 = sign * p00 + load<f64>(CROSS_OFFSET + c);
  gain1 = sign * p01 + load<f64>(CROSS_FREQUENCY + c);
  if (ASC_FEATURE_SIMD) {
    const signs = f64x2.splat(sign);
    for (let j: usize = 0; j < end; j += 16) {
      const cross = f64x2.mul(v128.load(j, CROSS_OFFSET), signs);
      v128.store(j, f64x2.add(cross, v128.load(line + j)), COLUMN);
    }
  } else {
    for (let j: usize = 0; j < end; j += 8) {
      const cross = load<f64>(j, CROSS_OFFSET) * sign;
      store<f64>(j, cross + load<f64>(line + j), COLUMN);
    }
  }
  return sign * gain0 + load<f64>(COLUMN + c);
}

/** Prepares an update along d_i alone; returns its variance. */
export function alongColumn(i: i32): f64 {
  const c = usize(i) << 3;
  gain0 = load<f64>(CROSS_OFFSET + c);
  gain1 = load<f64>(CROSS_FREQUENCY + c);
  memory.copy(COLUMN, covariance(i, 0), usize((width + 1) & ~1) << 3);
  return load<f64>(covariance(i, i));
}

/** x += column·step, P −= column·columnᵀ·shrink, with what `along` prepared. */
export function moveAlong(step: f64, shrink: f64): void {
  const end = usize((width + 1) & ~1) << 3;
  theta += gain0 * step;
  omega += gain1 * step;
  const g0 = gain0 * shrink;
  const g1 = gain1 * shrink;
  p00 = max<f64>(p00 - g0 * gain0, LEAST_OFFSET_VARIANCE);
  p01 -= g0 * gain1;
  p11 = max<f64>(p11 - g1 * gain1, LEAST_FREQUENCY_VARIANCE);
  if (ASC_FEATURE_SIMD) moveColumnsSimd(step, g0, g1, shrink, end);
  else moveColumns(step, g0, g1, shrink, end);
  for (let a = 0; a < width; a++) {
    const cell = covariance(a, a);
    if (load<f64>(cell) < LEAST_OFFSET_VARIANCE) store<f64>(cell, LEAST_OFFSET_VARIANCE);
  }
}

function moveColumnsSimd(step: f64, g0: f64, g1: f64, shrink: f64, end: usize): void {
  const steps = f64x2.splat(step);
  const g0s = f64x2.splat(g0);
  const g1s = f64x2.splat(g1);
  for (let j: usize = 0; j < end; j += 16) {
    const column = v128.load(j, COLUMN);
    const bias = f64x2.add(v128.load(j, BIAS), f64x2.mul(column, steps));
    const cross0 = f64x2.sub(v128.load(j, CROSS_OFFSET), f64x2.mul(column, g0s));
    const cross1 = f64x2.sub(v128.load(j, CROSS_FREQUENCY), f64x2.mul(column, g1s));
    v128.store(j, bias, BIAS);
    v128.store(j, cross0, CROSS_OFFSET);
    v128.store(j, cross1, CROSS_FREQUENCY);
  }
  // two rows at a time; the one past an odd width is zero and stays so
  let line = COVARIANCE;
  for (let a: usize = 0; a < end; a += 16) {
    const gain0s = f64x2.splat(load<f64>(a, COLUMN) * shrink);
    const gain1s = f64x2.splat(load<f64>(a, COLUMN + 8) * shrink);
    for (let j: usize = 0; j < end; j += 16) {
      const column = v128.load(j, COLUMN);
      const cell = line + j;
      v128.store(cell, f64x2.sub(v128.load(cell), f64x2.mul(column, gain0s)));
      const below = f64x2.sub(v128.load(cell, COVARIANCE_ROW), f64x2.mul(column, gain1s));
      v128.store(cell, below, COVARIANCE_ROW);
    }
    line += 2 * COVARIANCE_ROW;
  }
}

function moveColumns(step: f64, g0: f64, g1: f64, shrink: f64, end: usize): void {
  for (let j: usize = 0; j < end; j += 8) {
    const column = load<f64>(j, COLUMN);
    store<f64>(j, load<f64>(j, BIAS) + column * step, BIAS);
    store<f64>(j, load<f64>(j, CROSS_OFFSET) - column * g0, CROSS_OFFSET);
    store<f64>(j, load<f64>(j, CROSS_FREQUENCY) - column * g1, CROSS_FREQUENCY);
  }
  let line = COVARIANCE;
  for (let a: usize = 0; a < end; a += 16) {
    const first = load<f64>(a, COLUMN) * shrink;
    const second = load<f64>(a, COLUMN + 8) * shrink;
    for (let j: usize = 0; j < end; j += 8) {
      const column = load<f64>(j, COLUMN);
      const cell = line + j;
      store<f64>(cell, load<f64>(cell) - column * first);
      store<f64>(cell, load<f64>(cell, COVARIANCE_ROW) - column * second, COVARIANCE_ROW);
    }
    line += 2 * COVARIANCE_ROW;
  }
}

/** Address of cov(θ, d_i). */
export function crossOf(i: i32): usize {
  return CROSS_OFFSET + (usize(i) << 3);
}

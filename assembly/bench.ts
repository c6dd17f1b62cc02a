/**
 * A module for the bench only (bench/native.ts), no part of the core: joint.ts alone, fed with
 * steps, so that it can be held against the same in C. Two updates per step, as braid does them.
 */
import {
  along,
  clearJoint,
  columnOf,
  moveAlong,
  omega,
  p00,
  p01,
  p11,
  placeColumn,
  placeOffset,
  predictJoint,
  theta,
} from './joint';
import { RECORDS, RESULTS } from './memory';

export { RECORDS, RESULTS } from './memory';

const START_FREQUENCY_VARIANCE: f64 = 1.0e-8; // (100 ppm)²
const PRIOR_S: f64 = 1.0e-3;
const WANDER: f64 = 1.0e-18; // s²/s³

// a step, f64 slots in bytes
const STEP_PATH: usize = 0;
const STEP_DT_S: usize = 8;
const STEP_REVERSE_S: usize = 16;
const STEP_FORWARD_S: usize = 24;
const STEP_VARIANCE: usize = 32;
const STEP_BYTES: usize = 40;

/** Starts anew with `paths` columns. */
export function startJoint(paths: i32): void {
  clearJoint(START_FREQUENCY_VARIANCE);
  placeOffset(0.0, PRIOR_S * PRIOR_S);
  for (let i = 0; i < paths; i++) placeColumn(i, 0.0, PRIOR_S * PRIOR_S);
}

/** Takes the `count` steps in RECORDS. */
export function takeSteps(count: i32): void {
  let step = RECORDS;
  for (let k = 0; k < count; k++) {
    const i = i32(load<f64>(step, STEP_PATH));
    predictJoint(load<f64>(step, STEP_DT_S), WANDER);
    update(i, 1.0, load<f64>(step, STEP_REVERSE_S), load<f64>(step, STEP_VARIANCE));
    update(i, -1.0, load<f64>(step, STEP_FORWARD_S), load<f64>(step, STEP_VARIANCE));
    step += STEP_BYTES;
  }
}

/** Leaves the state in RESULTS. */
export function showState(paths: i32): void {
  store<f64>(RESULTS, theta);
  store<f64>(RESULTS, omega, 8);
  store<f64>(RESULTS, p00, 16);
  store<f64>(RESULTS, p01, 24);
  store<f64>(RESULTS, p11, 32);
  for (let i = 0; i < paths; i++) store<f64>(RESULTS + (usize(i) << 3), columnOf(i), 40);
}

function update(i: i32, sign: f64, span: f64, variance: f64): void {
  const total = along(i, sign) + variance;
  moveAlong((span - sign * theta - columnOf(i)) / total, 1.0 / total);
}

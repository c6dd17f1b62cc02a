/**
 * The combined clock as the outside sees it: two states (offset, frequency) with their covariance,
 * at the time of the newest exchange, and the extrapolation to any other time.
 */
import {
  AT,
  AT_EARLIEST_S,
  AT_LATEST_S,
  AT_REST_S,
  AT_UNCERTAINTY_S,
  CLOCK,
  CLOCK_ASYMMETRY_BOUND_S,
  CLOCK_BASE_S,
  CLOCK_BYTES,
  CLOCK_EARLIEST_S,
  CLOCK_FREQUENCY,
  CLOCK_FREQUENCY_UNCERTAINTY,
  CLOCK_LATEST_S,
  CLOCK_PATHS,
  CLOCK_REST_S,
  CLOCK_STEP_S,
  CLOCK_STEPS,
  CLOCK_UNCERTAINTY_S,
  CLOCK_VALID,
  CLOCK_WANDER,
} from './memory';

/** Newest local receive seen, Unix ns; the time the states below stand for. */
export let nowNs: i64 = 0;
/** Local receive of the first exchange: zero of every "at" in seconds. */
export let startNs: i64 = 0;
/** Whole seconds taken off all offsets. */
export let baseS: i64 = 0;
export let based: bool = false;

let restS: f64 = 0;
let frequency: f64 = 0;
let variance: f64 = 0; // s²
let covariance: f64 = 0; // s · s/s
let frequencyVariance: f64 = 0;
let asymmetryBoundS: f64 = 0;
let wander: f64 = 0; // s²/s³

/** How many sigmas the safe interval spans on each side, before the asymmetry bound. */
const SAFE_SIGMAS: f64 = 4.0;

/** Forgets the clock entirely. */
export function clearClock(): void {
  memory.fill(CLOCK, 0, CLOCK_BYTES);
  based = false;
  baseS = 0;
  nowNs = 0;
  startNs = 0;
}

/** Chooses the whole-second base and the start of the time axis. */
export function baseClock(wholeS: i64, atNs: i64): void {
  if (based) countStep();
  else startNs = atNs;
  based = true;
  baseS = wholeS;
  nowNs = atNs;
  store<f64>(CLOCK, f64(wholeS), CLOCK_BASE_S);
  store<f64>(CLOCK, 0.0, CLOCK_VALID);
}

/** Counts a restart of the offset, of a size nobody knows. */
export function countStep(): void {
  countStepBy(0.0);
}

/** Counts a step of the offset, `byS` = new − old. */
export function countStepBy(byS: f64): void {
  store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_STEPS) + 1.0, CLOCK_STEPS);
  store<f64>(CLOCK, byS, CLOCK_STEP_S);
}

/** Moves the time axis forward to `atNs`. */
export function moveClock(atNs: i64): void {
  nowNs = atNs;
}

/**
 * Publishes the states at nowNs.
 * @param rest offset − base, s   @param rate s/s   @param p00 s²   @param p01 s·s/s   @param p11 (s/s)²
 * @param q wander, s²/s³   @param bound asymmetry bound, >= 0 s   @param paths number that carried weight
 */
export function publishClock(
  rest: f64,
  rate: f64,
  p00: f64,
  p01: f64,
  p11: f64,
  q: f64,
  bound: f64,
  paths: i32,
): void {
  restS = rest;
  frequency = rate;
  variance = p00;
  covariance = p01;
  frequencyVariance = p11;
  wander = q;
  asymmetryBoundS = bound;
  store<f64>(CLOCK, 1.0, CLOCK_VALID);
  store<f64>(CLOCK, f64(paths), CLOCK_PATHS);
  store<f64>(CLOCK, q, CLOCK_WANDER);
  store<f64>(CLOCK, rate, CLOCK_FREQUENCY);
  store<f64>(CLOCK, sqrt<f64>(max<f64>(p11, 0.0)), CLOCK_FREQUENCY_UNCERTAINTY);
  store<f64>(CLOCK, bound, CLOCK_ASYMMETRY_BOUND_S);
  extrapolate(0.0);
  store<f64>(CLOCK, rest, CLOCK_REST_S);
  store<f64>(CLOCK, load<f64>(AT, AT_UNCERTAINTY_S), CLOCK_UNCERTAINTY_S);
  store<f64>(CLOCK, load<f64>(AT, AT_EARLIEST_S), CLOCK_EARLIEST_S);
  store<f64>(CLOCK, load<f64>(AT, AT_LATEST_S), CLOCK_LATEST_S);
}

/** Carries the published states `dtS` forward to nowNs, for an exchange that carried no weight. */
export function carryClock(dtS: f64): void {
  if (load<f64>(CLOCK, CLOCK_VALID) == 0.0 || dtS <= 0.0) return;
  publishClock(
    restS + frequency * dtS,
    frequency,
    variance +
      dtS * (2.0 * covariance + dtS * frequencyVariance) +
      (wander * dtS * dtS * dtS) / 3.0,
    covariance + dtS * frequencyVariance,
    frequencyVariance,
    wander,
    asymmetryBoundS,
    i32(load<f64>(CLOCK, CLOCK_PATHS)),
  );
}

/** Writes offset, uncertainty and interval to AT, for the time `dtS` after nowNs (may be negative). */
export function extrapolate(dtS: f64): void {
  const at = restS + frequency * dtS;
  const grown = variance + 2.0 * dtS * covariance + dtS * dtS * frequencyVariance;
  const walked = (wander * abs<f64>(dtS * dtS * dtS)) / 3.0;
  const sigma = sqrt<f64>(max<f64>(grown, 0.0) + walked);
  const half = SAFE_SIGMAS * sigma + asymmetryBoundS;
  store<f64>(AT, at, AT_REST_S);
  store<f64>(AT, sigma, AT_UNCERTAINTY_S);
  store<f64>(AT, at - half, AT_EARLIEST_S);
  store<f64>(AT, at + half, AT_LATEST_S);
}

/** Seconds from nowNs to `atNs`, exact difference first. */
export function sinceNow(atNs: i64): f64 {
  return f64(atNs - nowNs) / 1.0e9;
}

/** Seconds on the clock's axis. */
export function axisS(atNs: i64): f64 {
  return f64(atNs - startNs) / 1.0e9;
}

/** Unix seconds of a local time, right to a quarter of a microsecond. */
export function unixS(atNs: i64): f64 {
  return f64(atNs) / 1.0e9;
}

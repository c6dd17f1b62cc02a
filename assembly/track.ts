/**
 * The per-path filter of the voting combiners (median, trimmed, failover, khronos): offset and
 * frequency of the clock as this path alone sees them, a two-state Kalman filter. The noise of each
 * measurement comes from how long the packet queued, so the quickest exchanges decide, as in NTP's
 * clock filter, but with memory as long as the learnt wander (wander.ts) allows. Paths share nothing
 * but that wander: what votes must not be made of what the others said.
 *
 * Beside its variance a track knows its lean: how far queueing in one direction only could have
 * pulled it. An offset cannot be wrong by more than half of what its packet queued.
 */
import { delayS, offsetS } from './exchange';
import {
  CLOCK,
  CLOCK_FREQUENCY,
  CLOCK_FREQUENCY_UNCERTAINTY,
  CLOCK_VALID,
  MAX_PATHS,
  PATH_ASYMMETRY_S,
  PATH_ASYMMETRY_SIGMA_S,
  PATH_EXCESS_S,
  PATH_FLOOR_S,
  PATH_NOISE_S,
  PATH_RESIDUAL_S,
  TRACK_BYTES,
  TRACKS,
} from './memory';
import { countGated, row } from './path';
import { strays, userVariance } from './stamps';
import { clearWander, learnWander, wander } from './wander';

export const TRACK_TAKEN: usize = 0; // exchanges; 0: nothing known
export const TRACK_OFFSET_S: usize = 8; // at TRACK_AT_S, relative to the base
export const TRACK_RATE: usize = 16; // s/s
export const TRACK_P00: usize = 24;
export const TRACK_P01: usize = 32;
export const TRACK_P11: usize = 40;
export const TRACK_AT_S: usize = 48; // axis time of the states
export const TRACK_LEAN_S: usize = 56; // how far one-sided queueing may have pulled it, >= 0
const TRACK_MISFITS: usize = 64; // impossible exchanges in a row
const TRACK_NOISE: usize = 72; // variance at zero excess, s²
const TRACK_SHARE: usize = 80; // variance per excess²
const TRACK_NOISE_INFORMATION: usize = 88;
const TRACK_SHARE_INFORMATION: usize = 96;
const TRACK_SINCE: usize = 104; // exchanges since the last restart
export const TRACK_DEVIATION_S: usize = 112; // mean of this track − the clock, while it carried
// slots 120, 128, 136 belong to failover.ts

/** What takeTrack made of an exchange. */
export const TRACK_USED: i32 = 0;
export const TRACK_MISFIT: i32 = 1;
export const TRACK_RESTARTED: i32 = 2;

const START_RATE_VARIANCE: f64 = 1.0e-8; // (100 ppm)²
const MOST_RATE: f64 = 1.0e-3;
const START_NOISE: f64 = 0.002; // of delay, 1 sigma
const LEAST_NOISE_S: f64 = 1.0e-10;
/** Noise below this share of the mean excess is not believed. */
const SHARPEST: f64 = 0.005;
const START_SHARE: f64 = 1.0 / 12.0; // two exponential queues: uniform over ±excess/2
const LEAST_SHARE: f64 = 1.0 / 400.0;
const MOST_SHARE: f64 = 0.25; // one queue only
const KEEP: f64 = 1.0 - 1.0 / 512.0;
/** The least of n round trips lies about this share of the mean excess over √n above the floor. */
const FLOOR_DOUBT: f64 = 0.7;
const MISFITS: f64 = 3.0;
/** A track that restarts again so soon has its frequency wrong, too. */
const SOON: f64 = 16.0;
const DEVIATION_MEMORY: f64 = 128.0;

let lastLearntS: f64 = 0;
let measuredS: f64 = 0;
let spread: f64 = 0;

export function track(i: i32): usize {
  return TRACKS + usize(i) * TRACK_BYTES;
}

export function clearTracks(): void {
  memory.fill(TRACKS, 0, TRACK_BYTES * usize(MAX_PATHS));
  lastLearntS = 0;
  clearWander(0.0);
}

export function openTrack(i: i32): void {
  memory.fill(track(i), 0, TRACK_BYTES);
}

/** Folds the measurement in exchange.ts, `lateS` older than the newest, into track i. */
export function takeTrack(i: i32, nowS: f64, lateS: f64): i32 {
  const t = track(i);
  const p = row(i);
  const taken = load<f64>(t, TRACK_TAKEN) + 1.0;
  if (taken == 1.0) meetTrack(i, t, p);
  const excess = max<f64>(delayS - load<f64>(p, PATH_FLOOR_S), 0.0);
  const wide = excess + floorDoubt(p, taken);
  // a stray had all of it on one side
  const share = strays == 0 ? load<f64>(t, TRACK_SHARE) : MOST_SHARE;
  const noise = load<f64>(t, TRACK_NOISE) + share * wide * wide;
  measuredS = offsetS + load<f64>(t, TRACK_RATE) * lateS;
  spread = noise;
  store<f64>(p, sqrt<f64>(noise), PATH_NOISE_S);
  store<f64>(t, taken, TRACK_TAKEN);
  if (taken == 1.0 || load<f64>(t, TRACK_SINCE) < 0.0) {
    store<f64>(p, 0.0, PATH_RESIDUAL_S);
    beginTrack(t, nowS, noise, wide);
    return TRACK_USED;
  }
  const age = max<f64>(nowS - load<f64>(t, TRACK_AT_S), 0.0);
  const p11 = load<f64>(t, TRACK_P11);
  const p01 = load<f64>(t, TRACK_P01) + age * p11 + wander * age * age * 0.5;
  const p00 = varianceAt(t, age);
  const residual = measuredS - offsetAt(t, age);
  store<f64>(p, residual, PATH_RESIDUAL_S);
  const possible =
    0.5 * wide +
    load<f64>(t, TRACK_LEAN_S) +
    5.0 * sqrt<f64>(p00 + load<f64>(t, TRACK_NOISE)) +
    LEAST_NOISE_S;
  if (abs<f64>(residual) > possible) return misfit(i, nowS, noise, wide);
  store<f64>(t, 0.0, TRACK_MISFITS);
  store<f64>(t, load<f64>(t, TRACK_SINCE) + 1.0, TRACK_SINCE);

  const total = p00 + noise;
  const g0 = p00 / total;
  const g1 = p01 / total;
  const rate = load<f64>(t, TRACK_RATE) + g1 * residual;
  store<f64>(t, nowS, TRACK_AT_S);
  store<f64>(t, offsetAt(t, age) + g0 * residual, TRACK_OFFSET_S);
  store<f64>(t, max<f64>(min<f64>(rate, MOST_RATE), -MOST_RATE), TRACK_RATE);
  store<f64>(t, max<f64>((p00 * noise) / total, 1.0e-24), TRACK_P00);
  store<f64>(t, (p01 * noise) / total, TRACK_P01);
  store<f64>(t, max<f64>(p11 + wander * age - g1 * p01, 1.0e-30), TRACK_P11);
  const lean = load<f64>(t, TRACK_LEAN_S);
  const pull = g0 > 0.5 ? 1.0 : g0;
  store<f64>(t, lean + pull * (0.5 * wide - lean), TRACK_LEAN_S);
  if (strays == 0) learnTrackNoise(t, p, residual * residual, total, wide * wide);
  spread = total;
  return TRACK_USED;
}

/** Offset `age` after the track's own time. */
export function offsetAt(t: usize, age: f64): f64 {
  return load<f64>(t, TRACK_OFFSET_S) + load<f64>(t, TRACK_RATE) * age;
}

/** Variance of the offset `age` after the track's own time, s². */
export function varianceAt(t: usize, age: f64): f64 {
  const linear = 2.0 * load<f64>(t, TRACK_P01) + age * load<f64>(t, TRACK_P11);
  return max<f64>(
    load<f64>(t, TRACK_P00) + age * linear + (wander * age * age * age) / 3.0,
    1.0e-24,
  );
}

/** What the path says of itself, and of the wander, once the combined clock `outS` is known. */
export function settleTrack(i: i32, nowS: f64, outS: f64, carries: bool): void {
  const t = track(i);
  const p = row(i);
  const away = offsetAt(t, max<f64>(nowS - load<f64>(t, TRACK_AT_S), 0.0)) - outS;
  store<f64>(p, -away, PATH_ASYMMETRY_S);
  store<f64>(p, sqrt<f64>(load<f64>(t, TRACK_P00)), PATH_ASYMMETRY_SIGMA_S);
  if (!carries || load<f64>(t, TRACK_MISFITS) != 0.0) return;
  const share = 1.0 / min<f64>(load<f64>(t, TRACK_TAKEN), DEVIATION_MEMORY);
  const old = load<f64>(t, TRACK_DEVIATION_S);
  const deviation = old + (away - old) * share;
  store<f64>(t, deviation, TRACK_DEVIATION_S);
  learnWander(max<f64>(nowS - lastLearntS, 0.0), measuredS - deviation, spread);
  lastLearntS = nowS;
}

/** A young path's mean excess may be small by luck, so part of the delay itself counts at first. */
function floorDoubt(p: usize, taken: f64): f64 {
  const unknown = load<f64>(p, PATH_FLOOR_S) / (taken * sqrt<f64>(taken));
  return (FLOOR_DOUBT * load<f64>(p, PATH_EXCESS_S)) / sqrt<f64>(min<f64>(taken, 1024.0)) + unknown;
}

/** First exchange ever of this path: starting noise, and the frequency the others know. */
function meetTrack(i: i32, t: usize, p: usize): void {
  const start = START_NOISE * load<f64>(p, PATH_FLOOR_S);
  const noise = start * start + LEAST_NOISE_S * LEAST_NOISE_S + userVariance(i);
  store<f64>(t, noise, TRACK_NOISE);
  store<f64>(t, START_SHARE, TRACK_SHARE);
  store<f64>(t, 4.0 / (noise * noise), TRACK_NOISE_INFORMATION);
  store<f64>(t, 16.0 / (START_SHARE * START_SHARE), TRACK_SHARE_INFORMATION);
  const known = load<f64>(CLOCK, CLOCK_VALID) != 0.0;
  const doubt = load<f64>(CLOCK, CLOCK_FREQUENCY_UNCERTAINTY);
  store<f64>(t, known ? load<f64>(CLOCK, CLOCK_FREQUENCY) : 0.0, TRACK_RATE);
  store<f64>(
    t,
    known ? min<f64>(4.0 * doubt * doubt, START_RATE_VARIANCE) : START_RATE_VARIANCE,
    TRACK_P11,
  );
}

/** Offset from nothing but the measurement; the frequency stays. */
function beginTrack(t: usize, nowS: f64, noise: f64, wide: f64): void {
  store<f64>(t, measuredS, TRACK_OFFSET_S);
  store<f64>(t, nowS, TRACK_AT_S);
  store<f64>(t, noise, TRACK_P00);
  store<f64>(t, 0.0, TRACK_P01);
  store<f64>(t, 0.5 * wide, TRACK_LEAN_S);
  store<f64>(t, 0.0, TRACK_MISFITS);
  store<f64>(t, 0.0, TRACK_SINCE);
}

/** No queueing explains this exchange: the clock stepped, the route got shorter, or it lies. */
function misfit(i: i32, nowS: f64, noise: f64, wide: f64): i32 {
  const t = track(i);
  countGated(i);
  const misfits = load<f64>(t, TRACK_MISFITS) + 1.0;
  store<f64>(t, misfits, TRACK_MISFITS);
  if (misfits < MISFITS) return TRACK_MISFIT;
  if (load<f64>(t, TRACK_SINCE) < SOON) store<f64>(t, START_RATE_VARIANCE, TRACK_P11);
  beginTrack(t, nowS, noise, wide);
  return TRACK_RESTARTED;
}

/**
 * Fisher scoring of variance = noise + share · excess²: each exchange counts by the square of what
 * its innovation variance lets it say, so the quickest tell the noise and the slow ones the share.
 */
function learnTrackNoise(t: usize, p: usize, square: f64, total: f64, wide2: f64): void {
  const error = min<f64>(square, 9.0 * total) - total;
  const weight = 1.0 / (total * total);
  const noiseInformation = load<f64>(t, TRACK_NOISE_INFORMATION) * KEEP + weight;
  store<f64>(t, noiseInformation, TRACK_NOISE_INFORMATION);
  const mean = load<f64>(p, PATH_EXCESS_S);
  const half = 0.5 * (load<f64>(p, PATH_FLOOR_S) + mean);
  const least = LEAST_NOISE_S * LEAST_NOISE_S + SHARPEST * SHARPEST * mean * mean;
  const noise = load<f64>(t, TRACK_NOISE) + (error * weight) / noiseInformation;
  // no offset is farther off than half of its delay
  store<f64>(t, max<f64>(min<f64>(noise, half * half), least), TRACK_NOISE);
  const shareInformation = load<f64>(t, TRACK_SHARE_INFORMATION) * KEEP + weight * wide2 * wide2;
  store<f64>(t, shareInformation, TRACK_SHARE_INFORMATION);
  const share = load<f64>(t, TRACK_SHARE) + (error * weight * wide2) / shareInformation;
  store<f64>(t, max<f64>(min<f64>(share, MOST_SHARE), LEAST_SHARE), TRACK_SHARE);
}

/**
 * Slave-diversity combiners: plain average, average weighted by 1/jitter², and the best path with
 * hysteresis. All three look at the last offset of every fresh path, carried to now along the
 * common trend. Source: RFC 8039 §6 (reference [SLAVEDIV]).
 */
import { axisS, carryClock, nowNs, publishClock } from './clock';
import {
  PATH_AT_S,
  PATH_DELAY_S,
  PATH_EXCESS_S,
  PATH_FLOOR_S,
  PATH_JITTER_S,
  PATH_NOISE_S,
  PATH_OFFSET_S,
  PATH_TAKEN,
  PATH_WEIGHT,
  REASON_FEW,
  REASON_NONE,
  REASON_NOT_BEST,
  STATE_GOOD,
  STATE_STANDBY,
  STATE_WARMING,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import { isFresh, isOpen, markStale, pathEnd, row, setState, WARM_EXCHANGES } from './path';
import { hasStrayed, strays, userVariance } from './stamps';
import { addTrend, ageTrend, clearTrend, slope, slopeVariance } from './trend';

/** A rival must be better by this factor … */
const HYSTERESIS: f64 = 0.7;
/** … this many exchanges in a row. */
const PATIENCE: i32 = 4;
/** Jitter below this is not believed when weighting, s. */
const LEAST_JITTER_S: f64 = 1.0e-9;

let best: i32 = -1;
let rival: i32 = -1;
let rivalRuns: i32 = 0;

export function clearDiversity(): void {
  best = -1;
  rival = -1;
  rivalRuns = 0;
  clearTrend();
}

/** The last offset of path i, carried to now. */
function carried(i: i32, nowS: f64): f64 {
  const p = row(i);
  return load<f64>(p, PATH_OFFSET_S) + slope * (nowS - load<f64>(p, PATH_AT_S));
}

/** Noise of one path's offsets, s². A path that has measured once may be off by delay/2. */
function usualNoise(i: i32): f64 {
  const p = row(i);
  const jitter = max<f64>(load<f64>(p, PATH_JITTER_S), LEAST_JITTER_S);
  const delay = load<f64>(p, PATH_DELAY_S) * 0.5;
  const taken = load<f64>(p, PATH_TAKEN);
  const young = delay * delay + userVariance(i);
  return jitter * jitter + young / (taken * taken * taken * taken);
}

/** Noise given to one path's last offset, s². */
function noise(i: i32): f64 {
  const usual = usualNoise(i);
  if (!hasStrayed(i)) return usual;
  const p = row(i);
  const half = 0.5 * max<f64>(load<f64>(p, PATH_DELAY_S) - load<f64>(p, PATH_FLOOR_S), 0.0);
  return usual + half * half;
}

/** All fresh paths, equal weights, or weights 1/jitter². */
export function updateAverage(i: i32, dtS: f64, weighted: bool): void {
  const nowS = axisS(nowNs);
  ageTrend(dtS);
  markStale(nowS);
  let sum: f64 = 0;
  let sumW: f64 = 0;
  let sumV: f64 = 0;
  let bound: f64 = 0;
  let paths = 0;
  for (let k = 0; k < pathEnd; k++) {
    if (!isOpen(k) || !isFresh(k, nowS)) continue;
    const v = noise(k);
    const w = weighted ? 1.0 / v : 1.0;
    sum += w * carried(k, nowS);
    sumW += w;
    sumV += w * w * v;
    bound += w * load<f64>(row(k), PATH_FLOOR_S) * 0.5;
    paths++;
  }
  if (paths == 0) return;
  for (let k = 0; k < pathEnd; k++) {
    if (!isOpen(k) || !isFresh(k, nowS)) continue;
    store<f64>(row(k), (weighted ? 1.0 / noise(k) : 1.0) / sumW, PATH_WEIGHT);
    describe(k);
  }
  store<f64>(row(i), sqrt<f64>(noise(i)), PATH_NOISE_S);
  finish(sum / sumW, sumV / (sumW * sumW), bound / sumW, paths);
}

/** One path carries the clock; others only replace it. */
export function updateBest(i: i32, dtS: f64): i32 {
  const nowS = axisS(nowNs);
  ageTrend(dtS);
  markStale(nowS);
  if (best < 0 || !isOpen(best) || !isFresh(best, nowS)) {
    best = leastQuality(nowS);
    rival = -1;
  } else {
    considerRival(i, nowS);
  }
  // one path that others only replace has no use for what is worse than it
  const isUsed = i == best && strays == 0;
  if (!isUsed) carryClock(dtS);
  if (best < 0) return STATUS_HELD;
  for (let k = 0; k < pathEnd; k++) {
    if (!isOpen(k) || !isFresh(k, nowS)) continue;
    store<f64>(row(k), k == best ? 1.0 : 0.0, PATH_WEIGHT);
    if (k == best) describe(k);
    else setState(k, STATE_STANDBY, REASON_NOT_BEST, 0.0);
  }
  store<f64>(row(i), sqrt<f64>(noise(i)), PATH_NOISE_S);
  if (!isUsed) return STATUS_HELD;
  finish(carried(best, nowS), noise(best), load<f64>(row(best), PATH_FLOOR_S) * 0.5, 1);
  return STATUS_USED;
}

/** Smaller is better, s: jitter and half the queueing. */
function quality(i: i32): f64 {
  return sqrt<f64>(usualNoise(i)) + 0.5 * load<f64>(row(i), PATH_EXCESS_S);
}

function leastQuality(nowS: f64): i32 {
  let found = -1;
  for (let k = 0; k < pathEnd; k++) {
    if (!isOpen(k) || !isFresh(k, nowS)) continue;
    if (found < 0 || quality(k) < quality(found)) found = k;
  }
  return found;
}

function considerRival(i: i32, nowS: f64): void {
  const challenger = leastQuality(nowS);
  if (challenger == best || !(quality(challenger) < HYSTERESIS * quality(best))) {
    rival = -1;
    return;
  }
  if (challenger != rival) {
    rival = challenger;
    rivalRuns = 0;
  }
  if (i == challenger) rivalRuns++;
  if (rivalRuns < PATIENCE) return;
  best = challenger;
  rival = -1;
}

function describe(i: i32): void {
  if (load<f64>(row(i), PATH_TAKEN) < WARM_EXCHANGES) setState(i, STATE_WARMING, REASON_FEW, 0.0);
  else setState(i, STATE_GOOD, REASON_NONE, 0.0);
}

function finish(offset: f64, variance: f64, bound: f64, paths: i32): void {
  addTrend(offset);
  publishClock(offset, slope, variance, 0.0, slopeVariance, 0.0, bound, paths);
}

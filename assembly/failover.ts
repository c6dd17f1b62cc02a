/**
 * High availability: a set of paths carries the clock, weighted by quality, and every path's bias
 * against the clock is remembered. A carrier that dies, is replaced or breaks out takes its own bias
 * with it: the set is regauged at that moment, so the clock does not step. Weights move with limited
 * slew, and so does the clock's way back to where a majority of the paths (vote.ts) sees it.
 * Source: RFC 8039 §6 (reference [HIGH-AVAI]); the form is ours.
 */
import { axisS, countStep, nowNs } from './clock';
import {
  CLOCK,
  CLOCK_FREQUENCY,
  CLOCK_FREQUENCY_UNCERTAINTY,
  CLOCK_UNCERTAINTY_S,
  PATH_ASYMMETRY_S,
  REASON_DISAGREES,
  REASON_FEW,
  REASON_JUMPED,
  STATE_CHANGED,
  STATE_QUARANTINED,
  STATE_WARMING,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import { isFresh, markStale, openPaths, pathEnd, row, setState } from './path';
import {
  describeSound,
  gatherPool,
  offsetOf,
  pathOf,
  pool,
  poolMean,
  publishPool,
  setWeight,
  varianceOf,
  weightOf,
} from './pool';
import {
  settleTrack,
  TRACK_DEVIATION_S,
  TRACK_LEAN_S,
  TRACK_RESTARTED,
  TRACK_TAKEN,
  TRACK_USED,
  takeTrack,
  track,
} from './track';
import { electClique, trimAround, weightedMedian } from './vote';

const FAIL_WEIGHT: usize = 120; // share in the set, 0..1
const FAIL_BIAS_S: usize = 128; // this path's offset − the clock, remembered
const FAIL_PROBATION: usize = 136; // exchanges to go: after a fault > 0, of a new path < 0

/** Exchanges per path in which the clock still follows the vote. */
const YOUNG: i32 = 64;
const PROBATION: f64 = 8.0;
/** A path farther from its bias than this many sigmas (and its lean) has broken out. */
const GATE: f64 = 6.0;
const BIAS_MEMORY: f64 = 256.0;
/** Weights follow the quality with this time constant, s. */
const RESHARE_S: f64 = 16.0;
/** The clock returns to the majority with this time constant, s … */
const RETURN_S: f64 = 512.0;
/** … but no faster than this, s/s, and what its own uncertainty allows. */
const RETURN_SLEW: f64 = 2.0e-8;

/** Less weight than this left: one of the set is gone. */
const WHOLE: f64 = 1.0 - 1.0e-6;

let exchanges: i32 = 0;
let young: bool = true;
let outS: f64 = 0;
let outAtS: f64 = 0;
/** Where the majority sees the clock; only while there is one. */
let seenS: f64 = 0;
let majority: bool = false;

export function clearFailover(): void {
  exchanges = 0;
  young = true;
  outS = 0;
  outAtS = 0;
  seenS = 0;
  majority = false;
}

/** One exchange of path i. */
export function updateFailover(i: i32, lateS: f64): i32 {
  const nowS = axisS(nowNs);
  const taken = takeTrack(i, nowS, lateS);
  markStale(nowS);
  forgetStale(nowS);
  gatherPool(nowS);
  majority = electClique();
  if (majority) {
    trimAround(weightedMedian());
    seenS = poolMean();
  }
  if (young && exchanges++ >= YOUNG * max<i32>(openPaths, 1)) young = false;
  if (young) {
    follow();
  } else {
    const passedS = nowS - outAtS;
    const heldS = outS + load<f64>(CLOCK, CLOCK_FREQUENCY) * passedS;
    carry(judge(i, taken, heldS), heldS, passedS);
    learnBias(i, taken);
    if (majority) goBack(passedS);
    regauge();
  }
  outAtS = nowS;
  const carries = report(i);
  publishPool(outS, scatter(), nowS);
  settleTrack(i, nowS, outS, carries);
  store<f64>(row(i), -load<f64>(track(i), FAIL_BIAS_S), PATH_ASYMMETRY_S);
  return carries && taken == TRACK_USED ? STATUS_USED : STATUS_HELD;
}

/** A silent path carries nothing, nor when it comes back; its bias is kept. */
function forgetStale(nowS: f64): void {
  for (let k = 0; k < pathEnd; k++) if (!isFresh(k, nowS)) store<f64>(track(k), 0.0, FAIL_WEIGHT);
}

/** Young: the clock is what the majority sees, or all by quality; biases are plain differences. */
function follow(): void {
  for (let k = 0; k < pool && !majority; k++) setWeight(k, 1.0 / varianceOf(k));
  outS = poolMean();
  let sum: f64 = 0;
  for (let k = 0; k < pool; k++) sum += weightOf(k);
  for (let k = 0; k < pool; k++) {
    const t = track(pathOf(k));
    store<f64>(t, weightOf(k) / sum, FAIL_WEIGHT);
    store<f64>(t, offsetOf(k) - outS, FAIL_BIAS_S);
    store<f64>(t, 0.0, FAIL_PROBATION);
  }
}

/** Puts path i on probation or ends it; true if the faults are so many that the clock stepped. */
function judge(i: i32, taken: i32, heldS: f64): bool {
  let faults = 0;
  let sound = 0;
  for (let k = 0; k < pool; k++) {
    const t = track(pathOf(k));
    if (pathOf(k) == i) judgeOne(t, taken, offsetOf(k) - heldS, varianceOf(k));
    const probation = load<f64>(t, FAIL_PROBATION);
    if (probation > 0.0) faults++;
    if (probation == 0.0) sound++;
  }
  if (2 * faults <= pool && sound > 0) return false;
  for (let k = 0; k < pool; k++) {
    const t = track(pathOf(k));
    const doubted = load<f64>(t, FAIL_PROBATION) == 0.0;
    store<f64>(t, doubted ? PROBATION : 0.0, FAIL_PROBATION);
    store<f64>(t, doubted ? 0.0 : 1.0 / varianceOf(k), FAIL_WEIGHT);
    // the long mean has seen nothing of the confusion
    if (faults > 0) store<f64>(t, load<f64>(t, TRACK_DEVIATION_S), FAIL_BIAS_S);
  }
  if (faults > 0) countStep();
  return true;
}

function judgeOne(t: usize, taken: i32, awayS: f64, variance: f64): void {
  const probation = load<f64>(t, FAIL_PROBATION);
  const bias = load<f64>(t, FAIL_BIAS_S);
  const own = load<f64>(CLOCK, CLOCK_UNCERTAINTY_S);
  const most = GATE * sqrt<f64>(variance + own * own) + load<f64>(t, TRACK_LEAN_S);
  if (load<f64>(t, TRACK_TAKEN) == 1.0) {
    store<f64>(t, awayS, FAIL_BIAS_S);
    store<f64>(t, -PROBATION, FAIL_PROBATION);
  } else if (taken == TRACK_RESTARTED || (probation == 0.0 && abs<f64>(awayS - bias) > most)) {
    store<f64>(t, PROBATION, FAIL_PROBATION);
  } else if (probation != 0.0 && taken == TRACK_USED) {
    const left = probation > 0.0 ? probation - 1.0 : probation + 1.0;
    store<f64>(t, left, FAIL_PROBATION);
    // it comes back with the bias it has now
    if (left == 0.0) store<f64>(t, awayS, FAIL_BIAS_S);
  }
  if (load<f64>(t, FAIL_PROBATION) != 0.0) store<f64>(t, 0.0, FAIL_WEIGHT);
}

/**
 * The clock as the set of before sees it; held where one of the set is gone, unless so much time
 * passed that those left know better. Then the new weights.
 */
function carry(stepped: bool, heldS: f64, passedS: f64): void {
  let kept: f64 = 0;
  let sum: f64 = 0;
  for (let k = 0; k < pool; k++) {
    const w = load<f64>(track(pathOf(k)), FAIL_WEIGHT);
    kept += w;
    sum += w * unbiased(k);
  }
  const drift = load<f64>(CLOCK, CLOCK_FREQUENCY_UNCERTAINTY) * passedS;
  const isHeld = kept <= 0.0 || (kept < WHOLE && drift < load<f64>(CLOCK, CLOCK_UNCERTAINTY_S));
  outS = isHeld && !stepped ? heldS : sum / kept;
  const wanted = wish();
  const pace = kept > 0.0 ? min<f64>(passedS / RESHARE_S, 1.0) : 1.0;
  let total: f64 = 0;
  for (let k = 0; k < pool; k++) {
    const t = track(pathOf(k));
    const share = kept > 0.0 ? load<f64>(t, FAIL_WEIGHT) / kept : 0.0;
    const next = share + (weightOf(k) / wanted - share) * pace;
    store<f64>(t, next, FAIL_WEIGHT);
    total += next;
  }
  for (let k = 0; k < pool; k++) {
    const t = track(pathOf(k));
    store<f64>(t, load<f64>(t, FAIL_WEIGHT) / total, FAIL_WEIGHT);
  }
}

function unbiased(k: i32): f64 {
  return offsetOf(k) - load<f64>(track(pathOf(k)), FAIL_BIAS_S);
}

/** Weights by quality: of the majority's sound paths, or of all that are sound. Returns their sum. */
function wish(): f64 {
  let wanted: f64 = 0;
  for (let k = 0; k < pool; k++) {
    if (!majority) setWeight(k, 1.0 / varianceOf(k));
    if (load<f64>(track(pathOf(k)), FAIL_PROBATION) != 0.0) setWeight(k, 0.0);
    wanted += weightOf(k);
  }
  for (let k = 0; k < pool && wanted <= 0.0; k++) {
    const isSound = load<f64>(track(pathOf(k)), FAIL_PROBATION) == 0.0;
    setWeight(k, isSound ? 1.0 / varianceOf(k) : 0.0);
  }
  if (wanted > 0.0) return wanted;
  for (let k = 0; k < pool; k++) wanted += weightOf(k);
  return wanted;
}

function learnBias(i: i32, taken: i32): void {
  const t = track(i);
  if (taken != TRACK_USED || load<f64>(t, FAIL_PROBATION) != 0.0) return;
  for (let k = 0; k < pool; k++) {
    if (pathOf(k) != i) continue;
    const share = 1.0 / min<f64>(load<f64>(t, TRACK_TAKEN), BIAS_MEMORY);
    const bias = load<f64>(t, FAIL_BIAS_S);
    store<f64>(t, bias + (offsetOf(k) - outS - bias) * share, FAIL_BIAS_S);
  }
}

/** The paths of now may see the clock elsewhere than the set that is remembered: return slowly. */
function goBack(passedS: f64): void {
  const own = load<f64>(CLOCK, CLOCK_UNCERTAINTY_S);
  const share = min<f64>(passedS / RETURN_S, 1.0);
  const most = (RETURN_SLEW * RETURN_S + own) * share;
  const way = (seenS - outS) * share;
  outS += max<f64>(min<f64>(way, most), -most);
}

/** Moves all biases alike, so that the set sees the clock where it is. */
function regauge(): void {
  let error = -outS;
  for (let k = 0; k < pool; k++) error += load<f64>(track(pathOf(k)), FAIL_WEIGHT) * unbiased(k);
  for (let i = 0; i < pathEnd; i++) {
    const t = track(i);
    store<f64>(t, load<f64>(t, FAIL_BIAS_S) + error, FAIL_BIAS_S);
  }
}

/** States of the pool, and its weights for the publication; true if path i carries. */
function report(i: i32): bool {
  for (let k = 0; k < pool; k++) {
    const t = track(pathOf(k));
    const probation = load<f64>(t, FAIL_PROBATION);
    const outvoted = majority && weightOf(k) <= 0.0;
    if (probation > 0.0) setState(pathOf(k), STATE_CHANGED, REASON_JUMPED, unbiased(k) - outS);
    else if (probation < 0.0) setState(pathOf(k), STATE_WARMING, REASON_FEW, 0.0);
    else if (outvoted)
      setState(pathOf(k), STATE_QUARANTINED, REASON_DISAGREES, offsetOf(k) - seenS);
    else describeSound(k, i);
  }
  for (let k = 0; k < pool; k++) setWeight(k, load<f64>(track(pathOf(k)), FAIL_WEIGHT));
  return load<f64>(track(i), FAIL_WEIGHT) > 0.0;
}

/** How far the set is apart once its biases are taken off, s². */
function scatter(): f64 {
  let squares: f64 = 0;
  for (let k = 0; k < pool; k++) {
    const away = unbiased(k) - outS;
    squares += weightOf(k) * away * away;
  }
  return squares;
}

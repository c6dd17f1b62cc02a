/**
 * braid: the joint filter on one-way spans with one-sided noise. Network delay is a floor plus
 * queueing, and queueing is never negative: a span local→remote is θ + d_k + a, one remote→local
 * is −θ + d_k + b, with a, b >= 0. The state is θ, ω and one floor d_k per path; each span is an
 * exponentially modified Gaussian update (edge.ts), so a late packet carries next to no weight and
 * congestion, asymmetry or delay attacks lose their grip without a separate selection step.
 * Queueing scale, edge softness and wander are learnt per path and direction; nothing is tuned.
 * Sixteen paths sit in the joint filter, any others follow it (seats.ts).
 *
 * What the likelihood cannot tell is told by rules: a span far below its floor is a route change,
 * or, if both directions shift against each other, a step of the local clock (most paths) or a lie
 * (this path); a floor nobody reached for long in both directions has risen.
 */
import {
  B_ANCHOR,
  B_CHANGED,
  B_CLEAN,
  B_EDGE2,
  B_JUMP,
  B_LATE,
  B_OTHER_LATE,
  B_PENDING,
  B_PENDING_S,
  B_POOLED,
  B_QUIET,
  B_QUIET_AT,
  B_QUIET_LATE,
  B_QUIET_LEAST,
  B_SHORT,
  B_TAKEN,
  braidRow,
  K_FREE,
  K_INFORMATION,
  K_MEAN,
  K_VOTE,
} from './braidrow';
import { axisS, carryClock, countStep, countStepBy, nowNs, publishClock } from './clock';
import { compareAll, describeBraid } from './describe';
import { delayS, forwardS, offsetS, reverseS } from './exchange';
import { clearJoint, omega, p00, p01, p11, placeOffset, predictJoint, theta } from './joint';
import { assessMajority, clearMajority, isSharp, isTied, isTight, voters } from './majority';
import {
  KALMAN,
  KALMAN_BYTES,
  MAX_PATHS,
  PATH_ASYMMETRY_S,
  PATH_ASYMMETRY_SIGMA_S,
  PATH_FLOOR_S,
  PATH_NOISE_S,
  PATH_RESIDUAL_S,
  PATH_WEIGHT,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import { clearMoments } from './moments';
import { spanS } from './oneway';
import {
  countFresh,
  countGated,
  freshVotes,
  isFresh,
  isMost,
  isOpen,
  markStale,
  openPaths,
  pathEnd,
  resetFloor,
  row,
  voteOf,
  WARM_EXCHANGES,
} from './path';
import {
  clearQueueing,
  guessLate,
  isApart,
  learnFrom,
  learnOneWay,
  lopsidedness,
  noiseOf,
  refit,
  restartQuiet,
  sharpen,
  softness,
  startLaw,
  startRefits,
  switchLaw,
} from './queueing';
import {
  clearQuickest,
  findPossible,
  forgetQuickest,
  possibleHalfS,
  possibleS,
  rememberQuickest,
} from './quickest';
import {
  clearSeats,
  floorCross,
  floorOf,
  floorVariance,
  leaveSeat,
  placeFloor,
  reseat,
  sharpness,
  trySeat,
} from './seats';
import { noteChange, openShift, restartRuns, watchShift } from './shift';
import {
  beginDoubt,
  endDoubt,
  hasLeasts,
  isDoubted,
  isExtra,
  lowerLeast,
  takeLeast,
} from './sides';
import {
  anchorS,
  anchorSigmaS,
  findAnchor,
  forgetSpans,
  isAdrift,
  leastSum,
  rememberSpans,
} from './spans';
import { FORWARD_BIT, REVERSE_BIT, strays, switched, userLatenessS } from './stamps';
import { isConvicted } from './verdict';
import { clearWander, restartWander, wander } from './wander';

const START_FREQUENCY_VARIANCE: f64 = 1.0e-8; // (100 ppm)²
/** Pull of the wander towards its start, log-likelihood per squared decade. */
const WANDER_PRIOR: f64 = 3.0;
/** No path is shorter than 30 cm, s. */
const LEAST_FLOOR_S: f64 = 1.0e-9;
/** A span this many sigmas below its floor is no noise. */
const BELOW: f64 = 8.0;
const PENDING_RUN: f64 = 3.0;
/** A floor that was not touched in both directions for so long has risen. */
const QUIET_RUN: f64 = 32.0;
const QUIET_S: f64 = 512.0;
const CHANGED_FOR: f64 = 32.0;
/** A path that agreed in so many assessments on end has a history that outweighs a tie. */
const CLEAN_RUN: f64 = 64.0;
const BLUNT: f64 = 1.0 / 16.0;
/** So many round trips below this share of the queueing learnt forget it. */
const OVERGROWN: f64 = 0.02;
const SHORT_RUN: f64 = 8.0;
const NO_SPAN: f64 = 1.0e300;
/** Beyond these nothing is a clock's, s and s/s. */
const MOST_S: f64 = 1.0e11;
const MOST_FREQUENCY: f64 = 1.0e-2;

let started: bool = false;
let exchanges: i32 = 0;
let sinceAssessed: i32 = 0;
let bound: f64 = 0;
let carrying: i32 = 0;
/** Added to θ when published: a middle between paths that nobody can tell apart, and never could. */
let middleS: f64 = 0;
/** Factor on the variance published: soft edges fit the model less well than sharp ones. */
let misfit: f64 = 1;
/** How far the clock may have been stepped, while only shifted exchanges have come since, s. */
let doubtS: f64 = 0;
/** Some fresh path has a clean history. */
let isClean: bool = false;

export function clearBraid(): void {
  memory.fill(KALMAN, 0, KALMAN_BYTES * usize(MAX_PATHS));
  clearJoint(START_FREQUENCY_VARIANCE);
  clearSeats();
  clearWander(WANDER_PRIOR);
  clearQuickest();
  clearMajority();
  started = false;
  exchanges = 0;
  sinceAssessed = 0;
  clearQueueing();
  bound = 0;
  carrying = 0;
  middleS = 0;
  doubtS = 0;
  isClean = false;
  misfit = 1;
}

export function openBraid(i: i32): void {
  forgetQuickest(i);
  openShift(i);
  leaveSeat(i);
  memory.fill(braidRow(i), 0, KALMAN_BYTES);
}

/** The time axis started again: whatever did that, nothing learnt before is safe to keep. */
export function restartBraid(): void {
  collapse();
}

/** Path i goes by stamps of another kind: what they teach is told apart from what was. */
export function switchBraid(i: i32): void {
  const k = braidRow(i);
  if (load<f64>(k, B_TAKEN) == 0.0) return;
  const nowS = axisS(nowNs);
  if ((switched & REVERSE_BIT) != 0) switchLaw(i, 0, nowS);
  if ((switched & FORWARD_BIT) != 0) switchLaw(i, 8, nowS);
  clearMoments(i, floorOf(i));
  startRefits(k);
  forgetSpans(i);
  openShift(i);
}

/** One exchange of path i, `dtS` after the last of any path, `lateS` older than the newest. */
export function updateBraid(i: i32, dtS: f64, lateS: f64): i32 {
  const nowS = axisS(nowNs);
  if (started && dtS > 0.0) predictJoint(dtS, wander);
  exchanges++;
  let status = weave(i, lateS, nowS);
  if (!isSane(i)) {
    // stamps from beyond all reason: whatever was learnt from them is worth nothing
    countStep();
    collapse();
    status = weave(i, 0.0, nowS);
  }
  store<f64>(row(i), offsetS - theta, PATH_RESIDUAL_S);
  assess(nowS);
  describeBraid(i);
  publish();
  return status;
}

/**
 * One direction of path i by itself, its span in oneway.ts, `dtS` after the last of any path and
 * `lateS` older than the newest. If it completes an exchange (then in exchange.ts, as of now), what
 * is told from both directions is told.
 */
export function updateBraidSpan(i: i32, side: usize, dtS: f64, lateS: f64, isExchange: bool): i32 {
  const nowS = axisS(nowNs);
  if (started && dtS > 0.0) predictJoint(dtS, wander);
  if (isExchange) exchanges++;
  let status = weaveSpan(i, side, lateS, isExchange, nowS);
  if (!isSane(i)) {
    countStep();
    collapse();
    status = isExchange ? weave(i, 0.0, nowS) : STATUS_HELD;
  }
  if (!started) {
    carryClock(dtS);
    return status;
  }
  if (isExchange) {
    store<f64>(row(i), offsetS - theta, PATH_RESIDUAL_S);
    assess(nowS);
    describeBraid(i);
  }
  publish();
  return status;
}

function publish(): void {
  const variance = p00 * misfit + doubtS * doubtS;
  publishClock(theta + middleS, omega, variance, p01, p11, wander, bound, carrying);
}

function weaveSpan(i: i32, side: usize, lateS: f64, isExchange: bool, nowS: f64): i32 {
  const k = braidRow(i);
  if (!started || load<f64>(k, B_TAKEN) == 0.0 || (isExchange && isOvergrown(k))) {
    endDoubt(i);
    return isExchange ? weave(i, 0.0, nowS) : STATUS_HELD;
  }
  const isEven = strays == 0 || (!isApart(i, 0) && !isApart(i, 8));
  const sign: f64 = side == 0 ? 1.0 : -1.0;
  const span = spanS + sign * omega * lateS;
  const residual = span - sign * theta - floorOf(i);
  const isLow = residual < -BELOW * spanSigma(i, side, sign);
  if (isLow && !isDoubted(i) && load<f64>(k, B_TAKEN) > WARM_EXCHANGES) beginDoubt(i);
  lowerLeast(i, side, span - sign * theta);
  if (isExchange) {
    store<f64>(k, load<f64>(k, B_TAKEN) + 1.0, B_TAKEN);
    rememberQuickest(i, offsetS, nowS);
  }
  if (isDoubted(i) && !(isExchange && resolve(i))) {
    countGated(i);
    if (isLow) doubtS = max<f64>(doubtS, abs<f64>(residual));
    return STATUS_HELD;
  }
  if (isExchange) {
    doubtS = 0.0;
    store<f64>(k, 0.0, B_PENDING);
    if (isEven && hasLeasts(i)) rememberSpans(i, takeLeast(i, 0), takeLeast(i, 8));
  } else if (!isFresh(i, nowS) && countFresh(nowS) > 0) {
    // heard in one direction only, a path can be led anywhere: it speaks while nobody else does
    return STATUS_HELD;
  }
  learnOneWay(i, side, span, sign, nowS, isExtra);
  if (!isExchange) return STATUS_USED;
  refit(i, nowS);
  if (isEven) watchSpans(i, reverseS, forwardS, nowS);
  raiseFloor(i, nowS);
  return STATUS_USED;
}

/** Did a direction of path i shift? Of the spans of an exchange, as of now. */
function watchSpans(i: i32, reverse: f64, forward: f64, nowS: f64): void {
  const clean = openPaths == 1 || load<f64>(braidRow(i), B_CLEAN) >= CLEAN_RUN;
  watchShift(i, reverse - theta, forward + theta, sqrt<f64>(p00 * misfit), nowS, clean);
}

/** True if both directions tell by now why one of them fell, and what follows was done. */
function resolve(i: i32): bool {
  if (!hasLeasts(i)) return false;
  if (judge(i, takeLeast(i, 0) + theta, takeLeast(i, 8) - theta) != STATUS_USED) {
    doubtS = max<f64>(doubtS, abs<f64>(load<f64>(braidRow(i), B_PENDING_S)));
    return false;
  }
  endDoubt(i);
  return true;
}

function weave(i: i32, lateS: f64, nowS: f64): i32 {
  const k = braidRow(i);
  // an exchange out of order is carried to now
  const reverse = reverseS + omega * lateS;
  const forward = forwardS - omega * lateS;
  const first = !started;
  if (first) {
    started = true;
    const quarter = 0.25 * delayS + guessLate(0.0);
    placeOffset((reverse - forward) * 0.5, quarter * quarter);
  }
  if (load<f64>(k, B_TAKEN) == 0.0 || isOvergrown(k)) meetPath(i, reverse, forward, nowS);
  store<f64>(k, load<f64>(k, B_TAKEN) + 1.0, B_TAKEN);
  rememberQuickest(i, (reverse - forward) * 0.5, nowS);
  const status = judge(i, reverse, forward);
  if (status != STATUS_USED) {
    countGated(i);
    doubtS = max<f64>(doubtS, abs<f64>(load<f64>(k, B_PENDING_S)));
    return status;
  }
  doubtS = 0.0;
  store<f64>(k, 0.0, B_PENDING);
  const isEven = strays == 0 || (!isApart(i, 0) && !isApart(i, 8));
  if (isEven) rememberSpans(i, reverse - theta, forward + theta);
  if (!first) {
    // θ stands where the first exchange put it; only the next ones can tell more
    learnFrom(i, 0, reverse, 1.0, nowS);
    learnFrom(i, 1, forward, -1.0, nowS);
    refit(i, nowS);
  }
  if (isEven) watchSpans(i, reverse, forward, nowS);
  raiseFloor(i, nowS);
  return status;
}

/** True after a run of round trips far too short for the queueing learnt: it is history. */
function isOvergrown(k: usize): bool {
  const late = load<f64>(k, B_LATE) + load<f64>(k, B_LATE + 8);
  const run = delayS < OVERGROWN * late ? load<f64>(k, B_SHORT) + 1.0 : 0.0;
  store<f64>(k, run, B_SHORT);
  if (run < SHORT_RUN) return false;
  store<f64>(k, 0.0, B_SHORT);
  store<f64>(k, 0.0, B_TAKEN);
  return true;
}

/** False if a number left the range in which clocks live (NaN fails every comparison). */
function isSane(i: i32): bool {
  const k = braidRow(i);
  const own = floorVariance(i);
  const late = load<f64>(k, B_LATE) + load<f64>(k, B_LATE + 8);
  const edges = load<f64>(k, B_EDGE2) + load<f64>(k, B_EDGE2 + 8);
  return (
    abs<f64>(theta) < MOST_S &&
    abs<f64>(omega) < MOST_FREQUENCY &&
    p00 < MOST_S * MOST_S &&
    abs<f64>(p01) < MOST_S &&
    p11 < 1.0 &&
    own < MOST_S * MOST_S &&
    abs<f64>(floorOf(i)) < MOST_S &&
    late < MOST_S &&
    edges < MOST_S * MOST_S
  );
}

/** Starts from nothing; the paths stay open. */
function collapse(): void {
  clearBraid();
  for (let j = 0; j < pathEnd; j++) {
    forgetSpans(j);
    openShift(j);
  }
}

/**
 * A new path. If its first exchange can be reconciled with θ, the floor lies in the middle of the
 * round trip; if not (it lies, or θ does), it lies at the shorter side, where it says nothing on θ.
 */
function meetPath(i: i32, reverse: f64, forward: f64, nowS: f64): void {
  const k = braidRow(i);
  const late = guessLate(delayS);
  const away = abs<f64>((reverse - forward) * 0.5 - theta);
  const fits = away <= 0.5 * delayS + 3.0 * sqrt<f64>(p00);
  const floorS = fits ? delayS * 0.5 : min<f64>(reverse - theta, forward + theta);
  trySeat(i);
  placeFloor(i, floorS, 4.0 * late * late);
  startLaw(k, late, nowS);
  startLaw(k + 8, late, nowS);
  widenLaws(i);
  memory.fill(k + B_OTHER_LATE, 0, KALMAN_BYTES - B_OTHER_LATE);
  store<f64>(k, 0.0, B_ANCHOR);
  startRefits(k);
  clearMoments(i, floorS);
  forgetSpans(i);
  openShift(i);
}

/** Spans with stamps of a program queue longer than the others at first. */
function widenLaws(i: i32): void {
  const k = braidRow(i);
  store<f64>(k, load<f64>(k, B_LATE) + userLatenessS(i, 0), B_LATE);
  store<f64>(k + 8, load<f64>(k + 8, B_LATE) + userLatenessS(i, 8), B_LATE);
}

/** Stamps of the other kind are met for the first time: what is known of young paths allows for it. */
export function mixBraid(): void {
  for (let j = 0; j < pathEnd; j++) {
    const taken = load<f64>(braidRow(j), B_TAKEN);
    if (isOpen(j) && taken > 0.0 && taken <= WARM_EXCHANGES) widenLaws(j);
  }
}

/** 1 sigma that a span of this side has about its floor, prior included. */
function spanSigma(i: i32, side: usize, sign: f64): f64 {
  const own = floorVariance(i);
  const cross = floorCross(i);
  return sqrt<f64>(
    max<f64>(p00 + 2.0 * sign * cross + own, 0.0) + load<f64>(braidRow(i) + side, B_EDGE2),
  );
}

/** Normal, or far below a floor: then either the route or a clock moved. */
function judge(i: i32, reverse: f64, forward: f64): i32 {
  const k = braidRow(i);
  if (load<f64>(k, B_TAKEN) <= WARM_EXCHANGES) return STATUS_USED;
  const low = reverse - theta - floorOf(i);
  const high = forward + theta - floorOf(i);
  const isLow = low < -BELOW * spanSigma(i, 0, 1.0);
  const isHigh = high < -BELOW * spanSigma(i, 8, -1.0);
  if (!isLow && !isHigh) return STATUS_USED;
  const fall = min<f64>(low, high);
  if (low + high < 0.5 * fall) {
    // the round trip itself got shorter than it could be: the floor fell
    changePath(i, fall, 0.0, min<f64>(low, 0.0), min<f64>(high, 0.0));
    return STATUS_USED;
  }
  const shift = low < high ? low : -high;
  const run = load<f64>(k, B_PENDING);
  const same = run > 0.0 && shift * load<f64>(k, B_PENDING_S) > 0.0;
  store<f64>(k, same ? run + 1.0 : 1.0, B_PENDING);
  // the largest shift is the one with the least queueing in it
  const before = same ? load<f64>(k, B_PENDING_S) : 0.0;
  store<f64>(k, abs<f64>(before) > abs<f64>(shift) ? before : shift, B_PENDING_S);
  const nowS = axisS(nowNs);
  let fresh = 0;
  let moving = 0;
  let movingVotes: f64 = 0;
  let total: f64 = 0;
  let extreme: f64 = 0;
  let late: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    const r = braidRow(j);
    fresh++;
    if (load<f64>(r, B_PENDING) == 0.0 || load<f64>(r, B_PENDING_S) * shift <= 0.0) continue;
    moving++;
    movingVotes += voteOf(j);
    total += load<f64>(r, B_PENDING);
    late += max<f64>(load<f64>(r, B_LATE), load<f64>(r, B_LATE + 8));
    const moved = load<f64>(r, B_PENDING_S);
    if (abs<f64>(moved) > abs<f64>(extreme)) extreme = moved;
  }
  const most = isMost(movingVotes, freshVotes(nowS));
  if (most && total >= max<f64>(PENDING_RUN, f64(fresh))) {
    stepClock(extreme, (2.0 * late) / f64(moving) / total);
    return STATUS_USED;
  }
  if (load<f64>(k, B_PENDING) < PENDING_RUN || most) return STATUS_HELD;
  if (forgetAlike(i, nowS)) {
    // one path after the other made the same jump: it was the clock's all along
    stepClock(load<f64>(k, B_PENDING_S), max<f64>(load<f64>(k, B_LATE), load<f64>(k, B_LATE + 8)));
    return STATUS_USED;
  }
  const moved = load<f64>(k, B_PENDING_S);
  changePath(i, fall, moved, moved, -moved);
  return STATUS_USED;
}

/**
 * Fresh paths that were taken for changed of late by the same jump as path i wants now. If they and
 * i are most paths they are met anew, since what they changed by was never theirs: true then.
 */
function forgetAlike(i: i32, nowS: f64): bool {
  const shift = load<f64>(braidRow(i), B_PENDING_S);
  let alike = voteOf(i);
  for (let j = 0; j < pathEnd; j++) {
    if (j != i && isFresh(j, nowS) && isAlike(j, shift)) alike += voteOf(j);
  }
  if (!isMost(alike, freshVotes(nowS))) return false;
  for (let j = 0; j < pathEnd; j++) {
    if (j != i && isFresh(j, nowS) && isAlike(j, shift)) store<f64>(braidRow(j), 0.0, B_TAKEN);
  }
  return true;
}

function isAlike(j: i32, shift: f64): bool {
  const r = braidRow(j);
  if (load<f64>(r, B_CHANGED) == 0.0) return false;
  return abs<f64>(load<f64>(r, B_JUMP) - shift) <= 0.5 * abs<f64>(shift);
}

/** Most paths shifted alike: the local clock was stepped. */
function stepClock(shift: f64, spread: f64): void {
  countStepBy(shift);
  placeOffset(theta + shift, spread * spread + p00);
  for (let j = 0; j < pathEnd; j++) {
    store<f64>(braidRow(j), 0.0, B_PENDING);
    forgetQuickest(j);
    forgetSpans(j);
    restartRuns(j);
  }
  middleS = 0;
  restartWander();
}

/**
 * The floor of path i moved by `byS`; θ stays. `jump`: what its offset jumped by, 0 if the route
 * just got longer or shorter; `reverse` and `forward`: what its directions moved by.
 */
function changePath(i: i32, byS: f64, jump: f64, reverse: f64, forward: f64): void {
  const k = braidRow(i);
  noteChange(i, reverse, forward, axisS(nowNs));
  const late = max<f64>(load<f64>(k, B_LATE), load<f64>(k, B_LATE + 8));
  placeFloor(i, floorOf(i) + byS, late * late);
  store<f64>(k, CHANGED_FOR, B_CHANGED);
  store<f64>(k, jump, B_JUMP);
  store<f64>(k, 0.0, B_PENDING);
  clearMoments(i, floorOf(i));
  startRefits(k);
  resetFloor(i);
  forgetSpans(i);
}

/** A route that got longer both ways: nothing came near the old floor for long. */
function raiseFloor(i: i32, nowS: f64): void {
  const k = braidRow(i);
  if (load<f64>(k, B_QUIET) < QUIET_RUN || load<f64>(k, B_QUIET + 8) < QUIET_RUN) return;
  const since = max<f64>(load<f64>(k, B_QUIET_AT), load<f64>(k, B_QUIET_AT + 8));
  if (nowS - since < QUIET_S) return;
  const lift = min<f64>(load<f64>(k, B_QUIET_LEAST), load<f64>(k, B_QUIET_LEAST + 8));
  for (let side: usize = 0; side < 16; side += 8) {
    const late = load<f64>(k + side, B_QUIET_LATE);
    store<f64>(k + side, late, B_LATE);
    restartQuiet(k + side, nowS);
  }
  changePath(i, lift, 0.0, lift, lift);
}

/**
 * θ never stood where the least spans of most paths say: queueing was taken for a floor, or a floor
 * for queueing. They start again from there, with what they learnt of their queues.
 */
function settle(nowS: f64): void {
  placeOffset(theta + anchorS, anchorSigmaS * anchorSigmaS);
  for (let j = 0; j < pathEnd; j++) {
    if (!isAdrift(j, nowS)) continue;
    const k = braidRow(j);
    const floorS = leastSum(j) * 0.5;
    for (let side: usize = 0; side < 16; side += 8) {
      const sign: f64 = side == 0 ? 1.0 : -1.0;
      // mean span = floor + mean queueing, whichever way it is shared out
      const late = load<f64>(k + side, B_LATE) + floorOf(j) - sign * anchorS - floorS;
      store<f64>(k + side, max<f64>(late, anchorSigmaS), B_LATE);
    }
    placeFloor(j, floorS, 4.0 * anchorSigmaS * anchorSigmaS);
    sharpen(k, nowS);
    sharpen(k + 8, nowS);
    forgetSpans(j);
  }
  for (let j = 0; j < pathEnd; j++) openShift(j);
  restartWander();
}

function assess(nowS: f64): void {
  sinceAssessed++;
  if (exchanges > 64 && sinceAssessed < max<i32>(8, openPaths)) return;
  sinceAssessed = 0;
  markStale(nowS);
  if (findPossible(theta, omega, nowS)) {
    // it began with a liar: most paths say where the truth can be, and start again around it
    countStep();
    placeOffset(possibleS, possibleHalfS * possibleHalfS);
    for (let j = 0; j < pathEnd; j++) store<f64>(braidRow(j), 0.0, B_TAKEN);
    restartWander();
  }
  if (findAnchor(nowS)) settle(nowS);
  const asked = assessMajority(nowS);
  // at first every path agrees with every other, for want of knowledge
  const agreed = asked && exchanges > 64 && isTight();
  for (let j = 0; j < pathEnd; j++) {
    const k = braidRow(j);
    const vote = load<f64>(k, K_VOTE);
    const clean = load<f64>(k, B_CLEAN);
    // agreeing means less where noise is what makes room for it
    if (agreed && vote > 0.0) store<f64>(k, clean + (isSharp(j) ? 1.0 : BLUNT), B_CLEAN);
    else if (asked && !agreed && clean < CLEAN_RUN) store<f64>(k, 0.0, B_CLEAN);
    if (voters > 0 && isConvicted(j)) store<f64>(k, 1.0, K_FREE);
    else if (asked && vote <= -2.0) store<f64>(k, 1.0, K_FREE);
    else if (!asked || vote >= 4.0) store<f64>(k, 0.0, K_FREE);
  }
  reseat(nowS);
  weigh(nowS);
  compareAll(isClean, nowS);
}

/** Shares of the paths, by their sharpness. */
function weigh(nowS: f64): void {
  let sum: f64 = 0;
  let low: f64 = NO_SPAN;
  let high: f64 = -NO_SPAN;
  let counted = 0;
  isClean = false;
  let middle: f64 = 0;
  let weights: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    const k = braidRow(j);
    if (!isFresh(j, nowS) || load<f64>(k, B_TAKEN) == 0.0) continue;
    const w = load<f64>(k, K_FREE) != 0.0 ? 0.0 : sharpness(k) + sharpness(k + 8);
    store<f64>(row(j), w, PATH_WEIGHT);
    sum += w;
    if (load<f64>(k, K_INFORMATION) == 0.0) continue;
    const own = load<f64>(k, K_MEAN);
    low = min<f64>(low, own);
    high = max<f64>(high, own);
    isClean = isClean || load<f64>(k, B_CLEAN) >= CLEAN_RUN;
    // a longer path has more room for asymmetry
    const floorS = max<f64>(load<f64>(row(j), PATH_FLOOR_S), LEAST_FLOOR_S);
    middle += own / (floorS * floorS);
    weights += 1.0 / (floorS * floorS);
    counted++;
  }
  const fresh = countFresh(nowS);
  if (sum <= 0.0) return;
  const split = voters >= 2 && !isTight() && counted >= 2;
  const tied = split && isTied() && fresh == voters;
  middleS = tied && !isClean ? middle / weights : 0.0;
  // whoever is right, the bound reaches to the farthest of them
  bound = split ? max<f64>(abs<f64>(high - middleS), abs<f64>(low - middleS)) : 0.0;
  carrying = 0;
  misfit = 1.0;
  for (let j = 0; j < pathEnd; j++) {
    const p = row(j);
    const k = braidRow(j);
    if (!isFresh(j, nowS) || load<f64>(k, B_TAKEN) == 0.0) continue;
    const share = load<f64>(p, PATH_WEIGHT) / sum;
    store<f64>(p, share, PATH_WEIGHT);
    bound += share * load<f64>(p, PATH_FLOOR_S) * 0.5;
    misfit += share * (softness(k) + softness(k + 8) + lopsidedness(k));
    misfit += 0.7 * share * load<f64>(k, B_POOLED);
    if (load<f64>(k, K_FREE) == 0.0) carrying++;
    store<f64>(p, -load<f64>(k, K_MEAN), PATH_ASYMMETRY_S);
    const information = load<f64>(k, K_INFORMATION);
    store<f64>(p, information > 0.0 ? 1.0 / sqrt<f64>(information) : 0.0, PATH_ASYMMETRY_SIGMA_S);
    store<f64>(p, noiseOf(k), PATH_NOISE_S);
  }
}

/**
 * Joint multipath Kalman filter: one offset and one frequency for all paths, one asymmetry (bias)
 * per path. State [θ, ω, b_1 … b_N], measurement of path i: y = θ + b_i + v. The bias prior
 * (0 ± κ·delay/2) keeps θ observable and its variance honest; the noise of each measurement comes
 * from how long the packet queued (delay excess over the path's floor).
 *
 * Three rules guard it: a gate with path-change recovery, a restart when all paths jump together,
 * and a majority test that takes the symmetry assumption away from paths that disagree. Taking it
 * away is exact: a measurement "b_i = 0" of negative information removes the prior from history.
 */

import { axisS, countStep, nowNs, publishClock } from './clock';
import { delayS, offsetS } from './exchange';
import {
  along,
  alongColumn,
  clearJoint,
  columnOf,
  covariance,
  crossOf,
  moveAlong,
  omega,
  p00,
  p01,
  p11,
  placeColumn,
  placeOffset,
  predictJoint,
  setOffset,
  setOffsetVariance,
  theta,
} from './joint';
import {
  K_AT,
  K_BAD,
  K_CHANGED,
  K_DIVISOR,
  K_FREE,
  K_INFORMATION,
  K_JUMP,
  K_MEAN,
  K_PRIOR,
  K_R,
  K_SLOPE,
  K_TAKEN,
  K_VOTE,
  kalmanRow,
} from './kalmanrow';
import {
  assessMajority,
  centreS,
  clearMajority,
  cliqueHigh,
  cliqueLow,
  cliqueScale,
  majority,
  memberHalfS,
  voters,
} from './majority';
import {
  BIAS,
  COLUMN_BYTES,
  COVARIANCE,
  CROSS_FREQUENCY,
  CROSS_OFFSET,
  KALMAN,
  KALMAN_BYTES,
  MAX_PATHS,
  PATH_ASYMMETRY_S,
  PATH_ASYMMETRY_SIGMA_S,
  PATH_EXCESS_S,
  PATH_FLOOR_S,
  PATH_NOISE_S,
  PATH_RESIDUAL_S,
  PATH_TAKEN,
  PATH_WEIGHT,
  REASON_DISAGREES,
  REASON_FEW,
  REASON_JUMPED,
  REASON_NO_MAJORITY,
  REASON_NONE,
  REASON_QUEUE,
  STATE_CHANGED,
  STATE_CONGESTED,
  STATE_GOOD,
  STATE_QUARANTINED,
  STATE_WARMING,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import {
  GATE,
  learnNoise,
  MEMORY,
  measurementVariance,
  restartNoise,
  START_DIVISOR,
  startNoise,
} from './noise';
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
  setState,
  voteOf,
  WARM_EXCHANGES,
} from './path';
import {
  clearQuickest,
  findPossible,
  forgetQuickest,
  possibleHalfS,
  possibleS,
  rememberQuickest,
} from './quickest';
import { strays, userVariance } from './stamps';
import { clearWander, learnWander, restartWander, wander } from './wander';

/** Asymmetry prior: 1 sigma of b as a share of delay/2. */
const KAPPA: f64 = 0.02;
const LEAST_PRIOR_S: f64 = 1.0e-9;
/** Share of a program's lateness that it never is without: it leans the path's offset for good. */
const LEAN: f64 = 0.5;
/** Random walk of the biases, s²/s. */
const BIAS_WALK: f64 = 1.0e-18;
const GATE_RUN: f64 = 5.0;
const START_FREQUENCY_VARIANCE: f64 = 1.0e-8; // (100 ppm)²
const CHANGED_FOR: f64 = 32.0;
/** Until each path has measured this often, a majority may still move θ as a whole. */
const YOUNG: i32 = 32;
/** A path whose noise is this many times the median's is called congested. */
const CONGESTED_RATIO: f64 = 25.0;

let started: bool = false;
let badRun: f64 = 0; // gated in a row over all paths
let badSquare: f64 = 0; // squared residual of the last of them, s²
let sinceAssessed: i32 = 0;
let exchanges: i32 = 0;
let bound: f64 = 0;
let carrying: i32 = 0;
let lastLearntS: f64 = 0;

export function clearKalman(): void {
  clearQuickest();
  memory.fill(KALMAN, 0, COVARIANCE + COLUMN_BYTES * usize(MAX_PATHS) - KALMAN);
  clearJoint(START_FREQUENCY_VARIANCE);
  started = false;
  badRun = 0;
  badSquare = 0;
  sinceAssessed = 0;
  exchanges = 0;
  bound = 0;
  carrying = 0;
  lastLearntS = 0;
  clearMajority();
  clearWander(0.0);
}

/** Path i is new: its bias is independent of everything. */
export function openKalman(i: i32): void {
  forgetQuickest(i);
  memory.fill(kalmanRow(i), 0, KALMAN_BYTES);
  placeColumn(i, 0.0, 0.0);
}

/** Starts from nothing; the paths stay open. */
export function restartKalman(): void {
  clearKalman();
  for (let i = 0; i < pathEnd; i++) if (isOpen(i)) openKalman(i);
}

/** The offset jumped (local clock stepped): θ starts again, frequency and biases stay. */
function restartOffset(): void {
  started = false;
  badRun = 0;
  placeOffset(theta, p00);
  for (let i = 0; i < pathEnd; i++) {
    store<f64>(kalmanRow(i), 0.0, K_BAD);
    store<f64>(kalmanRow(i), 0.0, K_MEAN);
    store<f64>(kalmanRow(i), 0.0, K_INFORMATION);
    forgetQuickest(i);
  }
  restartWander();
}

function priorOf(i: i32): f64 {
  const half = load<f64>(row(i), PATH_FLOOR_S) * 0.5 * KAPPA * cliqueScale;
  return half * half + LEAST_PRIOR_S * LEAST_PRIOR_S + LEAN * LEAN * userVariance(i);
}

/** Path i goes by stamps of another kind. */
export function switchKalman(i: i32): void {
  if (load<f64>(kalmanRow(i), K_TAKEN) != 0.0) restartNoise(i);
}

/** One measurement of path i, `dtS` after the last of any path, `lateS` older than the newest. */
export function updateKalman(i: i32, dtS: f64, lateS: f64): i32 {
  const k = kalmanRow(i);
  const c = usize(i) << 3;
  predict(dtS);
  exchanges++;
  if (load<f64>(k, K_TAKEN) == 0.0) meetPath(i);
  const nowS = axisS(nowNs);
  walkBias(i, nowS);

  const excess = max<f64>(delayS - load<f64>(row(i), PATH_FLOOR_S), 0.0);
  const variance = measurementVariance(i, excess);
  const measured = offsetS + omega * lateS;
  const first = !started;
  if (first) begin(i, measured, variance);
  const plain = measured - theta - load<f64>(BIAS + c);
  const residual = plain - lean(i, excess);
  const shared = p00 + 2.0 * load<f64>(CROSS_OFFSET + c) + load<f64>(covariance(i, i));
  const known = max<f64>(shared, 0.0);
  const total = known + variance;
  store<f64>(row(i), sqrt<f64>(variance), PATH_NOISE_S);
  store<f64>(row(i), residual, PATH_RESIDUAL_S);

  const deviation = residual + load<f64>(BIAS + c);
  let status = STATUS_USED;
  if (residual * residual > GATE * total) {
    status = STATUS_HELD;
    // a young path is not judged yet: it only votes
    if (strays != 0 || load<f64>(k, K_TAKEN) < WARM_EXCHANGES) countGated(i);
    else gate(i, measured, residual);
    learnNoise(i, excess, plain, deviation, known, total, isYoung());
    if (load<f64>(k, K_TAKEN) <= WARM_EXCHANGES) rememberDeviation(k, deviation, variance);
  } else {
    if (GATE * total < badSquare) {
      // only a measurement sharp enough to have been gated, too, tells that all is well
      badRun = 0;
      store<f64>(k, 0.0, K_BAD);
    }
    learnNoise(i, excess, plain, deviation, known, total, isYoung());
    rememberDeviation(k, deviation, variance);
    const spread = variance + 1.0 / load<f64>(k, K_INFORMATION);
    learnWander(
      max<f64>(nowS - lastLearntS, 0.0),
      measured - lean(i, excess) - load<f64>(BIAS + c),
      spread,
    );
    lastLearntS = nowS;
    const before = theta;
    if (!first) correct(i, residual, variance, total);
    if (isYoung()) moveMeans(theta - before);
  }
  rememberQuickest(i, measured, nowS);
  assess(nowS);
  describe(i);
  publishClock(theta, omega, p00, p01, p11, wander, bound, carrying);
  return status;
}

/** What the path's queues do to the offset of a packet that queued `excess`, s. Strays queue elsewhere. */
function lean(i: i32, excess: f64): f64 {
  return strays == 0 ? load<f64>(kalmanRow(i), K_SLOPE) * excess : 0.0;
}

/** Time passes without an exchange. */
export function passKalman(dtS: f64): void {
  if (!started || dtS <= 0.0) return;
  predict(dtS);
  publishClock(theta, omega, p00, p01, p11, wander, bound, carrying);
}

function predict(dtS: f64): void {
  if (started && dtS > 0.0) predictJoint(dtS, wander);
}

/** θ from nothing but one measurement of path i: θ = measured − b_i, with all that b_i shares. */
function begin(i: i32, measured: f64, variance: f64): void {
  started = true;
  const shared = -load<f64>(CROSS_FREQUENCY + (usize(i) << 3));
  setOffset(measured - columnOf(i), variance + load<f64>(covariance(i, i)), shared);
  for (let j: usize = 0; j < COLUMN_BYTES; j += 8) {
    store<f64>(CROSS_OFFSET + j, -load<f64>(covariance(i, 0) + j));
  }
}

/** First measurement of a path: prior and starting noise. */
function meetPath(i: i32): void {
  const k = kalmanRow(i);
  const prior = priorOf(i);
  store<f64>(k, prior, K_PRIOR);
  store<f64>(covariance(i, i), prior);
  startNoise(i);
  store<f64>(k, START_DIVISOR, K_DIVISOR);
  store<f64>(k, axisS(nowNs), K_AT);
}

function walkBias(i: i32, nowS: f64): void {
  const k = kalmanRow(i);
  const cell = covariance(i, i);
  const gap = max<f64>(nowS - load<f64>(k, K_AT), 0.0);
  store<f64>(cell, load<f64>(cell) + BIAS_WALK * gap);
  store<f64>(k, load<f64>(k, K_PRIOR) + BIAS_WALK * gap, K_PRIOR); // the prior fades with it
  store<f64>(k, nowS, K_AT);
}

/**
 * Scalar update with H = [1, 0, …1_i…]; biases as a symmetric rank-1 step. The block of θ and b_i,
 * where the subtraction cancels after a long gap or a big jump, is written in a form that cannot.
 */
function correct(i: i32, residual: f64, variance: f64, total: f64): void {
  const x = load<f64>(crossOf(i));
  const own = load<f64>(covariance(i, i));
  const area = max<f64>(p00 * own - x * x, 0.0);
  const offsetVariance = (p00 * variance + area) / total;
  along(i, 1.0);
  moveAlong(residual * (1.0 / total), 1.0 / total);
  setOffsetVariance(offsetVariance);
  store<f64>(crossOf(i), (x * variance - area) / total);
  store<f64>(covariance(i, i), max<f64>((own * variance + area) / total, 1.0e-24));
}

/**
 * Replaces the bias prior N(0, old) of path i by N(0, wanted), as if it had been so from the
 * start: one measurement b_i = 0 with information 1/wanted − 1/old, which may be negative.
 */
function swapPrior(i: i32, wanted: f64): bool {
  const k = kalmanRow(i);
  const old = load<f64>(k, K_PRIOR);
  if (abs<f64>(wanted - old) <= 0.05 * old) return true;
  const information = 1.0 / wanted - 1.0 / old;
  const own = load<f64>(covariance(i, i));
  const total = own + 1.0 / information;
  // taking a prior away must leave the state observable: total stays clear of zero below it
  if (information < 0.0 && !(total < -1.0e-3 * old)) return false;
  const before = theta;
  alongColumn(i);
  moveAlong(-columnOf(i) * (1.0 / total), 1.0 / total);
  store<f64>(covariance(i, i), max<f64>(own / (own * information + 1.0), 1.0e-24));
  moveMeans(theta - before);
  store<f64>(k, wanted, K_PRIOR);
  return true;
}

/** A measurement far from the prediction: hold it, or believe that the path or the clock moved. */
function gate(i: i32, measured: f64, residual: f64): void {
  const k = kalmanRow(i);
  const bad = load<f64>(k, K_BAD) + 1.0;
  store<f64>(k, bad, K_BAD);
  badRun += 1.0;
  badSquare = residual * residual;
  countGated(i);
  const fresh = countFresh(axisS(nowNs));
  const alone = fresh < 2;
  const allBad = badRun >= max<f64>(GATE_RUN, 2.0 * f64(fresh));
  const mostMove =
    !alone && bad >= GATE_RUN && isMost(movingVotes(i, residual), freshVotes(axisS(nowNs)));
  if ((allBad || mostMove) && (!alone || isClockStep(i, residual))) {
    // nobody fits any more, or most paths move at once: it is the local clock that moved
    countStep();
    restartOffset();
    begin(i, measured, 4.0 * residual * residual);
  } else if (bad >= GATE_RUN && (!alone || !isClockStep(i, residual))) {
    changePath(i, residual);
  }
}

/** Votes of i and the fresh paths that moved about as far: do not fit just now or changed of late. */
function movingVotes(i: i32, residual: f64): f64 {
  const nowS = axisS(nowNs);
  let moving = voteOf(i);
  for (let j = 0; j < pathEnd; j++) {
    if (j == i || !isFresh(j, nowS)) continue;
    const k = kalmanRow(j);
    const changed = load<f64>(k, K_CHANGED) > 0.0;
    if (!changed && load<f64>(k, K_BAD) < 2.0) continue;
    const moved = changed ? load<f64>(k, K_JUMP) : load<f64>(row(j), PATH_RESIDUAL_S);
    if (abs<f64>(moved - residual) <= 0.5 * abs<f64>(residual)) moving += voteOf(j);
  }
  return moving;
}

/** With one path only: an offset jump that the delay does not explain is the clock's. */
function isClockStep(i: i32, residual: f64): bool {
  const longer = abs<f64>(delayS - load<f64>(row(i), PATH_FLOOR_S));
  return longer < abs<f64>(residual);
}

/**
 * The route of path i changed, or it lies: its bias and floor start again, the clock stays. It is
 * not taken for symmetric again before the majority has agreed with it.
 */
function changePath(i: i32, residual: f64): void {
  const k = kalmanRow(i);
  placeColumn(i, 0.0, 0.0);
  resetFloor(i);
  const prior = priorOf(i) + 4.0 * residual * residual;
  store<f64>(covariance(i, i), prior);
  store<f64>(k, prior, K_PRIOR);
  store<f64>(k, 0.0, K_BAD);
  store<f64>(k, 0.0, K_MEAN);
  store<f64>(k, 0.0, K_INFORMATION);
  store<f64>(k, 0.0, K_TAKEN);
  store<f64>(k, 0.0, K_VOTE);
  store<f64>(k, 1.0, K_FREE);
  store<f64>(k, CHANGED_FOR, K_CHANGED);
  store<f64>(k, residual, K_JUMP);
  startNoise(i);
  store<f64>(k, 1.0, K_TAKEN);
}

/** Where path i sees the clock relative to θ: what the majority test compares. */
function rememberDeviation(k: usize, deviation: f64, variance: f64): void {
  const kept = load<f64>(k, K_INFORMATION) * (1.0 - 1.0 / 128.0);
  const information = kept + 1.0 / variance;
  const mean = load<f64>(k, K_MEAN);
  store<f64>(k, mean + (deviation - mean) / variance / information, K_MEAN);
  store<f64>(k, information, K_INFORMATION);
}

/** If θ is impossible (quickest.ts), it starts again where it can be. */
function leaveImpossible(nowS: f64): void {
  if (!findPossible(theta, omega, nowS)) return;
  restartOffset();
  started = true;
  setOffset(possibleS, possibleHalfS * possibleHalfS, p01);
  for (let j = 0; j < pathEnd; j++) {
    const k = kalmanRow(j);
    if (load<f64>(k, K_TAKEN) == 0.0) continue;
    const prior = load<f64>(k, K_FREE) != 0.0 ? load<f64>(k, K_PRIOR) : priorOf(j);
    placeColumn(j, 0.0, 0.0);
    store<f64>(covariance(j, j), prior);
    store<f64>(k, prior, K_PRIOR);
  }
}

/** Now and then, over all paths: stale ones, the majority, weights and the asymmetry bound. */
function assess(nowS: f64): void {
  sinceAssessed++;
  if (exchanges > 64 && sinceAssessed < max<i32>(8, openPaths)) return;
  sinceAssessed = 0;
  markStale(nowS);
  leaveImpossible(nowS);
  if (assessMajority(nowS)) {
    if (shouldReseat()) reseat(nowS);
    // those to trust first: what they say keeps the state observable when others are let go
    for (let j = 0; j < pathEnd; j++) if (isFresh(j, nowS)) trust(j);
    for (let j = 0; j < pathEnd; j++) if (isFresh(j, nowS)) distrust(j);
  }
  weigh(nowS);
}

function isYoung(): bool {
  return exchanges <= YOUNG * max<i32>(openPaths, 2);
}

/** θ moved by `byS`: what is kept relative to it moves the other way. */
function moveMeans(byS: f64): void {
  for (let j = 0; j < pathEnd; j++) {
    const k = kalmanRow(j);
    store<f64>(k, load<f64>(k, K_MEAN) - byS, K_MEAN);
  }
}

/** True if a young filter stands where the majority does not: it began with a liar. */
function shouldReseat(): bool {
  if (!isYoung() || voters < 3 || !majority) return false;
  const slack = 4.0 * sqrt<f64>(p00) + memberHalfS;
  return cliqueLow > slack || cliqueHigh < -slack;
}

/** Puts θ into the middle of the majority and lets every bias start again around it. */
function reseat(nowS: f64): void {
  setOffset(theta + centreS, memberHalfS * memberHalfS + LEAST_PRIOR_S * LEAST_PRIOR_S, 0.0);
  for (let j = 0; j < pathEnd; j++) {
    if (!isOpen(j)) continue;
    const k = kalmanRow(j);
    placeColumn(j, 0.0, 0.0);
    const prior = priorOf(j);
    store<f64>(covariance(j, j), prior);
    store<f64>(k, prior, K_PRIOR);
    store<f64>(k, 0.0, K_FREE);
    store<f64>(k, load<f64>(k, K_MEAN) - centreS, K_MEAN);
    if (!isFresh(j, nowS) || load<f64>(k, K_VOTE) >= 0.0) continue;
    const away = load<f64>(k, K_MEAN);
    const delay = load<f64>(row(j), PATH_FLOOR_S) * 0.5;
    const wide = delay * delay + 4.0 * away * away;
    store<f64>(covariance(j, j), wide);
    store<f64>(k, wide, K_PRIOR);
    store<f64>(k, 1.0, K_FREE);
  }
  restartWander();
}

/** Path i agrees: it has (or gets back) the symmetry assumption. */
function trust(i: i32): void {
  const k = kalmanRow(i);
  const vote = load<f64>(k, K_VOTE);
  if (vote <= -2.0 || (load<f64>(k, K_FREE) != 0.0 && vote < 4.0)) return;
  if (swapPrior(i, priorOf(i))) store<f64>(k, 0.0, K_FREE);
}

/** Path i disagrees: the symmetry assumption is taken away from it. */
function distrust(i: i32): void {
  const k = kalmanRow(i);
  if (load<f64>(k, K_VOTE) > -2.0 || load<f64>(k, K_FREE) != 0.0) return;
  const away = load<f64>(k, K_MEAN) - centreS;
  const half = load<f64>(row(i), PATH_FLOOR_S) * 0.5;
  if (swapPrior(i, half * half + 4.0 * away * away)) store<f64>(k, 1.0, K_FREE);
}

/** Shares in the combination: what each path's prior and noise let it say about θ. */
function weigh(nowS: f64): void {
  let sum: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    const w = information(j);
    store<f64>(row(j), w, PATH_WEIGHT);
    sum += w;
  }
  if (sum <= 0.0) return;
  let apart: f64 = 0;
  bound = 0;
  carrying = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    const p = row(j);
    const share = load<f64>(p, PATH_WEIGHT) / sum;
    store<f64>(p, share, PATH_WEIGHT);
    bound += share * load<f64>(p, PATH_FLOOR_S) * 0.5;
    if (load<f64>(kalmanRow(j), K_FREE) == 0.0) carrying++;
    // with no majority, whoever is right must lie within the bound
    if (!majority) apart = max<f64>(apart, abs<f64>(load<f64>(kalmanRow(j), K_MEAN)));
    store<f64>(p, -load<f64>(BIAS + (usize(j) << 3)), PATH_ASYMMETRY_S);
    store<f64>(p, sqrt<f64>(load<f64>(covariance(j, j))), PATH_ASYMMETRY_SIGMA_S);
  }
  bound += apart;
}

function information(i: i32): f64 {
  const k = kalmanRow(i);
  const taken = max<f64>(min<f64>(load<f64>(k, K_TAKEN), MEMORY), 1.0);
  return 1.0 / (load<f64>(k, K_PRIOR) + load<f64>(k, K_R) / taken + 1.0e-24);
}

function describe(i: i32): void {
  const k = kalmanRow(i);
  const p = row(i);
  const changed = load<f64>(k, K_CHANGED);
  if (changed > 0.0) store<f64>(k, changed - 1.0, K_CHANGED);
  if (load<f64>(p, PATH_TAKEN) < WARM_EXCHANGES) setState(i, STATE_WARMING, REASON_FEW, 0.0);
  else if (load<f64>(k, K_FREE) != 0.0 && load<f64>(k, K_VOTE) < 0.0)
    setState(i, STATE_QUARANTINED, REASON_DISAGREES, load<f64>(k, K_MEAN) - centreS);
  else if (changed > 0.0 || load<f64>(k, K_FREE) != 0.0)
    setState(i, STATE_CHANGED, REASON_JUMPED, load<f64>(k, K_JUMP));
  else if (isCongested(i)) setState(i, STATE_CONGESTED, REASON_QUEUE, load<f64>(p, PATH_EXCESS_S));
  else if (!majority) setState(i, STATE_GOOD, REASON_NO_MAJORITY, 0.0);
  else setState(i, STATE_GOOD, REASON_NONE, 0.0);
}

/** Much noisier than the best other path. */
function isCongested(i: i32): bool {
  const own = load<f64>(kalmanRow(i), K_R);
  let quieter = 0;
  let others = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (j == i || !isOpen(j)) continue;
    others++;
    if (load<f64>(kalmanRow(j), K_R) * CONGESTED_RATIO < own) quieter++;
  }
  return others > 0 && 2 * quieter >= others;
}

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
  B_ALIKE,
  B_BLOCK,
  B_CHANGED,
  B_CLEAN,
  B_DOUBT,
  B_EDGE2,
  B_JUMP,
  B_LAST,
  B_LATE,
  B_NEAR,
  B_PENDING,
  B_PENDING_S,
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
import { axisS, carryClock, countStep, nowNs, publishClock } from './clock';
import { edge, edgeLate, edgeNoise2, edgeShift, edgeSigma, edgeVariance } from './edge';
import { delayS, forwardS, offsetS, reverseS } from './exchange';
import {
  along,
  clearJoint,
  covariance,
  moveAlong,
  omega,
  p00,
  p01,
  p11,
  placeOffset,
  predictJoint,
  theta,
} from './joint';
import {
  assessMajority,
  centreS,
  clearMajority,
  isSharp,
  tightlyAgreeing,
  voters,
} from './majority';
import {
  KALMAN,
  KALMAN_BYTES,
  MAX_PATHS,
  PATH_ASYMMETRY_S,
  PATH_ASYMMETRY_SIGMA_S,
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
  SPANS,
  SPANS_BYTES,
  STATE_CHANGED,
  STATE_CONGESTED,
  STATE_GOOD,
  STATE_QUARANTINED,
  STATE_WARMING,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import { spanS } from './oneway';
import {
  countFresh,
  countGated,
  isFresh,
  markStale,
  openPaths,
  pathEnd,
  resetFloor,
  row,
  setState,
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
import {
  clearSeats,
  floorCross,
  floorOf,
  floorVariance,
  leaveSeat,
  placeFloor,
  reseat,
  seatOf,
  sharpness,
  trySeat,
} from './seats';
import { isDecided, isExtra, lowerLeast, noteLow, takeLeast } from './sides';
import { clearWander, learnWander, restartWander, wander } from './wander';

const START_FREQUENCY_VARIANCE: f64 = 1.0e-8; // (100 ppm)²
/** Queueing of a new path, as a share of its delay, and its edge's softness as a share of that. */
const START_LATE: f64 = 0.1;
const START_EDGE: f64 = 0.04;
/** Pull of the wander towards its start, log-likelihood per squared decade. */
const WANDER_PRIOR: f64 = 3.0;
const LATE_MEMORY: f64 = 512.0;
/** A packet counts as this many times the queueing learnt at the most. */
const MOST_LATE: f64 = 16.0;
/** Exchanges near the edge that its softness remembers. */
const EDGE_MEMORY: f64 = 10.0;
const SOFT_MEMORY: f64 = 3000.0;
/** A softness beyond the queueing itself, met by chance at the start, must not stay for hours. */
const MOST_SOFT_MEMORY: f64 = 128.0;
/** Softness is never below this share of the queueing. */
const LEAST_EDGE: f64 = 1.0e-3;
const LEAST_S: f64 = 1.0e-10;
/** No path is shorter than 30 cm, s. */
const LEAST_FLOOR_S: f64 = 1.0e-9;
/** A span this many sigmas below its floor is no noise. */
const BELOW: f64 = 8.0;
const PENDING_RUN: f64 = 3.0;
/** A floor that was not touched in both directions for so long has risen. */
const QUIET_RUN: f64 = 32.0;
const QUIET_S: f64 = 512.0;
const NEAR_FLOOR: f64 = 0.25; // of L
const BLOCK: f64 = 64.0;
/** Least spans start again once θ is known with so much less variance. */
const CLEARER: f64 = 16.0;
const CHANGED_FOR: f64 = 32.0;
const CONGESTED_RATIO: f64 = 5.0;
/** A path that agreed in so many assessments on end has a history that outweighs a tie. */
const CLEAN_RUN: f64 = 64.0;
const BLUNT: f64 = 1.0 / 16.0;
/** Share of a packet in the averages of persistence, and what chance alone makes of them. */
const PERSISTENCE: f64 = 1.0 / 256.0;
const EVEN_NEAR: f64 = 0.63;
const RHO_NOISE: f64 = 0.1;
/** Exchanges away from the floor that make a direction suspect of having no say. */
const QUIET_SOON: f64 = 16.0;
/** So many round trips below this share of the queueing learnt forget it. */
const OVERGROWN: f64 = 0.02;
const SHORT_RUN: f64 = 8.0;
const NO_SPAN: f64 = 1.0e300;
/** Beyond these nothing is a clock's, s and s/s. */
const MOST_S: f64 = 1.0e11;
const MOST_FREQUENCY: f64 = 1.0e-2;

const DOUBTC: f64 = 0.2;
let started: bool = false;
let exchanges: i32 = 0;
let sinceAssessed: i32 = 0;
let lastLearntS: f64 = 0;
let bound: f64 = 0;
let carrying: i32 = 0;
/** Added to θ when published: a middle between paths that nobody can tell apart, and never could. */
let middleS: f64 = 0;
/** Factor on the variance published: soft edges fit the model less well than sharp ones. */
let misfit: f64 = 1;
/** How far the clock may have been stepped, while only shifted exchanges have come since, s. */
let doubtS: f64 = 0;

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
  lastLearntS = 0;
  bound = 0;
  carrying = 0;
  middleS = 0;
  doubtS = 0;
  misfit = 1;
}

export function openBraid(i: i32): void {
  forgetQuickest(i);
  leaveSeat(i);
  memory.fill(braidRow(i), 0, KALMAN_BYTES);
}

/** The time axis started again: whatever did that, nothing learnt before is safe to keep. */
export function restartBraid(): void {
  collapse();
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
  describe(i);
  const variance = p00 * misfit + doubtS * doubtS;
  publishClock(theta + middleS, omega, variance, p01, p11, wander, bound, carrying);
  return status;
}

/**
 * One direction of path i by itself, its span in oneway.ts, `dtS` after the last of any path and
 * `lateS` older than the newest. If it completes an exchange (then in exchange.ts, `exchangeLateS`
 * older), what is told from both directions is told.
 */
export function updateBraidSpan(
  i: i32,
  side: usize,
  dtS: f64,
  lateS: f64,
  isExchange: bool,
  exchangeLateS: f64,
): i32 {
  const nowS = axisS(nowNs);
  if (started && dtS > 0.0) predictJoint(dtS, wander);
  if (isExchange) exchanges++;
  let status = weaveSpan(i, side, lateS, isExchange, exchangeLateS, nowS);
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
    describe(i);
  }
  const variance = p00 * misfit + doubtS * doubtS;
  publishClock(theta + middleS, omega, variance, p01, p11, wander, bound, carrying);
  return status;
}

function weaveSpan(
  i: i32,
  side: usize,
  lateS: f64,
  isExchange: bool,
  exchangeLateS: f64,
  nowS: f64,
): i32 {
  const k = braidRow(i);
  if (!started || load<f64>(k, B_TAKEN) == 0.0 || (isExchange && isOvergrown(k)))
    return isExchange ? weave(i, exchangeLateS, nowS) : STATUS_HELD;
  const sign: f64 = side == 0 ? 1.0 : -1.0;
  const span = spanS + sign * omega * lateS;
  const residual = span - sign * theta - floorOf(i);
  const isWarm = load<f64>(k, B_TAKEN) > WARM_EXCHANGES;
  const isLow = isWarm && residual < -BELOW * spanSigma(i, side, sign);
  noteLow(i, side, isLow);
  if (isExchange) {
    const reverse = reverseS + omega * exchangeLateS;
    const forward = forwardS - omega * exchangeLateS;
    store<f64>(k, load<f64>(k, B_TAKEN) + 1.0, B_TAKEN);
    rememberQuickest(i, (reverse - forward) * 0.5, nowS);
    const status = isDecided(i) ? judge(i, reverse, forward) : STATUS_HELD;
    if (status != STATUS_USED) {
      countGated(i);
      doubtS = max<f64>(doubtS, abs<f64>(isLow ? residual : load<f64>(k, B_PENDING_S)));
      return status;
    }
    doubtS = 0.0;
    store<f64>(k, 0.0, B_PENDING);
    rememberSpans(
      i,
      min<f64>(takeLeast(i, 0), reverse - theta),
      min<f64>(takeLeast(i, 8), forward + theta),
    );
  } else if (isLow) {
    // the other direction will tell what it was
    countGated(i);
    doubtS = max<f64>(doubtS, abs<f64>(residual));
    return STATUS_HELD;
  } else if (!isFresh(i, nowS) && countFresh(nowS) > 0) {
    // heard in one direction only, a path can be led anywhere; it speaks while nobody else does
    return STATUS_HELD;
  }
  lowerLeast(i, side, span - sign * theta);
  const soft = load<f64>(k + side, B_EDGE2);
  learnFrom(i, i32(side >> 3), span, sign, nowS);
  if (isExtra) {
    const twin = k + (side ^ 8);
    const late = load<f64>(twin, B_LATE);
    const least = LEAST_EDGE * LEAST_EDGE * late * late + LEAST_S * LEAST_S;
    const next = (load<f64>(twin, B_EDGE2) * load<f64>(k + side, B_EDGE2)) / soft;
    store<f64>(twin, max<f64>(next, least), B_EDGE2);
  }
  if (DOUBTC > 0.0) {
    const seat = seatOf(i);
    if (seat >= 0) {
      const soft2 = max<f64>(load<f64>(k, B_EDGE2), load<f64>(k + 8, B_EDGE2)) * DOUBTC * DOUBTC;
      if (load<f64>(covariance(seat, seat)) < soft2) store<f64>(covariance(seat, seat), soft2);
    }
  }
  if (isExchange) raiseFloor(i, nowS);
  return STATUS_USED;
}

function weave(i: i32, lateS: f64, nowS: f64): i32 {
  const k = braidRow(i);
  // an exchange out of order is carried to now
  const reverse = reverseS + omega * lateS;
  const forward = forwardS - omega * lateS;
  const first = !started;
  if (first) {
    started = true;
    const quarter = 0.25 * delayS + LEAST_S;
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
  rememberSpans(i, reverse - theta, forward + theta);
  if (!first) {
    // θ stands where the first exchange put it; only the next ones can tell more
    learnFrom(i, 0, reverse, 1.0, nowS);
    learnFrom(i, 1, forward, -1.0, nowS);
  }
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
  for (let j = 0; j < pathEnd; j++) forgetSpans(j);
}

/**
 * A new path. If its first exchange can be reconciled with θ, the floor lies in the middle of the
 * round trip; if not (it lies, or θ does), it lies at the shorter side, where it says nothing on θ.
 */
function meetPath(i: i32, reverse: f64, forward: f64, nowS: f64): void {
  const k = braidRow(i);
  const late = START_LATE * delayS + LEAST_S;
  const away = abs<f64>((reverse - forward) * 0.5 - theta);
  const fits = away <= 0.5 * delayS + 3.0 * sqrt<f64>(p00);
  const floorS = fits ? delayS * 0.5 : min<f64>(reverse - theta, forward + theta);
  trySeat(i);
  placeFloor(i, floorS - late, 4.0 * late * late);
  for (let side: usize = 0; side < 16; side += 8) {
    store<f64>(k + side, late, B_LATE);
    store<f64>(k + side, START_EDGE * START_EDGE * late * late, B_EDGE2);
    store<f64>(k + side, EVEN_NEAR, B_NEAR);
    store<f64>(k + side, EVEN_NEAR * EVEN_NEAR + (1.0 - EVEN_NEAR) * (1.0 - EVEN_NEAR), B_ALIKE);
    store<f64>(k + side, 1.0, B_LAST);
    restartQuiet(k + side, nowS);
  }
  forgetSpans(i);
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
    changePath(i, fall, fall);
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
  let total: f64 = 0;
  let extreme: f64 = 0;
  let late: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    const r = braidRow(j);
    fresh++;
    if (load<f64>(r, B_PENDING) == 0.0 || load<f64>(r, B_PENDING_S) * shift <= 0.0) continue;
    moving++;
    total += load<f64>(r, B_PENDING);
    late += max<f64>(load<f64>(r, B_LATE), load<f64>(r, B_LATE + 8));
    const moved = load<f64>(r, B_PENDING_S);
    if (abs<f64>(moved) > abs<f64>(extreme)) extreme = moved;
  }
  if (2 * moving > fresh && total >= max<f64>(PENDING_RUN, f64(fresh))) {
    stepClock(extreme, (2.0 * late) / f64(moving) / total);
    return STATUS_USED;
  }
  if (load<f64>(k, B_PENDING) < PENDING_RUN || 2 * moving > fresh) return STATUS_HELD;
  if (2 * (forgetAlike(i, nowS) + 1) > fresh) {
    // one path after the other made the same jump: it was the clock's all along
    stepClock(load<f64>(k, B_PENDING_S), max<f64>(load<f64>(k, B_LATE), load<f64>(k, B_LATE + 8)));
    return STATUS_USED;
  }
  changePath(i, fall, load<f64>(k, B_PENDING_S));
  return STATUS_USED;
}

/**
 * Fresh paths that were taken for changed of late by the same jump as path i wants now. If they and
 * i are most paths they are met anew, since what they changed by was never theirs.
 */
function forgetAlike(i: i32, nowS: f64): i32 {
  const shift = load<f64>(braidRow(i), B_PENDING_S);
  let alike = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (j != i && isFresh(j, nowS) && isAlike(j, shift)) alike++;
  }
  if (2 * (alike + 1) <= countFresh(nowS)) return alike;
  for (let j = 0; j < pathEnd; j++) {
    if (j != i && isFresh(j, nowS) && isAlike(j, shift)) store<f64>(braidRow(j), 0.0, B_TAKEN);
  }
  return alike;
}

function isAlike(j: i32, shift: f64): bool {
  const r = braidRow(j);
  if (load<f64>(r, B_CHANGED) == 0.0) return false;
  return abs<f64>(load<f64>(r, B_JUMP) - shift) <= 0.5 * abs<f64>(shift);
}

/** Most paths shifted alike: the local clock was stepped. */
function stepClock(shift: f64, spread: f64): void {
  countStep();
  placeOffset(theta + shift, spread * spread + p00);
  for (let j = 0; j < pathEnd; j++) {
    store<f64>(braidRow(j), 0.0, B_PENDING);
    forgetQuickest(j);
    forgetSpans(j);
  }
  middleS = 0;
  restartWander();
}

/** The floor of path i moved by `byS`; θ stays. */
function changePath(i: i32, byS: f64, jump: f64): void {
  const k = braidRow(i);
  const late = max<f64>(load<f64>(k, B_LATE), load<f64>(k, B_LATE + 8));
  placeFloor(i, floorOf(i) + byS, late * late);
  store<f64>(k, CHANGED_FOR, B_CHANGED);
  store<f64>(k, jump, B_JUMP);
  store<f64>(k, 0.0, B_PENDING);
  resetFloor(i);
  forgetSpans(i);
}

/** One one-sided update of sign·θ + d_i, and what it teaches about its queueing and edge. */
function learnFrom(i: i32, direction: i32, span: f64, sign: f64, nowS: f64): void {
  const side = usize(direction) << 3;
  const k = braidRow(i) + side;
  const late = load<f64>(k, B_LATE);
  const noise2 = load<f64>(k, B_EDGE2);
  const seat = seatOf(i);
  const apart = p00 + floorVariance(i);
  const v = max<f64>(seat < 0 ? apart : along(seat, sign), LEAST_S * LEAST_S);
  const floorS = sign * theta + floorOf(i);
  const residual = span - floorS;
  edge(residual, v, late * repetition(k), noise2);
  notePersistence(k, residual < late);
  noteQuiet(k, residual, nowS);
  if (seat < 0) follow(i, v);
  else lead(i, sign, floorS, v, nowS);

  const taken = load<f64>(braidRow(i), B_TAKEN);
  const pace = 1.0 / min<f64>(taken + 4.0, LATE_MEMORY);
  const heard = min<f64>(edgeLate, MOST_LATE * late); // one hung packet is no new law
  const next = max<f64>(late + (heard - late) * pace, LEAST_S);
  store<f64>(k, next, B_LATE);
  if (residual < 3.0 * edgeSigma) {
    // a sharp edge is met rarely and must be learnt from few, a soft one shows in many
    const soft = (SOFT_MEMORY * noise2) / (late * late);
    const memory = EDGE_MEMORY + min<f64>(soft, MOST_SOFT_MEMORY);
    const quick = 1.0 / min<f64>(taken + 4.0, memory);
    const least = LEAST_EDGE * LEAST_EDGE * next * next + LEAST_S * LEAST_S;
    store<f64>(k, max<f64>(noise2 + (edgeNoise2 - noise2) * quick, least), B_EDGE2);
  }
}

/**
 * How many packets say what one says, >= 1: queues have a memory, and a run of late packets is one
 * observation, not many. It divides the push of late packets on the floor.
 */
function repetition(k: usize): f64 {
  const near = load<f64>(k, B_NEAR);
  const chance = near * near + (1.0 - near) * (1.0 - near);
  const excess = load<f64>(k, B_ALIKE) - chance;
  const memory = min<f64>(max<f64>(excess / max<f64>(1.0 - chance, 0.1) - RHO_NOISE, 0.0), 0.95);
  const quiet = load<f64>(k, B_QUIET) / QUIET_SOON;
  return sqrt<f64>((1.0 + memory) / (1.0 - memory)) * (quiet > 1.0 ? quiet * quiet : 1.0);
}

function notePersistence(k: usize, isNear: bool): void {
  const near: f64 = isNear ? 1.0 : 0.0;
  const alike: f64 = load<f64>(k, B_LAST) == near ? 1.0 : 0.0;
  store<f64>(k, load<f64>(k, B_NEAR) + (near - load<f64>(k, B_NEAR)) * PERSISTENCE, B_NEAR);
  store<f64>(k, load<f64>(k, B_ALIKE) + (alike - load<f64>(k, B_ALIKE)) * PERSISTENCE, B_ALIKE);
  store<f64>(k, near, B_LAST);
}

/** A seated path moves θ, its floor and all they share. */
function lead(i: i32, sign: f64, floorS: f64, v: f64, nowS: f64): void {
  const shrink = (v - edgeVariance) / (v * v);
  const share = shrink * v;
  if (share > 1.0e-4) {
    // what the update says about θ, as if it had been a plain measurement
    const information = 1.0 / edgeVariance - 1.0 / v;
    const seen = floorS + edgeShift / share;
    learnWander(max<f64>(nowS - lastLearntS, 0.0), sign * (seen - floorOf(i)), 1.0 / information);
    lastLearntS = nowS;
  }
  moveAlong(edgeShift / v, shrink);
}

/** A path without a seat moves its own floor only; it is never known better than θ is. */
function follow(i: i32, v: f64): void {
  const own = floorVariance(i);
  const gain = own / v;
  const left = own - gain * gain * (v - edgeVariance);
  placeFloor(i, floorOf(i) + gain * edgeShift, max<f64>(left, p00));
}

function restartQuiet(k: usize, nowS: f64): void {
  store<f64>(k, 0.0, B_QUIET);
  store<f64>(k, nowS, B_QUIET_AT);
  store<f64>(k, load<f64>(k, B_LATE), B_QUIET_LATE);
  store<f64>(k, NO_SPAN, B_QUIET_LEAST);
}

function noteQuiet(k: usize, residual: f64, nowS: f64): void {
  if (residual < NEAR_FLOOR * load<f64>(k, B_QUIET_LATE) + 4.0 * edgeSigma) {
    restartQuiet(k, nowS);
    return;
  }
  store<f64>(k, load<f64>(k, B_QUIET) + 1.0, B_QUIET);
  store<f64>(k, min<f64>(load<f64>(k, B_QUIET_LEAST), residual), B_QUIET_LEAST);
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
  changePath(i, lift, lift);
}

// --- the paths' own offsets, for votes, the asymmetry column and ties ---------------------------

function spans(i: i32): usize {
  return SPANS + usize(i) * SPANS_BYTES;
}

function forgetSpans(i: i32): void {
  const s = spans(i);
  for (let b: usize = 0; b < SPANS_BYTES; b += 8) store<f64>(s + b, NO_SPAN);
  store<f64>(braidRow(i), 0.0, B_BLOCK);
  store<f64>(braidRow(i), 0.0, B_DOUBT);
  store<f64>(braidRow(i), 0.0, B_DOUBT + 8);
  store<f64>(braidRow(i), 0.0, K_INFORMATION);
}

/** Least spans of this and the last block, θ taken out, so that they are one-way delays. */
function rememberSpans(i: i32, reverse: f64, forward: f64): void {
  const k = braidRow(i);
  const s = spans(i);
  // what was seen while θ was hardly known would be blamed on the path
  if (p00 * CLEARER < max<f64>(load<f64>(k, B_DOUBT), load<f64>(k, B_DOUBT + 8))) forgetSpans(i);
  let inBlock = load<f64>(k, B_BLOCK);
  if (inBlock >= BLOCK) {
    memory.copy(s + 16, s, 16);
    store<f64>(k, load<f64>(k, B_DOUBT), B_DOUBT + 8);
    store<f64>(k, 0.0, B_DOUBT);
    store<f64>(s, NO_SPAN);
    store<f64>(s + 8, NO_SPAN);
    inBlock = 0.0;
  }
  store<f64>(k, inBlock + 1.0, B_BLOCK);
  store<f64>(k, max<f64>(load<f64>(k, B_DOUBT), p00), B_DOUBT);
  store<f64>(s, min<f64>(load<f64>(s), reverse));
  store<f64>(s + 8, min<f64>(load<f64>(s + 8), forward));
  const leastReverse = min<f64>(load<f64>(s), load<f64>(s + 16));
  const leastForward = min<f64>(load<f64>(s + 8), load<f64>(s + 24));
  const full = load<f64>(s + 16) < NO_SPAN;
  const n = inBlock + 1.0 + (full ? BLOCK : 0.0);
  const a = load<f64>(k, B_LATE) / n;
  const b = load<f64>(k, B_LATE + 8) / n;
  const variance =
    (a * a + b * b) * 0.25 +
    (load<f64>(k, B_EDGE2) + load<f64>(k, B_EDGE2 + 8)) * 0.25 +
    max<f64>(max<f64>(load<f64>(k, B_DOUBT), load<f64>(k, B_DOUBT + 8)) - p00, 0.0);
  store<f64>(k, (leastReverse - leastForward) * 0.5, K_MEAN);
  store<f64>(k, 1.0 / variance, K_INFORMATION);
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
  const asked = assessMajority(nowS);
  // at first every path agrees with every other, for want of knowledge
  const agreed = asked && exchanges > 64 && 2 * tightlyAgreeing > voters;
  for (let j = 0; j < pathEnd; j++) {
    const k = braidRow(j);
    const vote = load<f64>(k, K_VOTE);
    const clean = load<f64>(k, B_CLEAN);
    // agreeing means less where noise is what makes room for it
    if (agreed && vote > 0.0) store<f64>(k, clean + (isSharp(j) ? 1.0 : BLUNT), B_CLEAN);
    else if (asked && !agreed && clean < CLEAN_RUN) store<f64>(k, 0.0, B_CLEAN);
    if (asked && vote <= -2.0) store<f64>(k, 1.0, K_FREE);
    else if (!asked || vote >= 4.0) store<f64>(k, 0.0, K_FREE);
  }
  reseat(nowS);
  weigh(nowS);
}

/** Shares of the paths, by their sharpness. */
function weigh(nowS: f64): void {
  let sum: f64 = 0;
  let low: f64 = NO_SPAN;
  let high: f64 = -NO_SPAN;
  let counted = 0;
  let isClean = false;
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
  const split = voters >= 2 && 2 * tightlyAgreeing <= voters && counted >= 2;
  const tied = split && 2 * tightlyAgreeing == voters && fresh == voters;
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
    misfit += share * (softness(k) + softness(k + 8));
    if (load<f64>(k, K_FREE) == 0.0) carrying++;
    store<f64>(p, -load<f64>(k, K_MEAN), PATH_ASYMMETRY_S);
    const information = load<f64>(k, K_INFORMATION);
    store<f64>(p, information > 0.0 ? 1.0 / sqrt<f64>(information) : 0.0, PATH_ASYMMETRY_SIGMA_S);
    store<f64>(p, noiseOf(k), PATH_NOISE_S);
  }
}

/** Softness of an edge as a share of the queueing, [0, 1/2]; small again where all noise is Gaussian. */
function softness(side: usize): f64 {
  const x = sqrt<f64>(load<f64>(side, B_EDGE2)) / load<f64>(side, B_LATE);
  return x / (1.0 + x * x);
}

/** 1 sigma of a raw offset of this path. */
function noiseOf(k: usize): f64 {
  const a = load<f64>(k, B_LATE);
  const b = load<f64>(k, B_LATE + 8);
  return 0.5 * sqrt<f64>(a * a + b * b + load<f64>(k, B_EDGE2) + load<f64>(k, B_EDGE2 + 8));
}

function describe(i: i32): void {
  const k = braidRow(i);
  const p = row(i);
  const changed = load<f64>(k, B_CHANGED);
  if (changed > 0.0) store<f64>(k, changed - 1.0, B_CHANGED);
  const late = max<f64>(load<f64>(k, B_LATE), load<f64>(k, B_LATE + 8));
  if (load<f64>(p, PATH_TAKEN) < WARM_EXCHANGES) setState(i, STATE_WARMING, REASON_FEW, 0.0);
  else if (load<f64>(k, K_FREE) != 0.0)
    setState(i, STATE_QUARANTINED, REASON_DISAGREES, load<f64>(k, K_MEAN) - centreS);
  else if (changed > 0.0) setState(i, STATE_CHANGED, REASON_JUMPED, load<f64>(k, B_JUMP));
  else if (isCongested(i, late)) setState(i, STATE_CONGESTED, REASON_QUEUE, late);
  else if (voters >= 2 && 2 * tightlyAgreeing <= voters)
    setState(i, STATE_GOOD, REASON_NO_MAJORITY, 0.0);
  else setState(i, STATE_GOOD, REASON_NONE, 0.0);
}

/** Queues much longer than at most of the other paths. */
function isCongested(i: i32, late: f64): bool {
  let quieter = 0;
  let others = 0;
  for (let j = 0; j < pathEnd; j++) {
    const k = braidRow(j);
    if (j == i || load<f64>(k, B_TAKEN) == 0.0) continue;
    others++;
    if (max<f64>(load<f64>(k, B_LATE), load<f64>(k, B_LATE + 8)) * CONGESTED_RATIO < late)
      quieter++;
  }
  return others > 0 && 2 * quieter >= others;
}

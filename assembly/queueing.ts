/**
 * What braid learns of each direction of a path: its mean queueing L, the softness of its edge, how
 * long its queues remember, whether it came near its floor of late, and, for light tails, the whole
 * law from its moments (moments.ts). `k` is the direction's side: the path's row, plus 8 for forward.
 */
import {
  B_ALIKE,
  B_EDGE2,
  B_LAST,
  B_LATE,
  B_MOMENTS,
  B_NEAR,
  B_OTHER_EDGE2,
  B_OTHER_LATE,
  B_OTHER_TAKEN,
  B_POOLED,
  B_QUICK,
  B_QUIET,
  B_QUIET_AT,
  B_QUIET_LATE,
  B_QUIET_LEAST,
  B_REFIT,
  B_TAKEN,
  braidRow,
} from './braidrow';
import { edge, edgeLate, edgeNoise2, edgeShift, edgeSigma, edgeVariance } from './edge';
import { along, moveAlong, p00, theta } from './joint';
import { PATH_EXCESS_S, PATH_FLOOR_S } from './memory';
import { fitLate, fitLaw, fitMeanS, fitNoise2, fitVariance, noteMoments } from './moments';
import { row } from './path';
import { doubtFloor, floorOf, floorVariance, placeFloor, seatOf } from './seats';
import { isStray, latenessS, learnLateness, strays } from './stamps';
import { learnWander } from './wander';

/** Queueing of a new path, as a share of its delay, and its edge's softness as a share of that. */
const START_LATE: f64 = 0.1;
const START_EDGE: f64 = 0.04;
const FIRST_REFIT: f64 = 256.0;
const POOL_SLACK: f64 = 0.1;
const POOL_SIGMAS: f64 = 6.0;
/** The first packets say less: their queueing is a guess. */
const NEWCOMER: f64 = 16.0;
const LATE_MEMORY: f64 = 512.0;
/** A packet counts as this many times the queueing learnt at the most. */
const MOST_LATE: f64 = 16.0;
/** A run below this share of L, by chance once in 200,000 packets, and what is left of it after. */
const QUICK_SHARE: f64 = 0.25;
const QUICK_RUN: f64 = 8.0;
const QUICK_AGAIN: f64 = 4.0;
/** Exchanges in which the first guess of L may be that wrong. */
const YOUNG: f64 = 512.0;
/** Exchanges near the edge that its softness remembers. */
const EDGE_MEMORY: f64 = 10.0;
const SOFT_MEMORY: f64 = 3000.0;
/** A softness beyond the queueing itself, met by chance at the start, must not stay for hours. */
const MOST_SOFT_MEMORY: f64 = 128.0;
/** Softness is never below this share of the queueing. */
const LEAST_EDGE: f64 = 1.0e-4;
/** Share of a packet in the averages of persistence, and what chance alone makes of them. */
const PERSISTENCE: f64 = 1.0 / 256.0;
const RHO_NOISE: f64 = 0.1;
/** Exchanges away from the floor that make a direction suspect of having no say. */
const QUIET_SOON: f64 = 16.0;
const NEAR_FLOOR: f64 = 0.25; // of L
const EVEN_NEAR: f64 = 0.63;
/** A floor is known no better than this share of its edge's softness. */
const DOUBT: f64 = 0.2;
const LEAST_S: f64 = 1.0e-10;
/** Directions whose queueing differs by less than this factor (its logarithm) count as alike. */
const LIKE: f64 = 0.4;
const NO_SPAN: f64 = 1.0e300;
/** Stray stamps that are off by less than this share of what round trips queue are as good as any. */
const LOST: f64 = 0.25;
/** Strays that their law remembers. */
const STRAY_MEMORY: f64 = 64.0;

let lastLearntS: f64 = 0;

export function clearQueueing(): void {
  lastLearntS = 0;
}

/** Queueing of a path of which nothing but one round trip is known, s. */
export function guessLate(delayS: f64): f64 {
  return START_LATE * delayS + LEAST_S;
}

/** True if this direction's stamp is a stray, and off by more than is lost in the path's queues. */
export function isApart(i: i32, side: usize): bool {
  return isStray(side) && latenessS(side) > LOST * load<f64>(row(i), PATH_EXCESS_S);
}

/** A span with a stray stamp teaches the law of strays alone, after the update in edge.ts. */
function learnStray(k: usize, side: usize): void {
  const usual = load<f64>(k, B_LATE);
  const late = load<f64>(k, B_OTHER_LATE);
  const taken = load<f64>(k, B_OTHER_TAKEN) + 1.0;
  store<f64>(k, taken, B_OTHER_TAKEN);
  const heard = min<f64>(edgeLate, MOST_LATE * late);
  const next = max<f64>(late + (heard - late) / min<f64>(taken + 4.0, STRAY_MEMORY), usual);
  store<f64>(k, next, B_OTHER_LATE);
  store<f64>(k, max<f64>(load<f64>(k, B_OTHER_EDGE2), load<f64>(k, B_EDGE2)), B_OTHER_EDGE2);
  learnLateness(side, edgeLate - usual, usual);
}

/** Strays queue as all packets do, and are late (or early) beside. */
function meetStrays(k: usize, side: usize): void {
  const byS = latenessS(side);
  store<f64>(k, load<f64>(k, B_LATE) + byS, B_OTHER_LATE);
  const soft = START_EDGE * byS;
  store<f64>(k, load<f64>(k, B_EDGE2) + soft * soft, B_OTHER_EDGE2);
}

/**
 * A direction of path i goes by stamps of another kind from now on: their law takes the place of the
 * one before. Of better stamps nothing is known but that their queueing is no more.
 */
export function switchLaw(i: i32, side: usize, nowS: f64): void {
  const k = braidRow(i) + side;
  const late = load<f64>(k, B_LATE);
  const noise2 = load<f64>(k, B_EDGE2);
  if (load<f64>(k, B_OTHER_LATE) == 0.0) {
    const next = min<f64>(guessLate(load<f64>(row(i), PATH_FLOOR_S)), late);
    store<f64>(k, next, B_OTHER_LATE);
    store<f64>(k, START_EDGE * START_EDGE * next * next, B_OTHER_EDGE2);
    doubtFloor(i, late * late);
  }
  store<f64>(k, load<f64>(k, B_OTHER_LATE), B_LATE);
  store<f64>(k, load<f64>(k, B_OTHER_EDGE2), B_EDGE2);
  store<f64>(k, late, B_OTHER_LATE);
  store<f64>(k, noise2, B_OTHER_EDGE2);
  restartQuiet(k, nowS);
}

/** A direction begins with a guess of its queueing. */
export function startLaw(k: usize, late: f64, nowS: f64): void {
  store<f64>(k, late, B_LATE);
  store<f64>(k, EVEN_NEAR, B_NEAR);
  store<f64>(k, EVEN_NEAR * EVEN_NEAR + (1.0 - EVEN_NEAR) * (1.0 - EVEN_NEAR), B_ALIKE);
  store<f64>(k, 1.0, B_LAST);
  sharpen(k, nowS);
}

/** Its edge is as sharp as an edge should be, until it shows otherwise. */
export function sharpen(k: usize, nowS: f64): void {
  const late = load<f64>(k, B_LATE);
  store<f64>(k, START_EDGE * START_EDGE * late * late, B_EDGE2);
  restartQuiet(k, nowS);
}

/** The laws of both directions of the path in row `k` are to be fitted from the start. */
export function startRefits(k: usize): void {
  store<f64>(k, FIRST_REFIT, B_REFIT);
  store<f64>(k, 0.0, B_POOLED);
}

/** One one-sided update of sign·θ + d_i, and what it teaches about its queueing and edge. */
export function learnFrom(i: i32, direction: i32, span: f64, sign: f64, nowS: f64): void {
  const side = usize(direction) << 3;
  const k = braidRow(i) + side;
  const isOther = strays != 0 && isApart(i, side);
  if (isOther && load<f64>(k, B_OTHER_LATE) == 0.0) meetStrays(k, side);
  const late = load<f64>(isOther ? k + B_OTHER_LATE - B_LATE : k, B_LATE);
  const noise2 = load<f64>(isOther ? k + B_OTHER_EDGE2 - B_EDGE2 : k, B_EDGE2);
  const seat = seatOf(i);
  const apart = p00 + floorVariance(i);
  const v = max<f64>(seat < 0 ? apart : along(seat, sign), LEAST_S * LEAST_S);
  const floorS = sign * theta + floorOf(i);
  const residual = span - floorS;
  const guess = 1.0 + NEWCOMER / load<f64>(braidRow(i), B_TAKEN);
  edge(residual, v, late * (isOther ? 1.0 : repetition(k)) * guess, noise2);
  if (!isOther) {
    // a stray that is as good as any still tells how far such stamps are off
    if (strays != 0 && isStray(side)) learnLateness(side, residual - late, late);
    noteMoments(i, side, span - sign * theta);
    notePersistence(k, residual < late);
    noteQuiet(k, residual, nowS);
  }
  if (seat < 0) follow(i, v);
  else lead(i, sign, floorS, v, nowS);
  if (isOther) return learnStray(k, side);

  if (load<f64>(braidRow(i), B_TAKEN) < YOUNG && isOverrated(k, residual, late)) {
    halve(k);
    // what was learnt of the floor rested on that queueing
    const doubt = QUICK_SHARE * late;
    placeFloor(i, floorOf(i), max<f64>(floorVariance(i), doubt * doubt));
    return;
  }
  const taken = load<f64>(braidRow(i), B_TAKEN);
  const pace = 1.0 / min<f64>(taken + 4.0, LATE_MEMORY);
  const heard = min<f64>(edgeLate, MOST_LATE * late); // one hung packet is no new law
  const next = max<f64>(late + (heard - late) * pace, LEAST_S);
  store<f64>(k, next, B_LATE);
  const other = braidRow(i) + (8 - side);
  const isPooled = load<f64>(braidRow(i), B_POOLED) != 0.0;
  if (isPooled) store<f64>(other, next, B_LATE);
  if (residual < 3.0 * edgeSigma) {
    // a sharp edge is met rarely and must be learnt from few, a soft one shows in many
    const soft = (SOFT_MEMORY * noise2) / (late * late);
    const memory = EDGE_MEMORY + min<f64>(soft, MOST_SOFT_MEMORY);
    const quick = 1.0 / min<f64>(taken + 4.0, memory);
    const least = LEAST_EDGE * LEAST_EDGE * next * next + LEAST_S * LEAST_S;
    const soft2 = max<f64>(noise2 + (edgeNoise2 - noise2) * quick, least);
    store<f64>(k, soft2, B_EDGE2);
    if (isPooled) store<f64>(other, soft2, B_EDGE2);
  }
}

/** True if so many packets in a row queued far less than L that it is of another size. */
function isOverrated(k: usize, residual: f64, late: f64): bool {
  const run = residual < QUICK_SHARE * late ? load<f64>(k, B_QUICK) + 1.0 : 0.0;
  store<f64>(k, run < QUICK_RUN ? run : QUICK_AGAIN, B_QUICK);
  return run >= QUICK_RUN;
}

function halve(k: usize): void {
  store<f64>(k, max<f64>(load<f64>(k, B_LATE) * 0.5, LEAST_S), B_LATE);
  store<f64>(k, max<f64>(load<f64>(k, B_EDGE2) * 0.25, LEAST_S * LEAST_S), B_EDGE2);
}

/**
 * As learnFrom, for a direction that is measured by itself. Directions that are heard more or less
 * often learn more or less quickly, and what their edges get wrong on the way does not cancel; so a
 * direction that is ahead (`isExtra`: it was heard again before the other one) takes the other's
 * softness along in proportion, and the floor is never known beyond doubt.
 */
export function learnOneWay(
  i: i32,
  side: usize,
  span: f64,
  sign: f64,
  nowS: f64,
  isExtra: bool,
): void {
  const k = braidRow(i);
  const before = load<f64>(k + side, B_EDGE2);
  learnFrom(i, i32(side >> 3), span, sign, nowS);
  if (isExtra && load<f64>(k, B_POOLED) == 0.0) {
    const other = k + (side ^ 8);
    const late = load<f64>(other, B_LATE);
    const next = load<f64>(other, B_EDGE2) * (load<f64>(k + side, B_EDGE2) / before);
    const least = LEAST_EDGE * LEAST_EDGE * late * late + LEAST_S * LEAST_S;
    store<f64>(other, max<f64>(next, least), B_EDGE2);
  }
  doubtFloor(i, DOUBT * DOUBT * max<f64>(load<f64>(k, B_EDGE2), load<f64>(k + 8, B_EDGE2)));
}

/**
 * How many packets say what one says, >= 1: queues have a memory, and a run of late packets is one
 * observation, not many. It divides the push of late packets on the floor.
 */
function repetition(k: usize): f64 {
  const memory = persistence(k);
  const quiet = load<f64>(k, B_QUIET) / QUIET_SOON;
  return sqrt<f64>((1.0 + memory) / (1.0 - memory)) * (quiet > 1.0 ? quiet * quiet : 1.0);
}

/** How much alike successive packets of this direction queue beyond chance, [0, 1). */
function persistence(k: usize): f64 {
  const near = load<f64>(k, B_NEAR);
  const chance = near * near + (1.0 - near) * (1.0 - near);
  const excess = load<f64>(k, B_ALIKE) - chance;
  return min<f64>(max<f64>(excess / max<f64>(1.0 - chance, 0.1) - RHO_NOISE, 0.0), 0.95);
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

export function restartQuiet(k: usize, nowS: f64): void {
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

/** Tails too light for their edge to be met: the law follows from the moments instead. */
export function refit(i: i32, nowS: f64): void {
  const k = braidRow(i);
  const taken = min<f64>(load<f64>(k, B_MOMENTS), load<f64>(k, B_MOMENTS + 8));
  if (taken < load<f64>(k, B_REFIT)) return;
  store<f64>(k, taken * 2.0, B_REFIT);
  store<f64>(k, 0.0, B_POOLED);
  if (persistence(k) > 0.0 || persistence(k + 8) > 0.0) return;
  if (!fitLaw(i, 0)) return;
  const late = fitLate;
  const noise2 = fitNoise2;
  const mean = fitMeanS;
  const variance = fitVariance;
  if (!fitLaw(i, 8)) return;
  const ratio = variance / fitVariance;
  const isOne = abs<f64>(Math.log(ratio)) < POOL_SLACK + POOL_SIGMAS / sqrt<f64>(taken);
  // what one direction alone says of its shape is noise in the offset
  const lateR = isOne ? (late + fitLate) * 0.5 : late;
  const lateF = isOne ? lateR : fitLate;
  const noiseR = isOne ? (noise2 + fitNoise2) * 0.5 : noise2;
  const noiseF = isOne ? noiseR : fitNoise2;
  store<f64>(k, isOne ? 1.0 : 0.0, B_POOLED);
  store<f64>(k, lateR, B_LATE);
  store<f64>(k, noiseR, B_EDGE2);
  store<f64>(k, lateF, B_LATE + 8);
  store<f64>(k, noiseF, B_EDGE2 + 8);
  const floorS = (mean - lateR + fitMeanS - lateF) * 0.5;
  placeFloor(i, floorS, (variance + fitVariance) / taken + p00);
  restartQuiet(k, nowS);
  restartQuiet(k + 8, nowS);
}

/** Softness of an edge as a share of the queueing, [0, 1/2]; small again where all noise is Gaussian. */
export function softness(side: usize): f64 {
  const x = sqrt<f64>(load<f64>(side, B_EDGE2)) / load<f64>(side, B_LATE);
  return x / (1.0 + x * x);
}

/** How differently the two directions queue, >= 0: what their edges get wrong does not cancel then. */
export function lopsidedness(k: usize): f64 {
  const ratio = abs<f64>(Math.log(load<f64>(k, B_LATE) / load<f64>(k, B_LATE + 8)));
  return 2.0 * max<f64>(ratio - LIKE, 0.0);
}

/** 1 sigma of a raw offset of this path. */
export function noiseOf(k: usize): f64 {
  const a = load<f64>(k, B_LATE);
  const b = load<f64>(k, B_LATE + 8);
  return 0.5 * sqrt<f64>(a * a + b * b + load<f64>(k, B_EDGE2) + load<f64>(k, B_EDGE2 + 8));
}

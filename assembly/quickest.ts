/**
 * The quickest exchange of late of each path: whatever queued, the truth lies within its
 * offset ± delay/2, since delays are never negative. An offset that most of these exclude is
 * impossible (unless most remote stamps lie), and where most of them meet is a place to go on from.
 */
import { delayS } from './exchange';
import { MAX_PATHS, QUICKEST, QUICKEST_BYTES } from './memory';
import { isFresh, isMost, pathEnd, VOTE_DUST, voteOf } from './path';

/** What an interval is widened by per second of age: more than a clock drifts, s/s. */
const GROWTH: f64 = 1.0e-4;

const Q_OFFSET: usize = 0;
const Q_DELAY: usize = 8; // 0: none yet
const Q_AT: usize = 16;

/** Where most intervals meet, after findPossible said true: middle and narrowest half, s. */
export let possibleS: f64 = 0;
export let possibleHalfS: f64 = 0;

export function clearQuickest(): void {
  memory.fill(QUICKEST, 0, QUICKEST_BYTES * usize(MAX_PATHS));
}

export function forgetQuickest(i: i32): void {
  store<f64>(quickest(i), 0.0, Q_DELAY);
}

function quickest(i: i32): usize {
  return QUICKEST + usize(i) * QUICKEST_BYTES;
}

/** Offers the exchange in exchange.ts, with its offset as carried to now. */
export function rememberQuickest(i: i32, measured: f64, nowS: f64): void {
  const q = quickest(i);
  const delay = load<f64>(q, Q_DELAY);
  const age = nowS - load<f64>(q, Q_AT);
  if (delay > 0.0 && delayS > delay && age * GROWTH < delayS - delay) return;
  store<f64>(q, measured, Q_OFFSET);
  store<f64>(q, max<f64>(delayS, 1.0e-9), Q_DELAY);
  store<f64>(q, nowS, Q_AT);
}

/**
 * True if most fresh paths exclude θ and most of them agree on another place; then possibleS and
 * possibleHalfS tell it. If no place is in most intervals, nobody knows better: false.
 */
export function findPossible(theta: f64, omega: f64, nowS: f64): bool {
  let asked: f64 = 0;
  let excluding: f64 = 0;
  let most: f64 = 0;
  let place: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!has(j, nowS)) continue;
    asked += voteOf(j);
    const at = middle(j, omega, nowS);
    if (abs<f64>(at - theta) <= half(j, nowS)) continue;
    excluding += voteOf(j);
    const meeting = countMeeting(at, omega, nowS);
    if (meeting <= most + VOTE_DUST) continue;
    most = meeting;
    place = at;
  }
  if (!isMost(min<f64>(excluding, most), asked)) return false;
  let sum: f64 = 0;
  let weights: f64 = 0;
  let nearest: f64 = 1.0e300;
  for (let j = 0; j < pathEnd; j++) {
    const width = has(j, nowS) ? half(j, nowS) : 0.0;
    if (width == 0.0 || abs<f64>(middle(j, omega, nowS) - place) > width) continue;
    sum += middle(j, omega, nowS) / width;
    weights += 1.0 / width;
    nearest = min<f64>(nearest, width);
  }
  possibleS = sum / weights;
  possibleHalfS = nearest;
  return true;
}

function has(i: i32, nowS: f64): bool {
  return isFresh(i, nowS) && load<f64>(quickest(i), Q_DELAY) != 0.0;
}

function middle(i: i32, omega: f64, nowS: f64): f64 {
  const q = quickest(i);
  return load<f64>(q, Q_OFFSET) + omega * (nowS - load<f64>(q, Q_AT));
}

function half(i: i32, nowS: f64): f64 {
  const q = quickest(i);
  return load<f64>(q, Q_DELAY) * 0.5 + GROWTH * (nowS - load<f64>(q, Q_AT));
}

/** Votes of the paths whose intervals hold the offset `at`. */
function countMeeting(at: f64, omega: f64, nowS: f64): f64 {
  let meeting: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!has(j, nowS)) continue;
    if (abs<f64>(middle(j, omega, nowS) - at) <= half(j, nowS)) meeting += voteOf(j);
  }
  return meeting;
}

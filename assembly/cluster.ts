/**
 * The cluster algorithm of RFC 5905 §11.2.2 on columns: while more than NMIN survive, the one whose
 * distance from the others, times its root distance, is largest goes, until that distance is no
 * larger than the least jitter of any survivor.
 *
 * Instead of all pairs: Σ(θj − θk)² = Σ(θj − mean)² + n (θk − mean)², and both sums follow a
 * removal. They are summed anew when little is left of them or when half of the columns is dead.
 */
import { COLUMN_BYTES, PEERS } from './memory';

/** Columns over the peers of a round; survivors move to their front, in the same order. */
export const OFFSETS: usize = PEERS;
export const DISTANCES: usize = PEERS + COLUMN_BYTES;
export const JITTERS: usize = PEERS + 2 * COLUMN_BYTES;
export const WHO: usize = PEERS + 3 * COLUMN_BYTES; // i32 path index
// offset less the pivot, s; root distance squared, s², 0: dead
const AWAY: usize = PEERS + 4 * COLUMN_BYTES;
const SQUARE: usize = AWAY + COLUMN_BYTES;

const MIN_SURVIVORS: i32 = 3; // NMIN
/** How far the sum of squares may shrink before it is summed anew. */
const LEAST_LEFT: f64 = 1.0e-3;
/** Closer than this, relative, to the least jitter squared, a spread is summed as it is written. */
const CLOSE: f64 = 1.0e-6;

let length: usize = 0; // of the columns, in bytes, the dead included
let alive: i32 = 0;
let pivot: f64 = 0;
let mean: f64 = 0; // of AWAY
let squares: f64 = 0; // about the mean
let squaresThen: f64 = 0; // … when last summed
let leastJitter: f64 = 0;

/** Starts with the first `count` peers, all alive. */
export function startCluster(count: i32): void {
  alive = count;
  length = usize(count) << 3;
  if (count > MIN_SURVIVORS) sumUp();
}

/** How many are alive. Once nobody is outlying any more, that many stand at the columns' front. */
export function survivors(): i32 {
  return alive;
}

/** Spread around the outlier found last, s. */
export let outlierSpread: f64 = 0;

/** Kills the next outlier and returns its path, −1 if there is none. */
export function nextOutlier(): i32 {
  if (alive <= MIN_SURVIVORS) return -1;
  const worst = findWorst();
  const n = f64(alive);
  const away = load<f64>(worst, AWAY) - mean;
  let square = (squares + n * (away * away)) / (n - 1.0);
  const enough = leastJitter * leastJitter;
  if (abs<f64>(square - enough) <= CLOSE * enough) square = squareAround(worst);
  outlierSpread = sqrt<f64>(square);
  if (outlierSpread <= leastJitter) return -1;
  store<f64>(worst, 0.0, SQUARE);
  alive--;
  mean -= away / (n - 1.0);
  squares -= (away * away * n) / (n - 1.0);
  const path = load<i32>(worst, WHO);
  if (!(squares > squaresThen * LEAST_LEFT) || usize(alive) << 4 < length) {
    bury();
    sumUp();
  } else if (load<f64>(worst, JITTERS) <= leastJitter) {
    findLeastJitter();
  }
  return path;
}

/** Closes the gaps of the dead. */
export function bury(): void {
  if (usize(alive) << 3 == length) return;
  let to: usize = 0;
  for (let at: usize = 0; at < length; at += 8) {
    if (load<f64>(at, SQUARE) == 0.0) continue;
    if (to != at) movePeer(to, at);
    to += 8;
  }
  length = to;
}

/** Copies all that is known of a peer to another place. */
export function movePeer(to: usize, from: usize): void {
  store<f64>(to, load<f64>(from, OFFSETS), OFFSETS);
  store<f64>(to, load<f64>(from, DISTANCES), DISTANCES);
  store<f64>(to, load<f64>(from, JITTERS), JITTERS);
  store<i32>(to, load<i32>(from, WHO), WHO);
}

function sumUp(): void {
  pivot = load<f64>(OFFSETS);
  let sum: f64 = 0;
  for (let at: usize = 0; at < length; at += 8) {
    const away = load<f64>(at, OFFSETS) - pivot;
    const distance = load<f64>(at, DISTANCES);
    store<f64>(at, away, AWAY);
    store<f64>(at, distance * distance, SQUARE);
    sum += away;
  }
  // findWorst works on eights
  for (let at = length; at & 63; at += 8) {
    store<f64>(at, 0.0, AWAY);
    store<f64>(at, 0.0, SQUARE);
  }
  mean = sum / f64(alive);
  let total: f64 = 0;
  for (let at: usize = 0; at < length; at += 8) {
    const away = load<f64>(at, AWAY) - mean;
    total += away * away;
  }
  squares = total;
  squaresThen = total;
  findLeastJitter();
}

function findLeastJitter(): void {
  let least = Infinity;
  for (let at: usize = 0; at < length; at += 8) {
    const jitter = load<f64>(at, JITTERS);
    if (jitter < least && load<f64>(at, SQUARE) != 0.0) least = jitter;
  }
  leastJitter = least;
}

/** Where the largest product of spread and root distance is; the first of equals. */
function findWorst(): usize {
  const n = f64(alive);
  if (!ASC_FEATURE_SIMD) {
    let worst: usize = 0;
    let most: f64 = -1;
    for (let at: usize = 0; at < length; at += 8) {
      const away = load<f64>(at, AWAY) - mean;
      const score = (squares + n * (away * away)) * load<f64>(at, SQUARE);
      if (score > most) {
        worst = at;
        most = score;
      }
    }
    return worst;
  }
  const means = f64x2.splat(mean);
  const sums = f64x2.splat(squares);
  const ns = f64x2.splat(n);
  let most: f64 = -1;
  let chunk: usize = 0;
  // the largest of each eight, then which of the eight it is
  for (let at: usize = 0; at < length; at += 64) {
    const a = scores(at, means, sums, ns);
    const b = scores(at + 16, means, sums, ns);
    const c = scores(at + 32, means, sums, ns);
    const d = scores(at + 48, means, sums, ns);
    const both = f64x2.pmax(f64x2.pmax(a, b), f64x2.pmax(c, d));
    const even = f64x2.extract_lane(both, 0);
    const odd = f64x2.extract_lane(both, 1);
    const best = even > odd ? even : odd;
    if (best > most) {
      most = best;
      chunk = at;
    }
  }
  let worst = chunk;
  while (scoreOf(worst, n) < most) worst += 8;
  return worst;
}

function scoreOf(at: usize, n: f64): f64 {
  const away = load<f64>(at, AWAY) - mean;
  return (squares + n * (away * away)) * load<f64>(at, SQUARE);
}

function scores(at: usize, means: v128, sums: v128, ns: v128): v128 {
  const away = f64x2.sub(v128.load(at, AWAY), means);
  return f64x2.mul(f64x2.add(sums, f64x2.mul(ns, f64x2.mul(away, away))), v128.load(at, SQUARE));
}

/** Mean squared distance of the others from one of the living, s², as §11.2.2 writes it. */
function squareAround(one: usize): f64 {
  const middle = load<f64>(one, OFFSETS);
  let sum: f64 = 0;
  for (let at: usize = 0; at < length; at += 8) {
    if (load<f64>(at, SQUARE) == 0.0) continue;
    const away = load<f64>(at, OFFSETS) - middle;
    sum += away * away;
  }
  return sum / f64(alive - 1);
}

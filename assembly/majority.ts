/**
 * Do the paths agree? Each path says where it sees the clock relative to the joint estimate,
 * give or take its noise and the asymmetry allowed to it. The widest overlap of these intervals is
 * the clique; if it is no majority, all intervals are doubled until there is one (asymmetric
 * networks are normal), up to a limit. Source: Marzullo's sweep, as in RFC 5905 §11.2.1.
 */
import { K_INFORMATION, K_MEAN, K_VOTE, kalmanRow } from './kalmanrow';
import { MAX_PATHS, PATH_FLOOR_S, PATH_TAKEN, SCRATCH, SCRATCH_COLUMN } from './memory';
import { isFresh, isMost, pathEnd, row, VOTE_DUST, voteOf, WARM_EXCHANGES } from './path';
import { isOneSided } from './shift';

/** Half width allowed for asymmetry, as a share of delay/2: three sigmas of κ = 0.02. */
const ALLOWED: f64 = 0.06;
const SIGMAS: f64 = 4.0;
const MOST_SCALE: f64 = 16.0;

const EDGES: usize = SCRATCH;
const EDGE_TYPE: usize = SCRATCH + SCRATCH_COLUMN;
const LOW: usize = SCRATCH + 2 * SCRATCH_COLUMN;
const HIGH: usize = LOW + 8 * usize(MAX_PATHS);

/** Middle of the clique, relative to θ, s. */
export let centreS: f64 = 0;
/** Factor on the allowed asymmetry at which a majority agrees, >= 1. */
export let cliqueScale: f64 = 1;
/** False if even the widest intervals found no majority. */
export let majority: bool = true;

/** The clique's interval relative to the joint estimate, s. */
export let cliqueLow: f64 = 0;
export let cliqueHigh: f64 = 0;
/** Votes that agree at the tightest intervals, and all that were cast. */
let tightVotes: f64 = 0;
let votesCast: f64 = 0;
/** Mean half width of the intervals of its members, s. */
export let memberHalfS: f64 = 0;
/** Paths that voted in the last assessment. */
export let voters: i32 = 0;

/** True if a majority agrees at the tightest intervals. */
export function isTight(): bool {
  return isMost(tightVotes, votesCast);
}

/** True if at the tightest intervals one half stands against the other. */
export function isTied(): bool {
  return abs<f64>(2.0 * tightVotes - votesCast) <= VOTE_DUST;
}

/** As if no vote had ever been cast. */
export function clearMajority(): void {
  centreS = 0;
  cliqueScale = 1.0;
  majority = true;
  cliqueLow = 0;
  cliqueHigh = 0;
  memberHalfS = 0;
  voters = 0;
  votesCast = 0;
}

/** Casts each fresh path's vote (K_VOTE); false if too few paths have measured. */
export function assessMajority(nowS: f64): bool {
  countVotes(nowS);
  if (voters < 2) {
    majority = true;
    cliqueScale = 1.0;
    tightVotes = votesCast;
    return false;
  }
  let scale: f64 = 1.0;
  let agreeing: f64 = 0;
  for (; scale <= MOST_SCALE; scale *= 2.0) {
    agreeing = sweep(nowS, scale);
    if (scale == 1.0) tightVotes = agreeing;
    if (isMost(agreeing, votesCast)) break;
  }
  majority = isMost(agreeing, votesCast);
  cliqueScale = min<f64>(scale, MOST_SCALE);
  if (!majority) return true;
  centreS = (cliqueLow + cliqueHigh) * 0.5;
  memberHalfS = 0.0;
  let members: f64 = 0;
  for (let i = 0; i < pathEnd; i++) {
    if (!votes(i, nowS)) continue;
    const k = kalmanRow(i);
    const c = usize(i) << 3;
    const inside = load<f64>(LOW + c) <= cliqueHigh && load<f64>(HIGH + c) >= cliqueLow;
    const vote = load<f64>(k, K_VOTE);
    if (inside) {
      memberHalfS += (load<f64>(HIGH + c) - load<f64>(LOW + c)) * 0.5;
      members += 1.0;
    }
    if (inside) store<f64>(k, min<f64>(max<f64>(vote, 0.0) + 1.0, 8.0), K_VOTE);
    else store<f64>(k, max<f64>(min<f64>(vote, 0.0) - 1.0, -8.0), K_VOTE);
  }
  memberHalfS /= members;
  return true;
}

/** True if the noise of path i's vote is below half the asymmetry allowed to it. */
export function isSharp(i: i32): bool {
  const noise = SIGMAS / sqrt<f64>(load<f64>(kalmanRow(i), K_INFORMATION));
  return noise <= ALLOWED * 0.25 * load<f64>(row(i), PATH_FLOOR_S);
}

function votes(i: i32, nowS: f64): bool {
  return (
    isFresh(i, nowS) &&
    voteOf(i) > 0.0 &&
    load<f64>(row(i), PATH_TAKEN) >= WARM_EXCHANGES &&
    load<f64>(kalmanRow(i), K_INFORMATION) > 0.0 &&
    !isOneSided(i)
  );
}

function countVotes(nowS: f64): void {
  voters = 0;
  votesCast = 0;
  for (let i = 0; i < pathEnd; i++) {
    if (!votes(i, nowS)) continue;
    voters++;
    votesCast += voteOf(i);
  }
}

/** Widest overlap at this scale; leaves it in cliqueLow..cliqueHigh and returns its votes. */
function sweep(nowS: f64, scale: f64): f64 {
  let edges = 0;
  for (let i = 0; i < pathEnd; i++) {
    if (!votes(i, nowS)) continue;
    const k = kalmanRow(i);
    const noise = SIGMAS / sqrt<f64>(load<f64>(k, K_INFORMATION));
    const half = noise + ALLOWED * scale * 0.5 * load<f64>(row(i), PATH_FLOOR_S);
    const middle = load<f64>(k, K_MEAN);
    store<f64>(LOW + (usize(i) << 3), middle - half);
    store<f64>(HIGH + (usize(i) << 3), middle + half);
    edges = insertEdge(edges, middle - half, voteOf(i));
    edges = insertEdge(edges, middle + half, -voteOf(i));
  }
  let count: f64 = 0;
  let best: f64 = 0;
  for (let e = 0; e < edges; e++) {
    count += load<f64>(EDGE_TYPE + (usize(e) << 3));
    if (count <= best + VOTE_DUST) continue;
    best = count;
    cliqueLow = load<f64>(EDGES + (usize(e) << 3));
    cliqueHigh = load<f64>(EDGES + (usize(e + 1) << 3));
  }
  return best;
}

/** Insertion sort; at equal values an interval opens before another closes. */
function insertEdge(filled: i32, value: f64, type: f64): i32 {
  let k = filled;
  while (k > 0) {
    const before = usize(k - 1) << 3;
    const v = load<f64>(EDGES + before);
    if (v < value || (v == value && load<f64>(EDGE_TYPE + before) >= type)) break;
    store<f64>(EDGES + before + 8, v);
    store<f64>(EDGE_TYPE + before + 8, load<f64>(EDGE_TYPE + before));
    k--;
  }
  store<f64>(EDGES + (usize(k) << 3), value);
  store<f64>(EDGE_TYPE + (usize(k) << 3), type);
  return filled + 1;
}

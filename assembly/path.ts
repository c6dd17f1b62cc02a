/**
 * Per-path statistics every combiner reads: last measurement, delay floor, excess, jitter, spacing.
 * The floor is the least delay of the last 1536…2048 exchanges (four blocks of 512): long, so that
 * a slow ramp by an attacker cannot drag it along, and bounded, so that a longer route is believed
 * in the end.
 */
import { axisS, startNs, unixS } from './clock';
import { atNs, delayDoubtS, delayS, forwardS, offsetS, reverseS } from './exchange';
import {
  MAX_PATHS,
  PATH_AT_S,
  PATH_BYTES,
  PATH_CONTRADICTS,
  PATH_DELAY_S,
  PATH_EXCESS_S,
  PATH_FLOOR_S,
  PATH_FORWARD_S,
  PATH_GATED,
  PATH_INTERVAL_S,
  PATH_JITTER_S,
  PATH_OFFSET_S,
  PATH_OPEN,
  PATH_REASON,
  PATH_REASON_S,
  PATH_REFUSED,
  PATH_REVERSE_S,
  PATH_REVERSES,
  PATH_SHARES,
  PATH_SHIFT_FORWARD_S,
  PATH_SHIFT_REVERSE_S,
  PATH_SINCE_S,
  PATH_STATE,
  PATH_TAKEN,
  PATH_VOTE,
  PATH_WEIGHT,
  PATHS,
  REASON_FEW,
  REASON_ONE_WAY,
  REASON_SILENT,
  STATE_CLOSED,
  STATE_STALE,
  STATE_WARMING,
  STATS,
  STATS_BYTES,
} from './memory';

const BLOCK_EXCHANGES: f64 = 512.0;
const BLOCKS: i32 = 4;
/** Averages open as plain means and close to this memory, exchanges. */
const MEMORY: f64 = 64.0;
/** One hung packet counts as so many times the mean excess at the most. */
const MOST_EXCESS: f64 = 16.0;

const STAT_BLOCKS: usize = 0; // 4 block minima
const STAT_IN_BLOCK: usize = 32; // exchanges in the current block
const STAT_BLOCK: usize = 40; // index of the current block
const STAT_VARIANCE: usize = 48; // mean squared successive difference / 2
const STAT_SEND: usize = 56; // i64 localSend of the last exchange
const STAT_RECEIVE: usize = 64; // i64 localReceive of the last exchange
const STAT_SINCE: usize = 72; // exchanges since the floor was reset
/** Four slots of verdict.ts. */
export const STAT_SAYS: usize = 80; // state and reason that PATH_SINCE_S belongs to, as sayingOf
export const STAT_TOLD: usize = 88; // the same and lies, as last written down
export const STAT_DWELT: usize = 96; // exchanges since they are otherwise
export const STAT_LIES: usize = 104; // contradictions of late
/** Three of stamps.ts, u32 pairs but the last: sending, receiving. */
export const STAT_OWN_STAMPS: usize = 112; // the kind a path goes by, STAMP_*; 0: not told
export const STAT_STRAY_RUN: usize = 120; // worse ones in a row
export const STAT_STRAYED: usize = 128; // strays of the last exchange
// what causal.ts keeps of a path that contradicted
export const STAT_CAUSAL_LOW_S: usize = 136; // the last interval it said, relative to the base …
export const STAT_CAUSAL_HIGH_S: usize = 144;
export const STAT_CAUSAL_AT_S: usize = 152; // … and when, axis s
export const STAT_CAUSAL_SINCE_S: usize = 160; // when it began to contradict, axis s
export const STAT_CAUSAL_MUTE: usize = 168; // exchanges that must fit before it counts again
// what lost.ts counts
export const STAT_SHORT: usize = 176; // delays in a row far below all that was learnt
export const STAT_LONG: usize = 184; // delays in a row far above it
export const STAT_AWAY: usize = 192; // exchanges in a row that exclude the clock, by sign
export const STAT_AWAY_LEAST_S: usize = 200; // least and most residual in that row, s
export const STAT_AWAY_MOST_S: usize = 208;
export const STAT_NONSENSE: usize = 216; // share of exchanges that cannot be true
export const STAT_LONG_STEPS: usize = 224; // steps of the clock when the long row began
const STAT_HEARD: usize = 232; // pair: one-way measurements since the path began, reverse first
const STAT_HEARD_S: usize = 248; // axis time of the last of them …
const STAT_HEARD_SINCE_S: usize = 256; // … and of the first

/** An exchange is fresh while younger than this many mean spacings. */
const FRESH_INTERVALS: f64 = 4.5;
/** PATH_OPEN of a path that shares its route. */
const SHARING: f64 = 2.0;
/** Exchanges after which the rhythm of a path is known. */
const KNOWN_RHYTHM: f64 = 16.0;
/** Paths that have measured less are warming. */
export const WARM_EXCHANGES: f64 = 4.0;

/** Newest last exchange of any path; older than "now" after the local clock went back. */
let newestS: f64 = 0;

export let openPaths: i32 = 0;
/** One past the highest open index; loops run to here. */
export let pathEnd: i32 = 0;

/** Address of a path's report row. */
export function row(i: i32): usize {
  return PATHS + usize(i) * PATH_BYTES;
}

/** Address of what no report shows of a path. */
export function stat(i: i32): usize {
  return STATS + usize(i) * STATS_BYTES;
}

/** True if path i shares its route with another, which speaks for both. */
export function isShared(i: i32): bool {
  return load<f64>(row(i), PATH_OPEN) == SHARING;
}

/** Path i shares its route with path j, or with none (−1). */
export function setShared(i: i32, j: i32): void {
  store<f64>(row(i), f64(j + 1), PATH_SHARES);
  store<f64>(row(i), j >= 0 ? SHARING : 1.0, PATH_OPEN);
}

/** Sums of votes that differ by less are equal. */
export const VOTE_DUST: f64 = 1.0e-9;

/** What the voice of path i counts in a majority, [0, 1]: less if it shares its way with others. */
export function voteOf(i: i32): f64 {
  return load<f64>(row(i), PATH_VOTE);
}

export function isOpen(i: i32): bool {
  return u32(i) < u32(MAX_PATHS) && load<f64>(row(i), PATH_OPEN) != 0.0;
}

/** Takes the lowest free index, or −1 if all are taken. */
export function claimPath(): i32 {
  for (let i = 0; i < MAX_PATHS; i++) {
    const p = row(i);
    if (load<f64>(p, PATH_OPEN) != 0.0) continue;
    memory.fill(p, 0, PATH_BYTES);
    memory.fill(stat(i), 0, STATS_BYTES);
    store<f64>(p, 1.0, PATH_OPEN);
    store<f64>(p, 1.0, PATH_VOTE);
    setState(i, STATE_WARMING, REASON_FEW, 0.0);
    openPaths++;
    if (i >= pathEnd) pathEnd = i + 1;
    return i;
  }
  return -1;
}

export function releasePath(i: i32): void {
  const p = row(i);
  store<f64>(p, 0.0, PATH_OPEN);
  store<f64>(p, 0.0, PATH_SHARES);
  store<f64>(p, 0.0, PATH_WEIGHT);
  setState(i, STATE_CLOSED, 0, 0.0);
  openPaths--;
  while (pathEnd > 0 && !isOpen(pathEnd - 1)) pathEnd--;
}

/** Closes every path. */
export function clearPaths(): void {
  memory.fill(PATHS, 0, PATH_BYTES * usize(MAX_PATHS));
  memory.fill(STATS, 0, STATS_BYTES * usize(MAX_PATHS));
  openPaths = 0;
  pathEnd = 0;
  newestS = 0;
}

export function setState(i: i32, state: i32, reason: i32, figureS: f64): void {
  const p = row(i);
  store<f64>(p, f64(state), PATH_STATE);
  store<f64>(p, f64(reason), PATH_REASON);
  store<f64>(p, figureS, PATH_REASON_S);
}

/** State and reason of a path in one number. */
export function sayingOf(i: i32): f64 {
  const p = row(i);
  return load<f64>(p, PATH_STATE) * 64.0 + load<f64>(p, PATH_REASON);
}

/** Says of the state just set how far which direction moved, and since when (axis s). */
export function setShift(i: i32, reverse: f64, forward: f64, sinceS: f64): void {
  const p = row(i);
  store<f64>(p, reverse, PATH_SHIFT_REVERSE_S);
  store<f64>(p, forward, PATH_SHIFT_FORWARD_S);
  store<f64>(p, unixS(startNs) + sinceS, PATH_SINCE_S);
  store<f64>(stat(i), sayingOf(i), STAT_SAYS);
}

/** Says that no direction moved. */
export function clearShift(i: i32): void {
  const p = row(i);
  store<f64>(p, 0.0, PATH_SHIFT_REVERSE_S);
  store<f64>(p, 0.0, PATH_SHIFT_FORWARD_S);
}

export function stateOf(i: i32): i32 {
  return i32(load<f64>(row(i), PATH_STATE));
}

/** True if the stamps are those of the path's last exchange. */
export function isRepeat(i: i32, localSend: i64, localReceive: i64): bool {
  const s = stat(i);
  return (
    load<f64>(row(i), PATH_TAKEN) != 0.0 &&
    load<i64>(s, STAT_SEND) == localSend &&
    load<i64>(s, STAT_RECEIVE) == localReceive
  );
}

/**
 * Folds the measurement in exchange.ts into the statistics of path i. What strays (stamps.ts) bears
 * no witness of the path's queues, `isStray`, nor does it compare with the one before, `isApart`.
 */
export function takeExchange(i: i32, localSend: i64, isStray: bool, isApart: bool): void {
  const p = row(i);
  const s = stat(i);
  const taken = load<f64>(p, PATH_TAKEN);
  const at = axisS(atNs);
  const share = 1.0 / min<f64>(taken + 1.0, MEMORY);
  if (taken > 0.0) {
    const gap = max<f64>(at - load<f64>(p, PATH_AT_S), 0.0);
    const interval = load<f64>(p, PATH_INTERVAL_S);
    // a long silence is not the new rhythm at once
    const counted = taken > 1.0 ? min<f64>(gap, 8.0 * interval + 1.0e-3) : gap;
    const spacing = 1.0 / min<f64>(taken, 16.0);
    store<f64>(p, interval + (counted - interval) * spacing, PATH_INTERVAL_S);
    if (!isApart) {
      const step = offsetS - load<f64>(p, PATH_OFFSET_S);
      const half = load<f64>(s, STAT_VARIANCE);
      const fold = 1.0 / min<f64>(taken, MEMORY);
      const folded = half + (step * step * 0.5 - half) * fold;
      store<f64>(s, folded, STAT_VARIANCE);
      store<f64>(p, sqrt<f64>(folded), PATH_JITTER_S);
    }
  }
  lowerFloor(i);
  const excess = max<f64>(delayS - load<f64>(p, PATH_FLOOR_S), 0.0);
  const mean = load<f64>(p, PATH_EXCESS_S);
  const heard = min<f64>(excess, MOST_EXCESS * mean + load<f64>(p, PATH_FLOOR_S) + 1.0e-6);
  if (!isStray) store<f64>(p, mean + (heard - mean) * share, PATH_EXCESS_S);
  store<f64>(p, taken + 1.0, PATH_TAKEN);
  store<f64>(p, offsetS, PATH_OFFSET_S);
  store<f64>(p, delayS, PATH_DELAY_S);
  store<f64>(p, reverseS, PATH_REVERSE_S);
  store<f64>(p, forwardS, PATH_FORWARD_S);
  store<f64>(p, at, PATH_AT_S);
  store<i64>(s, localSend, STAT_SEND);
  store<i64>(s, atNs, STAT_RECEIVE);
  findNewest(at);
}

/** Counts a one-way measurement of local time `at` (axis s); `side` 0 reverse, 8 forward. */
export function takeSide(i: i32, side: usize, at: f64): void {
  const p = row(i) + side;
  const s = stat(i);
  if (!isHeard(i)) store<f64>(s, at, STAT_HEARD_SINCE_S);
  store<f64>(p, load<f64>(p, PATH_REVERSES) + 1.0, PATH_REVERSES);
  store<f64>(s + side, load<f64>(s + side, STAT_HEARD) + 1.0, STAT_HEARD);
  store<f64>(s, at, STAT_HEARD_S);
  findNewest(at);
}

/** True if path i was measured one way. */
function isHeard(i: i32): bool {
  return load<f64>(stat(i), STAT_HEARD) + load<f64>(stat(i), STAT_HEARD + 8) != 0.0;
}

function findNewest(at: f64): void {
  if (at < newestS) {
    newestS = at;
    for (let i = 0; i < pathEnd; i++) {
      const p = row(i);
      if (load<f64>(p, PATH_OPEN) == 0.0) continue;
      if (isHeard(i)) newestS = max<f64>(newestS, load<f64>(stat(i), STAT_HEARD_S));
      if (load<f64>(p, PATH_TAKEN) == 0.0) continue;
      newestS = max<f64>(newestS, load<f64>(p, PATH_AT_S));
    }
  } else {
    newestS = at;
  }
}

/** Counts an exchange that was not taken. */
export function refuseExchange(i: i32): void {
  const p = row(i);
  store<f64>(p, load<f64>(p, PATH_REFUSED) + 1.0, PATH_REFUSED);
}

/** Counts a measurement the combiner set aside. */
export function countGated(i: i32): void {
  const p = row(i);
  store<f64>(p, load<f64>(p, PATH_GATED) + 1.0, PATH_GATED);
}

function lowerFloor(i: i32): void {
  const s = stat(i);
  // a floor below all that can be would stay for thousands of exchanges
  const sureS = delayS + delayDoubtS;
  const since = load<f64>(s, STAT_SINCE);
  if (since == 0.0) {
    for (let k = 0; k < BLOCKS; k++) store<f64>(s + (usize(k) << 3), sureS, STAT_BLOCKS);
    store<f64>(s, 0.0, STAT_IN_BLOCK);
    store<f64>(s, 0.0, STAT_BLOCK);
  }
  store<f64>(s, since + 1.0, STAT_SINCE);
  let block = i32(load<f64>(s, STAT_BLOCK));
  let inBlock = load<f64>(s, STAT_IN_BLOCK);
  if (inBlock >= BLOCK_EXCHANGES) {
    block = (block + 1) % BLOCKS;
    inBlock = 0.0;
    store<f64>(s, f64(block), STAT_BLOCK);
    store<f64>(s + (usize(block) << 3), sureS, STAT_BLOCKS);
  }
  store<f64>(s, inBlock + 1.0, STAT_IN_BLOCK);
  const cell = s + (usize(block) << 3);
  if (sureS < load<f64>(cell, STAT_BLOCKS)) store<f64>(cell, sureS, STAT_BLOCKS);
  let floorS = load<f64>(s, STAT_BLOCKS);
  // after a reset all blocks hold that first delay until their turn comes
  const filled = min<f64>(since / BLOCK_EXCHANGES, f64(BLOCKS - 1));
  if (since < BLOCK_EXCHANGES * f64(BLOCKS)) {
    for (let k = 1; f64(k) <= filled; k++) {
      floorS = min<f64>(floorS, load<f64>(s + (usize(k) << 3), STAT_BLOCKS));
    }
  } else {
    for (let k = 1; k < BLOCKS; k++) {
      floorS = min<f64>(floorS, load<f64>(s + (usize(k) << 3), STAT_BLOCKS));
    }
  }
  store<f64>(row(i), floorS, PATH_FLOOR_S);
}

/** The route changed: the floor and the excess start again with the last delay. */
export function resetFloor(i: i32): void {
  const p = row(i);
  store<f64>(stat(i), 0.0, STAT_SINCE);
  store<f64>(p, 0.0, PATH_EXCESS_S);
  lowerFloor(i);
}

/** All paths are as if just opened. */
export function restartPaths(): void {
  for (let i = 0; i < pathEnd; i++) if (isOpen(i)) restartPath(i);
}

/** Path i is as if just opened, but for its counters and what was said of it. */
export function restartPath(i: i32): void {
  const p = row(i);
  const s = stat(i);
  store<f64>(p, 0.0, PATH_TAKEN);
  memory.fill(p + PATH_OFFSET_S, 0, PATH_GATED - PATH_OFFSET_S);
  memory.fill(p + PATH_REVERSE_S, 0, PATH_CONTRADICTS + 8 - PATH_REVERSE_S);
  memory.fill(s, 0, STAT_SAYS);
  memory.fill(s + STAT_CAUSAL_LOW_S, 0, STATS_BYTES - STAT_CAUSAL_LOW_S);
  setState(i, STATE_WARMING, REASON_FEW, 0.0);
}

/** Age of a path's last exchange at axis time `nowS`, s. */
export function ageS(i: i32, nowS: f64): f64 {
  return nowS - load<f64>(row(i), PATH_AT_S);
}

/** True if the path speaks for itself, has measured and its last exchange is not overdue. */
export function isFresh(i: i32, nowS: f64): bool {
  const p = row(i);
  if (load<f64>(p, PATH_OPEN) != 1.0 || load<f64>(p, PATH_TAKEN) == 0.0) return false;
  return min<f64>(nowS, newestS) - load<f64>(p, PATH_AT_S) <= staleAfterS(i);
}

/** Votes of the paths that are fresh at axis time `nowS`. */
export function freshVotes(nowS: f64): f64 {
  let votes: f64 = 0;
  for (let i = 0; i < pathEnd; i++) if (isFresh(i, nowS)) votes += voteOf(i);
  return votes;
}

/** True if `votes` are most of `cast`. */
export function isMost(votes: f64, cast: f64): bool {
  return 2.0 * votes > cast + VOTE_DUST;
}

/** Paths that are fresh at axis time `nowS`. */
export function countFresh(nowS: f64): i32 {
  let fresh = 0;
  for (let j = 0; j < pathEnd; j++) if (isFresh(j, nowS)) fresh++;
  return fresh;
}

/** How long a path may be silent before it is stale, s. */
export function staleAfterS(i: i32): f64 {
  const p = row(i);
  const interval = load<f64>(p, PATH_INTERVAL_S);
  // one exchange tells nothing about the rhythm yet
  return load<f64>(p, PATH_TAKEN) < 2.0 ? 1.0e9 : FRESH_INTERVALS * interval + 1.0e-3;
}

/** Marks paths that went silent; the combiner takes their weight away. */
export function markStale(nowS: f64): void {
  for (let i = 0; i < pathEnd; i++) noteStale(i, nowS);
}

/** False if path i is fresh; if it has measured and then went silent, marks it so. */
export function noteStale(i: i32, nowS: f64): bool {
  const p = row(i);
  if (load<f64>(p, PATH_OPEN) == 0.0 || load<f64>(p, PATH_TAKEN) == 0.0) return true;
  if (isFresh(i, nowS)) return false;
  if (isShared(i)) return true;
  const since = min<f64>(nowS, newestS) - load<f64>(stat(i), STAT_HEARD_S);
  const isHalf = isHeard(i) && since <= staleAfterS(i);
  setState(i, STATE_STALE, isHalf ? REASON_ONE_WAY : REASON_SILENT, ageS(i, nowS));
  store<f64>(p, 0.0, PATH_WEIGHT);
  return true;
}

/** Path i was heard in one direction: says so if no exchange comes of it any more, or never did. */
export function markOneWay(i: i32, nowS: f64): void {
  if (load<f64>(row(i), PATH_TAKEN) != 0.0) {
    noteStale(i, nowS);
    return;
  }
  const s = stat(i);
  const reverses = load<f64>(s, STAT_HEARD);
  const forwards = load<f64>(s, STAT_HEARD + 8);
  if (min<f64>(reverses, forwards) > 0.0 || reverses + forwards < WARM_EXCHANGES) return;
  setState(i, STATE_WARMING, REASON_ONE_WAY, nowS - load<f64>(s, STAT_HEARD_SINCE_S));
}

/**
 * How long no path was heard beyond its turn, when one is heard again at axis time `nowS`, s; 0 if
 * some path was not overdue. Paths that have measured little do not count: their rhythm is not known.
 */
export function silentS(nowS: f64): f64 {
  let least: f64 = Infinity;
  for (let i = 0; i < pathEnd; i++) {
    if (!isOpen(i) || isShared(i) || load<f64>(row(i), PATH_TAKEN) < KNOWN_RHYTHM) continue;
    least = min<f64>(least, ageS(i, nowS) - staleAfterS(i));
    if (least <= 0.0) return 0.0;
  }
  return least == Infinity ? 0.0 : least;
}

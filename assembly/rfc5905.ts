/**
 * The RFC 5905 family: clock filter (§10), selection (§11.2.1), cluster (§11.2.2), combine
 * (§11.2.3). All paths lead to one server, so root delay and root dispersion are common to all:
 * they stay out of the per-path root distance, where they would only flatten the weights.
 * Offsets are carried to now along the common trend, since nobody slews the clock here. There is no
 * popcorn suppressor (SGATE): the combination is worked out anew from all stages each time.
 */
import { axisS, carryClock, nowNs, publishClock } from './clock';
import { delayS, offsetS } from './exchange';
import {
  MAX_PATHS,
  PATH_FLOOR_S,
  PATH_NOISE_S,
  PATH_TAKEN,
  PATH_WEIGHT,
  REASON_FALSETICKER,
  REASON_FEW,
  REASON_NO_MAJORITY,
  REASON_NONE,
  REASON_OUTLYING,
  SCRATCH,
  SCRATCH_COLUMN,
  STAGE_BYTES,
  STAGE_COUNT,
  STAGES,
  STATE_GOOD,
  STATE_QUARANTINED,
  STATE_STANDBY,
  STATE_WARMING,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import { isFresh, isOpen, markStale, pathEnd, row, setState } from './path';
import { addTrend, ageTrend, clearTrend, slope, slopeVariance } from './trend';

const PHI: f64 = 15.0e-6; // s/s
const MAX_DISPERSION_S: f64 = 16.0;
const MIN_DISPERSION_S: f64 = 0.005;
const PRECISION_S: f64 = 1.0 / 1048576.0; // 2^-20, both sides
const MIN_SURVIVORS: i32 = 3; // NMIN
/** Time of a stage that holds nothing. */
const NEVER_S: f64 = -1.0e300;

const STAGE_OFFSET: usize = 0;
const STAGE_DELAY: usize = 8;
const STAGE_DISPERSION: usize = 16;
const STAGE_AT: usize = 24;

// scratch columns: peers of this round
const PEER_OFFSET: usize = SCRATCH;
const PEER_DISTANCE: usize = SCRATCH + SCRATCH_COLUMN;
const PEER_JITTER: usize = SCRATCH + 2 * SCRATCH_COLUMN;
const EDGES: usize = SCRATCH + 3 * SCRATCH_COLUMN; // sorted edge values; type in the low rows below
const QUARTER: usize = 8 * usize(MAX_PATHS);
const PEER_PATH: usize = PEER_OFFSET + QUARTER; // f64 path index
const PEER_ALIVE: usize = PEER_DISTANCE + QUARTER; // 1 or 0
const EDGE_TYPE: usize = PEER_JITTER + QUARTER; // −1, 0, +1, three quarters long

let peers: i32 = 0;

// results of one clock filter
let filterOffset: f64 = 0;
let filterDistance: f64 = 0;
let filterJitter: f64 = 0;
let filterAt: f64 = 0;

export function clearRfc5905(): void {
  memory.fill(STAGES, 0, STAGE_BYTES * usize(STAGE_COUNT) * usize(MAX_PATHS));
  for (let i = 0; i < MAX_PATHS; i++) clearStages(i);
  clearTrend();
}

/** Empties the filter of path i: all stages at maximum dispersion. */
export function clearStages(i: i32): void {
  for (let k = 0; k < STAGE_COUNT; k++) {
    const s = stage(i, k);
    store<f64>(s, 0.0, STAGE_OFFSET);
    store<f64>(s, MAX_DISPERSION_S, STAGE_DELAY);
    store<f64>(s, MAX_DISPERSION_S, STAGE_DISPERSION);
    store<f64>(s, NEVER_S, STAGE_AT);
  }
}

function stage(i: i32, k: i32): usize {
  return STAGES + (usize(i) * usize(STAGE_COUNT) + usize(k)) * STAGE_BYTES;
}

/** One measurement of path i, then the whole mitigation over all fresh paths. */
export function updateRfc5905(i: i32, dtS: f64, roundTripS: f64): i32 {
  const nowS = axisS(nowNs);
  ageTrend(dtS);
  markStale(nowS);
  shiftIn(i, nowS, roundTripS);
  collect(nowS);
  if (peers > 0) {
    select();
    const survivors = cluster();
    if (survivors > 0) return combine(i, survivors);
  }
  carryClock(dtS);
  return STATUS_HELD;
}

function shiftIn(i: i32, nowS: f64, roundTripS: f64): void {
  for (let k = STAGE_COUNT - 1; k > 0; k--) {
    memory.copy(stage(i, k), stage(i, k - 1), STAGE_BYTES);
  }
  const s = stage(i, 0);
  store<f64>(s, offsetS, STAGE_OFFSET);
  store<f64>(s, max<f64>(delayS, PRECISION_S), STAGE_DELAY);
  store<f64>(s, 2.0 * PRECISION_S + PHI * roundTripS, STAGE_DISPERSION);
  store<f64>(s, nowS, STAGE_AT);
}

/** Clock filter of path i at nowS; false if it holds no sample. RFC 5905 §10. */
function filter(i: i32, nowS: f64): bool {
  let dispersion: f64 = 0;
  let weight: f64 = 0.5;
  let used: u32 = 0;
  let first = -1;
  let samples: f64 = 0;
  let squares: f64 = 0;
  for (let rank = 0; rank < STAGE_COUNT; rank++) {
    let least = -1;
    for (let k = 0; k < STAGE_COUNT; k++) {
      if ((used >> k) & 1) continue;
      if (
        least < 0 ||
        load<f64>(stage(i, k), STAGE_DELAY) < load<f64>(stage(i, least), STAGE_DELAY)
      )
        least = k;
    }
    used |= 1 << least;
    const s = stage(i, least);
    const at = load<f64>(s, STAGE_AT);
    if (at != NEVER_S) {
      const grown = load<f64>(s, STAGE_DISPERSION) + PHI * (nowS - at);
      dispersion += weight * min<f64>(grown, MAX_DISPERSION_S);
      const offset = load<f64>(s, STAGE_OFFSET) + slope * (nowS - at);
      if (first < 0) {
        first = least;
        filterOffset = offset;
        filterAt = at;
        filterDistance = load<f64>(s, STAGE_DELAY) * 0.5;
      } else {
        squares += (offset - filterOffset) * (offset - filterOffset);
        samples += 1.0;
      }
    } else {
      dispersion += weight * MAX_DISPERSION_S;
    }
    weight *= 0.5;
  }
  if (first < 0) return false;
  filterJitter = max<f64>(samples > 0.0 ? sqrt<f64>(squares / samples) : 0.0, PRECISION_S);
  filterDistance =
    max<f64>(filterDistance, MIN_DISPERSION_S * 0.5) +
    dispersion +
    PHI * (nowS - filterAt) +
    filterJitter;
  return true;
}

function collect(nowS: f64): void {
  peers = 0;
  for (let k = 0; k < pathEnd; k++) {
    if (!isOpen(k) || !isFresh(k, nowS) || !filter(k, nowS)) continue;
    const at = usize(peers) << 3;
    store<f64>(PEER_OFFSET + at, filterOffset);
    store<f64>(PEER_DISTANCE + at, filterDistance);
    store<f64>(PEER_JITTER + at, filterJitter);
    store<f64>(PEER_PATH + at, f64(k));
    store<f64>(PEER_ALIVE + at, 1.0);
    peers++;
  }
}

/** Selection: the largest clique of intervals that leaves a minority out. RFC 5905 §11.2.1. */
function select(): void {
  const edges = peers * 3;
  let filled = 0;
  for (let k = 0; k < peers; k++) {
    const at = usize(k) << 3;
    const middle = load<f64>(PEER_OFFSET + at);
    const half = load<f64>(PEER_DISTANCE + at);
    filled = insertEdge(filled, middle - half, -1.0);
    filled = insertEdge(filled, middle, 0.0);
    filled = insertEdge(filled, middle + half, 1.0);
  }
  let low: f64 = 0;
  let high: f64 = -1;
  let found = false;
  for (let allow = 0; 2 * allow < peers && !found; allow++) {
    let middles = 0;
    let chime = 0;
    let lowFound = false;
    let highFound = false;
    for (let k = 0; k < edges; k++) {
      const type = load<f64>(EDGE_TYPE + (usize(k) << 3));
      chime -= i32(type);
      if (chime >= peers - allow) {
        low = load<f64>(EDGES + (usize(k) << 3));
        lowFound = true;
        break;
      }
      if (type == 0.0) middles++;
    }
    chime = 0;
    for (let k = edges - 1; k >= 0; k--) {
      const type = load<f64>(EDGE_TYPE + (usize(k) << 3));
      chime += i32(type);
      if (chime >= peers - allow) {
        high = load<f64>(EDGES + (usize(k) << 3));
        highFound = true;
        break;
      }
      if (type == 0.0) middles++;
    }
    found = lowFound && highFound && middles <= allow && high >= low;
  }
  for (let k = 0; k < peers; k++) {
    const at = usize(k) << 3;
    const i = i32(load<f64>(PEER_PATH + at));
    const middle = load<f64>(PEER_OFFSET + at);
    const half = load<f64>(PEER_DISTANCE + at);
    const agrees = found && middle + half >= low && middle - half <= high;
    if (agrees) continue;
    store<f64>(PEER_ALIVE + at, 0.0);
    store<f64>(row(i), 0.0, PATH_WEIGHT);
    const away = middle > high ? middle - high : middle - low;
    if (found) setState(i, STATE_QUARANTINED, REASON_FALSETICKER, away);
    else setState(i, STATE_QUARANTINED, REASON_NO_MAJORITY, 0.0);
  }
}

/** Insertion sort; at equal values a lower edge comes before a middle before an upper edge. */
function insertEdge(filled: i32, value: f64, type: f64): i32 {
  let k = filled;
  while (k > 0) {
    const before = usize(k - 1) << 3;
    const v = load<f64>(EDGES + before);
    if (v < value || (v == value && load<f64>(EDGE_TYPE + before) <= type)) break;
    store<f64>(EDGES + before + 8, v);
    store<f64>(EDGE_TYPE + before + 8, load<f64>(EDGE_TYPE + before));
    k--;
  }
  store<f64>(EDGES + (usize(k) << 3), value);
  store<f64>(EDGE_TYPE + (usize(k) << 3), type);
  return filled + 1;
}

/** Drops the peer farthest out until what is left is as tight as a single one. §11.2.2. */
function cluster(): i32 {
  let survivors = 0;
  for (let k = 0; k < peers; k++) {
    if (load<f64>(PEER_ALIVE + (usize(k) << 3)) != 0.0) survivors++;
  }
  while (survivors > MIN_SURVIVORS) {
    let worst = -1;
    let worstScore: f64 = -1;
    let worstSpread: f64 = 0;
    let leastJitter: f64 = 1.0e300;
    for (let k = 0; k < peers; k++) {
      const at = usize(k) << 3;
      if (load<f64>(PEER_ALIVE + at) == 0.0) continue;
      leastJitter = min<f64>(leastJitter, load<f64>(PEER_JITTER + at));
      const spread = spreadAround(k, survivors);
      const score = spread * load<f64>(PEER_DISTANCE + at);
      if (score <= worstScore) continue;
      worst = k;
      worstScore = score;
      worstSpread = spread;
    }
    if (worst < 0 || worstSpread <= leastJitter) break;
    const at = usize(worst) << 3;
    store<f64>(PEER_ALIVE + at, 0.0);
    const i = i32(load<f64>(PEER_PATH + at));
    store<f64>(row(i), 0.0, PATH_WEIGHT);
    setState(i, STATE_STANDBY, REASON_OUTLYING, worstSpread);
    survivors--;
  }
  return survivors;
}

/** Selection jitter of peer k: RMS distance of the other survivors from it. */
function spreadAround(k: i32, survivors: i32): f64 {
  const middle = load<f64>(PEER_OFFSET + (usize(k) << 3));
  let squares: f64 = 0;
  for (let j = 0; j < peers; j++) {
    const at = usize(j) << 3;
    if (load<f64>(PEER_ALIVE + at) == 0.0) continue;
    const away = load<f64>(PEER_OFFSET + at) - middle;
    squares += away * away;
  }
  return sqrt<f64>(squares / f64(max<i32>(survivors - 1, 1)));
}

/** Average with weights 1/root distance. §11.2.3. */
function combine(i: i32, survivors: i32): i32 {
  let sum: f64 = 0;
  let sumW: f64 = 0;
  for (let k = 0; k < peers; k++) {
    const at = usize(k) << 3;
    if (load<f64>(PEER_ALIVE + at) == 0.0) continue;
    const w = 1.0 / load<f64>(PEER_DISTANCE + at);
    sumW += w;
    sum += w * load<f64>(PEER_OFFSET + at);
  }
  const offset = sum / sumW;
  let variance: f64 = 0;
  let spread: f64 = 0;
  let bound: f64 = 0;
  let status = STATUS_HELD;
  for (let k = 0; k < peers; k++) {
    const at = usize(k) << 3;
    if (load<f64>(PEER_ALIVE + at) == 0.0) continue;
    const path = i32(load<f64>(PEER_PATH + at));
    const p = row(path);
    const w = 1.0 / load<f64>(PEER_DISTANCE + at) / sumW;
    const jitter = load<f64>(PEER_JITTER + at);
    const away = load<f64>(PEER_OFFSET + at) - offset;
    variance += w * jitter * jitter;
    spread += w * away * away;
    bound += w * load<f64>(p, PATH_FLOOR_S) * 0.5;
    store<f64>(p, w, PATH_WEIGHT);
    store<f64>(p, jitter, PATH_NOISE_S);
    if (load<f64>(p, PATH_TAKEN) < 4.0) setState(path, STATE_WARMING, REASON_FEW, 0.0);
    else setState(path, STATE_GOOD, REASON_NONE, 0.0);
    if (path == i) status = STATUS_USED;
  }
  addTrend(offset);
  publishClock(offset, slope, variance + spread, 0.0, slopeVariance, 0.0, bound, survivors);
  return status;
}

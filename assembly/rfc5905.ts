/**
 * The RFC 5905 family: clock filter (§10, clockfilter.ts), selection (§11.2.1, intersect.ts),
 * cluster (§11.2.2), combine (§11.2.3). All paths lead to one server, so root delay and root
 * dispersion are common to all: they stay out of the per-path root distance, where they would only
 * flatten the weights. Offsets are carried to now along the common trend, since nobody slews the
 * clock here. There is no popcorn suppressor (SGATE): the combination is worked out anew from all
 * stages each time.
 */
import { axisS, carryClock, nowNs, publishClock } from './clock';
import { clearFilters, isEmpty, runFilters, shiftIn } from './clockfilter';
import {
  bury,
  DISTANCES,
  JITTERS,
  movePeer,
  nextOutlier,
  OFFSETS,
  outlierSpread,
  startCluster,
  survivors,
  WHO,
} from './cluster';
import { delayS, offsetS } from './exchange';
import { forgetOrder, high, intersect, isUnanimous, low, lowerOf, upperOf } from './intersect';
import {
  COLUMN_BYTES,
  PATH_FLOOR_S,
  PATH_NOISE_S,
  PATH_TAKEN,
  PATH_WEIGHT,
  PEERS,
  REASON_FALSETICKER,
  REASON_FEW,
  REASON_NO_MAJORITY,
  REASON_NONE,
  REASON_OUTLYING,
  STATE_GOOD,
  STATE_QUARANTINED,
  STATE_STANDBY,
  STATE_WARMING,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import { noteStale, pathEnd, row, setState, WARM_EXCHANGES } from './path';
import { strayVariance, userVariance } from './stamps';
import { addTrend, ageTrend, clearTrend, slope, slopeVariance } from './trend';

const WEIGHTS: usize = PEERS + 6 * COLUMN_BYTES;
const MEMBERS: usize = PEERS + 7 * COLUMN_BYTES; // u32 path of each peer; stays until the next round

let peers: i32 = 0;

export function clearRfc5905(): void {
  clearFilters();
  clearTrend();
  peers = 0;
  forgetOrder();
}

/** One measurement of path i, then the whole mitigation over all fresh paths. */
export function updateRfc5905(i: i32, dtS: f64, roundTripS: f64): i32 {
  const nowS = axisS(nowNs);
  ageTrend(dtS);
  // a program's reading of the clock is less precise than the kernel's (RFC 5905 §4: precision)
  const excess = max<f64>(delayS - load<f64>(row(i), PATH_FLOOR_S), 0.0);
  const stampedS = sqrt<f64>(strayVariance(excess) + userVariance(i));
  shiftIn(i, nowS, offsetS, delayS, roundTripS, stampedS);
  collect(nowS);
  if (peers > 0) {
    const count = cluster(select());
    if (count > 0) return combine(i, count);
  }
  carryClock(dtS);
  return STATUS_HELD;
}

/** Runs the filters of all fresh paths; marks the others. */
function collect(nowS: f64): void {
  runFilters(pathEnd, nowS, OFFSETS, DISTANCES, JITTERS);
  const before = peers;
  let same = true;
  let at: usize = 0;
  for (let k = 0; k < pathEnd; k++) {
    if (noteStale(k, nowS) || isEmpty(k)) continue;
    const from = usize(k) << 3;
    if (at != from) movePeer(at, from);
    store<i32>(at, k, WHO);
    if (load<u32>(at, MEMBERS) != u32(k)) {
      store<u32>(at, u32(k), MEMBERS);
      same = false;
    }
    at += 8;
  }
  peers = i32(at >> 3);
  if (!same || peers != before) forgetOrder();
}

/** Takes the weight of path i and says why. */
function dismiss(i: i32, state: i32, reason: i32, figureS: f64): void {
  store<f64>(row(i), 0.0, PATH_WEIGHT);
  setState(i, state, reason, figureS);
}

/** Selection: only peers whose interval meets the intersection survive. RFC 5905 §11.2.1. */
function select(): i32 {
  const found = intersect(OFFSETS, DISTANCES, peers);
  if (isUnanimous) return peers;
  let left: usize = 0;
  for (let k = 0; k < peers; k++) {
    const at = usize(k) << 3;
    if (found && upperOf(k) >= low && lowerOf(k) <= high) {
      if (left != at) movePeer(left, at);
      left += 8;
      continue;
    }
    const middle = load<f64>(at, OFFSETS);
    const away = middle > high ? middle - high : middle - low;
    const i = load<i32>(at, WHO);
    if (found) dismiss(i, STATE_QUARANTINED, REASON_FALSETICKER, away);
    else dismiss(i, STATE_QUARANTINED, REASON_NO_MAJORITY, 0.0);
  }
  return i32(left >> 3);
}

/** Drops the survivor farthest out until what is left is as tight as a single one. §11.2.2. */
function cluster(count: i32): i32 {
  startCluster(count);
  for (let i = nextOutlier(); i >= 0; i = nextOutlier()) {
    dismiss(i, STATE_STANDBY, REASON_OUTLYING, outlierSpread);
  }
  bury();
  return survivors();
}

/** Average with weights 1/root distance. §11.2.3. */
function combine(i: i32, count: i32): i32 {
  const end = usize(count) << 3;
  invert(end);
  let sum: f64 = 0;
  let sumW: f64 = 0;
  for (let at: usize = 0; at < end; at += 8) {
    const w = load<f64>(at, WEIGHTS);
    sumW += w;
    sum += w * load<f64>(at, OFFSETS);
  }
  const offset = sum / sumW;
  let variance: f64 = 0;
  let spread: f64 = 0;
  let bound: f64 = 0;
  let status = STATUS_HELD;
  share(end, sumW);
  for (let at: usize = 0; at < end; at += 8) {
    const path = load<i32>(at, WHO);
    const p = row(path);
    const w = load<f64>(at, WEIGHTS);
    const jitter = load<f64>(at, JITTERS);
    const away = load<f64>(at, OFFSETS) - offset;
    variance += w * jitter * jitter;
    spread += w * away * away;
    bound += w * load<f64>(p, PATH_FLOOR_S) * 0.5;
    store<f64>(p, w, PATH_WEIGHT);
    store<f64>(p, jitter, PATH_NOISE_S);
    if (load<f64>(p, PATH_TAKEN) < WARM_EXCHANGES) setState(path, STATE_WARMING, REASON_FEW, 0.0);
    else setState(path, STATE_GOOD, REASON_NONE, 0.0);
    if (path == i) status = STATUS_USED;
  }
  addTrend(offset);
  publishClock(offset, slope, variance + spread, 0.0, slopeVariance, 0.0, bound, count);
  return status;
}

/** Weights: 1/root distance. Pairs in both builds, so that memory is the same too. */
function invert(end: usize): void {
  if (ASC_FEATURE_SIMD) {
    const one = f64x2.splat(1.0);
    for (let at: usize = 0; at < end; at += 16) {
      v128.store(at, f64x2.div(one, v128.load(at, DISTANCES)), WEIGHTS);
    }
  } else {
    const even = (end + 8) & ~15;
    for (let at: usize = 0; at < even; at += 8) {
      store<f64>(at, 1.0 / load<f64>(at, DISTANCES), WEIGHTS);
    }
  }
}

/** Weights that sum to 1. */
function share(end: usize, total: f64): void {
  if (ASC_FEATURE_SIMD) {
    const sum = f64x2.splat(total);
    for (let at: usize = 0; at < end; at += 16) {
      v128.store(at, f64x2.div(v128.load(at, WEIGHTS), sum), WEIGHTS);
    }
  } else {
    const even = (end + 8) & ~15;
    for (let at: usize = 0; at < even; at += 8) {
      store<f64>(at, load<f64>(at, WEIGHTS) / total, WEIGHTS);
    }
  }
}

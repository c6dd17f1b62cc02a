/**
 * The clock filter of RFC 5905 §10: the last eight samples of each path, and what they say now.
 * The order of the samples (by delay) changes only with the path's own exchange, so it is kept;
 * what time and the common trend add is worked out for two paths at once, in the same order of
 * additions for both builds. Offsets are carried to now along the trend (trend.ts).
 */
import { FILTER_BYTES, FILTERS, MAX_PATHS } from './memory';
import { slope } from './trend';

export const PHI: f64 = 15.0e-6; // s/s
/** Both sides' precision, 2^-20 s. */
export const PRECISION_S: f64 = 1.0 / 1048576.0;
const MAX_DISPERSION_S: f64 = 16.0;
const MIN_DISPERSION_S: f64 = 0.005;
const STAGES: usize = 8;
/** Time of a stage that holds nothing. */
const NEVER_S: f64 = -1.0e300;

// Slots of a block, in bytes; each is 16 wide, the even path's f64 first.
const FIRST_OFFSET: usize = 0; // the sample of least delay: offset, s
const FIRST_AT: usize = 16; // when it was taken, s
const FIRST_HALF: usize = 32; // half its delay, not below half of MINDISP, s
const OTHERS: usize = 48; // how many more samples there are, at least 1
const SEQUENCE: usize = 64; // samples taken so far
// … then the stages by delay, least first.
const STAGE: usize = 80;
const STAGE_OFFSET: usize = STAGE;
const STAGE_AT: usize = STAGE + 16;
const STAGE_DISPERSION: usize = STAGE + 32; // when taken, s
const STAGE_BYTES: usize = 48;
// … and what only the sorting needs.
const RANK: usize = STAGE + STAGES * STAGE_BYTES;
const RANK_DELAY: usize = RANK;
const RANK_SEQUENCE: usize = RANK + 16;
const RANK_BYTES: usize = 32;

/** Empties all filters. */
export function clearFilters(): void {
  for (let i = 0; i < MAX_PATHS; i++) clearFilter(i);
}

/** Empties the filter of path i: all stages at maximum dispersion. */
export function clearFilter(i: i32): void {
  const own = lane(i);
  store<f64>(own, 0.0, FIRST_OFFSET);
  store<f64>(own, NEVER_S, FIRST_AT);
  store<f64>(own, 0.0, FIRST_HALF);
  store<f64>(own, 1.0, OTHERS);
  store<f64>(own, 0.0, SEQUENCE);
  for (let rank: usize = 0; rank < STAGES; rank++) {
    place(own, rank, 0.0, NEVER_S, MAX_DISPERSION_S, MAX_DISPERSION_S, 0.0);
  }
}

/** True while path i has no sample: it may have measured before its filter was cleared. */
export function isEmpty(i: i32): bool {
  return load<f64>(lane(i), SEQUENCE) == 0.0;
}

/** Address of the f64s of path i in its block. */
function lane(i: i32): usize {
  return FILTERS + usize(i >> 1) * FILTER_BYTES + (usize(i & 1) << 3);
}

function place(
  own: usize,
  rank: usize,
  offset: f64,
  at: f64,
  dispersion: f64,
  delay: f64,
  sequence: f64,
): void {
  const stage = own + rank * STAGE_BYTES;
  store<f64>(stage, offset, STAGE_OFFSET);
  store<f64>(stage, at, STAGE_AT);
  store<f64>(stage, dispersion, STAGE_DISPERSION);
  const key = own + rank * RANK_BYTES;
  store<f64>(key, delay, RANK_DELAY);
  store<f64>(key, sequence, RANK_SEQUENCE);
}

function move(own: usize, from: usize, to: usize): void {
  const stage = own + from * STAGE_BYTES;
  const key = own + from * RANK_BYTES;
  place(
    own,
    to,
    load<f64>(stage, STAGE_OFFSET),
    load<f64>(stage, STAGE_AT),
    load<f64>(stage, STAGE_DISPERSION),
    load<f64>(key, RANK_DELAY),
    load<f64>(key, RANK_SEQUENCE),
  );
}

/**
 * One more sample of path i, instead of the oldest. Among equal delays the newest comes first.
 * @param nowS when it was taken, axis s   @param roundTripS local send to local receive, s
 * @param stampedS what its local stamps may be off by beyond the precision, s
 */
export function shiftIn(
  i: i32,
  nowS: f64,
  offset: f64,
  delay: f64,
  roundTripS: f64,
  stampedS: f64,
): void {
  const own = lane(i);
  const key = max<f64>(delay, PRECISION_S);
  let oldest: usize = 0;
  let to: usize = 0;
  let least = Infinity;
  for (let rank: usize = 0; rank < STAGES; rank++) {
    const entry = own + rank * RANK_BYTES;
    if (load<f64>(entry, RANK_DELAY) < key) to = rank + 1;
    if (load<f64>(entry, RANK_SEQUENCE) > least) continue;
    oldest = rank;
    least = load<f64>(entry, RANK_SEQUENCE);
  }
  for (; oldest > to; oldest--) move(own, oldest - 1, oldest);
  for (; oldest + 1 < to; oldest++) move(own, oldest + 1, oldest);
  const sequence = load<f64>(own, SEQUENCE) + 1.0;
  store<f64>(own, sequence, SEQUENCE);
  const dispersion = 2.0 * PRECISION_S + PHI * roundTripS + stampedS;
  place(own, oldest, offset, nowS, dispersion, key, sequence);
  chooseFirst(own, sequence);
}

/** The sample of least delay; empty stages may come before it where delays exceed theirs. */
function chooseFirst(own: usize, sequence: f64): void {
  let stage = own;
  let key = own;
  while (load<f64>(stage, STAGE_AT) == NEVER_S) {
    stage += STAGE_BYTES;
    key += RANK_BYTES;
  }
  store<f64>(own, load<f64>(stage, STAGE_OFFSET), FIRST_OFFSET);
  store<f64>(own, load<f64>(stage, STAGE_AT), FIRST_AT);
  const half = load<f64>(key, RANK_DELAY) * 0.5;
  store<f64>(own, max<f64>(half, MIN_DISPERSION_S * 0.5), FIRST_HALF);
  store<f64>(own, max<f64>(min<f64>(sequence, f64(STAGES)) - 1.0, 1.0), OTHERS);
}

/**
 * What the filters of paths 0..count − 1 say at `nowS`, into three columns over paths: offset, root
 * distance (half the delay, dispersion, age and jitter) and jitter, s. Empty filters say nothing.
 */
export function runFilters(
  count: i32,
  nowS: f64,
  offsets: usize,
  distances: usize,
  jitters: usize,
): void {
  let block = FILTERS;
  for (let at: usize = 0; at < usize(count) << 3; at += 16) {
    if (ASC_FEATURE_SIMD) {
      runPair(block, nowS, offsets + at, distances + at, jitters + at);
    } else {
      runLane(block, nowS, offsets + at, distances + at, jitters + at);
      runLane(block + 8, nowS, offsets + at + 8, distances + at + 8, jitters + at + 8);
    }
    block += FILTER_BYTES;
  }
}

function runPair(block: usize, nowS: f64, offsets: usize, distances: usize, jitters: usize): void {
  const now = f64x2.splat(nowS);
  const rate = f64x2.splat(slope);
  const phi = f64x2.splat(PHI);
  const most = f64x2.splat(MAX_DISPERSION_S);
  const never = f64x2.splat(NEVER_S);
  const half = f64x2.splat(0.5);
  const firstAge = f64x2.sub(now, v128.load(block, FIRST_AT));
  const first = f64x2.add(v128.load(block, FIRST_OFFSET), f64x2.mul(rate, firstAge));
  let weight = half;
  let dispersion = f64x2.splat(0.0);
  let squares = f64x2.splat(0.0);
  const end = block + STAGES * STAGE_BYTES;
  for (let stage = block; stage < end; stage += STAGE_BYTES) {
    const at = v128.load(stage, STAGE_AT);
    const age = f64x2.sub(now, at);
    const grown = f64x2.add(v128.load(stage, STAGE_DISPERSION), f64x2.mul(phi, age));
    dispersion = f64x2.add(dispersion, f64x2.mul(weight, f64x2.pmin(grown, most)));
    const offset = f64x2.add(v128.load(stage, STAGE_OFFSET), f64x2.mul(rate, age));
    const away = f64x2.sub(offset, first);
    squares = f64x2.add(squares, v128.and(f64x2.mul(away, away), f64x2.ne(at, never)));
    weight = f64x2.mul(weight, half);
  }
  const spread = f64x2.sqrt(f64x2.div(squares, v128.load(block, OTHERS)));
  const jitter = f64x2.pmax(spread, f64x2.splat(PRECISION_S));
  const still = f64x2.add(v128.load(block, FIRST_HALF), dispersion);
  const aged = f64x2.add(still, f64x2.mul(phi, firstAge));
  v128.store(offsets, first);
  v128.store(distances, f64x2.add(aged, jitter));
  v128.store(jitters, jitter);
}

function runLane(own: usize, nowS: f64, offsets: usize, distances: usize, jitters: usize): void {
  const firstAge = nowS - load<f64>(own, FIRST_AT);
  const first = load<f64>(own, FIRST_OFFSET) + slope * firstAge;
  let weight: f64 = 0.5;
  let dispersion: f64 = 0;
  let squares: f64 = 0;
  const end = own + STAGES * STAGE_BYTES;
  for (let stage = own; stage < end; stage += STAGE_BYTES) {
    const at = load<f64>(stage, STAGE_AT);
    const age = nowS - at;
    const grown = load<f64>(stage, STAGE_DISPERSION) + PHI * age;
    dispersion += weight * min<f64>(grown, MAX_DISPERSION_S);
    if (at != NEVER_S) {
      const away = load<f64>(stage, STAGE_OFFSET) + slope * age - first;
      squares += away * away;
    }
    weight *= 0.5;
  }
  const jitter = max<f64>(sqrt<f64>(squares / load<f64>(own, OTHERS)), PRECISION_S);
  store<f64>(offsets, first);
  const still = load<f64>(own, FIRST_HALF) + dispersion;
  store<f64>(distances, still + PHI * firstAge + jitter);
  store<f64>(jitters, jitter);
}

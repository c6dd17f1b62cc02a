/**
 * The selection algorithm of RFC 5905 §11.2.1 on bare intervals [offset − half, offset + half]: the
 * smallest intersection that leaves fewer than half of them out, none of whose members' middles
 * lies outside more often than intervals are left out. Marzullo's sweep over all counts at once:
 * one pass forward over the lower edges, one back over the upper ones.
 *
 * Edges are kept in the order of the last call: from one exchange to the next they hardly pass each
 * other, so an insertion sort has little to do. Intervals that all agree are not sorted at all.
 */
import {
  COLUMN_BYTES,
  EDGES,
  INTERVAL_HALF_S,
  INTERVAL_OFFSET_S,
  SCRATCH,
  SCRATCH_COLUMN,
  SELECTED_FOUND,
  SELECTED_HIGH_S,
  SELECTED_LOW_S,
  SELECTED_MEMBERS,
} from './memory';

const LOWER: usize = EDGES;
const UPPER: usize = EDGES + COLUMN_BYTES;
// sorted edges: 16 bytes each, the value and where in its column it came from
const PAIR: usize = 16;
const PLACE: usize = 8;
const LOWERS: usize = EDGES + 2 * COLUMN_BYTES;
const MIDDLES: usize = EDGES + 4 * COLUMN_BYTES;
const UPPERS: usize = EDGES + 6 * COLUMN_BYTES;
// by how many intervals overlap: the first lower and the last upper edge where so many do
const LOW_AT: usize = EDGES + 8 * COLUMN_BYTES;
const HIGH_AT: usize = LOW_AT + COLUMN_BYTES + 16;
/** Merging needs as much room again. */
const SPARE: usize = SCRATCH;
// a set that did not come from peers, in columns
const OWN_OFFSETS: usize = SCRATCH + SCRATCH_COLUMN;
const OWN_HALVES: usize = SCRATCH + 2 * SCRATCH_COLUMN;

/** Moves per edge after which an insertion sort gives up, and the runs it then makes for merging. */
const PATIENCE: usize = 16;
const RUN: usize = 16 * PAIR;

/** The intersection found, s. */
export let low: f64 = 0;
export let high: f64 = 0;

/** True if all intervals hold all middles. */
export let isUnanimous: bool = false;

/** Intervals whose edges are in order; 0: none. */
let ordered: i32 = 0;

/** Intervals come or went: their order has to be found anew. */
export function forgetOrder(): void {
  ordered = 0;
}

/** Edges of interval k after `intersect`. */
export function lowerOf(k: i32): f64 {
  return load<f64>(usize(k) << 3, LOWER);
}

export function upperOf(k: i32): f64 {
  return load<f64>(usize(k) << 3, UPPER);
}

/**
 * Finds the intersection of the intervals in two columns; one more slot of each may be written to.
 * @returns false if every intersection leaves out half of them or more; then low and high are 0
 */
export function intersect(offsets: usize, halves: usize, count: i32): bool {
  low = 0;
  high = 0;
  isUnanimous = count > 0 && allAgree(offsets, halves, count);
  if (isUnanimous || count <= 0) return isUnanimous;
  const kept = ordered == count;
  sortEdges(LOWERS, LOWER, count, kept);
  sortEdges(UPPERS, UPPER, count, kept);
  sortEdges(MIDDLES, offsets, count, kept);
  ordered = count;
  return widen(count, overlap(count));
}

/** One set of `count` rows INTERVAL_*, and its row SELECTED_*. */
export function selectOne(intervals: usize, result: usize, count: i32): void {
  for (let at: usize = 0; at < usize(count) << 3; at += 8) {
    const interval = intervals + (at << 1);
    store<f64>(at, load<f64>(interval, INTERVAL_OFFSET_S), OWN_OFFSETS);
    store<f64>(at, load<f64>(interval, INTERVAL_HALF_S), OWN_HALVES);
  }
  forgetOrder();
  const found = intersect(OWN_OFFSETS, OWN_HALVES, count);
  forgetOrder();
  let members = found && isUnanimous ? count : 0;
  if (found && !isUnanimous) {
    for (let k = 0; k < count; k++) members += i32(upperOf(k) >= low && lowerOf(k) <= high);
  }
  store<f64>(result, f64(found), SELECTED_FOUND);
  store<f64>(result, low, SELECTED_LOW_S);
  store<f64>(result, high, SELECTED_HIGH_S);
  store<f64>(result, f64(members), SELECTED_MEMBERS);
}

/** Fills the edge columns; true if all intervals hold all middles: then low and high are known. */
function allAgree(offsets: usize, halves: usize, count: i32): bool {
  const last = usize(count - 1) << 3;
  const end = (last + 16) & ~15;
  // columns are worked through in pairs; a copy of the last one changes nothing
  store<f64>(offsets + end - 8, load<f64>(offsets + last));
  store<f64>(halves + end - 8, load<f64>(halves + last));
  let lowest: f64 = 0;
  let highest: f64 = 0;
  if (ASC_FEATURE_SIMD) {
    let maxLower = f64x2.splat(-Infinity);
    let minUpper = f64x2.splat(Infinity);
    let minMiddle = minUpper;
    let maxMiddle = maxLower;
    for (let at: usize = 0; at < end; at += 16) {
      const middle = v128.load(offsets + at);
      const half = v128.load(halves + at);
      const lower = f64x2.sub(middle, half);
      const upper = f64x2.add(middle, half);
      v128.store(at, lower, LOWER);
      v128.store(at, upper, UPPER);
      maxLower = f64x2.pmax(maxLower, lower);
      minUpper = f64x2.pmin(minUpper, upper);
      minMiddle = f64x2.pmin(minMiddle, middle);
      maxMiddle = f64x2.pmax(maxMiddle, middle);
    }
    low = max<f64>(f64x2.extract_lane(maxLower, 0), f64x2.extract_lane(maxLower, 1));
    high = min<f64>(f64x2.extract_lane(minUpper, 0), f64x2.extract_lane(minUpper, 1));
    lowest = min<f64>(f64x2.extract_lane(minMiddle, 0), f64x2.extract_lane(minMiddle, 1));
    highest = max<f64>(f64x2.extract_lane(maxMiddle, 0), f64x2.extract_lane(maxMiddle, 1));
  } else {
    low = -Infinity;
    high = Infinity;
    lowest = Infinity;
    highest = -Infinity;
    for (let at: usize = 0; at < end; at += 8) {
      const middle = load<f64>(offsets + at);
      const half = load<f64>(halves + at);
      store<f64>(at, middle - half, LOWER);
      store<f64>(at, middle + half, UPPER);
      if (low < middle - half) low = middle - half;
      if (high > middle + half) high = middle + half;
      if (lowest > middle) lowest = middle;
      if (highest < middle) highest = middle;
    }
  }
  return lowest >= low && highest <= high;
}

/** Brings `pairs` up to date with the column they came from, least first. */
function sortEdges(pairs: usize, column: usize, count: i32, kept: bool): void {
  const end = pairs + usize(count) * PAIR;
  if (!kept) {
    let place = 0;
    for (let at = pairs; at < end; at += PAIR) {
      store<u32>(at, place, PLACE);
      place += 8;
    }
  }
  let moves = usize(count) * PATIENCE * PAIR;
  for (let at = pairs; at < end; at += PAIR) {
    const moved = insert(pairs, at, column);
    if (moved > moves) {
      for (let next = at + PAIR; next < end; next += PAIR) {
        store<f64>(next, load<f64>(column + usize(load<u32>(next, PLACE))));
      }
      mergeSort(pairs, end);
      return;
    }
    moves -= moved;
  }
}

/** Puts the pair at `at` where it belongs among those from `first` on; returns how far, in bytes. */
function insert(first: usize, at: usize, column: usize): usize {
  const place = load<u32>(at, PLACE);
  const value = load<f64>(column + usize(place));
  const to = makeRoom(first, at, value);
  if (ASC_FEATURE_SIMD) {
    // one store, since a 16-byte load soon after two stores waits for both
    v128.store(to, i64x2.replace_lane(f64x2.splat(value), 1, i64(place)));
  } else {
    store<f64>(to, value);
    store<u32>(to, place, PLACE);
  }
  return at - to;
}

/** Moves the pairs above `value` up by one, over the pair at `at`; returns where there is room. */
function makeRoom(first: usize, at: usize, value: f64): usize {
  let to = at;
  while (to > first && load<f64>(to - PAIR) > value) {
    copyPair(to, to - PAIR);
    to -= PAIR;
  }
  return to;
}

function copyPair(to: usize, from: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, v128.load(from));
  } else {
    store<f64>(to, load<f64>(from));
    store<u32>(to, load<u32>(from, PLACE), PLACE);
  }
}

/** Sorts short runs, then merges two by two, back and forth between the pairs and the spare room. */
function mergeSort(pairs: usize, end: usize): void {
  const size = end - pairs;
  for (let from: usize = 0; from < size; from += RUN) {
    sortRun(pairs + from, pairs + min<usize>(from + RUN, size));
  }
  let from = pairs;
  let into = SPARE;
  for (let run = RUN; run < size; run <<= 1) {
    for (let start: usize = 0; start < size; start += run << 1) {
      const middle = from + min<usize>(start + run, size);
      mergeRuns(from + start, middle, from + min<usize>(start + (run << 1), size), into + start);
    }
    const swap = from;
    from = into;
    into = swap;
  }
  if (from != pairs) for (let at: usize = 0; at < size; at += PAIR) copyPair(pairs + at, from + at);
}

function sortRun(first: usize, end: usize): void {
  for (let at = first + PAIR; at < end; at += PAIR) {
    const value = load<f64>(at);
    if (ASC_FEATURE_SIMD) {
      const pair = v128.load(at);
      v128.store(makeRoom(first, at, value), pair);
    } else {
      const place = load<u32>(at, PLACE);
      const to = makeRoom(first, at, value);
      store<f64>(to, value);
      store<u32>(to, place, PLACE);
    }
  }
}

function mergeRuns(left: usize, middle: usize, end: usize, into: usize): void {
  let a = left;
  let b = middle;
  for (; a < middle && b < end; into += PAIR) {
    if (load<f64>(a) <= load<f64>(b)) {
      copyPair(into, a);
      a += PAIR;
    } else {
      copyPair(into, b);
      b += PAIR;
    }
  }
  for (; a < middle; a += PAIR, into += PAIR) copyPair(into, a);
  for (; b < end; b += PAIR, into += PAIR) copyPair(into, b);
}

/** Fills LOW_AT and HIGH_AT; returns the most intervals that overlap anywhere. */
function overlap(count: i32): i32 {
  const end = usize(count) * PAIR;
  let most: usize = 0;
  let open: usize = 0;
  let upper = UPPERS;
  for (let at: usize = 0; at < end; at += PAIR) {
    const edge = load<f64>(LOWERS + at);
    open += 8;
    // at equal values an interval opens before another closes
    for (; upper < UPPERS + end && load<f64>(upper) < edge; upper += PAIR) open -= 8;
    if (isize(open) <= isize(most)) continue;
    most = open;
    store<f64>(LOW_AT + most, edge);
  }
  let back: usize = 0;
  open = 0;
  let lower = LOWERS + end - PAIR;
  for (let at = UPPERS + end - PAIR; at >= UPPERS; at -= PAIR) {
    const edge = load<f64>(at);
    open += 8;
    for (; lower >= LOWERS && load<f64>(lower) > edge; lower -= PAIR) open -= 8;
    if (isize(open) <= isize(back)) continue;
    back = open;
    store<f64>(HIGH_AT + back, edge);
  }
  return i32(min<usize>(most, back) >> 3);
}

/** From the most that overlap down to a bare majority: the first that leaves few middles outside. */
function widen(count: i32, most: i32): bool {
  const first = MIDDLES;
  const last = MIDDLES + usize(count) * PAIR;
  // middles below low end at `below`, those above high begin at `above`
  let below = last;
  let above = first;
  for (let members = most; 2 * members > count; members--) {
    low = load<f64>(LOW_AT + (usize(members) << 3));
    high = load<f64>(HIGH_AT + (usize(members) << 3));
    while (below > first && load<f64>(below - PAIR) >= low) below -= PAIR;
    while (above < last && load<f64>(above) <= high) above += PAIR;
    const outside = (below - first + last - above) / PAIR;
    if (outside <= usize(count - members) && high >= low) return true;
  }
  low = 0;
  high = 0;
  return false;
}

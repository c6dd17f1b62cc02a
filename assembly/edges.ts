/**
 * Sorting for intersect.ts: columns of numbers as pairs of a value and the place it came from. Kept
 * pairs are nearly in order, so they are inserted; where that takes too long, they are merged.
 */
import { SCRATCH } from './memory';

/** A pair: f64 value, u32 place in its column in bytes. */
export const PAIR: usize = 16;
const PLACE: usize = 8;
/** Merging needs as much room again. */
const SPARE: usize = SCRATCH;
/** Moves per edge after which an insertion sort gives up, and the runs it then makes for merging. */
const PATIENCE: usize = 16;
const RUN: usize = 16 * PAIR;

/** Brings `pairs` up to date with the column they came from, least first. */
export function sortEdges(pairs: usize, column: usize, count: i32, kept: bool): void {
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

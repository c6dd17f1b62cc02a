/** Sorting for the voting combiners: keys with a tag each, stable, O(n log n), in fixed scratch. */
import { SCRATCH, SCRATCH_COLUMN } from './memory';

/** Room for 4 × MAX_PATHS keys. */
const KEYS: usize = SCRATCH;
const TAGS: usize = SCRATCH + SCRATCH_COLUMN;
const SPARE: usize = 2 * SCRATCH_COLUMN; // from either column to its twin

export function putKey(at: i32, key: f64, tag: f64): void {
  store<f64>(KEYS + (usize(at) << 3), key);
  store<f64>(TAGS + (usize(at) << 3), tag);
}

export function keyAt(at: i32): f64 {
  return load<f64>(KEYS + (usize(at) << 3));
}

export function tagAt(at: i32): f64 {
  return load<f64>(TAGS + (usize(at) << 3));
}

/** Merges runs of 1, 2, 4 … of the first `count` keys until all is one run; equal keys keep order. */
export function sortKeys(count: i32): void {
  let from: usize = 0;
  let into: usize = SPARE;
  for (let run = 1; run < count; run <<= 1) {
    for (let low = 0; low < count; low += run << 1) {
      merge(low, min<i32>(low + run, count), min<i32>(low + (run << 1), count), from, into);
    }
    const swap = from;
    from = into;
    into = swap;
  }
  if (from == 0) return;
  memory.copy(KEYS, KEYS + SPARE, usize(count) << 3);
  memory.copy(TAGS, TAGS + SPARE, usize(count) << 3);
}

function merge(low: i32, middle: i32, high: i32, from: usize, into: usize): void {
  let a = low;
  let b = middle;
  for (let k = low; k < high; k++) {
    const left = KEYS + from + (usize(a) << 3);
    const right = KEYS + from + (usize(b) << 3);
    const takeLeft = b >= high || (a < middle && load<f64>(left) <= load<f64>(right));
    const source = takeLeft ? left : right;
    const target = KEYS + into + (usize(k) << 3);
    store<f64>(target, load<f64>(source));
    store<f64>(target + SCRATCH_COLUMN, load<f64>(source + SCRATCH_COLUMN));
    if (takeLeft) a++;
    else b++;
  }
}

/**
 * The least spans of each path of late, θ taken out: its own view of the offset, for votes, for the
 * asymmetry column, for ties, and for finding out that θ never stood where it should.
 */
import {
  B_ANCHOR,
  B_BLOCK,
  B_DOUBT,
  B_EDGE2,
  B_LATE,
  braidRow,
  K_INFORMATION,
  K_MEAN,
} from './braidrow';
import { p00 } from './joint';
import { SPANS, SPANS_BYTES } from './memory';
import { isFresh, isMost, pathEnd, VOTE_DUST, voteOf } from './path';
import { isByUser } from './stamps';

const BLOCK: f64 = 64.0;
/** Fewer spans with stamps of a program have no vote. */
const FEW: f64 = 8.0;
const NO_SPAN: f64 = 1.0e300;
/** Least spans start again once θ is known with so much less variance. */
const CLEARER: f64 = 16.0;
/** Sigmas within which a path's own view makes it anchored, and beyond which it is adrift. */
const ANCHORED: f64 = 4.0;

/** Where most paths that were never anchored see the offset, relative to θ, and 1 sigma, s. */
export let anchorS: f64 = 0;
export let anchorSigmaS: f64 = 0;

function spans(i: i32): usize {
  return SPANS + usize(i) * SPANS_BYTES;
}

export function forgetSpans(i: i32): void {
  const s = spans(i);
  for (let b: usize = 0; b < SPANS_BYTES; b += 8) store<f64>(s + b, NO_SPAN);
  store<f64>(braidRow(i), 0.0, B_BLOCK);
  store<f64>(braidRow(i), 0.0, B_DOUBT);
  store<f64>(braidRow(i), 0.0, B_DOUBT + 8);
  store<f64>(braidRow(i), 0.0, K_INFORMATION);
}

/** Least spans of this and the last block, θ taken out, so that they are one-way delays. */
export function rememberSpans(i: i32, reverse: f64, forward: f64): void {
  const k = braidRow(i);
  const s = spans(i);
  // what was seen while θ was hardly known would be blamed on the path
  if (p00 * CLEARER < max<f64>(load<f64>(k, B_DOUBT), load<f64>(k, B_DOUBT + 8))) forgetSpans(i);
  let inBlock = load<f64>(k, B_BLOCK);
  if (inBlock >= BLOCK) {
    memory.copy(s + 16, s, 16);
    store<f64>(k, load<f64>(k, B_DOUBT), B_DOUBT + 8);
    store<f64>(k, 0.0, B_DOUBT);
    store<f64>(s, NO_SPAN);
    store<f64>(s + 8, NO_SPAN);
    inBlock = 0.0;
  }
  store<f64>(k, inBlock + 1.0, B_BLOCK);
  store<f64>(k, max<f64>(load<f64>(k, B_DOUBT), p00), B_DOUBT);
  store<f64>(s, min<f64>(load<f64>(s), reverse));
  store<f64>(s + 8, min<f64>(load<f64>(s + 8), forward));
  const leastReverse = min<f64>(load<f64>(s), load<f64>(s + 16));
  const leastForward = min<f64>(load<f64>(s + 8), load<f64>(s + 24));
  const full = load<f64>(s + 16) < NO_SPAN;
  const n = inBlock + 1.0 + (full ? BLOCK : 0.0);
  const a = load<f64>(k, B_LATE) / n;
  const b = load<f64>(k, B_LATE + 8) / n;
  const variance =
    (a * a + b * b) * 0.25 +
    (load<f64>(k, B_EDGE2) + load<f64>(k, B_EDGE2 + 8)) * 0.25 +
    max<f64>(max<f64>(load<f64>(k, B_DOUBT), load<f64>(k, B_DOUBT + 8)) - p00, 0.0);
  const mean = (leastReverse - leastForward) * 0.5;
  store<f64>(k, mean, K_MEAN);
  // a program's stamps have long tails: the least of a few is nothing to go by
  const isMute = n < FEW && (isByUser(i, 0) || isByUser(i, 8));
  store<f64>(k, isMute ? 0.0 : 1.0 / variance, K_INFORMATION);
  const doubt = max<f64>(load<f64>(k, B_DOUBT), load<f64>(k, B_DOUBT + 8)) - p00;
  if (
    full &&
    inBlock + 1.0 == BLOCK &&
    2.0 * doubt < variance &&
    abs<f64>(mean) < ANCHORED * sqrt<f64>(variance)
  )
    store<f64>(k, 1.0, B_ANCHOR);
}

/** Sum of the least spans both ways, s: twice the floor, wherever θ is. */
export function leastSum(i: i32): f64 {
  const s = spans(i);
  return min<f64>(load<f64>(s), load<f64>(s + 16)) + min<f64>(load<f64>(s + 8), load<f64>(s + 24));
}

/** True if path i is heard, has more than a block of spans, and never agreed with θ. */
export function isAdrift(i: i32, nowS: f64): bool {
  return (
    isFresh(i, nowS) &&
    load<f64>(spans(i) + 16) < NO_SPAN &&
    load<f64>(braidRow(i), B_ANCHOR) == 0.0
  );
}

/**
 * True if most fresh paths never agreed with θ but agree on another place; then anchorS and
 * anchorSigmaS tell it. A path that once agreed and left since was attacked or rerouted.
 */
export function findAnchor(nowS: f64): bool {
  let fresh: f64 = 0;
  let most: f64 = 0;
  let found = -1;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    fresh += voteOf(j);
    const alike = isAdrift(j, nowS) ? countAlike(j, nowS) : 0.0;
    if (alike > most + VOTE_DUST) found = j;
    most = max<f64>(most, alike);
  }
  if (!isMost(most, fresh)) return false;
  let sum: f64 = 0;
  let weights: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isAdrift(j, nowS) || !isAlike(found, j)) continue;
    const weight = load<f64>(braidRow(j), K_INFORMATION);
    sum += weight * load<f64>(braidRow(j), K_MEAN);
    weights += weight;
  }
  anchorS = sum / weights;
  anchorSigmaS = 1.0 / sqrt<f64>(weights);
  return abs<f64>(anchorS) > ANCHORED * anchorSigmaS;
}

/** Votes of the paths that never agreed either and see the offset where path i does. */
function countAlike(i: i32, nowS: f64): f64 {
  let alike: f64 = 0;
  for (let j = 0; j < pathEnd; j++) if (isAdrift(j, nowS) && isAlike(i, j)) alike += voteOf(j);
  return alike;
}

/** True if two paths see the offset at the same place, within their noise. */
function isAlike(i: i32, j: i32): bool {
  const a = braidRow(i);
  const b = braidRow(j);
  const away = load<f64>(a, K_MEAN) - load<f64>(b, K_MEAN);
  const variance = 1.0 / load<f64>(a, K_INFORMATION) + 1.0 / load<f64>(b, K_INFORMATION);
  return away * away < ANCHORED * ANCHORED * variance;
}

/**
 * The two directions of each path, measured one at a time and at rates of their own (PTP: Sync
 * forward, Delay_Req reverse). What came last in each is kept here, and becomes an exchange for the
 * combiners that think in round trips: whenever both directions were heard since the last one, the
 * newest of each, carried along the clock's frequency to now. So an exchange is as fresh, and queued
 * as much, as if one packet had gone there and back; to take the quickest of the more frequent
 * direction would lean the offset to one side.
 */
import { axisS, nowNs } from './clock';
import { join } from './exchange';
import {
  CLOCK,
  CLOCK_FREQUENCY,
  CLOCK_FREQUENCY_UNCERTAINTY,
  CLOCK_VALID,
  MAX_PATHS,
  PATH_REVERSE_S,
  PATH_REVERSES,
  RECORD_LOCAL,
  RECORD_REMOTE,
  SIDES,
  SIDES_BYTES,
  STATUS_USED,
} from './memory';
import { FORWARD, REVERSE, spanS } from './oneway';
import { countGated, row } from './path';
import { FORWARD_BIT, joinStrays, REVERSE_BIT, strays } from './stamps';

// pairs: reverse, forward
const SIDE_LOCAL: usize = 0; // i64 local stamp of the last
const SIDE_REMOTE: usize = 16; // i64 remote stamp
const SIDE_SPAN_S: usize = 32;
const SIDE_AT_S: usize = 48; // its local stamp on the axis
const SIDE_WAITS: usize = 64; // 1: no exchange was made of it yet
const SIDE_LEAST_S: usize = 80; // least one-way delay of late (braid)
const SIDE_DOUBT: usize = 96; // of the path: 1 while a direction fell and nobody knows why (braid)
const SIDE_STRAYED: usize = 104; // u32 of the path: directions whose last one was a stray
const SIDE_CONTRADICTS: usize = 112; // 1: the last one contradicted the causal interval

/** Two directions that are so far apart belong to no exchange, s. */
const MOST_GAP_S: f64 = 64.0;
/** No clock worth the name is off by more than 500 ppm, and 100 ppm unless it says so, s/s. */
const MOST_FREQUENCY: f64 = 5.0e-4;
const START_FREQUENCY: f64 = 1.0e-4;
/** Sigmas of the frequency that its doubt counts with. */
const SIGMAS: f64 = 3.0;
const NO_SPAN: f64 = 1.0e300;
const NEVER_S: f64 = -1.0e300;

/** Time between the two directions of the last exchange made here, s. */
export let gapS: f64 = 0;
/** True if the last span kept is not the first of its direction since the last exchange. */
export let isExtra: bool = false;

function sides(i: i32): usize {
  return SIDES + usize(i) * SIDES_BYTES;
}

/** Forgets what path i has waiting; the stamps that tell repeats stay. */
export function forgetSides(i: i32): void {
  const s = sides(i);
  store<f64>(s, 0.0, SIDE_WAITS);
  store<f64>(s, 0.0, SIDE_WAITS + 8);
  store<f64>(s, 0.0, SIDE_DOUBT);
  store<u32>(s, 0, SIDE_STRAYED);
  for (let side: usize = 0; side < 16; side += 8) {
    store<f64>(s + side, NO_SPAN, SIDE_LEAST_S);
    store<f64>(s + side, NEVER_S, SIDE_AT_S);
  }
  forgetContradictions(i);
}

export function forgetAllSides(): void {
  for (let i = 0; i < MAX_PATHS; i++) forgetSides(i);
}

/** True if the stamps are those of the path's last measurement in this direction. */
export function isSpanRepeat(i: i32, side: usize, record: usize): bool {
  const s = sides(i) + side;
  return (
    load<f64>(row(i) + side, PATH_REVERSES) != 0.0 &&
    load<i64>(s, SIDE_LOCAL) == load<i64>(record, RECORD_LOCAL) &&
    load<i64>(s, SIDE_REMOTE) == load<i64>(record, RECORD_REMOTE)
  );
}

/** Keeps the span in oneway.ts as the newest of its direction. */
export function keepSpan(i: i32, side: usize, record: usize): void {
  const s = sides(i) + side;
  const local = load<i64>(record, RECORD_LOCAL);
  store<i64>(s, local, SIDE_LOCAL);
  store<i64>(s, load<i64>(record, RECORD_REMOTE), SIDE_REMOTE);
  store<f64>(s, spanS, SIDE_SPAN_S);
  store<f64>(s, axisS(local), SIDE_AT_S);
  const bit = side == REVERSE ? REVERSE_BIT : FORWARD_BIT;
  isExtra = load<f64>(s, SIDE_WAITS) != 0.0;
  store<f64>(s, 1.0, SIDE_WAITS);
  const before = load<u32>(sides(i), SIDE_STRAYED);
  store<u32>(sides(i), (before & ~bit) | (strays & bit), SIDE_STRAYED);
}

/** The path's report shows spans as they came, not as they were carried. */
export function showSpan(i: i32, side: usize): void {
  store<f64>(row(i) + side, load<f64>(sides(i) + side, SIDE_SPAN_S), PATH_REVERSE_S);
}

/**
 * Makes an exchange of what waits in both directions and leaves it in exchange.ts; false if one
 * direction is missing. `side` is the direction that came just now.
 */
export function joinSides(i: i32, side: usize): bool {
  const s = sides(i);
  const other = s + (side ^ 8);
  if (load<f64>(other, SIDE_WAITS) == 0.0) return false;
  const ahead = load<f64>(s + FORWARD, SIDE_AT_S) - load<f64>(s + REVERSE, SIDE_AT_S);
  gapS = abs<f64>(ahead);
  let verdict = -1;
  if (gapS <= MOST_GAP_S) {
    const known = load<f64>(CLOCK, CLOCK_VALID) != 0.0;
    const told = known ? load<f64>(CLOCK, CLOCK_FREQUENCY) : 0.0;
    const frequency = max<f64>(min<f64>(told, MOST_FREQUENCY), -MOST_FREQUENCY);
    const sigma = known ? load<f64>(CLOCK, CLOCK_FREQUENCY_UNCERTAINTY) : START_FREQUENCY;
    const doubtS = SIGMAS * min<f64>(sigma, START_FREQUENCY) * gapS;
    // forward spans shrink as the offset grows
    const nowS = axisS(nowNs);
    const reverse =
      load<f64>(s + REVERSE, SIDE_SPAN_S) + frequency * (nowS - load<f64>(s + REVERSE, SIDE_AT_S));
    const forward =
      load<f64>(s + FORWARD, SIDE_SPAN_S) - frequency * (nowS - load<f64>(s + FORWARD, SIDE_AT_S));
    verdict = join(reverse, forward, nowNs, gapS, doubtS);
  }
  store<f64>(other, 0.0, SIDE_WAITS);
  if (verdict != STATUS_USED) {
    // the clock was stepped between the two, or one of them lies: a newer one may fit
    countGated(i);
    return false;
  }
  store<f64>(s + side, 0.0, SIDE_WAITS);
  joinStrays(load<u32>(s, SIDE_STRAYED));
  return true;
}

/** Local send of the last reverse measurement, Unix ns. */
export function lastSendNs(i: i32): i64 {
  return load<i64>(sides(i), SIDE_LOCAL);
}

/** Remembers if a direction's last span contradicted the causal interval; true if either did. */
export function noteContradiction(i: i32, side: usize, contradicts: bool): bool {
  const s = sides(i);
  store<f64>(s + side, contradicts ? 1.0 : 0.0, SIDE_CONTRADICTS);
  return contradicts || load<f64>(s + (side ^ 8), SIDE_CONTRADICTS) != 0.0;
}

/**
 * Where path i's last span in a direction bounds the offset (forward: from below), widened by its
 * age; if there is none, where the other direction's does.
 */
export function boundOf(i: i32, side: usize, nowS: f64, rate: f64): f64 {
  const isKnown = load<f64>(sides(i) + side, SIDE_AT_S) != NEVER_S;
  const from = isKnown ? side : side ^ 8;
  const s = sides(i) + from;
  const age = max<f64>(nowS - load<f64>(s, SIDE_AT_S), 0.0);
  const bound = load<f64>(s, SIDE_SPAN_S) + rate * age;
  return from == REVERSE ? bound : -bound;
}

export function forgetContradictions(i: i32): void {
  store<f64>(sides(i), 0.0, SIDE_CONTRADICTS);
  store<f64>(sides(i), 0.0, SIDE_CONTRADICTS + 8);
}

// --- for combiners that take each direction by itself -------------------------------------------

/** Offers a one-way delay to the least of its direction since the last exchange. */
export function lowerLeast(i: i32, side: usize, delay: f64): void {
  const cell = sides(i) + side;
  store<f64>(cell, min<f64>(load<f64>(cell, SIDE_LEAST_S), delay), SIDE_LEAST_S);
}

/** The least one-way delay of a direction, which begins anew; 1e300: there was none. */
export function takeLeast(i: i32, side: usize): f64 {
  const cell = sides(i) + side;
  const least = load<f64>(cell, SIDE_LEAST_S);
  store<f64>(cell, NO_SPAN, SIDE_LEAST_S);
  return least;
}

/** True if both directions were heard since their leasts began. */
export function hasLeasts(i: i32): bool {
  const s = sides(i);
  return max<f64>(load<f64>(s, SIDE_LEAST_S), load<f64>(s, SIDE_LEAST_S + 8)) < NO_SPAN;
}

/**
 * A direction fell below all it could be: a shorter route and a stepped clock look alike until the
 * other direction is heard, too. What was before is no evidence.
 */
export function beginDoubt(i: i32): void {
  const s = sides(i);
  store<f64>(s, 1.0, SIDE_DOUBT);
  store<f64>(s, NO_SPAN, SIDE_LEAST_S);
  store<f64>(s, NO_SPAN, SIDE_LEAST_S + 8);
}

export function endDoubt(i: i32): void {
  store<f64>(sides(i), 0.0, SIDE_DOUBT);
}

export function isDoubted(i: i32): bool {
  return load<f64>(sides(i), SIDE_DOUBT) != 0.0;
}

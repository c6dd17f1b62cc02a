/**
 * Whose local stamps a measurement has: the kernel's, or a program's own reading of the clock. What
 * a program reads is never too good: it looks before the packet leaves and after it came, so the
 * span it ends is too long, like a packet that queued, by microseconds to milliseconds. A path goes
 * by the better kind it has; its stamps of the worse kind are strays: their spans count by how far
 * such stamps are off (learnt here for this clock, by direction), and teach nothing about the path.
 */
import {
  PATH_KERNEL_RECEIVES,
  PATH_KERNEL_SENDS,
  PATH_USER_RECEIVES,
  PATH_USER_SENDS,
  RECORD_KIND,
  STAMP_KERNEL,
  STAMP_RECEIVE_SHIFT,
  STAMP_SEND_SHIFT,
  STAMP_USER,
} from './memory';
import { row, STAT_OWN_STAMPS, STAT_STRAY_RUN, STAT_STRAYED, stat } from './path';

/** Bits of a direction in the masks below: the send stamp ends spans local→remote. */
export const REVERSE_BIT: u32 = 1;
export const FORWARD_BIT: u32 = 2;

/** Directions of the measurement at hand whose local stamp is a stray. */
export let strays: u32 = 0;
/** Directions in which its path just changed the kind it goes by. */
export let switched: u32 = 0;

/** This clock has met stamps of both kinds; `mixes`: with the measurement at hand. */
export let isMixed: bool = false;
export let mixes: bool = false;
/** Kinds met, a bit each. */
let seen: u32 = 0;

/** So many strays in a row, and the better stamps have ceased: the path goes by what is left. */
const CEASED: u32 = 64;
/**
 * How early a program stamps what it sends, and how late what it receives, until learnt: mean, s.
 * Event loops at rest take 10–30 and 25–50 µs, busy ones milliseconds; a guess that differed by
 * direction would lean the offset.
 */
const START_S: f64 = 40.0e-6;
/** Strays that the means remember, and how far one can move them. */
const MEMORY: f64 = 64.0;
const MOST: f64 = 16.0;
const LEAST_S: f64 = 1.0e-6;
/** Queues so many times as long hide it. */
const HIDES: f64 = 4.0;

let sendLatenessS: f64 = START_S;
let receiveLatenessS: f64 = START_S;
/** Both kinds among those seen, the one not told left out. */
const BOTH: u32 = 3;

let sends: f64 = 0;
let receives: f64 = 0;

export function clearStamps(): void {
  strays = 0;
  switched = 0;
  seen = 0;
  isMixed = false;
  mixes = false;
  sendLatenessS = START_S;
  receiveLatenessS = START_S;
  sends = 0;
  receives = 0;
}

/** Notes whose stamps the record of path i has. */
export function noteStamps(i: i32, record: usize): void {
  strays = 0;
  switched = 0;
  mixes = false;
  const told = load<u32>(record, RECORD_KIND) >> STAMP_SEND_SHIFT;
  if (told == 0) return;
  const p = row(i);
  const send = told & 3;
  const receive = (told >> (STAMP_RECEIVE_SHIFT - STAMP_SEND_SHIFT)) & 3;
  if (send == STAMP_USER) count(p + PATH_USER_SENDS);
  else if (send == STAMP_KERNEL) count(p + PATH_KERNEL_SENDS);
  if (receive == STAMP_USER) count(p + PATH_USER_RECEIVES);
  else if (receive == STAMP_KERNEL) count(p + PATH_KERNEL_RECEIVES);
  const s = stat(i);
  judge(s, send, REVERSE_BIT);
  judge(s + 4, receive, FORWARD_BIT);
  if (isMixed) return;
  seen |= (1 << send) | (1 << receive);
  isMixed = mixes = seen >> 1 == BOTH;
}

function count(slot: usize): void {
  store<f64>(slot, load<f64>(slot) + 1.0);
}

/** One stamp; `s` is the path's row, plus 4 for what it receives. */
function judge(s: usize, kind: u32, bit: u32): void {
  if (kind == 0) return;
  const own = load<u32>(s, STAT_OWN_STAMPS);
  if (kind == own) {
    store<u32>(s, 0, STAT_STRAY_RUN);
    return;
  }
  if (kind < own) {
    const run = load<u32>(s, STAT_STRAY_RUN) + 1;
    store<u32>(s, run, STAT_STRAY_RUN);
    if (run < CEASED) {
      strays |= bit;
      return;
    }
  }
  store<u32>(s, 0, STAT_STRAY_RUN);
  store<u32>(s, kind, STAT_OWN_STAMPS);
  if (own != 0) switched |= bit;
}

/** True if path i goes by stamps of a program in this direction (`side` 0 reverse, 8 forward). */
export function isByUser(i: i32, side: usize): bool {
  return load<u32>(stat(i) + (side >> 1), STAT_OWN_STAMPS) == STAMP_USER;
}

/** How much later than others path i's stamps of a program make this direction's spans at first, s. */
export function userLatenessS(i: i32, side: usize): f64 {
  return isMixed && isByUser(i, side) ? latenessS(side) : 0.0;
}

/** True if this direction's stamp is a stray. */
export function isStray(side: usize): bool {
  return (strays & (side == 0 ? REVERSE_BIT : FORWARD_BIT)) != 0;
}

/** Adds the strays of an earlier measurement that becomes part of this one. */
export function joinStrays(bits: u32): void {
  strays |= bits;
}

/** By how much a program's stamps are off in this direction, mean, s. */
export function latenessS(side: usize): f64 {
  return side == 0 ? sendLatenessS : receiveLatenessS;
}

/** A stray of this direction was off by about `byS`, give or take what packets queue, `usualS`. */
export function learnLateness(side: usize, byS: f64, usualS: f64): void {
  // among queues that are much longer only what stands out tells
  if (usualS > HIDES * latenessS(side) && byS < HIDES * usualS) return;
  if (side == 0) {
    sends += 1.0;
    sendLatenessS = moved(sendLatenessS, byS, sends);
  } else {
    receives += 1.0;
    receiveLatenessS = moved(receiveLatenessS, byS, receives);
  }
}

function moved(mean: f64, byS: f64, taken: f64): f64 {
  const next = mean + (min<f64>(byS, MOST * mean) - mean) / min<f64>(taken + 4.0, MEMORY);
  return max<f64>(next, LEAST_S);
}

/** What the stamps of a path that goes by a program's do to its offset, s². */
export function userVariance(i: i32): f64 {
  const send: f64 = isByUser(i, 0) ? sendLatenessS : 0.0;
  const receive: f64 = isByUser(i, 8) ? receiveLatenessS : 0.0;
  return 0.25 * (send * send + receive * receive);
}

/** Variance of an offset with strays that queued `wideS` in all, s²: one direction had it all. */
export function strayVariance(wideS: f64): f64 {
  return strays == 0 ? 0.0 : 0.25 * wideS * wideS;
}

/** Notes of path i if its last exchange had strays; true if this or the one before had. */
export function noteStrayed(i: i32): bool {
  const s = stat(i);
  const before = load<u32>(s, STAT_STRAYED);
  if (before == strays) return before != 0;
  store<u32>(s, strays, STAT_STRAYED);
  return true;
}

/** True if the last exchange of path i had strays. */
export function hasStrayed(i: i32): bool {
  return load<u32>(stat(i), STAT_STRAYED) != 0;
}

/**
 * One interface for all combiners: reset, open, close, restart, update. The exchange is judged and
 * folded into the path statistics here; the chosen combiner then turns it into the clock.
 */

import {
  clearBraid,
  mixBraid,
  openBraid,
  restartBraid,
  switchBraid,
  updateBraid,
  updateBraidSpan,
} from './braid';
import { boundCausal, boundSide, clearCausal, reconcileCausal } from './causal';
import {
  axisS,
  baseClock,
  based,
  baseS,
  carryClock,
  clearClock,
  moveClock,
  nowNs,
  sinceNow,
} from './clock';
import { clearFilter } from './clockfilter';
import { clearDiversity, updateAverage, updateBest } from './diversity';
import { delayS, kindOf, measure, wholeOffset } from './exchange';
import { clearFailover, updateFailover } from './failover';
import {
  clearKalman,
  openKalman,
  passKalman,
  restartKalman,
  switchKalman,
  updateKalman,
} from './kalman';
import { clearKhronos, passKhronos, updateKhronos } from './khronos';
import { clearLost, isLost, isOtherRoute } from './lost';
import {
  CLOCK,
  CLOCK_REFUSED,
  CLOCK_TAKEN,
  ERROR_COMBINER,
  ERROR_FULL,
  ERROR_KIND,
  ERROR_PATH,
  KIND_NTP,
  KIND_REVERSE,
  PATH_INTERVAL_S,
  PATH_SHARES,
  PATH_VOTE,
  PATH_WEIGHT,
  REASON_FEW,
  REASON_SHARED,
  RECORD_LOCAL,
  RECORD_LOCAL_RECEIVE,
  RECORD_LOCAL_SEND,
  RECORD_PATH,
  STATE_SAME_ROUTE,
  STATE_WARMING,
  STATUS_DUPLICATE,
  STATUS_HELD,
  STATUS_LATE,
  STATUS_USED,
} from './memory';
import { saturatingSpan } from './ntptime';
import { measureSpan, sideOf, wholeSpan } from './oneway';
import {
  claimPath,
  clearPaths,
  isOpen,
  isRepeat,
  isShared,
  markOneWay,
  pathEnd,
  refuseExchange,
  releasePath,
  restartPath,
  restartPaths,
  row,
  setShared,
  setState,
  silentS,
  takeExchange,
  takeSide,
} from './path';
import { clearRfc5905, updateRfc5905 } from './rfc5905';
import { clearShifts } from './shift';
import {
  forgetAllSides,
  forgetSides,
  gapS,
  isSpanRepeat,
  joinSides,
  keepSpan,
  lastSendNs,
  showSpan,
} from './sides';
import { clearStamps, mixes, noteStamps, noteStrayed, strays, switched } from './stamps';
import { clearTracks, openTrack } from './track';
import { ageTrend } from './trend';
import { agreeAsPath, clearVerdicts, forgetVerdict, noteGap, speak, tell } from './verdict';
import { updateVote } from './vote';

export const KALMAN_COMBINER: i32 = 0;
export const RFC5905_COMBINER: i32 = 1;
export const AVERAGE_COMBINER: i32 = 2;
export const WEIGHTED_COMBINER: i32 = 3;
export const BEST_COMBINER: i32 = 4;
export const BRAID_COMBINER: i32 = 5;
export const MEDIAN_COMBINER: i32 = 6;
export const TRIMMED_COMBINER: i32 = 7;
export const FAILOVER_COMBINER: i32 = 8;
export const KHRONOS_COMBINER: i32 = 9;
export const COMBINERS: i32 = 10;

/** An exchange that ended this long before the newest one is no use any more, s. */
const LATE_S: f64 = 64.0;
/** So many late ones in a row mean that the local clock went back. */
const LATE_RUN: i32 = 8;
/** After a gap this long (a clock set at boot, say) the offset starts again, s. */
const LONG_S: f64 = 1.0e6;

let combiner: i32 = KALMAN_COMBINER;
let lateRun: i32 = 0;
/** How far a record moved the clock's time on, and how far it lies behind it, both >= 0 s. */
let dtS: f64 = 0;
let lateS: f64 = 0;

/** Forgets everything and chooses the combiner. */
export function reset(id: i32): i32 {
  if (u32(id) >= u32(COMBINERS)) return ERROR_COMBINER;
  combiner = id;
  lateRun = 0;
  clearClock();
  clearCausal();
  clearPaths();
  clearLost();
  clearStamps();
  forgetAllSides();
  clearShifts();
  clearVerdicts();
  clearRfc5905();
  clearDiversity();
  clearTracks();
  clearFailover();
  clearKhronos();
  // the two keep their state in the same memory
  if (id == BRAID_COMBINER) clearBraid();
  else clearKalman();
  return STATUS_USED;
}

/** Opens a path; returns its index or ERROR_FULL. */
export function openPath(): i32 {
  const i = claimPath();
  if (i < 0) return ERROR_FULL;
  forgetSides(i);
  clearFilter(i);
  openFilter(i);
  openTrack(i);
  return i;
}

/** Closes a path; its index may be given out again. */
export function closePath(i: i32): i32 {
  if (!isOpen(i)) return ERROR_PATH;
  forgetVerdict(i);
  releasePath(i);
  freeSharers(i);
  openFilter(i);
  openTrack(i);
  return STATUS_USED;
}

/**
 * Path i shares its route with path j, which speaks for both from now on: i has no weight and no
 * vote. j −1: i speaks for itself again, as a path newly met.
 * @returns STATUS_USED, or ERROR_PATH if one of them is not open or j has no vote itself
 */
export function shareRoute(i: i32, j: i32): i32 {
  if (!isOpen(i)) return ERROR_PATH;
  if (j >= 0 && (j == i || !isOpen(j) || isShared(j))) return ERROR_PATH;
  const wasShared = isShared(i);
  setShared(i, max<i32>(j, -1));
  if (wasShared == isShared(i)) return STATUS_USED;
  clearFilter(i);
  openFilter(i);
  openTrack(i);
  store<f64>(row(i), 0.0, PATH_WEIGHT);
  if (wasShared) setState(i, STATE_WARMING, REASON_FEW, 0.0);
  else setState(i, STATE_SAME_ROUTE, REASON_SHARED, 0.0);
  freeSharers(i);
  return STATUS_USED;
}

/**
 * From now on the voice of path i counts as much in majorities: paths that pass one router must not
 * have more than one vote between them.
 * @returns STATUS_USED, or ERROR_PATH if it is not open or the vote is no number in [0, 1]
 */
export function setVote(i: i32, vote: f64): i32 {
  if (!isOpen(i) || !(vote >= 0.0 && vote <= 1.0)) return ERROR_PATH;
  store<f64>(row(i), vote, PATH_VOTE);
  return STATUS_USED;
}

/** Paths that path i spoke for speak for themselves. */
function freeSharers(i: i32): void {
  for (let k = 0; k < pathEnd; k++) {
    if (isOpen(k) && load<f64>(row(k), PATH_SHARES) == f64(i + 1)) shareRoute(k, -1);
  }
}

/** The two keep their state in the same memory. */
function openFilter(i: i32): void {
  if (combiner == BRAID_COMBINER) openBraid(i);
  else openKalman(i);
}

/** Takes one record; returns STATUS_* or ERROR_*. What is refused changes counters only. */
export function take(record: usize): i32 {
  const i = load<i32>(record, RECORD_PATH);
  if (!isOpen(i)) return ERROR_PATH;
  const kind = kindOf(record);
  if (kind > KIND_REVERSE) return ERROR_KIND;
  return kind > KIND_NTP ? takeOneWay(i, record) : takeTwoWay(i, record);
}

function takeTwoWay(i: i32, record: usize): i32 {
  const localSend = load<i64>(record, RECORD_LOCAL_SEND);
  const localReceive = load<i64>(record, RECORD_LOCAL_RECEIVE);
  if (isRepeat(i, localSend, localReceive)) return refuse(i, STATUS_DUPLICATE);
  const verdict = measure(record, baseS);
  if (verdict != STATUS_USED) return refuse(i, verdict);
  if (!arrive(i, record, localReceive)) return refuse(i, STATUS_LATE);
  countTaken();
  noteStamps(i, record);
  if (isShared(i)) {
    takePath(i, localSend);
    return overhear(i);
  }
  if (switched != 0 || mixes) changeStamps(i);
  if (strays == 0 && isOtherRoute(i)) meetAgain(i);
  let status = fold(i, localSend, localReceive);
  if (isLost(i, lateS)) {
    restartFrom(record, localReceive);
    status = fold(i, localSend, localReceive);
  }
  // the combiners that trust every packet are no judges of stamps
  if (combiner == BRAID_COMBINER) reconcileCausal();
  else agreeAsPath(i);
  tell(i);
  return status;
}

function fold(i: i32, localSend: i64, localReceive: i64): i32 {
  takePath(i, localSend);
  boundCausal(i, dtS, lateS);
  return update(i, lateS, f64(saturatingSpan(localSend, localReceive)) / 1.0e9);
}

/** One direction by itself: braid learns from it at once, the others when an exchange comes of it. */
function takeOneWay(i: i32, record: usize): i32 {
  const side = sideOf(record);
  const local = load<i64>(record, RECORD_LOCAL);
  if (isSpanRepeat(i, side, record)) return refuse(i, STATUS_DUPLICATE);
  measureSpan(record, baseS);
  if (!arrive(i, record, local)) return refuse(i, STATUS_LATE);
  countTaken();
  noteStamps(i, record);
  const isExchange = meetSides(i, side, record);
  if (isShared(i)) {
    if (isExchange) takePath(i, lastSendNs(i));
    return overhear(i);
  }
  if (switched != 0 || mixes) changeStamps(i);
  if (!isExchange) {
    const status = foldSide(i, side);
    speak(i);
    return status;
  }
  if (strays == 0 && isOtherRoute(i)) meetAgain(i);
  let status = foldSides(i, side);
  if (isLost(i, 0.0)) {
    // the exchange was measured from another base; the next one begins
    restartFrom(record, local);
    meetSides(i, side, record);
    status = foldSide(i, side);
  }
  if (combiner != BRAID_COMBINER) agreeAsPath(i);
  tell(i);
  return status;
}

/** The exchange in exchange.ts, for the statistics of path i. */
function takePath(i: i32, localSend: i64): void {
  takeExchange(i, localSend, strays != 0, noteStrayed(i));
}

/** Path i goes by stamps of another kind from now on, or the first of another kind came. */
function changeStamps(i: i32): void {
  if (combiner == BRAID_COMBINER) {
    if (mixes) mixBraid();
    if (switched != 0) switchBraid(i);
  } else if (switched != 0) switchKalman(i);
}

/** Keeps a span; true if an exchange comes of it. */
function meetSides(i: i32, side: usize, record: usize): bool {
  takeSide(i, side, axisS(load<i64>(record, RECORD_LOCAL)));
  keepSpan(i, side, record);
  return joinSides(i, side);
}

/** A span that no exchange comes of yet. */
function foldSide(i: i32, side: usize): i32 {
  boundSide(i, side, dtS, lateS);
  showSpan(i, side);
  markOneWay(i, axisS(nowNs));
  if (combiner == BRAID_COMBINER) return updateBraidSpan(i, side, dtS, lateS, false);
  pass();
  return STATUS_HELD;
}

/** A span, and the exchange that came of it, as of now. */
function foldSides(i: i32, side: usize): i32 {
  takePath(i, lastSendNs(i));
  boundSide(i, side, dtS, lateS);
  showSpan(i, side);
  if (combiner == BRAID_COMBINER) return updateBraidSpan(i, side, dtS, lateS, true);
  return update(i, 0.0, gapS + delayS);
}

/**
 * Puts a record that is measured on the time axis, and measures it again if that starts anew. Leaves
 * dtS and lateS; false if it came too late. A path without a vote leaves the time where it is.
 */
function arrive(i: i32, record: usize, local: i64): bool {
  dtS = 0;
  if (!based) {
    rebase(record, local);
  } else {
    dtS = sinceNow(local);
    if (dtS < -LATE_S) {
      if (++lateRun < LATE_RUN) return false;
      startAgain(record, local);
      dtS = 0;
    } else if (dtS > LONG_S) {
      startAgain(record, local);
      dtS = 0;
    }
    if (isShared(i)) return true;
    if (dtS > load<f64>(row(i), PATH_INTERVAL_S)) noteGap(silentS(axisS(local)));
  }
  lateRun = 0;
  lateS = dtS < 0.0 ? -dtS : 0.0;
  if (dtS > 0.0) moveClock(local);
  else dtS = 0;
  return true;
}

/** Everything starts again from a record that arrived before. */
function restartFrom(record: usize, local: i64): void {
  startAgain(record, local);
  dtS = 0;
  lateS = 0;
}

function countTaken(): void {
  store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_TAKEN) + 1.0, CLOCK_TAKEN);
}

/** A path that has no vote of its own: its statistics go on, nobody listens, time stands still. */
function overhear(i: i32): i32 {
  setState(i, STATE_SAME_ROUTE, REASON_SHARED, 0.0);
  tell(i);
  return STATUS_HELD;
}

/** Time passes, and the combiner learns nothing. */
function pass(): void {
  switch (combiner) {
    case KALMAN_COMBINER:
      return passKalman(dtS);
    case KHRONOS_COMBINER:
      carryClock(dtS);
      return passKhronos();
    case RFC5905_COMBINER:
    case AVERAGE_COMBINER:
    case WEIGHTED_COMBINER:
    case BEST_COMBINER:
      ageTrend(dtS);
      return carryClock(dtS);
    default:
      return carryClock(dtS);
  }
}

/** What was learnt of path i was another route's: it begins anew, the clock goes on. */
function meetAgain(i: i32): void {
  restartPath(i);
  forgetSides(i);
  clearFilter(i);
  openFilter(i);
  openTrack(i);
}

/** The exchange of path i in exchange.ts, `oldS` older than the newest. */
function update(i: i32, oldS: f64, roundTripS: f64): i32 {
  switch (combiner) {
    case RFC5905_COMBINER:
      return updateRfc5905(i, dtS, roundTripS);
    case AVERAGE_COMBINER:
      updateAverage(i, dtS, false);
      return STATUS_USED;
    case WEIGHTED_COMBINER:
      updateAverage(i, dtS, true);
      return STATUS_USED;
    case BEST_COMBINER:
      return updateBest(i, dtS);
    case BRAID_COMBINER:
      return updateBraid(i, dtS, oldS);
    case MEDIAN_COMBINER:
      return updateVote(i, dtS, oldS, false);
    case TRIMMED_COMBINER:
      return updateVote(i, dtS, oldS, true);
    case FAILOVER_COMBINER:
      return updateFailover(i, oldS);
    case KHRONOS_COMBINER:
      return updateKhronos(i, oldS);
    default:
      return updateKalman(i, dtS, oldS);
  }
}

/** The local clock was set, or the clock is lost: nothing learnt before is safe to keep. */
function startAgain(record: usize, local: i64): void {
  restartPaths();
  forgetAllSides();
  // the two keep their state in the same memory
  if (combiner == BRAID_COMBINER) restartBraid();
  else restartKalman();
  clearRfc5905();
  clearDiversity();
  clearTracks();
  clearFailover();
  rebase(record, local);
  clearLost(); // rebasing counts as a step
}

/** Chooses a new base from this record and measures it again relative to that. */
function rebase(record: usize, local: i64): void {
  clearCausal();
  const isOneWay = kindOf(record) > KIND_NTP;
  baseClock(isOneWay ? wholeSpan(record) : wholeOffset(record), local);
  if (isOneWay) measureSpan(record, baseS);
  else measure(record, baseS);
}

function refuse(i: i32, status: i32): i32 {
  refuseExchange(i);
  store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_REFUSED) + 1.0, CLOCK_REFUSED);
  return status;
}

/**
 * One interface for all combiners: reset, open, close, restart, update. The exchange is judged and
 * folded into the path statistics here; the chosen combiner then turns it into the clock.
 */

import { clearBraid, openBraid, restartBraid, updateBraid } from './braid';
import { boundCausal, clearCausal } from './causal';
import { axisS, baseClock, based, baseS, clearClock, moveClock, sinceNow } from './clock';
import { clearFilter } from './clockfilter';
import { clearDiversity, updateAverage, updateBest } from './diversity';
import { measure, wholeOffset } from './exchange';
import { clearFailover, updateFailover } from './failover';
import { clearKalman, openKalman, restartKalman, updateKalman } from './kalman';
import { clearKhronos, updateKhronos } from './khronos';
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
  PATH_SHARES,
  PATH_WEIGHT,
  REASON_FEW,
  REASON_SHARED,
  RECORD_KIND,
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
import {
  claimPath,
  clearPaths,
  isOpen,
  isRepeat,
  isShared,
  pathEnd,
  refuseExchange,
  releasePath,
  restartPath,
  restartPaths,
  row,
  setState,
  silentS,
  staleAfterS,
  takeExchange,
} from './path';
import { clearRfc5905, updateRfc5905 } from './rfc5905';
import { clearShifts } from './shift';
import { clearTracks, openTrack } from './track';
import { agreeAsPath, clearVerdicts, forgetVerdict, noteGap, tell } from './verdict';
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

/** Forgets everything and chooses the combiner. */
export function reset(id: i32): i32 {
  if (u32(id) >= u32(COMBINERS)) return ERROR_COMBINER;
  combiner = id;
  lateRun = 0;
  clearClock();
  clearCausal();
  clearPaths();
  clearLost();
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
  store<f64>(row(i), f64(max<i32>(j, -1) + 1), PATH_SHARES);
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
  if (load<u32>(record, RECORD_KIND) > KIND_NTP) return ERROR_KIND;
  const localSend = load<i64>(record, RECORD_LOCAL_SEND);
  const localReceive = load<i64>(record, RECORD_LOCAL_RECEIVE);
  if (isRepeat(i, localSend, localReceive)) return refuse(i, STATUS_DUPLICATE);
  const verdict = measure(record, baseS);
  if (verdict != STATUS_USED) return refuse(i, verdict);

  let dtS: f64 = 0;
  if (!based) {
    rebase(record, localReceive);
  } else {
    dtS = sinceNow(localReceive);
    if (dtS < -LATE_S) {
      if (++lateRun < LATE_RUN) return refuse(i, STATUS_LATE);
      startAgain(record, localReceive);
      dtS = 0;
    } else if (dtS > LONG_S) {
      startAgain(record, localReceive);
      dtS = 0;
    }
    if (isShared(i)) return overhear(i, localSend);
    if (dtS > staleAfterS(i)) noteGap(silentS(axisS(localReceive)));
  }
  lateRun = 0;
  const lateS = dtS < 0.0 ? -dtS : 0.0;
  if (dtS > 0.0) moveClock(localReceive);
  else dtS = 0;
  store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_TAKEN) + 1.0, CLOCK_TAKEN);
  if (isOtherRoute(i)) meetAgain(i);
  let status = fold(i, localSend, localReceive, dtS, lateS);
  if (isLost(i, lateS)) {
    startAgain(record, localReceive);
    status = fold(i, localSend, localReceive, 0.0, 0.0);
  }
  if (combiner != BRAID_COMBINER) agreeAsPath(i);
  tell(i);
  return status;
}

/** A path that has no vote of its own: its statistics go on, nobody listens, time stands still. */
function overhear(i: i32, localSend: i64): i32 {
  takeExchange(i, localSend);
  store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_TAKEN) + 1.0, CLOCK_TAKEN);
  setState(i, STATE_SAME_ROUTE, REASON_SHARED, 0.0);
  tell(i);
  return STATUS_HELD;
}

function fold(i: i32, localSend: i64, localReceive: i64, dtS: f64, lateS: f64): i32 {
  takeExchange(i, localSend);
  boundCausal(i, dtS, lateS);
  return update(i, dtS, lateS, f64(saturatingSpan(localSend, localReceive)) / 1.0e9);
}

/** What was learnt of path i was another route's: it begins anew, the clock goes on. */
function meetAgain(i: i32): void {
  restartPath(i);
  clearFilter(i);
  openFilter(i);
  openTrack(i);
}

function update(i: i32, dtS: f64, lateS: f64, roundTripS: f64): i32 {
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
      return updateBraid(i, dtS, lateS);
    case MEDIAN_COMBINER:
      return updateVote(i, dtS, lateS, false);
    case TRIMMED_COMBINER:
      return updateVote(i, dtS, lateS, true);
    case FAILOVER_COMBINER:
      return updateFailover(i, lateS);
    case KHRONOS_COMBINER:
      return updateKhronos(i, lateS);
    default:
      return updateKalman(i, dtS, lateS);
  }
}

/** The local clock was set, or the clock is lost: nothing learnt before is safe to keep. */
function startAgain(record: usize, localReceive: i64): void {
  restartPaths();
  clearLost();
  // the two keep their state in the same memory
  if (combiner == BRAID_COMBINER) restartBraid();
  else restartKalman();
  clearRfc5905();
  clearDiversity();
  clearTracks();
  clearFailover();
  rebase(record, localReceive);
}

/** Chooses a new base from this record and measures it again relative to that. */
function rebase(record: usize, localReceive: i64): void {
  clearCausal();
  baseClock(wholeOffset(record), localReceive);
  measure(record, baseS);
}

function refuse(i: i32, status: i32): i32 {
  refuseExchange(i);
  store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_REFUSED) + 1.0, CLOCK_REFUSED);
  return status;
}

/**
 * The ABI: everything the outside may call or read. Numbers and bytes only; no imports.
 * Addresses and slots are exported as globals by their names in memory.ts.
 */
import { extrapolate, nowNs } from './clock';
import { take } from './combine';
import { measureRecords, recordFromPacket } from './exchange';
import { selectOne } from './intersect';
import {
  CLOCK,
  CLOCK_VALID,
  ERROR_BATCH,
  INTERVAL_BYTES,
  MAX_BATCH,
  MAX_PATHS,
  RECORD_BYTES,
  RECORD_PATH,
  RECORDS,
  RESULT_BYTES,
  RESULTS,
  SELECTED_BYTES,
} from './memory';
import { recordOneWay } from './oneway';
import { writeResult } from './result';

export {
  abiVersion,
  combinerCount,
  combinerName,
  isSimd,
  maxBatch,
  maxPaths,
  stateName,
  statusName,
} from './about';
export { closePath, openPath, reset, setVote, shareRoute } from './combine';
export { seed } from './khronos';
export {
  ABI_VERSION,
  AT,
  CLOCK,
  INTERVAL_BYTES,
  MAP_END,
  MAX_BATCH,
  MAX_PATHS,
  MEASURED_BYTES,
  PACKET,
  PATH_BYTES,
  PATHS,
  RECORD_BYTES,
  RECORDS,
  RESULT_BYTES,
  RESULTS,
  SELECTED_BYTES,
  VERDICT_BYTES,
  VERDICTS,
} from './memory';
export {
  nsFromSpan,
  ntpFromUnix,
  ntpSpan,
  secondsFromShort,
  secondsFromSpan,
  shortFromSeconds,
  unixFromNtp,
} from './ntptime';
export {
  addIntervals,
  intervalFromNs,
  nsFromInterval,
  nsFromPtp,
  ptpIsTime,
  ptpSpan,
  secondsFromInterval,
  taiFromUnix,
  unixFromTai,
} from './ptptime';
export { takeVerdicts } from './verdict';

/**
 * One NTP exchange: the server's reply lies in PACKET, the local stamps are `epochS` Unix seconds
 * plus ns (f64, exact below 2^53). Leaves the record in slot 0 of RECORDS and the result in RESULTS.
 * @returns STATUS_* or ERROR_*
 */
export function ntpExchange(path: i32, epochS: f64, localSendNs: f64, localReceiveNs: f64): i32 {
  return ntpExchangeBy(path, epochS, localSendNs, localReceiveNs, 0);
}

/**
 * As ntpExchange, and tells whose the local stamps are: STAMP_* of sending << STAMP_SEND_SHIFT |
 * STAMP_* of receiving << STAMP_RECEIVE_SHIFT.
 * @returns STATUS_* or ERROR_*
 */
export function ntpExchangeBy(
  path: i32,
  epochS: f64,
  localSendNs: f64,
  localReceiveNs: f64,
  stamps: i32,
): i32 {
  const epoch = i64(epochS) * 1000000000;
  const sent = epoch + i64(localSendNs);
  recordFromPacket(RECORDS, path, sent, epoch + i64(localReceiveNs), stamps);
  return ingest(1);
}

/**
 * One one-way measurement (PTP): forward, remote→local, if `reverse` is 0, else local→remote. The
 * remote stamp in Unix ns, the local one `epochS` Unix seconds plus ns, the correction in 2^-16 ns,
 * to be taken off the span. Leaves the record in slot 0 of RECORDS and the result in RESULTS.
 * @returns STATUS_* or ERROR_*
 */
export function oneWay(
  path: i32,
  reverse: i32,
  remoteNs: i64,
  epochS: f64,
  localNs: f64,
  correction: i64,
): i32 {
  return oneWayBy(path, reverse, remoteNs, epochS, localNs, correction, 0);
}

/**
 * As oneWay, and tells whose the local stamp is: STAMP_* << STAMP_SEND_SHIFT if it is one of sending
 * (`reverse`), else << STAMP_RECEIVE_SHIFT.
 * @returns STATUS_* or ERROR_*
 */
export function oneWayBy(
  path: i32,
  reverse: i32,
  remoteNs: i64,
  epochS: f64,
  localNs: f64,
  correction: i64,
  stamps: i32,
): i32 {
  const local = i64(epochS) * 1000000000 + i64(localNs);
  recordOneWay(RECORDS, path, reverse != 0, remoteNs, local, correction, stamps);
  return ingest(1);
}

/**
 * Takes the first `count` records of RECORDS in order and writes one result row for each.
 * @returns the last record's status; ERROR_BATCH (nothing taken) if count is not 0..MAX_BATCH
 */
export function ingest(count: i32): i32 {
  if (u32(count) > u32(MAX_BATCH)) return ERROR_BATCH;
  let status = 0;
  let record = RECORDS;
  let result = RESULTS;
  for (let k = 0; k < count; k++) {
    status = take(record);
    writeResult(result, load<i32>(record, RECORD_PATH), status);
    record += RECORD_BYTES;
    result += RESULT_BYTES;
  }
  return status;
}

/** As ingest, without result rows: for callers that only want the clock at the end. */
export function absorb(count: i32): i32 {
  if (u32(count) > u32(MAX_BATCH)) return ERROR_BATCH;
  let status = 0;
  let record = RECORDS;
  for (let k = 0; k < count; k++) {
    status = take(record);
    record += RECORD_BYTES;
  }
  return status;
}

/**
 * Arithmetic only: measures the first `count` records of RECORDS and writes a row MEASURED_* for
 * each to RESULTS. No path needs to be open; paths, combiner and clock stay as they are.
 * @param baseS whole seconds to take off every offset
 * @returns 0; ERROR_BATCH (nothing done) if count is not 0..MAX_BATCH
 */
export function measureBatch(count: i32, baseS: f64): i32 {
  if (u32(count) > u32(MAX_BATCH)) return ERROR_BATCH;
  measureRecords(RECORDS, RESULTS, count, i64(baseS));
  return 0;
}

/**
 * The selection algorithm alone (RFC 5905 §11.2.1), `sets` times: RECORDS holds `sets` × `count`
 * rows INTERVAL_*, RESULTS gets a row SELECTED_* per set. Paths, combiner and clock stay.
 * @returns 0; ERROR_BATCH (nothing done) if count is not 1..MAX_PATHS or the sets do not fit
 */
export function selectBatch(sets: i32, count: i32): i32 {
  if (count < 1 || count > MAX_PATHS || u32(sets) > u32(MAX_BATCH)) return ERROR_BATCH;
  if (usize(sets * count) > (RECORD_BYTES * usize(MAX_BATCH)) / INTERVAL_BYTES) return ERROR_BATCH;
  let interval = RECORDS;
  let result = RESULTS;
  for (let k = 0; k < sets; k++) {
    selectOne(interval, result, count);
    interval += usize(count) * INTERVAL_BYTES;
    result += SELECTED_BYTES;
  }
  return 0;
}

/**
 * Carries offset, uncertainty and interval to `epochS` + `ns` on the local clock, into AT.
 * @returns 1, or 0 while there is no clock
 */
export function clockAt(epochS: f64, ns: f64): i32 {
  if (load<f64>(CLOCK, CLOCK_VALID) == 0.0) return 0;
  const at = i64(epochS) * 1000000000 + i64(ns);
  extrapolate(f64(at - nowNs) / 1.0e9);
  return 1;
}

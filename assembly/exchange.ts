/**
 * Exchange arithmetic: four timestamps → both one-way spans, offset and delay. Differences are taken
 * in integers, less the clock's whole-second base; only then they become f64 seconds.
 * Sign: offset = remote − local. Forward is remote→local, reverse is local→remote.
 * Source: RFC 5905 §8, RFC 8039 §4.1.
 */
import {
  ERROR_KIND,
  KIND_MASK,
  KIND_NTP,
  MEASURED_BYTES,
  MEASURED_DELAY_S,
  MEASURED_OFFSET_S,
  MEASURED_STATUS,
  PACKET,
  RECORD_BYTES,
  RECORD_KIND,
  RECORD_LOCAL_RECEIVE,
  RECORD_LOCAL_SEND,
  RECORD_PATH,
  RECORD_REMOTE_RECEIVE,
  RECORD_REMOTE_SEND,
  STATUS_HOLD,
  STATUS_ORDER,
  STATUS_USED,
} from './memory';
import {
  afterSecond,
  nearSecond,
  ntpFromUnix,
  ntpSpan,
  STAMP_REST,
  saturatingAdd,
  saturatingSpan,
  secondsFromSpan,
  UNITS_PER_S,
  unitsFromNs,
} from './ntptime';

const NS_PER_S: i64 = 1000000000;
/** The lower bit of each stamp in RECORD_KIND. */
const STAMPS_LOW: u32 = 0x500;
const QUICK_NS: i64 = 2000000000;
/** A remote clock may run this much faster than ours while it holds the packet, s/s. */
const HOLD_RATE: f64 = 5.0e-4;
/** Slack for coarse clocks when a delay comes out below zero, s. */
const HOLD_SLACK_S: f64 = 20.0e-6;

/** Local→remote span less base: offset + reverse one-way delay, s. */
export let reverseS: f64 = 0;
/** Remote→local span plus base: forward one-way delay − offset, s. */
export let forwardS: f64 = 0;
/** remote − local, relative to the base, s. */
export let offsetS: f64 = 0;
/** Round trip less the remote hold, >= 0, s. */
export let delayS: f64 = 0;
/** Local receive, Unix ns. */
export let atNs: i64 = 0;
/** How far the delay may be off because its spans are of different moments, >= 0 s. */
export let delayDoubtS: f64 = 0;

/** KIND_* of a record, whoever took its local stamps; beyond all of them if it is unknown. */
export function kindOf(record: usize): u32 {
  const told = load<u32>(record, RECORD_KIND);
  // both bits of a stamp's two: no kind of stamp that is known
  const unknown = told & (told >> 1) & STAMPS_LOW;
  return (told & KIND_MASK) | unknown;
}

/**
 * Reads one record and leaves its measurement in the globals above.
 * @param record address of a record of a known kind
 * @param baseS whole seconds taken off the offset
 * @returns STATUS_USED, STATUS_ORDER or STATUS_HOLD (then the globals mean nothing)
 */
export function measure(record: usize, baseS: i64): i32 {
  const localSend = load<i64>(record, RECORD_LOCAL_SEND);
  const localReceive = load<i64>(record, RECORD_LOCAL_RECEIVE);
  let holdS: f64;
  delayDoubtS = 0;
  if (localReceive < localSend) return STATUS_ORDER;
  if (kindOf(record) == KIND_NTP) {
    const remoteReceive = load<u64>(record, RECORD_REMOTE_RECEIVE);
    const remoteSend = load<u64>(record, RECORD_REMOTE_SEND);
    const base32 = baseS << 32; // wraps like the stamps do
    const hold = ntpSpan(remoteReceive, remoteSend);
    if (hold < 0) return STATUS_ORDER;
    holdS = f64(hold) / UNITS_PER_S;
    reverseS = secondsFromSpan(ntpSpan(ntpFromUnix(localSend), remoteReceive) - base32);
    forwardS = secondsFromSpan(ntpSpan(remoteSend, ntpFromUnix(localReceive)) + base32);
  } else {
    const remoteReceive = load<i64>(record, RECORD_REMOTE_RECEIVE);
    const remoteSend = load<i64>(record, RECORD_REMOTE_SEND);
    const baseNs = baseS * NS_PER_S;
    if (remoteSend < remoteReceive) return STATUS_ORDER;
    holdS = f64(saturatingSpan(remoteReceive, remoteSend)) / 1.0e9;
    const reverse = saturatingSpan(localSend, remoteReceive);
    const forward = saturatingSpan(remoteSend, localReceive);
    reverseS = f64(saturatingAdd(reverse, -baseNs)) / 1.0e9;
    forwardS = f64(saturatingAdd(forward, baseNs)) / 1.0e9;
  }
  return finish(localReceive, holdS);
}

/**
 * An exchange made of both directions, measured `gapS` apart and carried to one moment, `receiveNs`.
 * @param doubtS how far the carrying may be off
 * @returns STATUS_USED or STATUS_HOLD, as measure does
 */
export function join(reverse: f64, forward: f64, receiveNs: i64, gapS: f64, doubtS: f64): i32 {
  reverseS = reverse;
  forwardS = forward;
  delayDoubtS = doubtS;
  return finish(receiveNs, gapS);
}

function finish(receiveNs: i64, holdS: f64): i32 {
  delayS = reverseS + forwardS;
  offsetS = (reverseS - forwardS) * 0.5;
  atNs = receiveNs;
  if (delayS >= 0.0) return STATUS_USED;
  const slackS = HOLD_SLACK_S + holdS * HOLD_RATE;
  const status = delayS < -slackS ? STATUS_HOLD : STATUS_USED;
  delayS = 0.0;
  return status;
}

/** Offset of an exchange in whole seconds, to choose the base with. */
export function wholeOffset(record: usize): i64 {
  const localSend = load<i64>(record, RECORD_LOCAL_SEND);
  if (kindOf(record) == KIND_NTP) {
    const span = ntpSpan(ntpFromUnix(localSend), load<u64>(record, RECORD_REMOTE_RECEIVE));
    return (span + 0x80000000) >> 32;
  }
  const span = saturatingSpan(localSend, load<i64>(record, RECORD_REMOTE_RECEIVE));
  return span / NS_PER_S;
}

/**
 * Builds a KIND_NTP record from the reply in PACKET and the two local stamps (Unix ns).
 * @param stamps whose they are, in the place they have in RECORD_KIND
 */
export function recordFromPacket(
  record: usize,
  path: u32,
  localSend: i64,
  localReceive: i64,
  stamps: u32,
): void {
  store<u32>(record, path, RECORD_PATH);
  store<u32>(record, KIND_NTP | stamps, RECORD_KIND);
  store<i64>(record, localSend, RECORD_LOCAL_SEND);
  store<u64>(record, bswap<u64>(load<u64>(PACKET, 32)), RECORD_REMOTE_RECEIVE);
  store<u64>(record, bswap<u64>(load<u64>(PACKET, 40)), RECORD_REMOTE_SEND);
  store<i64>(record, localReceive, RECORD_LOCAL_RECEIVE);
}

/**
 * Measures `count` records without telling any combiner: a row of status, offset and delay each.
 * What is refused has zeros there.
 */
export function measureRecords(records: usize, rows: usize, count: i32, baseS: i64): void {
  const end = records + usize(count) * RECORD_BYTES;
  let row = rows;
  for (let record = records; record < end; record += RECORD_BYTES) {
    const next = measurePlain(record, row, end, baseS);
    row += ((next - record) / RECORD_BYTES) * MEASURED_BYTES;
    record = next;
    if (record < end) measureRare(record, row, baseS);
    row += MEASURED_BYTES;
  }
}

/**
 * What `measure` does, but only for NTP stamps and round trips of less than 2 s that have nothing
 * to refuse. Stops at the first record that is otherwise and returns its address, or `end`.
 */
function measurePlain(records: usize, rows: usize, end: usize, baseS: i64): usize {
  const base32 = (baseS << 32) + STAMP_REST;
  let row = rows;
  let record = records;
  for (; record < end; record += RECORD_BYTES, row += MEASURED_BYTES) {
    const localSend = load<i64>(record, RECORD_LOCAL_SEND);
    const localReceive = load<i64>(record, RECORD_LOCAL_RECEIVE);
    const remoteReceive = load<i64>(record, RECORD_REMOTE_RECEIVE);
    const remoteSend = load<i64>(record, RECORD_REMOTE_SEND);
    const elapsed = localReceive - localSend;
    const second = nearSecond(localSend);
    const rest = afterSecond(localSend, second);
    const sent = (second << 32) + unitsFromNs(rest);
    const received = (second << 32) + unitsFromNs(rest + elapsed);
    const reverse = secondsFromSpan(remoteReceive - sent - base32);
    const forward = secondsFromSpan(received - remoteSend + base32);
    const delay = reverse + forward;
    // a negative term says no; all in one branch, and that apart from the kind: twice as fast
    const order = (localReceive & ~localSend) | elapsed | (QUICK_NS - elapsed);
    const doubt = order | (remoteSend - remoteReceive) | reinterpret<i64>(delay);
    if (kindOf(record) != KIND_NTP) break;
    if (doubt < 0) break;
    store<f64>(row, f64(STATUS_USED), MEASURED_STATUS);
    store<f64>(row, (reverse - forward) * 0.5, MEASURED_OFFSET_S);
    store<f64>(row, delay, MEASURED_DELAY_S);
  }
  return record;
}

function measureRare(record: usize, row: usize, baseS: i64): void {
  const isKnown = kindOf(record) <= KIND_NTP;
  const status = isKnown ? measure(record, baseS) : ERROR_KIND;
  const isUsed = status == STATUS_USED;
  store<f64>(row, f64(status), MEASURED_STATUS);
  store<f64>(row, isUsed ? offsetS : 0.0, MEASURED_OFFSET_S);
  store<f64>(row, isUsed ? delayS : 0.0, MEASURED_DELAY_S);
}

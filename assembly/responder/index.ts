/**
 * The NTP server's fast path: a batch of requests that recvmmsg wrote into this memory becomes the
 * replies that sendmmsg reads from it. The same answers as src/ntp/server.ts gives; what needs the
 * memory of interleaved mode (RFC 9769) is left to that. A module of its own, apart from the core.
 */
import { DROP, isAllowed, KISS, take } from './access';
import {
  CONTROL_BYTES,
  CONTROLS,
  COUNT_ANSWERED,
  COUNT_DENIED,
  COUNT_KISSES,
  COUNT_LEFT,
  COUNT_RATE_LIMITED,
  COUNT_RECEIVED,
  COUNT_TOO_LONG,
  COUNT_UNKNOWN_PORT,
  COUNT_UNSTAMPED,
  COUNTS,
  HEADER_BYTES,
  HEADERS,
  IOV_BASE,
  IOV_LENGTH,
  IOVEC_BYTES,
  IOVECS,
  LEFT,
  MESSAGES,
  MSG_CONTROL,
  MSG_CONTROL_LENGTH,
  MSG_FLAGS,
  MSG_IOV,
  MSG_IOV_COUNT,
  MSG_LENGTH,
  MSG_NAME,
  MSG_NAME_LENGTH,
  NAME_BYTES,
  NAMES,
  REPLIES,
  REPLY_HEADERS,
  REPLY_IOVECS,
  REQUEST_BYTES,
  SLOT_BYTES,
  SLOTS,
  STAMPS,
} from './memory';
import { writeKiss, writeReply, seal as writeSeal } from './reply';
import { asksInterleaved, judge } from './request';

export { setLimit, setRules } from './access';
export {
  COUNTS,
  HEAD,
  HEADER_BYTES,
  HEADERS,
  LEFT,
  MAP_END,
  MAX_BUCKETS,
  MAX_RULES,
  MESSAGES,
  MSG_LENGTH,
  NAME_BYTES,
  NAMES,
  NOW,
  REPLIES,
  REPLY_HEADERS,
  RESPONDER_VERSION,
  RULE_BYTES,
  RULES,
  SLOT_BYTES,
  SLOTS,
  STAMPS,
} from './memory';
export { setKissPoll } from './reply';

const AF_INET: u32 = 2;
const MSG_TRUNC: u32 = 0x20;
const SOL_SOCKET: i32 = 1;
const SO_TIMESTAMPING: i32 = 37;
/** struct cmsghdr. */
const CMSG_BYTES: usize = 16;
const REPLY_BYTES: u64 = 48;
/** REPLIES: this one has all its stamps. */
const SEALED: u32 = 1;

let isInterleaved: bool = false;
let replies: i32 = 0;
let left: i32 = 0;

/** Writes all pointers. @param address where this memory stands in the process */
export function setup(address: i64): void {
  for (let n = 0; n < MESSAGES; n++) {
    const at = usize(n);
    const header = HEADERS + HEADER_BYTES * at;
    const reply = REPLY_HEADERS + HEADER_BYTES * at;
    const iovec = IOVECS + IOVEC_BYTES * at;
    const replyIovec = REPLY_IOVECS + IOVEC_BYTES * at;
    const slot = u64(address) + u64(SLOTS + SLOT_BYTES * at);
    store<u64>(header, u64(address) + u64(NAMES + NAME_BYTES * at), MSG_NAME);
    store<u64>(header, u64(address) + u64(iovec), MSG_IOV);
    store<u64>(header, 1, MSG_IOV_COUNT);
    store<u64>(header, u64(address) + u64(CONTROLS + CONTROL_BYTES * at), MSG_CONTROL);
    store<u64>(iovec, slot, IOV_BASE);
    store<u64>(iovec, u64(REQUEST_BYTES), IOV_LENGTH);
    store<u64>(reply, 1, MSG_IOV_COUNT);
    store<u64>(replyIovec, slot, IOV_BASE);
    store<u64>(replyIovec, REPLY_BYTES, IOV_LENGTH);
    rearm(header);
  }
}

/** Requests in interleaved mode are left to the host from now on (1), or answered as others (0). */
export function setInterleaved(on: i32): void {
  isInterleaved = on != 0;
}

/**
 * Answers the first `count` messages, all but the time of departure.
 * @param nowNs monotonic time, for the rate limit
 * @returns replies to seal and send; left() tells how many requests wait in LEFT
 */
export function answer(count: i32, nowNs: f64): i32 {
  replies = 0;
  left = 0;
  count = min<i32>(count, MESSAGES);
  for (let n = 0; n < count; n++) {
    const header = HEADERS + HEADER_BYTES * usize(n);
    if ((load<u32>(header, MSG_FLAGS) & MSG_TRUNC) != 0) tally(COUNT_TOO_LONG);
    else answerOne(n, header, nowNs);
    rearm(header);
  }
  return replies;
}

/** How many requests of the last answer() were left. */
export function leftCount(): i32 {
  return left;
}

/** Stamps the departure, which NOW says, into the replies from `from` to before `to`. */
export function seal(from: i32, to: i32): void {
  to = min<i32>(to, replies);
  for (let n = max<i32>(from, 0); n < to; n++) {
    const reply = load<u32>(REPLIES + 4 * usize(n));
    if ((reply & SEALED) == 0) writeSeal(usize(reply));
  }
}

function answerOne(n: i32, header: usize, nowNs: f64): void {
  tally(COUNT_RECEIVED);
  const name = NAMES + NAME_BYTES * usize(n);
  if (load<u16>(name, 2) == 0) return tally(COUNT_UNKNOWN_PORT); // nobody can be there
  const slot = SLOTS + SLOT_BYTES * usize(n);
  const fault = judge(slot, min<u32>(load<u32>(header, MSG_LENGTH), u32(REQUEST_BYTES)));
  if (fault != 0) return tally(fault);
  const isIpv4 = u32(load<u16>(name)) == AF_INET;
  const high: u64 = isIpv4 ? 0 : bswap<u64>(load<u64>(name, 8));
  const low: u64 = isIpv4
    ? 0xffff00000000 | u64(bswap<u32>(load<u32>(name, 4)))
    : bswap<u64>(load<u64>(name, 16));
  if (!isAllowed(high, low)) return tally(COUNT_DENIED);
  const taken = take(high, low, nowNs);
  if (taken == DROP) return tally(COUNT_RATE_LIMITED);
  if (taken == KISS) {
    tally(COUNT_KISSES);
    writeKiss(slot);
    return enqueue(n, header, slot, SEALED);
  }
  readStamp(n, header);
  if (isInterleaved && asksInterleaved(slot)) {
    tally(COUNT_LEFT);
    store<u32>(LEFT + 4 * usize(left++), u32(n));
    return;
  }
  tally(COUNT_ANSWERED);
  writeReply(slot, n);
  enqueue(n, header, slot, 0);
}

/** The software stamp of SO_TIMESTAMPING is the first of its three; it goes to STAMPS. */
function readStamp(n: i32, header: usize): void {
  const stamp = STAMPS + 8 * usize(n);
  const start = CONTROLS + CONTROL_BYTES * usize(n);
  const end = start + min<usize>(usize(load<u32>(header, MSG_CONTROL_LENGTH)), CONTROL_BYTES);
  let at = start;
  while (at + CMSG_BYTES + 16 <= end) {
    const length = usize(load<u32>(at));
    if (length < CMSG_BYTES) break;
    if (load<i32>(at, 8) == SOL_SOCKET && load<i32>(at, 12) == SO_TIMESTAMPING) {
      const seconds = load<u32>(at, 16);
      store<u32>(stamp, seconds);
      store<u32>(stamp, load<u32>(at, 24), 4);
      if (seconds != 0) return;
      break;
    }
    at += (length + 7) & ~7;
  }
  store<u32>(stamp, 0);
  tally(COUNT_UNSTAMPED);
}

/** Next of the replies to send: to whom message `n` came from, what now lies in its slot. */
function enqueue(n: i32, header: usize, slot: usize, flags: u32): void {
  const reply = REPLY_HEADERS + HEADER_BYTES * usize(replies);
  const received = HEADERS + HEADER_BYTES * usize(n);
  const iovec = load<u64>(received, MSG_IOV) + u64(REPLY_IOVECS - IOVECS);
  store<u64>(reply, load<u64>(header, MSG_NAME), MSG_NAME);
  store<u32>(reply, load<u32>(header, MSG_NAME_LENGTH), MSG_NAME_LENGTH);
  store<u64>(reply, iovec, MSG_IOV);
  store<u32>(REPLIES + 4 * usize(replies), u32(slot) | flags);
  replies++;
}

/** The kernel has overwritten the room it was told with what it used. */
function rearm(header: usize): void {
  store<u32>(header, u32(NAME_BYTES), MSG_NAME_LENGTH);
  store<u64>(header, u64(CONTROL_BYTES), MSG_CONTROL_LENGTH);
  store<u32>(header, 0, MSG_FLAGS);
}

function tally(slot: usize): void {
  store<f64>(COUNTS + slot, load<f64>(COUNTS + slot) + 1.0);
}

/**
 * Fields of a core record (assembly/memory.ts RECORD_*): i64 Unix ns split into two words, so that
 * no BigInt is made per exchange. The newest local stamp of any kind lies at RECORD_LOCAL.
 */ import { RECEIVE_SHIFT, SEND_SHIFT } from '../stamps.ts';

export const KIND_UNIX = 0;
export const KIND_NTP = 1;
/** One way remote→local. */
export const KIND_FORWARD = 2;
/** One way local→remote. */
export const KIND_REVERSE = 3;

/** The bits beside the kind: whose the local stamps are (stamps.ts). */
const STAMPS_MASK = 0xf00;
const LOWER_BITS = 0x500;

/** KIND_* of a record's word, whoever took its stamps; more than all of them if it is unknown. */
export function kindOf(word: number): number {
  const isStrange = (word & (word >> 1) & LOWER_BITS) !== 0;
  return isStrange ? word : (word & ~STAMPS_MASK) >>> 0;
}

/** The bits that mean something beside this kind: one direction has one local stamp. */
export function stampsOf(kind: number, bits: number): number {
  if (kind === KIND_FORWARD) return bits & (3 << RECEIVE_SHIFT);
  return kind === KIND_REVERSE ? bits & (3 << SEND_SHIFT) : bits & STAMPS_MASK;
}

export const RECORD_PATH = 0;
export const RECORD_KIND = 4;
export const RECORD_LOCAL_SEND = 8;
export const RECORD_REMOTE_RECEIVE = 16;
export const RECORD_REMOTE_SEND = 24;
export const RECORD_LOCAL_RECEIVE = 32;
/** One-way kinds: 2^-16 ns to be taken off the span; the remote stamp; the local one. */
export const RECORD_CORRECTION = 16;
export const RECORD_REMOTE = 24;
export const RECORD_LOCAL = 32;

/** The four i64 of a record. */
export const RECORD_WORDS = [
  RECORD_LOCAL_SEND,
  RECORD_REMOTE_RECEIVE,
  RECORD_REMOTE_SEND,
  RECORD_LOCAL_RECEIVE,
] as const;

export const isOneWay = (kind: number): boolean => kind === KIND_FORWARD || kind === KIND_REVERSE;

const WORD = 4294967296; // 2^32
const HALF_WORD = 65536;

/**
 * Writes (seconds·10^9 + ns) as little-endian i64.
 * @param seconds Unix seconds, integer, |seconds| < 2^33
 * @param ns integer, |ns| < 2^53; may exceed a second
 */
export function setUnixNs(view: DataView, offset: number, seconds: number, ns: number): void {
  const carry = Math.floor(ns / 1e9);
  const s = seconds + carry;
  const n = ns - carry * 1e9;
  const high = Math.floor(s / HALF_WORD);
  const low = s - high * HALF_WORD;
  const product = high * 1e9; // of 2^16 ns
  const top = Math.floor(product / HALF_WORD);
  const rest = (product - top * HALF_WORD) * HALF_WORD + low * 1e9 + n;
  const over = Math.floor(rest / WORD);
  view.setUint32(offset, rest - over * WORD, true);
  view.setInt32(offset + 4, top + over, true);
}

/** Reads an i64 of Unix ns as whole seconds and ns, `0 <= ns < 10^9`. */
export function getUnixNs(view: DataView, offset: number): { seconds: number; ns: number } {
  const low = view.getUint32(offset, true);
  const high = view.getInt32(offset + 4, true);
  // high·2^32 = s·10^9 + r, in two exact steps of 16 bits
  const a = high * HALF_WORD;
  const s1 = Math.floor(a / 1e9);
  const b = (a - s1 * 1e9) * HALF_WORD + low;
  const s2 = Math.floor(b / 1e9);
  return { seconds: s1 * HALF_WORD + s2, ns: b - s2 * 1e9 };
}

/** Writes the head of a record: path index and kind, whose its stamps are beside it. */
export function setHead(view: DataView, record: number, path: number, kind: number): void {
  view.setUint32(record + RECORD_PATH, path, true);
  view.setUint32(record + RECORD_KIND, kind, true);
}

/** Writes an integer as i64; |value| < 2^53. */
export function setInteger(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / WORD);
  view.setUint32(offset, value - high * WORD, true);
  view.setInt32(offset + 4, high, true);
}

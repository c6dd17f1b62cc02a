/**
 * NTP header codec, versions 3 and 4. RFC 5905 §6, §7.3; extension fields RFC 7822.
 * Reads and writes, does not judge: origin, mode and the rest are tested in verdict.ts.
 */
import type { DropReason } from '../machine.ts';

/** A 64-bit timestamp in two halves; both zero means unknown. Wraps every 2^32 s (an era). */
export interface NtpTime {
  /** Seconds since 1900-01-01 modulo 2^32. (u32) */
  readonly seconds: number;
  /** 2^-32 s. (u32) */
  readonly fraction: number;
}

/** The 48 octets both directions share. */
export interface Fields {
  /** 0 none, 1 last minute has 61 s, 2 it has 59 s, 3 unsynchronized. */
  readonly leap: number;
  readonly version: number;
  /** 1–2 symmetric, 3 client, 4 server, 5 broadcast, 6 control, 7 private. */
  readonly mode: number;
  readonly stratum: number;
  readonly pollLog2S: number;
  readonly precisionLog2S: number;
  readonly rootDelayS: number;
  readonly rootDispersionS: number;
  /** First octet on top, see refid.ts. (u32) */
  readonly refid: number;
  readonly reference: NtpTime;
  readonly origin: NtpTime;
  readonly receive: NtpTime;
  readonly transmit: NtpTime;
}

export interface Header extends Fields {
  /** What follows the header and any extension fields. */
  readonly trailer: 'none' | 'mac' | 'crypto-nak';
}

export const HEADER_BYTES = 48;
export const CLIENT_MODE = 3;
export const SERVER_MODE = 4;
export const NO_TIME: NtpTime = { seconds: 0, fraction: 0 };
const ORIGIN_OFFSET = 24;
/** Offsets of the two timestamps an exchange needs. */
export const RECEIVE_OFFSET = 32;
export const TRANSMIT_OFFSET = 40;

const UNITS_PER_SECOND = 4294967296; // 2^32
const SHORT_UNITS_PER_SECOND = 65536; // 2^16

/** The header, or why the bytes are not an NTP packet we can read. Never throws. */
export function readHeader(bytes: Uint8Array): Header | DropReason {
  if (bytes.length < HEADER_BYTES) return 'short';
  const first = bytes[0] ?? 0;
  const version = (first >> 3) & 7;
  if (version !== 3 && version !== 4) return 'version';
  const trailer = readTrailer(bytes, version);
  if (trailer === null) return 'malformed';
  return {
    leap: first >> 6,
    version,
    mode: first & 7,
    stratum: bytes[1] ?? 0,
    pollLog2S: ((bytes[2] ?? 0) << 24) >> 24,
    precisionLog2S: ((bytes[3] ?? 0) << 24) >> 24,
    rootDelayS: secondsFromShort(readU32(bytes, 4)),
    rootDispersionS: secondsFromShort(readU32(bytes, 8)),
    refid: readU32(bytes, 12),
    reference: readTime(bytes, 16),
    origin: readTime(bytes, ORIGIN_OFFSET),
    receive: readTime(bytes, RECEIVE_OFFSET),
    transmit: readTime(bytes, TRANSMIT_OFFSET),
    trailer,
  };
}

/**
 * A client request that tells nothing about this host: leap 0, version 4, mode 3, the poll
 * exponent, precision 32 (as chrony sends) and a random cookie as transmit timestamp.
 * In interleaved mode (RFC 9769 §2) also a receive timestamp of the server's own as origin, and
 * another cookie as receive timestamp.
 */
export function writeRequest(
  cookie: NtpTime,
  pollLog2S: number,
  origin = NO_TIME,
  receive = NO_TIME,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes[0] = 0x23;
  bytes[2] = pollLog2S;
  bytes[3] = 32;
  writeTime(bytes, ORIGIN_OFFSET, origin);
  writeTime(bytes, RECEIVE_OFFSET, receive);
  writeTime(bytes, TRANSMIT_OFFSET, cookie);
  return bytes;
}

/** Writes a whole header into the first 48 octets. Root values are rounded and saturate. */
export function writeHeader(bytes: Uint8Array, fields: Fields): void {
  bytes[0] = (fields.leap << 6) | (fields.version << 3) | fields.mode;
  bytes[1] = fields.stratum;
  bytes[2] = fields.pollLog2S;
  bytes[3] = fields.precisionLog2S;
  writeU32(bytes, 4, shortFromSeconds(fields.rootDelayS));
  writeU32(bytes, 8, shortFromSeconds(fields.rootDispersionS));
  writeU32(bytes, 12, fields.refid);
  writeTime(bytes, 16, fields.reference);
  writeTime(bytes, ORIGIN_OFFSET, fields.origin);
  writeTime(bytes, RECEIVE_OFFSET, fields.receive);
  writeTime(bytes, TRANSMIT_OFFSET, fields.transmit);
}

export const readTime = (bytes: Uint8Array, offset: number): NtpTime => ({
  seconds: readU32(bytes, offset),
  fraction: readU32(bytes, offset + 4),
});

export function writeTime(bytes: Uint8Array, offset: number, time: NtpTime): void {
  writeU32(bytes, offset, time.seconds);
  writeU32(bytes, offset + 4, time.fraction);
}

export const sameTime = (a: NtpTime, b: NtpTime): boolean =>
  a.fraction === b.fraction && a.seconds === b.seconds;

export const isNoTime = (time: NtpTime): boolean => time.seconds === 0 && time.fraction === 0;

/** Seconds from `from` to `to`, right across an era's end for spans below 2^31 s. RFC 5905 §6. */
export const timeSpanS = (from: NtpTime, to: NtpTime): number =>
  ((to.seconds - from.seconds) | 0) + (to.fraction - from.fraction) / UNITS_PER_SECOND;

/** Seconds of a 16.16 number. */
export const secondsFromShort = (short: number): number => short / SHORT_UNITS_PER_SECOND;

/** Nearest 16.16 number, [0, 2^32); what lies outside saturates. */
export function shortFromSeconds(s: number): number {
  const units = Math.round(s * SHORT_UNITS_PER_SECOND);
  return Math.min(Math.max(units, 0), 0xffffffff);
}

// Extension field types exempt from the minimum length (NTS, RFC 8915 §5.5)
const NTS_FIELDS = [0x0104, 0x0204, 0x0304, 0x0404];

/**
 * Walks extension fields and MAC as chrony does, the one reading that is never ambiguous: 20 to 24
 * octets left are a MAC, anything else must be a field. Types are not looked at: we know none.
 * The 28-octet minimum of a last field (RFC 7822 §3) is for senders and not enforced.
 * @returns null if the octets after the header do not parse
 */
function readTrailer(bytes: Uint8Array, version: number): Header['trailer'] | null {
  const length = bytes.length;
  if (length === HEADER_BYTES) return 'none';
  if (length % 4 !== 0) return null;
  if (length === HEADER_BYTES + 4) return readU32(bytes, HEADER_BYTES) === 0 ? 'crypto-nak' : null;
  if (version < 4) return 'mac'; // no extension fields before version 4
  let at = HEADER_BYTES;
  while (at < length) {
    const rest = length - at;
    if (rest >= 20 && rest <= 24) return 'mac';
    const size = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    const type = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (size % 4 !== 0 || size > rest || size < (NTS_FIELDS.includes(type) ? 4 : 16)) return null;
    at += size;
  }
  return 'none';
}

const readU32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0;

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/**
 * A random stamp: 8 bytes from `at` on. Zero would mean "unknown"; one in 2^64 requests is guessable
 * instead.
 */
export function cookieFrom(random: Uint8Array, at: number): NtpTime {
  const word = (from: number): number =>
    (((random[from] ?? 0) << 24) |
      ((random[from + 1] ?? 0) << 16) |
      ((random[from + 2] ?? 0) << 8) |
      (random[from + 3] ?? 0)) >>>
    0;
  const seconds = word(at);
  const fraction = word(at + 4);
  return { seconds, fraction: seconds === 0 && fraction === 0 ? 1 : fraction };
}

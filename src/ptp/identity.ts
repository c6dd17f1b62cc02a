/**
 * Who a clock is: clockIdentity (EUI-64) and portIdentity, in the text form ptp4l and pmc print,
 * and their order. IEEE 1588-2008 §5.3.4, §5.3.5, §7.5.2.
 *
 * Inside ptp/ a clockIdentity is always its canonical text `aabbcc.fffe.ddeeff` (16 lower-case hex
 * digits). All have the same shape, so their text order is their octet order.
 */
import { ConfigError } from '../errors.ts';
import { readU16, writeU16 } from './octets.ts';

/** One port of one clock. */
export interface PortIdentity {
  /** Canonical text, `aabbcc.fffe.ddeeff`. */
  readonly clockIdentity: string;
  /** 1..65534; 0 is the clock itself, 0xffff all ports. (u16) */
  readonly portNumber: number;
}

export const CLOCK_IDENTITY_BYTES = 8;
export const PORT_IDENTITY_BYTES = 10;

/** Reserved: names every clock in a targetPortIdentity, no clock may have it. */
export const ALL_CLOCKS = 'ffffff.ffff.ffffff';
/** Reserved: no clock. */
export const NO_CLOCK = '000000.0000.000000';
/** Whoever gets it: target of the first request and of pmc. */
export const ALL_PORTS: PortIdentity = { clockIdentity: ALL_CLOCKS, portNumber: 0xffff };

const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));
const hex = (bytes: Uint8Array, at: number): string => HEX[bytes[at] ?? 0] ?? '';
/** Where the pairs of digits stand in the text. */
const DIGITS_AT = [0, 2, 4, 7, 9, 12, 14, 16];
/** Value of a hex digit, 0–9 or a–f, from its character code. */
const nibble = (code: number): number => (code < 0x3a ? code - 0x30 : code - 0x57);

/** Text of the 8 octets at `at`. */
export const readClockIdentity = (bytes: Uint8Array, at: number): string =>
  `${hex(bytes, at)}${hex(bytes, at + 1)}${hex(bytes, at + 2)}.${hex(bytes, at + 3)}${hex(bytes, at + 4)}.${hex(bytes, at + 5)}${hex(bytes, at + 6)}${hex(bytes, at + 7)}`;

/** Writes 8 octets. @param text as {@link canonicalClockIdentity} gives it */
export function writeClockIdentity(bytes: Uint8Array, at: number, text: string): void {
  for (let n = 0; n < CLOCK_IDENTITY_BYTES; n++) {
    const digit = DIGITS_AT[n] ?? 0;
    bytes[at + n] = (nibble(text.charCodeAt(digit)) << 4) | nibble(text.charCodeAt(digit + 1));
  }
}

export const readPortIdentity = (bytes: Uint8Array, at: number): PortIdentity => ({
  clockIdentity: readClockIdentity(bytes, at),
  portNumber: readU16(bytes, at + CLOCK_IDENTITY_BYTES),
});

export function writePortIdentity(bytes: Uint8Array, at: number, port: PortIdentity): void {
  writeClockIdentity(bytes, at, port.clockIdentity);
  writeU16(bytes, at + CLOCK_IDENTITY_BYTES, port.portNumber);
}

export const samePort = (a: PortIdentity, b: PortIdentity): boolean =>
  a.portNumber === b.portNumber && a.clockIdentity === b.clockIdentity;

/** True for the two values no clock may have. */
export const isReserved = (clockIdentity: string): boolean =>
  clockIdentity === ALL_CLOCKS || clockIdentity === NO_CLOCK;

/** Octet order: negative, 0 or positive as a is less than, equal to or more than b. */
export const compareClockIdentity = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Octet order of whole port identities: the clock first, then the port number. */
export const comparePortIdentity = (a: PortIdentity, b: PortIdentity): number =>
  compareClockIdentity(a.clockIdentity, b.clockIdentity) || a.portNumber - b.portNumber;

/** `aabbcc.fffe.ddeeff-1`, as ptp4l and pmc print it. */
export const portText = (port: PortIdentity): string => `${port.clockIdentity}-${port.portNumber}`;

/** Reads `aabbcc.fffe.ddeeff-1`, any form of clockIdentity; null if it is no port identity. */
export function parsePortIdentity(text: string): PortIdentity | null {
  const match = /^(.{16,23})-(\d{1,5})$/.exec(text);
  const clockIdentity = canonicalClockIdentity(match?.[1] ?? '');
  const portNumber = Number(match?.[2]);
  return clockIdentity === null || portNumber > 0xffff ? null : { clockIdentity, portNumber };
}

const FORMS = [
  /^[0-9a-f]{6}\.[0-9a-f]{4}\.[0-9a-f]{6}$/i,
  /^[0-9a-f]{16}$/i,
  /^[0-9a-f]{2}([:-][0-9a-f]{2}){7}$/i,
];

/**
 * The one text form of a clockIdentity written as `aabbcc.fffe.ddeeff`, 16 hex digits, or eight
 * octets between colons or dashes, either case.
 * @returns null if it is none of these
 */
export function canonicalClockIdentity(text: string): string | null {
  return FORMS.some((form) => form.test(text)) ? dotted(text.replace(/[.:-]/g, '')) : null;
}

/** As {@link canonicalClockIdentity}, but a caller's mistake throws, and so do reserved values. */
export function requireClockIdentity(field: string, text: string): string {
  const identity = canonicalClockIdentity(text);
  if (identity === null || isReserved(identity)) {
    throw new ConfigError(field, 'a clockIdentity as aabbcc.fffe.ddeeff, not all 0 or f', text);
  }
  return identity;
}

/** Canonical text of 16 hex digits. */
export function dotted(digits: string): string {
  const lower = digits.toLowerCase();
  return `${lower.slice(0, 6)}.${lower.slice(6, 10)}.${lower.slice(10)}`;
}

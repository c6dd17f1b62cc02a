/**
 * Who a clock is: clockIdentity (EUI-64) and portIdentity, in the text form ptp4l and pmc print.
 * IEEE 1588-2008 §5.3.4, §5.3.5, §7.5.2.
 */
import { ConfigError } from '../errors.ts';
import { readU16, writeU16 } from './octets.ts';

/** One port of one clock. */
export interface PortIdentity {
  /** `aabbcc.fffe.ddeeff`, lower case. */
  readonly clockIdentity: string;
  /** From 1; 0 is the clock itself, 0xffff all ports. (u16) */
  readonly portNumber: number;
}

export const CLOCK_IDENTITY_BYTES = 8;
export const PORT_IDENTITY_BYTES = 10;

/** Whoever gets it: all ones. Target of the first request and of pmc. */
export const ALL_PORTS: PortIdentity = { clockIdentity: 'ffffff.ffff.ffffff', portNumber: 0xffff };

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

/** `aabbcc.fffe.ddeeff-1`, as pmc prints it. */
export const portText = (port: PortIdentity): string => `${port.clockIdentity}-${port.portNumber}`;

/**
 * The one text form of a clockIdentity: 16 hex digits, either case, with or without `.`, `:` or
 * `-` between octets.
 * @returns null if the text is nothing of that kind
 */
export function canonicalClockIdentity(text: string): string | null {
  if (!/^[0-9a-f]{2}([.:-]?[0-9a-f]{2}){7}$/i.test(text)) return null;
  const digits = text.replace(/[^0-9a-f]/gi, '').toLowerCase();
  return `${digits.slice(0, 6)}.${digits.slice(6, 10)}.${digits.slice(10)}`;
}

/** As {@link canonicalClockIdentity}, but a caller's mistake throws, and so do reserved values. */
export function requireClockIdentity(field: string, text: string): string {
  const identity = canonicalClockIdentity(text);
  if (identity === null || /^(0|\.)+$/.test(identity) || identity === ALL_PORTS.clockIdentity) {
    const form = 'a clock identity like aabbcc.fffe.ddeeff, neither all zeros nor all ones';
    throw new ConfigError(field, form, text);
  }
  return identity;
}

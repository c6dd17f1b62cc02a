/**
 * What the generators of NTP load have in common: a window of requests outstanding, each of which
 * carries its place and its number where a client's time would stand, and comes back as the origin.
 */

export const PACKET_BYTES = 48;
const CLIENT = 0x23; // LI 0, version 4, mode 3
const SERVER = 0x24;
const STRATUM = 1;
const ORIGIN = 24;
const TRANSMIT = 40;
const FIRST_PLACE = 0x80000000;
const LOST_MS = 250;

/** By place: number of its last request, and when that was sent. */
export interface Asking {
  readonly sequences: Uint32Array;
  readonly sentMs: Float64Array;
}

export const createAsking = (window: number): Asking => ({
  sequences: new Uint32Array(window),
  sentMs: new Float64Array(window),
});

/** Makes `packet` the next request of a place; sent at `nowMs`. */
export function writeRequest(
  { sequences, sentMs }: Asking,
  place: number,
  packet: DataView,
  nowMs: number,
): void {
  const sequence = ((sequences[place] ?? 0) + 1) >>> 0;
  sequences[place] = sequence;
  sentMs[place] = nowMs;
  packet.setUint8(0, CLIENT);
  packet.setUint32(TRANSMIT, FIRST_PLACE + place); // no real time is told, none is needed
  packet.setUint32(TRANSMIT + 4, sequence);
}

/**
 * The place whose outstanding request the `length` bytes at `at` answer; null if they answer none,
 * or not as a server at stratum 1 does.
 */
export function placeOf(
  { sequences }: Asking,
  replies: DataView,
  at: number,
  length: number,
): number | null {
  if (length !== PACKET_BYTES) return null;
  if (replies.getUint8(at) !== SERVER || replies.getUint8(at + 1) !== STRATUM) return null;
  const place = replies.getUint32(at + ORIGIN) - FIRST_PLACE;
  return sequences[place] === replies.getUint32(at + ORIGIN + 4) ? place : null;
}

/** Has it waited so long that its request or its reply must be lost? */
export const isLost = ({ sentMs }: Asking, place: number, nowMs: number): boolean =>
  nowMs - (sentMs[place] ?? 0) >= LOST_MS;

/**
 * Local clock readings in NTP form. RFC 5905 §6. The way back does not exist here: remote stamps
 * stay in wire form until the core subtracts them.
 */
import type { Stamp } from '../units.ts';
import { type NtpTime, writeTime } from './packet.ts';

/** Seconds from 1900-01-01 (NTP era 0) to 1970-01-01 (Unix). */
export const UNIX_TO_NTP_S = 2208988800;

const NS_PER_SECOND = 1e9;
const UNITS_PER_SECOND = 4294967296; // 2^32

/**
 * NTP timestamp of a local clock reading, in whatever era it falls (seconds wrap in 2036),
 * rounded to the nearest 2^-32 s.
 *
 * Exact for whole ns: scaling by 2^32 only moves the exponent, so the quotient has one rounding of
 * at most 2^-22; no whole ns comes nearer than 1 / (2 * 5^9) > 2^-22 to a half unit.
 * @param epochS Unix second the stamp counts from (integer)
 */
export function ntpFromStamp(epochS: number, at: Stamp): NtpTime {
  let ns = at % NS_PER_SECOND;
  if (ns < 0) ns += NS_PER_SECOND;
  const wholeS = Math.round((at - ns) / NS_PER_SECOND);
  let fraction = Math.round((ns * UNITS_PER_SECOND) / NS_PER_SECOND);
  let carryS = 0;
  if (fraction >= UNITS_PER_SECOND) {
    fraction -= UNITS_PER_SECOND;
    carryS = 1;
  }
  return { seconds: (epochS + UNIX_TO_NTP_S + wholeS + carryS) >>> 0, fraction };
}

/** Writes the 8 octets of {@link ntpFromStamp} at `offset`. */
export function writeStamp(bytes: Uint8Array, offset: number, epochS: number, at: Stamp): void {
  writeTime(bytes, offset, ntpFromStamp(epochS, at));
}

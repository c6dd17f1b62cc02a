/**
 * PTP timestamps: 48 bits of seconds, 32 of nanoseconds since 1970-01-01 00:00:00 TAI (or of
 * whatever an ARB timescale counts). IEEE 1588-2008 §5.3.3, §7.2.
 */
import { NS_PER_S, type Stamp } from '../units.ts';
import { readU32, readU48, writeU32, writeU48 } from './octets.ts';

export interface Timestamp {
  /** [0, 2^48) */
  readonly seconds: number;
  /** [0, 10^9) */
  readonly nanoseconds: number;
}

export const TIMESTAMP_BYTES = 10;
/** Two-step Syncs and Delay_Reqs carry it. */
export const NO_TIMESTAMP: Timestamp = { seconds: 0, nanoseconds: 0 };

export const isZero = (time: Timestamp): boolean => time.seconds === 0 && time.nanoseconds === 0;

/** Null if the nanoseconds are a second or more. */
export function readTimestamp(bytes: Uint8Array, at: number): Timestamp | null {
  const nanoseconds = readU32(bytes, at + 6);
  if (nanoseconds >= NS_PER_S) return null;
  return { seconds: readU48(bytes, at), nanoseconds };
}

export function writeTimestamp(bytes: Uint8Array, at: number, time: Timestamp): void {
  writeU48(bytes, at, time.seconds);
  writeU32(bytes, at + 6, time.nanoseconds);
}

/** UTC as Unix counts it → TAI. @param utcOffsetS currentUtcOffset: TAI − UTC, 37 since 2017 */
export const taiFromUnix = (unix: Timestamp, utcOffsetS: number): Timestamp => ({
  seconds: unix.seconds + utcOffsetS,
  nanoseconds: unix.nanoseconds,
});

/** TAI → UTC as Unix counts it. @param utcOffsetS currentUtcOffset: TAI − UTC, 37 since 2017 */
export const unixFromTai = (tai: Timestamp, utcOffsetS: number): Timestamp =>
  taiFromUnix(tai, -utcOffsetS);

/**
 * A local clock reading as a timestamp, rounded to the nearest ns.
 * @param epochS Unix second the stamp counts from (integer)
 * @param utcOffsetS added: 37 to hand out TAI from a UTC clock, 0 for an ARB timescale
 */
export function timestampFromStamp(epochS: number, at: Stamp, utcOffsetS: number): Timestamp {
  const whole = Math.round(at);
  const seconds = Math.floor(whole / NS_PER_S);
  return { seconds: epochS + seconds + utcOffsetS, nanoseconds: whole - seconds * NS_PER_S };
}

/** clockQuality: how good a clock says it is. IEEE 1588-2008 §5.3.7, §7.6.2.4–7.6.3. */
import { readU8, readU16, writeU16 } from './octets.ts';

export interface ClockQuality {
  /** 6 locked to a primary reference, 7 was so, 248 default, 255 slave-only. (u8) */
  readonly clockClass: number;
  /** 0x20 25 ns … 0x31 more than 10 s, 0xfe unknown. (u8) */
  readonly clockAccuracy: number;
  /** 0xffff: not known. (u16) */
  readonly offsetScaledLogVariance: number;
}

export const CLOCK_QUALITY_BYTES = 4;

export const readClockQuality = (bytes: Uint8Array, at: number): ClockQuality => ({
  clockClass: readU8(bytes, at),
  clockAccuracy: readU8(bytes, at + 1),
  offsetScaledLogVariance: readU16(bytes, at + 2),
});

export function writeClockQuality(bytes: Uint8Array, at: number, quality: ClockQuality): void {
  bytes[at] = quality.clockClass;
  bytes[at + 1] = quality.clockAccuracy;
  writeU16(bytes, at + 2, quality.offsetScaledLogVariance);
}

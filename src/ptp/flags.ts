/**
 * flagField, two octets, as named booleans. IEEE 1588-2008 §13.3.2.6; bit 6 of the second octet
 * from 2019. Reserved bits are not kept.
 */

/** Second octet: what an Announce and TIME_PROPERTIES_DATA_SET say about the timescale. */
export interface TimeFlags {
  /** The last minute of today (UTC) has 61 s. */
  readonly leap61: boolean;
  /** The last minute of today (UTC) has 59 s. */
  readonly leap59: boolean;
  readonly currentUtcOffsetValid: boolean;
  /** Timestamps are TAI; otherwise an arbitrary timescale. */
  readonly ptpTimescale: boolean;
  readonly timeTraceable: boolean;
  readonly frequencyTraceable: boolean;
  readonly synchronizationUncertain: boolean;
}

export interface Flags extends TimeFlags {
  readonly alternateMaster: boolean;
  readonly twoStep: boolean;
  readonly unicast: boolean;
  readonly profileSpecific1: boolean;
  readonly profileSpecific2: boolean;
  readonly security: boolean;
}

export const NO_TIME_FLAGS: TimeFlags = readTimeFlags(0);
export const NO_FLAGS: Flags = readFlags(0, 0);

export function readTimeFlags(octet: number): TimeFlags {
  return {
    leap61: (octet & 0x01) !== 0,
    leap59: (octet & 0x02) !== 0,
    currentUtcOffsetValid: (octet & 0x04) !== 0,
    ptpTimescale: (octet & 0x08) !== 0,
    timeTraceable: (octet & 0x10) !== 0,
    frequencyTraceable: (octet & 0x20) !== 0,
    synchronizationUncertain: (octet & 0x40) !== 0,
  };
}

export const timeFlagsOctet = (flags: TimeFlags): number =>
  (flags.leap61 ? 0x01 : 0) |
  (flags.leap59 ? 0x02 : 0) |
  (flags.currentUtcOffsetValid ? 0x04 : 0) |
  (flags.ptpTimescale ? 0x08 : 0) |
  (flags.timeTraceable ? 0x10 : 0) |
  (flags.frequencyTraceable ? 0x20 : 0) |
  (flags.synchronizationUncertain ? 0x40 : 0);

/** @param first octet 6 of the header @param second octet 7 */
export function readFlags(first: number, second: number): Flags {
  return {
    alternateMaster: (first & 0x01) !== 0,
    twoStep: (first & 0x02) !== 0,
    unicast: (first & 0x04) !== 0,
    profileSpecific1: (first & 0x20) !== 0,
    profileSpecific2: (first & 0x40) !== 0,
    security: (first & 0x80) !== 0,
    ...readTimeFlags(second),
  };
}

/** Octet 6 of the header; octet 7 is {@link timeFlagsOctet}. */
export const flagsOctet = (flags: Flags): number =>
  (flags.alternateMaster ? 0x01 : 0) |
  (flags.twoStep ? 0x02 : 0) |
  (flags.unicast ? 0x04 : 0) |
  (flags.profileSpecific1 ? 0x20 : 0) |
  (flags.profileSpecific2 ? 0x40 : 0) |
  (flags.security ? 0x80 : 0);

/**
 * The Enterprise Profile's TLV in every Announce (draft-01 §8): which profile a master port is of,
 * how delay is measured with it, and how far its clock may be moved at once. Its value begins with
 * a port number, so it is no ORGANIZATION_EXTENSION as IEEE 1588 lays them out, though it has that
 * type: it must be tried for first.
 */
import { readU8, readU16, readU24, writeU16, writeU24 } from './octets.ts';
import type { DelayMode } from './profile.ts';

/** Units of the greatest phase adjustment by their codes; others are reserved. */
export const PHASE_UNITS = {
  s: 1,
  ms: 3,
  us: 6,
  ns: 9,
  ps: 12,
  fs: 15,
} as const;
export type PhaseUnit = keyof typeof PHASE_UNITS;

/** The greatest change of a master's clock within one Sync interval. */
export interface PhaseAdjustment {
  /** (u16) */
  readonly value: number;
  readonly unit: PhaseUnit;
}

/** As it stands in the octets: reserved codes are kept. */
export interface EnterpriseTlv {
  readonly type: 'ENTERPRISE';
  /** Of the sending port; {@link EVERY_PORT}: what follows holds for all its ports. (u16) */
  readonly portNumber: number;
  /** (u8) */
  readonly revision: number;
  /** 0 multicast, 1 unicast, 2 hybrid. (u8) */
  readonly delayMode: number;
  /** In its unit; means nothing if that is unknown. (u16) */
  readonly maxPhaseAdjustment: number;
  /** 0 unknown, see {@link PHASE_UNITS}. (u8) */
  readonly phaseUnit: number;
}

export const EVERY_PORT = 0xffff;
export const ENTERPRISE_TLV_BYTES = 12;
const OUI = 0x00005e;
const PROFILE_NUMBER = 1;
const REVISION = 1;
const MODES: readonly DelayMode[] = ['multicast', 'unicast', 'hybrid'];

/** What a master port says. @param adjustment null: not known */
export const enterpriseTlv = (
  portNumber: number,
  delayMode: DelayMode,
  adjustment: PhaseAdjustment | null = null,
): EnterpriseTlv => ({
  type: 'ENTERPRISE',
  portNumber,
  revision: REVISION,
  delayMode: MODES.indexOf(delayMode),
  maxPhaseAdjustment: adjustment?.value ?? 0,
  phaseUnit: adjustment === null ? 0 : PHASE_UNITS[adjustment.unit],
});

/** The mode that a TLV tells; null if it is a reserved one. */
export const delayModeOf = ({ delayMode }: EnterpriseTlv): DelayMode | null =>
  MODES[delayMode] ?? null;

/** Greatest phase adjustment; null if it is unknown or its unit is. (s) */
export function phaseAdjustmentS(tlv: EnterpriseTlv): number | null {
  const unit = Object.values(PHASE_UNITS).find((code) => code === tlv.phaseUnit);
  if (unit === undefined) return null;
  return unit === PHASE_UNITS.s ? tlv.maxPhaseAdjustment : tlv.maxPhaseAdjustment / 10 ** unit;
}

/** The value of an ORGANIZATION_EXTENSION TLV, or null if it is not this one. */
export function readEnterprise(value: Uint8Array): EnterpriseTlv | null {
  if (value.length !== ENTERPRISE_TLV_BYTES) return null;
  if (readU24(value, 2) !== OUI || readU16(value, 5) !== PROFILE_NUMBER) return null;
  return {
    type: 'ENTERPRISE',
    portNumber: readU16(value, 0),
    revision: readU8(value, 7),
    delayMode: readU8(value, 8),
    maxPhaseAdjustment: readU16(value, 9),
    phaseUnit: readU8(value, 11),
  };
}

/** Its value: port number, OUI, profile number, revision, delay mode, adjustment, unit. */
export function enterpriseValue(tlv: EnterpriseTlv): Uint8Array {
  const value = new Uint8Array(ENTERPRISE_TLV_BYTES);
  writeU16(value, 0, tlv.portNumber);
  writeU24(value, 2, OUI);
  writeU16(value, 5, PROFILE_NUMBER);
  value[7] = tlv.revision;
  value[8] = tlv.delayMode;
  writeU16(value, 9, tlv.maxPhaseAdjustment);
  value[11] = tlv.phaseUnit;
  return value;
}

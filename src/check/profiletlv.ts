/**
 * The Enterprise Profile's TLV as an onlooker reads it (draft-01 §8): octet by octet, so that each
 * mistake is named, where the codec only says that it is or is not this TLV.
 */
import { readU8, readU16, readU24 } from '../ptp/octets.ts';
import { MESSAGE_TYPES } from '../ptp/types.ts';
import type { Heard, Tell } from './finding.ts';
import type { RuleId } from './rules.ts';

export const MULTICAST_MODE = 0;
export const UNICAST_MODE = 1;

const ORGANIZATION_EXTENSION = 0x0003;
const ALTERNATE_TIME_OFFSET_INDICATOR = 0x0009;
const OUI = 0x00005e;
const VALUE_BYTES = 12;
const EVERY_PORT = 0xffff;
/** Unknown, s, ms, µs, ns, ps, fs. */
const UNITS = [0, 1, 3, 6, 9, 12, 15];

interface RawTlv {
  readonly type: number;
  readonly value: Uint8Array;
}

/** @param bytes an Announce whose TLVs were found to be sound */
function rawTlvs(bytes: Uint8Array): RawTlv[] {
  const tlvs: RawTlv[] = [];
  const end = readU16(bytes, 2);
  for (let at: number = MESSAGE_TYPES.Announce.bytes; at + 4 <= end; ) {
    const next = at + 4 + readU16(bytes, at + 2);
    tlvs.push({ type: readU16(bytes, at), value: bytes.subarray(at + 4, next) });
    at = next;
  }
  return tlvs;
}

/** The value of the TLV that was meant to be the profile's, or null. */
function profileTlv(bytes: Uint8Array): Uint8Array | null {
  const values = rawTlvs(bytes)
    .filter(({ type }) => type === ORGANIZATION_EXTENSION)
    .map(({ value }) => value);
  const isOurs = (value: Uint8Array) => readU24(value, 2) === OUI || readU24(value, 0) === OUI;
  const isAlike = (value: Uint8Array) =>
    value.length === VALUE_BYTES && readU16(value, 5) === 1 && readU8(value, 7) === 1;
  return values.find(isOurs) ?? values.find(isAlike) ?? null;
}

/** Delay mode that an Announce tells, null if none. (u8) */
export function modeOfAnnounce(bytes: Uint8Array): number | null {
  const value = profileTlv(bytes);
  if (value === null || value.length !== VALUE_BYTES || readU24(value, 2) !== OUI) return null;
  return readU8(value, 8);
}

export function checkProfileTlv(heard: Heard, portNumber: number, tell: Tell): void {
  const { bytes } = heard;
  if (rawTlvs(bytes).some(({ type }) => type === ALTERNATE_TIME_OFFSET_INDICATOR)) {
    tell('EP-124', heard, 'it has an ALTERNATE_TIME_OFFSET_INDICATOR TLV');
  }
  const value = profileTlv(bytes);
  if (value === null) tell('EP-066', heard, 'the TLV is missing');
  else for (const [rule, text] of mistakes(value, portNumber)) tell(rule, heard, text);
}

function mistakes(value: Uint8Array, portNumber: number): (readonly [RuleId, string])[] {
  if (value.length !== VALUE_BYTES) return [['EP-068', `the TLV has ${value.length} octets`]];
  const oui = readU24(value, 2);
  if (oui !== OUI) {
    if (readU24(value, 0) === OUI) return [['EP-069', 'the TLV begins with the OUI']];
    return [['EP-071', `the OUI is ${oui.toString(16).padStart(6, '0')}`]];
  }
  const port = readU16(value, 0);
  const profile = readU16(value, 5);
  const [revision, mode, unit] = [readU8(value, 7), readU8(value, 8), readU8(value, 11)];
  const found: (readonly [RuleId, string])[] = [];
  if (port !== portNumber && port !== EVERY_PORT) {
    found.push(['EP-069', `the TLV is of port ${port}, the sender is port ${portNumber}`]);
  }
  if (profile !== 1) found.push(['EP-072', `the profile number is ${profile}`]);
  if (revision !== 1) found.push(['EP-073', `the revision is ${revision}`]);
  if (mode > 2) found.push(['EP-074', `the delay mode is ${mode}`]);
  if (!UNITS.includes(unit)) found.push(['EP-076', `the unit is ${unit}`]);
  return found;
}

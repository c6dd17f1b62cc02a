/**
 * TLVs: what follows a message's body. IEEE 1588-2008 §14, §16.1; names of 2019 where newer.
 * Anything not named here is kept as it came (`OTHER`) and can be written again. The Enterprise
 * profile's TLV shares type 3 with ORGANIZATION_EXTENSION and is tried for first.
 */
import { type EnterpriseTlv, enterpriseValue, readEnterprise } from './enterprisetlv.ts';
import { CLOCK_IDENTITY_BYTES, readClockIdentity, writeClockIdentity } from './identity.ts';
import {
  joined,
  readI8,
  readU8,
  readU16,
  readU24,
  readU32,
  writeU16,
  writeU24,
  writeU32,
} from './octets.ts';
import { readText, textBytes } from './text.ts';

/** Asks for, or promises, messages of one type by unicast. */
export interface UnicastRequest {
  readonly type: 'REQUEST_UNICAST_TRANSMISSION';
  /** `code` of types.ts; grantable are Announce, Sync, Delay_Resp, Pdelay_Resp. (u4) */
  readonly messageType: number;
  /** log2 s. (i8) */
  readonly logInterMessagePeriod: number;
  /** s; 0 in a grant is a refusal. (u32) */
  readonly durationField: number;
}

export interface UnicastGrant extends Omit<UnicastRequest, 'type'> {
  readonly type: 'GRANT_UNICAST_TRANSMISSION';
  readonly renewalInvited: boolean;
}

export interface UnicastCancel {
  readonly type: 'CANCEL_UNICAST_TRANSMISSION' | 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION';
  readonly messageType: number;
  /** From 2019; 2008 has them reserved. */
  readonly maintainRequest: boolean;
  readonly maintainGrant: boolean;
}

export interface PathTrace {
  readonly type: 'PATH_TRACE';
  /** clockIdentities, grandmaster first. */
  readonly pathSequence: readonly string[];
}

export interface OrganizationExtension {
  readonly type:
    | 'ORGANIZATION_EXTENSION'
    | 'ORGANIZATION_EXTENSION_PROPAGATE'
    | 'ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE';
  /** OUI. (u24) */
  readonly organizationId: number;
  /** (u24) */
  readonly organizationSubType: number;
  readonly dataField: Uint8Array;
}

/** A data set, see management.ts. A GET may carry none, or one of zeros (pmc). */
export interface ManagementTlv {
  readonly type: 'MANAGEMENT';
  readonly managementId: number;
  readonly dataField: Uint8Array;
}

export interface ManagementErrorStatus {
  readonly type: 'MANAGEMENT_ERROR_STATUS';
  /** See MANAGEMENT_ERRORS in management.ts. */
  readonly managementErrorId: number;
  readonly managementId: number;
  readonly displayData: string;
}

/** Room taken up, zeros. */
export interface Pad {
  readonly type: 'PAD';
  /** Octets after type and length; even. */
  readonly length: number;
}

/** Not known here. */
export interface OtherTlv {
  readonly type: 'OTHER';
  readonly tlvType: number;
  readonly bytes: Uint8Array;
}

export type Tlv =
  | UnicastRequest
  | UnicastGrant
  | UnicastCancel
  | PathTrace
  | OrganizationExtension
  | EnterpriseTlv
  | ManagementTlv
  | ManagementErrorStatus
  | Pad
  | OtherTlv;

export const TLV_TYPES = {
  MANAGEMENT: 0x0001,
  MANAGEMENT_ERROR_STATUS: 0x0002,
  ORGANIZATION_EXTENSION: 0x0003,
  REQUEST_UNICAST_TRANSMISSION: 0x0004,
  GRANT_UNICAST_TRANSMISSION: 0x0005,
  CANCEL_UNICAST_TRANSMISSION: 0x0006,
  ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION: 0x0007,
  PATH_TRACE: 0x0008,
  ORGANIZATION_EXTENSION_PROPAGATE: 0x4000,
  ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE: 0x8000,
  PAD: 0x8008,
} as const satisfies Record<Exclude<Tlv['type'], 'OTHER' | 'ENTERPRISE'>, number>;

type TlvName = keyof typeof TLV_TYPES;
const NAMES = new Map<number, TlvName>(
  (Object.keys(TLV_TYPES) as TlvName[]).map((name) => [TLV_TYPES[name], name]),
);

const TLV_HEADER_BYTES = 4;
const NONE: readonly Tlv[] = [];

/** All TLVs in [from, to), or null if one is odd, overruns, or is too short for what it is. */
export function readTlvs(bytes: Uint8Array, from: number, to: number): readonly Tlv[] | null {
  if (from === to) return NONE;
  const tlvs: Tlv[] = [];
  let at = from;
  while (at < to) {
    const length = readU16(bytes, at + 2);
    const start = at + TLV_HEADER_BYTES;
    at = start + length;
    if (length % 2 !== 0 || at > to) return null; // a cut type or length overruns as well
    const tlv = readTlv(readU16(bytes, start - TLV_HEADER_BYTES), bytes.subarray(start, at));
    if (tlv === null) return null;
    tlvs.push(tlv);
  }
  return tlvs;
}

/** Octets past what a type needs are ignored, as a later edition may add some. */
function readTlv(tlvType: number, value: Uint8Array): Tlv | null {
  const { length } = value;
  const type = NAMES.get(tlvType);
  switch (type) {
    case undefined:
      return { type: 'OTHER', tlvType, bytes: value.slice() };
    case 'REQUEST_UNICAST_TRANSMISSION':
      return length < 6 ? null : { type, ...readPeriod(value) };
    case 'GRANT_UNICAST_TRANSMISSION': {
      const renewalInvited = (readU8(value, 7) & 1) !== 0;
      return length < 8 ? null : { type, ...readPeriod(value), renewalInvited };
    }
    case 'CANCEL_UNICAST_TRANSMISSION':
    case 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION': {
      const first = readU8(value, 0);
      const maintainRequest = (first & 1) !== 0;
      const maintainGrant = (first & 2) !== 0;
      return length < 2 ? null : { type, messageType: first >> 4, maintainRequest, maintainGrant };
    }
    case 'PATH_TRACE': {
      if (length % CLOCK_IDENTITY_BYTES !== 0) return null;
      const pathSequence: string[] = [];
      for (let at = 0; at < length; at += CLOCK_IDENTITY_BYTES) {
        pathSequence.push(readClockIdentity(value, at));
      }
      return { type, pathSequence };
    }
    case 'ORGANIZATION_EXTENSION':
    case 'ORGANIZATION_EXTENSION_PROPAGATE':
    case 'ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE': {
      const enterprise = type === 'ORGANIZATION_EXTENSION' ? readEnterprise(value) : null;
      if (enterprise !== null) return enterprise;
      if (length < 6) return null;
      const organizationId = readU24(value, 0);
      const organizationSubType = readU24(value, 3);
      return { type, organizationId, organizationSubType, dataField: value.slice(6) };
    }
    case 'MANAGEMENT':
      if (length < 2) return null;
      return { type, managementId: readU16(value, 0), dataField: value.slice(2) };
    case 'MANAGEMENT_ERROR_STATUS': {
      if (length < 8) return null;
      const display = length === 8 ? { text: '' } : readText(value, 8);
      if (display === null) return null;
      const managementErrorId = readU16(value, 0);
      return {
        type,
        managementErrorId,
        managementId: readU16(value, 2),
        displayData: display.text,
      };
    }
    case 'PAD':
      return { type, length };
  }
}

const readPeriod = (value: Uint8Array) => ({
  messageType: readU8(value, 0) >> 4,
  logInterMessagePeriod: readI8(value, 1),
  durationField: readU32(value, 2),
});

/** All TLVs as octets; odd values are padded with a zero. */
export function tlvBytes(tlvs: readonly Tlv[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const tlv of tlvs) {
    const value = octetsOf(tlv);
    const length = value.length + (value.length % 2);
    const bytes = new Uint8Array(TLV_HEADER_BYTES + length);
    writeU16(bytes, 0, codeOf(tlv));
    writeU16(bytes, 2, length);
    bytes.set(value, TLV_HEADER_BYTES);
    parts.push(bytes);
  }
  return joined(parts);
}

function codeOf(tlv: Tlv): number {
  if (tlv.type === 'OTHER') return tlv.tlvType;
  return TLV_TYPES[tlv.type === 'ENTERPRISE' ? 'ORGANIZATION_EXTENSION' : tlv.type];
}

function octetsOf(tlv: Tlv): Uint8Array {
  switch (tlv.type) {
    case 'ENTERPRISE':
      return enterpriseValue(tlv);
    case 'REQUEST_UNICAST_TRANSMISSION':
    case 'GRANT_UNICAST_TRANSMISSION': {
      const grant = tlv.type === 'GRANT_UNICAST_TRANSMISSION';
      const value = new Uint8Array(grant ? 8 : 6);
      value[0] = tlv.messageType << 4;
      value[1] = tlv.logInterMessagePeriod;
      writeU32(value, 2, tlv.durationField);
      if (grant) value[7] = tlv.renewalInvited ? 1 : 0;
      return value;
    }
    case 'CANCEL_UNICAST_TRANSMISSION':
    case 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION': {
      const flags = (tlv.maintainRequest ? 1 : 0) | (tlv.maintainGrant ? 2 : 0);
      return Uint8Array.of((tlv.messageType << 4) | flags, 0);
    }
    case 'PATH_TRACE': {
      const value = new Uint8Array(tlv.pathSequence.length * CLOCK_IDENTITY_BYTES);
      for (const [n, identity] of tlv.pathSequence.entries()) {
        writeClockIdentity(value, n * CLOCK_IDENTITY_BYTES, identity);
      }
      return value;
    }
    case 'ORGANIZATION_EXTENSION':
    case 'ORGANIZATION_EXTENSION_PROPAGATE':
    case 'ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE': {
      const value = new Uint8Array(6 + tlv.dataField.length);
      writeU24(value, 0, tlv.organizationId);
      writeU24(value, 3, tlv.organizationSubType);
      value.set(tlv.dataField, 6);
      return value;
    }
    case 'MANAGEMENT': {
      const value = new Uint8Array(2 + tlv.dataField.length);
      writeU16(value, 0, tlv.managementId);
      value.set(tlv.dataField, 2);
      return value;
    }
    case 'MANAGEMENT_ERROR_STATUS': {
      const value = new Uint8Array(8);
      writeU16(value, 0, tlv.managementErrorId);
      writeU16(value, 2, tlv.managementId);
      return tlv.displayData === '' ? value : joined([value, textBytes(tlv.displayData)]);
    }
    case 'PAD':
      return new Uint8Array(tlv.length);
    case 'OTHER':
      return tlv.bytes;
  }
}

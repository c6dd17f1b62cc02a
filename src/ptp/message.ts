/**
 * PTPv2 messages as they stand in a UDP payload. IEEE 1588-2008 §13; 2019 differs in reserved
 * fields only. Reads and writes, does not judge: domain, sdoId, sender and the rest are for the
 * machines. Reserved fields are written as zero and ignored.
 */
import type { DropReason } from '../machine.ts';
import { HEADER_BYTES, type Header, readHeader, VERSION_PTP, writeHeader } from './header.ts';
import {
  CLOCK_IDENTITY_BYTES,
  type PortIdentity,
  readClockIdentity,
  readPortIdentity,
  writeClockIdentity,
  writePortIdentity,
} from './identity.ts';
import { readI16, readU8, readU16, writeU16 } from './octets.ts';
import { type ClockQuality, readClockQuality, writeClockQuality } from './quality.ts';
import { readTimestamp, type Timestamp, writeTimestamp } from './timestamp.ts';
import { readTlvs, type Tlv, tlvBytes } from './tlv.ts';
import { MESSAGE_TYPES, type MessageType, messageTypeOf } from './types.ts';

interface Common<Type extends MessageType> {
  readonly type: Type;
  readonly header: Header;
  readonly tlvs: readonly Tlv[];
}

/** Two-step Syncs and all Delay_Reqs may have a zero timestamp. */
export interface Sync extends Common<'Sync'> {
  readonly originTimestamp: Timestamp;
}
export interface DelayReq extends Common<'Delay_Req'> {
  readonly originTimestamp: Timestamp;
}
export interface FollowUp extends Common<'Follow_Up'> {
  readonly preciseOriginTimestamp: Timestamp;
}
export interface DelayResp extends Common<'Delay_Resp'> {
  readonly receiveTimestamp: Timestamp;
  readonly requestingPortIdentity: PortIdentity;
}
export interface PdelayReq extends Common<'Pdelay_Req'> {
  readonly originTimestamp: Timestamp;
}
export interface PdelayResp extends Common<'Pdelay_Resp'> {
  readonly requestReceiptTimestamp: Timestamp;
  readonly requestingPortIdentity: PortIdentity;
}
export interface PdelayRespFollowUp extends Common<'Pdelay_Resp_Follow_Up'> {
  readonly responseOriginTimestamp: Timestamp;
  readonly requestingPortIdentity: PortIdentity;
}
export interface Announce extends Common<'Announce'> {
  readonly originTimestamp: Timestamp;
  /** TAI − UTC; means nothing unless `currentUtcOffsetValid`. (s, i16) */
  readonly currentUtcOffset: number;
  readonly grandmasterPriority1: number;
  readonly grandmasterClockQuality: ClockQuality;
  readonly grandmasterPriority2: number;
  readonly grandmasterIdentity: string;
  /** Boundary clocks between sender and grandmaster. (u16) */
  readonly stepsRemoved: number;
  /** 0x10 atomic, 0x20 GNSS, 0x40 PTP, 0x50 NTP, 0xa0 internal oscillator. (u8) */
  readonly timeSource: number;
}
export interface Signaling extends Common<'Signaling'> {
  readonly targetPortIdentity: PortIdentity;
}
/** Carries one TLV, MANAGEMENT or MANAGEMENT_ERROR_STATUS. */
export interface Management extends Common<'Management'> {
  readonly targetPortIdentity: PortIdentity;
  readonly startingBoundaryHops: number;
  readonly boundaryHops: number;
  readonly action: ManagementAction;
}

export type Message =
  | Sync
  | DelayReq
  | PdelayReq
  | PdelayResp
  | FollowUp
  | DelayResp
  | PdelayRespFollowUp
  | Announce
  | Signaling
  | Management;

/** actionField: the index is its value. */
export const MANAGEMENT_ACTIONS = ['GET', 'SET', 'RESPONSE', 'COMMAND', 'ACKNOWLEDGE'] as const;
export type ManagementAction = (typeof MANAGEMENT_ACTIONS)[number];

/** Why bytes are not a message. */
export type WireFault = Extract<
  DropReason,
  'short' | 'version' | 'message-type' | 'length' | 'timestamp' | 'action' | 'tlv'
>;

/** Where all timestamps stand, the originTimestamp of a Sync too: a host may seal it there. */
export const TIMESTAMP_OFFSET = HEADER_BYTES;
/** Where the correctionField stands. */
export const CORRECTION_OFFSET = 8;
/** Zero octets ptp4l appends over IPv6 so that a transparent clock can mend the checksum. */
export const IPV6_PADDING = 2;

const TARGET = 34;
const REQUESTING_PORT = 44;

/** The message, or why the bytes are none. Never throws; octets past messageLength are ignored. */
export function readMessage(bytes: Uint8Array): Message | WireFault {
  if (bytes.length < HEADER_BYTES) return 'short';
  if ((readU8(bytes, 1) & 0xf) !== VERSION_PTP) return 'version';
  const type = messageTypeOf(readU8(bytes, 0) & 0xf);
  if (type === undefined) return 'message-type';
  const length = readU16(bytes, 2);
  const bodyEnd = MESSAGE_TYPES[type].bytes;
  if (length > bytes.length || length < bodyEnd) return 'length';
  if (type === 'Signaling' || type === 'Management') return readTargeted(type, bytes, length);

  const time = readTimestamp(bytes, TIMESTAMP_OFFSET);
  if (time === null) return 'timestamp';
  const tlvs = readTlvs(bytes, bodyEnd, length);
  if (tlvs === null) return 'tlv';
  const header = readHeader(bytes);
  switch (type) {
    case 'Sync':
    case 'Delay_Req':
    case 'Pdelay_Req':
      return { type, header, originTimestamp: time, tlvs };
    case 'Follow_Up':
      return { type, header, preciseOriginTimestamp: time, tlvs };
    case 'Delay_Resp': {
      const requestingPortIdentity = readPortIdentity(bytes, REQUESTING_PORT);
      return { type, header, receiveTimestamp: time, requestingPortIdentity, tlvs };
    }
    case 'Pdelay_Resp': {
      const requestingPortIdentity = readPortIdentity(bytes, REQUESTING_PORT);
      return { type, header, requestReceiptTimestamp: time, requestingPortIdentity, tlvs };
    }
    case 'Pdelay_Resp_Follow_Up': {
      const requestingPortIdentity = readPortIdentity(bytes, REQUESTING_PORT);
      return { type, header, responseOriginTimestamp: time, requestingPortIdentity, tlvs };
    }
    case 'Announce':
      return {
        type,
        header,
        originTimestamp: time,
        currentUtcOffset: readI16(bytes, 44),
        grandmasterPriority1: readU8(bytes, 47),
        grandmasterClockQuality: readClockQuality(bytes, 48),
        grandmasterPriority2: readU8(bytes, 52),
        grandmasterIdentity: readClockIdentity(bytes, 53),
        stepsRemoved: readU16(bytes, 53 + CLOCK_IDENTITY_BYTES),
        timeSource: readU8(bytes, 63),
        tlvs,
      };
  }
}

function readTargeted(
  type: 'Signaling' | 'Management',
  bytes: Uint8Array,
  length: number,
): Signaling | Management | WireFault {
  const action = MANAGEMENT_ACTIONS[readU8(bytes, 46) & 0xf];
  if (type === 'Management' && action === undefined) return 'action';
  const tlvs = readTlvs(bytes, MESSAGE_TYPES[type].bytes, length);
  if (tlvs === null) return 'tlv';
  const header = readHeader(bytes);
  const targetPortIdentity = readPortIdentity(bytes, TARGET);
  if (type === 'Signaling' || action === undefined) {
    return { type: 'Signaling', header, targetPortIdentity, tlvs };
  }
  return {
    type,
    header,
    targetPortIdentity,
    startingBoundaryHops: readU8(bytes, 44),
    boundaryHops: readU8(bytes, 45),
    action,
    tlvs,
  };
}

/**
 * The octets of a message, lengths and message type filled in.
 * @param message numbers in the ranges of their fields; what exceeds one is cut to its octets
 * @param padding zero octets after the message, outside messageLength; see {@link IPV6_PADDING}
 */
export function writeMessage(message: Message, padding = 0): Uint8Array {
  const { type } = message;
  const bodyEnd = MESSAGE_TYPES[type].bytes;
  const tlvs = message.tlvs.length === 0 ? null : tlvBytes(message.tlvs);
  const length = bodyEnd + (tlvs?.length ?? 0);
  const bytes = new Uint8Array(length + padding);
  writeHeader(bytes, type, length, message.header);
  writeBody(bytes, message);
  if (tlvs !== null) bytes.set(tlvs, bodyEnd);
  return bytes;
}

function writeBody(bytes: Uint8Array, message: Message): void {
  if ('targetPortIdentity' in message) {
    writePortIdentity(bytes, TARGET, message.targetPortIdentity);
  } else writeTimestamp(bytes, TIMESTAMP_OFFSET, timestampOf(message));
  if ('requestingPortIdentity' in message) {
    writePortIdentity(bytes, REQUESTING_PORT, message.requestingPortIdentity);
  }
  if (message.type === 'Announce') {
    writeU16(bytes, 44, message.currentUtcOffset);
    bytes[47] = message.grandmasterPriority1;
    writeClockQuality(bytes, 48, message.grandmasterClockQuality);
    bytes[52] = message.grandmasterPriority2;
    writeClockIdentity(bytes, 53, message.grandmasterIdentity);
    writeU16(bytes, 53 + CLOCK_IDENTITY_BYTES, message.stepsRemoved);
    bytes[63] = message.timeSource;
  }
  if (message.type === 'Management') {
    bytes[44] = message.startingBoundaryHops;
    bytes[45] = message.boundaryHops;
    bytes[46] = MANAGEMENT_ACTIONS.indexOf(message.action);
  }
}

function timestampOf(message: Exclude<Message, Signaling | Management>): Timestamp {
  switch (message.type) {
    case 'Follow_Up':
      return message.preciseOriginTimestamp;
    case 'Delay_Resp':
      return message.receiveTimestamp;
    case 'Pdelay_Resp':
      return message.requestReceiptTimestamp;
    case 'Pdelay_Resp_Follow_Up':
      return message.responseOriginTimestamp;
    default:
      return message.originTimestamp;
  }
}

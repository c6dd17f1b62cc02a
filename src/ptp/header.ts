/**
 * The 34 octets every PTPv2 message begins with. IEEE 1588-2008 §13.3.
 * messageType and messageLength are not here: message.ts derives both from the message.
 */
import { type Flags, flagsOctet, NO_FLAGS, readFlags, timeFlagsOctet } from './flags.ts';
import { type PortIdentity, readPortIdentity, writePortIdentity } from './identity.ts';
import {
  readI8,
  readI64,
  readU8,
  readU16,
  readU32,
  writeI64,
  writeU16,
  writeU32,
} from './octets.ts';
import { MESSAGE_TYPES, type MessageType } from './types.ts';

export interface Header {
  /** transportSpecific in 2008; 0 but for 802.1AS. (u4) */
  readonly majorSdoId: number;
  /** 0 for 1588-2008, 1 for 2019. (u4) */
  readonly minorVersionPTP: number;
  readonly domainNumber: number;
  /** Reserved in 2008. (u8) */
  readonly minorSdoId: number;
  readonly flags: Flags;
  /** TimeInterval. (2^-16 ns, i64) */
  readonly correctionField: bigint;
  /** Reserved but for transparent clocks' own use. (u32) */
  readonly messageTypeSpecific: number;
  readonly sourcePortIdentity: PortIdentity;
  /** (u16) */
  readonly sequenceId: number;
  /** Never look at it: some write the value of types.ts, linuxptp 4 writes 0. (u8) */
  readonly controlField: number;
  /** log2 s; {@link NO_INTERVAL} says nothing. (i8) */
  readonly logMessageInterval: number;
}

export const HEADER_BYTES = 34;
/** versionPTP; messages with another one are not read. */
export const VERSION_PTP = 2;
/** logMessageInterval that tells none. Never arm a timer from it. */
export const NO_INTERVAL = 0x7f;

/** What a sender must say and may say about a message; the rest is as 1588-2008 has it. */
export type HeaderFields = Pick<Header, 'sourcePortIdentity' | 'sequenceId'> &
  Partial<Omit<Header, 'flags'>> & { readonly flags?: Partial<Flags> };

/** A header of version 2.0, domain 0, no flags, no correction, no interval, but for `fields`. */
export function createHeader(type: MessageType, fields: HeaderFields): Header {
  return {
    majorSdoId: 0,
    minorVersionPTP: 0,
    domainNumber: 0,
    minorSdoId: 0,
    correctionField: 0n,
    messageTypeSpecific: 0,
    controlField: MESSAGE_TYPES[type].controlField,
    logMessageInterval: NO_INTERVAL,
    ...fields,
    flags: fields.flags === undefined ? NO_FLAGS : { ...NO_FLAGS, ...fields.flags },
  };
}

/** @param bytes at least {@link HEADER_BYTES}, of version 2: message.ts has checked */
export const readHeader = (bytes: Uint8Array): Header => ({
  majorSdoId: readU8(bytes, 0) >> 4,
  minorVersionPTP: readU8(bytes, 1) >> 4,
  domainNumber: readU8(bytes, 4),
  minorSdoId: readU8(bytes, 5),
  flags: readFlags(readU8(bytes, 6), readU8(bytes, 7)),
  correctionField: readI64(bytes, 8),
  messageTypeSpecific: readU32(bytes, 16),
  sourcePortIdentity: readPortIdentity(bytes, 20),
  sequenceId: readU16(bytes, 30),
  controlField: readU8(bytes, 32),
  logMessageInterval: readI8(bytes, 33),
});

/** Writes the first 34 octets. */
export function writeHeader(
  bytes: Uint8Array,
  type: MessageType,
  messageLength: number,
  header: Header,
): void {
  bytes[0] = (header.majorSdoId << 4) | MESSAGE_TYPES[type].code;
  bytes[1] = (header.minorVersionPTP << 4) | VERSION_PTP;
  writeU16(bytes, 2, messageLength);
  bytes[4] = header.domainNumber;
  bytes[5] = header.minorSdoId;
  bytes[6] = flagsOctet(header.flags);
  bytes[7] = timeFlagsOctet(header.flags);
  writeI64(bytes, 8, header.correctionField);
  writeU32(bytes, 16, header.messageTypeSpecific);
  writePortIdentity(bytes, 20, header.sourcePortIdentity);
  writeU16(bytes, 30, header.sequenceId);
  bytes[32] = header.controlField;
  bytes[33] = header.logMessageInterval;
}

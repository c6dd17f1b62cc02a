/**
 * What management TLVs ask and tell: managementIds, their data, and errors. IEEE 1588-2008 §15.5.
 * A message is read without looking into the data (tlv.ts): a GET may carry any.
 */

import { CLOCK_DESCRIPTION, USER_DESCRIPTION } from './description.ts';
import { readTimeFlags, type TimeFlags } from './flags.ts';
import {
  CURRENT_DATA_SET,
  DEFAULT_DATA_SET,
  fixed,
  type Layout,
  PARENT_DATA_SET,
  PORT_DATA_SET,
  TIME_PROPERTIES_DATA_SET,
  TIME_STATUS_NP,
} from './layout.ts';
import { readI8, readI16, readU8, writeU16 } from './octets.ts';
import type { ManagementErrorStatus, ManagementTlv } from './tlv.ts';

/** Every managementId of 1588-2008, and linuxptp's one that tools ask for most. */
export const MANAGEMENT_IDS = {
  NULL_MANAGEMENT: 0x0000,
  CLOCK_DESCRIPTION: 0x0001,
  USER_DESCRIPTION: 0x0002,
  SAVE_IN_NON_VOLATILE_STORAGE: 0x0003,
  RESET_NON_VOLATILE_STORAGE: 0x0004,
  INITIALIZE: 0x0005,
  FAULT_LOG: 0x0006,
  FAULT_LOG_RESET: 0x0007,
  DEFAULT_DATA_SET: 0x2000,
  CURRENT_DATA_SET: 0x2001,
  PARENT_DATA_SET: 0x2002,
  TIME_PROPERTIES_DATA_SET: 0x2003,
  PORT_DATA_SET: 0x2004,
  PRIORITY1: 0x2005,
  PRIORITY2: 0x2006,
  DOMAIN: 0x2007,
  SLAVE_ONLY: 0x2008,
  LOG_ANNOUNCE_INTERVAL: 0x2009,
  ANNOUNCE_RECEIPT_TIMEOUT: 0x200a,
  LOG_SYNC_INTERVAL: 0x200b,
  VERSION_NUMBER: 0x200c,
  ENABLE_PORT: 0x200d,
  DISABLE_PORT: 0x200e,
  TIME: 0x200f,
  CLOCK_ACCURACY: 0x2010,
  UTC_PROPERTIES: 0x2011,
  TRACEABILITY_PROPERTIES: 0x2012,
  TIMESCALE_PROPERTIES: 0x2013,
  UNICAST_NEGOTIATION_ENABLE: 0x2014,
  PATH_TRACE_LIST: 0x2015,
  PATH_TRACE_ENABLE: 0x2016,
  GRANDMASTER_CLUSTER_TABLE: 0x2017,
  UNICAST_MASTER_TABLE: 0x2018,
  UNICAST_MASTER_MAX_TABLE_SIZE: 0x2019,
  ACCEPTABLE_MASTER_TABLE: 0x201a,
  ACCEPTABLE_MASTER_TABLE_ENABLED: 0x201b,
  ACCEPTABLE_MASTER_MAX_TABLE_SIZE: 0x201c,
  ALTERNATE_MASTER: 0x201d,
  ALTERNATE_TIME_OFFSET_ENABLE: 0x201e,
  ALTERNATE_TIME_OFFSET_NAME: 0x201f,
  ALTERNATE_TIME_OFFSET_MAX_KEY: 0x2020,
  ALTERNATE_TIME_OFFSET_PROPERTIES: 0x2021,
  TC_DEFAULT_DATA_SET: 0x4000,
  TC_PORT_DATA_SET: 0x4001,
  PRIMARY_DOMAIN: 0x4002,
  DELAY_MECHANISM: 0x6000,
  LOG_MIN_PDELAY_REQ_INTERVAL: 0x6001,
  TIME_STATUS_NP: 0xc000,
} as const;

export type ManagementName = keyof typeof MANAGEMENT_IDS;

/** managementErrorId. */
export const MANAGEMENT_ERRORS = {
  RESPONSE_TOO_BIG: 1,
  NO_SUCH_ID: 2,
  WRONG_LENGTH: 3,
  WRONG_VALUE: 4,
  NOT_SETABLE: 5,
  NOT_SUPPORTED: 6,
  GENERAL_ERROR: 0xfffe,
} as const;

export type ManagementError = keyof typeof MANAGEMENT_ERRORS;

/** A number in one octet, and a reserved one. */
const octet = (signed: boolean, mask = 0xff) =>
  fixed<number>(
    2,
    (bytes) => (signed ? readI8(bytes, 0) : readU8(bytes, 0) & mask),
    (bytes, value) => {
      bytes[0] = value & mask;
    },
  );
const U8 = octet(false);
const LOG2_S = octet(true);
/** Off is 0; on has all bits of `on`, and is read from any of them. */
const flag = (on: number) =>
  fixed<boolean>(
    2,
    (bytes) => (readU8(bytes, 0) & on) !== 0,
    (bytes, value) => {
      bytes[0] = value ? on : 0;
    },
  );
const SWITCH = flag(0x01);

/** How the data of a managementId stand in octets; those not listed are not supported. */
const LAYOUTS = {
  NULL_MANAGEMENT: fixed<null>(
    0,
    () => null,
    () => {},
  ),
  CLOCK_DESCRIPTION,
  USER_DESCRIPTION,
  DEFAULT_DATA_SET,
  CURRENT_DATA_SET,
  PARENT_DATA_SET,
  TIME_PROPERTIES_DATA_SET,
  PORT_DATA_SET,
  TIME_STATUS_NP,
  PRIORITY1: U8,
  PRIORITY2: U8,
  DOMAIN: U8,
  /** Bit 0 (1588-2008 §15.5.3), and bit 1, where linuxptp writes and reads it. */
  SLAVE_ONLY: flag(0x03),
  LOG_ANNOUNCE_INTERVAL: LOG2_S,
  ANNOUNCE_RECEIPT_TIMEOUT: U8,
  LOG_SYNC_INTERVAL: LOG2_S,
  VERSION_NUMBER: octet(false, 0x0f),
  CLOCK_ACCURACY: U8,
  UTC_PROPERTIES: fixed<
    Pick<TimeFlags, 'leap61' | 'leap59' | 'currentUtcOffsetValid'> & {
      readonly currentUtcOffset: number;
    }
  >(
    4,
    (bytes) => {
      const { leap61, leap59, currentUtcOffsetValid } = readTimeFlags(readU8(bytes, 2));
      return { currentUtcOffset: readI16(bytes, 0), leap61, leap59, currentUtcOffsetValid };
    },
    (bytes, value) => {
      writeU16(bytes, 0, value.currentUtcOffset);
      const leap = (value.leap61 ? 0x01 : 0) | (value.leap59 ? 0x02 : 0);
      bytes[2] = leap | (value.currentUtcOffsetValid ? 0x04 : 0);
    },
  ),
  TRACEABILITY_PROPERTIES: fixed<Pick<TimeFlags, 'timeTraceable' | 'frequencyTraceable'>>(
    2,
    (bytes) => {
      const { timeTraceable, frequencyTraceable } = readTimeFlags(readU8(bytes, 0));
      return { timeTraceable, frequencyTraceable };
    },
    (bytes, value) => {
      bytes[0] = (value.timeTraceable ? 0x10 : 0) | (value.frequencyTraceable ? 0x20 : 0);
    },
  ),
  /** linuxptp leaves the timeSource zero. */
  TIMESCALE_PROPERTIES: fixed<Pick<TimeFlags, 'ptpTimescale'> & { readonly timeSource: number }>(
    2,
    (bytes) => ({
      ptpTimescale: readTimeFlags(readU8(bytes, 0)).ptpTimescale,
      timeSource: readU8(bytes, 1),
    }),
    (bytes, value) => {
      bytes[0] = value.ptpTimescale ? 0x08 : 0;
      bytes[1] = value.timeSource;
    },
  ),
  UNICAST_NEGOTIATION_ENABLE: SWITCH,
  DELAY_MECHANISM: U8,
  LOG_MIN_PDELAY_REQ_INTERVAL: LOG2_S,
} as const;

type Readable = keyof typeof LAYOUTS;
type ValueOf<Of> = Of extends Layout<infer Value> ? Value : never;

/** A managementId and its data, e.g. `{ id: 'PRIORITY1', value: 128 }`. */
export type ManagementData = {
  [Id in Readable]: { readonly id: Id; readonly value: ValueOf<(typeof LAYOUTS)[Id]> };
}[Readable];

const NAMES = new Map<number, ManagementName>(
  (Object.keys(MANAGEMENT_IDS) as ManagementName[]).map((name) => [MANAGEMENT_IDS[name], name]),
);

/** Undefined if nobody has defined the id. */
export const managementName = (managementId: number): ManagementName | undefined =>
  NAMES.get(managementId);

/** The data of a RESPONSE or SET, or what is wrong, as MANAGEMENT_ERROR_STATUS would call it. */
export function readManagement(
  tlv: Pick<ManagementTlv, 'managementId' | 'dataField'>,
): ManagementData | Extract<ManagementError, 'NO_SUCH_ID' | 'NOT_SUPPORTED' | 'WRONG_LENGTH'> {
  const id = managementName(tlv.managementId);
  if (id === undefined) return 'NO_SUCH_ID';
  if (!isReadable(id)) return 'NOT_SUPPORTED';
  if (id === 'NULL_MANAGEMENT') {
    return tlv.dataField.length === 0 ? { id, value: null } : 'WRONG_LENGTH';
  }
  const value = LAYOUTS[id].read(tlv.dataField);
  return value === null ? 'WRONG_LENGTH' : ({ id, value } as ManagementData);
}

const isReadable = (name: ManagementName): name is Readable => name in LAYOUTS;

/** The TLV that carries the data. */
export function managementTlv(data: ManagementData): ManagementTlv {
  const layout = LAYOUTS[data.id] as Layout<ManagementData['value']>;
  const dataField = layout.write(data.value);
  return { type: 'MANAGEMENT', managementId: MANAGEMENT_IDS[data.id], dataField };
}

/** The TLV that says no. */
export const managementErrorTlv = (
  error: ManagementError,
  managementId: number,
  displayData = '',
): ManagementErrorStatus => ({
  type: 'MANAGEMENT_ERROR_STATUS',
  managementErrorId: MANAGEMENT_ERRORS[error],
  managementId,
  displayData,
});

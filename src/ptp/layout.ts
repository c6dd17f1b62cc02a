/**
 * Data sets ↔ octets as management messages carry them, field by field in the order of the wire.
 * IEEE 1588-2008 §15.5.3; TIME_STATUS_NP is linuxptp's own. What a clock keeps is in dataset.ts and
 * portds.ts; `Wire…` here are the two that have other units and numbers on the wire.
 */
import type { DefaultDS, ParentDS, TimePropertiesDS } from './dataset.ts';
import { readTimeFlags, timeFlagsOctet } from './flags.ts';
import {
  type PortIdentity,
  readClockIdentity,
  readPortIdentity,
  writeClockIdentity,
  writePortIdentity,
} from './identity.ts';
import {
  readI8,
  readI16,
  readI32,
  readI64,
  readU8,
  readU16,
  writeI64,
  writeU16,
  writeU32,
} from './octets.ts';
import { readClockQuality, writeClockQuality } from './quality.ts';

/** Value ↔ octets of one managementId. */
export interface Layout<Value> {
  /** Null if the octets are too few or too many. */
  read(bytes: Uint8Array): Value | null;
  write(value: Value): Uint8Array;
}

/** A layout that always takes `length` octets. */
export const fixed = <Value>(
  length: number,
  read: (bytes: Uint8Array) => Value,
  fill: (bytes: Uint8Array, value: Value) => void,
): Layout<Value> => ({
  read: (bytes) => (bytes.length === length ? read(bytes) : null),
  write: (value) => {
    const bytes = new Uint8Array(length);
    fill(bytes, value);
    return bytes;
  },
});

export const DEFAULT_DATA_SET = fixed<DefaultDS>(
  20,
  (bytes) => ({
    twoStepFlag: (readU8(bytes, 0) & 1) !== 0,
    slaveOnly: (readU8(bytes, 0) & 2) !== 0,
    numberPorts: readU16(bytes, 2),
    priority1: readU8(bytes, 4),
    clockQuality: readClockQuality(bytes, 5),
    priority2: readU8(bytes, 9),
    clockIdentity: readClockIdentity(bytes, 10),
    domainNumber: readU8(bytes, 18),
  }),
  (bytes, value) => {
    bytes[0] = (value.twoStepFlag ? 1 : 0) | (value.slaveOnly ? 2 : 0);
    writeU16(bytes, 2, value.numberPorts);
    bytes[4] = value.priority1;
    writeClockQuality(bytes, 5, value.clockQuality);
    bytes[9] = value.priority2;
    writeClockIdentity(bytes, 10, value.clockIdentity);
    bytes[18] = value.domainNumber;
  },
);

export interface WireCurrentDS {
  readonly stepsRemoved: number;
  /** slave − master: the negative of our offset. (2^-16 ns, i64) */
  readonly offsetFromMaster: bigint;
  /** (2^-16 ns, i64) */
  readonly meanPathDelay: bigint;
}

export const CURRENT_DATA_SET = fixed<WireCurrentDS>(
  18,
  (bytes) => ({
    stepsRemoved: readU16(bytes, 0),
    offsetFromMaster: readI64(bytes, 2),
    meanPathDelay: readI64(bytes, 10),
  }),
  (bytes, value) => {
    writeU16(bytes, 0, value.stepsRemoved);
    writeI64(bytes, 2, value.offsetFromMaster);
    writeI64(bytes, 10, value.meanPathDelay);
  },
);

export const PARENT_DATA_SET = fixed<ParentDS>(
  32,
  (bytes) => ({
    parentPortIdentity: readPortIdentity(bytes, 0),
    parentStats: (readU8(bytes, 10) & 1) !== 0,
    observedParentOffsetScaledLogVariance: readU16(bytes, 12),
    observedParentClockPhaseChangeRate: readI32(bytes, 14),
    grandmasterPriority1: readU8(bytes, 18),
    grandmasterClockQuality: readClockQuality(bytes, 19),
    grandmasterPriority2: readU8(bytes, 23),
    grandmasterIdentity: readClockIdentity(bytes, 24),
  }),
  (bytes, value) => {
    writePortIdentity(bytes, 0, value.parentPortIdentity);
    bytes[10] = value.parentStats ? 1 : 0;
    writeU16(bytes, 12, value.observedParentOffsetScaledLogVariance);
    writeU32(bytes, 14, value.observedParentClockPhaseChangeRate);
    bytes[18] = value.grandmasterPriority1;
    writeClockQuality(bytes, 19, value.grandmasterClockQuality);
    bytes[23] = value.grandmasterPriority2;
    writeClockIdentity(bytes, 24, value.grandmasterIdentity);
  },
);

export const TIME_PROPERTIES_DATA_SET = fixed<TimePropertiesDS>(
  4,
  (bytes) => ({
    currentUtcOffset: readI16(bytes, 0),
    ...readTimeFlags(readU8(bytes, 2)),
    timeSource: readU8(bytes, 3),
  }),
  (bytes, value) => {
    writeU16(bytes, 0, value.currentUtcOffset);
    bytes[2] = timeFlagsOctet(value);
    bytes[3] = value.timeSource;
  },
);

/** delayMechanism on the wire. */
export const DELAY_MECHANISMS = { E2E: 1, P2P: 2, DISABLED: 0xfe } as const;

export interface WirePortDS {
  readonly portIdentity: PortIdentity;
  /** See PORT_STATE_CODE in portstate.ts. */
  readonly portState: number;
  /** log2 s (i8), as all logs here. */
  readonly logMinDelayReqInterval: number;
  /** (2^-16 ns, i64) */
  readonly peerMeanPathDelay: bigint;
  readonly logAnnounceInterval: number;
  /** Announce intervals. */
  readonly announceReceiptTimeout: number;
  readonly logSyncInterval: number;
  /** See {@link DELAY_MECHANISMS}. */
  readonly delayMechanism: number;
  readonly logMinPdelayReqInterval: number;
  readonly versionNumber: number;
}

export const PORT_DATA_SET = fixed<WirePortDS>(
  26,
  (bytes) => ({
    portIdentity: readPortIdentity(bytes, 0),
    portState: readU8(bytes, 10),
    logMinDelayReqInterval: readI8(bytes, 11),
    peerMeanPathDelay: readI64(bytes, 12),
    logAnnounceInterval: readI8(bytes, 20),
    announceReceiptTimeout: readU8(bytes, 21),
    logSyncInterval: readI8(bytes, 22),
    delayMechanism: readU8(bytes, 23),
    logMinPdelayReqInterval: readI8(bytes, 24),
    versionNumber: readU8(bytes, 25) & 0xf,
  }),
  (bytes, value) => {
    writePortIdentity(bytes, 0, value.portIdentity);
    bytes[10] = value.portState;
    bytes[11] = value.logMinDelayReqInterval;
    writeI64(bytes, 12, value.peerMeanPathDelay);
    bytes[20] = value.logAnnounceInterval;
    bytes[21] = value.announceReceiptTimeout;
    bytes[22] = value.logSyncInterval;
    bytes[23] = value.delayMechanism;
    bytes[24] = value.logMinPdelayReqInterval;
    bytes[25] = value.versionNumber & 0xf;
  },
);

/** Fields that come from 802.1AS (gmTimeBase, phase and rate changes) are zero everywhere else. */
export interface TimeStatusNp {
  /** slave − master of the last Sync. (ns, i64) */
  readonly masterOffset: bigint;
  /** When it came in. (ns, i64) */
  readonly ingressTime: bigint;
  readonly cumulativeScaledRateOffset: number;
  readonly scaledLastGmPhaseChange: number;
  readonly gmTimeBaseIndicator: number;
  /** (2^-16 ns, i96) */
  readonly lastGmPhaseChange: bigint;
  readonly gmPresent: boolean;
  readonly gmIdentity: string;
}

export const TIME_STATUS_NP = fixed<TimeStatusNp>(
  50,
  (bytes) => ({
    masterOffset: readI64(bytes, 0),
    ingressTime: readI64(bytes, 8),
    cumulativeScaledRateOffset: readI32(bytes, 16),
    scaledLastGmPhaseChange: readI32(bytes, 20),
    gmTimeBaseIndicator: readU16(bytes, 24),
    lastGmPhaseChange: (BigInt(readI32(bytes, 26)) << 64n) | BigInt.asUintN(64, readI64(bytes, 30)),
    gmPresent: readI32(bytes, 38) !== 0,
    gmIdentity: readClockIdentity(bytes, 42),
  }),
  (bytes, value) => {
    writeI64(bytes, 0, value.masterOffset);
    writeI64(bytes, 8, value.ingressTime);
    writeU32(bytes, 16, value.cumulativeScaledRateOffset);
    writeU32(bytes, 20, value.scaledLastGmPhaseChange);
    writeU16(bytes, 24, value.gmTimeBaseIndicator);
    writeU32(bytes, 26, Number(BigInt.asUintN(32, value.lastGmPhaseChange >> 64n)));
    writeI64(bytes, 30, value.lastGmPhaseChange);
    writeU32(bytes, 38, value.gmPresent ? 1 : 0);
    writeClockIdentity(bytes, 42, value.gmIdentity);
  },
);

/** Arbitrary PTP messages for fast-check: every field over its whole range. */
import * as fc from 'fast-check';
import type { Message } from '../../src/ptp/message.ts';
import { MANAGEMENT_ACTIONS } from '../../src/ptp/message.ts';
import type { Tlv } from '../../src/ptp/tlv.ts';
import { TLV_TYPES } from '../../src/ptp/tlv.ts';

export const u4 = fc.integer({ min: 0, max: 15 });
export const u8 = fc.integer({ min: 0, max: 0xff });
export const i8 = fc.integer({ min: -0x80, max: 0x7f });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const i16 = fc.integer({ min: -0x8000, max: 0x7fff });
export const u24 = fc.integer({ min: 0, max: 0xffffff });
export const i32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
export const u32 = fc.integer({ min: 0, max: 0xffffffff });
export const i64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

/** A record with the usual prototype, as the codec makes them. */
export const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

/** Octets, an even number of them: odd ones come back with a pad. */
export const evenOctets = fc
  .uint8Array({ maxLength: 20 })
  .map((bytes) => bytes.slice(0, bytes.length & ~1));

export const clockIdentity = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((octets) => Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(''))
  .map((hex) => `${hex.slice(0, 6)}.${hex.slice(6, 10)}.${hex.slice(10)}`);
export const portIdentity = record({ clockIdentity, portNumber: u16 });
export const clockQuality = record({
  clockClass: u8,
  clockAccuracy: u8,
  offsetScaledLogVariance: u16,
});
export const timestamp = record({
  seconds: fc.oneof(u32, fc.integer({ min: 0, max: 2 ** 48 - 1 })),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
});
export const timeFlags = {
  leap61: fc.boolean(),
  leap59: fc.boolean(),
  currentUtcOffsetValid: fc.boolean(),
  ptpTimescale: fc.boolean(),
  timeTraceable: fc.boolean(),
  frequencyTraceable: fc.boolean(),
  synchronizationUncertain: fc.boolean(),
};
const flags = record({
  alternateMaster: fc.boolean(),
  twoStep: fc.boolean(),
  unicast: fc.boolean(),
  profileSpecific1: fc.boolean(),
  profileSpecific2: fc.boolean(),
  security: fc.boolean(),
  ...timeFlags,
});
const header = record({
  majorSdoId: u4,
  minorVersionPTP: u4,
  domainNumber: u8,
  minorSdoId: u8,
  flags,
  correctionField: fc.oneof(fc.constant(0n), i64),
  messageTypeSpecific: u32,
  sourcePortIdentity: portIdentity,
  sequenceId: u16,
  controlField: u8,
  logMessageInterval: i8,
});

const is = <const Type extends string>(type: Type) => fc.constant(type);
const known: ReadonlySet<number> = new Set(Object.values(TLV_TYPES));
const request = { messageType: u4, logInterMessagePeriod: i8, durationField: u32 };
const maintain = { messageType: u4, maintainRequest: fc.boolean(), maintainGrant: fc.boolean() };
const extension = { organizationId: u24, organizationSubType: u24, dataField: evenOctets };

export const TLVS: Record<Tlv['type'], fc.Arbitrary<Tlv>> = {
  REQUEST_UNICAST_TRANSMISSION: record({
    type: is('REQUEST_UNICAST_TRANSMISSION'),
    ...request,
  }),
  GRANT_UNICAST_TRANSMISSION: record({
    type: is('GRANT_UNICAST_TRANSMISSION'),
    ...request,
    renewalInvited: fc.boolean(),
  }),
  CANCEL_UNICAST_TRANSMISSION: record({
    type: is('CANCEL_UNICAST_TRANSMISSION'),
    ...maintain,
  }),
  ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION: record({
    type: is('ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION'),
    ...maintain,
  }),
  PATH_TRACE: record({
    type: is('PATH_TRACE'),
    pathSequence: fc.array(clockIdentity, { maxLength: 4 }),
  }),
  ORGANIZATION_EXTENSION: record({ type: is('ORGANIZATION_EXTENSION'), ...extension }),
  ENTERPRISE: record({
    type: is('ENTERPRISE'),
    portNumber: u16,
    revision: u8,
    delayMode: u8,
    maxPhaseAdjustment: u16,
    phaseUnit: u8,
  }),
  ORGANIZATION_EXTENSION_PROPAGATE: record({
    type: is('ORGANIZATION_EXTENSION_PROPAGATE'),
    ...extension,
  }),
  ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE: record({
    type: is('ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE'),
    ...extension,
  }),
  MANAGEMENT: record({ type: is('MANAGEMENT'), managementId: u16, dataField: evenOctets }),
  MANAGEMENT_ERROR_STATUS: record({
    type: is('MANAGEMENT_ERROR_STATUS'),
    managementErrorId: u16,
    managementId: u16,
    displayData: fc.string({ unit: 'grapheme', maxLength: 12 }),
  }),
  PAD: record({ type: is('PAD'), length: u4.map((half) => half * 2) }),
  OTHER: record({
    type: is('OTHER'),
    tlvType: u16.filter((tlvType) => !known.has(tlvType)),
    bytes: evenOctets,
  }),
};

const head = { header, tlvs: fc.array(fc.oneof(...Object.values(TLVS)), { maxLength: 3 }) };
const requesting = { requestingPortIdentity: portIdentity };
const target = { targetPortIdentity: portIdentity };

export const MESSAGES: Record<Message['type'], fc.Arbitrary<Message>> = {
  Sync: record({ type: is('Sync'), ...head, originTimestamp: timestamp }),
  Delay_Req: record({ type: is('Delay_Req'), ...head, originTimestamp: timestamp }),
  Pdelay_Req: record({ type: is('Pdelay_Req'), ...head, originTimestamp: timestamp }),
  Follow_Up: record({ type: is('Follow_Up'), ...head, preciseOriginTimestamp: timestamp }),
  Delay_Resp: record({
    type: is('Delay_Resp'),
    ...head,
    ...requesting,
    receiveTimestamp: timestamp,
  }),
  Pdelay_Resp: record({
    type: is('Pdelay_Resp'),
    ...head,
    ...requesting,
    requestReceiptTimestamp: timestamp,
  }),
  Pdelay_Resp_Follow_Up: record({
    type: is('Pdelay_Resp_Follow_Up'),
    ...head,
    ...requesting,
    responseOriginTimestamp: timestamp,
  }),
  Announce: record({
    type: is('Announce'),
    ...head,
    originTimestamp: timestamp,
    currentUtcOffset: i16,
    grandmasterPriority1: u8,
    grandmasterClockQuality: clockQuality,
    grandmasterPriority2: u8,
    grandmasterIdentity: clockIdentity,
    stepsRemoved: u16,
    timeSource: u8,
  }),
  Signaling: record({ type: is('Signaling'), ...head, ...target }),
  Management: record({
    type: is('Management'),
    ...head,
    ...target,
    startingBoundaryHops: u8,
    boundaryHops: u8,
    action: fc.constantFrom(...MANAGEMENT_ACTIONS),
  }),
};

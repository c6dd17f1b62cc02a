import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_FLAGS } from '../../src/ptp/flags.ts';
import { createHeader, type Header, NO_INTERVAL } from '../../src/ptp/header.ts';
import { ALL_PORTS } from '../../src/ptp/identity.ts';
import {
  IPV6_PADDING,
  type Message,
  readMessage,
  TIMESTAMP_OFFSET,
  type WireFault,
  writeMessage,
} from '../../src/ptp/message.ts';
import { NO_TIMESTAMP, writeTimestamp } from '../../src/ptp/timestamp.ts';
import { MESSAGE_TYPES, messageTypeOf } from '../../src/ptp/types.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import { MESSAGES } from './arbitrary.ts';
import { CAPTURED } from './wire.ts';

const test = suite('ptp message');

const read = (hex: string): Message => {
  const message = readMessage(fromHex(hex));
  if (typeof message === 'string') throw new Error(`not a message: ${message}`);
  return message;
};
const fault = (bytes: Uint8Array): WireFault => {
  const message = readMessage(bytes);
  if (typeof message !== 'string') throw new Error(`read as ${message.type}`);
  return message;
};
/** A captured packet with some octets replaced. */
const changed = (hex: string, at: number, octets: string): Uint8Array => {
  const bytes = fromHex(hex);
  bytes.set(fromHex(octets), at);
  return bytes;
};

const MASTER = { clockIdentity: 'da9721.fffe.b7c4d9', portNumber: 1 };
const SLAVE = { clockIdentity: 'ae600b.fffe.70c1ab', portNumber: 1 };
const UNICAST = { ...NO_FLAGS, unicast: true };

const header = (controlField: number, but: Partial<Header> = {}): Header => ({
  majorSdoId: 0,
  minorVersionPTP: 0,
  domainNumber: 0,
  minorSdoId: 0,
  flags: UNICAST,
  correctionField: 0n,
  messageTypeSpecific: 0,
  sourcePortIdentity: MASTER,
  sequenceId: 0,
  controlField,
  logMessageInterval: NO_INTERVAL,
  ...but,
});
const announce: Message = {
  type: 'Announce',
  header: header(5, { logMessageInterval: 1 }),
  originTimestamp: NO_TIMESTAMP,
  currentUtcOffset: 37,
  grandmasterPriority1: 10,
  grandmasterClockQuality: {
    clockClass: 248,
    clockAccuracy: 0xfe,
    offsetScaledLogVariance: 0xffff,
  },
  grandmasterPriority2: 128,
  grandmasterIdentity: MASTER.clockIdentity,
  stepsRemoved: 0,
  timeSource: 0xa0,
  tlvs: [],
};
const request = (messageType: number, logInterMessagePeriod: number) => ({
  type: 'REQUEST_UNICAST_TRANSMISSION' as const,
  messageType,
  logInterMessagePeriod,
  durationField: 16,
});

/** What the captured packets say, written down from WIRE.md, not from the codec. */
const MEANING: Record<keyof typeof CAPTURED, Message> = {
  announce,
  sync: {
    type: 'Sync',
    header: header(0, { flags: { ...UNICAST, twoStep: true } }),
    originTimestamp: NO_TIMESTAMP,
    tlvs: [],
  },
  followUp: {
    type: 'Follow_Up',
    header: header(2, { logMessageInterval: 0 }),
    preciseOriginTimestamp: { seconds: 0x6b00df87, nanoseconds: 0x2e5fbe2c },
    tlvs: [],
  },
  delayReq: {
    type: 'Delay_Req',
    header: header(1, { sourcePortIdentity: SLAVE }),
    originTimestamp: NO_TIMESTAMP,
    tlvs: [],
  },
  delayResp: {
    type: 'Delay_Resp',
    header: header(3),
    receiveTimestamp: { seconds: 0x6b00df86, nanoseconds: 0x24dbeb0c },
    requestingPortIdentity: SLAVE,
    tlvs: [],
  },
  requestAnnounce: {
    type: 'Signaling',
    header: header(5, { sourcePortIdentity: SLAVE }),
    targetPortIdentity: ALL_PORTS,
    tlvs: [request(MESSAGE_TYPES.Announce.code, 1)],
  },
  requestThree: {
    type: 'Signaling',
    header: header(5, { sourcePortIdentity: SLAVE, sequenceId: 2 }),
    targetPortIdentity: MASTER,
    tlvs: [request(0xb, 1), request(0, 0), request(9, 0)],
  },
  grant: {
    type: 'Signaling',
    header: header(5),
    targetPortIdentity: SLAVE,
    tlvs: [{ ...request(0xb, 1), type: 'GRANT_UNICAST_TRANSMISSION', renewalInvited: true }],
  },
  cancel: {
    type: 'Signaling',
    header: header(5, { sequenceId: 5 }),
    targetPortIdentity: { clockIdentity: 'aabbcc.fffe.000002', portNumber: 1 },
    tlvs: [
      {
        type: 'CANCEL_UNICAST_TRANSMISSION',
        messageType: 0xb,
        maintainRequest: false,
        maintainGrant: false,
      },
    ],
  },
  pdelayReq: {
    type: 'Pdelay_Req',
    header: header(5, { flags: NO_FLAGS }),
    originTimestamp: NO_TIMESTAMP,
    tlvs: [],
  },
  pdelayResp: {
    type: 'Pdelay_Resp',
    header: header(5, { flags: { ...NO_FLAGS, twoStep: true }, sourcePortIdentity: SLAVE }),
    requestReceiptTimestamp: { seconds: 0x6b00e35a, nanoseconds: 0x1737c24c },
    requestingPortIdentity: MASTER,
    tlvs: [],
  },
  pdelayRespFollowUp: {
    type: 'Pdelay_Resp_Follow_Up',
    header: header(5, { flags: NO_FLAGS, sourcePortIdentity: SLAVE }),
    responseOriginTimestamp: { seconds: 0x6b00e35a, nanoseconds: 0x173880cd },
    requestingPortIdentity: MASTER,
    tlvs: [],
  },
  getDefaultDataSet: {
    type: 'Management',
    header: header(4, { flags: NO_FLAGS, sourcePortIdentity: SLAVE, sequenceId: 3 }),
    targetPortIdentity: ALL_PORTS,
    startingBoundaryHops: 0,
    boundaryHops: 0,
    action: 'GET',
    tlvs: [{ type: 'MANAGEMENT', managementId: 0x2000, dataField: new Uint8Array(20) }],
  },
  defaultDataSet: {
    type: 'Management',
    header: header(4, { flags: NO_FLAGS, sequenceId: 3 }),
    targetPortIdentity: SLAVE,
    startingBoundaryHops: 0,
    boundaryHops: 0,
    action: 'RESPONSE',
    tlvs: [
      {
        type: 'MANAGEMENT',
        managementId: 0x2000,
        dataField: fromHex('010000010af8feffff80da9721fffeb7c4d90000'),
      },
    ],
  },
  notSupported: {
    type: 'Management',
    header: header(4, { flags: NO_FLAGS, sequenceId: 4 }),
    targetPortIdentity: SLAVE,
    startingBoundaryHops: 0,
    boundaryHops: 0,
    action: 'RESPONSE',
    tlvs: [
      {
        type: 'MANAGEMENT_ERROR_STATUS',
        managementErrorId: 6,
        managementId: 0x2005,
        displayData: '',
      },
    ],
  },
  clockDescription: {
    type: 'Management',
    header: header(4, { flags: NO_FLAGS, sequenceId: 5 }),
    targetPortIdentity: SLAVE,
    startingBoundaryHops: 0,
    boundaryHops: 0,
    action: 'RESPONSE',
    tlvs: [
      {
        type: 'MANAGEMENT',
        managementId: 0x0001,
        dataField: fromHex(CAPTURED.clockDescription.slice(2 * 54)),
      },
    ],
  },
  announcePath: {
    ...announce,
    tlvs: [{ type: 'PATH_TRACE', pathSequence: [MASTER.clockIdentity] }],
  },
  announceEnterprise: {
    ...announce,
    tlvs: [
      {
        type: 'ENTERPRISE', // to tshark an extension of organization 00:01:00 (EP-082)
        portNumber: 1,
        revision: 1,
        delayMode: 2,
        maxPhaseAdjustment: 0,
        phaseUnit: 0,
      },
    ],
  },
};

for (const [name, hex] of Object.entries(CAPTURED)) {
  test(`${name} of ptp4l, ptpd or pmc: every field is read, and written again (MP-01)`, () => {
    const message = read(hex);
    assert.equal(message, MEANING[name as keyof typeof CAPTURED]);
    assert.is(toHex(writeMessage(message)), hex);
  });

  test(`${name} cut at any length is a fault (SEC-11)`, () => {
    const bytes = fromHex(hex);
    for (let length = 0; length < bytes.length; length++) {
      assert.is(fault(bytes.slice(0, length)), length < 34 ? 'short' : 'length');
    }
  });
}

test('the whole header is read and written (BASE-B9)', () => {
  const bytes = changed(
    CAPTURED.announce,
    0,
    '1b1200407f42677ffffffffffffe8000deadbeef0102030405060708fffe123400f9',
  );
  const message = readMessage(bytes);
  if (typeof message === 'string') throw new Error(message);
  assert.equal(message.header, {
    majorSdoId: 1,
    minorVersionPTP: 1,
    domainNumber: 127,
    minorSdoId: 0x42,
    flags: {
      alternateMaster: true,
      twoStep: true,
      unicast: true,
      profileSpecific1: true,
      profileSpecific2: true,
      security: false,
      leap61: true,
      leap59: true,
      currentUtcOffsetValid: true,
      ptpTimescale: true,
      timeTraceable: true,
      frequencyTraceable: true,
      synchronizationUncertain: true,
    },
    correctionField: -98304n, // −1.5 ns
    messageTypeSpecific: 0xdeadbeef,
    sourcePortIdentity: { clockIdentity: '010203.0405.060708', portNumber: 0xfffe },
    sequenceId: 0x1234,
    controlField: 0,
    logMessageInterval: -7,
  });
  assert.is(toHex(writeMessage(message)), toHex(bytes));
});

test('each flag is the bit WIRE §2.3 says', () => {
  const bits: [keyof typeof NO_FLAGS, number][] = [
    ['alternateMaster', 0x0100],
    ['twoStep', 0x0200],
    ['unicast', 0x0400],
    ['profileSpecific1', 0x2000],
    ['profileSpecific2', 0x4000],
    ['security', 0x8000],
    ['leap61', 0x0001],
    ['leap59', 0x0002],
    ['currentUtcOffsetValid', 0x0004],
    ['ptpTimescale', 0x0008],
    ['timeTraceable', 0x0010],
    ['frequencyTraceable', 0x0020],
    ['synchronizationUncertain', 0x0040],
  ];
  for (const [name, bit] of bits) {
    const bytes = changed(CAPTURED.sync, 6, bit.toString(16).padStart(4, '0'));
    const message = readMessage(bytes);
    if (typeof message === 'string') throw new Error(message);
    assert.equal(message.header.flags, { ...NO_FLAGS, [name]: true });
    assert.is(toHex(writeMessage(message)), toHex(bytes));
  }
});

test('correctionField keeps all 64 bits, both signs (BASE-B7)', () => {
  for (const [octets, correction] of [
    ['7fffffffffffffff', 2n ** 63n - 1n],
    ['8000000000000000', -(2n ** 63n)],
    ['ffffffffffffffff', -1n],
    ['0000000080000000', 2n ** 31n],
    ['0000000100000000', 2n ** 32n],
    ['ffffffff00000000', -(2n ** 32n)],
  ] as const) {
    const bytes = changed(CAPTURED.sync, 8, octets);
    const message = readMessage(bytes);
    if (typeof message === 'string') throw new Error(message);
    assert.is(message.header.correctionField, correction);
    assert.is(toHex(writeMessage(message)), toHex(bytes));
  }
});

test('octets past messageLength are ignored: padding over IPv6 and anything else (BASE-B8)', () => {
  for (const tail of ['0000', '00', 'ffffff', '0004ffff', '00040007aabbccddee']) {
    assert.equal(readMessage(fromHex(CAPTURED.sync + tail)), read(CAPTURED.sync));
    assert.equal(readMessage(fromHex(CAPTURED.grant + tail)), read(CAPTURED.grant));
  }
  const padded = writeMessage(read(CAPTURED.sync), IPV6_PADDING);
  assert.is(toHex(padded), `${CAPTURED.sync}0000`);
});

test('versions: any minor of 2 is read, others are a fault (BASE-B9)', () => {
  for (let version = 0; version < 256; version++) {
    const bytes = changed(CAPTURED.sync, 1, version.toString(16).padStart(2, '0'));
    if ((version & 0xf) === 2) assert.is(typeof readMessage(bytes), 'object');
    else assert.is(fault(bytes), 'version');
  }
});

test('reserved message types are a fault, whatever else is right', () => {
  for (let code = 0; code < 16; code++) {
    const bytes = changed(CAPTURED.announce, 0, `0${code.toString(16)}`);
    if (messageTypeOf(code) === undefined) assert.is(fault(bytes), 'message-type');
    else assert.is.not(readMessage(bytes), 'message-type');
  }
});

test('messageLength may not exceed the datagram nor be too short for the type (BASE-B8)', () => {
  for (const [name, hex] of Object.entries(CAPTURED)) {
    const { type } = MEANING[name as keyof typeof CAPTURED];
    const length = hex.length / 2;
    const set = (value: number) => changed(hex, 2, value.toString(16).padStart(4, '0'));
    for (const value of [0, 33, MESSAGE_TYPES[type].bytes - 1, length + 1, 0xffff]) {
      assert.is(fault(set(value)), 'length', `${name}: ${value}`);
    }
  }
});

test('a second of nanoseconds is no timestamp', () => {
  for (const hex of [CAPTURED.sync, CAPTURED.delayReq, CAPTURED.followUp, CAPTURED.delayResp]) {
    assert.is(fault(changed(hex, 40, '3b9aca00')), 'timestamp'); // 10^9
    assert.is(fault(changed(hex, 40, 'ffffffff')), 'timestamp');
    assert.is(typeof readMessage(changed(hex, 40, '3b9ac9ff')), 'object'); // 10^9 − 1
  }
});

test('all 48 bits of seconds are kept', () => {
  const bytes = changed(CAPTURED.followUp, 34, 'fffefdfcfbfa');
  const message = readMessage(bytes);
  if (typeof message === 'string' || message.type !== 'Follow_Up') throw new Error('no Follow_Up');
  assert.is(message.preciseOriginTimestamp.seconds, 0xfffefdfcfbfa);
  assert.is(toHex(writeMessage(message)), toHex(bytes));
});

test('a negative currentUtcOffset keeps its sign', () => {
  const message = readMessage(changed(CAPTURED.announce, 44, 'fffe'));
  if (typeof message === 'string' || message.type !== 'Announce') throw new Error('no Announce');
  assert.is(message.currentUtcOffset, -2);
});

test('management actions: five are known, the others are a fault', () => {
  const actions = ['GET', 'SET', 'RESPONSE', 'COMMAND', 'ACKNOWLEDGE'];
  for (let code = 0; code < 16; code++) {
    const message = readMessage(changed(CAPTURED.defaultDataSet, 46, `f${code.toString(16)}`));
    if (code > 4) assert.is(message, 'action');
    else if (typeof message === 'string' || message.type !== 'Management') throw new Error('fault');
    else assert.is(message.action, actions[code]);
  }
});

test('a message may carry any TLV: a Sync and a Follow_Up as well', () => {
  const bytes = changed(`${CAPTURED.followUp}00080008da9721fffeb7c4d9`, 2, '0038');
  const message = readMessage(bytes);
  if (typeof message === 'string') throw new Error(message);
  assert.equal(message.tlvs, [{ type: 'PATH_TRACE', pathSequence: [MASTER.clockIdentity] }]);
  assert.is(toHex(writeMessage(message)), toHex(bytes));
});

test('one to three octets that are no TLV inside messageLength are a fault', () => {
  for (const tail of ['00', '0000', '000000']) {
    const length = (44 + tail.length / 2).toString(16).padStart(4, '0');
    assert.is(fault(changed(CAPTURED.sync + tail, 2, length)), 'tlv');
  }
});

test('a created header is what ptp4l sends (WIRE §2.2)', () => {
  for (const message of Object.values(MEANING)) {
    const { sourcePortIdentity, sequenceId, flags, logMessageInterval } = message.header;
    const fields = { sourcePortIdentity, sequenceId, flags, logMessageInterval };
    assert.equal(createHeader(message.type, fields), message.header);
  }
  const source = { sourcePortIdentity: MASTER, sequenceId: 0 };
  assert.equal(createHeader('Sync', { ...source, flags: { unicast: true } }).flags, UNICAST);
  assert.equal(createHeader('Sync', source).flags, NO_FLAGS);
});

test('the timestamp of a one-step Sync can be sealed into the bytes', () => {
  const bytes = writeMessage(read(CAPTURED.sync));
  writeTimestamp(bytes, TIMESTAMP_OFFSET, { seconds: 0x6b00df87, nanoseconds: 5 });
  const message = readMessage(bytes);
  if (typeof message === 'string' || message.type !== 'Sync') throw new Error('no Sync');
  assert.equal(message.originTimestamp, { seconds: 0x6b00df87, nanoseconds: 5 });
});

for (const [type, arbitrary] of Object.entries(MESSAGES)) {
  test(`any ${type} is read as it was written, and cut anywhere never throws (SEC-11)`, () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), (message, cut) => {
        const bytes = writeMessage(message);
        assert.equal(readMessage(bytes), message);
        assert.is(typeof fault(bytes.slice(0, cut % bytes.length)), 'string');
      }),
      { numRuns: 300 },
    );
  });
}

test('what is read does not hang on the bytes it came from', () => {
  const unknown = toHex(changed(`${CAPTURED.sync}7fff00020102`, 2, '0032'));
  for (const hex of [...Object.values(CAPTURED), unknown]) {
    const bytes = fromHex(hex);
    const message = readMessage(bytes);
    bytes.fill(0xff);
    assert.equal(message, read(hex));
  }
});

test.run();

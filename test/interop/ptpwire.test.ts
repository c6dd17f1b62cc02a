/**
 * tshark, an independent reader of PTP, judges what the codec writes: nothing malformed, and every
 * field as it was meant (MP-01, BASE-B9). Needs tshark only: no root, no namespaces.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHeader, type Header, type HeaderFields } from '../../src/ptp/header.ts';
import { MANAGEMENT_IDS, managementErrorTlv, managementTlv } from '../../src/ptp/management.ts';
import {
  IPV6_PADDING,
  MANAGEMENT_ACTIONS,
  type Management,
  type Message,
  writeMessage,
} from '../../src/ptp/message.ts';
import type { Tlv } from '../../src/ptp/tlv.ts';
import { MESSAGE_TYPES, type MessageType } from '../../src/ptp/types.ts';
import { fromHex } from '../ntp/wire.ts';
import { MESSAGES } from '../ptp/arbitrary.ts';
import { DATA_SETS } from '../ptp/datasets.ts';
import { CAPTURED } from '../ptp/wire.ts';
import { type FilePacket, pcapFile } from './pcap.ts';

/** What tshark shall show in a field: a number or flag, a text, or several of them in order. */
type Shown = number | bigint | boolean | string | readonly (number | bigint | string)[];
type Expected = Readonly<Record<string, Shown>>;

const test = suite('ptp wire (tshark)');
const version = spawnSync('tshark', ['-v'], { encoding: 'utf8' });
const available = version.status === 0;
if (!available && process.env.CLOCKBRAID_INTEROP !== 'required') {
  process.stderr.write('\n== tshark is missing: PTP WIRE TESTS ARE SKIPPED (apt install tshark)\n');
}
const judged = (title: string, body: () => void): void => {
  if (available || process.env.CLOCKBRAID_INTEROP === 'required') test(title, body);
  else test.skip(title);
};

const tshark = (args: readonly string[]): string => {
  const run = spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`tshark ${args.join(' ')}: ${run.stderr}`);
  return run.stdout;
};
const CHECKED = ['-n', '-o', 'udp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];

/** Values of `fields` in every packet, after tshark found nothing to complain of. */
function shown(packets: readonly FilePacket[], fields: readonly string[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'cb-ptpwire-'));
  try {
    const file = join(folder, 'packets.pcap');
    writeFileSync(file, pcapFile(packets));
    const columns = (names: readonly string[]) => names.flatMap((name) => ['-e', name]);
    const read = [...CHECKED, '-r', file, '-T', 'fields', '-E', 'separator=/t'];
    const wrong = ['-Y', '_ws.malformed || _ws.expert.severity >= "Warning" || !ptp'];
    assert.is(tshark([...read, ...wrong, ...columns(['frame.number', '_ws.expert.message'])]), '');
    const lines = tshark([...read, ...columns(fields)]).split('\n');
    assert.is(lines.length, packets.length + 1);
    return lines.slice(0, -1).map((line) => line.split('\t'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lets tshark judge messages and compares every expected field. */
function judge(messages: readonly { message: Message; expected: Expected }[]): void {
  const all = messages.map(({ message, expected }) => ({
    message,
    expected: { ...headerShown(message), ...expected },
  }));
  const fields = [...new Set(all.flatMap(({ expected }) => Object.keys(expected)))];
  const rows = shown(
    all.map(({ message }) => packetOf(message)),
    fields,
  );
  for (const [n, { message, expected }] of all.entries()) {
    for (const [name, want] of Object.entries(expected)) {
      const text = rows[n]?.[fields.indexOf(name)] ?? '';
      const wanted = Array.isArray(want) ? want : [want];
      const got = text === '' ? [] : text.split(',');
      const same = got.length === wanted.length && wanted.every((one, k) => agrees(got[k], one));
      assert.ok(same, `${message.type} ${n}: ${name} is ${text}, not ${wanted.join(',')}`);
    }
  }
}

function agrees(text: string | undefined, want: number | bigint | boolean | string): boolean {
  if (text === undefined) return false;
  if (typeof want === 'string') return text === want;
  if (typeof want === 'boolean') return (text === '1' || text === 'True') === want;
  if (typeof want === 'bigint' || Number.isInteger(want)) return BigInt(text) === BigInt(want);
  return Math.abs(Number(text) - want) < 1e-9; // printed with 15 digits; steps of 2^-16 stay apart
}

function packetOf(message: Message, ipv6 = false): FilePacket {
  const port = MESSAGE_TYPES[message.type].event ? 319 : 320;
  return {
    src: ipv6 ? 'fd00::1' : '192.0.2.1',
    dst: ipv6 ? 'fd00::2' : '192.0.2.2',
    sport: port,
    dport: port,
    payload: writeMessage(message, ipv6 ? IPV6_PADDING : 0),
  };
}

/** A clockIdentity as the number tshark prints. */
const identity = (text: string): bigint => BigInt(`0x${text.replaceAll('.', '')}`);
/** Whole ns, modulo 2^64, of a TimeInterval, and the rest; tshark splits them so. */
const wholeNs = (interval: bigint): bigint => BigInt.asUintN(64, interval >> 16n);
const subNs = (interval: bigint): number => Number(BigInt.asUintN(16, interval)) / 65536;

function headerShown({ type, header }: Message): Expected {
  const { flags } = header;
  return {
    'ptp.v2.messagetype': MESSAGE_TYPES[type].code,
    'ptp.v2.majorsdoid': header.majorSdoId,
    'ptp.v2.minorversionptp': header.minorVersionPTP,
    'ptp.v2.versionptp': 2,
    'ptp.v2.domainnumber': header.domainNumber,
    'ptp.v2.minorsdoid': header.minorSdoId,
    'ptp.v2.flags.alternatemaster': flags.alternateMaster,
    'ptp.v2.flags.twostep': flags.twoStep,
    'ptp.v2.flags.unicast': flags.unicast,
    'ptp.v2.flags.specific1': flags.profileSpecific1,
    'ptp.v2.flags.specific2': flags.profileSpecific2,
    'ptp.v2.flags.security': flags.security,
    'ptp.v2.flags.li61': flags.leap61,
    'ptp.v2.flags.li59': flags.leap59,
    'ptp.v2.flags.utcreasonable': flags.currentUtcOffsetValid,
    'ptp.v2.flags.timescale': flags.ptpTimescale,
    'ptp.v2.flags.timetraceable': flags.timeTraceable,
    'ptp.v2.flags.frequencytraceable': flags.frequencyTraceable,
    'ptp.v2.flags.synchronizationUncertain': flags.synchronizationUncertain,
    'ptp.v2.correction.ns': wholeNs(header.correctionField),
    'ptp.v2.correction.subns': subNs(header.correctionField),
    'ptp.v2.messagetypespecific': header.messageTypeSpecific,
    'ptp.v2.clockidentity': identity(header.sourcePortIdentity.clockIdentity),
    'ptp.v2.sourceportid': header.sourcePortIdentity.portNumber,
    'ptp.v2.sequenceid': header.sequenceId,
    'ptp.v2.controlfield': header.controlField,
    'ptp.v2.logmessageperiod': header.logMessageInterval,
  };
}

/** Body fields, by the names tshark has for them. */
function bodyShown(message: Message): Expected {
  const time = (prefix: string, at: { seconds: number; nanoseconds: number }): Expected => ({
    [`${prefix}.seconds`]: at.seconds,
    [`${prefix}.nanoseconds`]: at.nanoseconds,
  });
  const port = (names: [string, string], at: Header['sourcePortIdentity']): Expected => ({
    [names[0]]: identity(at.clockIdentity),
    [names[1]]: at.portNumber,
  });
  const pdelay = (kind: string): [string, string] => [
    `ptp.v2.${kind}.requestingportidentity`,
    `ptp.v2.${kind}.requestingsourceportid`,
  ];
  switch (message.type) {
    case 'Sync':
    case 'Delay_Req':
      return time('ptp.v2.sdr.origintimestamp', message.originTimestamp);
    case 'Pdelay_Req':
      return time('ptp.v2.pdrq.origintimestamp', message.originTimestamp);
    case 'Follow_Up':
      return time('ptp.v2.fu.preciseorigintimestamp', message.preciseOriginTimestamp);
    case 'Delay_Resp': {
      const base = 'ptp.v2.dr.requestingsourceport';
      return {
        ...time('ptp.v2.dr.receivetimestamp', message.receiveTimestamp),
        ...port([`${base}identity`, `${base}id`], message.requestingPortIdentity),
      };
    }
    case 'Pdelay_Resp':
      return {
        ...time('ptp.v2.pdrs.requestreceipttimestamp', message.requestReceiptTimestamp),
        ...port(pdelay('pdrs'), message.requestingPortIdentity),
      };
    case 'Pdelay_Resp_Follow_Up':
      return {
        ...time('ptp.v2.pdfu.responseorigintimestamp', message.responseOriginTimestamp),
        ...port(pdelay('pdfu'), message.requestingPortIdentity),
      };
    case 'Announce': {
      const quality = message.grandmasterClockQuality;
      return {
        ...time('ptp.v2.an.origintimestamp', message.originTimestamp),
        'ptp.v2.an.origincurrentutcoffset': message.currentUtcOffset,
        'ptp.v2.an.priority1': message.grandmasterPriority1,
        'ptp.v2.an.grandmasterclockclass': quality.clockClass,
        'ptp.v2.an.grandmasterclockaccuracy': quality.clockAccuracy,
        'ptp.v2.an.grandmasterclockvariance': quality.offsetScaledLogVariance,
        'ptp.v2.an.priority2': message.grandmasterPriority2,
        'ptp.v2.an.grandmasterclockidentity': identity(message.grandmasterIdentity),
        'ptp.v2.an.localstepsremoved': message.stepsRemoved,
        'ptp.v2.timesource': message.timeSource,
      };
    }
    case 'Signaling': {
      const base = 'ptp.v2.sig.targetport';
      return port([`${base}identity`, `${base}id`], message.targetPortIdentity);
    }
    case 'Management': {
      const base = 'ptp.v2.mm.targetport';
      return {
        ...port([`${base}identity`, `${base}id`], message.targetPortIdentity),
        'ptp.v2.mm.startingboundaryhops': message.startingBoundaryHops,
        'ptp.v2.mm.boundaryhops': message.boundaryHops,
        'ptp.v2.mm.action': MANAGEMENT_ACTIONS.indexOf(message.action),
      };
    }
  }
}

const SOURCE = { clockIdentity: 'aabbcc.fffe.ddeeff', portNumber: 1 };
const TARGET = { clockIdentity: '010203.fffe.040506', portNumber: 2 };
const fields: HeaderFields = {
  sourcePortIdentity: SOURCE,
  sequenceId: 7,
  flags: { unicast: true },
};

const signaling = (...tlvs: Tlv[]): Message => ({
  type: 'Signaling',
  header: createHeader('Signaling', fields),
  targetPortIdentity: TARGET,
  tlvs,
});
const management = (tlv: Tlv): Management => ({
  type: 'Management',
  header: createHeader('Management', fields),
  targetPortIdentity: TARGET,
  startingBoundaryHops: 3,
  boundaryHops: 1,
  action: 'RESPONSE',
  tlvs: [tlv],
});

/** 802.1AS (majorSdoId 1) has tshark read other things; a Management message needs its TLV. */
const samples = (type: MessageType): Message[] =>
  fc.sample(MESSAGES[type], { numRuns: 60, seed: 588 }).map((message) => {
    const header = { ...message.header, majorSdoId: 0 };
    const nothing = managementTlv({ id: 'NULL_MANAGEMENT', value: null });
    return { ...message, header, tlvs: type === 'Management' ? [nothing] : [] };
  });

for (const type of Object.keys(MESSAGE_TYPES) as MessageType[]) {
  judged(`every field of 60 random ${type} messages is what tshark reads (MP-01)`, () => {
    judge(samples(type).map((message) => ({ message, expected: bodyShown(message) })));
  });
}

judged('messages over IPv6 with their two octets of padding draw no complaint', () => {
  const messages = (Object.keys(MESSAGE_TYPES) as MessageType[]).flatMap(samples);
  const rows = shown(
    messages.map((message) => packetOf(message, true)),
    ['ptp.v2.messagelength', 'udp.length'],
  );
  for (const [messageLength, udpLength] of rows) {
    assert.is(Number(udpLength), 8 + Number(messageLength) + 2);
  }
});

judged('tshark has nothing to complain of in the captures either', () => {
  const packets = Object.values(CAPTURED).map((hex): FilePacket => {
    const payload = fromHex(hex);
    const port = ((payload[0] ?? 0) & 0xf) < 8 ? 319 : 320;
    return { src: '192.0.2.1', dst: '192.0.2.2', sport: port, dport: port, payload };
  });
  shown(packets, ['ptp.v2.messagetype']);
});

judged('unicast negotiation is read as it was meant (PTP-S07)', () => {
  const tlv = 'ptp.v2.sig.tlv';
  const ask = { logInterMessagePeriod: -3, durationField: 300 };
  const request = (messageType: number): Tlv => ({
    type: 'REQUEST_UNICAST_TRANSMISSION',
    messageType,
    ...ask,
  });
  const grant = (renewalInvited: boolean): Tlv => ({
    type: 'GRANT_UNICAST_TRANSMISSION',
    messageType: 9,
    ...ask,
    renewalInvited,
  });
  const end = { messageType: 0, maintainRequest: false, maintainGrant: false };
  judge([
    {
      message: signaling(request(0xb), request(0), request(9)),
      expected: {
        [`${tlv}.tlvType`]: [4, 4, 4],
        [`${tlv}.lengthField`]: [6, 6, 6],
        [`${tlv}.messageType`]: [0xb, 0, 9],
        [`${tlv}.logInterMessagePeriod`]: [-3, -3, -3],
        [`${tlv}.durationField`]: [300, 300, 300],
      },
    },
    ...[true, false].map((renewalInvited) => ({
      message: signaling(grant(renewalInvited)),
      expected: {
        [`${tlv}.tlvType`]: 5,
        [`${tlv}.lengthField`]: 8,
        [`${tlv}.messageType`]: 9,
        [`${tlv}.logInterMessagePeriod`]: -3,
        [`${tlv}.durationField`]: 300,
        [`${tlv}.renewalInvited`]: renewalInvited,
      },
    })),
    {
      message: signaling({ type: 'CANCEL_UNICAST_TRANSMISSION', ...end }),
      expected: { [`${tlv}.tlvType`]: 6, [`${tlv}.lengthField`]: 2, [`${tlv}.messageType`]: 0 },
    },
    {
      message: signaling({ type: 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION', ...end }),
      expected: { [`${tlv}.tlvType`]: 7, [`${tlv}.lengthField`]: 2, [`${tlv}.messageType`]: 0 },
    },
  ]);
});

judged('TLVs of an Announce are read as they were meant', () => {
  const [announce] = samples('Announce');
  if (announce === undefined) throw new Error('no sample');
  judge([
    {
      message: {
        ...announce,
        tlvs: [{ type: 'PATH_TRACE', pathSequence: [SOURCE, TARGET].map((p) => p.clockIdentity) }],
      },
      expected: {
        'ptp.v2.an.tlvType': 8,
        'ptp.v2.an.lengthField': 16,
        'ptp.v2.an.pathsequence': [SOURCE, TARGET].map((p) => identity(p.clockIdentity)),
      },
    },
    {
      message: {
        ...announce,
        tlvs: [
          {
            type: 'ORGANIZATION_EXTENSION',
            organizationId: 0x00005e,
            organizationSubType: 0x010203,
            dataField: fromHex('abcd'),
          },
          { type: 'OTHER', tlvType: 0x7fff, bytes: fromHex('0102') },
          { type: 'PAD', length: 2 },
        ],
      },
      expected: {
        'ptp.v2.an.tlvType': [3, 0x7fff, 0x8008],
        'ptp.v2.an.lengthField': [8, 2, 2],
        'ptp.v2.an.oe.organizationId': 0x00005e,
        'ptp.v2.an.oe.organizationSubType': 0x010203,
        'ptp.v2.an.oe.dataField': 'abcd',
      },
    },
  ]);
});

judged('every data set is read as it was meant', () => {
  const mm = 'ptp.v2.mm';
  const time = (name: string, interval: bigint): Expected => ({
    [`${mm}.${name}.ns`]: wholeNs(interval),
    [`${mm}.${name}.subns`]: subNs(interval),
  });
  /** What tshark shall show of each, from the words of test/ptp/datasets.ts. */
  const meant: Record<string, Expected> = {
    CLOCK_DESCRIPTION: {
      [`${mm}.clockType`]: 0x8000,
      [`${mm}.physicalLayerProtocol`]: ['IEEE 802.3', 'IEEE 802.3'],
      [`${mm}.physicalAddress`]: 'da9721b7c4d9',
      [`${mm}.networkProtocol`]: 1,
      [`${mm}.protocolAddress`]: ['0a4d0001', '0a4d0001'],
      [`${mm}.manufacturerIdentity`]: '000000',
      [`${mm}.productDescription`]: [';;', ';;'],
      [`${mm}.revisionData`]: [';;', ';;'],
      [`${mm}.profileIdentity`]: '001b19000100',
    },
    DEFAULT_DATA_SET: {
      [`${mm}.twoStep`]: true,
      [`${mm}.SlavOnly`]: false,
      [`${mm}.numberPorts`]: 1,
      [`${mm}.priority1`]: 10,
      [`${mm}.clockclass`]: 248,
      [`${mm}.clockaccuracy`]: 0xfe,
      [`${mm}.clockvariance`]: 0xffff,
      [`${mm}.priority2`]: 128,
      [`${mm}.clockidentity`]: 0xda9721fffeb7c4d9n,
      [`${mm}.domainNumber`]: 0,
    },
    CURRENT_DATA_SET: {
      [`${mm}.stepsRemoved`]: 1,
      ...time('offset', -98304n),
      ...time('pathDelay', 3_211_247_616n),
    },
    PARENT_DATA_SET: {
      [`${mm}.parentclockidentity`]: 0xda9721fffeb7c4d9n,
      [`${mm}.parentsourceportid`]: 1,
      [`${mm}.parentstats`]: false,
      [`${mm}.observedParentOffsetScaledLogVariance`]: 0xffff,
      [`${mm}.observedParentClockPhaseChangeRate`]: 0x7fffffff,
      [`${mm}.grandmasterPriority1`]: 10,
      [`${mm}.grandmasterclockclass`]: 248,
      [`${mm}.grandmasterclockaccuracy`]: 0xfe,
      [`${mm}.grandmasterclockvariance`]: 0xffff,
      [`${mm}.grandmasterPriority2`]: 128,
      [`${mm}.grandmasterclockidentity`]: 0xda9721fffeb7c4d9n,
    },
    TIME_PROPERTIES_DATA_SET: {
      [`${mm}.currentutcoffset`]: 37,
      [`${mm}.li61`]: false,
      [`${mm}.li59`]: false,
      [`${mm}.CurrentUTCOffsetValid`]: true,
      [`${mm}.ptptimescale`]: true,
      [`${mm}.timeTraceable`]: true,
      [`${mm}.frequencyTraceable`]: true,
      [`${mm}.timesource`]: 0xa0,
    },
    PORT_DATA_SET: {
      [`${mm}.clockidentity`]: 0xda9721fffeb7c4d9n,
      [`${mm}.PortNumber`]: 1,
      [`${mm}.portState`]: 9,
      [`${mm}.logMinDelayReqInterval`]: -3,
      ...time('peerMeanPathDelay', 65536n),
      [`${mm}.logAnnounceInterval`]: 1,
      [`${mm}.announceReceiptTimeout`]: 3,
      [`${mm}.logSyncInterval`]: 0,
      [`${mm}.delayMechanism`]: 1,
      [`${mm}.logMinPdelayReqInterval`]: -7,
      [`${mm}.versionNumber`]: 2,
    },
    PRIORITY1: { [`${mm}.priority1`]: 128 },
    PRIORITY2: { [`${mm}.priority2`]: 255 },
    DOMAIN: { [`${mm}.domainNumber`]: 24 },
    SLAVE_ONLY: { [`${mm}.SlavOnly`]: true },
    LOG_ANNOUNCE_INTERVAL: { [`${mm}.logAnnounceInterval`]: 1 },
    ANNOUNCE_RECEIPT_TIMEOUT: { [`${mm}.announceReceiptTimeout`]: 3 },
    LOG_SYNC_INTERVAL: { [`${mm}.logSyncInterval`]: -7 },
    VERSION_NUMBER: { [`${mm}.versionNumber`]: 2 },
    CLOCK_ACCURACY: { [`${mm}.clockaccuracy`]: 0xfe },
    UTC_PROPERTIES: {
      [`${mm}.currentutcoffset`]: 37,
      [`${mm}.li61`]: true,
      [`${mm}.li59`]: false,
      [`${mm}.CurrentUTCOffsetValid`]: true,
    },
    TRACEABILITY_PROPERTIES: {
      [`${mm}.timeTraceable`]: false,
      [`${mm}.frequencyTraceable`]: true,
    },
    TIMESCALE_PROPERTIES: { [`${mm}.ptptimescale`]: true, [`${mm}.timesource`]: 0x50 },
    UNICAST_NEGOTIATION_ENABLE: { [`${mm}.unicastEnable`]: true },
    DELAY_MECHANISM: { [`${mm}.delayMechanism`]: 0xfe },
    LOG_MIN_PDELAY_REQ_INTERVAL: { [`${mm}.logMinPdelayReqInterval`]: -1 },
    USER_DESCRIPTION: {},
    NULL_MANAGEMENT: {},
    TIME_STATUS_NP: {}, // linuxptp's own, tshark knows it not
  };
  judge(
    DATA_SETS.map(([hex, data]) => {
      const expected = meant[data.id];
      if (expected === undefined) throw new Error(`nothing is said about ${data.id}`);
      return {
        message: management(managementTlv(data)),
        expected: {
          [`${mm}.tlvType`]: 1,
          [`${mm}.lengthField`]: hex.length / 2,
          [`${mm}.managementId`]: MANAGEMENT_IDS[data.id],
          ...expected,
        },
      };
    }),
  );
});

judged('a management error is read as it was meant, text and all', () => {
  const mm = 'ptp.v2.mm';
  judge([
    {
      message: management(managementErrorTlv('NOT_SUPPORTED', MANAGEMENT_IDS.PRIORITY1)),
      expected: {
        [`${mm}.tlvType`]: 2,
        [`${mm}.lengthField`]: 8,
        [`${mm}.managementErrorId`]: 6,
        [`${mm}.managementId`]: 0x2005,
      },
    },
    {
      message: management(managementErrorTlv('WRONG_VALUE', MANAGEMENT_IDS.DOMAIN, 'no')),
      expected: {
        [`${mm}.lengthField`]: 12,
        [`${mm}.managementErrorId`]: 4,
        [`${mm}.displayData`]: ['no', 'no'],
      },
    },
  ]);
});

judged('managementIds have the names tshark knows', () => {
  const lines = tshark(['-G', 'values']).split('\n');
  const theirs = lines.flatMap((line) => {
    const [kind, field, code, name] = line.split('\t');
    return kind === 'V' && field === 'ptp.v2.mm.managementId' ? [[name, Number(code)]] : [];
  });
  assert.ok(theirs.length > 40, `${theirs.length} ids`);
  const { TIME_STATUS_NP, ...ours } = MANAGEMENT_IDS;
  assert.is(TIME_STATUS_NP, 0xc000);
  assert.equal(Object.fromEntries(theirs), ours);
});

test.run();

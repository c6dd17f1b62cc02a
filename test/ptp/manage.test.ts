import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Output } from '../../src/machine.ts';
import { createDatasets, createDefaultDS, type Datasets } from '../../src/ptp/dataset.ts';
import { PROFILE_IDENTITIES } from '../../src/ptp/description.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { ALL_CLOCKS, ALL_PORTS, type PortIdentity } from '../../src/ptp/identity.ts';
import type { Incoming } from '../../src/ptp/incoming.ts';
import {
  type Agent,
  type AgentConfig,
  answerManagement,
  createAgent,
} from '../../src/ptp/manage.ts';
import {
  MANAGEMENT_ERRORS,
  MANAGEMENT_IDS,
  type ManagementData,
  type ManagementName,
  readManagement,
} from '../../src/ptp/management.ts';
import {
  type Management,
  type ManagementAction,
  readMessage,
  writeMessage,
} from '../../src/ptp/message.ts';
import { createPortDS } from '../../src/ptp/portds.ts';
import type { Tlv } from '../../src/ptp/tlv.ts';
import { stamp, tick } from '../../src/units.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import {
  GROUP,
  LOCAL,
  MASTER,
  only,
  PTP4L_TIME,
  REMOTE,
  read,
  S,
  SLAVE,
  TAI,
} from './masterrig.ts';
import { CAPTURED } from './wire.ts';

const test = suite('ptp management answers');

const createSets = (over: Partial<Parameters<typeof createDefaultDS>[0]> = {}): Datasets =>
  createDatasets(
    createDefaultDS({ clockIdentity: MASTER.clockIdentity, priority1: 10, ...over }),
    PTP4L_TIME,
  );

const ABOUT = {
  productDescription: ';;',
  revisionData: ';;',
  userDescription: '',
  manufacturerIdentity: 0,
  physicalAddress: fromHex('da9721b7c4d9'),
  profileIdentity: PROFILE_IDENTITIES.defaultE2E,
  unicastNegotiation: true,
};

function agentOf(over: Partial<AgentConfig> = {}): Agent {
  const portDS = createPortDS(MASTER);
  portDS.portState = 'MASTER';
  const sets = createSets();
  return createAgent({ sets, portSets: [portDS], about: ABOUT, nowNs: tick(0), ...over });
}

/** A boundary clock: slave on port 1, master on port 2. */
function boundary(): Agent {
  const ports = [1, 2].map((portNumber) => createPortDS({ ...MASTER, portNumber }));
  ports.forEach((portDS, n) => {
    portDS.portState = n === 0 ? 'SLAVE' : 'MASTER';
  });
  return agentOf({ sets: createSets({ numberPorts: 2 }), portSets: ports });
}

interface Request {
  action?: ManagementAction;
  target?: PortIdentity;
  starting?: number;
  hops?: number;
  dataField?: Uint8Array;
  tlvs?: Tlv[];
  domainNumber?: number;
  majorSdoId?: number;
}

const requestOf = (managementId: number, over: Request = {}): Management => {
  const { domainNumber = 0, majorSdoId = 0, dataField = new Uint8Array(0) } = over;
  const header = createHeader('Management', {
    sourcePortIdentity: SLAVE,
    sequenceId: 3,
    domainNumber,
    majorSdoId,
  });
  return {
    type: 'Management',
    header,
    targetPortIdentity: over.target ?? ALL_PORTS,
    startingBoundaryHops: over.starting ?? 0,
    boundaryHops: over.hops ?? 0,
    action: over.action ?? 'GET',
    tlvs: over.tlvs ?? [{ type: 'MANAGEMENT', managementId, dataField }],
  };
};

const INCOMING: Incoming & { ingress: PortIdentity } = {
  local: { ip: LOCAL, port: 320 },
  remote: { ip: REMOTE, port: 320 },
  receivedAtNs: stamp(0),
  group: GROUP, // pmc always multicasts
  ingress: MASTER,
};

/** Through the wire both ways, as pmc would see it. */
const ask = (agent: Agent, request: Management, over: Partial<typeof INCOMING> = {}, atS = 0) => {
  const asked = read(writeMessage(request));
  if (asked.type !== 'Management') throw new Error(asked.type);
  return answerManagement(agent, asked, { ...INCOMING, ...over }, tick(atS * S));
};

const answers = (outputs: readonly Output[]): Management[] =>
  outputs.map((output) => {
    if (output.type !== 'transmit') throw new Error(JSON.stringify(output));
    const message = read(output.bytes);
    if (message.type !== 'Management') throw new Error(message.type);
    return message;
  });

const dataOf = (message: Management): ManagementData => {
  const tlv = only(message.tlvs);
  if (tlv.type !== 'MANAGEMENT') throw new Error(`an error: ${JSON.stringify(tlv)}`);
  const data = readManagement(tlv);
  if (typeof data === 'string') throw new Error(data);
  return data;
};
const get = (agent: Agent, id: ManagementName, over: Request = {}): ManagementData =>
  dataOf(only(answers(ask(agent, requestOf(MANAGEMENT_IDS[id], over)))));
const octets = (agent: Agent, id: ManagementName): string => {
  const { tlvs } = only(answers(ask(agent, requestOf(MANAGEMENT_IDS[id]))));
  const tlv = only(tlvs);
  return tlv.type === 'MANAGEMENT' ? toHex(tlv.dataField) : tlv.type;
};
const errorOf = (outputs: readonly Output[]): string => {
  const tlv = only(only(answers(outputs)).tlvs);
  if (tlv.type !== 'MANAGEMENT_ERROR_STATUS') return tlv.type;
  const names = Object.entries(MANAGEMENT_ERRORS);
  const [name] = names.find(([, value]) => value === tlv.managementErrorId) ?? [];
  return `${name} ${tlv.managementId.toString(16)}`;
};
const reason = (outputs: readonly Output[]): string =>
  outputs.map((one) => (one.type === 'drop' ? one.reason : one.type)).join();

test('pmc’s GET DEFAULT_DATA_SET is answered as by ptp4l, but by unicast (WIRE §2.8, EP-112)', () => {
  const request = read(fromHex(CAPTURED.getDefaultDataSet));
  if (request.type !== 'Management') throw new Error(request.type);
  const output = only(answerManagement(agentOf(), request, INCOMING, tick(0)));
  if (output.type !== 'transmit') throw new Error(output.type);
  assert.equal(
    [output.from, output.to],
    [
      { ip: LOCAL, port: 320 },
      { ip: REMOTE, port: 320 },
    ],
  );
  const expected = fromHex(CAPTURED.defaultDataSet);
  expected[6] = 0x04;
  assert.is(toHex(output.bytes), toHex(expected));
});

test('CLOCK_DESCRIPTION is ptp4l’s octet for octet (WIRE §2.12)', () => {
  const outputs = ask(agentOf(), requestOf(MANAGEMENT_IDS.CLOCK_DESCRIPTION));
  const [message] = answers(outputs);
  assert.equal(message?.tlvs, (read(fromHex(CAPTURED.clockDescription)) as Management).tlvs);
});

test('every data set of a grandmaster, octet by octet (BASE-B4, WIRE §2.8)', () => {
  const agent = agentOf();
  const own = 'da9721fffeb7c4d9';
  const expected: [ManagementName, string][] = [
    ['NULL_MANAGEMENT', ''],
    ['USER_DESCRIPTION', '0000'],
    ['DEFAULT_DATA_SET', `010000010af8feffff80${own}0000`],
    ['CURRENT_DATA_SET', '00'.repeat(18)],
    ['PARENT_DATA_SET', `${own}00000000ffff7fffffff0af8feffff80${own}`],
    ['TIME_PROPERTIES_DATA_SET', '002500a0'],
    ['PORT_DATA_SET', `${own}000106000000000000000000010300010002`],
    ['PRIORITY1', '0a00'],
    ['PRIORITY2', '8000'],
    ['DOMAIN', '0000'],
    ['SLAVE_ONLY', '0000'],
    ['LOG_ANNOUNCE_INTERVAL', '0100'],
    ['ANNOUNCE_RECEIPT_TIMEOUT', '0300'],
    ['LOG_SYNC_INTERVAL', '0000'],
    ['VERSION_NUMBER', '0200'],
    ['CLOCK_ACCURACY', 'fe00'],
    ['UTC_PROPERTIES', '00250000'],
    ['TRACEABILITY_PROPERTIES', '0000'],
    ['TIMESCALE_PROPERTIES', '00a0'],
    ['UNICAST_NEGOTIATION_ENABLE', '0100'],
    ['DELAY_MECHANISM', '0100'],
    ['LOG_MIN_PDELAY_REQ_INTERVAL', '0000'],
    ['TIME_STATUS_NP', `${'00'.repeat(42)}${own}`],
  ];
  for (const [id, hex] of expected) assert.is(octets(agent, id), hex, id);
  const answered = new Set<string>(expected.map(([id]) => id).concat('CLOCK_DESCRIPTION'));
  for (const [name, managementId] of Object.entries(MANAGEMENT_IDS)) {
    const outputs = ask(agentOf(), requestOf(managementId));
    const isError = errorOf(outputs) !== 'MANAGEMENT';
    assert.is(isError, !answered.has(name), name);
  }
});

test('what a slave knows, field by field; offsets have PTP’s sign (HOUSE §6.2)', () => {
  const agent = boundary();
  const { sets } = agent;
  const gm = '001122.fffe.334455';
  sets.currentDS = { stepsRemoved: 2, offsetFromMasterNs: -1.5, meanPathDelayNs: 48_999.75 };
  sets.parentDS = {
    ...sets.parentDS,
    parentPortIdentity: SLAVE,
    grandmasterPriority1: 1,
    grandmasterPriority2: 2,
    grandmasterClockQuality: { clockClass: 6, clockAccuracy: 0x21, offsetScaledLogVariance: 77 },
    grandmasterIdentity: gm,
  };
  sets.timePropertiesDS = { ...TAI, leap61: true, timeTraceable: true, timeSource: 0x20 };
  agent.lastSyncNs = 1_700_000_000_123_456_789n;
  const [first] = agent.portSets;
  if (first !== undefined) first.peerMeanPathDelayNs = 1.5;
  assert.equal(get(agent, 'CURRENT_DATA_SET').value, {
    stepsRemoved: 2,
    offsetFromMaster: -98_304n,
    meanPathDelay: 3_211_247_616n,
  });
  assert.equal(get(agent, 'PARENT_DATA_SET').value, sets.parentDS);
  assert.equal(get(agent, 'TIME_PROPERTIES_DATA_SET').value, sets.timePropertiesDS);
  assert.equal(get(agent, 'UTC_PROPERTIES').value, {
    currentUtcOffset: 37,
    leap61: true,
    leap59: false,
    currentUtcOffsetValid: true,
  });
  assert.equal(get(agent, 'TRACEABILITY_PROPERTIES').value, {
    timeTraceable: true,
    frequencyTraceable: false,
  });
  assert.equal(get(agent, 'TIMESCALE_PROPERTIES').value, { ptpTimescale: true, timeSource: 0x20 });
  const status = get(agent, 'TIME_STATUS_NP').value as Record<string, unknown>;
  assert.is(status.masterOffset, -1n);
  assert.is(status.ingressTime, 1_700_000_000_123_456_789n);
  assert.is(status.gmPresent, true);
  assert.is(status.gmIdentity, gm);
  const port = get(agent, 'PORT_DATA_SET', { target: { ...MASTER, portNumber: 1 } });
  const value = port.value as Record<string, unknown>;
  assert.is(value.portState, 9);
  assert.is(value.peerMeanPathDelay, 98_304n);
});

test('an offset too large for the field is the largest there is; none is 0', () => {
  const agent = agentOf();
  const offset = (offsetFromMasterNs: number): unknown => {
    agent.sets.currentDS.offsetFromMasterNs = offsetFromMasterNs;
    const { value } = get(agent, 'CURRENT_DATA_SET');
    get(agent, 'TIME_STATUS_NP');
    return (value as { offsetFromMaster: bigint }).offsetFromMaster;
  };
  assert.is(offset(1.7e18), 2n ** 63n - 1n);
  assert.is(offset(-1.7e18), 1n - 2n ** 63n);
  assert.is(offset(Number.POSITIVE_INFINITY), 2n ** 63n - 1n);
  assert.is(offset(Number.NaN), 0n);
});

test('each port answers a wildcard for itself, the clock once, from the port asked (§15.3.1)', () => {
  const agent = boundary();
  const all = answers(ask(agent, requestOf(MANAGEMENT_IDS.PORT_DATA_SET)));
  const seen = all.map((message) => [
    message.header.sourcePortIdentity.portNumber,
    (dataOf(message).value as { portState: number }).portState,
  ]);
  assert.equal(seen, [
    [1, 9],
    [2, 6],
  ]);
  const ingress = { ...MASTER, portNumber: 2 };
  const once = only(answers(ask(agent, requestOf(MANAGEMENT_IDS.DEFAULT_DATA_SET), { ingress })));
  assert.equal(once.header.sourcePortIdentity, ingress);
  assert.is((dataOf(once).value as { numberPorts: number }).numberPorts, 2);
  const described = answers(ask(agent, requestOf(MANAGEMENT_IDS.CLOCK_DESCRIPTION)));
  assert.equal(
    described.map((message) => (dataOf(message).value as { clockType: number }).clockType),
    [0x4000, 0x4000],
  );
});

test('targets: this clock or any, this port or all, nobody else (EP-111, EP-112)', () => {
  const agent = boundary();
  const portsFor = (target: PortIdentity): string => {
    const outputs = ask(agent, requestOf(MANAGEMENT_IDS.PORT_DATA_SET, { target }));
    if (outputs.every(({ type }) => type === 'transmit') && outputs.length > 0) {
      const error = outputs.length === 1 ? errorOf(outputs) : 'MANAGEMENT';
      if (error !== 'MANAGEMENT') return error;
      const ports = answers(outputs).map((one) => one.header.sourcePortIdentity.portNumber);
      return ports.join();
    }
    return reason(outputs);
  };
  const { clockIdentity } = MASTER;
  assert.is(portsFor(ALL_PORTS), '1,2');
  assert.is(portsFor({ clockIdentity, portNumber: 0xffff }), '1,2');
  assert.is(portsFor({ clockIdentity, portNumber: 2 }), '2');
  assert.is(portsFor({ clockIdentity: ALL_CLOCKS, portNumber: 1 }), '1');
  assert.is(portsFor({ clockIdentity, portNumber: 3 }), 'WRONG_VALUE 2004'); // interpretation 21
  assert.is(portsFor({ ...SLAVE, portNumber: 0xffff }), 'target');
});

test('an answer is addressed to the port that asked, under its sequenceId', () => {
  const { header, targetPortIdentity, action } = only(
    answers(ask(agentOf(), requestOf(MANAGEMENT_IDS.PRIORITY1))),
  );
  assert.equal(targetPortIdentity, SLAVE);
  assert.equal(header.sourcePortIdentity, MASTER);
  assert.is(header.sequenceId, 3);
  assert.is(header.logMessageInterval, 0x7f);
  assert.is(header.controlField, 4);
  assert.is(header.flags.unicast, true);
  assert.is(action, 'RESPONSE');
});

test('an answer may take as many boundary hops as the question took', () => {
  const hops = (starting: number, left: number) => {
    const message = only(
      answers(ask(agentOf(), requestOf(MANAGEMENT_IDS.DOMAIN, { starting, hops: left }))),
    );
    return [message.startingBoundaryHops, message.boundaryHops];
  };
  assert.equal(hops(0, 0), [0, 0]);
  assert.equal(hops(5, 3), [2, 2]);
  assert.equal(hops(3, 5), [0, 0]); // no such route
});

test('SET and COMMAND are refused as by ptp4l over UDP, and change nothing (EP-053)', () => {
  const agent = agentOf();
  const before = JSON.stringify([agent.sets, agent.portSets]);
  const dataField = fromHex('0100');
  const set = requestOf(MANAGEMENT_IDS.PRIORITY1, { action: 'SET', dataField });
  const outputs = ask(agent, set);
  const output = only(outputs);
  if (output.type !== 'transmit') throw new Error(output.type);
  assert.is(toHex(output.bytes).slice(2 * 48), CAPTURED.notSupported.slice(2 * 48));
  assert.is(only(answers(outputs)).action, 'RESPONSE');
  for (const [name, managementId] of Object.entries(MANAGEMENT_IDS)) {
    const id = managementId.toString(16);
    for (const action of ['SET', 'COMMAND'] as const) {
      const refused = ask(agentOf(), requestOf(managementId, { action }));
      assert.is(errorOf(refused), `NOT_SUPPORTED ${id}`, `${action} ${name}`);
    }
  }
  const command = requestOf(MANAGEMENT_IDS.DISABLE_PORT, { action: 'COMMAND' });
  assert.is(only(answers(ask(agent, command))).action, 'ACKNOWLEDGE');
  assert.is(JSON.stringify([agent.sets, agent.portSets]), before);
});

test('ids nobody knows and ids not done here are told apart (WIRE §2.8, EP-123)', () => {
  const agent = agentOf();
  assert.is(errorOf(ask(agent, requestOf(0xdead))), 'NO_SUCH_ID dead');
  assert.is(errorOf(ask(agent, requestOf(0xdead, { action: 'SET' }))), 'NO_SUCH_ID dead');
  for (const id of [0x2014 + 4, 0x201a, 0x201b, 0x201d, 0x2017, 0x2021]) {
    assert.is(errorOf(ask(agent, requestOf(id))), `NOT_SUPPORTED ${id.toString(16)}`);
  }
});

test('a GET may carry zeros or nothing (WIRE §2.8)', () => {
  const agent = agentOf();
  for (const length of [0, 2, 18, 20, 46]) {
    const dataField = new Uint8Array(length);
    const { id } = get(agent, 'CURRENT_DATA_SET', { dataField });
    assert.is(id, 'CURRENT_DATA_SET');
  }
});

test('no answer to other domains, sdoIds, answers, odd TLVs and groups as senders (SEC-11)', () => {
  const agent = agentOf();
  const id = MANAGEMENT_IDS.DOMAIN;
  const tlv = { type: 'MANAGEMENT', managementId: id, dataField: new Uint8Array(0) } as const;
  const why = (over: Request): string => reason(ask(agent, requestOf(id, over)));
  assert.is(why({ domainNumber: 1 }), 'domain');
  assert.is(why({ majorSdoId: 1 }), 'sdo');
  assert.is(why({ action: 'RESPONSE' }), 'action');
  assert.is(why({ action: 'ACKNOWLEDGE' }), 'action');
  assert.is(why({ tlvs: [] }), 'tlv');
  assert.is(why({ tlvs: [tlv, tlv] }), 'tlv');
  assert.is(why({ tlvs: [{ type: 'PAD', length: 2 }] }), 'tlv');
  const remote = { ip: GROUP, port: 320 };
  assert.is(reason(ask(agent, requestOf(id), { remote })), 'denied');
});

test('an asker is answered so often and no more, others still are (SEC-08)', () => {
  const agent = agentOf();
  const count = (ip: string, times: number, atS: number): number => {
    let answered = 0;
    for (let n = 0; n < times; n++) {
      const remote = { ip, port: 320 };
      const outputs = ask(agent, requestOf(MANAGEMENT_IDS.CLOCK_DESCRIPTION), { remote }, atS);
      if (reason(outputs) === 'transmit') answered++;
      else assert.is(reason(outputs), 'rate-limited');
    }
    return answered;
  };
  assert.is(count('10.1.0.1', 500, 0), 64);
  assert.is(count('10.1.0.2', 10, 0), 10);
  let flood = 0;
  for (let n = 0; n < 500; n++) flood += count(`10.2.${n >> 8}.${n & 255}`, 1, 0);
  assert.is(flood, 256 - 74);
  assert.is(count('10.1.0.1', 500, 1), 64);
});

test('a wildcard to a clock of many ports is answered whole, a few times a second', () => {
  const portSets = Array.from({ length: 100 }, (_, n) =>
    createPortDS({ ...MASTER, portNumber: n + 1 }),
  );
  const agent = agentOf({ portSets });
  const request = requestOf(MANAGEMENT_IDS.PORT_DATA_SET);
  const counts = Array.from({ length: 6 }, () => ask(agent, request).length);
  assert.equal(counts, [100, 100, 100, 100, 1, 1]); // then a drop: each answer counts
});

test('any management datagram is answered or dropped, never thrown (SEC-11, fast-check)', () => {
  const seed = fromHex(CAPTURED.getDefaultDataSet);
  const change = fc.tuple(fc.nat({ max: seed.length - 1 }), fc.nat({ max: 255 }));
  const id = fc.oneof(fc.constantFrom(...Object.values(MANAGEMENT_IDS)), fc.nat({ max: 0xffff }));
  const agent = boundary();
  let atS = 0;
  const property = fc.property(id, fc.array(change, { maxLength: 5 }), (managementId, changes) => {
    const bytes = seed.slice();
    bytes[52] = managementId >> 8;
    bytes[53] = managementId;
    for (const [at, value] of changes) bytes[at] = value;
    const message = readMessage(bytes);
    if (typeof message === 'string' || message.type !== 'Management') return;
    const outputs = answerManagement(agent, message, INCOMING, tick(++atS * S));
    assert.ok(outputs.length >= 1 && outputs.length <= 2);
    for (const output of outputs) {
      if (output.type === 'transmit') read(output.bytes);
      else assert.is(output.type, 'drop');
    }
  });
  fc.assert(property, { numRuns: 5000 });
});

test.run();

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { Address, Output } from '../../src/machine.ts';
import { createHeader, type HeaderFields } from '../../src/ptp/header.ts';
import type { Incoming } from '../../src/ptp/incoming.ts';
import { type DelayReq, type PdelayReq, readMessage } from '../../src/ptp/message.ts';
import { answerDelayReq, answerPdelayReq } from '../../src/ptp/respond.ts';
import { masterUnsent } from '../../src/ptp/transmit.ts';
import { stamp, tick } from '../../src/units.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import {
  createRig,
  EPOCH_S,
  GROUP,
  granted,
  LOCAL,
  MASTER,
  only,
  PTP4L_TIME,
  REMOTE,
  type Rig,
  read,
  S,
  SLAVE,
  TAI,
} from './masterrig.ts';
import { CAPTURED } from './wire.ts';

const test = suite('ptp master answers');

const P2P = { port: { delayMechanism: 2 } } as const;
const OTHER = { clockIdentity: 'ae600b.fffe.70c1ac', portNumber: 1 };

const incoming = (over: Partial<Incoming> = {}): Incoming => ({
  local: { ip: LOCAL, port: 319 },
  remote: { ip: REMOTE, port: 319 },
  receivedAtNs: stamp(1.25e9),
  group: null,
  ...over,
});
const from = (ip: string): { remote: Address } => ({ remote: { ip, port: 319 } });

const fields = (over: Partial<HeaderFields> = {}): HeaderFields => ({
  sourcePortIdentity: SLAVE,
  sequenceId: 3,
  flags: { unicast: true },
  ...over,
});
const delayReq = (over: Partial<HeaderFields> = {}): DelayReq => ({
  type: 'Delay_Req',
  header: createHeader('Delay_Req', fields(over)),
  originTimestamp: { seconds: 0, nanoseconds: 0 },
  tlvs: [],
});
const pdelayReq = (over: Partial<HeaderFields> = {}): PdelayReq => ({
  ...delayReq(over),
  type: 'Pdelay_Req',
  header: createHeader('Pdelay_Req', fields(over)),
});

const ask = (rig: Rig, request = delayReq(), over: Partial<Incoming> = {}): Output[] =>
  answerDelayReq(rig.master, request, incoming(over), rig.nowNs);
const askPeer = (rig: Rig, request = pdelayReq(), over: Partial<Incoming> = {}): Output[] =>
  answerPdelayReq(rig.master, request, incoming(over), rig.nowNs);
/** What came of it: the types of messages, or why there was none. */
const word = (outputs: readonly Output[]): string =>
  outputs
    .map((one) =>
      one.type === 'transmit' ? read(one.bytes).type : one.type === 'drop' ? one.reason : one.type,
    )
    .join();

test('a Delay_Resp is ptp4l’s octet for octet (WIRE §2.12; PTP-S12)', () => {
  const rig = createRig({ epochS: 0x6b00df86 });
  const request = read(fromHex(CAPTURED.delayReq));
  if (request.type !== 'Delay_Req') throw new Error(request.type);
  const receivedAtNs = stamp(0x24dbeb0c);
  const { bytes, from: source, to } = only(rig.perform(ask(rig, request, { receivedAtNs })));
  assert.is(toHex(bytes), CAPTURED.delayResp);
  assert.equal(
    [source, to],
    [
      { ip: LOCAL, port: 320 },
      { ip: REMOTE, port: 320 },
    ],
  );
});

test('a Delay_Resp carries requester, sequenceId and correction (PTP-S12, BASE-B7)', () => {
  for (const correctionField of [0n, 45_875_200n, -1n, 2n ** 62n]) {
    const rig = createRig({ time: TAI });
    const request = delayReq({ correctionField, sequenceId: 65535, sourcePortIdentity: OTHER });
    const { message } = only(rig.perform(ask(rig, request)));
    if (message.type !== 'Delay_Resp') throw new Error(message.type);
    assert.is(message.header.correctionField, correctionField);
    assert.is(message.header.sequenceId, 65535);
    assert.equal(message.header.sourcePortIdentity, MASTER);
    assert.equal(message.requestingPortIdentity, OTHER);
    assert.equal(message.receiveTimestamp, { seconds: EPOCH_S + 38, nanoseconds: 250_000_000 });
  }
});

test('it leaves from the address that was asked, to the one that asked (PTP-D10)', () => {
  const rig = createRig();
  for (const [local, remote] of [
    ['10.77.0.1', '10.77.0.2'],
    ['10.78.0.1', '10.77.0.9'],
    ['2001:db8::1', '2001:db8::2'],
  ] as const) {
    const {
      from: source,
      to,
      bytes,
    } = only(
      rig.perform(ask(rig, delayReq(), { local: { ip: local, port: 319 }, ...from(remote) })),
    );
    assert.equal([source.ip, to.ip], [local, remote]);
    assert.is(bytes.length, local.includes(':') ? 56 : 54);
  }
});

test('unicast is answered by unicast, multicast by multicast (EP-043, EP-044, EP-045)', () => {
  const rig = createRig({ port: { logMinDelayReqInterval: -3 } });
  const answer = (unicast: boolean, group: string | null) => {
    const [{ message, to }] = [
      only(rig.perform(ask(rig, delayReq({ flags: { unicast } }), { group }))),
    ];
    return [to.ip, message.header.flags.unicast, message.header.logMessageInterval];
  };
  assert.equal(answer(true, null), [REMOTE, true, 0x7f]);
  assert.equal(answer(false, GROUP), [GROUP, false, -3]);
  assert.equal(answer(false, null), [REMOTE, true, 0x7f]); // the address tells
  assert.equal(answer(true, GROUP), [REMOTE, true, 0x7f]); // a host that could not tell it
});

test('delay modes: a request of the other kind gets no answer (EP-040, EP-042, EP-046)', () => {
  const words = (delayMode?: 'unicast' | 'multicast' | 'hybrid') => {
    const rig = createRig({ ...(delayMode && { delayMode }) });
    const multicast = delayReq({ flags: { unicast: false } });
    const group = { group: GROUP };
    return [word(ask(rig)), word(ask(rig, multicast)), word(ask(rig, multicast, group))];
  };
  assert.equal(words(), ['Delay_Resp', 'Delay_Resp', 'Delay_Resp']);
  assert.equal(words('hybrid'), ['Delay_Resp', 'Delay_Resp', 'Delay_Resp']);
  assert.equal(words('unicast'), ['Delay_Resp', 'Delay_Resp', 'mode']);
  assert.equal(words('multicast'), ['mode', 'mode', 'Delay_Resp']);
});

test('only a master answers Delay_Reqs; an alternate does with its flag (EP-062)', () => {
  const rig = createRig();
  for (const state of ['LISTENING', 'PRE_MASTER', 'PASSIVE', 'SLAVE', 'FAULTY'] as const) {
    rig.master.portDS.portState = state;
    assert.is(word(ask(rig)), 'port-state');
  }
  rig.master.portDS.portState = 'PASSIVE';
  rig.master.isAlternate = true;
  assert.is(only(rig.perform(ask(rig))).message.header.flags.alternateMaster, true);
});

test('other domains, sdoIds, mechanisms and impossible senders are dropped (BASE-B9, SEC-11)', () => {
  const rig = createRig();
  assert.is(word(ask(rig, delayReq({ domainNumber: 1 }))), 'domain');
  assert.is(word(ask(rig, delayReq({ majorSdoId: 1 }))), 'sdo');
  assert.is(word(ask(rig, delayReq({ minorVersionPTP: 1 }))), 'Delay_Resp');
  assert.is(word(ask(rig, delayReq({ sourcePortIdentity: MASTER }))), 'identity');
  const reserved = { clockIdentity: 'ffffff.ffff.ffffff', portNumber: 1 };
  assert.is(word(ask(rig, delayReq({ sourcePortIdentity: reserved }))), 'identity');
  assert.is(word(ask(rig, delayReq(), from('224.0.0.5'))), 'denied');
  assert.is(word(askPeer(rig)), 'delay-mechanism');
  assert.is(word(ask(createRig(P2P))), 'delay-mechanism');
  assert.equal(ask(rig, delayReq({ domainNumber: 1 }), from('10.9.9.9')), [
    { type: 'drop', reason: 'domain', from: { ip: '10.9.9.9', port: 319 } },
  ]);
});

test('a grant is good for twice its rate, over its pair and for its port alone (SEC-08)', () => {
  const rig = createRig({ ungranted: null });
  rig.set(granted({ messageType: 'Delay_Resp', logInterval: -3 }));
  const count = (request: DelayReq, over: Partial<Incoming> = {}): number => {
    let answers = 0;
    for (let n = 0; n < 1000; n++) {
      rig.nowNs = tick(rig.nowNs + 0.01 * S);
      if (word(ask(rig, request, over)) === 'Delay_Resp') answers++;
    }
    return answers;
  };
  const answers = count(delayReq()); // 100 a second for 10 s
  assert.ok(answers >= 160 && answers <= 160 + 17, `${answers}`);
  assert.is(word(ask(rig)), 'rate-limited');
  for (const over of [from('10.77.0.3'), { local: { ip: '10.77.1.1', port: 319 } }]) {
    assert.is(count(delayReq(), over), 0);
  }
  assert.is(count(delayReq({ sourcePortIdentity: OTHER })), 0);
  assert.is(word(ask(rig, delayReq({ sourcePortIdentity: OTHER }))), 'denied');
});

test('a renewed grant does not refill what was used; it ends when its time is over', () => {
  const rig = createRig({ ungranted: null });
  const grant = { messageType: 'Delay_Resp', logInterval: 0 } as const;
  const drain = (): number => {
    let answers = 0;
    while (word(ask(rig)) === 'Delay_Resp') answers++;
    return answers;
  };
  rig.set(granted({ ...grant, untilNs: tick(10 * S) }));
  assert.is(drain(), 8);
  rig.set(granted({ ...grant, untilNs: tick(20 * S) }));
  assert.is(drain(), 0);
  rig.nowNs = tick(19 * S);
  assert.is(drain(), 8);
  rig.nowNs = tick(20 * S);
  assert.is(word(ask(rig)), 'denied');
  rig.set();
  assert.is(word(ask(rig)), 'denied');
});

test('slaves without a grant are answered, as ptp4l does, within an allowance (WIRE §2.6)', () => {
  const rig = createRig({ ungranted: { perAddressPerS: 10, totalPerS: 50 } });
  const answered = (ip: string): boolean => word(ask(rig, delayReq(), from(ip))) === 'Delay_Resp';
  const burst = Array.from({ length: 40 }, () => answered('10.1.0.1')).filter(Boolean);
  assert.is(burst.length, 10);
  assert.is(word(ask(rig, delayReq(), from('10.1.0.1'))), 'rate-limited');
  assert.ok(answered('10.1.0.2'));
  rig.nowNs = tick(1 * S);
  assert.ok(answered('10.1.0.1'));
  const bad = () => createRig({ ungranted: { perAddressPerS: 0, totalPerS: 50 } });
  assert.throws(bad, (error: unknown) => error instanceof ConfigError);
});

test('a flood with made-up addresses draws a bounded answer, one packet each (SEC-08)', () => {
  const rig = createRig({ ungranted: { perAddressPerS: 10, totalPerS: 100 } });
  rig.set(granted({ messageType: 'Delay_Resp', logInterval: 0 }));
  let octets = 0;
  let answers = 0;
  for (let n = 0; n < 100_000; n++) {
    rig.nowNs = tick(n * 1e5); // 10 000 a second for 10 s
    const sourcePortIdentity = { clockIdentity: SLAVE.clockIdentity, portNumber: n & 0xffff };
    const ip = `10.${n % 250}.${(n >> 8) & 255}.${(n >> 16) & 255}`;
    const outputs = ask(rig, delayReq({ sourcePortIdentity }), from(ip));
    assert.is(outputs.length, 1);
    for (const one of outputs) {
      if (one.type !== 'transmit') continue;
      answers++;
      octets += one.bytes.length;
    }
  }
  assert.ok(answers <= 1100 && answers >= 1000, `${answers} answers in 10 s`);
  assert.is(octets / answers, 54);
  assert.ok((rig.master.ungranted?.byAddress.size ?? 0) <= 4096);
  assert.is(word(ask(rig)), 'Delay_Resp'); // who was granted is served in the flood
});

test('who asks too often cannot be washed out of the memory by others (SEC-08)', () => {
  const rig = createRig({ ungranted: { perAddressPerS: 8, totalPerS: 1e6 } });
  let answers = 0;
  for (let n = 0; n < 20_000; n++) {
    ask(rig, delayReq(), from(`10.3.${n >> 8}.${n & 255}`));
    if (n % 100 === 0 && word(ask(rig, delayReq(), from('10.1.0.1'))) === 'Delay_Resp') answers++;
  }
  assert.is(answers, 8);
});

test('one /64 shares one allowance (SEC-08)', () => {
  const rig = createRig({ ungranted: { perAddressPerS: 10, totalPerS: 1000 } });
  const words = Array.from({ length: 100 }, (_, n) =>
    word(ask(rig, delayReq(), from(`2001:db8:0:1::${n.toString(16)}`))),
  );
  assert.is(words.filter((one) => one === 'Delay_Resp').length, 10);
  assert.is(word(ask(rig, delayReq(), from('2001:db8:0:2::1'))), 'Delay_Resp');
});

test('TLVs of a request do not come back', () => {
  const rig = createRig();
  const request = { ...delayReq(), tlvs: [{ type: 'PAD', length: 400 } as const] };
  const { bytes } = only(rig.perform(ask(rig, request)));
  assert.is(bytes.length, 54);
});

test('a two-step peer responder is ptp4l’s octet for octet (PTP-P1, PTP-P2; WIRE §2.12)', () => {
  const rig = createRig({ ...P2P, epochS: 0x6b00e35a, sendNs: 0x173880cd });
  Object.assign(rig.master.portDS, { portIdentity: SLAVE }); // the captured one answers
  const request = read(fromHex(CAPTURED.pdelayReq));
  if (request.type !== 'Pdelay_Req') throw new Error(request.type);
  const group = '224.0.0.107';
  const receivedAtNs = stamp(0x1737c24c);
  Object.assign(rig.master.sets.defaultDS, { clockIdentity: SLAVE.clockIdentity });
  const [resp, followUp, ...more] = rig.perform(askPeer(rig, request, { group, receivedAtNs }));
  assert.is(more.length, 0);
  assert.is(toHex(resp?.bytes ?? new Uint8Array()), CAPTURED.pdelayResp);
  assert.is(toHex(followUp?.bytes ?? new Uint8Array()), CAPTURED.pdelayRespFollowUp);
  const ports = [resp, followUp].map((one) => [one?.from.port, one?.to.port, one?.to.ip]);
  assert.equal(ports, [
    [319, 319, group],
    [320, 320, group],
  ]);
});

test('by unicast per path: from the asked address, flagged, correction in the Follow_Up (PTP-P1)', () => {
  const rig = createRig({ ...P2P, time: TAI });
  const request = pdelayReq({ correctionField: 77n, sourcePortIdentity: OTHER });
  const [resp, followUp] = rig.perform(askPeer(rig, request));
  if (resp?.message.type !== 'Pdelay_Resp') throw new Error(resp?.message.type);
  if (followUp?.message.type !== 'Pdelay_Resp_Follow_Up') throw new Error('no Follow_Up');
  for (const { message, to, from: source } of [resp, followUp]) {
    assert.is(message.header.flags.unicast, true);
    assert.is(message.header.logMessageInterval, 0x7f);
    assert.is(message.header.sequenceId, 3);
    assert.equal([source.ip, to.ip], [LOCAL, REMOTE]);
  }
  assert.is(resp.message.header.flags.twoStep, true);
  assert.is(resp.message.header.correctionField, 0n);
  assert.equal(resp.message.requestingPortIdentity, OTHER);
  assert.is(resp.message.requestReceiptTimestamp.seconds, EPOCH_S + 38);
  assert.is(followUp.message.header.correctionField, 77n);
  assert.equal(followUp.message.requestingPortIdentity, OTHER);
  assert.is(followUp.message.responseOriginTimestamp.seconds, EPOCH_S + 37);
});

test('a Pdelay_Resp that did not leave has no Follow_Up', () => {
  const rig = createRig(P2P);
  const [output] = askPeer(rig);
  const context = output?.type === 'transmit' ? (output.context ?? 0) : 0;
  assert.equal(masterUnsent(rig.master, context, 'EIO'), []);
  assert.is(rig.master.pending.size, 0);
  assert.is(rig.master.tally.Pdelay_Resp_Follow_Up, 0);
});

test('a one-step peer responder puts the time it took into the correction', () => {
  const rig = createRig({ ...P2P, twoStepFlag: false, sendNs: 2_000_123 });
  const request = pdelayReq({ correctionField: 5n });
  const { message } = only(rig.perform(askPeer(rig, request, { receivedAtNs: stamp(1_000_000) })));
  if (message.type !== 'Pdelay_Resp') throw new Error(message.type);
  assert.is(message.header.correctionField, 5n + (1_000_123n << 16n));
  assert.equal(message.requestReceiptTimestamp, { seconds: 0, nanoseconds: 0 });
  assert.is(message.header.flags.twoStep, false);
});

test('peers are answered in any state of a port that is up; two packets count twice (SEC-08)', () => {
  const rig = createRig({ ...P2P, ungranted: { perAddressPerS: 10, totalPerS: 1000 } });
  rig.master.portDS.portState = 'PASSIVE';
  rig.master.isAlternate = true;
  const peer = only(rig.perform(askPeer(rig)).slice(0, 1)).message;
  assert.is(peer.header.flags.alternateMaster, false);
  rig.nowNs = tick(10 * S);
  rig.master.portDS.portState = 'SLAVE';
  const words = Array.from({ length: 10 }, () => word(askPeer(rig)));
  assert.is(words.filter((one) => one === 'Pdelay_Resp').length, 5);
  for (const state of ['INITIALIZING', 'FAULTY', 'DISABLED'] as const) {
    rig.master.portDS.portState = state;
    assert.is(word(askPeer(rig)), 'port-state');
  }
});

test('any datagram draws at most one packet and its Follow_Up, and never throws (SEC-11)', () => {
  const rigs = [
    createRig(),
    createRig({ ...P2P, time: PTP4L_TIME }),
    createRig({ twoStepFlag: false }),
  ];
  const seeds = [CAPTURED.delayReq, CAPTURED.pdelayReq].map(fromHex);
  const change = fc.tuple(fc.nat({ max: 53 }), fc.nat({ max: 255 }));
  const property = fc.property(
    fc.constantFrom(...seeds),
    fc.array(change, { maxLength: 6 }),
    fc.constantFrom(null, GROUP),
    (seed, changes, group) => {
      const bytes = seed.slice();
      for (const [at, value] of changes) bytes[at] = value;
      const message = readMessage(bytes);
      if (typeof message === 'string') return;
      for (const rig of rigs) {
        rig.nowNs = tick(rig.nowNs + S);
        const outputs =
          message.type === 'Delay_Req'
            ? ask(rig, message, { group })
            : message.type === 'Pdelay_Req'
              ? askPeer(rig, message, { group })
              : [];
        assert.ok(outputs.length <= 1);
        assert.ok(rig.perform(outputs).length <= 2);
      }
    },
  );
  fc.assert(property, { numRuns: 2000 });
});

test.run();

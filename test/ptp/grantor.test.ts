import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { Output } from '../../src/machine.ts';
import { GRANT_LIMITS, type GrantLimits, NO_LOAD } from '../../src/ptp/caps.ts';
import {
  activeGrants,
  createGrantor,
  forgetPeer,
  type Grantor,
  grantorDue,
  grantsVersion,
  hearAsGrantor,
  isServed,
  startServing,
  stepGrantor,
  stopServing,
  takeBack,
} from '../../src/ptp/grantor.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { ALL_CLOCKS, ALL_PORTS, NO_CLOCK, type PortIdentity } from '../../src/ptp/identity.ts';
import { type Signaling, writeMessage } from '../../src/ptp/message.ts';
import { codeOf, type Ends, type Negotiable } from '../../src/ptp/negotiation.ts';
import type { Tlv, UnicastCancel, UnicastGrant } from '../../src/ptp/tlv.ts';
import { type Tick, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { fromHex } from '../ntp/wire.ts';
import { at, drops, MASTER, octetsOf, parse, port, S, SLAVE, signals } from './negotiators.ts';
import { CAPTURED } from './wire.ts';

const test = suite('ptp grantor');
const OURS = '192.0.2.1';
const PEER = '198.51.100.7';
const ENDS: Ends = { localIp: OURS, remoteIp: PEER };

const grantor = (limits: Partial<GrantLimits> = {}, addresses = [OURS]): Grantor =>
  createGrantor({ port: MASTER, addresses, limits });

const request = (type: Negotiable, log2S: number, durationS: number): Tlv => ({
  type: 'REQUEST_UNICAST_TRANSMISSION',
  messageType: codeOf(type),
  logInterMessagePeriod: log2S,
  durationField: durationS,
});

const cancel = (type: Negotiable, over: Partial<UnicastCancel> = {}): UnicastCancel => ({
  type: 'CANCEL_UNICAST_TRANSMISSION',
  messageType: codeOf(type),
  maintainRequest: false,
  maintainGrant: false,
  ...over,
});

const message = (
  tlvs: readonly Tlv[],
  from: PortIdentity = SLAVE,
  over: { target?: PortIdentity; domainNumber?: number; majorSdoId?: number } = {},
): Signaling => {
  const { target = ALL_PORTS, ...fields } = over;
  const header = createHeader('Signaling', { sourcePortIdentity: from, sequenceId: 0, ...fields });
  return { type: 'Signaling', header, targetPortIdentity: target, tlvs };
};

const hear = (
  state: Grantor,
  tlvs: readonly Tlv[],
  nowNs: Tick,
  from: PortIdentity = SLAVE,
  ends: Ends = ENDS,
): Output[] => hearAsGrantor(state, message(tlvs, from), ends, nowNs);

const grantsIn = (outputs: readonly Output[]): UnicastGrant[] =>
  signals(outputs).flatMap(({ tlvs }) =>
    tlvs.flatMap((tlv) => (tlv.type === 'GRANT_UNICAST_TRANSMISSION' ? [tlv] : [])),
  );
/** Durations granted to one request of one type. (s) */
const ask = (
  state: Grantor,
  type: Negotiable,
  log2S: number,
  durationS: number,
  nowNs: Tick,
  from: PortIdentity = SLAVE,
  ends: Ends = ENDS,
): number | undefined =>
  grantsIn(hear(state, [request(type, log2S, durationS)], nowNs, from, ends))[0]?.durationField;

const streams = (state: Grantor, nowNs: Tick): string[] =>
  activeGrants(state, nowNs)
    .map((one) => `${one.remote}>${one.localIp} ${one.messageType} ${one.logInterval}`)
    .sort();

const clients = (state: Grantor): number => [...state.table.clients.values()].flat().length;

// --- on the wire --------------------------------------------------------------------------------

test("ptp4l's captured request gets ptp4l's captured grant, octet for octet (WIRE §2.12)", () => {
  const state = grantor();
  const outputs = hearAsGrantor(state, parse(fromHex(CAPTURED.requestAnnounce)), ENDS, at(0));
  const [output, ...more] = outputs;
  if (output?.type !== 'transmit') throw new Error('nothing sent');
  assert.equal(output.bytes, fromHex(CAPTURED.grant));
  assert.equal(output.from, { ip: OURS, port: 320 }, 'from the address that was asked');
  assert.equal(output.to, { ip: PEER, port: 320 }, 'to the fixed port, whatever it came from');
  assert.is(more.length, 0);
  const [grant] = activeGrants(state, at(0));
  assert.equal(
    { ...grant, load: null },
    {
      localIp: OURS,
      remote: PEER,
      targetPort: SLAVE,
      messageType: 'Announce',
      logInterval: 1,
      durationS: 16,
      startedNs: at(0),
      untilNs: at(16),
      load: null,
    },
  );
});

test('three requests in one message are answered in one, in their order', () => {
  const state = grantor();
  const outputs = hearAsGrantor(state, parse(fromHex(CAPTURED.requestThree)), ENDS, at(0));
  assert.is(signals(outputs).length, 1);
  assert.equal(
    grantsIn(outputs).map(({ messageType, durationField }) => [messageType, durationField]),
    [
      [0xb, 16],
      [0, 16],
      [9, 16],
    ],
  );
  assert.is(activeGrants(state, at(0)).length, 3);
  assert.is(signals(outputs)[0]?.header.flags.unicast, true, 'flag (MP-21)');
});

test('over IPv6 two octets follow, as ptp4l has it (WIRE §2.11)', () => {
  const state = grantor({}, ['2001:db8::1']);
  const ends = { localIp: '2001:db8::1', remoteIp: '2001:db8::2' };
  const outputs = hear(state, [request('Sync', 0, 30)], at(0), SLAVE, ends);
  assert.is(octetsOf(outputs), 44 + 12 + 2);
  assert.is(activeGrants(state, at(0))[0]?.remote, '2001:db8::2');
});

test('answers count their messages, and wrap', () => {
  const state = grantor();
  state.voice.sequenceId = 0xffff;
  const sequence = () => signals(hear(state, [request('Sync', 0, 5)], at(0)))[0]?.header.sequenceId;
  assert.equal([sequence(), sequence(), sequence()], [0xffff, 0, 1]);
});

test('the first eight requests of a message count', () => {
  const state = grantor();
  const outputs = hear(state, new Array(100).fill(request('Delay_Resp', 0, 9)), at(0));
  assert.is(grantsIn(outputs).length, 8);
  assert.is(activeGrants(state, at(0)).length, 1);
});

// --- who gets what, how long --------------------------------------------------------------------

test('a grant per path, identity and type: one identity on many addresses too (PTP-S16, D06, D15)', () => {
  const state = grantor({}, [OURS, '192.0.2.2']);
  for (const localIp of [OURS, '192.0.2.2']) {
    for (const remoteIp of ['10.0.0.1', '10.0.1.1', '10.0.2.1']) {
      for (const type of ['Sync', 'Delay_Resp'] as const) {
        assert.is(ask(state, type, 0, 20, at(0), SLAVE, { localIp, remoteIp }), 20);
      }
    }
  }
  assert.is(activeGrants(state, at(0)).length, 12, 'the pairs that were negotiated, exactly');
  hear(state, [cancel('Sync')], at(1), SLAVE, { localIp: OURS, remoteIp: '10.0.1.1' });
  assert.is(activeGrants(state, at(1)).length, 11, 'one path ends alone (MP-06)');
  assert.not(streams(state, at(1)).includes('10.0.1.1>192.0.2.1 Sync 0'));
});

test('a grant ends when it ends, to the nanosecond', () => {
  const state = grantor();
  ask(state, 'Sync', 0, 20, at(5));
  const served = (nowNs: Tick) => isServed(state, ENDS, SLAVE, 'Sync', nowNs);
  assert.equal([served(at(25 - 1e-9)), served(at(25))], [true, false]);
  assert.equal([streams(state, at(25 - 1e-9)).length, streams(state, at(25)).length], [1, 0]);
  assert.not(isServed(state, ENDS, port('000001.0000.000001'), 'Sync', at(6)));
  assert.not(isServed(state, ENDS, SLAVE, 'Delay_Resp', at(6)));
  assert.is(grantorDue(state), at(25));
  stepGrantor(state, at(25));
  assert.is(grantorDue(state), null);
  assert.is(clients(state), 0);
  assert.equal(state.table.ledger.total, NO_LOAD);
});

test('first grants are short; whoever comes back to renew gets all of it', () => {
  const state = grantor();
  assert.is(ask(state, 'Sync', 0, 3600, at(0)), 30);
  assert.is(
    ask(state, 'Sync', 0, 3600, at(7.4)),
    30,
    'before a quarter of it: the same packet twice',
  );
  assert.is(ask(state, 'Sync', 0, 3600, at(7.4 + 7.5)), 300);
  assert.is(ask(state, 'Announce', 1, 3600, at(15)), 300, 'known for all types');
  assert.is(ask(state, 'Sync', 0, 60, at(100)), 60, 'never more than asked');
  const other = { localIp: OURS, remoteIp: '198.51.100.8' };
  assert.is(ask(state, 'Sync', 0, 300, at(100), SLAVE, other), 30, 'known on its path only');
  assert.is(ask(state, 'Sync', 0, 300, at(130), SLAVE, other), 30, 'too late to be a renewal');
});

test('renewals change the grant in place; the version tells who has to look again', () => {
  const state = grantor();
  const version = () => grantsVersion(state);
  const start = version();
  ask(state, 'Sync', 0, 30, at(0));
  const begun = version();
  assert.ok(begun !== start);
  const [grant] = activeGrants(state, at(0));
  ask(state, 'Sync', 0, 30, at(20));
  assert.is(version(), begun);
  assert.is(grant?.untilNs, at(50));
  ask(state, 'Sync', -1, 30, at(21));
  assert.ok(version() !== begun, 'another interval');
  assert.is(grant?.logInterval, -1);
  const quick = version();
  stepGrantor(state, at(51));
  assert.ok(version() !== quick, 'ended');
});

test('what cannot be granted is denied: a grant of no duration, the request repeated (§16.1.4.2)', () => {
  const state = grantor();
  const cases: [Tlv, string][] = [
    [request('Sync', -8, 300), 'too quick'],
    [request('Sync', 8, 300), 'too slow'],
    [request('Sync', 127, 300), 'no interval (X-5)'],
    [request('Sync', 0, 0), 'for no time'],
    [{ ...request('Sync', 0, 300), messageType: 1 } as Tlv, 'Delay_Req is not negotiable'],
    [{ ...request('Sync', 0, 300), messageType: 8 } as Tlv, 'Follow_Up comes with Sync'],
    [{ ...request('Sync', 0, 300), messageType: 15 } as Tlv, 'reserved'],
  ];
  for (const [tlv, why] of cases) {
    const [grant, ...more] = grantsIn(hear(state, [tlv], at(0)));
    if (tlv.type !== 'REQUEST_UNICAST_TRANSMISSION') throw new Error(why);
    const { messageType, logInterMessagePeriod } = tlv;
    assert.equal(
      grant,
      {
        type: 'GRANT_UNICAST_TRANSMISSION',
        messageType,
        logInterMessagePeriod,
        durationField: 0,
        renewalInvited: false,
      },
      why,
    );
    assert.is(more.length, 0);
  }
  assert.is(clients(state), 0, 'nobody is remembered for a denial');
  assert.is(ask(state, 'Sync', -7, 300, at(1)), 4, 'the limits themselves are granted');
  assert.is(ask(state, 'Announce', 7, 300, at(1)), 30);
});

test('one denial among grants, and a denied renewal leaves what runs (PTP-S20)', () => {
  const state = grantor();
  const both = [request('Announce', 1, 30), request('Sync', -9, 30)];
  assert.equal(
    grantsIn(hear(state, both, at(0))).map(({ durationField }) => durationField),
    [30, 0],
  );
  assert.is(ask(state, 'Announce', -9, 30, at(20)), 0);
  assert.equal(streams(state, at(29)), [`${PEER}>${OURS} Announce 1`]);
  assert.equal(streams(state, at(30)), []);
});

test('messages that are not for us are dropped with a reason, and change nothing (SEC-11)', () => {
  const state = grantor();
  const before = structuredClone(state);
  const tlvs = [request('Sync', 0, 30)];
  const cases: [Signaling, Ends, string][] = [
    [message(tlvs, SLAVE, { domainNumber: 1 }), ENDS, 'domain'],
    [message(tlvs, SLAVE, { majorSdoId: 1 }), ENDS, 'sdo'],
    [message(tlvs, port(MASTER.clockIdentity, 2)), ENDS, 'identity'],
    [message(tlvs, port(NO_CLOCK)), ENDS, 'identity'],
    [message(tlvs, port(ALL_CLOCKS)), ENDS, 'identity'],
    [message(tlvs, SLAVE, { target: port('da9721.fffe.b7c4d8') }), ENDS, 'target'],
    [message(tlvs, SLAVE, { target: port(MASTER.clockIdentity, 2) }), ENDS, 'target'],
    [message(tlvs, SLAVE, { target: port(ALL_CLOCKS, 2) }), ENDS, 'target'],
    [message(tlvs), { localIp: '192.0.2.9', remoteIp: PEER }, 'target'], // PTP-S08: primary only
    [message(tlvs), { localIp: OURS, remoteIp: '224.0.1.129' }, 'denied'],
    [message(tlvs), { localIp: OURS, remoteIp: '255.255.255.255' }, 'denied'],
    [message(tlvs), { localIp: OURS, remoteIp: '0.0.0.0' }, 'denied'],
    [message(tlvs), { localIp: OURS, remoteIp: 'ff02::1' }, 'denied'],
  ];
  for (const [received, ends, reason] of cases) {
    assert.equal(hearAsGrantor(state, received, ends, at(1)), [
      { type: 'drop', reason, from: { ip: ends.remoteIp, port: 320 } },
    ]);
  }
  assert.equal(state, before);
  for (const target of [
    MASTER,
    ALL_PORTS,
    port(ALL_CLOCKS, 1),
    port(MASTER.clockIdentity, 0xffff),
  ]) {
    assert.is(
      signals(hearAsGrantor(state, message(tlvs, SLAVE, { target }), ENDS, at(1))).length,
      1,
    );
  }
});

test('a mistake in the configuration is named', () => {
  const wrong = [
    { port: MASTER, addresses: ['host'] },
    { port: MASTER, addresses: [OURS], domainNumber: 128 },
    { port: MASTER, addresses: [OURS], generalPort: 0 },
    { port: MASTER, addresses: [OURS], limits: { factor: 1 } },
  ];
  for (const config of wrong) {
    assert.throws(
      () => createGrantor(config),
      (error: unknown) => error instanceof ConfigError,
    );
  }
});

// --- one address, many identities ---------------------------------------------------------------

test('a clock that comes back under another identity is served at once, in one stream', () => {
  const state = grantor();
  const anew = port('000001.0000.000001');
  ask(state, 'Sync', 0, 30, at(0));
  ask(state, 'Announce', 1, 30, at(0));
  assert.is(ask(state, 'Sync', -1, 30, at(10), anew), 30);
  assert.equal(streams(state, at(10)), [`${PEER}>${OURS} Announce 1`, `${PEER}>${OURS} Sync -1`]);
  assert.ok(isServed(state, ENDS, SLAVE, 'Sync', at(10)), 'both are clients');
  hear(state, [cancel('Sync')], at(11), anew);
  assert.equal(streams(state, at(11)), [`${PEER}>${OURS} Announce 1`, `${PEER}>${OURS} Sync 0`]);
  ask(state, 'Sync', 0, 30, at(12), anew);
  const sync = activeGrants(state, at(12)).find(({ messageType }) => messageType === 'Sync');
  assert.is(sync?.untilNs, at(42), 'of two alike, the one that runs longer');
  assert.equal(streams(state, at(30)), [`${PEER}>${OURS} Sync 0`], 'the old one is over');
});

test("another identity's cancel ends nothing, a known client is never displaced (SEC-12)", () => {
  const state = grantor();
  ask(state, 'Sync', 0, 300, at(0));
  assert.is(ask(state, 'Sync', 0, 300, at(20)), 300, 'known');
  hear(state, [cancel('Sync')], at(21), port('000001.0000.000001'));
  assert.ok(isServed(state, ENDS, SLAVE, 'Sync', at(21)));
  const newest = (n: number) => port(`000001.0000.${String(n).padStart(6, '0')}`);
  for (let n = 1; n <= 10_000; n++) ask(state, 'Sync', 0, 300, at(21 + n / 1000), newest(n));
  assert.is(clients(state), 2, 'the known one and the newest');
  assert.ok(isServed(state, ENDS, SLAVE, 'Sync', at(31)));
  assert.ok(isServed(state, ENDS, newest(10_000), 'Sync', at(31)));
  assert.is(state.table.ledger.total.grants, 2);
  assert.is(ask(state, 'Sync', 0, 300, at(200)), 300, 'and renews');
  const [first, second] = [newest(20_001), newest(20_002)];
  assert.is(ask(state, 'Sync', 0, 300, at(201), first), 30);
  assert.is(ask(state, 'Sync', 0, 300, at(210), first), 300, 'known, too');
  assert.is(ask(state, 'Sync', 0, 300, at(211), second), 0, 'both places are taken');
  assert.is(ask(state, 'Sync', 0, 300, at(501), second), 30, 'until one is left');
});

test('a newcomer that gets nothing displaces nobody', () => {
  const state = grantor();
  const a = port('000001.0000.000001');
  const b = port('000001.0000.000002');
  ask(state, 'Sync', 0, 30, at(0), a);
  ask(state, 'Sync', 0, 30, at(0), b);
  assert.is(ask(state, 'Sync', -9, 30, at(1)), 0);
  assert.ok(isServed(state, ENDS, a, 'Sync', at(1)) && isServed(state, ENDS, b, 'Sync', at(1)));
  assert.is(ask(state, 'Sync', 0, 30, at(1)), 30);
  assert.not(isServed(state, ENDS, a, 'Sync', at(1)), 'the one that came first');
  assert.ok(isServed(state, ENDS, b, 'Sync', at(1)));
});

// --- no amplifier -------------------------------------------------------------------------------

test('a forged request for everything sets off less than 1000 octets per octet, not 750 000 (SEC-08)', () => {
  const state = grantor();
  assert.is(ask(state, 'Sync', -7, 3600, at(0)), 4);
  const promised = state.table.ledger.total.octets;
  assert.is(promised, 128 * 88 * 4);
  assert.ok(promised + 56 <= 1000 * 54 && promised + 128 * 88 + 56 > 1000 * 54, 'all there is');
  const usual = grantor();
  assert.is(ask(usual, 'Sync', 0, 300, at(0)), 30);
  assert.is(usual.table.ledger.total.octets / 54, 48.888888888888886, 'an everyday one: 49');
});

test('the factor is kept to the second, and below a sensible length it is a denial', () => {
  const exact = (44 + 12 + 88 * 40) / 54;
  const limits = { firstDurationS: 300, factor: Math.ceil(exact) };
  const budget = limits.factor * 54 - 56;
  const fits = Math.floor(budget / 88);
  assert.is(ask(grantor(limits), 'Sync', 0, 300, at(0)), fits);
  assert.is(ask(grantor(limits), 'Sync', -3, 300, at(0)), Math.floor(fits / 8));
  assert.is(ask(grantor(limits), 'Sync', -4, 300, at(0)), 0, '2 s: not worth it');
  assert.is(ask(grantor(limits), 'Sync', -4, 2, at(0)), 2, 'but as asked');
  assert.is(ask(grantor({ ...limits, minDurationS: 2 }), 'Sync', -4, 300, at(0)), 2);
  assert.is(ask(grantor(limits), 'Sync', 7, 300, at(0)), 300);
  assert.is(ask(grantor(limits), 'Delay_Resp', -7, 300, at(0)), 300, 'asked for one by one');
});

test('a renewal of Announces leaves enough for the Syncs asked for with it, in any order (PTP-S20)', () => {
  const state = grantor();
  const all = [request('Announce', 0, 300), request('Sync', -7, 300)];
  hear(state, all, at(0));
  for (const [asks, s] of [
    [all, 3],
    [[...all].reverse(), 6],
    [all, 9],
  ] as const) {
    const grants = grantsIn(hear(state, asks, at(s)));
    assert.ok(
      grants.every(({ durationField }) => durationField >= 4),
      grants.map(({ durationField }) => durationField).join(),
    );
  }
});

test('all requests of one message share its octets', () => {
  const state = grantor({ firstDurationS: 300, factor: 100 });
  const tlvs = [request('Announce', 1, 300), request('Sync', 0, 300), request('Sync', -1, 300)];
  const grants = grantsIn(hear(state, tlvs, at(0))).map(({ durationField }) => durationField);
  const budget = 100 * 74 - (44 + 36);
  const announceS = Math.floor((budget - 4 * 88 - 8 * 88) / 64) * 2;
  assert.equal(grants, [announceS, 4, 4], 'each the shortest grant at least');
  const two = grantor({ firstDurationS: 60, factor: 100 });
  const [announce = 0, sync = 0] = grantsIn(hear(two, tlvs.slice(0, 2), at(0))).map(
    ({ durationField }) => durationField,
  );
  assert.is(announce, 60);
  assert.is(sync, Math.floor((100 * 64 - 68 - 30 * 64) / 88), 'what is left');
});

/** Sends what is granted, as a port would: at once, then at the interval. @returns octets sent */
function transmit(
  state: Grantor,
  nextNs: Map<string, number>,
  nowNs: Tick,
  isIpv6: boolean,
): number {
  let octets = 0;
  const running = activeGrants(state, nowNs);
  const names = running.map(({ remote, messageType }) => `${remote} ${messageType}`);
  for (const name of [...nextNs.keys()]) if (!names.includes(name)) nextNs.delete(name);
  running.forEach(({ messageType, logInterval }, n) => {
    if (messageType !== 'Announce' && messageType !== 'Sync') return;
    const name = names[n] ?? '';
    const intervalNs = 2 ** logInterval * S;
    const dueNs = Math.min(nextNs.get(name) ?? nowNs, nowNs + intervalNs);
    if (dueNs <= nowNs) octets += messageType === 'Sync' ? (isIpv6 ? 92 : 88) : isIpv6 ? 66 : 64;
    nextNs.set(name, dueNs <= nowNs ? dueNs + intervalNs : dueNs);
  });
  return octets;
}

test('whatever is forged and whenever, octets out stay below the factor times octets in (SEC-08)', () => {
  for (const [factor, isIpv6] of [
    [1000, false],
    [1000, true],
    [30, false],
    [10, true],
  ] as const) {
    const localIp = isIpv6 ? '2001:db8::1' : OURS;
    const remoteIp = isIpv6 ? '2001:db8:1::1' : PEER;
    let worst = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const random = createRandom(seed);
      const state = grantor({ factor, minDurationS: 1 }, [localIp]);
      const next = new Map<string, number>();
      const pace = random.pick([2, 40, 600, 5000]);
      let octetsIn = 0;
      let octetsOut = 0;
      for (let n = 0; n < 128 * 40; n++) {
        const nowNs = tick((n * S) / 128);
        if (random.below(pace) === 0 || n === 0) {
          const tlvs = Array.from({ length: 1 + random.below(4) }, () =>
            request(
              random.pick(['Announce', 'Sync', 'Delay_Resp', 'Pdelay_Resp']),
              random.pick([-7, -7, -4, 0, 1, 7, random.below(256) - 128]),
              random.pick([300, 3600, 1, 5, 0xffffffff]),
            ),
          );
          const from = random.pick([SLAVE, SLAVE, port('000001.0000.000001')]);
          octetsIn += 44 + 10 * tlvs.length + (isIpv6 ? 2 : 0);
          octetsOut += octetsOf(hear(state, tlvs, nowNs, from, { localIp, remoteIp }));
        }
        const dueNs = grantorDue(state);
        if (dueNs !== null && dueNs <= nowNs) octetsOut += octetsOf(stepGrantor(state, nowNs));
        octetsOut += transmit(state, next, nowNs, isIpv6);
      }
      worst = Math.max(worst, octetsOut / octetsIn);
      assert.ok(
        octetsOut <= factor * octetsIn,
        `seed ${seed}: ${octetsOut} > ${factor}×${octetsIn}`,
      );
    }
    assert.ok(worst > 0.2 * Math.min(factor, 500), `the test reaches for the limit: ${worst}`);
  }
});

test('the caps hold at their exact ends: a peer, its prefix, all (SEC-07, SEC-08)', () => {
  const cap = { grants: 1000, packetsPerS: 1e6, octets: 1e9 };
  const open = { peer: cap, prefix: cap, total: cap, firstDurationS: 300 };
  const wide = { ...cap, octets: 88 * 300 };
  const to = (remoteIp: string) => ({ localIp: OURS, remoteIp });
  for (const scope of ['peer', 'prefix', 'total'] as const) {
    const asker = (n: number): [PortIdentity, Ends] =>
      scope === 'peer'
        ? [port(`00000${n}.0000.000001`), to('10.0.0.1')]
        : [SLAVE, to(scope === 'prefix' ? `10.0.0.${n}` : `10.0.${n}.1`)];
    // octets: one Sync of 1/s for 300 s, and not one second more
    const octets = { ...wide, octets: scope === 'total' ? 2 * wide.octets : wide.octets };
    const full = grantor({ ...open, [scope]: octets });
    assert.is(ask(full, 'Sync', 0, 300, at(0), ...asker(1)), 300, scope);
    assert.is(ask(full, 'Sync', 0, 1, at(0), ...asker(2)), 0, scope);
    assert.is(ask(full, 'Delay_Resp', 0, 300, at(0), ...asker(2)), 300, 'costs no octets');
    const short = { ...octets, octets: octets.octets - 1 };
    assert.is(ask(grantor({ ...open, [scope]: short }), 'Sync', 0, 300, at(0), ...asker(1)), 0);
    // packets: Sync 2/s with Follow_Up 2/s
    const packets = { ...cap, packetsPerS: scope === 'total' ? 8 : 4 };
    const quick = grantor({ ...open, [scope]: packets });
    assert.is(ask(quick, 'Sync', -1, 300, at(0), ...asker(1)), 300);
    assert.is(ask(quick, 'Announce', 7, 300, at(0), ...asker(2)), 0);
    assert.is(ask(quick, 'Sync', 0, 300, at(1), ...asker(1)), 300, 'half of it');
    assert.is(ask(quick, 'Announce', -1, 300, at(1), ...asker(2)), 300, 'makes room for others');
    assert.is(ask(quick, 'Sync', -1, 300, at(2), ...asker(1)), 0, 'that is taken now');
    assert.ok(isServed(quick, asker(1)[1], asker(1)[0], 'Sync', at(2)), 'and the half goes on');
    // grants
    const few = grantor({ ...open, [scope]: { ...cap, grants: scope === 'total' ? 4 : 2 } });
    assert.is(ask(few, 'Sync', 0, 300, at(0), ...asker(1)), 300);
    assert.is(ask(few, 'Delay_Resp', 0, 300, at(0), ...asker(2)), 300);
    assert.is(ask(few, 'Delay_Resp', 0, 300, at(0), ...asker(1)), 0);
    assert.is(ask(few, 'Delay_Resp', 0, 300, at(1), ...asker(2)), 300, 'renewing takes no more');
    hear(few, [cancel('Sync')], at(2), ...asker(1));
    assert.is(ask(few, 'Sync', 0, 300, at(3), ...asker(2)), 300, 'what was given back');
  }
});

test('IPv6 hosts share the caps of their /56', () => {
  const state = grantor({ prefix: { grants: 2, packetsPerS: 1e6, octets: 1e9 } }, ['2001:db8::1']);
  const from = (remoteIp: string) =>
    ask(state, 'Sync', 0, 30, at(0), SLAVE, { localIp: '2001:db8::1', remoteIp });
  assert.equal(
    ['2001:db8:0:100::1', '2001:db8:0:1ff::2', '2001:db8:0:150::3', '2001:db8:0:200::4'].map(from),
    [30, 30, 0, 30],
  );
});

test('10^5 forged requesters: memory stays, those who came back stay served, newcomers soon fit (SEC-07)', () => {
  const state = grantor();
  const friends = Array.from(
    { length: 50 },
    (_, n): Ends => ({
      localIp: OURS,
      remoteIp: `192.168.${n}.1`,
    }),
  );
  for (const atS of [0, 10]) {
    for (const ends of friends) ask(state, 'Sync', 0, 300, at(atS), SLAVE, ends);
  }
  const forged = (n: number): Ends => ({
    localIp: OURS,
    remoteIp: `10.${(n >> 12) & 255}.${(n >> 4) & 255}.${1 + (n & 15)}`,
  });
  let octetsIn = 0;
  let octetsOut = 0;
  let granted = 0;
  const count = 100_000;
  for (let n = 0; n < count; n++) {
    const clockIdentity = `${(n >> 8).toString(16).padStart(6, '0')}.0001.0000${(n & 255).toString(16).padStart(2, '0')}`;
    const nowNs = at(11 + (n / count) * 10);
    const outputs = hear(state, [request('Sync', 0, 300)], nowNs, port(clockIdentity), forged(n));
    octetsIn += 54;
    octetsOut += octetsOf(outputs);
    granted += grantsIn(outputs).filter(({ durationField }) => durationField > 0).length;
    if (n % 1000 === 0) {
      const ends = friends[(n / 1000) % 50] ?? ENDS;
      assert.is(ask(state, 'Sync', 0, 300, nowNs, SLAVE, ends), 300, 'a friend renews');
    }
  }
  const { total } = GRANT_LIMITS;
  assert.is(granted, total.grants / 2, 'newcomers have half of the table');
  assert.is(clients(state), total.grants / 2 + 50);
  const { ledger } = state.table;
  assert.ok(
    ledger.peers.size <= total.grants / 2 + 50 && ledger.prefixes.size <= ledger.peers.size,
  );
  assert.ok(octetsOut < 1.04 * octetsIn, `${octetsOut} out for ${octetsIn} in`);
  assert.equal(drops(hear(state, [request('Sync', 0, 300)], at(21))), ['rate-limited'], 'full now');
  assert.is(ask(state, 'Sync', 0, 300, at(52)), 30, 'the forged ones did not come back');
  let most = 0;
  for (
    let dueNs = grantorDue(state);
    dueNs !== null && dueNs <= at(53);
    dueNs = grantorDue(state)
  ) {
    const before = clients(state);
    stepGrantor(state, dueNs);
    most = Math.max(most, before - clients(state));
  }
  assert.is(most, 256, 'not all at once: packets wait meanwhile');
  assert.is(clients(state), 51);
  assert.is(streams(state, at(53)).length, 51);
});

test('a full table is swept four times a second at most, and has room again within that (SEC-07)', () => {
  const cap = { grants: 600, packetsPerS: 1e6, octets: 1e9 };
  const state = grantor({ total: cap, prefix: cap });
  const to = (n: number): Ends => ({ localIp: OURS, remoteIp: `10.0.${n >> 8}.${n & 255}` });
  for (let n = 0; n < 300; n++) ask(state, 'Sync', 0, 10, at(n / 100), SLAVE, to(n));
  assert.is(ask(state, 'Sync', 0, 10, at(9), SLAVE, to(300)), 0);
  let sweeps = 0;
  for (let n = 0; n < 300; n++) {
    const dueNs = grantorDue(state) ?? 0;
    if (dueNs > at(10 + n / 100)) continue;
    sweeps++;
    stepGrantor(state, at(10 + n / 100));
  }
  assert.ok(sweeps >= 11 && sweeps <= 12, `${sweeps} sweeps in 3 s`);
  assert.is(clients(state), 300 - 276, 'the last sweep was at 12.75 s');
  assert.is(streams(state, at(12.99)).length, 0, 'ended is ended, swept or not');
});

test('a flood of denials is answered a thousand times a second, not more', () => {
  const state = grantor();
  let answered = 0;
  for (let n = 0; n < 5000; n++) {
    const ends = { localIp: OURS, remoteIp: `10.0.${n >> 8}.${n & 255}` };
    const outputs = hear(state, [request('Sync', -9, 30)], at(100 + n / 5000), SLAVE, ends);
    answered += signals(outputs).length;
    if (outputs[0]?.type === 'drop') assert.equal(drops(outputs), ['rate-limited']);
  }
  assert.ok(answered >= 1990 && answered <= 2000, `a burst of 1000, then 1000/s: ${answered}`);
  const known = { localIp: OURS, remoteIp: '10.9.9.9' };
  assert.is(ask(state, 'Sync', 0, 30, at(101), SLAVE, known), 30, 'grants are not held up');
});

test('one client is answered 16 times, then once a second', () => {
  const state = grantor();
  let answered = 0;
  for (let n = 0; n < 100; n++) {
    answered += signals(hear(state, [request('Sync', 0, 300)], at(n / 50))).length;
  }
  assert.is(answered, 17);
  const other = { localIp: OURS, remoteIp: '198.51.100.8' };
  assert.is(ask(state, 'Sync', 0, 30, at(2), SLAVE, other), 30);
  assert.equal(drops(hear(state, [request('Sync', 0, 30)], at(1.99))), ['rate-limited']);
  assert.is(ask(state, 'Sync', 0, 30, at(2.1)), 30);
});

// --- the end ------------------------------------------------------------------------------------

const tlvTypes = (outputs: readonly Output[]): string[] =>
  signals(outputs).flatMap(({ tlvs }) =>
    tlvs.map((tlv) => `${tlv.type} ${'messageType' in tlv ? tlv.messageType : '?'}`),
  );

test('a cancel ends the grant and is acknowledged, every time it comes', () => {
  const state = grantor();
  hear(state, [request('Sync', 0, 30), request('Delay_Resp', 0, 30)], at(0));
  const ack = ['ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION 0'];
  assert.equal(tlvTypes(hear(state, [cancel('Sync')], at(1))), ack);
  assert.equal(streams(state, at(1)), [`${PEER}>${OURS} Delay_Resp 0`]);
  assert.equal(tlvTypes(hear(state, [cancel('Sync')], at(2))), ack, 'the first one was lost');
  assert.is(octetsOf(hear(state, [cancel('Sync')], at(3))), 50, 'as long as the cancel (SEC-14)');
  assert.equal(tlvTypes(hear(state, [cancel('Sync'), cancel('Delay_Resp')], at(4))), [
    ...ack,
    'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION 9',
  ]);
  assert.is(clients(state), 0);
  assert.equal(state.table.ledger.total, NO_LOAD);
});

test('a cancel that keeps the request (2019), or is of no type, ends nothing', () => {
  const state = grantor();
  ask(state, 'Sync', 0, 30, at(0));
  const keep = cancel('Sync', { maintainRequest: true });
  assert.equal(drops(hear(state, [keep], at(1))), ['unasked']);
  assert.equal(drops(hear(state, [{ ...cancel('Sync'), messageType: 5 }], at(1))), ['unasked']);
  assert.is(streams(state, at(1)).length, 1);
});

test('a master that stops tells everybody, three times a second apart, until they acknowledge', () => {
  const state = grantor();
  const other = { localIp: OURS, remoteIp: '198.51.100.8' };
  hear(state, [request('Sync', 0, 30), request('Announce', 1, 30)], at(0));
  ask(state, 'Sync', 0, 30, at(0), SLAVE, other);
  stopServing(state, at(5));
  assert.equal(streams(state, at(5)), [], 'at once');
  assert.is(grantorDue(state), at(5));
  const first = stepGrantor(state, at(5));
  assert.equal(tlvTypes(first), [
    'CANCEL_UNICAST_TRANSMISSION 0',
    'CANCEL_UNICAST_TRANSMISSION 11',
    'CANCEL_UNICAST_TRANSMISSION 0',
  ]);
  assert.equal(signals(first)[0]?.targetPortIdentity, SLAVE);
  const acks = (types: Negotiable[]) =>
    types.map((type) => cancel(type, { type: 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION' }));
  assert.equal(hear(state, acks(['Sync', 'Announce']), at(5.5)), []);
  assert.equal(drops(hear(state, acks(['Sync']), at(5.6))), ['unasked']);
  assert.is(grantorDue(state), at(6));
  assert.equal(tlvTypes(stepGrantor(state, at(6))), ['CANCEL_UNICAST_TRANSMISSION 0']);
  assert.equal(tlvTypes(stepGrantor(state, at(7))), ['CANCEL_UNICAST_TRANSMISSION 0']);
  assert.equal(stepGrantor(state, at(8)), [], 'enough');
  assert.is(grantorDue(state), null);
  assert.is(state.goodbyes.size, 0);
});

test('a port that is no master does not answer, so that its peers ask again soon (PTP-S19)', () => {
  const state = grantor();
  stopServing(state, at(0));
  const [outputs] = [hear(state, [request('Sync', 0, 30)], at(1))];
  assert.equal(drops(outputs), ['port-state']);
  assert.is(signals(outputs).length, 0);
  startServing(state);
  assert.is(ask(state, 'Sync', 0, 30, at(2)), 30);
});

test('what is taken back in two steps is told until both are acknowledged', () => {
  const state = grantor();
  hear(state, [request('Sync', 0, 30), request('Announce', 1, 30)], at(0));
  takeBack(state, ({ messageType }) => messageType === 'Sync', at(1));
  stepGrantor(state, at(1));
  takeBack(state, ({ messageType }) => messageType === 'Announce', at(1.5));
  assert.equal(tlvTypes(stepGrantor(state, at(1.5))), [
    'CANCEL_UNICAST_TRANSMISSION 0',
    'CANCEL_UNICAST_TRANSMISSION 11',
  ]);
});

test('who is granted again is not cancelled again', () => {
  const state = grantor();
  hear(state, [request('Sync', 0, 30), request('Announce', 1, 30)], at(0));
  stopServing(state, at(5));
  stepGrantor(state, at(5));
  startServing(state);
  ask(state, 'Sync', 0, 30, at(5.5));
  assert.equal(tlvTypes(stepGrantor(state, at(6))), ['CANCEL_UNICAST_TRANSMISSION 11']);
  assert.equal(streams(state, at(6)), [`${PEER}>${OURS} Sync 0`]);
});

test('thousands are told one after the other, and an address that goes takes its own only', () => {
  const state = grantor({}, [OURS, '192.0.2.2']);
  for (let n = 0; n < 640; n++) {
    const localIp = n % 2 === 0 ? OURS : '192.0.2.2';
    ask(state, 'Sync', 0, 30, at(0), SLAVE, {
      localIp,
      remoteIp: `10.0.${n >> 4}.${1 + (n & 15)}`,
    });
  }
  takeBack(state, ({ localIp }) => localIp === OURS, at(1));
  assert.is(activeGrants(state, at(1)).length, 320);
  assert.is(stepGrantor(state, at(1)).length, 64);
  assert.is(grantorDue(state), at(1.01));
  let told = 64;
  for (let n = 1; n < 5; n++) told += stepGrantor(state, at(1 + n * 0.01)).length;
  assert.is(told, 320);
});

test('an address that cannot be reached is forgotten, without a word (SEC-08)', () => {
  const state = grantor({}, [OURS, '192.0.2.2']);
  ask(state, 'Sync', 0, 30, at(0));
  ask(state, 'Sync', 0, 30, at(0), SLAVE, { localIp: '192.0.2.2', remoteIp: PEER });
  ask(state, 'Sync', 0, 30, at(0), SLAVE, { localIp: OURS, remoteIp: '198.51.100.8' });
  forgetPeer(state, PEER);
  assert.equal(streams(state, at(1)), [`198.51.100.8>${OURS} Sync 0`]);
  assert.equal(stepGrantor(state, at(1)), []);
});

test('the state is plain data, and nothing in it refers to a datagram', () => {
  const state = grantor();
  const bytes = fromHex(CAPTURED.requestThree);
  hearAsGrantor(state, parse(bytes), ENDS, at(0));
  const before = structuredClone(state);
  bytes.fill(0xee);
  assert.equal(state, before);
});

test('any Signaling message leaves a grantor on its feet (SEC-11)', () => {
  const random = createRandom(9);
  const state = grantor();
  const templates = [CAPTURED.requestAnnounce, CAPTURED.requestThree, CAPTURED.cancel].map(fromHex);
  for (let n = 0; n < 20_000; n++) {
    const bytes = Uint8Array.from(random.pick([templates[0] ?? bytes0, ...templates]));
    for (let k = random.below(4); k > 0; k--)
      bytes[34 + random.below(bytes.length - 34)] = random.u32();
    const received = tryParse(bytes);
    if (received !== null) hearAsGrantor(state, received, ENDS, at(n / 100));
    if (n % 7 === 0) stepGrantor(state, at(n / 100));
    assert.ok(clients(state) <= 2);
  }
  stepGrantor(state, at(2000));
  assert.equal(state.table.ledger.total, NO_LOAD);
});

const bytes0 = new Uint8Array(54);
function tryParse(bytes: Uint8Array): Signaling | null {
  try {
    return parse(bytes);
  } catch {
    return null;
  }
}

test('what is sent is what the codec writes', () => {
  const state = grantor();
  const [output] = hear(state, [request('Sync', 0, 30)], at(0));
  if (output?.type !== 'transmit') throw new Error('nothing sent');
  assert.equal(writeMessage(parse(output.bytes)), output.bytes);
});

test.run();

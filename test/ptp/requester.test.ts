import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { Output } from '../../src/machine.ts';
import { type PathKey, pathKey } from '../../src/path.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { ALL_PORTS, NO_CLOCK, type PortIdentity } from '../../src/ptp/identity.ts';
import type { Signaling } from '../../src/ptp/message.ts';
import { codeOf, type Ends, type Negotiable } from '../../src/ptp/negotiation.ts';
import {
  askAnew,
  askedPaths,
  createRequester,
  hearAsRequester,
  isGranted,
  promiseOf,
  type Requester,
  type RequesterConfig,
  requesterDue,
  stepRequester,
  want,
} from '../../src/ptp/requester.ts';
import type { Tlv, UnicastGrant } from '../../src/ptp/tlv.ts';
import type { Tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { fromHex } from '../ntp/wire.ts';
import { at, drops, events, MASTER, parse, port, S, SLAVE, signals } from './negotiators.ts';
import { CAPTURED } from './wire.ts';

const test = suite('ptp requester');
const OURS = '198.51.100.7';
const THEIRS = '192.0.2.1';
const ENDS: Ends = { localIp: OURS, remoteIp: THEIRS };
const PATH: PathKey = pathKey(THEIRS, OURS);

/** Jitter in the middle: pauses are as planned, renewals at 5/8. */
const MIDDLE = new Uint8Array(64).fill(0x80).map((byte, n) => (n % 2 === 0 ? byte : 0));

const requester = (config: RequesterConfig = {}, types: Negotiable[] = ['Sync']): Requester => {
  const state = createRequester(config);
  want(state, PATH, { port: SLAVE, types }, at(0));
  return state;
};
const step = (state: Requester, s: number): Output[] => stepRequester(state, at(s), MIDDLE);

const grant = (type: Negotiable, durationS: number, log2S = 0): UnicastGrant => ({
  type: 'GRANT_UNICAST_TRANSMISSION',
  messageType: codeOf(type),
  logInterMessagePeriod: log2S,
  durationField: durationS,
  renewalInvited: true,
});
const ending = (type: Negotiable, isAck: boolean, maintainGrant = false): Tlv => ({
  type: isAck ? 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION' : 'CANCEL_UNICAST_TRANSMISSION',
  messageType: codeOf(type),
  maintainRequest: false,
  maintainGrant,
});
const from = (
  tlvs: readonly Tlv[],
  source: PortIdentity = MASTER,
  target: PortIdentity = SLAVE,
  over: { domainNumber?: number; majorSdoId?: number } = {},
): Signaling => ({
  type: 'Signaling',
  header: createHeader('Signaling', { sourcePortIdentity: source, sequenceId: 0, ...over }),
  targetPortIdentity: target,
  tlvs,
});
const hear = (state: Requester, tlvs: readonly Tlv[], s: number, source = MASTER): Output[] =>
  hearAsRequester(state, from(tlvs, source), ENDS, at(s));

const requestsIn = (outputs: readonly Output[]): [string, number, number][] =>
  signals(outputs).flatMap(({ tlvs }) =>
    tlvs.flatMap((tlv): [string, number, number][] => {
      if (!('messageType' in tlv)) return [];
      const kind = tlv.type.split('_')[0] ?? '';
      return [[kind, tlv.messageType, 'durationField' in tlv ? tlv.logInterMessagePeriod : 0]];
    }),
  );
/** Steps whenever due. @returns when requests went out (s), and all that was told */
function runAlone(state: Requester, untilS: number): { times: number[]; told: Output[] } {
  const times: number[] = [];
  const told: Output[] = [];
  for (;;) {
    const dueNs = requesterDue(state);
    if (dueNs === null || dueNs > at(untilS)) return { times, told };
    const outputs = stepRequester(state, dueNs, MIDDLE);
    if (signals(outputs).length > 0) times.push(dueNs / S);
    told.push(...outputs.filter(({ type }) => type !== 'transmit'));
  }
}

// --- asking -------------------------------------------------------------------------------------

test("asks as ptp4l's captured slave does, octet for octet (WIRE §2.12, PTP-S07)", () => {
  const state = createRequester({ durationS: 16 });
  want(state, PATH, { port: SLAVE, types: ['Announce'] }, at(0));
  assert.is(requesterDue(state), at(0), 'at once');
  const [output, ...more] = step(state, 0);
  if (output?.type !== 'transmit') throw new Error('nothing sent');
  assert.equal(output.bytes, fromHex(CAPTURED.requestAnnounce));
  assert.equal(output.from, { ip: OURS, port: 320 });
  assert.equal(output.to, { ip: THEIRS, port: 320 });
  assert.is(more.length, 0);
  hearAsRequester(state, parse(fromHex(CAPTURED.grant)), ENDS, at(0.1));
  assert.ok(isGranted(state, PATH, 'Announce'));
  assert.equal(promiseOf(state, PATH, 'Announce'), {
    logInterval: 1,
    durationS: 16,
    untilNs: at(16.1),
  });
});

test('several types in one message, to the master that the first grant named (PTP-U7)', () => {
  const state = requester({}, ['Announce']);
  step(state, 0);
  hear(state, [grant('Announce', 300, 1)], 0.1);
  want(state, PATH, { port: SLAVE, types: ['Announce', 'Sync', 'Delay_Resp'] }, at(5));
  assert.is(requesterDue(state), at(5));
  const outputs = step(state, 5);
  assert.is(signals(outputs).length, 1);
  assert.equal(signals(outputs)[0]?.targetPortIdentity, MASTER);
  assert.equal(requestsIn(outputs), [
    ['REQUEST', 0, 0],
    ['REQUEST', 9, 0],
  ]);
  hear(state, [grant('Sync', 300), grant('Delay_Resp', 300)], 5.1);
  assert.equal(
    askedPaths(state).map(({ path, port: own, master, types }) => [
      path,
      own,
      master,
      types.map(({ type, grant: running }) => [type, running?.logInterval]),
    ]),
    [
      [
        PATH,
        SLAVE,
        MASTER,
        [
          ['Announce', 1],
          ['Sync', 0],
          ['Delay_Resp', 0],
        ],
      ],
    ],
  );
});

test('unanswered requests are repeated after 1, 2, 4, 8 and then 16 s, for ever (PTP-S19)', () => {
  const { times, told } = runAlone(requester(), 100);
  assert.equal(times, [0, 1, 3, 7, 15, 31, 47, 63, 79, 95]);
  assert.equal(told, []);
});

test('pauses and renewals are spread: ±25 %, and from half to three quarters of a grant (PTP-S06)', () => {
  const random = createRandom(2);
  const first: number[] = [];
  const renewals: number[] = [];
  for (let n = 0; n < 300; n++) {
    const state = requester();
    stepRequester(state, at(0), random.bytes(64));
    first.push((requesterDue(state) ?? 0) / S);
    hear(state, [grant('Sync', 100)], 0.5);
    renewals.push((requesterDue(state) ?? 0) / S - 0.5);
  }
  const span = (all: number[]) => [Math.min(...all), Math.max(...all)] as const;
  const [quickest, slowest] = span(first);
  assert.ok(quickest >= 0.75 && quickest < 0.77 && slowest <= 1.25 && slowest > 1.23);
  const [earliest, latest] = span(renewals);
  assert.ok(earliest >= 50 && earliest < 51 && latest <= 75 && latest > 74);
});

test('a renewal nobody answers is repeated ever sooner until the grant ends, then asked anew', () => {
  const state = requester();
  step(state, 0);
  hear(state, [grant('Sync', 40)], 0);
  const { times, told } = runAlone(state, 60);
  const renewals = times.filter((s) => s < 40);
  assert.is(renewals[0], 25, 'at 5/8 with this jitter');
  assert.ok(renewals.length >= 12 && renewals.length <= 24, `${renewals.length} tries`);
  const gaps = renewals.slice(1).map((s, n) => s - (renewals[n] ?? 0));
  assert.ok(Math.max(...gaps) <= 2 && Math.min(...gaps) >= 0.25, `${gaps}`);
  assert.equal(times.filter((s) => s >= 40).slice(0, 4), [40, 41, 43, 47]);
  assert.equal(events(told), ['expired']);
  assert.not(isGranted(state, PATH, 'Sync'));
  const [request] = signals(stepRequester(state, at(90), MIDDLE));
  assert.equal(request?.targetPortIdentity, ALL_PORTS, 'whoever sits there by now');
});

test('grants that run out together are renewed together', () => {
  const state = requester({}, ['Announce', 'Sync', 'Delay_Resp']);
  step(state, 0);
  hear(state, [grant('Announce', 100, 1), grant('Delay_Resp', 100)], 0);
  hear(state, [grant('Sync', 80)], 0);
  assert.is(requesterDue(state), at(50), 'Sync at 5/8');
  assert.is(requestsIn(step(state, 50)).length, 3, 'the others are past their half');
});

test('what was just denied, or asked, does not ride along', () => {
  const state = requester({}, ['Announce', 'Sync']);
  step(state, 0);
  hear(state, [grant('Announce', 100, 1), grant('Sync', 80)], 0);
  assert.is(requestsIn(step(state, 50)).length, 2);
  hear(state, [grant('Sync', 0)], 50.1);
  assert.is(requesterDue(state), at(52));
  assert.equal(requestsIn(step(state, 52)), [['REQUEST', 11, 1]]);
  assert.equal(requestsIn(step(state, 52.1)), [['REQUEST', 0, 1]]);
});

test('more paths than one timeout has random bytes for: the rest at once after', () => {
  const state = createRequester();
  for (let n = 1; n <= 40; n++) {
    want(state, pathKey(THEIRS, `10.0.0.${n}`), { port: SLAVE, types: ['Sync'] }, at(0));
  }
  assert.is(signals(step(state, 0)).length, 32);
  assert.is(requesterDue(state), at(0));
  assert.is(signals(step(state, 0)).length, 8);
  assert.is(requesterDue(state), at(1));
});

// --- grants -------------------------------------------------------------------------------------

test('what was granted holds, not what was asked; but never longer than asked', () => {
  const state = requester({ durationS: 100 });
  step(state, 0);
  assert.equal(events(hear(state, [grant('Sync', 0xffffffff, 3)], 0.1)), ['granted']);
  assert.equal(promiseOf(state, PATH, 'Sync'), {
    logInterval: 3,
    durationS: 100,
    untilNs: at(100.1),
  });
  const { untilNs } = promiseOf(state, PATH, 'Sync') ?? { untilNs: at(0) };
  step(state, 62.7);
  assert.equal(hear(state, [grant('Sync', 20, 2)], 62.8), [], 'a renewal is nothing to tell');
  assert.is(promiseOf(state, PATH, 'Sync')?.untilNs, at(82.8), 'shorter, too');
  assert.ok(untilNs === at(100.1));
});

test('one Signaling message per grant, or one for all: both are taken', () => {
  for (const isSplit of [true, false]) {
    const state = requester({}, ['Announce', 'Sync', 'Delay_Resp']);
    step(state, 0);
    const grants = [grant('Announce', 60, 1), grant('Sync', 60), grant('Delay_Resp', 60)];
    if (isSplit) for (const one of grants) hear(state, [one], 0.1);
    else hear(state, grants, 0.1);
    for (const type of ['Announce', 'Sync', 'Delay_Resp'] as const) {
      assert.ok(isGranted(state, PATH, type), type);
    }
    assert.not(isGranted(state, PATH, 'Pdelay_Resp'));
  }
});

test('grants from or for others, unasked, or of nonsense are dropped and change nothing (SEC-12)', () => {
  const state = requester({}, ['Sync']);
  step(state, 0);
  const before = structuredClone(state);
  const good = [grant('Sync', 60)];
  const cases: [Signaling, Ends, string][] = [
    [from(good), { localIp: OURS, remoteIp: '192.0.2.2' }, 'unknown-path'],
    [from(good), { localIp: '198.51.100.8', remoteIp: THEIRS }, 'unknown-path'],
    [from(good, MASTER, port('000001.0000.000001')), ENDS, 'target'],
    [from(good, MASTER, ALL_PORTS), ENDS, 'target'],
    [from(good, SLAVE), ENDS, 'identity'],
    [from(good, port(NO_CLOCK)), ENDS, 'identity'],
    [from(good, MASTER, SLAVE, { domainNumber: 1 }), ENDS, 'domain'],
    [from(good, MASTER, SLAVE, { majorSdoId: 1 }), ENDS, 'sdo'],
    [from([grant('Announce', 60)]), ENDS, 'unasked'],
    [from([{ ...grant('Sync', 60), messageType: 2 }]), ENDS, 'unasked'],
    [from([grant('Sync', 60, 0x7f)]), ENDS, 'interval'],
    [from([grant('Sync', 60, 23)]), ENDS, 'interval'],
    [from([grant('Sync', 60, -11)]), ENDS, 'interval'],
    [from([ending('Sync', true)]), ENDS, 'unasked'],
  ];
  for (const [message, ends, reason] of cases) {
    assert.equal(drops(hearAsRequester(state, message, ends, at(1))), [reason]);
    assert.equal(state, before, reason);
  }
  hear(state, good, 1);
  assert.ok(isGranted(state, PATH, 'Sync'));
  const granted = structuredClone(state);
  assert.equal(drops(hear(state, good, 2)), ['unasked'], 'the same again');
  assert.equal(drops(hear(state, good, 2, port('000001.0000.000001'))), ['identity']);
  assert.equal(state, granted);
});

test('a master that was told beforehand is asked by name, and no other may grant', () => {
  const state = createRequester();
  want(state, PATH, { port: SLAVE, master: MASTER, types: ['Sync'] }, at(0));
  assert.equal(signals(step(state, 0))[0]?.targetPortIdentity, MASTER);
  const other = port('000001.0000.000001');
  assert.equal(drops(hear(state, [grant('Sync', 60)], 1, other)), ['identity']);
  hear(state, [grant('Sync', 60)], 1);
  assert.ok(isGranted(state, PATH, 'Sync'));
  want(state, PATH, { port: SLAVE, master: other, types: ['Sync'] }, at(2));
  assert.not(isGranted(state, PATH, 'Sync'), 'another master is another grant');
  assert.equal(signals(step(state, 2))[0]?.targetPortIdentity, other);
});

test('a silent master may be another one by now: asked anew, of whoever is there', () => {
  const state = requester();
  step(state, 0);
  hear(state, [grant('Sync', 300)], 0);
  const other = port('000001.0000.000001');
  askAnew(state, PATH, at(10));
  assert.not(isGranted(state, PATH, 'Sync'));
  assert.is(requesterDue(state), at(10));
  assert.equal(signals(step(state, 10))[0]?.targetPortIdentity, ALL_PORTS);
  hear(state, [grant('Sync', 300)], 10.1, other);
  assert.equal(askedPaths(state)[0]?.master, other);
});

// --- denials ------------------------------------------------------------------------------------

/** Denies every request but those of `isGiven`. @returns when which interval was asked (s, log2 s) */
function denyUntil(
  state: Requester,
  untilS: number,
  isGiven: (log2S: number) => boolean = () => false,
  durationS = 300,
): { asked: [number, number][]; told: string[] } {
  const asked: [number, number][] = [];
  const told: string[] = [];
  for (;;) {
    const dueNs = requesterDue(state);
    if (dueNs === null || dueNs > at(untilS)) return { asked, told };
    const outputs = stepRequester(state, dueNs, MIDDLE);
    told.push(...events(outputs));
    for (const [, , log2S] of requestsIn(outputs)) {
      asked.push([dueNs / S, log2S]);
      const answer = grant('Sync', isGiven(log2S) ? durationS : 0, log2S);
      told.push(...events(hearAsRequester(state, from([answer]), ENDS, dueNs)));
    }
  }
}

test('denied, it asks for less, then for all again, ever more seldom (PTP-S20)', () => {
  const { asked, told } = denyUntil(requester(), 400);
  assert.equal(asked, [
    [0, 0],
    [2, 1],
    [6, 2],
    [14, 3],
    [30, 0],
    [62, 1],
    [126, 2],
    [190, 3],
    [254, 0],
    [318, 1],
    [382, 2],
  ]);
  assert.is(told.filter((one) => one === 'denied').length, asked.length);
});

test('granted less, it tries for more at each renewal, and what it has goes on', () => {
  const state = requester();
  const { asked, told } = denyUntil(state, 1000, (log2S) => log2S >= 2);
  assert.equal(asked.slice(0, 3), [
    [0, 0],
    [2, 1],
    [6, 2],
  ]);
  assert.equal(told, ['denied', 'denied', 'granted'], 'no gap, nothing more to tell');
  const later = asked.slice(3);
  assert.equal(
    later.slice(0, 4).map(([, log2S]) => log2S),
    [1, 2, 1, 2],
  );
  assert.is((later[1]?.[0] ?? 0) - (later[0]?.[0] ?? 0), 2, 'refused more, it keeps what it has');
  const short = requester();
  const steady = denyUntil(short, 1000, (log2S) => log2S >= 2, 40);
  assert.ok(
    steady.asked.slice(3).every(([, log2S]) => log2S === 2),
    'a short grant is not risked',
  );
});

test('a denied renewal leaves the grant until its end', () => {
  const state = requester();
  step(state, 0);
  hear(state, [grant('Sync', 40)], 0);
  step(state, 25);
  assert.equal(hear(state, [grant('Sync', 0)], 25.1), []);
  assert.ok(isGranted(state, PATH, 'Sync'));
  const { asked, told } = denyUntil(state, 60);
  assert.equal(told.slice(0, 2), ['expired', 'denied']);
  assert.equal(
    asked.map(([s]) => Math.round(s * 10) / 10),
    [27.1, 31.1, 39.1, 55.1],
    'its end is no reason to ask a master that has just said no',
  );
  assert.not(isGranted(state, PATH, 'Sync'));
});

// --- the end ------------------------------------------------------------------------------------

test('what is wanted no more is cancelled, three times a second apart at most', () => {
  const state = requester({}, ['Announce', 'Sync']);
  step(state, 0);
  hear(state, [grant('Announce', 300, 1), grant('Sync', 300)], 0.1);
  want(state, PATH, { port: SLAVE, types: ['Announce'] }, at(5));
  assert.not(isGranted(state, PATH, 'Sync'), 'at once');
  assert.ok(isGranted(state, PATH, 'Announce'));
  assert.is(requesterDue(state), at(5));
  const outputs = step(state, 5);
  assert.equal(requestsIn(outputs), [['CANCEL', 0, 0]]);
  assert.equal(signals(outputs)[0]?.targetPortIdentity, MASTER);
  assert.equal(requestsIn(step(state, 6)), [['CANCEL', 0, 0]]);
  assert.equal(requestsIn(step(state, 7)), [['CANCEL', 0, 0]]);
  assert.equal(step(state, 8), [], 'enough');
  assert.equal(
    askedPaths(state).map(({ types }) => types.map(({ type }) => type)),
    [['Announce']],
  );
  want(state, PATH, { port: SLAVE, types: [] }, at(9));
  assert.equal(requestsIn(step(state, 9)), [['CANCEL', 11, 0]]);
  assert.equal(hear(state, [ending('Announce', true)], 9.1), []);
  assert.is(requesterDue(state), null);
  assert.is(state.asks.size, 0, 'nothing is left');
});

test('a grant that ends while it is cancelled is not cancelled more often', () => {
  const state = requester();
  step(state, 0);
  hear(state, [grant('Sync', 40)], 0);
  step(state, 25);
  hear(state, [grant('Sync', 15)], 25);
  want(state, PATH, { port: SLAVE, types: [] }, at(38.5));
  const { times, told } = runAlone(state, 60);
  assert.equal(times, [38.5, 39.5, 40.5]);
  assert.equal(told, []);
});

test('what nobody was asked for needs no cancel; what is on its way does', () => {
  const state = requester();
  want(state, PATH, { port: SLAVE, types: [] }, at(0));
  assert.is(state.asks.size, 0);
  want(state, PATH, { port: SLAVE, types: ['Sync'] }, at(1));
  step(state, 1);
  want(state, PATH, { port: SLAVE, types: [] }, at(1.1));
  assert.equal(requestsIn(step(state, 1.1)), [['CANCEL', 0, 0]]);
  assert.equal(hear(state, [grant('Sync', 60)], 1.2), [], 'crossed our cancel');
  assert.not(isGranted(state, PATH, 'Sync'));
  assert.equal(requestsIn(step(state, 2.1)), [['CANCEL', 0, 0]], 'until it is acknowledged');
});

test('wanted again before the cancel is through: asked again, not cancelled', () => {
  const state = requester();
  step(state, 0);
  hear(state, [grant('Sync', 60)], 0);
  want(state, PATH, { port: SLAVE, types: [] }, at(5));
  step(state, 5);
  want(state, PATH, { port: SLAVE, types: ['Sync'] }, at(5.5));
  assert.equal(requestsIn(step(state, 5.5)), [['REQUEST', 0, 0]]);
  assert.equal(drops(hear(state, [ending('Sync', true)], 5.6)), ['unasked']);
  hear(state, [grant('Sync', 60)], 5.7);
  assert.ok(isGranted(state, PATH, 'Sync'));
  assert.equal(requestsIn(step(state, 6.5)), []);
});

test('grants that come again and again hasten what is asked in vain seldom: twice the requests at most (SEC-08)', () => {
  const dead = pathKey('192.0.2.66', OURS);
  const asked = (grants: number): number => {
    const state = requester({}, ['Announce']);
    want(state, dead, { port: SLAVE, types: ['Announce'] }, at(0));
    let count = 0;
    for (let s = 0; s < 600; s += 0.25) {
      const sent = step(state, s).filter(
        (output) => output.type === 'transmit' && output.to.ip === '192.0.2.66',
      );
      count += sent.length;
      if (s % 2 === 0 && s / 2 < grants) hear(state, [grant('Announce', 1)], s + 0.1);
    }
    return count;
  };
  const [plain, stormy] = [asked(0), asked(300)];
  assert.ok(plain > 30 && stormy > plain && stormy <= 2 * plain, `${plain} ${stormy}`);
});

test("the master's cancel is acknowledged, each time; asked again after a pause", () => {
  const state = requester();
  step(state, 0);
  hear(state, [grant('Sync', 300)], 0);
  assert.equal(hear(state, [ending('Sync', false, true)], 4), [], 'it keeps the grant (2019)');
  const outputs = hear(state, [ending('Sync', false)], 5);
  assert.equal(requestsIn(outputs), [['ACKNOWLEDGE', 0, 0]]);
  assert.equal(signals(outputs)[0]?.targetPortIdentity, MASTER);
  assert.equal(events(outputs), ['cancelled']);
  assert.not(isGranted(state, PATH, 'Sync'));
  assert.equal(requestsIn(hear(state, [ending('Sync', false)], 6)), [['ACKNOWLEDGE', 0, 0]]);
  assert.equal(events(hear(state, [ending('Sync', false)], 6)), []);
  assert.is(requesterDue(state), at(7), '2 s later');
  assert.equal(requestsIn(step(state, 7)), [['REQUEST', 0, 0]], 'for as much as before');
  const stranger = port('000001.0000.000001');
  hear(state, [grant('Sync', 300)], 7.1);
  assert.equal(drops(hear(state, [ending('Sync', false)], 8, stranger)), ['identity']);
  assert.ok(isGranted(state, PATH, 'Sync'));
});

test('a path whose own identity changes cancels under the old one (MP-15)', () => {
  const state = requester();
  step(state, 0);
  hear(state, [grant('Sync', 300)], 0);
  const anew = port('ae600b.fffe.70c1ac');
  want(state, PATH, { port: anew, types: ['Sync'] }, at(5));
  assert.not(isGranted(state, PATH, 'Sync'));
  const outputs = step(state, 5);
  assert.equal(
    signals(outputs).map(({ header, tlvs }) => [
      header.sourcePortIdentity,
      tlvs.map(({ type }) => type),
    ]),
    [
      [SLAVE, ['CANCEL_UNICAST_TRANSMISSION']],
      [anew, ['REQUEST_UNICAST_TRANSMISSION']],
    ],
  );
  hearAsRequester(state, from([grant('Sync', 300)], MASTER, anew), ENDS, at(5.1));
  assert.ok(isGranted(state, PATH, 'Sync'));
  // ptp4l acknowledges nothing, and takes a cancel for one of whoever is at the address
  for (const atS of [6, 7, 8, 9]) assert.equal(signals(step(state, atS)), []);
  hear(state, [ending('Sync', true)], 9.2);
  assert.equal(
    askedPaths(state).map((one) => one.port),
    [anew],
  );
});

// --- users' mistakes, strangers' bytes ----------------------------------------------------------

test('a mistake in the configuration is named', () => {
  const wrong: [RequesterConfig, string][] = [
    [{ domainNumber: -1 }, 'ptp.domainNumber'],
    [{ generalPort: 65536 }, 'ptp.generalPort'],
    [{ durationS: 9 }, 'ptp.grantDurationS'],
    [{ durationS: 1001 }, 'ptp.grantDurationS'],
    [{ maxPaths: 0 }, 'ptp.maxPaths'],
    [{ intervals: { Sync: -11 } }, 'ptp.intervals.Sync'],
    [{ intervals: { Announce: 0.5 } }, 'ptp.intervals.Announce'],
  ];
  for (const [config, field] of wrong) {
    assert.throws(
      () => createRequester(config),
      (error: unknown) => error instanceof ConfigError && error.field === field,
    );
  }
  const state = requester({ maxPaths: 1 });
  assert.throws(
    () => want(state, pathKey('192.0.2.2', OURS), { port: SLAVE, types: ['Sync'] }, at(0)),
    (error: unknown) => error instanceof ConfigError && /at most 1, got 2/.test(error.message),
  );
});

test('any Signaling message leaves a requester on its feet (SEC-11)', () => {
  const random = createRandom(3);
  const state = requester({}, ['Announce', 'Sync', 'Delay_Resp']);
  const template = fromHex(CAPTURED.grant);
  for (let n = 0; n < 20_000; n++) {
    const bytes = Uint8Array.from(template);
    for (let k = random.below(4); k > 0; k--) bytes[44 + random.below(12)] = random.u32();
    bytes[44 + 1] = 4 + random.below(4);
    bytes[44 + 3] = random.pick([8, 8, 6, 2]);
    const cut = bytes.subarray(0, 48 + (bytes[47] ?? 0));
    cut[3] = cut.length;
    let message: Signaling | null = null;
    try {
      message = parse(cut);
    } catch {}
    const nowNs: Tick = at(n / 10);
    if (message !== null) hearAsRequester(state, message, ENDS, nowNs);
    if ((requesterDue(state) ?? 0) <= nowNs) stepRequester(state, nowNs, random.bytes(64));
    for (const { types } of askedPaths(state)) {
      for (const { grant: running } of types) {
        if (running === null) continue;
        const { durationS, logInterval, untilNs } = running;
        assert.ok(durationS >= 1 && durationS <= 300 && untilNs <= nowNs + 300 * S);
        assert.ok(logInterval >= -10 && logInterval <= 22);
      }
    }
  }
  assert.is(state.asks.size, 1);
});

test.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pathKey } from '../../src/path.ts';
import { NO_INTERVAL } from '../../src/ptp/header.ts';
import { ANSWER_NS, LEAST_SPACING_NS, randomSpacingNs } from '../../src/ptp/requests.ts';
import { follow, nextDue, sent, status, stepClock, unsent, wake } from '../../src/ptp/slave.ts';
import { tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import {
  type Asked,
  answerTo,
  createRig,
  delayResp,
  drops,
  EPOCH_NS,
  events,
  FOLLOWING,
  idOf,
  LOCAL,
  localAt,
  MS,
  masterTime,
  OTHER,
  oneWays,
  own,
  PATH,
  protocolState,
  REMOTE,
  type Rig,
  S,
  sync,
} from './slaverig.ts';

const test = suite('ptp slave: delay request');

/** Syncs every 2^log s until `untilS`, requests answered after 1 ms. */
function live(rig: Rig, untilS: number, log = 0, told = NO_INTERVAL): Asked[] {
  const all: Asked[] = [];
  let id = 999;
  for (let atNs = rig.nowNs; atNs < untilS * S; atNs = tick(atNs + 2 ** log * S)) {
    rig.at(Math.max(atNs, rig.nowNs)).hear(sync(++id & 0xffff, {}, masterTime(atNs)));
    const answer = (asked: Asked) => {
      rig.at(rig.nowNs + MS);
      rig.hear(answerTo(asked, 48_700, { logMessageInterval: told }));
    };
    all.push(...rig.run(Math.min(atNs + 2 ** log * S, untilS * S) - 1, answer));
  }
  return all;
}

test('measurements tell whose their local stamp is (PTP-S10)', () => {
  const rig = createRig();
  rig.kind = 'user';
  const asked = rig.firstRequest();
  rig.kind = 'kernel';
  rig.hear(answerTo(asked));
  const [forward, reverse] = oneWays(rig.outputs);
  assert.equal([forward?.direction, forward?.localKind], ['forward', 'user']);
  assert.equal([reverse?.direction, reverse?.localKind], ['reverse', 'user']);
  rig.hear(sync(2, {}, masterTime(rig.nowNs)));
  assert.is(oneWays(rig.outputs).at(-1)?.localKind, 'kernel');
});

test('nothing is asked before a Sync has come over the path (PTP-S10)', () => {
  const rig = createRig();
  assert.is(nextDue(rig.slave), null);
  assert.equal(rig.run(100 * S), []);
  rig.hear(sync(1));
  assert.is(rig.run(101 * S).length > 0, true);
});

test('a Delay_Req swaps the addresses of the Sync and shows the identity of its path', () => {
  const rig = createRig({
    domainNumber: 3,
    eventPort: 10319,
    remoteEventPort: 20319,
    majorSdoId: 1,
    minorSdoId: 2,
  });
  rig.hear(sync(1, { domainNumber: 3, majorSdoId: 1 }, masterTime(0)));
  const asked = rig.run(S)[0];
  assert.equal(asked?.from, { ip: LOCAL, port: 10319 });
  assert.equal(asked?.to, { ip: REMOTE, port: 20319 });
  assert.is(asked?.message.type, 'Delay_Req');
  const header = asked?.message.header;
  assert.equal(header?.sourcePortIdentity, own(1));
  assert.is(header?.flags.unicast, true); // MP-21
  assert.is(header?.logMessageInterval, NO_INTERVAL);
  assert.is(header?.domainNumber, 3);
  assert.is(header?.majorSdoId, 1);
  assert.is(header?.minorSdoId, 2);
  assert.is(header?.correctionField, 0n);
  assert.is(asked?.bytes.length, 44);
});

test('over IPv6 two octets follow the message, and to a group no unicast flag is set', () => {
  const rig = createRig({}, [
    { remoteIp: '2001:db8::1', localIp: '2001:db8::7', identity: own(1), requestIp: 'ff0e::181' },
  ]);
  rig.hear(sync(1, {}, masterTime(0)), pathKey('2001:db8::1', '2001:db8::7'));
  const asked = rig.run(S)[0];
  assert.is(asked?.bytes.length, 46);
  assert.equal(asked?.bytes.subarray(44), new Uint8Array(2));
  assert.equal(asked?.to.ip, 'ff0e::181');
  assert.is(asked?.message.header.flags.unicast, false);
});

test('Delay_Resp is a reverse measurement with the stamp of sending (PTP-S14)', () => {
  const rig = createRig();
  const asked = rig.firstRequest();
  rig.at(asked.atNs + MS);
  const outputs = rig.hear(answerTo(asked, 48_700, { correctionField: (700n << 16n) + 5n }));
  assert.equal(oneWays(outputs), [
    {
      type: 'oneway',
      path: PATH,
      direction: 'reverse',
      remoteNs: EPOCH_NS + BigInt(asked.atNs + 48_700),
      correction: (700n << 16n) + 5n,
      localNs: localAt(asked.atNs),
    },
  ]);
});

test('Delay_Resp for another port, another number, from another master: each a drop', () => {
  const rig = createRig();
  const asked = rig.firstRequest();
  const id = idOf(asked);
  const at = masterTime(asked.atNs);
  const before = protocolState(rig.slave);
  assert.equal(drops(rig.hear(delayResp(id, own(2), at))), ['requester']); // PTP-S13
  assert.equal(drops(rig.hear(delayResp(id, { ...own(1), portNumber: 2 }, at))), ['requester']);
  assert.equal(drops(rig.hear(delayResp((id + 1) & 0xffff, own(1), at))), ['unasked']);
  assert.equal(drops(rig.hear(delayResp((id - 1) & 0xffff, own(1), at))), ['unasked']);
  const foreign = { sourcePortIdentity: OTHER };
  assert.equal(drops(rig.hear(answerTo(asked, 0, foreign))), ['not-parent']); // SEC-12
  assert.is(protocolState(rig.slave), before);
  assert.is(oneWays(rig.hear(answerTo(asked))).length, 1);
  assert.equal(drops(rig.hear(answerTo(asked))), ['duplicate']);
});

test('an answer that comes too late is stale', () => {
  const rig = createRig({}, undefined, { ...FOLLOWING, logDelayInterval: 3, logSyncInterval: 3 });
  const asked = rig.firstRequest();
  rig.at(asked.atNs + ANSWER_NS);
  assert.equal(drops(rig.hear(answerTo(asked))), ['stale']);
  const later = createRig({}, undefined, { ...FOLLOWING, logDelayInterval: 3, logSyncInterval: 3 });
  const inTime = later.firstRequest();
  later.at(inTime.atNs + ANSWER_NS - 1);
  assert.is(oneWays(later.hear(answerTo(inTime))).length, 1);
});

test('several requests are in flight at once, and answers come in any order', () => {
  const rig = createRig({}, undefined, { ...FOLLOWING, logDelayInterval: -7 });
  rig.hear(sync(1, {}, masterTime(0)));
  const asked = rig.run(S / 2);
  assert.ok(asked.length > 50, `${asked.length} requests`);
  const reversed = [...asked].reverse();
  for (const one of reversed) assert.is(oneWays(rig.hear(answerTo(one))).length, 1);
  const stamps = oneWays(rig.outputs)
    .slice(1)
    .map(({ localNs }) => localNs);
  assert.equal(
    stamps,
    reversed.map(({ atNs }) => localAt(atNs)),
  );
});

test('an answer before the send stamp waits for it; one whose stamp never comes is unpaired', () => {
  const rig = createRig();
  rig.stamps = false;
  const asked = rig.firstRequest();
  rig.at(asked.atNs + MS);
  assert.equal(rig.hear(answerTo(asked)), []);
  assert.equal(drops(rig.hear(answerTo(asked))), ['duplicate']);
  const outputs = sent(rig.slave, asked.context, localAt(asked.atNs), rig.nowNs);
  assert.is(oneWays(outputs)[0]?.localNs, localAt(asked.atNs));
  assert.equal(sent(rig.slave, asked.context, localAt(asked.atNs), rig.nowNs), []);
  assert.equal(drops(rig.hear(answerTo(asked))), ['duplicate']);

  const second = createRig();
  second.stamps = false;
  const unstamped = second.firstRequest();
  second.hear(answerTo(unstamped));
  second.at(unstamped.atNs + ANSWER_NS);
  assert.equal(drops(second.hear(sync(2, {}, masterTime(0)))), ['unpaired']);
  assert.equal(sent(second.slave, unstamped.context, localAt(0), second.nowNs), []);
});

test('a request the host refused is forgotten and said once', () => {
  const rig = createRig();
  rig.stamps = false;
  rig.hear(sync(1, {}, masterTime(0)));
  const [first, second] = rig.run(3 * S);
  if (first === undefined || second === undefined) throw new Error('too few requests');
  const said = unsent(rig.slave, first.context, 'ENETUNREACH');
  assert.equal(events(said), ['unsent: the host said ENETUNREACH']);
  assert.equal(unsent(rig.slave, second.context, 'ENETUNREACH'), []);
  assert.equal(unsent(rig.slave, 999, 'ENETUNREACH'), []);
  assert.equal(drops(rig.hear(answerTo(first))), ['stale']);
  const tally = status(rig.slave)[0]?.tally;
  assert.is(tally?.unsent, 2);
  assert.is(tally?.sent, 0);
});

test('a step of the local clock spoils requests in flight', () => {
  const rig = createRig();
  const asked = rig.firstRequest();
  stepClock(rig.slave);
  assert.equal(drops(rig.hear(answerTo(asked))), ['clock-step']);
});

test('sequenceIds follow each other without a hole and wrap (MP-06)', () => {
  const rig = createRig({}, undefined, { ...FOLLOWING, logDelayInterval: -7, logSyncInterval: -7 });
  rig.firstRequest();
  const path = rig.slave.paths[0];
  if (path === undefined) throw new Error('no path');
  path.delays.sequenceId = 0xfffe;
  const ids = live(rig, 2, -3).slice(0, 4).map(idOf);
  assert.equal(ids, [0xfffe, 0xffff, 0, 1]);
  assert.equal(drops(rig.outputs), []);
});

test('requests keep the mean interval at all rates, jittered, never above 128/s (EP-052)', () => {
  for (let log = -7; log <= 7; log++) {
    const rig = createRig({}, undefined, {
      ...FOLLOWING,
      logDelayInterval: log,
      logSyncInterval: log,
    });
    const asked = live(rig, 400 * 2 ** log, log);
    const gaps = asked.slice(1).map((one, n) => one.atNs - (asked[n]?.atNs ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length / (2 ** log * S);
    assert.equal(drops(rig.outputs), []);
    assert.ok(Math.abs(mean - 1) < 0.1, `log ${log}: mean ${mean} intervals`);
    assert.ok(Math.min(...gaps) >= LEAST_SPACING_NS, `log ${log}: ${Math.min(...gaps)} ns`);
    if (log < -5) continue;
    const early = gaps.filter((gap) => gap < (2 ** log * S) / 2).length / gaps.length;
    assert.ok(early > 0.1 && early < 0.4, `log ${log}: ${early} of them early`);
  }
});

test('the spacing runs from the least to as far above the mean', () => {
  assert.is(randomSpacingNs(0, 0), LEAST_SPACING_NS);
  assert.is(randomSpacingNs(0, 0.5), S);
  assert.is(randomSpacingNs(0, 1), 2 * S - LEAST_SPACING_NS);
  assert.is(randomSpacingNs(-7, 0), LEAST_SPACING_NS);
  assert.is(randomSpacingNs(-7, 1), LEAST_SPACING_NS);
  assert.is(randomSpacingNs(3, 0.5), 8 * S);
});

test('fewer Delay_Reqs than Syncs: every Sync still measures (PTP-S11, PTP-D09)', () => {
  const rig = createRig({}, undefined, { ...FOLLOWING, logSyncInterval: -3, logDelayInterval: 0 });
  const asked = live(rig, 64, -3);
  const forward = oneWays(rig.outputs).filter(({ direction }) => direction === 'forward');
  assert.is(forward.length, 64 * 8);
  assert.ok(asked.length > 48 && asked.length < 80, `${asked.length} requests`);
});

test('logMessageInterval of a Delay_Resp sets the interval; 0x7f and nonsense do not (X-5)', () => {
  const rig = createRig({}, undefined, { ...FOLLOWING, logSyncInterval: 7 });
  const asked = rig.firstRequest();
  const log = () => status(rig.slave)[0]?.logDelayInterval;
  const answer = (one: Asked, logMessageInterval: number) =>
    rig.hear(answerTo(one, 0, { logMessageInterval }));
  answer(asked, NO_INTERVAL);
  assert.is(log(), 0);
  const later = rig.run(rig.nowNs + 8 * S);
  for (const [n, wrong] of [-11, 23, -128].entries()) {
    const one = later[n];
    if (one === undefined) throw new Error('too few requests');
    rig.at(one.atNs);
    answer(one, wrong);
    assert.is(log(), 0, `${wrong}`);
  }
  for (const told of [3, -2, -10, 0]) {
    rig.hear(sync(50 + told, {}, masterTime(0)));
    const next = rig.run(rig.nowNs + 16 * S).at(-1);
    if (next === undefined) throw new Error('not asked');
    rig.at(next.atNs);
    answer(next, told);
    assert.is(log(), Math.max(told, -7));
  }
});

test('a longer interval holds from the last request on, a shorter one too', () => {
  const rig = createRig();
  const asked = rig.firstRequest();
  rig.hear(answerTo(asked, 0, { logMessageInterval: 4 }));
  assert.is(nextDue(rig.slave), 4 * S); // first the silence of the Syncs is looked at
  assert.is(rig.slave.paths[0]?.delays.dueNs, asked.atNs + 16 * S);
  follow(rig.slave, PATH, { ...FOLLOWING, logDelayInterval: -1 }, rig.nowNs);
  assert.is(rig.slave.paths[0]?.delays.dueNs, Math.max(asked.atNs + S / 2, rig.nowNs));
});

test('a told interval holds over renewals, and ends with a grant of another one', () => {
  const rig = createRig();
  rig.hear(answerTo(rig.firstRequest(), 0, { logMessageInterval: 2 }));
  follow(rig.slave, PATH, FOLLOWING, rig.nowNs);
  assert.is(status(rig.slave)[0]?.logDelayInterval, 2);
  follow(rig.slave, PATH, { ...FOLLOWING, logDelayInterval: -1 }, rig.nowNs);
  assert.is(status(rig.slave)[0]?.logDelayInterval, -1);
});

test('no request without a grant, from the grant on some, none after it (PTP-S20)', () => {
  const rig = createRig({}, undefined, { ...FOLLOWING, logDelayInterval: null });
  rig.hear(sync(1, {}, masterTime(0)));
  assert.equal(rig.run(S), []);
  follow(rig.slave, PATH, FOLLOWING, rig.nowNs);
  assert.ok(rig.run(4 * S).length > 0);
  follow(rig.slave, PATH, { ...FOLLOWING, logDelayInterval: null }, rig.nowNs);
  assert.is(nextDue(rig.slave), null);
  rig.hear(sync(2, {}, masterTime(0)));
  assert.equal(rig.run(5 * S), []);
});

test('grants of any interval are lived with: between 128 a second and one in 2^22 s', () => {
  for (const [granted, used] of [
    [127, 22],
    [-128, -7],
  ] as const) {
    const rig = createRig({}, undefined, { ...FOLLOWING, logDelayInterval: granted });
    assert.is(status(rig.slave)[0]?.logDelayInterval, used);
    rig.firstRequest();
  }
});

test('no request without randomness for the next one’s time', () => {
  const rig = createRig();
  rig.hear(sync(1, {}, masterTime(0)));
  const zeros = (length: number) => wake(rig.slave, rig.nowNs, new Uint8Array(length));
  assert.equal(zeros(3), []);
  assert.is(rig.slave.paths[0]?.delays.sequenceId, null);
  assert.equal(zeros(4), []); // drawn: at once
  assert.is(nextDue(rig.slave), 0);
  assert.equal(zeros(1), []);
  assert.is(zeros(2).length, 1);
});

test('a path that is asked over again soon keeps the least spacing', () => {
  const rig = createRig();
  rig.hear(sync(1, {}, masterTime(0)));
  wake(rig.slave, rig.nowNs, new Uint8Array(64));
  follow(rig.slave, PATH, { ...FOLLOWING, logDelayInterval: null }, rig.nowNs);
  follow(rig.slave, PATH, FOLLOWING, rig.nowNs);
  assert.equal(wake(rig.slave, rig.nowNs, new Uint8Array(64)), []);
  assert.is(nextDue(rig.slave), LEAST_SPACING_NS);
});

test('requests whose fate the host never tells are forgotten', () => {
  const rig = createRig({}, undefined, { ...FOLLOWING, logSyncInterval: 7, logDelayInterval: -2 });
  rig.stamps = false;
  rig.hear(sync(1, {}, masterTime(0)));
  assert.ok(rig.run(60 * S).length > 200);
  assert.ok(Object.keys(rig.slave.unstamped).length < 40);
});

test('a path whose Syncs stop is not asked over any more, and again when they return', () => {
  const rig = createRig();
  rig.hear(sync(1, {}, masterTime(0)));
  const asked = rig.run(60 * S);
  assert.ok(asked.every(({ atNs }) => atNs < 4 * S));
  assert.is(nextDue(rig.slave), null);
  rig.hear(sync(61, {}, masterTime(60 * S)));
  assert.ok(rig.run(62 * S).length > 0);
});

test('paths that begin together do not ask together, however few random bytes there are', () => {
  const paths = Array.from({ length: 40 }, (_, n) => ({
    remoteIp: REMOTE,
    localIp: `198.51.100.${n + 1}`,
    identity: own(n + 1),
  }));
  const rig = createRig({}, paths);
  for (const { localIp } of paths) {
    rig.hear(sync(1, {}, masterTime(0)), pathKey(REMOTE, localIp));
  }
  const few = createRandom(3);
  let woken = 0;
  while ((nextDue(rig.slave) ?? S) <= 0 && woken < 1000) {
    wake(rig.slave, rig.nowNs, few.bytes(5));
    woken++;
  }
  assert.ok(woken >= 40 && woken < 1000, `woken ${woken} times`);
  const asked = rig.run(S);
  const first = new Map([...asked].reverse().map((one) => [one.path, one.atNs]));
  assert.is(first.size, 40);
  assert.ok(new Set(first.values()).size > 35);
  assert.is(new Set(asked.map(idOf)).size > 35, true);
});

test('a machine that slept sends one request per path, no burst', () => {
  const rig = createRig({}, undefined, { ...FOLLOWING, logDelayInterval: -3, logSyncInterval: 7 });
  rig.firstRequest();
  const before = rig.asked.length;
  rig.at(200 * S);
  const asked = rig.run(200 * S);
  assert.is(asked.length, 1);
  assert.is(rig.asked.length, before + 1);
  const next = rig.run(201 * S);
  assert.ok(next.length >= 4 && next.length <= 16, `${next.length} in a second`);
});

test('contexts can be interleaved with those of another machine', () => {
  const rig = createRig({ contexts: { first: 1, step: 2 } });
  rig.hear(sync(1, {}, masterTime(0)));
  const contexts = rig.run(4 * S).map(({ context }) => context);
  assert.ok(contexts.length > 1);
  assert.equal(
    contexts,
    contexts.map((_, n) => 1 + 2 * n),
  );
  assert.equal(sent(rig.slave, 2, localAt(0), rig.nowNs), []);
});

test('the master of a multicast Delay_Resp may be heard at all rates −7…+7 it tells', () => {
  for (let log = -7; log <= 7; log++) {
    const rig = createRig({}, undefined, { ...FOLLOWING, logSyncInterval: 7 });
    live(rig, 2, 7, log);
    assert.is(status(rig.slave)[0]?.logDelayInterval, log);
  }
});

test.run();

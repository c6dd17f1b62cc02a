import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { type PathKey, pathKey } from '../../src/path.ts';
import { writeMessage } from '../../src/ptp/message.ts';
import {
  addPath,
  createSlave,
  follow,
  hear,
  hearTime,
  isForSlave,
  nextDue,
  removePath,
  type SlaveConfig,
  status,
  strays,
} from '../../src/ptp/slave.ts';
import { tick } from '../../src/units.ts';
import {
  type Asked,
  answerTo,
  createRig,
  delayResp,
  drops,
  events,
  FOLLOWING,
  followUp,
  idOf,
  LOCAL,
  localAt,
  MASTER,
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
  TAI,
} from './slaverig.ts';

const test = suite('ptp slave: paths');

const REMOTES = ['192.0.2.1', '192.0.2.2'] as const;
const LOCALS = ['198.51.100.1', '198.51.100.2', '198.51.100.3'] as const;

/** One remote address, an identity per local one (RFC 8039 §5.2.1). */
const SINGLE = LOCALS.map((localIp, n) => ({ remoteIp: REMOTE, localIp, identity: own(n + 1) }));
/** All pairs, one identity (RFC 8039 §5.3.1). */
const DUAL = REMOTES.flatMap((remoteIp) =>
  LOCALS.map((localIp) => ({ remoteIp, localIp, identity: own(9) })),
);
const keyOf = ({ remoteIp, localIp }: { remoteIp: string; localIp: string }): PathKey =>
  pathKey(remoteIp, localIp);

/** A Sync on every path, then every path's first request. */
function begin(rig: Rig): Asked[] {
  for (const path of rig.slave.paths) rig.hear(sync(1, {}, masterTime(rig.nowNs)), path.key);
  const asked = rig.run(rig.nowNs + S);
  return rig.slave.paths.map(({ key }) => {
    const first = asked.find(({ path }) => path === key);
    if (first === undefined) throw new Error(`${key} was not asked over`);
    return first;
  });
}

test('single-ended: each path asks with the identity of its address (PTP-S10, MP-28)', () => {
  const rig = createRig({}, SINGLE);
  for (const [n, { from, to, message }] of begin(rig).entries()) {
    assert.is(from.ip, LOCALS[n]);
    assert.is(to.ip, REMOTE);
    assert.equal(message.header.sourcePortIdentity, own(n + 1));
  }
});

test('single-ended: only the path that brought a Sync is asked over (PTP-S09, PTP-S10)', () => {
  const rig = createRig({}, SINGLE);
  const key = keyOf({ remoteIp: REMOTE, localIp: LOCALS[1] });
  rig.hear(sync(1, {}, masterTime(0)), key);
  assert.ok(rig.run(3 * S).every(({ path }) => path === key));
});

test('right identity at the wrong address, right address with the wrong identity (PTP-S13)', () => {
  const rig = createRig({}, SINGLE);
  const [first, second] = begin(rig);
  if (first === undefined || second === undefined) throw new Error('too few');
  const before = protocolState(rig.slave);
  assert.equal(drops(rig.hear(answerTo(first), second.path)), ['requester']);
  assert.equal(drops(rig.hear(answerTo(second), first.path)), ['requester']);
  const none = pathKey(REMOTE, '198.51.100.77');
  assert.equal(drops(rig.hear(answerTo(first), none)), ['wrong-address']);
  assert.is(protocolState(rig.slave), before);
  assert.is(oneWays(rig.hear(answerTo(first), first.path)).length, 1);
  assert.is(strays(rig.slave).drops['wrong-address'], 1);
});

test('dual-ended: Delay_Req on every pair with swapped addresses (PTP-D07, PTP-D08)', () => {
  const rig = createRig({}, DUAL);
  for (const [n, { from, to, message }] of begin(rig).entries()) {
    assert.is(from.ip, DUAL[n]?.localIp);
    assert.is(to.ip, DUAL[n]?.remoteIp);
    assert.equal(message.header.sourcePortIdentity, own(9));
  }
});

test('dual-ended: answers that change paths match nothing, whatever their number (PTP-D11)', () => {
  const rig = createRig({}, DUAL, { ...FOLLOWING, logDelayInterval: -5, logSyncInterval: 3 });
  for (const path of rig.slave.paths) path.delays.sequenceId = 500; // the worst case
  for (const { key } of rig.slave.paths) rig.hear(sync(1, {}, masterTime(0)), key);
  const asked = rig.run(S / 2);
  const ids = asked.map(idOf);
  assert.is(new Set(ids).size, ids.length);
  assert.ok(asked.length > 20);
  for (const one of asked) {
    for (const { key } of rig.slave.paths) {
      if (key === one.path) continue;
      const [reason] = drops(rig.hear(answerTo(one), key));
      assert.ok(reason === 'unasked' || reason === 'stale', reason);
    }
    assert.is(oneWays(rig.hear(answerTo(one), one.path)).length, 1);
  }
});

test('single-ended paths do not mind each other’s sequenceIds', () => {
  const rig = createRig({}, SINGLE, { ...FOLLOWING, logSyncInterval: 3 });
  for (const path of rig.slave.paths) path.delays.sequenceId = 500;
  assert.equal(begin(rig).map(idOf), [500, 500, 500]);
});

test('what happens on one path leaves the others as they are (MP-06)', () => {
  const rig = createRig({}, SINGLE);
  const [first] = begin(rig);
  if (first === undefined) throw new Error('too few');
  const others = () =>
    JSON.stringify(rig.slave.paths.slice(1), (_, v) => (typeof v === 'bigint' ? `${v}` : v));
  const before = others();
  rig.hear(answerTo(first), first.path);
  rig.hear(sync(9), first.path);
  rig.hear(followUp(3, masterTime(5)), first.path);
  rig.hear(sync(1, {}, masterTime(5)), first.path);
  assert.is(others(), before);
});

test('a path is up once both directions are measured, down after silence, up again (MP-24)', () => {
  const rig = createRig();
  const asked = rig.firstRequest();
  assert.equal(events(rig.outputs), []);
  assert.equal(events(rig.hear(answerTo(asked))), ['reachable: measured both ways']);
  rig.run(3.99 * S);
  assert.equal(events(rig.outputs).length, 1);
  rig.run(60 * S);
  assert.equal(events(rig.outputs).slice(1), ['unreachable: no Sync for 4 s']);
  assert.is(status(rig.slave)[0]?.contact, 'unreachable');
  rig.at(60 * S).hear(sync(60, {}, masterTime(60 * S)));
  const again = rig.run(61 * S)[0];
  if (again === undefined) throw new Error('not asked');
  assert.equal(events(rig.hear(answerTo(again))), ['reachable: measured both ways again']);
});

test('one path cut: it alone goes down, the others stay up (PTP-D18)', () => {
  const rig = createRig({}, DUAL);
  const cut = keyOf({ remoteIp: REMOTES[1], localIp: LOCALS[0] });
  for (let second = 0; second < 20; second++) {
    for (const { key } of rig.slave.paths) {
      if (key === cut && second >= 8) continue;
      rig.at(second * S).hear(sync(second, {}, masterTime(second * S)), key);
    }
    rig.run((second + 1) * S - 1, (asked) => {
      if (asked.path !== cut || second < 8) rig.hear(answerTo(asked), asked.path);
    });
  }
  const told = rig.outputs.filter((output) => output.type === 'path');
  assert.is(told.filter(({ event }) => event === 'reachable').length, 6);
  const lost = told.filter(({ event }) => event === 'unreachable');
  assert.equal(lost, [
    { type: 'path', path: cut, event: 'unreachable', reason: 'no Sync for 4 s' },
  ]);
});

test('a relay that swallows Delay_Resps: the path is one-way and says so (SEC-02)', () => {
  const rig = createRig();
  for (let second = 0; second < 30; second++) {
    rig.at(second * S).hear(sync(second, {}, masterTime(second * S)));
    rig.run((second + 1) * S - 1, (asked) => second < 10 && rig.hear(answerTo(asked)));
  }
  const lost = events(rig.outputs).at(-1) ?? '';
  assert.match(lost, /^unreachable: Syncs come, but no Delay_Resp to use for [89] s$/);
  assert.is(oneWays(rig.outputs).filter(({ direction }) => direction === 'forward').length, 30);
  assert.ok(
    rig.asked.some(({ atNs }) => atNs > 25 * S),
    'it is still asked over',
  );
});

test('a relay that swallows Follow_Ups: Syncs come, but none to use (SEC-02)', () => {
  const rig = createRig();
  for (let second = 0; second < 20; second++) {
    rig.at(second * S).hear(sync(second));
    if (second < 10) rig.hear(followUp(second, masterTime(second * S)));
    rig.run((second + 1) * S - 1, (asked) => rig.hear(answerTo(asked)));
  }
  assert.is(events(rig.outputs).at(-1), 'unreachable: Syncs come, but none to use for 4 s');
  assert.ok(drops(rig.outputs).filter((reason) => reason === 'unpaired').length >= 5);
});

test('the timeout follows the interval of the Syncs: granted, or told by a Sync', () => {
  for (const [log, told, downS] of [
    [-5, undefined, 1],
    [2, undefined, 16],
    [0, 1, 8],
    [0, 0x7f, 4],
  ] as const) {
    const following = { ...FOLLOWING, logSyncInterval: log, logDelayInterval: -2 };
    const rig = createRig({}, undefined, following);
    const but = told === undefined ? {} : { logMessageInterval: told };
    rig.hear(sync(1, but, masterTime(0)));
    rig.run(100 * S, (asked) => rig.hear(answerTo(asked)));
    assert.is(events(rig.outputs).at(-1), `unreachable: no Sync for ${downS} s`);
  }
});

test('a grant of another Sync interval ends what a Sync has told', () => {
  const rig = createRig();
  rig.hear(sync(1, { logMessageInterval: 1 }, masterTime(0)));
  assert.is(status(rig.slave)[0]?.logSyncInterval, 1);
  follow(rig.slave, PATH, FOLLOWING, rig.nowNs);
  assert.is(status(rig.slave)[0]?.logSyncInterval, 1);
  follow(rig.slave, PATH, { ...FOLLOWING, logSyncInterval: -1 }, rig.nowNs);
  assert.is(status(rig.slave)[0]?.logSyncInterval, -1);
});

test('receiptTimeout is in intervals', () => {
  const rig = createRig({ receiptTimeout: 10 });
  rig.hear(sync(1, {}, masterTime(0)));
  rig.run(100 * S, (asked) => rig.hear(answerTo(asked)));
  assert.is(events(rig.outputs).at(-1), 'unreachable: no Sync for 10 s');
});

test('another master: nothing of the old one is paired, answered or converted (BASE-B5)', () => {
  const rig = createRig();
  const asked = rig.firstRequest();
  rig.hear(answerTo(asked));
  const [second] = rig.run(rig.nowNs + 2 * S);
  if (second === undefined) throw new Error('not asked');
  rig.hear(sync(5));
  rig.hear(followUp(6, masterTime(S)));
  const change = follow(rig.slave, PATH, { ...FOLLOWING, master: OTHER }, rig.nowNs);
  assert.equal(events(change), [
    'unreachable: follows aabbcc.fffe.000001-1 now, no longer da9721.fffe.b7c4d9-1',
  ]);
  assert.equal(drops(rig.hear(followUp(5, masterTime(S)))), ['not-parent']);
  assert.equal(drops(rig.hear(answerTo(second))), ['not-parent']);
  const other = { sourcePortIdentity: OTHER };
  assert.equal(rig.hear(followUp(5, masterTime(S), other)), []);
  assert.equal(rig.hear(sync(6, other)), []);
  const late = delayResp(idOf(second), own(1), masterTime(S), other);
  assert.equal(drops(rig.hear(late)), ['unasked']);
  // Its own Announce has yet to say what its time is
  assert.equal(drops(rig.hear(sync(7, other, masterTime(S)))), ['utc']);
  hearTime(rig.slave, OTHER, TAI, rig.nowNs);
  assert.is(oneWays(rig.hear(sync(8, other, masterTime(S)))).length, 1);
  assert.equal(Object.keys(rig.slave.times), ['aabbcc.fffe.000001-1']);
});

test('the same master again changes nothing but intervals', () => {
  const rig = createRig();
  rig.hear(answerTo(rig.firstRequest()));
  rig.hear(sync(5));
  const before = protocolState(rig.slave);
  assert.equal(follow(rig.slave, PATH, { ...FOLLOWING, master: { ...MASTER } }, rig.nowNs), []);
  assert.is(protocolState(rig.slave), before);
  assert.is(oneWays(rig.hear(followUp(5, masterTime(S)))).length, 1);
});

test('a path that follows nobody takes nothing and asks nothing', () => {
  const rig = createRig();
  rig.hear(answerTo(rig.firstRequest()));
  const change = follow(rig.slave, PATH, null, rig.nowNs);
  assert.equal(events(change), ['unreachable: follows nobody now, no longer da9721.fffe.b7c4d9-1']);
  assert.equal(drops(rig.hear(sync(9))), ['not-parent']);
  assert.is(nextDue(rig.slave), null);
  assert.equal(rig.slave.times, {});
  assert.equal(follow(rig.slave, PATH, null, rig.nowNs), []);
});

test('paths to several masters, each with its own time, feed one combiner (COMB-11, EP-091)', () => {
  const rig = createRig({}, [
    { remoteIp: REMOTES[0], localIp: LOCAL, identity: own(1) },
    { remoteIp: REMOTES[1], localIp: LOCAL, identity: own(1) },
  ]);
  const second = pathKey(REMOTES[1], LOCAL);
  follow(rig.slave, second, { ...FOLLOWING, master: OTHER, alternate: true }, tick(0));
  hearTime(rig.slave, OTHER, { ...TAI, ptpTimescale: false }, tick(0));
  const alternate = { sourcePortIdentity: OTHER, flags: { alternateMaster: true } };
  const one = rig.hear(sync(1, {}, masterTime(S)));
  const two = rig.hear(sync(1, alternate, masterTime(S, 0)), second);
  assert.is(oneWays(one)[0]?.remoteNs, oneWays(two)[0]?.remoteNs);
  assert.is(
    oneWays(rig.hear(sync(2, { sourcePortIdentity: OTHER }, masterTime(S, 0)), second)).length,
    1,
  );
  assert.equal(drops(rig.hear(sync(3, alternate, masterTime(S)))), ['not-parent']);
});

test('a multicast message is taken for the path the caller names (EP-098)', () => {
  const rig = createRig();
  const group = pathKey('203.0.113.8', '224.0.1.129'); // a transparent clock wrote its own source
  const message = sync(1, {}, masterTime(S));
  assert.equal(drops(rig.hear(message, group)), ['wrong-address']);
  const datagram = {
    bytes: writeMessage(message),
    remote: { ip: '203.0.113.8', port: 319 },
    local: { ip: '224.0.1.129', port: 319 },
    receivedAtNs: localAt(S),
  };
  if (!isForSlave(message)) throw new Error('not for a slave');
  const outputs = hear(rig.slave, { message, datagram, path: PATH }, rig.nowNs);
  assert.is(oneWays(outputs)[0]?.path, PATH);
});

test('paths come and go; what still arrives for one that went is a stray', () => {
  const rig = createRig({}, SINGLE);
  const [first, second] = begin(rig);
  if (first === undefined || second === undefined) throw new Error('too few');
  const gone = removePath(rig.slave, first.path);
  assert.is(gone.event, 'removed');
  assert.equal(drops(rig.hear(answerTo(first), first.path)), ['wrong-address']);
  assert.is(oneWays(rig.hear(answerTo(second), second.path)).length, 1);
  const others = rig.slave.paths.map(({ key }) => key);
  for (const key of others) {
    assert.is(Object.keys(rig.slave.times).length, 1);
    removePath(rig.slave, key);
  }
  assert.equal(rig.slave.times, {});
  const added = addPath(rig.slave, SINGLE[0] ?? { remoteIp: '', localIp: '', identity: own(1) });
  assert.equal(added, {
    type: 'path',
    path: first.path,
    event: 'added',
    reason: `as ${own(1).clockIdentity}-1`,
  });
  assert.equal(drops(rig.hear(sync(2), first.path)), ['not-parent']);
  assert.equal(drops(rig.hear(answerTo(first), first.path)), ['not-parent']);
});

test('the other mechanism’s messages are drops (EP-032, EP-120)', () => {
  const rig = createRig();
  const header = { ...answerTo(rig.firstRequest()).header };
  const at = masterTime(S);
  const pdelay = { header, requestingPortIdentity: own(1), tlvs: [] };
  assert.equal(drops(rig.hear({ type: 'Pdelay_Resp', requestReceiptTimestamp: at, ...pdelay })), [
    'delay-mechanism',
  ]);
  assert.equal(
    drops(rig.hear({ type: 'Pdelay_Resp_Follow_Up', responseOriginTimestamp: at, ...pdelay })),
    ['delay-mechanism'],
  );
});

test('the state is plain data: a copy of it goes on the same', () => {
  const rig = createRig();
  const asked = rig.firstRequest();
  rig.hear(sync(2));
  const copy = structuredClone(rig.slave);
  assert.equal(copy, rig.slave);
  for (const message of [followUp(2, masterTime(S)), answerTo(asked), sync(2)]) {
    if (!isForSlave(message)) throw new Error('not for a slave');
    const datagram = {
      bytes: new Uint8Array(0),
      remote: { ip: REMOTE, port: 319 },
      local: { ip: LOCAL, port: 319 },
      receivedAtNs: localAt(rig.nowNs),
    };
    const outputs = hear(copy, { message, datagram }, rig.nowNs);
    assert.equal(outputs, rig.hear(message));
    assert.ok(outputs.length > 0);
  }
});

test('mistakes of the caller throw, with field and what is allowed', () => {
  const config = (but: object) => () =>
    createSlave({ delayMechanism: 'E2E', ...but } as SlaveConfig);
  const slave = createSlave({ delayMechanism: 'E2E', maxPaths: 1 });
  const path = { remoteIp: REMOTE, localIp: LOCAL, identity: own(1) };
  addPath(slave, path);
  const cases: [() => unknown, string][] = [
    [config({ delayMechanism: 'e2e' }), 'ptp.delayMechanism'],
    [config({ domainNumber: 256 }), 'ptp.domainNumber'],
    [config({ majorSdoId: 16 }), 'ptp.majorSdoId'],
    [config({ minorSdoId: -1 }), 'ptp.minorSdoId'],
    [config({ eventPort: 0 }), 'ptp.eventPort'],
    [config({ remoteEventPort: 65536 }), 'ptp.remoteEventPort'],
    [config({ receiptTimeout: 1 }), 'ptp.receiptTimeout'],
    [config({ fastestLogDelay: -8 }), 'ptp.fastestLogDelay'], // EP-052
    [config({ fastestLogDelay: 8 }), 'ptp.fastestLogDelay'],
    [config({ contexts: { first: 0.5, step: 1 } }), 'ptp.contexts.first'],
    [config({ contexts: { first: 1, step: 0 } }), 'ptp.contexts.step'],
    [config({ maxPaths: 0 }), 'ptp.maxPaths'],
    [() => addPath(slave, path), 'path'],
    [() => addPath(slave, { ...path, localIp: '198.51.100.2' }), 'path'],
    [() => addPath(slave, { ...path, localIp: '::1' }), 'path.localIp'],
    [() => addPath(slave, { ...path, requestIp: '::1' }), 'path.requestIp'],
    [() => addPath(slave, { ...path, remoteIp: 'master' }), 'path.remoteIp'],
    [
      () => addPath(slave, { ...path, identity: { ...own(1), portNumber: 0 } }),
      'path.identity.portNumber',
    ],
    [
      () =>
        addPath(slave, {
          ...path,
          identity: { clockIdentity: '000000.0000.000000', portNumber: 1 },
        }),
      'path.identity',
    ],
    [() => removePath(slave, pathKey(REMOTE, '198.51.100.9')), 'path'],
    [() => follow(slave, pathKey(REMOTE, '198.51.100.9'), null, tick(0)), 'path'],
  ];
  for (const [mistake, field] of cases) {
    assert.throws(
      mistake,
      (error: unknown) => error instanceof ConfigError && error.field === field,
    );
  }
});

test.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PathKey, pathKey } from '../../src/path.ts';
import type { GrantLimits } from '../../src/ptp/caps.ts';
import {
  activeGrants,
  createGrantor,
  isServed,
  startServing,
  stopServing,
} from '../../src/ptp/grantor.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { ALL_PORTS, type PortIdentity } from '../../src/ptp/identity.ts';
import type { Signaling } from '../../src/ptp/message.ts';
import type { Negotiable } from '../../src/ptp/negotiation.ts';
import { deriveIdentities } from '../../src/ptp/ownidentity.ts';
import { askAnew, createRequester, isGranted, want } from '../../src/ptp/requester.ts';
import { hearSignaling } from '../../src/ptp/signaling.ts';
import type { Tlv } from '../../src/ptp/tlv.ts';
import type { Tick } from '../../src/units.ts';
import {
  at,
  createLab,
  drops,
  type Lab,
  MASTER,
  type Node,
  port,
  run,
  SLAVE,
  signals,
  timesOf,
} from './negotiators.ts';

const test = suite('ptp unicast negotiation');
const TYPES: readonly Negotiable[] = ['Announce', 'Sync', 'Delay_Resp'];

interface Pair {
  readonly key: PathKey;
  readonly own: PortIdentity;
}

const master = (ips: string[], limits: Partial<GrantLimits> = {}): Node => ({
  ips,
  grantor: createGrantor({ port: MASTER, addresses: ips, limits }),
  requester: null,
});
const slave = (ips: string[], durationS: number): Node => ({
  ips,
  grantor: null,
  requester: createRequester({ durationS }),
});

/** Both ends of a path agree that a type is granted. */
function isUp(server: Node, client: Node, { key, own }: Pair, type: Negotiable, nowNs: Tick) {
  const [remoteIp = '', localIp = ''] = key.split('|');
  const ends = { localIp: remoteIp, remoteIp: localIp };
  return (
    server.grantor !== null &&
    client.requester !== null &&
    isServed(server.grantor, ends, own, type, nowNs) &&
    isGranted(client.requester, key, type)
  );
}

/** Runs on, and tells every instant at which one of the grants was missing. */
function gaps(lab: Lab, untilS: number, pairs: readonly Pair[], types = TYPES): string[] {
  const [server, client] = lab.nodes;
  if (server === undefined || client === undefined) throw new Error('two nodes');
  const found: string[] = [];
  run(lab, untilS, (nowNs) => {
    for (const pair of pairs) {
      for (const type of types) {
        if (!isUp(server, client, pair, type, nowNs))
          found.push(`${nowNs / 1e9} ${pair.key} ${type}`);
      }
    }
  });
  return found;
}

const wish = (lab: Lab, pairs: readonly Pair[], types = TYPES): void => {
  const requester = lab.nodes[1]?.requester;
  for (const { key, own } of pairs) {
    if (requester) want(requester, key, { port: own, types }, lab.nowNs);
  }
};

test('single-ended: 8 identities, each granted and renewed over 10 periods without a gap (PTP-S05, S06, S16)', () => {
  for (const family of ['10.1.0.', '2001:db8:1::']) {
    const ips = Array.from({ length: 8 }, (_, n) => `${family}${n + 1}`);
    const server = family.includes(':') ? '2001:db8::1' : '192.0.2.1';
    const pairs = deriveIdentities(ips).map(({ address, clockIdentity }) => ({
      key: pathKey(server, address),
      own: port(clockIdentity),
    }));
    const lab = createLab([master([server]), slave(ips, 40)]);
    wish(lab, pairs);
    run(lab, 0.05);
    assert.equal(gaps(lab, 400, pairs), []);
    const { grantor } = lab.nodes[0] ?? {};
    if (!grantor) throw new Error('no grantor');
    assert.is(activeGrants(grantor, at(400)).length, 24);
    assert.is(new Set(activeGrants(grantor, at(400)).map((one) => one.targetPort)).size, 8);
    for (const ip of ips) {
      const times = timesOf(lab, ip, 'REQUEST_UNICAST_TRANSMISSION');
      const steps = times.slice(1).map((s, n) => s - (times[n] ?? 0));
      assert.ok(times.length >= 13 && times.length <= 21, `${times.length} requests in 10 periods`);
      assert.ok(Math.max(...steps) <= 0.75 * 40 + 0.03, 'at three quarters at the latest');
    }
    for (const { from, message } of lab.sent) {
      if (from === server) continue;
      const pair = pairs.find(({ key }) => key.endsWith(`|${from}`));
      assert.equal(message.header.sourcePortIdentity, pair?.own, 'each from its own address');
    }
    assert.is(lab.told.filter(({ output }) => output.type === 'drop').length, 0);
  }
});

test('dual-ended: one identity, 2×3 pairs, negotiated pair by pair and renewed without a gap (PTP-D04, D05, D06)', () => {
  const servers = ['192.0.2.1', '192.0.2.2'];
  const ips = ['10.1.0.1', '10.2.0.1', '10.3.0.1'];
  const pairs = servers.flatMap((server) =>
    ips.map((ip) => ({ key: pathKey(server, ip), own: SLAVE })),
  );
  const lab = createLab([master(servers), slave(ips, 300)]);
  wish(lab, pairs);
  run(lab, 0.05);
  assert.equal(gaps(lab, 1500, pairs), []);
  const { grantor } = lab.nodes[0] ?? {};
  const granted = grantor && activeGrants(grantor, at(1500));
  assert.equal(
    [...new Set(granted?.map(({ localIp, remote }) => pathKey(localIp, remote)))].sort(),
    pairs.map(({ key }) => key).sort(),
    'those pairs, exactly',
  );
  assert.ok(lab.sent.every(({ from, to }) => servers.includes(from) !== servers.includes(to)));
});

test('a quarter of all messages lost, delays of up to half a second: still no gap', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const ips = ['10.1.0.1', '10.2.0.1', '10.3.0.1', '10.4.0.1'];
    const pairs = ips.map((ip) => ({ key: pathKey('192.0.2.1', ip), own: SLAVE }));
    const lab = createLab([master(['192.0.2.1']), slave(ips, 60)], seed);
    lab.delayS = () => 0.01 + lab.random.below(500) / 1000;
    lab.loses = () => lab.random.below(4) === 0;
    wish(lab, pairs);
    run(lab, 120);
    assert.equal(gaps(lab, 600, pairs), [], `seed ${seed}`);
    assert.ok(lab.sent.length < 4 * 200, `${lab.sent.length} messages: no storm`);
  }
});

test('short grants, too: 128 Syncs a second are had 4 s at a time (SEC-08)', () => {
  const pairs = [{ key: pathKey('192.0.2.1', '10.1.0.1'), own: SLAVE }];
  const lab = createLab([
    master(['192.0.2.1']),
    { ...slave(['10.1.0.1'], 300), requester: createRequester({ intervals: { Sync: -7 } }) },
  ]);
  wish(lab, pairs, ['Sync']);
  run(lab, 0.05);
  assert.equal(gaps(lab, 60, pairs, ['Sync']), []);
});

test('master later than slave: granted within 16 s of its start, on every path (PTP-S19)', () => {
  const ips = ['10.1.0.1', '10.2.0.1', '10.3.0.1'];
  const pairs = ips.map((ip) => ({ key: pathKey('192.0.2.1', ip), own: SLAVE }));
  const lab = createLab([master(['192.0.2.1']), slave(ips, 60)]);
  const grantor = lab.nodes[0]?.grantor;
  if (!grantor) throw new Error('no grantor');
  stopServing(grantor, at(0));
  wish(lab, pairs);
  run(lab, 100);
  assert.is(activeGrants(grantor, at(100)).length, 0);
  assert.ok(
    lab.told.every(({ output }) => output.type === 'drop' && output.reason === 'port-state'),
  );
  startServing(grantor);
  run(lab, 121);
  assert.equal(gaps(lab, 300, pairs), []);
});

test('one path of four cut for two periods: down at its end, back after repair, the others unmoved (PTP-S20, MP-06)', () => {
  const ips = ['10.1.0.1', '10.2.0.1', '10.3.0.1', '10.4.0.1'];
  const pairs = ips.map((ip) => ({ key: pathKey('192.0.2.1', ip), own: SLAVE }));
  const lab = createLab([master(['192.0.2.1']), slave(ips, 40)]);
  let isCut = false;
  lab.loses = ({ from, to }) => isCut && (from === '10.2.0.1' || to === '10.2.0.1');
  const [server, client] = lab.nodes;
  if (!server || !client) throw new Error('two nodes');
  wish(lab, pairs);
  run(lab, 50);
  isCut = true;
  const others = pairs.filter(({ key }) => !key.endsWith('10.2.0.1'));
  const [lost] = pairs.filter(({ key }) => key.endsWith('10.2.0.1'));
  if (!lost) throw new Error('a path');
  assert.equal(gaps(lab, 91, others), []);
  for (const type of TYPES) assert.not(isUp(server, client, lost, type, at(91)));
  assert.equal(gaps(lab, 130, others), []);
  isCut = false;
  assert.equal(gaps(lab, 151, others), []);
  assert.equal(gaps(lab, 300, pairs), []);
  const told = lab.told.flatMap(({ output }) =>
    output.type === 'path' && output.path === lost.key ? [output.event] : [],
  );
  assert.equal(told, [
    ...TYPES.map(() => 'granted'),
    ...TYPES.map(() => 'expired'),
    ...TYPES.map(() => 'granted'),
  ]);
});

test('a master that forgot all serves again as soon as it is asked anew', () => {
  const pairs = [{ key: pathKey('192.0.2.1', '10.1.0.1'), own: SLAVE }];
  const lab = createLab([master(['192.0.2.1']), slave(['10.1.0.1'], 300)]);
  wish(lab, pairs);
  run(lab, 50);
  const other = port('000001.0000.000001');
  const [server, client] = lab.nodes;
  if (!server || !client?.requester) throw new Error('two nodes');
  server.grantor = createGrantor({ port: other, addresses: ['192.0.2.1'] });
  run(lab, 60);
  assert.is(activeGrants(server.grantor, at(60)).length, 0);
  askAnew(client.requester, pairs[0]?.key ?? 'x|x', at(60));
  run(lab, 60.1);
  assert.equal(gaps(lab, 900, pairs), []);
});

test('the slave cancels: the master stops at once, acknowledges, and nothing is left of it', () => {
  const pairs = ['10.1.0.1', '10.2.0.1'].map((ip) => ({
    key: pathKey('192.0.2.1', ip),
    own: SLAVE,
  }));
  for (const lossy of [false, true]) {
    const lab = createLab([master(['192.0.2.1']), slave(['10.1.0.1', '10.2.0.1'], 300)]);
    wish(lab, pairs);
    run(lab, 10);
    let acks = 0;
    lab.loses = ({ message }) =>
      lossy && message.tlvs.some(({ type }) => type.startsWith('ACK')) && acks++ < 2;
    wish(lab, pairs.slice(0, 1), ['Announce']);
    wish(lab, pairs.slice(1), []);
    run(lab, 20);
    const { grantor } = lab.nodes[0] ?? {};
    assert.equal(
      grantor &&
        activeGrants(grantor, at(20)).map(({ remote, messageType }) => [remote, messageType]),
      [['10.1.0.1', 'Announce']],
    );
    assert.is(lab.nodes[1]?.requester?.asks.size, 1);
    const cancels = timesOf(lab, '10.2.0.1', 'CANCEL_UNICAST_TRANSMISSION');
    assert.equal(cancels, lossy ? [10, 11] : [10]);
    assert.is(lab.told.filter(({ output }) => output.type === 'drop').length, 0);
  }
});

test('the master cancels: the slave acknowledges and asks again, and has it when the master is back', () => {
  const ips = ['10.1.0.1', '10.2.0.1'];
  const pairs = ips.map((ip) => ({ key: pathKey('192.0.2.1', ip), own: SLAVE }));
  const lab = createLab([master(['192.0.2.1']), slave(ips, 300)]);
  const [server, client] = lab.nodes;
  if (!server?.grantor || !client) throw new Error('two nodes');
  wish(lab, pairs);
  run(lab, 10);
  stopServing(server.grantor, at(10));
  run(lab, 11);
  for (const pair of pairs) assert.not(isUp(server, client, pair, 'Sync', at(11)));
  assert.is(server.grantor.goodbyes.size, 0, 'acknowledged');
  assert.is(timesOf(lab, '192.0.2.1', 'CANCEL_UNICAST_TRANSMISSION').length, 2, 'told once each');
  run(lab, 30);
  startServing(server.grantor);
  run(lab, 50);
  assert.equal(gaps(lab, 900, pairs), []);
});

test('caps that leave room for one of two: it is served, the other gets less, then all when there is room', () => {
  const total = { grants: 100, packetsPerS: 6, octets: 1e9 };
  const ips = ['10.1.0.1', '10.2.0.1'];
  const pairs = ips.map((ip) => ({ key: pathKey('192.0.2.1', ip), own: SLAVE }));
  const lab = createLab([master(['192.0.2.1'], { total }), slave(ips, 100)]);
  const [server] = lab.nodes;
  if (!server?.grantor) throw new Error('a grantor');
  const { grantor } = server;
  const rates = (s: number) =>
    activeGrants(grantor, at(s))
      .map(({ remote, logInterval }) => `${remote} ${logInterval}`)
      .sort();
  wish(lab, pairs.slice(0, 1), ['Sync']);
  run(lab, 1);
  wish(lab, pairs.slice(1), ['Sync']);
  run(lab, 20);
  assert.equal(rates(20), ['10.1.0.1 0', '10.2.0.1 1'], 'newcomers: half of 6/s, 2 + 1');
  run(lab, 1000);
  assert.equal(rates(1000), ['10.1.0.1 0', '10.2.0.1 0'], 'both came back: 4 of 6/s');
});

// --- the door -----------------------------------------------------------------------------------

const message = (tlvs: readonly Tlv[], source: PortIdentity, target = ALL_PORTS): Signaling => ({
  type: 'Signaling',
  header: createHeader('Signaling', { sourcePortIdentity: source, sequenceId: 0 }),
  targetPortIdentity: target,
  tlvs,
});

test('two clocks that ask each other over one path end each their own', () => {
  const a: Node = {
    ips: ['192.0.2.1'],
    grantor: createGrantor({ port: MASTER, addresses: ['192.0.2.1'] }),
    requester: createRequester(),
  };
  const b: Node = {
    ips: ['192.0.2.2'],
    grantor: createGrantor({ port: SLAVE, addresses: ['192.0.2.2'] }),
    requester: createRequester(),
  };
  const lab = createLab([a, b]);
  if (!a.requester || !b.requester || !a.grantor || !b.grantor) throw new Error('all four');
  const [toB, toA] = [pathKey('192.0.2.2', '192.0.2.1'), pathKey('192.0.2.1', '192.0.2.2')];
  want(a.requester, toB, { port: MASTER, types: ['Announce'] }, at(0));
  want(b.requester, toA, { port: SLAVE, types: ['Announce', 'Sync'] }, at(0));
  run(lab, 1);
  assert.ok(isGranted(a.requester, toB, 'Announce') && isGranted(b.requester, toA, 'Announce'));
  want(b.requester, toA, { port: SLAVE, types: ['Announce'] }, at(1));
  run(lab, 5);
  const left = (grantor: typeof a.grantor) =>
    grantor && activeGrants(grantor, at(5)).map(({ messageType }) => messageType);
  assert.equal([left(a.grantor), left(b.grantor)], [['Announce'], ['Announce']]);
  assert.ok(isGranted(a.requester, toB, 'Announce') && isGranted(b.requester, toA, 'Announce'));
  assert.is(lab.told.filter(({ output }) => output.type === 'drop').length, 0);
});

test('a port that negotiates not at all answers nothing and grants nothing (EP-041, EP-121)', () => {
  const ends = { localIp: '192.0.2.1', remoteIp: '10.1.0.1' };
  const ask: Tlv = {
    type: 'REQUEST_UNICAST_TRANSMISSION',
    messageType: 0,
    logInterMessagePeriod: 0,
    durationField: 300,
  };
  const outputs = hearSignaling(
    { grantor: null, requester: null },
    message([ask], SLAVE),
    ends,
    at(0),
  );
  assert.equal(drops(outputs), ['unasked']);
  assert.is(signals(outputs).length, 0);
});

test('other TLVs are nobody’s, and spoil nothing (BASE-B8)', () => {
  const [server] = [master(['192.0.2.1'])];
  const ends = { localIp: '192.0.2.1', remoteIp: '10.1.0.1' };
  const other: Tlv = { type: 'OTHER', tlvType: 0x2fff, bytes: new Uint8Array(2) };
  const ask: Tlv = {
    type: 'REQUEST_UNICAST_TRANSMISSION',
    messageType: 0,
    logInterMessagePeriod: 0,
    durationField: 30,
  };
  assert.equal(hearSignaling(server, message([other], SLAVE), ends, at(0)), []);
  const outputs = hearSignaling(server, message([other, ask, other], SLAVE), ends, at(0));
  assert.is(signals(outputs).length, 1);
  assert.is(server.grantor && activeGrants(server.grantor, at(0)).length, 1);
});

test.run();

/** Paths of one pair that differ in the local port: they share what a server grants an address. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { addPath, createNtpClient, parkPath, status, strays } from '../../src/ntp/client.ts';
import { type PathKey, pairOf, pathKey } from '../../src/path.ts';
import { tick } from '../../src/units.ts';
import { createRig, DEFAULTS, honest, type Rig, S } from './rig.ts';
import { answerTo, stampsAt } from './wire.ts';

const test = suite('source ports');
const PORTS = [40001, 40002, 40003, 40004];
const remote = { ip: '192.0.2.1', port: 123 };
const LOCAL = '198.51.100.7';
const key = (port: number, local = LOCAL): PathKey => pathKey(remote.ip, local, port);
const ported = (locals = [LOCAL]) =>
  locals.flatMap((localIp) => PORTS.map((localPort) => ({ remote, localIp, localPort })));
const plain = { remote, localIp: '198.51.100.9' };

/** Least time between two requests of one pair (s). */
function leastGap({ sent }: Rig, pair: PathKey): number {
  const times = sent.filter(({ path }) => pairOf(path) === pair).map(({ atS }) => atS);
  return Math.min(...times.slice(1).map((atS, n) => atS - (times[n] ?? 0)));
}

test('each path asks from its own port, and an answer to another port is not its own', () => {
  const rig = createRig({ paths: ported() });
  rig.run(300, honest);
  assert.equal(
    [...new Set(rig.sent.map(({ path }) => path))].sort(),
    PORTS.map((n) => key(n)),
  );
  for (const { valid, drops } of status(rig.client)) {
    assert.ok(valid > 0 && drops.origin === 0);
  }
  const sent = rig.inFlight(key(40001));
  const answer = answerTo(sent.bytes, stampsAt(rig.nowNs / S));
  rig.datagram(key(40002), answer);
  assert.is(status(rig.client)[1]?.drops.origin, 1);
  rig.datagram(key(50000), answer);
  assert.is(strays(rig.client).drops['unknown-path'], 1);
});

test('per-path budget: the ports of a pair together ask as often as a pair without', () => {
  const rig = createRig({ paths: [...ported(), plain], budget: 'per-path' });
  rig.run(10_240 - 1, honest);
  const of = (pair: PathKey) => rig.sent.filter(({ path }) => pairOf(path) === pair).length;
  const pair = pathKey(remote.ip, LOCAL);
  assert.ok(Math.abs(of(pair) - 160) <= 1, `${of(pair)} requests`);
  assert.ok(Math.abs(of(pathKey(remote.ip, plain.localIp)) - 160) <= 1);
  assert.ok(leastGap(rig, pair) > 64 * 0.96, `${leastGap(rig, pair)} s`);
  for (const port of PORTS) {
    const own = rig.sent.filter(({ path }) => path === key(port)).length;
    assert.ok(Math.abs(own - 40) <= 1, `${own} requests of port ${port}`);
  }
});

test('shared budget: ports ask no more than one association would (NTP-C3)', () => {
  const rig = createRig({ paths: ported() });
  rig.run(6400 - 1, honest);
  assert.ok(Math.abs(rig.sent.length - 100) <= 1, `${rig.sent.length} requests`);
});

test('ports that are parked leave their turns to the others, and nobody asks too soon', () => {
  for (const budget of ['shared', 'per-path'] as const) {
    const rig = createRig({ paths: ported(), budget });
    rig.run(1000, honest);
    for (const port of [40002, 40004]) {
      rig.feed(parkPath(rig.client, key(port), 'same route', rig.nowNs));
    }
    rig.sent = [];
    rig.run(1000 + 6400, honest);
    assert.ok(Math.abs(rig.sent.length - 100) <= 2, `${budget}: ${rig.sent.length} requests`);
    assert.ok(rig.sent.every(({ path }) => path === key(40001) || path === key(40003)));
    assert.ok(leastGap(rig, pathKey(remote.ip, LOCAL)) > 64 * 0.96);
  }
});

test('the quick first exchanges are one pair’s, port by port', () => {
  const two = ['198.51.100.7', '198.51.100.8'];
  const rig = createRig({ paths: ported(two), iburst: 6, iburstSpacingS: 2 });
  rig.run(11, honest);
  for (const local of two) {
    const own = rig.sent.filter(({ path }) => pairOf(path) === pathKey(remote.ip, local));
    assert.equal(
      own.map(({ path }) => path),
      [0, 1, 2, 3, 0, 1].map((n) => key(PORTS[n] ?? 0, local)),
    );
    assert.ok(leastGap(rig, pathKey(remote.ip, local)) >= 2);
  }
});

test('RATE to one port slows them all (NTP-C2)', () => {
  const rig = createRig({ paths: [...ported(), plain], budget: 'per-path' });
  rig.run(500, honest);
  rig.run(rig.nowNs / S + 70);
  const sent = rig.sent.filter(({ path }) => pairOf(path) === pathKey(remote.ip, LOCAL)).at(-1);
  assert.ok(sent !== undefined);
  rig.datagram(sent.path, answerTo(sent.bytes, { stratum: 0, refid: 0x52415445 }));
  assert.equal(
    status(rig.client).map(({ pollLog2S }) => pollLog2S),
    [7, 7, 7, 7, 6],
  );
  rig.sent = [];
  rig.run(rig.nowNs / S + 2000, honest);
  assert.ok(leastGap(rig, pathKey(remote.ip, LOCAL)) > 128 * 0.96);
});

test('a port twice, or none at all, is told in one sentence', () => {
  const paths = ported();
  const isConfigError = (error: Error) => error instanceof ConfigError;
  const [first] = paths;
  assert.ok(first !== undefined);
  const make = (more: object) => () =>
    createNtpClient({ ...DEFAULTS, paths: [...paths, { ...first, ...more }] });
  assert.throws(make({}), isConfigError);
  assert.throws(make({ localPort: 0 }), isConfigError);
  assert.throws(make({ localPort: 70_000 }), isConfigError);
  const rig = createRig({ paths });
  rig.feed(addPath(rig.client, { ...first, localPort: 40005 }, tick(S)));
  assert.is(status(rig.client).length, 5);
});

test.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { localEnd, type PathKey, pairOf, pathKey, pathParts } from '../../src/path.ts';
import { joins, localFolds } from '../../src/paths/joins.ts';
import { forks } from '../../src/paths/overlap.ts';
import { path, route, routesBy } from './rig.ts';

const test = suite('joins and folds of our addresses');
const A = ['10.0.0.1', '10.0.1.1', '10.0.9.1'];
const B = ['10.0.0.1', '10.0.2.1', '10.0.9.2'];
const own = (n: number) => `198.51.100.${n}`;
const port = (local: number, number: number): PathKey => pathKey('192.0.2.1', own(local), number);

test('a key with a port, taken apart; its pair and its own end', () => {
  const key = pathKey('fd00::1', 'fe80::2%eth0', 40001);
  assert.is(key, 'fd00::1|fe80::2%eth0#40001');
  assert.equal(pathParts(key), { remoteIp: 'fd00::1', localIp: 'fe80::2%eth0', localPort: 40001 });
  assert.is(pairOf(key), 'fd00::1|fe80::2%eth0');
  assert.is(localEnd(key), 'fe80::2%eth0#40001');
  assert.equal(pathParts(pairOf(key)), { remoteIp: 'fd00::1', localIp: 'fe80::2%eth0' });
});

test('own addresses that take the same routes to all are folded (PATH-11)', () => {
  const paths = [path(1, 1), path(2, 1), path(3, 1), path(1, 2), path(2, 2)];
  const routes = routesBy(
    route(path(1, 1), A),
    route(path(2, 1), A),
    route(path(3, 1), B),
    route(path(1, 2), B),
    route(path(2, 2), B),
  );
  assert.equal(localFolds(paths, routes), [[own(1), own(2)]]);
  routes.set(path(2, 2), route(path(2, 2), A)); // to that one they do differ
  assert.equal(localFolds(paths, routes), []);
});

test('silence folds nothing and joins nothing (PATH-13)', () => {
  const silent = ['10.0.0.1', null, '10.0.9.1'];
  for (const end of ['remote', 'silent'] as const) {
    const routes = routesBy(route(1, silent, end), route(2, silent, end));
    assert.equal(localFolds([path(1), path(2)], routes), []);
    assert.equal(joins([path(1), path(2)], routes), []);
  }
  assert.equal(localFolds([path(1), path(2)], routesBy(route(1, A))), []);
});

test('ports: addresses fold if their ports together take the same routes', () => {
  const paths = [port(1, 7), port(1, 8), port(2, 9), port(2, 10)];
  const routes = routesBy(
    route(port(1, 7), A),
    route(port(1, 8), B),
    route(port(2, 9), B),
    route(port(2, 10), A),
  );
  assert.equal(localFolds(paths, routes), [[own(1), own(2)]]);
  routes.set(port(2, 10), route(port(2, 10), B));
  assert.equal(localFolds(paths, routes), []);
});

test('routes that begin apart and end alike join, at the nearest router they have in common', () => {
  const other = ['10.0.8.1', '10.0.1.1', '10.0.9.1'];
  const routes = routesBy(route(1, A), route(2, other), route(3, other), route(4, B));
  assert.equal(joins([path(1), path(2), path(3), path(4)], routes), [
    { remoteIp: '192.0.2.1', routerIp: '10.0.1.1', localEnds: [own(1), own(2), own(3)], hops: 2 },
  ]);
  // Equal routes are no join, nor are those that have one router in the midst
  assert.equal(joins([path(1), path(4)], routes), []);
  assert.equal(joins([path(2), path(3)], routes), []);
  // A shorter way to the same tail
  const near = routesBy(route(1, A), route(2, A.slice(1)));
  assert.is(joins([path(1), path(2)], near)[0]?.hops, 2);
});

test('a fork that parts the ports of one pair is one by ports', () => {
  const byPort = forks([route(port(1, 7), A), route(port(1, 8), B)]);
  assert.equal(byPort[0], {
    remoteIp: '192.0.2.1',
    routerIp: '10.0.0.1',
    nextIps: ['10.0.1.1', '10.0.2.1'],
    isPerPacket: false,
    isByPort: true,
  });
  assert.is(forks([route(port(1, 7), A), route(port(2, 8), B)])[0]?.isByPort, false);
});

test.run();

/** A PTP slave with discovery, in logical time, over a network of scripted routers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { type PathKey, pathKey } from '../../src/path.ts';
import { routesOf, votesOf } from '../../src/paths/discovery.ts';
import { routeName } from '../../src/paths/route.ts';
import type { DiscoveryOptions } from '../../src/paths/settings.ts';
import type { OrdinaryClockConfig } from '../../src/ptp/clock.ts';
import { askedPaths } from '../../src/ptp/requester.ts';
import { status } from '../../src/ptp/slave.ts';
import { openPtpClock } from '../../src/ptpclock.ts';
import { viewPtpPaths } from '../../src/ptpstatus.ts';
import { stepTracingReturned } from '../../src/tracing.ts';
import { NS_PER_S, tick } from '../../src/units.ts';
import {
  addClock,
  addTracing,
  createWorld,
  cut,
  dropReasons,
  inject,
  measuredAt,
  measuredPaths,
  pathEvents,
  run,
  sentBy,
  type World,
} from '../ptp/clockrig.ts';

const test = suite('ptp tracing');
const M = '192.0.2.1';
const LOCALS = [1, 2, 3, 4].map((n) => `198.51.100.${n}`);
const keyOf = (n: number): PathKey => pathKey(M, LOCALS[n - 1] ?? '');
const FOUR = [1, 2, 3, 4].map(keyOf);
const A = ['10.0.0.1', '10.0.1.1', '10.0.9.1'];
const B = ['10.0.0.1', '10.0.2.1', '10.0.9.1'];
const P2P = { logAnnounceInterval: 0, logSyncInterval: -1, delayMechanism: 2 } as const;

/** A master on one address, a single-ended slave on four, of which two each share a route. */
function diamond(
  discovery: DiscoveryOptions = {},
  own: Partial<OrdinaryClockConfig> = {},
  master: Partial<OrdinaryClockConfig> = {},
) {
  const world = createWorld();
  const there = { mode: 'single-ended', role: 'master', masters: [], addresses: [M] } as const;
  const theirs = addClock(world, { ...there, ...master });
  const here = { mode: 'single-ended', role: 'slave', masters: [M], addresses: LOCALS } as const;
  const options = { startS: 5, periodS: 60, ...discovery };
  const slave = addTracing(world, options, { ...here, ...own });
  for (const [n, key] of FOUR.entries()) world.routes.set(key, n < 2 ? A : B);
  return { world, slave, theirs };
}

const parkings = (slave: ReturnType<typeof diamond>['slave'], sinceS = 0): string[] =>
  pathEvents(slave, sinceS).flatMap(({ event, path, reason }) =>
    event === 'parked' || event === 'admitted' ? [`${event} ${path}: ${reason}`] : [],
  );

const names = ({ tracing }: ReturnType<typeof diamond>['slave']): (string | null)[] => {
  const routes = routesOf(tracing.discovery);
  return FOUR.map((key) => {
    const route = routes.get(key);
    return route === undefined ? null : routeName(route);
  });
};

const probes = ({ seen }: World) => seen.filter(({ hops }) => hops < 64);

/** Types that Signaling messages from an address are about, with these TLVs. */
const signalled = (world: World, from: string, tlv: string, sinceS: number): number[] =>
  sentBy(world, 'Signaling', from, sinceS).flatMap(({ message }) =>
    message.type !== 'Signaling'
      ? []
      : message.tlvs.flatMap((one) =>
          one.type === tlv && 'messageType' in one ? [one.messageType] : [],
        ),
  );

const SYNC = 0;
const DELAY_RESP = 9;
const ANNOUNCE = 11;

test('four pairs, two routes: both found, and what was granted on redundant pairs is cancelled (PATH-02, PATH-10)', () => {
  const { world, slave } = diamond();
  run(world, 25);
  assert.equal(
    names(slave),
    [A, A, B, B].map((route) => route.join(' ')),
  );
  assert.equal(parkings(slave), [
    `parked ${keyOf(2)}: same route as ${keyOf(1)}`,
    `parked ${keyOf(4)}: same route as ${keyOf(3)}`,
  ]);
  for (const n of [2, 4]) {
    const cancelled = signalled(world, LOCALS[n - 1] ?? '', 'CANCEL_UNICAST_TRANSMISSION', 0);
    assert.equal([...new Set(cancelled)].sort(), [SYNC, DELAY_RESP]);
    const later = sentBy(world, 'Sync', M, 22).filter(({ to }) => to === LOCALS[n - 1]);
    assert.equal(later, [], 'no Sync flows there');
    // Announces tell that the address is still the master's
    assert.ok(sentBy(world, 'Announce', M, 22).some(({ to }) => to === LOCALS[n - 1]));
  }
  assert.equal(measuredPaths(slave, 22, 25).sort(), [keyOf(1), keyOf(3)]);
  assert.equal([...votesOf(slave.tracing.discovery).values()], [1, 0, 1, 0]);
  const views = viewPtpPaths(
    slave.clock,
    () => null,
    world.nowNs,
    () => 'kernel',
  );
  assert.equal(
    views.map(({ path, state }) => [path, state === 'parked']),
    FOUR.map((path, n) => [path, n % 2 === 1]),
  );
  assert.is(views[1]?.reason, `same route as ${keyOf(1)}`);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
});

test('probes are Delay_Reqs of the pairs’ own flows but for the hop limit (PATH-03, PATH-04, PATH-14)', () => {
  const { world, slave } = diamond();
  run(world, 25);
  assert.is(probes(world).length, 16, 'four hops of four pairs');
  const perS = new Map<number, number>();
  for (const { atS, from, to, message, bytes, hops } of probes(world)) {
    assert.is(message.type, 'Delay_Req');
    assert.is(to, M);
    assert.ok(hops >= 1 && hops <= 4);
    const usual = sentBy(world, 'Delay_Req', from).find((one) => one.hops === 64);
    const alike = (one: Uint8Array) => [...one.slice(0, 30), ...one.slice(32)];
    assert.equal(alike(bytes), alike(usual?.bytes ?? new Uint8Array(0)));
    perS.set(Math.floor(atS), (perS.get(Math.floor(atS)) ?? 0) + 1);
  }
  assert.ok(Math.max(...perS.values()) <= 6, 'five a second');
  const numbers = sentBy(world, 'Delay_Req', LOCALS[0]).map(
    ({ message }) => message.header.sequenceId,
  );
  assert.is(new Set(numbers).size, numbers.length);
  assert.is(slave.tracing.discovery.rounds, 1);
});

test('measurement is not disturbed: no path goes down, nothing is dropped, a probe that arrives measures', () => {
  const { world, slave } = diamond({}, {});
  for (const key of FOUR) world.routes.set(key, [...A.slice(0, 2), `10.0.8.${key.slice(-1)}`]);
  run(world, 40);
  assert.equal(parkings(slave), []);
  assert.equal(dropReasons(slave), {});
  assert.ok(pathEvents(slave).every(({ event }) => event !== 'unreachable' && event !== 'unsent'));
  for (const [n, key] of FOUR.entries()) {
    const requests = sentBy(world, 'Delay_Req', LOCALS[n]);
    const returned = requests.filter(({ hops }) => hops < 4).length;
    assert.is(returned, 3);
    assert.is(measuredAt(slave, key, 'reverse').length, requests.length - returned);
    // Beside the requests that are due, not in their place: two a second all the while
    const usual = requests.filter(({ hops, atS }) => hops === 64 && atS >= 10);
    assert.ok(Math.abs(usual.length - 60) < 15, `${usual.length} in 30 s`);
  }
});

test('routes merge and part: grants go and come within a period (PATH-09, PATH-10)', () => {
  const { world, slave } = diamond();
  for (const key of FOUR) world.routes.set(key, [...A, `10.0.8.${key.slice(-1)}`]);
  run(world, 30);
  assert.equal(parkings(slave), []);
  world.routes.set(keyOf(2), world.routes.get(keyOf(1)) ?? []);
  run(world, 90);
  assert.equal(parkings(slave), [`parked ${keyOf(2)}: same route as ${keyOf(1)}`]);
  const asked = probes(world).filter(({ from, atS }) => from === LOCALS[1] && atS > 90).length;
  world.routes.set(keyOf(2), B);
  run(world, 150);
  const late = probes(world).filter(({ from, atS }) => from === LOCALS[1] && atS > 90).length;
  assert.is(late - asked, 4, 'a parked pair is traced');
  assert.equal(parkings(slave, 90), [`admitted ${keyOf(2)}: no longer stands behind ${keyOf(1)}`]);
  const requested = signalled(world, LOCALS[1] ?? '', 'REQUEST_UNICAST_TRANSMISSION', 90);
  assert.ok(requested.includes(SYNC) && requested.includes(DELAY_RESP) && !requested.includes(2));
  assert.ok(measuredPaths(slave, 140, 150).includes(keyOf(2)));
  assert.equal(dropReasons(slave), {}, 'answers to a parked pair’s probes are no strangers');
});

test('a pair steps in when the one that stood for it falls silent', () => {
  const { world, slave } = diamond();
  run(world, 25);
  cut(world, M, LOCALS[0] ?? '');
  run(world, 35);
  assert.equal(parkings(slave, 25), [`admitted ${keyOf(2)}: no longer stands behind ${keyOf(1)}`]);
  assert.ok(measuredPaths(slave, 33, 35).includes(keyOf(2)));
  cut(world, M, LOCALS[0] ?? '', false);
  run(world, 55);
  assert.equal(
    measuredPaths(slave, 50, 55).filter((key) => key === keyOf(1) || key === keyOf(2)).length,
    1,
  );
});

test('what a parked pair’s probe is answered is no measurement (COMB-13)', () => {
  const { world, slave } = diamond();
  run(world, 85);
  const answers = sentBy(world, 'Delay_Resp', M, 60).filter(({ to }) => to === LOCALS[1]);
  assert.is(answers.length, 1, 'of the second round');
  assert.equal(
    measuredAt(slave, keyOf(2), 'reverse').filter((atS) => atS > 30),
    [],
  );
  assert.equal(dropReasons(slave), {});
});

test('another master at the same address: pairs that were parked are asked for again at once', () => {
  const { world, slave } = diamond();
  run(world, 30);
  assert.is(parkings(slave).length, 2);
  const before = slave.clock.foreign.parent;
  const [told] = sentBy(world, 'Announce', M, 20);
  const better = Uint8Array.from(told?.bytes ?? []);
  better[27] = (better[27] ?? 0) ^ 0x55; // its clockIdentity, priority1 and grandmasterIdentity
  better[60] = better[27] ?? 0;
  better[47] = 1;
  for (let s = 30; s < 37; s++) {
    better[31] = s; // sequenceId
    for (const ip of LOCALS) {
      inject(world, { ip: M, port: 320 }, { ip, port: 320 }, Uint8Array.from(better));
    }
    run(world, s + 1); // the one that was goes on, too
  }
  assert.is.not(slave.clock.foreign.parent, before);
  const { requester } = slave.clock;
  const asked = requester === null ? [] : askedPaths(requester);
  assert.equal(asked.map(({ path }) => path).sort(), FOUR);
  for (const { path, types } of asked) {
    const wanted = types.map(({ type }) => type).sort();
    assert.equal(wanted, ['Announce', 'Delay_Resp', 'Sync'], path);
  }
});

test('a master that answers granted Delay_Reqs alone is asked for that while a parked pair is traced (PATH-09, PATH-10)', () => {
  const { world, slave, theirs } = diamond();
  Object.assign(theirs.clock.master, { ungranted: null }); // as ptpd
  run(world, 205);
  assert.is(slave.tracing.discovery.rounds, 4);
  assert.is(parkings(slave).length, 2);
  assert.equal(parkings(slave, 30), [], 'parked pairs stay so');
  assert.equal(measuredPaths(slave, 30, 205).sort(), [keyOf(1), keyOf(3)]);
  for (const tlv of ['REQUEST_UNICAST_TRANSMISSION', 'CANCEL_UNICAST_TRANSMISSION']) {
    const about = signalled(world, LOCALS[1] ?? '', tlv, 30).filter((type) => type !== ANNOUNCE);
    assert.equal([...new Set(about)], [DELAY_RESP], tlv);
  }
  const kept = theirs.clock.master.streams.permits;
  const ips = [...kept.values()].map(({ grant }) => grant.remote);
  assert.ok(!ips.includes(LOCALS[1] ?? ''), 'cancelled again when it ended');
  assert.equal(dropReasons(slave), {});
});

test('peer to peer: the probes are Pdelay_Reqs', () => {
  const { world, slave } = diamond({}, { port: P2P }, { port: P2P });
  run(world, 25);
  assert.ok(probes(world).every(({ message }) => message.type === 'Pdelay_Req'));
  assert.is(parkings(slave).length, 2);
  run(world, 85);
  assert.is(slave.tracing.discovery.rounds, 2);
  assert.is(parkings(slave).length, 2);
  const { 'not-parent': underWay = 0, ...others } = dropReasons(slave);
  assert.ok(underWay <= 2, 'answers on their way to a pair that is parked');
  assert.equal(others, {});
  assert.equal(measuredPaths(slave, 80, 85).sort(), [keyOf(1), keyOf(3)]);
});

test('dual-ended: addresses whose pairs are all parked stay the master’s', () => {
  const world = createWorld();
  const theirs = [M, '192.0.2.2'];
  const dual = { mode: 'dual-ended', masters: theirs } as const;
  addClock(world, { ...dual, role: 'master', masters: [], addresses: theirs });
  const ours = LOCALS.slice(0, 2);
  const options = { startS: 5, periodS: 60 };
  const slave = addTracing(world, options, { ...dual, role: 'slave', addresses: ours });
  for (const remote of theirs)
    for (const local of ours) world.routes.set(pathKey(remote, local), A);
  run(world, 100);
  assert.is(parkings(slave).length, 3, parkings(slave).join('\n'));
  assert.equal(
    pathEvents(slave, 10).filter(({ event }) => event === 'removed' || event === 'added'),
    [],
  );
  assert.is(measuredPaths(slave, 95, 100).length, 1);
});

test('by multicast nothing is traced; a hybrid path is traced and never parked', () => {
  for (const delayRequests of ['multicast', 'unicast'] as const) {
    const world = createWorld();
    addClock(world, { mode: 'plain', role: 'master', addresses: [M] });
    const own = {
      mode: 'plain',
      role: 'slave',
      delayRequests,
      addresses: [LOCALS[0] ?? ''],
    } as const;
    const slave = addTracing(world, { startS: 5, periodS: 60 }, own);
    world.routes.set(keyOf(1), A);
    run(world, 30);
    const isHybrid = delayRequests === 'unicast';
    assert.is(probes(world).length, isHybrid ? 4 : 0);
    const [found] = slave.tracing.discovery.paths;
    assert.is(found?.route?.end, isHybrid ? 'remote' : 'unable');
    assert.is(found?.isFixed, true);
    assert.is(status(slave.clock.slave)[0]?.contact, 'reachable');
  }
});

test('silent routers’ names are not for strangers to give: 8 bytes are nobody’s proof (PATH-13, SEC-08)', () => {
  const { world, slave } = diamond();
  for (const key of FOUR) world.routes.set(key, ['10.0.0.1', '', `10.0.9.${FOUR.indexOf(key)}`]);
  const { tracing } = slave;
  for (let atS = 0; atS < 60; atS += 0.05) {
    run(world, atS);
    for (const ip of LOCALS) {
      const quoted = new Uint8Array(0);
      const to = { ip: M, port: 319 };
      const forged = { routerIp: '10.6.6.6', to, type: 11, code: 0, quoted };
      const port = { type: 3, code: 3, routerIp: M };
      for (const returned of [forged, { ...forged, ...port }]) {
        const local = { ip, port: 319 };
        const nowNs = tick(atS * NS_PER_S);
        stepTracingReturned(tracing, { type: 'returned', local, returned, nowNs });
      }
    }
  }
  const routes = routesOf(tracing.discovery);
  assert.is(routes.size, 4);
  for (const { hops } of routes.values()) {
    assert.is(hops.length, 3);
    assert.not.ok(hops.some(({ routers }) => routers.includes('10.6.6.6')));
  }
  assert.equal(parkings(slave), []);
});

test('a host without hop limits: all pairs are used (PATH-13)', () => {
  const { world, slave } = diamond();
  world.refuses = ({ hops }) => hops !== undefined;
  run(world, 40);
  assert.equal(names(slave), [null, null, null, null]);
  assert.equal(parkings(slave), []);
  assert.is(slave.clock.trouble.errors, 0);
  assert.ok(pathEvents(slave).every(({ event }) => event !== 'unsent'));
  assert.equal(measuredPaths(slave, 38, 40).sort(), FOUR);
});

test('a master with discovery sends no probe (PATH-07, PATH-08)', () => {
  const world = createWorld();
  const options = { startS: 0, periodS: 10, symmetric: true };
  const master = addTracing(world, options, {
    ...{ mode: 'single-ended', masters: [], addresses: [M] },
    clock: { priority1: 1 },
  });
  const here = { mode: 'single-ended', role: 'slave', masters: [M], addresses: LOCALS } as const;
  addClock(world, here);
  run(world, 40);
  assert.is(master.clock.portDS.portState, 'MASTER');
  assert.ok(sentBy(world, 'Sync', M).length > 100);
  assert.is(probes(world).length, 0);
});

test('discovery is for slaves, in one domain (PATH-07)', async () => {
  const refused = async (options: object, field: string) => {
    try {
      const own = { addresses: ['127.0.0.1'], ports: { event: 41319, general: 41320 } };
      await (await openPtpClock({ ...own, stamps: 'plain', ...options })).close();
    } catch (error) {
      assert.ok(error instanceof ConfigError, `${error}`);
      assert.is(error.field, field);
      return;
    }
    assert.unreachable(`${JSON.stringify(options)} was taken`);
  };
  await refused({ discovery: {}, role: 'master' }, 'discovery');
  await refused({ discovery: {}, domains: [0, 1] }, 'discovery');
  await refused({ discovery: { role: 'both' } }, 'discovery.role');
  await refused({ discovery: { role: 'master', symmetric: true } }, 'discovery.role');
});

test.run();

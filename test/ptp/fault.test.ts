/** A port whose sockets are broken, peers that are gone, timeouts with a random part, asymmetry. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { pathKey } from '../../src/path.ts';
import { hearSocketError, hearUnreachable } from '../../src/ptp/clock.ts';
import {
  addClock,
  createWorld,
  cut,
  type Host,
  PORT,
  perform,
  portTexts,
  run,
  sentBy,
  type World,
} from './clockrig.ts';
import { EPOCH_NS } from './slaverig.ts';

const test = suite('ptp faults');

const M = '192.0.2.1';
const LOCALS = ['198.51.100.1', '198.51.100.2'];

/** The event socket reports an error now. */
function fail(world: World, host: Host, code: string, port = 319): void {
  const local = { ip: host.clock.primaryIp, port };
  perform(world, host, hearSocketError(host.clock, local, code, world.nowNs));
}

test('a master whose event socket fails for seconds is FAULTY, says nothing for 16 s, and recovers (BASE-B3)', () => {
  const world = createWorld();
  const host = addClock(world, { mode: 'plain', role: 'master', addresses: [M] });
  run(world, 10);
  for (let atS = 10; atS < 14; atS++) {
    fail(world, host, 'ENETUNREACH');
    assert.is(host.clock.portDS.portState, 'MASTER');
    run(world, atS + 1);
  }
  fail(world, host, 'ENETUNREACH');
  assert.equal(portTexts(host, 14), ['port 1: MASTER to FAULTY on FAULT_DETECTED']);
  run(world, 29.9);
  assert.equal(
    world.seen.filter(({ atS }) => atS > 14),
    [],
  );
  run(world, 40);
  assert.equal(portTexts(host, 14.1).slice(0, 3), [
    'port 1: FAULTY to INITIALIZING on FAULT_CLEARED',
    'port 1: INITIALIZING to LISTENING on INIT_COMPLETE',
    'port 1: LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES',
  ]);
  assert.ok(sentBy(world, 'Sync', M, 30).length > 10);
});

test('a slave that is FAULTY forgets its master, hears nothing, and finds it again', () => {
  const world = createWorld();
  addClock(world, { mode: 'plain', role: 'master', addresses: [M] });
  const slave = addClock(world, {
    mode: 'single-ended',
    role: 'slave',
    addresses: LOCALS,
    masters: [M],
  });
  run(world, 10);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
  for (const local of LOCALS) cut(world, M, local);
  for (let n = 0; n < 5; n++) {
    fail(world, slave, 'ENETDOWN');
    run(world, 11 + n);
  }
  assert.is(slave.clock.portDS.portState, 'FAULTY');
  assert.is(slave.clock.slave.paths.length, 0);
  for (const local of LOCALS) cut(world, M, local, false);
  run(world, 29);
  assert.is(slave.clock.portDS.portState, 'FAULTY');
  run(world, 45);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
});

test('no fault: as long as anything is heard, of one peer only, few, far apart, or of the general port', () => {
  for (const [code, port, everyS, isHearing] of [
    ['ENETUNREACH', 319, 1, true],
    ['ECONNREFUSED', 319, 1, false],
    ['EHOSTUNREACH', 319, 1, false],
    ['ENETUNREACH', 320, 1, false],
    ['ENETUNREACH', 319, 40, false],
  ] as const) {
    const world = createWorld();
    const host = addClock(world, { mode: 'plain', role: 'master', addresses: [M] });
    if (isHearing) addClock(world, { mode: 'plain', role: 'slave', addresses: ['192.0.2.9'] });
    for (let n = 0; n < 12; n++) {
      fail(world, host, code, port);
      run(world, (n + 1) * everyS);
    }
    assert.is(host.clock.portDS.portState, 'MASTER', `${code} ${port} ${everyS} ${isHearing}`);
  }
});

test('requests from an address that nothing can be sent to make no master FAULTY (SEC-08)', () => {
  const world = createWorld();
  const master = addClock(world, {
    ...{ mode: 'single-ended', role: 'master', addresses: [M], masters: [] },
  });
  const forger = addClock(world, {
    ...{ mode: 'single-ended', role: 'slave', addresses: ['198.18.0.9'], masters: [M] },
  });
  run(world, 10);
  forger.isUp = false; // its grants run on
  world.refuses = ({ to }) => to.ip === '198.18.0.9';
  run(world, 20);
  assert.is(master.clock.portDS.portState, 'MASTER');
  assert.ok(master.clock.master.tally.unsent > 10);
});

test('a peer that cannot be reached (ICMP) gets nothing more, others do (SEC-08)', () => {
  const world = createWorld();
  const master = addClock(world, { mode: 'single-ended', role: 'master', addresses: [M] });
  const slave = addClock(world, {
    ...{ mode: 'single-ended', role: 'slave', addresses: LOCALS, masters: [M] },
  });
  run(world, 10);
  const [gone = '', other = ''] = LOCALS;
  slave.isUp = false;
  perform(world, master, hearUnreachable(master.clock, gone, world.nowNs));
  run(world, 20);
  const to = (ip: string) => sentBy(world, 'Sync', M, 10.01).filter((seen) => seen.to === ip);
  assert.is(to(gone).length, 0);
  assert.ok(to(other).length > 10);
});

test('a master that forgets what it has just granted is asked again, even if nothing came of it (PTP-S06, PTP-S19)', () => {
  const world = createWorld();
  const master = addClock(world, { mode: 'single-ended', role: 'master', addresses: [M] });
  const slave = addClock(world, {
    ...{ mode: 'single-ended', role: 'slave', addresses: LOCALS, masters: [M] },
  });
  run(world, 10);
  const [local = ''] = LOCALS;
  const contact = () => slave.clock.slave.paths.find(({ localIp }) => localIp === local)?.contact;
  world.sourceOf = ({ message, from, to }) =>
    to === local && message.type === 'Sync' ? '192.0.2.77' : from;
  run(world, 14); // down, and all granted anew
  assert.is(contact(), 'unreachable');
  perform(world, master, hearUnreachable(master.clock, local, world.nowNs));
  world.sourceOf = ({ from }) => from;
  run(world, 35);
  assert.is(contact(), 'reachable');
});

test('the announce receipt timeout is longer by a random part of an interval, or by none (EP-055)', () => {
  const lastsS = (extendsAnnounceTimeout: boolean): number[] =>
    Array.from({ length: 24 }, (_, seed) => {
      const world = createWorld(seed);
      const port = { ...PORT, extendsAnnounceTimeout };
      const host = addClock(world, { mode: 'plain', addresses: [M], port });
      run(world, 6);
      return host.told.find(({ output }) => output.type === 'port' && output.state === 'MASTER')
        ?.atS;
    }).map((atS) => atS ?? 99);
  assert.equal([...new Set(lastsS(false))], [3]);
  const extended = lastsS(true);
  assert.ok(
    extended.every((atS) => atS >= 3 && atS < 4),
    `${extended}`,
  );
  assert.ok(Math.max(...extended) - Math.min(...extended) > 0.5, `${extended}`);
});

for (const delayMechanism of [1, 2] as const) {
  test(`delayAsymmetry is positive where Syncs take longer than requests, mechanism ${delayMechanism} (EP-029)`, () => {
    const world = createWorld();
    world.delayNs = (from) => (from === M ? 300_000 : 100_000); // mean 200 us
    const port = { ...PORT, delayMechanism };
    addClock(world, { mode: 'single-ended', role: 'master', addresses: [M], port });
    const [first = '', second = ''] = LOCALS;
    const slave = addClock(world, {
      ...{ mode: 'single-ended', role: 'slave', addresses: LOCALS, masters: [M], port },
      delayAsymmetryNs: { [`${M}|${first}`]: 100_000, [second]: -0.5, [M]: 7 },
    });
    run(world, 15);
    for (const [ip, wanted] of [
      [first, { forward: 200_000, reverse: 200_000 }],
      [second, { forward: 300_000.5, reverse: 99_999.5 }],
    ] as const) {
      const ways = new Set<string>();
      for (const { output } of slave.told) {
        if (output.type !== 'oneway' || output.path !== pathKey(M, ip)) continue;
        const localNs = EPOCH_NS + BigInt(output.localNs);
        const isForward = output.direction === 'forward';
        const span = isForward ? localNs - output.remoteNs : output.remoteNs - localNs;
        const wayNs = Number((span << 16n) - output.correction) / 65536;
        assert.is(wayNs, wanted[output.direction]);
        ways.add(output.direction);
      }
      assert.is(ways.size, 2);
    }
  });
}

test('an asymmetry that is none, and one of no address, are refused', () => {
  const make = (delayAsymmetryNs: Record<string, number>) => () =>
    addClock(createWorld(), { mode: 'plain', addresses: [M], delayAsymmetryNs });
  const wrongs: Record<string, number>[] = [
    { '': Number.NaN },
    { [M]: 2e9 },
    { eth0: 3 },
    { [`${M}|${M}|${M}`]: 3 },
  ];
  for (const wrong of wrongs) {
    assert.throws(make(wrong), (e: unknown) => e instanceof ConfigError);
  }
});

test.run();

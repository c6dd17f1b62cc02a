/** Whole ordinary clocks against each other, in logical time: who follows whom, and how. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allPairs, isUnicast, pathKey } from '../../src/path.ts';
import { stepOrdinaryClock } from '../../src/ptp/clock.ts';
import { stamp } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import {
  addClock,
  createWorld,
  cut,
  dropReasons,
  measuredAt,
  measuredPaths,
  pathEvents,
  portTexts,
  run,
  sentBy,
} from './clockrig.ts';
import { EPOCH_NS, protocolState } from './slaverig.ts';

const test = suite('ptp clock');

const eight = Array.from({ length: 8 }, (_, n) => `198.51.100.${n + 1}`);
const M = '192.0.2.1';

test('a plain clock listens, is master; another listens, follows and is slave (BASE-B3, BASE-B4)', () => {
  const world = createWorld();
  const one = addClock(world, { mode: 'plain', addresses: [M], clock: { priority1: 10 } });
  run(world, 10);
  const two = addClock(world, { mode: 'plain', addresses: ['192.0.2.2'] }, 250_000);
  run(world, 20);
  assert.equal(portTexts(one).slice(0, 3), [
    'port 1: INITIALIZING to LISTENING on INIT_COMPLETE',
    'port 1: LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES',
    `selected local clock ${one.clock.sets.defaultDS.clockIdentity} as best master`,
  ]);
  const id = one.clock.sets.defaultDS.clockIdentity;
  assert.equal(portTexts(two), [
    'port 1: INITIALIZING to LISTENING on INIT_COMPLETE',
    `port 1: new foreign master ${id}-1`,
    `selected best master clock ${id}`,
    'port 1: LISTENING to UNCALIBRATED on RS_SLAVE',
    'port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED',
  ]);
  assert.is(two.clock.sets.parentDS.grandmasterIdentity, id);
  assert.is(two.clock.sets.currentDS.stepsRemoved, 1);
  for (const { output } of two.told) {
    if (output.type !== 'oneway') continue;
    const localNs = EPOCH_NS + BigInt(output.localNs);
    const transit =
      output.direction === 'forward' ? localNs - output.remoteNs : output.remoteNs - localNs;
    // 100 us either way; we are 250 us ahead
    assert.is(transit, output.direction === 'forward' ? 350_000n : -150_000n);
  }
  const path = pathKey(M, '192.0.2.2');
  assert.ok(measuredAt(two, path, 'forward').length > 12);
  assert.ok(measuredAt(two, path, 'reverse').length > 8);
  assert.equal(dropReasons(one), {});
  assert.equal(Object.keys(dropReasons(two)), ['unknown-path']); // Syncs, before it followed
});

test('a single-ended slave: 8 identities, all granted, renewed over 3 periods without a gap (PTP-S01…S17)', () => {
  const world = createWorld();
  const master = addClock(world, {
    mode: 'plain',
    addresses: [M],
    role: 'master',
    limits: { firstDurationS: 30 },
  });
  const slave = addClock(world, {
    mode: 'single-ended',
    role: 'slave',
    addresses: eight,
    grantDurationS: 30,
  });
  run(world, 120);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
  const ids = slave.clock.identities;
  for (const [n, ip] of eight.entries()) {
    const path = pathKey(M, ip);
    const times = measuredAt(slave, path, 'forward').filter((atS) => atS > 5);
    const gaps = times.slice(1).map((atS, i) => atS - (times[i] ?? 0));
    assert.ok(Math.max(...gaps) < 0.51, `${path}: ${Math.max(...gaps)}`);
    assert.ok(measuredAt(slave, path, 'reverse').length > 150, path);
    for (const { message } of world.seen.filter(({ from }) => from === ip)) {
      assert.is(message.header.sourcePortIdentity.clockIdentity, ids[n]?.clockIdentity);
      assert.ok(['Signaling', 'Delay_Req'].includes(message.type), message.type);
      assert.ok(message.header.flags.unicast);
    }
  }
  assert.is(new Set(ids.map(({ clockIdentity }) => clockIdentity)).size, 8);
  const lost = pathEvents(slave).filter(
    ({ event }) => event !== 'added' && event !== 'granted' && event !== 'reachable',
  );
  assert.equal(lost, []);
  assert.equal(dropReasons(master), {});
});

const MASTERS = ['192.0.2.1', '192.0.3.1'];
const THREE = eight.slice(0, 3);

test('a dual-ended pair, 2 × 3: one identity, all pairs by unicast, nothing timed by multicast (PTP-D01…D16, MP-21)', () => {
  const world = createWorld();
  const master = addClock(world, { mode: 'dual-ended', role: 'master', addresses: MASTERS });
  const slave = addClock(world, { mode: 'dual-ended', role: 'slave', addresses: THREE });
  run(world, 30);
  const all = allPairs(MASTERS, THREE);
  assert.equal(measuredPaths(slave, 10, 30).sort(), [...all].sort());
  for (const { from, to, message } of world.seen) {
    const { clockIdentity } = message.header.sourcePortIdentity;
    const owner = MASTERS.includes(from) ? master : slave;
    assert.is(clockIdentity, owner.clock.sets.defaultDS.clockIdentity);
    if (message.type === 'Announce') continue;
    assert.ok(isUnicast(to), `${message.type} to ${to}`);
    assert.ok(message.header.flags.unicast);
  }
  const [here = [], there = []] = MASTERS.map((ip) =>
    sentBy(world, 'Announce', ip).map(({ message }) => message.header.sequenceId),
  );
  assert.ok(here.length > 20);
  assert.equal(here, there);
  assert.is(slave.clock.foreign.masters.length, 1);
});

test('any numbers of addresses at both ends, every pair (PTP-D13)', () => {
  for (const [masters, slaves] of [
    [2, 1],
    [3, 2],
    [2, 5],
  ] as const) {
    const world = createWorld();
    const theirs = Array.from({ length: masters }, (_, n) => `192.0.2.${n + 1}`);
    const own = eight.slice(0, slaves);
    addClock(world, { mode: 'dual-ended', role: 'master', addresses: theirs });
    const slave = addClock(world, { mode: 'dual-ended', role: 'slave', addresses: own });
    run(world, 30);
    const found = measuredPaths(slave, 10, 30);
    assert.equal(found.sort(), [...allPairs(theirs, own)].sort());
  }
});

test('in multicast the identity tells the clock: a bridge may send Syncs from its own address (EP-026, EP-099)', () => {
  const world = createWorld();
  addClock(world, { mode: 'plain', role: 'master', addresses: [M] });
  const slave = addClock(world, { mode: 'plain', role: 'slave', addresses: ['192.0.2.9'] });
  world.sourceOf = ({ message, from }) =>
    message.type === 'Sync' || message.type === 'Follow_Up' ? '192.0.2.77' : from;
  run(world, 20);
  assert.equal(measuredPaths(slave, 10, 20), [pathKey(M, '192.0.2.9')]);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
});

test('1:1 pairs: the n-th own address with the n-th of the master, no others (PTP-D04)', () => {
  const world = createWorld();
  addClock(world, { mode: 'dual-ended', role: 'master', addresses: MASTERS });
  const slave = addClock(world, {
    mode: 'dual-ended',
    role: 'slave',
    addresses: THREE,
    pairing: '1:1',
  });
  run(world, 20);
  const pairs = MASTERS.map((ip, n) => pathKey(ip, THREE[n] ?? ''));
  assert.equal(measuredPaths(slave, 10, 20).sort(), pairs.sort());
  const asked = sentBy(world, 'Signaling').filter(({ from }) => THREE.includes(from));
  const late = asked.filter(({ atS }) => atS > 6).map(({ from, to }) => pathKey(to, from));
  assert.ok(late.every((key) => pairs.includes(key)));
});

test('a path cut and mended: no BMCA event, the path is down and comes back (PTP-D18, MP-06)', () => {
  const world = createWorld();
  addClock(world, { mode: 'dual-ended', role: 'master', addresses: MASTERS });
  const slave = addClock(world, { mode: 'dual-ended', role: 'slave', addresses: THREE });
  run(world, 20);
  const [remote = '', local = ''] = [MASTERS[1], THREE[2]];
  cut(world, remote, local);
  run(world, 60);
  const path = pathKey(remote, local);
  const down = pathEvents(slave, 20).filter(({ event }) => event === 'unreachable');
  assert.equal(
    down.map((event) => event.path),
    [path],
  );
  assert.ok((down[0]?.atS ?? 99) < 26);
  cut(world, remote, local, false);
  run(world, 100);
  const up = pathEvents(slave, 60).filter(({ event }) => event === 'reachable');
  assert.equal(
    up.map((event) => event.path),
    [path],
  );
  assert.equal(portTexts(slave, 20), []);
  assert.is(measuredPaths(slave, 90, 100).length, 6);
});

test('one of the master’s addresses gone for good is forgotten, and learnt again (PTP-D02)', () => {
  const world = createWorld();
  addClock(world, { mode: 'dual-ended', role: 'master', addresses: MASTERS });
  const slave = addClock(world, { mode: 'dual-ended', role: 'slave', addresses: THREE });
  run(world, 20);
  for (const ip of THREE) cut(world, MASTERS[1] ?? '', ip);
  run(world, 60);
  assert.equal(
    Object.keys(slave.clock.slave.index).sort(),
    allPairs(MASTERS.slice(0, 1), THREE).sort(),
  );
  for (const ip of THREE) cut(world, MASTERS[1] ?? '', ip, false);
  run(world, 100);
  assert.is(measuredPaths(slave, 90, 100).length, 6);
  assert.equal(portTexts(slave, 20), []);
});

test('a dual-ended slave is single-ended with a master of one address, and returns (PTP-D15, MP-15)', () => {
  const world = createWorld();
  const plain = addClock(world, {
    mode: 'plain',
    role: 'master',
    addresses: ['192.0.2.77'],
    clock: { priority1: 200 },
  });
  const slave = addClock(world, { mode: 'dual-ended', role: 'slave', addresses: THREE });
  run(world, 30);
  assert.equal(measuredPaths(slave, 20, 30).sort(), allPairs(['192.0.2.77'], THREE).sort());
  const identities = (sinceS: number) =>
    new Set(
      sentBy(world, 'Delay_Req', undefined, sinceS).map(
        ({ from, message }) => `${from}|${message.header.sourcePortIdentity.clockIdentity}`,
      ),
    );
  assert.equal(
    [...identities(10)].sort(),
    slave.clock.identities
      .map(({ address, clockIdentity }) => `${address}|${clockIdentity}`)
      .sort(),
  );
  const dual = addClock(world, { mode: 'dual-ended', role: 'master', addresses: MASTERS });
  run(world, 60);
  assert.equal(measuredPaths(slave, 50, 60).sort(), allPairs(MASTERS, THREE).sort());
  const { clockIdentity } = slave.clock.sets.defaultDS;
  assert.equal([...identities(50)].sort(), THREE.map((ip) => `${ip}|${clockIdentity}`).sort());
  dual.isUp = false;
  run(world, 100);
  assert.equal(measuredPaths(slave, 90, 100).sort(), allPairs(['192.0.2.77'], THREE).sort());
  assert.equal(Object.keys(dropReasons(plain)), ['port-state']); // Announces: it is master only
});

test('a dual-ended slave that asked in vain shows one identity when its master comes up (PTP-D01, PTP-U7)', () => {
  for (let seed = 1; seed <= 24; seed++) {
    const world = createWorld(seed);
    addClock(world, { mode: 'dual-ended', role: 'master', addresses: MASTERS, masters: [] });
    const slave = addClock(world, {
      ...{ mode: 'dual-ended', role: 'slave', addresses: THREE },
      masters: MASTERS,
    });
    const pairs = allPairs(MASTERS, THREE);
    for (const remote of MASTERS) for (const local of THREE) cut(world, remote, local);
    run(world, 1 + seed / 2);
    // its sockets open one after another
    for (const [n, remote] of MASTERS.entries()) {
      for (const local of THREE) cut(world, remote, local, false);
      run(world, 1 + seed / 2 + (n + 1) / 2);
    }
    run(world, 40);
    const { clockIdentity } = slave.clock.sets.defaultDS;
    for (const { from, atS, message } of world.seen.filter(({ from }) => THREE.includes(from))) {
      const shown = message.header.sourcePortIdentity.clockIdentity;
      assert.is(shown, clockIdentity, `seed ${seed}, ${from} at ${atS} s`);
    }
    assert.equal(measuredPaths(slave, 30, 40).sort(), [...pairs].sort(), `seed ${seed}`);
  }
});

test('one master serves a dual-ended, a single-ended and a plain slave at once', () => {
  const world = createWorld();
  addClock(world, {
    mode: 'dual-ended',
    role: 'master',
    addresses: MASTERS,
    multicastSync: true,
  });
  const dual = addClock(world, { mode: 'dual-ended', role: 'slave', addresses: THREE });
  const single = addClock(world, {
    mode: 'single-ended',
    role: 'slave',
    addresses: eight.slice(3, 6),
  });
  const plain = addClock(world, { mode: 'plain', role: 'slave', addresses: ['203.0.113.9'] });
  run(world, 30);
  assert.is(measuredPaths(dual, 20, 30).length, 6);
  const used = new Set(measuredPaths(single, 20, 30).map((key) => key.split('|')[0]));
  assert.is(measuredPaths(single, 20, 30).length, 3);
  assert.is(used.size, 1);
  assert.is(plain.clock.portDS.portState, 'SLAVE');
  assert.is(measuredPaths(plain, 20, 30).length, 1);
});

test('unicast discovery: Announce, then Sync and Delay_Resp; nothing by multicast (PTP-U1…U7)', () => {
  for (const mode of ['single-ended', 'dual-ended'] as const) {
    const world = createWorld();
    const addresses = mode === 'dual-ended' ? MASTERS : MASTERS.slice(0, 1);
    addClock(world, { mode, role: 'master', addresses, masters: [] });
    const slave = addClock(world, { mode, role: 'slave', addresses: THREE, masters: addresses });
    run(world, 40);
    assert.equal(
      world.seen.filter(({ to }) => !isUnicast(to)),
      [],
    );
    assert.equal(measuredPaths(slave, 20, 40).sort(), allPairs(addresses, THREE).sort());
    for (const key of allPairs(addresses, THREE)) {
      const asked = sentBy(world, 'Signaling')
        .filter(({ from, to }) => pathKey(to, from) === key)
        .flatMap(({ message }) => message.tlvs)
        .flatMap((tlv) => (tlv.type === 'REQUEST_UNICAST_TRANSMISSION' ? [tlv.messageType] : []));
      assert.is(asked[0], 0xb, key);
      const [later = -1] = asked.filter((code) => code !== 0xb);
      assert.is(later, 0, key);
      assert.ok(asked.includes(9), key);
    }
    assert.equal(
      pathEvents(slave).filter(({ event }) => event === 'denied'),
      [],
    );
  }
});

test('of two masters in a table the better is followed, the other when it is gone (PTP-U2)', () => {
  const world = createWorld();
  const [a = '', b = ''] = MASTERS;
  const better = addClock(world, {
    ...{ mode: 'single-ended', role: 'master', addresses: [a], masters: [] },
    clock: { priority1: 1 },
  } as const);
  addClock(world, { mode: 'single-ended', role: 'master', addresses: [b], masters: [] });
  const slave = addClock(world, {
    mode: 'single-ended',
    role: 'slave',
    addresses: THREE,
    masters: [b, a],
  });
  run(world, 30);
  assert.equal(measuredPaths(slave, 20, 30).sort(), allPairs([a], THREE).sort());
  better.isUp = false;
  run(world, 60);
  assert.equal(measuredPaths(slave, 50, 60).sort(), allPairs([b], THREE).sort());
  better.isUp = true;
  run(world, 120);
  assert.equal(measuredPaths(slave, 110, 120).sort(), allPairs([a], THREE).sort());
});

test('BMCA takeover both ways: the better clock leads, the other when it is gone (BASE-B1, BASE-B3)', () => {
  for (const mode of ['plain', 'single-ended', 'dual-ended'] as const) {
    const world = createWorld();
    const one = addClock(world, { mode, addresses: [M] });
    run(world, 10);
    assert.is(one.clock.portDS.portState, 'MASTER', mode);
    const two = addClock(world, { mode, addresses: ['192.0.2.2'], clock: { priority1: 1 } });
    run(world, 30);
    assert.is(two.clock.portDS.portState, 'MASTER', mode);
    assert.is(one.clock.portDS.portState, 'SLAVE', mode);
    assert.ok(measuredPaths(one, 25, 30).length === 1, mode);
    two.isUp = false;
    run(world, 50);
    assert.is(one.clock.portDS.portState, 'MASTER', mode);
    assert.is(one.clock.sets.parentDS.grandmasterIdentity, one.clock.sets.defaultDS.clockIdentity);
    two.isUp = true;
    run(world, 70);
    assert.is(one.clock.portDS.portState, 'SLAVE', mode);
    assert.is(two.clock.portDS.portState, 'MASTER', mode);
  }
});

test('only the primary of a single-ended clock announces, and its identities are no masters (PTP-S03, PTP-S17)', () => {
  const world = createWorld();
  const host = addClock(world, { mode: 'single-ended', addresses: THREE, primary: THREE[1] ?? '' });
  run(world, 20);
  assert.equal([...new Set(sentBy(world, 'Announce').map(({ from }) => from))], [THREE[1]]);
  for (const { clockIdentity } of host.clock.identities) {
    const [first] = sentBy(world, 'Announce');
    if (first === undefined) throw new Error('no Announce');
    assert.ok(host.clock.foreign.ownIdentities.includes(clockIdentity));
  }
});

test('peer to peer by unicast, path by path (PTP-P1)', () => {
  const world = createWorld();
  const port = {
    logAnnounceInterval: 0,
    logSyncInterval: -1,
    logMinPdelayReqInterval: -1,
    delayMechanism: 2,
  } as const;
  addClock(world, { mode: 'single-ended', role: 'master', addresses: [M], port });
  const slave = addClock(world, { mode: 'single-ended', role: 'slave', addresses: THREE, port });
  run(world, 30);
  assert.is(measuredPaths(slave, 20, 30).length, 3);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
  assert.ok(world.seen.every(({ to, message }) => message.type === 'Announce' || isUnicast(to)));
});

test('a master that restarts with other grants is found again', () => {
  const world = createWorld();
  const before = addClock(world, {
    mode: 'single-ended',
    role: 'master',
    addresses: [M],
    masters: [],
  });
  const slave = addClock(world, {
    mode: 'single-ended',
    role: 'slave',
    addresses: THREE,
    masters: [M],
  });
  run(world, 20);
  before.isUp = false;
  addClock(world, { mode: 'single-ended', role: 'master', addresses: [M], masters: [] });
  run(world, 60);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
  assert.is(measuredPaths(slave, 50, 60).length, 3);
});

test('a slave with a master table follows no stranger that announces itself (SEC-12, PTP-U1)', () => {
  const world = createWorld();
  addClock(world, { mode: 'single-ended', role: 'master', addresses: [M], masters: [] });
  const slave = addClock(world, {
    mode: 'single-ended',
    role: 'slave',
    addresses: THREE,
    masters: [M],
  });
  run(world, 20);
  const bytes = Uint8Array.from(sentBy(world, 'Announce').at(-1)?.bytes ?? []);
  bytes[27] = (bytes[27] ?? 0) ^ 0x55; // another clock,
  bytes[60] = bytes[27];
  bytes[47] = 0; // and a better one
  const [local = ''] = THREE;
  for (let second = 21; second < 27; second++) {
    const outputs = stepOrdinaryClock(slave.clock, {
      type: 'datagram',
      datagram: {
        bytes,
        local: { ip: local, port: 320 },
        remote: { ip: '203.0.113.9', port: 320 },
        receivedAtNs: stamp(world.nowNs),
      },
      nowNs: world.nowNs,
    });
    const drops = outputs.flatMap((output) => (output.type === 'drop' ? [output.reason] : []));
    assert.equal(drops, ['unasked']);
    run(world, second);
  }
  assert.is(slave.clock.foreign.masters.length, 1);
  assert.equal(measuredPaths(slave, 21, 26).sort(), allPairs([M], THREE).sort());
});

test('10^5 foreign and hostile datagrams: none throws, none unseats the master (SEC-11)', () => {
  const world = createWorld();
  addClock(world, { mode: 'dual-ended', role: 'master', addresses: MASTERS });
  const slave = addClock(world, { mode: 'dual-ended', addresses: THREE });
  run(world, 20);
  const recorded = world.seen.map(({ bytes }) => bytes);
  const random = createRandom(20261121);
  for (let n = 0; n < 100_000; n++) {
    const host = world.hosts[n % 2] ?? slave;
    const bytes = Uint8Array.from(recorded[random.below(recorded.length)] ?? []);
    for (let k = random.below(4); k > 0; k--) bytes[random.below(bytes.length)] = random.below(256);
    const length = random.below(8) === 0 ? random.below(bytes.length + 1) : bytes.length;
    const { addresses } = host.clock;
    const stranger = `203.0.113.${random.below(254) + 1}`;
    const remoteIp = random.below(2) === 0 ? (MASTERS[random.below(2)] ?? '') : stranger;
    const port = random.below(2) === 0 ? 319 : 320;
    const datagram = {
      bytes: bytes.subarray(0, length),
      local: { ip: addresses[random.below(addresses.length)] ?? '', port },
      remote: { ip: remoteIp, port },
      receivedAtNs: stamp(world.nowNs),
      ...(random.below(4) === 0 && { group: '224.0.1.129' }),
    };
    const input = { type: 'datagram', datagram, nowNs: world.nowNs } as const;
    stepOrdinaryClock(host.clock, input);
  }
  assert.ok(slave.clock.foreign.masters.length <= slave.clock.foreign.capacity);
  assert.ok(protocolState(slave.clock.slave).length < 1e6);
  run(world, 90);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
  assert.is(measuredPaths(slave, 80, 90).length, 6);
});

test.run();

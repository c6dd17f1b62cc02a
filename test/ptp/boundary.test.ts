/** Boundary clocks among ordinary ones, in logical time: states, data sets, management. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { Input } from '../../src/machine.ts';
import { isIpv6 } from '../../src/path.ts';
import { type BoundaryClockConfig, tellEstimate } from '../../src/ptp/boundary.ts';
import { UNKNOWN_TIME } from '../../src/ptp/dataset.ts';
import { stamp } from '../../src/units.ts';
import { get, managementOf } from './boundaryrig.ts';
import {
  addBoundary,
  addClock,
  clockOf,
  createWorld,
  cut,
  dropReasons,
  type Host,
  PORT,
  perform,
  portTexts,
  run,
  sentBy,
  stepOf,
  type World,
} from './clockrig.ts';

const test = suite('ptp boundary clock');

/** Segment a: 10.1.0.x, and so on; of IPv6 fd01::x. */
const lan = (net: number, host: number, family: 4 | 6 = 4) =>
  family === 4 ? `10.${net}.0.${host}` : `fd0${net}::${host}`;
const segmentOf = (ip: string) =>
  isIpv6(ip) ? ip.slice(0, 4) : ip.split('.').slice(0, 2).join('.');

function lans(): World {
  const world = createWorld();
  world.segmentOf = segmentOf;
  return world;
}

/** Without the random part of timeouts: who is heard first stays so. */
const EXACT = { ...PORT, extendsAnnounceTimeout: false };
const plain = (ip: string, more: object = {}) =>
  ({ mode: 'plain', addresses: [ip], port: EXACT, ...more }) as const;

const states = (host: Host) => host.ports.map(({ portDS }) => portDS.portState);
const idOf = (host: Host) => host.clock.sets.defaultDS.clockIdentity;

/** As if the slave side had measured: the local clock is right. */
const know = (host: ReturnType<typeof addBoundary>) =>
  tellEstimate(host.boundary, { atNs: stamp(0), baseS: 0, restS: 0, frequency: 0 });

test('one port follows, the other serves: data sets, logs and stepsRemoved as ptp4l’s (BASE-B4, BASE-B10)', () => {
  const world = lans();
  const top = addClock(world, plain(lan(1, 1), { clock: { priority1: 10 } }));
  run(world, 5);
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 1))], {
    clock: { priority1: 20 },
  });
  const below = addClock(world, plain(lan(2, 2), { role: 'slave' }));
  run(world, 14);
  assert.equal(states(middle), ['SLAVE', 'LISTENING'], 'nothing is served before it is known');
  assert.equal(sentBy(world, 'Announce', lan(2, 1)), []);
  know(middle);
  run(world, 30);
  assert.equal(states(middle), ['SLAVE', 'MASTER']);
  const [top1, own] = [idOf(top), idOf(middle)];
  assert.equal(
    portTexts(middle).map((text) => text.replace(/ on .*/, '')),
    [
      'port 1: INITIALIZING to LISTENING',
      'port 2: INITIALIZING to LISTENING',
      `port 1: new foreign master ${top1}-1`,
      `selected best master clock ${top1}`,
      'port 1: LISTENING to UNCALIBRATED',
      'port 1: UNCALIBRATED to SLAVE',
      'port 2: LISTENING to MASTER',
    ],
  );
  assert.is(middle.clock.sets.currentDS.stepsRemoved, 1);
  assert.is(below.clock.sets.currentDS.stepsRemoved, 2);
  for (const { clock } of [middle, below]) {
    assert.is(clock.sets.parentDS.grandmasterIdentity, top1);
    assert.is(clock.sets.parentDS.grandmasterPriority1, 10);
    assert.is(clock.sets.timePropertiesDS.currentUtcOffset, 37);
  }
  assert.equal(below.clock.sets.parentDS.parentPortIdentity, { clockIdentity: own, portNumber: 2 });
  const told = sentBy(world, 'Announce', lan(2, 1), 18);
  assert.ok(told.length > 8);
  for (const { message } of told) {
    if (message.type !== 'Announce') continue;
    assert.is(message.stepsRemoved, 1);
    assert.equal(message.header.sourcePortIdentity, { clockIdentity: own, portNumber: 2 });
    assert.is(message.grandmasterIdentity, top1);
  }
  assert.equal(sentBy(world, 'Announce', lan(1, 2)), [], 'nothing back to the master');
  assert.equal(Object.keys(dropReasons(below)), ['unknown-path']); // Syncs, before it followed
});

test('IPv4 on one side, IPv6 on the other; unicast on one, multicast on the other (EP-022, EP-080)', () => {
  const world = lans();
  const top = addClock(world, plain(lan(1, 1), { clock: { priority1: 10 } }));
  const ips = [lan(2, 2, 6), lan(2, 3, 6), lan(2, 4, 6)];
  const middle = addBoundary(world, [
    plain(lan(1, 2)),
    { mode: 'dual-ended', addresses: [lan(2, 1, 6), lan(3, 1, 6)], masters: [], role: 'master' },
    plain(lan(4, 1, 6)),
  ]);
  know(middle);
  const many = addClock(world, {
    ...{ mode: 'dual-ended', role: 'slave', addresses: ips },
    masters: [lan(2, 1, 6), lan(3, 1, 6)],
  } as const);
  const one = addClock(world, plain(lan(4, 2, 6), { role: 'slave' }));
  run(world, 30);
  assert.equal(states(middle), ['SLAVE', 'MASTER', 'MASTER']);
  for (const slave of [many, one]) {
    assert.is(slave.clock.portDS.portState, 'SLAVE');
    assert.is(slave.clock.sets.parentDS.grandmasterIdentity, idOf(top));
    assert.is(slave.clock.sets.currentDS.stepsRemoved, 2);
  }
  assert.is(many.clock.slave.paths.filter(({ contact }) => contact === 'reachable').length, 6);
  assert.is(one.clock.sets.parentDS.parentPortIdentity.portNumber, 3);
  assert.is(many.clock.sets.parentDS.parentPortIdentity.portNumber, 2);
  assert.equal(
    world.seen.filter(({ from, to }) => isIpv6(from) !== isIpv6(to)),
    [],
  );
});

test('M2: nobody better, all ports are master and tell the own clock (WIRE 3.3, 3.5)', () => {
  const world = lans();
  const middle = addBoundary(world, [plain(lan(1, 1)), plain(lan(2, 1)), plain(lan(3, 1))], {
    clock: { priority1: 5 },
  });
  const worse = addClock(world, plain(lan(1, 2)));
  run(world, 15);
  assert.equal(states(middle), ['MASTER', 'MASTER', 'MASTER']);
  assert.is(portTexts(middle).filter((text) => text.startsWith('selected')).length, 1);
  assert.is(worse.clock.portDS.portState, 'SLAVE');
  const { sets } = middle.clock;
  assert.is(sets.currentDS.stepsRemoved, 0);
  assert.equal(sets.parentDS.parentPortIdentity, { clockIdentity: idOf(middle), portNumber: 0 });
});

test('M1 and P1: a clock of class 6 is no slave, and passive where a better one is heard (WIRE 3.3)', () => {
  const world = lans();
  addClock(world, plain(lan(1, 1), { clock: { priority1: 1 } }));
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 1))], {
    clock: { clockClass: 6 },
  });
  run(world, 15);
  assert.equal(states(middle), ['PASSIVE', 'MASTER']);
  assert.is(middle.clock.sets.parentDS.grandmasterIdentity, idOf(middle));
});

test('M3: after a wait of stepsRemoved + 1 announce intervals, where a worse master was heard (BASE-B3)', () => {
  const world = lans();
  addClock(world, plain(lan(1, 1), { clock: { priority1: 1 } }));
  const worse = addClock(world, plain(lan(2, 1), { clock: { priority1: 200 } }));
  run(world, 5);
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 2))]);
  know(middle);
  run(world, 20);
  assert.equal(states(middle), ['SLAVE', 'MASTER']);
  assert.is(worse.clock.portDS.portState, 'SLAVE');
  const when = (event: string) =>
    middle.told.find(({ output }) => output.type === 'port' && output.text.includes(event))?.atS;
  const waitS = (when('QUALIFICATION_TIMEOUT_EXPIRES') ?? 0) - (when('to PRE_MASTER') ?? 0);
  // 2 intervals of 1 s, or 1 if it was told to wait before it was to follow
  assert.is(waitS, 2, portTexts(middle).join('\n'));
});

test('M3 waits on while the time of the master is not known', () => {
  const world = lans();
  addClock(world, plain(lan(1, 1), { clock: { priority1: 1 } }));
  addClock(world, plain(lan(2, 1), { clock: { priority1: 200 } }));
  run(world, 5);
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 2))]);
  run(world, 30);
  assert.equal(states(middle), ['SLAVE', 'PRE_MASTER']);
  know(middle);
  run(world, 33);
  assert.equal(states(middle), ['SLAVE', 'MASTER']);
});

test('a grandmaster that begins to follow is silent until it knows the time', () => {
  const world = lans();
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 1))]);
  const below = addClock(world, plain(lan(2, 2), { role: 'slave' }));
  run(world, 10);
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(middle));
  const top = addClock(world, plain(lan(1, 1), { clock: { priority1: 10 } }));
  run(world, 19);
  assert.equal(states(middle), ['SLAVE', 'MASTER']);
  const changedS =
    middle.told.find(({ output }) => output.type === 'port' && output.text.includes('RS_SLAVE'))
      ?.atS ?? 99;
  assert.equal(
    world.seen.filter(({ from, atS, message }) => {
      const isTold = ['Announce', 'Sync', 'Delay_Resp'].includes(message.type);
      return from === lan(2, 1) && atS > changedS && isTold;
    }),
    [],
  );
  assert.ok((dropReasons(middle)['port-state'] ?? 0) > 0, 'Delay_Reqs meanwhile');
  know(middle);
  run(world, 30);
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(top));
  assert.is(below.clock.portDS.portState, 'SLAVE');
});

test('the slave port’s master is lost: another port takes over, or the clock is grandmaster (BASE-B3)', () => {
  const world = lans();
  const first = addClock(world, plain(lan(1, 1), { clock: { priority1: 10 } }));
  const second = addClock(world, plain(lan(2, 1), { clock: { priority1: 20 } }));
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 2)), plain(lan(3, 1))]);
  know(middle);
  const below = addClock(world, plain(lan(3, 2), { role: 'slave' }));
  run(world, 20);
  assert.equal(states(middle), ['SLAVE', 'MASTER', 'MASTER']);
  assert.is(second.clock.portDS.portState, 'SLAVE', 'led by the first, through the boundary');
  first.isUp = false;
  run(world, 40);
  // The second is master again only once nobody better is announced to it.
  assert.equal(states(middle), ['MASTER', 'SLAVE', 'MASTER']);
  assert.is(middle.clock.sets.parentDS.grandmasterIdentity, idOf(second));
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(second));
  assert.equal(states(below), ['SLAVE']);
  second.isUp = false;
  run(world, 60);
  assert.equal(states(middle), ['MASTER', 'MASTER', 'MASTER']);
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(middle));
  first.isUp = true;
  run(world, 80);
  assert.equal(states(middle), ['SLAVE', 'MASTER', 'MASTER']);
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(first));
});

/** Two boundary clocks below one master, and a link between them besides. */
function ring(world: World, port: object = EXACT) {
  const top = addClock(world, plain(lan(1, 1), { port, clock: { priority1: 10 } }));
  const a = addBoundary(world, [plain(lan(1, 2), { port }), plain(lan(2, 1), { port })]);
  const b = addBoundary(world, [plain(lan(1, 3), { port }), plain(lan(2, 2), { port })]);
  for (const each of [a, b]) know(each);
  return { top, a, b };
}

test('a ring of two boundary clocks: one of the two ends between them is passive (WIRE 3.3 P2)', () => {
  const world = lans();
  const { a, b, top } = ring(world);
  run(world, 30);
  const both = [states(a), states(b)].sort();
  assert.equal(both, [
    ['SLAVE', 'MASTER'],
    ['SLAVE', 'PASSIVE'],
  ]);
  assert.is(a.clock.sets.currentDS.stepsRemoved, 1);
  assert.is(b.clock.sets.currentDS.stepsRemoved, 1);
  // One way is cut: the passive end takes over, two steps from the master.
  const [leads, follows] = states(a)[1] === 'MASTER' ? [a, b] : [b, a];
  cut(world, top.clock.primaryIp, follows.clock.primaryIp);
  cut(world, leads.clock.primaryIp, follows.clock.primaryIp);
  run(world, 60);
  assert.equal(states(follows), ['MASTER', 'SLAVE'], portTexts(follows, 30).join('\n'));
  assert.is(follows.clock.sets.currentDS.stepsRemoved, 2);
  assert.is(follows.clock.sets.parentDS.grandmasterIdentity, idOf(top));
  cut(world, top.clock.primaryIp, follows.clock.primaryIp, false);
  cut(world, leads.clock.primaryIp, follows.clock.primaryIp, false);
  run(world, 90);
  assert.equal([states(a), states(b)].sort(), both);
});

/** Announces in the name of a grandmaster. */
const ghostsOf = (world: World, host: Host, sinceS: number) =>
  sentBy(world, 'Announce', undefined, sinceS).filter(
    ({ message }) => message.type === 'Announce' && message.grandmasterIdentity === idOf(host),
  );

/** One is led by none, the rest by it. */
function assertLed(clocks: readonly Host[]): void {
  const [lead] = [...clocks].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
  if (lead === undefined) throw new Error('nobody');
  for (const each of clocks) {
    const text = portTexts(each, 30).join('\n');
    assert.is(each.clock.sets.parentDS.grandmasterIdentity, idOf(lead), text);
    assert.is(states(each).includes('SLAVE'), each !== lead, text);
    assert.ok(each.clock.sets.currentDS.stepsRemoved < 3);
  }
}

test('a ring without its master: one leads, and the old one’s ghost dies, whoever times out first', () => {
  // Believing every Announce, one ring in ten counts the steps up to 255, for minutes.
  for (let n = 0; n < 40; n++) {
    const world = lans();
    const { a, b, top } = ring(world, PORT);
    run(world, 30 + n / 40);
    top.isUp = false;
    run(world, 50);
    assertLed([a, b]);
    assert.equal(ghostsOf(world, top, 36), [], `${n}`);
  }
});

test('a ring of three, one of them below the master: its ghost does not go round (WIRE 3.2)', () => {
  for (let n = 0; n < 8; n++) {
    const world = lans();
    const port = n % 2 === 0 ? EXACT : PORT;
    const top = addClock(world, plain(lan(1, 1), { port, clock: { priority1: 10 } }));
    const of = (...ips: string[]) => {
      const made = addBoundary(
        world,
        ips.map((ip) => plain(ip, { port })),
      );
      know(made);
      return made;
    };
    const a = of(lan(1, 2), lan(2, 1), lan(3, 1));
    const b = of(lan(2, 2), lan(4, 1));
    const c = of(lan(3, 2), lan(4, 2));
    run(world, 30 + n / 8);
    for (const { clock } of [a, b, c]) {
      assert.is(clock.sets.parentDS.grandmasterIdentity, idOf(top));
    }
    assert.equal(
      [a, b, c].map(({ clock }) => clock.sets.currentDS.stepsRemoved),
      [1, 2, 2],
    );
    top.isUp = false;
    run(world, 60);
    assertLed([a, b, c]);
    assert.equal(ghostsOf(world, top, 36), []);
    top.isUp = true;
    run(world, 90);
    for (const { clock } of [a, b, c]) {
      assert.is(clock.sets.parentDS.grandmasterIdentity, idOf(top));
    }
  }
});

test('a longer way to the same grandmaster is taken after a while, one as long at once', () => {
  const world = lans();
  const top = addClock(world, plain(lan(1, 1), { clock: { priority1: 10 } }));
  const far = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 1))]);
  const farther = addBoundary(world, [plain(lan(2, 2)), plain(lan(3, 1))]);
  const near = addBoundary(world, [plain(lan(1, 3)), plain(lan(3, 2))]);
  for (const each of [far, farther, near]) know(each);
  run(world, 40);
  assert.is(near.clock.sets.currentDS.stepsRemoved, 1);
  for (const other of [top, far]) cut(world, other.clock.primaryIp, lan(1, 3));
  run(world, 90);
  assert.is(near.clock.sets.parentDS.grandmasterIdentity, idOf(top));
  assert.is(near.clock.sets.currentDS.stepsRemoved, 3);
});

test('messages of an own port that come in by another are nobody’s', () => {
  const world = lans();
  const middle = addBoundary(world, [plain(lan(1, 1)), plain(lan(2, 1))]);
  run(world, 10);
  const [said] = sentBy(world, 'Announce', lan(1, 1));
  if (said === undefined) throw new Error('no Announce');
  const { nowNs } = world;
  const input: Input = {
    type: 'datagram',
    nowNs,
    datagram: {
      bytes: said.bytes,
      local: { ip: lan(2, 1), port: 320 },
      group: '224.0.1.129',
      remote: { ip: lan(1, 1), port: 320 },
      receivedAtNs: clockOf(middle, nowNs),
    },
  };
  perform(world, middle, stepOf(middle, input));
  assert.equal(dropReasons(middle), { identity: 1 });
});

test('management goes on by multicast, hop by hop, and answers come back the same way (BASE-B10, §15.3.3)', () => {
  const world = lans();
  addClock(world, plain(lan(1, 1), { clock: { priority1: 10 } }));
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 1)), plain(lan(3, 1, 6))]);
  know(middle);
  const four = addClock(world, plain(lan(2, 2), { role: 'slave' }));
  const six = addClock(world, plain(lan(3, 2, 6), { role: 'slave' }));
  run(world, 20);
  assert.equal(states(middle), ['SLAVE', 'MASTER', 'MASTER']);
  const sentSince = world.seen.length;
  get(world, middle, { from: lan(1, 9), hops: 1 });
  run(world, 20.4);
  const seen = world.seen.slice(sentSince).filter(({ message }) => message.type === 'Management');
  const answers = managementOf(seen).filter(({ action }) => action === 'RESPONSE');
  const copies = managementOf(seen).filter(({ action }) => action === 'GET');
  assert.equal(
    copies.map(({ from, to, hops }) => [from, to, hops]),
    [
      [lan(2, 1), '224.0.1.129', 0],
      [lan(3, 1, 6), 'ff0e::181', 0],
    ],
  );
  assert.equal([...new Set(answers.map(({ clock }) => clock))].sort(), [
    ...[idOf(middle), idOf(four), idOf(six)].sort(),
  ]);
  // The answers of those below went on to whoever is above.
  const up = answers.filter(({ from, to }) => from === lan(1, 2) && to === '224.0.1.129');
  assert.equal(up.map(({ clock }) => clock).sort(), [idOf(four), idOf(six)].sort());
  assert.ok(up.every(({ target }) => target === 'aabbcc.fffe.0000aa'));
});

test('management stays where it is without a hop left, for us, or through a passive port', () => {
  const world = lans();
  const { a, b } = ring(world);
  run(world, 30);
  const copies = (sinceS: number) =>
    managementOf(world.seen.filter(({ atS }) => atS >= sinceS)).filter(
      ({ action }) => action === 'GET',
    );
  get(world, a, { from: lan(1, 9), hops: 0 });
  get(world, a, { from: lan(1, 9), hops: 3, target: idOf(a) });
  assert.equal(copies(30), []);
  const passive = states(a)[1] === 'PASSIVE' ? a : b;
  get(world, passive, { from: lan(1, 9), hops: 3 });
  assert.equal(copies(30), []);
  assert.not.ok(dropReasons(a).target);
});

test('one GET of the port data sets is answered by every port (EP-110)', () => {
  const world = lans();
  addClock(world, plain(lan(1, 1), { clock: { priority1: 10 } }));
  const middle = addBoundary(world, [
    plain(lan(1, 2)),
    plain(lan(2, 1), { port: { logAnnounceInterval: 1, logSyncInterval: -4 } }),
  ]);
  know(middle);
  run(world, 20);
  get(world, middle, { from: lan(1, 9), hops: 0, id: 'PORT_DATA_SET' });
  const answers = managementOf(world.seen.filter(({ atS }) => atS >= 20));
  assert.equal(
    answers.map(({ port }) => port),
    [1, 2],
  );
  const [one, two] = middle.ports.map(({ portDS }) => portDS);
  assert.is(one?.logSyncInterval, -1);
  assert.is(two?.logSyncInterval, -4);
  assert.is(middle.clock.sets.defaultDS.numberPorts, 2);
});

test('what no boundary clock can be is refused with one sentence', () => {
  const make = (ports: BoundaryClockConfig['ports']) => () => addBoundary(createWorld(), ports);
  const wrong = (field: RegExp) => (error: unknown) =>
    error instanceof ConfigError && field.test(error.message);
  assert.throws(make([plain(lan(1, 1))]), wrong(/"ptp\.ports" expected 2 to 64 ports, got 1/));
  assert.throws(make([plain(lan(1, 1)), plain(lan(1, 1))]), wrong(/each address at one port/));
  assert.throws(
    make([plain(lan(1, 1), { role: 'slave' }), plain(lan(2, 1), { role: 'slave' })]),
    wrong(/a port that may be master/),
  );
});

test('an own clock of unknown time is told as such while it leads', () => {
  const world = lans();
  const middle = addBoundary(world, [plain(lan(1, 1)), plain(lan(2, 1))], { own: UNKNOWN_TIME });
  run(world, 10);
  const [said] = sentBy(world, 'Announce', lan(2, 1)).slice(-1);
  assert.is(said?.message.header.flags.ptpTimescale, false);
  assert.equal(states(middle), ['MASTER', 'MASTER']);
});

test.run();

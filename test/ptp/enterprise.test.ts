/** Clocks under the Enterprise Profile against each other and against others, in logical time. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { createEnsemble } from '../../src/ensemble.ts';
import { pathKey } from '../../src/path.ts';
import { type OrdinaryClockConfig, tellTime } from '../../src/ptp/clock.ts';
import { UNKNOWN_TIME } from '../../src/ptp/dataset.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { type Management, type Message, writeMessage } from '../../src/ptp/message.ts';
import { viewPtpPaths } from '../../src/ptpstatus.ts';
import { toHex } from '../ntp/wire.ts';
import {
  addClock,
  createWorld,
  dropReasons,
  type Host,
  inject,
  measuredAt,
  pathEvents,
  portTexts,
  run,
  sentBy,
  type World,
} from './clockrig.ts';
import { EPOCH_S, TAI } from './slaverig.ts';

const test = suite('ptp enterprise');

const [M1, M2, M3] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const SLAVE = '192.0.2.9';
const GROUP = '224.0.1.129';

const enterprise = (
  world: World,
  ip: string,
  over: Partial<OrdinaryClockConfig> = {},
  aheadNs = 0,
): Host =>
  addClock(
    world,
    { mode: 'plain', profile: 'enterprise', port: {}, addresses: [ip], ...over },
    aheadNs,
  );

const preferred = (world: World, ip: string, priority1: number) =>
  enterprise(world, ip, { preferred: true, clock: { priority1 } });
const slaveAt = (world: World, over: Partial<OrdinaryClockConfig> = {}) =>
  enterprise(world, SLAVE, { role: 'slave', ...over });

const idOf = (host: Host) => host.clock.sets.defaultDS.clockIdentity;
const stateOf = (host: Host) => host.clock.portDS.portState;
const parentIs = (host: Host, master: Host) =>
  host.clock.sets.parentDS.parentPortIdentity.clockIdentity === idOf(master);
const eventsOf = (host: Host, event: string) =>
  host.told.flatMap(({ output, atS }) =>
    output.type === 'port' && output.event === event ? [{ atS, text: output.text }] : [],
  );
const targets = (world: World, type: Message['type'], from?: string) => [
  ...new Set(sentBy(world, type, from).map(({ to }) => to)),
];

test('hybrid by default: Announce, Sync and Follow_Up by multicast, delay by unicast, each once a second (EP-010, EP-034…EP-037, EP-043, EP-045, EP-050, EP-066)', () => {
  const world = createWorld();
  const master = preferred(world, M1, 10);
  const slave = slaveAt(world);
  run(world, 70);
  assert.is(stateOf(slave), 'SLAVE');
  for (const type of ['Announce', 'Sync', 'Follow_Up'] as const) {
    const sent = sentBy(world, type, M1, 10).filter(({ atS }) => atS < 70);
    assert.is(sent.length, 60, type);
    for (const { to, message } of sent) {
      assert.is(to, GROUP);
      assert.not(message.header.flags.unicast);
      assert.is(message.header.logMessageInterval, 0);
    }
  }
  const asked = sentBy(world, 'Delay_Req', SLAVE, 10);
  assert.ok(asked.length > 40 && asked.length < 80, `${asked.length} Delay_Reqs in 60 s`);
  assert.equal(targets(world, 'Delay_Req', SLAVE), [M1]);
  assert.equal(targets(world, 'Delay_Resp', M1), [SLAVE]);
  for (const { message } of sentBy(world, 'Delay_Resp')) {
    assert.ok(message.header.flags.unicast);
    assert.is(message.header.logMessageInterval, 0x7f);
  }
  for (const { bytes } of sentBy(world, 'Announce')) {
    assert.is(bytes.length, 80);
    assert.is(toHex(bytes.subarray(64)), '0003000c000100005e00010102000000');
  }
  for (const type of ['Signaling', 'Pdelay_Req', 'Pdelay_Resp'] as const) {
    assert.is(sentBy(world, type).length, 0); // EP-041, EP-120, EP-121
  }
  assert.equal(dropReasons(master), {});
});

test('IPv6: ff0X::181, its scope as configured (EP-038)', () => {
  const world = createWorld();
  const [m, s] = ['2001:db8::1', '2001:db8::9'];
  enterprise(world, m, { preferred: true, scope: '5' });
  const slave = enterprise(world, s, { role: 'slave', scope: '5' });
  run(world, 20);
  assert.is(stateOf(slave), 'SLAVE');
  assert.equal(targets(world, 'Sync'), ['ff05::181']);
  assert.equal(targets(world, 'Delay_Req'), [m]);
});

for (const [delayMode, asked, octet] of [
  ['multicast', GROUP, '00'],
  ['unicast', M1, '01'],
] as const) {
  test(`a slave obeys the ${delayMode} mode that the TLV tells, whatever it would choose (EP-040, EP-042, EP-074, EP-081)`, () => {
    const world = createWorld();
    enterprise(world, M1, { preferred: true, delayMode });
    const other = delayMode === 'multicast' ? 'unicast' : 'multicast';
    const slave = slaveAt(world, { delayRequests: other });
    const plain = addClock(world, {
      mode: 'plain',
      role: 'slave',
      addresses: [M2],
      delayRequests: other,
    });
    run(world, 30);
    assert.is(stateOf(slave), 'SLAVE');
    assert.equal(targets(world, 'Delay_Req', SLAVE), [asked]);
    const answer = delayMode === 'multicast' ? GROUP : SLAVE;
    assert.equal(targets(world, 'Delay_Resp', M1), [answer]);
    assert.equal(targets(world, 'Sync', M1), [GROUP]); // EP-034: in all modes
    for (const { bytes } of sentBy(world, 'Announce'))
      assert.is(toHex(bytes).slice(152, 154), octet);
    // who asks the other way gets no answer
    assert.ok(sentBy(world, 'Delay_Req', M2).length > 5);
    assert.is(measuredAt(plain, pathKey(M1, M2), 'reverse').length, 0);
  });
}

test('hybrid: a multicast request is answered to the group, a unicast one to its sender (EP-044, EP-045, EP-047)', () => {
  const world = createWorld();
  preferred(world, M1, 10);
  const asking = { mode: 'plain', role: 'slave' } as const;
  const one = addClock(world, { ...asking, addresses: [M2] });
  const two = addClock(world, { ...asking, addresses: [M3], delayRequests: 'unicast' });
  run(world, 20);
  assert.equal(targets(world, 'Delay_Resp', M1).sort(), [M3, GROUP]);
  assert.equal([stateOf(one), stateOf(two)], ['SLAVE', 'SLAVE']);
});

test('a mode that changes is obeyed from then on, over the same path (EP-081)', () => {
  const world = createWorld();
  const master = preferred(world, M1, 10);
  const slave = slaveAt(world);
  run(world, 20);
  const [tlv] = master.clock.master.announceTlvs;
  if (tlv?.type !== 'ENTERPRISE') throw new Error('no TLV');
  master.clock.master.announceTlvs = [{ ...tlv, delayMode: 0 }];
  run(world, 22);
  const from = world.seen.length;
  run(world, 40);
  const asked = world.seen.slice(from).filter(({ message }) => message.type === 'Delay_Req');
  assert.ok(asked.length > 8 && asked.every(({ to }) => to === GROUP));
  // a reserved mode: the slave's own choice again
  master.clock.master.announceTlvs = [{ ...tlv, delayMode: 9 }];
  run(world, 42);
  const then = world.seen.length;
  run(world, 60);
  const again = world.seen.slice(then).filter(({ message }) => message.type === 'Delay_Req');
  assert.ok(again.length > 8 && again.every(({ to }) => to === M1));
  assert.equal(
    pathEvents(slave).filter(({ event }) => event === 'removed'),
    [],
  );
});

test('no leap second count, no master: silent, and one clear word; with it MASTER; expired, LISTENING again (EP-064)', () => {
  const world = createWorld();
  const problem = 'the leap seconds list expired on 2026-06-28';
  const master = enterprise(world, M1, { preferred: true, own: UNKNOWN_TIME, problem });
  run(world, 30);
  assert.is(stateOf(master), 'LISTENING');
  assert.is(world.seen.length, 0);
  assert.equal(
    eventsOf(master, 'leap-seconds').map(({ text }) => text),
    [`port 1: not master, as ${problem} (draft-01 §8)`],
  );
  tellTime(master.clock, TAI);
  run(world, 40);
  assert.is(stateOf(master), 'MASTER');
  const [first] = sentBy(world, 'Announce');
  assert.ok(first?.message.header.flags.currentUtcOffsetValid);
  tellTime(master.clock, UNKNOWN_TIME, problem);
  run(world, 42);
  assert.is(stateOf(master), 'LISTENING');
  const sent = world.seen.length;
  run(world, 60);
  assert.is(world.seen.length, sent);
  assert.is(eventsOf(master, 'leap-seconds').length, 2);
});

test('behind the gate a clock may follow, and listens when its master goes; a master-only one as well (EP-064)', () => {
  const world = createWorld();
  const master = preferred(world, M1, 10);
  const gated = enterprise(world, M2, { own: UNKNOWN_TIME });
  const only = enterprise(world, M3, { own: UNKNOWN_TIME, role: 'master' });
  run(world, 20);
  assert.is(stateOf(gated), 'SLAVE');
  master.isUp = false;
  run(world, 60);
  assert.equal([stateOf(gated), stateOf(only)], ['LISTENING', 'LISTENING']);
  assert.is(sentBy(world, 'Announce', M2).length + sentBy(world, 'Announce', M3).length, 0);
  assert.is(eventsOf(only, 'leap-seconds').length, 1);
});

for (const [isPreferred, seconds] of [
  [true, 3],
  [false, 4],
] as const) {
  test(`a master gone is noticed after ${seconds} s by a ${isPreferred ? 'preferred' : 'another'} master (EP-054, EP-055)`, () => {
    const world = createWorld();
    const best = preferred(world, M1, 10);
    const next = enterprise(world, M2, { preferred: isPreferred });
    run(world, 20);
    assert.is(stateOf(next), 'SLAVE');
    const lastS = sentBy(world, 'Announce', M1).at(-1)?.atS ?? 0;
    best.isUp = false;
    run(world, 40);
    const [taken] = next.told.filter(
      ({ output, atS }) => atS > 20 && output.type === 'port' && / to MASTER on/.test(output.text),
    );
    const afterS = (taken?.atS ?? 0) - lastS;
    assert.ok(Math.abs(afterS - seconds) < 0.01, `${afterS} s`);
  });
}

test('of two preferred masters the loser goes on, flagged, with its own data; the slave uses both (EP-062, EP-090, EP-091, COMB-11)', () => {
  const world = createWorld();
  const best = preferred(world, M1, 10);
  const second = preferred(world, M2, 20);
  const slave = slaveAt(world);
  run(world, 90);
  assert.ok(parentIs(slave, best));
  for (const type of ['Announce', 'Sync', 'Follow_Up', 'Delay_Resp'] as const) {
    const flags = (ip: string) =>
      new Set(
        sentBy(world, type, ip, 15).map(({ message }) => message.header.flags.alternateMaster),
      );
    assert.equal([...flags(M1)], [false], type);
    assert.equal([...flags(M2)], [true], type);
  }
  for (const { message } of sentBy(world, 'Announce', M2, 15)) {
    if (message.type !== 'Announce') continue;
    assert.is(message.grandmasterIdentity, idOf(second));
    assert.is(message.stepsRemoved, 0);
    assert.is(message.grandmasterPriority1, 20);
  }
  const paths = [pathKey(M1, SLAVE), pathKey(M2, SLAVE)];
  for (const path of paths) {
    assert.ok(measuredAt(slave, path, 'forward').length > 60, path);
    assert.ok(measuredAt(slave, path, 'reverse').length > 50, path);
  }
  // its own Delay_Reqs to each, and both count in one combined clock
  assert.equal(targets(world, 'Delay_Req', SLAVE).sort(), [M1, M2]);
  const ensemble = createEnsemble([createCore()], EPOCH_S);
  for (const { output } of slave.told) {
    if (output.type === 'path' && output.event === 'added') ensemble.open(output.path);
    if (output.type === 'oneway') ensemble.take(output);
  }
  for (const path of paths) {
    const weight = ensemble.report(path)?.weight ?? 0;
    assert.ok(weight > 0.1, `${path}: ${weight}`);
  }
  assert.equal(eventsOf(slave, 'rogue-master'), []);
});

test('takeover and back: the path to the alternate is measured without a break (EP-062, EP-090)', () => {
  const world = createWorld();
  const best = preferred(world, M1, 10);
  const second = preferred(world, M2, 20);
  const slave = slaveAt(world);
  run(world, 30);
  best.isUp = false;
  run(world, 60);
  assert.ok(parentIs(slave, second));
  assert.equal([stateOf(second), stateOf(slave)], ['MASTER', 'SLAVE']);
  best.isUp = true;
  run(world, 100);
  assert.ok(parentIs(slave, best));
  assert.equal([stateOf(second), stateOf(slave)], ['SLAVE', 'SLAVE']);
  const kept = pathKey(M2, SLAVE);
  const times = measuredAt(slave, kept, 'forward').filter((atS) => atS > 10);
  const gaps = times.slice(1).map((atS, n) => atS - (times[n] ?? 0));
  assert.ok(Math.max(...gaps) < 1.1, `a gap of ${Math.max(...gaps)} s`);
  assert.not(pathEvents(slave).some(({ path, event }) => path === kept && event === 'removed'));
  // no flapping: each change once
  assert.is(portTexts(slave).filter((text) => /selected best/.test(text)).length, 3);
});

test('an alternate that takes over later than the slave misses the best is measured without a break, for two announce intervals (EP-090)', () => {
  for (const [timeout, isKept] of [
    [4, true],
    [7, false],
  ] as const) {
    const world = createWorld();
    const best = preferred(world, M1, 10);
    const second = preferred(world, M2, 20);
    second.clock.foreign.announceReceiptTimeout = timeout; // slow to notice
    const slave = slaveAt(world);
    run(world, 30.5);
    best.isUp = false;
    const kept = pathKey(M2, SLAVE);
    const removals = () =>
      pathEvents(slave).filter(({ path, event }) => path === kept && event === 'removed').length;
    run(world, 60);
    assert.ok(parentIs(slave, second));
    assert.ok(portTexts(slave).some((text) => /to LISTENING on ANNOUNCE_RECEIPT/.test(text)));
    assert.is(removals(), isKept ? 0 : 1, `${timeout} intervals`);
    second.isUp = false;
    run(world, 70);
    assert.equal(slave.clock.slave.paths, []);
  }
});

test('three masters, two of them alternates: the slave follows the best and takes no notice of order (EP-090)', () => {
  const world = createWorld();
  for (const [n, ip] of [M3, M2, M1].entries()) preferred(world, ip, 30 - n);
  const slave = slaveAt(world);
  run(world, 60);
  assert.is(slave.clock.slave.paths.length, 3);
  assert.is(portTexts(slave, 15).length, 0, portTexts(slave, 15).join('\n'));
  for (const ip of [M1, M2, M3]) {
    assert.ok(measuredAt(slave, pathKey(ip, SLAVE), 'forward').length > 40);
  }
});

test('a preferred master without a leap second count is no alternate either (EP-062, EP-064)', () => {
  const world = createWorld();
  preferred(world, M1, 10);
  enterprise(world, M2, { preferred: true, own: UNKNOWN_TIME });
  run(world, 30);
  assert.is(sentBy(world, 'Announce', M2).length, 0);
});

test('a grandmaster of a class that never follows is an alternate while PASSIVE (EP-062)', () => {
  const world = createWorld();
  const clock = { clockClass: 6 };
  enterprise(world, M1, { preferred: true, clock: { ...clock, priority1: 10 } });
  const second = enterprise(world, M2, { preferred: true, clock: { ...clock, priority1: 20 } });
  const slave = slaveAt(world);
  run(world, 40);
  assert.is(stateOf(second), 'PASSIVE');
  assert.ok(
    sentBy(world, 'Sync', M2, 15).every(({ message }) => message.header.flags.alternateMaster),
  );
  assert.ok(measuredAt(slave, pathKey(M2, SLAVE), 'reverse').length > 20);
});

test('the rates at both ends: 128 a second, and one in 128 s (EP-051, EP-052)', () => {
  for (const [log, seconds, least] of [
    [-7, 10, 1200],
    [7, 1280, 8],
  ] as const) {
    const world = createWorld();
    const port = { logSyncInterval: log, logMinDelayReqInterval: log };
    enterprise(world, M1, { role: 'master', port });
    const slave = slaveAt(world, { port });
    run(world, 300);
    const from = world.seen.length;
    run(world, 300 + seconds);
    const seen = world.seen.slice(from);
    const count = (type: Message['type']) =>
      seen.filter(({ message }) => message.type === type).length;
    assert.ok(Math.abs(count('Sync') - 2 ** -log * seconds) <= 1, `${count('Sync')} Syncs`);
    assert.ok(Math.abs(count('Announce') - seconds) <= 1);
    const asked = seen.filter(({ message }) => message.type === 'Delay_Req');
    assert.ok(asked.length >= least, `${asked.length} Delay_Reqs`);
    const gaps = asked.slice(1).map(({ atS }, n) => atS - (asked[n]?.atS ?? 0));
    assert.ok(Math.min(...gaps) >= 2 ** -7 - 1e-9, `${Math.min(...gaps)} s apart`);
    assert.is(stateOf(slave), 'SLAVE');
  }
});

test('of a crowd of alternates eight are asked, whoever makes them up (SEC-08)', () => {
  const world = createWorld();
  preferred(world, M1, 10);
  for (let n = 0; n < 12; n++) preferred(world, `192.0.2.${20 + n}`, 20 + n);
  const slave = slaveAt(world);
  run(world, 40);
  assert.is(slave.clock.slave.paths.length, 9);
  assert.is(targets(world, 'Delay_Req', SLAVE).length, 9);
});

const rogueAt = (world: World, priority1: number) =>
  addClock(world, { mode: 'plain', role: 'master', addresses: [M3], clock: { priority1 } });

test('a rogue master, worse and not flagged, does not move the slave and is named (EP-005, EP-092, EP-093)', () => {
  const world = createWorld();
  const best = preferred(world, M1, 10);
  const slave = slaveAt(world);
  run(world, 20);
  const rogue = rogueAt(world, 200);
  run(world, 26);
  assert.equal(eventsOf(slave, 'rogue-master'), []); // may be a takeover yet
  run(world, 60);
  assert.ok(parentIs(slave, best));
  const events = eventsOf(slave, 'rogue-master');
  assert.is(events.length, 1);
  assert.match(events[0]?.text ?? '', new RegExp(`rogue master ${idOf(rogue)}-1`));
  assert.is(measuredAt(slave, pathKey(M3, SLAVE), 'forward').length, 0);
  assert.is(slave.clock.slave.paths.length, 1);
  // the best master sees it, too
  assert.is(eventsOf(best, 'rogue-master').length, 1);
});

test('of three masters one that lies by 50 ms does not move the clock, best or alternate (EP-063, SEC-13)', () => {
  for (const liar of [M1, M3]) {
    const world = createWorld();
    for (const [n, ip] of [M1, M2, M3].entries()) {
      const over = { preferred: true, clock: { priority1: 10 + n } };
      enterprise(world, ip, over, ip === liar ? 50e6 : 0);
    }
    const slave = slaveAt(world);
    run(world, 90);
    const ensemble = createEnsemble([createCore()], EPOCH_S);
    let offsetS = Number.NaN;
    for (const { output } of slave.told) {
      if (output.type === 'path' && output.event === 'added') ensemble.open(output.path);
      if (output.type === 'oneway') offsetS = ensemble.take(output)?.clock?.offsetS ?? offsetS;
    }
    assert.ok(Math.abs(offsetS) < 1e-3, `${liar} lies, and the clock is ${offsetS} s off`);
  }
});

test('improper messages move nothing: cut, too long, of another version or domain, wild in every octet (EP-011, SEC-11)', () => {
  const world = createWorld();
  preferred(world, M1, 10);
  const slave = slaveAt(world);
  run(world, 20.5);
  const before = JSON.stringify(slave.clock.sets);
  const told = portTexts(slave).length;
  const [from, to] = [M1, GROUP].map((ip) => ({ ip, port: 320 }));
  if (from === undefined || to === undefined) throw new Error('no address');
  let count = 0;
  for (const { bytes } of sentBy(world, 'Announce', M1).slice(-1)) {
    const better = bytes.slice();
    better[47] = 1; // priority1
    for (const [at, value] of [
      ...[1, 4].map((at) => [at, 0x7f] as const), // version, domain
      ...[2, 3].map((at) => [at, 0xff] as const), // length
      ...[0, 3, 4, 5, 6, 7, 0xe, 0xf].map((type) => [0, type] as const),
    ] as const) {
      const wild = better.slice();
      wild[at] = value;
      inject(world, from, to, wild);
      count++;
    }
    for (let length = 0; length < bytes.length; length++, count++) {
      inject(world, from, to, better.subarray(0, length));
    }
  }
  run(world, 20.6); // before the master's next
  assert.ok(count > 70);
  assert.is(JSON.stringify(slave.clock.sets), before);
  run(world, 40);
  assert.is(portTexts(slave).length, told);
  assert.is(slave.clock.slave.paths.length, 1);
  assert.ok(measuredAt(slave, pathKey(M1, SLAVE), 'forward').filter((atS) => atS > 20).length > 17);
});

test('clocks of the default profile that keep to these rules are masters and slaves of it, and it does not bend (EP-133, EP-134)', () => {
  const port = { logAnnounceInterval: 0 } as const;
  for (const delayRequests of ['multicast', 'unicast'] as const) {
    const world = createWorld();
    preferred(world, M1, 10);
    const slave = addClock(world, {
      ...{ mode: 'plain', role: 'slave', addresses: [SLAVE], port, delayRequests },
    });
    run(world, 30);
    assert.is(stateOf(slave), 'SLAVE', delayRequests);
    const answered = delayRequests === 'unicast' ? SLAVE : GROUP;
    assert.equal(targets(world, 'Delay_Resp', M1), [answered]);
    assert.ok(sentBy(world, 'Announce', M1, 10).every(({ bytes }) => bytes.length === 80));
    assert.is(sentBy(world, 'Signaling').length, 0);
  }
  const world = createWorld();
  addClock(world, { mode: 'plain', role: 'master', addresses: [M1], port });
  const slave = slaveAt(world);
  run(world, 30);
  assert.is(stateOf(slave), 'SLAVE');
  assert.equal(targets(world, 'Delay_Req', SLAVE), [M1]);
});

test('an honest takeover is nobody’s rogue (EP-005)', () => {
  const world = createWorld();
  enterprise(world, M1, { clock: { priority1: 50 } });
  const slave = slaveAt(world);
  run(world, 20);
  const better = enterprise(world, M2, { clock: { priority1: 10 } });
  run(world, 60);
  assert.ok(parentIs(slave, better));
  for (const host of world.hosts) assert.equal(eventsOf(host, 'rogue-master'), []);
});

test('a rogue with better data that is not in the acceptable master table is ignored and named (EP-093, EP-094)', () => {
  const world = createWorld();
  const best = enterprise(world, M1, { role: 'master', clock: { priority1: 100 } });
  const slave = slaveAt(world, { acceptable: [idOf(best)] });
  run(world, 20);
  assert.ok(parentIs(slave, best));
  const rogue = rogueAt(world, 1);
  run(world, 40);
  assert.ok(parentIs(slave, best));
  assert.is(stateOf(slave), 'SLAVE');
  assert.equal(
    eventsOf(slave, 'unacceptable-master').map(({ text }) => text),
    [`port 1: ignores unacceptable master ${idOf(rogue)}-1, not in the acceptable master table`],
  );
  assert.ok((dropReasons(slave).denied ?? 0) > 5);
});

test('an acceptable alternate is followed rather than an unacceptable best; an acceptable best rather than it (EP-095)', () => {
  const world = createWorld();
  const best = preferred(world, M1, 10);
  const second = preferred(world, M2, 20);
  const third = enterprise(world, M3, { clock: { priority1: 5 }, preferred: true });
  third.isUp = false;
  const slave = slaveAt(world, { acceptable: [idOf(second), idOf(third)] });
  run(world, 40);
  assert.ok(parentIs(slave, second));
  assert.is(stateOf(slave), 'SLAVE');
  assert.is(stateOf(second), 'SLAVE'); // it is an alternate: the best is another
  assert.equal(portTexts(slave, 15), []); // and is kept, Announce after Announce
  assert.ok(parentIs(second, best));
  assert.ok(measuredAt(slave, pathKey(M2, SLAVE), 'reverse').length > 15);
  assert.is(measuredAt(slave, pathKey(M1, SLAVE), 'forward').length, 0);
  third.isUp = true;
  run(world, 80);
  assert.ok(parentIs(slave, third));
  assert.is(slave.clock.foreign.promoted, null);
  // the other acceptable one is measured beside it
  assert.ok(measuredAt(slave, pathKey(M2, SLAVE), 'forward').some((atS) => atS > 75));
});

test('clocks are known by identity: Syncs that come from a transparent clock’s address are the master’s, and requests go where the Announce came from (EP-026, EP-097…EP-099)', () => {
  const world = createWorld();
  world.sourceOf = ({ from, message }) =>
    from === M1 && (message.type === 'Sync' || message.type === 'Follow_Up') ? '192.0.2.200' : from;
  preferred(world, M1, 10);
  const slave = slaveAt(world);
  run(world, 40);
  assert.is(stateOf(slave), 'SLAVE');
  assert.equal(targets(world, 'Delay_Req', SLAVE), [M1]);
  const path = pathKey(M1, SLAVE);
  assert.ok(measuredAt(slave, path, 'forward').length > 25);
  assert.ok(measuredAt(slave, path, 'reverse').length > 20);
  assert.equal(eventsOf(slave, 'duplicate-identity'), []);
});

test('one identity at two addresses is told, and the first is believed (EP-003)', () => {
  const world = createWorld();
  const master = preferred(world, M1, 10);
  const slave = slaveAt(world);
  run(world, 20);
  const { clockIdentity } = master.clock.sets.defaultDS;
  addClock(world, { mode: 'plain', role: 'master', addresses: [M3], clockIdentity });
  run(world, 40);
  assert.equal(
    eventsOf(slave, 'duplicate-identity').map(({ text }) => text),
    [`port 1: duplicate identity ${clockIdentity}-1 at ${M1} and ${M3}`],
  );
  assert.match(eventsOf(master, 'duplicate-identity')[0]?.text ?? '', new RegExp(clockIdentity));
  assert.equal(targets(world, 'Delay_Req', SLAVE), [M1]);
});

test('a master that moves to another address is followed there, without a word of two clocks (EP-026)', () => {
  const world = createWorld();
  const master = preferred(world, M1, 10);
  const { clockIdentity } = master.clock.sets.defaultDS;
  const slave = slaveAt(world);
  run(world, 20);
  master.isUp = false;
  enterprise(world, M2, { preferred: true, role: 'master', clockIdentity });
  run(world, 40);
  assert.equal(eventsOf(slave, 'duplicate-identity'), []);
  assert.is(stateOf(slave), 'SLAVE');
  assert.ok(measuredAt(slave, pathKey(M2, SLAVE), 'reverse').length > 4);
});

test('one-step masters are followed as well as two-step ones (EP-030, EP-031)', () => {
  const world = createWorld();
  enterprise(world, M1, { role: 'master', clock: { twoStepFlag: false } });
  const slave = slaveAt(world);
  run(world, 20);
  assert.is(sentBy(world, 'Follow_Up').length, 0);
  assert.ok(measuredAt(slave, pathKey(M1, SLAVE), 'forward').length > 10);
  assert.is(stateOf(slave), 'SLAVE');
});

test('a master that measures peer to peer, as in the Power profile, is told by what is missing, and the rules stay (EP-120, EP-130, EP-134)', () => {
  const world = createWorld();
  const port = { logAnnounceInterval: 0, delayMechanism: 2 } as const;
  addClock(world, { mode: 'plain', role: 'master', addresses: [M1], port });
  const slave = slaveAt(world);
  run(world, 60);
  assert.is(stateOf(slave), 'UNCALIBRATED');
  assert.is(sentBy(world, 'Pdelay_Req', SLAVE).length + sentBy(world, 'Delay_Resp').length, 0);
  const [view] = viewPtpPaths(
    slave.clock,
    () => null,
    world.nowNs,
    () => 'user',
  );
  assert.is(view?.state, 'waiting');
  assert.match(
    view?.reason ?? '',
    /no answer to \d+ requests: the master may measure peer to peer/,
  );
});

const asker = { clockIdentity: '001122.fffe.334455', portNumber: 1 };

test('no grants, no Pdelay_Resp: what is forbidden is not answered, whoever asks (EP-041, EP-113, EP-134, EP-120, EP-121, EP-123, EP-124)', () => {
  const world = createWorld();
  const master = preferred(world, M1, 10);
  run(world, 10);
  const sent = world.seen.length;
  const header = (type: Message['type']) =>
    createHeader(type, { sourcePortIdentity: asker, sequenceId: 1, flags: { unicast: true } });
  const request: Message = {
    type: 'Signaling',
    header: header('Signaling'),
    targetPortIdentity: master.clock.portDS.portIdentity,
    tlvs: [0xb, 0, 9].map((messageType) => ({
      type: 'REQUEST_UNICAST_TRANSMISSION',
      messageType,
      logInterMessagePeriod: 0,
      durationField: 300,
    })),
  };
  const pdelay: Message = {
    type: 'Pdelay_Req',
    header: header('Pdelay_Req'),
    originTimestamp: { seconds: 0, nanoseconds: 0 },
    tlvs: [],
  };
  const from = (port: number) => ({ ip: SLAVE, port });
  inject(world, from(320), { ip: M1, port: 320 }, writeMessage(request));
  inject(world, from(319), { ip: M1, port: 319 }, writeMessage(pdelay));
  run(world, 20);
  assert.equal(
    world.seen.slice(sent).filter(({ to }) => to !== GROUP),
    [],
  );
  assert.equal(dropReasons(master), { unasked: 1, 'delay-mechanism': 1 });
});

const get = (target: Management['targetPortIdentity'], managementId: number): Uint8Array =>
  writeMessage({
    type: 'Management',
    header: createHeader('Management', { sourcePortIdentity: asker, sequenceId: 1 }),
    targetPortIdentity: target,
    startingBoundaryHops: 1,
    boundaryHops: 1,
    action: 'GET',
    tlvs: [{ type: 'MANAGEMENT', managementId, dataField: new Uint8Array(0) }],
  });
const ALL = { clockIdentity: 'ffffff.ffff.ffffff', portNumber: 0xffff };

test('management is answered by unicast, targeted or not; grandmaster clusters are not supported (EP-110…EP-112, EP-123)', () => {
  const world = createWorld();
  const master = preferred(world, M1, 10);
  run(world, 10);
  const [from, to] = [
    { ip: SLAVE, port: 320 },
    { ip: GROUP, port: 320 },
  ];
  inject(world, from, to, get(ALL, 0x2000));
  inject(world, from, to, get(master.clock.portDS.portIdentity, 0x2000));
  inject(world, from, to, get(ALL, 0x2017));
  run(world, 12);
  const answers = sentBy(world, 'Management');
  assert.equal(
    answers.map((answer) => answer.to),
    [SLAVE, SLAVE, SLAVE],
  );
  assert.ok(answers.every(({ message }) => message.header.flags.unicast));
  const [tlv] = answers[2]?.message.tlvs ?? [];
  assert.is(tlv?.type === 'MANAGEMENT_ERROR_STATUS' && tlv.managementErrorId, 6);
});

test('RFC 9760: no TLV, no alternates, no management unless asked for; hybrid answers, and the same clock for slaves', () => {
  const world = createWorld();
  const rfc = { revision: 'rfc9760', preferred: true } as const;
  enterprise(world, M1, { ...rfc, clock: { priority1: 10 } });
  const second = enterprise(world, M2, { ...rfc, clock: { priority1: 20 } });
  const slave = slaveAt(world, { revision: 'rfc9760' });
  run(world, 20);
  inject(world, { ip: M3, port: 320 }, { ip: GROUP, port: 320 }, get(ALL, 0x2000));
  run(world, 40);
  assert.is(stateOf(slave), 'SLAVE');
  assert.is(stateOf(second), 'SLAVE');
  assert.is(sentBy(world, 'Announce', M2, 15).length, 0);
  assert.ok(sentBy(world, 'Announce').every(({ bytes }) => bytes.length === 64));
  assert.is(sentBy(world, 'Management').length, 0);
  assert.equal(targets(world, 'Delay_Req', SLAVE), [M1]);
});

test('a slave of RFC 9760 bears alternate masters of draft-01 and uses them', () => {
  const world = createWorld();
  preferred(world, M1, 10);
  preferred(world, M2, 20);
  const slave = slaveAt(world, { revision: 'rfc9760' });
  run(world, 40);
  assert.is(slave.clock.slave.paths.length, 2);
});

test.run();

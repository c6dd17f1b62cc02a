import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { Destination } from '../../src/ptp/destination.ts';
import { multicastDestinations } from '../../src/ptp/destination.ts';
import { nextMasterDue } from '../../src/ptp/master.ts';
import { masterSent, masterUnsent, sendDue } from '../../src/ptp/transmit.ts';
import { stamp, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import {
  createRig,
  EPOCH_S,
  GROUP,
  granted,
  type Left,
  LOCAL,
  MASTER,
  ofType,
  only,
  REMOTE,
  type Rig,
  S,
  SLAVE,
  TAI,
} from './masterrig.ts';
import { CAPTURED } from './wire.ts';

const test = suite('ptp master sends');

const headers = (left: readonly Left[]) => left.map(({ message }) => message.header);
const sequence = (left: readonly Left[]) => headers(left).map(({ sequenceId }) => sequenceId);
const LATER = '10.77.1.1'; // a second address of ours
const plain = (over: Partial<Parameters<typeof multicastDestinations>[0]> = {}): Destination[] =>
  multicastDestinations({
    localIps: [LOCAL],
    logAnnounceInterval: 1,
    logSyncInterval: 0,
    ...over,
  });

test('an Announce by unicast is ptp4l’s octet for octet (WIRE §2.12)', () => {
  const rig = createRig();
  rig.set(granted({ messageType: 'Announce', logInterval: 1 }));
  const { bytes, from, to } = only(rig.run(0));
  assert.is(toHex(bytes), CAPTURED.announce);
  assert.equal(
    [from, to],
    [
      { ip: LOCAL, port: 320 },
      { ip: REMOTE, port: 320 },
    ],
  );
});

test('a two-step Sync is ptp4l’s octet for octet, its Follow_Up but for 0x7f', () => {
  const rig = createRig({ epochS: 0x6b00df87, sendNs: 0x2e5fbe2c });
  rig.set(granted());
  const [sync, followUp, ...more] = rig.run(0);
  assert.is(more.length, 0);
  assert.is(toHex(sync?.bytes ?? new Uint8Array()), CAPTURED.sync);
  const expected = fromHex(CAPTURED.followUp);
  expected[33] = 0x7f; // the standard's; ptp4l tells its interval (WIRE §2.5)
  assert.is(toHex(followUp?.bytes ?? new Uint8Array()), toHex(expected));
  assert.equal([sync?.from.port, sync?.to.port], [319, 319]);
  assert.equal(
    [followUp?.from, followUp?.to],
    [
      { ip: LOCAL, port: 320 },
      { ip: REMOTE, port: 320 },
    ],
  );
});

test('flags, ports and intervals of unicast and multicast (MP-21, EP-034, EP-035, EP-036)', () => {
  const rig = createRig();
  rig.set(...plain());
  const told = rig
    .run(0)
    .map(({ message: { type, header }, from, to }) => [
      type,
      header.flags.unicast,
      header.flags.twoStep,
      header.logMessageInterval,
      `${from.ip}:${from.port}`,
      `${to.ip}:${to.port}`,
    ]);
  assert.equal(told, [
    ['Announce', false, false, 1, `${LOCAL}:320`, `${GROUP}:320`],
    ['Sync', false, true, 0, `${LOCAL}:319`, `${GROUP}:319`],
    ['Follow_Up', false, false, 0, `${LOCAL}:320`, `${GROUP}:320`],
  ]);
});

test('other ports serve tests without root, own and remote ones', () => {
  const rig = createRig({
    ports: { event: 3319, general: 3320 },
    remotePorts: { event: 4319, general: 4320 },
  });
  rig.set(granted());
  const ports = rig.run(0).map(({ from, to }) => [from.port, to.port]);
  assert.equal(ports, [
    [3319, 4319],
    [3320, 4320],
  ]);
  const bad = () => createRig({ ports: { event: 0, general: 320 } });
  assert.throws(bad, (error: unknown) => error instanceof ConfigError);
});

test('over IPv6 two zero octets follow each message, outside its length (WIRE §2.11)', () => {
  const rig = createRig();
  const v6 = { localIp: '2001:db8::1', remote: '2001:db8::2' };
  rig.set(granted(v6), granted({ ...v6, messageType: 'Announce' }));
  const left = rig.run(1);
  assert.is(left.length, 6);
  for (const { bytes } of left) {
    const length = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
    assert.is(bytes.length, length + 2);
    assert.equal([...bytes.slice(-2)], [0, 0]);
  }
});

test('IPv6 groups have the scope asked for (EP-038)', () => {
  const groups = (scope?: '5') =>
    plain({ localIps: ['fe80::1%eth0'], ...(scope && { scope }) }).map((one) => one.remote);
  assert.equal(groups(), ['ff0e::181', 'ff0e::181']);
  assert.equal(groups('5'), ['ff05::181', 'ff05::181']);
});

for (let log = -7; log <= 7; log++) {
  test(`one Sync each 2^${log} s, exact on average with timers that fire late (EP-052)`, () => {
    const rig = createRig();
    const random = createRandom(log + 8);
    rig.set(granted({ logInterval: log }));
    const intervalNs = 2 ** log * S;
    const syncs = ofType(
      rig.run(2000 * 2 ** log, () => (random.below(990) / 1000) * intervalNs),
      'Sync',
    );
    assert.ok(Math.abs(syncs.length - 2000) <= 1, `${syncs.length} in 2000 intervals`);
    for (const [n, { atNs }] of syncs.entries()) {
      const late = atNs - n * intervalNs;
      assert.ok(late >= 0 && late < intervalNs, `message ${n} is late by ${late / intervalNs}`);
    }
  });
}

test('after a stall one message leaves, and the next not before half an interval', () => {
  for (const stall of [1, 1.3, 1.5, 1.7, 2, 40.01, 40.5, 40.99]) {
    const rig = createRig();
    rig.set(granted({ logInterval: -3 }));
    rig.run(1);
    rig.nowNs = tick((nextMasterDue(rig.master) ?? 0) + stall * 0.125 * S);
    const stalledNs = rig.nowNs;
    const [first, second, third] = ofType(rig.run(stalledNs / S + 1), 'Sync');
    assert.is(first?.atNs, stalledNs);
    const gap = ((second?.atNs ?? 0) - stalledNs) / S;
    assert.ok(gap >= 0.0625 && gap <= 0.1875, `${gap} s after ${stall} intervals`);
    assert.is((third?.atNs ?? 0) - (second?.atNs ?? 0), 0.125 * S);
    assert.is((second?.atNs ?? 0) % (0.125 * S), 0); // still on its grid
    assert.equal(sequence(ofType(rig.left, 'Sync')), [...ofType(rig.left, 'Sync').keys()]);
  }
});

test('a thousand streams after a stall of minutes: one message each', () => {
  const rig = createRig();
  const all = Array.from({ length: 1000 }, (_, n) =>
    granted({ remote: `10.1.${n >> 8}.${n & 255}`, logInterval: (n % 8) - 4 }),
  );
  rig.set(...all);
  rig.run(2);
  rig.nowNs = tick(300 * S);
  const burst = ofType(rig.perform(sendDue(rig.master, rig.nowNs)), 'Sync');
  assert.is(burst.length, 1000);
  assert.is(new Set(burst.map(({ to }) => to.ip)).size, 1000);
  const nextS = (nextMasterDue(rig.master) ?? 0) / S;
  assert.ok(nextS >= 300 + 2 ** -5, `${nextS}`);
});

test('unicast Syncs that begin together do not leave together', () => {
  const rig = createRig();
  const pairs = Array.from({ length: 20 }, (_, n) => granted({ remote: `10.1.0.${n + 1}` }));
  rig.set(...pairs);
  const at = ofType(rig.run(0.9999), 'Sync').map(({ atNs }) => atNs / S);
  assert.is(at.length, 20);
  const gaps = at.slice(1).map((s, n) => s - (at[n] ?? 0));
  assert.ok(Math.min(...gaps) > 0.02, `${Math.min(...gaps)} s apart at 20 a second`);
});

test('each Sync stream counts for itself, its Follow_Up repeats the number (MP-06, PTP-D14)', () => {
  const rig = createRig();
  rig.set(
    granted(),
    granted({ remote: '10.77.0.3', logInterval: -1 }),
    granted({ localIp: LATER, logInterval: -2 }),
  );
  const left = rig.run(10);
  for (const [local, remote, count] of [
    [LOCAL, REMOTE, 10],
    [LOCAL, '10.77.0.3', 20],
    [LATER, REMOTE, 40],
  ] as const) {
    const mine = left.filter(({ from, to }) => from.ip === local && to.ip === remote);
    const ids = sequence(ofType(mine, 'Sync'));
    assert.ok(Math.abs(ids.length - count) <= 1, `${ids.length} of ${count}`);
    assert.equal(ids, [...ids.keys()]);
    assert.equal(sequence(ofType(mine, 'Follow_Up')), ids);
  }
});

test('sequenceIds go round at 65536', () => {
  const rig = createRig();
  rig.set(granted({ logInterval: -7 }));
  const stream = only(rig.master.streams.queue);
  stream.sequenceId = 65535;
  const ids = sequence(ofType(rig.run(2 / 128), 'Sync'));
  assert.equal(ids, [65535, 0, 1]);
});

test('dual-ended: Announce from every address at once, with one sequenceId (PTP-D01, D03, D16)', () => {
  const localIps = ['10.77.0.1', '10.78.0.1', '2001:db8::1'];
  const rig = createRig();
  rig.set(...plain({ localIps, logSyncInterval: null }));
  const left = rig.run(9);
  assert.is(left.length, 15);
  for (let n = 0; n < 5; n++) {
    const copies = left.slice(3 * n, 3 * n + 3);
    assert.equal(
      copies.map(({ from }) => from.ip),
      localIps,
    );
    assert.equal(sequence(copies), [n, n, n]);
    for (const { atNs, message } of copies) {
      assert.is(atNs, n * 2 * S);
      assert.equal(message.header.sourcePortIdentity, MASTER);
    }
  }
  assert.equal(
    left.filter(({ message }) => message.type !== 'Announce'),
    [],
  ); // MP-21
});

test('one slave port hears one series of Announces over all its pairs, others their own', () => {
  const rig = createRig();
  const announce = { messageType: 'Announce', logInterval: 0 } as const;
  const other = { clockIdentity: 'ae600b.fffe.70c1ac', portNumber: 1 };
  rig.set(granted(announce), granted({ ...announce, localIp: LATER }));
  rig.run(3.5);
  rig.set(
    granted(announce),
    granted({ ...announce, localIp: LATER }),
    granted({ ...announce, targetPort: other, remote: '10.77.0.9' }),
  );
  const left = rig.run(6.4);
  const to = (local: string, remote: string) =>
    left.filter(({ from, to }) => from.ip === local && to.ip === remote);
  assert.equal(sequence(to(LOCAL, REMOTE)), [4, 5, 6]);
  assert.equal(sequence(to(LATER, REMOTE)), [4, 5, 6]);
  const others = to(LOCAL, '10.77.0.9');
  assert.equal(
    others.map(({ atNs }) => atNs / S),
    [3.5, 4.5, 5.5],
  );
});

test('Syncs leave for granted pairs and nobody else (PTP-D06)', () => {
  const rig = createRig();
  const pairs = [
    [LOCAL, REMOTE],
    [LATER, REMOTE],
    [LATER, '10.77.0.3'],
  ];
  rig.set(...pairs.map(([localIp = '', remote = '']) => granted({ localIp, remote })));
  const used = new Set(rig.run(5).map(({ from, to }) => `${from.ip} ${to.ip}`));
  assert.equal([...used].sort(), pairs.map((pair) => pair.join(' ')).sort());
});

test('a list that changes: streams that stay keep phase and number, others stop at once', () => {
  const rig = createRig();
  const kept = granted({ remote: '10.77.0.3' });
  rig.set(kept, granted());
  rig.run(2.5);
  const before = rig.left.length;
  rig.set(granted({ messageType: 'Announce' }), { ...kept, untilNs: tick(900 * S) }); // renewed
  rig.run(4.5);
  const after = rig.left.slice(before);
  assert.equal(
    after.filter(({ to }) => to.ip === REMOTE && to.port === 319),
    [],
  );
  const syncs = ofType(after, 'Sync');
  assert.equal(sequence(syncs), [3, 4]);
  assert.equal(
    syncs.map(({ atNs }) => atNs / S),
    [3, 4],
  );
});

test('grants that are renewed in place go on, at the new interval and to the new end', () => {
  for (const messageType of ['Sync', 'Announce'] as const) {
    const rig = createRig();
    const grant = { ...granted({ messageType, logInterval: 0 }), untilNs: tick(4 * S) };
    const other = granted({ messageType, remote: '10.77.0.3', logInterval: 0 });
    rig.set(grant, other);
    rig.run(2.5);
    grant.untilNs = tick(8 * S);
    assert.equal(ofType(rig.run(5.5), messageType).filter(({ to }) => to.ip === REMOTE).length, 3);
    grant.logInterval = -1;
    rig.set(grant, other);
    const left = ofType(rig.run(7.9), messageType);
    const at = (ip: string) => left.filter(({ to }) => to.ip === ip).map(({ atNs }) => atNs / S);
    const start = messageType === 'Sync' ? 6 : 5.5; // Announces of another interval begin anew
    assert.equal(
      at(REMOTE),
      [0, 0.5, 1, 1.5, 2].map((s) => start + s).filter((s) => s < 7.9),
    );
    assert.is(at('10.77.0.3').length, messageType === 'Sync' ? 3 : 2);
    rig.run(12); // its time is over
    assert.is(rig.left.filter(({ to, atNs }) => to.ip === REMOTE && atNs >= 8 * S).length, 0);
    grant.untilNs = tick(20 * S); // and granted once more
    rig.set(grant, other);
    assert.ok(ofType(rig.run(13.9), messageType).some(({ to }) => to.ip === REMOTE));
  }
});

test('a client that comes back sees no sequenceId again', () => {
  const rig = createRig();
  rig.set(granted());
  rig.run(4.5);
  rig.set();
  assert.is(nextMasterDue(rig.master), null);
  rig.run(60);
  rig.set(granted());
  const syncs = ofType(rig.left, 'Sync').filter(({ to }) => to.ip === REMOTE);
  const [next] = ofType(rig.run(62), 'Sync');
  assert.ok((next?.message.header.sequenceId ?? 0) > Math.max(...sequence(syncs)));
});

for (const when of ['later', 'already'] as const) {
  test(`a slave with a grant, which it got ${when}, hears no sequenceId of our multicast Syncs about the same time`, () => {
    const rig = createRig();
    const group = plain({ logSyncInterval: 0 });
    if (when === 'later') {
      rig.set(...group);
      rig.run(4.5);
    }
    rig.set(granted(), ...group);
    const syncs = ofType(rig.run(30), 'Sync');
    const of = (isOurs: boolean) =>
      sequence(syncs.filter(({ to }) => (to.ip === REMOTE) === isOurs));
    const [alone, all] = [of(true), of(false)];
    assert.ok(alone.length > 20 && all.length > 20);
    assert.equal(
      alone.filter((id) => all.includes(id)),
      [],
    );
  });
}

test('another interval holds at once and does not burst', () => {
  const rig = createRig();
  rig.set(granted({ logInterval: 4 }));
  rig.run(1);
  rig.set(granted({ logInterval: -2 }));
  const faster = ofType(rig.run(2.1), 'Sync').map(({ atNs }) => atNs / S);
  assert.equal(faster, [1.25, 1.5, 1.75, 2]);
  rig.set(granted({ logInterval: 1 }));
  const slower = ofType(rig.run(7), 'Sync').map(({ atNs }) => atNs / S);
  assert.equal(slower, [2.25, 4.25, 6.25]);
});

test('a grant ends by itself when its time is over (SEC-08)', () => {
  const rig = createRig();
  rig.set(granted({ untilNs: tick(3 * S) }), granted({ messageType: 'Announce' }));
  const left = rig.run(10);
  assert.is(ofType(left, 'Sync').length, 3);
  assert.is(ofType(left, 'Announce').length, 11);
});

test('nothing leaves before the port is MASTER, nor after it was (BASE-B3)', () => {
  const rig = createRig();
  const { portDS } = rig.master;
  rig.set(...plain());
  for (const state of ['LISTENING', 'PRE_MASTER', 'PASSIVE', 'UNCALIBRATED', 'SLAVE'] as const) {
    portDS.portState = state;
    assert.is(nextMasterDue(rig.master), null);
    assert.equal(sendDue(rig.master, tick(5 * S)), []);
  }
  rig.nowNs = tick(5 * S);
  portDS.portState = 'MASTER';
  const [first] = rig.run(5);
  assert.is(first?.message.type, 'Announce');
  const [sync] = sendDue(rig.master, tick(7 * S)).filter(
    (output) => output.type === 'transmit' && output.context !== undefined,
  );
  portDS.portState = 'LISTENING';
  const context = sync?.type === 'transmit' ? (sync.context ?? 0) : 0;
  assert.ok(context > 0);
  assert.equal(masterSent(rig.master, context, stamp(0)), []);
});

test('an alternate master serves while PASSIVE and says so in every message (EP-062)', () => {
  const rig = createRig();
  rig.master.isAlternate = true;
  rig.set(...plain());
  const flags = (left: readonly Left[]) =>
    headers(left).map((header) => header.flags.alternateMaster);
  assert.equal(flags(rig.run(0)), [false, false, false]);
  rig.master.portDS.portState = 'PASSIVE';
  assert.equal(flags(rig.run(1)), [true, true]);
  rig.master.portDS.portState = 'SLAVE';
  assert.equal(rig.run(9), []);
});

const contextOf = (rig: Rig, atS: number): number => {
  const [output] = sendDue(rig.master, tick(atS * S));
  return output?.type === 'transmit' ? (output.context ?? 0) : 0;
};

test('a Sync that did not leave has no Follow_Up; the first failure is told', () => {
  const rig = createRig();
  rig.set(granted());
  const failed = contextOf(rig, 0);
  assert.equal(masterUnsent(rig.master, failed, 'ENETUNREACH'), [
    {
      type: 'path',
      path: `${REMOTE}|${LOCAL}`,
      event: 'unsent',
      reason: 'the host said ENETUNREACH',
    },
  ]);
  assert.equal(masterSent(rig.master, failed, stamp(5)), []); // settled
  rig.set(granted()); // a renewal does not tell it anew
  assert.equal(masterUnsent(rig.master, contextOf(rig, 1), 'ENETUNREACH'), []);
  assert.is(masterSent(rig.master, contextOf(rig, 2), stamp(5)).length, 1);
  assert.is(masterUnsent(rig.master, contextOf(rig, 3), 'EHOSTUNREACH').length, 1);
  assert.is(rig.master.tally.unsent, 3);
  assert.equal(rig.master.pending.size, 0);
});

test('departures that are never told take bounded room; strange contexts say nothing', () => {
  const rig = createRig();
  rig.set(granted({ logInterval: -7 }));
  const first = contextOf(rig, 0);
  for (let n = 1; n <= 5000; n++) sendDue(rig.master, tick((n / 128) * S));
  assert.is(rig.master.pending.size, 4096);
  assert.equal(masterSent(rig.master, first, stamp(0)), []);
  assert.equal(masterSent(rig.master, 987654, stamp(0)), []);
  assert.equal(masterUnsent(rig.master, 987654, 'EIO'), []);
});

test('a one-step Sync has its own time written in as it leaves, and no Follow_Up (EP-030)', () => {
  const rig = createRig({ twoStepFlag: false, sendNs: 123_456_789 });
  rig.set(granted());
  const { message } = only(rig.run(0.5));
  if (message.type !== 'Sync') throw new Error(message.type);
  assert.equal(message.originTimestamp, { seconds: EPOCH_S, nanoseconds: 123_456_789 });
  assert.is(message.header.flags.twoStep, false);
  assert.is(rig.master.pending.size, 0);
});

test('times are TAI on the PTP timescale, the clock’s own on an arbitrary one (WIRE §2.10)', () => {
  const secondsOf = (time: typeof TAI): number => {
    const rig = createRig({ time });
    rig.set(granted());
    const { message } = only(ofType(rig.run(0), 'Follow_Up'));
    return message.type === 'Follow_Up' ? message.preciseOriginTimestamp.seconds : 0;
  };
  assert.is(secondsOf(TAI), EPOCH_S + 37);
  assert.is(secondsOf({ ...TAI, currentUtcOffset: -1 }), EPOCH_S - 1);
  assert.is(secondsOf({ ...TAI, ptpTimescale: false }), EPOCH_S); // 37 is announced, not added
});

test('Announces say what the data sets say when they leave (BASE-B4)', () => {
  const rig = createRig({ time: TAI });
  rig.set(...plain({ logSyncInterval: null, logAnnounceInterval: 0 }));
  rig.run(0);
  const { sets } = rig.master;
  sets.timePropertiesDS = {
    leap61: true,
    leap59: false,
    currentUtcOffsetValid: true,
    ptpTimescale: true,
    timeTraceable: true,
    frequencyTraceable: true,
    synchronizationUncertain: true,
    currentUtcOffset: -3,
    timeSource: 0x20,
  };
  sets.currentDS.stepsRemoved = 2;
  sets.parentDS = {
    ...sets.parentDS,
    grandmasterPriority1: 1,
    grandmasterPriority2: 2,
    grandmasterIdentity: '001122.fffe.334455',
    grandmasterClockQuality: { clockClass: 6, clockAccuracy: 0x21, offsetScaledLogVariance: 77 },
  };
  rig.master.announceTlvs = [{ type: 'PATH_TRACE', pathSequence: ['001122.fffe.334455'] }];
  const { message } = only(rig.run(1));
  if (message.type !== 'Announce') throw new Error(message.type);
  const { leap61, leap59, timeTraceable, synchronizationUncertain } = message.header.flags;
  assert.equal(
    [leap61, leap59, timeTraceable, synchronizationUncertain],
    [true, false, true, true],
  );
  assert.is(message.currentUtcOffset, -3);
  assert.is(message.timeSource, 0x20);
  assert.is(message.stepsRemoved, 2);
  assert.is(message.grandmasterPriority1, 1);
  assert.is(message.grandmasterPriority2, 2);
  assert.is(message.grandmasterIdentity, '001122.fffe.334455');
  assert.equal(message.grandmasterClockQuality, sets.parentDS.grandmasterClockQuality);
  assert.equal(message.tlvs, rig.master.announceTlvs);
  assert.equal(message.header.sourcePortIdentity, MASTER);
});

test('whatever the list does, streams keep their spacing and the queue its order (fast-check)', () => {
  const destination = fc.record({
    localIp: fc.constantFrom(LOCAL, LATER),
    remote: fc.constantFrom(REMOTE, '10.77.0.3', GROUP),
    targetPort: fc.constant(SLAVE),
    messageType: fc.constantFrom('Announce' as const, 'Sync' as const),
    logInterval: fc.integer({ min: -4, max: 2 }),
    untilNs: fc.option(fc.integer({ min: 0, max: 20 }).map((s) => tick(s * S))),
  });
  const change = fc.record({
    list: fc.array(destination, { maxLength: 8 }),
    waitS: fc.double({ min: 0, max: 4, noNaN: true }),
    stallS: fc.constantFrom(0, 0, 0, 3),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
      const rig = createRig();
      for (const { list, waitS, stallS } of changes) {
        rig.set(...list);
        rig.nowNs = tick(rig.nowNs + stallS * S);
        const left = rig.run(rig.nowNs / S + waitS);
        const seen = new Map<string, number[]>();
        for (const { message, from, to, atNs } of left) {
          const key = `${message.type} ${from.ip} ${to.ip}`;
          const listed = list.filter(
            (one) =>
              (one.messageType === message.type ||
                (one.messageType === 'Sync' && message.type === 'Follow_Up')) &&
              one.localIp === from.ip &&
              one.remote === to.ip,
          );
          const isWanted = listed.some(({ untilNs }) => untilNs === null || untilNs > atNs);
          assert.ok(isWanted, `${key} at ${atNs}: nobody wants it`);
          const times = seen.get(key) ?? [];
          const [first] = listed;
          const third = times.at(-2);
          if (listed.length === 1 && first !== undefined && third !== undefined) {
            const spanS = (atNs - third) / S;
            assert.ok(spanS > 2 ** first.logInterval - 1e-9, `three of ${key} in ${spanS} s`);
          }
          seen.set(key, [...times, atNs]);
        }
        const dues = rig.master.streams.queue.map(({ dueNs }) => dueNs);
        assert.is(nextMasterDue(rig.master), dues.length === 0 ? null : Math.min(...dues));
      }
    }),
    { numRuns: 300 },
  );
});

test.run();

/**
 * A million datagrams at whole PTP clocks: mutations of a live session, replays, reflections and
 * noise, from peers' addresses and others (SEC-11). Nothing throws; a reject changes counters only,
 * as a twin shows that never heard it; no table outgrows its cap (SEC-08). A failure prints the seed
 * and the datagram; SEED in this file repeats it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GRANT_LIMITS } from '../../src/ptp/caps.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { ALL_PORTS } from '../../src/ptp/identity.ts';
import { writeMessage } from '../../src/ptp/message.ts';
import { stamp } from '../../src/units.ts';
import { fromHex } from '../ntp/wire.ts';
import { step } from '../ptp/clockrig.ts';
import { CAPTURED } from '../ptp/wire.ts';
import { besiege, complaint, pass, type Siege, strike, tablesOf } from './ptpclock.ts';

const test = suite('fuzz ptp clock');

const SEED = 20261124;
const isNode = !('Deno' in globalThis) && !('Bun' in globalThis);
/** The same code is under test in all three; the million is for the one that CI waits for least. */
const ROUNDS = isNode ? 1_000_000 : 200_000;
/** Strikes at one instant, honest time between them, strikes between two looks at the state. */
const BURST = 24;
const SPAN_NS = 12e6;
const LOOK = 240;

const MASTERS = ['192.0.2.1', '192.0.3.1'];
const LOCALS = ['198.51.100.1', '198.51.100.2', '198.51.100.3'];
const P2P = {
  logAnnounceInterval: -2,
  logSyncInterval: -4,
  logMinPdelayReqInterval: -4,
  delayMechanism: 2,
} as const;

const single = { mode: 'single-ended', role: 'slave', addresses: LOCALS } as const;
const dual = { mode: 'dual-ended', role: 'slave', addresses: LOCALS } as const;
const master = { mode: 'dual-ended', role: 'master', addresses: MASTERS } as const;
/** So good that few forgeries are better: the session goes on. */
const leader = { ...master, clock: { priority1: 0, clockClass: 6 } };
const rival = { mode: 'dual-ended', addresses: ['192.0.5.1'], clock: { priority1: 200 } } as const;

/** Most entries of every table that strangers fill, by the names that lead to it. */
const CAPS: Readonly<Record<string, number>> = {
  '.foreign.masters': 32,
  '.enterprise.alternates.masters': 32,
  '.enterprise.rogues.sightings': 32,
  '.enterprise.unacceptable.sightings': 32,
  '.enterprise.twins.sightings': 32,
  '.places': 64,
  '.places.*.ips': 16,
  '.slave.unstamped': 1200,
  '.slave.paths': 256,
  '.slave.index': 256,
  '.slave.paths.*.syncs.entries': 128,
  '.slave.paths.*.delays.sent': 600,
  '.slave.paths.*.pdelays.sent': 600,
  '.master.pending': 4096,
  '.master.ungranted.byAddress': 4096,
  '.agent.allowance.byAddress': 4096,
  '.shared.agent.allowance.byAddress': 4096,
  '.requester.asks': 256,
  ...Object.fromEntries(
    // 48 strangers and the peers at two addresses, two identities each, four types each
    ['.grantor.goodbyes', '.grantor.table.clients', '.grantor.table.ledger.peers'].map((name) => [
      name,
      2 * 2 * 64,
    ]),
  ),
  '.grantor.table.ledger.prefixes': 16,
  '.master.streams.held': 4 * 2 * 2 * 64,
  '.master.streams.permits': 4 * 2 * 2 * 64,
  '.master.streams.queue': 4 * 2 * 2 * 64,
  '.master.streams.byKey': 4 * 2 * 2 * 64,
  '.master.streams.queue.*.legs': 128,
  '.master.streams.byKey.*.legs': 128,
};
/** Of all other tables: addresses, types, and the like. */
const USUAL = 8;

const sieges: (readonly [string, number, () => Siege])[] = [
  ['a single-ended slave', 0.2, () => besiege([leader, rival], single, SEED)],
  ['a dual-ended slave', 0.2, () => besiege([leader, rival], dual, SEED + 1)],
  [
    'a master',
    0.2,
    () => besiege([dual, { ...single, addresses: ['198.51.101.1'] }, rival], master, SEED + 2),
  ],
  [
    'a dual-ended clock that may be both',
    0.2,
    () => besiege([rival, dual], { ...master, role: 'any' }, SEED + 3),
  ],
  [
    'a plain slave',
    0.1,
    () =>
      besiege(
        [{ mode: 'plain', addresses: ['192.0.2.1'], clock: { priority1: 0, clockClass: 6 } }],
        { mode: 'plain', addresses: ['192.0.2.2'] },
        SEED + 4,
      ),
  ],
  [
    'a slave that asks its peers',
    0.1,
    () => besiege([{ ...leader, port: P2P }], { ...single, port: P2P }, SEED + 5),
  ],
];

const enterprise = { mode: 'plain', profile: 'enterprise', port: {} } as const;
sieges.push([
  'a slave of the Enterprise Profile, with an alternate',
  0.1,
  () =>
    besiege(
      [
        {
          ...enterprise,
          addresses: ['192.0.2.1'],
          preferred: true,
          clock: { priority1: 0, clockClass: 6 },
        },
        { ...enterprise, addresses: ['192.0.2.3'], preferred: true, clock: { priority1: 1 } },
      ],
      { ...enterprise, addresses: ['192.0.2.2'], role: 'slave' },
      SEED + 6,
    ),
]);

const captured = (name: keyof typeof CAPTURED): Uint8Array => fromHex(CAPTURED[name]);

for (const [name, share, begin] of sieges) {
  test(`${name}: ${ROUNDS * share} datagrams, no throw, no trace of rejects, no growth`, () => {
    const siege = begin();
    pass(siege, 8e9);
    for (let round = 1; round <= ROUNDS * share; round++) {
      try {
        strike(siege);
      } catch (error) {
        throw new Error(`seed ${SEED}, round ${round}: ${siege.last}`, { cause: error });
      }
      if (round % BURST === 0) pass(siege, SPAN_NS);
      if (round % LOOK > 0) continue;
      const wrong = complaint(siege);
      if (wrong !== null)
        assert.unreachable(`seed ${SEED}, round ${round}: ${siege.last} ${wrong}`);
    }
    const { oneway = 0, transmit = 0 } = siege.counts;
    const isBlunt = Math.max(oneway, transmit) < (ROUNDS * share) / 100;
    assert.not(isBlunt || Object.keys(siege.counts).length < 18, JSON.stringify(siege.counts));
    const grown = [...siege.sizes].filter(([table, size]) => size > (CAPS[table] ?? USUAL));
    assert.equal(grown, []);
  });
}

/** Requests for everything, three types in one message, from a port of its own. */
const greedy = (n: number, logInterMessagePeriod = -7): Uint8Array =>
  writeMessage({
    type: 'Signaling',
    header: createHeader('Signaling', {
      sourcePortIdentity: {
        clockIdentity: `0a${(n >>> 16).toString(16).padStart(4, '0')}.fffe.00${(n & 0xffff).toString(16).padStart(4, '0')}`,
        portNumber: 1,
      },
      sequenceId: n & 0xffff,
      flags: { unicast: true },
    }),
    targetPortIdentity: ALL_PORTS,
    tlvs: [0xb, 0, 9].map((messageType) => ({
      type: 'REQUEST_UNICAST_TRANSMISSION',
      messageType,
      logInterMessagePeriod,
      durationField: 1000,
    })),
  });

test('spoofed floods: a victim gets no more than was asked × the factor, nor than its cap (SEC-07, SEC-08)', () => {
  const siege = besiege([], { ...master, addresses: MASTERS.slice(0, 1) }, SEED + 6);
  const { world, target } = siege;
  const [ip = ''] = MASTERS;
  pass(siege, 5e9);
  const victim = '203.0.113.7';
  const own = (from: string, bytes: Uint8Array, port = 320) => {
    const remote = { ip: from, port };
    const datagram = { bytes, local: { ip, port }, remote, receivedAtNs: stamp(world.nowNs) };
    step(world, target, { type: 'datagram', datagram, nowNs: world.nowNs });
    return bytes.length;
  };
  const delayReq = captured('delayReq');
  const get = captured('getDefaultDataSet');
  let asked = 0;
  const { peer } = GRANT_LIMITS;
  const SPAN_S = 20; // of first grants: none ends before
  for (let n = 0; n < 50 * SPAN_S; n++) {
    asked += own(victim, greedy(n)) + own(victim, delayReq, 319) + own(victim, get);
    pass(siege, 20e6);
  }
  const got = siege.sent.get(victim) ?? 0;
  // Delay_Resps and answers to management are as large as a request, or a little larger
  assert.ok(got > 1000, `${got}: nothing was granted`);
  assert.ok(got < peer.octets + 3 * asked, `${got} octets for ${asked}`);
  assert.ok(got < GRANT_LIMITS.factor * asked);
  pass(siege, 60e9); // grants run out
  const before = siege.sent.get(victim) ?? 0;
  pass(siege, 60e9);
  assert.is(siege.sent.get(victim), before, 'it never ends');
  assert.is(target.clock.grantor?.table.clients.size, 0);
});

test('a flood of requests that are granted does not make each of them dearer (SEC-07)', () => {
  const siege = besiege([], { ...master, addresses: MASTERS.slice(0, 1) }, SEED + 8);
  const { world, target } = siege;
  const [ip = ''] = MASTERS;
  pass(siege, 5e9);
  const request = (n: number) => {
    const remote = { ip: `${100 + (n % 100)}.${n % 250}.${(n >> 8) % 250}.9`, port: 320 };
    const local = { ip, port: 320 };
    const receivedAtNs = stamp(world.nowNs);
    const datagram = { bytes: greedy(n, 4), local, remote, receivedAtNs };
    step(world, target, { type: 'datagram', datagram, nowNs: world.nowNs });
  };
  const { streams } = target.clock.master;
  for (let n = 0; n < 2000; n++) request(n);
  const listsThen = streams.lists;
  assert.ok(streams.held.size < 6000, 'the list is made at once');
  pass(siege, 30e6);
  assert.ok(streams.lists - listsThen <= 2, `${streams.lists - listsThen} lists in 30 ms`);
  assert.is(streams.held.size, 6000 + 1); // what goes by multicast
  assert.ok(listsThen < 100, `${listsThen} lists`);
});

test('floods from made-up addresses: tables end at their caps, others are still served (SEC-07, SEC-08)', () => {
  const limits = {
    total: { grants: 512, packetsPerS: 16_384, octets: 16e6 },
    prefix: { grants: 96, packetsPerS: 8192, octets: 8e6 },
  };
  const siege = besiege([single], { ...leader, addresses: MASTERS.slice(0, 1), limits }, SEED + 7);
  const { world, target, random, counts } = siege;
  const [ip = ''] = MASTERS;
  pass(siege, 8e9);
  const announce = captured('announce');
  const patterns = [captured('delayReq'), captured('getDefaultDataSet'), announce];
  const flood = isNode ? 40_000 : 10_000;
  for (let n = 0; n < flood; n++) {
    const kind = n % 4;
    const bytes = (patterns[kind] ?? greedy(n)).slice();
    if (kind < 3) bytes.set(random.bytes(4), 24); // a clockIdentity of its own
    const port = kind === 0 ? 319 : 320;
    const from = `${100 + random.below(64)}.${random.below(250)}.${random.below(250)}.${1 + random.below(250)}`;
    const remote = { ip: from, port };
    const datagram = { bytes, local: { ip, port }, remote, receivedAtNs: stamp(world.nowNs) };
    step(world, target, { type: 'datagram', datagram, nowNs: world.nowNs });
    if (n % 200 === 0) pass(siege, 2e6);
    if (n % 1000 === 0) tablesOf(target.clock, '', siege.sizes);
  }
  const { table } = target.clock.grantor ?? {};
  assert.ok(table !== undefined);
  const { total, newcomers } = table.ledger;
  for (const part of ['grants', 'packetsPerS', 'octets'] as const) {
    assert.ok(total[part] <= limits.total[part], `${part} ${total[part]}`);
    assert.ok(newcomers[part] <= limits.total[part] / 2, `newcomers: ${part} ${newcomers[part]}`);
  }
  assert.ok(total.grants > 40, `${total.grants} granted`);
  assert.ok((counts['rate-limited'] ?? 0) > 1000, JSON.stringify(counts));
  const most: Readonly<Record<string, number>> = { ...CAPS, '.grantor.table.ledger.prefixes': 512 };
  for (const [name, size] of siege.sizes) {
    const cap = /grantor|streams/.test(name) ? 512 : (most[name] ?? USUAL);
    assert.ok(size <= cap, `${name}: ${size}, more than ${cap}`);
  }
  const [slave] = world.hosts;
  pass(siege, 60e9);
  assert.is(slave?.clock.portDS.portState, 'SLAVE');
  assert.is(table.ledger.total.grants, 6); // Announces go by multicast
});

test.run();

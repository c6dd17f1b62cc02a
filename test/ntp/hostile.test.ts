/**
 * Every hostile reply we can name, one line each: no exchange, the reason it is dropped for, no
 * protocol state touched, and the honest answer still accepted afterwards.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DropReason } from '../../src/machine.ts';
import { status, strays } from '../../src/ntp/client.ts';
import { asciiRefid, refidOfIp } from '../../src/ntp/refid.ts';
import type { PathKey } from '../../src/path.ts';
import { createRig, honest, pairs, protocolState, type Rig } from './rig.ts';
import { type Answer, answerTo, fromHex, stampsAt, toHex } from './wire.ts';

const test = suite('ntp hostile replies');

const A: PathKey = '192.0.2.1|198.51.100.7';
const B: PathKey = '192.0.2.1|198.51.100.8';
const OWN_IPV4 = '203.0.113.5';
const OWN_IPV6 = '2001:db8::5';

interface Scene {
  rig: Rig;
  /** Answers to A that were already used, oldest first. */
  old: Uint8Array[];
}

/** Two paths, two good exchanges each; a third request is in flight, half a second old on A. */
function scene(): Scene {
  const rig = createRig({
    paths: pairs(['192.0.2.1'], ['198.51.100.7', '198.51.100.8']),
    minPollLog2S: 0,
    budget: 'per-path',
    ownAddresses: [OWN_IPV4, OWN_IPV6],
  });
  const old: Uint8Array[] = [];
  rig.run(1.9, (sent) => {
    const bytes = honest(sent);
    if (sent.path === A) old.push(bytes.slice());
    return bytes;
  });
  rig.run(2.55);
  return { rig, old };
}

interface Case {
  name: string;
  want: DropReason;
  forge: (scene: Scene) => Uint8Array;
  on?: PathKey;
  port?: number;
}

/** The honest answer to A's request in flight, but for what `but` says. */
const answering =
  (but: Answer) =>
  ({ rig }: Scene): Uint8Array => {
    const sent = rig.inFlight(A);
    return answerTo(sent.bytes, { ...stampsAt(sent.atS + 0.01), ...but });
  };
const kiss = (code: string, but: Answer = {}) =>
  answering({ leap: 3, stratum: 0, refid: asciiRefid(code), ...but });
const flipped = (bit: number) => (where: Scene) => {
  const bytes = answering({})(where);
  const at = 24 + (bit >> 3);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
  return bytes;
};
const cut = (length: number) => (where: Scene) => answering({})(where).subarray(0, length);
const held = (fromS: number, toS: number) => (where: Scene) => {
  const { atS } = where.rig.inFlight(A);
  const [receive, transmit] = [stampsAt(atS + fromS).receive, stampsAt(atS + toS).receive];
  return answering({ receive, transmit })(where);
};
const ZERO = '0000000000000000';
const FORGED = { origin: '0123456789abcdef' };

const CASES: Case[] = [
  { name: 'forged origin', want: 'origin', forge: answering(FORGED) },
  { name: 'forged origin, one bit off', want: 'origin', forge: flipped(0) },
  { name: 'forged origin, another bit off', want: 'origin', forge: flipped(63) },
  { name: 'zero origin', want: 'origin', forge: answering({ origin: ZERO }) },
  {
    name: 'duplicate of the last answer',
    want: 'duplicate',
    forge: ({ old }) => old.at(-1) ?? NONE,
  },
  { name: 'replay of an older answer', want: 'origin', forge: ({ old }) => old[0] ?? NONE },
  {
    name: 'last stamps in a new answer',
    want: 'duplicate',
    forge: ({ rig, old }) => {
      const bytes = old.at(-1)?.slice() ?? NONE;
      bytes.set(rig.inFlight(A).bytes.subarray(40), 24);
      return bytes;
    },
  },
  { name: 'forged RATE', want: 'origin', forge: kiss('RATE', FORGED) },
  { name: 'forged DENY', want: 'origin', forge: kiss('DENY', FORGED) },
  { name: 'forged RSTR', want: 'origin', forge: kiss('RSTR', FORGED) },
  { name: 'kiss STEP', want: 'kiss', forge: kiss('STEP') },
  { name: 'kiss XXXX, experimental', want: 'kiss', forge: kiss('XXXX') },
  {
    name: 'kiss with zero stamps',
    want: 'kiss',
    forge: kiss('ACST', { receive: ZERO, transmit: ZERO }),
  },
  { name: 'kiss INIT, a starting ntpsec', want: 'unsynchronized', forge: kiss('INIT') },
  { name: 'LI 3', want: 'unsynchronized', forge: answering({ leap: 3 }) },
  {
    name: 'stratum 0 without code',
    want: 'unsynchronized',
    forge: answering({ stratum: 0, refid: 0 }),
  },
  { name: 'stratum 16', want: 'unsynchronized', forge: answering({ stratum: 16 }) },
  { name: 'stratum 255', want: 'unsynchronized', forge: answering({ stratum: 255 }) },
  { name: 'short: nothing', want: 'short', forge: cut(0) },
  { name: 'short: one octet', want: 'short', forge: cut(1) },
  { name: 'short: 47 octets', want: 'short', forge: cut(47) },
  { name: 'long by one octet', want: 'malformed', forge: answering({ tail: '00' }) },
  { name: 'long: 65507 octets', want: 'malformed', forge: answering({ tail: '00'.repeat(65459) }) },
  { name: 'zero receive stamp', want: 'zero-timestamp', forge: answering({ receive: ZERO }) },
  { name: 'zero transmit stamp', want: 'zero-timestamp', forge: answering({ transmit: ZERO }) },
  {
    name: 'both zero',
    want: 'zero-timestamp',
    forge: answering({ receive: ZERO, transmit: ZERO }),
  },
  { name: 'wrong path: to our other address', want: 'origin', forge: answering({}), on: B },
  {
    name: 'wrong path: unknown local',
    want: 'unknown-path',
    forge: answering({}),
    on: '192.0.2.1|198.51.100.9',
  },
  {
    name: 'wrong path: unknown remote',
    want: 'unknown-path',
    forge: answering({}),
    on: '192.0.2.9|198.51.100.7',
  },
  {
    name: 'wrong path: addresses exchanged',
    want: 'unknown-path',
    forge: answering({}),
    on: '198.51.100.7|192.0.2.1',
  },
  { name: 'wrong port', want: 'unknown-port', forge: answering({}), port: 1123 },
  ...[0, 1, 2, 3, 5, 6, 7].map(
    (mode): Case => ({ name: `mode ${mode}`, want: 'mode', forge: answering({ mode }) }),
  ),
  ...[0, 1, 2, 3, 5, 7].map(
    (version): Case => ({
      name: `version ${version}`,
      want: 'version',
      forge: answering({ version }),
    }),
  ),
  { name: 'root delay 32 s', want: 'root-distance', forge: answering({ rootDelay: 0x0020_0000 }) },
  {
    name: 'root dispersion 16 s',
    want: 'root-distance',
    forge: answering({ rootDispersion: 0x0010_0000 }),
  },
  {
    name: 'root distance 16 s in sum',
    want: 'root-distance',
    forge: answering({ rootDelay: 0x0010_0000, rootDispersion: 0x0008_0000 }),
  },
  {
    name: 'root values all ones',
    want: 'root-distance',
    forge: answering({ rootDelay: 0xffffffff, rootDispersion: 0xffffffff }),
  },
  { name: 'hold negative', want: 'hold', forge: held(0.011, 0.01) },
  { name: 'hold longer than the exchange', want: 'hold', forge: held(0, 1) },
  { name: 'hold longer than 4 s', want: 'hold', forge: held(0, 4.5) },
  {
    name: 'hold of half an era',
    want: 'hold',
    forge: answering({ receive: '0000000100000000', transmit: '8000000100000000' }),
  },
  {
    name: 'hold excused by a claimed precision of 2^127 s',
    want: 'hold',
    forge: (where) => {
      const bytes = held(0, 1)(where);
      bytes[3] = 127;
      return bytes;
    },
  },
  {
    name: 'loop over our IPv4 address',
    want: 'loop',
    forge: answering({ refid: refidOfIp(OWN_IPV4) }),
  },
  {
    name: 'loop over our IPv6 address',
    want: 'loop',
    forge: answering({ refid: refidOfIp(OWN_IPV6) }),
  },
  { name: 'crypto-NAK', want: 'malformed', forge: answering({ tail: '00000000' }) },
  {
    name: 'MAC we have no key for',
    want: 'malformed',
    forge: answering({ tail: '00000001'.padEnd(40, 'a') }),
  },
  {
    name: 'garbage field: length 0',
    want: 'malformed',
    forge: answering({ tail: `01040000${'00'.repeat(28)}` }),
  },
  {
    name: 'garbage field: length 3',
    want: 'malformed',
    forge: answering({ tail: `01040003${'00'.repeat(28)}` }),
  },
  {
    name: 'garbage field: overrun',
    want: 'malformed',
    forge: answering({ tail: `0104ffff${'00'.repeat(28)}` }),
  },
  {
    name: 'garbage field: second one broken',
    want: 'malformed',
    forge: answering({ tail: `f323001c${'00'.repeat(24)}f3230004` }),
  },
];
const NONE = new Uint8Array(0);

for (const { name, want, forge, on = A, port = 123 } of CASES) {
  test(`${name} is dropped: ${want} (NTP-C1, NTP-C4, MP-05)`, () => {
    const where = scene();
    const { rig } = where;
    const bytes = forge(where);
    const before = protocolState(rig.client);
    const counted = [...status(rig.client), strays(rig.client)].map((one) => one.drops[want]);
    const outputs = rig.datagram(on, bytes, { port });
    const from = { ip: on.split('|')[0] ?? '', port };
    assert.equal(outputs, [{ type: 'drop', reason: want, from }]);
    assert.equal(protocolState(rig.client), before);
    const after = [...status(rig.client), strays(rig.client)].map((one) => one.drops[want]);
    const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
    assert.is(sum(after) - sum(counted), 1);
    for (const path of [A, B]) {
      const accepted = rig.datagram(path, honest(rig.inFlight(path)));
      assert.is(accepted.at(-1)?.type, 'exchange', `honest answer on ${path}`);
    }
  });
}

// Strange but right: to reject these would be the mistake
const FINE: [name: string, but: Answer][] = [
  ['era 1: after 2036-02-07', { receive: '0000000040000000', transmit: '0000000040010000' }],
  ['hold across the era boundary', { receive: 'ffffffffffffff00', transmit: '0000000000010000' }],
  ['seconds 0 with a fraction', { receive: '0000000000000001', transmit: '0000000000000002' }],
  ['stratum 15', { stratum: 15 }],
  ['stratum 1 whose name spells our address', { stratum: 1, refid: refidOfIp(OWN_IPV4) }],
  ['refid zero', { refid: 0 }],
  ['root distance just below 16 s', { rootDelay: 0x0010_0000, rootDispersion: 0x0007_ffff }],
  ['leap second announced', { leap: 1 }],
  ['poll 127, precision -128', { poll: 127, precision: -128 }],
  ['an unknown extension field', { tail: `f323001c${'5a'.repeat(24)}` }],
  ['no hold at all', { receive: 'e8fe6f9000000000', transmit: 'e8fe6f9000000000' }],
  [
    'a coarse clock going back one tick',
    { receive: 'e8fe6f9000400000', transmit: 'e8fe6f9000000000', precision: -9 },
  ],
  [
    'years off: not for the packet tests to judge',
    { receive: '1000000000000000', transmit: '1000000000001000' },
  ],
];

for (const [name, but] of FINE) {
  test(`${name} is accepted`, () => {
    const where = scene();
    const bytes = answering(but)(where);
    const exchange = where.rig.datagram(A, bytes).at(-1);
    assert.is(
      exchange?.type === 'exchange' && toHex(exchange.packet),
      toHex(bytes.subarray(0, 48)),
    );
  });
}

test('an accepted answer is dead at once: replay, then late duplicates, change nothing', () => {
  const { rig } = scene();
  const bytes = honest(rig.inFlight(A));
  assert.is(rig.datagram(A, bytes).at(-1)?.type, 'exchange');
  const before = protocolState(rig.client);
  const other = answering({})({ rig, old: [] });
  other.set(fromHex('e8fe700000000000e8fe700000010000'), 32);
  for (const [again, reason] of [
    [bytes, 'duplicate'],
    [other, 'origin'],
  ] as const) {
    const outputs = rig.datagram(A, again);
    assert.equal(outputs, [{ type: 'drop', reason, from: { ip: '192.0.2.1', port: 123 } }]);
    assert.equal(protocolState(rig.client), before);
  }
});

test('a server that sat on the request for more than 4 s is not believed', () => {
  const rig = createRig({ minPollLog2S: 4 });
  rig.run(6);
  const before = protocolState(rig.client);
  const outputs = rig.datagram(A, held(0.01, 4.5)({ rig, old: [] }));
  assert.is(outputs[0]?.type === 'drop' && outputs[0].reason, 'hold');
  assert.equal(protocolState(rig.client), before);
  const slow = rig.datagram(A, held(0.01, 3.9)({ rig, old: [] }));
  assert.is(slow.at(-1)?.type, 'exchange');
});

test('an answer to the request before the last comes too late', () => {
  const { rig } = scene();
  const late = honest(rig.inFlight(A));
  rig.run(3.3);
  const before = protocolState(rig.client);
  assert.equal(rig.datagram(A, late), [
    { type: 'drop', reason: 'origin', from: { ip: '192.0.2.1', port: 123 } },
  ]);
  assert.equal(protocolState(rig.client), before);
});

test('the packet of an exchange survives reuse of the receive buffer, also a pooled one', () => {
  const { rig } = scene();
  const pool = new Uint8Array(200);
  const bytes = honest(rig.inFlight(A));
  class Pooled extends Uint8Array {
    // as Node's Buffer: slice shares memory
    override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
      return new Uint8Array(pool.buffer).subarray(start, end);
    }
  }
  const view = new Pooled(pool.buffer, 100, 48);
  view.set(bytes);
  const exchange = rig.datagram(A, view).at(-1);
  pool.fill(0xff);
  assert.is(exchange?.type === 'exchange' && toHex(exchange.packet), toHex(bytes));
});

test.run();

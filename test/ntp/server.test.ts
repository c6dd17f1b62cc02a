import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { Address, Output } from '../../src/machine.ts';
import { createRules, isAllowed, readIp } from '../../src/ntp/prefix.ts';
import { createRateLimit, take } from '../../src/ntp/ratelimit.ts';
import {
  createNtpServer,
  type NtpServer,
  type ServerConfig,
  type Source,
  setSource,
  stepNtpServer,
} from '../../src/ntp/server.ts';
import { canonicalIp, ipv6Groups } from '../../src/path.ts';
import { stamp, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { CAPTURED_REQUEST, fromHex, toHex } from './wire.ts';

const test = suite('ntp server');

const SOURCE: Source = {
  leap: 0,
  stratum: 1,
  rootDelayS: 0,
  rootDispersionS: 0.001,
  refid: [0x47, 0x50, 0x53, 0],
  precisionLog2S: -23,
  referenceNs: stamp(-1e9),
};
const OPEN: ServerConfig = {
  epochS: 1700000000,
  source: SOURCE,
  rateLimit: null,
  access: { allow: [], deny: [] },
};
const CLIENT: Address = { ip: '198.51.100.7', port: 40123 };
const LOCAL: Address = { ip: '192.0.2.2', port: 123 };

interface Ask {
  remote?: Address;
  local?: Address;
  receivedAtNs?: number;
  nowS?: number;
}

const ask = (server: NtpServer, bytes: Uint8Array, how: Ask = {}): Output[] => {
  const { remote = CLIENT, local = LOCAL, receivedAtNs = 0.25e9, nowS = 0 } = how;
  const datagram = { bytes, local, remote, receivedAtNs: stamp(receivedAtNs) };
  return stepNtpServer(server, { type: 'datagram', datagram, nowNs: tick(nowS * 1e9) });
};

/** What went out, sealed at `sentAtNs`. */
const sealed = (outputs: Output[], sentAtNs = 0.5e9): Uint8Array => {
  const [output, ...more] = outputs;
  assert.is(more.length, 0);
  if (output?.type !== 'transmit') throw new Error(`no answer but ${JSON.stringify(output)}`);
  output.seal?.(output.bytes, stamp(sentAtNs));
  return output.bytes;
};
const reasonOf = (outputs: Output[]): string =>
  outputs.map((output) => (output.type === 'drop' ? output.reason : output.type)).join();
const request = (first = 0x23, tail = ''): Uint8Array => {
  const bytes = fromHex(CAPTURED_REQUEST + tail);
  bytes[0] = first;
  return bytes;
};
const fails = (what: () => unknown, field: string): void =>
  assert.throws(what, (error: unknown) => error instanceof ConfigError && error.field === field);

test('answers a captured request octet for octet (NTP-M2, WIRE §1.4)', () => {
  const bytes = sealed(ask(createNtpServer(OPEN), request()));
  assert.is(
    toHex(bytes),
    [
      '240104e9', // LI 0, version 4, mode 4; stratum 1; poll of the request; 2^-23 s
      '00000000',
      '00000042', // 1 ms = 65.5 / 2^16 s
      '47505300',
      'e8fe6f7f00000000', // reference: one second before the epoch 1700000000
      '238bcf21c6a97b4d', // origin: the request's transmit stamp
      'e8fe6f8040000000', // receive
      'e8fe6f8080000000', // transmit: sealed at departure
    ].join(''),
  );
});

test('answers from the address that was asked to the address that asked (NTP-D5, NTP-S6)', () => {
  const server = createNtpServer(OPEN);
  for (const [local, remote] of [
    [LOCAL, CLIENT],
    [
      { ip: '192.0.2.3', port: 123 },
      { ip: '198.51.100.8', port: 123 },
    ],
    [
      { ip: '2001:db8::2', port: 11123 },
      { ip: '2001:db8::9', port: 5 },
    ],
    [
      { ip: 'fe80::2%eth0', port: 123 },
      { ip: 'fe80::9%eth0', port: 123 },
    ],
  ] as [Address, Address][]) {
    const [output] = ask(server, request(), { local, remote });
    assert.equal(output?.type === 'transmit' && [output.from, output.to], [local, remote]);
  }
});

test('versions 3 and 4 are copied, other versions and modes get no answer', () => {
  const server = createNtpServer(OPEN);
  assert.is(sealed(ask(server, request(0x1b)))[0], 0x1c);
  assert.is(sealed(ask(server, request(0xe3)))[0], 0x24); // LI 3 as clients of old send
  for (const mode of [0, 1, 2, 4, 5, 6, 7]) {
    assert.is(reasonOf(ask(server, request(0x20 | mode))), 'mode');
  }
  for (const version of [0, 1, 2, 5, 6, 7]) {
    assert.is(reasonOf(ask(server, request((version << 3) | 3))), 'version');
  }
  assert.is(reasonOf(ask(server, request().subarray(0, 47))), 'short');
  assert.is(reasonOf(ask(server, request(0x23, '0000'))), 'malformed');
  assert.is(
    reasonOf(ask(server, request(), { remote: { ip: '192.0.2.9', port: 0 } })),
    'unknown-port',
  );
});

test('the answer is 48 octets whatever else the request carries (SEC-14)', () => {
  const server = createNtpServer(OPEN);
  for (const tail of ['', `f323001c${'00'.repeat(24)}`, '11'.repeat(20), '00000000']) {
    assert.is(sealed(ask(server, request(0x23, tail))).length, 48);
  }
});

const UNSYNCHRONIZED: [name: string, but: Partial<Source>][] = [
  ['LI 3', { leap: 3 }],
  ['stratum 0', { stratum: 0 }],
  ['stratum 16', { stratum: 16 }],
];

for (const [name, but] of UNSYNCHRONIZED) {
  test(`a source with ${name} is told as LI 3, stratum 0, INIT (NTP-M3)`, () => {
    const server = createNtpServer({ ...OPEN, source: { ...SOURCE, ...but } });
    const bytes = sealed(ask(server, request()));
    assert.is(toHex(bytes.subarray(0, 2)), 'e400');
    assert.is(toHex(bytes.subarray(12, 16)), '494e4954');
    setSource(server, { ...SOURCE, leap: 1, stratum: 2, refid: Uint8Array.of(192, 0, 2, 99) });
    const later = sealed(ask(server, request()));
    assert.is(toHex(later.subarray(0, 2)), '6402');
    assert.is(toHex(later.subarray(12, 16)), 'c0000263');
    setSource(server, { ...SOURCE, ...but });
    assert.is(toHex(sealed(ask(server, request())).subarray(0, 2)), 'e400');
  });
}

test('a source that was never set shows no reference time', () => {
  const server = createNtpServer({ ...OPEN, source: { ...SOURCE, referenceNs: null } });
  assert.is(toHex(sealed(ask(server, request())).subarray(16, 24)), '0000000000000000');
});

test('receive and transmit stamps are never equal and never zero (WIRE §1.4)', () => {
  const frozen = createNtpServer(OPEN);
  const same = sealed(ask(frozen, request(), { receivedAtNs: 7e9 }), 7e9);
  assert.is(toHex(same.subarray(32)), 'e8fe6f8700000000e8fe6f8700000001');
  const era = createNtpServer({ ...OPEN, epochS: 2085978496 }); // NTP time 0, 2036
  const first = sealed(ask(era, request(), { receivedAtNs: 0 }), 0);
  assert.is(toHex(first.subarray(32)), '00000000000000010000000000000002');
  const unsealed = ask(era, request(), { receivedAtNs: 0 })[0];
  const bytes = unsealed?.type === 'transmit' ? unsealed.bytes : first;
  assert.is(toHex(bytes.subarray(32)), '00000000000000010000000000000002');
});

// ---- access ----

const ACCESS: [allow: string[], deny: string[], served: string[], refused: string[]][] = [
  [[], [], ['192.0.2.1', '::1', 'fe80::1%eth0'], []],
  [[], ['192.0.2.0/24'], ['192.0.3.1', '2001:db8::1'], ['192.0.2.0', '192.0.2.255']],
  [['192.0.2.0/25'], [], ['192.0.2.127'], ['192.0.2.128', '2001:db8::1']],
  [['10.1.0.0/16'], ['10.0.0.0/8'], ['10.1.2.3'], ['10.2.2.3', '11.1.2.3']],
  [['10.0.0.0/8'], ['10.1.0.0/16'], ['10.2.2.3'], ['10.1.2.3']],
  [['10.0.0.0/8'], ['10.0.0.0/8'], [], ['10.2.2.3']],
  [['0.0.0.0/0'], [], ['10.2.2.3'], ['::1', '2001:db8::1']],
  [['::/0'], [], ['10.2.2.3', '::1'], []],
  [['2001:db8::/33'], [], ['2001:db8:7fff::1'], ['2001:db8:8000::1', '192.0.2.1']],
  [['2001:db8::1'], [], ['2001:db8::1'], ['2001:db8::2']],
  [['192.0.2.1/32'], [], ['192.0.2.1'], ['192.0.2.0']],
];

test('the longest matching prefix decides who is answered, in both families', () => {
  for (const [allow, deny, served, refused] of ACCESS) {
    const server = createNtpServer({ ...OPEN, access: { allow, deny } });
    for (const ip of [...served, ...refused]) {
      const want = served.includes(ip) ? 'transmit' : 'denied';
      const got = reasonOf(ask(server, request(), { remote: { ip, port: 123 } }));
      assert.is(got, want, `${ip} with +${allow} -${deny}`);
    }
  }
});

test('an address is matched bit for bit, as arithmetic on the whole number says', () => {
  const groups = fc.array(fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xffff), {
    minLength: 8,
    maxLength: 8,
  });
  fc.assert(
    fc.property(groups, groups, fc.nat(128), (a, b, bits) => {
      const big = (parts: number[]) => parts.reduce((all, part) => (all << 16n) | BigInt(part), 0n);
      const text = a.map((part) => part.toString(16)).join(':');
      const rules = createRules({ allow: [`${text}/${bits}`], deny: [] });
      const shift = BigInt(128 - bits);
      return isAllowed(rules, b) === (big(a) >> shift === big(b) >> shift);
    }),
    { numRuns: 3000, seed: 4291 },
  );
});

test('reading an address without allocation agrees with the strict reader', () => {
  const into = new Uint16Array(8);
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), fc.ipV4(), fc.stringMatching(/^[0-9a-f:.]{1,24}$/)), (text) => {
      const canonical = canonicalIp(text);
      if (canonical === null)
        return text.includes('.') || !readIp(text, into) || ipv6Groups(text) !== null;
      if (!readIp(canonical, into)) return false;
      const six = canonical.includes(':') ? canonical : `::ffff:${canonical}`;
      return JSON.stringify(Array.from(into)) === JSON.stringify(ipv6Groups(six));
    }),
    { numRuns: 5000, seed: 4291 },
  );
  for (const text of [
    '',
    ':',
    ':::',
    '1:::2',
    '1:2',
    '1::2::3',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '1.2.3',
    '1.2.3.4.5',
    '1..2.3',
    '256.1.1.1',
    '1.2.3.4x',
    'localhost',
  ]) {
    assert.not(readIp(text, into), text);
  }
});

// ---- rate limit ----

const LIMIT = { intervalLog2S: 3, burst: 4, leak: 2, tableSize: 64 };
const limited = (but: Partial<typeof LIMIT> = {}) =>
  createNtpServer({ ...OPEN, rateLimit: { ...LIMIT, ...but } });

test('a client gets its burst, then one answer per interval', () => {
  const server = limited();
  const answered = (fromS: number, count: number) => {
    let answers = 0;
    for (let i = 0; i < count; i++) {
      const outputs = ask(server, request(), { nowS: fromS + i * 0.01 });
      if (reasonOf(outputs) === 'transmit' && sealed(outputs)[1] === 1) answers++;
    }
    return answers;
  };
  assert.is(answered(0, 50), 4);
  assert.is(answered(7, 50), 0);
  assert.is(answered(8, 50), 1);
  assert.is(answered(8 + 16.5, 50), 2);
  assert.is(answered(1000, 50), 4);
  let steady = 0;
  for (let s = 2000; s < 2800; s += 8) steady += answered(s, 1);
  assert.is(steady, 100);
});

test('a RATE kiss answers the request, tells nothing and is itself limited', () => {
  const server = limited({ burst: 1, leak: 0 });
  sealed(ask(server, request()));
  const outputs = ask(server, request(), { nowS: 0.1 });
  const cookie = '238bcf21c6a97b4d';
  assert.is(
    toHex(sealed(outputs)),
    `e4000400${'00'.repeat(8)}52415445${'00'.repeat(8)}${cookie.repeat(3)}`,
  );
  const kisses = { transmit: 0, 'rate-limited': 0 } as Record<string, number>;
  for (let i = 0; i < 1000; i++) {
    const reason = reasonOf(ask(server, request(), { nowS: 0.2 + i * 0.001 }));
    kisses[reason] = (kisses[reason] ?? 0) + 1;
  }
  assert.equal(kisses, { transmit: 0, 'rate-limited': 1000 });
  assert.is(server.tally.kisses, 1);
  assert.is(server.tally.drops['rate-limited'], 1000);
});

test('the poll of a kiss is at least the interval of the limit', () => {
  const server = limited({ burst: 1, intervalLog2S: 5 });
  sealed(ask(server, request()));
  assert.is(sealed(ask(server, request()))[2], 5);
});

test('with leak n one of 2^n over-rate requests gets a kiss', () => {
  const server = limited({ burst: 1, leak: 5, intervalLog2S: -10 });
  for (let i = 0; i < 8000; i++) ask(server, request(), { nowS: i * 2 ** -13 });
  const { answered, kisses, drops } = server.tally;
  assert.is(answered, 1000); // one in eight comes when a token is there
  assert.is(kisses + drops['rate-limited'], 7000);
  assert.ok(Math.abs(kisses - 7000 / 32) <= 1, `${kisses} kisses`);
});

test('in a full row of the table the client unseen for longest gives way', () => {
  const limit = createRateLimit({ ...LIMIT, tableSize: 4, burst: 1 });
  const client = (number: number) => [0, 0, 0, 0, 0, 0xffff, 0, number];
  for (const number of [1, 2, 3, 4]) take(limit, client(number), tick(number));
  assert.is(take(limit, client(1), tick(5)), 'kiss');
  assert.is(take(limit, client(5), tick(6)), 'pass'); // in place of client 2
  for (const number of [1, 3, 4]) assert.not(take(limit, client(number), tick(7)) === 'pass');
  assert.is(take(limit, client(2), tick(8)), 'pass');
});

test('clients are told apart by IPv4 address and by IPv6 /64', () => {
  const server = limited({ burst: 1 });
  const from = (ip: string) => {
    const [output] = ask(server, request(), { remote: { ip, port: 1 } });
    return output?.type === 'transmit' && output.bytes[1] === 1;
  };
  assert.ok(from('192.0.2.1'));
  assert.ok(from('192.0.2.2'));
  assert.not(from('192.0.2.1'));
  assert.ok(from('2001:db8:0:1::1'));
  assert.not(from('2001:db8:0:1:ffff::2'));
  assert.ok(from('2001:db8:0:2::1'));
  assert.ok(from('::1'));
  assert.not(from('::2'));
});

test('a flood from made-up addresses cannot grow the table; known clients of other rows stay', () => {
  const limit = createRateLimit({ ...LIMIT, tableSize: 1000, burst: 1, seed: 12345 });
  assert.is(limit.high.length, 1024);
  const random = createRandom(1);
  const groups = new Uint16Array(8);
  const address = () => [0, 0, 0, 0, 0, 0xffff, random.below(65536), random.below(65536)];
  readIp('192.0.2.1', groups);
  assert.is(take(limit, groups, tick(0)), 'pass');
  for (let i = 0; i < 100; i++) take(limit, address(), tick(1 + i));
  assert.is(take(limit, groups, tick(200)), 'kiss', 'still known');
  for (let i = 0; i < 20_000; i++) take(limit, address(), tick(300 + i));
  for (const column of [
    limit.high,
    limit.low,
    limit.tokens,
    limit.seenNs,
    limit.excess,
    limit.kissNs,
  ]) {
    assert.is(column.length, 1024);
  }
  assert.is(take(limit, groups, tick(30_000)), 'pass', 'forgotten: a fresh bucket');
});

test('the seed moves clients about the table', () => {
  const rows = [1, 2, 3].map((seed) => {
    const limit = createRateLimit({ ...LIMIT, tableSize: 4096, seed });
    for (let i = 0; i < 20; i++) take(limit, [0, 0, 0, 0, 0, 0xffff, 49152, i], tick(0));
    return limit.low.flatMap((low, at) => (low === 0 ? [] : [at])).join();
  });
  assert.is(new Set(rows).size, 3);
});

test('the state is plain data', () => {
  const server = limited();
  ask(server, request());
  const copy = JSON.parse(JSON.stringify(server)) as NtpServer;
  assert.equal(copy, server);
  assert.is(toHex(sealed(ask(copy, request()))), toHex(sealed(ask(server, request()))));
});

test('inputs other than datagrams are none of its business', () => {
  const server = createNtpServer(OPEN);
  assert.equal(
    stepNtpServer(server, { type: 'timeout', nowNs: tick(0), random: new Uint8Array(64) }),
    [],
  );
});

test('a request without transmit stamp is answered all the same', () => {
  const bytes = request();
  bytes.fill(0, 40);
  assert.is(toHex(sealed(ask(createNtpServer(OPEN), bytes)).subarray(24, 32)), '0000000000000000');
});

const BAD: [field: string, but: Partial<ServerConfig>][] = [
  ['epochS', { epochS: 0.5 }],
  ['source.leap', { source: { ...SOURCE, leap: 4 as 3 } }],
  ['source.stratum', { source: { ...SOURCE, stratum: 17 } }],
  ['source.rootDelayS', { source: { ...SOURCE, rootDelayS: -1 } }],
  ['source.rootDispersionS', { source: { ...SOURCE, rootDispersionS: Number.NaN } }],
  ['source.refid', { source: { ...SOURCE, refid: [1, 2, 3] } }],
  ['source.refid.3', { source: { ...SOURCE, refid: [1, 2, 3, 256] } }],
  ['source.precisionLog2S', { source: { ...SOURCE, precisionLog2S: 1 } }],
  ['rateLimit.burst', { rateLimit: { ...LIMIT, burst: 0 } }],
  ['rateLimit.intervalLog2S', { rateLimit: { ...LIMIT, intervalLog2S: 18 } }],
  ['rateLimit.leak', { rateLimit: { ...LIMIT, leak: 17 } }],
  ['rateLimit.tableSize', { rateLimit: { ...LIMIT, tableSize: 2 ** 21 } }],
  ['access.allow.0', { access: { allow: ['192.0.2.0/33'], deny: [] } }],
  ['access.deny.1', { access: { allow: [], deny: ['::/0', '::/129'] } }],
  ['access.deny.0', { access: { allow: [], deny: ['192.0.2.0/'] } }],
  ['access.deny.0', { access: { allow: [], deny: ['example.org'] } }],
  ['access.allow.0', { access: { allow: ['1:::2/64'], deny: [] } }],
];

for (const [field, but] of BAD) {
  test(`refuses a bad ${field}: ${JSON.stringify(but).slice(0, 50)}`, () => {
    fails(() => createNtpServer({ ...OPEN, ...but }), field);
  });
}

test.run();

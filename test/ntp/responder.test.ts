/**
 * The responder in WASM against the server machine: the same replies, octet for octet, the same
 * drops and the same kisses, for clients good and hostile.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import {
  type Access,
  createNtpServer,
  type NtpServer,
  type RateLimitConfig,
  replyHead,
  type Source,
  setSource,
  stepNtpServer,
} from '../../src/ntp/server.ts';
import { canonicalIp, isIpv6 } from '../../src/path.ts';
import { COUNTS, createResponder, type Responder } from '../../src/responder/responder.ts';
import { stamp, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';

const test = suite('ntp responder');

const EPOCH_S = 1_700_000_000;
const SOURCE: Source = {
  leap: 0,
  stratum: 2,
  rootDelayS: 0.0123,
  rootDispersionS: 0.001,
  refid: [192, 0, 2, 1],
  precisionLog2S: -23,
  referenceNs: stamp(-1e9),
};
const ALL: Access = { allow: [], deny: [] };
/** Where the kernel would find the memory: any number will do as long as no kernel looks. */
const ADDRESS = 0x7f00_0000_0000;
const HEADER_BYTES = 64;
const SLOT_STEP = HEADER_BYTES;

interface Request {
  readonly bytes: Uint8Array;
  readonly ip: string;
  readonly port: number;
  /** Kernel's stamp, ns since EPOCH_S; null: none. */
  readonly receivedAtNs: number | null;
  /** Longer than the slot: the kernel cut it. */
  readonly isCut?: boolean;
}

interface Rig {
  readonly responder: Responder;
  /** Writes what recvmmsg would have, answers, seals; replies by number of request. */
  batch(requests: readonly Request[], nowNs: number, sentAtNs: number): Map<number, Uint8Array>;
}

interface Config {
  readonly rateLimit?: RateLimitConfig | null;
  readonly access?: Access;
  readonly interleaved?: boolean;
}

function rigOf({ rateLimit = null, access = ALL, interleaved = false }: Config = {}): Rig {
  const responder = createResponder({ rateLimit, access, interleaved });
  responder.place(ADDRESS);
  const { bytes, headersAt, repliesAt, nowAt } = responder;
  const view = new DataView(bytes.buffer);
  const at = (pointer: number) => Number(view.getBigUint64(pointer, true)) - ADDRESS;
  const names = new Map<number, number>();
  return {
    responder,
    batch(requests, nowNs, sentAtNs) {
      names.clear();
      for (const [n, request] of requests.entries()) {
        const header = headersAt + SLOT_STEP * n;
        // what every receive must find: all of the room
        assert.is(view.getUint32(header + 8, true), 32);
        assert.is(view.getUint32(header + 40, true), 128);
        assert.is(view.getUint32(header + 48, true), 0);
        const name = at(header);
        names.set(name, n);
        const slot = at(at(header + 16) + 0);
        const room = view.getUint32(at(header + 16) + 8, true);
        bytes.fill(0xee, slot, slot + room);
        bytes.set(request.bytes.subarray(0, room), slot);
        view.setUint32(header + 56, Math.min(request.bytes.length, room), true);
        view.setUint32(header + 48, request.isCut ? 0x20 : 0, true);
        view.setUint32(header + 8, writeName(bytes, name, request), true);
        view.setUint32(header + 40, writeControl(view, at(header + 32), request), true);
      }
      view.setBigInt64(nowAt, BigInt(EPOCH_S + Math.floor(sentAtNs / 1e9)), true);
      view.setBigInt64(nowAt + 8, BigInt(sentAtNs) % 1_000_000_000n, true);
      const count = responder.answer(requests.length, tick(nowNs));
      responder.seal(0, count >> 1);
      responder.seal(count >> 1, count);
      const replies = new Map<number, Uint8Array>();
      for (let n = 0; n < count; n++) {
        const header = repliesAt + SLOT_STEP * n;
        const to = names.get(at(header)) ?? -1;
        const iovec = at(header + 16);
        assert.is(view.getUint32(header + 24, true), 1);
        assert.is(view.getUint32(header + 40, true), 0, 'no control message goes out');
        assert.is(view.getUint32(header + 8, true), isIpv6(requests[to]?.ip ?? '') ? 28 : 16);
        const length = view.getUint32(iovec + 8, true);
        replies.set(to, bytes.slice(at(iovec), at(iovec) + length));
      }
      return replies;
    },
  };
}

/** A sockaddr as the kernel writes it. */
function writeName(into: Uint8Array, at: number, { ip, port }: Request): number {
  const view = new DataView(into.buffer);
  into.fill(0xdd, at, at + 32);
  view.setUint16(at, isIpv6(ip) ? 10 : 2, true);
  view.setUint16(at + 2, port);
  if (!isIpv6(ip)) {
    into.set(ip.split('.').map(Number), at + 4);
    return 16;
  }
  into.set(octetsOf(ip), at + 8);
  return 28;
}

function octetsOf(ip: string): number[] {
  const [head = '', tail] = ip.split('::');
  const groups = (text: string | undefined) =>
    text ? text.split(':').map((group) => Number.parseInt(group, 16)) : [];
  const [front, back] = [groups(head), groups(tail)];
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return all.flatMap((group) => [group >> 8, group & 255]);
}

/** Another control message first, then the stamps. */
function writeControl(view: DataView, at: number, { receivedAtNs }: Request): number {
  view.setBigUint64(at, 20n, true);
  view.setInt32(at + 8, 1, true);
  view.setInt32(at + 12, 40, true); // SO_RXQ_OVFL
  if (receivedAtNs === null) return 24;
  view.setBigUint64(at + 24, 64n, true);
  view.setInt32(at + 32, 1, true);
  view.setInt32(at + 36, 37, true); // SO_TIMESTAMPING
  view.setBigInt64(at + 40, BigInt(EPOCH_S + Math.floor(receivedAtNs / 1e9)), true);
  view.setBigInt64(at + 48, BigInt(receivedAtNs) % 1_000_000_000n, true);
  return 24 + 64;
}

const machineOf = ({ rateLimit = null, access = ALL }: Config = {}): NtpServer =>
  createNtpServer({ epochS: EPOCH_S, source: SOURCE, rateLimit, access });

/** What the machine answers, sealed; null: nothing. */
function expected(
  machine: NtpServer,
  request: Request,
  nowNs: number,
  sentAtNs: number,
): Uint8Array | null {
  const { bytes, port, receivedAtNs } = request;
  const ip = canonicalIp(request.ip) ?? '';
  const datagram = {
    bytes,
    local: { ip: '192.0.2.2', port: 123 },
    remote: { ip, port },
    receivedAtNs: stamp(receivedAtNs ?? sentAtNs),
  };
  const [output] = stepNtpServer(machine, { type: 'datagram', datagram, nowNs: tick(nowNs) });
  if (output?.type !== 'transmit') return null;
  output.seal?.(output.bytes, stamp(sentAtNs));
  return output.bytes;
}

const text = (bytes: Uint8Array | null | undefined): string =>
  bytes ? Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('') : 'none';

/** A request that somebody may send: most are nearly right. */
function randomRequest(random: ReturnType<typeof createRandom>, sentAtNs: number): Request {
  const kind = random.below(16);
  const tails = [0, 0, 0, 0, 4, 16, 20, 24, 28, 28, 52, 1, 2, 68, 160, 1400];
  const length = kind === 0 ? random.below(64) : 48 + (tails[random.below(16)] ?? 0);
  const bytes = random.bytes(length);
  const firsts = [0x23, 0x23, 0x23, 0xe3, 0x1b, 0x24];
  if (kind > 1) bytes[0] = firsts[random.below(6)] ?? 0x23;
  if (kind > 4 && random.below(2) === 0) bytes.fill(0, 16, 48); // as chrony's basic requests
  // fields that fit: type, length
  for (let at = 48; kind > 6 && at + 4 <= length; ) {
    const size = Math.min([16, 28, 4, length - at][random.below(4)] ?? 16, 0xffff);
    bytes[at] = random.below(6);
    bytes[at + 1] = random.below(3) === 0 ? 4 : random.below(256);
    bytes[at + 2] = size >> 8;
    bytes[at + 3] = size;
    at += Math.max(size, 4);
  }
  if (length === 52 && random.below(2) === 0) bytes.fill(0, 48, 52);
  const ips = [
    `192.0.2.${random.below(24)}`,
    `198.51.100.${random.below(256)}`,
    `2001:db8:${random.below(3)}:${random.below(4)}::${random.below(4)}`,
    `::ffff:c000:2${random.below(10)}`,
    '::1',
    '0.0.0.0',
  ];
  const behindNs = random.below(8) === 0 ? 0 : random.below(2_000_000);
  return {
    bytes,
    ip: ips[random.below(6)] ?? '',
    port: random.below(64) === 0 ? 0 : 1 + random.below(65535),
    receivedAtNs: random.below(16) === 0 ? null : sentAtNs - behindNs,
  };
}

const LIMIT: RateLimitConfig = { intervalLog2S: -3, burst: 4, leak: 1, tableSize: 32, seed: 77 };
const RULES: Access = {
  allow: ['192.0.2.0/28', '198.51.0.0/17', '2001:db8::/32', '::1', '192.0.2.19', '0.0.0.0/32'],
  deny: ['192.0.2.3', '198.51.100.64/26', '2001:db8:1::/48', '2001:db8:2:2::1'],
};
const CONFIGS: readonly (readonly [string, Config])[] = [
  ['for everybody', {}],
  ['with a rate limit', { rateLimit: LIMIT }],
  ['with access rules', { access: RULES }],
  ['with both', { rateLimit: { ...LIMIT, intervalLog2S: 0, leak: 0, burst: 1 }, access: RULES }],
];
/** Datagrams of each of the four; the four of three runtimes are 1.2 million. */
const DATAGRAMS = 100_000;

for (const [name, config] of CONFIGS) {
  test(`it answers as the machine does, ${name}: ${DATAGRAMS} datagrams (NTP-M2, SEC-14)`, () => {
    const random = createRandom(name.length);
    const { responder, batch } = rigOf(config);
    const machine = machineOf(config);
    responder.setHead(replyHead(machine));
    let done = 0;
    let answers = 0;
    let nowNs = 1e9;
    for (let turn = 0; done < DATAGRAMS; turn++) {
      if (turn % 64 === 63) {
        const leap = random.below(4) as Source['leap'];
        setSource(machine, { ...SOURCE, leap, stratum: random.below(17) });
        responder.setHead(replyHead(machine));
      }
      nowNs += random.below(40_000_000);
      const sentAtNs = nowNs + random.below(1_000_000_000);
      const count = 1 + random.below(responder.messages);
      const requests = Array.from({ length: count }, () => randomRequest(random, sentAtNs));
      const replies = batch(requests, nowNs, sentAtNs);
      for (const [n, request] of requests.entries()) {
        const want = expected(machine, request, nowNs, sentAtNs);
        const got = replies.get(n);
        if (text(got) !== text(want)) {
          assert.is(text(got), text(want), `${text(request.bytes)} from ${request.ip}`);
        }
        if (want !== null) answers++;
      }
      done += count;
    }
    assert.ok(answers > DATAGRAMS / 20, `${answers} answers`);
    const { tally } = machine;
    const count = (what: (typeof COUNTS)[number]) => responder.counts[COUNTS.indexOf(what)] ?? -1;
    assert.equal(
      [count('received'), count('answered'), count('kisses')],
      [tally.received, tally.answered, tally.kisses],
    );
    for (const reason of ['short', 'malformed', 'version', 'mode', 'unknown-port'] as const) {
      assert.is(count(reason), tally.drops[reason], reason);
      assert.ok(tally.drops[reason] > 0, `${reason} was not tried`);
    }
    assert.is(count('denied'), tally.drops.denied);
    assert.is(count('rate-limited'), tally.drops['rate-limited']);
    assert.is(tally.drops.denied > 0, config.access !== undefined);
    assert.is(tally.kisses > 0 && tally.drops['rate-limited'] > 0, config.rateLimit !== undefined);
  });
}

const request = (but: Partial<Request> = {}): Request => {
  const bytes = new Uint8Array(48);
  bytes[0] = 0x23;
  bytes[47] = 9;
  return { bytes, ip: '192.0.2.7', port: 123, receivedAtNs: 1_000, ...but };
};

test('times at their limits: an era ends, zero is no time, a coarse clock stands still', () => {
  const { responder, batch } = rigOf();
  const machine = machineOf();
  responder.setHead(replyHead(machine));
  const eraNs = (2 ** 32 - 2_208_988_800 - EPOCH_S) * 1e9; // 2036-02-07 06:28:16
  for (const atNs of [0, 999_999_999, eraNs - 1, eraNs, eraNs + 1, eraNs - 1e9]) {
    for (const aheadNs of [0, 1, 1_000_000_000]) {
      const one = request({ receivedAtNs: atNs });
      const want = expected(machine, one, 0, atNs + aheadNs);
      assert.is(text(batch([one], 0, atNs + aheadNs).get(0)), text(want), `${atNs} ${aheadNs}`);
    }
  }
});

test('requests in interleaved mode are left, with their stamps, once they may be served', () => {
  const { responder, batch } = rigOf({ interleaved: true, access: { allow: [], deny: ['::2'] } });
  const asking = () => {
    const { bytes } = request();
    bytes.set([1, 1, 1, 1, 1, 1, 1, 1], 24);
    bytes.set([2, 2, 2, 2, 2, 2, 2, 2], 32);
    return bytes;
  };
  const asBasic = asking();
  asBasic.copyWithin(40, 32, 40); // receive and transmit alike: ntpd
  const version3 = asking();
  version3[0] = 0x1b;
  const requests = [
    request(),
    request({ bytes: asking(), receivedAtNs: 5_000_000_123 }),
    request({ bytes: asBasic }),
    request({ bytes: version3 }),
    request({ bytes: asking(), ip: '::2' }),
    request({ bytes: asking(), ip: '::3', receivedAtNs: null }),
  ];
  const replies = batch(requests, 0, 6e9);
  assert.equal([...replies.keys()], [0, 2, 3]);
  const left = responder.left();
  assert.equal(
    left.map(({ stampS, stampNs }) => [stampS, stampNs]),
    [
      [EPOCH_S + 5, 123],
      [0, 0],
    ],
  );
  for (const { bytes } of left) assert.is(text(bytes), text(asking()));
  assert.is(responder.counts[COUNTS.indexOf('left')], 2);
  assert.is(responder.counts[COUNTS.indexOf('denied')], 1);
  batch([request()], 0, 6e9);
  assert.equal(responder.left(), []);
  assert.is(rigOf().batch(requests, 0, 6e9).size, 6); // without the mode all are basic
});

test('what was cut, and control messages that lie, do no harm', () => {
  const { responder, batch } = rigOf();
  const long = request({ bytes: new Uint8Array(3000).fill(0x23), isCut: true });
  assert.equal([...batch([long, request()], 0, 5e9).keys()], [1]);
  assert.is(responder.counts[COUNTS.indexOf('too-long')], 1);
  const view = new DataView(responder.bytes.buffer);
  const { headersAt } = responder;
  const control = Number(view.getBigUint64(headersAt + 32, true)) - ADDRESS;
  for (const length of [0n, 1n, 15n, 16n, 0xffff_ffffn, 0x8000_0000n, 2n ** 63n]) {
    batch([request()], 0, 5e9); // fills it in
    view.setBigUint64(control, length, true);
    view.setUint32(headersAt + 40, 0xffff_ffff, true);
    view.setUint32(headersAt + 56, 0xffff_ffff, true); // and a length that cannot be
    responder.answer(1, tick(0));
  }
  assert.is(responder.answer(2 ** 31 - 1, tick(0)) <= responder.messages, true);
  responder.seal(-5, 2 ** 31 - 1);
});

test('more rules than there is room for are refused in one sentence', () => {
  const deny = Array.from({ length: 8192 }, (_, n) => `10.${n >> 8}.${n & 255}.0/24`);
  const make = (list: readonly string[]) => () =>
    createResponder({ rateLimit: null, access: { allow: [], deny: list }, interleaved: false });
  make(deny.slice(1))();
  assert.throws(
    make(deny),
    (error: unknown) =>
      error instanceof ConfigError &&
      error.message === '"access" expected at most 8191 prefixes with workers, got 8192',
  );
});

test.run();

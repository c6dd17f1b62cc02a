import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { Output } from '../../src/machine.ts';
import {
  addPath,
  type ClientConfig,
  createNtpClient,
  nextTimer,
  removePath,
  status,
  stepNtpClient,
  strays,
} from '../../src/ntp/client.ts';
import type { PathKey } from '../../src/path.ts';
import { seconds, stamp, tick } from '../../src/units.ts';
import {
  createRig,
  DEFAULTS,
  honest,
  pairs,
  protocolState,
  type Rig,
  S,
  type Sent,
} from './rig.ts';
import { answerTo, stampsAt, toHex } from './wire.ts';

const test = suite('ntp client');

const LOCALS = ['198.51.100.7', '198.51.100.8', '198.51.100.9'];
const SINGLE = pairs(['192.0.2.1'], LOCALS);
const DUAL = pairs(['192.0.2.1', '192.0.2.2'], LOCALS);
const A: PathKey = '192.0.2.1|198.51.100.7';
const B: PathKey = '192.0.2.1|198.51.100.8';
const OTHER: PathKey = '192.0.2.2|198.51.100.7';

const types = (outputs: Output[]): string[] =>
  outputs.map((output) => (output.type === 'path' ? output.event : output.type));
const keysOf = (rig: Rig): PathKey[] => rig.client.paths.map((path) => path.key);
const fails = (what: () => unknown, field: string): void =>
  assert.throws(what, (error: unknown) => error instanceof ConfigError && error.field === field);

// ---- requests ----

test('a request says nothing but version, mode, poll and a cookie (MP-01)', () => {
  const rig = createRig();
  rig.run(1);
  assert.is(rig.sent.length, 1);
  const { bytes } = rig.inFlight(A);
  assert.is(bytes.length, 48);
  assert.is(toHex(bytes.subarray(0, 40)), `23000620${'00'.repeat(36)}`);
  const transmit = rig.outputs.find((output) => output.type === 'transmit');
  assert.equal(transmit?.type === 'transmit' && [transmit.from, transmit.to], [
    { ip: '198.51.100.7', port: 0 },
    { ip: '192.0.2.1', port: 123 },
  ]);
});

test('no cookie is used twice and none is zero', () => {
  const rig = createRig({ paths: DUAL, minPollLog2S: 0, budget: 'per-path' });
  rig.run(500, honest);
  const cookies = rig.sent.map((sent) => toHex(sent.bytes.subarray(40)));
  assert.ok(cookies.length >= 3000);
  assert.is(new Set(cookies).size, cookies.length);
  const zeros = createNtpClient(DEFAULTS);
  const input = { type: 'timeout', nowNs: tick(0), random: new Uint8Array(64) } as const;
  const [transmit] = stepNtpClient(zeros, input);
  assert.is(
    transmit?.type === 'transmit' && toHex(transmit.bytes.subarray(40)),
    '0000000000000001',
  );
});

test('single-ended, dual-ended: every pair gets its own exchanges (NTP-S1, NTP-D3, NTP-D4)', () => {
  for (const [paths, count] of [
    [SINGLE, 3],
    [DUAL, 6],
  ] as const) {
    const rig = createRig({ paths, minPollLog2S: 0 });
    rig.run(60.9, honest);
    assert.is(new Set(keysOf(rig)).size, count);
    for (const { sent, received, valid } of status(rig.client)) {
      assert.ok(sent >= Math.floor(61 / count) && sent <= Math.ceil(61 / count));
      assert.equal([received, valid], [sent, sent]);
    }
    assert.is(rig.sent.length, 61);
    const exchanges = rig.outputs.filter((output) => output.type === 'exchange');
    assert.is(exchanges.length, 61);
  }
});

test('an exchange carries both local stamps and its own copy of the packet', () => {
  const rig = createRig();
  rig.run(1);
  const reply = answerTo(rig.inFlight(A).bytes, { tail: '' });
  const wanted = toHex(reply);
  const [reachable, exchange] = rig.datagram(A, reply);
  reply.fill(0xee);
  assert.equal(reachable, { type: 'path', path: A, event: 'reachable', reason: 'first answer' });
  if (exchange?.type !== 'exchange') throw new Error('no exchange');
  assert.is(exchange.path, A);
  assert.is(toHex(exchange.packet), wanted);
  assert.is(exchange.packet.buffer.byteLength, 48);
  assert.is(exchange.localSendNs, 0);
  assert.is(exchange.localReceiveNs, 1 * S);
  const [record] = status(rig.client);
  assert.equal(
    [record?.stratum, record?.leap, record?.refid, record?.precisionLog2S, record?.reach],
    [2, 0, '192.0.2.99', -23, 1],
  );
  assert.is(record?.rootDelayS, 256 / 65536);
  assert.is(record?.rootDispersionS, 512 / 65536);
  assert.is(record?.lastValidNs, 1 * S);
});

test('an exchange tells whose its local stamps are, as far as the host did', () => {
  const rig = createRig();
  const told = [
    ['kernel', 'user'] as const,
    ['user', 'kernel'] as const,
    [undefined, 'kernel'] as const,
  ];
  for (const [n, [send, receive]] of told.entries()) {
    rig.kinds = [send, receive];
    rig.run(64 * (n + 1), ({ bytes }) => answerTo(bytes, stampsAt(rig.nowNs / S + 0.01)));
    const exchange = rig.outputs.filter((output) => output.type === 'exchange').at(-1);
    if (exchange?.type !== 'exchange') throw new Error('no exchange');
    assert.is(exchange.localSendKind, send);
    assert.is(exchange.localReceiveKind, receive);
  }
});

test('an answer before the host told the send time is not used', () => {
  const client = createNtpClient(DEFAULTS);
  const random = new Uint8Array(64).fill(7);
  const [transmit] = stepNtpClient(client, { type: 'timeout', nowNs: tick(0), random });
  if (transmit?.type !== 'transmit' || transmit.context === undefined)
    throw new Error('no request');
  const nowNs = tick(5e6);
  const datagram = {
    bytes: answerTo(transmit.bytes),
    local: { ip: '198.51.100.7', port: 1 },
    remote: { ip: '192.0.2.1', port: 123 },
    receivedAtNs: stamp(5e6),
  };
  const deny = answerTo(transmit.bytes, { stratum: 0, refid: 0x44454e59 });
  for (const bytes of [datagram.bytes, deny]) {
    const early = { ...datagram, bytes };
    const outputs = stepNtpClient(client, { type: 'datagram', datagram: early, nowNs });
    assert.equal(outputs, [{ type: 'drop', reason: 'origin', from: datagram.remote }]);
  }
  const { context } = transmit;
  stepNtpClient(client, { type: 'sent', context: context + 1, sentAtNs: stamp(1), nowNs });
  stepNtpClient(client, { type: 'sent', context, sentAtNs: stamp(2), nowNs });
  const outputs = stepNtpClient(client, { type: 'datagram', datagram, nowNs });
  assert.is(outputs.at(-1)?.type, 'exchange');
  assert.is(status(client)[0]?.sent, 1);
});

// ---- the poll budget ----

const gapsS = (rig: Rig): number[] =>
  rig.sent.slice(1).map((sent, at) => sent.atS - (rig.sent[at]?.atS ?? 0));

test('shared budget: N paths ask no more than one association would, evenly spread (NTP-C3)', () => {
  for (const poll of [-4, 0, 6]) {
    for (const paths of [
      SINGLE.slice(0, 1),
      SINGLE,
      DUAL,
      pairs(['192.0.2.1', '192.0.2.2'], EIGHT),
    ]) {
      const rig = createRig({ paths, minPollLog2S: poll });
      const slotS = 2 ** poll;
      rig.run(1000 * slotS, honest);
      assert.ok(rig.sent.length <= 1001, `${rig.sent.length} requests in 1000 slots`);
      assert.ok(rig.sent.length >= 1000);
      for (const gap of gapsS(rig)) assert.ok(Math.abs(gap - slotS) <= slotS / 32 + 1e-9);
      rig.sent.forEach((sent, turn) => {
        assert.is(sent.path, keysOf(rig)[turn % paths.length]); // strict rotation
      });
    }
  }
});

const EIGHT = Array.from({ length: 8 }, (_, i) => `198.51.100.${i + 1}`);

test('jitter is there, of a few percent, and does not add up', () => {
  const rig = createRig({ minPollLog2S: 0 });
  rig.run(2000, honest);
  const offGrid = rig.sent.map((sent, turn) => sent.atS - turn);
  assert.ok(offGrid.every((s) => s >= 0 && s <= 1 / 32));
  assert.ok(new Set(offGrid).size > 1900);
  const mean = offGrid.reduce((sum, s) => sum + s, 0) / offGrid.length;
  assert.ok(Math.abs(mean - 1 / 64) < 0.001);
});

test('per-path budget: each path polls at its own full rate, the paths take turns', () => {
  const rig = createRig({ paths: DUAL, minPollLog2S: 4, budget: 'per-path' });
  rig.run(16 * 50 - 1, honest);
  for (const key of keysOf(rig)) {
    assert.is(rig.sent.filter((sent) => sent.path === key).length, 50);
  }
  const firsts = rig.sent.slice(0, 6).map((sent) => sent.atS);
  firsts.forEach((atS, turn) => {
    assert.ok(Math.abs(atS - (turn * 16) / 6) < 1e-6);
  });
});

test('iburst: quick first exchanges on every path, then the grid', () => {
  const rig = createRig({ paths: DUAL, iburst: 4, minPollLog2S: 6 });
  rig.run(7.99, honest);
  assert.is(rig.sent.length, 24);
  for (const key of keysOf(rig)) {
    const times = rig.sent.filter((sent) => sent.path === key).map((sent) => sent.atS);
    times.slice(1).forEach((atS, at) => {
      assert.ok(Math.abs(atS - (times[at] ?? 0) - 2) < 1e-6);
    });
  }
  rig.run(8 + 64 * 60, honest);
  assert.ok(rig.sent.length - 24 <= 61 && rig.sent.length - 24 >= 60);
});

test('iburst spacing is a setting', () => {
  const rig = createRig({ iburst: 3, iburstSpacingS: 0.1 });
  rig.run(0.25, honest);
  assert.equal(
    rig.sent.map((sent) => sent.atS),
    [0, 0.1, 0.2],
  );
});

test('when random bytes run out the rest of the due requests ask for a timer at once', () => {
  const config: ClientConfig = { ...DEFAULTS, paths: DUAL, budget: 'per-path', minPollLog2S: -4 };
  const client = createNtpClient(config);
  const nowNs = tick(0.06 * S); // all six are due
  const random = Uint8Array.from({ length: 25 }, (_, i) => i + 1);
  const outputs = stepNtpClient(client, { type: 'timeout', nowNs, random });
  assert.equal(types(outputs), ['transmit', 'transmit', 'timer']);
  const [first, second, timer] = outputs;
  if (first?.type !== 'transmit' || second?.type !== 'transmit') throw new Error('no transmit');
  assert.is(toHex(first.bytes.subarray(40)), '0102030405060708');
  assert.is(toHex(second.bytes.subarray(40)), '0b0c0d0e0f101112'); // no byte twice
  assert.is(timer?.type === 'timer' && timer.atNs, nowNs);
  const rest = stepNtpClient(client, {
    type: 'timeout',
    nowNs,
    random: new Uint8Array(64).fill(9),
  });
  assert.is(rest.filter((output) => output.type === 'transmit').length, 4);
});

test('waking from sleep does not release one request per path', () => {
  const rig = createRig({ paths: DUAL, minPollLog2S: 4 });
  rig.run(100, honest);
  const before = rig.sent.length;
  rig.nowNs = tick(3600 * S);
  rig.run(3600 + 0.5, honest);
  assert.is(rig.sent.length - before, 1);
  rig.run(3600 + 1600, honest);
  assert.ok(rig.sent.length - before <= 102);
  assert.ok(rig.sent.length - before >= 98);
});

test('a driver that is always late still polls every path', () => {
  const client = createNtpClient({ ...DEFAULTS, paths: DUAL, minPollLog2S: -4 });
  const random = Uint8Array.from({ length: 64 }, (_, i) => i * 3);
  for (let turn = 0; turn < 600; turn++) {
    const nowNs = tick((nextTimer(client) ?? 0) + 0.1 * S); // slots are 62.5 ms
    for (const output of stepNtpClient(client, { type: 'timeout', nowNs, random })) {
      if (output.type !== 'transmit' || output.context === undefined) continue;
      const { context } = output;
      stepNtpClient(client, { type: 'sent', context, sentAtNs: stamp(nowNs), nowNs });
    }
  }
  for (const record of status(client)) assert.ok(record.sent > 50, `${record.path} starves`);
});

const EVENT = fc.record({
  afterS: fc.integer({ min: 0, max: 40 }),
  what: fc.constantFrom('add', 'remove', 'rate', 'deny', 'answer', 'unsent', 'step'),
  which: fc.nat(20),
});

interface Event {
  afterS: number;
  what: string;
  which: number;
}

/** Lets events happen to six paths, then 200 s of silence. Poll 4 s, at most 32 s. */
function upheaval(budget: ClientConfig['budget'], events: Event[]): Rig {
  const rig = createRig({ paths: DUAL, minPollLog2S: 2, maxPollLog2S: 5, budget });
  let untilS = 0;
  let added = 0;
  for (const { afterS, what, which } of events) {
    untilS += afterS;
    rig.run(untilS, which % 2 === 0 ? honest : undefined);
    const { client, nowNs } = rig;
    if (what === 'add') {
      const localIp = `198.51.100.${100 + added++}`;
      rig.feed(addPath(client, { remote: { ip: '192.0.2.3', port: 123 }, localIp }, nowNs));
    }
    const key = keysOf(rig)[which % Math.max(keysOf(rig).length, 1)];
    if (key === undefined) continue;
    if (what === 'remove') rig.feed(removePath(client, key, nowNs));
    if (what === 'step')
      rig.feed(stepNtpClient(client, { type: 'clock-step', byS: seconds(1), nowNs }));
    const request = rig.sent.filter((sent) => sent.path === key).at(-1);
    if (request === undefined) continue;
    const { bytes, context } = request;
    if (what === 'rate') rig.datagram(key, answerTo(bytes, { stratum: 0, refid: 0x52415445 }));
    if (what === 'deny') rig.datagram(key, answerTo(bytes, { stratum: 0, refid: 0x44454e59 }));
    if (what === 'answer') rig.datagram(key, honest(request));
    if (what === 'unsent') {
      rig.feed(stepNtpClient(client, { type: 'unsent', context, code: 'ENETDOWN', nowNs }));
    }
  }
  rig.run(untilS + 200);
  return rig;
}
const EVENTS = fc.array(EVENT, { maxLength: 25 });
const JITTER_S = 4 / 32;

test('whatever happens to the paths, the shared budget holds (NTP-C3)', () => {
  fc.assert(
    fc.property(EVENTS, (events) => {
      const rig = upheaval('shared', events);
      const live = rig.client.paths.some((path) => path.stopped === null);
      const gaps = gapsS(rig);
      return gaps.every((gap) => gap >= 4 - JITTER_S - 1e-6) && (!live || gaps.length > 4);
    }),
    { numRuns: 150, seed: 8039 },
  );
});

test('whatever happens to the paths, none polls faster than its own exponent', () => {
  fc.assert(
    fc.property(EVENTS, (events) => {
      const rig = upheaval('per-path', events);
      const lastS = new Map<PathKey, number>();
      return rig.sent.every(({ path, atS }) => {
        const gap = atS - (lastS.get(path) ?? Number.NEGATIVE_INFINITY);
        lastS.set(path, atS);
        return gap >= 4 - JITTER_S - 1e-6;
      });
    }),
    { numRuns: 150, seed: 8039 },
  );
});

test('taking the only path away and adding another does not beat the budget (NTP-C3)', () => {
  const rig = createRig({ minPollLog2S: 4 });
  rig.run(16.6, honest);
  rig.feed(removePath(rig.client, A, rig.nowNs));
  assert.is(nextTimer(rig.client), null);
  const path = { remote: { ip: '192.0.2.1', port: 123 }, localIp: '198.51.100.8' };
  rig.feed(addPath(rig.client, path, rig.nowNs));
  rig.run(40, honest);
  const [, second = 0, third = 0] = rig.sent.map((sent) => sent.atS);
  assert.ok(third - second >= 16 && third - second < 17);
});

test('the first regular poll of a new path waits until its burst is over', () => {
  const rig = createRig({ minPollLog2S: 0, iburst: 4, budget: 'per-path' });
  rig.run(20.2, honest);
  rig.feed(
    addPath(
      rig.client,
      { remote: { ip: '192.0.2.2', port: 123 }, localIp: '198.51.100.7' },
      rig.nowNs,
    ),
  );
  rig.run(40, honest);
  const times = rig.sent.filter((sent) => sent.path === OTHER).map((sent) => sent.atS);
  times.slice(1, 5).forEach((atS, at) => {
    assert.ok(atS - (times[at] ?? 0) >= 1.999, `gap ${at}`);
  });
});

test('a new path makes the others move up a little, not miss a turn', () => {
  for (const budget of ['shared', 'per-path'] as const) {
    const rig = createRig({ paths: DUAL, minPollLog2S: 4, budget });
    rig.run(500, honest);
    const path = { remote: { ip: '192.0.2.3', port: 123 }, localIp: '198.51.100.7' };
    rig.feed(addPath(rig.client, path, rig.nowNs));
    rig.run(1500, honest);
    for (const key of keysOf(rig)) {
      const times = rig.sent.filter((sent) => sent.path === key).map((sent) => sent.atS);
      const widest = Math.max(...times.slice(1).map((atS, at) => atS - (times[at] ?? 0)));
      const turnS = budget === 'shared' ? 16 * 7 : 16;
      assert.ok(widest < 1.25 * turnS, `${budget}: ${key} waited ${widest} s`);
    }
  }
});

test('when one server says DENY its share of the budget goes to the others (NTP-C3)', () => {
  const rig = createRig({ paths: DUAL, minPollLog2S: 0 });
  rig.run(1.5);
  kiss(rig, A, 'DENY');
  const before = rig.sent.length;
  rig.run(101.5, honest);
  assert.ok(Math.abs(rig.sent.length - before - 100) <= 1);
});

test('a late poll is not followed by the next one at once', () => {
  const rig = createRig({ minPollLog2S: 4 });
  rig.run(1, honest);
  rig.nowNs = tick(31 * S); // the poll of 16 s comes 15 s late
  rig.run(80, honest);
  const [, late = 0, next = 0] = rig.sent.map((sent) => sent.atS);
  assert.is(late, 31);
  assert.ok(next - late >= 8);
});

// ---- kisses (NTP-C2) ----

const kiss = (rig: Rig, path: PathKey, code: string, poll = 6): Output[] => {
  const refid = [...code].reduce((all, letter) => all * 256 + letter.charCodeAt(0), 0);
  const zero = '0000000000000000';
  const request = rig.inFlight(path).bytes;
  const but = { leap: 3, stratum: 0, refid, poll, receive: zero, transmit: zero };
  return rig.datagram(path, answerTo(request, but));
};

const polls = (rig: Rig): Record<string, number> =>
  Object.fromEntries(status(rig.client).map((record) => [record.path, record.pollLog2S]));

// code, poll field, events, poll exponents of A and B afterwards, what is stopped
const KISSES: [string, number, string[], number, number, PathKey[]][] = [
  ['RATE', 6, ['drop', 'rate'], 7, 6, []],
  ['RATE', 9, ['drop', 'rate'], 9, 6, []],
  ['RATE', 17, ['drop', 'rate'], 10, 6, []],
  ['RATE', -128, ['drop', 'rate'], 7, 6, []],
  ['DENY', 6, ['drop', 'stopped', 'stopped', 'stopped', 'timer'], 6, 6, SINGLE.map(keyOf)],
  ['RSTR', 6, ['drop', 'stopped', 'stopped', 'stopped', 'timer'], 6, 6, SINGLE.map(keyOf)],
  ['XFUN', 9, ['drop'], 6, 6, []],
  ['STEP', 9, ['drop'], 6, 6, []],
  ['ACST', 9, ['drop'], 6, 6, []],
  ['NKEY', 9, ['drop'], 6, 6, []],
  ['NTSN', 9, ['drop'], 6, 6, []],
];

function keyOf(path: ClientConfig['paths'][number]): PathKey {
  return `${path.remote.ip}|${path.localIp}`;
}

for (const [code, poll, events, pollA, pollB, stopped] of KISSES) {
  test(`kiss ${code} with poll ${poll} does what it must to each path (NTP-C2)`, () => {
    const rig = createRig({ paths: DUAL });
    rig.run(1);
    const outputs = kiss(rig, A, code, poll);
    assert.equal(types(outputs), events);
    assert.is(outputs[0]?.type === 'drop' && outputs[0].reason, 'kiss');
    assert.is(polls(rig)[A], pollA);
    for (const key of keysOf(rig)) if (key !== A) assert.is(polls(rig)[key], pollB);
    const off = status(rig.client).filter((record) => record.stopped !== null);
    assert.equal(
      off.map((record) => [record.path, record.stopped]),
      stopped.map((key) => [key, code]),
    );
    const count = rig.sent.length;
    rig.run(20_000);
    for (const key of keysOf(rig)) {
      const more = rig.sent.slice(count).filter((sent) => sent.path === key).length;
      assert.is(more === 0, stopped.includes(key), `${key} sent ${more} more`);
    }
  });
}

test('RATE slows a path each time it comes, once per request, and stops at the limit (NTP-C2)', () => {
  const rig = createRig({ minPollLog2S: 6, maxPollLog2S: 8 });
  for (const want of [7, 8, 8]) {
    rig.run(rig.nowNs / S + 600);
    assert.equal(types(kiss(rig, A, 'RATE')).slice(0, 2), ['drop', 'rate']);
    assert.is(polls(rig)[A], want);
    const again = kiss(rig, A, 'RATE'); // the same kiss, replayed
    assert.equal(
      again.map((output) => output.type === 'drop' && output.reason),
      ['origin'],
    );
    assert.is(polls(rig)[A], want);
  }
  const from = rig.nowNs / S;
  rig.run(from + 10_000, honest);
  const times = rig.sent.map((sent) => sent.atS).filter((atS) => atS > from);
  assert.ok((times[0] ?? 0) - from >= 255);
  times.slice(1).forEach((atS, at) => {
    assert.ok(atS - (times[at] ?? 0) > 240);
  });
});

test('RATE ends a burst at once', () => {
  const rig = createRig({ iburst: 8 });
  rig.run(1);
  kiss(rig, A, 'RATE');
  rig.run(100);
  assert.is(rig.sent.length, 1);
  rig.run(300);
  assert.ok(rig.sent.length >= 2);
});

test('a stopped path drops whatever comes and a new path to that server stays stopped', () => {
  const rig = createRig({ paths: DUAL, minPollLog2S: 0 });
  rig.run(1);
  const { bytes } = rig.inFlight(A);
  kiss(rig, A, 'DENY');
  const [drop] = rig.datagram(A, answerTo(bytes));
  assert.is(drop?.type === 'drop' && drop.reason, 'stopped');
  const late = { remote: { ip: '192.0.2.1', port: 123 }, localIp: '198.51.100.77' };
  assert.equal(types(rig.feed(addPath(rig.client, late, rig.nowNs))), ['added', 'stopped']);
  rig.run(100, honest);
  const record = status(rig.client).find((one) => one.path.endsWith('.77'));
  assert.equal([record?.stopped, record?.sent], ['DENY', 0]);
  const other = status(rig.client).find((one) => one.path === OTHER);
  assert.ok((other?.valid ?? 0) >= 32, 'the other server gets the whole budget');
});

test('when all servers said DENY the client falls silent and wants no timer', () => {
  const rig = createRig();
  rig.run(1);
  assert.equal(types(kiss(rig, A, 'DENY')), ['drop', 'stopped']);
  assert.is(nextTimer(rig.client), null);
  assert.equal(
    stepNtpClient(rig.client, { type: 'timeout', nowNs: tick(1e12), random: new Uint8Array(64) }),
    [],
  );
});

// ---- reach ----

test('reach shifts with each poll; 8 unanswered polls make a path unreachable, once', () => {
  const rig = createRig({ minPollLog2S: 0 });
  rig.run(9.5, honest);
  assert.is(status(rig.client)[0]?.reach, 0xff);
  rig.outputs.length = 0;
  rig.run(16.5); // 7 unanswered
  assert.is(status(rig.client)[0]?.reach, 0x80);
  assert.not(types(rig.outputs).includes('unreachable'));
  rig.run(17.9); // the eighth is out
  assert.not(types(rig.outputs).includes('unreachable'));
  rig.run(18.5);
  assert.ok(types(rig.outputs).includes('unreachable'));
  assert.is(status(rig.client)[0]?.reach, 0);
  rig.run(40);
  assert.is(types(rig.outputs).filter((type) => type === 'unreachable').length, 1);
  rig.outputs.length = 0;
  rig.run(rig.nowNs / S + 5000, honest);
  assert.is(types(rig.outputs).filter((type) => type === 'reachable').length, 1);
  assert.is(status(rig.client)[0]?.reach, 0xff);
});

test('a path that never answered is called unreachable too', () => {
  const rig = createRig({ minPollLog2S: 0 });
  rig.run(8.5);
  assert.equal(
    types(rig.outputs).filter((type) => type !== 'timer' && type !== 'transmit'),
    ['unreachable'],
  );
});

test('silent paths poll more rarely, at least once per maximum poll, and recover at once', () => {
  const rig = createRig({ paths: DUAL, minPollLog2S: 0, maxPollLog2S: 7 });
  const alive = (sent: Sent) => (sent.path === A ? null : honest(sent));
  rig.run(3000, alive);
  const times = rig.sent.filter((sent) => sent.path === A).map((sent) => sent.atS);
  const gaps = times.slice(1).map((atS, at) => atS - (times[at] ?? 0));
  assert.ok(
    gaps.slice(0, 20).every((gap) => gap < 6.1),
    'full rate at first',
  );
  assert.ok(Math.max(...gaps) <= 128, 'never rarer than the maximum poll');
  assert.ok((gaps.at(-1) ?? 0) > 60, 'backed off');
  assert.ok((polls(rig)[A] ?? 0) > 0);
  const others = rig.sent.filter((sent) => sent.path === B).length;
  assert.ok(others >= 499, 'the others do not suffer');
  const from = rig.nowNs / S;
  rig.run(from + 400, honest);
  assert.is(polls(rig)[A], 0);
  const [first = 0, second = 0] = rig.sent
    .filter((sent) => sent.path === A && sent.atS > from)
    .map((sent) => sent.atS);
  assert.ok(second - first < 6.1, `first answer, then ${second - first} s`);
  const back = rig.sent.filter((sent) => sent.path === A && sent.atS > from + 200);
  assert.ok(back.length >= 30, 'full rate again');
  for (const gap of gapsS(rig)) assert.ok(gap > 0.96, 'within the budget all along');
});

test('unsent requests count, are told once in a row, and polling goes on', () => {
  const client = createNtpClient({ ...DEFAULTS, minPollLog2S: 0 });
  const random = new Uint8Array(64).fill(3);
  const events: string[] = [];
  for (let turn = 0; turn < 12; turn++) {
    const nowNs = nextTimer(client) ?? tick(0);
    const [transmit] = stepNtpClient(client, { type: 'timeout', nowNs, random }).slice(-2);
    if (transmit?.type !== 'transmit' || transmit.context === undefined) throw new Error('no poll');
    const { context } = transmit;
    const input = { type: 'unsent', context, code: 'ENETUNREACH', nowNs } as const;
    events.push(...types(stepNtpClient(client, input)));
  }
  const [record] = status(client);
  assert.equal([record?.sent, record?.reach], [0, 0]);
  assert.is(record?.unsent, 12);
  assert.equal(events, ['unsent']);
});

// ---- independence and other inputs ----

test('loss and reorder on one path leave the others bit-identical (MP-06)', () => {
  const run = (lossy: boolean) => {
    const rig = createRig({ paths: SINGLE, minPollLog2S: 0, budget: 'per-path' });
    rig.run(20, (sent) => (lossy && sent.path === A ? null : honest(sent)));
    return JSON.stringify(rig.client.paths.slice(1));
  };
  assert.is(run(true), run(false));
});

test('swapped answers of two paths are both dropped (NTP-S7, NTP-S8)', () => {
  const rig = createRig({ paths: SINGLE, minPollLog2S: 0 });
  rig.run(1.5);
  const before = protocolState(rig.client);
  const forA = answerTo(rig.inFlight(A).bytes);
  const forB = answerTo(rig.inFlight(B).bytes);
  for (const outputs of [rig.datagram(A, forB), rig.datagram(B, forA)]) {
    assert.equal(outputs, [
      { type: 'drop', reason: 'origin', from: { ip: '192.0.2.1', port: 123 } },
    ]);
  }
  assert.equal(protocolState(rig.client), before);
  assert.is(rig.datagram(A, forA).at(-1)?.type, 'exchange');
  assert.is(rig.datagram(B, forB).at(-1)?.type, 'exchange');
});

test('a clock step invalidates the requests in flight and nothing else', () => {
  const rig = createRig({ paths: SINGLE, minPollLog2S: 0, budget: 'per-path' });
  rig.run(5.9, honest);
  const requests = keysOf(rig).map((key) => [key, rig.inFlight(key).bytes] as const);
  rig.run(6.9);
  const inFlight = keysOf(rig).map((key) => [key, rig.inFlight(key).bytes] as const);
  assert.not.equal(requests, inFlight);
  const nowNs = rig.nowNs;
  rig.feed(stepNtpClient(rig.client, { type: 'clock-step', byS: seconds(3), nowNs }));
  for (const [key, bytes] of inFlight) {
    const outputs = rig.datagram(
      key,
      answerTo(bytes, { receive: 'e8fe6f9000000000', transmit: 'e8fe6f9000010000' }),
    );
    assert.equal(outputs, [
      { type: 'drop', reason: 'origin', from: { ip: '192.0.2.1', port: 123 } },
    ]);
  }
  const before = status(rig.client).map((record) => record.valid);
  rig.run(8.9, honest);
  status(rig.client).forEach((record, at) => {
    assert.ok(record.valid > (before[at] ?? 0), 'the next poll works');
  });
});

test('paths may come and go; the limit and nonsense are told in one sentence', () => {
  const rig = createRig({ paths: SINGLE, minPollLog2S: 0, maxPaths: 4 });
  rig.run(10, honest);
  const ninth = { remote: { ip: '2001:DB8::1', port: 4123 }, localIp: '2001:db8::0:9' };
  const added = rig.feed(addPath(rig.client, ninth, rig.nowNs));
  assert.equal(types(added).slice(0, 1), ['added']);
  const key: PathKey = '2001:db8::1|2001:db8::9';
  assert.ok(keysOf(rig).includes(key));
  rig.run(30);
  assert.is(
    rig.datagram(key, answerTo(rig.inFlight(key).bytes), { port: 4123 }).at(-1)?.type,
    'exchange',
  );
  fails(() => addPath(rig.client, { ...ninth, localIp: '2001:db8::a' }, rig.nowNs), 'paths');
  fails(() => addPath(rig.client, ninth, rig.nowNs), 'paths');
  assert.equal(types(rig.feed(removePath(rig.client, A, rig.nowNs))).slice(0, 1), ['removed']);
  fails(() => removePath(rig.client, A, rig.nowNs), 'path');
  const count = rig.sent.length;
  const [drop] = rig.datagram(A, answerTo(rig.inFlight(A).bytes));
  assert.is(drop?.type === 'drop' && drop.reason, 'unknown-path');
  assert.is(strays(rig.client).drops['unknown-path'], 1);
  rig.run(60, honest);
  assert.not(rig.sent.slice(count).some((sent) => sent.path === A));
  for (const path of keysOf(rig)) {
    assert.ok(rig.sent.slice(count).filter((sent) => sent.path === path).length >= 9);
  }
});

test('a client state is plain data: written to JSON and back it goes on alike', () => {
  const rig = createRig({ paths: DUAL, minPollLog2S: 0, iburst: 2 });
  rig.run(7.5, honest);
  const copy = JSON.parse(JSON.stringify(rig.client)) as typeof rig.client;
  assert.equal(copy, rig.client);
  const nowNs = nextTimer(rig.client) ?? tick(0);
  const input = { type: 'timeout', nowNs, random: new Uint8Array(64).fill(5) } as const;
  assert.equal(stepNtpClient(copy, input), stepNtpClient(rig.client, input));
  assert.equal(copy, rig.client);
});

const BAD: [field: string, but: Partial<ClientConfig>][] = [
  ['minPollLog2S', { minPollLog2S: -5 }],
  ['minPollLog2S', { minPollLog2S: 18 }],
  ['minPollLog2S', { minPollLog2S: 1.5 }],
  ['maxPollLog2S', { minPollLog2S: 6, maxPollLog2S: 5 }],
  ['maxPollLog2S', { maxPollLog2S: 18 }],
  ['budget', { budget: 'none' as 'shared' }],
  ['iburst', { iburst: 9 }],
  ['iburstSpacingS', { iburstSpacingS: 0 }],
  ['maxPaths', { maxPaths: 0 }],
  ['paths', { maxPaths: 2, paths: SINGLE }],
  ['paths', { paths: [...SINGLE, ...SINGLE] }],
  ['paths.0.remote.ip', { paths: pairs(['ntp.example'], LOCALS) }],
  ['paths.0.localIp', { paths: pairs(['192.0.2.1'], ['1.2.3']) }],
  ['paths.0.localIp', { paths: pairs(['192.0.2.1'], ['::1']) }],
  [
    'paths.0.remote.port',
    { paths: [{ remote: { ip: '192.0.2.1', port: 0 }, localIp: '192.0.2.2' }] },
  ],
  ['ownAddresses.1', { ownAddresses: ['192.0.2.1', 'me'] }],
];

for (const [field, but] of BAD) {
  test(`refuses a bad ${field}: ${JSON.stringify(but).slice(0, 60)}`, () => {
    fails(() => createNtpClient({ ...DEFAULTS, ...but }), field);
  });
}

test.run();

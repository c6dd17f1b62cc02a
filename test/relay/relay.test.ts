/** The transparent-clock relay as a pure machine: what crosses, what it is given, what not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readMessage, writeMessage } from '../../src/ptp/message.ts';
import { findUdp } from '../../src/relay/frame.ts';
import {
  createRelay,
  type Relay,
  type RelayOutput,
  type Side,
  stepRelay,
} from '../../src/relay/relay.ts';
import { stamp, tick } from '../../src/units.ts';
import { ipPacket } from '../interop/pcap.ts';
import { CAPTURED } from '../ptp/wire.ts';

const test = suite('relay');

const MASTER = { 4: '10.0.0.1', 6: 'fd00::1' } as const;
const SLAVE = { 4: '10.0.0.2', 6: 'fd00::2' } as const;
const GROUP = { 4: '224.0.1.129', 6: 'ff0e::181' } as const;
const OWN4 = Uint8Array.of(10, 0, 0, 99);
const OWN6 = Uint8Array.from([0xfd, ...new Array<number>(14).fill(0), 0x99]);
const OWN = {
  own: [
    { ipv4: OWN4, ipv6: OWN6 },
    { ipv4: OWN4, ipv6: OWN6 },
  ],
} as const;
const NS = 65536n;

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
type Name = keyof typeof CAPTURED;
const EVENTS = /^0[0-3]/;

interface Sent {
  readonly family?: 4 | 6;
  readonly from?: string;
  readonly to?: string;
  readonly hex?: string;
  readonly vlan?: boolean;
}

function frameOf(name: Name, sent: Sent = {}): Uint8Array {
  const { family = 4, hex = CAPTURED[name] } = sent;
  const port = EVENTS.test(hex) ? 319 : 320;
  const isSlaves = name === 'delayReq' || name === 'pdelayReq';
  const packet = ipPacket({
    src: sent.from ?? (isSlaves ? SLAVE : MASTER)[family],
    dst: sent.to ?? GROUP[family],
    sport: port,
    dport: port,
    payload: octets(hex),
  });
  const type = family === 4 ? [8, 0] : [0x86, 0xdd];
  const tag = sent.vlan === true ? [0x81, 0, 0, 5] : [];
  return Uint8Array.from([1, 0, 0x5e, 0, 1, 0x81, 2, 0, 0, 0, 0, 1, ...tag, ...type, ...packet]);
}

let atNs = 0;
/** Feeds a frame that arrives at `ns` on `side`. */
function arrive(relay: Relay, side: Side, bytes: Uint8Array, ns: number): RelayOutput[] {
  atNs = ns;
  return stepRelay(relay, {
    type: 'frame',
    side,
    bytes,
    receivedAtNs: stamp(ns),
    nowNs: tick(ns),
  });
}

const departed = (relay: Relay, [output]: readonly RelayOutput[], ns: number): RelayOutput[] =>
  stepRelay(relay, { type: 'sent', context: output?.context ?? -1, sentAtNs: stamp(ns) });

function messageIn(bytes: Uint8Array) {
  const where = findUdp(bytes);
  if (where === null) throw new Error('no UDP');
  const message = readMessage(bytes.subarray(where.payload, where.end));
  if (typeof message === 'string') throw new Error(message);
  return message;
}

/** Adds up as RFC 1071 has it, in another way than the relay: 0xffff if the checksum holds. */
function sums(bytes: Uint8Array): number[] {
  const where = findUdp(bytes);
  if (where === null) throw new Error('no UDP');
  const { family, ip, udp, end } = where;
  const fold = (list: readonly number[]) => {
    let sum = 0;
    list.forEach((octet, n) => {
      sum += n % 2 === 0 ? octet * 256 : octet;
    });
    while (sum > 0xffff) sum = (sum % 65536) + Math.floor(sum / 65536);
    return sum;
  };
  const addresses = [
    ...bytes.subarray(family === 4 ? ip + 12 : ip + 8, family === 4 ? ip + 20 : ip + 40),
  ];
  const length = end - udp;
  const pseudo = [...addresses, 0, 17, length >> 8, length & 255];
  const header = family === 4 ? [fold([...bytes.subarray(ip, udp)])] : [];
  return [...header, fold([...pseudo, ...bytes.subarray(udp, end)])];
}

const assertSound = (bytes: Uint8Array) => {
  for (const sum of sums(bytes)) assert.is(sum, 0xffff);
};

function sourceOf(bytes: Uint8Array): number[] {
  const where = findUdp(bytes);
  if (where === null) throw new Error('no UDP');
  const at = where.family === 4 ? where.ip + 12 : where.ip + 8;
  return [...bytes.subarray(at, at + (where.family === 4 ? 4 : 16))];
}

const only = (outputs: readonly RelayOutput[]): RelayOutput => {
  assert.is(outputs.length, 1);
  const [output] = outputs;
  if (output === undefined) throw new Error('nothing');
  return output;
};

for (const family of [4, 6] as const) {
  test(`IPv${family}: a two-step Sync crosses as it is, its Follow_Up tells how long it stayed (EP-027)`, () => {
    const relay = createRelay(OWN);
    const sync = frameOf('sync', { family });
    const out = only(arrive(relay, 0, sync, 1000));
    assert.is(out.side, 1);
    assert.equal(out.bytes, sync);
    assert.equal(departed(relay, [out], 51_000.5), []);
    const followUp = only(arrive(relay, 0, frameOf('followUp', { family }), 60_000));
    assert.is(messageIn(followUp.bytes).header.correctionField, 50_000n * NS + NS / 2n);
    assertSound(followUp.bytes);
    // who changes a message over IPv6 is its source (EP-027)
    assert.equal(sourceOf(followUp.bytes), family === 6 ? [...OWN6] : [10, 0, 0, 1]);
    assert.equal(messageIn(followUp.bytes).type, 'Follow_Up');
  });

  test(`IPv${family}: a Delay_Req crosses as it is, the Delay_Resp tells, however many answer`, () => {
    const relay = createRelay(OWN);
    const request = frameOf('delayReq', { family });
    const out = only(arrive(relay, 1, request, 1000));
    assert.is(out.side, 0);
    assert.equal(out.bytes, request);
    departed(relay, [out], 8000);
    for (const _ of [1, 2]) {
      const answer = only(arrive(relay, 0, frameOf('delayResp', { family }), 20_000));
      assert.is(messageIn(answer.bytes).header.correctionField, 7000n * NS);
      assertSound(answer.bytes);
    }
  });

  test(`IPv${family}: Announce, Signaling and Management cross without a changed octet (EP-101)`, () => {
    for (const mode of ['two-step', 'one-step'] as const) {
      const relay = createRelay({ ...OWN, mode, resource: 'timed' });
      for (const name of ['announceEnterprise', 'grant', 'getDefaultDataSet'] as const) {
        const bytes = frameOf(name, { family });
        assert.equal(only(arrive(relay, 0, bytes, 5)).bytes, bytes, name);
      }
      assert.is(relay.tally.generals, 3);
    }
  });
}

test('a correction that was there is added to, one that is too large to tell stays', () => {
  for (const [before, after] of [
    [7n * NS, 107n * NS],
    [-7n * NS, 93n * NS],
    [2n ** 63n - 1n, 2n ** 63n - 1n],
    [2n ** 63n - 2n, 2n ** 63n - 1n],
  ] as const) {
    const relay = createRelay();
    departed(relay, arrive(relay, 0, frameOf('sync'), 0), 100);
    const read = readMessage(octets(CAPTURED.followUp));
    if (typeof read === 'string') throw new Error(read);
    const message = { ...read, header: { ...read.header, correctionField: before } };
    const hex = Buffer.from(writeMessage(message)).toString('hex');
    const out = only(arrive(relay, 0, frameOf('followUp', { hex }), 200));
    assert.is(messageIn(out.bytes).header.correctionField, after);
  }
});

test('a Follow_Up that comes before the stamp of its Sync waits for it', () => {
  const relay = createRelay();
  const sync = arrive(relay, 0, frameOf('sync'), 0);
  assert.equal(arrive(relay, 0, frameOf('followUp'), 10), []);
  assert.is(messageIn(only(departed(relay, sync, 300)).bytes).header.correctionField, 300n * NS);
});

test('a Follow_Up that overtook its Sync waits for it, too', () => {
  const relay = createRelay();
  assert.equal(arrive(relay, 0, frameOf('followUp'), 10), []);
  const sync = arrive(relay, 0, frameOf('sync'), 1000);
  assert.is(messageIn(only(departed(relay, sync, 1400)).bytes).header.correctionField, 400n * NS);
});

test('what belongs to a Sync that never left does not cross; nor after a step of the clock', () => {
  const relay = createRelay();
  const [out] = arrive(relay, 0, frameOf('sync'), 0);
  arrive(relay, 0, frameOf('followUp'), 10);
  assert.equal(stepRelay(relay, { type: 'unsent', context: out?.context ?? -1 }), []);
  const other = createRelay();
  arrive(other, 0, frameOf('followUp'), 10);
  assert.equal(departed(other, arrive(other, 0, frameOf('sync'), 1e9), 0.5e9), []);
  assert.is(relay.tally.lost + other.tally.lost, 2);
});

test('a one-step Sync becomes two-step, with a Follow_Up of its own timestamp', () => {
  for (const family of [4, 6] as const) {
    const relay = createRelay(OWN);
    const read = readMessage(octets(CAPTURED.sync));
    if (typeof read === 'string' || read.type !== 'Sync') throw new Error('no Sync');
    const originTimestamp = { seconds: 1_700_000_000, nanoseconds: 123_456_789 };
    const header = {
      ...read.header,
      correctionField: 5n,
      flags: { ...read.header.flags, twoStep: false },
    };
    const hex = Buffer.from(writeMessage({ ...read, header, originTimestamp })).toString('hex');
    const sync = only(arrive(relay, 0, frameOf('sync', { family, hex }), 0));
    assert.is(messageIn(sync.bytes).header.flags.twoStep, true);
    assert.is(messageIn(sync.bytes).header.correctionField, 5n);
    assertSound(sync.bytes);
    const followUp = only(departed(relay, [sync], 2000));
    assertSound(followUp.bytes);
    const message = messageIn(followUp.bytes);
    if (message.type !== 'Follow_Up') throw new Error(message.type);
    assert.equal(message.preciseOriginTimestamp, originTimestamp);
    assert.is(message.header.correctionField, 2000n * NS);
    assert.is(message.header.sequenceId, read.header.sequenceId);
    assert.is(message.header.flags.twoStep, false);
    const where = findUdp(followUp.bytes);
    const ports = where && [followUp.bytes[where.udp + 1], followUp.bytes[where.udp + 3]];
    assert.equal(ports, [320 & 255, 320 & 255]);
  }
});

test('one-step: the residence is written into Sync and Delay_Req as they leave', () => {
  const relay = createRelay({ ...OWN, mode: 'one-step' });
  for (const [name, side] of [
    ['sync', 0],
    ['delayReq', 1],
  ] as const) {
    const out = only(arrive(relay, side, frameOf(name), 1000));
    out.seal?.(out.bytes, stamp(4000));
    assert.is(messageIn(out.bytes).header.correctionField, 3000n * NS);
    assertSound(out.bytes);
    departed(relay, [out], 4000);
  }
  for (const name of ['followUp', 'delayResp'] as const) {
    const out = only(arrive(relay, 0, frameOf(name), 9000));
    assert.is(messageIn(out.bytes).header.correctionField, 0n);
  }
});

test('one-step: how long the way out takes is learnt from the stamps of departure', () => {
  const relay = createRelay({ mode: 'one-step' });
  for (let n = 0; n < 200; n++) {
    const out = only(arrive(relay, 0, frameOf('sync'), n * 1e6));
    out.seal?.(out.bytes, stamp(n * 1e6 + 500));
    departed(relay, [out], n * 1e6 + 1300);
  }
  const out = only(arrive(relay, 0, frameOf('sync'), 0));
  out.seal?.(out.bytes, stamp(500));
  const ns = Number(messageIn(out.bytes).header.correctionField) / 65536;
  assert.ok(Math.abs(ns - 1300) < 1, `${ns}`);
});

test('one-step over IPv6: Sync takes our address, Delay_Req stays whole and its answer tells', () => {
  const relay = createRelay({ ...OWN, mode: 'one-step' });
  assert.equal(sourceOf(only(arrive(relay, 0, frameOf('sync', { family: 6 }), 0)).bytes), [
    ...OWN6,
  ]);
  const request = frameOf('delayReq', { family: 6 });
  const out = only(arrive(relay, 1, request, 0));
  assert.equal(out.bytes, request);
  departed(relay, [out], 50);
  const answer = only(arrive(relay, 0, frameOf('delayResp', { family: 6 }), 100));
  assert.is(messageIn(answer.bytes).header.correctionField, 50n * NS);
});

test('a relay told to takes the source of every Sync and Follow_Up, never of Announce or Delay_Resp', () => {
  const relay = createRelay({ ...OWN, resource: 'timed' });
  const sync = only(arrive(relay, 0, frameOf('sync'), 0));
  assert.equal(sourceOf(sync.bytes), [...OWN4]);
  assertSound(sync.bytes);
  departed(relay, [sync], 10);
  assert.equal(sourceOf(only(arrive(relay, 0, frameOf('followUp'), 20)).bytes), [...OWN4]);
  for (const name of ['announce', 'delayResp'] as const) {
    assert.equal(sourceOf(only(arrive(relay, 0, frameOf(name), 30)).bytes), [10, 0, 0, 1]);
  }
});

test('over IPv6 the source taken has the scope of the one it replaces', () => {
  const link = Uint8Array.from([0xfe, 0x80, ...new Array<number>(13).fill(0), 0x77]);
  const own = { ipv6: OWN6, ipv6Link: link };
  for (const [from, address] of [
    ['fe80::1', link],
    ['fd00::1', OWN6],
  ] as const) {
    const relay = createRelay({ own: [own, own] });
    departed(relay, arrive(relay, 0, frameOf('sync', { family: 6, from }), 0), 10);
    const out = only(arrive(relay, 0, frameOf('followUp', { family: 6, from }), 20));
    assert.equal(sourceOf(out.bytes), [...address]);
    assertSound(out.bytes);
  }
});

test('unicast streams to two slaves with one sequenceId are kept apart (RFC 8039 §5.3.1)', () => {
  const relay = createRelay();
  const [one, two] = ['10.0.0.2', '10.0.0.3'];
  const first = arrive(relay, 0, frameOf('sync', { to: one }), 0);
  const second = arrive(relay, 0, frameOf('sync', { to: two }), 0);
  departed(relay, first, 100);
  departed(relay, second, 900);
  for (const [to, ns] of [
    [two, 900n],
    [one, 100n],
  ] as const) {
    const out = only(arrive(relay, 0, frameOf('followUp', { to }), 1000));
    assert.is(messageIn(out.bytes).header.correctionField, ns * NS);
  }
  for (const [from, ns] of [
    [one, 40],
    [two, 70],
  ] as const) {
    departed(relay, arrive(relay, 1, frameOf('delayReq', { from, to: MASTER[4] }), 0), ns);
  }
  for (const [to, ns] of [
    [two, 70n],
    [one, 40n],
  ] as const) {
    const out = only(arrive(relay, 0, frameOf('delayResp', { to }), 1000));
    assert.is(messageIn(out.bytes).header.correctionField, ns * NS);
  }
});

test('peer delay: the follow-up carries what request and response stayed, one-step responders get one', () => {
  const relay = createRelay();
  departed(relay, arrive(relay, 0, frameOf('pdelayReq'), 0), 11);
  departed(relay, arrive(relay, 1, frameOf('pdelayResp'), 100), 122);
  const out = only(arrive(relay, 1, frameOf('pdelayRespFollowUp'), 200));
  assert.is(messageIn(out.bytes).header.correctionField, 33n * NS);
  const other = createRelay();
  departed(other, arrive(other, 0, frameOf('pdelayReq'), 0), 11);
  const hex = `0302003600000000${CAPTURED.pdelayResp.slice(16)}`;
  const response = arrive(other, 1, frameOf('pdelayResp', { hex }), 100);
  assert.is(messageIn(only(response).bytes).header.flags.twoStep, true);
  const made = messageIn(only(departed(other, response, 122)).bytes);
  assert.is(made.type, 'Pdelay_Resp_Follow_Up');
  assert.is(made.header.correctionField, 33n * NS);
});

test('a VLAN tag stays, frames that are no PTP cross untouched, checksums left out locally are made', () => {
  const relay = createRelay();
  const tagged = frameOf('sync', { vlan: true });
  assert.equal(only(arrive(relay, 0, tagged, 0)).bytes, tagged);
  const arp = Uint8Array.from({ length: 42 }, (_, n) => (n === 12 ? 8 : n === 13 ? 6 : n));
  assert.equal(only(arrive(relay, 0, arp, 0)).bytes, arp);
  const partial = frameOf('announce');
  partial[14 + 20 + 6] = 0x12;
  assertSound(only(arrive(relay, 0, partial, 0)).bytes);
});

test('answers to what did not pass here are carried as they are', () => {
  const relay = createRelay(OWN);
  const answer = frameOf('delayResp', { family: 6 });
  assert.equal(only(arrive(relay, 0, answer, 0)).bytes, answer);
  assert.is(relay.tally.unmatched, 1);
});

test('mutated frames: nothing throws, every frame crosses at most once, tables stay bounded', () => {
  const relay = createRelay(OWN);
  let seed = 12345;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % below;
  };
  const names = Object.keys(CAPTURED) as Name[];
  for (let n = 0; n < 100_000; n++) {
    const name = names[random(names.length)] ?? 'sync';
    const bytes = frameOf(name, { family: random(2) === 0 ? 4 : 6 });
    for (let k = random(6); k > 0; k--) bytes[random(bytes.length)] = random(256);
    const cut = random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
    const outputs = arrive(relay, random(2) === 0 ? 0 : 1, cut, n * 1000);
    assert.ok(outputs.length <= 1);
    for (const { bytes: made, context, seal } of outputs) {
      assert.ok(made.length >= Math.min(cut.length, 60));
      seal?.(made, stamp(n * 1000 + 10));
      if (context === undefined || random(3) === 0) continue;
      const left = random(20) === 0 ? 'unsent' : 'sent';
      const more =
        left === 'sent'
          ? stepRelay(relay, { type: left, context, sentAtNs: stamp(n * 1000 + 50) })
          : stepRelay(relay, { type: left, context });
      assert.ok(more.length < 100);
    }
  }
  assert.ok(relay.residences.size <= 8192 && relay.awaited.size <= 8192);
  assert.ok(atNs > 0);
});

test.run();

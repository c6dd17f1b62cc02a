/**
 * A million datagrams of strangers: mutated answers and requests, and plain noise (SEC-11).
 * Nothing may throw; no exchange without the right cookie; a reject changes counters only.
 * A failure prints the seed and the datagram; FUZZ_SEED in this file repeats it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Datagram, Output } from '../../src/machine.ts';
import { type NtpClient, stepNtpClient } from '../../src/ntp/client.ts';
import { asciiRefid } from '../../src/ntp/refid.ts';
import { createNtpServer, stepNtpServer } from '../../src/ntp/server.ts';
import { stamp, tick } from '../../src/units.ts';
import {
  createRig,
  honest,
  OPEN_SERVER,
  pairs,
  protocolState,
  type Rig,
  type Sent,
} from '../ntp/rig.ts';
import { answerTo, CAPTURED_REQUEST, fromHex, stampsAt, toHex } from '../ntp/wire.ts';
import { createRandom, type Random } from './random.ts';

const test = suite('fuzz ntp');

const FUZZ_SEED = 20251121;
const TO_CLIENT = 500_000;
const TO_SERVER = 500_000;

const REMOTES: [string, string] = ['192.0.2.1', '2001:db8::1'];
const LOCALS: [string, string, string] = ['198.51.100.7', '198.51.100.8', '2001:db8::7'];
const ODD_IPS: [string, ...string[]] = [
  '',
  '0.0.0.0',
  '203.0.113.9',
  '::',
  'fe80::1%eth0',
  '__proto__',
  '|',
];
const KISSES: [string, ...string[]] = ['RATE', 'DENY', 'RSTR', 'INIT', 'STEP', 'XXXX'];

/** Changes a packet in place or returns another one. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const kind = random.below(16);
  if (kind === 0) return random.bytes(random.below(120));
  if (kind === 1) return bytes.subarray(0, random.below(bytes.length));
  if (kind === 2 || kind === 3) {
    const longer = new Uint8Array(
      bytes.length + random.below(20) * 4 + (kind === 3 ? 0 : random.below(4)),
    );
    longer.set(bytes);
    longer.set(random.bytes(longer.length - bytes.length), bytes.length);
    if (longer.length > 52) longer.set([0xf3, 0x23, 0, random.below(80)], 48);
    return longer;
  }
  if (kind === 4) {
    const refid = asciiRefid(random.pick(KISSES));
    bytes[1] = 0;
    for (let i = 0; i < 4; i++) bytes[12 + i] = refid >>> (24 - 8 * i);
    return bytes;
  }
  if (kind === 5) return bytes; // untouched
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(bytes.length);
    const value = random.below(3) === 0 ? random.pick([0, 0xff, 0x80]) : random.below(256);
    bytes[at] = kind < 11 ? value : (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  return bytes;
}

/** What a server sends back; where it was asked for, half of it in interleaved mode. */
function answer(sent: Sent, random: Random): Uint8Array {
  const named = sent.bytes.subarray(24, 32);
  if (named.every((byte) => byte === 0) || random.below(2) === 0) return honest(sent);
  const transmit = named.slice();
  new DataView(transmit.buffer).setUint32(4, new DataView(transmit.buffer).getUint32(4) + 0x10000);
  return answerTo(sent.bytes, {
    origin: toHex(sent.bytes.subarray(32, 40)),
    receive: stampsAt(sent.atS + 0.01).receive,
    transmit: toHex(transmit),
  });
}

/** Cheap witness of a client's protocol state: every number in it, mixed. */
function digest(client: NtpClient): number {
  let sum =
    client.nextContext * 31 + (client.timerNs ?? -1) + client.live * 7 + client.paths.length;
  for (const path of client.paths) {
    sum =
      sum * 1.0000001 +
      path.pollLog2S * 3 +
      path.backoff * 5 +
      path.burstLeft * 11 +
      path.gridNs * 1.3 +
      path.jitterNs * 1.7 +
      path.reach * 13 +
      path.unanswered * 17 +
      path.contact.length * 19 +
      (path.blocked ? 23 : 0) +
      (path.stopped === null ? 0 : 29) +
      (path.request === null ? 1 : path.request.cookie.fraction * 1.1) +
      (path.request?.sentAtNs ?? -1) * 1.9 +
      (path.request?.interleave?.cookie.fraction ?? -1) * 4.1 +
      (path.base?.remoteReceive.fraction ?? -1) * 4.3 +
      (path.base?.localReceiveNs ?? -1) * 4.7 +
      path.lastReceive.fraction * 2.3 +
      path.lastTransmit.fraction * 2.9 +
      (path.server?.refid ?? -1) * 3.1 +
      (path.lastValidNs ?? -1) * 3.7;
  }
  return sum;
}

const startRig = (): Rig => {
  const rig = createRig({
    paths: [
      ...pairs([REMOTES[0]], [LOCALS[0]]),
      ...[...pairs([REMOTES[0]], [LOCALS[1]]), ...pairs([REMOTES[1]], [LOCALS[2]])].map((path) => ({
        ...path,
        interleaved: true,
      })),
    ],
    minPollLog2S: 0,
    maxPollLog2S: 3,
    budget: 'per-path',
    ownAddresses: [...LOCALS],
  });
  rig.run(2.3, honest);
  return rig;
};

test(`${TO_CLIENT} datagrams to the client: rejects leave its state alone (SEC-11)`, () => {
  const random = createRandom(FUZZ_SEED);
  let rig = startRig();
  let exchanges = 0;
  let interleaved = 0;
  let rejects = 0;
  for (let round = 0; round < TO_CLIENT; round++) {
    const { client } = rig;
    const path = client.paths[random.below(3)];
    if (path === undefined) throw new Error('no path');
    const last = rig.sent[rig.sent.length - 1 - random.below(6)];
    const bytes = mutate(last === undefined ? random.bytes(48) : answer(last, random), random);
    const odd = random.below(32) === 0;
    const datagram: Datagram = {
      bytes,
      local: { ip: odd ? random.pick(ODD_IPS) : path.localIp, port: 40123 },
      remote: {
        ip: random.below(32) === 0 ? random.pick(ODD_IPS) : path.remote.ip,
        port: random.below(32) === 0 ? random.below(65536) : 123,
      },
      receivedAtNs: stamp(rig.nowNs + random.below(2) * 3e7),
    };
    const request = path.request;
    const before = digest(client);
    const full = round % 1000 === 0 ? JSON.stringify(protocolState(client)) : '';
    let outputs: Output[];
    try {
      outputs = stepNtpClient(client, { type: 'datagram', datagram, nowNs: rig.nowNs });
    } catch (error) {
      throw new Error(`seed ${FUZZ_SEED}, round ${round}: ${toHex(bytes)} threw`, { cause: error });
    }
    const [first] = outputs;
    if (outputs.length === 1 && first?.type === 'drop') {
      rejects++;
      const same = before === digest(client);
      const fullSame = full === '' || full === JSON.stringify(protocolState(client));
      if (!same || !fullSame) {
        assert.unreachable(
          `seed ${FUZZ_SEED}, round ${round}: ${first.reason} changed the state: ${toHex(bytes)}`,
        );
      }
    } else {
      exchanges += outputs.some((output) => output.type === 'exchange') ? 1 : 0;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const has = (cookie: { seconds: number; fraction: number } | undefined) =>
        view.getUint32(24) === cookie?.seconds && view.getUint32(28) === cookie.fraction;
      if (has(request?.interleave?.cookie)) interleaved++;
      else if (!has(request?.cookie)) {
        assert.unreachable(
          `seed ${FUZZ_SEED}, round ${round}: used without the cookie: ${toHex(bytes)}`,
        );
      }
      if (client.paths.some((one) => one.stopped !== null)) rig = startRig();
    }
    if (round % 8 === 0) {
      rig.run(rig.nowNs / 1e9 + 0.4);
      rig.sent.splice(0, rig.sent.length - 6);
      rig.outputs.length = 0;
    }
  }
  assert.ok(exchanges > TO_CLIENT / 200, `only ${exchanges} exchanges: the fuzzer is blunt`);
  assert.ok(interleaved > TO_CLIENT / 1000, `only ${interleaved} interleaved answers`);
  assert.ok(rejects > TO_CLIENT / 2, `only ${rejects} rejects`);
});

test(`${TO_SERVER} datagrams to the server: no answer longer than its request (SEC-14)`, () => {
  const random = createRandom(FUZZ_SEED + 1);
  const server = createNtpServer({
    ...OPEN_SERVER,
    rateLimit: { intervalLog2S: 0, burst: 8, leak: 1, tableSize: 1024 },
    access: { allow: [], deny: ['203.0.113.0/24'] },
    interleaved: { tableSize: 256 },
  });
  const template = fromHex(CAPTURED_REQUEST);
  let answers = 0;
  const given = new Map<string, Uint8Array>(); // the last receive timestamp told to each address
  for (let round = 0; round < TO_SERVER; round++) {
    const ip =
      random.below(64) === 0
        ? random.pick(ODD_IPS)
        : `10.0.${random.below(4)}.${random.below(256)}`;
    const asked = template.slice();
    const named = given.get(ip);
    if (named !== undefined && random.below(2) === 0) {
      asked.set(named, 24);
      asked.set(random.bytes(8), 32);
    } else if (random.below(2) === 0) asked.set(random.bytes(16), 24);
    const bytes = mutate(asked, random);
    const datagram: Datagram = {
      bytes,
      local: { ip: '192.0.2.2', port: 123 },
      remote: { ip, port: random.below(64) === 0 ? 0 : 40123 },
      receivedAtNs: stamp(round * 1e6),
    };
    let outputs: Output[];
    try {
      outputs = stepNtpServer(server, { type: 'datagram', datagram, nowNs: tick(round * 1e5) });
    } catch (error) {
      throw new Error(`seed ${FUZZ_SEED + 1}, round ${round}: ${toHex(bytes)} threw`, {
        cause: error,
      });
    }
    const [output, ...more] = outputs;
    if (output?.type === 'drop' && more.length === 0) continue;
    answers++;
    if (output?.type !== 'transmit' || more.length > 0)
      throw new Error(`round ${round}: not one answer`);
    output.seal?.(output.bytes, stamp(round * 1e6 + 1000));
    if (output.context !== undefined && random.below(8) > 0) {
      const sentAtNs = stamp(round * 1e6 + 2000);
      const { context } = output;
      stepNtpServer(server, { type: 'sent', context, sentAtNs, nowNs: tick(round * 1e5) });
    }
    given.set(ip, output.bytes.slice(32, 40));
    const echoes = (from: number) =>
      bytes.subarray(from, from + 8).every((byte, at) => byte === output.bytes[24 + at]);
    const right =
      output.bytes.length <= bytes.length &&
      output.from === datagram.local &&
      output.to === datagram.remote &&
      ((bytes[0] ?? 0) & 7) === 3 &&
      ((output.bytes[0] ?? 0) & 7) === 4 &&
      (echoes(40) || (echoes(32) && output.seal === undefined));
    if (!right)
      assert.unreachable(
        `seed ${FUZZ_SEED + 1}, round ${round}: ${toHex(bytes)} answered by ${toHex(output.bytes)}`,
      );
  }
  const { answered, interleaved, kisses, drops } = server.tally;
  assert.is(server.saved?.savedNs.length, 256);
  assert.ok(interleaved > TO_SERVER / 1000, `only ${interleaved} interleaved answers`);
  const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0);
  assert.is(answered + kisses, answers);
  assert.is(answers + dropped, TO_SERVER);
  assert.ok(answered > TO_SERVER / 10 && kisses > 100, `${answered} answers, ${kisses} kisses`);
});

test.run();

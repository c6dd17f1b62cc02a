/**
 * Datagrams of strangers at a PTP slave: true messages, mutated ones, captures and noise (SEC-11).
 * Nothing throws, no measurement without the right sender, a reject changes counters only, and
 * nothing grows. A failure prints the seed and the datagram; FUZZ_SEED in this file repeats it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Output } from '../../src/machine.ts';
import { type PathKey, pathKey } from '../../src/path.ts';
import { tidy } from '../../src/ptp/hear.ts';
import { samePort } from '../../src/ptp/identity.ts';
import { type Message, readMessage, writeMessage } from '../../src/ptp/message.ts';
import {
  follow,
  hear,
  hearTime,
  isForSlave,
  type SlaveMessage,
  sent,
  stepClock,
  unsent,
  wake,
} from '../../src/ptp/slave.ts';
import { WINDOW } from '../../src/ptp/syncs.ts';
import { tick } from '../../src/units.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import {
  type Asked,
  createRig,
  delayResp,
  FOLLOWING,
  followUp,
  localAt,
  MASTER,
  MS,
  masterTime,
  own,
  pdelayFollowUp,
  pdelayResp,
  protocolState,
  REMOTE,
  type Rig,
  S,
  sync,
  TAI,
} from '../ptp/slaverig.ts';
import { CAPTURED } from '../ptp/wire.ts';
import { createRandom, type Random } from './random.ts';

const test = suite('fuzz ptp slave');

const FUZZ_SEED = 20251123;
const ROUNDS = 100_000;

const LOCALS: [string, string] = ['198.51.100.1', '198.51.100.2'];
const ODD_IPS: [string, ...string[]] = [
  '',
  '0.0.0.0',
  '203.0.113.9',
  '::',
  '__proto__',
  '|',
  REMOTE,
];
const PATHS = LOCALS.map((localIp, n) => ({ remoteIp: REMOTE, localIp, identity: own(n) }));
const captures = Object.values(CAPTURED).map(fromHex);

/** Reasons found before anything of the message is kept. */
const EARLY = new Set<string>([
  'unknown-path',
  'wrong-address',
  'domain',
  'sdo',
  'not-parent',
  'alternate-master',
  'delay-mechanism',
  'requester',
  'unasked',
  'duplicate',
  'stale',
  'clock-step',
]);

function trueMessage(rig: Rig, random: Random): Message {
  const asked: Asked | undefined = rig.asked.at(-1 - random.below(4));
  const id = asked?.message.header.sequenceId ?? 0;
  const who =
    random.below(8) === 0 ? own(random.below(3)) : own(LOCALS.indexOf(asked?.from.ip ?? ''));
  const at = masterTime(rig.nowNs + random.below(MS));
  const syncId = Math.floor(rig.nowNs / (20 * MS)) & 0xffff;
  switch (random.below(6)) {
    case 0:
      return sync(syncId);
    case 1:
      return followUp(syncId, at);
    case 2:
      return sync(syncId, {}, at);
    case 3:
      return delayResp(id, who, at);
    case 4:
      return pdelayResp(id, who, at, { flags: { twoStep: random.below(2) === 0 } });
    default:
      return pdelayFollowUp(id, who, at);
  }
}

function datagramOf(rig: Rig, random: Random): Uint8Array {
  const kind = random.below(16);
  if (kind === 0) return random.bytes(random.below(100));
  if (kind === 1) return (captures[random.below(captures.length)] ?? new Uint8Array(0)).slice();
  const bytes = writeMessage(trueMessage(rig, random));
  if (kind < 8) return bytes;
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(bytes.length);
    const value = random.below(3) === 0 ? random.pick([0, 0xff, 0x80, 0x7f]) : random.below(256);
    bytes[at] = kind < 12 ? value : (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  return bytes;
}

/** What goes on besides datagrams. */
function act(rig: Rig, random: Random): void {
  rig.at(rig.nowNs + random.below(20 * MS));
  const kind = random.below(400);
  const path: PathKey = pathKey(REMOTE, random.pick(LOCALS));
  if (kind < 40) for (const one of rig.run(rig.nowNs)) stampLater(rig, one, random);
  if (kind === 41) wake(rig.slave, rig.nowNs, random.bytes(random.below(8)));
  if (kind === 42) stepClock(rig.slave);
  if (kind === 43) sent(rig.slave, random.below(1e6), localAt(rig.nowNs), rig.nowNs);
  if (kind === 44) rig.at(rig.nowNs + 10 * S);
  if (kind === 45) follow(rig.slave, path, null, rig.nowNs);
  if (kind >= 46 && kind < 50) {
    const logDelayInterval = random.below(5) === 0 ? null : random.below(6) - 6;
    follow(rig.slave, path, { ...FOLLOWING, logDelayInterval }, rig.nowNs);
  }
  if (kind >= 50 && kind < 60) hearTime(rig.slave, MASTER, TAI, rig.nowNs);
  if (rig.asked.length > 100) rig.asked.splice(0, 50);
  rig.outputs.length = 0;
}

function stampLater(rig: Rig, { context }: Asked, random: Random): void {
  if (random.below(8) === 0) unsent(rig.slave, context, 'EPERM');
  else if (random.below(8) > 0) sent(rig.slave, context, localAt(rig.nowNs), rig.nowNs);
}

/** What must hold of the outputs of one message. */
function complaint(outputs: readonly Output[], message: SlaveMessage): string | null {
  const { header } = message;
  for (const output of outputs) {
    if (output.type === 'transmit' || output.type === 'timer') return `a ${output.type}`;
    if (output.type !== 'oneway') continue;
    if (!samePort(header.sourcePortIdentity, MASTER)) return 'measured by a stranger';
    if (header.domainNumber !== 0 || header.flags.alternateMaster) return 'not ours';
    if (output.remoteNs >= 2n ** 63n || output.remoteNs < -(2n ** 63n)) return 'stamp beyond i64';
    if (output.correction >= 2n ** 63n || output.correction < -(2n ** 63n)) {
      return 'correction beyond i64';
    }
  }
  return null;
}

for (const delayMechanism of ['E2E', 'P2P'] as const) {
  test(`${delayMechanism}: ${ROUNDS} datagrams, no throw, no trace of rejects (SEC-11)`, () => {
    const random = createRandom(FUZZ_SEED);
    const rig = createRig({ delayMechanism }, PATHS, { ...FOLLOWING, logDelayInterval: -4 });
    rig.stamps = false;
    const counts: Record<string, number> = {};
    for (let round = 0; round < ROUNDS; round++) {
      act(rig, random);
      const bytes = datagramOf(rig, random);
      const message = readMessage(bytes);
      if (typeof message === 'string' || !isForSlave(message)) continue;
      const isOdd = random.below(16) === 0;
      const remote = { ip: isOdd ? random.pick(ODD_IPS) : REMOTE, port: 319 };
      const local = { ip: isOdd ? random.pick(ODD_IPS) : random.pick(LOCALS), port: 319 };
      const datagram = { bytes, remote, local, receivedAtNs: localAt(rig.nowNs) };
      const isWatched = round % 32 === 0;
      if (isWatched) for (const path of rig.slave.paths) tidy(rig.slave, path, rig.nowNs);
      const before = isWatched ? protocolState(rig.slave) : null;
      let outputs: Output[];
      try {
        outputs = hear(rig.slave, { message, datagram }, tick(rig.nowNs));
      } catch (error) {
        throw new Error(`seed ${FUZZ_SEED}, round ${round}: ${toHex(bytes)}`, { cause: error });
      }
      const wrong = complaint(outputs, message);
      if (wrong !== null) assert.unreachable(`round ${round}: ${toHex(bytes)}: ${wrong}`);
      for (const output of outputs) {
        const outcome = output.type === 'drop' ? output.reason : output.type;
        counts[outcome] = (counts[outcome] ?? 0) + 1;
      }
      const [only] = outputs;
      if (before === null || outputs.length !== 1 || only?.type !== 'drop') continue;
      const isSame = !EARLY.has(only.reason) || protocolState(rig.slave) === before;
      assert.ok(isSame, `round ${round}: ${toHex(bytes)}: ${only.reason} left a trace`);
    }
    const { paths, unstamped, times } = rig.slave;
    assert.ok(paths.every(({ syncs }) => syncs.entries.length <= 2 * WINDOW));
    assert.ok(
      paths.every(({ delays, pdelays }) => delays.sent.length + pdelays.sent.length <= 600),
    );
    assert.ok(Object.keys(unstamped).length <= 1200);
    assert.ok(Object.keys(times).length <= 1);
    const wanted = [...EARLY, 'oneway', 'path', 'unpaired', 'zero-timestamp', 'utc'];
    const missing = wanted.filter((outcome) => (counts[outcome] ?? 0) < 3);
    assert.equal(missing, [], JSON.stringify(counts));
  });
}

test.run();

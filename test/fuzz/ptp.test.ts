/**
 * A million datagrams of strangers for the PTP codec: mutated captures and plain noise (SEC-11,
 * BASE-B8). Nothing throws, and what is read is sound: it can be written, and then stays itself.
 * A failure prints the seed and the datagram; FUZZ_SEED in this file repeats it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readManagement } from '../../src/ptp/management.ts';
import { type Message, readMessage, writeMessage } from '../../src/ptp/message.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import { CAPTURED } from '../ptp/wire.ts';
import { createRandom, type Random } from './random.ts';

const test = suite('fuzz ptp');

const FUZZ_SEED = 20251122;
const ROUNDS = 1_000_000;
const TYPES = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13];
const TLV_TYPES: [number, ...number[]] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 0x4000, 0x8000, 0x8008, 0x2000,
];

const captures = Object.values(CAPTURED).map(fromHex);

function mutated(random: Random): Uint8Array {
  const kind = random.below(16);
  if (kind === 0) return random.bytes(random.below(140));
  const original = captures[random.below(captures.length)] ?? new Uint8Array(0);
  const bytes = original.slice();
  if (kind === 1) return bytes.subarray(0, random.below(bytes.length));
  if (kind < 6) return withTlvs(bytes, random);
  if (kind === 6) {
    bytes[0] = TYPES[random.below(TYPES.length)] ?? 0;
    return bytes;
  }
  if (kind === 7) {
    bytes[3] = (bytes[3] ?? 0) + random.below(9) - 4;
    return bytes;
  }
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(bytes.length);
    const value = random.below(3) === 0 ? random.pick([0, 0xff, 0x80]) : random.below(256);
    bytes[at] = kind < 12 ? value : (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  return bytes;
}

/** Appends TLVs of known types with right, wrong and impossible lengths. */
function withTlvs(bytes: Uint8Array, random: Random): Uint8Array {
  let longer = bytes;
  for (let count = 1 + random.below(3); count > 0; count--) {
    const value = random.bytes(random.below(20) * 2);
    const type = random.pick(TLV_TYPES);
    const length = random.below(8) === 0 ? random.below(256) : value.length;
    const next = new Uint8Array(longer.length + 4 + value.length);
    next.set(longer);
    next.set([type >> 8, type, 0, length], longer.length);
    next.set(value, longer.length + 4);
    longer = next;
  }
  const length = random.below(16) === 0 ? random.below(300) : longer.length;
  longer[2] = length >> 8;
  longer[3] = length;
  return longer;
}

/** What must hold of anything that was read. */
function complaint(message: Message, bytes: Uint8Array): string | null {
  const first = writeMessage(message);
  const again = readMessage(first);
  if (typeof again === 'string') return `written, it is ${again}`;
  if (toHex(writeMessage(again)) !== toHex(first)) return 'written twice, it changes';
  if (again.tlvs.length !== message.tlvs.length) return 'TLVs were lost';
  if (toHex(first.subarray(8, 34)) !== toHex(bytes.subarray(8, 34))) return 'its header changed';
  for (const tlv of message.tlvs) if (tlv.type === 'MANAGEMENT') readManagement(tlv);
  return null;
}

test(`${ROUNDS} datagrams: a message or a fault, never a throw (SEC-11)`, () => {
  const random = createRandom(FUZZ_SEED);
  const counts: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutated(random);
    let read: ReturnType<typeof readMessage>;
    let wrong: string | null = null;
    try {
      read = readMessage(bytes);
      if (typeof read !== 'string' && round % 8 === 0) wrong = complaint(read, bytes);
    } catch (error) {
      throw new Error(`seed ${FUZZ_SEED}, round ${round}: ${toHex(bytes)} threw`, { cause: error });
    }
    if (wrong !== null) {
      assert.unreachable(`seed ${FUZZ_SEED}, round ${round}: ${toHex(bytes)}: ${wrong}`);
    }
    const outcome = typeof read === 'string' ? read : read.type;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  const faults = ['short', 'version', 'message-type', 'length', 'timestamp', 'action', 'tlv'];
  for (const fault of faults) {
    assert.ok((counts[fault] ?? 0) > ROUNDS / 2000, `${counts[fault]} ${fault}: a blunt fuzzer`);
  }
  const refused = faults.reduce((sum, fault) => sum + (counts[fault] ?? 0), 0);
  assert.ok(refused > ROUNDS / 4 && refused < (ROUNDS * 3) / 4, `${refused} refused`);
  assert.is(Object.keys(counts).length, faults.length + TYPES.length);
});

test.run();

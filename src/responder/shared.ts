/**
 * What the server's threads share: whether to stop, what to say about the clock, and what each has
 * counted. A worker that waits in the kernel takes no messages, so this is memory.
 */
import { type DropReason, type Drops, noDrops } from '../machine.ts';
import type { Source } from '../ntp/server.ts';
import { stamp } from '../units.ts';
import { COUNTS } from './responder.ts';

/** One worker's counts, from its responder and from its machine for interleaved mode. */
export interface Tally {
  received: number;
  answered: number;
  interleaved: number;
  kisses: number;
  drops: Drops;
}

export interface Shared {
  readonly buffer: SharedArrayBuffer;
  isStopping(): boolean;
  stop(): void;
  /** Written by one thread, the owner. */
  writeSource(source: Source, epochS: number): void;
  /** The source if it changed since the last call, and is not being written right now. */
  readSource(epochS: number): Source | null;
  /** By worker `n`: its responder's counts, then answers and interleaved answers of its machine. */
  publish(n: number, counts: Float64Array, answered: number, interleaved: number): void;
  tallyOf(n: number): Tally;
}

// Int32 words
const STOP = 0;
const SERIAL = 1; // odd while the source is being written
// Bytes
const SOURCE_AT = 64;
const SOURCE_SLOTS = 12;
const TALLIES_AT = 256;
const TALLY_SLOTS = 32;
// Slots of a tally behind the responder's
const ANSWERED = COUNTS.length;
const INTERLEAVED = ANSWERED + 1;

const REASONS = [
  'short',
  'malformed',
  'version',
  'mode',
  'unknown-port',
  'denied',
  'rate-limited',
] as const satisfies readonly (DropReason & (typeof COUNTS)[number])[];

export const makeShared = (workers: number): Shared =>
  openShared(new SharedArrayBuffer(TALLIES_AT + 8 * TALLY_SLOTS * workers));

export function openShared(buffer: SharedArrayBuffer): Shared {
  const words = new Int32Array(buffer, 0, 16);
  const source = new Float64Array(buffer, SOURCE_AT, SOURCE_SLOTS);
  const slotsOf = (n: number) =>
    new Float64Array(buffer, TALLIES_AT + 8 * TALLY_SLOTS * n, TALLY_SLOTS);
  let own: { n: number; slots: Float64Array } | null = null;
  let serial = 0;
  return {
    buffer,
    isStopping: () => Atomics.load(words, STOP) !== 0,
    stop: () => void Atomics.store(words, STOP, 1),
    writeSource(next, epochS) {
      Atomics.add(words, SERIAL, 1);
      source.set(numbersOf(next, epochS));
      Atomics.add(words, SERIAL, 1);
    },
    readSource(epochS) {
      const before = Atomics.load(words, SERIAL);
      if (before === serial || (before & 1) !== 0) return null;
      const numbers = source.slice();
      if (Atomics.load(words, SERIAL) !== before) return null;
      serial = before;
      return sourceOf(numbers, epochS);
    },
    publish(n, counts, answered, interleaved) {
      if (own?.n !== n) own = { n, slots: slotsOf(n) };
      own.slots.set(counts);
      own.slots[ANSWERED] = answered;
      own.slots[INTERLEAVED] = interleaved;
    },
    tallyOf(n) {
      const slots = slotsOf(n);
      const count = (name: (typeof COUNTS)[number]) => slots[COUNTS.indexOf(name)] ?? 0;
      const drops = noDrops();
      for (const reason of REASONS) drops[reason] = count(reason);
      return {
        received: count('received'),
        answered: count('answered') + (slots[ANSWERED] ?? 0),
        interleaved: slots[INTERLEAVED] ?? 0,
        kisses: count('kisses'),
        drops,
      };
    },
  };
}

/** The reference time goes as Unix time: threads count from seconds of their own. */
function numbersOf(source: Source, epochS: number): number[] {
  const { leap, stratum, rootDelayS, rootDispersionS, refid, precisionLog2S, referenceNs } = source;
  const words = [leap, stratum, rootDelayS, rootDispersionS, ...Array.from(refid), precisionLog2S];
  return [...words, referenceNs === null ? 0 : 1, epochS, referenceNs ?? 0];
}

function sourceOf(numbers: Float64Array, epochS: number): Source {
  const at = (slot: number) => numbers[slot] ?? 0;
  return {
    leap: at(0) as Source['leap'],
    stratum: at(1),
    rootDelayS: at(2),
    rootDispersionS: at(3),
    refid: Array.from(numbers.subarray(4, 8)),
    precisionLog2S: at(8),
    referenceNs: at(9) === 0 ? null : stamp((at(10) - epochS) * 1e9 + at(11)),
  };
}

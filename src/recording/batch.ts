/**
 * Collects records and feeds them to one or several cores. Results do not depend on where batches
 * are split, so it may be drained at any time.
 */
import type { Core } from '../core.ts';
import { RECORD_BYTES } from './blocks.ts';
import type { RecordSlot } from './jsonlines.ts';
import { RECORD_LOCAL } from './record.ts';
import type { Tally } from './tally.ts';

export interface BatchOptions {
  readonly cores: readonly Core[];
  /** One for each core. */
  readonly tallies: readonly Tally[];
  /** Truth counts from so long after the first exchange, s. */
  readonly settleS: number;
  /** The first core took these `count` records; its result rows are there. */
  onRows?(records: DataView, count: number, truths: Float64Array): void;
}

/** An i64 of Unix ns in two words. */
export interface Time64 {
  readonly high: number;
  readonly low: number;
}

export interface Batch extends RecordSlot {
  /** Bytes of the records; the next one goes to `record`. */
  readonly bytes: Uint8Array;
  /** Gives the cores all that is collected. */
  drain(): void;
  readonly exchanges: number;
  /** Local receive of the first and of the newest exchange; null if there are none. */
  readonly first: Time64 | null;
  readonly last: Time64 | null;
}

const WORD = 4294967296; // 2^32

/** Seconds from a to b; the difference is taken exactly. */
export const spanS = (a: Time64, b: Time64): number =>
  ((b.high - a.high) * WORD + (b.low - a.low)) / 1e9;

export function createBatch(options: BatchOptions): Batch {
  const { cores, tallies, settleS } = options;
  const size = Math.min(...cores.map((core) => core.maxBatch));
  const bytes = new Uint8Array(size * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  const inputs = cores.map(({ records }) => new Uint8Array(records.buffer, records.byteOffset));
  const truths = new Float64Array(size);
  let count = 0;
  let record = 0;
  let exchanges = 0;
  let firstHigh = 0;
  let firstLow = 0;
  let lastHigh = 0;
  let lastLow = 0;

  function drain(): void {
    if (count === 0) return;
    for (let k = 0; k < cores.length; k++) {
      inputs[k]?.set(bytes.subarray(0, record));
      cores[k]?.ingest(count);
      tallies[k]?.add(count, truths);
      if (k === 0) options.onRows?.(view, count, truths);
    }
    exchanges += count;
    count = 0;
    record = 0;
  }

  function commit(truthS: number): void {
    const low = view.getUint32(record + RECORD_LOCAL, true);
    const high = view.getInt32(record + RECORD_LOCAL + 4, true);
    if (exchanges + count === 0) {
      firstHigh = lastHigh = high;
      firstLow = lastLow = low;
    } else if (high > lastHigh || (high === lastHigh && low > lastLow)) {
      lastHigh = high;
      lastLow = low;
    }
    const elapsedS = ((high - firstHigh) * WORD + (low - firstLow)) / 1e9;
    truths[count] = elapsedS >= settleS ? truthS : Number.NaN;
    record += RECORD_BYTES;
    if (++count === size) drain();
  }

  const time = (high: number, low: number) => (exchanges + count === 0 ? null : { high, low });
  return {
    bytes,
    view,
    get record() {
      return record;
    },
    commit,
    drain,
    get exchanges() {
      return exchanges + count;
    },
    get first() {
      return time(firstHigh, firstLow);
    },
    get last() {
      return time(lastHigh, lastLow);
    },
  };
}

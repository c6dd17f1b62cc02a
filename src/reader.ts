/** Samples for whoever reads them at leisure: a queue that drops the oldest. */
import type { Sample } from './ensemble.ts';

/** A slow reader loses the oldest samples beyond this many. */
const QUEUE = 1024;

interface Reader extends AsyncIterableIterator<Sample> {
  push(sample: Sample): void;
  end(): void;
}

/** All readers of one clock. */
export interface Readers {
  /** For each that reads now. */
  push(sample: Sample): void;
  /** One more. */
  open(): AsyncIterableIterator<Sample>;
  /** No more samples: all end, and whoever comes later at once. */
  end(): void;
}

export function createReaders(): Readers {
  const readers = new Set<Reader>();
  let isEnded = false;
  return {
    push(sample) {
      for (const reader of readers) reader.push(sample);
    },
    open() {
      const reader = createReader(() => readers.delete(reader));
      if (isEnded) reader.end();
      else readers.add(reader);
      return reader;
    },
    end() {
      isEnded = true;
      for (const reader of readers) reader.end();
    },
  };
}

/** @param onEnd called when the reader stops reading */
function createReader(onEnd: () => void): Reader {
  const queue: Sample[] = [];
  const waiting: ((result: IteratorResult<Sample>) => void)[] = [];
  let ended = false;
  const reader: Reader = {
    push(sample) {
      const waiter = waiting.shift();
      if (waiter !== undefined) return waiter({ done: false, value: sample });
      if (queue.push(sample) > QUEUE) queue.shift();
    },
    end() {
      ended = true;
      for (const waiter of waiting.splice(0)) waiter({ done: true, value: undefined });
    },
    next() {
      const value = queue.shift();
      if (value !== undefined) return Promise.resolve({ done: false, value });
      if (ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => waiting.push(resolve));
    },
    return() {
      reader.end();
      onEnd();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => reader,
  };
  return reader;
}

/** The core's side of the cases: whole passes of a world through a core, and what came out. */

import scalarBytes from '../build/core.scalar.wasm';
import { type CombinerName, type Core, createCore } from '../src/core.ts';
import type { FourStamps } from '../test/twin/exchange.ts';
import { EPOCH_S, type Exchange, recordsOf, repliesOf } from './world.ts';

const CLOCK_REST_SLOT = 2;
const PIECE = 256;

/** Something that takes a world's exchanges, a piece at a time, over and over. */
export interface Feed {
  /** Exchanges of one step. */
  readonly operations: number;
  /** Takes the next piece; after the last one it starts over. Returns a number from the results. */
  step(): number;
  /** Starts over and takes all. Returns what the last step does. */
  pass(): number;
}

export interface CoreFeed extends Feed {
  readonly core: Core;
}

export interface FeedOptions {
  readonly paths: number;
  readonly combiner?: CombinerName;
  readonly build?: 'simd' | 'scalar';
}

export interface Taker {
  /** Forgets everything. */
  start(): void;
  /** Takes the exchanges from..to. */
  take(from: number, to: number): void;
  end(): number;
}

/** Pieces are short so that the slow cases, too, can be measured between two preemptions. */
export function feedPieces({ start, take, end }: Taker, count: number, operations: number): Feed {
  if (count % operations !== 0) throw new Error(`${count} exchanges in pieces of ${operations}`);
  let at = 0;
  function step(): number {
    if (at === 0) start();
    take(at, at + operations);
    at = (at + operations) % count;
    return end();
  }
  return {
    operations,
    step,
    pass() {
      at = 0;
      let last = step();
      while (at !== 0) last = step();
      return last;
    },
  };
}

function fresh({ paths, combiner = 'kalman', build = 'simd' }: FeedOptions) {
  const core = createCore({ combiner, ...(build === 'scalar' ? { module: scalarBytes } : {}) });
  const clock = new Float64Array(core.exports.memory.buffer, core.exports.CLOCK.value, 4);
  return {
    core,
    start(): void {
      core.reset();
      for (let path = 0; path < paths; path++) core.openPath();
    },
    end: (): number => clock[CLOCK_REST_SLOT] ?? 0,
  };
}

/** Copies batches of records in and has them taken, with result rows (ingest) or without. */
export function feedBatches(
  options: FeedOptions & { readonly method: 'absorb' | 'ingest' },
  records: Uint8Array,
  onRows?: (results: Float64Array, first: number) => void,
): CoreFeed {
  const { core, start, end } = fresh(options);
  const { method } = options;
  const { recordBytes, maxBatch, resultSlots } = core;
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  function take(from: number, to: number): void {
    input.set(records.subarray(from * recordBytes, to * recordBytes));
    if (method === 'ingest') core.ingest(to - from);
    else core.absorb(to - from);
    onRows?.(core.results.subarray(0, (to - from) * resultSlots), from);
  }
  return { core, ...feedPieces({ start, take, end }, records.length / recordBytes, maxBatch) };
}

/** One call per packet, as a client does on receipt. */
export function feedPackets(options: FeedOptions, exchanges: readonly Exchange[]): CoreFeed {
  const { core, start, end } = fresh(options);
  const replies = repliesOf(exchanges);
  function take(from: number, to: number): void {
    for (let k = from; k < to; k++) {
      const exchange = exchanges[k];
      const reply = replies[k];
      if (exchange === undefined || reply === undefined) continue;
      core.ntpExchange(exchange.path, reply, EPOCH_S, exchange.t1, exchange.t4);
    }
  }
  return { core, ...feedPieces({ start, take, end }, exchanges.length, PIECE) };
}

/** One call per one-way measurement, as a PTP clock does on receipt. */
export function feedOneWays(options: FeedOptions, exchanges: readonly Exchange[]): CoreFeed {
  const { core, start, end } = fresh(options);
  const unix = (ns: number) => BigInt(EPOCH_S) * 1_000_000_000n + BigInt(ns);
  const ways = exchanges.flatMap(({ path, t1, t2, t3, t4 }) => [
    { path, direction: 'reverse', remoteNs: unix(t2), localNs: t1 } as const,
    { path, direction: 'forward', remoteNs: unix(t3), localNs: t4 } as const,
  ]);
  function take(from: number, to: number): void {
    for (let k = from; k < to; k++) {
      const way = ways[k];
      if (way === undefined) continue;
      core.oneWay(way.path, way.direction, way.remoteNs, EPOCH_S, way.localNs, 0n);
    }
  }
  return { core, ...feedPieces({ start, take, end }, ways.length, PIECE) };
}

/** The call that does nothing: what crossing the boundary costs. */
export function feedNothing(): Feed {
  const { core } = fresh({ paths: 0 });
  let sum = 0;
  return feedPieces(
    {
      start() {
        sum = 0;
      },
      take(from, to) {
        for (let k = from; k < to; k++) sum += core.exports.absorb(0);
      },
      end: () => sum,
    },
    PIECE,
    PIECE,
  );
}

/** All result rows of one pass, one after another. */
export function rowsOf(options: FeedOptions, records: Uint8Array): Float64Array {
  let rows: Float64Array | null = null;
  const feed = feedBatches({ ...options, method: 'ingest' }, records, (results, first) => {
    rows ??= new Float64Array((records.length / feed.core.recordBytes) * feed.core.resultSlots);
    rows.set(results, first * feed.core.resultSlots);
  });
  feed.pass();
  return rows ?? new Float64Array(0);
}

/** The exchange as the twin takes it. */
export const stampsOf = ({ t1, t2, t3, t4 }: Exchange): FourStamps => {
  const unix = (ns: number) => BigInt(EPOCH_S) * 1_000_000_000n + BigInt(ns);
  return { t1: unix(t1), t2: unix(t2), t3: unix(t3), t4: unix(t4) };
};

export const recordsFor = (exchanges: readonly Exchange[]): Uint8Array =>
  recordsOf(createCore(), exchanges);

/** FNV-1a over the bits of numbers, 8 hex digits. */
export function hash(...parts: readonly Float64Array[]): string {
  let state = 0x811c9dc5;
  for (const part of parts) {
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  }
  return state.toString(16).padStart(8, '0');
}

/** One-way runs for tests: worlds with delay laws as functions, records and streams of spans. */
import type { Core } from '../../src/core.ts';
import { RECORD_BYTES } from '../../src/recording/blocks.ts';
import {
  KIND_FORWARD,
  KIND_REVERSE,
  RECORD_CORRECTION,
  RECORD_LOCAL,
  RECORD_REMOTE,
  setHead,
} from '../../src/recording/record.ts';
import { namedScenario } from '../../src/sim/named.ts';
import type { OneWay, Scenario } from '../../src/sim/scenario.ts';
import { type Trace, traceOf } from '../../src/sim/trace.ts';

export interface OneWayRecord {
  readonly path: number;
  readonly direction: 'forward' | 'reverse';
  /** Unix ns. */
  readonly remote: bigint;
  readonly local: bigint;
  /** 2^-16 ns. */
  readonly correction: bigint;
}

/** Writes a record at byte `at`. */
export function putOneWay(view: DataView, at: number, record: OneWayRecord): void {
  setHead(view, at, record.path, record.direction === 'forward' ? KIND_FORWARD : KIND_REVERSE);
  view.setBigInt64(at + 8, 0n, true);
  view.setBigInt64(at + RECORD_CORRECTION, record.correction, true);
  view.setBigInt64(at + RECORD_REMOTE, record.remote, true);
  view.setBigInt64(at + RECORD_LOCAL, record.local, true);
}

/** `forward:reverse` in seconds. */
export const rates = (forwardS: number, reverseS: number, residenceS = 0): OneWay => ({
  forwardS,
  reverseS,
  residenceS,
});

/** A named scenario, in exchanges or one way at a time. */
export function trace(
  name: string,
  paths: number,
  seed: number,
  change: Partial<Scenario> = {},
): Trace {
  return traceOf({ ...namedScenario(name, paths), ...change }, seed);
}

/** What a row of results says, with what is true. */
export interface Row {
  readonly index: number;
  readonly at: number;
  readonly truth: number;
  /** offset − truth, s; NaN while there is no clock. */
  readonly error: number;
}

/** Feeds records `from` … `to` − 1 of a trace one by one. */
export function follow(
  core: Core,
  { records, truthS, atS }: Trace,
  each: (row: Row) => void,
  from = 0,
  to = truthS.length,
): void {
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  for (let index = from; index < to; index++) {
    input.set(records.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES));
    core.ingest(1);
    const [at = 0, truth = 0] = [atS[index], truthS[index]];
    const valid = core.results[1] !== 0;
    const error = valid ? (core.results[2] ?? 0) - truth : Number.NaN;
    each({ index, at, truth, error });
  }
}

/** Rms error from `settleS` on, s. */
export function rms(core: Core, run: Trace, settleS: number): number {
  let squares = 0;
  let count = 0;
  follow(core, run, ({ at, error }) => {
    if (at < settleS) return;
    squares += error * error;
    count++;
  });
  return Math.sqrt(squares / count);
}

/**
 * Feeds recordings, in either form, through one or several cores. Host-free: bytes come in as async
 * iterables, in pieces of any size; memory stays constant however long a recording is.
 */
import {
  type BatchResult,
  type Core,
  PATH_STATES,
  type PathState,
  STATUSES,
  type Status,
} from '../core.ts';
import { createEnsemble } from '../ensemble.ts';
import { ConfigError } from '../errors.ts';
import { type ClockEvent, createEventWatch } from '../events.ts';
import type { PathKey } from '../path.ts';
import { createBatch, spanS, type Time64 } from './batch.ts';
import { RECORD_BYTES, type RecordingEvent, type RecordingHeader } from './blocks.ts';
import { detectForm } from './detect.ts';
import { createLineReader } from './jsonlines.ts';
import { type ByteSink, createRecordingReader } from './reader.ts';
import {
  getUnixNs,
  KIND_FORWARD,
  KIND_REVERSE,
  kindOf,
  RECORD_KIND,
  RECORD_LOCAL,
  RECORD_PATH,
} from './record.ts';
import { type CombinerTally, createTally, RESULT } from './tally.ts';

/** A line (or block of a binary recording) that could not be used. */
export interface BadLine {
  readonly file: string;
  /** From 1; in a binary recording the number of the block. */
  readonly line: number;
  /** One clause, no trailing full stop. */
  readonly reason: string;
}

/** One record and the clock of the first core after it. The object is only valid in the call. */
export interface ReplayResult extends Omit<BatchResult, 'pathOffsetS'> {
  readonly path: PathKey;
  readonly kind: 'exchange' | 'forward' | 'reverse';
  /** Its newest local time, Unix: whole seconds and ns, `0 <= ns < 10^9`. */
  readonly seconds: number;
  readonly ns: number;
}

export interface ReplayOptions {
  /** One per combiner, each fresh: no paths open. The first one gives the results. */
  readonly cores: readonly [Core, ...Core[]];
  /** Truth counts from so long after the first exchange. (s, default 0) */
  readonly settleS?: number;
  /** Stop at the first bad line. (default false) */
  readonly strict?: boolean;
  onBadLine?(bad: BadLine): void;
  onResult?(result: ReplayResult): void;
  /** Headers and events of binary recordings. */
  onHeader?(header: RecordingHeader): void;
  onEvent?(event: RecordingEvent): void;
  /** What the first core finds out in this replay; after the result of the exchange that told it. */
  onClockEvent?(event: ClockEvent): void;
}

export interface ReplaySummary {
  readonly files: number;
  /** Exchanges and one-way measurements given to the cores. */
  readonly exchanges: number;
  /** Lines, blocks or exchanges of a block that could not be used. */
  readonly badLines: number;
  /** Paths opened. */
  readonly paths: number;
  /** Local receive of the first and of the newest exchange. */
  readonly first: Time64 | null;
  readonly last: Time64 | null;
  readonly spanS: number;
  /** The bad line a strict replay stopped at. */
  readonly stoppedAt: BadLine | null;
  /** One per core, in their order. */
  readonly combiners: readonly CombinerTally[];
}

export interface Replay {
  /** Reads one file to its end, or to its first bad line if strict. */
  read(fileName: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Everything so far. */
  summary(): ReplaySummary;
}

/** Replays one recording. For several, one after another into the same cores: createReplay. */
export async function replay(
  chunks: AsyncIterable<Uint8Array>,
  options: ReplayOptions & { readonly fileName: string },
): Promise<ReplaySummary> {
  const run = createReplay(options);
  await run.read(options.fileName, chunks);
  return run.summary();
}

function kindText(kind: number): ReplayResult['kind'] {
  if (kind === KIND_FORWARD) return 'forward';
  return kind === KIND_REVERSE ? 'reverse' : 'exchange';
}

/** @throws ConfigError if settleS is not a span */
export function createReplay(options: ReplayOptions): Replay {
  const { cores, settleS = 0, strict = false } = options;
  if (!(settleS >= 0)) throw new ConfigError('settleS', 'seconds >= 0', settleS);
  const tallies = cores.map(createTally);
  const ensemble = createEnsemble(cores, 0);
  const open = new Map<PathKey, number>();
  const keys: PathKey[] = [];
  const [{ maxPaths, results, resultSlots }] = cores;
  let opened = 0;
  let badLines = 0;
  let files = 0;
  let stoppedAt: BadLine | null = null;
  const { onResult, onClockEvent } = options;
  const watch = onClockEvent === undefined ? null : createEventWatch(onClockEvent);
  let given = 0; // exchanges the first core was given
  const batch = createBatch({
    cores,
    tallies,
    settleS,
    ...(onResult === undefined && watch === null ? {} : { onRows: tell }),
  });

  function openPath(key: PathKey): number | string {
    const known = open.get(key);
    if (known !== undefined) return known;
    if (open.size >= maxPaths) return `more than ${maxPaths} paths: no room for ${key}`;
    batch.drain(); // the cores know a path from here on
    const index = ensemble.open(key);
    open.set(key, index);
    keys[index] = key;
    opened++;
    return index;
  }

  function closePath(key: PathKey): void {
    batch.drain();
    ensemble.close(key);
    watch?.forget(key);
    open.delete(key);
  }

  /** Results and events of a batch, in the order of its exchanges. */
  function tell(view: DataView, count: number): void {
    const verdicts = watch === null ? [] : cores[0].takeVerdicts();
    let next = 0;
    // events alone need to be brought up to the last exchange only
    for (let k = onResult === undefined ? count - 1 : 0; k < count; k++) {
      const { seconds, ns } = getUnixNs(view, k * RECORD_BYTES + RECORD_LOCAL);
      if (onResult !== undefined) onResult(resultAt(view, k, seconds, ns));
      if (watch === null) continue;
      for (let v = verdicts[next]; v !== undefined && v.order <= given + k + 1; ) {
        watch.take(v, v.about === 'path' ? keys[v.path] : undefined);
        v = verdicts[++next];
      }
      watch.advance(seconds + ns / 1e9);
    }
    given += count;
  }

  function resultAt(view: DataView, k: number, seconds: number, ns: number): ReplayResult {
    const row = k * resultSlots;
    const slot = (name: keyof typeof RESULT) => results[row + RESULT[name]] as number;
    return {
      path: keys[view.getUint32(k * RECORD_BYTES + RECORD_PATH, true)] as PathKey,
      kind: kindText(kindOf(view.getUint32(k * RECORD_BYTES + RECORD_KIND, true))),
      seconds,
      ns,
      status: STATUSES[slot('status')] as Status,
      valid: slot('valid') !== 0,
      offsetS: slot('offsetS'),
      uncertaintyS: slot('uncertaintyS'),
      causalEarliestS: slot('causalEarliestS'),
      causalLatestS: slot('causalLatestS'),
      earliestS: slot('earliestS'),
      latestS: slot('latestS'),
      frequency: slot('frequency'),
      pathState: PATH_STATES[slot('pathState')] as PathState,
    };
  }

  function reader(file: string, form: 'msgpack' | 'jsonlines'): ByteSink {
    const onBadLine = (line: number, reason: string): boolean => {
      if (stoppedAt !== null) return false;
      const bad = { file, line, reason };
      badLines++;
      if (strict) stoppedAt = bad;
      options.onBadLine?.(bad);
      return !strict;
    };
    return form === 'jsonlines'
      ? createLineReader({ slot: batch, openPath, onBadLine })
      : blockReader(onBadLine);
  }

  function blockReader(onBad: (block: number, reason: string) => boolean): ByteSink {
    /** The recording's path numbers to the cores' indices, or why there is none. */
    const paths = new Map<number, number | string>();
    return createRecordingReader({
      onProblem: ({ block, reason }) => onBad(block, reason),
      ...(options.onHeader === undefined ? {} : { onHeader: options.onHeader }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
      onPath(path, key, block) {
        if (stoppedAt !== null) return;
        const index = openPath(key);
        paths.set(path, index);
        if (typeof index === 'string') onBad(block, index);
      },
      onPathClosed(path) {
        const index = paths.get(path);
        const key = typeof index === 'number' ? keys[index] : undefined;
        if (key !== undefined && stoppedAt === null) closePath(key);
        // a strange recording may know the same path by two numbers
        for (const [other, at] of paths) if (other === path || at === index) paths.delete(other);
      },
      onExchanges(records, truth, block) {
        const from = new DataView(records.buffer, records.byteOffset, records.length);
        for (
          let at = 0, k = 0;
          at < records.length && stoppedAt === null;
          at += RECORD_BYTES, k++
        ) {
          const path = from.getUint32(at + RECORD_PATH, true);
          const index = paths.get(path) ?? `path ${path} was not declared`;
          const kind = kindOf(from.getUint32(at + RECORD_KIND, true));
          if (typeof index === 'string') onBad(block, index);
          else if (kind > KIND_REVERSE) onBad(block, `exchange of unknown kind ${kind}`);
          else {
            batch.bytes.set(records.subarray(at, at + RECORD_BYTES), batch.record);
            batch.view.setUint32(batch.record + RECORD_PATH, index, true);
            batch.commit(truth === null ? Number.NaN : truth.getFloat64(k * 8, true));
          }
        }
      },
    });
  }

  return {
    async read(fileName, chunks) {
      if (stoppedAt !== null) return;
      files++;
      let sink: ByteSink | null = null;
      for await (const chunk of chunks) {
        if (chunk.length === 0) continue;
        sink ??= reader(fileName, detectForm(chunk));
        sink.push(chunk);
        batch.drain();
        if (stoppedAt !== null) return;
      }
      sink?.end();
      batch.drain();
    },
    summary: () => ({
      files,
      exchanges: batch.exchanges,
      badLines,
      paths: opened,
      first: batch.first,
      last: batch.last,
      spanS: batch.first === null || batch.last === null ? 0 : spanS(batch.first, batch.last),
      stoppedAt,
      combiners: tallies.map((tally) => tally.report()),
    }),
  };
}

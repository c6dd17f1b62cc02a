/**
 * Replay throughput: one seeded recording of 1,000,000 exchanges over 8 paths in both forms,
 * replayed from files through a combiner. Prints exchanges/s (median of the rounds) and memory.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type CombinerName, createCore } from '../src/core.ts';
import { pathKey } from '../src/path.ts';
import { exchangeLine, headerLine } from '../src/recording/jsonout.ts';
import { KIND_UNIX, setHead, setUnixNs } from '../src/recording/record.ts';
import { type ReplaySummary, replay } from '../src/recording/replay.ts';
import { createRecordingWriter } from '../src/recording/writer.ts';
import { exponential, normal, seeded } from '../test/sim/random.ts';

const EPOCH_S = 1_763_600_000;
const PATHS = 8;
const SPACING_S = 1 / PATHS;
const PIECE_BYTES = 256 * 1024;

export interface ReplayBenchOptions {
  readonly exchanges?: number;
  readonly rounds?: number;
  readonly combiner?: CombinerName;
  /** Where the recordings go for the time of the bench. Default: the system's place. */
  readonly directory?: string;
}

export interface ReplayFigures {
  readonly form: 'msgpack' | 'jsonlines';
  readonly exchangesPerS: number;
  readonly megabytes: number;
  /** Highest resident set while replaying, over the one before, bytes. */
  readonly grownBytes: number;
  readonly summary: ReplaySummary;
}

/** Runs the bench, prints one line per form, and returns the figures. */
export async function replayBench(options: ReplayBenchOptions = {}): Promise<ReplayFigures[]> {
  const { exchanges = 1_000_000, rounds = 3, combiner = 'kalman' } = options;
  const directory = await mkdtemp(join(options.directory ?? tmpdir(), 'clockbraid-replay-'));
  try {
    const files = {
      msgpack: join(directory, 'a.recording'),
      jsonlines: join(directory, 'a.jsonl'),
    } as const;
    await record(exchanges, files.msgpack, files.jsonlines);
    const all: ReplayFigures[] = [];
    for (const form of ['msgpack', 'jsonlines'] as const) {
      const runs: ReplayFigures[] = [];
      for (let k = 0; k < rounds; k++) runs.push(await run(form, files[form], exchanges, combiner));
      runs.sort((a, b) => a.exchangesPerS - b.exchangesPerS);
      const middle = runs[rounds >> 1];
      if (middle === undefined) continue;
      all.push(middle);
      const best = runs[rounds - 1] ?? middle;
      console.log(
        `replay ${form.padEnd(9)} ${combiner}: ${rate(middle)} exchanges/s (best ${rate(best)}), ` +
          `${middle.megabytes.toFixed(0)} MB file, +${(middle.grownBytes / 1e6).toFixed(1)} MB resident`,
      );
    }
    return all;
  } finally {
    await rm(directory, { recursive: true });
  }
}

const rate = ({ exchangesPerS }: ReplayFigures) => Math.round(exchangesPerS).toLocaleString('en');

async function run(
  form: ReplayFigures['form'],
  file: string,
  exchanges: number,
  combiner: CombinerName,
): Promise<ReplayFigures> {
  const before = process.memoryUsage().rss;
  let peak = before;
  let bytes = 0;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of createReadStream(file, { highWaterMark: PIECE_BYTES })) {
      const { rss } = process.memoryUsage();
      if (rss > peak) peak = rss;
      bytes += (piece as Uint8Array).length;
      yield piece as Uint8Array;
    }
  }
  const started = performance.now();
  const summary = await replay(pieces(), {
    fileName: file,
    cores: [createCore({ combiner })],
    settleS: 600,
  });
  const tookS = (performance.now() - started) / 1e3;
  if (summary.exchanges !== exchanges || summary.badLines !== 0) {
    throw new Error(`replay lost exchanges: ${JSON.stringify(summary)}`);
  }
  return {
    form,
    exchangesPerS: exchanges / tookS,
    megabytes: bytes / 1e6,
    grownBytes: peak - before,
    summary,
  };
}

/** Writes the same seeded exchanges to both files, a little at a time. */
async function record(exchanges: number, binary: string, lines: string): Promise<void> {
  const binaryFile = await open(binary, 'w');
  const linesFile = await open(lines, 'w');
  const writer = createRecordingWriter({
    created: '2025-11-20T00:53:20Z',
    runtime: 'bench',
    combiner: 'kalman',
    epochS: EPOCH_S,
  });
  const keys = Array.from({ length: PATHS }, (_, k) =>
    pathKey(`192.0.2.${1 + (k >> 1)}`, `198.51.100.${1 + (k & 1)}`),
  );
  const random = seeded(1);
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  let text = `${headerLine()}\n`;
  let frequency = 1e-5;
  let behindS = 0.01;
  for (let n = 0; n < exchanges; n++) {
    const k = n % PATHS;
    const at = n * SPACING_S;
    frequency += 1e-10 * normal(random);
    behindS += frequency * SPACING_S;
    const out = 5e-3 + 1e-3 * (1 + k) * exponential(random);
    const back = 5e-3 + 1e-3 * (1 + k) * exponential(random);
    const ns = (s: number) => Math.round((at + s) * 1e9);
    setHead(view, 0, k, KIND_UNIX);
    setUnixNs(view, 8, EPOCH_S, ns(-out));
    setUnixNs(view, 16, EPOCH_S, ns(behindS));
    setUnixNs(view, 24, EPOCH_S, ns(behindS + 20e-6));
    setUnixNs(view, 32, EPOCH_S, ns(20e-6 + back));
    const key = keys[k] ?? pathKey('', '');
    writer.exchange(key, bytes, behindS);
    text += `${exchangeLine(key, view, 0, behindS)}\n`;
    if (n % 4096 === 4095 || n === exchanges - 1) {
      await binaryFile.write(writer.flush());
      await linesFile.write(text);
      text = '';
    }
  }
  await binaryFile.close();
  await linesFile.close();
}

/**
 * What `bench native` has computed on both sides: the inputs, seeded, as bytes that wasm memory and
 * the C process take as they are. Only + − × ÷ and rounding, so that every runtime makes the same.
 */
import type { Core } from '../src/core.ts';
import { seeded } from '../src/demo/random.ts';
import { joined } from '../src/ptp/octets.ts';
import { exchangesOver, ntpRecordsOf } from './world.ts';

/** What a job does; the numbers are main.c's. */
export const JOB_KINDS = { measureDivided: 0, measureRounded: 1, select: 2, joint: 3 } as const;
export type JobKind = keyof typeof JOB_KINDS;

export interface Job {
  readonly kind: JobKind;
  /** Records · sets of intervals · paths. */
  readonly a: number;
  /** – · intervals of a set · steps. */
  readonly b: number;
  /** Passes take turns through so many inputs, so that no branch predictor learns one by heart. */
  readonly blocks: number;
  /** All inputs, one after another. */
  readonly input: Uint8Array;
  /** f64s that come out of one block. */
  readonly results: number;
}

export const RECORDS = 2048;
export const SET_SIZES = [8, 16, 64] as const;
export const JOINT_PATHS = 8;
export const JOINT_STEPS = 2048;
/** Intervals of a block: about as many as the core's RECORDS hold. */
const INTERVALS = 4096;
const INTERVAL_BLOCKS = 16;
const SEED = 2026;
const PATHS = 8;
/** status, offset, delay · found, low, high, members · θ, ω and their covariance. */
export const MEASURED_SLOTS = 3;
export const SELECTED_SLOTS = 4;
export const JOINT_SLOTS = 5;

/** NTP stamps on the wire: a batch of records with remote stamps in 2^-32 s. */
function recordsInput(core: Core): Uint8Array {
  return ntpRecordsOf(core, exchangesOver(PATHS, RECORDS, SEED));
}

/**
 * Sets of intervals as a client sees them: most agree within a ms, one in five is off by up to some
 * 20 ms, half widths of 2.5 to 12.5 ms. Few sets agree as a whole, the larger the fewer.
 */
function intervalsInput(size: number): Uint8Array {
  const random = seeded(SEED + size);
  const rows = new Float64Array(INTERVALS * INTERVAL_BLOCKS * 2);
  for (let k = 0; k < INTERVALS * INTERVAL_BLOCKS; k++) {
    const away = random() < 0.2 ? 0.04 * (random() - 0.5) : 0.002 * (random() - 0.5);
    rows[2 * k] = 0.01 + away;
    rows[2 * k + 1] = 0.0025 + 0.01 * random();
  }
  return new Uint8Array(rows.buffer);
}

/** Steps of the joint filter over 8 paths: path, dt, both one-way spans, variance. */
function stepsInput(): Uint8Array {
  const random = seeded(SEED);
  const rows = new Float64Array(JOINT_STEPS * 5);
  for (let k = 0; k < JOINT_STEPS; k++) {
    const theta = 0.01 + 1e-5 * ((k + 1) / JOINT_PATHS);
    const oneWay = 0.005 + 1e-4 * (k % JOINT_PATHS);
    const spans = [oneWay + theta + 1e-4 * random(), oneWay - theta + 1e-4 * random()];
    rows.set([k % JOINT_PATHS, 1 / JOINT_PATHS, ...spans, 1e-9 * (1 + random())], k * 5);
  }
  return new Uint8Array(rows.buffer);
}

/** All jobs, in the order of the table. */
export function makeJobs(core: Core): readonly Job[] {
  const records = recordsInput(core);
  const results = RECORDS * MEASURED_SLOTS;
  const measured = { a: RECORDS, b: 0, blocks: 1, input: records, results };
  const sets = SET_SIZES.map((size): Job => {
    const a = INTERVALS / size;
    const input = intervalsInput(size);
    const results = a * SELECTED_SLOTS;
    return { kind: 'select', a, b: size, blocks: INTERVAL_BLOCKS, input, results };
  });
  return [
    { kind: 'measureDivided', ...measured },
    { kind: 'measureRounded', ...measured },
    ...sets,
    {
      kind: 'joint',
      a: JOINT_PATHS,
      b: JOINT_STEPS,
      blocks: 1,
      input: stepsInput(),
      results: JOINT_SLOTS + JOINT_PATHS,
    },
  ];
}

/** The jobs as the C process reads them: five f64 and the input of each, one after another. */
export function encodeJobs(jobs: readonly Job[]): Uint8Array {
  const parts = jobs.flatMap(({ kind, a, b, blocks, input }) => [
    new Uint8Array(new Float64Array([JOB_KINDS[kind], a, b, blocks, input.length]).buffer),
    input,
  ]);
  return joined(parts);
}

/**
 * The C process's results, one list per job, its blocks one after another.
 * @throws Error if they are not as many as asked for
 */
export function decodeResults(jobs: readonly Job[], bytes: Uint8Array): readonly Float64Array[] {
  const sizes = jobs.map(({ results, blocks }) => results * blocks);
  const wanted = 8 * sizes.reduce((sum, size) => sum + size, 0);
  if (bytes.length !== wanted) {
    throw new Error(`results of the C process: expected ${wanted} bytes, got ${bytes.length}`);
  }
  const all = new Float64Array(Uint8Array.from(bytes).buffer); // a Node Buffer is a view of more
  let at = 0;
  return sizes.map((size) => {
    at += size;
    return all.slice(at - size, at);
  });
}

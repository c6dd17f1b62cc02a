/**
 * The core's kernels beside the same in C (bench/c) and in TypeScript: timestamps to offset and
 * delay, the selection over many intervals, one step of the joint filter. All work on data that lie
 * in their memory, but for the sets of intervals, which both sides copy in first.
 */
import scalarBytes from '../build/core.scalar.wasm';
import { type Core, createCore } from '../src/core.ts';
import { measureNtp } from '../test/twin/exchange.ts';
import { type Interval, meets, select } from '../test/twin/select.ts';
import { type Build, buildJoint, findCompiler } from './compiler.ts';
import { resultsInC } from './cprocess.ts';
import { hash } from './feed.ts';
import { JOINT_PATHS, type Job, MEASURED_SLOTS, makeJobs, SELECTED_SLOTS } from './jobs.ts';
import { createJointTwin } from './jointtwin.ts';
import { type Case, type Comparison, near, same } from './measure.ts';

/** Two ways to round the same filter in f64. (s) */
const TOLERANCE_S = 1e-12;
/** RECORD_* of assembly/memory.ts. */
const RECORD_BYTES = 40;

/** Something that does a job: a pass over one block of it, and all results of a fresh start. */
interface Doer {
  readonly name: string;
  pass(): number;
  results(): Float64Array;
}

const GROUPS = {
  measureDivided: (job: Job) => `timestamps to offset and delay, NTP stamps, ${job.a} records`,
  measureRounded: (job: Job) => `timestamps to offset and delay, NTP stamps, ${job.a} records`,
  select: (job: Job) => `selection (RFC 5905 §11.2.1), ${job.b} intervals`,
  joint: (job: Job) => `joint filter, predict and two updates, ${job.a} paths`,
} as const;

export const groupOf = (job: Job): string => GROUPS[job.kind](job);
export const nameInC = ({ kind }: Job): string =>
  kind === 'measureRounded' ? 'C, without division as the core' : 'C';

/** Items a pass gives: what the figures are per. */
export const itemsOf = ({ kind, a, b }: Job): number => (kind === 'joint' ? b : a);

/** Passes over the blocks of a job in turn; `work` leaves the results of one in `rows`. */
function turns(job: Job, rows: Float64Array, load: (block: Uint8Array) => void, work: () => void) {
  const size = job.input.length / job.blocks;
  let block = 0;
  const pass = () => {
    if (job.blocks > 1) load(job.input.subarray(block * size, (block + 1) * size));
    block = (block + 1) % job.blocks;
    work();
    return rows[0] ?? 0;
  };
  load(job.input.subarray(0, size));
  return {
    pass,
    results() {
      block = 0;
      const all = new Float64Array(job.results * job.blocks);
      for (let k = 0; k < job.blocks; k++) {
        pass();
        all.set(rows.subarray(0, job.results), k * job.results);
      }
      return all;
    },
  };
}

const moduleOf = (build: Build) => (build === 'scalar' ? { module: scalarBytes } : {});

function coreDoer(job: Job, build: Build): Doer {
  const { exports } = createCore(moduleOf(build));
  const { buffer } = exports.memory;
  const input = new Uint8Array(buffer, exports.RECORDS.value);
  const rows = new Float64Array(buffer, exports.RESULTS.value, job.results);
  const work =
    job.kind === 'select'
      ? () => same('status', exports.selectBatch(job.a, job.b), 0)
      : () => same('status', exports.measureBatch(job.a, 0), 0);
  return { name: `core (wasm, ${build})`, ...turns(job, rows, (block) => input.set(block), work) };
}

interface JointExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly RECORDS: { readonly value: number };
  readonly RESULTS: { readonly value: number };
  startJoint(paths: number): void;
  takeSteps(count: number): void;
  showState(paths: number): void;
}

interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** The steps start over with every pass, but the filter goes on. */
function jointDoer(job: Job, build: Build): Doer {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  const exports = new Instance(new Module(buildJoint(build)), {}).exports as JointExports;
  const { buffer } = exports.memory;
  new Uint8Array(buffer, exports.RECORDS.value).set(job.input);
  const rows = new Float64Array(buffer, exports.RESULTS.value, job.results);
  exports.startJoint(job.a);
  return {
    name: `core (wasm, ${build})`,
    pass() {
      exports.takeSteps(job.b);
      return rows[0] ?? 0;
    },
    results() {
      exports.startJoint(job.a);
      exports.takeSteps(job.b);
      exports.showState(job.a);
      return rows.slice();
    },
  };
}

/** BigInt, exact: what the tests hold the core to. */
function measureTwin(job: Job): Doer {
  const rows = new Float64Array(job.results);
  const view = new DataView(job.input.buffer, job.input.byteOffset);
  const stamps = Array.from({ length: job.a }, (_, k) => {
    const stamp = (at: number) => view.getBigUint64(k * RECORD_BYTES + at, true);
    const unix = (at: number) => view.getBigInt64(k * RECORD_BYTES + at, true);
    return { t1: unix(8), t2: stamp(16), t3: stamp(24), t4: unix(32) };
  });
  const work = () => {
    for (const [k, four] of stamps.entries()) {
      const { reverse, forward, unitsPerS } = measureNtp(four);
      const [out, back] = [
        Number(reverse) / Number(unitsPerS),
        Number(forward) / Number(unitsPerS),
      ];
      rows[k * MEASURED_SLOTS + 1] = (out - back) * 0.5;
      rows[k * MEASURED_SLOTS + 2] = out + back;
    }
  };
  return { name: 'twin (TypeScript, BigInt)', ...turns(job, rows, () => {}, work) };
}

/** Objects and Array.sort, as one writes it at first. */
function selectTwin(job: Job): Doer {
  const rows = new Float64Array(job.results);
  const sets: Interval[][] = [];
  const load = (block: Uint8Array) => {
    const numbers = new Float64Array(block.slice().buffer);
    for (let k = 0; k < job.a; k++) {
      sets[k] = Array.from({ length: job.b }, (_, i) => {
        const at = 2 * (k * job.b + i);
        return { offsetS: numbers[at] ?? 0, halfS: numbers[at + 1] ?? 0 };
      });
    }
  };
  const work = () => {
    for (const [k, set] of sets.entries()) {
      const found = select(set);
      const members = found === null ? 0 : set.filter((one) => meets(one, found)).length;
      const row = [found === null ? 0 : 1, found?.lowS ?? 0, found?.highS ?? 0, members];
      rows.set(row, k * SELECTED_SLOTS);
    }
  };
  return { name: 'twin (TypeScript, objects)', ...turns(job, rows, load, work) };
}

function jointTwin(job: Job): Doer {
  const steps = new Float64Array(job.input.slice().buffer);
  let twin = createJointTwin(job.a);
  return {
    name: 'twin (TypeScript)',
    pass() {
      twin.take(steps);
      return twin.state()[0] ?? 0;
    },
    results() {
      twin = createJointTwin(job.a);
      twin.take(steps);
      return Float64Array.from(twin.state());
    },
  };
}

function doersOf(job: Job): readonly [Doer, ...Doer[]] {
  if (job.kind === 'joint')
    return [jointDoer(job, 'simd'), jointDoer(job, 'scalar'), jointTwin(job)];
  const twin = job.kind === 'select' ? selectTwin(job) : measureTwin(job);
  return [coreDoer(job, 'simd'), coreDoer(job, 'scalar'), twin];
}

function sameAll(what: string, got: Float64Array, wanted: Float64Array): void {
  same(`${what}: numbers`, got.length, wanted.length);
  for (let k = 0; k < wanted.length; k++) {
    same(`${what}: number ${k}`, got[k] ?? Number.NaN, wanted[k] ?? Number.NaN);
  }
}

/** The jobs of the table; those of a kind that C does in two ways are one group. */
export const nativeJobs = (core: Core = createCore()): readonly Job[] => makeJobs(core);

/** Kernels alone; every case is held to the C program's results where there is a compiler. */
export function nativeBench(): Comparison {
  const jobs = nativeJobs();
  const compiler = findCompiler();
  const inC = compiler === null ? null : resultsInC(compiler, jobs);
  // the second way in C is a row of its own, not work of its own
  const own = jobs.filter(({ kind }) => kind !== 'measureRounded');
  const digests: Float64Array[] = [];
  const cases = own.flatMap((job): Case[] => {
    const doers = doersOf(job);
    const [core] = doers;
    const wanted = core.results();
    digests.push(wanted);
    return doers.map(({ name, pass, results }) => ({
      name,
      group: groupOf(job),
      operations: itemsOf(job),
      run(n) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += pass();
        return sum;
      },
      check() {
        const got = results();
        const isTwin = name.startsWith('twin');
        if (job.kind === 'joint' && isTwin) {
          for (const at of [0, ...Array.from({ length: JOINT_PATHS }, (_, k) => 5 + k)]) {
            near(`state ${at}`, got[at] ?? Number.NaN, wanted[at] ?? Number.NaN, TOLERANCE_S);
          }
        } else {
          sameAll('result', got, wanted);
        }
        for (const [k, other] of jobs.entries()) {
          if (inC === null || isTwin || groupOf(other) !== groupOf(job)) continue;
          sameAll(`${nameInC(other)}`, inC[k] ?? new Float64Array(), wanted);
        }
      },
    }));
  });
  return {
    name: 'native',
    title: 'Kernels of the core beside C',
    operation: 'item',
    notes: [
      'item: one record, one selection, one step (predict and two updates)',
      'sets of intervals are 65536 different intervals in turn, so that branches are not learnt by heart',
    ],
    cases,
    digest: () => hash(...digests),
  };
}

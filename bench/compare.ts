/** The tables of the bench by name: which worker is asked for what, and the rows that come out. */
import { accuracyTable } from './accuracy.ts';
import { C_FLAGS, findCompiler } from './compiler.ts';
import { comparisons } from './core.ts';
import { startC } from './cprocess.ts';
import { CLIENTS } from './flood.ts';
import { groupOf, nameInC, nativeJobs } from './native.ts';
import { type Runtime, startWorker, type Worker } from './processes.ts';
import { ptpRmsTables, ptpTables } from './ptptables.ts';
import { pumpTables } from './pumptable.ts';
import { type ServerRound, serverBench } from './server.ts';
import { stampsTables } from './stampstable.ts';
import { type Column, figure, type Row, type Table } from './table.ts';
import type { About, Described, Replayed, Round } from './worker.ts';

/** A runtime, waiting to be asked. */
export interface Crew {
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly about: About;
}

export interface Plan {
  readonly crews: readonly Crew[];
  readonly rounds: number;
  readonly workerFile: string;
  say(text: string): void;
}

/** Under what a table was measured. */
export interface Circumstances {
  /** Load averages at the start. */
  readonly load: readonly number[];
  /** Cores that other processes used meanwhile; null: unknown. */
  readonly othersCores: number | null;
}

const REPLAY_EXCHANGES = 1_000_000;
/** A round of the replay takes some 3 s per runtime. */
const MOST_REPLAY_ROUNDS = 5;
const SERVER_ROUND_MS = 500;
const WINDOW = 128;
/** A generator busier than this may be what limits the figure. (share of a core) */
export const BUSY = 0.85;

export interface Made {
  readonly tables: readonly Table[];
  /** Only where the caller cannot measure it. */
  readonly othersCores?: number | null;
}

export const TABLES: Readonly<Record<string, (plan: Plan) => Promise<Made>>> = {
  ...Object.fromEntries(
    Object.keys(comparisons).map((name) => [name, (plan: Plan) => compareTables(name, plan)]),
  ),
  accuracy: async ({ say }: Plan) => ({ tables: [accuracyTable(say)] }),
  native: nativeTables,
  replay: replayTables,
  server: serverTables,
  ptp: ptpTables,
  ptprms: ptpRmsTables,
  stamps: stampsTables,
  pump: pumpTables,
};

export const runtimeColumns = ({ crews }: Pick<Plan, 'crews'>, ratio = true): Column[] =>
  crews.map(({ about }) => ({ name: `${about.runtime} ${about.version}`, ratio }));

/** Rows of a comparison that no runtime measures: something outside, asked in turn with each. */
interface Rival {
  /** They come first in their group, so that the others are held to them. */
  readonly rows: readonly { readonly name: string; readonly group: string }[];
  readonly notes: readonly string[];
  /** @returns ns per operation, in the order of the rows */
  round(): Promise<readonly number[]>;
}

async function compareTables(name: string, plan: Plan, rival: Rival | null = null): Promise<Made> {
  const { crews, rounds, say } = plan;
  const described: Described[] = [];
  for (const { worker, runtime } of crews) {
    say(`${name}: checking and warming up in ${runtime}`);
    described.push(await worker.ask<Described>({ ask: 'warm', comparison: name }));
  }
  const [first] = described;
  if (first === undefined) return { tables: [] };
  const empty = (one: { readonly name: string; readonly group: string }) => ({
    ...one,
    values: crews.map((): number[] => []),
  });
  const rows = first.cases.map(empty);
  const rivals = (rival?.rows ?? []).map(empty);
  for (let round = 0; round < rounds; round++) {
    say(`${name}: round ${round + 1} of ${rounds}`);
    for (const [column, { worker }] of crews.entries()) {
      const theirs = (await rival?.round()) ?? [];
      for (const [index, value] of theirs.entries()) rivals[index]?.values[column]?.push(value);
      const { ns } = await worker.ask<{ ns: Round }>({ ask: 'round' });
      for (const [index, value] of ns.entries()) rows[index]?.values[column]?.push(value);
    }
  }
  const digests = new Set(described.map(({ digest }) => digest));
  if (digests.size > 1) throw new Error(`${name}: the core's results differ between runtimes`);
  const bits = `every case checked first; the core's results hash to ${first.digest}`;
  const groups = [...new Set(rows.map(({ group }) => group))];
  const table = {
    name,
    title: first.title,
    unit: `ns per ${first.operation}, less is better, median of ${rounds}`,
    columns: runtimeColumns(plan),
    rows: groups.flatMap((group) => [...rivals, ...rows].filter((row) => row.group === group)),
    notes: [
      ...first.notes,
      ...(rival?.notes ?? []),
      crews.length > 1 ? `${bits} in all ${crews.length} runtimes` : bits,
    ],
  };
  return { tables: [table] };
}

/** Kernels beside C, where the machine has a compiler. */
async function nativeTables(plan: Plan): Promise<Made> {
  const compiler = findCompiler();
  if (compiler === null) {
    plan.say('native: no C compiler here (looked for $CC, cc, gcc, clang); no rows of C');
    return compareTables('native', plan);
  }
  const jobs = nativeJobs();
  const program = startC(compiler, jobs);
  try {
    return await compareTables('native', plan, {
      rows: jobs.map((job) => ({ name: nameInC(job), group: groupOf(job) })),
      notes: [
        `C: ${compiler.version}, ${C_FLAGS.join(' ')}, default -march of ${compiler.target}`,
        'the C program takes its turn before each runtime; its results are the core’s, bit by bit',
      ],
      round: program.round,
    });
  } finally {
    await program.stop();
  }
}

async function replayTables(plan: Plan): Promise<Made> {
  const { crews, say } = plan;
  const rounds = Math.min(plan.rounds, MOST_REPLAY_ROUNDS);
  const row = (name: string) => ({ name, group: '', values: crews.map((): number[] => []) });
  const forms = { msgpack: row('msgpackr stream'), jsonlines: row('JSON Lines') };
  const grown = { msgpack: row('grown by, msgpackr'), jsonlines: row('grown by, JSON Lines') };
  const peak = row('peak of the process, all benches so far');
  for (let round = 0; round < rounds; round++) {
    for (const [column, { worker, runtime }] of crews.entries()) {
      say(`replay: round ${round + 1} of ${rounds} in ${runtime}`);
      const request = { ask: 'replay', exchanges: REPLAY_EXCHANGES, rounds: 1 } as const;
      const { figures, peakBytes } = await worker.ask<Replayed>(request);
      for (const { form, exchangesPerS, grownBytes } of figures) {
        forms[form].values[column]?.push(exchangesPerS);
        grown[form].values[column]?.push(grownBytes / 1e6);
      }
      if (peakBytes !== null) peak.values[column]?.push(peakBytes / 1e6);
    }
  }
  const what = `${REPLAY_EXCHANGES.toLocaleString('en')} exchanges over 8 paths`;
  const tables = [
    {
      name: 'replay',
      title: `Replay of ${what} from a file through the joint Kalman`,
      unit: `exchanges/s, more is better, median of ${rounds}`,
      columns: runtimeColumns(plan),
      rows: [forms.msgpack, forms.jsonlines],
      notes: [],
    },
    {
      name: 'replay-memory',
      title: 'Resident memory of the replay',
      unit: `MB, median of ${rounds}`,
      columns: runtimeColumns(plan, false),
      rows: [grown.msgpack, grown.jsonlines, peak],
      notes: ['grown by: highest resident set while replaying, less the one before'],
    },
  ];
  return { tables };
}

async function serverTables(plan: Plan): Promise<Made> {
  const { crews, rounds, workerFile, say } = plan;
  // a process of its own, even where Node is among the runtimes: that one is warm for other things
  const generator = startWorker('node', workerFile, (line) => say(line));
  try {
    const { servers, missing, othersCores } = await serverBench({
      runtimes: crews.map(({ runtime }) => runtime),
      generator,
      rounds,
      roundMs: SERVER_ROUND_MS,
      window: WINDOW,
      onProgress: (text) => say(`server: ${text}`),
    });
    const notes = [
      `loopback, ${WINDOW} requests outstanding, from ${CLIENTS} addresses in turn, rounds of ${SERVER_ROUND_MS} ms, no rate limit; generator: one Node process`,
      'CPU time is that of all threads of a server; busy: share of one core; chronyd keeps its log of clients',
      ...missing.map((text) => `left out: ${text}`),
    ];
    const rows = servers.map(({ name, runtime, rounds: all }): Row => {
      const version = crews.find((crew) => crew.runtime === runtime)?.about.version;
      const label = runtime === null ? name : `serve, ${name}, ${runtime} ${version}`;
      const each = (value: (round: ServerRound) => number) => all.map(value).filter(isKnown);
      const total = (value: (round: ServerRound) => number) =>
        all.reduce((sum, round) => sum + value(round), 0);
      const generatorBusy = total(({ loadCpuS }) => loadCpuS) / total(({ tookS }) => tookS);
      const serverBusy = total(({ serverCpuS }) => serverCpuS ?? 0) / total(({ tookS }) => tookS);
      if (generatorBusy > Math.max(BUSY, serverBusy)) {
        notes.push(
          `${label}: the generator was ${figure(generatorBusy * 100)} % busy, requests/s is a lower bound`,
        );
      }
      const odd = total(({ lost }) => lost) + total(({ wrong }) => wrong);
      if (odd > 0) notes.push(`${label}: ${odd} requests lost or answered wrong`);
      return {
        name: label,
        group: '',
        values: [
          each(({ answered, tookS }) => answered / tookS),
          each(({ answered, serverCpuS }) => answered / (serverCpuS ?? Number.NaN)),
          each(({ serverCpuS, tookS }) => ((serverCpuS ?? Number.NaN) / tookS) * 100),
          each(({ loadCpuS, tookS }) => (loadCpuS / tookS) * 100),
        ],
      };
    });
    const columns = [
      { name: 'requests/s', ratio: true },
      { name: 'per server CPU s', ratio: true },
      { name: 'server busy %', ratio: false },
      { name: 'generator busy %', ratio: false },
    ];
    const title = 'NTP requests answered';
    const table = { name: 'server', title, unit: `median of ${rounds}`, columns, rows, notes };
    return { tables: [table], othersCores };
  } finally {
    await generator.stop();
  }
}

export const isKnown = (value: number): boolean => Number.isFinite(value);

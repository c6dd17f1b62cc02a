/** Runs the built `clockbraid` inside a lab and reads its JSON. The only place that knows both. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { Lab } from './lab.ts';
import { describe, type Running, run, until } from './spawn.ts';

/** One path as `query` and `run` print it. Null where there is nothing yet. */
export interface PathLine {
  path: string;
  samples: number;
  /** Of these, answers in interleaved mode. */
  interleaved: number;
  offset: number | null;
  delay: number | null;
  jitter: number | null;
  stratum: number | null;
  state: string;
  reason: string;
  drops: Record<string, number>;
  /** Octal text, `377` = the last eight polls were answered. */
  reach: string;
  /** Poll exponent in force. (log2 s) */
  poll: number;
}

export interface Combined {
  offset: number;
  uncertainty: number;
  earliest: number;
  latest: number;
  /** What no delay can make untrue. */
  causalEarliest: number;
  causalLatest: number;
  frequency: number;
}

export interface Report {
  paths: PathLine[];
  combined: Combined | null;
}

export interface StatusLine extends Report {
  at: string;
}

export type Runtime = 'node' | 'deno' | 'bun';

export const RUNTIMES = {
  node: [process.execPath],
  deno: [resolve('node_modules/.bin/deno'), 'run', '-A', '--quiet', '--unstable-net'],
  bun: [resolve('node_modules/.bin/bun'), '--no-install'],
} as const satisfies Record<Runtime, readonly string[]>;

/** Every way to a Unix socket that there is. */
export const FEEDERS: Readonly<Record<string, readonly string[]>> = {
  ...RUNTIMES,
  'deno without FFI': [
    ...RUNTIMES.deno.slice(0, 2),
    ...['--quiet', '--no-prompt', '--unstable-net', '--allow-net', '--allow-read', '--allow-write'],
  ],
};

/** The program to try: the one the build made. @throws Error saying how to build it */
function command(runtime: Runtime = 'node'): string[] {
  const file = resolve('build/clockbraid.js');
  if (!existsSync(file)) throw new Error(`${file} is missing: \`npm run build\` makes it`);
  return [...RUNTIMES[runtime], file];
}

/**
 * `clockbraid query …` on the client host, to its end.
 * @throws Error with all it said, if the last line of stdout is not the promised JSON
 */
export async function query(lab: Lab, args: readonly string[]) {
  const argv = [...command(), 'query', ...args, '--json'];
  const result = await run(lab.client, argv, { timeoutMs: 40_000 });
  const last = result.stdout.trimEnd().split('\n').at(-1) ?? '';
  const report = parse<{ query?: Report }>(last)?.query;
  if (report === undefined) throw new Error(`no {"query":…} line\n${describe(argv, result)}`);
  return { ...report, code: result.code, text: describe(argv, result) };
}

/** `--local A --local B …` */
export const locals = (ips: readonly string[]): string[] => ips.flatMap((ip) => ['--local', ip]);

/**
 * Starts `clockbraid serve` on the server host; listens on all `ips` when this returns.
 * @param wrongByMs its clock seems to be ahead by so much (plain stamps)
 */
export async function startServe(
  lab: Lab,
  ips: readonly string[],
  args: readonly string[] = [],
  wrongByMs = 0,
  runtime: Runtime = 'node',
): Promise<Running> {
  const program = wrongByMs === 0 ? command(runtime) : skewed(lab, runtime, wrongByMs);
  const running = lab.start(lab.server, [...program, 'serve', ...ips, ...args]);
  let ended = false;
  running.exited.then(() => {
    ended = true;
  });
  await until(
    'serve listens',
    () => {
      if (ended) throw new Error(`serve ended at once:\n${running.stderr()}${running.stdout()}`);
      return boundTo(running.pid, 123) >= ips.length;
    },
    { everyMs: 20, detail: running.stderr },
  );
  return running;
}

/** A path in a line of `clockbraid ptp … --json`. */
export interface PtpPathLine {
  path: string;
  state: string;
  identity: string;
  forward: number;
  reverse: number;
  offset: number | null;
  ageS: number | null;
  /** Share in the combined clock. (0–1) */
  weight: number | null;
  drops: Record<string, number>;
}

/** One line of it. */
export interface PtpLine {
  state: string;
  isDual: boolean;
  combined: Combined | null;
  paths: PtpPathLine[];
  serves: { path: string; messageType: string }[];
  /** Messages sent as a master, by type. */
  sent: Record<string, number>;
  parentDS: { grandmasterIdentity: string };
  defaultDS: { clockIdentity: string };
}

/** The program where the system's clock seems to be wrong. (ms, whole) */
function skewed(lab: Pick<Lab, 'scratch'>, runtime: Runtime, byMs: number): string[] {
  const file = join(lab.scratch('skewed'), 'clockbraid.mjs');
  const [program] = command().slice(-1);
  writeFileSync(
    file,
    `delete globalThis.Temporal;
const { now } = Date;
Date.now = () => now.call(Date) + ${byMs};
await import(${JSON.stringify(`file://${program}`)});
`,
  );
  return [...RUNTIMES[runtime], file];
}

/** Starts `clockbraid ptp boundary`, on a clock that is wrong. */
export function startBoundary(
  lab: Pick<Lab, 'start' | 'scratch'>,
  ns: string,
  args: readonly string[],
  { runtime, wrongByMs }: { runtime: Runtime; wrongByMs: number },
) {
  const argv = [
    ...skewed(lab, runtime, wrongByMs),
    'ptp',
    'boundary',
    ...args,
    '--stamps',
    'plain',
    '--json',
  ];
  return ptpLines<BoundaryLine>(lab.start(ns, argv));
}

/** One line of `clockbraid ptp boundary`. */
export interface BoundaryLine extends Omit<PtpLine, 'state' | 'isDual' | 'serves'> {
  ports: { state: string; sent: Record<string, number> }[];
  isReady: boolean;
  currentDS: { stepsRemoved: number };
}

/** Starts `clockbraid ptp …`; `lines()` gives the status lines so far, `log()` what it logged. */
export function startPtp(
  lab: Pick<Lab, 'start'>,
  ns: string,
  args: readonly string[],
  runtime: Runtime = 'node',
) {
  return ptpLines<PtpLine>(lab.start(ns, [...command(runtime), 'ptp', ...args, '--json']));
}

const ptpLines = <Line>(running: Running) => ({
  running,
  log: running.stderr,
  lines: (): Line[] =>
    running
      .stdout()
      .split('\n')
      .flatMap((line) => parse<{ ptp?: Line }>(line)?.ptp ?? []),
});

/** What `clockbraid relay … --json` says. (s) */
export interface RelayLine {
  events: number;
  corrected: number;
  unmatched: number;
  lost: number;
  refused: number;
  stamped: { kernel: number; user: number };
  residence: { least: number; mean: number; most: number } | null;
}

/** Starts `clockbraid relay` between two interfaces of `ns`. */
export function startRelay(
  lab: Pick<Lab, 'start'>,
  ns: string,
  args: readonly string[],
  runtime: Runtime = 'node',
) {
  const running = lab.start(ns, [...command(runtime), 'relay', ...args, '--json']);
  return {
    running,
    lines: (): RelayLine[] =>
      running
        .stdout()
        .split('\n')
        .flatMap((line) => parse<{ relay?: RelayLine }>(line)?.relay ?? []),
  };
}

/** UDP sockets with this local port in the namespace of a process. */
function boundTo(pid: number, port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const local = new RegExp(`^\\s*\\d+: [0-9A-F]+:${hex} `, 'gm');
  const tables = ['udp', 'udp6'].map((name) => readFileSync(`/proc/${pid}/net/${name}`, 'utf8'));
  return tables.join('\n').match(local)?.length ?? 0;
}

export interface RunConfig {
  servers: readonly string[];
  locals: readonly string[];
  /** Poll exponent of every path, and the highest it may rise to. (log2 s, default fixed) */
  pollLog2S: number;
  maxPollLog2S?: number;
  /** default false */
  interleaved?: boolean;
}

/** Starts `clockbraid run` on the client host; `lines()` gives the status lines so far. */
export function startRun(
  lab: Lab,
  config: RunConfig,
  args: readonly string[] = [],
  runtime: readonly string[] = RUNTIMES.node,
) {
  const file = join(lab.scratch('run'), 'clockbraid.toml');
  writeFileSync(file, toml(config));
  const [program = ''] = command().slice(-1);
  const argv = [...runtime, program, 'run', '--config', file, '--json', ...args];
  const running = lab.start(lab.client, argv);
  return {
    running,
    lines: (): StatusLine[] =>
      running
        .stdout()
        .split('\n')
        .flatMap((line) => parse<{ status?: StatusLine }>(line)?.status ?? []),
  };
}

function toml(config: RunConfig): string {
  const { servers, locals: ips, pollLog2S, maxPollLog2S = pollLog2S, interleaved = false } = config;
  return [
    '[[source]]',
    `addresses = ${JSON.stringify(servers)}`,
    `local-addresses = ${JSON.stringify(ips)}`,
    `interleaved = ${interleaved}`,
    '[poll]',
    `min = ${pollLog2S}`,
    `max = ${maxPollLog2S}`,
    'budget = "per-path"',
    'iburst = 0',
    '',
  ].join('\n');
}

function parse<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined; // the table for people, or a line cut short
  }
}

/** The summary of `clockbraid check …`, run to its end in a namespace. */
export interface Checked {
  readonly messages: number;
  readonly copies: number;
  readonly errors: number;
  readonly warnings: number;
  readonly rules: readonly {
    rule: string;
    severity: string;
    count: number;
    senders: readonly string[];
  }[];
  readonly code: number | null;
  /** All it said. */
  readonly text: string;
}

/** @throws Error with all it said, if its last line is not the promised JSON */
export async function checked(ns: string, args: readonly string[]): Promise<Checked> {
  const argv = [...command(), 'check', ...args, '--json'];
  const result = await run(ns, argv, { timeoutMs: 40_000 });
  const last = result.stdout.trimEnd().split('\n').at(-1) ?? '';
  const check = parse<{ check?: Omit<Checked, 'code' | 'text'> }>(last)?.check;
  if (check === undefined) throw new Error(`no {"check":…} line\n${describe(argv, result)}`);
  return { ...check, code: result.code, text: describe(argv, result) };
}

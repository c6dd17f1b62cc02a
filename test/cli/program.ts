/** Runs the built program in any of the three runtimes, as a user would. */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';

export const RUNTIMES = ['node', 'deno', 'bun'] as const;
export type Runtime = (typeof RUNTIMES)[number];

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
  /** When the first bytes came, ms after the start; null if none came. */
  readonly firstMs: number | null;
}

export interface ProgramOptions {
  /** Deno's permission flags. Default `--allow-net --unstable-net`. */
  readonly deno?: readonly string[];
  /** As uid and gid 65534, if this process may. */
  readonly nobody?: boolean;
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Another program. Default: the one the build made. */
  readonly program?: string;
}

const PROGRAM = 'build/clockbraid.js';

export function argvOf(
  runtime: Runtime,
  args: readonly string[],
  options: ProgramOptions,
): string[] {
  const { program = PROGRAM } = options;
  const deno = options.deno ?? ['--allow-net', '--unstable-net'];
  const commands: Record<Runtime, string[]> = {
    node: [process.execPath, program],
    deno: ['node_modules/.bin/deno', 'run', '--no-prompt', ...deno, program],
    bun: ['node_modules/.bin/bun', '--no-install', program],
  };
  const drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  const asNobody = options.nobody === true && process.getuid?.() === 0;
  return [...(asNobody ? drop : []), ...commands[runtime], ...args];
}

/** Starts the program and gives its outcome, and the process to signal it by. */
export function start(
  runtime: Runtime,
  args: readonly string[],
  options: ProgramOptions = {},
): { child: ChildProcess; outcome: Promise<Outcome> } {
  const [command = '', ...rest] = argvOf(runtime, args, options);
  const began = Date.now();
  const child = spawn(command, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...(options.nobody ? { HOME: '/nonexistent', DENO_DIR: '' } : {}) },
  });
  let out = '';
  let err = '';
  let firstMs: number | null = null;
  child.stdout.on('data', (data: Buffer) => {
    firstMs ??= Date.now() - began;
    out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString();
  });
  child.stdin.end(options.input ?? '');
  const outcome = new Promise<Outcome>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out, err, ms: Date.now() - began, firstMs });
    });
  });
  return { child, outcome };
}

export const run = (
  runtime: Runtime,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Outcome> => start(runtime, args, options).outcome;

/** The last line as JSON. */
export function lastJson(outcome: Outcome): Record<string, unknown> {
  const line = outcome.out.trimEnd().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`last line is not JSON: ${line}\nstderr: ${outcome.err}`);
  }
}

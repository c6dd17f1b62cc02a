/**
 * Processes inside network namespaces, never able to set the clock: every one is started through
 * `setpriv` without CAP_SYS_TIME. Each dies with this process, and has a time limit.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

export interface RunOptions {
  /** Limit after which the process is killed and `timedOut` set. (ms, default 20000) */
  timeoutMs?: number;
  env?: Record<string, string>;
  cwd?: string;
}

export interface RunResult {
  /** Exit code, or null if a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/** A started process. */
export interface Running {
  pid: number;
  argv: readonly string[];
  stdout(): string;
  stderr(): string;
  exited: Promise<RunResult>;
  /** Signals it, waits, kills it if it is still there 3 s later. Safe to call again. */
  stop(signal?: NodeJS.Signals): Promise<RunResult>;
}

const live = new Set<ChildProcess>();

/** Kills at once whatever is still running; for exit handlers, which cannot wait. */
export function killAll(): void {
  for (const child of live) child.kill('SIGKILL');
  live.clear();
}

/**
 * Starts `argv` in namespace `ns` without CAP_SYS_TIME. The pid is that of the program itself:
 * `ip netns exec` and `setpriv` both replace themselves.
 */
export function start(ns: string, argv: readonly string[], options: RunOptions = {}): Running {
  const drop = ['--bounding-set=-sys_time', '--inh-caps=-sys_time', '--pdeathsig', 'KILL', '--'];
  const child = spawn('ip', ['netns', 'exec', ns, 'setpriv', ...drop, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC', ...options.env },
  });
  live.add(child);
  let stdout = '';
  let stderr = '';
  let timedOut = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const limit =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          child.kill('SIGKILL');
        }, options.timeoutMs);
  const exited = new Promise<RunResult>((resolve) => {
    const done = (code: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(limit);
      live.delete(child);
      resolve({ code, signal, stdout, stderr, timedOut });
    };
    child.on('close', done);
    child.on('error', (error) => {
      stderr += `${error}`;
      done(null, null);
    });
  });
  return {
    pid: child.pid ?? 0,
    argv,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const hard = setTimeout(() => child.kill('SIGKILL'), 3_000);
      const result = await exited;
      clearTimeout(hard);
      return result;
    },
  };
}

/** {@link start} that keeps what it started and still runs, to stop all of it. */
export function keepRunning() {
  const started = new Set<Running>();
  return {
    start(ns: string, argv: readonly string[], options?: RunOptions): Running {
      const running = start(ns, argv, options);
      started.add(running);
      running.exited.then(() => started.delete(running));
      return running;
    },
    async stopAll(): Promise<void> {
      await Promise.all([...started].map((running) => running.stop()));
    },
  };
}

/** Runs `argv` in namespace `ns` to its end. Never rejects: look at `code` and `timedOut`. */
export function run(
  ns: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return start(ns, argv, { timeoutMs: 20_000, ...options }).exited;
}

/** {@link run} for what must succeed: gives its stdout, throws with all output otherwise. */
export async function runOk(
  ns: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await run(ns, argv, options);
  if (result.code === 0 && !result.timedOut) return result.stdout;
  throw new Error(describe(argv, result));
}

/** One readable text of a failed command and everything it said. */
export function describe(argv: readonly string[], result: RunResult): string {
  const end = result.timedOut ? 'ran into its time limit' : `ended ${result.code ?? result.signal}`;
  return [`${argv.join(' ')}: ${end}`, tail(result.stdout), tail(result.stderr)]
    .filter((part) => part !== '')
    .join('\n');
}

/** The end of a long log. */
export const tail = (text: string): string => text.trimEnd().split('\n').slice(-25).join('\n');

/**
 * Asks `probe` every `everyMs` until it gives a value.
 * @throws Error naming `what` after `timeoutMs`, with `detail()` if given
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 20_000, everyMs = 100, detail }: UntilOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${timeoutMs / 1000} s\n${tail(detail?.() ?? '')}`);
    }
    await sleep(everyMs);
  }
}

export interface UntilOptions {
  timeoutMs?: number;
  everyMs?: number;
  detail?: () => string;
}

/** The processes of a bench: workers that answer line by line, servers that only run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Answer, Request } from './worker.ts';

export const RUNTIMES = ['node', 'deno', 'bun'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** How each runtime runs a file, as the README says. */
export const COMMANDS: Record<Runtime, readonly string[]> = {
  node: ['node', '--enable-source-maps'],
  deno: ['npx', 'deno', 'run', '-A', '--quiet', '--unstable-net'],
  bun: ['npx', 'bun', '--no-install'],
};

const groups = new Set<number>();

/** Starts a program as a process group of its own, so that wrappers like npx end with it. */
export function start(argv: readonly string[], stdio: 'worker' | 'server'): ChildProcess {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, {
    detached: true,
    stdio: [
      stdio === 'worker' ? 'pipe' : 'ignore',
      'pipe',
      stdio === 'worker' ? 'inherit' : 'pipe',
    ],
  });
  const { pid } = child;
  if (pid !== undefined) groups.add(pid);
  child.once('exit', () => pid !== undefined && groups.delete(pid));
  return child;
}

/** Ends a started program and all it started. */
export async function stop(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  signal(pid, 'SIGTERM');
  const hard = setTimeout(() => signal(pid, 'SIGKILL'), 3000);
  await gone;
  clearTimeout(hard);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // gone already
  }
}

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    for (const pid of groups) signal(pid, 'SIGKILL');
    process.exit(1);
  });
}
process.once('exit', () => {
  for (const pid of groups) signal(pid, 'SIGKILL');
});

export interface Worker {
  /** Sends one request and waits for its answer. @throws Error with what went wrong in there */
  ask<T extends Answer>(request: Request): Promise<T>;
  stop(): Promise<void>;
}

/**
 * A worker (worker.ts, bundled at `file`) in a runtime. Lines that are not JSON go to `onTalk`.
 * @param within a command that runs it somewhere else
 */
export function startWorker(
  runtime: Runtime,
  file: string,
  onTalk: (line: string) => void,
  within: readonly string[] = [],
): Worker {
  const child = start([...within, ...COMMANDS[runtime], file], 'worker');
  let settle: ((line: string | Error) => void) | null = null;
  const answered = (line: string | Error) => {
    settle?.(line);
    settle = null;
  };
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) answered(line);
      else onTalk(line);
    });
  }
  child.once('error', answered);
  child.once('exit', (code, killed) => {
    answered(new Error(`${runtime} ended (${code ?? killed}) without an answer`));
  });
  return {
    async ask<T extends Answer>(request: Request): Promise<T> {
      const line = await new Promise<string | Error>((resolve) => {
        settle = resolve;
        child.stdin?.write(`${JSON.stringify(request)}\n`);
      });
      if (line instanceof Error) throw line;
      const answer = JSON.parse(line) as T | { error: string };
      if ('error' in answer) throw new Error(`${runtime}: ${answer.error}`);
      return answer;
    },
    async stop() {
      child.stdin?.end();
      await stop(child);
    },
  };
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

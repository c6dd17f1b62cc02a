/** The C program of bench/c as a process: its results at once, its figures round by round. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { buildC, type Compiler } from './compiler.ts';
import { decodeResults, encodeJobs, type Job } from './jobs.ts';
import { start, stop } from './processes.ts';

/** A folder of this process's own, removed with it. */
function folder(): string {
  const path = join('build', 'native', String(process.pid));
  mkdirSync(path, { recursive: true });
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Files {
  readonly program: string;
  readonly jobs: string;
  readonly results: string;
}

function prepare(compiler: Compiler, jobs: readonly Job[]): Files {
  const program = buildC(compiler);
  const at = folder();
  const files = { program, jobs: join(at, 'jobs'), results: join(at, 'results') };
  writeFileSync(files.jobs, encodeJobs(jobs));
  return files;
}

/** What the C program makes of the jobs. @throws Error if it fails */
export function resultsInC(compiler: Compiler, jobs: readonly Job[]): readonly Float64Array[] {
  const files = prepare(compiler, jobs);
  const ran = spawnSync(files.program, [files.jobs, files.results], {
    input: '',
    encoding: 'utf8',
  });
  if (ran.status !== 0) throw new Error(`C program: ${ran.error?.message ?? ran.stderr.trim()}`);
  return decodeResults(jobs, new Uint8Array(readFileSync(files.results)));
}

export interface CProcess {
  /** Measures every job once. @returns ns per item, in the order of the jobs */
  round(): Promise<readonly number[]>;
  stop(): Promise<void>;
}

/** Starts it; it measures only when asked to. */
export function startC(compiler: Compiler, jobs: readonly Job[]): CProcess {
  const files = prepare(compiler, jobs);
  const child = start([files.program, files.jobs, files.results], 'worker');
  let settle: ((line: string | Error) => void) | null = null;
  const answer = (line: string | Error) => {
    settle?.(line);
    settle = null;
  };
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', answer);
  child.once('error', answer);
  child.once('exit', (code, killed) => answer(new Error(`C program ended (${code ?? killed})`)));
  return {
    async round() {
      const line = await new Promise<string | Error>((resolve) => {
        settle = resolve;
        child.stdin?.write('round\n');
      });
      if (line instanceof Error) throw line;
      return (JSON.parse(line) as { readonly ns: readonly number[] }).ns;
    },
    async stop() {
      child.stdin?.end();
      await stop(child);
    },
  };
}

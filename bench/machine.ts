/** What the figures were taken on: CPU, sizes, and how much others used the machine meanwhile. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import process from 'node:process';

/** USER_HZ: the same on every Linux that runs these runtimes. */
const TICKS_PER_S = 100;
/** Fields of /proc/PID/stat after the name, which may hold spaces: user, system, children's. */
const TIMES = [11, 12, 13, 14] as const;
/** Fields of the first line of /proc/stat that are not idleness: user, nice, system, irq ×2, steal. */
const BUSY = [0, 1, 2, 5, 6, 7] as const;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Load averages of 1, 5 and 15 minutes. */
  readonly load: readonly number[];
  readonly moduleBytes: { readonly simd: number; readonly scalar: number };
}

/** Reads it now, in the checkout. */
export const machine = (): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown CPU',
  cores: cpus().length,
  load: loadavg(),
  moduleBytes: {
    simd: statSync('build/core.wasm').size,
    scalar: statSync('build/core.scalar.wasm').size,
  },
});

/** `0.52 0.48 0.40` */
export const loadText = (load: readonly number[]): string =>
  load.map((value) => value.toFixed(2)).join(' ');

/**
 * Starts watching. The function it gives says how many cores all processes but ours used on average
 * since, stolen time included; null where there is no /proc.
 */
export function watchOthers(): () => number | null {
  const started = performance.now();
  const before = others();
  return () => {
    const after = others();
    if (before === null || after === null) return null;
    return Math.max(0, (after - before) / ((performance.now() - started) / 1e3));
  };
}

/** CPU seconds of everybody but this process and its descendants. */
function others(): number | null {
  const ours = cpuSecondsOf(process.pid);
  if (ours === null) return null;
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const fields = line.trim().split(/\s+/).slice(1);
  const ticks = BUSY.reduce((sum: number, field) => sum + Number(fields[field] ?? 0), 0);
  return ticks / TICKS_PER_S - ours;
}

/**
 * CPU seconds that a process, its descendants and those it has already seen end have used; null
 * where there is no /proc.
 */
export function cpuSecondsOf(pid: number): number | null {
  try {
    let ticks = 0;
    for (const one of family(pid)) {
      const stat = readFileSync(`/proc/${one}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      for (const field of TIMES) ticks += Number(fields[field] ?? 0);
    }
    return ticks / TICKS_PER_S;
  } catch {
    return null;
  }
}

/**
 * CPU seconds that all threads of a process and of its descendants have used, to the ns; what ended
 * threads used is missing. null where the kernel does not tell.
 */
export function threadSecondsOf(pid: number): number | null {
  try {
    let ns = 0;
    for (const one of family(pid)) {
      for (const task of readdirSync(`/proc/${one}/task`)) {
        ns += Number(readFileSync(`/proc/${one}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
      }
    }
    return ns / 1e9;
  } catch {
    return null;
  }
}

function family(pid: number): number[] {
  const all = [pid];
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8');
    for (const child of children.split(' ').filter(Boolean)) all.push(...family(Number(child)));
  }
  return all;
}

/** What the tables of stamps have in common: two processes of a runtime, the link between them, busy cores. */
import type { ChildProcess } from 'node:child_process';
import process from 'node:process';
import { createLan, lanIp } from '../test/interop/lan.ts';
import type { Crew } from './compare.ts';
import { start, startWorker, type Worker } from './processes.ts';
import type { StampsFigures, StampsOptions } from './stamps.ts';

export interface Ends {
  readonly worker: Worker;
  readonly ip: string;
  readonly reflector: Worker;
  readonly reflectorIp: string;
}

export interface Link {
  readonly name: string;
  /** By runtime. */
  readonly ends: readonly Ends[];
  close(): Promise<void>;
}

type Say = (text: string) => void;
const LOOPBACK = '127.0.0.1';

/** The workers of the crews, and a reflector for each. */
export async function loopback(crews: readonly Crew[], file: string, say: Say): Promise<Link> {
  const ends = crews.map(({ runtime, worker }) => {
    const reflector = startWorker(runtime, file, (line) => say(`${runtime}: ${line}`));
    return { worker, ip: LOOPBACK, reflector, reflectorIp: LOOPBACK };
  });
  const close = async () => {
    await Promise.all(ends.map(({ reflector }) => reflector.stop()));
  };
  return { name: 'loopback', ends, close };
}

/** Processes of their own at both ends of a veth pair. @returns else why there can be none */
export async function veth(crews: readonly Crew[], file: string, say: Say): Promise<Link | string> {
  if (process.getuid?.() !== 0) return 'namespaces need root';
  let lan: Awaited<ReturnType<typeof createLan>>;
  try {
    lan = await createLan({ here: 1, there: 1 });
  } catch (error) {
    return (error as Error).message.split('\n')[0] ?? '';
  }
  const at = (ns: string) => ['ip', 'netns', 'exec', ns];
  const ends = crews.map(({ runtime }) => {
    const talk = (line: string) => say(`${runtime}: ${line}`);
    return {
      worker: startWorker(runtime, file, talk, at(lan.here)),
      ip: lanIp('here', 1),
      reflector: startWorker(runtime, file, talk, at(lan.there)),
      reflectorIp: lanIp('there', 1),
    };
  });
  const close = async () => {
    await Promise.all(ends.flatMap((each) => [each.worker.stop(), each.reflector.stop()]));
    await lan.close();
  };
  return { name: 'veth', ends, close };
}

/** Exchanges over a link, with the same kind of stamps and pump at both ends. */
export async function exchangeOver(
  { worker, ip, reflector, reflectorIp }: Ends,
  { count, everyMs, ...kind }: Omit<StampsOptions, 'ip' | 'to'>,
): Promise<StampsFigures> {
  const { port } = await reflector.ask<{ port: number }>({
    ask: 'reflect',
    end: { ...kind, ip: reflectorIp },
  });
  const exchanges = { ...kind, ip, to: { ip: reflectorIp, port }, count, everyMs };
  return await worker.ask<StampsFigures>({ ask: 'stamps', exchanges });
}

/** A spinner ends by itself after this, whatever becomes of the bench (ms). */
const SPINNER_MS = 120_000;

export function startSpinner(): ChildProcess {
  const code = `const end = Date.now() + ${SPINNER_MS}; while (Date.now() < end);`;
  return start([process.execPath, '-e', code], 'server');
}

const SHARES = { p50: 0.5, p99: 0.99 } as const;

/** Quantiles of times in s, by name, us. */
export function quantilesUs(valuesS: readonly number[]): [name: string, us: number][] {
  const sorted = valuesS.map((s) => s * 1e6).sort((a, b) => a - b);
  return Object.entries(SHARES).map(([name, share]) => [
    name,
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN,
  ]);
}

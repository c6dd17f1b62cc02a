/**
 * Threads: node:worker_threads, which all three runtimes have. A thread runs the bundle `worker.js`
 * that lies beside the bundle this code is in.
 */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { HostError } from '../errors.ts';

export interface Thread {
  /** Resolved when it is gone: null if it ended as it should, else why it died. */
  readonly ended: Promise<string | null>;
  /** Ends it, if it does not end by itself in time. Resolved when it is gone. */
  end(withinMs: number): Promise<void>;
}

/** What a thread says of itself. */
interface Said {
  readonly said: 'ready' | 'done' | 'failed';
  readonly why: string | null;
}

const bundle = (): URL =>
  new URL(import.meta.url.endsWith('.mjs') ? './worker.mjs' : './worker.js', import.meta.url);

/**
 * Starts a thread; resolved when it has said that it is ready.
 * @param data what threadData() gives there; memory that is shared stays shared
 * @throws HostError if it cannot be started, or ends before
 */
export async function startThread(data: unknown): Promise<Thread> {
  let worker: Worker;
  try {
    worker = new Worker(bundle(), { workerData: data });
  } catch (cause) {
    throw new HostError(`cannot start a worker: ${because(cause)}`, { cause });
  }
  let isDone = false;
  let isReady = false;
  let tellReady: () => void = () => {};
  const ready = new Promise<null>((resolve) => {
    tellReady = () => resolve(null);
  });
  const ended = new Promise<string | null>((resolve) => {
    worker.on('message', ({ said, why }: Said) => {
      isDone = said === 'done';
      if (said !== 'ready') resolve(why);
      if (said === 'failed') return;
      isReady = true;
      tellReady();
    });
    worker.on('error', (error) => resolve(because(error)));
    worker.on('exit', (code) => resolve(isDone ? null : `it ended with code ${code}`));
  });
  const thread: Thread = {
    ended,
    async end(withinMs) {
      let limit: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        limit = setTimeout(resolve, withinMs);
      });
      await Promise.race([ended, late]);
      clearTimeout(limit);
      await worker.terminate();
    },
  };
  const why = await Promise.race([ready, ended]);
  if (isReady) return thread;
  await worker.terminate();
  throw new HostError(`cannot start a worker: ${why}`);
}

function because(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  const [first = 'unknown'] = String(message ?? error).split('\n');
  return first;
}

/** In a thread: what it was started with. */
export const threadData = (): unknown => workerData;

/** In a thread: does its work, and tells how that ends. `onReady` is to be called once it works. */
export function runThread(work: (onReady: () => void) => void): void {
  const tell = (said: Said['said'], why: string | null = null) =>
    parentPort?.postMessage({ said, why } satisfies Said);
  try {
    work(() => tell('ready'));
    tell('done');
  } catch (error) {
    tell('failed', because(error));
  }
}

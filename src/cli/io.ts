/** What a command may do to the outside: print, read the terminal's shape, notice Ctrl-C. */
import process from 'node:process';

export interface Io {
  /** Writes to standard output; resolves when a slow reader has room again. */
  out(text: string): Promise<void>;
  err(text: string): void;
  readonly isTty: boolean;
  readonly columns: number;
  /** Fires on SIGINT, SIGTERM, or when the reader of standard output went away. */
  readonly signal: AbortSignal;
}

export function processIo(): Io {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130); // asked twice
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  let gone = false;
  let room: (() => void) | null = null;
  process.stdout.on('error', (error: Error & { code?: string }) => {
    if (error.code !== 'EPIPE') throw error;
    gone = true;
    controller.abort();
    room?.();
  });
  process.stdout.on('drain', () => room?.());
  let waiting: Promise<void> | null = null;
  return {
    out(text) {
      if (gone || process.stdout.write(text)) return Promise.resolve();
      waiting ??= new Promise<void>((resolve) => {
        room = () => {
          room = null;
          waiting = null;
          resolve();
        };
      });
      return waiting;
    },
    err: (text) => void process.stderr.write(text),
    isTty: process.stdout.isTTY === true,
    get columns() {
      return process.stdout.columns || 100;
    },
    signal: controller.signal,
  };
}

/** Waits `ms`, less if the signal fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

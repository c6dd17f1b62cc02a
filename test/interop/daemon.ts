/** What the stock peers have in common: options, a folder with a configuration file, readiness. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Running, until } from './spawn.ts';

/** A running peer. */
export interface Peer {
  /** Everything it has said so far. */
  log(): string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** 1–15 (default 1) */
  stratum?: number;
  /** More lines for its configuration file. */
  extra?: readonly string[];
}

export interface ClientOptions {
  /** Poll exponent, fixed. (log2 s; default: the fastest each can, chronyd −4, ntpd 0) */
  pollLog2S?: number;
  /** Source addresses, at most one per family. (default: what the route to the server says) */
  localIps?: readonly string[];
  /** Interleaved mode (RFC 9769); chronyd only. */
  xleave?: boolean;
  extra?: readonly string[];
}

/**
 * Waits until a client has selected a source (`*`) whose offset is within `boundS` of the truth
 * (0 in a lab), and has reached them all.
 * @returns all its sources then
 */
export function settled<T extends { state: string; reach: number; offsetS: number }>(
  ask: () => Promise<T[]>,
  boundS: number,
): Promise<T[]> {
  let last: T[] = [];
  return until(
    'a source selected, within the bound, and all reached',
    async () => {
      last = await ask();
      const selected = last.find(({ state }) => state === '*');
      const near = selected !== undefined && Math.abs(selected.offsetS) < boundS;
      return near && last.every(({ reach }) => reach > 0) && last;
    },
    { timeoutMs: 30_000, everyMs: 200, detail: () => JSON.stringify(last) },
  );
}

/** @returns the configuration file's name */
export function writeConfig(folder: string, lines: readonly string[]): string {
  const file = join(folder, 'conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

export function peerOf(running: Running): Peer {
  return {
    log: () => running.stdout() + running.stderr(),
    stop: async () => {
      await running.stop();
    },
  };
}

/** Waits for `probe`, and no longer than the program lives. */
export async function ready(
  name: string,
  running: Running,
  probe: () => boolean | Promise<boolean>,
) {
  let ended = false;
  running.exited.then(() => {
    ended = true;
  });
  const detail = () => running.stdout() + running.stderr();
  await until(
    `${name} ready`,
    async () => {
      if (ended) throw new Error(`${name} ended at once:\n${detail()}`);
      return await probe();
    },
    { everyMs: 20, detail },
  );
}

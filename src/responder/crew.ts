/** The workers of a busy server as one: started, told, summed up and ended together. */
import { HostError } from '../errors.ts';
import type { Address } from '../machine.ts';
import {
  type Access,
  createNtpServer,
  type RateLimitConfig,
  type SavedConfig,
  type Source,
  setSource,
} from '../ntp/server.ts';
import { SHUT_RDWR } from '../udp/linux/constants.ts';
import { loadFfi } from '../udp/linux/host.ts';
import type { Ffi } from '../udp/linux/libc.ts';
import { probe } from '../udp/linux/probe.ts';
import {
  openSockets,
  type Picking,
  pickByClient,
  type SharedSockets,
} from '../udp/linux/reuseport.ts';
import { startThread, type Thread } from '../udp/thread.ts';
import { createResponder } from './responder.ts';
import { makeShared, type Tally } from './shared.ts';
import type { Plan } from './work.ts';

export interface CrewOptions {
  readonly workers: number;
  readonly locals: readonly Address[];
  readonly epochS: number;
  readonly source: Source;
  readonly rateLimit: RateLimitConfig | null;
  readonly access: Access;
  readonly interleaved: SavedConfig | null;
  /** Random, against chosen addresses. (u32) */
  readonly seed: number;
  /** Once it fires no more workers are started; whoever asked closes the crew. */
  readonly signal?: AbortSignal | undefined;
  /** Something went wrong that the server outlives: one sentence. */
  onTrouble(text: string): void;
}

export interface Crew {
  readonly addresses: readonly Address[];
  /** Of each worker. */
  tallies(): Tally[];
  /** @throws ConfigError, and nothing is changed */
  setSource(source: Source): void;
  close(): Promise<void>;
}

export const MOST_WORKERS = 64;
/** A worker looks after 100 ms at the latest whether it shall stop. */
const END_MS = 500;

/**
 * Binds the addresses and starts the workers; resolved when all of them serve, or the signal fires.
 * @throws ConfigError for wrong options, HostError if kernel stamps, an address or a thread cannot
 *   be had (then nothing stays open)
 */
export async function openCrew(options: CrewOptions): Promise<Crew> {
  const { workers, locals, seed, rateLimit, access, interleaved, source, epochS } = options;
  // Checked here: in a thread it would be a worker's death
  const judge = createNtpServer({ epochS, source, rateLimit: null, access: NONE, interleaved });
  createResponder({ rateLimit, access, interleaved: false });
  const ffi = loadFfi();
  if (typeof ffi === 'string') throw new HostError(`workers need kernel timestamps: ${ffi}`);
  const keeper = probe(ffi); // kept, so that the kernel stamps from the first request on
  if (typeof keeper === 'string') throw new HostError(`workers need kernel timestamps: ${keeper}`);
  const picking: Picking = { isByPrefix: rateLimit !== null, seed };
  const groups: SharedSockets[] = [];
  const shared = makeShared(workers);
  shared.writeSource(source, epochS);
  const threads: Thread[] = [];
  let isClosed = false;

  const open = new Set<number>([keeper]);
  const close = async (): Promise<void> => {
    isClosed = true;
    shared.stop();
    for (const fd of open) ffi.libc.shutdown(fd, SHUT_RDWR); // who waits, wakes
    await Promise.all(threads.map((thread) => thread.end(END_MS)));
    for (const fd of open) ffi.libc.close(fd);
    open.clear();
  };

  try {
    for (const local of locals) {
      const group = openSockets(ffi, local, workers, picking);
      groups.push(group);
      for (const fd of group.fds) open.add(fd);
    }
    const why = groups.find(({ whyUnpicked }) => whyUnpicked !== null)?.whyUnpicked ?? null;
    if (why !== null) options.onTrouble(unpicked(why));
    for (let index = 0; index < workers && options.signal?.aborted !== true; index++) {
      const sockets = groups.map(({ fds, local }) => ({ fd: fds[index] ?? -1, local }));
      const { buffer } = shared;
      const plan: Plan = { buffer, index, sockets, rateLimit, access, interleaved };
      threads.push(await startThread(plan));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const alive = threads.map((_, index) => index);
  for (const [index, { ended }] of threads.entries()) {
    ended.then((why) => {
      if (isClosed) return;
      alive.splice(alive.indexOf(index), 1);
      options.onTrouble(died(index, why, alive.length));
      retire(ffi, groups, index, alive, picking, open);
    });
  }
  return {
    addresses: groups.map(({ local }) => local),
    tallies: () => threads.map((_, index) => shared.tallyOf(index)),
    setSource(next) {
      setSource(judge, next);
      shared.writeSource(next, epochS);
    },
    close,
  };
}

const NONE: Access = { allow: [], deny: [] };

/** A dead worker's sockets are closed and its clients shared out among the others. */
function retire(
  ffi: Ffi,
  groups: readonly SharedSockets[],
  index: number,
  alive: readonly number[],
  picking: Picking,
  open: Set<number>,
): void {
  for (const { fds, local } of groups) {
    const fd = fds[index] ?? -1;
    if (open.delete(fd)) ffi.libc.close(fd);
    const other = fds[alive[0] ?? -1];
    if (other !== undefined) pickByClient(ffi, other, local.ip, alive.length, picking);
  }
}

const died = (index: number, why: string | null, others: number): string => {
  const rest = others === 0 ? 'nobody is served any more' : `${others} serve its clients now`;
  return `worker ${index + 1} has died, ${rest}: ${why ?? 'it stopped unasked'}`;
};

const unpicked = (why: string): string =>
  `clients are not kept to one worker each, so rate limit and interleaved mode count per worker: ${why}`;

/** The whole state of a slave port, and what follows from it: intervals, timeouts, drops. */
import type { Address, DropReason, Drops, Output } from '../machine.ts';
import type { PathKey } from '../path.ts';
import { NS_PER_S, type Tick, tick } from '../units.ts';
import type { LeapTable } from './leapseconds.ts';
import type { MasterTime } from './mastertime.ts';
import type { Requests } from './requests.ts';
import type { SlavePath } from './slavepath.ts';

export type DelayMechanism = 'E2E' | 'P2P';

/** The part of the configuration that the machine keeps. */
export interface SlaveSettings {
  readonly delayMechanism: DelayMechanism;
  readonly domainNumber: number;
  readonly majorSdoId: number;
  readonly minorSdoId: number;
  readonly eventPort: number;
  readonly remoteEventPort: number;
  readonly receiptTimeout: number;
  readonly fastestLogDelay: number;
  readonly contextStep: number;
  readonly maxPaths: number;
}

/** All a slave port knows. Plain data; only its own files change it. */
export interface Slave extends SlaveSettings {
  paths: SlavePath[];
  /** Position in `paths` by key. */
  index: Record<PathKey, number>;
  /** By port text: the masters that paths follow. */
  times: Record<string, MasterTime>;
  leapTable: LeapTable | null;
  nextContext: number;
  /** Requests that the host has yet to stamp, by context. */
  unstamped: Record<number, { readonly path: PathKey; readonly sequenceId: number }>;
  /** Datagrams that belong to no path. */
  strays: { received: number; drops: Drops };
}

/** Intervals that a master may tell; others are ignored. (log2 s) */
const LOG_INTERVAL_LEAST = -10;
const LOG_INTERVAL_MOST = 22;
/** No path is given up after less silence: the host, too, may be busy. (s) */
const LEAST_TIMEOUT_S = 1;

export const isInterval = (logInterval: number): boolean =>
  logInterval >= LOG_INTERVAL_LEAST && logInterval <= LOG_INTERVAL_MOST;

export const pathOf = (slave: Slave, key: PathKey): SlavePath | undefined => {
  const at = slave.index[key];
  return at === undefined ? undefined : slave.paths[at];
};

/** The requests of the mechanism in use. */
export const requestsOf = (slave: Slave, path: SlavePath): Requests<unknown> =>
  slave.delayMechanism === 'E2E' ? path.delays : path.pdelays;

/** Interval of the requests on a path, null if none are to be sent. (log2 s) */
export function delayLog(slave: Slave, path: SlavePath): number | null {
  const own = path.following?.logDelayInterval ?? null;
  if (own === null || path.parked !== null) return null;
  const asked = path.toldDelayLog ?? own;
  return Math.min(Math.max(asked, slave.fastestLogDelay), LOG_INTERVAL_MOST);
}

/** Interval of the Syncs on a path. (log2 s) */
export function syncLog(path: SlavePath): number {
  const log = path.toldSyncLog ?? path.following?.logSyncInterval ?? 0;
  return Math.min(log, LOG_INTERVAL_MOST);
}

const timeoutNs = (slave: Slave, logInterval: number): number =>
  Math.max(slave.receiptTimeout * 2 ** logInterval, LEAST_TIMEOUT_S) * NS_PER_S;

/** When the newest forward measurement, or the first half of one, is too old. */
export const forwardUntil = (slave: Slave, path: SlavePath, lastNs: Tick): Tick =>
  tick(lastNs + timeoutNs(slave, syncLog(path)));

/** When the newest reverse measurement is too old: requests may be two intervals apart. */
export function reverseUntil(slave: Slave, path: SlavePath, lastNs: Tick): Tick {
  const log = Math.max((delayLog(slave, path) ?? 0) + 1, syncLog(path));
  return tick(lastNs + timeoutNs(slave, log));
}

/** Counts a datagram of this path that is not used. */
export function drop(path: SlavePath, reason: DropReason, from: Address): Output {
  path.tally.drops[reason]++;
  return { type: 'drop', reason, from };
}

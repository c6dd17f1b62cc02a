/**
 * Foreign master records of one port and when they count: qualified, silent for too long, gone.
 * IEEE 1588-2008 §9.3.2.4, §9.3.2.5. Plain data; foreign.ts fills the table.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import { NS_PER_S, type Tick, tick } from '../units.ts';
import type { AnnounceContent } from './dataset.ts';
import type { PortIdentity } from './identity.ts';

/**
 * Announce intervals within which FOREIGN_MASTER_THRESHOLD distinct Announces qualify a master.
 * The threshold is 2 (§9.3.2.4.5): a record keeps the last two.
 */
const FOREIGN_MASTER_TIME_WINDOW = 4;

export interface ForeignConfig {
  /** The port that hears them. */
  readonly receiver: PortIdentity;
  /** clockIdentities of this clock: all N of a single-ended one (PTP-S17). */
  readonly ownIdentities: readonly string[];
  /** (s, more than 0) */
  readonly announceIntervalS: number;
  /** Intervals without an Announce until the parent counts as gone. (2–255) */
  readonly announceReceiptTimeout: number;
  /** Acceptable master table: clockIdentities of senders; null takes any. Default null. */
  readonly acceptable?: readonly string[] | null;
  /** Of masters that say they are alternates, and none else. Default false: of all others. */
  readonly isOfAlternates?: boolean;
  /** Records at most; half of them for masters that qualify. (4–4096, default 32) */
  readonly capacity?: number;
}

/** One sender. Plain data. */
export interface ForeignMaster {
  /** `aabbcc.fffe.ddeeff-1` */
  readonly key: string;
  /** The newest. */
  announce: AnnounceContent;
  /** Its announce interval: the port's, or what a unicast grant says. (ns) */
  intervalNs: number;
  /** The last two Announces that count; previous is null while there is one. */
  previousNs: Tick | null;
  lastNs: Tick;
  /** The newest of all, copies too. */
  heardNs: Tick;
}

export interface ForeignTable {
  readonly receiver: PortIdentity;
  ownIdentities: string[];
  acceptable: string[] | null;
  /** (ns) */
  announceIntervalNs: number;
  announceReceiptTimeout: number;
  /** Added to the receipt timeout; random 0..1 interval per port, or 0 (EP-055). (ns) */
  extensionNs: number;
  readonly capacity: number;
  readonly isOfAlternates: boolean;
  /** Key of an alternate that counts as any other: no better one is acceptable (EP-095). */
  promoted: string | null;
  masters: ForeignMaster[];
  /** Key of the master that the port follows, or that keeps it passive. */
  parent: string | null;
}

/** Throws ConfigError. */
export function createForeignTable(config: ForeignConfig): ForeignTable {
  const { announceIntervalS, announceReceiptTimeout, acceptable = null, capacity = 32 } = config;
  if (!(announceIntervalS > 0 && announceIntervalS <= 2 ** 22)) {
    throw new ConfigError(
      'ptp.announceIntervalS',
      'more than 0 and at most 2^22 s',
      announceIntervalS,
    );
  }
  requireInteger('ptp.announceReceiptTimeout', announceReceiptTimeout, 2, 255);
  requireInteger('ptp.foreignMasters', capacity, 4, 4096);
  return {
    receiver: config.receiver,
    ownIdentities: [...config.ownIdentities],
    acceptable: acceptable && [...acceptable],
    announceIntervalNs: announceIntervalS * NS_PER_S,
    announceReceiptTimeout,
    extensionNs: 0,
    capacity,
    isOfAlternates: config.isOfAlternates ?? false,
    promoted: null,
    masters: [],
    parent: null,
  };
}

/**
 * True while two counted Announces lie within the window, and for the parent until its receipt
 * timeout: a few lost Announces do not unseat it.
 */
export function isQualified(table: ForeignTable, master: ForeignMaster, nowNs: Tick): boolean {
  if (master.key === table.parent) return nowNs < receiptTimeoutAt(table, master);
  return (
    master.previousNs !== null &&
    nowNs - master.previousNs < FOREIGN_MASTER_TIME_WINDOW * master.intervalNs
  );
}

/** The record of the parent, or null. */
export const parentOf = (table: ForeignTable): ForeignMaster | null =>
  table.masters.find(({ key }) => key === table.parent) ?? null;

/** Length of the announce receipt timeout of a port without a parent. (ns) */
export const receiptTimeoutNs = (table: ForeignTable): number =>
  table.announceReceiptTimeout * table.announceIntervalNs + table.extensionNs;

/** When a master has been silent for the announce receipt timeout. */
export const receiptTimeoutAt = (table: ForeignTable, master: ForeignMaster): Tick =>
  tick(master.heardNs + table.announceReceiptTimeout * master.intervalNs + table.extensionNs);

/** When a master that stays silent is forgotten: the parent with its receipt timeout. */
export const goneAt = (table: ForeignTable, master: ForeignMaster): number =>
  master.key === table.parent
    ? receiptTimeoutAt(table, master)
    : master.heardNs + FOREIGN_MASTER_TIME_WINDOW * master.intervalNs;

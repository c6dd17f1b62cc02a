/**
 * The Syncs of one path and their Follow_Ups, which come over another port and so in any order, or
 * not at all (IEEE 1588-2008 §9.5.4; BASE-B6). Pairs them by sequenceId; knows no addresses, no
 * identities and no timescale.
 */
import type { DropReason, StampKind } from '../machine.ts';
import { NS_PER_S, type Stamp, type Tick } from '../units.ts';
import { ahead } from './sequence.ts';
import type { Timestamp } from './timestamp.ts';

/** A Sync with all that belongs to it. */
export interface SyncStamps {
  /** When it was sent. (master's time) */
  readonly origin: Timestamp;
  /** Of Sync and Follow_Up together. (2^-16 ns) */
  readonly correction: bigint;
  readonly receivedAtNs: Stamp;
  /** Whose stamp that is, where the host tells. */
  readonly stampKind?: StampKind | undefined;
}

/** The half that a Follow_Up is. */
interface FollowUpStamps {
  readonly origin: Timestamp;
  readonly correction: bigint;
}
/** The half that a two-step Sync is. */
interface HalfSync {
  readonly correction: bigint;
  readonly receivedAtNs: Stamp;
  /** Whose stamp that is, where the host tells. */
  readonly stampKind?: StampKind | undefined;
}

/** What is known of one sequenceId. */
interface Entry {
  readonly sequenceId: number;
  /** When the first half came. */
  readonly sinceNs: Tick;
  sync: HalfSync | null;
  followUp: FollowUpStamps | null;
  /** `used`: both halves were there; `given-up`: the other half is too late now. */
  fate: 'waits' | 'used' | 'given-up' | 'clock-step';
}

/** Plain data. */
export interface Syncs {
  newest: number | null;
  newestNs: Tick;
  /** In order of arrival, about {@link WINDOW} at most. */
  entries: Entry[];
}

/** sequenceIds remembered: half a second of Syncs at the highest rate. */
export const WINDOW = 64;
/** The two halves of a Sync come this near to each other, or the first is given up. (ns) */
export const PAIR_NS = 4 * NS_PER_S;

export const createSyncs = (): Syncs => ({ newest: null, newestNs: 0 as Tick, entries: [] });

/** @returns the measurement if it is complete, null while it waits, or why it is not used */
export function takeSync(
  syncs: Syncs,
  sync: HalfSync & {
    readonly sequenceId: number;
    /** null: a two-step Sync. */
    readonly origin: Timestamp | null;
  },
  nowNs: Tick,
): SyncStamps | DropReason | null {
  const entry = entryOf(syncs, sync.sequenceId, nowNs);
  if (typeof entry === 'string') return entry;
  const refused = refusal(entry, entry.sync !== null);
  if (refused !== null) return refused;
  const { correction, receivedAtNs, stampKind, origin } = sync;
  entry.sync = { correction, receivedAtNs, ...(stampKind && { stampKind }) };
  if (origin === null) return completed(entry);
  entry.fate = 'used';
  return { origin, ...entry.sync };
}

/** @returns as {@link takeSync} */
export function takeFollowUp(
  syncs: Syncs,
  followUp: FollowUpStamps & { readonly sequenceId: number },
  nowNs: Tick,
): SyncStamps | DropReason | null {
  const entry = entryOf(syncs, followUp.sequenceId, nowNs);
  if (typeof entry === 'string') return entry;
  const refused = refusal(entry, entry.followUp !== null);
  if (refused !== null) return refused;
  const { origin, correction } = followUp;
  entry.followUp = { origin, correction };
  return completed(entry);
}

/**
 * Gives up halves that have waited too long, or whose sequenceId is too far behind.
 * @returns how many
 */
export function giveUp(syncs: Syncs, nowNs: Tick): number {
  const { entries } = syncs;
  let count = 0;
  for (const entry of entries) {
    if (entry.fate !== 'waits') continue;
    if (nowNs - entry.sinceNs < PAIR_NS && isRecent(syncs, entry)) continue;
    entry.fate = 'given-up';
    count++;
  }
  while (entries[0] !== undefined && !isRecent(syncs, entries[0])) entries.shift();
  return count;
}

/** The local clock was stepped: Syncs that wait have a stamp of before. */
export function voidSyncs(syncs: Syncs): void {
  for (const entry of syncs.entries) {
    if (entry.fate === 'waits' && entry.sync !== null) entry.fate = 'clock-step';
  }
}

const isRecent = (syncs: Syncs, entry: Entry): boolean =>
  syncs.newest === null || Math.abs(ahead(syncs.newest, entry.sequenceId)) < WINDOW;

/** The entry of a sequenceId, known or new. */
function entryOf(syncs: Syncs, sequenceId: number, nowNs: Tick): Entry | 'stale' {
  const known = syncs.entries.find((entry) => entry.sequenceId === sequenceId);
  if (known !== undefined) return known;
  const lead = syncs.newest === null ? 1 : ahead(sequenceId, syncs.newest);
  // A master that started anew counts from anywhere
  const isAnew = lead <= -WINDOW && nowNs - syncs.newestNs >= PAIR_NS;
  if (lead <= -WINDOW && !isAnew) return 'stale';
  if (isAnew || lead > 0) {
    syncs.newest = sequenceId;
    syncs.newestNs = nowNs;
  }
  const entry: Entry = { sequenceId, sinceNs: nowNs, sync: null, followUp: null, fate: 'waits' };
  syncs.entries.push(entry);
  return entry;
}

/** Why a half is of no use, or null. */
function refusal(entry: Entry, isThere: boolean): DropReason | null {
  if (isThere || entry.fate === 'used') return 'duplicate';
  if (entry.fate === 'clock-step') return 'clock-step';
  return entry.fate === 'given-up' ? 'stale' : null;
}

function completed(entry: Entry): SyncStamps | null {
  const { sync, followUp } = entry;
  if (sync === null || followUp === null) return null;
  entry.fate = 'used';
  const correction = sync.correction + followUp.correction;
  return { ...sync, origin: followUp.origin, correction };
}

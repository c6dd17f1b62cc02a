/**
 * The foreign masters that one port hears: who qualifies, who is the best (Erbest), who has gone.
 * IEEE 1588-2008 §9.3.2.5, §9.5.3; RFC 8039 §5.3.1. The key is the sender's port identity: copies
 * of one Announce over several addresses are one foreign master (PTP-D17).
 *
 * A stranger can make up any number of senders, so room is limited: one half for masters that
 * qualify, the rest for newcomers. Newcomers never displace a master that qualified, and nobody
 * displaces the parent.
 */
import { type Tick, tick } from '../units.ts';
import { type Dataset, datasetOfAnnounce, isBetter } from './bmca.ts';
import type { AnnounceContent } from './dataset.ts';
import { isReserved, portText } from './identity.ts';
import { type ForeignMaster, type ForeignTable, goneAt, isQualified } from './qualified.ts';

/** Why an Announce is none of a foreign master. */
export type ForeignRefusal =
  | 'own-clock' // one of my identities sent it
  | 'reserved-identity' // all zeros or ones: a wildcard, no clock
  | 'alternate-master' // says itself that it is not to be selected (§17.4)
  | 'steps-removed' // 255 or more
  | 'path-trace' // went through me already
  | 'not-acceptable' // not in the acceptable master table
  | 'full'; // no room for a newcomer

/** What an Announce did to the table. */
export type Heard =
  | { readonly type: 'refused'; readonly reason: ForeignRefusal }
  | {
      readonly type: 'heard';
      readonly master: ForeignMaster;
      /** First of this sender. */
      readonly isNew: boolean;
      /** It came with another soon before, over another path perhaps: refreshes, counts not. */
      readonly isCopy: boolean;
      /** Time for a state decision: it qualified just now, or would be judged otherwise. */
      readonly isChange: boolean;
    };

/** stepsRemoved from which a path is too long, or a loop (§9.3.2.5 d). */
const STEPS_LIMIT = 255;
/** Announces nearer than this are copies of one. (announce intervals) */
const COPY_SPAN = 0.5;
/** Newcomers have this long to be heard again before another may take their place. (intervals) */
const GRACE_SPAN = 2;

/**
 * Takes one Announce of the right domain and version.
 * @param intervalNs announce interval of this sender if not the port's: what its grant says
 */
export function hearAnnounce(
  table: ForeignTable,
  announce: AnnounceContent,
  nowNs: Tick,
  intervalNs: number = table.announceIntervalNs,
): Heard {
  const reason = refusal(table, announce);
  if (reason !== null) return { type: 'refused', reason };
  const key = portText(announce.sourcePortIdentity);
  const known = table.masters.find((master) => master.key === key);
  if (known === undefined) {
    if (!makeRoom(table, nowNs)) return { type: 'refused', reason: 'full' };
    const times = { previousNs: null, lastNs: nowNs, heardNs: nowNs };
    const master: ForeignMaster = { key, announce, intervalNs, ...times };
    table.masters.push(master);
    return { type: 'heard', master, isNew: true, isCopy: false, isChange: false };
  }
  const qualifiedBefore = isQualified(table, known, nowNs);
  const isOther = !saysTheSame(known.announce, announce);
  const isCopy = nowNs - known.lastNs < COPY_SPAN * intervalNs;
  known.announce = announce;
  known.intervalNs = intervalNs;
  known.heardNs = nowNs;
  if (!isCopy) {
    known.previousNs = known.lastNs;
    known.lastNs = nowNs;
  }
  const qualified = isQualified(table, known, nowNs);
  if (qualified && !qualifiedBefore && !keepQualified(table, known, nowNs)) {
    return { type: 'refused', reason: 'full' };
  }
  const isChange = qualified && (isOther || !qualifiedBefore);
  return { type: 'heard', master: known, isNew: false, isCopy, isChange };
}

/** Erbest: the best qualified master of the port that may be one, or null. */
export function bestForeign(
  table: ForeignTable,
  nowNs: Tick,
  mayBe: (master: ForeignMaster) => boolean = () => true,
): ForeignMaster | null {
  let best: ForeignMaster | null = null;
  let bestSet: Dataset | null = null;
  for (const master of table.masters) {
    if (!isQualified(table, master, nowNs) || !mayBe(master)) continue;
    const set = datasetOfAnnounce(master.announce, table.receiver);
    if (bestSet !== null && !isBetter(set, bestSet)) continue;
    best = master;
    bestSet = set;
  }
  return best;
}

/** Names the master that the port follows or defers to; null for none. */
export function setParent(table: ForeignTable, master: ForeignMaster | null): void {
  table.parent = master === null ? null : master.key;
}

/**
 * Forgets whoever is not heard any more.
 * @returns the parent's record if it is among them: its announce receipt timeout has come
 */
export function expireForeign(table: ForeignTable, nowNs: Tick): ForeignMaster | null {
  const lost = table.masters.filter((master) => nowNs >= goneAt(table, master));
  if (lost.length === 0) return null;
  table.masters = table.masters.filter((master) => !lost.includes(master));
  const parent = lost.find(({ key }) => key === table.parent) ?? null;
  if (parent !== null) table.parent = null;
  return parent;
}

/** When {@link expireForeign} has something to do, or null if there is nobody. */
export function nextExpiry(table: ForeignTable): Tick | null {
  const times = table.masters.map((master) => goneAt(table, master));
  return times.length === 0 ? null : tick(Math.min(...times));
}

/**
 * A master that says now what it did not say before, or no longer, belongs into the other table,
 * with what is known of it. @returns its record there, null if there is none or no room
 */
export function moveForeign(
  from: ForeignTable,
  to: ForeignTable,
  key: string,
  nowNs: Tick,
): ForeignMaster | null {
  const master = from.masters.find((one) => one.key === key);
  if (master === undefined) return null;
  from.masters = from.masters.filter((one) => one !== master);
  if (from.parent === key) from.parent = null;
  if (from.promoted === key) from.promoted = null;
  if (to.masters.some((one) => one.key === key) || !makeRoom(to, nowNs)) return null;
  to.masters.push(master);
  return master;
}

/** Forgets everybody: the port was down, or another domain was chosen. */
export function clearForeign(table: ForeignTable): void {
  table.masters = [];
  table.parent = null;
  table.promoted = null;
}

function refusal(table: ForeignTable, announce: AnnounceContent): ForeignRefusal | null {
  const { clockIdentity } = announce.sourcePortIdentity;
  if (table.ownIdentities.includes(clockIdentity)) return 'own-clock';
  if (isReserved(clockIdentity)) return 'reserved-identity';
  const isAlternate = announce.alternateMasterFlag;
  const isPromoted = isAlternate && table.promoted === portText(announce.sourcePortIdentity);
  if (isAlternate !== table.isOfAlternates && !isPromoted) return 'alternate-master';
  if (announce.stepsRemoved >= STEPS_LIMIT) return 'steps-removed';
  if (announce.pathTrace?.some((one) => table.ownIdentities.includes(one))) return 'path-trace';
  if (table.acceptable !== null && !table.acceptable.includes(clockIdentity)) {
    return 'not-acceptable';
  }
  return null;
}

/** A place for a newcomer: a free one, that of a master gone, or of a newcomer not heard again. */
function makeRoom(table: ForeignTable, nowNs: Tick): boolean {
  const isNewcomer = (master: ForeignMaster) => !isQualified(table, master, nowNs);
  const newcomers = table.masters.filter(isNewcomer);
  const isFull = table.masters.length >= table.capacity;
  if (!isFull && newcomers.length < table.capacity - qualifiedLimit(table)) return true;
  let oldest: ForeignMaster | null = null;
  for (const master of newcomers) {
    if (master.key === table.parent) continue;
    if (oldest === null || master.heardNs < oldest.heardNs) oldest = master;
  }
  if (oldest === null || nowNs - oldest.heardNs < GRACE_SPAN * oldest.intervalNs) return false;
  table.masters = table.masters.filter((master) => master !== oldest);
  return true;
}

const qualifiedLimit = (table: ForeignTable): number => table.capacity >> 1;

/**
 * Keeps the masters that qualify within their half: the worst goes.
 * @returns false if that is the one that just qualified
 */
function keepQualified(table: ForeignTable, latest: ForeignMaster, nowNs: Tick): boolean {
  const qualified = table.masters.filter((master) => isQualified(table, master, nowNs));
  if (qualified.length <= qualifiedLimit(table)) return true;
  let worst: ForeignMaster | null = null;
  for (const master of qualified) {
    if (master.key === table.parent) continue;
    if (worst === null || isBetter(toSet(table, worst), toSet(table, master))) worst = master;
  }
  table.masters = table.masters.filter((master) => master !== worst);
  return worst !== latest;
}

const toSet = (table: ForeignTable, master: ForeignMaster): Dataset =>
  datasetOfAnnounce(master.announce, table.receiver);

/** Whether two Announces of one sender would be judged alike. */
const saysTheSame = (a: AnnounceContent, b: AnnounceContent): boolean =>
  a.grandmasterIdentity === b.grandmasterIdentity &&
  a.grandmasterPriority1 === b.grandmasterPriority1 &&
  a.grandmasterPriority2 === b.grandmasterPriority2 &&
  a.stepsRemoved === b.stepsRemoved &&
  a.grandmasterClockQuality.clockClass === b.grandmasterClockQuality.clockClass &&
  a.grandmasterClockQuality.clockAccuracy === b.grandmasterClockQuality.clockAccuracy &&
  a.grandmasterClockQuality.offsetScaledLogVariance ===
    b.grandmasterClockQuality.offsetScaledLogVariance;

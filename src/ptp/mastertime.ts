/**
 * What one master's timestamps are in Unix time: its Announces say how its time becomes UTC, its
 * own stamps say which second it is (IEEE 1588-2008 §7.2). Around a leap second no
 * stamp is converted: nobody can tell when the local clock makes its own jump.
 */
import type { DropReason } from '../machine.ts';
import { NS_PER_S, type Tick } from '../units.ts';
import type { TimePropertiesDS } from './dataset.ts';
import type { LeapTable } from './leapseconds.ts';
import { planUtc, type UtcPlan, utcOfPtp } from './timeprops.ts';
import { isZero, type Timestamp } from './timestamp.ts';

/** Plain data. */
export interface MasterTime {
  /** Of its last Announce. */
  properties: TimePropertiesDS | null;
  /** Null as long as UTC cannot be known. */
  plan: UtcPlan | null;
  /** The last plan there was. */
  lastPlan: UtcPlan | null;
  /** Its time at a tick, from its newest stamp. */
  seen: { readonly ptpS: number; readonly atNs: Tick } | null;
  /** First PTP second after the leap second that comes, or has just been. */
  leapPtpS: number | null;
}

/**
 * What an Announce changed. `changed`: Unix time of this master is not what it was (a leap second
 * that was announced does not count): measurements before and after do not compare. `unknown`: it
 * cannot be told now.
 */
export type UtcNews = 'same' | 'changed' | 'unknown';

/** Stamps this near to a leap second are not converted. (s) */
const GUARD_S = 2;
/** Seconds of which i64 ns can be made with room to spare. */
const SECONDS_LIMIT = 2 ** 33;

export const createMasterTime = (): MasterTime => ({
  properties: null,
  plan: null,
  lastPlan: null,
  seen: null,
  leapPtpS: null,
});

/** Takes what an Announce says. @param own the own list, for masters that do not know UTC */
export function takeProperties(
  time: MasterTime,
  properties: TimePropertiesDS,
  own: LeapTable | null,
  nowNs: Tick,
): UtcNews {
  time.properties = { ...properties };
  const { seen } = time;
  if (seen === null) return 'unknown'; // planned with the first stamp
  return plan(time, properties, own, seen.ptpS + Math.floor((nowNs - seen.atNs) / NS_PER_S));
}

function plan(
  time: MasterTime,
  properties: TimePropertiesDS,
  own: LeapTable | null,
  ptpS: number,
): UtcNews {
  const before = time.lastPlan;
  time.plan = planUtc(time.plan, properties, ptpS, own);
  if (time.plan === null) return 'unknown';
  time.lastPlan = time.plan;
  if (time.plan.change !== null) time.leapPtpS = time.plan.change.atPtpS;
  else if (!isNearLeap(time, ptpS)) time.leapPtpS = null;
  if (before === null || isNearLeap(time, ptpS)) return 'same';
  return utcOfPtp(before, ptpS).unixS === utcOfPtp(time.plan, ptpS).unixS ? 'same' : 'changed';
}

const isNearLeap = (time: MasterTime, ptpS: number): boolean =>
  time.leapPtpS !== null && Math.abs(ptpS - time.leapPtpS + 0.5) < GUARD_S;

/**
 * Unix ns of a stamp.
 * @param correction what brings the stamp to the time meant; only tells the second (2^-16 ns)
 * @returns why it cannot be told otherwise
 */
export function unixNs(
  time: MasterTime,
  stamp: Timestamp,
  correction: bigint,
  own: LeapTable | null,
  nowNs: Tick,
): bigint | DropReason {
  if (isZero(stamp)) return 'zero-timestamp';
  if (stamp.seconds >= SECONDS_LIMIT) return 'timestamp';
  if (time.properties === null) return 'utc';
  const ptpS =
    stamp.seconds + Math.floor((stamp.nanoseconds + Number(correction >> 16n)) / NS_PER_S);
  time.seen = { ptpS, atNs: nowNs };
  if (time.plan === null) plan(time, time.properties, own, ptpS);
  if (time.plan === null) return 'utc';
  if (isNearLeap(time, ptpS)) return 'leap-second';
  const unixS = stamp.seconds + utcOfPtp(time.plan, ptpS).unixS - ptpS;
  return BigInt(unixS) * 1_000_000_000n + BigInt(stamp.nanoseconds);
}

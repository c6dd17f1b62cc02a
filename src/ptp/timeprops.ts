/**
 * PTP seconds and UTC seconds: what a master announces of its time (IEEE 1588-2008 §7.2, §8.2.4),
 * and what a slave makes of it. All times are whole seconds.
 *
 * PTP timescale: TAI since 1970, UTC = PTP − currentUtcOffset. ARB: the epoch is the master's
 * affair; stock software masters hand out UTC then, whatever offset they announce.
 */
import { type TimePropertiesDS, UNKNOWN_TIME } from './dataset.ts';
import {
  expiryDay,
  type LeapTable,
  leapAt,
  nextStep,
  taiOfUtc,
  type UtcSecond,
  utcOfTai,
} from './leapseconds.ts';

/** Where a master's own time comes from. */
export interface OwnSource {
  /** 0x10 atomic, 0x20 GNSS, 0x50 NTP, 0x60 hand set, 0xa0 internal oscillator. */
  readonly timeSource: number;
  readonly timeTraceable: boolean;
  readonly frequencyTraceable: boolean;
}

/** What a master whose clock shows UTC announces. */
export interface OwnTime {
  readonly properties: TimePropertiesDS;
  /** Why no leap second count is current, one sentence; null if all is well (EP-064). */
  readonly problem: string | null;
}

/**
 * Time properties of a master whose clock shows UTC. With a current list it serves TAI; without
 * one it cannot know TAI and serves its UTC as an arbitrary timescale.
 */
export function ownTime(table: LeapTable | null, unixS: number, source: OwnSource): OwnTime {
  const { timeSource, timeTraceable, frequencyTraceable } = source;
  const unknown = { ...UNKNOWN_TIME, timeSource, timeTraceable, frequencyTraceable };
  if (table === null) return { properties: unknown, problem: 'there is no list of leap seconds' };
  const leap = leapAt(table, unixS);
  if (leap === null) {
    return { properties: unknown, problem: 'the clock shows a time before the leap seconds list' };
  }
  const { currentUtcOffset, leap59, leap61, isExpired } = leap;
  if (isExpired) {
    const problem = `the leap seconds list expired on ${expiryDay(table)}`;
    return { properties: { ...unknown, currentUtcOffset }, problem };
  }
  return {
    properties: {
      ...unknown,
      currentUtcOffset,
      leap59,
      leap61,
      currentUtcOffsetValid: true,
      ptpTimescale: true,
    },
    problem: null,
  };
}

/** The PTP second that a master with these properties serves at a UTC second of its clock. */
export const servedSecond = (properties: TimePropertiesDS, unixS: number): number =>
  properties.ptpTimescale ? unixS + properties.currentUtcOffset : unixS;

/** How PTP seconds of one master become UTC, now and over the next leap second. */
export interface UtcPlan {
  /** PTP − UTC. (s) */
  readonly offsetS: number;
  /** Who says so: the master; the own list, as the master does not know; ARB: nobody, it is 0. */
  readonly from: 'announced' | 'own-list' | 'arbitrary';
  /** From this PTP second on another offset holds. */
  readonly change: { readonly atPtpS: number; readonly offsetS: number } | null;
}

/** So long after a leap second a master may still announce what held before it. (s) */
const LAG_S = 60;
const DAY_S = 86_400;

/**
 * The plan after an Announce.
 * @param before the plan of the same master so far, null for a new one
 * @param ptpS the master's time when its Announce came
 * @param own the own list, for masters that serve TAI and do not know UTC
 * @returns null if UTC cannot be known
 */
export function planUtc(
  before: UtcPlan | null,
  properties: TimePropertiesDS,
  ptpS: number,
  own: LeapTable | null = null,
): UtcPlan | null {
  if (!properties.ptpTimescale) return { offsetS: 0, from: 'arbitrary', change: null };
  if (!properties.currentUtcOffsetValid) return own && planOfTable(own, ptpS);
  const { currentUtcOffset: offsetS, leap59, leap61 } = properties;
  const isLagging =
    before?.from === 'announced' &&
    before.offsetS === offsetS &&
    before.change !== null &&
    ptpS >= leapBegin(before.offsetS, before.change) &&
    ptpS < before.change.atPtpS + LAG_S;
  if (isLagging) return before;
  if (leap59 === leap61) return { offsetS, from: 'announced', change: null };
  const nextDayS = (Math.floor((ptpS - offsetS) / DAY_S) + 1) * DAY_S;
  const after = leap61 ? offsetS + 1 : offsetS - 1;
  const change = { atPtpS: nextDayS + after, offsetS: after };
  return { offsetS, from: 'announced', change };
}

function planOfTable(table: LeapTable, ptpS: number): UtcPlan | null {
  const { unixS } = utcOfTai(table, ptpS);
  const leap = leapAt(table, unixS);
  if (leap === null || leap.isExpired) return null;
  const next = nextStep(table, unixS);
  return {
    offsetS: leap.currentUtcOffset,
    from: 'own-list',
    change: next && {
      atPtpS: taiOfUtc(table, next.fromUnixS),
      offsetS: next.taiMinusUtcS,
    },
  };
}

/** First PTP second that the old offset does not explain. */
const leapBegin = (offsetS: number, change: { atPtpS: number; offsetS: number }): number =>
  change.offsetS > offsetS ? change.atPtpS - 1 : change.atPtpS;

/** UTC of a PTP second. */
export function utcOfPtp(plan: UtcPlan, ptpS: number): UtcSecond {
  const { offsetS, change } = plan;
  if (change === null || ptpS < leapBegin(offsetS, change)) {
    return { unixS: ptpS - offsetS, isLeapSecond: false };
  }
  return { unixS: ptpS - change.offsetS, isLeapSecond: ptpS < change.atPtpS };
}

/** PTP second of a Unix second, of the first one where a leap second repeats it. */
export function ptpOfUtc(plan: UtcPlan, unixS: number): number {
  const { offsetS, change } = plan;
  const isAfter = change !== null && unixS >= change.atPtpS - change.offsetS;
  return unixS + (isAfter ? change.offsetS : offsetS);
}

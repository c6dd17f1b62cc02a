/**
 * The leap seconds list of IERS and NIST (`leap-seconds.list`): text to table, and what the table
 * says of a second. Times are whole Unix seconds (UTC) or PTP seconds (TAI since 1970).
 */
import { ConfigError } from '../errors.ts';

/** From this second on TAI − UTC has this value. */
export interface LeapStep {
  readonly fromUnixS: number;
  readonly taiMinusUtcS: number;
}

export interface LeapTable {
  /** Oldest first, never empty. */
  readonly steps: readonly LeapStep[];
  /** Last update of the list, null if it does not say. */
  readonly updatedUnixS: number | null;
  /** From this second on the list knows nothing. */
  readonly expiresUnixS: number;
}

/** What the list says of one second. */
export interface LeapState {
  /** TAI − UTC. (s) */
  readonly currentUtcOffset: number;
  /** A second is left out (59) or inserted (61) at the end of this UTC day. */
  readonly leap59: boolean;
  readonly leap61: boolean;
  /** The list is too old to tell: neither offset nor flags may be called valid. */
  readonly isExpired: boolean;
}

/** A leap second is announced this long before it comes, as GNSS masters do. */
export const LEAP_NOTICE_S = 43_200;

const UNIX_OF_NTP_S = 2_208_988_800; // 1900 to 1970
const DAY_S = 86_400;

/**
 * Reads a list. Lines: `NTP-second TAI−UTC # comment`, `#$ NTP-second` last update, `#@
 * NTP-second` expiry; other comments, the checksum `#h` too, are skipped.
 * Throws ConfigError naming the line: a list without expiry, too, cannot be trusted (EP-064).
 */
export function parseLeapSeconds(text: string, name = 'leap-seconds.list'): LeapTable {
  const steps: LeapStep[] = [];
  let updatedUnixS: number | null = null;
  let expiresUnixS: number | null = null;
  text.split('\n').forEach((line, index) => {
    const at = `${name}:${index + 1}`;
    const special = /^#([$@])(.*)$/.exec(line.trimEnd());
    if (special !== null) {
      const value = unixOfNtp(at, special[2] ?? '');
      if (special[1] === '@') expiresUnixS = value;
      else updatedUnixS = value;
      return;
    }
    const data = line.replace(/#.*/, '').trim();
    if (data !== '') steps.push(readStep(at, data, steps.at(-1)));
  });
  if (steps.length === 0) throw new ConfigError(name, 'one line per leap second', 'none');
  if (expiresUnixS === null) throw new ConfigError(name, 'a line "#@" with its expiry', 'none');
  return { steps, updatedUnixS, expiresUnixS };
}

function readStep(at: string, data: string, before: LeapStep | undefined): LeapStep {
  const [from = '', offset = '', more] = data.split(/\s+/);
  if (!/^[+-]?\d{1,5}$/.test(offset) || more !== undefined) {
    throw new ConfigError(at, 'an NTP second and TAI − UTC in seconds', data);
  }
  const fromUnixS = unixOfNtp(at, from);
  const taiMinusUtcS = Number(offset);
  if (fromUnixS % DAY_S !== 0) throw new ConfigError(at, 'the first second of a UTC day', from);
  if (before !== undefined) {
    if (fromUnixS <= before.fromUnixS)
      throw new ConfigError(at, 'later than the line before', from);
    if (Math.abs(taiMinusUtcS - before.taiMinusUtcS) !== 1) {
      throw new ConfigError(at, `one second from ${before.taiMinusUtcS}`, taiMinusUtcS);
    }
  }
  return { fromUnixS, taiMinusUtcS };
}

function unixOfNtp(at: string, text: string): number {
  const digits = text.trim();
  if (!/^\d{1,12}$/.test(digits)) throw new ConfigError(at, 'seconds since 1900', digits);
  return Number(digits) - UNIX_OF_NTP_S;
}

/**
 * Offset and flags at a UTC second.
 * @returns null before the first step: no whole-second offset existed
 */
export function leapAt(table: LeapTable, unixS: number): LeapState | null {
  const now = stepAt(table, unixS);
  if (now === undefined) return null;
  const next = nextStep(table, unixS);
  const isNear = next !== null && next.fromUnixS - unixS <= LEAP_NOTICE_S;
  const change = isNear ? next.taiMinusUtcS - now.taiMinusUtcS : 0;
  return {
    currentUtcOffset: now.taiMinusUtcS,
    leap59: change === -1,
    leap61: change === 1,
    isExpired: unixS >= table.expiresUnixS,
  };
}

const stepAt = (table: LeapTable, unixS: number): LeapStep | undefined =>
  table.steps.filter(({ fromUnixS }) => fromUnixS <= unixS).at(-1);

/** The first step after a UTC second, or null. */
export const nextStep = (table: LeapTable, unixS: number): LeapStep | null =>
  table.steps.find(({ fromUnixS }) => fromUnixS > unixS) ?? null;

/** A TAI second in UTC. An inserted second repeats the Unix second before it, and says so. */
export interface UtcSecond {
  readonly unixS: number;
  /** 23:59:60, shown as a second 23:59:59. */
  readonly isLeapSecond: boolean;
}

/** UTC of a TAI second; before the first step with the first offset. */
export function utcOfTai(table: LeapTable, taiS: number): UtcSecond {
  let offsetS = table.steps[0]?.taiMinusUtcS ?? 0;
  for (const { fromUnixS, taiMinusUtcS } of table.steps) {
    if (taiS >= fromUnixS + taiMinusUtcS) offsetS = taiMinusUtcS;
    else if (taiS >= fromUnixS + offsetS) return { unixS: taiS - taiMinusUtcS, isLeapSecond: true };
    else break;
  }
  return { unixS: taiS - offsetS, isLeapSecond: false };
}

/** TAI of a Unix second, of the first one where a leap second repeats it. */
export function taiOfUtc(table: LeapTable, unixS: number): number {
  const now = stepAt(table, unixS) ?? table.steps[0];
  return unixS + (now?.taiMinusUtcS ?? 0);
}

/** The day the list ends, for people: `2026-06-28`. */
export const expiryDay = (table: LeapTable): string =>
  new Date(table.expiresUnixS * 1000).toISOString().slice(0, 10);

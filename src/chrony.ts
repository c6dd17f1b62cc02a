/**
 * The combined clock as a reference clock of chronyd (`refclock SOCK`): which samples it is given,
 * and their bytes. The socket is udp/unix.ts.
 */
import type { Sample } from './ensemble.ts';
import type { Tick } from './units.ts';

/** Of the last minute of this UTC day, as chronyd numbers it: usual, a second more, one less. */
export type Leap = 0 | 1 | 2;

export interface ChronySample {
  /** What this machine's clock showed: whole Unix s, and µs of it. (0–999999) */
  readonly unixS: number;
  readonly us: number;
  /** Reference − this machine, s: chronyd's sign, and ours. */
  readonly offsetS: number;
  readonly leap: Leap;
}

export const CHRONY_SAMPLE_BYTES = 40;
const MAGIC = 0x534f434b; // SOCK

/**
 * struct sock_sample of chrony's refclock_sock.c (LP64, little endian): timeval, f64 offset, i32
 * pulse (0: the sample is a whole time), i32 leap, i32 padding, i32 magic.
 */
export function chronySample({ unixS, us, offsetS, leap }: ChronySample): Uint8Array {
  const bytes = new Uint8Array(CHRONY_SAMPLE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(unixS), true);
  view.setBigInt64(8, BigInt(us), true);
  view.setFloat64(16, offsetS, true);
  view.setInt32(28, leap, true);
  view.setInt32(36, MAGIC, true);
  return bytes;
}

/** What a path says of a leap second, and its share in the combination. (0..1) */
export interface LeapVote {
  readonly leap: number | null;
  readonly weight: number;
}

/** What more than half of the weight announces; else, or if in doubt, no leap second. */
export function leapOf(votes: readonly LeapVote[]): Leap {
  const weightOf = (wanted: number | null) =>
    votes.reduce((sum, { leap, weight }) => sum + (leap === wanted ? weight : 0), 0);
  const all = votes.reduce((sum, { weight }) => sum + weight, 0);
  if (weightOf(1) > all / 2) return 1;
  return weightOf(2) > all / 2 ? 2 : 0;
}

/** Closer samples tell chronyd nothing new (ns): 8 in 2 s are enough for `poll 1 filter 4`. */
const LEAST_SPACING_NS = 250e6;

/** Why nothing is sent. */
export type Silence = 'refused' | 'unsynchronized' | 'disagreement' | 'soon';

export interface ChronyFeed {
  /**
   * Looks at a measurement that was just taken. Only new ones may speak: chronyd steers the clock
   * in between, and an old offset would be corrected twice.
   * @returns null if a sample is due now
   */
  consider(sample: Sample, nowNs: Tick): Silence | null;
}

export function createChronyFeed(): ChronyFeed {
  let lastNs: Tick | null = null;
  return {
    consider({ status, clock }, nowNs) {
      if (status !== 'used') return 'refused';
      if (clock === null || clock.paths === 0 || !Number.isFinite(clock.uncertaintyS)) {
        return 'unsynchronized';
      }
      if (clock.agreement !== 'few' && clock.agreement !== 'majority') return 'disagreement';
      if (lastNs !== null && nowNs - lastNs < LEAST_SPACING_NS) return 'soon';
      lastNs = nowNs;
      return null;
    },
  };
}

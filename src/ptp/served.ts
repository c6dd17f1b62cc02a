/**
 * The time that a clock serves. An ordinary clock: what its host's clock shows. A boundary clock,
 * as nothing steers that: what its slave port makes of it, by one straight line for all stamps of
 * all ports, so that the two ends of an exchange are told on one scale.
 */
import { NS_PER_S, type Stamp, stamp } from '../units.ts';
import type { TimePropertiesDS } from './dataset.ts';
import { ptpOfUtc, servedSecond, type UtcPlan } from './timeprops.ts';
import { type Timestamp, timestampFromStamp } from './timestamp.ts';

/** UTC − local clock, by local time. */
export interface Estimate {
  readonly atNs: Stamp;
  /** Whole seconds of the offset … */
  readonly baseS: number;
  /** … and the rest, both at `atNs`. (s) */
  readonly restS: number;
  /** Rate of UTC / rate of the local clock − 1. (s/s) */
  readonly frequency: number;
}

/** Plain data, shared by all ports of a clock. */
export interface Served {
  /** Null: the local clock as it is. */
  estimate: Estimate | null;
  /** How the followed master's time becomes UTC; null: nobody is followed. */
  plan: UtcPlan | null;
  /** False: a master is announced whose time is not known yet. No port serves. */
  isReady: boolean;
}

export const ownServed = (): Served => ({ estimate: null, plan: null, isReady: true });

/**
 * What the clock shows at a stamp: TAI, or UTC as an arbitrary timescale.
 * @param epochS Unix second that stamps count from (integer)
 */
export function servedAt(
  { estimate, plan }: Served,
  properties: TimePropertiesDS,
  epochS: number,
  at: Stamp,
): Timestamp {
  const unix = timestampFromStamp(epochS, shifted(estimate, at), estimate?.baseS ?? 0);
  const { seconds, nanoseconds } = unix;
  const ptpS = plan === null ? servedSecond(properties, seconds) : ptpOfUtc(plan, seconds);
  return { seconds: ptpS, nanoseconds };
}

/** A span of local time in served time. (ns) */
export const servedSpan = ({ estimate }: Served, from: Stamp, to: Stamp): number =>
  (to - from) * (1 + (estimate?.frequency ?? 0));

/** The local clock was stepped: what it lacks is otherwise by as much. @param byS new − old */
export function stepServed(served: Served, byS: number): void {
  const { estimate } = served;
  if (estimate === null) return;
  const { atNs, baseS, restS, frequency } = estimate;
  served.estimate = { atNs: stamp(atNs + byS * NS_PER_S), baseS, restS: restS - byS, frequency };
}

const shifted = (estimate: Estimate | null, at: Stamp): Stamp =>
  estimate === null
    ? at
    : stamp(at + estimate.restS * NS_PER_S + estimate.frequency * (at - estimate.atNs));

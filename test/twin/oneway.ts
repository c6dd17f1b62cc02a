/**
 * Slow, obvious twin of the core's one-way arithmetic: IEEE 1588-2008 §11.2 in exact whole numbers
 * of 2^-16 ns. A span is `receive − send − correction`; the base, whole seconds of the offset
 * (remote − local), is taken off it: reverse spans hold +offset, forward ones −offset.
 */
import { clamp } from './time.ts';

const NS = 1_000_000_000n;
const UNITS = 1n << 16n;

export interface OneWayStamps {
  readonly direction: 'forward' | 'reverse';
  /** Unix ns. */
  readonly remote: bigint;
  readonly local: bigint;
  /** 2^-16 ns. */
  readonly correction: bigint;
}

/** Whole seconds of remote − local, towards zero. */
export const wholeOf = ({ remote, local }: OneWayStamps): bigint => clamp(remote - local) / NS;

/** The span less base and correction, exactly, in 2^-16 ns; ns counts saturate at the ends of i64. */
export function spanUnits({ direction, remote, local, correction }: OneWayStamps, baseS: bigint) {
  const ns =
    direction === 'reverse'
      ? clamp(clamp(remote - local) - baseS * NS)
      : clamp(clamp(local - remote) + baseS * NS);
  return ns * UNITS - correction;
}

/** 2^-16 ns to s, rounded once in each of two steps. */
export const secondsOf = (units: bigint): number => Number(units) / 65536 / 1e9;

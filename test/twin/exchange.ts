/**
 * Slow, obvious twin of the core's exchange arithmetic: RFC 5905 §8 (WIRE §1.3) in exact whole
 * numbers. T1 local send, T2 remote receive, T3 remote send, T4 local receive:
 *   offset = ((T2 − T1) + (T3 − T4)) / 2        delay = (T4 − T1) − (T3 − T2)
 */
import { clamp, ntpFromUnix, ntpSpan } from './time.ts';

export interface FourStamps {
  /** Local stamps in Unix ns. */
  readonly t1: bigint;
  readonly t4: bigint;
  /** Remote stamps: Unix ns, or NTP stamps (2^-32 s, u64). */
  readonly t2: bigint;
  readonly t3: bigint;
}

/** Everything in units of 1/unitsPerS s, exact; offset in halves of a unit. */
export interface Measured {
  readonly unitsPerS: bigint;
  /** T2 − T1, less the base. */
  readonly reverse: bigint;
  /** T4 − T3, plus the base. */
  readonly forward: bigint;
  /** Twice the offset, less the base. */
  readonly offset2: bigint;
  readonly delay: bigint;
  /** T3 − T2 */
  readonly hold: bigint;
}

const NS = 1_000_000_000n;

/** Spans of Unix nanoseconds saturate at the ends of i64. `baseS` is taken off the offset. */
export function measureUnix({ t1, t2, t3, t4 }: FourStamps, baseS = 0n): Measured {
  const base = baseS * NS;
  return measured(NS, clamp(clamp(t2 - t1) - base), clamp(clamp(t4 - t3) + base), clamp(t3 - t2));
}

/** Spans of NTP stamps wrap with the eras: right within 68 years. */
export function measureNtp({ t1, t2, t3, t4 }: FourStamps, baseS = 0n): Measured {
  const units = 1n << 32n;
  const sent = ntpFromUnix(t1);
  const received = ntpFromUnix(t4);
  return measured(
    units,
    BigInt.asIntN(64, ntpSpan(sent, t2) - baseS * units),
    BigInt.asIntN(64, ntpSpan(t3, received) + baseS * units),
    ntpSpan(t2, t3),
  );
}

function measured(unitsPerS: bigint, reverse: bigint, forward: bigint, hold: bigint): Measured {
  return {
    unitsPerS,
    reverse,
    forward,
    offset2: reverse - forward,
    delay: reverse + forward,
    hold,
  };
}

/** Received before sent, on either side. */
export const isDisorder = ({ t1, t4 }: FourStamps, { hold }: Measured): boolean =>
  t4 < t1 || hold < 0n;

/**
 * How far the delay lies above the least one that can be: a remote clock may run 500 ppm fast while
 * it holds the packet, and coarse clocks may be 20 µs off. Below 0 the exchange is impossible.
 * In units of 1/(50000·unitsPerS) s: 20 µs is one second of them, 500 ppm is 25/50000.
 */
export const holdMargin = ({ unitsPerS, delay, hold }: Measured): bigint =>
  50_000n * delay + unitsPerS + 25n * hold;

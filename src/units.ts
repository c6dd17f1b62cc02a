/**
 * Branded units: the doors where a number gets or loses its unit. Inside a function plain
 * arithmetic is fine; across module borders these types say which clock and which unit is meant.
 *
 * Two time lines exist and must never meet:
 * - Stamp: what the local clock shows, ns since the host's `epochS`. May step. Goes into exchanges.
 * - Tick: monotonic ns since start. Never steps. Deadlines and ages live here.
 */
declare const unit: unique symbol;

/** Local clock reading, ns since `Clock.epochS` (Unix seconds). Exact to 1 ns for 104 days. */
export type Stamp = number & { readonly [unit]: 'stamp' };
/** Monotonic time, ns since an arbitrary start. */
export type Tick = number & { readonly [unit]: 'tick' };
/** A span of time, s. */
export type Seconds = number & { readonly [unit]: 's' };

export const NS_PER_S = 1e9;
export const NS_PER_MS = 1e6;

/** Marks a number as a local clock reading (ns since epochS). */
export const stamp = (ns: number): Stamp => ns as Stamp;
/** Marks a number as monotonic time (ns). */
export const tick = (ns: number): Tick => ns as Tick;
/** Marks a number as a span (s). */
export const seconds = (s: number): Seconds => s as Seconds;

/** The tick that lies `s` seconds after `from`. */
export const tickAfter = (from: Tick, s: number): Tick => (from + s * NS_PER_S) as Tick;
/** Seconds from `from` to `to`, negative if `to` is earlier. */
export const tickSpan = (from: Tick, to: Tick): Seconds => ((to - from) / NS_PER_S) as Seconds;
/** Seconds from one local clock reading to another. */
export const stampSpan = (from: Stamp, to: Stamp): Seconds => ((to - from) / NS_PER_S) as Seconds;

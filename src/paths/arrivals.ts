/** Probes that reach the remote end, kept apart where a pair is several paths: servers count by address. */
import { type PathKey, pairOf } from '../path.ts';
import { type Tick, tick } from '../units.ts';
import type { Trace } from './trace.ts';

/** By pair: how far away the remote end is at least, and until when it is left alone. */
export type Arrivals = Record<PathKey, { readonly hops: number; readonly untilNs: Tick }>;

/** The remote end has just been reached: other paths of the pair wait with what would reach it. */
export function noteArrival(
  arrivals: Arrivals,
  { path, arrivedAt }: Trace,
  spacingNs: number,
  nowNs: Tick,
): void {
  const pair = pairOf(path);
  if (pair === path || arrivedAt === null) return;
  const hops = Math.min(arrivals[pair]?.hops ?? arrivedAt, arrivedAt);
  arrivals[pair] = { hops, untilNs: tick(nowNs + spacingNs) };
}

/** Before then no probe of this trace may go that would reach the remote end. */
export function quietUntil(arrivals: Arrivals, { path, at }: Trace): Tick {
  const arrival = arrivals[pairOf(path)];
  return arrival !== undefined && at >= arrival.hops ? arrival.untilNs : tick(0);
}

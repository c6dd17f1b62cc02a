/** Events of a scenario, as what they do to one packet. */
import { exponential, type Random } from './random.ts';
import type { Event } from './scenario.ts';

const LOSSES: readonly Event['kind'][] = ['outage', 'removal'];

export const isLoss = ({ kind }: Event): boolean => LOSSES.includes(kind);
export const isDelay = (event: Event): boolean => !isLoss(event) && event.kind !== 'manipulation';

/** The path (from 1) that a hopping event is on at a time. */
export function hopTarget(event: Event, at: number): number {
  const turn = Math.floor((at - event.fromS) / event.hopS) % event.paths.length;
  return event.paths[turn] ?? 0;
}

/** True if the event is on this path (from 1) at this time. */
export function isActive(event: Event, path: number, at: number): boolean {
  if (at < event.fromS || at >= event.toS) return false;
  return event.hopS > 0 ? hopTarget(event, at) === path : event.paths.includes(path);
}

/** What it does to a packet at that time: delay or shift, s; for losses Infinity or 0. */
export function effect(event: Event, path: number, at: number, random: Random): number {
  if (!isActive(event, path, at)) return 0;
  if (event.share < 1 && random() >= event.share) return 0;
  if (isLoss(event)) return Number.POSITIVE_INFINITY;
  const { byS, ramp, randomS, fromS } = event;
  const size = ramp > 0 ? Math.sign(byS) * Math.min(Math.abs(byS), ramp * (at - fromS)) : byS;
  return randomS > 0 ? size + exponential(random, randomS) : size;
}

/** An event in one clause, e.g. for the notes of a recording. */
export function eventText(event: Event): string {
  const { kind, paths, direction, byS, ramp, randomS, share, hopS, toS } = event;
  const parts = [`${kind} on path ${paths.join(', ')}`];
  if (kind !== 'manipulation') parts.push(direction === 'both' ? 'both ways' : direction);
  if (byS !== 0) parts.push(`by ${byS} s`);
  if (ramp > 0) parts.push(`at ${ramp} s/s`);
  if (randomS > 0) parts.push(`random ${randomS} s`);
  if (share < 1) parts.push(`${share * 100}% of packets`);
  if (hopS > 0) parts.push(`hopping every ${hopS} s`);
  if (Number.isFinite(toS)) parts.push(`until ${toS} s`);
  return parts.join(', ');
}

/**
 * Boundary clocks in a ring must not keep a lost grandmaster alive by telling each other of it,
 * each a step farther (path traces would show it, few send them). So a clock remembers how far
 * away each grandmaster was that it followed. Whoever says it is farther from one than we were may
 * have that from ourselves, and is not believed until what is left of it has died. Nobody at our
 * distance, or nearer, can have it from us: such a way takes over at once.
 */
import { type Tick, tick } from '../units.ts';
import type { AnnounceContent } from './dataset.ts';

/** A grandmaster that the clock followed. Plain data. */
export interface Followed {
  readonly grandmaster: string;
  /** Our distance from it then: currentDS.stepsRemoved. */
  readonly steps: number;
  /** Forgotten then. */
  readonly untilNs: Tick;
}

/** After the announce receipt timeout with its random part, so many intervals for others to hear. */
const HEARING = 4;
/** Grandmasters remembered at most; the newest. */
const MOST = 8;

/** Remembers whom we follow now; call it at every state decision. */
export function noteFollowed(
  followed: readonly Followed[],
  { grandmasterIdentity: grandmaster, stepsRemoved }: AnnounceContent,
  timeoutNs: number,
  intervalNs: number,
  nowNs: Tick,
): Followed[] {
  const untilNs = tick(nowNs + timeoutNs + (HEARING + 1) * intervalNs);
  const others = followed.filter((one) => one.grandmaster !== grandmaster && one.untilNs > nowNs);
  return [...others, { grandmaster, steps: stepsRemoved + 1, untilNs }].slice(-MOST);
}

/** False if an Announce may go back to what we said ourselves. */
export function isFeasible(
  followed: readonly Followed[],
  { grandmasterIdentity, stepsRemoved }: AnnounceContent,
  nowNs: Tick,
): boolean {
  const known = followed.find(({ grandmaster }) => grandmaster === grandmasterIdentity);
  return known === undefined || nowNs >= known.untilNs || stepsRemoved <= known.steps;
}

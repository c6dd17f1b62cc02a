/** All scenarios that ship, by name. */
import { ConfigError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import type { Named } from './build.ts';
import { OURS } from './ours.ts';
import { PUBLISHED } from './published.ts';
import { DEFAULTS, type Scenario } from './scenario.ts';

export type { Named };

export const NAMED: readonly Named[] = [...PUBLISHED, ...OURS];

/** What a core holds. */
export const MOST_PATHS = 256;

/** @throws ConfigError with a guess at what was meant */
export function findNamed(name: string): Named {
  const found = NAMED.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  const names = NAMED.map((candidate) => candidate.name);
  const guess = nearest(name, names);
  const known = guess === null ? `one of ${names.join(', ')}` : `a known name ("${guess}" perhaps)`;
  throw new ConfigError('scenario', known, name);
}

/**
 * A named scenario with so many paths (default: a middle one of its own numbers).
 * @throws ConfigError for an unknown name, or too few or too many paths
 */
export function namedScenario(name: string, paths?: number): Scenario {
  const { title, counts, least, make } = findNamed(name);
  const k = paths ?? counts[counts.length >> 1] ?? least;
  if (!(Number.isInteger(k) && k >= least && k <= MOST_PATHS)) {
    throw new ConfigError('paths', `an integer ${least}..${MOST_PATHS} for ${name}`, k);
  }
  return { ...DEFAULTS, name, title, ...make(k) };
}

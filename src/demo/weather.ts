/** The demo's network: 2 remote addresses × 4 local ones on loopback, 8 paths, 4 in trouble. */
import type { Address } from '../machine.ts';
import { allPairs, type PathKey, pathKey } from '../path.ts';
import { exponential, type Random, seeded } from '../sim/random.ts';
import type { Fate, FateOf } from './impair.ts';

export const SERVER_IPS = ['127.0.0.11', '127.0.0.12'] as const;
export const CLIENT_IPS = ['127.0.0.21', '127.0.0.22', '127.0.0.23', '127.0.0.24'] as const;
const REMOTE_IPS: readonly string[] = SERVER_IPS;
export const DEMO_PATHS: readonly PathKey[] = allPairs(SERVER_IPS, CLIENT_IPS);

/** What is wrong with a path, for the last column of the table. */
export type Trouble = '' | 'congested' | 'asymmetric' | 'lying' | 'dying';

interface Law {
  readonly trouble: Trouble;
  readonly baseMs: number;
  readonly jitterMs: number;
}

const ASYMMETRY_MS = 4;
const CONGESTION_MS = 6;
const DIES_AT = 0.4;
const RETURNS_AT = 0.7;

export interface Weather {
  readonly fateOf: FateOf;
  trouble(path: PathKey): Trouble;
}

/**
 * Seeded laws for all paths.
 * @param lie what the lying path does to a datagram of the remote end
 * @param progress share of the demo that has passed, [0, 1]
 */
export function makeWeather(
  seed: number,
  lie: (bytes: Uint8Array) => void,
  progress: () => number,
): Weather {
  const random = seeded(seed);
  const troubles: Trouble[] = ['', 'congested', '', 'asymmetric', 'lying', '', 'dying', ''];
  const laws = new Map<PathKey, Law>();
  for (const [index, path] of DEMO_PATHS.entries()) {
    laws.set(path, {
      trouble: troubles[index] ?? '',
      baseMs: 2 + 4 * random(),
      jitterMs: 0.3 + 0.7 * random(),
    });
  }
  const streams = new Map<string, Random>();

  function fateOf(from: Address, to: Address): Fate {
    const isForward = REMOTE_IPS.includes(from.ip);
    const key = isForward ? pathKey(from.ip, to.ip) : pathKey(to.ip, from.ip);
    const law = laws.get(key);
    if (law === undefined) return { delayMs: 0 };
    const stream = streamOf(`${key}${isForward ? '<' : '>'}`);
    const queue = exponential(stream, law.jitterMs);
    const extra = exponential(stream, CONGESTION_MS);
    const delayMs = law.baseMs + queue;
    switch (law.trouble) {
      case 'congested':
        return { delayMs: delayMs + (isForward ? extra : 0) };
      case 'asymmetric':
        return { delayMs: delayMs + (isForward ? ASYMMETRY_MS : 0) };
      case 'lying':
        return isForward ? { delayMs, alter: lie } : { delayMs };
      case 'dying': {
        const at = progress();
        return { delayMs: at >= DIES_AT && at < RETURNS_AT ? Number.POSITIVE_INFINITY : delayMs };
      }
      default:
        return { delayMs };
    }
  }

  function streamOf(name: string): Random {
    let stream = streams.get(name);
    if (stream === undefined) {
      let hash = seed;
      for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
      stream = seeded(hash);
      streams.set(name, stream);
    }
    return stream;
  }

  return { fateOf, trouble: (path) => laws.get(path)?.trouble ?? '' };
}

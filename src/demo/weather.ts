/** The demo's network: 2 server addresses × 4 client addresses on loopback, 8 paths, 4 in trouble. */
import type { Address } from '../machine.ts';
import { allPairs, type PathKey, pathKey } from '../path.ts';
import { exponential, type Random, seeded } from '../sim/random.ts';
import type { Fate, FateOf } from './impair.ts';

export const SERVER_IPS = ['127.0.0.11', '127.0.0.12'] as const;
export const CLIENT_IPS = ['127.0.0.21', '127.0.0.22', '127.0.0.23', '127.0.0.24'] as const;
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
/** A whole lie: 2^-5 s = 31.25 ms on both server stamps. */
const LIE_FRACTION = 2 ** 27;
const DIES_AT = 0.4;
const RETURNS_AT = 0.7;

export interface Weather {
  readonly fateOf: FateOf;
  trouble(path: PathKey): Trouble;
}

/**
 * Seeded laws for all paths.
 * @param progress share of the demo that has passed, [0, 1]
 */
export function makeWeather(seed: number, serverPort: number, progress: () => number): Weather {
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
    const isReply = from.port === serverPort;
    const key = isReply ? pathKey(from.ip, to.ip) : pathKey(to.ip, from.ip);
    const law = laws.get(key);
    if (law === undefined) return { delayMs: 0 };
    const stream = streamOf(`${key}${isReply ? '<' : '>'}`);
    const queue = exponential(stream, law.jitterMs);
    const extra = exponential(stream, CONGESTION_MS);
    const delayMs = law.baseMs + queue;
    switch (law.trouble) {
      case 'congested':
        return { delayMs: delayMs + (isReply ? extra : 0) };
      case 'asymmetric':
        return { delayMs: delayMs + (isReply ? ASYMMETRY_MS : 0) };
      case 'lying':
        return isReply ? { delayMs, alter: lie } : { delayMs };
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

/** Moves receive and transmit stamps of an NTP reply ahead. */
function lie(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const offset of [32, 40]) {
    const fraction = view.getUint32(offset + 4) + LIE_FRACTION;
    view.setUint32(offset + 4, fraction % 2 ** 32);
    if (fraction >= 2 ** 32) view.setUint32(offset, (view.getUint32(offset) + 1) % 2 ** 32);
  }
}

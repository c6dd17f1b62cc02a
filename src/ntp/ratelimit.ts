/**
 * One token bucket per client (an IPv4 address, an IPv6 /64) in a table of fixed size. A flood
 * from made-up addresses can push clients out of the table, which only gives them a fresh bucket;
 * it cannot make the table grow. Time comes in, no randomness: the seed is the owner's.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import type { Tick } from '../units.ts';
import { hash } from './hash.ts';

export interface RateLimitConfig {
  /** One request per 2^this seconds and client in the long run. (log2 s, −10..17) */
  readonly intervalLog2S: number;
  /** Requests a client may make at once after a pause. (1–255) */
  readonly burst: number;
  /** One of 2^this requests over the rate is told so by a RATE kiss. (0–16) */
  readonly leak: number;
  /** Clients remembered, rounded up to a power of two. (4–2^20) */
  readonly tableSize: number;
  /** Any number; random, it keeps strangers from choosing addresses that collide. Default 0. */
  readonly seed?: number;
}

export interface RateLimit {
  intervalNs: number;
  burst: number;
  leakMask: number;
  seed: number;
  /** Per client: its address in two words, bucket level, last seen, over-rate count, last kiss. */
  high: number[];
  low: number[];
  tokens: number[];
  seenNs: number[];
  excess: number[];
  kissNs: number[];
}

/** Neighbouring entries searched for a client; the longest unseen of them gives way. */
const WAYS = 4;
const NEVER = -1e300;

/** Throws ConfigError. */
export function createRateLimit(config: RateLimitConfig): RateLimit {
  const { intervalLog2S, burst, leak, tableSize, seed = 0 } = config;
  requireInteger('rateLimit.intervalLog2S', intervalLog2S, -10, 17);
  requireInteger('rateLimit.burst', burst, 1, 255);
  requireInteger('rateLimit.leak', leak, 0, 16);
  requireInteger('rateLimit.tableSize', tableSize, WAYS, 2 ** 20);
  if (!Number.isFinite(seed)) throw new ConfigError('rateLimit.seed', 'a number', seed);
  const size = 2 ** Math.ceil(Math.log2(tableSize));
  const column = (value: number) => new Array<number>(size).fill(value);
  return {
    intervalNs: 2 ** intervalLog2S * 1e9,
    burst,
    leakMask: 2 ** leak - 1,
    seed: seed | 0,
    high: column(0),
    low: column(0),
    tokens: column(0),
    seenNs: column(NEVER),
    excess: column(0),
    kissNs: column(NEVER),
  };
}

/**
 * Takes one token of a client's bucket.
 * @param groups its address as eight 16-bit groups (prefix.ts)
 * @returns `pass`; or over the rate: `kiss` (answer RATE), at most once per interval, or `drop`
 */
export function take(
  limit: RateLimit,
  groups: ArrayLike<number>,
  nowNs: Tick,
): 'pass' | 'kiss' | 'drop' {
  const at = find(limit, groups, nowNs);
  const gained = (nowNs - (limit.seenNs[at] ?? nowNs)) / limit.intervalNs;
  const tokens = Math.min((limit.tokens[at] ?? 0) + Math.max(gained, 0), limit.burst);
  limit.seenNs[at] = nowNs;
  if (tokens >= 1) {
    limit.tokens[at] = tokens - 1;
    return 'pass';
  }
  limit.tokens[at] = tokens;
  const excess = limit.excess[at] ?? 0;
  limit.excess[at] = (excess + 1) & 0xffff;
  if ((excess & limit.leakMask) !== 0) return 'drop';
  if (nowNs - (limit.kissNs[at] ?? NEVER) < limit.intervalNs) return 'drop';
  limit.kissNs[at] = nowNs;
  return 'kiss';
}

/** The client's entry, made anew in place of the longest unseen neighbour if it has none. */
function find(limit: RateLimit, groups: ArrayLike<number>, nowNs: Tick): number {
  const word = (at: number) => (((groups[at] ?? 0) << 16) | (groups[at + 1] ?? 0)) >>> 0;
  const isIpv4 = groups[5] === 0xffff && word(0) === 0 && word(2) === 0 && groups[4] === 0;
  const high = isIpv4 ? 0xffff : word(0); // ::ffff:0:0/96 keeps its 32 bits, IPv6 its /64
  const low = isIpv4 ? word(6) : word(2);
  const first = hash([high, low], limit.seed) & (limit.seenNs.length - 1) & ~(WAYS - 1);
  let oldest = first;
  for (let at = first; at < first + WAYS; at++) {
    const seenNs = limit.seenNs[at] ?? NEVER;
    if (limit.high[at] === high && limit.low[at] === low && seenNs !== NEVER) return at;
    if (seenNs < (limit.seenNs[oldest] ?? NEVER)) oldest = at;
  }
  limit.high[oldest] = high;
  limit.low[oldest] = low;
  limit.tokens[oldest] = limit.burst;
  limit.seenNs[oldest] = nowNs;
  limit.excess[oldest] = 0;
  limit.kissNs[oldest] = NEVER;
  return oldest;
}

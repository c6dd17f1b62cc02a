/**
 * The k paths that have least in common (MP-18, PATH-12). Two paths cost what they share: the part
 * of hops if it is known, else how alike their addresses are, for packets between like addresses
 * mostly go one way.
 */
import { ipv4Octets, ipv6Groups, isIpv6, type PathKey, pathParts } from '../path.ts';

/** What two paths share [0, 1]; null: not known. Must be symmetric. */
export type Likeness = (a: PathKey, b: PathKey) => number | null;

/** As many choices are tried one by one; beyond that the best one is sought step by step. */
const MOST_CHOICES = 20_000;

/**
 * Up to `k` of the paths: first the largest cost between any two is made small, then the sum of
 * all. Of equals the earlier paths win, so those in use should stand first. Order is kept.
 */
export function selectPaths(
  paths: readonly PathKey[],
  k: number,
  likeness: Likeness = () => null,
): PathKey[] {
  if (paths.length <= k) return [...paths];
  if (k <= 0) return [];
  const cost = paths.map((a) =>
    paths.map((b) => (a === b ? 0 : (likeness(a, b) ?? addressLikeness(a, b)))),
  );
  const chosen = choices(paths.length, k) <= MOST_CHOICES ? best(cost, k) : swapped(cost, k);
  return chosen.map((index) => paths[index]).filter((path) => path !== undefined);
}

/**
 * How alike two pairs of addresses are [0, 1): the mean part of their network prefixes that is the
 * same, to /24 or /64 (hosts of one link differ beyond). 0: different families, or prefixes.
 */
export function addressLikeness(a: PathKey, b: PathKey): number {
  if (isIpv6(a) !== isIpv6(b)) return 0;
  const one = pathParts(a);
  const other = pathParts(b);
  return (
    (prefixLikeness(one.remoteIp, other.remoteIp) + prefixLikeness(one.localIp, other.localIp)) / 2
  );
}

/** Never 1, which is for what is known to be the same. */
const ALIKE_MOST = 0.999;

function prefixLikeness(a: string, b: string): number {
  const one = wordsOf(a);
  const other = wordsOf(b);
  const bits = isIpv6(a) ? 64 : 24;
  const wordBits = isIpv6(a) ? 16 : 8;
  let same = 0;
  for (let at = 0; at < one.length; at++) {
    const differing = (one[at] ?? 0) ^ (other[at] ?? 0);
    if (differing === 0) {
      same += wordBits;
      continue;
    }
    same += Math.clz32(differing) - (32 - wordBits);
    break;
  }
  if (a === b) return ALIKE_MOST;
  return (Math.min(same, bits) / bits) * ALIKE_MOST * 0.999; // other host, same link
}

const wordsOf = (ip: string): number[] =>
  (isIpv6(ip) ? ipv6Groups(ip.replace(/%.*$/, '')) : ipv4Octets(ip)) ?? [];

interface Score {
  most: number;
  sum: number;
}

const SMALL = 1e-9; // sums of fractions in another order differ by less
const isBetter = (a: Score, b: Score): boolean =>
  a.most < b.most - SMALL || (a.most < b.most + SMALL && a.sum < b.sum - SMALL);

function scoreOf(cost: readonly number[][], chosen: readonly number[]): Score {
  const score = { most: 0, sum: 0 };
  for (let i = 0; i < chosen.length; i++) {
    for (let j = 0; j < i; j++) {
      const pair = cost[chosen[i] ?? 0]?.[chosen[j] ?? 0] ?? 0;
      score.most = Math.max(score.most, pair);
      score.sum += pair;
    }
  }
  return score;
}

/** Binomial coefficient, not beyond what is asked for. */
function choices(n: number, k: number): number {
  let count = 1;
  for (let i = 0; i < Math.min(k, n - k) && count <= MOST_CHOICES; i++) {
    count = (count * (n - i)) / (i + 1);
  }
  return count;
}

/** Tries all choices in lexical order. */
function best(cost: readonly number[][], k: number): number[] {
  let chosen: number[] = [];
  let score: Score = { most: Number.POSITIVE_INFINITY, sum: Number.POSITIVE_INFINITY };
  const now: number[] = [];
  (function extend(from: number): void {
    if (now.length === k) {
      const found = scoreOf(cost, now);
      if (!isBetter(found, score)) return;
      score = found;
      chosen = [...now];
      return;
    }
    for (let next = from; next <= cost.length - (k - now.length); next++) {
      now.push(next);
      extend(next + 1);
      now.pop();
    }
  })(0);
  return chosen;
}

/** Farthest first, then single exchanges as long as one helps. */
function swapped(cost: readonly number[][], k: number): number[] {
  let chosen = [0];
  while (chosen.length < k) chosen = bestOf(cost, chosen, (next) => [...chosen, next]);
  let score = scoreOf(cost, chosen);
  for (let out = 0; out < k; out++) {
    const others = chosen.filter((_, at) => at !== out);
    const tried = bestOf(cost, chosen, (next) => [...others, next]);
    const found = scoreOf(cost, tried);
    if (!isBetter(found, score)) continue;
    chosen = tried;
    score = found;
    out = -1; // from the start
  }
  return chosen.sort((a, b) => a - b);
}

function bestOf(
  cost: readonly number[][],
  taken: readonly number[],
  make: (next: number) => number[],
): number[] {
  let chosen: number[] = [...taken];
  let score: Score | null = null;
  for (let next = 0; next < cost.length; next++) {
    if (taken.includes(next)) continue;
    const tried = make(next);
    const found = scoreOf(cost, tried);
    if (score !== null && !isBetter(found, score)) continue;
    chosen = tried;
    score = found;
  }
  return chosen;
}

/**
 * Seeded random numbers (mulberry32) for the simulator, the demo and the tests: the same seed, the
 * same world. Math.log and Math.cos may differ in the last bit between engines; the draws do not.
 */

export type Random = () => number;

const WORD = 4294967296; // 2^32
const STRIDE = 0x6d2b79f5;

/** Uniform in (0, 1), 32 bits. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + STRIDE) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / WORD;
  };
}

/**
 * A stream of its own for each tag: what one path draws does not depend on how many others there
 * are or on what happens to them, so scenarios can be compared packet by packet.
 * @param tags small integers, e.g. path, direction and purpose
 */
export function stream(seed: number, ...tags: readonly number[]): Random {
  let hash = mix(seed >>> 0);
  for (const tag of tags) hash = mix(hash ^ Math.imul(tag + 1, 0x9e3779b1));
  return seeded(hash);
}

/** The finalizer of MurmurHash3: every bit of the input moves half of the output's. */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Exponential with the given mean, default 1. */
export const exponential = (random: Random, mean = 1): number => -mean * Math.log(random());

/** Normal with mean 0 and standard deviation 1 (Box and Muller). */
export const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());

/** Seeded random numbers for the demo's impairments (mulberry32): the same seed, the same weather. */

export type Random = () => number;

/** Uniform in (0, 1). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
}

/** Exponential with the given mean. */
export const exponential = (random: Random, mean: number): number => -mean * Math.log(random());

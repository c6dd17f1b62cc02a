/** Seeded random numbers and the laws the scenarios need. */
import type { Random } from '../../src/demo/random.ts';

export { type Random, seeded } from '../../src/demo/random.ts';

export const exponential = (random: Random): number => -Math.log(random());

export const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());

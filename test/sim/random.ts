/** The simulator's random numbers, under the name the tests know. */
export { exponential, normal, type Random, seeded } from '../../src/sim/random.ts';

/** The simulator's random numbers: one generator for the whole house. */
export { exponential, type Random, seeded } from '../sim/random.ts';

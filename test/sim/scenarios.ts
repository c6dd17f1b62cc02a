/** Delay laws as functions, and the named scenarios of src/sim as worlds. */
import { worldOf } from '../../src/sim/compile.ts';
import { NAMED, namedScenario } from '../../src/sim/named.ts';
import { exponential, normal, type Random } from './random.ts';
import type { DelayLaw, World } from './world.ts';

type Jitter = (random: Random) => number;
type Extra = (at: number, random: Random) => number;

/** base + jitter + stamp noise (+ extra). */
export function law(jitter: Jitter, extra?: Extra, baseS = 5e-3, stampS = 1e-6): DelayLaw {
  return ({ at, random }) =>
    baseS +
    jitter(random) +
    stampS * normal(random) +
    (extra === undefined ? 0 : extra(at, random));
}

export const expo =
  (meanS: number): Jitter =>
  (random) =>
    exponential(random, meanS);

/** By name: the world with so many paths, at another poll interval if asked for. */
export const SCENARIOS: Record<string, (paths: number, pollS?: number) => World> =
  Object.fromEntries(
    NAMED.map(({ name }) => [
      name,
      (paths: number, pollS?: number) => {
        const scenario = namedScenario(name, paths);
        const made = worldOf({ ...scenario, pollS: pollS ?? scenario.pollS });
        const { clock, paths: pathsOf, ...world } = made;
        const { wander, ...rest } = clock;
        return { ...world, ...rest, wanderPerS: wander, paths: pathsOf(0), pathsOf };
      },
    ]),
  );

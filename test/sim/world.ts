/**
 * The simulator for tests that want a few exchanges and a score: worlds with delay laws as
 * functions (or SCENARIOS of scenarios.ts), whole runs as arrays. The engine is src/sim/world.ts.
 */
import type { Core } from '../../src/core.ts';
import { DEFAULTS, type LocalClock } from '../../src/sim/scenario.ts';
import {
  type World as Engine,
  type Exchange,
  exchangesOf,
  putExchange,
  type WorldPath,
} from '../../src/sim/world.ts';

export type { WorldPath } from '../../src/sim/world.ts';
export { type DelayLaw, EPOCH_S, type Exchange, type Packet } from '../../src/sim/world.ts';

export interface World extends Omit<Engine, 'clock' | 'paths'> {
  readonly paths: readonly WorldPath[];
  /** The paths of one seeded run instead, where laws have a memory. */
  readonly pathsOf?: (seed: number) => readonly WorldPath[];
  /** Random walk of the local frequency per second; default 1e-9. */
  readonly wanderPerS?: number;
  readonly frequency?: number;
  readonly offsetS?: number;
  /** Local clock steps: at true time, by seconds. */
  readonly steps?: LocalClock['steps'];
}

/** All exchanges of a seeded world in order of local receipt. */
export function simulate(world: World, seed: number): Exchange[] {
  const { clock } = DEFAULTS;
  const { wanderPerS, frequency, offsetS, steps } = world;
  const engine: Engine = {
    ...world,
    paths: world.pathsOf ?? world.paths,
    clock: {
      wander: wanderPerS ?? clock.wander,
      frequency: frequency ?? clock.frequency,
      offsetS: offsetS ?? clock.offsetS,
      steps: steps ?? [],
    },
  };
  return [...exchangesOf(engine, seed)].flat();
}

/** Writes an exchange into slot `slot` of the core's batch. */
export function writeExchange(core: Core, slot: number, exchange: Exchange): void {
  putExchange(core.records, slot * core.recordBytes, exchange);
}

export interface Score {
  readonly rmsS: number;
  readonly maxS: number;
  readonly bounded: number;
  readonly nees: number;
  readonly count: number;
}

/** Runs exchanges through a core with `paths` open paths and scores the clock after `settleS`. */
export function score(
  core: Core,
  paths: number,
  exchanges: readonly Exchange[],
  settleS: number,
): Score {
  core.reset();
  for (let path = 0; path < paths; path++) core.openPath();
  let squares = 0;
  let max = 0;
  let inside = 0;
  let nees = 0;
  let count = 0;
  for (const exchange of exchanges) {
    writeExchange(core, 0, exchange);
    core.ingest(1);
    if (exchange.at < settleS) continue;
    const result = core.result(0);
    const error = result.valid ? result.offsetS - exchange.truth : Number.NaN;
    squares += error * error;
    max = Math.max(max, Math.abs(error));
    nees += (error / result.uncertaintyS) ** 2;
    if (exchange.truth >= result.earliestS && exchange.truth <= result.latestS) inside++;
    count++;
  }
  return {
    rmsS: Math.sqrt(squares / count),
    maxS: max,
    bounded: inside / count,
    nees: nees / count,
    count,
  };
}

/** The scoreboard: every combiner on every scenario, number of paths and seed. */
import { type CombinerName, createCore } from '../core.ts';
import { NAMED, type Named, namedScenario } from '../sim/named.ts';
import { traceOf } from '../sim/trace.ts';
import { type Figures, pooled } from './figures.ts';
import { measure } from './measure.ts';
import { type Reference, referenceOf } from './reference.ts';

/** One scenario with one number of paths. */
export interface Entry {
  readonly scenario: string;
  readonly title: string;
  readonly scale: Named['scale'];
  readonly paths: number;
}

export interface Cell {
  readonly combiner: CombinerName;
  /** All seeds together. */
  readonly figures: Figures;
  /** Each seed alone, in order. */
  readonly runs: readonly Figures[];
}

export interface Row extends Entry {
  readonly cells: readonly Cell[];
  /** What was measured elsewhere on the same models. */
  readonly reference: Reference;
}

export interface Board {
  readonly combiners: readonly CombinerName[];
  readonly seeds: readonly number[];
  readonly rows: readonly Row[];
}

export interface PlanOptions {
  /** Names; default all. */
  readonly scenarios?: readonly string[] | undefined;
  /** Numbers of paths instead of each scenario's own; impossible ones are left out. */
  readonly paths?: readonly number[] | undefined;
}

/** Rows of the quick board: one or two of each kind. */
const QUICK: readonly (readonly [string, number])[] = [
  ...([
    ['A', 1],
    ['A', 4],
    ['Ahet', 8],
    ['Bln', 4],
    ['Berl', 4],
    ['Bq', 4],
  ] as const),
  ...([
    ['C', 4],
    ['D1', 4],
    ['D2', 5],
    ['F', 4],
    ['E', 4],
    ['Rup', 1],
  ] as const),
  ...([
    ['Plan', 4],
    ['Phw', 4],
    ['Major', 8],
    ['Hop', 4],
  ] as const),
];

/** What to run, in order. */
export function planOf({ scenarios, paths }: PlanOptions): Entry[] {
  const chosen = NAMED.filter(({ name }) => scenarios?.includes(name) ?? true);
  return chosen.flatMap((named) => {
    const counts = paths?.filter((count) => count >= named.least) ?? named.counts;
    return counts.map((count) => entryOf(named, count));
  });
}

export const quickPlan = (): Entry[] =>
  QUICK.flatMap(([wanted, paths]) =>
    NAMED.filter(({ name }) => name === wanted).map((named) => entryOf(named, paths)),
  );

const entryOf = ({ name, title, scale }: Named, paths: number): Entry => ({
  ...{ scenario: name, title, scale, paths },
});

/** Runs the plan row by row, so that the caller can show progress or stop. */
export function* rowsOf(
  plan: readonly Entry[],
  combiners: readonly CombinerName[],
  seeds: readonly number[],
): Generator<Row> {
  const cores = combiners.map((combiner) => createCore({ combiner }));
  for (const entry of plan) {
    const scenario = namedScenario(entry.scenario, entry.paths);
    const runs = seeds.map((seed) => {
      const trace = traceOf(scenario, seed);
      return cores.map((core) => measure(core, trace, scenario));
    });
    const cells = combiners.map((combiner, column) => {
      const own = runs.flatMap((run) => run[column] ?? []);
      return { combiner, figures: pooled(own), runs: own };
    });
    yield { ...entry, cells, reference: referenceOf(entry.scenario, entry.paths) };
  }
}

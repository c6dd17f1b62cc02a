/**
 * What a combiner's clock was worth over one run, and over several. Times in s. Errors are the
 * combined offset right after an exchange against the truth at that moment.
 */
import type { ErrorFigures } from './errors.ts';

export interface Figures extends ErrorFigures {
  /** Exchanges in the scored time at which there was no clock, or no number. */
  readonly unscored: number;
  /**
   * From an event to the moment when the last path it hits is no longer called good. Null: nothing
   * to detect; Infinity: never.
   */
  readonly detectS: number | null;
  /** Share of exchanges on clean paths that were accused: quarantined, changed, stale. */
  readonly falseAlarms: number | null;
}

/**
 * Several seeds as one: rms, bias and shares over all errors, p95 the mean and max
 * the largest of the runs' own; times are medians.
 */
export function pooled(runs: readonly Figures[]): Figures {
  const count = sum(runs.map((run) => run.count));
  const mean = (of: (run: Figures) => number) =>
    count === 0
      ? Number.NaN
      : sum(runs.map((run) => (run.count > 0 ? of(run) * run.count : 0))) / count;
  const scored = runs.filter((run) => run.count > 0);
  const alarms = runs.flatMap(({ falseAlarms }) => (falseAlarms === null ? [] : [falseAlarms]));
  return {
    count,
    unscored: sum(runs.map((run) => run.unscored)),
    rmsS: Math.sqrt(mean((run) => run.rmsS ** 2)),
    p95S: scored.length === 0 ? Number.NaN : sum(scored.map((run) => run.p95S)) / scored.length,
    maxS: scored.length === 0 ? Number.NaN : Math.max(...scored.map((run) => run.maxS)),
    biasS: mean((run) => run.biasS),
    inside: mean((run) => run.inside),
    causal: mean((run) => run.causal),
    within4: mean((run) => run.within4),
    nees: mean((run) => run.nees),
    detectS: median(runs.map((run) => run.detectS)),
    recoverS: median(runs.map((run) => run.recoverS)),
    falseAlarms: alarms.length === 0 ? null : sum(alarms) / alarms.length,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0);

/** The middle one, the later of two; null if there are none. */
function median(values: readonly (number | null)[]): number | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? null;
}

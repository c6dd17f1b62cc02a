/** What one combiner did in a replay: statuses counted, errors against the truth scored. */
import { type CombinerName, type Core, STATUSES, type Status } from '../core.ts';
import { createHistogram } from './histogram.ts';

/** Slots of a result row, f64 each (RESULT_* in assembly/memory.ts). */
export const RESULT = {
  status: 0,
  valid: 1,
  offsetS: 2,
  uncertaintyS: 3,
  earliestS: 4,
  latestS: 5,
  frequency: 6,
  pathState: 7,
  causalEarliestS: 10,
  causalLatestS: 11,
} as const;

/** Error of the offset right after each exchange, against the recording's truth, s. */
export interface TruthScore {
  readonly count: number;
  readonly rms: number;
  /** 95 % of the errors are not larger; right to 0.4 % (histogram.ts). */
  readonly p95: number;
  readonly max: number;
  /** Share of truths that lay in [earliest, latest], [0, 1]. */
  readonly inside: number;
  /** The same for the causal interval. */
  readonly causalInside: number;
}

export interface CombinerTally {
  readonly combiner: CombinerName;
  /** Exchanges by what the core did with them. */
  readonly statuses: Readonly<Record<Status, number>>;
  readonly used: number;
  readonly held: number;
  readonly refused: number;
  /** Null if no exchange after the settling time told the truth. */
  readonly truth: TruthScore | null;
  /** Exchanges with truth when there was no clock to score. */
  readonly unscored: number;
}

export interface Tally {
  /** Takes the first `count` result rows of the core; truths NaN: not to be scored. */
  add(count: number, truths: Float64Array): void;
  report(): CombinerTally;
}

export function createTally(core: Core): Tally {
  const { results, resultSlots } = core;
  const counts = new Float64Array(STATUSES.length);
  const histogram = createHistogram();
  let squares = 0;
  let max = 0;
  let scored = 0;
  let inside = 0;
  let causalInside = 0;
  let unscored = 0;

  return {
    add(count, truths) {
      for (let k = 0, row = 0; k < count; k++, row += resultSlots) {
        const status = results[row] as number;
        counts[status] = (counts[status] as number) + 1;
        const truthS = truths[k] as number;
        if (!Number.isFinite(truthS)) continue;
        if (results[row + RESULT.valid] === 0) {
          unscored++;
          continue;
        }
        const error = Math.abs((results[row + RESULT.offsetS] as number) - truthS);
        squares += error * error;
        if (error > max) max = error;
        histogram.add(error);
        scored++;
        const earliestS = results[row + RESULT.earliestS] as number;
        const latestS = results[row + RESULT.latestS] as number;
        if (earliestS <= truthS && truthS <= latestS) inside++;
        const least = results[row + RESULT.causalEarliestS] as number;
        const most = results[row + RESULT.causalLatestS] as number;
        if (least <= truthS && truthS <= most) causalInside++;
      }
    },
    report() {
      const of = (status: Status) => counts[STATUSES.indexOf(status)] ?? 0;
      const statuses = Object.fromEntries(STATUSES.map((status) => [status, of(status)]));
      const used = of('used');
      const held = of('held');
      return {
        combiner: core.combiner,
        statuses: statuses as Record<Status, number>,
        used,
        held,
        refused: counts.reduce((sum, n) => sum + n, 0) - used - held,
        truth:
          scored === 0
            ? null
            : {
                count: scored,
                rms: Math.sqrt(squares / scored),
                p95: histogram.quantile(0.95),
                max,
                inside: inside / scored,
                causalInside: causalInside / scored,
              },
        unscored,
      };
    },
  };
}

/** Adds up errors of one run; all figures of it that need no path. */
import { createHistogram } from '../recording/histogram.ts';

/** A number and an interval around it, each less the truth, s. */
export interface Scored {
  /** Combined offset − truth. */
  readonly errorS: number;
  readonly uncertaintyS: number;
  /** Ends of the safe interval − truth. */
  readonly earliestS: number;
  readonly latestS: number;
  /** Ends of the causal interval − truth. */
  readonly causalEarliestS: number;
  readonly causalLatestS: number;
}

export interface ErrorTally {
  /**
   * One scored exchange; `scored` is only read in the call.
   * @param atS true time
   */
  add(atS: number, scored: Scored): void;
  report(): ErrorFigures;
}

/** Of the errors alone. Times in s. */
export interface ErrorFigures {
  /** Errors scored. */
  readonly count: number;
  readonly rmsS: number;
  /** 95 % of the errors are not larger. */
  readonly p95S: number;
  readonly maxS: number;
  /** Mean error. */
  readonly biasS: number;
  /** Share of truths inside [earliest, latest]. */
  readonly inside: number;
  /** Share of truths inside the causal interval. */
  readonly causal: number;
  /** Share of errors of at most 4 times the uncertainty. */
  readonly within4: number;
  /** Mean of (error / uncertainty)²; 1 if the uncertainty is honest. */
  readonly nees: number;
  /**
   * From an event to the end of the last window whose rms is above 3 times that before it. Null:
   * nothing before or after one; Infinity: never.
   */
  readonly recoverS: number | null;
}

export interface ErrorOptions {
  /** When the first event begins; null if there is none to recover from. */
  readonly onsetS: number | null;
  /** Errors after it are judged in windows of this length. */
  readonly windowS: number;
}

/** An error is back when it is below so many times the rms before the event. */
const BACK = 3;
const SIGMAS = 4;

export function createErrors({ onsetS, windowS }: ErrorOptions): ErrorTally {
  const histogram = createHistogram();
  let count = 0;
  let total = 0;
  let squares = 0;
  let max = 0;
  let inside = 0;
  let causal = 0;
  let within4 = 0;
  let nees = 0;
  let beforeSquares = 0;
  let beforeCount = 0;
  const windows: { squares: number; count: number }[] = [];

  function window(atS: number, square: number, fromS: number): void {
    if (atS < fromS) {
      beforeSquares += square;
      beforeCount++;
      return;
    }
    const index = Math.floor((atS - fromS) / windowS);
    windows[index] ??= { squares: 0, count: 0 };
    const own = windows[index];
    own.squares += square;
    own.count++;
  }

  /** Null: nothing before or after the event; Infinity: the last window is still bad. */
  function recoverS(): number | null {
    if (beforeCount === 0 || windows.length === 0) return null;
    const limit = (BACK * BACK * beforeSquares) / beforeCount;
    let bad = windows.length - 1;
    for (; bad >= 0; bad--) {
      const own = windows[bad];
      if (own !== undefined && own.squares > limit * own.count) break;
    }
    return bad === windows.length - 1 ? Number.POSITIVE_INFINITY : (bad + 1) * windowS;
  }

  return {
    add(atS, scored) {
      const { errorS, uncertaintyS } = scored;
      const size = Math.abs(errorS);
      const square = errorS * errorS;
      count++;
      total += errorS;
      squares += square;
      if (size > max) max = size;
      histogram.add(size);
      if (scored.earliestS <= 0 && scored.latestS >= 0) inside++;
      if (scored.causalEarliestS <= 0 && scored.causalLatestS >= 0) causal++;
      if (size <= SIGMAS * uncertaintyS) within4++;
      nees += square / (uncertaintyS * uncertaintyS);
      if (onsetS !== null) window(atS, square, onsetS);
    },
    report: () => ({
      count,
      rmsS: Math.sqrt(squares / count),
      p95S: count === 0 ? Number.NaN : histogram.quantile(0.95),
      maxS: count === 0 ? Number.NaN : max,
      biasS: total / count,
      inside: inside / count,
      causal: causal / count,
      within4: within4 / count,
      nees: nees / count,
      recoverS: recoverS(),
    }),
  };
}

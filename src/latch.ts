/**
 * Hysteresis in time: something is told once when it comes and once when it stayed away long enough.
 * What keeps coming back must stay away longer and longer, so that it cannot fill a log.
 */

/** What is over must stay so for so many exchanges, and so many seconds … */
const OVER = 64;
const OVER_S = 60;
/** … doubled with each time that it came back, so often at the most. */
const MOST_DOUBLINGS = 6;
/** Once it stayed away so many times longer than asked, the doublings are forgiven. */
const FORGIVEN = 16;

/** Tells something once when it comes, and once when it stayed away. */
export interface Latch {
  /** Told and not yet over. */
  raised: boolean;
  /** When the next change is due: a rise if it is not raised, else its end; Infinity: none. */
  dueS: number;
  doublings: number;
  /** When it was over last. */
  overS: number;
}

export const newLatch = (): Latch => ({
  raised: false,
  dueS: Number.POSITIVE_INFINITY,
  doublings: 0,
  overS: Number.NEGATIVE_INFINITY,
});

const holdS = (latch: Latch, intervalS: number): number =>
  Math.max(OVER_S, OVER * intervalS) * 2 ** latch.doublings;

/** It is there now; told after `delayS` unless it is over by then. */
export function rise(latch: Latch, atS: number, delayS: number): void {
  if (!latch.raised) latch.dueS = Math.min(latch.dueS, atS + delayS);
  else if (latch.dueS !== Number.POSITIVE_INFINITY) {
    latch.dueS = Number.POSITIVE_INFINITY;
    relapse(latch);
  }
}

/** It is not there now. */
export function fall(latch: Latch, atS: number, intervalS: number): void {
  if (!latch.raised) latch.dueS = Number.POSITIVE_INFINITY;
  else if (latch.dueS === Number.POSITIVE_INFINITY) latch.dueS = atS + holdS(latch, intervalS);
}

function relapse(latch: Latch): void {
  latch.doublings = Math.min(latch.doublings + 1, MOST_DOUBLINGS);
}

/** The change that was due happens; true if it rose. */
export function turn(latch: Latch, intervalS: number): boolean {
  const atS = latch.dueS;
  latch.dueS = Number.POSITIVE_INFINITY;
  latch.raised = !latch.raised;
  if (!latch.raised) latch.overS = atS;
  else if (atS - latch.overS > FORGIVEN * holdS(latch, intervalS)) latch.doublings = 0;
  else if (Number.isFinite(latch.overS)) relapse(latch);
  return latch.raised;
}

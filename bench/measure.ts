/**
 * The harness of the benches: what a case is, how long a measurement takes, and the figures drawn
 * from rounds. Cases of one comparison take turns within every round, so that a burst of foreign
 * load falls on all of them; the headline is the median of the rounds' ratios, not of times.
 */

/** One way to do the work. */
export interface Case {
  readonly name: string;
  /** Cases of one group do the same work; the first of a group is what the others are held to. */
  readonly group: string;
  /** Operations that `run(1)` does. */
  readonly operations: number;
  /** Does them n times; returns a number that depends on all of them. */
  run(n: number): number;
  /** Compares the case's results with another's or the truth. Throws with what is wrong. */
  check(): void;
}

export interface Comparison {
  readonly name: string;
  readonly title: string;
  /** What one operation is. */
  readonly operation: string;
  readonly cases: readonly Case[];
  /** What the reader must know to read the table. */
  readonly notes: readonly string[];
  /** Hash of the core's results: the same in every runtime or the core is broken. */
  digest(): string;
}

/** A comparison that was checked and is warm. */
export interface Warm {
  /** Measures every case once. @returns ns per operation, in the order of the cases */
  round(): number[];
}

/**
 * A measurement takes this long, in chunks of at least so much; the median chunk counts. A busy
 * machine takes the CPU away for some ms at a time: that falls on few chunks, and not on the median.
 */
const MEASURE_MS = 20;
const CHUNK_MS = 1;
/** So often a case runs before it is calibrated: V8 and JSC compile in the background meanwhile. */
const WARM_MS = 60;

/** Everything the cases computed ends here, so that no compiler leaves it out. */
let sink = 0;
export const drained = (): number => sink;

/** Checks all cases, runs them warm and finds how many passes one measurement takes. */
export function warm(comparison: Comparison): Warm {
  const { cases } = comparison;
  for (const { name, group, check } of cases) {
    try {
      check();
    } catch (cause) {
      throw new Error(`${comparison.name}, ${group}, ${name}: wrong results`, { cause });
    }
  }
  const efforts = cases.map(calibrate);
  let turn = 0;
  return {
    round() {
      const taken = cases.map(() => Number.NaN);
      // every other round backwards: nobody always follows the same neighbour
      const order = [...cases.keys()];
      if (turn++ % 2 === 1) order.reverse();
      for (const index of order) {
        const subject = cases[index];
        const effort = efforts[index];
        if (subject === undefined || effort === undefined) continue;
        const { times, chunks } = effort;
        const tookMs = Array.from({ length: chunks }, () => timed(subject, times));
        taken[index] = (spread(tookMs).median * 1e6) / (times * subject.operations);
      }
      return taken;
    },
  };
}

/** Runs a case warm; finds how many times make a chunk and how many chunks a measurement. */
function calibrate(subject: Case): { times: number; chunks: number } {
  let times = 1;
  let took = timed(subject, times);
  for (let total = took; total < WARM_MS; total += took) {
    if (took < CHUNK_MS) times *= 2;
    took = timed(subject, times);
  }
  return { times, chunks: Math.max(1, Math.ceil(MEASURE_MS / Math.max(took, CHUNK_MS))) };
}

function timed(subject: Case, n: number): number {
  const started = performance.now();
  sink += subject.run(n);
  return performance.now() - started;
}

/** Middle of the rounds and how far they spread. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Median and quartiles; NaN for no values. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = (sorted.length - 1) * share;
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    const above = sorted[Math.ceil(place)] ?? Number.NaN;
    return below + (above - below) * (place - Math.floor(place));
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** Spread of value / reference, each pair from the same round. */
export const ratios = (values: readonly number[], reference: readonly number[]): Spread =>
  spread(values.map((value, round) => value / (reference[round] ?? Number.NaN)));

/** Throws unless |got − wanted| <= tolerance; NaN never passes. */
export function near(what: string, got: number, wanted: number, tolerance: number): void {
  if (!(Math.abs(got - wanted) <= tolerance)) {
    throw new Error(`${what}: expected ${wanted} ± ${tolerance}, got ${got}`);
  }
}

/** Throws unless both are the same number. */
export function same(what: string, got: number, wanted: number): void {
  if (!Object.is(got, wanted)) throw new Error(`${what}: expected ${wanted}, got ${got}`);
}

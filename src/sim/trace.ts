/** A whole run in memory, ready to be copied into the core's batches again and again. */
import { RECORD_BYTES } from '../recording/blocks.ts';
import { worldOf } from './compile.ts';
import { hopTarget } from './events.ts';
import { type Measurement, measurementsOf, putMeasurement } from './oneway.ts';
import type { Event, Scenario } from './scenario.ts';

/** Something happens to paths, or the local clock jumps; the scoreboard wants to see it noticed. */
export interface Mark {
  readonly kind: Event['kind'] | 'step';
  readonly fromS: number;
  readonly toS: number;
  /** Indices, from 0; none for a step of the clock. */
  readonly paths: readonly number[];
}

export interface Trace {
  readonly count: number;
  /** `count` records as the core takes them, RECORD_BYTES each. */
  readonly records: Uint8Array;
  /** True offset (remote − local) at each record's newest local stamp, s. */
  readonly truthS: Float64Array;
  /** True time at which each record is known, s since the start. */
  readonly atS: Float64Array;
  readonly paths: number;
  readonly marks: readonly Mark[];
  /** Paths (from 0) that are symmetric and that nothing happens to. */
  readonly clean: readonly number[];
}

export function traceOf(scenario: Scenario, seed: number): Trace {
  const all: Measurement[] = [];
  for (const block of measurementsOf(worldOf(scenario), seed)) {
    for (const measurement of block) all.push(measurement);
  }
  const records = new Uint8Array(all.length * RECORD_BYTES);
  const view = new DataView(records.buffer);
  const truthS = new Float64Array(all.length);
  const atS = new Float64Array(all.length);
  for (const [k, measurement] of all.entries()) {
    putMeasurement(view, k * RECORD_BYTES, measurement);
    truthS[k] = measurement.truth;
    atS[k] = measurement.at;
  }
  const { paths, events, clock } = scenario;
  const steps = clock.steps.map(({ atS }) => ({
    ...{ kind: 'step' as const, fromS: atS, toS: Number.POSITIVE_INFINITY, paths: [] },
  }));
  return {
    ...{ count: all.length, records, truthS, atS },
    paths: paths.length,
    marks: [...events.map(markOf), ...steps].sort((a, b) => a.fromS - b.fromS),
    clean: paths.flatMap(({ forward, reverse }, index) =>
      forward.baseS === reverse.baseS && !events.some((event) => event.paths.includes(index + 1))
        ? [index]
        : [],
    ),
  };
}

/** A hopping attacker is to be noticed where it comes first. */
function markOf(event: Event): Mark {
  const { kind, fromS, toS, hopS } = event;
  const paths = hopS > 0 ? [hopTarget(event, fromS)] : event.paths;
  return {
    kind,
    fromS,
    toS: hopS > 0 ? Math.min(toS, fromS + hopS) : toS,
    paths: paths.map((path) => path - 1),
  };
}

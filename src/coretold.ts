/**
 * What the core tells: names in the order of its numbers, and its slots (assembly/memory.ts) as
 * records.
 */
import { CoreError } from './errors.ts';
import type { StampKind } from './stamps.ts';

/** Path states by name, in the order of their numbers in the core. */
export const PATH_STATES = [
  'closed',
  'warming',
  'good',
  'congested',
  'quarantined',
  'changed',
  'stale',
  'standby',
  'same-route',
] as const;
export type PathState = (typeof PATH_STATES)[number];

/**
 * What the core did with an exchange or a one-way measurement, in the order of its numbers. `held`:
 * no weight; of one-way measurements, too, that wait for the other direction.
 */
export const STATUSES = ['used', 'held', 'duplicate', 'order', 'hold', 'late'] as const;
export type Status = (typeof STATUSES)[number];

/** Do the paths agree, in the order of the core's numbers. */
export const AGREEMENTS = ['few', 'majority', 'history', 'holdover'] as const;
/**
 * `few`: fewer than two paths to compare. `history`: no majority, the clock stays with what the
 * paths agreed on before. `holdover`: no majority and no clean history either; the clock is held
 * over and its interval reaches all paths.
 */
export type Agreement = (typeof AGREEMENTS)[number];

/** Statuses that changed nothing but counters. */
export const isRefused = (status: Status): boolean => status !== 'used' && status !== 'held';

/** The clock that all paths combine to. offset = remote − local: seconds to add to local time. */
export interface CombinedClock {
  /** Best offset, s. Loses digits when the clocks are decades apart; base + rest does not. */
  readonly offsetS: number;
  /** Whole seconds of the offset … */
  readonly baseS: number;
  /** … and the rest, s. */
  readonly restS: number;
  /** Remote rate / local rate − 1, s/s. */
  readonly frequency: number;
  /** 1 sigma of the offset, s. */
  readonly uncertaintyS: number;
  /** 1 sigma of the frequency, s/s. */
  readonly frequencyUncertainty: number;
  /** Safe interval of the offset, s: 4 sigma plus the asymmetry bound on both sides. */
  readonly earliestS: number;
  readonly latestS: number;
  /**
   * Causal interval of the offset, s: holds whatever the routes, queues or delays do, as long as
   * remote stamps are honest and the clocks part by less than 500 ppm. Beyond ±9e10 s: nothing is
   * known on that side (after a clock step, until both directions were heard again).
   */
  readonly causalEarliestS: number;
  readonly causalLatestS: number;
  /** Exchanges that contradicted the causal interval: some stamp lied, or a clock was stepped. */
  readonly contradictions: number;
  /** Do the paths agree, and since when (local Unix s, 0: not known). */
  readonly agreement: Agreement;
  readonly agreedAtS: number;
  /** The part of the interval that asymmetric routes could hide, s. */
  readonly asymmetryBoundS: number;
  /** Paths that carried weight. */
  readonly paths: number;
  /** Exchanges and one-way measurements, each counted. */
  readonly taken: number;
  readonly refused: number;
  /** Times the offset started again because the local clock was stepped. */
  readonly steps: number;
  /** Random-walk coefficient of the frequency in use, s²/s³; 0 where a combiner has none. */
  readonly wander: number;
}

/** The clock carried to some moment. */
export interface ClockAt {
  readonly offsetS: number;
  readonly baseS: number;
  readonly restS: number;
  readonly uncertaintyS: number;
  readonly earliestS: number;
  readonly latestS: number;
}

/** What the core knows of one path. */
export interface PathReport {
  readonly state: PathState;
  /** Number of the reason; `explainPath` has the sentence. */
  readonly reason: number;
  readonly reasonS: number;
  /** Since when it holds, local Unix s; 0: not known. */
  readonly sinceS: number;
  /** How far its delay moved since then, local→remote and remote→local, s; 0: not, or not known. */
  readonly shiftReverseS: number;
  readonly shiftForwardS: number;
  /** Exchanges taken, those put together of one-way measurements, too. */
  readonly taken: number;
  readonly refused: number;
  /** One-way measurements taken, by direction. */
  readonly forwards: number;
  readonly reverses: number;
  /** Last raw offset, s. */
  readonly offsetS: number;
  /** Last delay, s. */
  readonly delayS: number;
  /** Least delay in memory, s. */
  readonly floorS: number;
  /** Mean of delay − floor, s. */
  readonly excessS: number;
  readonly jitterS: number;
  /** (forward − reverse one-way delay)/2 as estimated, s, and its 1 sigma. */
  readonly asymmetryS: number;
  readonly asymmetrySigmaS: number;
  /** Share in the combination, 0..1. */
  readonly weight: number;
  /** What its voice counts in majorities, 0..1: see `setVote` of the core. */
  readonly vote: number;
  /** 1 sigma given to the last measurement, s. */
  readonly noiseS: number;
  /** Last measurement − prediction, s. */
  readonly residualS: number;
  /** Mean spacing of exchanges, s. */
  readonly intervalS: number;
  /** Measurements the combiner set aside. */
  readonly gated: number;
  /** Local stamps taken by whose they were, as far as it was told. */
  readonly stamps: StampCounts;
}

/** Local stamps of a path. */
export interface StampCounts {
  /** Of sending: requests. */
  readonly send: Readonly<Record<StampKind, number>>;
  /** Of receiving: answers, Syncs. */
  readonly receive: Readonly<Record<StampKind, number>>;
}

/** What of a path's report a verdict repeats; all that `explainPath` needs. */
export type Finding = Pick<
  PathReport,
  'state' | 'reason' | 'reasonS' | 'sinceS' | 'shiftReverseS' | 'shiftForwardS'
>;

/** Something became otherwise; see `takeVerdicts` of the core. */
export type Verdict = {
  /** Exchanges the core was given until then, this one included. */
  readonly order: number;
  /** Local receive of the newest exchange, Unix s. */
  readonly atS: number;
  /** Mean spacing of the path's exchanges (of the clock: of all paths'), s; 0: not known. */
  readonly intervalS: number;
} & (
  | (Finding & {
      readonly about: 'path';
      /** Index. */
      readonly path: number;
      /** It contradicted the causal interval of late. */
      readonly lies: boolean;
    })
  | {
      readonly about: 'clock';
      readonly agreement: Agreement;
      readonly agreedAtS: number;
      /** Times the offset started again so far, and by how much the last time, s; 0: not known. */
      readonly steps: number;
      readonly stepS: number;
      /** No path was heard for so long beyond its turn, until this exchange, s; 0: some was. */
      readonly gapS: number;
    }
);

/** One row of results of a batch. */
export interface BatchResult {
  readonly status: Status;
  /** False while there is no clock; then the clock's figures mean nothing. */
  readonly valid: boolean;
  /** remote − local, s. */
  readonly offsetS: number;
  readonly uncertaintyS: number;
  readonly earliestS: number;
  readonly latestS: number;
  readonly frequency: number;
  readonly pathState: PathState;
  readonly pathOffsetS: number;
  readonly causalEarliestS: number;
  readonly causalLatestS: number;
}

/** Gives a slot of the row that is read. */
type Slots = (slot: number) => number;

/** @throws CoreError for an error's code */
export function readStatus(code: number, path: number): Status {
  const name = STATUSES[code];
  if (name !== undefined) return name;
  throw new CoreError(`core refused path ${path}: it is not open (code ${code})`);
}

/** Row `index` of RESULT_* slots. */
export const readResult = (f: Slots, index: number): BatchResult => ({
  status: readStatus(f(0), index),
  valid: f(1) !== 0,
  offsetS: f(2),
  uncertaintyS: f(3),
  earliestS: f(4),
  latestS: f(5),
  frequency: f(6),
  pathState: PATH_STATES[f(7)] ?? 'closed',
  pathOffsetS: f(9),
  causalEarliestS: f(10),
  causalLatestS: f(11),
});

/** CLOCK_* slots, null while there is no clock. */
export function readClock(f: Slots): CombinedClock | null {
  if (f(0) === 0) return null;
  return {
    offsetS: f(1) + f(2),
    baseS: f(1),
    restS: f(2),
    frequency: f(3),
    uncertaintyS: f(4),
    frequencyUncertainty: f(5),
    earliestS: f(1) + f(6),
    latestS: f(1) + f(7),
    paths: f(8),
    steps: f(9),
    asymmetryBoundS: f(10),
    taken: f(11),
    refused: f(12),
    wander: f(13),
    causalEarliestS: f(1) + f(14),
    causalLatestS: f(1) + f(15),
    contradictions: f(16),
    agreement: AGREEMENTS[f(17)] ?? 'few',
    agreedAtS: f(18),
  };
}

/** AT_* slots, relative to whole seconds. */
export const readClockAt = (f: Slots, baseS: number): ClockAt => ({
  offsetS: baseS + f(0),
  baseS,
  restS: f(0),
  uncertaintyS: f(1),
  earliestS: baseS + f(2),
  latestS: baseS + f(3),
});

/** PATH_* slots of one path; its offset is relative to the clock's whole seconds. */
export const readPath = (f: Slots, baseS: number): PathReport => ({
  state: PATH_STATES[f(1)] ?? 'closed',
  reason: f(2),
  reasonS: f(3),
  sinceS: f(22),
  shiftReverseS: f(23),
  shiftForwardS: f(24),
  taken: f(4),
  refused: f(5),
  offsetS: baseS + f(6),
  delayS: f(7),
  floorS: f(8),
  excessS: f(9),
  jitterS: f(10),
  asymmetryS: f(11),
  asymmetrySigmaS: f(12),
  weight: f(13),
  vote: f(32),
  noiseS: f(14),
  residualS: f(15),
  intervalS: f(17),
  gated: f(18),
  forwards: f(27),
  reverses: f(26),
  stamps: { send: { user: f(28), kernel: f(30) }, receive: { user: f(29), kernel: f(31) } },
});

/** A row of VERDICT_* slots. */
export function readVerdict(f: Slots): Verdict {
  const head = { order: f(0), atS: f(1), intervalS: f(10) };
  if (f(2) < 0) {
    const agreement = AGREEMENTS[f(3)] ?? 'few';
    const [steps, stepS, agreedAtS, gapS] = [f(4), f(5), f(6), f(11)];
    return { ...head, about: 'clock', agreement, agreedAtS, steps, stepS, gapS };
  }
  return {
    ...head,
    about: 'path',
    path: f(2),
    state: PATH_STATES[f(3)] ?? 'closed',
    reason: f(4),
    reasonS: f(5),
    sinceS: f(6),
    shiftReverseS: f(7),
    shiftForwardS: f(8),
    lies: f(9) !== 0,
  };
}

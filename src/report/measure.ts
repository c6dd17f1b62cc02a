/** Runs a simulated trace through a core and scores its clock and its verdicts. */
import { type Core, PATH_STATES } from '../core.ts';
import { RECORD_BYTES } from '../recording/blocks.ts';
import { RECORD_PATH } from '../recording/record.ts';
import { RESULT } from '../recording/tally.ts';
import type { Trace } from '../sim/trace.ts';
import { createErrors } from './errors.ts';
import type { Figures } from './figures.ts';
import { createWatch } from './watch.ts';

export interface MeasureOptions {
  /** Errors count from here on, true time, s. */
  readonly settleS: number;
  readonly pollS: number;
}

/** Errors after an event are judged over a minute, or eight polls if that is longer. */
const WINDOW_S = 60;
const WINDOW_POLLS = 8;

const ACCUSED: readonly boolean[] = PATH_STATES.map((state) =>
  ['quarantined', 'changed', 'stale'].includes(state),
);

/** @param core is reset; its combiner stays */
export function measure(core: Core, trace: Trace, { settleS, pollS }: MeasureOptions): Figures {
  const { count, records, truthS, atS, paths, marks } = trace;
  core.reset();
  for (let path = 0; path < paths; path++) core.openPath();
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  const onset = marks.find(({ fromS }) => fromS > settleS);
  const errors = createErrors({
    onsetS: onset?.fromS ?? null,
    windowS: Math.max(WINDOW_S, WINDOW_POLLS * pollS),
  });
  const alarms = createAlarms(trace);
  const watch = createWatch(marks);
  const stateOf = (path: number) => core.path(path).state;
  const { results, resultSlots, maxBatch } = core;
  let unscored = 0;

  /** Scores the result rows of exchanges `from` … `to` − 1. */
  function score(from: number, to: number): void {
    for (let k = from, row = 0; k < to; k++, row += resultSlots) {
      const at = atS[k] as number;
      if (at < settleS) continue;
      const truth = truthS[k] as number;
      const errorS = (results[row + RESULT.offsetS] as number) - truth;
      if (results[row + RESULT.valid] === 0 || !Number.isFinite(errorS)) {
        unscored++;
        continue;
      }
      errors.add(at, {
        errorS,
        uncertaintyS: results[row + RESULT.uncertaintyS] as number,
        earliestS: (results[row + RESULT.earliestS] as number) - truth,
        latestS: (results[row + RESULT.latestS] as number) - truth,
        causalEarliestS: (results[row + RESULT.causalEarliestS] as number) - truth,
        causalLatestS: (results[row + RESULT.causalLatestS] as number) - truth,
      });
      alarms.add(k, results[row + RESULT.pathState] as number);
    }
  }

  for (let from = 0; from < count; ) {
    const now = atS[from] as number;
    const isWatching = watch.isOn(now);
    if (isWatching) watch.look(now, stateOf);
    // a watched path is looked at after each round; a batch ends where the next event begins
    const most = isWatching ? paths : maxBatch;
    const nextS = watch.nextS(now);
    let to = Math.min(from + most, count);
    while (to > from + 1 && (atS[to - 1] as number) >= nextS) to--;
    input.set(records.subarray(from * RECORD_BYTES, to * RECORD_BYTES));
    core.ingest(to - from);
    score(from, to);
    from = to;
  }
  return {
    ...errors.report(),
    unscored,
    detectS: watch.report(),
    falseAlarms: alarms.report(),
  };
}

/** Counts accusations of paths that nothing happens to. */
function createAlarms({ records, clean, paths }: Trace) {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const isClean = Array.from({ length: paths }, (_, path) => clean.includes(path));
  let seen = 0;
  let accused = 0;
  return {
    add(exchange: number, state: number): void {
      if (isClean[view.getUint32(exchange * RECORD_BYTES + RECORD_PATH, true)] !== true) return;
      seen++;
      if (ACCUSED[state] === true) accused++;
    },
    report: (): number | null => (seen === 0 ? null : accused / seen),
  };
}

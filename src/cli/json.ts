/**
 * The status document: what `query`, `run` and (later) a view from outside say in JSON. Seconds as
 * numbers, times as RFC 3339 with nanoseconds. Keys only ever get added within a version.
 */
import type { CombinedClock } from '../core.ts';
import { type PathView, reachText } from '../status.ts';

export const STATUS_VERSION = 1;

export function clockJson(clock: CombinedClock | null): object | null {
  if (clock === null) return null;
  return {
    offset: clock.offsetS,
    uncertainty: clock.uncertaintyS,
    earliest: clock.earliestS,
    latest: clock.latestS,
    causalEarliest: clock.causalEarliestS,
    causalLatest: clock.causalLatestS,
    frequency: clock.frequency,
    asymmetryBound: clock.asymmetryBoundS,
    agreement: clock.agreement,
    paths: clock.paths,
    taken: clock.taken,
    refused: clock.refused,
  };
}

export function pathJson(view: PathView): object {
  const { report } = view;
  return {
    path: view.path,
    state: view.state,
    reason: view.reason,
    stamps: view.stamps,
    stampCounts: view.stampCounts,
    localPort: view.localPort,
    since: report?.sinceS ? timeText(Math.floor(report.sinceS), (report.sinceS % 1) * 1e9) : null,
    shiftReverse: report?.shiftReverseS ?? null,
    shiftForward: report?.shiftForwardS ?? null,
    reach: reachText(view.reach),
    poll: view.pollLog2S,
    stratum: view.stratum,
    refid: view.refid,
    sent: view.sent,
    samples: view.valid,
    interleaved: view.interleaved,
    age: view.ageS,
    offset: report?.offsetS ?? null,
    delay: report?.delayS ?? null,
    delayFloor: report?.floorS ?? null,
    jitter: report?.jitterS ?? null,
    noise: report?.noiseS ?? null,
    asymmetry: report?.asymmetryS ?? null,
    asymmetryUncertainty: report?.asymmetrySigmaS ?? null,
    weight: report?.weight ?? null,
    vote: report?.vote ?? null,
    drops: view.drops,
  };
}

/** Unix seconds and ns as RFC 3339 with nine digits, UTC. */
export function timeText(epochS: number, ns: number): string {
  const carry = Math.floor(ns / 1e9);
  const rest = Math.floor(ns - carry * 1e9);
  const second = new Date((epochS + carry) * 1000).toISOString().slice(0, 19);
  return `${second}.${String(rest).padStart(9, '0')}Z`;
}

/** Majority test of the twin: the widest overlap of the paths' intervals, doubled until it is one. */
import { type Path, WARM } from './paths.ts';

export interface Majority {
  /** Middle of the clique relative to θ, s. */
  centreS: number;
  scale: number;
  found: boolean;
  low: number;
  high: number;
  memberHalfS: number;
  voters: number;
}

export const noMajority = (): Majority => ({
  centreS: 0,
  scale: 1,
  found: true,
  low: 0,
  high: 0,
  memberHalfS: 0,
  voters: 0,
});

const ALLOWED = 0.06;
const SIGMAS = 4;
const MOST_SCALE = 16;

interface Interval {
  readonly path: Path;
  readonly low: number;
  readonly high: number;
}

/** Casts votes among the fresh paths; false if there are not two to compare. */
export function assessMajority(paths: readonly Path[], to: Majority): boolean {
  const voting = paths.filter(({ taken, information }) => taken >= WARM && information > 0);
  to.voters = voting.length;
  if (voting.length < 2) {
    to.found = true;
    to.scale = 1;
    return false;
  }
  let scale = 1;
  let intervals = intervalsAt(voting, scale);
  let overlap = widestOverlap(intervals);
  while (2 * overlap.count <= voting.length && scale < MOST_SCALE) {
    scale *= 2;
    intervals = intervalsAt(voting, scale);
    overlap = widestOverlap(intervals);
  }
  to.found = 2 * overlap.count > voting.length;
  to.scale = scale;
  to.low = overlap.low;
  to.high = overlap.high;
  if (!to.found) return true;
  to.centreS = (overlap.low + overlap.high) * 0.5;
  to.memberHalfS = 0;
  for (const { path, low, high } of intervals) {
    const inside = low <= overlap.high && high >= overlap.low;
    if (inside) to.memberHalfS += (high - low) * 0.5;
    path.vote = inside
      ? Math.min(Math.max(path.vote, 0) + 1, 8)
      : Math.max(Math.min(path.vote, 0) - 1, -8);
  }
  to.memberHalfS /= overlap.count;
  return true;
}

const intervalsAt = (voting: readonly Path[], scale: number): Interval[] =>
  voting.map((path) => {
    const half = SIGMAS / Math.sqrt(path.information) + ALLOWED * scale * 0.5 * path.floorS;
    return { path, low: path.mean - half, high: path.mean + half };
  });

/** The stretch that most intervals share; it begins where one begins and ends at the next edge. */
function widestOverlap(intervals: readonly Interval[]): {
  count: number;
  low: number;
  high: number;
} {
  const edges = intervals
    .flatMap(({ low, high }) => [
      { at: low, opens: true },
      { at: high, opens: false },
    ])
    .sort((a, b) => a.at - b.at || Number(b.opens) - Number(a.opens));
  let count = 0;
  let best = { count: 0, low: 0, high: 0 };
  edges.forEach(({ at, opens }, index) => {
    count += opens ? 1 : -1;
    if (count > best.count) best = { count, low: at, high: edges[index + 1]?.at ?? at };
  });
  return best;
}

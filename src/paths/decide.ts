/** Which paths poll and which are parked, by what is known of their routes. PATH-02, PATH-10. */
import type { PathKey } from '../path.ts';
import { overlapOf, redundant } from './overlap.ts';
import type { Route } from './route.ts';
import { selectPaths } from './select.ts';

/** Why a path is parked. */
export interface Parking {
  /** `redundant`: its route is that of `inFavourOf`; `overlap`: others share less. */
  readonly why: 'redundant' | 'overlap';
  /** The path that polls in its place; null where several do. */
  readonly inFavourOf: PathKey | null;
}

export interface Candidate {
  readonly path: PathKey;
  /** Its remote end does not answer: neither a stand-in for another path, nor in the way of one. */
  readonly isSilent: boolean;
  readonly isParked: boolean;
  /** Cannot be parked. Default false. */
  readonly isFixed?: boolean;
  /** Paths of another server never stand in: they tell another clock's time. Default ''. */
  readonly server?: string;
}

/**
 * What is to be parked; all others poll. A path of which anything is unknown is never redundant
 * (PATH-13). Of one route the path that polls already goes on, so that nothing changes without
 * need; of equals the first. What cannot be parked goes before all others.
 */
export function decideParking(
  candidates: readonly Candidate[],
  routes: ReadonlyMap<PathKey, Route>,
  keep: number | null,
): Map<PathKey, Parking> {
  const parked = new Map<PathKey, Parking>();
  const able = [...candidates.filter(({ isSilent }) => !isSilent)].sort(
    (a, b) => rank(a) - rank(b), // stable
  );
  const fixed = new Set(able.flatMap(({ path, isFixed }) => (isFixed ? path : [])));
  const paths = able.map(({ path }) => path);
  for (const name of new Set(able.map(({ server }) => server))) {
    const own = able.flatMap(({ path, server }) => (server === name ? path : []));
    for (const [first = null, ...rest] of redundant(own, routes)) {
      for (const path of rest) {
        if (!fixed.has(path)) parked.set(path, { why: 'redundant', inFavourOf: first });
      }
    }
  }
  if (keep === null) return parked;
  const left = paths.filter((path) => !parked.has(path));
  const chosen = new Set(
    selectPaths(left, keep, (a, b) => {
      const one = routes.get(a);
      const other = routes.get(b);
      return one && other ? (overlapOf(one, other)?.fraction ?? null) : null;
    }),
  );
  for (const path of left) {
    if (!chosen.has(path) && !fixed.has(path))
      parked.set(path, { why: 'overlap', inFavourOf: null });
  }
  // A path parked for the sake of one that is parked itself stays so: its route is not chosen
  return parked;
}

const rank = ({ isFixed, isParked }: Candidate): number => (isFixed ? 0 : isParked ? 2 : 1);

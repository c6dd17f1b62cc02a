/**
 * What the voices of paths count where a majority decides (COMB-13): whoever sits on one router
 * moves all paths through it together, so no router has more than one vote. What all known routes
 * of a family pass tells nobody apart and takes no vote; of an unknown route nothing is held
 * against its path (PATH-13).
 */
import { isIpv6, type PathKey } from '../path.ts';
import { type Route, routerAt } from './route.ts';

export interface Voter {
  readonly path: PathKey;
  /** It measures nothing, and has no voice. */
  readonly isParked: boolean;
}

/** By path, [0, 1]: 1 / the most paths, itself included, that share one router with it. */
export function voteShares(
  voters: readonly Voter[],
  routes: ReadonlyMap<PathKey, Route>,
): Map<PathKey, number> {
  const votes = new Map<PathKey, number>(
    voters.map(({ path, isParked }) => [path, isParked ? 0 : 1]),
  );
  const measuring = voters.filter(({ isParked }) => !isParked).map(({ path }) => path);
  for (const family of [false, true]) {
    const passed = new Map<string, Set<PathKey>>();
    let known = 0;
    for (const path of measuring.filter((one) => isIpv6(one) === family)) {
      const routers = routersOn(routes.get(path));
      if (routers.length > 0) known++;
      for (const router of routers) {
        passed.set(router, (passed.get(router) ?? new Set()).add(path));
      }
    }
    for (const paths of passed.values()) {
      if (paths.size === known) continue;
      for (const path of paths) votes.set(path, Math.min(votes.get(path) ?? 1, 1 / paths.size));
    }
  }
  return votes;
}

/** Routers that the path surely passes. */
function routersOn(route: Route | undefined): string[] {
  if (route === undefined) return [];
  return route.hops.flatMap((_, hop) => routerAt(route, hop) ?? []);
}

/**
 * What the voices of paths count where a majority decides (COMB-13): whoever sits on one router
 * moves all paths through it together, so no router has more than one vote. What all known routes
 * of a family pass (or may pass: a hop did not answer) tells nobody apart and takes no vote; of an
 * unknown route nothing is held against its path, nor against others (PATH-13).
 */
import { isIpv6, type PathKey, pathParts } from '../path.ts';
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
    const passed = new Map<string, Passage>();
    const known: Route[] = [];
    for (const path of measuring.filter((one) => isIpv6(one) === family)) {
      const route = routes.get(path);
      if (route === undefined || passages(route, passed) === 0) continue;
      known.push(route);
    }
    for (const [router, { paths, hops }] of passed) {
      const isByAll = known.every((route) => paths.has(route.path) || mayPass(route, router, hops));
      if (isByAll) continue;
      for (const path of paths) votes.set(path, Math.min(votes.get(path) ?? 1, 1 / paths.size));
    }
  }
  return votes;
}

interface Passage {
  readonly paths: Set<PathKey>;
  /** How far away it was seen, from 0. */
  readonly hops: Set<number>;
}

/** Notes the routers that the path surely passes; says how many. */
function passages(route: Route, passed: Map<string, Passage>): number {
  let count = 0;
  route.hops.forEach((_, hop) => {
    const router = routerAt(route, hop);
    if (router === null) return;
    const passage = passed.get(router) ?? { paths: new Set(), hops: new Set() };
    passage.paths.add(route.path);
    passage.hops.add(hop);
    passed.set(router, passage);
    count++;
  });
  return count;
}

/** Where others saw the router, this route does not say who is there. */
function mayPass(route: Route, router: string, hops: ReadonlySet<number>): boolean {
  const { remoteIp } = pathParts(route.path);
  return [...hops].some((hop) => {
    const seen = route.hops[hop]?.routers;
    if (seen === undefined) return route.end !== 'remote';
    return seen.length === 0 || seen.includes(router) || seen.includes(remoteIp);
  });
}

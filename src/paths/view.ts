/** What discovery knows, for people and programs: copies, changing them changes nothing. */
import { type PathKey, pathParts } from '../path.ts';
import { type Tick, tickSpan } from '../units.ts';
import type { Parking } from './decide.ts';
import { type Discovery, routesOf, votesOf } from './discovery.ts';
import { type Join, joins, localFolds } from './joins.ts';
import { type Fold, type Fork, folds, forks, type Overlap, overlapMatrix } from './overlap.ts';
import { type Hop, type RouteEnd, routeName } from './route.ts';

export interface RouteView {
  readonly path: PathKey;
  readonly remoteIp: string;
  readonly localIp: string;
  /** Of a pair that is several paths. */
  readonly localPort?: number;
  /**
   * `reverse`: these are the routers from us to the remote end, the way back is unknown; `both`:
   * the network is said to take one way for both (PATH-15, PATH-08).
   */
  readonly direction: 'reverse' | 'both';
  /** Null before the first whole round. */
  readonly hops: readonly Hop[] | null;
  readonly end: RouteEnd | null;
  /** To the remote end and back, its own time included. (s) */
  readonly endDelayS: number | null;
  readonly ageS: number | null;
  /** Number of the route among all; two paths have the same one only if it is known to be. */
  readonly route: number | null;
  readonly parking: Parking | null;
  /** What its voice counts in majorities, [0, 1]: no router has more than one vote (COMB-13). */
  readonly vote: number;
}

export interface PathsView {
  /** Rounds that came to an end. */
  readonly rounds: number;
  readonly isTracing: boolean;
  readonly paths: readonly RouteView[];
  /** Rows and columns as `paths`; null where nothing can be said. */
  readonly overlaps: readonly (readonly (Overlap | null)[])[];
  readonly forks: readonly Fork[];
  readonly folds: readonly Fold[];
  /** Own addresses that no route tells apart. */
  readonly localFolds: readonly (readonly string[])[];
  readonly joins: readonly Join[];
}

export function viewPaths(discovery: Discovery, nowNs: Tick): PathsView {
  const routes = routesOf(discovery);
  const keys = discovery.paths.map(({ path }) => path);
  const votes = votesOf(discovery);
  const numbers = new Map<string, number>();
  return {
    rounds: discovery.rounds,
    isTracing: discovery.isRound,
    paths: discovery.paths.map(({ path, route, parking }): RouteView => {
      // A route that is not wholly known is like no other
      const name = route === null ? null : (routeName(route) ?? `only ${path}`);
      if (name !== null && !numbers.has(name)) numbers.set(name, numbers.size + 1);
      return {
        path,
        ...pathParts(path),
        direction: discovery.settings.symmetric ? 'both' : 'reverse',
        hops: route?.hops ?? null,
        end: route?.end ?? null,
        endDelayS: route?.endDelayS ?? null,
        ageS: route === null ? null : tickSpan(route.atNs, nowNs),
        route: name === null ? null : (numbers.get(name) ?? null),
        parking,
        vote: votes.get(path) ?? 1,
      };
    }),
    overlaps: overlapMatrix(keys, routes),
    forks: forks(routes.values()),
    folds: folds(keys, routes),
    localFolds: localFolds(keys, routes),
    joins: joins(keys, routes),
  };
}

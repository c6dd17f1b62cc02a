/**
 * What routes have in common: pairwise shared hops (PATH-12), redundant paths (PATH-01), forks
 * where equal packets part by their addresses (ECMP), remote addresses that may be one machine
 * behind a NAT (MP-19, PATH-11).
 */
import { isIpv6, localEnd, type PathKey, pairOf, pathParts } from '../path.ts';
import { groupAlike } from './alike.ts';
import { isTranslated, type Route, routeName, routerAt } from './route.ts';

/** What two routes share. A router with two addresses counts as two: nobody can tell. */
export interface Overlap {
  /** Routers that both surely pass. */
  readonly shared: number;
  /** `shared` as a part of the shorter route [0, 1]; null if a hop of either is unknown. */
  readonly fraction: number | null;
}

/** Null if nothing can be said: either route is not known at all, or one is IPv4 and one IPv6. */
export function overlapOf(a: Route, b: Route): Overlap | null {
  if (isIpv6(a.path) !== isIpv6(b.path)) return null;
  const one = routersOf(a);
  const other = routersOf(b);
  if (one.size === 0 || other.size === 0) return null;
  let shared = 0;
  for (const router of one) if (other.has(router)) shared++;
  const isExact = routeName(a) !== null && routeName(b) !== null;
  return { shared, fraction: isExact ? shared / Math.min(one.size, other.size) : null };
}

/** Rows and columns in the order of `paths`; null where nothing can be said. Symmetric. */
export function overlapMatrix(
  paths: readonly PathKey[],
  routes: ReadonlyMap<PathKey, Route>,
): (Overlap | null)[][] {
  return paths.map((row) => {
    const one = routes.get(row);
    return paths.map((column) => {
      const other = routes.get(column);
      return one === undefined || other === undefined ? null : overlapOf(one, other);
    });
  });
}

/** Paths that share one wholly known route, two or more each, in the order given. */
export function redundant(
  paths: readonly PathKey[],
  routes: ReadonlyMap<PathKey, Route>,
): PathKey[][] {
  const classes = new Map<string, PathKey[]>();
  for (const path of paths) {
    const route = routes.get(path);
    const name = route === undefined ? null : routeName(route);
    if (name === null) continue;
    const found = classes.get(name);
    if (found === undefined) classes.set(name, [path]);
    else found.push(path);
  }
  return [...classes.values()].filter(({ length }) => length > 1);
}

/** A router behind which packets to one remote address go on to different ones. */
export interface Fork {
  readonly remoteIp: string;
  /** Null: they part before the first router. */
  readonly routerIp: string | null;
  /** In the order seen. */
  readonly nextIps: readonly string[];
  /** Two or more next routers on one and the same path: balanced packet by packet. */
  readonly isPerPacket: boolean;
  /** Paths of one pair part here: they are told apart by their ports. */
  readonly isByPort: boolean;
}

export function forks(routes: Iterable<Route>): Fork[] {
  const found = new Map<string, { fork: Fork; nextIps: string[]; nexts: Map<PathKey, string> }>();
  for (const route of routes) {
    const { remoteIp, localIp } = pathParts(route.path);
    for (let hop = 0; hop < route.hops.length; hop++) {
      const next = route.hops[hop]?.routers ?? [];
      const routerIp = hop === 0 ? null : routerAt(route, hop - 1);
      if (next.length === 0 || next.includes(remoteIp)) continue;
      if (hop > 0 && routerIp === null) continue; // parted from whom, nobody knows
      // Our own addresses may be on different links: that alone is no fork
      const key = `${remoteIp} ${routerIp ?? `from ${localIp}`}`;
      let entry = found.get(key);
      if (entry === undefined) {
        const nextIps: string[] = [];
        const fork = { remoteIp, routerIp, nextIps, isPerPacket: false, isByPort: false };
        entry = { fork, nextIps, nexts: new Map() };
        found.set(key, entry);
      }
      for (const ip of next) if (!entry.nextIps.includes(ip)) entry.nextIps.push(ip);
      if (next.length > 1) {
        entry.fork = { ...entry.fork, isPerPacket: true };
        continue;
      }
      const pair = pairOf(route.path);
      const [only = ''] = next;
      const other = entry.nexts.get(pair);
      if (other === undefined) entry.nexts.set(pair, only);
      else if (other !== only) entry.fork = { ...entry.fork, isByPort: true };
    }
  }
  return [...found.values()].filter(({ nextIps }) => nextIps.length > 1).map(({ fork }) => fork);
}

/** Remote addresses reached over one route from each of our addresses: perhaps one machine. */
export interface Fold {
  /** Two or more, or one of which a router said by its answers that NAT stands before it. */
  readonly remoteIps: readonly string[];
  /** A router answered in a remote address's name. */
  readonly isTranslated: boolean;
}

/**
 * Remote addresses that no route tells apart. Two addresses fold if they share a known route from
 * every local end that has traced both wholly, and there is one.
 */
export function folds(paths: readonly PathKey[], routes: ReadonlyMap<PathKey, Route>): Fold[] {
  const traced = paths.filter((path) => routes.has(path));
  const translated = new Set<string>();
  for (const path of traced) {
    const route = routes.get(path);
    if (route !== undefined && isTranslated(route)) translated.add(pathParts(path).remoteIp);
  }
  return groupAlike(traced, routes, (path) => [pathParts(path).remoteIp, localEnd(path)])
    .map((remoteIps) => ({ remoteIps, isTranslated: remoteIps.some((ip) => translated.has(ip)) }))
    .filter(({ remoteIps, isTranslated }) => remoteIps.length > 1 || isTranslated);
}

/** Every router that the path surely passes. */
function routersOf(route: Route): Set<string> {
  const routers = new Set<string>();
  for (let hop = 0; hop < route.hops.length; hop++) {
    const router = routerAt(route, hop);
    if (router !== null) routers.add(router);
  }
  return routers;
}

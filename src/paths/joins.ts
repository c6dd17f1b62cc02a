/**
 * Our addresses that no route tells apart, and routes that part here and are one beyond: behind a
 * NAT all of a host's addresses become one, and routers that choose by addresses see no difference
 * (PATH-11). Only wholly known routes count: silence makes nothing equal (PATH-13).
 */
import { localEnd, type PathKey, pathParts } from '../path.ts';
import { groupAlike } from './alike.ts';
import { type Route, routeName } from './route.ts';

/** Own addresses that take the same routes to every remote address: one link, or folded by a NAT. */
export function localFolds(
  paths: readonly PathKey[],
  routes: ReadonlyMap<PathKey, Route>,
): string[][] {
  return groupAlike(paths, routes, (path) => {
    const { remoteIp, localIp } = pathParts(path);
    return [localIp, remoteIp];
  }).filter(({ length }) => length > 1);
}

/** A router at which routes to one remote address that began apart come together for good. */
export interface Join {
  readonly remoteIp: string;
  readonly routerIp: string;
  /** Our ends of these paths, in the order of the paths. */
  readonly localEnds: readonly string[];
  /** Routers from there to the remote end, itself included. */
  readonly hops: number;
}

/** The nearest join of every two routes; paths of one route stand together. */
export function joins(paths: readonly PathKey[], routes: ReadonlyMap<PathKey, Route>): Join[] {
  const known = paths.flatMap((path) => {
    const name = nameOf(routes.get(path));
    return name === null ? [] : [{ path, ...pathParts(path), routers: name.split(' ') }];
  });
  const found = new Map<string, { join: Join; ends: Set<string> }>();
  for (const one of known) {
    for (const other of known) {
      if (one.remoteIp !== other.remoteIp) continue;
      const hops = tailOf(one.routers, other.routers);
      const routerIp = one.routers.at(-hops);
      const isApart = hops < one.routers.length || hops < other.routers.length;
      if (hops === 0 || !isApart || routerIp === undefined) continue;
      const key = `${one.remoteIp} ${one.routers.slice(-hops).join(' ')}`;
      const { remoteIp } = one;
      const entry = found.get(key) ?? {
        join: { remoteIp, routerIp, localEnds: [], hops },
        ends: new Set<string>(),
      };
      found.set(key, entry);
      entry.ends.add(localEnd(one.path));
    }
  }
  return [...found.values()].map(({ join, ends }) => ({ ...join, localEnds: [...ends] }));
}

const nameOf = (route: Route | undefined): string | null =>
  route === undefined ? null : routeName(route);

/** Routers at the end of both, in the same order. */
function tailOf(a: readonly string[], b: readonly string[]): number {
  let hops = 0;
  while (hops < a.length && hops < b.length && a.at(-1 - hops) === b.at(-1 - hops)) hops++;
  return hops;
}

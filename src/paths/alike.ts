/** Addresses that no route tells apart. Silence makes nothing equal (PATH-13). */
import type { PathKey } from '../path.ts';
import { type Route, routeName } from './route.ts';

/** Names of the routes to each far end; null: one that is not wholly known. */
type RoutesTo = Map<string, Set<string | null>>;

/**
 * Groups near ends, alone or several, in the order of the paths. Two stand together if they take the
 * same routes to every far end to which all routes of both are wholly known, and there is one.
 * @param endsOf the near and the far end of a path, whichever of its ends that is
 */
export function groupAlike(
  paths: readonly PathKey[],
  routes: ReadonlyMap<PathKey, Route>,
  endsOf: (path: PathKey) => readonly [near: string, far: string],
): string[][] {
  const byNear = new Map<string, RoutesTo>();
  for (const path of paths) {
    const [near, far] = endsOf(path);
    const route = routes.get(path);
    const routesTo = byNear.get(near) ?? new Map<string, Set<string | null>>();
    const names = routesTo.get(far) ?? new Set<string | null>();
    names.add(route === undefined ? null : routeName(route));
    byNear.set(near, routesTo.set(far, names));
  }
  const groups: { nears: string[]; first: RoutesTo }[] = [];
  for (const [near, routesTo] of byNear) {
    const group = groups.find(({ first }) => isAlike(first, routesTo));
    if (group === undefined) groups.push({ nears: [near], first: routesTo });
    else group.nears.push(near);
  }
  return groups.map(({ nears }) => nears);
}

function isAlike(a: RoutesTo, b: RoutesTo): boolean {
  let alike = 0;
  for (const [far, names] of a) {
    const others = b.get(far);
    if (others === undefined || names.has(null) || others.has(null)) continue;
    if (names.size !== others.size || ![...names].every((name) => others.has(name))) return false;
    alike++;
  }
  return alike > 0;
}

/**
 * A route: the routers on one path in one direction, as far as they are known. What is not known
 * is never taken for equal or for different (PATH-13).
 */
import { isIpv6, type PathKey, pathParts } from '../path.ts';
import type { Tick } from '../units.ts';

/** What answered at one hop limit. */
export interface Hop {
  /** Addresses in the order they were seen; none: silence; several: load balanced by packet. */
  readonly routers: readonly string[];
  /** Shortest time from probe to answer, by the kernel's stamps if they came (s); null: no answer. */
  readonly delayS: number | null;
}

/** Why a trace ended. Only `remote` makes the route whole. */
export type RouteEnd =
  | 'remote' // the remote end answered
  | 'refused' // a router would not pass it on
  | 'silent' // too many hops in a row without answer
  | 'loop' // a router came twice
  | 'limit' // more hops than we look at
  | 'unable'; // the host cannot or may not send probes

export interface Route {
  readonly path: PathKey;
  /** Routers by distance; the remote end itself is not among them. */
  readonly hops: readonly Hop[];
  readonly end: RouteEnd;
  /** Shortest time to the remote end and back, its own included (s); null if it did not answer. */
  readonly endDelayS: number | null;
  /** When the trace ended. */
  readonly atNs: Tick;
}

/**
 * Name of the one router at this hop; null if it is silent or not always the same. An answer in
 * the remote end's own name comes from behind a NAT that put its name there: somebody unknown.
 */
export function routerAt(route: Route, hop: number): string | null {
  const routers = route.hops[hop]?.routers ?? [];
  const [only] = routers;
  if (routers.length !== 1 || only === undefined) return null;
  return only === pathParts(route.path).remoteIp ? null : only;
}

/** True if some router answered in the remote end's name: NAT rewrote it. */
export const isTranslated = ({ path, hops }: Route): boolean =>
  hops.some(({ routers }) => routers.includes(pathParts(path).remoteIp));

/** True if packets of this one path take several ways. */
export const isBalanced = ({ hops }: Route): boolean =>
  hops.some(({ routers }) => routers.length > 1);

/**
 * Name of the whole route; null if any of it is unknown. Two paths on one link, without a router,
 * have no name either: there may be several links.
 */
export function routeName(route: Route): string | null {
  if (route.end !== 'remote' || route.hops.length === 0) return null;
  const names: string[] = [];
  for (let hop = 0; hop < route.hops.length; hop++) {
    const name = routerAt(route, hop);
    if (name === null) return null;
    names.push(name);
  }
  return names.join(' ');
}

export type Comparison = 'same' | 'different' | 'unknown';

/**
 * Compares the routes of two paths in the same direction. Different: they have another length, or
 * another router at the same distance. IPv4 and IPv6 name one router differently: unknown.
 */
export function compareRoutes(a: Route, b: Route): Comparison {
  if (isIpv6(a.path) !== isIpv6(b.path)) return 'unknown';
  const name = routeName(a);
  if (name !== null && name === routeName(b)) return 'same';
  const shorter = Math.min(a.hops.length, b.hops.length);
  for (let hop = 0; hop < shorter; hop++) {
    const one = routerAt(a, hop);
    const other = routerAt(b, hop);
    if (one !== null && other !== null && one !== other) return 'different';
  }
  const isWhole = a.end === 'remote' && b.end === 'remote' && !isBalanced(a) && !isBalanced(b);
  return isWhole && a.hops.length !== b.hops.length ? 'different' : 'unknown';
}

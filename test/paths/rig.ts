/** Paths and routes of the tests: local 198.51.100.n, remote 192.0.2.1 unless said. */
import { type PathKey, pathKey } from '../../src/path.ts';
import type { Route, RouteEnd } from '../../src/paths/route.ts';
import { tick } from '../../src/units.ts';

export const path = (local: number, remote = 1): PathKey =>
  pathKey(`192.0.2.${remote}`, `198.51.100.${local}`);

/** A hop is its router, null for silence, or several as `a/b`. */
export function route(
  of: number | PathKey,
  routers: readonly (string | null)[],
  end: RouteEnd = 'remote',
): Route {
  return {
    path: typeof of === 'number' ? path(of) : of,
    hops: routers.map((router) => ({
      routers: router === null ? [] : router.split('/'),
      delayS: router === null ? null : 0.001,
    })),
    end,
    endDelayS: null,
    atNs: tick(0),
  };
}

export const routesBy = (...routes: Route[]): Map<PathKey, Route> =>
  new Map(routes.map((one) => [one.path, one]));

/** What discovery found, as programs read it: the same in `paths` and in status lines of `ptp`. */
import type { PathKey } from '../path.ts';
import type { PathsView } from '../paths/view.ts';

/** @param portOf local port of a path, where its pair has several */
export const pathsJson = (
  view: PathsView,
  portOf: (path: PathKey) => number | null = () => null,
): object => ({
  paths: view.paths.map(({ path, direction, route, end, hops, endDelayS, parking, vote }) => ({
    path,
    localPort: portOf(path),
    direction,
    route,
    end,
    hops: hops?.map(({ routers, delayS }) => ({ routers, delay: delayS })) ?? null,
    delay: endDelayS,
    state: parking === null ? 'polls' : 'parked',
    why: parking?.why ?? null,
    inFavourOf: parking?.inFavourOf ?? null,
    vote,
  })),
  overlaps: view.overlaps,
  forks: view.forks,
  folds: view.folds,
  localFolds: view.localFolds,
  joins: view.joins,
});

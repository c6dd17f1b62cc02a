/** What discovery found, as programs read it. Same lines in `paths` and in status lines of `ptp`. */
import type { PathsView } from '../paths/view.ts';

export const pathsJson = (view: PathsView): object => ({
  paths: view.paths.map(({ path, direction, route, end, hops, parking, vote }) => ({
    path,
    direction,
    route,
    end,
    hops: hops?.map(({ routers, delayS }) => ({ routers, delay: delayS })) ?? null,
    state: parking === null ? 'polls' : 'parked',
    why: parking?.why ?? null,
    inFavourOf: parking?.inFavourOf ?? null,
    vote,
  })),
  overlaps: view.overlaps,
  forks: view.forks,
  folds: view.folds,
});

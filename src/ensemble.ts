/**
 * The step from machine to core: which path has which index, and an exchange turned into a sample.
 * Several cores (combiners) can listen to the same exchanges; the first is the one in charge.
 */
import type { CombinedClock, Core, PathReport, Status } from './core.ts';
import { CoreError } from './errors.ts';
import type { ExchangeOutput } from './machine.ts';
import type { PathKey } from './path.ts';
import type { Stamp } from './units.ts';

/** What one exchange did to the combined clock. */
export interface Sample {
  readonly path: PathKey;
  readonly status: Status;
  /** Local clock at receipt, ns since the host's epochS. */
  readonly atNs: Stamp;
  /** The combined clock afterwards; null while there is none. */
  readonly clock: CombinedClock | null;
}

export interface Ensemble {
  readonly cores: readonly Core[];
  /** Opens the path in all cores. Throws CoreError at the limit. */
  open(path: PathKey): number;
  close(path: PathKey): void;
  /** Feeds one exchange; null if the path is not open. */
  take(exchange: ExchangeOutput): Sample | null;
  /** The first core's report of a path; null if it is not open. */
  report(path: PathKey): PathReport | null;
  /** Index of a path in all cores; undefined if it is not open. */
  index(path: PathKey): number | undefined;
  /** The path that has this index; undefined if none has. */
  pathAt(index: number): PathKey | undefined;
}

/** `cores` must be fresh, all of one size; `epochS` is the host clock's. */
export function createEnsemble(cores: readonly [Core, ...Core[]], epochS: number): Ensemble {
  const indices = new Map<PathKey, number>();
  const paths: (PathKey | undefined)[] = [];
  const [first, ...others] = cores;
  return {
    cores,
    open(path) {
      const known = indices.get(path);
      if (known !== undefined) return known;
      const index = first.openPath();
      for (const core of others) {
        if (core.openPath() !== index) throw new CoreError('cores of one ensemble differ in paths');
      }
      indices.set(path, index);
      paths[index] = path;
      return index;
    },
    close(path) {
      const index = indices.get(path);
      if (index === undefined) return;
      for (const core of cores) core.closePath(index);
      indices.delete(path);
      paths[index] = undefined;
    },
    take(exchange) {
      const index = indices.get(exchange.path);
      if (index === undefined) return null;
      const { packet, localSendNs, localReceiveNs } = exchange;
      const status = first.ntpExchange(index, packet, epochS, localSendNs, localReceiveNs);
      for (const core of others) {
        core.ntpExchange(index, packet, epochS, localSendNs, localReceiveNs);
      }
      return { path: exchange.path, status, atNs: localReceiveNs, clock: first.clock() };
    },
    report(path) {
      const index = indices.get(path);
      return index === undefined ? null : first.path(index);
    },
    index: (path) => indices.get(path),
    pathAt: (index) => paths[index],
  };
}

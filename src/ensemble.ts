/**
 * The step from machine to core: which path has which index, and a measurement turned into a sample.
 * Several cores (combiners) can listen to the same measurements; the first is the one in charge.
 */
import type { CombinedClock, Core, PathReport, Status } from './core.ts';
import { CoreError } from './errors.ts';
import type { ExchangeOutput, OneWayOutput } from './machine.ts';
import type { PathKey } from './path.ts';
import type { Stamp } from './units.ts';

/** What one exchange, or one direction of one, did to the combined clock. */
export interface Sample {
  readonly path: PathKey;
  readonly status: Status;
  /** Local clock at receipt (of a reverse measurement at send), ns since the host's epochS. */
  readonly atNs: Stamp;
  /** The combined clock afterwards; null while there is none. */
  readonly clock: CombinedClock | null;
}

export interface Ensemble {
  readonly cores: readonly Core[];
  /** Opens the path in all cores. Throws CoreError at the limit. */
  open(path: PathKey): number;
  close(path: PathKey): void;
  /** What the voice of a path counts in all cores, [0, 1]; nothing if it is not open. */
  setVote(path: PathKey, vote: number): void;
  /** Feeds one exchange or one-way measurement; null if the path is not open. */
  take(measurement: ExchangeOutput | OneWayOutput): Sample | null;
  /** The first core's report of a path; null if it is not open. */
  report(path: PathKey): PathReport | null;
  /** Index of a path in all cores; undefined if it is not open. */
  index(path: PathKey): number | undefined;
  /** The path that has this index; undefined if none has. */
  pathAt(index: number): PathKey | undefined;
}

const LEAST = -(2n ** 63n);
const MOST = 2n ** 63n - 1n;
const clamped = (value: bigint): bigint => (value < LEAST ? LEAST : value > MOST ? MOST : value);

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
    setVote(path, vote) {
      const index = indices.get(path);
      if (index === undefined) return;
      for (const core of cores) core.setVote(index, vote);
    },
    take(measurement) {
      const { path } = measurement;
      const index = indices.get(path);
      if (index === undefined) return null;
      if (measurement.type === 'oneway') {
        const { direction, localNs, localKind } = measurement;
        // a stranger's stamps: sums of theirs may leave the range
        const remoteNs = clamped(measurement.remoteNs);
        const correction = clamped(measurement.correction);
        const give = (core: Core) =>
          core.oneWay(index, direction, remoteNs, epochS, localNs, correction, localKind);
        const status = give(first);
        for (const core of others) give(core);
        return { path, status, atNs: localNs, clock: first.clock() };
      }
      const { packet, localSendNs, localReceiveNs, localSendKind, localReceiveKind } = measurement;
      const give = (core: Core) =>
        core.ntpExchange(
          ...([index, packet, epochS, localSendNs, localReceiveNs] as const),
          localSendKind,
          localReceiveKind,
        );
      const status = give(first);
      for (const core of others) give(core);
      return { path, status, atNs: localReceiveNs, clock: first.clock() };
    },
    report(path) {
      const index = indices.get(path);
      return index === undefined ? null : first.path(index);
    },
    index: (path) => indices.get(path),
    pathAt: (index) => paths[index],
  };
}

/** What a core's clock was worth while it took exchanges of a simulated world; and liars among them. */
import type { Core } from '../../src/core.ts';
import { type Exchange, writeExchange } from '../sim/world.ts';

/** After one exchange. */
export interface Seen {
  readonly at: number;
  /** False while there is no clock; then the rest but `held` means nothing. */
  readonly valid: boolean;
  readonly errorS: number;
  readonly uncertaintyS: number;
  /** The interval covers the truth. */
  readonly bounded: boolean;
  readonly held: boolean;
}

/** Feeds exchanges and tells what came of each. */
export function watch(core: Core, exchanges: readonly Exchange[]): Seen[] {
  return exchanges.map((exchange) => {
    writeExchange(core, 0, exchange);
    core.ingest(1);
    const { valid, offsetS, uncertaintyS, earliestS, latestS, status } = core.result(0);
    return {
      at: exchange.at,
      valid,
      errorS: offsetS - exchange.truth,
      uncertaintyS,
      bounded: exchange.truth >= earliestS && exchange.truth <= latestS,
      held: status === 'held',
    };
  });
}

/** As {@link watch}, from when there is a clock. */
export const watchClock = (core: Core, exchanges: readonly Exchange[]): Seen[] =>
  watch(core, exchanges).filter(({ valid }) => valid);

/** Largest error of [`fromS`, `toS`). (s) */
export const worst = (
  seen: readonly Seen[],
  fromS: number,
  toS = Number.POSITIVE_INFINITY,
): number =>
  Math.max(
    ...seen.filter(({ at }) => at >= fromS && at < toS).map(({ errorS }) => Math.abs(errorS)),
  );

/** The remote stamps of path `path` moved by `byS` in [`fromS`, `toS`): a lying server. */
export const lie = (
  exchanges: readonly Exchange[],
  path: number,
  byS: number,
  fromS = 0,
  toS = Number.POSITIVE_INFINITY,
): Exchange[] =>
  exchanges.map((exchange) =>
    exchange.path === path && exchange.at >= fromS && exchange.at < toS
      ? { ...exchange, t2: exchange.t2 + byS * 1e9, t3: exchange.t3 + byS * 1e9 }
      : exchange,
  );

/** What a user may ask of discovery, and what is wrong with it if it is. */
import { ConfigError, requireInteger } from '../errors.ts';
import { NS_PER_S } from '../units.ts';
import type { TraceSettings } from './trace.ts';

export interface DiscoveryOptions {
  /** Time between the beginnings of two rounds. (s, 10–86400, default 900) */
  readonly periodS?: number;
  /** Time to the first round. (s, 0–3600, default 5) */
  readonly startS?: number;
  /** Most probes of all paths together. (1/s, 0.1–100, default 5) */
  readonly probesPerS?: number;
  /** Keep at most so many paths, those that share least; null (default): all that differ. */
  readonly keep?: number | null;
  /** Highest hop limit. (1–64, default 30) */
  readonly maxHops?: number;
  /** Probes to a hop that does not answer. (1–5, default 2) */
  readonly tries?: number;
  /** Answers wanted of each hop; two or more show balancing by packet. (1–5, default 1) */
  readonly answers?: number;
  /** Hops without answer in a row that end a trace. (1–16, default 4) */
  readonly silences?: number;
  /** How long an answer may take. (s, 0.05–10, default 1) */
  readonly timeoutS?: number;
  /**
   * Which end traces (PATH-07). Masters and servers do not: nothing answers a Sync or a reply, so
   * they could not see where their probes end. (default and only choice `slave`: clients, slaves)
   */
  readonly role?: 'slave';
  /**
   * Least time between two probes of one pair that reach the remote end, where the pair is several
   * paths: servers count requests by address. (s, 0–60, default 8: chronyd's and ntpd's limits)
   */
  readonly arrivalSpacingS?: number;
  /**
   * The network guarantees that packets come back the way they went: the routes of the other
   * direction are then known, too (PATH-08). (default false)
   */
  readonly symmetric?: boolean;
}

export interface DiscoverySettings {
  readonly periodNs: number;
  readonly startNs: number;
  readonly spacingNs: number;
  readonly arrivalSpacingNs: number;
  readonly keep: number | null;
  readonly symmetric: boolean;
  readonly trace: TraceSettings;
}

/** Throws ConfigError with the field under `discovery`. */
export function checkDiscovery(options: DiscoveryOptions): DiscoverySettings {
  const { keep = null, maxHops = 30, tries = 2, answers = 1, silences = 4 } = options;
  if ((options.role ?? 'slave') !== 'slave') {
    throw new ConfigError('discovery.role', '"slave", as no master or server traces', options.role);
  }
  const periodNs = span('periodS', options.periodS ?? 900, 10, 86400);
  const startNs = span('startS', options.startS ?? 5, 0, 3600);
  const timeoutNs = span('timeoutS', options.timeoutS ?? 1, 0.05, 10);
  const arrivalSpacingNs = span('arrivalSpacingS', options.arrivalSpacingS ?? 8, 0, 60);
  const probesPerS = span('probesPerS', options.probesPerS ?? 5, 0.1, 100) / NS_PER_S;
  if (keep !== null) requireInteger('discovery.keep', keep, 1, 65536);
  requireInteger('discovery.maxHops', maxHops, 1, 64);
  requireInteger('discovery.tries', tries, 1, 5);
  requireInteger('discovery.answers', answers, 1, 5);
  requireInteger('discovery.silences', silences, 1, 16);
  return {
    periodNs,
    startNs,
    spacingNs: Math.round(NS_PER_S / probesPerS),
    arrivalSpacingNs,
    keep,
    symmetric: options.symmetric ?? false,
    trace: { maxHops, tries, answers, silences, timeoutNs },
  };
}

function span(field: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most)) {
    throw new ConfigError(`discovery.${field}`, `${least} to ${most}`, value);
  }
  return Math.round(value * NS_PER_S);
}

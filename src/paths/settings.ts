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

/** What the numbers of {@link DiscoveryOptions} may be, and what they are if nobody says. */
export const DISCOVERY_LIMITS = {
  periodS: { least: 10, most: 86400, fallback: 900 },
  startS: { least: 0, most: 3600, fallback: 5 },
  probesPerS: { least: 0.1, most: 100, fallback: 5 },
  maxHops: { least: 1, most: 64, fallback: 30 },
  tries: { least: 1, most: 5, fallback: 2 },
  answers: { least: 1, most: 5, fallback: 1 },
  silences: { least: 1, most: 16, fallback: 4 },
  timeoutS: { least: 0.05, most: 10, fallback: 1 },
  arrivalSpacingS: { least: 0, most: 60, fallback: 8 },
} as const;

/** Throws ConfigError with the field under `discovery`. */
export function checkDiscovery(options: DiscoveryOptions): DiscoverySettings {
  const { keep = null } = options;
  if ((options.role ?? 'slave') !== 'slave') {
    throw new ConfigError('discovery.role', '"slave", as no master or server traces', options.role);
  }
  const periodNs = span(options, 'periodS');
  const startNs = span(options, 'startS');
  const timeoutNs = span(options, 'timeoutS');
  const arrivalSpacingNs = span(options, 'arrivalSpacingS');
  const probesPerS = span(options, 'probesPerS') / NS_PER_S;
  if (keep !== null) requireInteger('discovery.keep', keep, 1, 65536);
  const maxHops = count(options, 'maxHops');
  const tries = count(options, 'tries');
  const answers = count(options, 'answers');
  const silences = count(options, 'silences');
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

type Field = keyof typeof DISCOVERY_LIMITS;

function span(options: DiscoveryOptions, field: Field): number {
  const { least, most, fallback } = DISCOVERY_LIMITS[field];
  const value = options[field] ?? fallback;
  if (!(value >= least && value <= most)) {
    throw new ConfigError(`discovery.${field}`, `${least} to ${most}`, value);
  }
  return Math.round(value * NS_PER_S);
}

function count(options: DiscoveryOptions, field: Field): number {
  const { least, most, fallback } = DISCOVERY_LIMITS[field];
  const { [field]: value = fallback } = options;
  requireInteger(`discovery.${field}`, value, least, most);
  return value;
}

/**
 * The scenario language: a world as plain data. Times in s, frequencies in s/s; `forward` is
 * remote→local, `reverse` local→remote, as everywhere in this house. Paths count from 1.
 * TOML of the same meaning: read.ts.
 */

/** What a packet waits in queues on top of the path's floor, s. */
export type Queue =
  | { readonly law: 'none' }
  /** Exponential. */
  | { readonly law: 'exp'; readonly meanS: number }
  /** median · e^(sigma · N) */
  | { readonly law: 'lognormal'; readonly medianS: number; readonly sigma: number }
  /** scale · (U^(−1/shape) − 1): Pareto's tail; infinite variance for shape <= 2. */
  | { readonly law: 'lomax'; readonly scaleS: number; readonly shape: number }
  /** Sum of `stages` exponentials (gamma): a soft edge. */
  | { readonly law: 'erlang'; readonly meanS: number; readonly stages: number }
  /** Two-sided noise, as of hardware timestamps. */
  | { readonly law: 'gauss'; readonly sdS: number }
  /**
   * A queue with a memory: a random walk with drift towards 0 where it is reflected; stationary mean
   * `meanS`, correlated over `timeS`. Scenario Bq: b = 2·mean/time, a² = 4·mean²/time.
   */
  | { readonly law: 'correlated'; readonly meanS: number; readonly timeS: number };

/** One direction of a path. */
export interface Link {
  /** Floor of the delay. */
  readonly baseS: number;
  /** 1 sigma of white noise on the stamps. */
  readonly noiseS: number;
  /** Share of packets lost, [0, 1]. */
  readonly loss: number;
  /** All of them add up. */
  readonly queues: readonly Queue[];
  /** Names of shared segments the packets pass as well. */
  readonly segments: readonly string[];
}

/** Local stamps that the kernel did not tell: the program reads the clock, before or after the packet. */
export interface UserStamps {
  /** Share of the stamps, [0, 1]; the others are the kernel's and exact. */
  readonly share: number;
  /** How early (sending) or late (receiving) they are; all of them add up. */
  readonly queues: readonly Queue[];
}

export interface PathSpec {
  /** Asked in every n-th round only, n >= 1; default 1. */
  readonly every?: number;
  /** Left out: local stamps are exact, and nobody tells whose they are. */
  readonly stamps?: { readonly send: UserStamps; readonly receive: UserStamps };
  readonly forward: Link;
  readonly reverse: Link;
}

/** A queue that several paths pass; one process for each direction. */
export interface Segment {
  readonly name: string;
  readonly queue: Queue;
}

/**
 * What happens to paths. `attack`, `congestion` and `reroute` add delay, `outage` and `removal` lose
 * packets, `manipulation` moves the remote stamps. The kinds say why; the scoreboard tells them apart.
 */
export const EVENT_KINDS = [
  'attack',
  'congestion',
  'reroute',
  'outage',
  'removal',
  'manipulation',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export const DIRECTIONS = ['forward', 'reverse', 'both'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export interface Event {
  readonly kind: EventKind;
  /** Which paths, from 1. */
  readonly paths: readonly number[];
  /** Means nothing to a manipulation. */
  readonly direction: Direction;
  readonly fromS: number;
  /** Infinity: to the end. */
  readonly toS: number;
  /** Constant delay (or shift of the remote stamps); below 0 only where physics allows it. */
  readonly byS: number;
  /** Grows to `byS` at this rate, s/s; 0: at once. */
  readonly ramp: number;
  /** Mean of an exponential extra delay. */
  readonly randomS: number;
  /** Share of packets that it hits, (0, 1]. */
  readonly share: number;
  /** One of the paths at a time, the next after so long; 0: all at once. */
  readonly hopS: number;
}

export interface LocalClock {
  /** local − true at the start. */
  readonly offsetS: number;
  /** Local rate / true rate − 1 at the start. */
  readonly frequency: number;
  /** Standard deviation of the frequency's step in each second. */
  readonly wander: number;
  /** At true time `atS` the local clock jumps by `byS`. */
  readonly steps: readonly { readonly atS: number; readonly byS: number }[];
}

/** Measured one way at a time, as PTP does, instead of there and back. */
export interface OneWay {
  /** Time between two forward measurements of a path (Sync) … */
  readonly forwardS: number;
  /** … and two reverse ones (Delay_Req). */
  readonly reverseS: number;
  /** Mean of an exponential time in bridges that tell it in the correction. */
  readonly residenceS: number;
}

export interface Scenario {
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  /** Requests are sent for so long. */
  readonly durationS: number;
  readonly pollS: number;
  /** If given, `pollS` counts for queues only. */
  readonly oneWay?: OneWay;
  /** Paths take turns within a poll; else all are asked at once. */
  readonly stagger: boolean;
  /** How long the server holds a packet. */
  readonly holdS: number;
  /** Errors count from here on. */
  readonly settleS: number;
  readonly clock: LocalClock;
  readonly segments: readonly Segment[];
  readonly paths: readonly PathSpec[];
  readonly events: readonly Event[];
}

/** As published: 18000 s at 1 s, scored from 3600 s; the clock 10 ms off, 10 ppm, 1e-9 wander. */
export const DEFAULTS: Omit<Scenario, 'name' | 'title' | 'paths'> = {
  durationS: 18000,
  pollS: 1,
  stagger: true,
  holdS: 20e-6,
  settleS: 3600,
  clock: { offsetS: 10e-3, frequency: 1e-5, wander: 1e-9, steps: [] },
  segments: [],
  events: [],
};

export const LINK: Link = {
  baseS: 5e-3,
  noiseS: 1e-6,
  loss: 0,
  queues: [{ law: 'exp', meanS: 1e-3 }],
  segments: [],
};

export const EVENT: Omit<Event, 'kind' | 'paths'> = {
  direction: 'forward',
  fromS: 0,
  toS: Number.POSITIVE_INFINITY,
  byS: 0,
  ramp: 0,
  randomS: 0,
  share: 1,
  hopS: 0,
};

/** Longest run: stamps are ns since the start and must stay exact. */
export const MOST_SECONDS = 8e6;

/** The same scenario, cut or slowed down. The settling time never takes more than a fifth. */
export function adjusted(
  scenario: Scenario,
  change: {
    readonly pollS?: number | undefined;
    readonly durationS?: number | undefined;
    readonly oneWay?: OneWay | undefined;
  },
): Scenario {
  const { pollS = scenario.pollS, durationS = scenario.durationS } = change;
  const settleS = Math.min(scenario.settleS, durationS / 5);
  const changed = { ...scenario, pollS, durationS, settleS };
  return change.oneWay === undefined ? changed : { ...changed, oneWay: change.oneWay };
}

/**
 * What a server remembers for interleaved clients (RFC 9769 §2): which answer, named by its receive
 * timestamp, left when. A table of fixed size, a row of a few answers per client address (never
 * port), the oldest gives way: a flood costs clients the mode, never the server memory.
 * Receive timestamps kept here are odd and unique, transmit timestamps of the same answers even, so
 * that a client which echoes a transmit timestamp as origin (ntpd's basic mode) is never mistaken.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import type { Tick } from '../units.ts';
import { hash } from './hash.ts';
import { isNoTime, NO_TIME, type NtpTime } from './packet.ts';

export interface SavedConfig {
  /** Answers remembered, rounded up to a power of two. (8–2^20) */
  readonly tableSize: number;
  /** Any number; random, it keeps strangers from choosing addresses that collide. Default 0. */
  readonly seed?: number;
}

export interface Saved {
  seed: number;
  /** Numbers the answers whose departure is awaited. */
  serial: number;
  /** The last receive timestamp given out. */
  last: NtpTime;
  /** Per answer: client, receive and transmit timestamp (zero: not known, or used), context, age. */
  client: number[];
  receive: NtpTime[];
  transmit: NtpTime[];
  context: number[];
  savedNs: number[];
}

/** Answers remembered per client, if no other client shares its row. */
const WAYS = 8;
const NEVER = -1e300;
const NOBODY = -1;
/** Eight polls at the usual maximum of 1024 s. (ns) */
const MOST_AGE_NS = 8192e9;
/** A clock may stand still or slip back this far between two answers. (2^-32 s, 10 us) */
const MOST_AHEAD = 42950;

/** Throws ConfigError. */
export function createSaved({ tableSize, seed = 0 }: SavedConfig): Saved {
  requireInteger('interleaved.tableSize', tableSize, WAYS, 2 ** 20);
  if (!Number.isFinite(seed)) throw new ConfigError('interleaved.seed', 'a number', seed);
  const size = 2 ** Math.ceil(Math.log2(tableSize));
  const column = <T>(value: T) => new Array<T>(size).fill(value);
  return {
    seed: seed | 0,
    serial: 1,
    last: NO_TIME,
    client: column(NOBODY),
    receive: column(NO_TIME),
    transmit: column(NO_TIME),
    context: column(0),
    savedNs: column(NEVER),
  };
}

/** Number of a client: a hash of its address, given as eight 16-bit groups (prefix.ts). */
export const clientOf = (saved: Saved, groups: ArrayLike<number>): number =>
  hash(groups, saved.seed);

/**
 * When the answer with this receive timestamp left. It is told once only: asked again, the client
 * may mean another answer than it did.
 * @returns null if nobody knows (any more, or yet)
 */
export function claim(saved: Saved, client: number, receive: NtpTime, nowNs: Tick): NtpTime | null {
  const at = find(saved, client, receive);
  const transmit = saved.transmit[at];
  if (transmit === undefined || isNoTime(transmit)) return null;
  saved.transmit[at] = NO_TIME; // the row stays: its receive timestamp must not come again
  return nowNs - (saved.savedNs[at] ?? NEVER) <= MOST_AGE_NS ? transmit : null;
}

/**
 * Takes up an answer whose departure is still to come.
 * @param arrival when the request came
 * @returns its receive timestamp, and the number that `departed` and `lost` go by
 */
export function keep(
  saved: Saved,
  client: number,
  arrival: NtpTime,
  nowNs: Tick,
): { receive: NtpTime; context: number } {
  let receive = { seconds: arrival.seconds, fraction: (arrival.fraction | 1) >>> 0 };
  const { last } = saved;
  const ahead = span(receive, last);
  if (ahead >= 0 && ahead <= MOST_AHEAD) receive = afterNext(last);
  while (find(saved, client, receive) >= 0) receive = afterNext(receive);
  saved.last = receive;
  const first = rowOf(saved, client);
  let slot = first;
  for (let at = first + 1; at < first + WAYS; at++) {
    if ((saved.savedNs[at] ?? 0) < (saved.savedNs[slot] ?? 0)) slot = at;
  }
  const context = saved.serial++ * saved.savedNs.length + slot;
  saved.client[slot] = client;
  saved.receive[slot] = receive;
  saved.transmit[slot] = NO_TIME;
  saved.context[slot] = context;
  saved.savedNs[slot] = nowNs;
  return { receive, context };
}

/** The answer left at `transmit`. */
export function departed(saved: Saved, context: number, transmit: NtpTime): void {
  const slot = context % saved.savedNs.length;
  if (saved.context[slot] !== context) return; // it gave way
  saved.context[slot] = 0;
  saved.transmit[slot] = departureOf(saved.receive[slot] ?? NO_TIME, transmit);
}

/** Forgets all answers: the clock was stepped. */
export function forget(saved: Saved): void {
  saved.client.fill(NOBODY);
  saved.transmit.fill(NO_TIME);
  saved.context.fill(0);
  saved.savedNs.fill(NEVER);
}

/**
 * The transmit timestamp of an answer: what no receipt is called, at most 2^-32 s early and never
 * zero. Not before its receipt, as far as that is the fault of a coarse clock.
 */
export function departureOf(receive: NtpTime, left: NtpTime): NtpTime {
  const ahead = span(left, receive);
  const isCoarse = ahead >= 0 && ahead <= MOST_AHEAD;
  const { seconds, fraction } = isCoarse ? afterNext(receive) : left;
  return { seconds, fraction: seconds === 0 && fraction < 2 ? 2 : (fraction & ~1) >>> 0 };
}

/** From one time to another, right across an era's end. (2^-32 s) */
const span = (from: NtpTime, to: NtpTime): number =>
  ((to.seconds - from.seconds) | 0) * 2 ** 32 + to.fraction - from.fraction;

/** Odd stays odd. */
const afterNext = ({ seconds, fraction }: NtpTime): NtpTime =>
  fraction < 0xfffffffe
    ? { seconds, fraction: fraction + 2 }
    : { seconds: (seconds + 1) >>> 0, fraction: 1 };

const rowOf = (saved: Saved, client: number): number =>
  client & (saved.savedNs.length - 1) & ~(WAYS - 1);

/** The client's answer with this receive timestamp, −1 if there is none. */
function find(saved: Saved, client: number, receive: NtpTime): number {
  const first = rowOf(saved, client);
  for (let at = first; at < first + WAYS; at++) {
    const own = saved.receive[at];
    if (own?.fraction !== receive.fraction || own.seconds !== receive.seconds) continue;
    if (saved.client[at] === client) return at;
  }
  return -1;
}

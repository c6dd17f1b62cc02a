/**
 * The engine: one local clock, paths with one-way delay laws, exchanges in the order of their
 * receipt, and the truth. Virtual time only. `x` is local − true, so the true
 * offset (remote − local) is −x.
 */
import { KIND_UNIX, setHead, setUnixNs } from '../recording/record.ts';
import { type StampKind, stampBits } from '../stamps.ts';
import { localClock } from './clock.ts';
import { type Random, stream } from './random.ts';
import { DEFAULTS, type LocalClock, type OneWay } from './scenario.ts';

export interface Packet {
  /** True time of sending, s since the start. */
  readonly at: number;
  readonly path: number;
  /** The stream of this path and direction. */
  readonly random: Random;
}

/** One-way delay of a packet, s; Infinity: lost. The packet is only valid in the call. */
export type DelayLaw = (packet: Packet) => number;

/** How far a local stamp of a packet at `at` is off, s; null: it is the kernel's, and is not. */
export type StampLaw = (at: number) => number | null;

export interface WorldPath {
  /** Asked in every n-th round only; default 1. */
  readonly every?: number;
  /** local→remote */
  readonly reverse: DelayLaw;
  /** remote→local */
  readonly forward: DelayLaw;
  /** How far somebody moves the remote stamps of an exchange that arrives at this true time, s. */
  readonly shift?: (at: number) => number;
  /** Left out: local stamps are exact, and records do not tell whose they are. */
  readonly stamps?: { readonly send: StampLaw; readonly receive: StampLaw };
}

/** The paths of one run: laws may have a memory, so each run gets its own. */
export type PathsOf = (seed: number) => readonly WorldPath[];

export interface World {
  readonly paths: readonly WorldPath[] | PathsOf;
  readonly pollS: number;
  readonly durationS: number;
  readonly clock: LocalClock;
  readonly stagger?: boolean;
  readonly holdS?: number;
  /** For spansOf (oneway.ts). */
  readonly oneWay?: OneWay;
}

export interface Exchange {
  /** Index, from 0. */
  readonly path: number;
  /** ns since EPOCH_S: local send, remote receive, remote send, local receive. */
  readonly t1: number;
  readonly t2: number;
  readonly t3: number;
  readonly t4: number;
  /** True offset (remote − local) at t4, s. */
  readonly truth: number;
  /** True time at t4, s. */
  readonly at: number;
  /** Whose t1 and t4 are, as records tell it beside their kind; left out: not told. */
  readonly stamps?: number;
}

/** Unix time at which every simulated world starts: 2025-11-20T00:53:20Z. */
export const EPOCH_S = 1_763_600_000;
export const EPOCH_TEXT = '2025-11-20T00:53:20Z';

/** Purposes of streams: see stream(); compile.ts uses those from 10 on. */
export const CLOCK = 1;
export const PACKET = 2;
export const RESIDENCE = 3;
export const WAIT = 4;

/** Exchanges collected before those that are complete are given out. */
export const BLOCK = 2048;

/** All exchanges of a seeded world in order of local receipt, in blocks. */
export function* exchangesOf(world: World, seed: number): Generator<Exchange[]> {
  const { pollS, durationS, stagger = DEFAULTS.stagger, holdS = DEFAULTS.holdS } = world;
  const local = localClock(world.clock, stream(seed, CLOCK));
  const paths = typeof world.paths === 'function' ? world.paths(seed) : world.paths;
  const packets = paths.map((_, path) => ({
    reverse: { at: 0, path, random: stream(seed, PACKET, path, 0) },
    forward: { at: 0, path, random: stream(seed, PACKET, path, 1) },
  }));
  let pending: Exchange[] = [];
  let enough = BLOCK;
  for (let n = 0; n * pollS < durationS; n++) {
    for (const [path, law] of paths.entries()) {
      const packet = packets[path];
      if (packet === undefined || n % (law.every ?? 1) !== 0) continue;
      const at = (n + (stagger ? path / paths.length : 0)) * pollS;
      packet.reverse.at = at;
      const arrives = at + Math.max(0, law.reverse(packet.reverse));
      if (arrives === Number.POSITIVE_INFINITY) continue; // no server, no reply
      const leaves = arrives + holdS;
      packet.forward.at = leaves;
      const back = leaves + Math.max(0, law.forward(packet.forward));
      if (back === Number.POSITIVE_INFINITY) continue;
      const shift = law.shift?.(arrives) ?? 0;
      const early = law.stamps?.send(at) ?? null;
      const late = law.stamps?.receive(back) ?? null;
      const sent = at - (early ?? 0);
      const came = back + (late ?? 0);
      const localS = local(came);
      pending.push({
        path,
        t1: Math.round((sent + local(sent)) * 1e9),
        t2: Math.round((arrives + shift) * 1e9),
        t3: Math.round((leaves + shift) * 1e9),
        t4: Math.round((came + localS) * 1e9),
        truth: -localS,
        at: came,
        ...(law.stamps && { stamps: stampBits(stampKindOf(early), stampKindOf(late)) }),
      });
    }
    if (pending.length < enough) continue;
    // whatever is sent later arrives later than this
    const complete = (n + 1) * pollS;
    pending.sort((a, b) => a.at - b.at);
    let ready = pending.length;
    while (ready > 0 && (pending[ready - 1]?.at ?? 0) >= complete) ready--;
    if (ready > 0) yield pending.slice(0, ready);
    pending = pending.slice(ready);
    enough = Math.max(BLOCK, 2 * pending.length);
  }
  if (pending.length > 0) yield pending.sort((a, b) => a.at - b.at);
}

/** Whose a stamp is that is off by so much. */
export const stampKindOf = (offS: number | null): StampKind => (offS === null ? 'kernel' : 'user');

/** Writes an exchange as a record of the core (KIND_UNIX), 40 bytes from `at` on. */
export function putExchange(view: DataView, at: number, exchange: Exchange): void {
  setHead(view, at, exchange.path, KIND_UNIX | (exchange.stamps ?? 0));
  setUnixNs(view, at + 8, EPOCH_S, exchange.t1);
  setUnixNs(view, at + 16, EPOCH_S, exchange.t2);
  setUnixNs(view, at + 24, EPOCH_S, exchange.t3);
  setUnixNs(view, at + 32, EPOCH_S, exchange.t4);
}

/**
 * The engine's one-way form: each direction of a path measured by itself, at a rate of its own, as
 * PTP does. A forward span is known when it is received; a reverse one when the answer that tells
 * its receipt (Delay_Resp) has come back. Spans come in the order in which they are known.
 */
import {
  KIND_FORWARD,
  KIND_REVERSE,
  RECORD_CORRECTION,
  RECORD_LOCAL,
  RECORD_LOCAL_SEND,
  RECORD_REMOTE,
  setHead,
  setInteger,
  setUnixNs,
} from '../recording/record.ts';
import { stampBits } from '../stamps.ts';
import { localClock } from './clock.ts';
import { exponential, stream } from './random.ts';
import { DEFAULTS, type OneWay } from './scenario.ts';
import {
  BLOCK,
  CLOCK,
  EPOCH_S,
  type Exchange,
  exchangesOf,
  PACKET,
  putExchange,
  RESIDENCE,
  stampKindOf,
  WAIT,
  type World,
} from './world.ts';

export interface Span {
  /** Index, from 0. */
  readonly path: number;
  readonly kind: typeof KIND_FORWARD | typeof KIND_REVERSE;
  /** ns since EPOCH_S. */
  readonly local: number;
  readonly remote: number;
  /** 2^-16 ns */
  readonly correction: number;
  /** True offset (remote − local) at the local stamp, s. */
  readonly truth: number;
  /** True time at which it is known, s. */
  readonly at: number;
  /** Whose the local stamp is, as records tell it beside their kind; left out: not told. */
  readonly stamps?: number;
}

export type Measurement = Exchange | Span;

const UNITS_PER_S = 65536e9; // 2^-16 ns

/** All spans of a seeded world in the order in which they are known, in blocks. */
export function* spansOf(world: World, rates: OneWay, seed: number): Generator<Span[]> {
  const { durationS, stagger = DEFAULTS.stagger, holdS = DEFAULTS.holdS } = world;
  const { forwardS, reverseS, residenceS } = rates;
  const local = localClock(world.clock, stream(seed, CLOCK));
  const laws = typeof world.paths === 'function' ? world.paths(seed) : world.paths;
  const paths = laws.map((law, path) => {
    const { every = 1, shift = () => 0 } = law;
    const phase = stagger ? path / laws.length : 0;
    const bridges = stream(seed, RESIDENCE, path);
    return {
      path,
      law,
      shift,
      phase,
      every,
      wait: stream(seed, WAIT, path),
      residence: () => (residenceS > 0 ? exponential(bridges, residenceS) : 0),
      reverse: { at: 0, path, random: stream(seed, PACKET, path, 0) },
      forward: { at: 0, path, random: stream(seed, PACKET, path, 1) },
    };
  });
  type Path = (typeof paths)[number];
  const pending: Span[] = [];

  /** @param exact true time of what is stamped here  @param to true time of the remote one */
  function add(one: Path, kind: Span['kind'], exact: number, to: number, inBridges: number): Span {
    const isForward = kind === KIND_FORWARD;
    const offS = (isForward ? one.law.stamps?.receive : one.law.stamps?.send)?.(exact) ?? null;
    const from = isForward ? exact + (offS ?? 0) : exact - (offS ?? 0);
    const localS = local(from);
    const stamp = stampKindOf(offS);
    return {
      path: one.path,
      kind,
      ...(one.law.stamps && {
        stamps: isForward ? stampBits(undefined, stamp) : stampBits(stamp, undefined),
      }),
      local: Math.round((from + localS) * 1e9),
      remote: Math.round((to + one.shift(to)) * 1e9),
      correction: Math.round(inBridges * UNITS_PER_S),
      truth: -localS,
      at: from,
    };
  }

  function sync(one: Path, at: number): void {
    const inBridges = one.residence();
    one.forward.at = at;
    const arrives = at + Math.max(0, one.law.forward(one.forward)) + inBridges;
    if (arrives !== Number.POSITIVE_INFINITY) {
      pending.push(add(one, KIND_FORWARD, arrives, at, inBridges));
    }
  }

  function ask(one: Path, at: number): void {
    const inBridges = one.residence();
    one.reverse.at = at;
    const arrives = at + Math.max(0, one.law.reverse(one.reverse)) + inBridges;
    if (arrives === Number.POSITIVE_INFINITY) return;
    one.forward.at = arrives + holdS;
    const known = arrives + holdS + Math.max(0, one.law.forward(one.forward));
    if (known === Number.POSITIVE_INFINITY) return;
    pending.push({ ...add(one, KIND_REVERSE, at, arrives, inBridges), at: known });
  }

  const windowS = Math.max(forwardS, reverseS, 1);
  for (let n = 0; n * windowS < durationS; n++) {
    const endS = Math.min((n + 1) * windowS, durationS);
    for (const one of paths) {
      for (const at of times(n * windowS, endS, forwardS * one.every, one.phase)) sync(one, at);
      // a slave asks at times of its own choosing
      for (const at of times(n * windowS, endS, reverseS * one.every, one.phase)) {
        ask(one, at + one.wait() * reverseS * one.every);
      }
    }
    if (pending.length >= BLOCK || endS === durationS) {
      pending.sort((a, b) => a.at - b.at);
      // whatever is sent later is known later than this
      let ready = pending.length;
      while (endS < durationS && ready > 0 && (pending[ready - 1]?.at ?? 0) >= endS) ready--;
      if (ready > 0) yield pending.splice(0, ready);
    }
  }
}

/** (k + phase)·stepS within [fromS, toS). */
function* times(fromS: number, toS: number, stepS: number, phase: number): Generator<number> {
  for (let k = Math.ceil(fromS / stepS - phase); ; k++) {
    const at = (k + phase) * stepS;
    if (at >= toS) return;
    if (at >= fromS) yield at;
  }
}

/** Exchanges, or spans if the world is measured one way at a time. */
export const measurementsOf = (world: World, seed: number): Generator<Measurement[]> =>
  world.oneWay === undefined ? exchangesOf(world, seed) : spansOf(world, world.oneWay, seed);

/** Writes a measurement as a record of the core, 40 bytes from `at` on. */
export function putMeasurement(view: DataView, at: number, measurement: Measurement): void {
  if ('kind' in measurement) putSpan(view, at, measurement);
  else putExchange(view, at, measurement);
}

function putSpan(view: DataView, at: number, span: Span): void {
  setHead(view, at, span.path, span.kind | (span.stamps ?? 0));
  setInteger(view, at + RECORD_LOCAL_SEND, 0);
  setInteger(view, at + RECORD_CORRECTION, span.correction);
  setUnixNs(view, at + RECORD_REMOTE, EPOCH_S, span.remote);
  setUnixNs(view, at + RECORD_LOCAL, EPOCH_S, span.local);
}

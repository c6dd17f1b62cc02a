/**
 * A small world for the core: one wandering local clock, paths with one-way delay laws, exchanges
 * in order of their receipt, and the truth. Times in s; `x` is local − true as in ALGORITHMS §3,
 * so the true offset (remote − local) is −x.
 */
import type { Core } from '../../src/core.ts';
import { KIND_UNIX, setHead, setUnixNs } from '../../src/recording/record.ts';
import { normal, type Random, seeded } from './random.ts';

export interface Packet {
  /** True time of sending, s since the start. */
  readonly at: number;
  readonly path: number;
  readonly random: Random;
}

/** One-way delay of a packet, s; Infinity: lost. */
export type DelayLaw = (packet: Packet) => number;

export interface WorldPath {
  /** local→remote */
  readonly reverse: DelayLaw;
  /** remote→local */
  readonly forward: DelayLaw;
}

export interface World {
  readonly paths: readonly WorldPath[];
  readonly pollS: number;
  readonly durationS: number;
  /** Random walk of the local frequency per second; default 1e-9. */
  readonly wanderPerS?: number;
  readonly frequency?: number;
  readonly offsetS?: number;
  /** Local clock steps: at true time, by seconds. */
  readonly steps?: readonly { readonly atS: number; readonly byS: number }[];
}

export interface Exchange {
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
}

export const EPOCH_S = 1_763_600_000;
const HOLD_S = 20e-6;

/** All exchanges of a seeded world in order of local receipt. */
export function simulate(world: World, seed: number): Exchange[] {
  const random = seeded(seed);
  const local = localClock(world, seeded(seed ^ 0x9e3779b9));
  const exchanges: Exchange[] = [];
  const paths = world.paths.length;
  for (let n = 0; n * world.pollS < world.durationS; n++) {
    for (let path = 0; path < paths; path++) {
      const law = world.paths[path];
      if (law === undefined) continue;
      const at = (n + path / paths) * world.pollS;
      const arrives = at + law.reverse({ at, path, random });
      const leaves = arrives + HOLD_S;
      const back = leaves + law.forward({ at: leaves, path, random });
      if (!Number.isFinite(back)) continue;
      exchanges.push({
        path,
        t1: Math.round((at + local(at)) * 1e9),
        t2: Math.round(arrives * 1e9),
        t3: Math.round(leaves * 1e9),
        t4: Math.round((back + local(back)) * 1e9),
        truth: -local(back),
        at: back,
      });
    }
  }
  return exchanges.sort((a, b) => a.at - b.at);
}

function localClock(world: World, random: Random): (at: number) => number {
  const seconds = Math.ceil(world.durationS) + 60;
  const x = new Float64Array(seconds + 1);
  let y = world.frequency ?? 1e-5;
  x[0] = world.offsetS ?? 0.01;
  for (let n = 0; n < seconds; n++) {
    y += (world.wanderPerS ?? 1e-9) * normal(random);
    x[n + 1] = (x[n] ?? 0) + y;
  }
  return (at) => {
    const n = Math.min(Math.max(Math.floor(at), 0), seconds - 1);
    const a = x[n] ?? 0;
    let value = a + ((x[n + 1] ?? 0) - a) * (at - n);
    for (const step of world.steps ?? []) if (at >= step.atS) value += step.byS;
    return value;
  };
}

/** Writes an exchange into slot `slot` of the core's batch. */
export function writeExchange(core: Core, slot: number, exchange: Exchange): void {
  const at = slot * core.recordBytes;
  setHead(core.records, at, exchange.path, KIND_UNIX);
  setUnixNs(core.records, at + 8, EPOCH_S, exchange.t1);
  setUnixNs(core.records, at + 16, EPOCH_S, exchange.t2);
  setUnixNs(core.records, at + 24, EPOCH_S, exchange.t3);
  setUnixNs(core.records, at + 32, EPOCH_S, exchange.t4);
}

export interface Score {
  readonly rmsS: number;
  readonly maxS: number;
  readonly bounded: number;
  readonly nees: number;
  readonly count: number;
}

/** Runs exchanges through a core with `paths` open paths and scores the clock after `settleS`. */
export function score(
  core: Core,
  paths: number,
  exchanges: readonly Exchange[],
  settleS: number,
): Score {
  core.reset();
  for (let path = 0; path < paths; path++) core.openPath();
  let squares = 0;
  let max = 0;
  let inside = 0;
  let nees = 0;
  let count = 0;
  for (const exchange of exchanges) {
    writeExchange(core, 0, exchange);
    core.ingest(1);
    if (exchange.at < settleS) continue;
    const result = core.result(0);
    const error = result.valid ? result.offsetS - exchange.truth : Number.NaN;
    squares += error * error;
    max = Math.max(max, Math.abs(error));
    nees += (error / result.uncertaintyS) ** 2;
    if (exchange.truth >= result.earliestS && exchange.truth <= result.latestS) inside++;
    count++;
  }
  return {
    rmsS: Math.sqrt(squares / count),
    maxS: max,
    bounded: inside / count,
    nees: nees / count,
    count,
  };
}

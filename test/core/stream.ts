/**
 * Exchanges made with integer arithmetic only (no Math.log, no Math.cos: engines differ in their
 * last bits), so that the same seed gives the same bytes everywhere. Times in ns.
 */
import type { Core } from '../../src/core.ts';
import { KIND_NTP, KIND_UNIX } from '../../src/recording/record.ts';
import { createRandom, type Random } from '../fuzz/random.ts';
import { ntpFromUnix } from '../twin/time.ts';
import { type Stamps, writeStamps } from './rig.ts';

export interface StreamExchange extends Stamps {
  readonly kind: number;
}

export interface StreamOptions {
  readonly paths: number;
  readonly pollNs: number;
  readonly rounds: number;
  /** Largest queueing delay of each direction; triangular below it. */
  readonly jitterNs: number;
  /** Local clock steps by so much at a round. */
  readonly step?: { readonly round: number; readonly byNs: number };
  /** From this round on path 0 … */
  readonly trouble?: {
    readonly round: number;
    readonly what: 'dies' | 'lies' | 'reroutes' | 'queues';
    readonly byNs: number;
  };
  /** One in so many records is repeated, reordered or broken; 0: none. */
  readonly oddIn: number;
}

const EPOCH_NS = 1_763_600_000n * 1_000_000_000n;
const BASE_NS = 5_000_000;
const HOLD_NS = 20_000;

/** All exchanges of a seeded stream in order of receipt (but for the odd ones). */
export function makeStream(options: StreamOptions, seed: number): StreamExchange[] {
  const random = createRandom(seed);
  const stream: { at: number; exchange: StreamExchange }[] = [];
  let ppb = 10_000;
  let driftNs = 12_345_678;
  for (let round = 0; round < options.rounds; round++) {
    ppb += random.below(3) - 1;
    driftNs += Math.floor((options.pollNs * ppb) / 1e9);
    const step = options.step !== undefined && round >= options.step.round ? options.step.byNs : 0;
    for (let path = 0; path < options.paths; path++) {
      const trouble = path === 0 && round >= (options.trouble?.round ?? Number.POSITIVE_INFINITY);
      const what = trouble ? options.trouble?.what : undefined;
      const byNs = options.trouble?.byNs ?? 0;
      if (what === 'dies') continue;
      const extra = what === 'queues' ? triangle(random, byNs) : what === 'reroutes' ? byNs : 0;
      const out = BASE_NS + path * 100_000 + triangle(random, options.jitterNs) + extra;
      const back = BASE_NS + path * 100_000 + triangle(random, options.jitterNs) + extra;
      const at = round * options.pollNs + Math.floor((path * options.pollNs) / options.paths);
      const local = BigInt(driftNs + step);
      const t1 = EPOCH_NS + BigInt(at);
      const t2 = t1 + BigInt(out) + (what === 'lies' ? BigInt(byNs) : 0n);
      const t4 = t1 + BigInt(out + HOLD_NS + back);
      const kind = path % 2 === 0 ? KIND_UNIX : KIND_NTP;
      const remote = kind === KIND_NTP ? ntpFromUnix : (ns: bigint) => ns;
      const exchange: StreamExchange = {
        path,
        kind,
        localSend: t1 + local,
        remoteReceive: remote(t2),
        remoteSend: remote(t2 + BigInt(HOLD_NS)),
        localReceive: t4 + local,
      };
      stream.push({ at: at + out + back, exchange });
    }
  }
  const ordered = stream.sort((a, b) => a.at - b.at).map(({ exchange }) => exchange);
  return options.oddIn > 0 ? withOdd(ordered, options.oddIn, random) : ordered;
}

const triangle = (random: Random, most: number): number =>
  Math.floor((random.below(most + 1) + random.below(most + 1)) / 2);

function withOdd(
  stream: readonly StreamExchange[],
  oddIn: number,
  random: Random,
): StreamExchange[] {
  return stream.flatMap((exchange, index) => {
    if (random.below(oddIn) !== 0) return [exchange];
    switch (random.below(4)) {
      case 0:
        return [exchange, exchange];
      case 1:
        return [exchange, stream[Math.max(index - 1 - random.below(20), 0)] ?? exchange];
      case 2:
        return [{ ...exchange, localReceive: exchange.localSend - 1n }, exchange];
      default:
        return [{ ...exchange, path: 63 }, exchange]; // not open
    }
  });
}

/** Streams that visit what a combiner can meet: about 26000 exchanges together. */
export const STREAMS = {
  calm: { paths: 4, pollNs: 1e9, rounds: 1500, jitterNs: 2e6, oddIn: 0 },
  odd: { paths: 5, pollNs: 1e9, rounds: 800, jitterNs: 2e6, oddIn: 10 },
  lan: { paths: 3, pollNs: 125e6, rounds: 1000, jitterNs: 3000, oddIn: 50 },
  step: {
    paths: 3,
    pollNs: 1e9,
    rounds: 1000,
    jitterNs: 1e6,
    step: { round: 400, byNs: -2.5e12 },
    oddIn: 0,
  },
  liar: {
    paths: 4,
    pollNs: 2e9,
    rounds: 800,
    jitterNs: 1e6,
    trouble: { round: 300, what: 'lies', byNs: 3e9 },
    oddIn: 20,
  },
  reroute: {
    paths: 2,
    pollNs: 16e9,
    rounds: 800,
    jitterNs: 2e6,
    trouble: { round: 400, what: 'reroutes', byNs: 7e6 },
    oddIn: 0,
  },
  dying: {
    paths: 3,
    pollNs: 1e9,
    rounds: 700,
    jitterNs: 2e6,
    trouble: { round: 300, what: 'dies', byNs: 0 },
    oddIn: 0,
  },
  queue: {
    paths: 1,
    pollNs: 1e9,
    rounds: 1000,
    jitterNs: 5e5,
    trouble: { round: 500, what: 'queues', byNs: 3e7 },
    oddIn: 0,
  },
  wide: { paths: 40, pollNs: 4e9, rounds: 60, jitterNs: 4e6, oddIn: 30 },
} satisfies Record<string, StreamOptions>;

/** Writes `exchanges` into the batch from slot 0 on. */
export function writeBatch(core: Core, exchanges: readonly StreamExchange[]): void {
  exchanges.forEach((exchange, slot) => {
    writeStamps(core, slot, exchange.kind, exchange);
  });
}

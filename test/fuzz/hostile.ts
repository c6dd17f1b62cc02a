/**
 * Seeded streams of hostile exchanges, as records of the core: what a broken or malicious network,
 * server or local clock can feed to it. Times in ns; every stream goes on for ever.
 */
import { RECORD_BYTES } from '../../src/recording/blocks.ts';
import { KIND_NTP, KIND_UNIX } from '../../src/recording/record.ts';
import { awkward } from '../core/rig.ts';
import { EPOCH_S } from '../sim/world.ts';
import { ntpFromUnix } from '../twin/time.ts';
import type { Random } from './random.ts';

export interface Hostile {
  readonly path: number;
  readonly kind: number;
  /** Local send, remote receive, remote send, local receive; Unix ns, any i64. */
  readonly stamps: readonly [bigint, bigint, bigint, bigint];
}

export interface Stream {
  next(): Hostile;
  /** Where the local clock of the stream stands. */
  now(): bigint;
}

/** Paths that the streams use; the one past them is never open. */
export const PATHS = 5;

export const EPOCH_NS = BigInt(EPOCH_S) * 1_000_000_000n;
const MOST = 2n ** 63n - 1n;
const ROUND = 200_000_000n;
/** Remote − local of honest exchanges. */
const AHEAD = 10_000_000n;
const HOLD = 20_000n;
const ERA_1 = 2_085_978_496_000_000_000n;

const wrap = (ns: bigint): bigint => BigInt.asIntN(64, ns);

/** A size of up to `bits` bits, each number of bits as likely. */
function size(random: Random, bits: number): bigint {
  const own = BigInt(random.below(bits));
  return ((BigInt(random.u32()) << 32n) | BigInt(random.u32())) & ((1n << own) - 1n);
}

const signed = (random: Random, bits: number): bigint =>
  (random.below(2) === 0 ? 1n : -1n) * size(random, bits);

/** An honest one-way delay: 5 ms and a queue of a millisecond. */
const usual = (random: Random): bigint =>
  BigInt(5_000_000 + Math.floor(-Math.log((random.u32() + 1) / 4294967297) * 1e6));

/** Received at local time `now`, with these delays and this offset. */
const plausible = (
  now: bigint,
  out: bigint,
  back: bigint,
  ahead: bigint,
  hold = HOLD,
): Hostile['stamps'] => {
  const stamps = [now - out - back - hold, now - back - hold + ahead, now - back + ahead, now];
  return stamps.map(wrap) as unknown as Hostile['stamps'];
};

const honest = (random: Random, now: bigint): Hostile['stamps'] =>
  plausible(now, usual(random), usual(random), AHEAD);

type Make = (random: Random) => Stream;

/** A stream whose every exchange is made by `step` from the local time of the last. */
const stepping =
  (
    begin: bigint,
    step: (random: Random, now: bigint) => [now: bigint, Hostile['stamps'], path?: number],
  ): Make =>
  (random) => {
    let now = begin;
    return {
      now: () => now,
      next: () => {
        const [at, stamps, path = random.below(PATHS)] = step(random, now);
        now = wrap(at);
        return { path, kind: random.below(2) === 0 ? KIND_UNIX : KIND_NTP, stamps };
      },
    };
  };

const later = (random: Random, now: bigint): bigint => now + BigInt(1 + random.below(400_000_000));

/** Sane exchanges, repeated, reordered, and told again by other paths. */
const reorder: Make = (random) => {
  let now = EPOCH_NS;
  let past: Hostile[] = [];
  return {
    now: () => now,
    next: () => {
      const what = random.below(4);
      const back = 1 + random.below(what === 0 ? 3 : 200);
      const old = what < 2 ? past[past.length - back] : undefined;
      if (old !== undefined) {
        return random.below(2) === 0 ? old : { ...old, path: random.below(PATHS) };
      }
      now += ROUND;
      const exchange = { path: random.below(PATHS), kind: KIND_UNIX, stamps: honest(random, now) };
      past = [...past.slice(-200), exchange];
      return exchange;
    },
  };
};

/** Local and remote clock jump anywhere now and then. */
const jumps: Make = (random) => {
  let ahead = AHEAD;
  return stepping(EPOCH_NS, (_, last) => {
    const leap = random.below(20) === 0 ? signed(random, 64) : 0n;
    if (random.below(20) === 0) ahead = signed(random, 63);
    const now = wrap(last + ROUND + leap);
    return [now, plausible(now, usual(random), usual(random), ahead)];
  })(random);
};

/** Every path has its own idea of the time, which walks by powers of two. */
const walking: Make = (random) => {
  const ahead = Array.from({ length: PATHS }, () => 0n);
  return stepping(EPOCH_NS, (_, last) => {
    const path = random.below(PATHS);
    const own = random.below(100) === 0 ? 0n : wrap((ahead[path] ?? 0n) + signed(random, 50));
    ahead[path] = own;
    const now = later(random, last);
    return [now, plausible(now, usual(random), usual(random), own), path];
  })(random);
};

/** The remote clock runs at up to twice our rate, or not at all. */
const rates: Make = (random) => {
  let ahead = 0n;
  let rate = 0;
  return stepping(EPOCH_NS, (_, last) => {
    if (random.below(500) === 0) rate = (random.below(2) * 2 - 1) * 10 ** -random.below(9);
    ahead = BigInt.asIntN(61, ahead + BigInt(Math.round(Number(ROUND) * rate)));
    return [last + ROUND, plausible(last + ROUND, usual(random), usual(random), ahead)];
  })(random);
};

const ENDS = [ERA_1, 3n * ERA_1 + 123_010_304_000_000_000n, -2_208_988_800_000_000_000n, MOST];

const SIMPLE: Record<string, Make> = {
  anything: (random) => ({
    now: () => EPOCH_NS,
    next: () => ({
      path: random.below(PATHS + 1),
      kind: random.below(3),
      stamps: [awkward(random), awkward(random), awkward(random), awkward(random)],
    }),
  }),
  extremes: (random) => {
    const edges = [MOST, -MOST - 1n, 0n, 2n ** 62n, -(2n ** 62n), ERA_1, 2n ** 32n * 10n ** 9n];
    const edge = () =>
      wrap((edges[random.below(edges.length)] ?? 0n) + BigInt(random.below(3) - 1));
    return {
      now: () => EPOCH_NS,
      next: () => ({
        path: random.below(PATHS),
        kind: random.below(2),
        stamps: [edge(), edge(), edge(), edge()],
      }),
    };
  },
  /** All four stamps equal, or off by a nanosecond or two, or one of them far off. */
  equal: stepping(EPOCH_NS, (random, last) => {
    const now = random.below(3) === 0 ? last + size(random, 34) : last;
    const bit = () => now + BigInt(random.below(3));
    const what = random.below(3);
    if (what === 0) return [now, [now, now, now, now]];
    if (what === 1) return [now, [now, bit(), bit(), bit()]];
    return [now, [now, wrap(now + signed(random, 60)), now, now]];
  }),
  reorder,
  jumps,
  /** Our clock is honest, the remote stamps are anything. */
  remote: stepping(EPOCH_NS, (random, last) => {
    const now = later(random, last);
    const [t1, t2, t3] = honest(random, now);
    const by = signed(random, 62);
    switch (random.below(4)) {
      case 0:
        return [now, [t1, awkward(random), awkward(random), now]];
      case 1:
        return [now, [t1, wrap(t2 + by), wrap(t2 + by), now]];
      case 2:
        return [now, [t1, wrap(t2 + by), wrap(t3 + by), now]];
      default:
        return [now, [t1, t2, t3, now]];
    }
  }),
  walking,
  /** Honest stamps, delays and holds from nothing to hours, in both directions. */
  delays: stepping(EPOCH_NS, (random, last) => {
    const now = later(random, last);
    const [out, back, hold] = [size(random, 44), size(random, 44), size(random, 30)];
    return [now, plausible(now, out, back, AHEAD, hold)];
  }),
  /** Through the ends of NTP eras and of the 64 bits. */
  eras: stepping(ERA_1 - 50_000_000_000n, (random, last) => {
    const end = random.below(600) === 0 ? ENDS[random.below(ENDS.length)] : undefined;
    const now = end === undefined ? wrap(last + ROUND) : end - 20_000_000_000n;
    return [now, honest(random, now)];
  }),
};

const MORE: Record<string, Make> = {
  rates,
  /** No time passes, or a nanosecond. */
  frozen: stepping(EPOCH_NS, (random, last) => {
    const now = last + (random.below(1000) === 0 ? ROUND : BigInt(random.below(2)));
    const [t1, t2, t3] = honest(random, now);
    return [now, [t1 - BigInt(random.below(1000)), t2, t3, now]];
  }),
  /** Delays of a few hundred nanoseconds or none, small jumps. */
  tight: stepping(EPOCH_NS, (random, last) => {
    const now = last + BigInt(random.below(2_000_000_000));
    const some = () => (random.below(3) === 0 ? 0n : size(random, 10));
    const ahead = random.below(50) === 0 ? signed(random, 40) : 0n;
    return [now, plausible(now, some(), some(), ahead, some())];
  }),
  /** Silences of up to weeks. */
  gaps: stepping(EPOCH_NS, (random, last) => {
    const now = last + (random.below(10) === 0 ? size(random, 52) : ROUND);
    return [now, honest(random, now)];
  }),
};

/** All of them in turn. */
const mixed: Make = (random) => {
  const all = [...Object.values(SIMPLE), ...Object.values(MORE)].map((make) => make(random));
  let stream = all[0] as Stream;
  let left = 0;
  return {
    now: () => stream.now(),
    next: () => {
      if (left-- === 0) {
        stream = all[random.below(all.length)] ?? stream;
        left = random.below(3000);
      }
      return stream.next();
    },
  };
};

/** Ten kinds of streams by name. */
export const STREAMS: Readonly<Record<string, Make>> = { ...SIMPLE, mixed };

/** Writes an exchange as a record at `at`. */
export function putHostile(view: DataView, at: number, { path, kind, stamps }: Hostile): void {
  const remote = (ns: bigint) => (kind === KIND_NTP ? ntpFromUnix(ns) : ns);
  const [t1, t2, t3, t4] = stamps;
  view.setUint32(at, path, true);
  view.setUint32(at + 4, kind, true);
  for (const [index, stamp] of [t1, remote(t2), remote(t3), t4].entries()) {
    view.setBigUint64(at + 8 + 8 * index, BigInt.asUintN(64, stamp), true);
  }
}

/** The next `count` exchanges of a stream as records. */
export function recordsOf(stream: Stream, count: number): Uint8Array {
  const bytes = new Uint8Array(count * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (let k = 0; k < count; k++) putHostile(view, k * RECORD_BYTES, stream.next());
  return bytes;
}

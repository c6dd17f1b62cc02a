/**
 * The plain clock: what the system's clock shows, read without FFI. It runs on performance.now()
 * (sub-microsecond, never steps) from an anchor, because Date.now() has 1 ms and Temporal is
 * missing in Node 20; check() compares it with the system's clock and follows steps. The anchor is
 * a moment at which Date.now() ticks over. Others are worse: performance.timeOrigin was 6 us off in
 * Node 20, and Deno's Temporal, which shows whole us, half a one; a peer on the same machine then
 * seems to break causality, since the quickest packet takes 5 us.
 * Slewing needs no care on Linux: CLOCK_MONOTONIC is slewed together with CLOCK_REALTIME.
 */
import { NS_PER_MS, NS_PER_S, type Stamp, seconds, stamp, tick } from '../units.ts';
import type { Clock } from './udp.ts';

/** The raw time sources; a test hands in its own. */
export interface ClockSources {
  /** Unix time at which `elapsedMs` was 0, as far as known (ms). */
  readonly originMs: number;
  /** Monotonic time (ms, with fraction). */
  elapsedMs(): number;
  /** The system's clock, whole milliseconds rounded down (Unix ms). */
  dateMs(): number;
  /** The system's clock in ns (Unix ns); left out where the runtime has none. */
  wallNs?(): bigint;
  /**
   * Clock and system may be this far apart before check() follows. (ns, default 1.5 ms) Given only
   * where wallNs reads the very clock, to the ns: then that is the anchor.
   */
  readonly limitNs?: number;
}

/** Default of limitNs: what Date.now() alone can tell (ns). */
const LIMIT_NS = 1.5 * NS_PER_MS;
const EDGE_READS = 4;
const WALL_READS = 16;
/** An edge seen this tightly needs no better one (ns). */
const TIGHT_NS = 400;
/** The origin is better than an edge seen no more tightly than this (ns). */
const LOOSE_NS = 20_000;
/** Longest wait for Date.now() to tick over (ms), and turns if time stands still. */
const EDGE_WAIT_MS = 3;
const EDGE_TURNS = 1_000_000;

/** What "system clock minus elapsed" can be, ns since epochS: certain bounds, both ends allowed. */
interface Bounds {
  readonly lowNs: number;
  readonly highNs: number;
}

const width = (bounds: Bounds): number => bounds.highNs - bounds.lowNs;
const middle = (bounds: Bounds): number => bounds.lowNs + width(bounds) / 2;

/**
 * The host's clock, within 0.5 us of the system's; waits 4 ms at most. Where time is too coarse
 * to see Date.now() tick over, performance.timeOrigin is the anchor.
 */
export function makeClock(sources: ClockSources = systemSources()): Clock {
  const epochS = Math.floor(sources.dateMs() / 1000);
  const { limitNs = LIMIT_NS } = sources;
  const quick = (): Bounds =>
    sources.wallNs ? readWall(sources, epochS) : readDate(sources, epochS);
  const exact = (): Bounds =>
    sources.limitNs === undefined
      ? tightest(EDGE_READS, TIGHT_NS, () => readEdge(sources, epochS))
      : tightest(WALL_READS, 0, quick);

  // The difference is exact, and small enough to keep ns: never add a fraction to Unix ms.
  let baseNs = (sources.originMs - epochS * 1000) * NS_PER_MS;
  const edge = exact();
  if (width(edge) < LOOSE_NS) baseNs = middle(edge);

  const isNear = ({ lowNs, highNs }: Bounds): boolean =>
    lowNs >= baseNs - limitNs && highNs <= baseNs + limitNs;
  const isFar = ({ lowNs, highNs }: Bounds): boolean =>
    lowNs > baseNs + limitNs || highNs < baseNs - limitNs;

  const clock: Clock = {
    epochS,
    now(): Stamp {
      return stamp(baseNs + sources.elapsedMs() * NS_PER_MS);
    },
    tick() {
      return tick(sources.elapsedMs() * NS_PER_MS);
    },
    check() {
      if (isNear(quick())) return seconds(0);
      const reading = exact(); // the quick look was not enough to tell, or there is a step
      if (!isFar(reading)) return seconds(0);
      const byNs = middle(reading) - baseNs;
      baseNs += byNs;
      return seconds(byNs / NS_PER_S);
    },
  };
  clock.check(); // timeOrigin is stale if the clock was stepped since the process started
  return clock;
}

/** What this runtime has. */
export function systemSources(): ClockSources {
  const { Temporal } = globalThis as {
    Temporal?: { Now: { instant(): { epochNanoseconds: bigint } } };
  };
  const sources: ClockSources = {
    originMs: performance.timeOrigin,
    elapsedMs: () => performance.now(),
    dateMs: () => Date.now(),
  };
  if (Temporal === undefined) return sources;
  return { ...sources, wallNs: () => Temporal.Now.instant().epochNanoseconds };
}

/** Repeats a reading and keeps the tightest (a preempted one is wide); stops at `enoughNs`. */
function tightest(times: number, enoughNs: number, read: () => Bounds): Bounds {
  let found = read();
  for (let turn = 1; turn < times && width(found) > enoughNs; turn++) {
    const next = read();
    if (width(next) < width(found)) found = next;
  }
  return found;
}

/** One reading of the ns clock between two of the monotonic one. */
function readWall(sources: ClockSources, epochS: number): Bounds {
  const beforeMs = sources.elapsedMs();
  const unixNs = sources.wallNs?.() ?? 0n;
  const afterMs = sources.elapsedMs();
  const wallNs = Number(unixNs - BigInt(epochS) * 1_000_000_000n);
  return { lowNs: wallNs - afterMs * NS_PER_MS, highNs: wallNs - beforeMs * NS_PER_MS };
}

/** One reading of Date.now(): true time lies up to 1 ms after what it says. */
function readDate(sources: ClockSources, epochS: number): Bounds {
  const beforeMs = sources.elapsedMs();
  const wallNs = (sources.dateMs() - epochS * 1000) * NS_PER_MS;
  const afterMs = sources.elapsedMs();
  return { lowNs: wallNs - afterMs * NS_PER_MS, highNs: wallNs + NS_PER_MS - beforeMs * NS_PER_MS };
}

/** Spins, normally for under 1 ms, until Date.now() ticks over: at that moment it is exact. */
function readEdge(sources: ClockSources, epochS: number): Bounds {
  const startMs = sources.elapsedMs();
  let beforeMs = startMs;
  let shownMs = sources.dateMs();
  for (let turn = 0; turn < EDGE_TURNS; turn++) {
    const betweenMs = sources.elapsedMs();
    const nextMs = sources.dateMs();
    if (nextMs === shownMs + 1) {
      const edgeNs = (nextMs - epochS * 1000) * NS_PER_MS;
      const afterMs = sources.elapsedMs();
      return { lowNs: edgeNs - afterMs * NS_PER_MS, highNs: edgeNs - beforeMs * NS_PER_MS };
    }
    if (betweenMs - startMs > EDGE_WAIT_MS) break;
    beforeMs = betweenMs;
    shownMs = nextMs; // a jump of more than 1 ms: preempted or stepped, so wait for the next edge
  }
  return readDate(sources, epochS);
}

/**
 * When the event port's sockets are broken, and when that is tried again (IEEE 1588-2008 §9.2.5,
 * FAULTY). One path that is gone breaks nothing: as long as anything is heard, the port works.
 */
import { NS_PER_S, type Tick, tick } from '../units.ts';

/** Errors since anything was heard last. Plain data. */
export interface Trouble {
  errors: number;
  /** The first and the newest of them. */
  sinceNs: Tick;
  lastNs: Tick;
  /** While FAULTY: its end. */
  untilNs: Tick | null;
}

/** So many errors, over so long a time, are persistent. (ns) */
const ERRORS = 4;
const PERSISTENT_NS = 4 * NS_PER_S;
/** Errors that far apart have nothing to do with each other. (ns) */
const APART_NS = 32 * NS_PER_S;
/** As ptp4l's fault_reset_interval. (ns) */
const RESET_NS = 16 * NS_PER_S;

/** They are about one peer, or about a moment. */
const HARMLESS: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'EAGAIN',
  'EINTR',
  'EINTERFACE',
]);

export const createTrouble = (): Trouble => ({
  errors: 0,
  sinceNs: tick(0),
  lastNs: tick(0),
  untilNs: null,
});

/** Something was heard: the sockets work. */
export function noteSuccess(trouble: Trouble): void {
  trouble.errors = 0;
}

/** An error of a socket of the event port. @returns true if the port is to be FAULTY now */
export function noteError(trouble: Trouble, code: string, nowNs: Tick): boolean {
  if (HARMLESS.has(code) || trouble.untilNs !== null) return false;
  if (trouble.errors === 0 || nowNs - trouble.lastNs > APART_NS) {
    trouble.errors = 0;
    trouble.sinceNs = nowNs;
  }
  trouble.errors++;
  trouble.lastNs = nowNs;
  if (trouble.errors < ERRORS || nowNs - trouble.sinceNs < PERSISTENT_NS) return false;
  trouble.errors = 0;
  trouble.untilNs = tick(nowNs + RESET_NS);
  return true;
}

/**
 * Datagrams on their way out whose stamp the kernel owes: by the number it gives them. Whoever
 * waits is told exactly once, with the user's stamp if the kernel's does not come.
 */
import type { Stamp } from '../../units.ts';
import type { StampKind } from '../udp.ts';

export type Departed = (sentAtNs: Stamp, kind: StampKind) => void;

export interface Departures {
  /** Booked after a send that asked for a stamp, in the order of sending. */
  add(userNs: Stamp, nowMs: number, departed: Departed): void;
  /** The kernel's stamp of the datagram with this number has come. */
  stamped(id: number, kernelNs: Stamp): void;
  /** Numbers begin again at 0; who still waits is told. */
  restart(): void;
  /** Tells who has waited long enough. True while others wait. */
  settle(nowMs: number): boolean;
  /** Somebody waits. Nobody does after several stamps in a row that never came. */
  readonly isAwaiting: boolean;
  readonly counts: { kernel: number; user: number };
}

/** A stamp that is not there after this long is not waited for (ms). */
const PATIENCE_MS = 5;
const MOST_MISSING = 8;
/** User and kernel readings compare to within this (ns). */
const SLACK_NS = 2_000;
/** Longest from the call to the departure, in a queue of the system (ns). */
const LONGEST_NS = 1e9;

interface Waiting {
  readonly userNs: Stamp;
  readonly sinceMs: number;
  readonly departed: Departed;
}

export function makeDepartures(): Departures {
  let waiting = new Map<number, Waiting>();
  const counts = { kernel: 0, user: 0 };
  let nextId = 0;
  let missing = 0;

  /** A Map chains all that it ever held, in Bun until the next full collection: take a new one. */
  function forget(id: number): void {
    waiting.delete(id);
    if (waiting.size === 0) waiting = new Map();
  }

  function tellUser(id: number, { departed, userNs }: Waiting): void {
    forget(id);
    counts.user++;
    departed(userNs, 'user');
  }

  return {
    counts,
    get isAwaiting() {
      return waiting.size > 0;
    },
    add(userNs, nowMs, departed) {
      const id = nextId;
      nextId = (nextId + 1) >>> 0;
      const entry = { userNs, sinceMs: nowMs, departed };
      if (missing < MOST_MISSING) waiting.set(id, entry);
      else tellUser(id, entry);
    },
    stamped(id, kernelNs) {
      missing = 0; // late ones, too, show that they come
      const entry = waiting.get(id);
      if (entry === undefined) return;
      const afterNs = kernelNs - entry.userNs;
      if (!(afterNs >= -SLACK_NS && afterNs <= LONGEST_NS)) return tellUser(id, entry);
      forget(id);
      counts.kernel++;
      entry.departed(kernelNs, 'kernel');
    },
    restart() {
      const all = [...waiting.values()];
      waiting = new Map(); // who is told may send again, with the same numbers
      nextId = 0;
      for (const { departed, userNs } of all) {
        counts.user++;
        departed(userNs, 'user');
      }
    },
    settle(nowMs) {
      for (const [id, entry] of [...waiting]) {
        if (nowMs - entry.sinceMs < PATIENCE_MS) break; // in the order of sending
        missing++;
        tellUser(id, entry);
      }
      return waiting.size > 0;
    },
  };
}

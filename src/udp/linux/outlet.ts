/**
 * The sending half of a socket: refusals that are an earlier datagram's, departures and their
 * stamps, and how long what arrives must wait for those.
 */
import type { Stamp } from '../../units.ts';
import type { Icmp } from '../udp.ts';
import { type Departed, type Departures, makeDepartures } from './departures.ts';
import { codeOfErrno } from './errno.ts';
import { readErrors } from './errorqueue.ts';
import type { System } from './system.ts';

export interface Outlet {
  readonly counts: Departures['counts'];
  /**
   * Sends what was prepared, a second time if the first brought out an earlier datagram's error.
   * @param prepare prepares it again for that
   * @returns the code if it was refused
   */
  send(bytes: Uint8Array, isStamped: boolean, prepare: () => void): string | null;
  /** After a stamped send: who is to be told of the departure. */
  expect(userNs: Stamp, departed: Departed): void;
  /** @returns false if nothing was there */
  takeErrors(): boolean;
  /** See {@link Pumped.settle}. */
  settle(nowMs: number): boolean;
  /**
   * True while what has arrived must wait: an answer would overtake the stamp of its request. It
   * has its own stamp and can.
   */
  isHolding(nowMs: number): boolean;
}

/** Longest that datagrams wait for stamps of departures (ms). */
const HOLD_MS = 6;

export function makeOutlet(
  system: System,
  fd: number,
  owner: { isClosed(): boolean; onIcmp(icmp: Icmp): void },
): Outlet {
  const { ffi, sender, options } = system;
  const departures = makeDepartures();
  let heldSinceMs: number | null = null;

  function takeErrors(): boolean {
    const entries = readErrors(system, fd);
    for (const entry of entries) {
      if (owner.isClosed()) break;
      if ('id' in entry) departures.stamped(entry.id, entry.atNs);
      else owner.onIcmp(entry);
    }
    return entries.length > 0;
  }

  /** After a refusal, which may have used up a number or not: what is known is told, then anew. */
  function failed(isStamped: boolean): string {
    const code = codeOfErrno(ffi.errno());
    takeErrors();
    if (!isStamped || owner.isClosed()) return code;
    options.setStamping(fd);
    departures.restart();
    return code;
  }

  return {
    counts: departures.counts,
    takeErrors,
    send(bytes, isStamped, prepare) {
      if (sender.send(fd, bytes) >= 0) return null;
      // Perhaps an earlier datagram's error: it comes out once, and this one has not left
      failed(isStamped);
      if (owner.isClosed()) return 'EBADF';
      prepare();
      return sender.send(fd, bytes) >= 0 ? null : failed(isStamped);
    },
    expect: (userNs, departed) => departures.add(userNs, performance.now(), departed),
    settle: (nowMs) => departures.isAwaiting && departures.settle(nowMs),
    isHolding(nowMs) {
      if (departures.isAwaiting) {
        heldSinceMs ??= nowMs;
        if (nowMs - heldSinceMs < HOLD_MS) return true;
      }
      heldSinceMs = null;
      return false;
    },
  };
}

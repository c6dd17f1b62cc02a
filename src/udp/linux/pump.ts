/**
 * What brings datagrams from the kernel to the handlers: one poll() over all sockets every few ms.
 * The stamps are the kernel's, so coming late costs nothing but patience, and the buffers hold
 * thousands of datagrams.
 */
import { POLLERR, POLLIN } from './constants.ts';
import type { Ffi } from './libc.ts';
import { allocate, type Memory } from './memory.ts';

export interface Pumped {
  readonly fd: number;
  readonly isClosed: boolean;
  /** Wants to be looked at this often whatever happens (ms). */
  readonly everyMs?: number;
  /** Reads the error queue: departures and ICMP. */
  takeErrors(): void;
  /** Looks after departures that the kernel does not tell. True while some are awaited. */
  settle(nowMs: number): boolean;
  /** Hands out datagrams. @returns how many were there; {@link MANY} or more: there may be others */
  takeDatagrams(nowMs: number): number;
}

export interface Pump {
  add(member: Pumped): void;
  remove(member: Pumped): void;
  /** Something was sent: stamps and answers are to be expected. */
  expect(): void;
}

/** Time between two looks while something happens, and when nothing has for a while (ms). */
const BUSY_MS = 4;
const IDLE_MS = 8;
const IDLE_AFTER_MS = 500;
/** While a departure is awaited, or a few datagrams come in every turn (ms). */
const SOON_MS = 1;
const FEW = 4;
/** Datagrams that one socket hands out in a turn before others have theirs. */
export const MANY = 128;
/** struct pollfd (bytes). */
const POLLFD_BYTES = 8;

/** @param before called once in a turn that has something to hand out, before it does */
export function makePump(ffi: Ffi, before: () => void): Pump {
  const members: Pumped[] = [];
  let fds: Memory = allocate(ffi, POLLFD_BYTES * 32);
  let isListed = false;
  let handle: ReturnType<typeof setTimeout> | null = null;
  let dueMs = 0;
  let activeMs = 0;
  let wishedMs = IDLE_MS;

  function list(): void {
    const needed = POLLFD_BYTES * members.length;
    if (fds.bytes.length < needed) fds = allocate(ffi, 2 * needed);
    for (const [n, { fd }] of members.entries()) {
      fds.view.setInt32(POLLFD_BYTES * n, fd, true);
      fds.view.setInt16(POLLFD_BYTES * n + 4, POLLIN, true); // POLLERR always counts
    }
    wishedMs = Math.min(IDLE_MS, ...members.map(({ everyMs = IDLE_MS }) => everyMs));
    isListed = true;
  }

  function ready(): { readable: Pumped[]; failing: Pumped[] } {
    const found: { readable: Pumped[]; failing: Pumped[] } = { readable: [], failing: [] };
    if (!isListed) list();
    if (ffi.libc.poll(fds.bytes, members.length, 0) <= 0) return found;
    for (const [n, member] of members.entries()) {
      const events = fds.view.getInt16(POLLFD_BYTES * n + 6, true);
      if ((events & POLLERR) !== 0) found.failing.push(member);
      if ((events & POLLIN) !== 0) found.readable.push(member);
    }
    return found;
  }

  function turn(): void {
    handle = null;
    const nowMs = performance.now();
    const { readable, failing } = ready();
    let isAwaiting = false;
    let most = 0;
    try {
      if (readable.length + failing.length > 0) {
        activeMs = nowMs;
        before();
      }
      // Departures first: an answer must not be told before its request has a stamp
      for (const member of failing) if (!member.isClosed) member.takeErrors();
      for (const member of [...members]) isAwaiting = member.settle(nowMs) || isAwaiting;
      for (const member of readable) {
        if (!member.isClosed) most = Math.max(most, member.takeDatagrams(nowMs));
      }
    } finally {
      const restMs = nowMs - activeMs < IDLE_AFTER_MS ? BUSY_MS : IDLE_MS;
      const isSoon = isAwaiting || most >= FEW;
      schedule(most >= MANY ? 0 : Math.min(isSoon ? SOON_MS : restMs, wishedMs));
    }
  }

  function schedule(delayMs: number): void {
    if (members.length === 0) return;
    const atMs = performance.now() + delayMs;
    if (handle !== null) {
      if (dueMs <= atMs) return;
      clearTimeout(handle);
    }
    dueMs = atMs;
    handle = setTimeout(turn, delayMs);
  }

  return {
    add(member) {
      members.push(member);
      isListed = false;
      schedule(BUSY_MS);
    },
    remove(member) {
      const at = members.indexOf(member);
      if (at < 0) return;
      members.splice(at, 1);
      isListed = false;
      if (members.length > 0 || handle === null) return;
      clearTimeout(handle);
      handle = null;
    },
    expect() {
      activeMs = performance.now();
      schedule(BUSY_MS);
    },
  };
}

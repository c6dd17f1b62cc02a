/**
 * What brings datagrams from the kernel to the handlers: by the timer, a look at all sockets every
 * few ms, or async, as soon as another thread sees that there is something (doorbell.ts). The
 * stamps are the kernel's, so coming late costs nothing but patience, and the buffers hold
 * thousands of datagrams.
 */
import type { PumpMode } from '../udp.ts';
import { hang } from './doorbell.ts';
import type { Ffi, Later } from './libc.ts';
import { makeWatch, type Watch } from './watch.ts';

export interface Pumped {
  readonly fd: number;
  readonly isClosed: boolean;
  /** Wants to be looked at this often whatever happens (ms). */
  readonly everyMs?: number;
  /** Reads the error queue: departures and ICMP. */
  takeErrors(): void;
  /** Looks after departures that the kernel does not tell. True while some are awaited. */
  settle(nowMs: number): boolean;
  /**
   * Hands out datagrams.
   * @returns how many were there; {@link MANY} or more: there may be others; or {@link HELD}
   */
  takeDatagrams(nowMs: number): number;
}

export interface Pump {
  /** @throws Error with a code */
  add(member: Pumped): void;
  /** Before its socket is closed. */
  remove(member: Pumped): void;
  /** Something was sent: answers are to be expected, and a stamp if it `isStamped`. */
  expect(isStamped: boolean): void;
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
/** They must wait for the stamp of a departure; somebody awaits it, then. */
export const HELD = -1;

/** @param before called once in a turn that has something to hand out, before it does */
export function makePump(ffi: Ffi, before: () => void, mode: PumpMode): Pump {
  const { later } = ffi;
  return mode === 'async' && later !== null
    ? asyncPump(ffi, later, before)
    : timerPump(ffi, before);
}

interface Turn {
  /** A departure is awaited. */
  isAwaiting: boolean;
  isActive: boolean;
  /** Datagrams of the socket that had most. */
  most: number;
}

/** The members, and one turn of looking at them. */
function makeMembers(ffi: Ffi, before: () => void) {
  const members: Pumped[] = [];
  const held = new Set<Pumped>();
  let watch: Watch<Pumped> | null = null;

  function handOut(member: Pumped, nowMs: number): number {
    const taken = member.takeDatagrams(nowMs);
    const isHeld = taken === HELD;
    if (isHeld !== held.has(member) && !member.isClosed) {
      watch?.setReading(member.fd, !isHeld); // else it would be told all the time
      if (isHeld) held.add(member);
      else held.delete(member);
    }
    return taken;
  }

  return {
    members,
    /** @returns a descriptor that is readable when there is something; null: as before */
    add(member: Pumped): number | null {
      const isFirst = watch === null;
      watch ??= makeWatch<Pumped>(ffi);
      try {
        watch.add(member.fd, member);
      } catch (error) {
        if (isFirst) watch.close();
        if (isFirst) watch = null;
        throw error;
      }
      members.push(member);
      return isFirst ? watch.fd : null;
    },
    remove(member: Pumped): void {
      const at = members.indexOf(member);
      if (at < 0) return;
      members.splice(at, 1);
      held.delete(member);
      watch?.remove(member.fd);
    },
    /** After the last member was removed. */
    end(): void {
      watch?.close();
      watch = null;
    },
    /** Fills `result` as far as it comes: handlers may throw. */
    look(nowMs: number, result: Turn): void {
      if (watch === null) return;
      const { readable, failing } = watch.ready();
      if (readable.length + failing.length > 0) {
        result.isActive = true;
        before();
      }
      // Departures first: an answer must not be told before its request has a stamp
      for (const member of failing) if (!member.isClosed) member.takeErrors();
      for (const member of [...members]) {
        result.isAwaiting = member.settle(nowMs) || result.isAwaiting;
      }
      for (const member of new Set([...held, ...readable])) {
        if (!member.isClosed) result.most = Math.max(result.most, handOut(member, nowMs));
      }
    },
  };
}

const newTurn = (): Turn => ({ isAwaiting: false, isActive: false, most: 0 });

function timerPump(ffi: Ffi, before: () => void): Pump {
  const { members, add, remove, end, look } = makeMembers(ffi, before);
  let handle: ReturnType<typeof setTimeout> | null = null;
  let dueMs = 0;
  let activeMs = 0;
  let wishedMs = IDLE_MS;

  function turn(): void {
    handle = null;
    const nowMs = performance.now();
    const result = newTurn();
    try {
      look(nowMs, result);
    } finally {
      const { isAwaiting, isActive, most } = result;
      if (isActive) activeMs = nowMs;
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

  const findWish = () => {
    wishedMs = Math.min(IDLE_MS, ...members.map(({ everyMs = IDLE_MS }) => everyMs));
  };

  return {
    add(member) {
      add(member);
      findWish();
      schedule(BUSY_MS);
    },
    remove(member) {
      remove(member);
      findWish();
      if (members.length > 0) return;
      end();
      if (handle !== null) clearTimeout(handle);
      handle = null;
    },
    expect() {
      activeMs = performance.now();
      schedule(BUSY_MS);
    },
  };
}

function asyncPump(ffi: Ffi, later: Later, before: () => void): Pump {
  const { members, add, remove, end, look } = makeMembers(ffi, before);
  let unhang: (() => void) | null = null;
  let handle: ReturnType<typeof setTimeout> | null = null;

  /** For what does not come by itself: a stamp that is missing, and what waits for it. */
  function turn(): void {
    const result = newTurn();
    try {
      look(performance.now(), result);
    } finally {
      settle(result.isAwaiting && members.length > 0);
    }
  }

  function settle(isAwaiting: boolean): void {
    if (isAwaiting) handle ??= setTimeout(onTimer, SOON_MS);
    else if (handle !== null) {
      clearTimeout(handle);
      handle = null;
    }
  }

  function onTimer(): void {
    handle = null;
    turn();
  }

  function close(): void {
    unhang?.();
    unhang = null;
    end();
    settle(false);
  }

  return {
    add(member) {
      const fd = add(member);
      if (fd === null) return;
      try {
        unhang = hang(ffi, later, fd, turn);
      } catch (error) {
        remove(member);
        close();
        throw error;
      }
    },
    remove(member) {
      remove(member);
      if (members.length === 0) close();
    },
    expect: (isStamped) => settle(isStamped || handle !== null),
  };
}

/**
 * Waits in another thread until a descriptor is readable, and then calls whoever hung it here. One
 * thread serves the whole process: Node has only four, for files and names too.
 */
import process from 'node:process';
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from './constants.ts';
import { failure } from './errno.ts';
import type { Ffi, Later } from './libc.ts';
import { allocate } from './memory.ts';
import { makeWatch } from './watch.ts';

/**
 * Longest wait (ms). Nothing needs its end: but whoever ends a thread of the runtime's from outside
 * waits for it.
 */
const LONGEST_MS = 500;
/** After a wait that failed: something interrupted it (ms). */
const AGAIN_MS = 4;
/** A count, as an eventfd takes it (bytes). */
const COUNT_BYTES = 8;

interface Doorbell {
  hang(fd: number, ring: () => void): void;
  take(fd: number): void;
}

let shared: Doorbell | null = null;

/**
 * Calls `ring` in a turn of its own, again and again, while `fd` is readable. Keeps the process
 * alive.
 * @returns what ends it, before `fd` is closed
 * @throws Error with a code
 */
export function hang(ffi: Ffi, later: Later, fd: number, ring: () => void): () => void {
  shared ??= makeDoorbell(ffi, later, () => {
    shared = null;
  });
  const doorbell = shared;
  doorbell.hang(fd, ring);
  return () => doorbell.take(fd);
}

/** @param onEnd it has let go of everything and cannot be used any more */
function makeDoorbell(ffi: Ffi, later: Later, onEnd: () => void): Doorbell {
  const { libc } = ffi;
  const watch = makeWatch<() => void>(ffi);
  const unread = allocate(ffi, 64); // watch.ready() asks again
  const count = allocate(ffi, COUNT_BYTES);
  const wakerFd = libc.eventfd(0, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (wakerFd < 0) {
    const error = failure(ffi, 'eventfd');
    watch.close();
    throw error;
  }
  watch.add(wakerFd, () => void libc.read(wakerFd, count.bytes, COUNT_BYTES));
  let rings = 0;
  let isWaiting = false;

  function wake(): void {
    count.view.setBigUint64(0, 1n, true);
    libc.write(wakerFd, count.bytes, COUNT_BYTES);
  }

  function wait(): void {
    isWaiting = true;
    later(watch.fd, unread.bytes, 1, LONGEST_MS, onWaited);
  }

  function onWaited(found: number): void {
    try {
      if (rings > 0) for (const ring of watch.ready().readable) ring();
    } finally {
      isWaiting = rings > 0;
      if (!isWaiting) end();
      else if (found >= 0) wait();
      else setTimeout(onWaited, AGAIN_MS, 0);
    }
  }

  function end(): void {
    process.off('exit', wake);
    libc.close(wakerFd);
    watch.close();
    onEnd();
  }

  // Node ends only when its threads have
  process.on('exit', wake);
  return {
    hang(fd, ring) {
      try {
        watch.add(fd, ring);
      } catch (error) {
        if (!isWaiting) end();
        throw error;
      }
      rings++;
      if (!isWaiting) wait();
    },
    take(fd) {
      watch.remove(fd);
      if (--rings === 0) wake();
    },
  };
}

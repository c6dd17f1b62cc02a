/**
 * Serving in place: the kernel writes a batch of datagrams into a WASM module's memory, the module
 * turns them into replies, the kernel sends them from there. Blocks its thread between batches.
 */
import {
  CLOCK_REALTIME,
  MSG_DONTWAIT,
  MSG_WAITFORONE,
  POLLERR,
  POLLIN,
  POLLNVAL,
} from './constants.ts';
import type { Ffi } from './libc.ts';
import { allocate } from './memory.ts';

/** The module. Its memory stands still; `…At` are offsets in it. */
export interface InPlace {
  readonly bytes: Uint8Array;
  /** Messages of one batch. */
  readonly messages: number;
  /** Arrays of struct mmsghdr, pointers in place: to receive into, and to send. */
  readonly headersAt: number;
  readonly repliesAt: number;
  /** struct timespec that is set to the time before replies are sealed. */
  readonly nowAt: number;
}

/** What happens with a batch, and between batches. `socket` counts as `fds` do. */
export interface Serving {
  isOver(): boolean;
  /** @returns how many replies there are now */
  answer(count: number): number;
  /** Replies `from` to before `to` are sent next. */
  seal(from: number, to: number): void;
  /** The replies of a batch have been sent. */
  sent(socket: number): void;
  /** The socket has something in its error queue. */
  takeErrors(socket: number): void;
  /** After each turn. @returns longest wait for the next (ms) */
  turned(isIdle: boolean): number;
}

/** struct mmsghdr, struct pollfd (bytes). */
const HEADER_BYTES = 64;
const POLLFD_BYTES = 8;
/**
 * Replies with one reading of the clock: the last leaves 20 µs after it. Early is safe, for a client
 * that bounds its error by what is possible; a guess at each departure could be late.
 */
export const TOGETHER = 8;
/** Batches that one socket has in a turn before others have theirs. */
const MANY = 8;
/**
 * A busy server waits so long for requests to gather (µs): waking for each costs more than answering
 * it. They have the kernel's stamps already, and replies are stamped as they leave, so this costs
 * the client patience and no accuracy.
 */
const GATHER_US = 100;
const FEW = 2;
/** EBADF, ENOTSOCK. */
const GONE: readonly number[] = [9, 88];

/**
 * Serves until it is over. One socket is waited for in recvmmsg itself, several in poll; their
 * receive timeout bounds the first.
 * @throws Error if a socket is gone
 */
export function serveInPlace(
  ffi: Ffi,
  fds: readonly number[],
  memory: InPlace,
  serving: Serving,
): void {
  const { libc } = ffi;
  const { bytes, messages, headersAt, repliesAt, nowAt } = memory;
  const polled = allocate(ffi, POLLFD_BYTES * fds.length);
  const viewed = (at: number, length: number) => bytes.subarray(at, at + length);
  const now = viewed(nowAt, 16);
  const headers = viewed(headersAt, HEADER_BYTES * messages);
  const replies = Array.from({ length: messages }, (_, n) =>
    viewed(repliesAt + HEADER_BYTES * n, HEADER_BYTES * (messages - n)),
  );
  for (const [n, fd] of fds.entries()) {
    polled.view.setInt32(POLLFD_BYTES * n, fd, true);
    polled.view.setInt16(POLLFD_BYTES * n + 4, POLLIN, true); // POLLERR always counts
  }

  /** One that is refused is given up: its client asks again. */
  function send(fd: number, from: number, to: number): void {
    for (let at = from; at < to; ) {
      at += Math.max(libc.sendmmsg(fd, replies[at] ?? headers, to - at, 0), 1);
    }
  }

  /** @returns how many came */
  function takeBatch(socket: number, fd: number, flags: number): number {
    const count = libc.recvmmsg(fd, headers, messages, flags, null);
    if (count < 0 && GONE.includes(ffi.errno())) throw new Error('its socket is gone');
    if (count <= 0 || serving.isOver()) return 0; // a socket that is shut down gives empty ones
    const all = serving.answer(count);
    for (let from = 0; from < all; from += TOGETHER) {
      const to = Math.min(from + TOGETHER, all);
      libc.clock_gettime(CLOCK_REALTIME, now);
      serving.seal(from, to);
      send(fd, from, to);
    }
    serving.sent(socket);
    return count;
  }

  /** @returns most that came to one socket */
  function takeReady(): number {
    let most = 0;
    for (const [n, fd] of fds.entries()) {
      const events = polled.view.getInt16(POLLFD_BYTES * n + 6, true);
      if ((events & POLLNVAL) !== 0) throw new Error('its socket is gone');
      if ((events & POLLERR) !== 0) serving.takeErrors(n);
      if ((events & POLLIN) === 0) continue;
      for (let turn = 0; turn < MANY; turn++) {
        const count = takeBatch(n, fd, MSG_DONTWAIT);
        most = Math.max(most, count);
        if (count < messages) break;
      }
    }
    return most;
  }

  /** Has more come than one, but no whole batch: others are on their way. */
  const gather = (count: number): void => {
    if (count >= FEW && count < messages) libc.usleep(GATHER_US);
  };

  const [only = -1] = fds;
  let waitMs = serving.turned(true);
  while (!serving.isOver()) {
    let isIdle = true;
    if (fds.length === 1) {
      const count = takeBatch(0, only, MSG_WAITFORONE);
      isIdle = count === 0;
      gather(count);
    } else if (libc.poll(polled.bytes, fds.length, waitMs) > 0) {
      gather(takeReady());
      isIdle = false;
    }
    waitMs = serving.turned(isIdle);
  }
}

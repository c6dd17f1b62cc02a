/**
 * Serving in place: the kernel writes a batch of datagrams into a WASM module's memory, the module
 * turns them into replies, the kernel sends them from there. Blocks its thread between batches.
 */
import { CLOCK_REALTIME, MSG_DONTWAIT, POLLERR, POLLIN, POLLNVAL, POLLOUT } from './constants.ts';
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
/** Replies with one reading of the clock: the last leaves some µs after it. */
export const TOGETHER = 8;
/** Batches that one socket has in a turn before others have theirs. */
const MANY = 8;
/** Longest wait for room in the send buffer (ms). */
const ROOM_MS = 10;

/**
 * Serves until it is over.
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
  const polled = allocate(ffi, POLLFD_BYTES * (fds.length + 1));
  const room = polled.bytes.subarray(POLLFD_BYTES * fds.length);
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

  /** True if there is room in the send buffer, or was in time. */
  function hasRoom(fd: number): boolean {
    polled.view.setInt32(POLLFD_BYTES * fds.length, fd, true);
    polled.view.setInt16(POLLFD_BYTES * fds.length + 4, POLLOUT, true);
    return libc.poll(room, 1, ROOM_MS) > 0;
  }

  /** One that is refused is given up: its client asks again. */
  function send(fd: number, from: number, to: number): void {
    let isWaiting = false;
    for (let at = from; at < to; ) {
      const sent = libc.sendmmsg(fd, replies[at] ?? headers, to - at, 0);
      if (sent > 0) at += sent;
      else if (!isWaiting && hasRoom(fd)) isWaiting = true;
      else {
        isWaiting = false;
        at++;
      }
    }
  }

  function takeBatches(socket: number, fd: number): void {
    for (let batch = 0; batch < MANY; batch++) {
      const count = libc.recvmmsg(fd, headers, messages, MSG_DONTWAIT, null);
      if (count <= 0) return;
      const all = serving.answer(count);
      for (let from = 0; from < all; from += TOGETHER) {
        const to = Math.min(from + TOGETHER, all);
        libc.clock_gettime(CLOCK_REALTIME, now);
        serving.seal(from, to);
        send(fd, from, to);
      }
      serving.sent(socket);
      if (count < messages) return;
    }
  }

  let waitMs = serving.turned(true);
  while (!serving.isOver()) {
    const ready = libc.poll(polled.bytes, fds.length, waitMs);
    if (ready > 0) {
      for (const [n, fd] of fds.entries()) {
        const events = polled.view.getInt16(POLLFD_BYTES * n + 6, true);
        if ((events & POLLNVAL) !== 0) throw new Error('its socket is gone');
        if ((events & POLLERR) !== 0) serving.takeErrors(n);
        if ((events & POLLIN) !== 0) takeBatches(n, fd);
      }
    }
    waitMs = serving.turned(ready <= 0);
  }
}

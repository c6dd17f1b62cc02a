/** Which of many descriptors have something to read, or an error: epoll, level-triggered. */
import process from 'node:process';
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  POLLERR,
  POLLIN,
  SOCK_CLOEXEC,
} from './constants.ts';
import { failure } from './errno.ts';
import type { Ffi } from './libc.ts';
import { allocate } from './memory.ts';

export interface Watch<Member> {
  /** A descriptor that is itself readable when a member is ready. */
  readonly fd: number;
  /** @throws Error with a code */
  add(fd: number, member: Member): void;
  /** Before the descriptor is closed. It holds no reference, so closing frees a port at once. */
  remove(fd: number): void;
  /** What there is to read no longer counts, until it does again; errors always do. */
  setReading(fd: number, isReading: boolean): void;
  /** Looks, without waiting. */
  ready(): { readonly readable: Member[]; readonly failing: Member[] };
  close(): void;
}

/** struct epoll_event: packed on x86-64 alone. Events (u32), then ours (u64): the number of a member. */
const [EVENT_BYTES, DATA_AT] = process.arch === 'x64' ? [12, 4] : [16, 8];
/** Others are reported next time: the kernel takes turns. */
const EVENTS = 64;

/** @throws Error with a code */
export function makeWatch<Member>(ffi: Ffi): Watch<Member> {
  const { libc } = ffi;
  const one = allocate(ffi, EVENT_BYTES);
  const events = allocate(ffi, EVENT_BYTES * EVENTS);
  const members = new Map<number, Member>();
  const numbers = new Map<number, number>();
  let lastNumber = 0;
  const watchFd = libc.epoll_create1(SOCK_CLOEXEC);
  if (watchFd < 0) throw failure(ffi, 'epoll_create1');

  function control(operation: number, fd: number, isReading: boolean): number {
    one.view.setUint32(0, isReading ? POLLIN : 0, true); // errors come unasked
    one.view.setUint32(DATA_AT, numbers.get(fd) ?? 0, true);
    return libc.epoll_ctl(watchFd, operation, fd, one.bytes);
  }

  return {
    fd: watchFd,
    add(fd, member) {
      // Not the descriptor itself: a closed one's number comes again
      lastNumber = (lastNumber + 1) >>> 0;
      numbers.set(fd, lastNumber);
      if (control(EPOLL_CTL_ADD, fd, true) < 0) {
        numbers.delete(fd);
        throw failure(ffi, 'epoll_ctl');
      }
      members.set(lastNumber, member);
    },
    remove(fd) {
      control(EPOLL_CTL_DEL, fd, false);
      members.delete(numbers.get(fd) ?? 0);
      numbers.delete(fd);
    },
    setReading: (fd, isReading) => void control(EPOLL_CTL_MOD, fd, isReading),
    ready() {
      const readable: Member[] = [];
      const failing: Member[] = [];
      const count = libc.epoll_wait(watchFd, events.bytes, EVENTS, 0);
      for (let n = 0; n < count; n++) {
        const at = EVENT_BYTES * n;
        const member = members.get(events.view.getUint32(at + DATA_AT, true));
        if (member === undefined) continue;
        const bits = events.view.getUint32(at, true);
        if ((bits & POLLERR) !== 0) failing.push(member);
        if ((bits & POLLIN) !== 0) readable.push(member);
      }
      return { readable, failing };
    },
    close: () => void libc.close(watchFd),
  };
}

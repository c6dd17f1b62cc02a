/**
 * The C functions that the Linux host calls, and how they are reached: one shape over three small
 * bindings (koffi.ts, denoffi.ts, bunffi.ts). Memory goes in as Uint8Array; every result is an int.
 */

export interface Libc {
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  poll(fds: Uint8Array, count: number, timeoutMs: number): number;
  recvmmsg(fd: number, headers: Uint8Array, count: number, flags: number, timeout: null): number;
  sendmsg(fd: number, header: Uint8Array, flags: number): number;
  sendmmsg(fd: number, headers: Uint8Array, count: number, flags: number): number;
  sendto(
    fd: number,
    bytes: Uint8Array,
    count: number,
    flags: number,
    address: Uint8Array,
    length: number,
  ): number;
  epoll_create1(flags: number): number;
  epoll_ctl(watch: number, operation: number, fd: number, event: Uint8Array): number;
  epoll_wait(watch: number, events: Uint8Array, most: number, timeoutMs: number): number;
  eventfd(count: number, flags: number): number;
  read(fd: number, bytes: Uint8Array, count: number): number;
  write(fd: number, bytes: Uint8Array, count: number): number;
  clock_gettime(clock: number, into: Uint8Array): number;
  usleep(us: number): number;
  if_nametoindex(name: Uint8Array): number;
  /** @returns 0 if there is no such interface (the pointer, cut to an int) */
  if_indextoname(index: number, into: Uint8Array): number;
  /** Ends what waits in the socket, in other threads, too; for datagrams it then fails all the same. */
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
}

/** i: int · u: unsigned int · s: size_t and unsigned long · p: memory or null. */
type Kind = 'i' | 'u' | 's' | 'p';

/** The arguments of each function; all return an int (ssize_t of at most 64 KiB, too). */
export const ARGUMENTS: Readonly<Record<keyof Libc, readonly Kind[]>> = {
  socket: ['i', 'i', 'i'],
  bind: ['i', 'p', 'u'],
  setsockopt: ['i', 'i', 'i', 'p', 'u'],
  getsockopt: ['i', 'i', 'i', 'p', 'p'],
  getsockname: ['i', 'p', 'p'],
  poll: ['p', 's', 'i'],
  recvmmsg: ['i', 'p', 'u', 'i', 'p'],
  sendmsg: ['i', 'p', 'i'],
  sendmmsg: ['i', 'p', 'u', 'i'],
  sendto: ['i', 'p', 's', 'i', 'p', 'u'],
  epoll_create1: ['i'],
  epoll_ctl: ['i', 'i', 'i', 'p'],
  epoll_wait: ['i', 'p', 'i', 'i'],
  eventfd: ['u', 'i'],
  read: ['i', 'p', 's'],
  write: ['i', 'p', 's'],
  clock_gettime: ['i', 'p'],
  usleep: ['u'],
  if_nametoindex: ['p'],
  if_indextoname: ['u', 'p'],
  shutdown: ['i', 'i'],
  close: ['i'],
};

/** The GNU C library; others (musl) are not known to work. */
export const LIBC = 'libc.so.6';

/**
 * epoll_wait in another thread; `done` is called in a turn of its own with the result, −1 if it
 * failed. The memory must stay referenced until then.
 */
export type Later = (
  watch: number,
  events: Uint8Array,
  most: number,
  timeoutMs: number,
  done: (count: number) => void,
) => void;

export interface Ffi {
  /** Shown to people: `koffi`, `Deno.dlopen`, `bun:ffi`. */
  readonly name: string;
  readonly libc: Libc;
  /** Null where C functions cannot be called in another thread. */
  readonly later: Later | null;
  /** Where the memory stands. It must be an ArrayBuffer of its own, and kept referenced. */
  addressOf(memory: Uint8Array): number;
  /** Of the last call that returned −1. Read it at once. */
  errno(): number;
}

/** Names for the kinds of arguments in a runtime's own language, in the order of each function. */
export const inWords = <Word>(
  words: Readonly<Record<Kind, Word>>,
): readonly (readonly [keyof Libc, Word[]])[] =>
  (Object.entries(ARGUMENTS) as [keyof Libc, Kind[]][]).map(([name, kinds]) => [
    name,
    kinds.map((kind) => words[kind]),
  ]);

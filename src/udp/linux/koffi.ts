/** The C library in Node, through koffi: an optional dependency with prebuilt binaries. */
import { createRequire } from 'node:module';
import { type Ffi, inWords, LIBC, type Libc } from './libc.ts';

interface KoffiFunction {
  (...values: unknown[]): number;
  /** Calls it in one of Node's four threads; the last value is the callback. */
  async(...values: unknown[]): void;
}

interface Koffi {
  load(path: string): {
    func(name: string, result: string, parameters: string[]): KoffiFunction;
  };
  errno(): number;
}

/** @throws Error if koffi is not installed, or has no binary for this machine */
export function koffiFfi(): Ffi {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const library = koffi.load(LIBC);
  const words = { i: 'int', u: 'uint', s: 'size_t', p: 'void *' };
  const libc = Object.fromEntries(
    inWords(words).map(([name, parameters]) => [name, library.func(name, 'int', parameters)]),
  ) as unknown as Libc & { readonly epoll_wait: KoffiFunction };
  // koffi tells no address; moving nothing from itself to itself does.
  const memmove = library.func('memmove', 'uintptr_t', ['void *', 'void *', 'size_t']);
  return {
    name: 'koffi',
    libc,
    later: (watch, events, most, timeoutMs, done) =>
      libc.epoll_wait.async(watch, events, most, timeoutMs, (error: unknown, count: number) =>
        done(error === null ? count : -1),
      ),
    addressOf: (memory) => Number(memmove(memory, memory, 0)),
    errno: () => koffi.errno(),
  };
}

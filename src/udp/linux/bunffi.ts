/** The C library in Bun. */
import { createRequire } from 'node:module';
import { type Ffi, inWords, LIBC, type Libc } from './libc.ts';

interface BunFfi {
  dlopen(
    path: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, (...values: unknown[]) => number> };
  ptr(memory: Uint8Array): number;
  readonly read: { i32(pointer: number, offset: number): number };
}

/** @throws Error if there is no such library */
export function bunFfi(): Ffi {
  const { dlopen, ptr, read } = createRequire(import.meta.url)('bun:ffi') as BunFfi;
  const words = { i: 'i32', u: 'u32', s: 'usize', p: 'ptr' };
  const signatures = Object.fromEntries(
    inWords(words).map(([name, args]) => [name, { args, returns: 'i32' }]),
  );
  const { symbols } = dlopen(LIBC, {
    ...signatures,
    __errno_location: { args: [], returns: 'ptr' },
  });
  return {
    name: 'bun:ffi',
    libc: symbols as unknown as Libc,
    later: null,
    addressOf: (memory) => Number(ptr(memory)),
    errno: () => read.i32(symbols.__errno_location?.() ?? 0, 0),
  };
}

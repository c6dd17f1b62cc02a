/** The C library in Deno. Needs --allow-ffi (all of it: addresses of memory are behind it). */
import { type Ffi, inWords, LIBC, type Libc } from './libc.ts';

interface DenoFfi {
  dlopen(
    path: string,
    symbols: Record<
      string,
      { name?: string; parameters: string[]; result: string; nonblocking?: true }
    >,
  ): { symbols: Record<string, (...values: unknown[]) => unknown> };
  readonly UnsafePointer: {
    of(memory: Uint8Array): unknown;
    value(pointer: unknown): number | bigint;
  };
  readonly UnsafePointerView: new (pointer: unknown) => { getInt32(): number };
  readonly permissions: { querySync(descriptor: { name: 'ffi' }): { state: string } };
}

/** @throws Error if FFI is not allowed (never asks: that would stop at a prompt) or fails */
export function denoFfi(): Ffi {
  const { Deno } = globalThis as unknown as { Deno: DenoFfi };
  if (Deno.permissions.querySync({ name: 'ffi' }).state !== 'granted') {
    throw new Error('Deno needs --allow-ffi for them');
  }
  const words = { i: 'i32', u: 'u32', s: 'usize', p: 'buffer' };
  const signatures = Object.fromEntries(
    inWords(words).map(([name, parameters]) => [name, { parameters, result: 'i32' }]),
  );
  const { symbols } = Deno.dlopen(LIBC, {
    ...signatures,
    later: {
      name: 'epoll_wait',
      parameters: inWords(words).find(([name]) => name === 'epoll_wait')?.[1] ?? [],
      result: 'i32',
      nonblocking: true,
    },
    __errno_location: { parameters: [], result: 'pointer' },
  });
  return {
    name: 'Deno.dlopen',
    libc: symbols as unknown as Libc,
    later: (watch, events, most, timeoutMs, done) => {
      const count = symbols.later?.(watch, events, most, timeoutMs) as Promise<number>;
      count.then(done);
    },
    addressOf: (memory) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory))),
    errno: () => new Deno.UnsafePointerView(symbols.__errno_location?.()).getInt32(),
  };
}

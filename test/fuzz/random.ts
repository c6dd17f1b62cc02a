/** Seeded random numbers for tests (mulberry32, public domain, T. Ettinger): same seed, same run. */
export interface Random {
  /** [0, 2^32) */
  u32(): number;
  /** Integer in [0, n) */
  below(n: number): number;
  bytes(length: number): Uint8Array;
  pick<T>(items: readonly [T, ...T[]]): T;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (n: number): number => Math.floor((u32() / 4294967296) * n);
  const bytes = (length: number): Uint8Array => {
    const filled = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = u32();
      for (let k = i; k < i + 4 && k < length; k++) filled[k] = word >>> (8 * (k - i));
    }
    return filled;
  };
  return { u32, below, bytes, pick: (items) => items[below(items.length)] ?? items[0] };
}

/** Murmur3's mixing of 32-bit words (public domain, A. Appleby); not for secrets. (u32) */
export function hash(words: ArrayLike<number>, seed: number): number {
  let h = seed;
  for (let at = 0; at < words.length; at++) {
    let k = Math.imul(words[at] ?? 0, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

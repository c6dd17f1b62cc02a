/** FNV-1a, 64 bits, in four pieces of 16: prime 2^40 + 0x1b3. */
export function createHash() {
  let [a, b, c, d] = [0x2325, 0x8422, 0x9ce4, 0xcbf2]; // low to high
  return {
    add(bytes: Uint8Array): void {
      for (const byte of bytes) {
        a ^= byte;
        const p = a * 0x1b3;
        const q = b * 0x1b3 + (p >>> 16);
        const r = c * 0x1b3 + ((a << 8) & 0xff00) + (q >>> 16);
        d = (d * 0x1b3 + (((b << 8) | (a >>> 8)) & 0xffff) + (r >>> 16)) & 0xffff;
        a = p & 0xffff;
        b = q & 0xffff;
        c = r & 0xffff;
      }
    },
    text: () => [d, c, b, a].map((piece) => piece.toString(16).padStart(4, '0')).join(''),
  };
}

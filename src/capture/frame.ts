/**
 * What a capture file is made of, and numbers in either byte order. Both readers (pcap.ts,
 * pcapng.ts) take bytes as they come and never throw: what is wrong with a file is one sentence.
 */

/** One captured frame. */
export interface Frame {
  /** Unix time. (ns) */
  readonly atNs: bigint;
  /** LINKTYPE_ number of tcpdump.org. (u16) */
  readonly link: number;
  /** What was kept of it; belongs to the reader only until the next push. */
  readonly bytes: Uint8Array;
  /** Octets of the whole frame on the wire. */
  readonly wireBytes: number;
}

/** Takes one block after the other off the front of what has come so far. */
export interface Dissector {
  /**
   * Octets the first block of `bytes` has, as far as they tell: more than there are means "wait".
   * A text: the file is damaged here, and why.
   */
  measure(bytes: Uint8Array): number | string;
  /** Reads a whole block; a frame, nothing of interest, or why the file is damaged here. */
  take(block: Uint8Array): Frame | null | string;
}

/** No block of a sound capture is larger; what claims to be is damage. */
export const MAX_BLOCK_BYTES = 1 << 24;

export type Numbers = (bytes: Uint8Array, at: number) => number;

/** Unsigned numbers in the byte order of a file. Octets past the end read as 0. */
export interface Order {
  readonly u16: Numbers;
  readonly u32: Numbers;
}

export const BIG: Order = {
  u16: (bytes, at) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0),
  u32: (bytes, at) => ((BIG.u16(bytes, at) << 16) | BIG.u16(bytes, at + 2)) >>> 0,
};

export const LITTLE: Order = {
  u16: (bytes, at) => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8),
  u32: (bytes, at) => ((LITTLE.u16(bytes, at + 2) << 16) | LITTLE.u16(bytes, at)) >>> 0,
};

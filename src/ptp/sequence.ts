/** sequenceIds: u16 that wrap. IEEE 1588-2008 §7.3.7 */

/** How far `a` is ahead of `b`, behind if negative. [−32768, 32767] */
export const ahead = (a: number, b: number): number => ((a - b) << 16) >> 16;

export const nextSequenceId = (id: number): number => (id + 1) & 0xffff;

/**
 * Whose the local stamps of a measurement are, in the word that has its kind (RECORD_KIND in
 * assembly/memory.ts): 2 bits for that of sending, 2 for that of receiving; 0: not told, 1: read by
 * a program, 2: the kernel's.
 */
import type { StampKind } from './machine.ts';

export type { StampKind } from './machine.ts';

export const SEND_SHIFT = 8;
export const RECEIVE_SHIFT = 10;
const KINDS: readonly StampKind[] = ['user', 'kernel'];

export const stampBits = (send: StampKind | undefined, receive: StampKind | undefined): number =>
  (codeOf(send) << SEND_SHIFT) | (codeOf(receive) << RECEIVE_SHIFT);

const codeOf = (kind: StampKind | undefined): number =>
  kind === undefined ? 0 : kind === 'kernel' ? 2 : 1;

/** Whose the stamp at a shift is; undefined: not told. */
export const stampAt = (word: number, shift: number): StampKind | undefined =>
  KINDS[((word >> shift) & 3) - 1];

/**
 * Memory that the kernel reads and writes: an ArrayBuffer of its own each, never a view on a small
 * one (engines keep those where the garbage collector moves them).
 */
import type { Ffi } from './libc.ts';

export interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: number;
}

/** Engines keep less than this inline. */
const LEAST_BYTES = 256;

export function allocate(ffi: Ffi, length: number): Memory {
  const buffer = new ArrayBuffer(Math.max(length, LEAST_BYTES));
  const bytes = new Uint8Array(buffer);
  return { bytes, view: new DataView(buffer), address: ffi.addressOf(bytes) };
}

/** A pointer, as structures hold it. */
export const setPointer = ({ view }: Memory, at: number, address: number): void =>
  view.setBigUint64(at, BigInt(address), true);

/**
 * Big-endian numbers in octets, as all of PTP has them. Readers expect the octets to be there
 * (callers check lengths first); writers keep the low bits of what they are given.
 */

export const readU8 = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;

export const readI8 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 24) >> 24;

export const readU16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

export const readI16 = (bytes: Uint8Array, at: number): number => (readU16(bytes, at) << 16) >> 16;

export const readU24 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 16) | readU16(bytes, at + 1);

export const readI32 = (bytes: Uint8Array, at: number): number =>
  (readU16(bytes, at) << 16) | readU16(bytes, at + 2);

export const readU32 = (bytes: Uint8Array, at: number): number => readI32(bytes, at) >>> 0;

/** [0, 2^48), exact in a number. */
export const readU48 = (bytes: Uint8Array, at: number): number =>
  readU16(bytes, at) * 4294967296 + readU32(bytes, at + 2);

export function readI64(bytes: Uint8Array, at: number): bigint {
  const high = readI32(bytes, at);
  const low = readU32(bytes, at + 4);
  if (high === 0 && low === 0) return 0n; // most corrections: no BigInt arithmetic
  return (BigInt(high) << 32n) | BigInt(low);
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeU24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16;
  writeU16(bytes, at + 1, value);
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  writeU16(bytes, at, value >>> 16);
  writeU16(bytes, at + 2, value);
}

/** @param value integer, [0, 2^48) */
export function writeU48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 4294967296);
  writeU16(bytes, at, high);
  writeU32(bytes, at + 2, value - high * 4294967296);
}

export function writeI64(bytes: Uint8Array, at: number, value: bigint): void {
  if (value === 0n) {
    bytes.fill(0, at, at + 8);
    return;
  }
  writeU32(bytes, at, Number(BigInt.asUintN(32, value >> 32n)));
  writeU32(bytes, at + 4, Number(BigInt.asUintN(32, value)));
}

/** Copies all parts into one array. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

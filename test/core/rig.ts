/** Shared by the core's tests: raw exports with their i64 ones, both builds, the memory map. */
import scalarBytes from '../../build/core.scalar.wasm';
import { type Core, type CoreExports, type CoreOptions, createCore } from '../../src/core.ts';
import { coreBytes } from '../../src/corebytes.ts';
import type { Random } from '../fuzz/random.ts';

export const BUILDS: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [
  { name: 'simd', bytes: coreBytes },
  { name: 'scalar', bytes: scalarBytes },
];

/** Everything assembly/index.ts exports; u64 results come back signed. */
export interface RawCore extends CoreExports {
  readonly MAP_END: { readonly value: number };
  ntpFromUnix(ns: bigint): bigint;
  unixFromNtp(stamp: bigint, pivot: bigint): bigint;
  ntpSpan(a: bigint, b: bigint): bigint;
  nsFromSpan(span: bigint): bigint;
  secondsFromSpan(span: bigint): number;
  secondsFromShort(short: number): number;
  shortFromSeconds(s: number): number;
  ptpIsTime(seconds: bigint, nanoseconds: number): number;
  nsFromPtp(seconds: bigint, nanoseconds: number): bigint;
  unixFromTai(ns: bigint, taiMinusUtcS: number): bigint;
  taiFromUnix(ns: bigint, taiMinusUtcS: number): bigint;
  ptpSpan(a: bigint, b: bigint): bigint;
  intervalFromNs(ns: bigint): bigint;
  nsFromInterval(interval: bigint): bigint;
  addIntervals(a: bigint, b: bigint): bigint;
  secondsFromInterval(interval: bigint): number;
}

export const rawOf = (core: Core): RawCore => core.exports as RawCore;

/** A core with `paths` open paths. */
export function openCore(options: CoreOptions, paths: number): Core {
  const core = createCore(options);
  for (let path = 0; path < paths; path++) core.openPath();
  return core;
}

/** Four stamps of an exchange, Unix ns (or NTP stamps on the remote side). */
export interface Stamps {
  readonly path: number;
  readonly localSend: bigint;
  readonly remoteReceive: bigint;
  readonly remoteSend: bigint;
  readonly localReceive: bigint;
}

/** Writes a record into slot `slot`. */
export function writeStamps(core: Core, slot: number, kind: number, stamps: Stamps): void {
  const at = slot * core.recordBytes;
  core.records.setUint32(at, stamps.path, true);
  core.records.setUint32(at + 4, kind, true);
  core.records.setBigUint64(at + 8, BigInt.asUintN(64, stamps.localSend), true);
  core.records.setBigUint64(at + 16, BigInt.asUintN(64, stamps.remoteReceive), true);
  core.records.setBigUint64(at + 24, BigInt.asUintN(64, stamps.remoteSend), true);
  core.records.setBigUint64(at + 32, BigInt.asUintN(64, stamps.localReceive), true);
}

/** Rows of VERDICTS (assembly/memory.ts). */
export const MAX_VERDICTS = 1024;

/** Every byte of the map but batch input, results and verdicts: what the core remembers and reports. */
export function remembered(core: Core): Uint8Array {
  const raw = rawOf(core);
  const bytes = new Uint8Array(raw.memory.buffer);
  const results = raw.VERDICTS.value + raw.VERDICT_BYTES.value * MAX_VERDICTS;
  const before = bytes.slice(raw.CLOCK.value, raw.RECORDS.value);
  const after = bytes.slice(results, raw.MAP_END.value);
  const all = new Uint8Array(before.length + after.length);
  all.set(before);
  all.set(after, before.length);
  return all;
}

/** First place two byte strings differ, or -1; much faster than a deep comparison. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

/** 64 random bits as a signed number, often where it hurts: extremes, eras, seconds, powers. */
export function awkward(random: Random): bigint {
  const bits = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  const small = BigInt(random.below(5)) - 2n;
  const second = 1_000_000_000n;
  switch (random.below(9)) {
    case 0:
      return BigInt.asIntN(64, (1n << 63n) + small); // ±2^63
    case 1:
      return small;
    case 2:
      return BigInt.asIntN(64, (1n << BigInt(random.below(64))) + small);
    case 3:
      return 2_085_978_496n * second + small * (second / 4n); // era 1 begins
    case 4:
      return BigInt.asIntN(64, bits >> BigInt(random.below(64)));
    case 5:
      return BigInt.asIntN(64, -(bits >> BigInt(1 + random.below(63))));
    case 6:
      return (BigInt.asIntN(64, bits) / second) * second + small; // about whole seconds
    case 7:
      return (1_600_000_000n + BigInt(random.below(400_000_000))) * second + (bits % second);
    default:
      return BigInt.asIntN(64, bits);
  }
}

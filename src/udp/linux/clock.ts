/**
 * The clock of the Linux host: read in user space as the plain one, but anchored to CLOCK_REALTIME
 * by FFI, which kernel stamps show. So both kinds of stamps compare to within 0.2 us.
 */
import { NS_PER_S, type Stamp, stamp } from '../../units.ts';
import { type ClockSources, makeClock, systemSources } from '../clock.ts';
import type { Clock } from '../udp.ts';
import { CLOCK_REALTIME } from './constants.ts';
import type { Ffi } from './libc.ts';
import { allocate } from './memory.ts';

export interface KernelClock extends Clock {
  /** Looks whether the system's clock was stepped; before stamps are translated. */
  look(): void;
  /** A kernel stamp as the host's clock would have shown it: a step counts from check() on. */
  stampOf(unixS: number, ns: number): Stamp;
}

/** Two readings of one clock; farther from the anchor it must have been stepped (ns). */
const LIMIT_NS = 20_000;

/** @param sources the runtime's; a test hands in its own */
export function makeKernelClock(ffi: Ffi, sources: ClockSources = systemSources()): KernelClock {
  const now = allocate(ffi, 16);
  const words = new Uint32Array(now.bytes.buffer);
  const read = () => ffi.libc.clock_gettime(CLOCK_REALTIME, now.bytes);
  const clock = makeClock({
    ...sources,
    limitNs: LIMIT_NS,
    wallNs() {
      read();
      return BigInt(words[0] ?? 0) * 1_000_000_000n + BigInt(words[2] ?? 0);
    },
  });
  const { epochS } = clock;
  let aheadNs = 0;
  let lookedNs = 0;

  return {
    ...clock,
    look() {
      const beforeNs = clock.now();
      read();
      const wallNs = ((words[0] ?? 0) - epochS) * NS_PER_S + (words[2] ?? 0);
      const afterNs = clock.now();
      lookedNs = beforeNs;
      // Preempted between the readings, the bounds are wide and allow "no step"
      const isNear = wallNs - afterNs <= LIMIT_NS && wallNs - beforeNs >= -LIMIT_NS;
      aheadNs = isNear ? 0 : wallNs - (beforeNs + afterNs) / 2;
    },
    stampOf(unixS, ns) {
      const atNs = (unixS - epochS) * NS_PER_S + ns;
      if (aheadNs === 0) return stamp(atNs);
      const isNew = Math.abs(atNs - lookedNs - aheadNs) < Math.abs(atNs - lookedNs);
      return stamp(isNew ? atNs - aheadNs : atNs);
    },
  };
}

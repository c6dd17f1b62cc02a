/** Remote time now, from the combined clock. */
import type { Core } from './core.ts';
import type { Clock } from './udp/udp.ts';

/** Remote time as an interval that holds, Unix ns. */
export interface Now {
  readonly earliest: bigint;
  readonly best: bigint;
  readonly latest: bigint;
}

/** Null while nothing is known. */
export function remoteNow(core: Core, clock: Clock): Now | null {
  const { epochS } = clock;
  const ns = clock.now();
  const at = core.clockAt(epochS, ns);
  if (at === null) return null;
  const local = BigInt(epochS) * 1_000_000_000n + BigInt(Math.round(ns));
  const base = local + BigInt(at.baseS) * 1_000_000_000n;
  const shifted = (s: number) => base + BigInt(Math.round((s - at.baseS) * 1e9));
  return {
    earliest: shifted(at.earliestS),
    best: base + BigInt(Math.round(at.restS * 1e9)),
    latest: shifted(at.latestS),
  };
}

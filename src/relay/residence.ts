/**
 * How long event messages stayed in the relay, kept until what carries it has passed: the Follow_Up
 * of a Sync, the Delay_Resp of a Delay_Req, the Pdelay_Resp_Follow_Up of both Pdelay messages.
 */
import type { Tick } from '../units.ts';
import type { Residence } from './crossing.ts';

/** By what the two messages share. Insertion order is age. */
export type Residences = Map<string, Residence>;

const AGE_NS = 10e9;
const MOST = 8192;

/** A new entry; the ones too old or too many leave. A message that waits for its event stays in it. */
export function enter(residences: Residences, key: string, nowNs: Tick): Residence {
  for (const [old, { sinceNs }] of residences) {
    if (residences.size < MOST && nowNs - sinceNs < AGE_NS) break;
    residences.delete(old);
  }
  const before = residences.get(key);
  if (
    before !== undefined &&
    before.correction === null &&
    !before.isLost &&
    before.waiting.length > 0
  ) {
    return before;
  }
  const residence: Residence = { sinceNs: nowNs, correction: null, isLost: false, waiting: [] };
  residences.delete(key);
  residences.set(key, residence);
  return residence;
}

/** Cores under hostile records: every number that comes out is looked at. */
import * as assert from 'uvu/assert';
import type { Core } from '../../src/core.ts';
import { RECORD_BYTES } from '../../src/recording/blocks.ts';
import { RESULT } from '../../src/recording/tally.ts';
import { PATHS } from './hostile.ts';

export const US = 1e-6;
/** Good exchanges per path until the clock is judged: the cold start, and five times that. */
export const JUDGED = [60, 300] as const;
/** failover never steps by design, but slews to where its paths agree; it must still be on its way. */
export const FAILOVER = 100;

export const start = (core: Core): void => {
  core.reset();
  for (let path = 0; path < PATHS; path++) core.openPath();
};

/** Feeds records and looks at every row of results, and at every slot of the reports. */
export function feed(core: Core, records: Uint8Array, where: string): void {
  const { exports: raw, results, resultSlots, maxBatch } = core;
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  const bytes = raw.RECORDS.value - raw.CLOCK.value;
  const slots = new Float64Array(raw.memory.buffer, raw.CLOCK.value, bytes / 8);
  const count = records.length / RECORD_BYTES;
  for (let from = 0; from < count; from += maxBatch) {
    const length = Math.min(maxBatch, count - from);
    input.set(records.subarray(from * RECORD_BYTES, (from + length) * RECORD_BYTES));
    core.ingest(length);
    const at = (k: number) => `${where}, record ${from + k}`;
    for (let k = 0, row = 0; k < length; k++, row += resultSlots) {
      for (let slot = 0; slot < resultSlots; slot++) {
        if (!Number.isFinite(results[row + slot])) assert.unreachable(`slot ${slot}: ${at(k)}`);
      }
      if (results[row + RESULT.valid] === 0) continue;
      const of = (slot: number) => results[row + slot] as number;
      const safe = of(RESULT.earliestS) <= of(RESULT.latestS);
      const causal = of(RESULT.causalEarliestS) <= of(RESULT.causalLatestS);
      if (!safe || !causal) assert.unreachable(`an interval is empty: ${at(k)}`);
      if (!(of(RESULT.uncertaintyS) >= 0)) assert.unreachable(`uncertainty: ${at(k)}`);
    }
    const bad = slots.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) assert.unreachable(`report slot ${bad} is ${slots[bad]}: ${at(length)}`);
  }
}

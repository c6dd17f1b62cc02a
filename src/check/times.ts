/**
 * What masters say: that their time goes on (from preciseOriginTimestamps, or one-step Syncs), and
 * that the copies of an Announce that pass a transparent clock stay as they are (EP-101).
 */
import { isZero, type Timestamp } from '../ptp/timestamp.ts';
import type { Heard, Tell } from './finding.ts';
import { remember } from './waiting.ts';

export interface Times {
  /** By master and domain: its time less the capture's, when it was told last. (s) */
  readonly ahead: Map<string, number>;
  /** By master, domain and sequenceId: the octets of the last Announce, when it came. */
  readonly announces: Map<string, { readonly octets: string; readonly atS: number }>;
}

export const createTimes = (): Times => ({ ahead: new Map(), announces: new Map() });

/** Network, queues and the capture's own clock explain less. (s) */
const JUMP_S = 0.5;
/** Copies of one Announce come within. (s) */
const COPY_S = 0.5;

export function checkTime(times: Times, heard: Heard, tell: Tell): void {
  const { message, sender, atS, bytes } = heard;
  const { domainNumber, sequenceId, flags } = message.header;
  const key = `${sender} ${domainNumber}`;
  if (message.type === 'Follow_Up') told(message.preciseOriginTimestamp);
  if (message.type === 'Sync' && !flags.twoStep) told(message.originTimestamp);
  if (message.type !== 'Announce') return;
  const announce = `${key} ${sequenceId} ${heard.isGroup} ${heard.dst.includes(':')}`;
  const before = times.announces.get(announce);
  const octets = bytes.join();
  if (before !== undefined && atS - before.atS < COPY_S && before.octets !== octets) {
    tell('EP-101', heard, `two Announces ${sequenceId} differ`);
  }
  remember(times.announces, announce, { octets, atS }, 1024);

  function told({ seconds, nanoseconds }: Timestamp): void {
    if (isZero({ seconds, nanoseconds })) return;
    const aheadS = seconds - Number(heard.atNs / 1_000_000_000n) + nanoseconds / 1e9;
    const nowS = aheadS - Number(heard.atNs % 1_000_000_000n) / 1e9;
    const beforeS = times.ahead.get(key);
    remember(times.ahead, key, nowS, 1024);
    if (beforeS === undefined || Math.abs(nowS - beforeS) < JUMP_S) return;
    tell('1588-time-jump', heard, `its time jumped by ${(nowS - beforeS).toFixed(3)} s`);
  }
}

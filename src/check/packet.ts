/** From frames of a capture to what the linter is told, and counts of what it is not. */
import type { Frame } from '../capture/frame.ts';
import { udpOf } from '../capture/ip.ts';
import { carriedBy, LINK_NAMES } from '../capture/link.ts';
import type { Finding } from './finding.ts';
import { frameFinding, type Lint, stepLint } from './lint.ts';

export interface FrameTally {
  frames: number;
  /** Frames of which the capture kept less than a whole PTP datagram. */
  cut: number;
  /** Frames of link types that are not read, by number. */
  readonly unread: Map<number, number>;
}

export const createFrameTally = (): FrameTally => ({ frames: 0, cut: 0, unread: new Map() });

/** Judges one frame. */
export function lintFrame(lint: Lint, tally: FrameTally, frame: Frame): Finding[] {
  tally.frames++;
  if (LINK_NAMES[frame.link] === undefined) {
    if (tally.unread.size < 100 || tally.unread.has(frame.link)) {
      tally.unread.set(frame.link, (tally.unread.get(frame.link) ?? 0) + 1);
    }
    return [];
  }
  const carried = carriedBy(frame.link, frame.bytes);
  if (carried.kind === 'ptp-ethernet') return frameFinding(lint, frame.atNs, carried.src);
  const packet = carried.kind === 'ip' ? udpOf(carried.bytes) : null;
  if (packet === null) return [];
  if (packet.isCut) {
    const { event, general } = lint.ports;
    if ([event, general].includes(packet.dstPort)) tally.cut++;
    return [];
  }
  return stepLint(lint, { ...packet, atNs: frame.atNs });
}

/** What crosses the relay, and what waits in it. */
import type { Stamp, Tick } from '../units.ts';
import type { UdpFrame } from './frame.ts';

/** Which of the two interfaces. */
export type Side = 0 | 1;

/** A frame to send. With a context, `sent` or `unsent` must follow. */
export interface RelayOutput {
  readonly side: Side;
  readonly bytes: Uint8Array;
  readonly context?: number;
  /** Called with the clock reading taken right before the send. */
  readonly seal?: (bytes: Uint8Array, atNs: Stamp) => void;
}

/** One PTP frame on its way; `side` is where it leaves, `ptp` its message, inside `bytes`. */
export interface Crossing {
  readonly side: Side;
  readonly bytes: Uint8Array;
  readonly where: UdpFrame;
  readonly ptp: Uint8Array;
  /** messageType. */
  readonly type: number;
  readonly receivedAtNs: Stamp;
  readonly nowNs: Tick;
}

/** How long an event message stayed. */
export interface Residence {
  readonly sinceNs: Tick;
  /** null until it is known when the message left. (2^-16 ns) */
  correction: bigint | null;
  /** It did not leave: nothing about it needs to. */
  isLost: boolean;
  readonly waiting: Held[];
}

/** A general message that waits until its residences are known. */
export interface Held {
  readonly frame: Crossing;
  readonly residences: readonly Residence[];
}

/** What the linter is told, and what it finds. */
import type { Message } from '../ptp/message.ts';
import type { MessageType } from '../ptp/types.ts';
import type { RuleId, Severity } from './rules.ts';

/** One UDP datagram as it was captured or received. */
export interface Seen {
  /** Unix time. (ns) */
  readonly atNs: bigint;
  /** Canonical IP literals. */
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  /** TTL or hop limit; null if it was not told. */
  readonly hops: number | null;
  /** UDP payload. Not kept. */
  readonly bytes: Uint8Array;
}

export interface Finding {
  readonly rule: RuleId;
  readonly severity: Severity;
  /** Section of the document, see sectionOf in rules.ts. */
  readonly section: string;
  readonly atNs: bigint;
  /** Source and destination address; empty for frames that have none. */
  readonly src: string;
  readonly dst: string;
  /** Port identity of the sender, if the message could be read. */
  readonly sender: string | null;
  /** Type of the message, if it could be read. */
  readonly message: MessageType | null;
  readonly sequenceId: number | null;
  /** What is wrong, one sentence without full stop. */
  readonly text: string;
}

/** A message with all that is known of its way here. */
export interface Heard<M extends Message = Message> {
  readonly atNs: bigint;
  /** Since the first datagram. (s) */
  readonly atS: number;
  readonly src: string;
  readonly dst: string;
  readonly isGroup: boolean;
  readonly dstPort: number;
  readonly hops: number | null;
  readonly bytes: Uint8Array;
  readonly message: M;
  /** Text of sourcePortIdentity. */
  readonly sender: string;
}

/** What is kept of a message that waits for another. */
export type Kept = Omit<Heard, 'bytes'>;

/** Where the parts of the linter leave what they find; rules that do not hold are left out. */
export type Tell = (rule: RuleId, about: Kept, text: string) => void;

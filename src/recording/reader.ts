/**
 * Reads a recording (format: blocks.ts) from bytes in pieces of any size. Never throws over what the
 * bytes say: what cannot be used is told to onProblem. Memory: one block and one piece.
 */
import { Unpackr } from 'msgpackr/unpack';
import { canonicalIp, type PathKey } from '../path.ts';
import {
  type Block,
  MAX_BLOCK_BYTES,
  normalKey,
  RECORD_BYTES,
  type RecordingEvent,
  type RecordingHeader,
  readEvent,
  readHeader,
  shown,
} from './blocks.ts';

/** Something takes bytes in order and is told when there are no more. */
export interface ByteSink {
  push(bytes: Uint8Array): void;
  end(): void;
}

export interface RecordingProblem {
  /** Number of the block, 1 is the header. */
  readonly block: number;
  readonly reason: string;
}

/** Called in the order of the recording; must not throw. */
export interface RecordingHandlers {
  onHeader?(header: RecordingHeader): void;
  onPath?(path: number, key: PathKey, block: number): void;
  onPathClosed?(path: number, block: number): void;
  /**
   * @param records n × 40 bytes, valid during the call only
   * @param truth n f64 little-endian, s, NaN where unknown; null if the block has none
   */
  onExchanges?(records: Uint8Array, truth: DataView | null, block: number): void;
  onEvent?(event: RecordingEvent): void;
  onProblem?(problem: RecordingProblem): void;
}

/** Reads a whole recording. */
export async function readRecording(
  chunks: AsyncIterable<Uint8Array>,
  handlers: RecordingHandlers,
): Promise<void> {
  const reader = createRecordingReader(handlers);
  for await (const chunk of chunks) reader.push(chunk);
  reader.end();
}

/** As {@link readRecording}, for bytes that are pushed. */
export function createRecordingReader(handlers: RecordingHandlers): ByteSink {
  const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
  let held = new Uint8Array(0); // grows, never beyond twice a block and a piece
  let length = 0; // bytes of it in use
  let wanted = 1; // bytes worth another try
  let blocks = 0;
  let over = false;

  function stop(): void {
    over = true;
    held = new Uint8Array(0);
    length = 0;
  }

  function giveUp(block: number, reason: string): void {
    stop();
    handlers.onProblem?.({ block, reason: `${reason}; the rest is not read` });
  }

  /** Takes all whole blocks; returns how many bytes they were. */
  function decode(bytes: Uint8Array): number {
    const values: unknown[] = [];
    let taken = 0;
    let broken = false;
    try {
      unpackr.unpackMultiple(bytes, (value: unknown, _start?: number, end?: number) => {
        values.push(value);
        taken = end ?? bytes.length;
        return isMap(bytes[taken]); // else the next one is no block: stop before it
      });
    } catch (error) {
      broken = (error as { incomplete?: boolean }).incomplete !== true;
    }
    for (const value of values) {
      if (over) return taken;
      const block = ++blocks;
      const reason = block === 1 ? takeHeader(value as Block) : take(value as Block, block);
      if (reason === null) continue;
      if (block === 1) giveUp(1, reason);
      else handlers.onProblem?.({ block, reason });
    }
    if (broken && !over) giveUp(blocks + 1, 'damaged block');
    return taken;
  }

  function takeHeader(block: Block): string | null {
    const header = readHeader(block);
    if (typeof header === 'string') return header;
    handlers.onHeader?.(header);
    return null;
  }

  /** The reason why a block cannot be used, or null. */
  function take(fields: Block, block: number): string | null {
    if ('exchanges' in fields) return takeExchanges(fields, block);
    if ('event' in fields) {
      const event = readEvent(fields);
      if (event !== null) handlers.onEvent?.(event);
    } else if ('path' in fields) return takePath(fields, block);
    return null;
  }

  function takePath({ path, key, closed }: Block, block: number): string | null {
    if (typeof path !== 'number' || !Number.isInteger(path) || path < 0 || path > 0xffffffff) {
      return `path number expected 0..2^32−1, got ${shown(path)}`;
    }
    if (closed === true) {
      handlers.onPathClosed?.(path, block);
      return null;
    }
    const name = typeof key === 'string' ? normalKey(key, canonicalIp) : null;
    if (name === null) return `path expected "remote|local", got ${shown(key)}`;
    handlers.onPath?.(path, name, block);
    return null;
  }

  function takeExchanges({ exchanges, truth }: Block, block: number): string | null {
    if (!(exchanges instanceof Uint8Array) || exchanges.length % RECORD_BYTES !== 0) {
      return `exchanges expected a multiple of ${RECORD_BYTES} bytes`;
    }
    if (truth === undefined) {
      handlers.onExchanges?.(exchanges, null, block);
      return null;
    }
    if (!(truth instanceof Uint8Array) || truth.length * 5 !== exchanges.length) {
      return 'truth expected 8 bytes for each exchange';
    }
    const view = new DataView(truth.buffer, truth.byteOffset, truth.length);
    handlers.onExchanges?.(exchanges, view, block);
    return null;
  }

  function hold(bytes: Uint8Array): void {
    if (length + bytes.length > held.length) {
      const larger = new Uint8Array(Math.max(2 * held.length, length + bytes.length));
      larger.set(held.subarray(0, length));
      held = larger;
    }
    held.set(bytes, length);
    length += bytes.length;
  }

  function drain(): void {
    const taken = isMap(held[0]) ? decode(held.subarray(0, length)) : 0;
    if (over) return;
    held.copyWithin(0, taken, length);
    length -= taken;
    if (length > 0 && !isMap(held[0])) giveUp(blocks + 1, 'damaged block');
  }

  return {
    push(bytes) {
      if (over) return;
      hold(bytes);
      if (length < wanted) return;
      drain();
      if (length > MAX_BLOCK_BYTES) giveUp(blocks + 1, `block over ${MAX_BLOCK_BYTES} bytes`);
      wanted = Math.max(1, 2 * length); // doubling: small pieces do not cost quadratic time
    },
    end() {
      if (length > 0) drain();
      if (over) return;
      const left = length;
      stop();
      if (left > 0) {
        const text = `the recording ends inside a block, after ${left} bytes of it`;
        handlers.onProblem?.({ block: blocks + 1, reason: `${text}; all before it was used` });
      } else if (blocks === 0) {
        handlers.onProblem?.({ block: 1, reason: 'not a clockbraid recording: it is empty' });
      }
    },
  };
}

/** First byte of a MessagePack map. */
export const isMap = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x80 && byte <= 0x8f) || byte === 0xde || byte === 0xdf);

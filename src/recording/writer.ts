/**
 * Writes a recording (format: blocks.ts). Bytes out, nothing else: the caller decides when to flush
 * and where the bytes go. Cut off anywhere, a recording loses at most what was flushed last.
 */
import { Packr } from 'msgpackr/pack';
import { ConfigError } from '../errors.ts';
import {
  BLOCK_EXCHANGES,
  type Block,
  FORMAT,
  RECORD_BYTES,
  type RecordingEvent,
  type RecordingHeader,
  VERSION,
} from './blocks.ts';
import { RECORD_PATH } from './record.ts';

export interface RecordingWriter {
  /**
   * Declares a path; call it in the order in which the core's paths are opened, so that a replay
   * opens them alike. Nothing happens if it is open already.
   */
  openPath(key: string): void;
  /** The path was closed in the core. */
  closePath(key: string): void;
  /**
   * One exchange or one-way measurement, in the order the core took them.
   * @param record 40 bytes, as `core.lastRecord()` gives them; copied
   * @param truthS true offset (remote − local) at its newest local time, s, where it is known
   */
  exchange(key: string, record: Uint8Array, truthS?: number): void;
  event(event: RecordingEvent): void;
  /** Bytes a flush would give at least: flush at some 64 KiB, or about once a second. */
  readonly pendingBytes: number;
  /** Ends the open block and gives all bytes not given yet; empty if there are none. */
  flush(): Uint8Array;
}

/** Starts a recording; the header is among the bytes of the first flush. */
export function createRecordingWriter(header: RecordingHeader): RecordingWriter {
  // no record extension: plain maps that any reader can decode
  const packr = new Packr({ useRecords: false });
  const numbers = new Map<string, number>();
  let opened = 0;
  let pending: Uint8Array[] = [];
  let packedBytes = 0;
  const records = new Uint8Array(BLOCK_EXCHANGES * RECORD_BYTES);
  const view = new DataView(records.buffer);
  const truth = new DataView(new ArrayBuffer(BLOCK_EXCHANGES * 8));
  let count = 0;
  let truths = 0;

  function put(block: Block): void {
    const bytes: Uint8Array = packr.pack(block);
    pending.push(bytes);
    packedBytes += bytes.length;
  }

  function seal(): void {
    if (count === 0) return;
    const exchanges = records.slice(0, count * RECORD_BYTES);
    // only Uint8Array: msgpackr packs other typed arrays wrongly by default
    if (truths === 0) put({ exchanges });
    else put({ exchanges, truth: new Uint8Array(truth.buffer.slice(0, count * 8)) });
    count = 0;
    truths = 0;
  }

  function open(key: string): number {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    seal();
    const path = opened++;
    numbers.set(key, path);
    put({ path, key });
    return path;
  }

  put({ clockbraid: FORMAT, version: VERSION, ...header });
  return {
    openPath(key) {
      open(key);
    },
    closePath(key) {
      const path = numbers.get(key);
      if (path === undefined) return;
      seal();
      numbers.delete(key);
      put({ path, closed: true });
    },
    exchange(key, record, truthS) {
      if (record.length !== RECORD_BYTES) {
        throw new ConfigError('record', `${RECORD_BYTES} bytes`, record.length);
      }
      const path = open(key);
      const at = count * RECORD_BYTES;
      records.set(record, at);
      view.setUint32(at + RECORD_PATH, path, true);
      truth.setFloat64(count * 8, truthS ?? Number.NaN, true);
      if (truthS !== undefined) truths++;
      if (++count === BLOCK_EXCHANGES) seal();
    },
    event(event) {
      seal();
      put({ ...event });
    },
    get pendingBytes() {
      return packedBytes + count * RECORD_BYTES;
    },
    flush() {
      seal();
      const bytes = new Uint8Array(packedBytes);
      let at = 0;
      for (const part of pending) {
        bytes.set(part, at);
        at += part.length;
      }
      pending = [];
      packedBytes = 0;
      return bytes;
    },
  };
}

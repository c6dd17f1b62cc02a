/**
 * Reads the open form of a recording, JSON Lines, from bytes in pieces of any size:
 *
 *   {"clockbraid":"recording","version":1}                                          (optional)
 *   {"path":"remote|local","localSend":"<ns>","remoteReceive":"<ns>","remoteSend":"<ns>",
 *    "localReceive":"<ns>","truth":<s>}                          one line each; truth is optional
 *   {"path":"remote|local","kind":"forward"|"reverse","send":"<ns>","receive":"<ns>",
 *    "correction":"<2^-16 ns>","truth":<s>}          one direction by itself: forward remote→local
 *
 * Both may tell whose the local stamps are, "sendStamp" and "receiveStamp", each "user" (read by the
 * program) or "kernel"; of one direction the one it has.
 *
 *   {"event":"suspicion",…}                                       (optional; not read)
 *
 * Times are whole Unix ns in decimal strings, i64; a correction is taken off the span. Unknown
 * fields are ignored. Empty lines, CR LF
 * and a byte order mark are fine. Never throws over what the bytes say: see LineHandlers.onBadLine.
 * Memory: one line and one piece.
 */
import type { PathKey } from '../path.ts';
import { parseLine } from './parse.ts';
import type { ByteSink } from './reader.ts';
import { RECORD_WORDS, setHead } from './record.ts';
import { createScanner } from './scan.ts';

/** Longest line, bytes without its end. */
export const MAX_LINE_BYTES = 65536;

/** Where records go; the line reader writes into `view` at `record`, then calls commit. */
export interface RecordSlot {
  readonly view: DataView;
  /** Byte offset of the next record; moves with each commit. */
  readonly record: number;
  /** The record is complete. @param truthS NaN if unknown */
  commit(truthS: number): void;
}

export interface LineHandlers {
  readonly slot: RecordSlot;
  /** Index of a path in the core, opened if need be; a sentence if that is impossible. */
  openPath(key: PathKey): number | string;
  /** @param line from 1 @returns false to stop reading here */
  onBadLine(line: number, reason: string): boolean;
}
const TOO_LONG = `line longer than ${MAX_LINE_BYTES} bytes`;

const NEWLINE = 0x0a;

interface Decoder {
  decode(bytes: Uint8Array): string;
}
interface DecoderScope {
  readonly TextDecoder: new (
    label: string,
    options: { fatal: boolean; ignoreBOM: boolean },
  ) => Decoder;
  readonly TextEncoder: new () => { encode(text: string): Uint8Array };
}

export function createLineReader(handlers: LineHandlers): ByteSink {
  const { TextDecoder, TextEncoder } = globalThis as unknown as DecoderScope;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const encoder = new TextEncoder();
  const { slot } = handlers;
  const scanner = createScanner();
  const held = new Uint8Array(MAX_LINE_BYTES + 1); // start of a line cut by the end of a piece
  let length = 0;
  let tooLong = false;
  let line = 0;
  let stopped = false;

  /** Counts a line and takes it; `bytes[to]` is a newline. */
  function take(bytes: Uint8Array, from: number, to: number): void {
    line++;
    const reason = to - from > MAX_LINE_BYTES ? TOO_LONG : why(bytes, from, to);
    if (reason !== null) report(reason);
  }

  function report(reason: string): void {
    if (!handlers.onBadLine(line, reason)) stopped = true;
  }

  /** Commits the line's exchange; the reason why it is bad, or null. */
  function why(bytes: Uint8Array, start: number, to: number): string | null {
    const from = line === 1 ? start + markLength(bytes, start) : start;
    if (scanner.scan(bytes, from, to, slot.view, slot.record)) {
      slot.commit(scanner.truthS);
      return null;
    }
    if (isBlank(bytes, from, to)) return null;
    let text: string;
    try {
      text = decoder.decode(bytes.subarray(from, to));
    } catch {
      return 'not valid UTF-8';
    }
    const parsed = parseLine(text);
    if (parsed === 'header' || parsed === 'event') return null;
    if ('reason' in parsed) return parsed.reason;
    const path = handlers.openPath(parsed.path);
    if (typeof path === 'string') return path;
    scanner.learn(encoder.encode(parsed.spelling), path);
    const { view, record } = slot;
    setHead(view, record, path, parsed.kind);
    for (const [n, at] of RECORD_WORDS.entries()) {
      view.setBigInt64(record + at, parsed.words[n] ?? 0n, true);
    }
    slot.commit(parsed.truthS);
    return null;
  }

  function hold(bytes: Uint8Array, from: number, to: number): void {
    if (tooLong) return;
    tooLong = length + (to - from) > MAX_LINE_BYTES;
    if (tooLong) return;
    held.set(bytes.subarray(from, to), length);
    length += to - from;
  }

  function takeHeld(): void {
    if (tooLong) {
      line++;
      report(TOO_LONG);
    } else {
      held[length] = NEWLINE;
      take(held, 0, length);
    }
    length = 0;
    tooLong = false;
  }

  return {
    push(bytes) {
      let from = 0;
      while (!stopped) {
        const to = bytes.indexOf(NEWLINE, from);
        if (to < 0) break;
        if (length > 0 || tooLong) {
          hold(bytes, from, to);
          takeHeld();
        } else take(bytes, from, to);
        from = to + 1;
      }
      if (!stopped && from < bytes.length) hold(bytes, from, bytes.length);
    },
    end() {
      if (!stopped && (length > 0 || tooLong)) takeHeld();
    },
  };
}

/** 3 if a UTF-8 byte order mark stands there, else 0. */
function markLength(bytes: Uint8Array, at: number): number {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf ? 3 : 0;
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let p = from; p < to; p++) {
    const c = bytes[p];
    if (c !== 0x20 && c !== 0x09 && c !== 0x0d) return false;
  }
  return true;
}

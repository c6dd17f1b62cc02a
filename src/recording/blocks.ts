/**
 * The recording format, version 1: plain MessagePack maps one after another, no extensions, so
 * that any MessagePack library reads it. The first map is the header, then in the order of the run:
 *
 *   { clockbraid: 'recording', version: 1, created, runtime, combiner, epochS }
 *   { path: 0, key: '192.0.2.1|198.51.100.7' }    the path was opened; later blocks say 0
 *   { path: 0, closed: true }                     the path was closed; 0 is not given out again
 *   { exchanges: bin, truth?: bin }               n × 40 bytes as the core takes them (RECORD_* in
 *                                                 assembly/memory.ts, one-way measurements, too;
 *                                                 path is the number declared above); truth: n
 *                                                 little-endian f64, s, NaN: none
 *   { event: 'path', seconds, ns, path, what, reason } · { event: 'clock-step', seconds, ns, byS }
 *   { event: 'note', seconds, ns, text }
 *   { event: 'suspicion' | 'cleared' | …, seconds, ns, reason, path?, state?, sinceS?, byS? }
 *                                                 what the run's core found out (events.ts)
 *
 * Readers ignore maps and fields they do not know. A recording may end anywhere.
 */
import { CLOCK_EVENTS, type ClockEvent, type ClockEventType } from '../events.ts';
import type { PathKey } from '../path.ts';

export const FORMAT = 'recording';
export const VERSION = 1;

/** Size of a core record. */
export const RECORD_BYTES = 40;
/** Exchanges a writer puts into one block; the core's batch. */
export const BLOCK_EXCHANGES = 2048;
/** A reader gives up on blocks longer than this, so that a broken length cannot eat the memory. */
export const MAX_BLOCK_BYTES = 4 * 1024 * 1024;
/** Longest path key, characters. */
export const MAX_KEY = 128;

export interface RecordingHeader {
  /** When the recording began, ISO 8601. */
  readonly created: string;
  /** Runtime and its version, e.g. `node 20.20.2`. */
  readonly runtime: string;
  /** The combiner in charge of the run. */
  readonly combiner: string;
  /** What the host's stamps counted from, Unix s. The exchanges themselves hold Unix time. */
  readonly epochS: number;
}

/** Local time of an event, Unix: whole seconds and ns, `0 <= ns < 10^9`. */
interface EventTime {
  readonly seconds: number;
  readonly ns: number;
}

export type RecordingEvent = EventTime &
  (
    | {
        readonly event: 'path';
        readonly path: string;
        readonly what: string;
        readonly reason: string;
      }
    /** The local clock was stepped by `byS` (new − old). */
    | { readonly event: 'clock-step'; readonly byS: number }
    | { readonly event: 'note'; readonly text: string }
    | {
        readonly event: ClockEventType;
        readonly reason: string;
        readonly path?: string;
        readonly state?: string;
        /** Local Unix s. */
        readonly sinceS?: number;
        readonly byS?: number;
      }
  );

/** An event of the clock as a recording keeps it. */
export function recordedEvent({ type, atS, reason, ...more }: ClockEvent): RecordingEvent {
  const seconds = Math.floor(atS);
  const ns = Math.min(Math.round((atS - seconds) * 1e9), 999_999_999);
  return { event: type, seconds, ns, reason, ...more };
}

/** One value of the stream after decoding; every field is a stranger's. */
export type Block = { readonly [field: string]: unknown };

/** The key as this program spells it, or null if the text is not `remote|local` or `remote|local#port`. */
export function normalKey(text: string, canonical: (ip: string) => string | null): PathKey | null {
  const bar = text.indexOf('|');
  if (bar <= 0 || bar === text.length - 1 || bar !== text.lastIndexOf('|')) return null;
  if (text.length > MAX_KEY) return null;
  const remote = text.slice(0, bar);
  const [, local = '', port = ''] = /^(.*?)(#[1-9]\d{0,4})?$/s.exec(text.slice(bar + 1)) ?? [];
  return `${canonical(remote) ?? remote}|${canonical(local) ?? local}${port}`;
}

/** The header's fields, or the reason why this is no header this reader can use. */
export function readHeader(block: Block): RecordingHeader | string {
  if (block.clockbraid !== FORMAT) return 'not a clockbraid recording';
  if (block.version !== VERSION) {
    return `recording version ${shown(block.version)} is not supported, only ${VERSION} is`;
  }
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    created: text(block.created),
    runtime: text(block.runtime),
    combiner: text(block.combiner),
    epochS: typeof block.epochS === 'number' ? block.epochS : 0,
  };
}

/** An event of a kind this reader knows, or null. */
export function readEvent(block: Block): RecordingEvent | null {
  const { event, seconds, ns, path, what, reason, byS, text } = block;
  if (typeof seconds !== 'number' || typeof ns !== 'number') return null;
  if (event === 'clock-step' && typeof byS === 'number') return { event, seconds, ns, byS };
  if (event === 'note' && typeof text === 'string') return { event, seconds, ns, text };
  if (isClockEvent(event) && typeof reason === 'string') {
    const { state, sinceS } = block;
    return {
      ...{ event, seconds, ns, reason },
      ...(typeof path === 'string' ? { path } : {}),
      ...(typeof state === 'string' ? { state } : {}),
      ...(typeof sinceS === 'number' ? { sinceS } : {}),
      ...(typeof byS === 'number' ? { byS } : {}),
    };
  }
  if (event !== 'path' || typeof path !== 'string' || typeof what !== 'string') return null;
  return { event, seconds, ns, path, what, reason: typeof reason === 'string' ? reason : '' };
}

const isClockEvent = (event: unknown): event is ClockEventType =>
  CLOCK_EVENTS.includes(event as ClockEventType);

/** A stranger's value in a sentence: short, one line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}

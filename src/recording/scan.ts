/**
 * Fast path for lines of the open JSON form: reads the bytes of a common line straight into a core
 * record, without strings, BigInt or garbage. Whatever is uncommon (escapes, bytes beyond ASCII,
 * nested values, missing fields, 19-digit limits, unknown paths) it leaves to parse.ts.
 */
import { type StampKind, stampBits } from '../stamps.ts';
import { numberEnd, numberValue } from './number.ts';
import {
  KIND_FORWARD,
  KIND_REVERSE,
  KIND_UNIX,
  RECORD_CORRECTION,
  RECORD_LOCAL,
  RECORD_LOCAL_RECEIVE,
  RECORD_LOCAL_SEND,
  RECORD_REMOTE,
  RECORD_REMOTE_RECEIVE,
  RECORD_REMOTE_SEND,
  setHead,
  setInteger,
  setUnixNs,
  stampsOf,
} from './record.ts';

export interface Scanner {
  /**
   * Reads the line `bytes[from..to)` into the 40 bytes of `view` at `record`.
   * `bytes[to]` must be a newline; it is the guard of all inner loops.
   * @returns true if the record is complete; false: nothing is decided, ask parse.ts
   */
  scan(bytes: Uint8Array, from: number, to: number, view: DataView, record: number): boolean;
  /** Truth of the last line scanned, s; NaN if it had none. */
  readonly truthS: number;
  /** Makes lines whose path is spelled with exactly these bytes go the fast way. */
  learn(spelling: Uint8Array, path: number): void;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

interface Field {
  readonly name: Uint8Array;
  readonly bit: number;
  /** Place in the record, or what else it is. */
  readonly at: number;
}
const PATH = -1;
const TRUTH = -2;
const UNCOMMON = -3;
const KIND = -4;
const STAMP_OF_SEND = -5;
const STAMP_OF_RECEIVE = -6;
const field = (name: string, bit: number, at: number): Field => ({ name: bytesOf(name), bit, at });
const LOCAL_SEND = field('localSend', 1, RECORD_LOCAL_SEND);
const REMOTE_RECEIVE = field('remoteReceive', 2, RECORD_REMOTE_RECEIVE);
const REMOTE_SEND = field('remoteSend', 4, RECORD_REMOTE_SEND);
const LOCAL_RECEIVE = field('localReceive', 8, RECORD_LOCAL_RECEIVE);
const PATH_FIELD = field('path', 16, PATH);
const TRUTH_FIELD = field('truth', 32, TRUTH);
// as if forward; a reverse line has its two stamps swapped in the end
const SEND = field('send', 64, RECORD_REMOTE);
const RECEIVE = field('receive', 128, RECORD_LOCAL);
const CORRECTION = field('correction', 256, RECORD_CORRECTION);
const KIND_FIELD = field('kind', 512, KIND);
const SEND_STAMP = field('sendStamp', 0, STAMP_OF_SEND);
const RECEIVE_STAMP = field('receiveStamp', 0, STAMP_OF_RECEIVE);
const HEADER_FIELD = field('clockbraid', 0, UNCOMMON);
/** Fields a line needs and those it must not have to go the fast way. */
const REQUIRED = 1 + 2 + 4 + 8 + 16;
const FOREIGN = 64 + 128 + 256 + 512;
const REQUIRED_ONE_WAY = 16 + 64 + 128 + 512;
const FOREIGN_ONE_WAY = 1 + 2 + 4 + 8;
const FORWARD = bytesOf('"forward"');
const BACK = bytesOf('"reverse"');
const USER = bytesOf('"user"');
const KERNEL = bytesOf('"kernel"');

const NULL = bytesOf('null');
const LITERALS = [bytesOf('true'), bytesOf('false'), NULL];
/** Buckets of the table of path spellings; at most half of them are used. */
const BUCKETS = 512;

export function createScanner(): Scanner {
  const spellings: (Uint8Array | undefined)[] = new Array(BUCKETS).fill(undefined);
  const paths = new Int32Array(BUCKETS);
  let learnt = 0;
  let truthS = Number.NaN;

  function bucket(bytes: Uint8Array, from: number, to: number): number {
    let hash = to - from;
    for (let p = from; p < to; p++) hash = Math.imul(hash ^ (bytes[p] as number), 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & (BUCKETS - 1);
    for (;;) {
      const spelling = spellings[slot];
      if (spelling === undefined || same(bytes, from, to, spelling)) return slot;
      slot = (slot + 1) & (BUCKETS - 1);
    }
  }

  function scan(
    bytes: Uint8Array,
    from: number,
    to: number,
    view: DataView,
    record: number,
  ): boolean {
    let seen = 0;
    let path = 0;
    let truth = Number.NaN;
    let kind = KIND_UNIX;
    let send: StampKind | undefined;
    let receive: StampKind | undefined;
    let p = skipSpace(bytes, from);
    if (bytes[p] !== OPEN) return false;
    do {
      p = skipSpace(bytes, p + 1);
      if (bytes[p] !== QUOTE) return false;
      const name = p + 1;
      const nameEnd = stringEnd(bytes, name);
      if (nameEnd === 0) return false;
      p = skipSpace(bytes, nameEnd + 1);
      if (bytes[p] !== COLON) return false;
      p = skipSpace(bytes, p + 1);
      const known = fieldOf(bytes, name, nameEnd);
      if (known === null) p = skipValue(bytes, p);
      else {
        seen |= known.bit; // a repeated field: the last one counts, as in JSON.parse
        if (known.at >= 0) p = scanTime(bytes, p, view, record + known.at);
        else if (known.at === TRUTH) {
          const isNull = same(bytes, p, p + NULL.length, NULL);
          const end = isNull ? p + NULL.length : numberEnd(bytes, p);
          truth = isNull ? Number.NaN : numberValue(bytes, p, end);
          if (!isNull && !Number.isFinite(truth)) return false;
          p = end;
        } else if (known.at === PATH && bytes[p] === QUOTE) {
          const end = stringEnd(bytes, p + 1);
          if (end === 0) return false;
          const slot = bucket(bytes, p + 1, end);
          if (spellings[slot] === undefined) return false;
          path = paths[slot] as number;
          p = end + 1;
        } else if (known.at === KIND) {
          if (kind !== KIND_UNIX) return false;
          if (same(bytes, p, p + FORWARD.length, FORWARD)) kind = KIND_FORWARD;
          else if (same(bytes, p, p + BACK.length, BACK)) kind = KIND_REVERSE;
          else return false;
          p += FORWARD.length;
        } else if (known.at === STAMP_OF_SEND || known.at === STAMP_OF_RECEIVE) {
          const isUser = same(bytes, p, p + USER.length, USER);
          if (!isUser && !same(bytes, p, p + KERNEL.length, KERNEL)) return false;
          p += isUser ? USER.length : KERNEL.length;
          const who = isUser ? 'user' : 'kernel';
          if (known.at === STAMP_OF_SEND) send = who;
          else receive = who;
        } else return false;
      }
      if (p === 0) return false;
      p = skipSpace(bytes, p);
    } while (bytes[p] === COMMA);
    if (bytes[p] !== CLOSE || skipSpace(bytes, p + 1) !== to) return false;
    if (kind === KIND_UNIX) {
      if ((seen & REQUIRED) !== REQUIRED || (seen & FOREIGN) !== 0) return false;
    } else {
      if ((seen & REQUIRED_ONE_WAY) !== REQUIRED_ONE_WAY) return false;
      if ((seen & FOREIGN_ONE_WAY) !== 0) return false;
      finishOneWay(view, record, kind, (seen & CORRECTION.bit) !== 0);
    }
    setHead(view, record, path, kind | stampsOf(kind, stampBits(send, receive)));
    truthS = truth;
    return true;
  }

  return {
    scan,
    get truthS() {
      return truthS;
    },
    learn(spelling, path) {
      if (learnt >= BUCKETS / 2) return;
      if (stringEnd(Uint8Array.of(...spelling, QUOTE), 0) !== spelling.length) return;
      const slot = bucket(spelling, 0, spelling.length);
      if (spellings[slot] === undefined) learnt++;
      spellings[slot] = spelling.slice();
      paths[slot] = path;
    },
  };
}

function finishOneWay(view: DataView, record: number, kind: number, corrected: boolean): void {
  setInteger(view, record + RECORD_LOCAL_SEND, 0);
  if (!corrected) setInteger(view, record + RECORD_CORRECTION, 0);
  if (kind === KIND_FORWARD) return;
  for (const half of [0, 4]) {
    const send = view.getUint32(record + RECORD_REMOTE + half, true);
    const receive = view.getUint32(record + RECORD_LOCAL + half, true);
    view.setUint32(record + RECORD_REMOTE + half, receive, true);
    view.setUint32(record + RECORD_LOCAL + half, send, true);
  }
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let p = from;
  let c = bytes[p];
  while (c === 0x20 || c === 0x09 || c === 0x0d) c = bytes[++p];
  return p;
}

/** Index of the closing quote of plain ASCII text without escapes; 0 if it is anything else. */
function stringEnd(bytes: Uint8Array, from: number): number {
  let p = from;
  let c = bytes[p] as number;
  while (c !== QUOTE) {
    if (c < 0x20 || c >= 0x80 || c === BACKSLASH) return 0;
    c = bytes[++p] as number;
  }
  return p;
}

function same(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let k = 0; k < text.length; k++) if (bytes[from + k] !== text[k]) return false;
  return true;
}

function fieldOf(bytes: Uint8Array, from: number, to: number): Field | null {
  let known: Field;
  switch (to - from) {
    case 4:
      if (bytes[from] === 0x70) known = PATH_FIELD;
      else known = bytes[from] === 0x6b ? KIND_FIELD : SEND;
      break;
    case 5:
      known = TRUTH_FIELD;
      break;
    case 7:
      known = RECEIVE;
      break;
    case 9:
      known = bytes[from] === 0x6c ? LOCAL_SEND : SEND_STAMP;
      break;
    case 10:
      if (bytes[from] !== 0x63) known = REMOTE_SEND;
      else known = bytes[from + 1] === 0x6c ? HEADER_FIELD : CORRECTION;
      break;
    case 12:
      known = bytes[from] === 0x6c ? LOCAL_RECEIVE : RECEIVE_STAMP;
      break;
    case 13:
      known = REMOTE_RECEIVE;
      break;
    default:
      return null;
  }
  return same(bytes, from, to, known.name) ? known : null;
}

/** `"digits"` at `p` as i64 into the record; returns the end, or 0. */
function scanTime(bytes: Uint8Array, from: number, view: DataView, at: number): number {
  let p = from;
  if (bytes[p] !== QUOTE) return 0;
  p++;
  const negative = bytes[p] === MINUS;
  if (negative) p++;
  const first = p;
  let c = (bytes[p] as number) - ZERO;
  while (c >= 0 && c <= 9) c = (bytes[++p] as number) - ZERO;
  const length = p - first;
  if (bytes[p] !== QUOTE || length === 0 || length > 19) return 0;
  let s = 0;
  let ns = 0;
  let k = first;
  for (const whole = p - 9; k < whole; k++) s = s * 10 + (bytes[k] as number) - ZERO;
  for (; k < p; k++) ns = ns * 10 + (bytes[k] as number) - ZERO;
  if (s >= 9223372036) return 0; // near the limit of i64
  if (negative) setUnixNs(view, at, -s, -ns);
  else setUnixNs(view, at, s, ns);
  return p + 1;
}

/** A string, number or literal nobody asked for; returns its end, or 0. */
function skipValue(bytes: Uint8Array, from: number): number {
  if (bytes[from] === QUOTE) {
    const end = stringEnd(bytes, from + 1);
    return end === 0 ? 0 : end + 1;
  }
  for (const literal of LITERALS) {
    const end = from + literal.length;
    if (same(bytes, from, end, literal)) return end;
  }
  return numberEnd(bytes, from);
}

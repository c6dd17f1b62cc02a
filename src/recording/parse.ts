/**
 * One line of the open JSON form, the plain way: JSON.parse and BigInt. It decides what a line
 * means; scan.ts is its fast path and must agree with it.
 */
import { canonicalIp, type PathKey } from '../path.ts';
import { type StampKind, stampBits } from '../stamps.ts';
import { type Block, MAX_KEY, normalKey, readHeader, shown } from './blocks.ts';
import { KIND_FORWARD, KIND_REVERSE, KIND_UNIX, stampsOf } from './record.ts';

const CORRECTION = 'correction';

/** The fields of each kind in the order of a record; '': none there. */
const FIELDS: Readonly<Record<number, readonly string[]>> = {
  [KIND_UNIX]: ['localSend', 'remoteReceive', 'remoteSend', 'localReceive'],
  [KIND_FORWARD]: ['', CORRECTION, 'send', 'receive'],
  [KIND_REVERSE]: ['', CORRECTION, 'receive', 'send'],
};

/** An exchange, or one direction of one. */
export interface MeasurementLine {
  readonly path: PathKey;
  /** The path as the line has it. */
  readonly spelling: string;
  /** KIND_*, and whose the local stamps are. */
  readonly kind: number;
  /** The record's four i64: Unix ns, or a correction in 2^-16 ns. */
  readonly words: readonly bigint[];
  /** True offset (remote − local) at the newest local time, s; NaN if the line tells none. */
  readonly truthS: number;
}

/** A measurement, 'header' for a header line of this version, 'event', or why the line is bad. */
export type ParsedLine = MeasurementLine | 'header' | 'event' | { readonly reason: string };

const LEAST = -(2n ** 63n);
const MOST = 2n ** 63n - 1n;

export function parseLine(text: string): ParsedLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { reason: 'not valid JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { reason: `expected an object, got ${shown(value)}` };
  }
  const fields = value as Block;
  if (Object.hasOwn(fields, 'clockbraid')) {
    const header = readHeader(fields);
    return typeof header === 'string' ? { reason: header } : 'header';
  }
  // a measurement may have any further field, this one as well
  if (
    Object.hasOwn(fields, 'event') &&
    !Object.hasOwn(fields, 'localSend') &&
    !Object.hasOwn(fields, 'send')
  ) {
    return 'event';
  }
  if (typeof fields.path !== 'string') return expected('path', '"remote|local"', fields.path);
  const path = normalKey(fields.path, canonicalIp);
  if (path === null) {
    return expected('path', `"remote|local" of at most ${MAX_KEY} characters`, fields.path);
  }
  const kind = kindOf(fields.kind);
  const words: bigint[] = [];
  for (const name of FIELDS[kind] ?? []) {
    const isNone = name === '' || (name === CORRECTION && fields[name] === undefined);
    const word = isNone ? 0n : parseWord(name, fields[name]);
    if (typeof word !== 'bigint') return word;
    words.push(word);
  }
  const { truth } = fields;
  const bits = stampBits(stampOf(fields.sendStamp), stampOf(fields.receiveStamp));
  const line = { path, spelling: fields.path, kind: kind | stampsOf(kind, bits), words };
  if (truth === undefined || truth === null) return { ...line, truthS: Number.NaN };
  if (typeof truth !== 'number' || !Number.isFinite(truth)) {
    return expected('truth', 'a finite number of seconds', truth);
  }
  return { ...line, truthS: truth };
}

/** Of anybody else's kind nothing is known. */
const stampOf = (text: unknown): StampKind | undefined =>
  text === 'user' || text === 'kernel' ? text : undefined;

function kindOf(text: unknown): number {
  if (text === 'forward') return KIND_FORWARD;
  return text === 'reverse' ? KIND_REVERSE : KIND_UNIX;
}

function parseWord(name: string, value: unknown): bigint | { reason: string } {
  if (typeof value !== 'string' || !/^-?[0-9]+$/.test(value)) {
    const unit = name === CORRECTION ? '2^-16 ns' : 'nanoseconds';
    return expected(name, `whole ${unit} as a decimal string`, value);
  }
  if (value.length > 20) {
    const digits = value.replace(/^(-?)0+(?=[0-9])/, '$1');
    if (digits.length > 20) return expected(name, 'a number of at most 63 bits', value);
    return parseWord(name, digits);
  }
  const time = BigInt(value);
  return time < LEAST || time > MOST ? expected(name, 'a number of at most 63 bits', value) : time;
}

function expected(field: string, what: string, got: unknown): { reason: string } {
  return { reason: `"${field}" expected ${what}, got ${shown(got)}` };
}

/**
 * One line of the open JSON form, the plain way: JSON.parse and BigInt. It decides what a line
 * means; scan.ts is its fast path and must agree with it.
 */
import { canonicalIp, type PathKey } from '../path.ts';
import { type Block, MAX_KEY, normalKey, readHeader, shown } from './blocks.ts';

/** The four times in the order of a record. */
export const TIMES = ['localSend', 'remoteReceive', 'remoteSend', 'localReceive'] as const;
type Time = (typeof TIMES)[number];

export interface ExchangeLine {
  readonly path: PathKey;
  /** The path as the line has it. */
  readonly spelling: string;
  /** Unix ns, i64. */
  readonly times: readonly bigint[];
  /** True offset (remote − local) at local receive, s; NaN if the line tells none. */
  readonly truthS: number;
}

/** An exchange, 'header' for a header line of this version, 'event', or why the line is bad. */
export type ParsedLine = ExchangeLine | 'header' | 'event' | { readonly reason: string };

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
  // an exchange may have any further field, this one as well
  if (Object.hasOwn(fields, 'event') && !Object.hasOwn(fields, 'localSend')) return 'event';
  if (fields.kind === 'forward' || fields.kind === 'reverse') {
    return { reason: `one-way lines ("kind":"${fields.kind}") are not supported yet` };
  }
  if (typeof fields.path !== 'string') return expected('path', '"remote|local"', fields.path);
  const path = normalKey(fields.path, canonicalIp);
  if (path === null) {
    return expected('path', `"remote|local" of at most ${MAX_KEY} characters`, fields.path);
  }
  const times: bigint[] = [];
  for (const name of TIMES) {
    const time = parseTime(name, fields[name]);
    if (typeof time !== 'bigint') return time;
    times.push(time);
  }
  const { truth } = fields;
  const spelling = fields.path;
  if (truth === undefined || truth === null) return { path, spelling, times, truthS: Number.NaN };
  if (typeof truth !== 'number' || !Number.isFinite(truth)) {
    return expected('truth', 'a finite number of seconds', truth);
  }
  return { path, spelling, times, truthS: truth };
}

function parseTime(name: Time, value: unknown): bigint | { reason: string } {
  if (typeof value !== 'string' || !/^-?[0-9]+$/.test(value)) {
    return expected(name, 'whole nanoseconds as a decimal string', value);
  }
  if (value.length > 20) {
    const digits = value.replace(/^(-?)0+(?=[0-9])/, '$1');
    if (digits.length > 20) return expected(name, 'a number of at most 63 bits', value);
    return parseTime(name, digits);
  }
  const time = BigInt(value);
  return time < LEAST || time > MOST ? expected(name, 'a number of at most 63 bits', value) : time;
}

function expected(field: string, what: string, got: unknown): { reason: string } {
  return { reason: `"${field}" expected ${what}, got ${shown(got)}` };
}

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { numberEnd, numberValue } from '../../src/recording/number.ts';
import { parseLine } from '../../src/recording/parse.ts';
import { createScanner } from '../../src/recording/scan.ts';
import { type Random, seeded } from '../sim/random.ts';
import { below, KEYS, utf8 } from './rig.ts';

const test = suite('scan');

const FIELDS = ['localSend', 'remoteReceive', 'remoteSend', 'localReceive'];
const LIMITS = [
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '9223372035999999999',
  '9223372036000000000',
  '-9223372036000000000',
  '9999999999999999999',
  '99999999999999999999',
  '00000000000000000000007',
  '-0',
  '0',
  '007',
  '-007',
  '999999999',
  '1000000000',
  '-999999999',
  '-1000000000',
  '4294967295',
  '4294967296',
  '-4294967296',
];
const ODD_TIMES = ['', '-', '+5', ' 5', '5 ', '1.5', '1e9', '0x10', '--5', '５', '1_000', 'NaN'];

const scanner = createScanner();
for (const [path, key] of KEYS.entries()) scanner.learn(utf8(key), path);
const fast = new DataView(new ArrayBuffer(40));
const slow = new DataView(new ArrayBuffer(40));

/** Scans one line; null if the scanner leaves it to parse.ts. Checks the two against each other. */
function agree(line: string): boolean {
  const bytes = utf8(`xy${line}\n`);
  const scanned = scanner.scan(bytes, 2, bytes.length - 1, fast, 0);
  if (!scanned) return false;
  const parsed = parseLine(line);
  assert.type(parsed, 'object', line);
  assert.ok(typeof parsed === 'object' && 'words' in parsed, `only the scanner takes ${line}`);
  if (typeof parsed !== 'object' || !('words' in parsed)) return false;
  slow.setUint32(0, KEYS.indexOf(parsed.path), true);
  slow.setUint32(4, parsed.kind, true);
  for (const [k, time] of parsed.words.entries()) slow.setBigInt64(8 + 8 * k, time, true);
  assert.equal(new Uint8Array(fast.buffer), new Uint8Array(slow.buffer), line);
  assert.ok(Object.is(scanner.truthS, parsed.truthS), line);
  return true;
}

const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

function time(random: Random): string {
  const digits = 1 + below(random, 19);
  let text = random() < 0.2 ? '-' : '';
  for (let k = 0; k < digits; k++) text += below(random, 10);
  return text;
}

function number(random: Random): string {
  const digits = (least: number) =>
    Array.from({ length: least + below(random, random() < 0.1 ? 24 : 9) }, () => below(random, 10));
  let text = random() < 0.5 ? '-' : '';
  text += random() < 0.6 ? '0' : `${1 + below(random, 9)}${digits(0).join('')}`;
  if (random() < 0.8) text += `.${digits(1).join('')}`;
  if (random() < 0.4) text += `${pick(random, ['e', 'E'])}${pick(random, ['', '-', '+'])}`;
  if (/[eE][-+]?$/.test(text)) text += below(random, random() < 0.1 ? 400 : 25);
  return text;
}

/** A line as strangers write them; `odd` is how often a part is out of the ordinary. */
function makeLine(random: Random, odd: number): string {
  const space = () => (random() < 0.15 ? pick(random, [' ', '\t', '  ', '\r']) : '');
  const isOdd = () => random() < odd;
  const fields = FIELDS.map((name) => {
    const text = isOdd() ? pick(random, [...LIMITS, ...ODD_TIMES]) : time(random);
    return `"${name}"${space()}:${space()}${isOdd() ? text || 0 : `"${text}"`}`;
  });
  fields.push(
    `"path":${space()}"${isOdd() ? pick(random, ['a|b', 'é|b', 'x']) : pick(random, KEYS)}"`,
  );
  if (random() < 0.7) fields.push(`"truth":${space()}${isOdd() ? 'null' : number(random)}`);
  if (random() < 0.3) {
    const extras = ['7', '-1.5e3', '"text"', 'true', 'null', 'false', '""', '"a b"'];
    fields.push(
      `"${pick(random, ['note', 'n', 'stratum', 'remoteSent'])}":${pick(random, extras)}`,
    );
  }
  if (isOdd()) {
    fields.push(
      pick(random, ['"kind":"forward"', '"a":{"b":[1]}', '"path":"x|y"', '"t\\u0061":1']),
    );
  }
  for (const name of ['sendStamp', 'receiveStamp']) {
    if (random() >= 0.3) continue;
    const who = isOdd()
      ? pick(random, ['"card"', '7', 'null'])
      : pick(random, ['"user"', '"kernel"']);
    fields.push(`"${name}":${space()}${who}`);
  }
  if (isOdd()) fields.push(pick(random, fields), `"localSend":"${time(random)}"`);
  if (isOdd()) fields.splice(below(random, fields.length), 1);
  for (let k = fields.length - 1; k > 0; k--) {
    const other = below(random, k + 1);
    [fields[k], fields[other]] = [fields[other] ?? '', fields[k] ?? ''];
  }
  return `${space()}{${space()}${fields.join(`${space()},${space()}`)}${space()}}${space()}`;
}

test('the scanner takes every common line, keys in any order, and agrees with JSON.parse', () => {
  const random = seeded(1);
  let taken = 0;
  for (let round = 0; round < 20000; round++) if (agree(makeLine(random, 0))) taken++;
  assert.ok(taken > 19500, `${taken} of 20000`); // the rest: 19 digits at the limit of i64
});

test('on odd lines the scanner agrees with JSON.parse or leaves them alone', () => {
  const random = seeded(2);
  let taken = 0;
  for (let round = 0; round < 20000; round++) if (agree(makeLine(random, 0.1))) taken++;
  assert.ok(taken > 3000 && taken < 15000, `${taken} of 20000`);
});

test('on mutated lines too: bytes changed, dropped, doubled, swapped', () => {
  const random = seeded(3);
  const spice = '{}[]",:\\ \t0123456789-+.eE\u0000é|ntrufals';
  let taken = 0;
  for (let round = 0; round < 30000; round++) {
    let line = makeLine(random, 0);
    for (let n = 1 + below(random, 3); n > 0; n--) {
      const at = below(random, line.length);
      const what = below(random, 4);
      if (what === 0) line = line.slice(0, at) + pick(random, [...spice]) + line.slice(at + 1);
      else if (what === 1) line = line.slice(0, at) + line.slice(at + 1);
      else if (what === 2) line = line.slice(0, at) + line.slice(at - 1);
      else line = line.slice(0, at) + pick(random, [...spice]) + line.slice(at);
    }
    if (agree(line)) taken++;
  }
  assert.ok(taken > 2000 && taken < 27000, `${taken} of 30000`);
});

test('i64 limits: all of them are right, one beyond is refused, on the fast way and the slow', () => {
  for (const text of [...LIMITS, ...ODD_TIMES]) {
    const line = `{"path":"${KEYS[0]}",${FIELDS.map((name) => `"${name}":"${text}"`).join(',')}}`;
    agree(line);
    const parsed = parseLine(line);
    const integer = /^-?\d+$/.test(text) ? BigInt(text) : null;
    const fits = integer !== null && BigInt.asIntN(64, integer) === integer;
    if (fits)
      assert.equal(typeof parsed === 'object' && 'words' in parsed && parsed.words[3], integer);
    else assert.ok(typeof parsed === 'object' && 'reason' in parsed, text);
  }
});

test('numbers: 100000 spellings have the value that JSON.parse gives, or are none to both', () => {
  const random = seeded(4);
  const alphabet = '0123456789-+.eE';
  let good = 0;
  for (let round = 0; round < 100000; round++) {
    let text = number(random);
    if (round % 2 === 1) {
      const at = below(random, text.length + 1);
      text = text.slice(0, at) + pick(random, [...alphabet]) + text.slice(at + below(random, 2));
    }
    const bytes = utf8(`${text},`);
    const end = numberEnd(bytes, 0);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      assert.is.not(end, text.length, text);
      continue;
    }
    good++;
    assert.is(end, text.length, text);
    assert.ok(Object.is(numberValue(bytes, 0, end), value), text);
  }
  assert.ok(good > 60000, String(good));
});

test('shortest spellings of f64, halfway cases and limits keep their last bit', () => {
  const random = seeded(5);
  const cell = new DataView(new ArrayBuffer(8));
  const texts = ['9007199254740993', '9007199254740992', '0.1', '1e22', '1e23', '5e-324', '1e-400'];
  for (let round = 0; round < 20000; round++) {
    cell.setUint32(0, below(random, 2 ** 32));
    cell.setUint32(4, below(random, 2 ** 32));
    const value = cell.getFloat64(0);
    if (Number.isFinite(value)) texts.push(String(value), ((random() - 0.5) * 1e-3).toString());
  }
  for (const text of texts) {
    const bytes = utf8(`${text}}`);
    assert.is(numberEnd(bytes, 0), text.length, text);
    assert.ok(Object.is(numberValue(bytes, 0, text.length), JSON.parse(text)), text);
  }
});

test('a path the scanner has not learnt is left to parse.ts', () => {
  const line = (path: string) =>
    `{"path":"${path}",${FIELDS.map((name) => `"${name}":"1"`).join(',')}}`;
  assert.ok(agree(line(KEYS[1] ?? '')));
  assert.not(agree(line('192.0.2.1|198.51.100.8')));
  assert.not(agree(line('192.0.2.1|198.51.100.')));
});

test('more spellings than the table holds cost speed, not truth', () => {
  const many = createScanner();
  const line = (n: number) =>
    utf8(`{"path":"p${n}|x",${FIELDS.map((name) => `"${name}":"${n}"`).join(',')}}\n`);
  for (let n = 0; n < 1000; n++) many.learn(utf8(`p${n}|x`), n);
  let known = 0;
  for (let n = 0; n < 1000; n++) {
    const bytes = line(n);
    if (!many.scan(bytes, 0, bytes.length - 1, fast, 0)) continue;
    known++;
    assert.is(fast.getUint32(0, true), n);
  }
  assert.is(known, 256);
});

test.run();

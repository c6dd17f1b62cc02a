import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { detectForm } from '../../src/recording/detect.ts';
import { createLineReader } from '../../src/recording/jsonlines.ts';
import { replay } from '../../src/recording/replay.ts';
import { seeded } from '../sim/random.ts';
import { below, complaints, KEYS, pieces, utf8 } from './rig.ts';

const test = suite('jsonlines');

interface Taken {
  /** `path localSend remoteReceive remoteSend localReceive truth` of each record. */
  readonly records: string[];
  readonly bad: string[];
}

/** Reads lines into records, no core involved. */
function read(bytes: Uint8Array, sizes: readonly number[] = [65536], stopAfter = 1e9): Taken {
  const view = new DataView(new ArrayBuffer(40));
  const records: string[] = [];
  const bad: string[] = [];
  const paths: string[] = [];
  const reader = createLineReader({
    slot: {
      view,
      record: 0,
      commit(truthS) {
        const times = [8, 16, 24, 32].map((at) => view.getBigInt64(at, true));
        records.push([paths[view.getUint32(0, true)], ...times, truthS].join(' '));
        assert.is(view.getUint32(4, true), 0);
      },
    },
    openPath(key) {
      if (!paths.includes(key)) paths.push(key);
      return paths.indexOf(key);
    },
    onBadLine(line, reason) {
      bad.push(`${line}: ${reason}`);
      return bad.length < stopAfter;
    },
  });
  let at = 0;
  for (let n = 0; at < bytes.length; n++) {
    const size = sizes[Math.min(n, sizes.length - 1)] ?? 1;
    reader.push(bytes.subarray(at, at + size));
    at += size;
  }
  reader.end();
  return { records, bad };
}

const EXCHANGE = {
  path: KEYS[0],
  localSend: '1763600000000000000',
  remoteReceive: '1763600000250000001',
  remoteSend: '1763600000250020002',
  localReceive: '1763600000010000003',
};
const RECORD = `${KEYS[0]} 1763600000000000000 1763600000250000001 1763600000250020002 1763600000010000003`;
const line = (more: object = {}): string => JSON.stringify({ ...EXCHANGE, ...more });

test('the issue’s own example lines are read: header, exchange, truth', () => {
  const text = [
    '{"clockbraid":"recording","version":1}',
    '{"path":"192.0.2.1|198.51.100.7","localSend":"1763600000000000000","remoteReceive":' +
      '"1763600000250000001","remoteSend":"1763600000250020002","localReceive":' +
      '"1763600000010000003","truth":-1.25e-6}',
    line(),
  ].join('\n');
  const { records, bad } = read(utf8(text));
  assert.equal(records, [`${RECORD} -0.00000125`, `${RECORD} NaN`]);
  assert.equal(bad, []);
});

test('CR LF, empty lines, a byte order mark and a missing last newline are fine', () => {
  const text = `\uFEFF\r\n\n  \t\r\n${line()}\r\n\r\n ${line({ truth: 1 })} \r\n${line()}`;
  const wanted = [`${RECORD} NaN`, `${RECORD} 1`, `${RECORD} NaN`];
  for (const bom of ['', '\uFEFF']) {
    const { records, bad } = read(utf8(bom === '' ? text.slice(1) : text));
    assert.equal(bad, []);
    assert.equal(records, wanted);
  }
  assert.equal(read(utf8(`\uFEFF${line()}`)).records, [`${RECORD} NaN`]);
  // only the start of the file may have one
  assert.equal(read(utf8(`${line()}\n\uFEFF${line()}`)).bad, ['2: not valid JSON']);
});

test('each bad line is named by its number and a clear reason; all others are read', () => {
  const decimal = 'whole nanoseconds as a decimal string';
  const cases: [string, string | null][] = [
    [line(), null],
    ['{', 'not valid JSON'],
    [line().slice(0, -1), 'not valid JSON'],
    [`${line()},`, 'not valid JSON'],
    ['[1]', 'expected an object, got an array'],
    ['null', 'expected an object, got null'],
    ['"text"', 'expected an object, got "text"'],
    ['{}', '"path" expected "remote|local", got nothing'],
    [line({ path: 7 }), '"path" expected "remote|local", got 7'],
    [line({ path: 'a' }), '"path" expected "remote|local" of at most 128 characters, got "a"'],
    [line({ path: '|a' }), '"path" expected "remote|local" of at most 128 characters, got "|a"'],
    [line({ path: 'a|' }), '"path" expected "remote|local" of at most 128 characters, got "a|"'],
    [
      line({ path: 'a|b|c' }),
      '"path" expected "remote|local" of at most 128 characters, got "a|b|c"',
    ],
    [
      line({ path: `${'a'.repeat(127)}|b` }),
      `"path" expected "remote|local" of at most 128 characters, got "${'a'.repeat(40)}…"`,
    ],
    [line({ localSend: 1763600000000 }), `"localSend" expected ${decimal}, got 1763600000000`],
    [line({ remoteSend: undefined }), `"remoteSend" expected ${decimal}, got nothing`],
    [line({ remoteReceive: '1.5' }), `"remoteReceive" expected ${decimal}, got "1.5"`],
    [line({ localReceive: '' }), `"localReceive" expected ${decimal}, got ""`],
    [line({ localReceive: '+1' }), `"localReceive" expected ${decimal}, got "+1"`],
    [
      line({ localReceive: '9223372036854775808' }),
      '"localReceive" expected a number of at most 63 bits, got "9223372036854775808"',
    ],
    [
      line({ localSend: '9'.repeat(60) }),
      `"localSend" expected a number of at most 63 bits, got "${'9'.repeat(40)}…"`,
    ],
    [line({ truth: '1e-6' }), '"truth" expected a finite number of seconds, got "1e-6"'],
    [
      line({ truth: 1 }).replace(/1}$/, '1e999}'),
      '"truth" expected a finite number of seconds, got Infinity',
    ],
    [
      line({ kind: 'forward' }),
      '"send" expected whole nanoseconds as a decimal string, got nothing',
    ],
    [
      '{"path":"a|b","kind":"reverse","send":"1"}',
      '"receive" expected whole nanoseconds as a decimal string, got nothing',
    ],
    [
      '{"path":"a|b","kind":"reverse","send":"1","receive":"2","correction":0}',
      '"correction" expected whole 2^-16 ns as a decimal string, got 0',
    ],
    ['{"clockbraid":"recording","version":2}', 'recording version 2 is not supported, only 1 is'],
    ['{"clockbraid":"page","version":1}', 'not a clockbraid recording'],
    ['\u0000', 'not valid JSON'],
    [line(), null],
  ];
  const { records, bad } = read(utf8(cases.map(([text]) => text).join('\n')));
  const wanted = cases.flatMap(([, reason], k) => (reason === null ? [] : [`${k + 1}: ${reason}`]));
  assert.equal(bad, wanted);
  assert.equal(records, [`${RECORD} NaN`, `${RECORD} NaN`]);
});

test('bytes that are not UTF-8 make a bad line, wherever they are', () => {
  for (const hurt of [{ path: '!|b' }, { note: '!' }, { '!': 1 }]) {
    const bytes = utf8([line(), line(hurt), line()].join('\n'));
    bytes[bytes.indexOf(0x21)] = 0xff;
    const { records, bad } = read(bytes);
    assert.equal(bad, ['2: not valid UTF-8']);
    assert.equal(records, [`${RECORD} NaN`, `${RECORD} NaN`]);
  }
});

test('unknown fields are ignored, whatever they hold; of a repeated field the last one counts', () => {
  const extra = { note: 'a "quoted" é', list: [1, { x: null }], stratum: 2, kind: 'exchange' };
  assert.equal(read(utf8(line(extra))).records, [`${RECORD} NaN`]);
  const twice = `{"localSend":"5",${line().slice(1)}`;
  assert.equal(read(utf8(twice)).records, [`${RECORD} NaN`]);
  assert.equal(read(utf8(line({ truth: null }))).records, [`${RECORD} NaN`]);
});

test('an address in another spelling is the same path; escapes are understood', () => {
  const long = line({ path: '2001:0DB8:0::1|2001:db8::7' });
  const escaped = line({ path: KEYS[2] }).replace('2001', '\\u0032001');
  const { records } = read(utf8([line({ path: KEYS[2] }), long, long, escaped].join('\n')));
  assert.equal(new Set(records.map((record) => record.split(' ')[0])), new Set([KEYS[2]]));
  assert.is(records.length, 4);
});

test('a path may be one of several ports of a pair; its addresses are spelled alike, too', () => {
  const of = (path: string) => read(utf8(line({ path }))).records[0]?.split(' ')[0];
  assert.is(of('192.0.2.1|198.51.100.7#40001'), '192.0.2.1|198.51.100.7#40001');
  assert.is(of('2001:0DB8:0::1|2001:db8::0:7#123'), '2001:db8::1|2001:db8::7#123');
  for (const odd of ['2001:db8::0:7#', '2001:db8::0:7#0', '2001:db8::0:7#1#2', 'x#y']) {
    assert.is(of(`192.0.2.1|${odd}`), `192.0.2.1|${odd}`); // somebody else's, as it is
  }
});

test('a line of 65536 bytes is read, a longer one is bad, wherever the pieces end', () => {
  const padded = (length: number) => {
    const empty = line({ note: '' });
    return line({ note: 'x'.repeat(length - empty.length) });
  };
  const text = [padded(65536), padded(65537), line(), padded(200000), padded(65536)].join('\n');
  for (const sizes of [[1 << 20], [65536], [1000], [65537, 3]]) {
    const { records, bad } = read(utf8(text), sizes);
    assert.is(records.length, 3);
    assert.equal(bad, ['2: line longer than 65536 bytes', '4: line longer than 65536 bytes']);
  }
  // an endless line without a newline, too
  assert.equal(read(utf8('x'.repeat(300000)), [777]).bad, ['1: line longer than 65536 bytes']);
});

test('split anywhere, the same records and the same bad lines come out', () => {
  const random = seeded(31);
  const lines = Array.from({ length: 60 }, (_, k) => {
    if (k % 7 === 3) return '{"broken":';
    if (k % 11 === 5) return '';
    return line({ path: KEYS[k % 3], truth: random() - 0.5, localSend: String(k) });
  });
  const bytes = utf8(`\uFEFF${lines.join('\r\n')}`);
  const whole = read(bytes);
  assert.ok(whole.records.length > 40 && whole.bad.length > 5);
  assert.equal(read(bytes, [1]), whole);
  for (let round = 0; round < 60; round++) {
    const sizes = Array.from({ length: 2000 }, () => below(random, 2 + 10 * round));
    assert.equal(read(bytes, [...sizes, 1 << 20]), whole);
  }
});

test('damaged lines: no throw, and every line is read, reported or empty', () => {
  const random = seeded(32);
  const bytes = utf8([line(), line({ truth: 1.5 }), line({ path: KEYS[1] })].join('\n'));
  for (let round = 0; round < 5000; round++) {
    const hurt = bytes.slice();
    for (let n = 1 + below(random, 3); n > 0; n--)
      hurt[below(random, hurt.length)] = below(random, 256);
    const { records, bad } = read(hurt, [1 + below(random, 400)]);
    const full = hurt.filter((byte) => byte === 0x0a).length + 1;
    assert.ok(records.length + bad.length <= full);
    assert.ok(records.length + bad.length >= Math.min(full, 3) - 1);
  }
});

test('reading stops where it is told to', () => {
  const { records, bad } = read(utf8(['x', line(), 'y'].join('\n')), [1 << 20], 1);
  assert.equal(bad, ['1: not valid JSON']);
  assert.equal(records, []);
});

test('the form of a file is told from its first byte', () => {
  assert.is(detectForm(utf8('{"clockbraid":')), 'jsonlines');
  assert.is(detectForm(utf8('\uFEFF{}')), 'jsonlines');
  assert.is(detectForm(utf8('\n')), 'jsonlines');
  assert.is(detectForm(Uint8Array.of(0x86, 0xaa)), 'msgpack');
  assert.is(detectForm(Uint8Array.of(0xde, 0x00)), 'msgpack');
  assert.is(detectForm(new Uint8Array(0)), 'jsonlines');
});

test('a replay reports file and line and goes on', async () => {
  const { list, onBadLine } = complaints();
  const text = `${line()}\nnot json\n${line({ localReceive: '1763600001010000003' })}`;
  const summary = await replay(pieces(utf8(text), [10]), {
    fileName: 'a.jsonl',
    cores: [createCore()],
    onBadLine,
  });
  assert.equal(list, ['a.jsonl:2 not valid JSON']);
  assert.is(summary.exchanges, 2);
  assert.is(summary.badLines, 1);
});

test.run();

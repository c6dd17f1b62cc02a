import { Unpackr } from 'msgpackr/unpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { BLOCK_EXCHANGES, RECORD_BYTES } from '../../src/recording/blocks.ts';
import { readRecording } from '../../src/recording/reader.ts';
import { createRecordingWriter } from '../../src/recording/writer.ts';
import { type Random, seeded } from '../sim/random.ts';
import { below, HEADER, joined, KEYS, pieces } from './rig.ts';

const test = suite('recording');

function randomRecord(random: Random): Uint8Array {
  const record = Uint8Array.from({ length: RECORD_BYTES }, () => below(random, 256));
  record.set([0, 0, 0, 0, 1, 0, 0, 0]); // path is the writer's, kind NTP
  return record;
}

interface Seen {
  log: string[];
  records: Uint8Array[];
  truths: number[];
  problems: string[];
}

/** Everything a recording says, in order. */
async function seen(bytes: Uint8Array, sizes?: readonly number[]): Promise<Seen> {
  const all: Seen = { log: [], records: [], truths: [], problems: [] };
  await readRecording(pieces(bytes, sizes), {
    onHeader: (header) => all.log.push(JSON.stringify(header)),
    onPath: (path, key) => all.log.push(`open ${path} ${key}`),
    onPathClosed: (path) => all.log.push(`close ${path}`),
    onEvent: (event) => all.log.push(JSON.stringify(event)),
    onExchanges(records, truth) {
      all.log.push(`exchanges ${records.length / RECORD_BYTES}`);
      all.records.push(records.slice());
      const count = records.length / RECORD_BYTES;
      for (let k = 0; k < count; k++) {
        all.truths.push(truth === null ? Number.NaN : truth.getFloat64(k * 8, true));
      }
    },
    onProblem: ({ block, reason }) => all.problems.push(`${block}: ${reason}`),
  });
  return all;
}

/** A short recording with every kind of block, and where each block ends. */
function small(): { bytes: Uint8Array; ends: number[]; records: Uint8Array[] } {
  const random = seeded(7);
  const writer = createRecordingWriter(HEADER);
  const parts: Uint8Array[] = [];
  const ends: number[] = [];
  let length = 0;
  const cut = () => {
    const part = writer.flush();
    parts.push(part);
    length += part.length;
    ends.push(length);
  };
  cut();
  for (const key of KEYS) {
    writer.openPath(key);
    cut();
  }
  const records: Uint8Array[] = [];
  const add = (path: number, truthS?: number) => {
    const record = randomRecord(random);
    writer.exchange(KEYS[path] ?? '', record, truthS);
    record[0] = path;
    records.push(record);
  };
  add(0);
  add(2);
  cut();
  writer.event({ event: 'clock-step', seconds: 1_763_600_001, ns: 5, byS: -1.5 });
  cut();
  add(1, 1.25e-6);
  add(1);
  cut();
  const path = KEYS[1] ?? '';
  writer.event({ event: 'path', seconds: 1, ns: 2, path, what: 'unreachable', reason: 'no reply' });
  cut();
  writer.event({ event: 'note', seconds: -1, ns: 999_999_999, text: 'größer' });
  cut();
  writer.closePath(KEYS[0] ?? '');
  cut();
  return { bytes: joined(...parts), ends, records };
}

test('a recording comes back in order, its core records byte for byte', async () => {
  const { bytes, records } = small();
  const all = await seen(bytes);
  assert.equal(all.log, [
    JSON.stringify(HEADER),
    `open 0 ${KEYS[0]}`,
    `open 1 ${KEYS[1]}`,
    `open 2 ${KEYS[2]}`,
    'exchanges 2',
    '{"event":"clock-step","seconds":1763600001,"ns":5,"byS":-1.5}',
    'exchanges 2',
    `{"event":"path","seconds":1,"ns":2,"path":"${KEYS[1]}","what":"unreachable","reason":"no reply"}`,
    '{"event":"note","seconds":-1,"ns":999999999,"text":"größer"}',
    'close 0',
  ]);
  assert.equal(joined(...all.records), joined(...records));
  assert.equal(all.truths, [Number.NaN, Number.NaN, 1.25e-6, Number.NaN]);
  assert.equal(all.problems, []);
});

test('a block is full at 2048 exchanges and nothing is lost at its edge', async () => {
  const random = seeded(8);
  for (const count of [BLOCK_EXCHANGES - 1, BLOCK_EXCHANGES, BLOCK_EXCHANGES + 1]) {
    const writer = createRecordingWriter(HEADER);
    const records: Uint8Array[] = [];
    for (let k = 0; k < count; k++) {
      const record = randomRecord(random);
      records.push(record);
      writer.exchange(KEYS[0] ?? '', record, k);
    }
    assert.ok(writer.pendingBytes >= count * RECORD_BYTES);
    const all = await seen(writer.flush());
    assert.is(writer.pendingBytes, 0);
    assert.is(writer.flush().length, 0);
    assert.equal(all.truths, [...Array(count).keys()]);
    const both = new Uint8Array(count * RECORD_BYTES);
    let at = 0;
    for (const block of all.records) {
      both.set(block, at);
      at += block.length;
    }
    assert.is(at, both.length);
    for (const [k, record] of records.entries()) {
      assert.equal(both.subarray(k * RECORD_BYTES, (k + 1) * RECORD_BYTES), record);
    }
  }
});

test('what a flush gave stays as it is when more is written', () => {
  const writer = createRecordingWriter(HEADER);
  const random = seeded(9);
  const first = writer.flush();
  const copy = first.slice();
  for (let k = 0; k < 5000; k++) writer.exchange(KEYS[k % 3] ?? '', randomRecord(random));
  writer.flush();
  assert.equal(first, copy);
});

test('cut off at any byte, all whole blocks are used and the cut is reported once', async () => {
  const { bytes, ends } = small();
  const whole = await seen(bytes);
  for (let cut = 1; cut < bytes.length; cut++) {
    const blocks = ends.filter((end) => end <= cut).length;
    const all = await seen(bytes.slice(0, cut));
    assert.equal(all.log, whole.log.slice(0, blocks), `cut at ${cut}`);
    if (ends.includes(cut)) assert.equal(all.problems, []);
    else {
      const inside = cut - (ends[blocks - 1] ?? 0);
      assert.equal(all.problems, [
        `${blocks + 1}: the recording ends inside a block, after ${inside} bytes of it; ` +
          'all before it was used',
      ]);
    }
  }
  const nothing = await seen(new Uint8Array(0));
  assert.equal(nothing.problems, ['1: not a clockbraid recording: it is empty']);
});

test('pieces of any size give the same recording', async () => {
  const { bytes } = small();
  const whole = await seen(bytes);
  for (let size = 1; size <= bytes.length; size++) assert.equal(await seen(bytes, [size]), whole);
  const random = seeded(10);
  for (let round = 0; round < 50; round++) {
    const sizes = Array.from({ length: 200 }, () => below(random, 40));
    assert.equal(await seen(bytes, [...sizes, 1000]), whole);
  }
});

test('any MessagePack reader understands it: plain maps, one after another', () => {
  const { bytes, records } = small();
  const values: unknown[] = new Unpackr({ useRecords: false }).unpackMultiple(bytes) as unknown[];
  assert.equal(values[0], { clockbraid: 'recording', version: 1, ...HEADER });
  assert.equal(values[1], { path: 0, key: KEYS[0] });
  const block = values[4] as { exchanges: Uint8Array };
  assert.equal(Object.keys(block), ['exchanges']); // no truth was told
  assert.equal(Uint8Array.from(block.exchanges), joined(...records.slice(0, 2)));
});

test('other versions and other files are refused with a reason', async () => {
  // fixmap of 1: {"a": 1}; then the header of version 2
  const other = await seen(Uint8Array.of(0x81, 0xa1, 0x61, 0x01));
  assert.equal(other.problems, ['1: not a clockbraid recording; the rest is not read']);
  const { bytes } = small();
  const two = bytes.slice();
  const at = [...two].findIndex((byte, k) => byte === 1 && two[k - 1] === 0x6e); // "version"
  two[at] = 2;
  const all = await seen(two);
  assert.equal(all.log, []);
  assert.match(all.problems[0] ?? '', /^1: recording version 2 is not supported, only 1 is/);
  assert.is(all.problems.length, 1);
});

test('a block that claims gigabytes is given up at the limit, not waited for', async () => {
  const head = createRecordingWriter(HEADER).flush();
  const claim = Uint8Array.of(0x81, 0xa9, ...new TextEncoder().encode('exchanges'), 0xc6);
  const size = Uint8Array.of(0xff, 0xff, 0xff, 0xf0);
  let given = 0;
  const problems: string[] = [];
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield joined(head, claim, size);
    for (; given < 64; given++) yield new Uint8Array(1 << 20);
  }
  await readRecording(endless(), { onProblem: ({ reason }) => problems.push(reason) });
  assert.equal(problems, ['block over 4194304 bytes; the rest is not read']);
});

test('a broken block is reported, maps and fields from the future are not', async () => {
  const head = createRecordingWriter(HEADER).flush();
  const good = Uint8Array.of(0x82, 0xa4, 0x70, 0x61, 0x74, 0x68, 5, 0xa3, 0x6b, 0x65, 0x79, 0xa3);
  const future = Uint8Array.of(0x81, 0xa1, 0x78, 0x90);
  const all = await seen(joined(head, future, good, new TextEncoder().encode('a|b')));
  assert.equal(all.log.slice(1), ['open 5 a|b']);
  assert.equal(all.problems, []);
  // no map; a map with an extension nobody defined
  for (const bytes of [
    [0xc1, 0x00],
    [0x81, 0xa1, 0x61, 0xd4, 0x05, 0x00],
  ]) {
    const broken = await seen(joined(head, Uint8Array.from(bytes), good));
    assert.equal(broken.problems, ['2: damaged block; the rest is not read']);
  }
});

test('a thousand damaged recordings: no throw, and never more exchanges than bytes for them', async () => {
  const { bytes } = small();
  const random = seeded(11);
  for (let round = 0; round < 1000; round++) {
    const hurt = bytes.slice();
    for (let n = 1 + below(random, 4); n > 0; n--)
      hurt[below(random, hurt.length)] = below(random, 256);
    const all = await seen(hurt, [1 + below(random, 300)]);
    assert.ok(all.truths.length * RECORD_BYTES <= bytes.length);
  }
});

test('a record of another size is the caller’s mistake', () => {
  const writer = createRecordingWriter(HEADER);
  assert.throws(
    () => writer.exchange(KEYS[0] ?? '', new Uint8Array(48)),
    (error: unknown) => error instanceof ConfigError && /40 bytes/.test(error.message),
  );
});

test('a path that was closed and opened again gets a new number', async () => {
  const writer = createRecordingWriter(HEADER);
  writer.openPath('a|b');
  writer.openPath('a|b');
  writer.closePath('a|b');
  writer.closePath('a|b');
  writer.openPath('a|b');
  const { log } = await seen(writer.flush());
  assert.equal(log.slice(1), ['open 0 a|b', 'close 0', 'open 1 a|b']);
});

test.run();

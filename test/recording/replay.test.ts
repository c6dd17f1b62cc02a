import { Packr } from 'msgpackr/pack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type Core, createCore } from '../../src/core.ts';
import { ConfigError } from '../../src/errors.ts';
import { toJsonLines } from '../../src/recording/jsonout.ts';
import { createReplay, type ReplayResult, replay } from '../../src/recording/replay.ts';
import { createRecordingWriter, type RecordingWriter } from '../../src/recording/writer.ts';
import { seeded } from '../sim/random.ts';
import {
  below,
  complaints,
  exchanges,
  HEADER,
  joined,
  KEYS,
  pieces,
  snapshot,
  utf8,
} from './rig.ts';

const test = suite('replay');

/** A live run of `core`, written down as it goes. */
function live(
  core: Core,
  count: number,
  writer: RecordingWriter,
  seed = 41,
  withTruth = false,
): void {
  for (const key of KEYS) {
    core.openPath();
    writer.openPath(key);
  }
  for (const wire of exchanges(seeded(seed), KEYS.length, count)) {
    const { path, packet, localSendNs, localReceiveNs, truthS } = wire;
    core.ntpExchange(path, packet, HEADER.epochS, localSendNs, localReceiveNs);
    writer.exchange(KEYS[path] ?? '', core.lastRecord(), withTruth ? truthS : undefined);
  }
}

const exchangeText = (path: string, sendNs: number, more = ''): string =>
  `{"path":"${path}","localSend":"${sendNs}","remoteReceive":"${sendNs + 5e6}","remoteSend":"${
    sendNs + 5e6
  }","localReceive":"${sendNs + 1e7}"${more}}\n`;

test('live equals replay, bit for bit, in every combiner', async () => {
  for (const combiner of COMBINERS) {
    const core = createCore({ combiner });
    const writer = createRecordingWriter(HEADER);
    live(core, 3000, writer);
    const again = createCore({ combiner });
    const summary = await replay(pieces(writer.flush(), [1000, 3, 5000]), {
      fileName: 'x',
      cores: [again],
    });
    assert.is(summary.exchanges, 3000);
    assert.equal(snapshot(again), snapshot(core), combiner);
    const clock = core.clock();
    assert.ok(clock !== null && Math.abs(clock.offsetS - 0.27) < 1e-3, String(clock?.offsetS));
  }
});

test('paths that close and others that open in their place are replayed alike', async () => {
  const core = createCore();
  const writer = createRecordingWriter(HEADER);
  live(core, 90, writer);
  core.closePath(1);
  writer.closePath(KEYS[1] ?? '');
  const index = core.openPath();
  assert.is(index, 1);
  writer.openPath('203.0.113.9|198.51.100.7');
  for (const wire of exchanges(seeded(5), 3, 300)) {
    const { path, packet, localSendNs, localReceiveNs } = wire;
    const shift = 30e9;
    core.ntpExchange(path, packet, HEADER.epochS, localSendNs + shift, localReceiveNs + shift);
    const key = path === 1 ? '203.0.113.9|198.51.100.7' : (KEYS[path] ?? '');
    writer.exchange(key, core.lastRecord());
  }
  const again = createCore();
  const summary = await replay(pieces(writer.flush()), { fileName: 'x', cores: [again] });
  assert.equal(snapshot(again), snapshot(core));
  assert.is(summary.paths, 4);
});

test('several cores get what each alone gets', async () => {
  const writer = createRecordingWriter(HEADER);
  live(createCore(), 2500, writer, 42, true);
  const bytes = writer.flush();
  const [first, ...rest] = COMBINERS.map((combiner) => createCore({ combiner }));
  if (first === undefined) return;
  const together = await replay(pieces(bytes), { fileName: 'x', cores: [first, ...rest] });
  for (const [k, core] of [first, ...rest].entries()) {
    const alone = createCore({ combiner: core.combiner });
    const summary = await replay(pieces(bytes), { fileName: 'x', cores: [alone] });
    assert.equal(snapshot(core), snapshot(alone), core.combiner);
    assert.equal(together.combiners[k], summary.combiners[0]);
  }
});

test('where the bytes are split changes nothing, in either form', async () => {
  const writer = createRecordingWriter(HEADER);
  live(createCore(), 2300, writer, 43, true);
  const binary = writer.flush();
  const lines: string[] = [];
  for await (const line of toJsonLines(pieces(binary, [999]))) lines.push(`${line}\n`);
  const random = seeded(44);
  for (const bytes of [binary, utf8(lines.join(''))]) {
    const results: string[] = [];
    for (const sizes of [[1 << 22], [1], [4096], 'random' as const]) {
      const core = createCore();
      const seen: string[] = [];
      const given =
        sizes === 'random' ? Array.from({ length: 99 }, () => below(random, 9999)) : sizes;
      const summary = await replay(pieces(bytes, [...given]), {
        fileName: 'x',
        cores: [core],
        onResult: (result) => seen.push(JSON.stringify(result)),
      });
      assert.is(seen.length, 2300);
      results.push(JSON.stringify([seen, summary, [...snapshot(core)]]));
    }
    assert.is(new Set(results).size, 1);
  }
});

test('a recording converted to JSON Lines replays to the same clock within the rounding', async () => {
  const core = createCore();
  const writer = createRecordingWriter(HEADER);
  live(core, 900, writer, 45, true);
  let text = '';
  for await (const line of toJsonLines(pieces(writer.flush()))) text += `${line}\n`;
  const again = createCore();
  const summary = await replay(pieces(utf8(text)), { fileName: 'x', cores: [again] });
  assert.is(summary.exchanges, 900);
  const [a, b] = [core.clock(), again.clock()];
  assert.ok(a !== null && b !== null && Math.abs(a.offsetS - b.offsetS) < 2e-9);
});

test('the 257th path is refused with its name, counted, and the others go on', async () => {
  const at = (k: number) => `192.0.${2 + (k >> 8)}.${k & 255}|198.51.100.1`;
  let text = '';
  for (let k = 0; k < 258; k++) text += exchangeText(at(k), k * 1e8);
  text += exchangeText(at(256), 27e9) + exchangeText(at(0), 28e9);
  const { list, onBadLine } = complaints();
  const core = createCore();
  const summary = await replay(pieces(utf8(text)), { fileName: 'a', cores: [core], onBadLine });
  assert.equal(list, [
    'a:257 more than 256 paths: no room for 192.0.3.0|198.51.100.1',
    'a:258 more than 256 paths: no room for 192.0.3.1|198.51.100.1',
    'a:259 more than 256 paths: no room for 192.0.3.0|198.51.100.1',
  ]);
  assert.is(summary.paths, 256);
  assert.is(summary.exchanges, 257);
  assert.is(summary.badLines, 3);

  const writer = createRecordingWriter(HEADER);
  for (let k = 0; k < 257; k++) writer.openPath(at(k));
  for (let k = 255; k < 257; k++) writer.exchange(at(k), core.lastRecord());
  const binary = complaints();
  const second = await replay(pieces(writer.flush()), {
    fileName: 'b',
    cores: [createCore()],
    onBadLine: binary.onBadLine,
  });
  assert.equal(binary.list, [
    'b:258 more than 256 paths: no room for 192.0.3.0|198.51.100.1',
    'b:259 more than 256 paths: no room for 192.0.3.0|198.51.100.1',
  ]);
  assert.is(second.exchanges, 1);
});

test('truth is scored after the settling time: rms, p95, max and coverage as computed here', async () => {
  const writer = createRecordingWriter(HEADER);
  live(createCore(), 3000, writer, 46, true);
  const truths = [...exchanges(seeded(46), 3, 3000)].map(({ truthS }) => truthS);
  const errors: number[] = [];
  let inside = 0;
  let first = Number.NaN;
  let index = 0;
  const summary = await replay(pieces(writer.flush()), {
    fileName: 'x',
    cores: [createCore()],
    settleS: 100,
    onResult(result) {
      const at = result.seconds + result.ns / 1e9;
      const truth = truths[index++] ?? Number.NaN;
      if (Number.isNaN(first)) first = at;
      if (at - first < 100 || !result.valid) return;
      errors.push(Math.abs(result.offsetS - truth));
      if (result.earliestS <= truth && truth <= result.latestS) inside++;
    },
  });
  const score = summary.combiners[0]?.truth;
  if (score === null || score === undefined) throw new Error('no score');
  errors.sort((a, b) => a - b);
  const squares = errors.reduce((sum, error) => sum + error * error, 0);
  assert.ok(errors.length > 2600 && errors.length < 2710, String(errors.length));
  assert.is(score.count, errors.length);
  assert.ok(Math.abs(score.rms / Math.sqrt(squares / errors.length) - 1) < 1e-12);
  const p95 = errors[Math.ceil(0.95 * errors.length) - 1] ?? 0;
  assert.ok(Math.abs(score.p95 / p95 - 1) < 0.004);
  assert.is(score.max, errors[errors.length - 1]);
  assert.is(score.inside, inside / errors.length);
});

test('a recording without truth has no score, one without a clock yet is not scored', async () => {
  const none = await replay(pieces(utf8(exchangeText('a|b', 0))), {
    fileName: 'x',
    cores: [createCore()],
  });
  assert.is(none.combiners[0]?.truth, null);
  assert.is(none.combiners[0]?.unscored, 0);
  // a reply received before it was sent is refused, so there is no clock to score
  const text =
    '{"path":"a|b","localSend":"9","remoteReceive":"5","remoteSend":"5","localReceive":"1"';
  const refused = await replay(pieces(utf8(`${text},"truth":0}`)), {
    fileName: 'x',
    cores: [createCore()],
  });
  const [tally] = refused.combiners;
  assert.is(tally?.truth, null);
  assert.is(tally?.unscored, 1);
  assert.is(tally?.refused, 1);
  assert.is(tally?.statuses.order, 1);
});

test('results carry exact times, the path and its state, and the status by name', async () => {
  const results: ReplayResult[] = [];
  const text =
    exchangeText('a|b', -1) + exchangeText('a|b', -1) + exchangeText('c|d', 1e9, ',"truth":1');
  const summary = await replay(pieces(utf8(text)), {
    fileName: 'x',
    cores: [createCore()],
    onResult: (result) => results.push(result),
  });
  assert.equal(
    results.map(({ path, seconds, ns, status }) => [path, seconds, ns, status]),
    [
      ['a|b', 0, 9_999_999, results[0]?.status],
      ['a|b', 0, 9_999_999, 'duplicate'],
      ['c|d', 1, 10_000_000, results[2]?.status],
    ],
  );
  assert.is(results[0]?.pathState, 'warming');
  assert.equal(summary.first, { high: 0, low: 9_999_999 });
  assert.is(summary.spanS, 1.000000001);
  const [tally] = summary.combiners;
  assert.is((tally?.used ?? 0) + (tally?.held ?? 0), 2);
  assert.is(tally?.statuses.duplicate, 1);
});

test('strict stops at the first bad line and says where', async () => {
  const text = `${exchangeText('a|b', 0)}oops\n${exchangeText('a|b', 1e9)}oops\n`;
  const { list, onBadLine } = complaints();
  const run = createReplay({ cores: [createCore()], strict: true, onBadLine });
  await run.read('a', pieces(utf8(text)));
  await run.read('b', pieces(utf8(exchangeText('a|b', 2e9))));
  const summary = run.summary();
  assert.equal(list, ['a:2 not valid JSON']);
  assert.equal(summary.stoppedAt, { file: 'a', line: 2, reason: 'not valid JSON' });
  assert.is(summary.exchanges, 1);
  assert.is(summary.files, 1);
});

test('files are replayed one after another into the same cores, whatever their form', async () => {
  const whole = createCore();
  const writer = createRecordingWriter(HEADER);
  live(whole, 600, writer, 47);
  const all = [...exchanges(seeded(47), 3, 600)];
  const parts = [0, 1].map((half) => {
    const part = createRecordingWriter(HEADER);
    for (const key of half === 0 ? KEYS : [...KEYS].reverse()) part.openPath(key);
    const core = createCore();
    for (let k = 0; k < 3; k++) core.openPath();
    for (const wire of all.slice(half * 300, half * 300 + 300)) {
      core.ntpExchange(
        wire.path,
        wire.packet,
        HEADER.epochS,
        wire.localSendNs,
        wire.localReceiveNs,
      );
      part.exchange(KEYS[wire.path] ?? '', core.lastRecord());
    }
    return part.flush();
  });
  const core = createCore();
  const run = createReplay({ cores: [core] });
  for (const [k, part] of parts.entries()) await run.read(`${k}`, pieces(part));
  await run.read('lines', pieces(utf8('')));
  assert.equal(snapshot(core), snapshot(whole));
  assert.is(run.summary().files, 3);
  assert.is(run.summary().paths, 3);
});

test('a cut recording is replayed up to the cut and the cut is a bad line', async () => {
  const writer = createRecordingWriter(HEADER);
  live(createCore(), 100, writer);
  const start = writer.flush();
  live(createCore(), 50, writer, 48);
  const bytes = joined(start, writer.flush().slice(0, -5));
  const { list, onBadLine } = complaints();
  const summary = await replay(pieces(bytes), { fileName: 'x', cores: [createCore()], onBadLine });
  assert.is(summary.exchanges, 100);
  assert.is(list.length, 1);
  assert.match(list[0] ?? '', /^x:6 the recording ends inside a block, after \d+ bytes of it/);
});

test('strange recordings: undeclared paths, unknown kinds and doubled paths are bad lines', async () => {
  const writer = createRecordingWriter(HEADER);
  const record = new Uint8Array(40);
  writer.exchange('a|b', record);
  record[4] = 9;
  writer.exchange('a|b', record);
  const bytes = writer.flush();
  const { list, onBadLine } = complaints();
  const summary = await replay(pieces(bytes), { fileName: 'x', cores: [createCore()], onBadLine });
  assert.equal(list, ['x:3 exchange of unknown kind 9']);
  assert.is(summary.exchanges, 1);
  // block 2 declares path 0; as path 3 it leaves the exchanges without one
  const at = bytes.findIndex((byte, k) => byte === 0 && bytes[k - 1] === 0x68); // "path", 0
  bytes[at] = 3;
  const other = complaints();
  await replay(pieces(bytes), { fileName: 'x', cores: [createCore()], onBadLine: other.onBadLine });
  assert.equal(other.list, ['x:3 path 0 was not declared', 'x:3 path 0 was not declared']);
});

test('a path declared under two numbers is closed under both', async () => {
  const packr = new Packr({ useRecords: false });
  const blocks = [
    { clockbraid: 'recording', version: 1 },
    { path: 0, key: 'a|b' },
    { path: 1, key: 'a|b' },
    { exchanges: new Uint8Array(40) },
    { path: 0, closed: true },
    { exchanges: Uint8Array.from({ length: 40 }, (_, k) => (k === 0 ? 1 : 0)) },
  ].map((block) => Uint8Array.from(packr.pack(block)));
  const { list, onBadLine } = complaints();
  const core = createCore();
  const summary = await replay(pieces(joined(...blocks)), {
    fileName: 'x',
    cores: [core],
    onBadLine,
  });
  assert.equal(list, ['x:6 path 1 was not declared']);
  assert.is(summary.exchanges, 1);
  assert.is(core.path(0).state, 'closed');
});

test('headers and events reach whoever asks', async () => {
  const writer = createRecordingWriter(HEADER);
  writer.event({ event: 'clock-step', seconds: 5, ns: 6, byS: 0.5 });
  const seen: unknown[] = [];
  await replay(pieces(writer.flush()), {
    fileName: 'x',
    cores: [createCore()],
    onHeader: (header) => seen.push(header),
    onEvent: (event) => seen.push(event),
  });
  assert.equal(seen, [HEADER, { event: 'clock-step', seconds: 5, ns: 6, byS: 0.5 }]);
});

test('a negative settling time is the caller’s mistake', () => {
  for (const settleS of [-1, Number.NaN]) {
    assert.throws(
      () => createReplay({ cores: [createCore()], settleS }),
      (error: unknown) => error instanceof ConfigError && error.field === 'settleS',
    );
  }
});

test('whose stamps they are is recorded: live equals replay, in both forms', async () => {
  const kinds = [undefined, 'user', 'kernel'] as const;
  for (const combiner of ['kalman', 'braid', 'weighted'] as const) {
    const live = createCore({ combiner });
    const writer = createRecordingWriter(HEADER);
    live.openPath();
    let n = 0;
    const random = seeded(7);
    for (const { packet, localSendNs, localReceiveNs } of exchanges(random, 1, 400)) {
      const [send, receive] = [kinds[n % 3], n % 5 === 0 ? 'user' : 'kernel'] as const;
      n++;
      live.ntpExchange(0, packet, HEADER.epochS, localSendNs, localReceiveNs, send, receive);
      writer.exchange(KEYS[0] ?? '', live.lastRecord());
    }
    const bytes = writer.flush();
    const again = createCore({ combiner });
    await replay(pieces(bytes), { cores: [again], fileName: 'x' });
    assert.equal(snapshot(again), snapshot(live), combiner);
    assert.ok(live.path(0).stamps.send.user > 100 && live.path(0).stamps.receive.user === 80);
    let lines = '';
    for await (const line of toJsonLines(pieces(bytes))) lines += `${line}\n`;
    assert.match(lines, '"sendStamp":"kernel","receiveStamp":"user"');
    const read = createCore({ combiner });
    await replay(pieces(utf8(lines)), { cores: [read], fileName: 'x' });
    assert.equal(read.path(0).stamps, live.path(0).stamps, 'JSON Lines tell it, too');
  }
});

test.run();

/** Events in replays and in recordings: told in place, kept, and never in a reader's way. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { type ClockEvent, createEventWatch } from '../../src/events.ts';
import { type RecordingEvent, recordedEvent } from '../../src/recording/blocks.ts';
import { eventLine, resultLine, toJsonLines } from '../../src/recording/jsonout.ts';
import { parseLine } from '../../src/recording/parse.ts';
import { readRecording } from '../../src/recording/reader.ts';
import { replay } from '../../src/recording/replay.ts';
import { createRecordingWriter } from '../../src/recording/writer.ts';
import { event, MS } from '../../src/sim/build.ts';
import { namedScenario } from '../../src/sim/named.ts';
import { recordingOf, simKey } from '../../src/sim/recording.ts';
import { traceOf } from '../../src/sim/trace.ts';
import { seeded } from '../sim/random.ts';
import { complaints, exchanges, HEADER, joined, KEYS, pieces, utf8 } from './rig.ts';

const test = suite('recorded events');

/** Path 1 is attacked for a while, then all is silent, then the clock steps. */
const SCENARIO = {
  ...namedScenario('A', 3),
  durationS: 1500,
  settleS: 0,
  events: [
    event('attack', [1], { byS: 5 * MS, fromS: 600, toS: 900 }),
    event('outage', [1, 2, 3], { direction: 'both', fromS: 1100, toS: 1200 }),
  ],
  clock: { ...namedScenario('A', 3).clock, steps: [{ atS: 1300, byS: 0.05 }] },
} as const;
const SEED = 31;

const binary = (): Uint8Array => joined(...recordingOf(SCENARIO, SEED));

async function jsonLines(bytes: Uint8Array): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of toJsonLines(pieces(bytes))) lines.push(line);
  return lines;
}

/** All that a replay prints, results and events, as `replay --json` does. */
async function printed(bytes: Uint8Array, sizes?: readonly number[]): Promise<string[]> {
  const lines: string[] = [];
  await replay(pieces(bytes, sizes), {
    fileName: 'x',
    cores: [createCore()],
    onResult: (result) => lines.push(resultLine(result)),
    onClockEvent: (told) => lines.push(eventLine(told)),
  });
  return lines;
}

const isEvent = (line: string): boolean => line.startsWith('{"event":');

test('a replay tells what happened: whom, when and why, in the order of the run', async () => {
  const events: ClockEvent[] = [];
  await replay(pieces(binary()), {
    fileName: 'x',
    cores: [createCore()],
    onClockEvent: (told) => events.push(told),
  });
  const said = events.map(({ type, atS }) => [type, Math.round(atS - 1_763_600_000)] as const);
  assert.equal(
    said.map(([type]) => type),
    ['suspicion', 'cleared', 'holdover', 'back', 'step'],
  );
  const near = [615, 1000, 1105, 1201, 1302];
  for (const [k, [type, s]] of said.entries()) {
    assert.ok(Math.abs(s - (near[k] ?? 0)) < 40, `${type} at ${s}`);
  }
  const [first] = events;
  assert.ok(first !== undefined && 'path' in first && first.path === simKey(1));
  assert.match(first.reason, /^offset shifts with its delay: \+[45]\.\d\dms on the way back since/);
});

test('event lines of replay --json: place and content do not depend on splits or form', async () => {
  const bytes = binary();
  const whole = await printed(bytes, [1 << 24]);
  const events = whole.filter(isEvent);
  assert.is(events.length, 5);
  for (const sizes of [[1], [4096], [77_777]]) {
    assert.equal(await printed(bytes, sizes), whole, `pieces of ${sizes}`);
  }
  const open = (await jsonLines(bytes)).join('\n');
  assert.equal(await printed(utf8(open), [9999]), whole);
  // each line stands right after the exchange that told it, or the first one after it was due
  for (const [k, line] of whole.entries()) {
    const { at, since, reason, event: type } = JSON.parse(line);
    assert.match(at, /^\d{19}$/);
    if (!isEvent(line)) continue;
    assert.ok(typeof reason === 'string' && typeof type === 'string');
    if (since !== undefined) assert.ok(BigInt(since) <= BigInt(at));
    const before = whole.slice(0, k).filter((other) => !isEvent(other));
    const { at: heard } = JSON.parse(before.at(-1) ?? '{}');
    assert.ok(Number(BigInt(heard) - BigInt(at)) > -1000, `${type} before its exchange`);
  }
});

test('without an ear for events a replay is the same', async () => {
  const results: string[] = [];
  const summary = await replay(pieces(binary()), {
    fileName: 'x',
    cores: [createCore()],
    onResult: (result) => results.push(resultLine(result)),
  });
  assert.equal(
    results,
    (await printed(binary())).filter((line) => !isEvent(line)),
  );
  assert.is(summary.badLines, 0);
});

const EVENTS: readonly ClockEvent[] = [
  {
    ...{ type: 'suspicion', atS: 1_763_600_005.25, path: simKey(1), state: 'quarantined' },
    ...{ sinceS: 1_763_600_001, reason: 'offset shifts with its delay' },
  },
  { type: 'majority-lost', atS: 1_763_600_006, reason: 'no majority to believe' },
  { type: 'holdover', atS: 1_763_600_007, reason: 'no path is heard' },
  { type: 'step', atS: 1_763_600_008.5, byS: -0.25, reason: 'the offset stepped' },
];

/** A recording with events between its exchanges. */
function withEvents(): { bytes: Uint8Array; plain: Uint8Array } {
  const [writer, plain] = [createRecordingWriter(HEADER), createRecordingWriter(HEADER)];
  const core = createCore();
  for (const key of KEYS) {
    core.openPath();
    writer.openPath(key);
    plain.openPath(key);
  }
  let n = 0;
  for (const wire of exchanges(seeded(6), KEYS.length, 60)) {
    const { path, packet, localSendNs, localReceiveNs } = wire;
    core.ntpExchange(path, packet, HEADER.epochS, localSendNs, localReceiveNs);
    writer.exchange(KEYS[path] ?? '', core.lastRecord());
    plain.exchange(KEYS[path] ?? '', core.lastRecord());
    const told = n++ % 10 === 5 ? EVENTS[(n / 10) | 0] : undefined;
    if (told !== undefined) writer.event(recordedEvent(told));
  }
  return { bytes: writer.flush(), plain: plain.flush() };
}

test('events a recording holds come back as they went in', async () => {
  const seen: RecordingEvent[] = [];
  await readRecording(pieces(withEvents().bytes, [13]), { onEvent: (one) => seen.push(one) });
  assert.equal(seen, EVENTS.map(recordedEvent));
  assert.equal(seen[0], {
    ...{ event: 'suspicion', seconds: 1_763_600_005, ns: 250_000_000 },
    ...{ reason: 'offset shifts with its delay', path: simKey(1), state: 'quarantined' },
    sinceS: 1_763_600_001,
  });
});

test('a reader that skips events gets the same exchanges, in both forms', async () => {
  const { bytes, plain } = withEvents();
  const lines = await jsonLines(bytes);
  assert.is(lines.filter(isEvent).length, EVENTS.length);
  assert.equal(
    lines.filter((line) => !isEvent(line)),
    await jsonLines(plain),
  );
  for (const form of [bytes, utf8(`${lines.join('\n')}\n`)]) {
    const { list, onBadLine } = complaints();
    const core = createCore();
    const summary = await replay(pieces(form), { fileName: 'x', cores: [core], onBadLine });
    assert.equal(list, []);
    assert.is(summary.exchanges, 60);
    assert.is(summary.badLines, 0);
  }
});

test('lines of events: what a line is decides on the exchange’s own fields', () => {
  assert.is(parseLine('{"event":"suspicion","at":"1","path":"a|b","reason":"x"}'), 'event');
  assert.is(parseLine('{"event":"of a kind nobody knows yet"}'), 'event');
  const times =
    '"localSend":"1","remoteReceive":"2","remoteSend":"3","localReceive":"4","path":"a|b"';
  const parsed = parseLine(`{"event":"x",${times}}`);
  assert.ok(parsed !== 'event' && parsed !== 'header' && !('reason' in parsed));
  const strange = parseLine('{"at":"1"}');
  assert.ok(typeof strange === 'object' && 'reason' in strange);
});

test('a live watch and a replay of its recording say the same', async () => {
  const trace = traceOf(SCENARIO, SEED);
  const core = createCore();
  const live: ClockEvent[] = [];
  const watch = createEventWatch((told) => live.push(told));
  for (let path = 0; path < trace.paths; path++) core.openPath();
  const input = new Uint8Array(core.records.buffer, core.records.byteOffset);
  let lastS = 0;
  for (let k = 0; k < trace.count; k++) {
    input.set(trace.records.subarray(k * core.recordBytes, (k + 1) * core.recordBytes));
    core.ingest(1);
    for (const verdict of core.takeVerdicts()) {
      watch.take(verdict, verdict.about === 'path' ? simKey(verdict.path + 1) : undefined);
      lastS = verdict.atS;
    }
  }
  watch.advance(lastS + 120);
  const replayed: ClockEvent[] = [];
  await replay(pieces(binary()), {
    fileName: 'x',
    cores: [createCore()],
    onClockEvent: (told) => replayed.push(told),
  });
  assert.equal(replayed, live);
});

test.run();

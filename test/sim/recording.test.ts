/** Simulated recordings: the same bytes for the same seed, and a replay scores the same run. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import type { RecordingEvent } from '../../src/recording/blocks.ts';
import { toJsonLines } from '../../src/recording/jsonout.ts';
import { type ReplaySummary, replay } from '../../src/recording/replay.ts';
import { namedScenario } from '../../src/sim/named.ts';
import { recordingOf } from '../../src/sim/recording.ts';
import { adjusted, type Scenario } from '../../src/sim/scenario.ts';
import { joined } from '../recording/rig.ts';
import { SCENARIOS } from './scenarios.ts';
import { score, simulate } from './world.ts';

const test = suite('sim recording');

const cut = (name: string, paths: number, durationS: number): Scenario =>
  adjusted(namedScenario(name, paths), { durationS });

async function* given(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function run(parts: Iterable<Uint8Array>, settleS: number) {
  const events: RecordingEvent[] = [];
  const summary: ReplaySummary = await replay(given(parts), {
    fileName: 'sim',
    cores: [createCore()],
    settleS,
    onEvent: (event) => events.push(event),
  });
  return { summary, events, truth: summary.combiners[0]?.truth };
}

test('the same seed gives the same bytes, another seed others', () => {
  const bytes = (seed: number) => joined(...recordingOf(cut('F', 3, 900), seed));
  assert.equal(bytes(1), bytes(1));
  assert.not.equal(bytes(1), bytes(2));
});

test('a replay of the recording scores what feeding the exchanges scores', async () => {
  const durationS = 4000;
  const { summary, truth, events } = await run(recordingOf(cut('A', 4, durationS), 3), 1000);
  assert.is(summary.exchanges, 16_000);
  assert.is(summary.badLines, 0);
  assert.is(summary.paths, 4);
  assert.equal(events, []);
  const made = SCENARIOS.A?.(4);
  if (made === undefined) return assert.unreachable('no scenario A');
  const world = { ...made, durationS };
  const direct = score(createCore(), 4, simulate(world, 3), 1000);
  // they settle at the same exchange but for the first one's flight
  assert.ok(Math.abs((truth?.rms ?? 0) / direct.rmsS - 1) < 1e-3, `${truth?.rms} ${direct.rmsS}`);
  assert.is(truth?.inside, direct.bounded);
});

test('as JSON Lines it replays to the same figures, bit for bit', async () => {
  const scenario = cut('D1', 2, 1500);
  const binary = await run(recordingOf(scenario, 4), 300);
  const lines: string[] = [];
  for await (const line of toJsonLines(given(recordingOf(scenario, 4)))) lines.push(line);
  const text = new TextEncoder().encode(`${lines.join('\n')}\n`);
  const open = await run([text], 300);
  assert.equal(open.truth, binary.truth);
  assert.is(open.summary.exchanges, binary.summary.exchanges);
});

test('events and clock steps become notes at their local time', async () => {
  const attack = await run(recordingOf(cut('D1', 2, 7300), 1), 0);
  assert.is(attack.events.length, 1);
  const [note] = attack.events;
  assert.is(note?.seconds, 1_763_600_000 + 7200);
  assert.is(note?.event === 'note' && note.text, 'attack on path 1, forward, by 0.01 s');
  const step = await run(recordingOf(cut('Step', 2, 7300), 1), 0);
  const [jump] = step.events;
  assert.is(jump?.event === 'note' && jump.text, 'the local clock jumps by 0.05 s');
});

test.run();

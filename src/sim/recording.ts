/** A scenario as a recording with truth, as if somebody had lived through it. */
import { type PathKey, pathKey } from '../path.ts';
import { RECORD_BYTES } from '../recording/blocks.ts';
import { createRecordingWriter } from '../recording/writer.ts';
import { worldOf } from './compile.ts';
import { eventText } from './events.ts';
import { measurementsOf, putMeasurement } from './oneway.ts';
import type { Scenario } from './scenario.ts';
import { EPOCH_S, EPOCH_TEXT } from './world.ts';

const PIECE_BYTES = 1 << 16;

/** Path `n` (from 1) is 192.0.2.n from 198.51.100.1, of the blocks for documents (RFC 5737). */
export const simKey = (n: number): PathKey => pathKey(`192.0.2.${n}`, '198.51.100.1');

/**
 * Bytes of the recording, piece by piece; the same seed, the same bytes. Events become notes
 * before the first exchange after they began.
 */
export function* recordingOf(scenario: Scenario, seed: number): Generator<Uint8Array> {
  const writer = createRecordingWriter({
    created: EPOCH_TEXT,
    runtime: `simulated: ${scenario.name}, ${scenario.paths.length} paths, seed ${seed}`,
    combiner: '',
    epochS: EPOCH_S,
  });
  const keys = scenario.paths.map((_, index) => simKey(index + 1));
  for (const key of keys) writer.openPath(key);
  const notes = notesOf(scenario);
  const record = new Uint8Array(RECORD_BYTES);
  const view = new DataView(record.buffer);
  for (const block of measurementsOf(worldOf(scenario), seed)) {
    for (const measurement of block) {
      for (let note = notes[0]; note !== undefined && note.atS <= measurement.at; note = notes[0]) {
        notes.shift();
        const ns = Math.floor((note.atS - measurement.truth) * 1e9);
        const seconds = Math.floor(ns / 1e9);
        writer.event({
          ...{ event: 'note', text: note.text },
          ...{ seconds: EPOCH_S + seconds, ns: ns - seconds * 1e9 },
        });
      }
      putMeasurement(view, 0, measurement);
      writer.exchange(keys[measurement.path] ?? simKey(0), record, measurement.truth);
    }
    if (writer.pendingBytes >= PIECE_BYTES) yield writer.flush();
  }
  const rest = writer.flush();
  if (rest.length > 0) yield rest;
}

interface Note {
  readonly atS: number;
  readonly text: string;
}

function notesOf({ events, clock }: Scenario): Note[] {
  return [
    ...events.map((event) => ({ atS: event.fromS, text: eventText(event) })),
    ...clock.steps.map(({ atS, byS }) => ({ atS, text: `the local clock jumps by ${byS} s` })),
  ].sort((a, b) => a.atS - b.atS);
}

/** A recording of a running client, in a file: what it hears is written about once a second. */
import process from 'node:process';
import type { ClientEvents } from '../client.ts';
import type { CombinerName } from '../core.ts';
import { recordedEvent } from '../recording/blocks.ts';
import { createRecordingWriter, type RecordingWriter } from '../recording/writer.ts';
import type { Host } from '../udp/udp.ts';
import type { Stamp } from '../units.ts';
import { fileSink, type Sink } from './files.ts';

export interface RecordingFile {
  /** Hand these to the client. */
  readonly events: ClientEvents;
  close(): Promise<void>;
}

const FLUSH_MS = 1000;
const FLUSH_BYTES = 65536;

/**
 * Creates the file (an existing one is replaced) and starts the recording in it.
 * @param truth true offset (remote − local, s) at a local reading, where somebody knows it
 */
export async function createRecordingFile(
  name: string,
  host: Host,
  combiner: CombinerName,
  truth?: (at: Stamp) => number | undefined,
): Promise<RecordingFile> {
  const sink: Sink = await fileSink(name);
  const { epochS } = host.clock;
  const writer: RecordingWriter = createRecordingWriter({
    created: new Date().toISOString(),
    runtime: runtimeName(),
    combiner,
    epochS,
  });
  const flush = () => {
    const bytes = writer.flush();
    if (bytes.length > 0) sink.write(bytes);
  };
  flush();
  let cancel = host.setTimer(tick, FLUSH_MS);
  function tick(): void {
    flush();
    cancel = host.setTimer(tick, FLUSH_MS);
  }
  const now = () => {
    const ns = host.clock.now();
    const carry = Math.floor(ns / 1e9);
    return { seconds: epochS + carry, ns: Math.floor(ns - carry * 1e9) };
  };
  return {
    events: {
      onOpen(paths) {
        for (const path of paths) writer.openPath(path);
      },
      onSample(sample, ensemble) {
        const [core] = ensemble.cores;
        if (core === undefined) return;
        writer.exchange(sample.path, core.lastRecord(), truth?.(sample.atNs));
        if (writer.pendingBytes > FLUSH_BYTES) flush();
      },
      onPath({ path, event, reason }) {
        // paths of a PTP slave come and go with its masters
        if (event === 'added') writer.openPath(path);
        writer.event({ event: 'path', ...now(), path, what: event, reason });
        if (event === 'removed') writer.closePath(path);
      },
      onClockStep: (byS) => writer.event({ event: 'clock-step', ...now(), byS }),
      onEvent: (event) => writer.event(recordedEvent(event)),
    },
    async close() {
      cancel();
      flush();
      await sink.close();
    },
  };
}

/** Name and version of the runtime, e.g. `node 20.20.2`. */
export function runtimeName(): string {
  const scope = globalThis as { Deno?: { version: { deno: string } }; Bun?: { version: string } };
  if (scope.Deno !== undefined) return `deno ${scope.Deno.version.deno}`;
  if (scope.Bun !== undefined) return `bun ${scope.Bun.version}`;
  return `node ${process.versions.node}`;
}

/** Capture files of either format: bytes in, frames out, in whatever pieces the bytes come. */
import type { Dissector, Frame } from './frame.ts';
import { pcapDissector } from './pcap.ts';
import { pcapngDissector } from './pcapng.ts';

export interface CaptureReader {
  /** Calls back for every frame that is complete now. Does nothing once there is a problem. */
  push(chunk: Uint8Array, onFrame: (frame: Frame) => void): void;
  /** No more bytes: what is wrong with the file, one sentence without full stop, or null. */
  end(): string | null;
  /** The same before the end: nothing more will be read. */
  readonly problem: string | null;
  /** Octets read so far. */
  readonly octets: number;
}

const MAGIC_BYTES = 4;
const NONE = new Uint8Array(0);

export function createCaptureReader(): CaptureReader {
  let dissector: Dissector | null = null;
  /** Pieces of a block that is not complete, and how long they and it are. */
  let parts: Uint8Array[] = [];
  let held = 0;
  let wanted = MAGIC_BYTES;
  /** Where in the file the first block starts that is not read yet. */
  let blockAt = 0;
  let problem: string | null = null;

  function recognize(bytes: Uint8Array): void {
    dissector = pcapDissector(bytes) ?? pcapngDissector(bytes);
    if (dissector !== null) return;
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const isZstd = bytes[0] === 0x28 && bytes[1] === 0xb5;
    problem =
      isGzip || isZstd
        ? 'it is compressed: unpack it first'
        : 'it is neither a pcap nor a pcapng file';
  }

  /** Reads whole blocks; @returns what is left */
  function dissect(bytes: Uint8Array, onFrame: (frame: Frame) => void): Uint8Array {
    let rest = bytes;
    if (dissector === null) recognize(rest);
    while (dissector !== null) {
      const length = dissector.measure(rest);
      if (typeof length === 'string') {
        problem = `${length} at octet ${blockAt}: the file is damaged`;
        return NONE;
      }
      if (length > rest.length) {
        wanted = length;
        return rest;
      }
      const frame = dissector.take(rest.subarray(0, length));
      if (typeof frame === 'string') {
        problem = `${frame} at octet ${blockAt}: the file is damaged`;
        return NONE;
      }
      if (frame !== null) onFrame(frame);
      blockAt += length;
      rest = rest.subarray(length);
      if (rest.length === 0) {
        wanted = 1;
        return NONE;
      }
    }
    return NONE;
  }

  return {
    get problem() {
      return problem;
    },
    get octets() {
      return blockAt + held;
    },
    push(chunk, onFrame) {
      if (problem !== null || chunk.length === 0) return;
      held += chunk.length;
      if (held < wanted) {
        parts.push(chunk.slice()); // the chunk may be the caller's again
        return;
      }
      const rest = dissect(parts.length === 0 ? chunk : joined([...parts, chunk], held), onFrame);
      parts = rest.length === 0 ? [] : [rest.slice()];
      held = rest.length;
    },
    end() {
      if (problem !== null) return problem;
      if (dissector === null) {
        problem = held === 0 ? 'it is empty' : 'it is neither a pcap nor a pcapng file';
      } else if (held > 0 || blockAt === 0) {
        problem = `it ends within a block that began at octet ${blockAt}: it was cut off`;
      }
      return problem;
    },
  };
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

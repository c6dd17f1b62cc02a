/** Files, with errors people can read. */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import process from 'node:process';
import { HostError } from '../errors.ts';

const CHUNK_BYTES = 1 << 20;

/** A file's bytes in chunks of 1 MiB; `-` is standard input. */
export async function* fileChunks(name: string): AsyncGenerator<Uint8Array> {
  const stream =
    name === '-' ? process.stdin : createReadStream(name, { highWaterMark: CHUNK_BYTES });
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    throw fileError(name, 'read', error);
  }
}

export async function readText(name: string): Promise<string> {
  try {
    return await readFile(name, 'utf8');
  } catch (error) {
    throw fileError(name, 'read', error);
  }
}

/** Writes a text file; an existing one is replaced. */
export async function writeText(name: string, text: string): Promise<void> {
  const sink = await fileSink(name);
  sink.write(new TextEncoder().encode(text));
  await sink.close();
}

export interface Sink {
  /** Queues bytes; errors surface on close. */
  write(bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** Opens a file for writing; an existing one is replaced. */
export async function fileSink(name: string): Promise<Sink> {
  const handle = await open(name, 'w').catch((error: unknown) => {
    throw fileError(name, 'write', error);
  });
  let last: Promise<unknown> = Promise.resolve();
  return {
    write(bytes) {
      last = last.then(() => handle.write(bytes));
      last.catch(() => {});
    },
    async close() {
      try {
        await last;
      } catch (error) {
        throw fileError(name, 'write', error);
      } finally {
        await handle.close();
      }
    },
  };
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOSPC: 'no space left',
};

function fileError(name: string, what: string, error: unknown): HostError {
  const code = (error as { code?: string }).code ?? '';
  const message = error instanceof Error ? error.message : String(error);
  const denied = /permission|NotCapable/i.test(message) && code === '';
  const reason = REASONS[code] ?? (denied ? `permission denied (Deno: --allow-${what})` : message);
  return new HostError(`cannot ${what} "${name}": ${reason}`, { cause: error });
}

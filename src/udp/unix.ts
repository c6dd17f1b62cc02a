/**
 * Datagrams to a Unix socket of another program: through FFI on Linux, in Deno without it, too. The
 * other program may come and go: every send finds whoever listens at the path by then.
 */
import { ConfigError, HostError } from '../errors.ts';
import { codeOf, isDeno } from './codes.ts';
import { loadFfi } from './linux/host.ts';
import { openUnix } from './linux/unix.ts';

export interface UnixSender {
  /** What it is made of, for people: `koffi`, `Deno.dlopen`, `bun:ffi`, `Deno.listenDatagram`. */
  readonly name: string;
  /** @returns the code of an error (`ENOENT`, `ECONNREFUSED`: nobody listens), null if it was sent */
  send(bytes: Uint8Array): Promise<string | null>;
  close(): void;
}

/** What a socket address holds, a final NUL included. */
const PATH_BYTES = 108;

/**
 * @param path of the other's socket; need not be there yet
 * @param field how messages call it
 * @throws ConfigError for a path that no socket can have, HostError where there are none to be had
 */
export function openUnixSender(path: string, field = 'path'): UnixSender {
  const bytes = new TextEncoder().encode(`${path}\0`);
  if (path === '' || path.includes('\0') || bytes.length > PATH_BYTES) {
    throw new ConfigError(field, `a path of 1 to ${PATH_BYTES - 1} bytes`, path);
  }
  const ffi = loadFfi();
  if (typeof ffi !== 'string') {
    const socket = openUnix(ffi, bytes);
    return {
      name: ffi.name,
      send: (datagram) => Promise.resolve(socket.send(datagram)),
      close: () => socket.close(),
    };
  }
  const sender = denoSender(path);
  if (sender !== null) return sender;
  const hint = isDeno() ? ', or --unstable-net with --allow-read and --allow-write' : '';
  throw new HostError(`cannot send to "${path}": no Unix datagram sockets: ${ffi}${hint}`);
}

interface UnixAddress {
  readonly transport: 'unixpacket';
  readonly path?: string;
}

interface UnixConn {
  send(bytes: Uint8Array, to: UnixAddress): Promise<number>;
  close(): void;
}

interface DenoUnix {
  readonly listenDatagram?: (options: UnixAddress) => UnixConn;
}

/** Deno's own; its `unixpacket` is SOCK_DGRAM. Null elsewhere and without --unstable-net. */
function denoSender(path: string): UnixSender | null {
  const { Deno } = globalThis as { Deno?: DenoUnix };
  const listen = Deno?.listenDatagram;
  if (listen === undefined) return null;
  let conn: UnixConn;
  try {
    conn = listen({ transport: 'unixpacket' });
  } catch (cause) {
    throw new HostError(`cannot send to "${path}": ${(cause as Error).message}`, { cause });
  }
  let isOpen = true;
  return {
    name: 'Deno.listenDatagram',
    async send(datagram) {
      try {
        await conn.send(datagram, { transport: 'unixpacket', path });
        return null;
      } catch (error) {
        return codeOf(error);
      }
    },
    close() {
      if (isOpen) conn.close();
      isOpen = false;
    },
  };
}

/** Datagrams to a Unix socket, through FFI. */
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './constants.ts';
import { codeOfErrno, failure } from './errno.ts';
import type { Ffi } from './libc.ts';
import { allocate } from './memory.ts';

const FAMILY_BYTES = 2;
/** Longest datagram (bytes). */
const MOST_BYTES = 256;

export interface UnixSocket {
  /** @returns the code of an error, null if it was sent */
  send(bytes: Uint8Array): string | null;
  close(): void;
}

/**
 * @param path with a final NUL, at most 108 bytes
 * @throws Error with a code
 */
export function openUnix(ffi: Ffi, path: Uint8Array): UnixSocket {
  const { libc } = ffi;
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failure(ffi, 'socket');
  // never connected: whoever made a new socket at this path gets the next datagram
  const name = allocate(ffi, FAMILY_BYTES + path.length);
  name.view.setUint16(0, AF_UNIX, true);
  name.bytes.set(path, FAMILY_BYTES);
  const data = allocate(ffi, MOST_BYTES);
  let isOpen = true;
  return {
    send(bytes) {
      if (!isOpen) return 'EBADF';
      data.bytes.set(bytes);
      const length = FAMILY_BYTES + path.length;
      const sent = libc.sendto(fd, data.bytes, bytes.length, 0, name.bytes, length);
      return sent < 0 ? codeOfErrno(ffi.errno()) : null;
    },
    close() {
      if (isOpen) libc.close(fd);
      isOpen = false;
    },
  };
}

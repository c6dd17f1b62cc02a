/** The self-test: a datagram to ourselves over loopback must have a stamp at both ends. */
import { makeBatch } from './batch.ts';
import {
  AF_INET,
  MSG_ERRQUEUE,
  ORIGIN_TIMESTAMPING,
  POLLIN,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from './constants.ts';
import { codeOfErrno } from './errno.ts';
import type { Ffi } from './libc.ts';
import { allocate } from './memory.ts';
import { makeOptions } from './options.ts';
import { makeSender } from './sender.ts';
import { boundName, makeAddresses, SOCKADDR_BYTES } from './sockaddr.ts';

/** The kernel begins to stamp a moment after it was asked to. */
const MOST_TRIES = 100;
const BETWEEN_MS = 1;
const WAIT_MS = 20;

/**
 * @returns the socket's file descriptor, still open; or why there are no kernel stamps, as the rest
 *   of a sentence
 */
export function probe(ffi: Ffi): number | string {
  const { libc } = ffi;
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return `socket failed with ${codeOfErrno(ffi.errno())}`;
  let reason = 'failed';
  try {
    makeOptions(ffi).setStamping(fd);
    reason = tryStamps(ffi, fd);
  } catch (error) {
    reason = `the kernel does not know them (${(error as Error).message})`;
  }
  if (reason === '') return fd;
  libc.close(fd);
  return reason;
}

/** @returns '' if both stamps have come */
function tryStamps(ffi: Ffi, fd: number): string {
  const { libc } = ffi;
  const addresses = makeAddresses(ffi);
  const sender = makeSender(ffi, addresses);
  const batch = makeBatch(ffi, 4, 64);
  const name = allocate(ffi, SOCKADDR_BYTES);
  const ip = '127.0.0.1';
  if (libc.bind(fd, name.bytes, addresses.write(name, 0, { ip, port: 0 })) < 0) {
    return `bind to ${ip} failed with ${codeOfErrno(ffi.errno())}`;
  }
  const port = boundName(ffi, fd).view.getUint16(2);
  const polled = allocate(ffi, 8);
  polled.view.setInt32(0, fd, true);
  polled.view.setInt16(4, POLLIN, true);
  let isReceiveStamped = false;
  let isSendStamped = false;
  for (let turn = 0; turn < MOST_TRIES && !(isReceiveStamped && isSendStamped); turn++) {
    if (turn > 0) libc.poll(polled.bytes, 0, BETWEEN_MS); // waits
    sender.prepare({ ip, port }, { isStamped: true });
    if (sender.send(fd, Uint8Array.of(turn)) < 0) {
      return `sending over ${ip} failed with ${codeOfErrno(ffi.errno())}`;
    }
    libc.poll(polled.bytes, 1, WAIT_MS);
    for (let n = batch.receive(fd, MSG_ERRQUEUE) - 1; n >= 0; n--) {
      batch.open(n);
      const { errorAt, stampS } = batch.said;
      const isStamp = errorAt >= 0 && batch.control.bytes[errorAt + 4] === ORIGIN_TIMESTAMPING;
      if (isStamp && stampS > 0) isSendStamped = true;
    }
    for (let n = batch.receive(fd, 0) - 1; n >= 0; n--) {
      batch.open(n);
      if (batch.said.stampS > 0) isReceiveStamped = true;
    }
  }
  if (isReceiveStamped && isSendStamped) return '';
  const missing = isReceiveStamped ? 'departure' : 'receipt';
  return `a test packet over ${ip} had no stamp of its ${missing}`;
}

/**
 * Load for NTP servers on loopback that a batching server does not outrun, through FFI: a window of
 * requests outstanding. Every request is sent by itself and from another address than the last, as
 * those of many clients are; replies are read in batches.
 */
import process from 'node:process';
import {
  AF_INET,
  IP_PKTINFO,
  MSG_DONTWAIT,
  POLLIN,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOL_SOCKET,
} from '../src/udp/linux/constants.ts';
import { loadFfi } from '../src/udp/linux/host.ts';
import type { Ffi } from '../src/udp/linux/libc.ts';
import { allocate, type Memory, setPointer } from '../src/udp/linux/memory.ts';
import { makeOptions } from '../src/udp/linux/options.ts';
import { makeAddresses } from '../src/udp/linux/sockaddr.ts';
import {
  type Asking,
  createAsking,
  isLost,
  PACKET_BYTES,
  placeOf,
  writeRequest,
} from './asking.ts';
import type { LoadFigures, LoadOptions } from './load.ts';

/** Sockets, and addresses that each request comes from in turn: 127.1.0.0 and on. */
const SOCKETS = 4;
export const CLIENTS = 16_384;
const FIRST_IP = 0x7f010000;
const SLOT_BYTES = 64;
const HEADER_BYTES = 64;
const IOVEC_BYTES = 16;
const MSG_LENGTH = 56;

interface Client {
  readonly fd: number;
  readonly requests: Memory;
  readonly replies: Memory;
  readonly sendHeader: Memory;
  readonly receiveHeaders: Memory;
  /** Pointed at, so kept. */
  readonly held: readonly Memory[];
  readonly asking: Asking;
  /** struct cmsghdr and struct in_pktinfo: where the next request comes from. */
  readonly control: Memory;
  /** Places whose next request is to be sent. */
  due: number[];
}

/** Null where there is no FFI: then generate() of load.ts has to do. */
export function flood(options: LoadOptions): LoadFigures | null {
  const ffi = loadFfi();
  if (typeof ffi === 'string') return null;
  const { libc } = ffi;
  const { port, window, mostMs, mostAnswers } = options;
  const each = Math.ceil(window / SOCKETS);
  const clients = Array.from({ length: SOCKETS }, () => open(ffi, port, each));
  const polled = allocate(ffi, 8 * SOCKETS);
  for (const [n, { fd }] of clients.entries()) {
    polled.view.setInt32(8 * n, fd, true);
    polled.view.setInt16(8 * n + 4, POLLIN, true);
  }
  let answered = 0;
  let lost = 0;
  let wrong = 0;
  const started = performance.now();
  const cpu = process.cpuUsage();
  let nowMs = started;
  let lookedMs = started;
  for (const client of clients) send(ffi, client, nowMs);
  while (nowMs - started < mostMs && answered < mostAnswers) {
    libc.poll(polled.bytes, SOCKETS, 10);
    nowMs = performance.now();
    for (const client of clients) {
      const count = libc.recvmmsg(client.fd, client.receiveHeaders.bytes, each, MSG_DONTWAIT, null);
      for (let n = 0; n < count; n++) {
        const place = placeOfReply(client, n);
        if (place === null) wrong++;
        else {
          answered++;
          client.due.push(place);
        }
      }
      if (nowMs - lookedMs > 20) lost += overdue(client, nowMs);
      send(ffi, client, nowMs);
    }
    if (nowMs - lookedMs > 20) lookedMs = nowMs;
  }
  const tookMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  for (const { fd } of clients) libc.close(fd);
  return { answered, lost, wrong, tookMs, cpuMs: (user + system) / 1e3 };
}

function open(ffi: Ffi, port: number, window: number): Client {
  const { libc } = ffi;
  const fd = libc.socket(AF_INET, SOCK_DGRAM, 0);
  const addresses = makeAddresses(ffi);
  const own = allocate(ffi, 32);
  const server = allocate(ffi, 32);
  makeOptions(ffi).setInt(fd, SOL_SOCKET, SO_RCVBUF, 1 << 20);
  const bound = libc.bind(fd, own.bytes, addresses.write(own, 0, { ip: '0.0.0.0', port: 0 }));
  if (fd < 0 || bound < 0) throw new Error(`no client socket: errno ${ffi.errno()}`);
  const nameBytes = addresses.write(server, 0, { ip: '127.0.0.1', port });
  const iovecs = allocate(ffi, IOVEC_BYTES * window);
  const iovec = allocate(ffi, IOVEC_BYTES);
  const client: Client = {
    fd,
    requests: allocate(ffi, SLOT_BYTES),
    replies: allocate(ffi, SLOT_BYTES * window),
    sendHeader: allocate(ffi, HEADER_BYTES),
    receiveHeaders: allocate(ffi, HEADER_BYTES * window),
    held: [iovecs, iovec, server],
    control: allocate(ffi, 32),
    asking: createAsking(window),
    due: Array.from({ length: window }, (_, place) => place),
  };
  const { requests, replies, sendHeader, receiveHeaders, control } = client;
  for (let n = 0; n < window; n++) {
    const header = HEADER_BYTES * n;
    setPointer(iovecs, IOVEC_BYTES * n, replies.address + SLOT_BYTES * n);
    iovecs.view.setUint32(IOVEC_BYTES * n + 8, SLOT_BYTES, true);
    setPointer(receiveHeaders, header + 16, iovecs.address + IOVEC_BYTES * n);
    receiveHeaders.view.setUint32(header + 24, 1, true);
  }
  setPointer(iovec, 0, requests.address);
  iovec.view.setUint32(8, PACKET_BYTES, true);
  setPointer(sendHeader, 0, server.address);
  sendHeader.view.setUint32(8, nameBytes, true);
  setPointer(sendHeader, 16, iovec.address);
  sendHeader.view.setUint32(24, 1, true);
  setPointer(sendHeader, 32, control.address);
  sendHeader.view.setUint32(40, 32, true);
  control.view.setUint32(0, 28, true);
  control.view.setInt32(12, IP_PKTINFO, true); // level 0: SOL_IP
  return client;
}

let turn = 0;

/** Sends one request for each place that is due, each by a call of its own. */
function send({ libc }: Ffi, client: Client, nowMs: number): void {
  const { fd, due, requests, sendHeader, control, asking } = client;
  for (const place of due) {
    writeRequest(asking, place, requests.view, nowMs);
    turn = (turn + 1) % CLIENTS;
    control.view.setUint32(20, FIRST_IP + turn);
    libc.sendmsg(fd, sendHeader.bytes, 0); // refused: counts as lost later
  }
  due.length = 0;
}

/** The place whose outstanding request reply `n` answers, null if none. */
const placeOfReply = ({ asking, replies, receiveHeaders }: Client, n: number): number | null =>
  placeOf(
    asking,
    replies.view,
    SLOT_BYTES * n,
    receiveHeaders.view.getUint32(HEADER_BYTES * n + MSG_LENGTH, true),
  );

/** What is lost is due again. @returns how many */
function overdue({ asking, due }: Client, nowMs: number): number {
  let lost = 0;
  for (const place of asking.sentMs.keys()) {
    if (!isLost(asking, place, nowMs) || due.includes(place)) continue;
    due.push(place);
    lost++;
  }
  return lost;
}

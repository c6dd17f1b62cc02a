/**
 * Load for NTP servers on loopback that a batching server does not outrun: several client sockets,
 * each with its window of requests outstanding, sent and received in batches through FFI.
 */
import process from 'node:process';
import {
  AF_INET,
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
import type { LoadFigures, LoadOptions } from './load.ts';

/** Client sockets: 127.0.0.1, 127.0.0.2, … */
export const CLIENTS = 4;
const PACKET_BYTES = 48;
const SLOT_BYTES = 64;
const HEADER_BYTES = 64;
const IOVEC_BYTES = 16;
const MSG_LENGTH = 56;
const LOST_MS = 250;
const CLIENT = 0x23; // LI 0, version 4, mode 3
const SERVER = 0x24;
const ORIGIN = 24;
const COOKIE = 40;
const FIRST_PLACE = 0x80000000;

interface Client {
  readonly fd: number;
  readonly requests: Memory;
  readonly replies: Memory;
  readonly sendHeaders: Memory;
  readonly receiveHeaders: Memory;
  /** Pointed at, so kept. */
  readonly held: readonly Memory[];
  /** Per place in the window: number of its last request, and when that was sent. */
  readonly sequences: Uint32Array;
  readonly sentMs: Float64Array;
  /** Places whose next request is to be sent. */
  due: number[];
}

/** Null where there is no FFI: then generate() of load.ts has to do. */
export function flood(options: LoadOptions): LoadFigures | null {
  const ffi = loadFfi();
  if (typeof ffi === 'string') return null;
  const { libc } = ffi;
  const { port, window, mostMs, mostAnswers } = options;
  const each = Math.ceil(window / CLIENTS);
  const clients = Array.from({ length: CLIENTS }, (_, n) => open(ffi, n, port, each));
  const polled = allocate(ffi, 8 * CLIENTS);
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
    libc.poll(polled.bytes, CLIENTS, 10);
    nowMs = performance.now();
    for (const client of clients) {
      const count = libc.recvmmsg(client.fd, client.receiveHeaders.bytes, each, MSG_DONTWAIT, null);
      for (let n = 0; n < count; n++) {
        const place = placeOf(client, n);
        if (place < 0) wrong++;
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

function open(ffi: Ffi, n: number, port: number, window: number): Client {
  const { libc } = ffi;
  const fd = libc.socket(AF_INET, SOCK_DGRAM, 0);
  const addresses = makeAddresses(ffi);
  const own = allocate(ffi, 32);
  const server = allocate(ffi, 32);
  makeOptions(ffi).setInt(fd, SOL_SOCKET, SO_RCVBUF, 1 << 20);
  const bound = libc.bind(
    fd,
    own.bytes,
    addresses.write(own, 0, { ip: `127.0.0.${n + 1}`, port: 0 }),
  );
  if (fd < 0 || bound < 0) throw new Error(`no client socket: errno ${ffi.errno()}`);
  const nameBytes = addresses.write(server, 0, { ip: '127.0.0.1', port });
  const client: Client = {
    fd,
    requests: allocate(ffi, SLOT_BYTES * window),
    replies: allocate(ffi, SLOT_BYTES * window),
    sendHeaders: allocate(ffi, HEADER_BYTES * window),
    receiveHeaders: allocate(ffi, HEADER_BYTES * window),
    held: [allocate(ffi, 2 * IOVEC_BYTES * window), server],
    sequences: new Uint32Array(window),
    sentMs: new Float64Array(window),
    due: Array.from({ length: window }, (_, place) => place),
  };
  const { requests, replies, sendHeaders, receiveHeaders, held } = client;
  const [iovecs = requests] = held;
  for (let n = 0; n < window; n++) {
    const out = 2 * IOVEC_BYTES * n;
    const header = HEADER_BYTES * n;
    setPointer(iovecs, out, requests.address + SLOT_BYTES * n);
    iovecs.view.setUint32(out + 8, PACKET_BYTES, true);
    setPointer(iovecs, out + IOVEC_BYTES, replies.address + SLOT_BYTES * n);
    iovecs.view.setUint32(out + IOVEC_BYTES + 8, SLOT_BYTES, true);
    setPointer(sendHeaders, header, server.address);
    sendHeaders.view.setUint32(header + 8, nameBytes, true);
    setPointer(sendHeaders, header + 16, iovecs.address + out);
    sendHeaders.view.setUint32(header + 24, 1, true);
    setPointer(receiveHeaders, header + 16, iovecs.address + out + IOVEC_BYTES);
    receiveHeaders.view.setUint32(header + 24, 1, true);
    requests.bytes[SLOT_BYTES * n] = CLIENT;
  }
  return client;
}

/** Sends one request for each place that is due. */
function send({ libc }: Ffi, client: Client, nowMs: number): void {
  const { fd, due, requests, sendHeaders, sequences, sentMs } = client;
  for (const [n, place] of due.entries()) {
    const sequence = ((sequences[place] ?? 0) + 1) >>> 0;
    sequences[place] = sequence;
    sentMs[place] = nowMs;
    requests.view.setUint32(SLOT_BYTES * n + COOKIE, FIRST_PLACE + place); // no real time is told
    requests.view.setUint32(SLOT_BYTES * n + COOKIE + 4, sequence);
  }
  if (due.length > 0) libc.sendmmsg(fd, sendHeaders.bytes, due.length, 0);
  due.length = 0; // what was not sent counts as lost later
}

/** The place whose outstanding request reply `n` answers; −1 if it answers none, or wrongly. */
function placeOf({ replies, receiveHeaders, sequences }: Client, n: number): number {
  const at = SLOT_BYTES * n;
  if (receiveHeaders.view.getUint32(HEADER_BYTES * n + MSG_LENGTH, true) !== PACKET_BYTES)
    return -1;
  if (replies.bytes[at] !== SERVER || replies.bytes[at + 1] !== 1) return -1;
  const place = replies.view.getUint32(at + ORIGIN) - FIRST_PLACE;
  return sequences[place] === replies.view.getUint32(at + ORIGIN + 4) ? place : -1;
}

/** Requests without a reply for LOST_MS are due again. */
function overdue({ sentMs, due }: Client, nowMs: number): number {
  let lost = 0;
  for (const [place, atMs] of sentMs.entries()) {
    if (nowMs - atMs < LOST_MS || due.includes(place)) continue;
    due.push(place);
    lost++;
  }
  return lost;
}

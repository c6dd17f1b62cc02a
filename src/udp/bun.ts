/**
 * Plain adapter over Bun.udpSocket. Bun turns the kernel's ICMP queue on, so that a closed port at
 * one peer shows up as an error of the socket, even in a send to another peer.
 */
import { canonicalIp, isIpv6 } from '../path.ts';
import { codeOf } from './codes.ts';
import { makeHost, type Open, plainRefusal, type Sending, senderIp } from './common.ts';
import { type Join, NO_SOURCE } from './multicast.ts';
import type { Host } from './udp.ts';

interface BunSocket {
  readonly port: number;
  /** False: the system's send buffer is full and the datagram was not taken. */
  send(bytes: Uint8Array, port: number, ip: string): boolean;
  setMulticastInterface(ip: string): unknown;
  setMulticastTTL(hops: number): unknown;
  setMulticastLoopback(on: boolean): unknown;
  addMembership(group: string, interfaceIp: string): unknown;
  addSourceSpecificMembership(source: string, group: string, interfaceIp: string): unknown;
  dropSourceSpecificMembership(source: string, group: string, interfaceIp: string): unknown;
  close(): void;
}

type UdpSocket = (options: {
  readonly hostname: string;
  readonly port: number;
  readonly binaryType: 'uint8array';
  readonly flags?: number;
  readonly socket: {
    data(socket: BunSocket, bytes: Uint8Array, port: number, ip: string): void;
    /** Typed as (socket, error); Bun 1.4 gives the error alone. */
    error(first: unknown, second?: unknown): void;
  };
}) => Promise<BunSocket>;

/** Makes a host on Bun.udpSocket. */
export const bunHost = (): Host => makeHost('Bun.udpSocket', open, join);

const udpSocket: UdpSocket = (options) => {
  const { Bun } = globalThis as unknown as { Bun: { udpSocket: UdpSocket } };
  return Bun.udpSocket(options);
};

const open: Open = async (asked, handlers, clock, sending) => {
  let local = asked;
  let closing: Promise<void> | null = null;

  const socket = await udpSocket({
    hostname: asked.ip,
    port: asked.port,
    binaryType: 'uint8array',
    socket: {
      data(_socket, bytes, port, ip) {
        const receivedAtNs = clock.now();
        if (closing !== null) return;
        const remote = { ip: senderIp(ip, local), port };
        handlers.onDatagram({ bytes, local, remote, receivedAtNs, stampKind: 'user' });
      },
      // Without this handler one ICMP "port unreachable" ends the process (oven-sh/bun#29116).
      error(first, second) {
        if (closing === null) handlers.onError(codeOf(second ?? first));
      },
    },
  });
  local = { ip: asked.ip, port: socket.port };
  if (sending !== null) configure(socket, () => setSending(socket, asked.ip, sending));

  return {
    local,
    stampKind: 'user',
    send(bytes, to, seal, options) {
      const code = closing === null ? plainRefusal(local, to, options) : 'EBADF';
      if (code !== null) return code;
      const sentAtNs = clock.now();
      seal?.(bytes, sentAtNs);
      try {
        return socket.send(bytes, to.port, to.ip) ? sentAtNs : 'EAGAIN';
      } catch {
        // The error of an earlier datagram comes out here, once, and this one has not left.
      }
      try {
        return socket.send(bytes, to.port, to.ip) ? sentAtNs : 'EAGAIN';
      } catch (error) {
        return codeOf(error);
      }
    },
    close() {
      closing ??= Promise.resolve();
      socket.close();
      return closing;
    },
  };
};

/** Makes settings; what fails closes the socket. */
function configure(socket: BunSocket, settings: () => void): void {
  try {
    settings();
  } catch (error) {
    socket.close();
    throw error;
  }
}

function setSending(socket: BunSocket, ip: string, { hops, loopback, zone }: Sending): void {
  socket.setMulticastInterface(isIpv6(ip) ? `::%${zone}` : ip);
  socket.setMulticastTTL(hops);
  socket.setMulticastLoopback(loopback);
}

/**
 * Flags of Bun.udpSocket, undocumented (usockets; seen by strace in 1.4.5): IPV6_V6ONLY and
 * SO_REUSEADDR. Not 4, SO_REUSEPORT: what only one socket may have then goes to any (Linux 6.18).
 */
const V6_ONLY_AND_REUSE = 8 | 16;

const join: Join = async ({ group, local: asked, zone, bindIp }, handlers, clock) => {
  let local = asked;
  let closing: Promise<void> | null = null;

  const socket = await udpSocket({
    hostname: bindIp,
    port: asked.port,
    binaryType: 'uint8array',
    flags: V6_ONLY_AND_REUSE,
    socket: {
      data(_socket, bytes, port, ip) {
        const receivedAtNs = clock.now();
        if (closing !== null) return;
        const remote = { ip: canonicalIp(ip) ?? ip, port };
        handlers.onDatagram({ bytes, local, remote, receivedAtNs, stampKind: 'user' });
      },
      error(first, second) {
        if (closing === null) handlers.onError(codeOf(second ?? first));
      },
    },
  });
  local = { ip: asked.ip, port: socket.port };
  configure(socket, () => socket.addMembership(group, isIpv6(group) ? `::%${zone}` : asked.ip));

  return {
    local,
    stampKind: 'user',
    shut: (ip) => void socket.addSourceSpecificMembership(NO_SOURCE, group, ip),
    unshut: (ip) => void socket.dropSourceSpecificMembership(NO_SOURCE, group, ip),
    close() {
      closing ??= Promise.resolve();
      socket.close();
      return closing;
    },
  };
};

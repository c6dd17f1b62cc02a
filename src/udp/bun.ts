/**
 * Plain adapter over Bun.udpSocket. Bun turns the kernel's ICMP queue on, so that a closed port at
 * one peer shows up as an error of the socket, even in a send to another peer.
 */
import { codeOf, makeHost, type Open, refusal, senderIp } from './common.ts';
import type { Host } from './udp.ts';

interface BunSocket {
  readonly port: number;
  /** False: the system's send buffer is full and the datagram was not taken. */
  send(bytes: Uint8Array, port: number, ip: string): boolean;
  close(): void;
}

type UdpSocket = (options: {
  readonly hostname: string;
  readonly port: number;
  readonly binaryType: 'uint8array';
  readonly socket: {
    data(socket: BunSocket, bytes: Uint8Array, port: number, ip: string): void;
    /** Typed as (socket, error); Bun 1.4 gives the error alone. */
    error(first: unknown, second?: unknown): void;
  };
}) => Promise<BunSocket>;

/** Makes a host on Bun.udpSocket. */
export const bunHost = (): Host => makeHost('Bun.udpSocket', open);

const open: Open = async (asked, handlers, clock) => {
  const { Bun } = globalThis as unknown as { Bun: { udpSocket: UdpSocket } };
  let local = asked;
  let closing: Promise<void> | null = null;

  const socket = await Bun.udpSocket({
    hostname: asked.ip,
    port: asked.port,
    binaryType: 'uint8array',
    socket: {
      data(_socket, bytes, port, ip) {
        const receivedAtNs = clock.now();
        if (closing !== null) return;
        const remote = { ip: senderIp(ip, local), port };
        handlers.onDatagram({ bytes, local, remote, receivedAtNs });
      },
      // Without this handler one ICMP "port unreachable" ends the process (oven-sh/bun#29116).
      error(first, second) {
        if (closing === null) handlers.onError(codeOf(second ?? first));
      },
    },
  });
  local = { ip: asked.ip, port: socket.port };

  return {
    local,
    stampKind: 'user',
    send(bytes, to, seal) {
      const code = closing === null ? refusal(local, to) : 'EBADF';
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

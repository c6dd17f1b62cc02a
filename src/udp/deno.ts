/**
 * Plain adapter over Deno.listenDatagram, which exists with --unstable-net only; without it Deno's
 * node:dgram is used, and the host's name says so. Datagrams over 2048 bytes are cut short without
 * a word (Deno tells no one). Sends are asynchronous: a refusal reaches onError, not the caller.
 */
import { codeOf, makeHost, type Open, refusal, senderIp, settle } from './common.ts';
import { nodeHost } from './node.ts';
import type { Host } from './udp.ts';

interface DenoAddress {
  readonly transport: 'udp';
  readonly hostname: string;
  readonly port: number;
}

interface DatagramConn {
  readonly addr: DenoAddress;
  receive(into: Uint8Array): Promise<[Uint8Array, DenoAddress]>;
  send(bytes: Uint8Array, to: DenoAddress): Promise<number>;
  close(): void;
}

type ListenDatagram = (options: DenoAddress) => DatagramConn;

/** Larger than any datagram of an Ethernet; Deno's default allocates 64 KiB per datagram. */
const RECEIVE_BYTES = 2048;
/** Pause after a failed receive, so that a lasting failure cannot spin (ms). */
const PAUSE_MS = 10;

/** Makes a host on Deno.listenDatagram, or on node:dgram if that is not there. */
export function denoHost(): Host {
  const { Deno } = globalThis as { Deno?: { listenDatagram?: ListenDatagram } };
  const listen = Deno?.listenDatagram;
  if (listen === undefined) return nodeHost('node:dgram (Deno without --unstable-net)');
  return makeHost('Deno.listenDatagram', openWith(listen));
}

const openWith =
  (listen: ListenDatagram): Open =>
  async (asked, handlers, clock) => {
    const conn = listen({ transport: 'udp', hostname: asked.ip, port: asked.port });
    const local = { ip: asked.ip, port: conn.addr.port }; // addr.hostname has lost its zone
    await settle();
    let closing: Promise<void> | null = null;

    const report = (error: unknown) => {
      if (closing === null) handlers.onError(codeOf(error));
    };

    const receiveAll = async () => {
      const buffer = new Uint8Array(RECEIVE_BYTES);
      while (closing === null) {
        let received: [Uint8Array, DenoAddress];
        try {
          received = await conn.receive(buffer);
        } catch (error) {
          report(error);
          if (closing === null) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
          continue;
        }
        const receivedAtNs = clock.now();
        if (closing !== null) return;
        const [bytes, from] = received;
        const remote = { ip: senderIp(from.hostname, local), port: from.port };
        handlers.onDatagram({ bytes, local, remote, receivedAtNs });
      }
    };
    const receiving = receiveAll();
    let sending: Promise<unknown> = Promise.resolve();

    return {
      local,
      stampKind: 'user',
      send(bytes, to, seal) {
        const code = closing === null ? refusal(local, to) : 'EBADF';
        if (code !== null) return code;
        const target: DenoAddress = { transport: 'udp', hostname: to.ip, port: to.port };
        const sentAtNs = clock.now();
        seal?.(bytes, sentAtNs);
        try {
          sending = conn.send(bytes, target).catch(report);
          return sentAtNs;
        } catch (error) {
          return codeOf(error);
        }
      },
      close() {
        // The port stays taken until the pending receive and send have let go of the socket.
        closing ??= Promise.resolve().then(async () => {
          conn.close();
          await Promise.allSettled([receiving, sending]);
        });
        return closing;
      },
    };
  };

/**
 * Plain adapter over Deno.listenDatagram, which exists with --unstable-net only; without it Deno's
 * node:dgram is used, and the host's name says so. Datagrams over 2048 bytes are cut short without
 * a word (Deno tells no one). Sends are asynchronous: a refusal reaches onError, not the caller.
 * It can choose no interface for IPv6 groups and join them by number only: what has to do with
 * those goes through node:dgram here, too, whose stamps are worse (median 66 us instead of 19 when
 * sending, 51 instead of 42 on receipt).
 */
import type { Address, Datagram } from '../machine.ts';
import { canonicalIp, isIpv6 } from '../path.ts';
import { codeOf } from './codes.ts';
import { makeHost, type Open, plainRefusal, senderIp, settle } from './common.ts';
import type { Join } from './multicast.ts';
import { nodeHost, nodeJoin, nodeOpen } from './node.ts';
import type { Clock, Handlers, Host } from './udp.ts';

interface DenoAddress {
  readonly transport: 'udp';
  readonly hostname: string;
  readonly port: number;
}

interface ListenOptions extends DenoAddress {
  readonly reuseAddress?: boolean;
  /** Of what is sent to groups. (default false) */
  readonly loopback?: boolean;
}

interface Membership {
  leave(): Promise<void>;
  setTTL(hops: number): Promise<void>;
}

interface DatagramConn {
  readonly addr: DenoAddress;
  joinMulticastV4(group: string, interfaceIp: string): Promise<Membership>;
  receive(into: Uint8Array): Promise<[Uint8Array, DenoAddress]>;
  send(bytes: Uint8Array, to: DenoAddress): Promise<number>;
  close(): void;
}

type ListenDatagram = (options: ListenOptions) => DatagramConn;

/** Larger than any datagram of an Ethernet; Deno's default allocates 64 KiB per datagram. */
const RECEIVE_BYTES = 2048;
/** Pause after a failed receive, so that a lasting failure cannot spin (ms). */
const PAUSE_MS = 10;

/** Every host's group, which is never reported to routers: joined only to get at a setting. */
const ALL_HOSTS = '224.0.0.1';

/** Makes a host on Deno.listenDatagram, or on node:dgram if that is not there. */
export function denoHost(): Host {
  const { Deno } = globalThis as { Deno?: { listenDatagram?: ListenDatagram } };
  const listen = Deno?.listenDatagram;
  if (listen === undefined) return nodeHost('node:dgram (Deno without --unstable-net)');
  return makeHost('Deno.listenDatagram', openWith(listen), joinWith(listen));
}

interface Receiver {
  readonly closing: boolean;
  /** Resolved when nothing is pending any more; the port is taken until then. */
  close(sending: Promise<unknown>): Promise<void>;
}

/** Receives until closed. */
function receiveAll(
  conn: DatagramConn,
  handlers: Handlers,
  clock: Clock,
  complete: (from: DenoAddress) => Pick<Datagram, 'local' | 'remote'>,
): Receiver {
  let closing: Promise<void> | null = null;
  const run = async () => {
    const buffer = new Uint8Array(RECEIVE_BYTES);
    while (closing === null) {
      let received: [Uint8Array, DenoAddress];
      try {
        received = await conn.receive(buffer);
      } catch (error) {
        if (closing !== null) return;
        handlers.onError(codeOf(error));
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        continue;
      }
      const receivedAtNs = clock.now();
      if (closing !== null) return;
      const [bytes, from] = received;
      handlers.onDatagram({ bytes, receivedAtNs, stampKind: 'user', ...complete(from) });
    }
  };
  const running = run();
  return {
    get closing() {
      return closing !== null;
    },
    close(sending) {
      closing ??= Promise.resolve().then(async () => {
        conn.close();
        await Promise.allSettled([running, sending]);
      });
      return closing;
    },
  };
}

const openWith =
  (listen: ListenDatagram): Open =>
  async (asked, handlers, clock, groups) => {
    if (groups !== null && isIpv6(asked.ip)) return nodeOpen(asked, handlers, clock, groups);
    const loopback = groups?.loopback ?? false;
    const conn = listen({ transport: 'udp', hostname: asked.ip, port: asked.port, loopback });
    const local = { ip: asked.ip, port: conn.addr.port }; // addr.hostname has lost its zone
    if (groups !== null && groups.hops !== 1) await setHops(conn, asked, groups.hops);
    await settle();

    const receiver = receiveAll(conn, handlers, clock, (from) => ({
      local,
      remote: { ip: senderIp(from.hostname, local), port: from.port },
    }));
    let sending: Promise<unknown> = Promise.resolve();

    return {
      local,
      stampKind: 'user',
      send(bytes, to, seal, options) {
        const code = receiver.closing ? 'EBADF' : plainRefusal(local, to, options);
        if (code !== null) return code;
        const target: DenoAddress = { transport: 'udp', hostname: to.ip, port: to.port };
        const sentAtNs = clock.now();
        seal?.(bytes, sentAtNs);
        try {
          sending = conn.send(bytes, target).catch((error) => {
            if (!receiver.closing) handlers.onError(codeOf(error));
          });
          return sentAtNs;
        } catch (error) {
          return codeOf(error);
        }
      },
      close: () => receiver.close(sending),
    };
  };

/** Deno has the hop limit for groups on a membership only, though it is the socket's. */
async function setHops(conn: DatagramConn, { ip }: Address, hops: number): Promise<void> {
  try {
    const membership = await conn.joinMulticastV4(ALL_HOSTS, ip);
    await membership.setTTL(hops);
    await membership.leave();
  } catch (error) {
    conn.close();
    throw error;
  }
}

const joinWith =
  (listen: ListenDatagram): Join =>
  async (request, handlers, clock) => {
    const { group, bindIp } = request;
    if (isIpv6(group)) return nodeJoin(request, handlers, clock);
    const { ip, port } = request.local;
    const conn = listen({ transport: 'udp', hostname: bindIp, port, reuseAddress: true });
    try {
      await conn.joinMulticastV4(group, ip);
    } catch (error) {
      conn.close();
      throw error;
    }
    const local = { ip, port: conn.addr.port };
    const receiver = receiveAll(conn, handlers, clock, (from) => ({
      local,
      remote: { ip: canonicalIp(from.hostname) ?? from.hostname, port: from.port },
    }));
    return { local, stampKind: 'user', close: () => receiver.close(Promise.resolve()) };
  };

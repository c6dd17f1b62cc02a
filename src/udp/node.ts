/**
 * Plain adapter over node:dgram: Node, and Deno without --unstable-net.
 * A send that the system refuses is reported to onError one turn later (so works node:dgram);
 * Deno's node:dgram calls most of these, its own permission refusals too, `UNKNOWN`.
 */
import { createSocket, type Socket } from 'node:dgram';
// Until this is loaded, Deno 2.9 runs no process.nextTick, and the sockets' close never comes.
import 'node:process';
import type { Address } from '../machine.ts';
import { canonicalIp, isIpv6 } from '../path.ts';
import { coded, codeOf, isDeno } from './codes.ts';
import { makeHost, type Open, plainRefusal, type Sending, senderIp, settle } from './common.ts';
import { type Join, NO_SOURCE } from './multicast.ts';
import type { Host } from './udp.ts';

/** Makes a host on node:dgram. */
export const nodeHost = (name = 'node:dgram'): Host => makeHost(name, nodeOpen, nodeJoin);

const makeSocket = (family: 4 | 6, reuseAddr: boolean): Socket =>
  createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6, // so that :: and 0.0.0.0 can share a port
    reuseAddr,
    // dgram looks up even a literal, by default in a later turn: the datagram would leave after its
    // stamp (median error 33 us instead of 18).
    lookup: (ip, _options, done) => done(null, ip, family),
  });

/** Binds, then makes the settings; what fails in either closes the socket. */
async function bind(socket: Socket, { ip, port }: Address, settings: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown) => {
      socket.close();
      reject(error);
    };
    socket.once('error', fail);
    socket.bind({ address: ip, port, exclusive: true }, () => {
      try {
        settings();
        resolve();
      } catch (error) {
        fail(error);
      }
    });
  });
  socket.removeAllListeners('error');
}

/** A Buffer's slice() shares memory: give out the plain kind, as the other adapters do. */
const plain = (message: Uint8Array): Uint8Array =>
  new Uint8Array(message.buffer, message.byteOffset, message.byteLength);

/** See {@link Open}. For Deno, too, where its own sockets cannot do what is asked. */
export const nodeOpen: Open = async (asked, handlers, clock, sending) => {
  const family = isIpv6(asked.ip) ? 6 : 4;
  const socket = makeSocket(family, false);
  let local = asked;
  let closing: Promise<void> | null = null;

  socket.on('message', (message, from) => {
    const receivedAtNs = clock.now();
    if (closing !== null) return;
    const remote = { ip: senderIp(from.address, local), port: from.port };
    const bytes = plain(message);
    handlers.onDatagram({ bytes, local, remote, receivedAtNs, stampKind: 'user' });
  });
  const report = (error: Error | null) => {
    if (error !== null && closing === null) handlers.onError(codeOf(error));
  };

  await bind(socket, asked, () => {
    if (sending !== null) setSending(socket, asked.ip, sending);
  });
  socket.on('error', report);
  // Not address().address: Deno leaves out the zone there.
  local = { ip: asked.ip, port: socket.address().port };
  if (isDeno()) await settle();

  return {
    local,
    stampKind: 'user',
    send(bytes, to, seal, options) {
      const code = closing === null ? plainRefusal(local, to, options) : 'EBADF';
      if (code !== null) return code;
      const sentAtNs = clock.now();
      seal?.(bytes, sentAtNs);
      try {
        socket.send(bytes, to.port, to.ip, report);
        return sentAtNs;
      } catch (error) {
        return codeOf(error);
      }
    },
    close() {
      closing ??= new Promise((resolve) => socket.close(resolve));
      return closing;
    },
  };
};

function setSending(socket: Socket, ip: string, { hops, loopback, zone }: Sending): void {
  // Deno 2.9 sets the IPv4 option alone and says nothing.
  if (isIpv6(ip) && isDeno() && hops !== 1) {
    throw coded('ENOTSUP', 'Deno sends to IPv6 groups with a hop limit of 1 only');
  }
  socket.setMulticastInterface(isIpv6(ip) ? `::%${zone}` : ip);
  socket.setMulticastTTL(hops);
  socket.setMulticastLoopback(loopback);
}

/** See {@link Join}. For Deno, too, where its own sockets cannot do what is asked. */
export const nodeJoin: Join = async ({ group, local: asked, zone, bindIp }, handlers, clock) => {
  const family = isIpv6(group) ? 6 : 4;
  const socket = makeSocket(family, true);
  let local = asked;
  let closing: Promise<void> | null = null;

  socket.on('message', (message, from) => {
    const receivedAtNs = clock.now();
    if (closing !== null) return;
    const remote = { ip: canonicalIp(from.address) ?? from.address, port: from.port };
    const bytes = plain(message);
    handlers.onDatagram({ bytes, local, remote, receivedAtNs, stampKind: 'user' });
  });
  await bind(socket, { ip: bindIp, port: asked.port }, () =>
    socket.addMembership(group, family === 6 ? `::%${zone}` : asked.ip),
  );
  socket.on('error', (error) => {
    if (closing === null) handlers.onError(codeOf(error));
  });
  local = { ip: asked.ip, port: socket.address().port };

  return {
    local,
    stampKind: 'user',
    shut: (ip) => socket.addSourceSpecificMembership(NO_SOURCE, group, ip),
    unshut: (ip) => socket.dropSourceSpecificMembership(NO_SOURCE, group, ip),
    close() {
      closing ??= new Promise((resolve) => socket.close(resolve));
      return closing;
    },
  };
};

/**
 * Plain adapter over node:dgram: Node, and Deno without --unstable-net.
 * A send that the system refuses is reported to onError one turn later (so works node:dgram);
 * Deno's node:dgram calls most of these, its own permission refusals too, `UNKNOWN`.
 */
import { createSocket } from 'node:dgram';
// Until this is loaded, Deno 2.9 runs no process.nextTick, and the sockets' close never comes.
import 'node:process';
import { isIpv6 } from '../path.ts';
import { codeOf, isDeno, makeHost, type Open, refusal, senderIp, settle } from './common.ts';
import type { Host } from './udp.ts';

/** Makes a host on node:dgram. */
export const nodeHost = (name = 'node:dgram'): Host => makeHost(name, open);

const open: Open = async (asked, handlers, clock) => {
  const family = isIpv6(asked.ip) ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6, // so that :: and 0.0.0.0 can share a port
    // dgram looks up even a literal, by default in a later turn: the datagram would leave after its
    // stamp (median error 33 us instead of 18).
    lookup: (ip, _options, done) => done(null, ip, family),
  });
  let local = asked;
  let closing: Promise<void> | null = null;

  socket.on('message', (message, from) => {
    const receivedAtNs = clock.now();
    if (closing !== null) return;
    // A Buffer's slice() shares memory: give out the plain kind, as the other adapters do.
    const bytes = new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
    const remote = { ip: senderIp(from.address, local), port: from.port };
    handlers.onDatagram({ bytes, local, remote, receivedAtNs });
  });
  const report = (error: Error | null) => {
    if (error !== null && closing === null) handlers.onError(codeOf(error));
  };

  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: asked.ip, port: asked.port, exclusive: true }, resolve);
  });
  socket.removeAllListeners('error');
  socket.on('error', report);
  // Not address().address: Deno leaves out the zone there.
  local = { ip: asked.ip, port: socket.address().port };
  if (isDeno()) await settle();

  return {
    local,
    stampKind: 'user',
    send(bytes, to, seal) {
      const code = closing === null ? refusal(local, to) : 'EBADF';
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

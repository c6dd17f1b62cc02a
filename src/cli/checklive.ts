/** Live traffic for `check`: what comes to the groups of PTP and to our own addresses. */

import type { Seen } from '../check/finding.ts';
import { HostError } from '../errors.ts';
import type { Datagram } from '../machine.ts';
import { type Ipv6Scope, type Ports, peerGroup, primaryGroup } from '../ptp/groups.ts';
import type { Handlers, Host } from '../udp/udp.ts';

export interface Listening {
  readonly host: Host;
  /** Our addresses, one per interface (canonical). */
  readonly addresses: readonly string[];
  readonly ports: Ports;
  readonly scope: Ipv6Scope;
  onSeen(seen: Seen): void;
  /** One sentence without full stop. */
  onProblem(text: string): void;
}

/**
 * Joins the groups on every address, and binds the addresses where nobody else has: then unicast
 * to them is another program's to see. Sends nothing.
 * @returns what ends it
 * @throws HostError if a group cannot be joined
 */
export async function listen(listening: Listening): Promise<() => Promise<void>> {
  const { host, addresses, ports, scope, onSeen, onProblem } = listening;
  const open: { close(): Promise<void> }[] = [];
  const close = async () => {
    await Promise.all(open.map((socket) => socket.close()));
  };
  const handlers: Handlers = {
    onDatagram: (datagram) => onSeen(seenOf(datagram, host.clock.epochS)),
    onError: (code) => onProblem(`socket: ${code}`),
  };
  try {
    for (const ip of addresses) {
      for (const port of [ports.event, ports.general]) {
        for (const group of [primaryGroup(ip, scope), peerGroup(ip)]) {
          open.push(await host.openMulticast(group, { ip, port }, handlers));
        }
        try {
          open.push(await host.openUdp({ ip, port }, handlers));
        } catch (error) {
          if (!(error instanceof HostError)) throw error;
          onProblem(`unicast to ${ip} port ${port} is not seen: ${error.message}`);
        }
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  return close;
}

function seenOf({ bytes, local, group, remote, receivedAtNs }: Datagram, epochS: number): Seen {
  return {
    atNs: BigInt(epochS) * 1_000_000_000n + BigInt(Math.round(receivedAtNs)),
    src: remote.ip.replace(/%.*$/, ''),
    dst: group ?? local.ip.replace(/%.*$/, ''),
    srcPort: remote.port,
    dstPort: local.port,
    hops: null,
    bytes,
  };
}

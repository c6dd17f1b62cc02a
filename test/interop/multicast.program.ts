/**
 * Groups in whichever runtime this is: joins and listens as told in the first argument (JSON,
 * {@link Plan}), prints a JSON line per event, and sends to all groups or closes when asked by a
 * datagram. Bundled and started in a namespace by multicast.test.ts.
 */
import process from 'node:process';
import type { Datagram } from '../../src/machine.ts';
import { isIpv6 } from '../../src/path.ts';
import { chooseHost, type Stamps } from '../../src/udp/choose.ts';

export interface Plan {
  readonly stamps: Stamps;
  readonly ips: readonly string[];
  readonly groups: readonly string[];
  /** Event and general port. */
  readonly ports: readonly number[];
  readonly hops: number;
  readonly loopback: boolean;
}

/** What is printed: a datagram, a code, or a sentence about how far it is. */
export type Line =
  | {
      readonly local: string;
      readonly remote: string;
      readonly group: string | null;
      readonly text: string;
    }
  | { readonly local: string; readonly code: string }
  | { readonly state: 'ready' | 'sent' | 'closed'; readonly host: string };

const plan = JSON.parse(process.argv[2] ?? '') as Plan;
const host = chooseHost(plan.stamps);
const say = (line: Line) => console.log(JSON.stringify(line));
const onError = (local: string) => (code: string) => say({ local, code });
const tell = ({ local, remote, group, bytes }: Datagram) => {
  const text = new TextDecoder().decode(bytes);
  say({
    local: `${local.ip} ${local.port}`,
    remote: `${remote.ip} ${remote.port}`,
    group: group ?? null,
    text,
  });
  return text;
};

const sockets: Awaited<ReturnType<typeof host.openUdp>>[] = [];
const members: Awaited<ReturnType<typeof host.openMulticast>>[] = [];
for (const ip of plan.ips) {
  for (const port of plan.ports) {
    const local = { ip, port };
    const handlers = {
      onDatagram: (datagram: Datagram) => obey(tell(datagram)),
      onError: onError(ip),
    };
    const multicast = { hops: plan.hops, loopback: plan.loopback };
    sockets.push(await host.openUdp(local, handlers, { multicast }));
    for (const group of plan.groups.filter((each) => isIpv6(each) === isIpv6(ip))) {
      const listening = { onDatagram: tell, onError: onError(ip) };
      members.push(await host.openMulticast(group, local, listening));
    }
  }
}
say({ state: 'ready', host: host.name });

function obey(command: string): void {
  if (command === 'send') {
    for (const { local, send } of sockets) {
      for (const group of plan.groups.filter((each) => isIpv6(each) === isIpv6(local.ip))) {
        const bytes = new TextEncoder().encode(`from ${local.ip}`);
        const sent = send(bytes, { ip: group, port: local.port });
        if (typeof sent === 'string') say({ local: local.ip, code: sent });
      }
    }
    host.setTimer(() => say({ state: 'sent', host: host.name }), 300);
  }
  if (command === 'close') {
    const closing = [...members, ...sockets].map((each) => each.close());
    Promise.all(closing).then(() => say({ state: 'closed', host: host.name }));
  }
}

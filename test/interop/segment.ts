/** Any number of hosts on one Ethernet segment, in namespaces of this process, behind a bridge. */
import { type Ground, onSite } from './ground.ts';
import { LINK } from './lan.ts';
import { ip } from './net.ts';

export interface Segment extends Ground {
  /** Namespaces; each calls its link {@link LINK}. */
  readonly hosts: readonly string[];
  /** Takes a host's cable out, and puts it in again. */
  plug(host: number, isIn: boolean): void;
}

/** Address of host n (from 0). */
export const segmentIp = (n: number, family: 4 | 6 = 4): string =>
  family === 4 ? `10.83.0.${n + 1}` : `fd83::${n + 1}`;

export const createSegment = (count: number): Promise<Segment> =>
  onSite(async (site) => {
    const hosts: string[] = [];
    for (let n = 0; n < count; n++) hosts.push(await site.namespace(`h${n}`));
    const hub = await site.namespace('hub');
    // floods groups: nobody here asks who is a member
    ip(['-n', hub, 'link', 'add', 'hub0', 'type', 'bridge', 'mcast_snooping', '0']);
    ip(['-n', hub, 'link', 'set', 'hub0', 'up']);
    for (const [n, ns] of hosts.entries()) {
      const port = `p${n}`;
      ip(['link', 'add', LINK, 'netns', ns, 'type', 'veth', 'peer', 'name', port, 'netns', hub]);
      ip(['-n', hub, 'link', 'set', port, 'master', 'hub0']);
      ip(['-n', hub, 'link', 'set', port, 'up']);
      ip(['-n', ns, 'link', 'set', 'lo', 'up']);
      ip(['-n', ns, 'link', 'set', LINK, 'up']);
      ip(['-n', ns, 'address', 'add', `${segmentIp(n)}/24`, 'dev', LINK]);
      ip(['-n', ns, 'address', 'add', `${segmentIp(n, 6)}/64`, 'dev', LINK, 'nodad']);
    }
    return {
      hosts,
      plug: (host: number, isIn: boolean) =>
        ip(['-n', hub, 'link', 'set', `p${host}`, isIn ? 'up' : 'down']),
    };
  });

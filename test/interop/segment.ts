/** Any number of hosts on one Ethernet segment, in namespaces of this process, behind a bridge. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createNamespace, newPrefix, removeNamespace } from './lab.ts';
import { type Lan, LINK } from './lan.ts';
import { ip } from './net.ts';
import { type Running, start } from './spawn.ts';

export interface Segment extends Omit<Lan, 'here' | 'there' | 'between'> {
  /** Namespaces; each calls its link {@link LINK}. */
  readonly hosts: readonly string[];
  /** Takes a host's cable out, and puts it in again. */
  plug(host: number, isIn: boolean): void;
}

/** Address of host n (from 0). */
export const segmentIp = (n: number, family: 4 | 6 = 4): string =>
  family === 4 ? `10.83.0.${n + 1}` : `fd83::${n + 1}`;

export async function createSegment(count: number): Promise<Segment> {
  const prefix = newPrefix();
  const hub = `${prefix}-hub`;
  const hosts = Array.from({ length: count }, (_, n) => `${prefix}-h${n}`);
  const folder = mkdtempSync(join(tmpdir(), `clockbraid-lab-${process.pid}-`));
  const started = new Set<Running>();
  const segment: Segment = {
    hosts,
    scratch: (name) => mkdtempSync(join(folder, `${name}-`)),
    start(ns, argv, options) {
      const running = start(ns, argv, options);
      started.add(running);
      running.exited.then(() => started.delete(running));
      return running;
    },
    plug: (host, isIn) => ip(['-n', hub, 'link', 'set', `p${host}`, isIn ? 'up' : 'down']),
    async stopAll() {
      await Promise.all([...started].map((running) => running.stop()));
    },
    async close() {
      await segment.stopAll();
      for (const ns of [...hosts, hub]) removeNamespace(ns);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  for (const ns of [...hosts, hub]) await createNamespace(ns, false);
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
  return segment;
}

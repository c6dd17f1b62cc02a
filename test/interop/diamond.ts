/**
 * A chain with an ECMP diamond in it, in namespaces of this process:
 *
 *     client ─ r1 ═╦═ a ═╦═ r3 ─ server      r1 and r3 choose a or b by the addresses' hash
 *                  ╚═ b ═╝
 *
 * The client has addresses .2 to .9, of which four are picked: two that hash to a, two to b.
 */
import { spawnSync } from 'node:child_process';
import { createNamespace, newPrefix, removeNamespace } from './ground.ts';
import { type Family, ip } from './net.ts';
import { runOk } from './spawn.ts';

export type Branch = 'a' | 'b';

export interface Diamond {
  readonly client: string;
  readonly server: string;
  /** Namespace of each branch's router. */
  readonly branches: Readonly<Record<Branch, string>>;
  serverIp(family: Family): string;
  /** A second address of the server, as like the first as NAT would make it. */
  twinIp(family: Family): string;
  /** Four client addresses and the branch the kernel of r1 sends them to. */
  sources(family: Family): { readonly ip: string; readonly branch: Branch }[];
  /** Routers on the way to the server over a branch, by distance. */
  route(family: Family, branch: Branch): string[];
  /** Sends all traffic over one branch, or over both by the hash again. */
  direct(branch: Branch | 'both'): void;
  close(): void;
}

const NODES = ['client', 'r1', 'a', 'b', 'r3', 'server'] as const;
type Node = (typeof NODES)[number];

/** Links: node and interface at both ends, and the number of the network on it. */
const LINKS: readonly (readonly [Node, string, Node, string, number])[] = [
  ['client', 'n0', 'r1', 's0', 1],
  ['r1', 'a0', 'a', 's0', 2],
  ['r1', 'b0', 'b', 's0', 3],
  ['a', 'n0', 'r3', 'a0', 4],
  ['b', 'n0', 'r3', 'b0', 5],
  ['r3', 'n0', 'server', 's0', 9],
];
const CLIENT_HOSTS = [2, 3, 4, 5, 6, 7, 8, 9];

const address = (family: Family, net: number, host: number): string =>
  family === 4 ? `10.91.${net}.${host}` : `fd91:${net}::${host}`;
const network = (family: Family, net: number): string =>
  family === 4 ? `10.91.${net}.0/24` : `fd91:${net}::/64`;
const FAMILIES: readonly Family[] = [4, 6];

export async function createDiamond(): Promise<Diamond> {
  const prefix = newPrefix();
  const ns = Object.fromEntries(NODES.map((node) => [node, `${prefix}-${node}`])) as Record<
    Node,
    string
  >;
  const close = () => {
    for (const node of NODES) removeNamespace(ns[node]);
  };
  try {
    for (const node of NODES) {
      await createNamespace(ns[node], node !== 'client' && node !== 'server');
      ip(['-n', ns[node], 'link', 'set', 'lo', 'up']);
    }
    for (const [near, nearLink, far, farLink, net] of LINKS) {
      const ends = ['type', 'veth', 'peer', 'name', farLink, 'netns', ns[far]];
      ip(['link', 'add', nearLink, 'netns', ns[near], ...ends]);
      for (const family of FAMILIES) {
        const own = near === 'client' ? CLIENT_HOSTS : [1];
        for (const host of own) add(ns[near], nearLink, family, net, host);
        add(ns[far], farLink, family, net, near === 'client' ? 1 : 2);
      }
      ip(['-n', ns[near], 'link', 'set', nearLink, 'up']);
      ip(['-n', ns[far], 'link', 'set', farLink, 'up']);
    }
    const settings = ['net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0'];
    settings.push('net.ipv4.icmp_msgs_per_sec=100000', 'net.ipv4.conf.all.rp_filter=0');
    for (const node of ['r1', 'a', 'b', 'r3'] as const) {
      await runOk(ns[node], ['sysctl', '-qw', ...settings]);
    }
    // So that the hash of IPv6 is of the addresses alone, and `ip route get` tells the truth
    const unlabelled = ['sysctl', '-qw', 'net.ipv6.auto_flowlabels=0'];
    await runOk(ns.client, unlabelled);
    await runOk(ns.server, unlabelled);
    for (const family of FAMILIES) {
      addRoutes(ns, family);
      add(ns.server, 's0', family, 9, 3);
    }
    direct(ns, 'both');
  } catch (error) {
    close();
    throw error;
  }
  return {
    client: ns.client,
    server: ns.server,
    branches: { a: ns.a, b: ns.b },
    serverIp: (family) => address(family, 9, 2),
    twinIp: (family) => address(family, 9, 3),
    sources: (family) => sources(ns.r1, family),
    route: (family, branch) => [
      address(family, 1, 1),
      address(family, branch === 'a' ? 2 : 3, 2),
      address(family, branch === 'a' ? 4 : 5, 2),
    ],
    direct: (branch) => direct(ns, branch),
    close,
  };
}

function add(ns: string, link: string, family: Family, net: number, host: number): void {
  const length = family === 4 ? '/24' : '/64';
  const more = family === 6 ? ['nodad'] : [];
  ip(['-n', ns, 'address', 'add', address(family, net, host) + length, 'dev', link, ...more]);
}

function addRoutes(ns: Record<Node, string>, family: Family): void {
  const route = (node: Node, to: string, via: string) =>
    ip(['-n', ns[node], `-${family}`, 'route', 'add', to, 'via', via]);
  route('client', 'default', address(family, 1, 1));
  route('server', 'default', address(family, 9, 1));
  for (const [branch, near, far] of [
    ['a', 2, 4],
    ['b', 3, 5],
  ] as const) {
    route(branch, network(family, 1), address(family, near, 1));
    route(branch, network(family, 9), address(family, far, 2));
    route('r1', network(family, far), address(family, near, 2)); // so that r3 can be answered
  }
}

function direct(ns: Record<Node, string>, branch: Branch | 'both'): void {
  for (const family of FAMILIES) {
    for (const [node, to, nets, host] of [
      ['r1', 9, { a: 2, b: 3 }, 2],
      ['r3', 1, { a: 4, b: 5 }, 1],
    ] as const) {
      const hops =
        branch === 'both'
          ? (['a', 'b'] as const).flatMap((one) => [
              'nexthop',
              'via',
              address(family, nets[one], host),
            ])
          : ['via', address(family, nets[branch], host)];
      // IPv6 replaces the first next hop alone and keeps the others
      spawnSync('ip', [
        '-n',
        ns[node],
        `-${family}`,
        'route',
        'flush',
        'exact',
        network(family, to),
      ]);
      ip(['-n', ns[node], `-${family}`, 'route', 'add', network(family, to), ...hops]);
    }
  }
}

function sources(r1: string, family: Family) {
  const all = CLIENT_HOSTS.map((host) => {
    const own = address(family, 1, host);
    const asked = [
      'route',
      'get',
      address(family, 9, 2),
      'from',
      own,
      'iif',
      's0',
      'ipproto',
      'udp',
    ];
    const { stdout } = spawnSync('ip', ['-n', r1, `-${family}`, ...asked], { encoding: 'utf8' });
    const branch: Branch | null = / dev a0 /.test(stdout)
      ? 'a'
      : / dev b0 /.test(stdout)
        ? 'b'
        : null;
    if (branch === null) throw new Error(`no route from ${own}: ${stdout}`);
    return { ip: own, branch };
  });
  const of = (branch: Branch) => all.filter((one) => one.branch === branch).slice(0, 2);
  const picked = [...of('a'), ...of('b')];
  if (picked.length !== 4) throw new Error(`not two of each: ${JSON.stringify(all)}`);
  return picked;
}

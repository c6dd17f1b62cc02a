/**
 * A chain with an ECMP diamond in it, in namespaces of this process:
 *
 *     client ─ r1 ═╦═ a ═╦═ r3 ─ server      r1 and r3 choose a or b by the addresses' hash
 *                  ╚═ b ═╝
 *
 * The client has addresses .2 to .33, of which four are picked: two that hash to a, two to b. On
 * request there is a router before r1 that may translate (`nat`), and an address of the client's in
 * another network, for which that router has another name.
 */
import { spawnSync } from 'node:child_process';
import type { Address } from '../../src/machine.ts';
import { isIpv6 } from '../../src/path.ts';
import { type Ground, onSite, type Site } from './ground.ts';
import { type Family, ip } from './net.ts';
import { ROUTE_PROGRAMS } from './require.ts';
import { runOk } from './spawn.ts';

export type Branch = 'a' | 'b';

export interface Diamond extends Ground {
  readonly client: string;
  readonly server: string;
  /** Namespace of each branch's router. */
  readonly branches: Readonly<Record<Branch, string>>;
  serverIp(family: Family): string;
  /** A second address of the server, as like the first as NAT would make it. */
  twinIp(family: Family): string;
  /** What the client's IPv4 addresses become (with `nat` only). */
  readonly publicIp: string;
  /** The client's address in another network (with `nat` only). */
  otherIp(family: Family): string;
  /** Four client addresses and the branch the kernel of r1 sends them to. */
  sources(family: Family): { readonly ip: string; readonly branch: Branch }[];
  /** Routers on the way to the server over a branch, by distance. */
  route(family: Family, branch: Branch): string[];
  /** Which branch the kernel of r1 takes for a datagram of UDP. */
  branchOf(from: Address, to: Address): Branch;
  /** Whether r1 and r3 choose by ports, too (fib_multipath_hash_policy 1). */
  choose(by: 'addresses' | 'ports'): Promise<void>;
  /** The router before r1 gives all IPv4 addresses of the client its own (with `nat` only). */
  translate(isOn: boolean): Promise<void>;
  /** A branch's router keeps hop limits that ran out to itself. */
  silence(branch: Branch, isOn: boolean): Promise<void>;
  /** Sends all traffic over one branch, or over both by the hash again. */
  direct(branch: Branch | 'both'): void;
}

const NODES = ['client', 'nat', 'r1', 'a', 'b', 'r3', 'server'] as const;
type Node = (typeof NODES)[number];

/** Links: node and interface at both ends, and the number of the network on it. */
type Link = readonly [Node, string, Node, string, number];
const NEAR: Link = ['client', 'n0', 'r1', 's0', 1];
const NEAR_NAT: readonly Link[] = [
  ['client', 'n0', 'nat', 's0', 1],
  ['nat', 'n0', 'r1', 's0', 7],
];
const FAR: readonly Link[] = [
  ['r1', 'a0', 'a', 's0', 2],
  ['r1', 'b0', 'b', 's0', 3],
  ['a', 'n0', 'r3', 'a0', 4],
  ['b', 'n0', 'r3', 'b0', 5],
  ['r3', 'n0', 'server', 's0', 9],
];
/** So many that two of each route are surely among them: kernels hash with a seed of each boot. */
const CLIENT_HOSTS = Array.from({ length: 32 }, (_, n) => n + 2);

const address = (family: Family, net: number, host: number): string =>
  family === 4 ? `10.91.${net}.${host}` : `fd91:${net}::${host}`;
const network = (family: Family, net: number): string =>
  family === 4 ? `10.91.${net}.0/24` : `fd91:${net}::/64`;
const FAMILIES: readonly Family[] = [4, 6];

/** Networks of the client; the second one only behind a `nat`. */
const HOME = 1;
const OTHER = 8;
const PUBLIC = 7;

export interface DiamondOptions {
  readonly nat?: boolean;
}

export const createDiamond = ({ nat = false }: DiamondOptions = {}): Promise<Diamond> =>
  onSite((site) => build(site, nat));

async function build(site: Site, nat: boolean): Promise<Omit<Diamond, keyof Ground>> {
  const nodes = NODES.filter((node) => nat || node !== 'nat');
  const backNets = nat ? [HOME, OTHER, PUBLIC] : [HOME];
  const ns = {} as Record<Node, string>;
  for (const node of nodes) {
    ns[node] = await site.namespace(node, node !== 'client' && node !== 'server');
    ip(['-n', ns[node], 'link', 'set', 'lo', 'up']);
  }
  for (const [near, nearLink, far, farLink, net] of [...(nat ? NEAR_NAT : [NEAR]), ...FAR]) {
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
  if (nat) await runOk(ns.nat, ['sysctl', '-qw', ...settings]);
  // So that the hash of IPv6 is of the addresses alone, and `ip route get` tells the truth
  const unlabelled = ['sysctl', '-qw', 'net.ipv6.auto_flowlabels=0'];
  await runOk(ns.client, unlabelled);
  await runOk(ns.server, unlabelled);
  for (const family of FAMILIES) {
    addRoutes(ns, family, backNets);
    if (nat) addNatRoutes(ns, family);
    add(ns.server, 's0', family, 9, 3);
  }
  direct(ns, 'both', backNets);
  return {
    client: ns.client,
    server: ns.server,
    branches: { a: ns.a, b: ns.b },
    serverIp: (family) => address(family, 9, 2),
    twinIp: (family) => address(family, 9, 3),
    sources: (family) => sources(ns.r1, family),
    route: (family, branch) => [
      address(family, HOME, 1),
      ...(nat ? [address(family, PUBLIC, 2)] : []),
      address(family, branch === 'a' ? 2 : 3, 2),
      address(family, branch === 'a' ? 4 : 5, 2),
    ],
    publicIp: address(4, PUBLIC, 1),
    otherIp: (family) => address(family, OTHER, 2),
    branchOf: (from, to) => branchOf(ns.r1, from, to),
    async choose(by) {
      const value = by === 'ports' ? 1 : 0;
      const policies = [4, 6].map((n) => `net.ipv${n}.fib_multipath_hash_policy=${value}`);
      for (const node of [ns.r1, ns.r3]) await runOk(node, ['sysctl', '-qw', ...policies]);
    },
    translate: (isOn) => rules(ns.nat, isOn, 'ip', NAT_RULE),
    silence: (branch, isOn) => rules(ns[branch], isOn, 'inet', SILENCE_RULES),
    direct: (branch) => direct(ns, branch, backNets),
  };
}

function add(ns: string, link: string, family: Family, net: number, host: number): void {
  const length = family === 4 ? '/24' : '/64';
  const more = family === 6 ? ['nodad'] : [];
  ip(['-n', ns, 'address', 'add', address(family, net, host) + length, 'dev', link, ...more]);
}

const NAT_RULE = `chain c {
  type nat hook postrouting priority 100
  oifname n0 snat to ${address(4, PUBLIC, 1)}
}`;
const SILENCE_RULES = `chain c {
  type filter hook output priority 0
  icmp type time-exceeded drop
  icmpv6 type time-exceeded drop
}`;

/** Puts a table of one chain in place, or takes it away. */
async function rules(ns: string, isOn: boolean, family: string, chain: string): Promise<void> {
  const table = `${family} lab`;
  const text = `table ${table}\ndelete table ${table}\n`;
  await runOk(ns, [ROUTE_PROGRAMS.nft, isOn ? `${text}table ${table} {\n${chain}\n}\n` : text]);
}

const router =
  (ns: Record<Node, string>, family: Family) => (node: Node, to: string, via: string) =>
    ip(['-n', ns[node], `-${family}`, 'route', 'add', to, 'via', via]);

/** The client's second network is on the same link. */
function addNatRoutes(ns: Record<Node, string>, family: Family): void {
  const route = router(ns, family);
  add(ns.client, 'n0', family, OTHER, 2);
  add(ns.nat, 's0', family, OTHER, 1);
  route('nat', 'default', address(family, PUBLIC, 2));
  for (const net of [HOME, OTHER]) route('r1', network(family, net), address(family, PUBLIC, 1));
}

function addRoutes(ns: Record<Node, string>, family: Family, backNets: readonly number[]): void {
  const route = router(ns, family);
  route('client', 'default', address(family, 1, 1));
  route('server', 'default', address(family, 9, 1));
  for (const [branch, near, far] of [
    ['a', 2, 4],
    ['b', 3, 5],
  ] as const) {
    for (const net of backNets) route(branch, network(family, net), address(family, near, 1));
    route(branch, network(family, 9), address(family, far, 2));
    route('r1', network(family, far), address(family, near, 2)); // so that r3 can be answered
  }
}

function direct(
  ns: Record<Node, string>,
  branch: Branch | 'both',
  backNets: readonly number[],
): void {
  const there = { node: 'r1', to: 9, nets: { a: 2, b: 3 }, host: 2 } as const;
  const back = backNets.map((to) => ({ node: 'r3', to, nets: { a: 4, b: 5 }, host: 1 }) as const);
  for (const family of FAMILIES) {
    for (const { node, to, nets, host } of [there, ...back]) {
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

function branchOf(r1: string, from: Address, to: Address): Branch {
  const flow = ['from', from.ip, 'iif', 's0', 'ipproto', 'udp'];
  const ports = from.port === 0 ? [] : ['sport', `${from.port}`, 'dport', `${to.port}`];
  const family = isIpv6(to.ip) ? '-6' : '-4';
  const argv = ['-n', r1, family, 'route', 'get', to.ip, ...flow, ...ports];
  const { stdout, stderr } = spawnSync('ip', argv, { encoding: 'utf8' });
  const branch = / dev ([ab])0 /.exec(stdout)?.[1];
  if (branch !== 'a' && branch !== 'b') {
    throw new Error(`no route from ${from.ip}: ${stdout}${stderr}`);
  }
  return branch;
}

function sources(r1: string, family: Family) {
  const to = { ip: address(family, 9, 2), port: 0 };
  const all = CLIENT_HOSTS.map((host) => {
    const own = address(family, HOME, host);
    return { ip: own, branch: branchOf(r1, { ip: own, port: 0 }, to) };
  });
  const of = (branch: Branch) => all.filter((one) => one.branch === branch).slice(0, 2);
  const picked = [...of('a'), ...of('b')];
  if (picked.length !== 4) throw new Error(`not two of each: ${JSON.stringify(all)}`);
  return picked;
}

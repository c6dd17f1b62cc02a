/**
 * The wiring of a lab: links, addresses, routes and policy rules of hosts and routers. Knows
 * nothing of programs or lifetimes; see lab.ts for the picture.
 */
import { spawnSync } from 'node:child_process';
import { isIpv6 } from '../../src/path.ts';
import { run, runOk } from './spawn.ts';

export type Family = 4 | 6;
export type Side = 'server' | 'client';
export const SIDES = ['server', 'client'] as const;

/** One address pair as one host sees it, and the router that carries it. */
export interface Way {
  ownIp: string;
  otherIp: string;
  router: number;
}

/** The addresses at both ends. */
export type Ips = Record<Side, readonly string[]>;

const FIRST_TABLE = 1000;

/** Address n of a host: every one in a prefix of its own, as RFC 8039 §5.1 advises. */
export const hostIp = (family: Family, side: Side, n: number): string => {
  const net = side === 'server' ? 1 : 2;
  return family === 4 ? `10.${net}.${n + 1}.1` : `fd00:${net}:${n + 1}::1`;
};

/** Between a host and router n, a /30 or /64: the host is end 1, the router end 2. */
const linkIp = (family: Family, side: Side, n: number, end: 1 | 2): string => {
  const net = side === 'server' ? 101 : 102;
  return family === 4 ? `10.${net}.${n}.${end}` : `fd00:${net}:${n + 1}::${end}`;
};

export const ofFamily = (ips: readonly string[], family: Family | undefined): string[] =>
  ips.filter((each) => family === undefined || isIpv6(each) === (family === 6));

/** `ip ARGS`, in the root namespace unless they say `-n`. @throws Error with its complaint */
export function ip(args: readonly string[], input = ''): void {
  const result = spawnSync('ip', args, { encoding: 'utf8', input });
  if (result.status !== 0) {
    throw new Error(`ip ${args.join(' ')}: ${result.stderr?.trim()}\n${input}`);
  }
}

const batch = (flags: readonly string[], lines: readonly string[]): void =>
  ip([...flags, '-batch', '-'], `${lines.join('\n')}\n`);

/** Makes the veth links of both hosts to every router, in place: nobody else ever sees them. */
export function wire(hosts: Record<Side, string>, routers: readonly string[]): void {
  const lines: string[] = [];
  for (const side of SIDES) {
    const ns = hosts[side];
    // `home` carries the addresses: a veth to itself, as not every kernel has dummy links.
    lines.push(`link add home netns ${ns} type veth peer name back netns ${ns}`);
    for (const [n, router] of routers.entries()) {
      lines.push(`link add r${n} netns ${ns} type veth peer name ${side} netns ${router}`);
    }
  }
  batch([], lines);
}

/** Links, addresses and routes of router n. May be repeated to mend what a link down removed. */
export function configureRouter(ns: string, n: number, families: readonly Family[], ips: Ips) {
  batch(
    ['-n', ns],
    ['lo', ...SIDES].map((link) => `link set ${link} up`),
  );
  for (const family of families) {
    const lines: string[] = [];
    for (const side of SIDES) {
      const own = linkIp(family, side, n, 2);
      lines.push(`address replace ${own}${linkEnd(family)} dev ${side}${nodad(family)}`);
      for (const target of ofFamily(ips[side], family)) {
        lines.push(`route replace ${target} via ${linkIp(family, side, n, 1)} dev ${side}`);
      }
    }
    batch([`-${family}`, '-n', ns], lines);
  }
}

/** Links, addresses, and per way a table and the rule that selects it by both addresses. */
export function configureHost(
  ns: string,
  side: Side,
  { families, ways, routers }: { families: readonly Family[]; ways: Way[]; routers: number },
) {
  const links = ['lo', 'home', 'back', ...Array.from({ length: routers }, (_, n) => `r${n}`)];
  batch(
    ['-n', ns],
    links.map((link) => `link set ${link} up`),
  );
  for (const family of families) {
    const lines: string[] = [];
    for (let n = 0; n < routers; n++) {
      const own = linkIp(family, side, n, 1);
      lines.push(`address add ${own}${linkEnd(family)} dev r${n}${nodad(family)}`);
    }
    const mine = ways.filter((way) => isIpv6(way.ownIp) === (family === 6));
    for (const own of new Set(mine.map((way) => way.ownIp))) {
      lines.push(`address add ${own}/${family === 4 ? 32 : 128} dev home${nodad(family)}`);
    }
    const routed = new Set<string>();
    for (const [n, { ownIp, otherIp, router }] of mine.entries()) {
      const table = FIRST_TABLE + n;
      const via = `via ${linkIp(family, side, router, 2)} dev r${router}`;
      lines.push(`route add default ${via} table ${table}`);
      lines.push(`rule add from ${ownIp} to ${otherIp} lookup ${table} pref ${table}`);
      // For programs that name no source (ntpd): the first pair to that address.
      if (!routed.has(otherIp)) lines.push(`route add ${otherIp} ${via} src ${ownIp}`);
      routed.add(otherIp);
    }
    batch([`-${family}`, '-n', ns], lines);
  }
}

const linkEnd = (family: Family) => (family === 4 ? '/30' : '/64');
const nodad = (family: Family) => (family === 6 ? ' nodad' : '');

/** Forwarding (or not), no reverse path filter, no address detection delays, all ICMP errors. */
export async function configureKernel(ns: string, forwards: boolean): Promise<void> {
  const settings: Record<string, number> = {
    'ipv4/conf/all/rp_filter': 0,
    'ipv4/conf/default/rp_filter': 0,
    'ipv4/ip_forward': forwards ? 1 : 0,
    'ipv4/icmp_ratelimit': 0,
    'ipv4/icmp_msgs_per_sec': 100_000,
    'ipv6/conf/all/disable_ipv6': 0,
    'ipv6/conf/default/disable_ipv6': 0,
    'ipv6/conf/default/accept_dad': 0,
    'ipv6/conf/default/router_solicitations': 0,
    'ipv6/conf/all/forwarding': forwards ? 1 : 0,
    'ipv6/icmp/ratelimit': 0,
  };
  // Some exist only in some kernels; the proof by counters tells whether those that matter took.
  const lines = Object.entries(settings).map(
    ([name, value]) => `echo ${value} >/proc/sys/net/${name}`,
  );
  await run(ns, ['sh', '-c', `{ ${lines.join('; ')}; } 2>/dev/null`]);
}

/** IP packets a router has forwarded since it was made, both families together. */
export async function forwardedBy(ns: string): Promise<number> {
  const text = await runOk(ns, ['cat', '/proc/net/snmp', '/proc/net/snmp6']);
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith('Ip:'))
    .map((line) => line.split(' '));
  const ipv4 = Number(values[names.indexOf('ForwDatagrams')]);
  const ipv6 = Number(/^Ip6OutForwDatagrams\s+(\d+)/m.exec(text)?.[1]);
  return ipv4 + ipv6;
}

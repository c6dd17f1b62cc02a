/**
 * The interfaces of this machine: which one has an address, and from which one a sender must have
 * come. A snapshot each time; addresses that come later are seen by what is opened later.
 */
import { networkInterfaces } from 'node:os';
import { canonicalIp, ipv4Octets, ipv6Groups, isIpv6 } from '../path.ts';
import { coded } from './codes.ts';

/** One address of one interface. */
export interface InterfaceAddress {
  /** Name of the interface, e.g. `eth0`: also the zone of its IPv6 addresses. */
  readonly name: string;
  /** Canonical, without zone. */
  readonly ip: string;
  /** The network's prefix as text of 0 and 1. */
  readonly network: string;
}

/** All addresses, or null where the system or Deno's permissions keep them secret. */
export function interfaceAddresses(): InterfaceAddress[] | null {
  if (!mayListInterfaces()) return null;
  try {
    return readInterfaces(networkInterfaces());
  } catch {
    return null;
  }
}

/** What node:os tells, as far as we need it. */
type Found = Readonly<
  Record<string, readonly { readonly address: string; readonly netmask: string }[] | undefined>
>;

export const readInterfaces = (found: Found): InterfaceAddress[] =>
  Object.entries(found).flatMap(([label, entries]) =>
    (entries ?? []).map(({ address, netmask }) => {
      const name = label.replace(/:.*$/, ''); // eth0:1 is a label on eth0
      const ip = withoutZone(canonicalIp(address) ?? address);
      return { name, ip, network: bitsOf(ip).slice(0, ones(netmask)) };
    }),
  );

/** The interface that has this address; null if none has. A zone must fit. */
export function interfaceOf(list: readonly InterfaceAddress[], ip: string): string | null {
  const zone = zoneOf(ip);
  const plain = withoutZone(ip);
  const exact = list.find((entry) => entry.ip === plain && (zone === null || entry.name === zone));
  if (exact !== undefined) return exact.name;
  // All of 127/8 is ours, though only 127.0.0.1 is listed.
  if (!ip.startsWith('127.')) return null;
  return list.find((entry) => entry.ip === '127.0.0.1')?.name ?? null;
}

/**
 * The interface over which this address of ours speaks to groups.
 * @returns null if permissions keep it secret, with IPv4 only
 * @throws Error with a code for reasonOf
 */
export function groupInterface(
  ip: string,
  list: readonly InterfaceAddress[] | null,
): string | null {
  if (ip === '0.0.0.0' || ip === '::') {
    throw coded('EINVAL', 'groups live on one interface each: name one of its addresses');
  }
  if (list === null) {
    if (!isIpv6(ip)) return null;
    throw coded(
      'EPERM',
      'its interface is needed and secret here; Deno needs --allow-sys=networkInterfaces',
    );
  }
  if (isLinkLocal(ip) && zoneOf(ip) === null) throw coded('EINVAL', '');
  const name = interfaceOf(list, ip);
  if (name === null) throw coded('EADDRNOTAVAIL', '');
  return name;
}

/**
 * The interfaces whose own network has this address, those with the longest prefix alone: a sender
 * there is a neighbour. None for whoever is behind a router, and for link-local addresses, which
 * every interface's network has.
 */
export function neighbourOn(list: readonly InterfaceAddress[], ip: string): string[] {
  if (isLinkLocal(ip)) return [];
  const bits = bitsOf(ip);
  let longest = 1; // a network of everything says nothing
  let names: string[] = [];
  for (const { name, ip: own, network } of list) {
    if (network.length < longest || isIpv6(own) !== isIpv6(ip) || !bits.startsWith(network)) {
      continue;
    }
    if (network.length > longest) names = [];
    longest = network.length;
    names.push(name);
  }
  return names;
}

/** True for unicast addresses of fe80::/10. */
export const isLinkLocal = (ip: string): boolean => /^fe[89ab]/.test(ip);

/** The zone of an IPv6 literal, null if it has none. */
export function zoneOf(ip: string): string | null {
  const percent = ip.indexOf('%');
  return percent < 0 ? null : ip.slice(percent + 1);
}

export const withoutZone = (ip: string): string => ip.replace(/%.*$/, '');

/** The address as text of 0 and 1. */
function bitsOf(ip: string): string {
  const [words, width] = isIpv6(ip)
    ? [ipv6Groups(withoutZone(ip)) ?? [], 16]
    : [ipv4Octets(ip) ?? [], 8];
  return words.map((word) => word.toString(2).padStart(width, '0')).join('');
}

const ones = (netmask: string): number => bitsOf(netmask).replace(/0+$/, '').length;

interface DenoPermissions {
  readonly permissions?: {
    querySync(descriptor: { name: 'sys'; kind: 'networkInterfaces' }): { state: string };
  };
}

/** In Deno only if already granted (--allow-sys=networkInterfaces): asking would stop at a prompt. */
function mayListInterfaces(): boolean {
  const { Deno } = globalThis as { Deno?: DenoPermissions };
  const permissions = Deno?.permissions;
  if (permissions === undefined) return true;
  return permissions.querySync({ name: 'sys', kind: 'networkInterfaces' }).state === 'granted';
}

/**
 * Listening to groups. One socket per {group, port, interface}, bound to the group, so that it
 * gets nothing else and the sockets of our own addresses get nothing of it.
 *
 * No runtime tells by which interface a datagram came, and Linux gives a group's datagrams to
 * every socket bound to the group, whichever interface each has joined (IP_MULTICAST_ALL). Three
 * things keep the interfaces apart, so that `local` is never a guess between two that we joined:
 * - IPv6 groups of one link (ff02::): the socket is bound to the link by the zone. Exact.
 * - IPv4 in Node, Bun and Deno's node:dgram: for each other interface we joined, the socket joins
 *   the group there as well, for a source that cannot exist: the system then keeps out all that
 *   comes by there. Exact, routed senders included.
 * - IPv6 groups of wider scope everywhere, IPv4 in Deno.listenDatagram: by the sender, who is a
 *   neighbour on one interface or has a zone. Whoever could have come by several is refused with
 *   the code EINTERFACE. Only one interface joined: there is no doubt.
 * What another program has joined on another interface leaks in the same way, and neighbours
 * there are told from ours in the same way.
 */
import { HostError } from '../errors.ts';
import type { Address } from '../machine.ts';
import { canonicalIp, isIpv6 } from '../path.ts';
import { addressText, coded, codeOf, reasonOf, requireLocal } from './codes.ts';
import {
  groupInterface,
  type InterfaceAddress,
  interfaceAddresses,
  isLinkLocal,
  neighbourOn,
  zoneOf,
} from './interfaces.ts';
import type { Clock, Handlers, MulticastUdp, StampKind } from './udp.ts';

/** What an adapter shall bind and join. */
export interface JoinRequest {
  /** Canonical, without zone. */
  readonly group: string;
  /** Our address on the interface; the port to bind. */
  readonly local: Address;
  /** Name of the interface, always there with IPv6. */
  readonly zone: string | null;
  /** What to bind: the group, with the zone if that binds the socket to the link. */
  readonly bindIp: string;
}

/** A bound and joined socket that knows nothing of the others. */
export interface Joined {
  readonly local: Address;
  readonly stampKind: StampKind;
  /** It gets nothing but what came by its own interface. */
  readonly isExact?: boolean;
  /** Takes nothing more that comes by the interface with this address. Where the runtime can. */
  shut?(ip: string): void;
  /** Takes back {@link shut}. */
  unshut?(ip: string): void;
  close(): Promise<void>;
}

/**
 * Binds and joins. Hands out the sender's address as the runtime gives it (canonical), zone or
 * none: the judgement is made here.
 */
export type Join = (request: JoinRequest, handlers: Handlers, clock: Clock) => Promise<Joined>;

/** The source of which the interfaces that are shut are joined: nothing can be sent from it. */
export const NO_SOURCE = '255.255.255.255';

interface Member {
  readonly joined: Joined;
  readonly group: string;
  readonly zone: string | null;
  /** The socket is bound to its link, or otherwise exact. */
  readonly bound: boolean;
  readonly list: readonly InterfaceAddress[];
  /** Interfaces that are shut, by name, with the address by which. */
  readonly shut: Map<string, string>;
  /** Other interfaces on which we joined the same group and port. */
  rivals: readonly string[];
}

type OpenMulticast = (group: string, local: Address, handlers: Handlers) => Promise<MulticastUdp>;

/** Completes an adapter's `join`, see {@link Host.openMulticast}. `listAddresses` is for tests. */
export function makeMulticast(
  join: Join,
  clock: Clock,
  listAddresses: () => InterfaceAddress[] | null = interfaceAddresses,
): OpenMulticast {
  const members = new Set<Member>();

  async function open(group: string, local: Address, handlers: Handlers): Promise<Member> {
    const list = listAddresses();
    const zone = groupInterface(local.ip, list);
    const bound = /^ff.[12]:/.test(group);
    const bindIp = bound ? `${group}%${zone}` : group;
    let member: Member | null = null;
    const sieve: Handlers = {
      onDatagram(datagram) {
        if (member === null) return; // not yet kept apart
        const { remote } = datagram;
        const came = cameBy(member, remote.ip);
        if (came === 'unknown') return handlers.onError('EINTERFACE');
        if (came === 'other') return;
        const zoneless = isLinkLocal(remote.ip) && zoneOf(remote.ip) === null;
        const ip = zoneless ? `${remote.ip}%${zone}` : remote.ip;
        handlers.onDatagram({ ...datagram, group, remote: { ip, port: remote.port } });
      },
      onError: (code) => handlers.onError(code),
    };
    const joined = await join({ group, local, zone, bindIp }, sieve, clock).catch((error) => {
      // Our own address was found above: it is the group that cannot be bound (Windows).
      throw codeOf(error) === 'EADDRNOTAVAIL' ? coded('ENOTSUP', '') : error;
    });
    const isExact = bound || joined.isExact === true;
    member = { joined, group, zone, bound: isExact, list: list ?? [], shut: new Map(), rivals: [] };
    members.add(member);
    if (
      list === null &&
      !isExact &&
      peersOf(member).some((peer) => peer.joined.local.ip !== local.ip)
    ) {
      members.delete(member);
      await joined.close();
      throw coded(
        'EPERM',
        'interfaces must be told apart and are secret here; Deno needs --allow-sys=networkInterfaces',
      );
    }
    separate(peersOf(member));
    return member;
  }

  /** All members of the same group and port, this one too. */
  const peersOf = ({ group, joined }: Member): Member[] =>
    [...members].filter(
      (peer) => peer.group === group && peer.joined.local.port === joined.local.port,
    );

  return async (givenGroup, givenLocal, handlers) => {
    const local = requireLocal('join from', givenLocal);
    const group = requireGroup(givenGroup, local);
    try {
      const member = await open(group, local, handlers);
      const { joined } = member;
      return {
        group,
        local: joined.local,
        stampKind: joined.stampKind,
        close() {
          // The others leave their halves of the interface before it is left by its own member.
          if (members.delete(member)) separate(peersOf(member));
          return joined.close();
        },
      };
    } catch (cause) {
      throw new HostError(
        `cannot join ${group} from ${addressText(local)}: ${joinReason(local, cause)}`,
        { cause },
      );
    }
  };
}

/** Shuts in every member the interfaces of the others, and opens those nobody has any more. */
function separate(peers: readonly Member[]): void {
  for (const member of peers) {
    const others = new Map<string, string>();
    for (const { zone, joined } of peers) {
      if (zone !== null && zone !== member.zone) others.set(zone, joined.local.ip);
    }
    member.rivals = [...others.keys()];
    const { shut, unshut, isExact } = member.joined;
    if (isExact || shut === undefined || unshut === undefined || isIpv6(member.group)) continue;
    for (const [name, ip] of member.shut) {
      if (others.has(name)) continue;
      member.shut.delete(name);
      quietly(() => unshut(ip));
    }
    for (const [name, ip] of others) {
      if (!member.shut.has(name) && quietly(() => shut(ip))) member.shut.set(name, ip);
    }
  }
}

/** What fails here leaves the judgement by the sender. */
function quietly(change: () => void): boolean {
  try {
    change();
    return true;
  } catch {
    return false;
  }
}

/** By which interface a datagram came: the member's own, another one, or there is no telling. */
function cameBy(member: Member, sender: string): 'own' | 'other' | 'unknown' {
  if (member.bound || member.zone === null) return 'own';
  const zone = zoneOf(sender);
  if (zone !== null) return zone === member.zone ? 'own' : 'other';
  const open = (name: string) => !member.shut.has(name);
  const near = neighbourOn(member.list, sender).filter(open);
  if (near.length > 0 && !near.includes(member.zone)) return 'other';
  const doubtful = member.rivals.filter(open).filter((name) => !near.length || near.includes(name));
  return doubtful.length > 0 ? 'unknown' : 'own';
}

const isGroup = (ip: string): boolean => /^(22[4-9]|23\d)\.|^ff/.test(ip);

/** @throws HostError if it is no group, or of another family than the local address */
function requireGroup(text: string, local: Address): string {
  const group = canonicalIp(text);
  const refuse = (why: string): never => {
    throw new HostError(`cannot join ${text} from ${addressText(local)}: ${why}`);
  };
  if (group === null || !isGroup(group)) return refuse('it is no multicast address');
  if (zoneOf(group) !== null) return refuse('write it without zone, the local address names it');
  if (isIpv6(group) !== isIpv6(local.ip)) return refuse('the local address is of another family');
  return group;
}

/** The rest of the sentence "cannot join …:". */
function joinReason(local: Address, error: unknown): string {
  const code = codeOf(error);
  if (code === 'EADDRINUSE') return `${code}, another program holds the port and does not share it`;
  if (code === 'ENOTSUP') return `${code}, this system binds no socket to a group`;
  if (code === 'ENODEV') return reasonOf(local, coded('EADDRNOTAVAIL', ''));
  return reasonOf(local, error);
}

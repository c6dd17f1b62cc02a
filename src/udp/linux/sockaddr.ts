/** Socket addresses in memory: sockaddr_in, sockaddr_in6, and zones as interface numbers. */
import type { Address } from '../../machine.ts';
import { canonicalIp, ipv4Octets, ipv6Groups, isIpv6 } from '../../path.ts';
import { isLinkLocal, withoutZone, zoneOf } from '../interfaces.ts';
import { AF_INET, AF_INET6 } from './constants.ts';
import { failure } from './errno.ts';
import type { Ffi } from './libc.ts';
import { allocate, type Memory } from './memory.ts';

/** Length of sockaddr_in6, the longest (bytes). */
export const SOCKADDR_BYTES = 28;
const IPV4_BYTES = 16;
const NAME_BYTES = 16;

/** Addresses are kept as text and as bytes, as the same peers come again; strangers cannot fill it. */
const MOST_KEPT = 1024;

/**
 * The socket address that a socket is bound to, of whatever family.
 * @throws Error with a code
 */
export function boundName(ffi: Ffi, fd: number): Memory {
  const name = allocate(ffi, SOCKADDR_BYTES);
  const length = allocate(ffi, 4);
  length.view.setUint32(0, SOCKADDR_BYTES, true);
  if (ffi.libc.getsockname(fd, name.bytes, length.bytes) < 0) throw failure(ffi, 'getsockname');
  return name;
}

export interface Addresses {
  /**
   * Writes a socket address; a zone must be an interface of this machine, else it counts as none.
   * @returns its length
   */
  write(into: Memory, at: number, to: Address): number;
  /** Reads a socket address, canonical; the zone only where one is needed. Null: another family. */
  read(from: Memory, at: number): Address | null;
  /** The IPv4 address that stands at `at`, dotted. */
  readIpv4(bytes: Uint8Array, at: number): string;
  /** The IPv6 address that stands at `at`, canonical, without zone. */
  readIpv6(bytes: Uint8Array, at: number): string;
  /** Number of an interface, 0 if there is none of this name. */
  indexOf(name: string): number;
  /** Name of an interface, null if there is none with this number. */
  nameOf(index: number): string | null;
}

export function makeAddresses(ffi: Ffi): Addresses {
  const name = new Uint8Array(new ArrayBuffer(256));
  // A Map that is cleared chains all that it ever held, in Bun until the next full collection
  let texts = new Map<string, string>();
  let written = new Map<string, Uint8Array>();

  /** What follows the port in a socket address. */
  function bytesOf(ip: string): Uint8Array {
    const known = written.get(ip);
    if (known !== undefined) return known;
    const bytes = isIpv6(ip) ? ipv6Bytes(ip) : new Uint8Array(IPV4_BYTES - 4);
    if (!isIpv6(ip)) bytes.set(ipv4Octets(ip) ?? []);
    if (zoneOf(ip) !== null) return bytes; // interfaces come, go and are renumbered
    if (written.size >= MOST_KEPT) written = new Map();
    written.set(ip, bytes);
    return bytes;
  }

  function ipv6Bytes(ip: string): Uint8Array {
    const bytes = new Uint8Array(SOCKADDR_BYTES - 4);
    const view = new DataView(bytes.buffer);
    const groups = ipv6Groups(withoutZone(ip)) ?? [];
    for (let n = 0; n < 8; n++) view.setUint16(4 + 2 * n, groups[n] ?? 0);
    const zone = zoneOf(ip);
    view.setUint32(20, zone === null ? 0 : /^\d+$/.test(zone) ? +zone : indexOf(zone), true);
    return bytes;
  }

  const indexOf = (text: string): number => {
    name.fill(0);
    for (let n = 0; n < Math.min(text.length, NAME_BYTES - 1); n++) name[n] = text.charCodeAt(n);
    return text.length < NAME_BYTES ? ffi.libc.if_nametoindex(name) : 0;
  };

  const nameOf = (index: number): string | null => {
    name.fill(0);
    if (ffi.libc.if_indextoname(index, name) === 0) return null;
    return String.fromCharCode(...name.subarray(0, name.indexOf(0)));
  };

  const readIpv6 = (bytes: Uint8Array, at: number): string => {
    const groups: string[] = [];
    for (let n = at; n < at + 16; n += 2) {
      groups.push((((bytes[n] ?? 0) << 8) | (bytes[n + 1] ?? 0)).toString(16));
    }
    const long = groups.join(':');
    const known = texts.get(long);
    if (known !== undefined) return known;
    if (texts.size >= MOST_KEPT) texts = new Map();
    const text = canonicalIp(long) ?? long;
    texts.set(long, text);
    return text;
  };

  const readIpv4 = (bytes: Uint8Array, at: number): string =>
    `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;

  return {
    indexOf,
    nameOf,
    readIpv4,
    readIpv6,
    write({ bytes, view }, at, { ip, port }) {
      const rest = bytesOf(ip);
      view.setUint16(at, isIpv6(ip) ? AF_INET6 : AF_INET, true);
      view.setUint16(at + 2, port);
      bytes.set(rest, at + 4);
      return 4 + rest.length;
    },
    read({ bytes, view }, at) {
      const port = view.getUint16(at + 2);
      const family = view.getUint16(at, true);
      if (family === AF_INET) return { ip: readIpv4(bytes, at + 4), port };
      if (family !== AF_INET6) return null;
      const ip = readIpv6(bytes, at + 8);
      if (!isLinkLocal(ip)) return { ip, port };
      const index = view.getUint32(at + 24, true);
      return { ip: `${ip}%${nameOf(index) ?? index}`, port };
    },
  };
}

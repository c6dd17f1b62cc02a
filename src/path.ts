/**
 * Paths: ordered pairs {remote IP, local IP} and nothing else (RFC 8039 §4.1, MP-03). A path key is
 * also its text form `remote|local`, as recordings print it. Beyond the RFC, a pair may be several
 * paths that differ in the local port alone: `remote|local#port`.
 */
import { ConfigError } from './errors.ts';

/** `remote|local`, both canonical IP literals; `remote|local#port` of several paths of one pair. */
export type PathKey = `${string}|${string}`;

/** Makes the key of a path. Both addresses must be canonical literals (see {@link canonicalIp}). */
export const pathKey = (remoteIp: string, localIp: string, localPort?: number): PathKey =>
  localPort === undefined ? `${remoteIp}|${localIp}` : `${remoteIp}|${localIp}#${localPort}`;

export interface PathParts {
  readonly remoteIp: string;
  readonly localIp: string;
  /** Left out where the pair is one path, whatever port it uses. */
  readonly localPort?: number;
}

/** Splits a key into its addresses, and the port if it has one. */
export function pathParts(key: PathKey): PathParts {
  const bar = key.indexOf('|');
  const mark = key.indexOf('#', bar);
  const remoteIp = key.slice(0, bar);
  if (mark < 0) return { remoteIp, localIp: key.slice(bar + 1) };
  return { remoteIp, localIp: key.slice(bar + 1, mark), localPort: Number(key.slice(mark + 1)) };
}

/** The pair that a path is of: its key without the port. */
export function pairOf(key: PathKey): PathKey {
  const { remoteIp, localIp } = pathParts(key);
  return pathKey(remoteIp, localIp);
}

/** Our end of a path as text: `local`, or `local#port`. */
export const localEnd = (key: PathKey): string => key.slice(key.indexOf('|') + 1);

export const isIpv6 = (ip: string): boolean => ip.includes(':');

/** False for multicast, broadcast and unspecified addresses: nobody can be asked there. */
export function isUnicast(ip: string): boolean {
  if (isIpv6(ip)) return ip !== '::' && !/^ff/i.test(ip);
  const first = Number(ip.slice(0, ip.indexOf('.')));
  return first > 0 && first < 224;
}

/** Four octets of a dotted IPv4 literal, or null. Leading zeros are refused (octal ambiguity). */
export function ipv4Octets(ip: string): number[] | null {
  const parts = ip.split('.');
  if (parts.length !== 4) return null;
  const octets: number[] = [];
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return null;
    const value = Number(part);
    if (value > 255) return null;
    octets.push(value);
  }
  return octets;
}

/** Eight 16-bit groups of an IPv6 literal without zone, or null. RFC 4291 §2.2. */
export function ipv6Groups(ip: string): number[] | null {
  let text = ip;
  const dot = text.lastIndexOf('.');
  if (dot >= 0) {
    const colon = text.lastIndexOf(':');
    const octets = ipv4Octets(text.slice(colon + 1));
    if (octets === null || colon < 0) return null;
    const [a = 0, b = 0, c = 0, d = 0] = octets;
    text = `${text.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const written = head.length + tail.length;
  if (halves.length === 1 ? written !== 8 : written > 7) return null;
  const all = [...head, ...new Array<string>(8 - written).fill('0'), ...tail];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  return all.map((group) => Number.parseInt(group, 16));
}

/**
 * Canonical text of an IP literal: dotted IPv4, or IPv6 per RFC 5952 (lower case, longest zero
 * run folded), a zone kept as written. IPv4-mapped IPv6 becomes plain IPv4.
 * @returns null if the text is not an IP literal
 */
export function canonicalIp(text: string): string | null {
  if (!text.includes(':')) return ipv4Octets(text) === null ? null : text;
  const percent = text.indexOf('%');
  const zone = percent < 0 ? '' : text.slice(percent);
  if (zone === '%') return null;
  const groups = ipv6Groups(percent < 0 ? text : text.slice(0, percent));
  if (groups === null) return null;
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const high = groups[6] ?? 0;
    const low = groups[7] ?? 0;
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  }
  return foldZeros(groups) + zone;
}

function foldZeros(groups: number[]): string {
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) {
      bestStart = start;
      bestLength = length;
    }
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (bestStart < 0) return text(groups);
  return `${text(groups.slice(0, bestStart))}::${text(groups.slice(bestStart + bestLength))}`;
}

/** As {@link canonicalIp}, but a caller's mistake throws. */
export function requireIp(field: string, text: string): string {
  const ip = canonicalIp(text);
  if (ip === null) throw new ConfigError(field, 'an IPv4 or IPv6 literal', text);
  return ip;
}

/** All pairs of remote and local addresses of the same family, remote-major (RFC 8039 §5.3.2). */
export function allPairs(remoteIps: readonly string[], localIps: readonly string[]): PathKey[] {
  const keys: PathKey[] = [];
  for (const remoteIp of remoteIps) {
    for (const localIp of localIps) {
      if (isIpv6(remoteIp) === isIpv6(localIp)) keys.push(pathKey(remoteIp, localIp));
    }
  }
  return keys;
}

/**
 * The reference identifier and its three readings: upstream address, source name, kiss code.
 * RFC 5905 §7.3, §7.4. Held as one u32, first octet on top.
 */
import { ConfigError } from '../errors.ts';
import { ipv4Octets, ipv6Groups } from '../path.ts';
import { md5 } from './md5.ts';

/** Reference identifier of up to four ASCII characters, zero padded: `GPS`, `RATE`. */
export function asciiRefid(text: string): number {
  if (!/^[\x21-\x7e]{1,4}$/.test(text)) {
    throw new ConfigError('refid', '1 to 4 printable ASCII characters', text);
  }
  let refid = 0;
  for (let i = 0; i < 4; i++) refid = (refid << 8) | (i < text.length ? text.charCodeAt(i) : 0);
  return refid >>> 0;
}

/**
 * Reference identifier of an upstream address: the four octets of an IPv4 address, or the first
 * four octets of the MD5 digest of the 16 octets of an IPv6 address (RFC 5905 §7.3).
 */
export function refidOfIp(ip: string): number {
  const octets = ipv4Octets(ip);
  if (octets !== null) return word(octets);
  const percent = ip.indexOf('%');
  const groups = ipv6Groups(percent < 0 ? ip : ip.slice(0, percent));
  if (groups === null) throw new ConfigError('ip', 'an IPv4 or IPv6 literal', ip);
  return word(md5(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))));
}

/** Kiss code of a stratum 0 packet: four printable characters, or null if there is none. */
export function kissCode(refid: number): string | null {
  const text = ascii(refid);
  return /^[\x21-\x7e]{4}$/.test(text) ? text : null;
}

/**
 * For people: `10.1.2.3` for stratum 2 and up (an IPv6 digest looks the same), else the source
 * name. A stranger chose these octets, so nothing unprintable gets through to a terminal.
 */
export function refidText(stratum: number, refid: number): string {
  if (stratum >= 2) {
    return [refid >>> 24, (refid >>> 16) & 255, (refid >>> 8) & 255, refid & 255].join('.');
  }
  return ascii(refid)
    .replace(/\0+$/, '')
    .replace(/[^\x20-\x7e]/g, '?');
}

const word = (octets: ArrayLike<number>): number =>
  (((octets[0] ?? 0) << 24) |
    ((octets[1] ?? 0) << 16) |
    ((octets[2] ?? 0) << 8) |
    (octets[3] ?? 0)) >>>
  0;

const ascii = (refid: number): string =>
  String.fromCharCode(refid >>> 24, (refid >>> 16) & 255, (refid >>> 8) & 255, refid & 255);

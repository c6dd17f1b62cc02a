/**
 * Ethernet frames with a UDP datagram inside, changed in place: where its parts stand, another
 * source, checksums that hold again. IEEE 802.3, 802.1Q; RFC 768, RFC 791 §3.1, RFC 8200 §8.1.
 */

/** Where the parts of a frame stand; all in octets from its beginning. */
export interface UdpFrame {
  readonly family: 4 | 6;
  /** First octet of the IP header. */
  readonly ip: number;
  readonly udp: number;
  readonly payload: number;
  /** Behind the last octet of the datagram; what follows is padding. */
  readonly end: number;
}

const MAC_OCTETS = 12;
const UDP = 17;
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd };
const TAGS = [0x8100, 0x88a8];
/** IPv6 extension headers that say their own length: hop-by-hop, routing, destination options. */
const EXTENSIONS = [0, 43, 60];

const u16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** The datagram in an Ethernet frame (VLAN tags skipped); null if it is none, cut or a fragment. */
export function findUdp(frame: Uint8Array): UdpFrame | null {
  let at = MAC_OCTETS;
  while (TAGS.includes(u16(frame, at))) at += 4;
  const type = u16(frame, at);
  if (type === ETHERTYPE.ipv4) return findInIpv4(frame, at + 2);
  return type === ETHERTYPE.ipv6 ? findInIpv6(frame, at + 2) : null;
}

function findInIpv4(frame: Uint8Array, ip: number): UdpFrame | null {
  const first = frame[ip] ?? 0;
  const isFragment = (u16(frame, ip + 6) & 0x3fff) !== 0;
  if (first >> 4 !== 4 || isFragment || frame[ip + 9] !== UDP) return null;
  return located(frame, 4, ip, ip + (first & 0xf) * 4, ip + u16(frame, ip + 2));
}

function findInIpv6(frame: Uint8Array, ip: number): UdpFrame | null {
  if ((frame[ip] ?? 0) >> 4 !== 6) return null;
  let next = frame[ip + 6] ?? 0;
  let at = ip + 40;
  while (EXTENSIONS.includes(next) && at < frame.length) {
    next = frame[at] ?? 0;
    at += ((frame[at + 1] ?? 0) + 1) * 8;
  }
  return next === UDP ? located(frame, 6, ip, at, ip + 40 + u16(frame, ip + 4)) : null;
}

function located(
  frame: Uint8Array,
  family: 4 | 6,
  ip: number,
  udp: number,
  ipEnd: number,
): UdpFrame | null {
  const end = udp + u16(frame, udp + 4);
  const payload = udp + 8;
  return end < payload || end > ipEnd || ipEnd > frame.length
    ? null
    : { family, ip, udp, payload, end };
}

export const sourcePort = (frame: Uint8Array, { udp }: UdpFrame): number => u16(frame, udp);
export const destinationPort = (frame: Uint8Array, { udp }: UdpFrame): number =>
  u16(frame, udp + 2);

const addressOctets = ({ family }: UdpFrame): number => (family === 4 ? 4 : 16);
const sourceAt = ({ family, ip }: UdpFrame): number => ip + (family === 4 ? 12 : 8);
const destinationAt = (where: UdpFrame): number => sourceAt(where) + addressOctets(where);

/** The octets of the source address (4 or 16), still in the frame. */
export const source = (frame: Uint8Array, where: UdpFrame): Uint8Array =>
  frame.subarray(sourceAt(where), sourceAt(where) + addressOctets(where));

/** The octets of the destination address (4 or 16), still in the frame. */
export const destination = (frame: Uint8Array, where: UdpFrame): Uint8Array =>
  frame.subarray(destinationAt(where), destinationAt(where) + addressOctets(where));

export function isGroup(frame: Uint8Array, where: UdpFrame): boolean {
  const first = frame[destinationAt(where)] ?? 0;
  return where.family === 4 ? first >> 4 === 0xe : first === 0xff;
}

/** Makes `address` (4 or 16 octets, as the family has) the source; {@link mend} the frame after. */
export function setSource(frame: Uint8Array, where: UdpFrame, address: Uint8Array): void {
  frame.set(address.subarray(0, addressOctets(where)), sourceAt(where));
}

export function setPorts(frame: Uint8Array, { udp }: UdpFrame, from: number, to: number): void {
  writeU16(frame, udp, from);
  writeU16(frame, udp + 2, to);
}

/**
 * The frame cut or grown to a payload of `octets` zeros or what stood there, all lengths set;
 * padded to the 60 octets that Ethernet asks for.
 */
export function resized(frame: Uint8Array, where: UdpFrame, octets: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(60, where.payload + octets));
  bytes.set(frame.subarray(0, Math.min(where.end, where.payload + octets)));
  writeU16(bytes, where.udp + 4, 8 + octets);
  const ipOctets = where.payload + octets - where.ip;
  if (where.family === 4) writeU16(bytes, where.ip + 2, ipOctets);
  else writeU16(bytes, where.ip + 4, ipOctets - 40);
  return bytes;
}

/**
 * Makes the checksums of the IPv4 header and of the datagram hold. A datagram without one (zero,
 * IPv4 only) stays so. Frames that a local interface hands on may come with none yet, so that every
 * frame needs it, changed or not.
 */
export function mend(frame: Uint8Array, where: UdpFrame): void {
  const { family, ip, udp, end } = where;
  if (family === 4) {
    writeU16(frame, ip + 10, 0);
    writeU16(frame, ip + 10, ~folded(sum(frame, ip, udp)) & 0xffff);
    if (u16(frame, udp + 6) === 0) return;
  }
  writeU16(frame, udp + 6, 0);
  const addresses = sourceAt(where);
  const pseudo = sum(frame, addresses, addresses + 2 * addressOctets(where)) + UDP + (end - udp);
  const checksum = ~folded(pseudo + sum(frame, udp, end)) & 0xffff;
  writeU16(frame, udp + 6, checksum === 0 ? 0xffff : checksum);
}

function sum(bytes: Uint8Array, from: number, to: number): number {
  let total = 0;
  for (let at = from; at < to - 1; at += 2) total += u16(bytes, at);
  if ((to - from) % 2 === 1) total += (bytes[to - 1] ?? 0) << 8;
  return total;
}

function folded(total: number): number {
  let left = total;
  while (left > 0xffff) left = (left & 0xffff) + Math.floor(left / 0x10000);
  return left;
}

/** From an IP packet to the UDP datagram in it. RFC 791, RFC 8200 §4, RFC 768. */
import { canonicalIp } from '../path.ts';
import { BIG } from './frame.ts';

export interface UdpPacket {
  /** Canonical IP literals. */
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  /** TTL or hop limit as it was when captured. */
  readonly hops: number;
  /** The payload, as much as was captured. */
  readonly bytes: Uint8Array;
  /** The capture kept less than was sent. */
  readonly isCut: boolean;
}

const UDP = 17;
const UDP_HEADER_BYTES = 8;
/** IPv6 headers that may stand before UDP and have their length in units of 8 octets. */
const EXTENSIONS: readonly number[] = [0, 43, 60, 135, 139, 140];
const FRAGMENT = 44;
const AUTHENTICATION = 51;

/** The datagram, or null: another protocol, a fragment, or too short to be one. */
export function udpOf(packet: Uint8Array): UdpPacket | null {
  const version = (packet[0] ?? 0) >> 4;
  return version === 4 ? ofIpv4(packet) : version === 6 ? ofIpv6(packet) : null;
}

function ofIpv4(packet: Uint8Array): UdpPacket | null {
  const header = ((packet[0] ?? 0) & 0xf) * 4;
  const total = BIG.u16(packet, 2);
  const fragment = BIG.u16(packet, 6) & 0x3fff; // more fragments, or not the first
  if (header < 20 || packet[9] !== UDP || fragment !== 0 || packet.length < header) return null;
  // Captured before the card cut it into packets, the total may be 0.
  const end = total === 0 ? packet.length : Math.min(total, packet.length);
  const ip = (at: number) => packet.subarray(at, at + 4).join('.');
  return udp(packet.subarray(header, end), ip(12), ip(16), packet[8] ?? 0);
}

function ofIpv6(packet: Uint8Array): UdpPacket | null {
  if (packet.length < 40) return null;
  const payload = BIG.u16(packet, 4);
  const end = payload === 0 ? packet.length : Math.min(40 + payload, packet.length);
  let next = packet[6] ?? 0;
  let at = 40;
  while (next !== UDP) {
    if (at + 8 > end) return null;
    const units = packet[at + 1] ?? 0;
    const following = packet[at] ?? 0;
    if (next === FRAGMENT) {
      if ((BIG.u16(packet, at + 2) & 0xfff9) !== 0) return null;
      at += 8;
    } else if (next === AUTHENTICATION) at += (units + 2) * 4;
    else if (EXTENSIONS.includes(next)) at += (units + 1) * 8;
    else return null;
    next = following;
  }
  if (at > end) return null;
  const ip = (from: number) => {
    const groups = Array.from({ length: 8 }, (_, n) => BIG.u16(packet, from + 2 * n).toString(16));
    return canonicalIp(groups.join(':')) ?? '::';
  };
  return udp(packet.subarray(at, end), ip(8), ip(24), packet[7] ?? 0);
}

function udp(bytes: Uint8Array, src: string, dst: string, hops: number): UdpPacket | null {
  if (bytes.length < UDP_HEADER_BYTES) return null;
  const length = BIG.u16(bytes, 4);
  if (length < UDP_HEADER_BYTES) return null;
  return {
    src,
    dst,
    srcPort: BIG.u16(bytes, 0),
    dstPort: BIG.u16(bytes, 2),
    hops,
    bytes: bytes.subarray(UDP_HEADER_BYTES, length),
    isCut: length > bytes.length,
  };
}

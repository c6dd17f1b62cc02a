/**
 * A capture file with UDP packets that were never sent, for tshark to read. Format: pcap, raw IP
 * (link type 101). Checksums are right, so that tshark has nothing to complain of.
 */
import { ipv4Octets, ipv6Groups } from '../../src/path.ts';

export interface FilePacket {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  readonly payload: Uint8Array;
}

const UDP = 17;

/** The file; packet n is stamped n seconds after the epoch. */
export function pcapFile(packets: readonly FilePacket[]): Uint8Array {
  const frames = packets.map(ipPacket);
  const bytes = new Uint8Array(frames.reduce((length, { length: n }) => length + 16 + n, 24));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b2c3d4);
  view.setUint16(4, 2);
  view.setUint16(6, 4);
  view.setUint32(16, 0xffff);
  view.setUint32(20, 101);
  let at = 24;
  for (const [n, octets] of frames.entries()) {
    view.setUint32(at, n);
    view.setUint32(at + 8, octets.length);
    view.setUint32(at + 12, octets.length);
    bytes.set(octets, at + 16);
    at += 16 + octets.length;
  }
  return bytes;
}

/** The IP packet of one, checksums right. */
export function ipPacket(packet: FilePacket): Uint8Array {
  const src = addressOctets(packet.src);
  const dst = addressOctets(packet.dst);
  const length = 8 + packet.payload.length;
  const udp = new Uint8Array(length);
  const view = new DataView(udp.buffer);
  view.setUint16(0, packet.sport);
  view.setUint16(2, packet.dport);
  view.setUint16(4, length);
  udp.set(packet.payload, 8);
  const pseudo = [...src, ...dst, 0, 0, length >> 8, length & 0xff, 0, UDP, 0, 0];
  // The order of words does not matter to the sum, so protocol and length may share words.
  view.setUint16(6, checksum([...pseudo, ...udp]) || 0xffff);
  return Uint8Array.from([...ipHeader(src, dst, length), ...udp]);
}

function ipHeader(src: number[], dst: number[], length: number): number[] {
  if (src.length === 16) {
    return [0x60, 0, 0, 0, length >> 8, length & 0xff, UDP, 64, ...src, ...dst];
  }
  const total = 20 + length;
  const start = [0x45, 0, total >> 8, total & 0xff, 0, 0, 0x40, 0, 64, UDP];
  const sum = checksum([...start, 0, 0, ...src, ...dst]);
  return [...start, sum >> 8, sum & 0xff, ...src, ...dst];
}

function addressOctets(ip: string): number[] {
  const octets = ipv4Octets(ip);
  if (octets !== null) return octets;
  return (ipv6Groups(ip) ?? []).flatMap((group) => [group >> 8, group & 0xff]);
}

/** RFC 1071. */
function checksum(octets: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) {
    sum += ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

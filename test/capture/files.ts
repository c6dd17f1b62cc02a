/** Captures made by hand: packets, frames of every link type, files of every format. */
import { ipv4Octets, ipv6Groups } from '../../src/path.ts';

export type Bytes = readonly number[];

export const u16 = (value: number): Bytes => [(value >> 8) & 255, value & 255];
export const u32 = (value: number): Bytes => [...u16(value >>> 16), ...u16(value & 0xffff)];

export interface Packet {
  readonly src: string;
  readonly dst: string;
  readonly port: number;
  readonly payload: Bytes;
  /** IPv6 extension headers, or IPv4 options. */
  readonly extra?: Bytes;
  /** Number of the first of the extension headers. */
  readonly next?: number;
}

const octetsOf = (ip: string): Bytes =>
  ipv4Octets(ip) ?? (ipv6Groups(ip) ?? []).flatMap((group) => u16(group));

/** An IP packet with UDP in it; hop limit 7. Checksums are nobody's business here. */
export function ipPacket({ src, dst, port, payload, extra = [], next = 17 }: Packet): Bytes {
  const udp = [...u16(port), ...u16(port), ...u16(8 + payload.length), 0, 0, ...payload];
  const ends = [...octetsOf(src), ...octetsOf(dst)];
  if (ends.length === 8) {
    const header = 20 + extra.length;
    const length = header + udp.length;
    return [
      ...[0x40 + header / 4, 0, ...u16(length), 0, 0, 0, 0, 7, 17, 0, 0],
      ...[...ends, ...extra, ...udp],
    ];
  }
  const length = extra.length + udp.length;
  return [0x60, 0, 0, 0, ...u16(length), next, 7, ...ends, ...extra, ...udp];
}

const MAC = [2, 0, 0, 0, 0, 1];

/** One frame of each link type, by name. */
export function framesOf(packet: Packet): readonly (readonly [string, number, Bytes])[] {
  const ip = ipPacket(packet);
  const isV6 = packet.src.includes(':');
  const type = u16(isV6 ? 0x86dd : 0x0800);
  const ends = [...MAC, ...MAC];
  return [
    ['Ethernet', 1, [...ends, ...type, ...ip, 0, 0, 0, 0, 0, 0]], // padded to its least length
    ['Ethernet with VLAN', 1, [...ends, 0x81, 0, 0, 5, ...type, ...ip]],
    ['Ethernet with two tags', 1, [...ends, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, ...type, ...ip]],
    ['Linux cooked', 113, [0, 4, 0, 1, 0, 6, ...MAC, 0, 0, ...type, ...ip]],
    ['Linux cooked v2', 276, [...type, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, ...MAC, 0, 0, ...ip]],
    ['raw IP', 101, ip],
    ['raw IP of OpenBSD', 14, ip],
    ['raw IP of others', 12, ip],
    [isV6 ? 'IPv6' : 'IPv4', isV6 ? 229 : 228, ip],
    ['loopback, little', 0, [isV6 ? 30 : 2, 0, 0, 0, ...ip]],
    ['loopback, big', 0, [0, 0, 0, isV6 ? 10 : 2, ...ip]],
    ['OpenBSD loopback', 108, [0, 0, 0, isV6 ? 24 : 2, ...ip]],
  ];
}

/** Numbers in the byte order of a file. */
const ordered = (isLittle: boolean) => ({
  h: (value: number): Bytes => (isLittle ? [...u16(value)].reverse() : u16(value)),
  w: (value: number): Bytes => (isLittle ? [...u32(value)].reverse() : u32(value)),
});

export interface Captured {
  readonly atS: number;
  /** In ticks of the file. */
  readonly fraction: number;
  readonly frame: Bytes;
}

export function pcapOf(
  link: number,
  frames: readonly Captured[],
  { isLittle = false, isNs = false } = {},
): Uint8Array {
  const { h, w } = ordered(isLittle);
  const magic = isNs ? 0xa1b23c4d : 0xa1b2c3d4;
  const head = [...w(magic), ...h(2), ...h(4), ...w(0), ...w(0), ...w(65535), ...w(link)];
  const records = frames.flatMap(({ atS, fraction, frame }) => [
    ...[...w(atS), ...w(fraction), ...w(frame.length), ...w(frame.length), ...frame],
  ]);
  return Uint8Array.from([...head, ...records]);
}

const pad = (bytes: Bytes): Bytes => [...bytes, ...new Array((4 - (bytes.length % 4)) % 4).fill(0)];

export interface NgOptions {
  readonly isLittle?: boolean;
  /** if_tsresol; undefined: left out. */
  readonly resolution?: number;
  /** if_tsoffset. (s) */
  readonly offsetS?: number;
  readonly kind?: 'enhanced' | 'old' | 'simple';
}

/** @param frames with their time in ticks, as a bigint */
export function pcapngOf(
  link: number,
  frames: readonly { readonly ticks: bigint; readonly frame: Bytes }[],
  { isLittle = false, resolution, offsetS, kind = 'enhanced' }: NgOptions = {},
): Uint8Array {
  const { h, w } = ordered(isLittle);
  const block = (type: number, body: Bytes): Bytes => {
    const length = 12 + body.length;
    return [...w(type), ...w(length), ...body, ...w(length)];
  };
  const option = (code: number, value: Bytes) => [...h(code), ...h(value.length), ...pad(value)];
  const long = (value: bigint): Bytes => {
    const [high, low] = [Number(value >> 32n), Number(value & 0xffffffffn)];
    return isLittle ? [...w(low), ...w(high)] : [...w(high), ...w(low)];
  };
  const options = [
    ...option(
      2,
      [...'eth0'].map((letter) => letter.charCodeAt(0)),
    ),
    ...(resolution === undefined ? [] : option(9, [resolution])),
    ...(offsetS === undefined ? [] : option(14, long(BigInt(offsetS)))),
    ...option(0, []),
  ];
  const unknown = new Array(8).fill(255);
  const packets = frames.flatMap(({ ticks, frame }) => {
    const time = [...w(Number(ticks >> 32n)), ...w(Number(ticks & 0xffffffffn))];
    const sizes = [...w(frame.length), ...w(frame.length)];
    if (kind === 'simple') return block(3, [...w(frame.length), ...pad(frame)]);
    if (kind === 'old') return block(2, [...h(0), ...h(0), ...time, ...sizes, ...pad(frame)]);
    return block(6, [...w(0), ...time, ...sizes, ...pad(frame)]);
  });
  return Uint8Array.from([
    ...block(0x0a0d0d0a, [...w(0x1a2b3c4d), ...h(1), ...h(0), ...unknown]),
    ...block(1, [...h(link), ...h(0), ...w(65535), ...options]),
    ...block(0x0bad, [1, 2, 3, 4]), // one that nobody knows
    ...packets,
    ...block(5, [...w(0), ...w(0), ...w(0)]), // statistics
  ]);
}

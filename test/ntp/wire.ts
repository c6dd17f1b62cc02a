/** Packets for tests: hex both ways, and an honest server's answer built octet by octet. */

export const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Two captured requests and replies, chronyd 4.3 (WIRE §1.9). */
export const CAPTURED_REQUEST = `23000420${'00'.repeat(36)}238bcf21c6a97b4d`;
export const CAPTURED_REPLY =
  '240304e700000000000000007f7f0101eeab652cff8a3f1e238bcf21c6a97b4deeab652e74f4cd1deeab652e75013c2e';

export interface Answer {
  leap?: number;
  version?: number;
  mode?: number;
  stratum?: number;
  poll?: number;
  precision?: number;
  /** 16.16 as u32. */
  rootDelay?: number;
  rootDispersion?: number;
  refid?: number;
  /** Eight octets in hex; the request's transmit stamp if not given. */
  origin?: string;
  receive?: string;
  transmit?: string;
  /** Appended as it is. */
  tail?: string;
}

/** An honest stratum 2 answer to `request`, but for what `but` says. Written with a DataView. */
export function answerTo(request: Uint8Array, but: Answer = {}): Uint8Array {
  const tail = fromHex(but.tail ?? '');
  const bytes = new Uint8Array(48 + tail.length);
  const view = new DataView(bytes.buffer);
  const { leap = 0, version = 4, mode = 4 } = but;
  view.setUint8(0, (leap << 6) | (version << 3) | mode);
  view.setUint8(1, but.stratum ?? 2);
  view.setInt8(2, but.poll ?? request[2] ?? 0);
  view.setInt8(3, but.precision ?? -23);
  view.setUint32(4, but.rootDelay ?? 0x0000_0100);
  view.setUint32(8, but.rootDispersion ?? 0x0000_0200);
  view.setUint32(12, but.refid ?? 0xc0000263);
  bytes.set(fromHex('e8fe6f7000000000'), 16);
  bytes.set(but.origin === undefined ? request.subarray(40, 48) : fromHex(but.origin), 24);
  bytes.set(fromHex(but.receive ?? 'e8fe6f8000000000'), 32);
  bytes.set(fromHex(but.transmit ?? 'e8fe6f8000010000'), 40); // held 15 µs
  bytes.set(tail, 48);
  return bytes;
}

/** Receive and transmit stamps of a server that got the request `atS` after 2023-11-14 22:13:20. */
export function stampsAt(atS: number): { receive: string; transmit: string } {
  const hex = (s: number): string =>
    [0xe8fe6f80 + Math.floor(s), Math.floor((s % 1) * 2 ** 32)]
      .map((word) => (word >>> 0).toString(16).padStart(8, '0'))
      .join('');
  return { receive: hex(atS), transmit: hex(atS + 15e-6) };
}

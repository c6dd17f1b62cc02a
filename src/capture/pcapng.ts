/**
 * The newer capture format, of Wireshark and dumpcap: draft-ietf-opsawg-pcapng. Sections of either
 * byte order, interfaces with a resolution and an offset of their own; blocks that carry no frame
 * are passed over.
 */
import { BIG, type Dissector, type Frame, LITTLE, MAX_BLOCK_BYTES, type Order } from './frame.ts';

const SECTION = 0x0a0d0d0a; // the same in both orders
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

const END_OF_OPTIONS = 0;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

/** Type, length, and the length again. */
const FRAME_BYTES = 12;

interface Interface {
  readonly link: number;
  /** 0: no limit. */
  readonly snapBytes: number;
  /** Unix time of a count of ticks. (ns) */
  readonly timeNs: (ticks: bigint) => bigint;
}

/** A dissector if the first four octets are those of a section header, else null. */
export function pcapngDissector(bytes: Uint8Array): Dissector | null {
  if (BIG.u32(bytes, 0) !== SECTION) return null;
  let order: Order = BIG;
  let interfaces: Interface[] = [];

  function packet(block: Uint8Array, head: number, index: number, at: number): Frame | string {
    const source = interfaces[index];
    if (source === undefined) return `a packet names interface ${index}, which is not described`;
    const kept = order.u32(block, at + 8);
    if (head + kept > block.length - 4) return `a packet claims ${kept} octets in a smaller block`;
    const ticks = (BigInt(order.u32(block, at)) << 32n) | BigInt(order.u32(block, at + 4));
    return {
      atNs: source.timeNs(ticks),
      link: source.link,
      bytes: block.subarray(head, head + kept),
      wireBytes: order.u32(block, at + 12),
    };
  }

  return {
    measure(rest) {
      if (rest.length < FRAME_BYTES) return FRAME_BYTES;
      if (BIG.u32(rest, 0) === SECTION) {
        const found = [BIG, LITTLE].find(({ u32 }) => u32(rest, 8) === BYTE_ORDER);
        if (found === undefined) return 'a section has no byte order';
        order = found;
      }
      const length = order.u32(rest, 4);
      if (length >= FRAME_BYTES && length % 4 === 0 && length <= MAX_BLOCK_BYTES) return length;
      return `a block claims ${length} octets`;
    },
    take(block) {
      if (order.u32(block, block.length - 4) !== block.length) {
        return 'the two lengths of a block differ';
      }
      switch (order.u32(block, 0)) {
        case SECTION:
          if (block.length < 28) return 'a section header is too short';
          interfaces = [];
          return null;
        case INTERFACE:
          if (block.length < 20) return 'an interface description is too short';
          interfaces.push(readInterface(block, order));
          return null;
        case ENHANCED_PACKET:
          if (block.length < 32) return 'a packet block is too short';
          return packet(block, 28, order.u32(block, 8), 12);
        case OLD_PACKET:
          if (block.length < 32) return 'a packet block is too short';
          return packet(block, 28, order.u16(block, 8), 12);
        case SIMPLE_PACKET: {
          if (block.length < 16) return 'a packet block is too short';
          const [source] = interfaces;
          if (source === undefined) return 'a packet comes before any interface';
          const wireBytes = order.u32(block, 8);
          const kept = Math.min(wireBytes, source.snapBytes || wireBytes, block.length - 16);
          // no time is told
          return { atNs: 0n, link: source.link, bytes: block.subarray(12, 12 + kept), wireBytes };
        }
        default:
          return null;
      }
    },
  };
}

function readInterface(block: Uint8Array, order: Order): Interface {
  let resolution = 6;
  let offsetS = 0n;
  const end = block.length - 4;
  for (let at = 16; at + 4 <= end; ) {
    const code = order.u16(block, at);
    const length = order.u16(block, at + 2);
    const value = at + 4;
    if (code === END_OF_OPTIONS || value + length > end) break;
    if (code === IF_TSRESOL && length >= 1) resolution = block[value] ?? 6;
    if (code === IF_TSOFFSET && length >= 8) {
      const [high, low] = order === BIG ? [value, value + 4] : [value + 4, value];
      offsetS = BigInt.asIntN(
        64,
        (BigInt(order.u32(block, high)) << 32n) | BigInt(order.u32(block, low)),
      );
    }
    at = value + length + ((4 - (length % 4)) % 4);
  }
  const scale = scaleOf(resolution);
  const offsetNs = offsetS * 1_000_000_000n;
  return {
    link: order.u16(block, 8),
    snapBytes: order.u32(block, 12),
    timeNs: (ticks) => scale(ticks) + offsetNs,
  };
}

/** if_tsresol: ticks per second as a power of ten, or of two if the first bit is set. */
function scaleOf(resolution: number): (ticks: bigint) => bigint {
  const power = BigInt(resolution & 0x7f);
  if ((resolution & 0x80) !== 0) return (ticks) => (ticks * 1_000_000_000n) >> power;
  if (power <= 9n) {
    const factor = 10n ** (9n - power);
    return (ticks) => ticks * factor;
  }
  const divisor = 10n ** (power - 9n);
  return (ticks) => ticks / divisor;
}

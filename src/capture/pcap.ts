/**
 * The older capture format, of tcpdump: libpcap's pcap-savefile(5), magic numbers of µs and ns files
 * in both byte orders.
 */
import { BIG, type Dissector, type Frame, LITTLE, MAX_BLOCK_BYTES, type Order } from './frame.ts';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

interface Kind {
  readonly order: Order;
  readonly nsPerTick: number;
}

const KINDS: Readonly<Record<number, Kind>> = {
  2712847316: { order: BIG, nsPerTick: 1000 }, // a1b2c3d4
  3569595041: { order: LITTLE, nsPerTick: 1000 }, // d4c3b2a1
  2712812621: { order: BIG, nsPerTick: 1 }, // a1b23c4d
  1295823521: { order: LITTLE, nsPerTick: 1 }, // 4d3cb2a1
};

/** A dissector if the first four octets are those of a pcap file, else null. */
export function pcapDissector(bytes: Uint8Array): Dissector | null {
  const kind = KINDS[BIG.u32(bytes, 0)];
  if (kind === undefined) return null;
  const { order, nsPerTick } = kind;
  let link: number | null = null;
  return {
    measure(rest) {
      if (link === null) return FILE_HEADER_BYTES;
      if (rest.length < RECORD_HEADER_BYTES) return RECORD_HEADER_BYTES;
      const kept = order.u32(rest, 8);
      if (kept <= MAX_BLOCK_BYTES) return RECORD_HEADER_BYTES + kept;
      return `a record claims ${kept} octets`;
    },
    take(block): Frame | null {
      if (link === null) {
        link = order.u16(block, order === BIG ? 22 : 20); // the other half tells of FCS
        return null;
      }
      const fraction = order.u32(block, 4) * nsPerTick;
      return {
        atNs: BigInt(order.u32(block, 0)) * 1_000_000_000n + BigInt(fraction),
        link,
        bytes: block.subarray(RECORD_HEADER_BYTES),
        wireBytes: order.u32(block, 12),
      };
    },
  };
}

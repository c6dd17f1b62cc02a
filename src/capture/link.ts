/** From a captured frame to the IP packet in it: the link types that PTP is captured on. */
import { BIG } from './frame.ts';

/** What a frame carries. `none`: not IP, and nothing we know. */
export type Carried =
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  /** PTP right over Ethernet (IEEE 1588-2008 annex F): no IP at all. */
  | { readonly kind: 'ptp-ethernet'; readonly bytes: Uint8Array; readonly src: string }
  | { readonly kind: 'none' };

const NONE: Carried = { kind: 'none' };

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const PTP = 0x88f7;
/** Tags of four octets that stand before the type: VLAN, service VLAN, and its older numbers. */
const TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100, 0x9200];

/** Names of the LINKTYPE_ numbers that {@link carriedBy} reads. */
export const LINK_NAMES: Readonly<Record<number, string>> = {
  0: 'NULL',
  1: 'ETHERNET',
  12: 'RAW',
  14: 'RAW',
  101: 'RAW',
  108: 'LOOP',
  113: 'LINUX_SLL',
  228: 'IPV4',
  229: 'IPV6',
  276: 'LINUX_SLL2',
};

export function carriedBy(link: number, bytes: Uint8Array): Carried {
  switch (link) {
    case 1:
      return typed(bytes, 12, bytes.subarray(6, 12));
    case 113: // Linux cooked: type, hardware, address length, address, protocol
      return typed(bytes, 14, bytes.subarray(6, 12));
    case 276: // Linux cooked v2: the protocol stands first, the header has 20 octets
      return protocol(BIG.u16(bytes, 0), bytes, 20, bytes.subarray(12, 18));
    case 0: // the family in the byte order of whoever captured
    case 108: // the family in network order
      return bytes.length > 4 && isFamily(bytes) ? { kind: 'ip', bytes: bytes.subarray(4) } : NONE;
    case 12:
    case 14:
    case 101:
    case 228:
    case 229:
      return { kind: 'ip', bytes };
    default:
      return NONE;
  }
}

/** Ethernet types, with any number of tags, from octet `at` on. */
function typed(bytes: Uint8Array, at: number, src: Uint8Array): Carried {
  let type = BIG.u16(bytes, at);
  let next = at + 2;
  while (TAGS.includes(type) && next + 4 <= bytes.length) {
    type = BIG.u16(bytes, next + 2);
    next += 4;
  }
  return protocol(type, bytes, next, src);
}

function protocol(type: number, bytes: Uint8Array, at: number, src: Uint8Array): Carried {
  const rest = bytes.subarray(at);
  if (type === IPV4 || type === IPV6) return { kind: 'ip', bytes: rest };
  if (type !== PTP) return NONE;
  const mac = [...src].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
  return { kind: 'ptp-ethernet', bytes: rest, src: mac };
}

/** AF_INET is 2 everywhere, AF_INET6 another number in every system; both below 256. */
function isFamily(bytes: Uint8Array): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const family = a === 0 && b === 0 && c === 0 ? d : b === 0 && c === 0 && d === 0 ? a : 0;
  return [2, 10, 24, 28, 30].includes(family);
}

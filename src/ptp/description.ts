/** CLOCK_DESCRIPTION and USER_DESCRIPTION: sets of texts and addresses. IEEE 1588-2008 §15.5.3.1. */
import { ipv4Octets, ipv6Groups } from '../path.ts';
import type { Layout } from './layout.ts';
import { joined, readU16, readU24, writeU16, writeU24 } from './octets.ts';
import { readText, textBytes } from './text.ts';

/** Bits of clockType. */
export const CLOCK_TYPES = {
  ORDINARY: 0x8000,
  BOUNDARY: 0x4000,
  P2P_TRANSPARENT: 0x2000,
  E2E_TRANSPARENT: 0x1000,
  MANAGEMENT_NODE: 0x0800,
} as const;

export interface PortAddress {
  /** 1 UDP/IPv4, 2 UDP/IPv6, 3 IEEE 802.3. */
  readonly networkProtocol: number;
  readonly addressField: Uint8Array;
}

export interface ClockDescription {
  /** Sum of {@link CLOCK_TYPES}. */
  readonly clockType: number;
  /** `IEEE 802.3` */
  readonly physicalLayerProtocol: string;
  readonly physicalAddress: Uint8Array;
  readonly protocolAddress: PortAddress;
  /** OUI. (u24) */
  readonly manufacturerIdentity: number;
  /** `manufacturer;model;instance` */
  readonly productDescription: string;
  /** `hardware;firmware;software` */
  readonly revisionData: string;
  readonly userDescription: string;
  /** 6 octets. */
  readonly profileIdentity: Uint8Array;
}

/** Profiles by their profileIdentity. The Enterprise profile's is RFC 9760's. */
export const PROFILE_IDENTITIES = {
  defaultE2E: Uint8Array.of(0x00, 0x1b, 0x19, 0x00, 0x01, 0x00),
  defaultP2P: Uint8Array.of(0x00, 0x1b, 0x19, 0x00, 0x02, 0x00),
  enterprise: Uint8Array.of(0x00, 0x00, 0x5e, 0x00, 0x01, 0x00),
} as const;

/** @param ip literal as `canonicalIp` gives it; a zone is not sent */
export function portAddress(ip: string): PortAddress {
  const octets = ipv4Octets(ip);
  if (octets !== null) return { networkProtocol: 1, addressField: Uint8Array.from(octets) };
  const [literal = ''] = ip.split('%');
  const groups = ipv6Groups(literal) ?? [];
  const addressField = Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
  return { networkProtocol: 2, addressField };
}

export const USER_DESCRIPTION: Layout<string> = {
  read: (bytes) => {
    const reader = createReader(bytes);
    const text = reader.text();
    return reader.atEnd() ? text : null;
  },
  write: (value) => padded([textBytes(value)]),
};

export const CLOCK_DESCRIPTION: Layout<ClockDescription> = {
  read: (bytes) => {
    const reader = createReader(bytes);
    const value: ClockDescription = {
      clockType: reader.u16(),
      physicalLayerProtocol: reader.text(),
      physicalAddress: reader.octets(reader.u16()),
      protocolAddress: {
        networkProtocol: reader.u16(),
        addressField: reader.octets(reader.u16()),
      },
      manufacturerIdentity: readU24(reader.octets(4), 0), // and one reserved
      productDescription: reader.text(),
      revisionData: reader.text(),
      userDescription: reader.text(),
      profileIdentity: reader.octets(6),
    };
    return reader.atEnd() ? value : null;
  },
  write: (value) => {
    const maker = new Uint8Array(4);
    writeU24(maker, 0, value.manufacturerIdentity);
    return padded([
      u16Bytes(value.clockType),
      textBytes(value.physicalLayerProtocol),
      u16Bytes(value.physicalAddress.length),
      value.physicalAddress,
      u16Bytes(value.protocolAddress.networkProtocol),
      u16Bytes(value.protocolAddress.addressField.length),
      value.protocolAddress.addressField,
      maker,
      textBytes(value.productDescription),
      textBytes(value.revisionData),
      textBytes(value.userDescription),
      value.profileIdentity,
    ]);
  },
};

/** Goes through the octets once; after an overrun all it gives is empty and `atEnd` is false. */
function createReader(bytes: Uint8Array) {
  let at = 0;
  let overrun = false;
  const octets = (length: number): Uint8Array => {
    overrun ||= at + length > bytes.length;
    if (overrun) return new Uint8Array(length);
    at += length;
    return bytes.slice(at - length, at);
  };
  return {
    octets,
    u16: (): number => readU16(octets(2), 0),
    text(): string {
      const read = overrun ? null : readText(bytes, at);
      overrun = read === null;
      if (read === null) return '';
      at = read.next;
      return read.text;
    },
    /** Everything was there, and nothing follows but the octet that makes the length even. */
    atEnd: (): boolean => !overrun && bytes.length === at + (at % 2),
  };
}

function u16Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  writeU16(bytes, 0, value);
  return bytes;
}

function padded(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = joined(parts);
  return bytes.length % 2 === 0 ? bytes : joined([bytes, new Uint8Array(1)]);
}

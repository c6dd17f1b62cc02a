/**
 * The identities a clock gives itself: from the MAC of an interface, or from its addresses.
 * IEEE 1588-2008 §7.5.2.2; RFC 8039 §5.2.1.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import { ipv4Octets, requireIp } from '../path.ts';
import { dotted } from './identity.ts';

/** Highest index of {@link clockIdentityOfMac}. */
export const MAX_MAC_INDEX = 0x7ffd;

/**
 * The clockIdentity of a MAC address. Index 0 is the EUI-64 that ptp4l and ptpd use (FFFE in the
 * middle). Others are locally administered, so no other maker's EUI-64 can be the same, with the
 * index in the middle and the U/L bit they replace above it: different {MAC, index}, different
 * identity (PTP-S18).
 * Throws ConfigError.
 */
export function clockIdentityOfMac(mac: string, index = 0): string {
  requireInteger('identity.index', index, 0, MAX_MAC_INDEX);
  const digits = mac.replace(/[:-]/g, '').toLowerCase();
  const isMac = /^[0-9a-f]{2}([:-]?[0-9a-f]{2}){5}$/i.test(mac);
  const first = Number.parseInt(digits.slice(0, 2), 16);
  if (!isMac || (first & 1) === 1 || /^0+$/.test(digits)) {
    throw new ConfigError(
      'identity.mac',
      'the MAC address of an interface as aa:bb:cc:dd:ee:ff',
      mac,
    );
  }
  if (index === 0) return dotted(`${digits.slice(0, 6)}fffe${digits.slice(6)}`);
  const middle = ((first & LOCAL) << 14) | index;
  const head = octet(first | LOCAL) + digits.slice(2, 6);
  return dotted(head + octet(middle >> 8) + octet(middle & 255) + digits.slice(6));
}

/**
 * The clockIdentity of an IP address, always the same for the same text. IPv4 keeps its octets
 * behind a locally administered prefix; IPv6 (with its zone, if any) becomes 60 bits of a hash.
 * Throws ConfigError.
 */
export function clockIdentityOfIp(ip: string): string {
  const text = requireIp('identity.address', ip);
  const octets = ipv4Octets(text);
  if (octets !== null) return dotted(IPV4_HEAD + octets.map(octet).join(''));
  const hash = fnv64(text).toString(16).padStart(16, '0');
  return dotted(`${hash.slice(0, 1)}e${hash.slice(2)}`);
}

/** The {address, clockIdentity} that a single-ended clock shows; one of all is primary. */
export interface Identity {
  /** Canonical IP literal. */
  readonly address: string;
  readonly clockIdentity: string;
  readonly isPrimary: boolean;
}

/**
 * One identity per address, in the order given, the same after every restart and whatever the
 * order (PTP-S01). The primary shows the EUI-64 of its interface if the MAC is known, as a plain
 * clock would; the others follow from their addresses.
 * Throws ConfigError for no addresses, one given twice, or a primary that is not among them.
 */
export function deriveIdentities(
  addresses: readonly string[],
  options: { readonly primary?: string; readonly mac?: string } = {},
): Identity[] {
  const ips = addresses.map((address, i) => requireIp(`identity.addresses.${i}`, address));
  const [firstIp] = ips;
  if (firstIp === undefined) throw new ConfigError('identity.addresses', 'one or more', addresses);
  const primary =
    options.primary === undefined ? firstIp : requireIp('identity.primary', options.primary);
  if (!ips.includes(primary)) {
    throw new ConfigError('identity.primary', `one of ${ips.join(', ')}`, primary);
  }
  const identities = ips.map((address): Identity => {
    const isPrimary = address === primary;
    const { mac } = options;
    const clockIdentity =
      isPrimary && mac !== undefined ? clockIdentityOfMac(mac) : clockIdentityOfIp(address);
    return { address, clockIdentity, isPrimary };
  });
  if (new Set(identities.map(({ clockIdentity }) => clockIdentity)).size < identities.length) {
    throw new ConfigError('identity.addresses', 'addresses with identities of their own', ips);
  }
  return identities;
}

const LOCAL = 2; // U/L bit of the first octet
const IPV4_HEAD = '02636200'; // locally administered, "cb", 0: the middle can never be FFFE

const octet = (value: number): string => value.toString(16).padStart(2, '0');

/** FNV-1a, 64 bit (public domain), of the text's octets, finished with splitmix64's mixing. */
function fnv64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < text.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i) & 255)) * 0x100000001b3n);
  }
  hash = BigInt.asUintN(64, (hash ^ (hash >> 30n)) * 0xbf58476d1ce4e5b9n);
  hash = BigInt.asUintN(64, (hash ^ (hash >> 27n)) * 0x94d049bb133111ebn);
  return hash ^ (hash >> 31n);
}

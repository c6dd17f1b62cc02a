/**
 * clockIdentity and portIdentity: texts as ptp4l prints them, their order, and the identities a
 * clock gives itself. IEEE 1588-2008 §7.5.2; RFC 8039 §5.2.1.
 *
 * Inside ptp/ a clockIdentity is always its canonical text `aabbcc.fffe.ddeeff` (16 lower-case hex
 * digits). All have the same shape, so their text order is their octet order.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import { ipv4Octets, requireIp } from '../path.ts';

/** One port of one clock. */
export interface PortIdentity {
  /** Canonical text, `aabbcc.fffe.ddeeff`. */
  readonly clockIdentity: string;
  /** 1..65534; 0 in the data sets of a grandmaster, 65535 in wildcards. */
  readonly portNumber: number;
}

/** Reserved: names every clock in a targetPortIdentity, no clock may have it. */
export const ALL_CLOCKS = 'ffffff.ffff.ffffff';
/** Reserved: no clock. */
export const NO_CLOCK = '000000.0000.000000';
/** Target of messages to whoever hears them. */
export const ALL_PORTS: PortIdentity = { clockIdentity: ALL_CLOCKS, portNumber: 0xffff };

const FORMS = [
  /^[0-9a-f]{6}\.[0-9a-f]{4}\.[0-9a-f]{6}$/i,
  /^[0-9a-f]{16}$/i,
  /^[0-9a-f]{2}([:-][0-9a-f]{2}){7}$/i,
];

/**
 * Canonical text of a clockIdentity written as `aabbcc.fffe.ddeeff`, 16 hex digits, or eight
 * octets between colons or dashes.
 * @returns null if it is none of these
 */
export function parseClockIdentity(text: string): string | null {
  return FORMS.some((form) => form.test(text)) ? dotted(text.replace(/[.:-]/g, '')) : null;
}

/** As {@link parseClockIdentity}, but a mistake, and both reserved values, throw ConfigError. */
export function requireClockIdentity(field: string, text: string): string {
  const identity = parseClockIdentity(text);
  if (identity === null || isReserved(identity)) {
    throw new ConfigError(field, 'a clockIdentity as aabbcc.fffe.ddeeff, not all 0 or f', text);
  }
  return identity;
}

/** True for the two values no clock may have. */
export const isReserved = (clockIdentity: string): boolean =>
  clockIdentity === ALL_CLOCKS || clockIdentity === NO_CLOCK;

/** Text of the eight octets at `at`; they must be there. */
export function clockIdentityOfBytes(bytes: Uint8Array, at = 0): string {
  let digits = '';
  for (let i = at; i < at + 8; i++) digits += octet(bytes[i] ?? 0);
  return dotted(digits);
}

/** The eight octets of a canonical text. */
export function clockIdentityBytes(clockIdentity: string): Uint8Array {
  const digits = clockIdentity.replaceAll('.', '');
  return Uint8Array.from({ length: 8 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Octet order: negative, 0 or positive as a is less than, equal to or more than b. */
export const compareClockIdentity = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Octet order of whole port identities: the clock first, then the port number. */
export const comparePortIdentity = (a: PortIdentity, b: PortIdentity): number =>
  compareClockIdentity(a.clockIdentity, b.clockIdentity) || a.portNumber - b.portNumber;

export const isSamePort = (a: PortIdentity, b: PortIdentity): boolean =>
  a.clockIdentity === b.clockIdentity && a.portNumber === b.portNumber;

/** As ptp4l prints it: `aabbcc.fffe.ddeeff-1`. */
export const formatPortIdentity = (port: PortIdentity): string =>
  `${port.clockIdentity}-${port.portNumber}`;

/** Reads `aabbcc.fffe.ddeeff-1`; null if it is no port identity. */
export function parsePortIdentity(text: string): PortIdentity | null {
  const match = /^(.{16,23})-(\d{1,5})$/.exec(text);
  const clockIdentity = parseClockIdentity(match?.[1] ?? '');
  const portNumber = Number(match?.[2]);
  return clockIdentity === null || portNumber > 0xffff ? null : { clockIdentity, portNumber };
}

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

function dotted(digits: string): string {
  const lower = digits.toLowerCase();
  return `${lower.slice(0, 6)}.${lower.slice(6, 10)}.${lower.slice(10)}`;
}

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

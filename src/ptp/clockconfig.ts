/**
 * What an ordinary clock is told when it starts, and the parts of it that want reading. RFC 8039 §5;
 * clockstate.ts says what comes of it.
 */
import { ConfigError } from '../errors.ts';
import { isIpv6, isUnicast, requireIp } from '../path.ts';
import type { Tick } from '../units.ts';
import type { GrantLimits } from './caps.ts';
import type { ClockConfig, TimePropertiesDS } from './dataset.ts';
import type { PhaseAdjustment } from './enterprisetlv.ts';
import type { Ipv6Scope, Ports } from './groups.ts';
import { requireClockIdentity } from './identity.ts';
import type { LeapTable } from './leapseconds.ts';
import { deriveIdentities, type Identity } from './ownidentity.ts';
import type { PortConfig } from './portds.ts';
import type { DelayMode, ProfileName, Revision } from './profile.ts';
import type { About } from './told.ts';

/**
 * plain: everything by multicast, one address. single-ended, dual-ended: Sync and Delay_* by
 * unicast over all address pairs (RFC 8039 §5.2.1, §5.3.1); the identity is one per address, or
 * one for all.
 */
export type ClockMode = 'plain' | 'single-ended' | 'dual-ended';
/** `slave`, `master`: that and nothing else. */
export type ClockRole = 'any' | 'slave' | 'master';

export interface OrdinaryClockConfig {
  /** Default plain. */
  readonly mode?: ClockMode;
  /** Sets what it names and refuses the rest: see profile.ts. Default `default`. */
  readonly profile?: ProfileName;
  /** Of the Enterprise Profile. Default `draft-01`. */
  readonly revision?: Revision;
  /** Enterprise: meant to be master; an alternate master while it is not the best. */
  readonly preferred?: boolean;
  /** Enterprise: how delay is measured. Default hybrid: as each slave asks. */
  readonly delayMode?: DelayMode;
  /** Enterprise: serves while it is not the best, too. Default: if preferred. */
  readonly alternateMaster?: boolean;
  /** Enterprise: by how much the served clock is moved in a Sync interval at most, if known. */
  readonly maxPhaseAdjustment?: PhaseAdjustment;
  /** Answers management messages. Default true; false in RFC 9760. */
  readonly management?: boolean;
  /** Default any: the best master algorithm decides. */
  readonly role?: ClockRole;
  /** Own addresses (IP literals); plain takes one. */
  readonly addresses: readonly string[];
  /** Which of them is primary (PTP-S02). Default the first. */
  readonly primary?: string;
  /** Of the primary, and of all of a dual-ended clock. Default from `mac`, or the address. */
  readonly clockIdentity?: string;
  readonly mac?: string;
  /** Own data set, but for what follows from the rest. */
  readonly clock?: Omit<ClockConfig, 'clockIdentity' | 'slaveOnly' | 'numberPorts'>;
  readonly port?: PortConfig;
  /**
   * How much longer Syncs take on their way than the mean of both ways, requests being as much
   * quicker (delayAsymmetry of IEEE 1588, §7.4.2): for all paths, or by path (`remote|local`), own
   * or master's address, the first of these that is given. (ns, within ±10^9, default 0)
   */
  readonly delayAsymmetryNs?: number | Readonly<Record<string, number>>;
  /**
   * Unicast discovery (§5.5): addresses of masters to ask for Announces. Given, even empty, nothing
   * is sent by multicast. Not with plain.
   */
  readonly masters?: readonly string[];
  /** Dual-ended: every own address with every one of the master, or the n-th with the n-th. */
  readonly pairing?: 'mesh' | '1:1';
  /** A master sends Syncs by multicast too. Default only if plain. */
  readonly multicastSync?: boolean;
  /** Plain slaves ask by multicast (default), or by unicast (hybrid). */
  readonly delayRequests?: 'multicast' | 'unicast';
  /** UDP ports, here and there. (default 319, 320) */
  readonly ports?: Ports;
  /** Of multicast groups. (default e) */
  readonly scope?: Ipv6Scope;
  /** Acceptable masters by clockIdentity. Default any. */
  readonly acceptable?: readonly string[];
  /** Asked for. (s, 10–1000, default 300) */
  readonly grantDurationS?: number;
  readonly limits?: Partial<GrantLimits>;
  /** What our own time is: said while we are grandmaster. See ownTime in timeprops.ts. */
  readonly own: TimePropertiesDS;
  /** Why `own` has no current count of leap seconds, for people. */
  readonly problem?: string | null;
  readonly leapTable?: LeapTable | null;
  readonly about?: Partial<About>;
  /** Unix second that stamps count from. */
  readonly epochS: number;
  readonly nowNs: Tick;
}

/** Of every own address. Throws ConfigError. */
export function identitiesOf(config: OrdinaryClockConfig): Identity[] {
  const { addresses, primary, mac, clockIdentity } = config;
  const derived = deriveIdentities(addresses, {
    ...(primary !== undefined && { primary }),
    ...(mac !== undefined && { mac }),
  });
  const wrong = derived.find(({ address }) => !isUnicast(address));
  if (wrong) throw new ConfigError('ptp.addresses', 'own unicast addresses', wrong.address);
  if (clockIdentity === undefined) return derived;
  const own = requireClockIdentity('ptp.clockIdentity', clockIdentity);
  if (derived.some((one) => !one.isPrimary && one.clockIdentity === own)) {
    throw new ConfigError('ptp.clockIdentity', 'another than the addresses have', own);
  }
  return derived.map((one) => (one.isPrimary ? { ...one, clockIdentity: own } : one));
}

/** Null: discovered by multicast. @param own addresses. Throws ConfigError. */
export function mastersOf(config: OrdinaryClockConfig, own: readonly string[]): string[] | null {
  const { masters, mode } = config;
  if (masters === undefined) return null;
  if (mode === 'plain') {
    throw new ConfigError('ptp.masters', 'none with plain multicast', masters);
  }
  const ips = masters.map((text, n) => requireIp(`ptp.masters.${n}`, text));
  for (const [n, ip] of ips.entries()) {
    if (!isUnicast(ip)) throw new ConfigError(`ptp.masters.${n}`, 'a unicast address', ip);
    if (/^fe[89ab].:[^%]*$/i.test(ip)) {
      throw new ConfigError(`ptp.masters.${n}`, 'a link-local address with its zone', ip);
    }
    if (ips.indexOf(ip) < n) throw new ConfigError(`ptp.masters.${n}`, 'each address once', ip);
    if (!own.some((local) => isIpv6(local) === isIpv6(ip))) {
      throw new ConfigError(`ptp.masters.${n}`, 'an address of the family of our own', ip);
    }
  }
  return ips;
}

/** By path or address, '' for all others. (ns) Throws ConfigError. */
export function asymmetriesOf(
  given: number | Readonly<Record<string, number>>,
): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [key, ns] of Object.entries(typeof given === 'number' ? { '': given } : given)) {
    const field = key === '' ? 'ptp.delayAsymmetryNs' : `ptp.delayAsymmetryNs.${key}`;
    if (!(Math.abs(ns) <= 1e9)) throw new ConfigError(field, 'ns, from -10^9 to 10^9', ns);
    const ips = key === '' ? [] : key.split('|').map((ip) => requireIp(field, ip));
    if (ips.length > 2) throw new ConfigError(field, 'an address, or remote|local', key);
    found[ips.join('|')] = ns;
  }
  return found;
}

export function requireWord(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new ConfigError(field, `one of ${allowed.join(', ')}`, value);
}

/**
 * What an ordinary clock is told when it starts, and the plain data it becomes: one port, its data
 * sets and the parts that speak for it. IEEE 1588-2008 §7.5, §9; RFC 8039 §5. clock.ts runs it.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import { isIpv6, isUnicast, requireIp } from '../path.ts';
import type { Tick } from '../units.ts';
import type { GrantLimits } from './caps.ts';
import {
  type ClockConfig,
  createDatasets,
  createDefaultDS,
  type Datasets,
  type TimePropertiesDS,
} from './dataset.ts';
import { PROFILE_IDENTITIES } from './description.ts';
import { createTrouble, type Trouble } from './fault.ts';
import { createGrantor, type Grantor, stopServing } from './grantor.ts';
import { type Ipv6Scope, type Ports, PTP_PORTS } from './groups.ts';
import { requireClockIdentity } from './identity.ts';
import type { LeapTable } from './leapseconds.ts';
import { type Agent, createAgent } from './manage.ts';
import { createMaster, type Master } from './master.ts';
import { deriveIdentities, type Identity } from './ownidentity.ts';
import { createPortDS, intervalOfLog, type PortConfig, type PortDS } from './portds.ts';
import { PORT_TABLE, type PortTable, SLAVE_ONLY_TABLE } from './portstate.ts';
import { createForeignTable, type ForeignTable } from './qualified.ts';
import { createRequester, type Requester } from './requester.ts';
import { createSlave, type Slave } from './slave.ts';
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
  readonly mode: ClockMode;
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
  readonly leapTable?: LeapTable | null;
  readonly about?: Partial<About>;
  /** Unix second that stamps count from. */
  readonly epochS: number;
  readonly nowNs: Tick;
}

/** Where one master's Announces have come from. */
export interface Places {
  /** When each address was last heard. */
  readonly ips: Record<string, Tick>;
  readonly sinceNs: Tick;
  /** It was heard from two at least: a dual-ended one (MP-15, PTP-D15), until it is forgotten. */
  isDual: boolean;
  /** The one that is used if only one is. */
  chosenIp: string;
}

/** Plain data; only clock.ts and its parts change it. */
export interface OrdinaryClock {
  readonly mode: ClockMode;
  readonly role: ClockRole;
  readonly addresses: readonly string[];
  readonly primaryIp: string;
  /** One per address, the primary's is the clock's. */
  readonly identities: readonly Identity[];
  readonly masters: readonly string[] | null;
  readonly pairing: 'mesh' | '1:1';
  readonly multicastSync: boolean;
  readonly delayRequests: 'multicast' | 'unicast';
  readonly ports: Ports;
  readonly scope: Ipv6Scope;
  readonly table: PortTable;
  readonly sets: Datasets;
  readonly portDS: PortDS;
  /** May be set: see tellTime in clock.ts. */
  own: TimePropertiesDS;
  readonly foreign: ForeignTable;
  readonly slave: Slave;
  readonly master: Master;
  readonly agent: Agent;
  /** Null: serves nobody by unicast. */
  readonly grantor: Grantor | null;
  /** Null: asks nobody. */
  readonly requester: Requester | null;
  /** By port text: the foreign masters. */
  places: Record<string, Places>;
  /** By path or address; '' for all others. (ns) */
  readonly asymmetries: Readonly<Record<string, number>>;
  /** The announce receipt timeout is extended by a random part of an interval. */
  readonly extendsTimeout: boolean;
  /** Of the event port's sockets. */
  readonly trouble: Trouble;
  /** Without an Announce a listening port becomes master then. */
  listenUntilNs: Tick | null;
  /** The next regular state decision. */
  decideNs: Tick;
  /** The timer that was asked for last. */
  armedNs: Tick | null;
  /** What the master port sends to: version of the grants, and whether it serves at all. */
  served: string;
  /** So long it stands at least while the port is master. */
  listedUntilNs: Tick;
}

/** Throws ConfigError. */
export function createOrdinaryClock(config: OrdinaryClockConfig): OrdinaryClock {
  const { mode, role = 'any', epochS, nowNs, ports = PTP_PORTS, leapTable = null } = config;
  requireWord('ptp.mode', mode, ['plain', 'single-ended', 'dual-ended']);
  requireWord('ptp.role', role, ['any', 'slave', 'master']);
  requireWord('ptp.pairing', config.pairing ?? 'mesh', ['mesh', '1:1']);
  requireInteger('ptp.ports.event', ports.event, 1, 65535);
  requireInteger('ptp.ports.general', ports.general, 1, 65535);
  if (ports.event === ports.general) {
    throw new ConfigError('ptp.ports.general', 'another port than the event port', ports.general);
  }
  const identities = identitiesOf(config);
  const addresses = identities.map(({ address }) => address);
  if (mode === 'plain' && addresses.length > 1) {
    throw new ConfigError('ptp.addresses', 'one address with plain multicast', addresses);
  }
  const primary = identities.find(({ isPrimary }) => isPrimary);
  const { address: primaryIp = '', clockIdentity = '' } = primary ?? {};
  const defaultDS = createDefaultDS({
    ...config.clock,
    clockIdentity,
    slaveOnly: role === 'slave',
    numberPorts: 1,
  });
  const { domainNumber } = defaultDS;
  const sets = createDatasets(defaultDS, config.own);
  const portIdentity = { clockIdentity, portNumber: 1 };
  const portDS = createPortDS(portIdentity, config.port);
  const isPlain = mode === 'plain';
  const { logAnnounceInterval, logSyncInterval } = portDS;
  const requester =
    role === 'master' || isPlain
      ? null
      : createRequester({
          domainNumber,
          generalPort: ports.general,
          ...(config.grantDurationS !== undefined && { durationS: config.grantDurationS }),
          intervals: {
            Announce: logAnnounceInterval,
            Sync: logSyncInterval,
            Delay_Resp: portDS.logMinDelayReqInterval,
            Pdelay_Resp: portDS.logMinPdelayReqInterval,
          },
        });
  const grantor =
    role === 'slave'
      ? null
      : createGrantor({
          port: portIdentity,
          addresses: mode === 'dual-ended' ? addresses : [primaryIp],
          domainNumber,
          generalPort: ports.general,
          ...(config.limits && { limits: config.limits }),
        });
  if (grantor !== null) stopServing(grantor, nowNs); // until it is MASTER
  const multicastSync = config.multicastSync ?? isPlain;
  const master = createMaster({
    ...{ sets, portDS, epochS, nowNs, ports },
    delayMode: multicastSync ? 'hybrid' : 'unicast',
  });
  const about: About = { ...ABOUT, unicastNegotiation: grantor !== null, ...config.about };
  return {
    mode,
    role,
    addresses,
    primaryIp,
    identities,
    masters: mastersOf(config, addresses),
    pairing: config.pairing ?? 'mesh',
    multicastSync,
    delayRequests: config.delayRequests ?? 'multicast',
    ports,
    scope: config.scope ?? 'e',
    table: role === 'slave' ? SLAVE_ONLY_TABLE : PORT_TABLE,
    sets,
    portDS,
    own: { ...config.own },
    foreign: createForeignTable({
      receiver: portIdentity,
      ownIdentities: identities.map((identity) => identity.clockIdentity),
      announceIntervalS: intervalOfLog(logAnnounceInterval) ?? 1,
      announceReceiptTimeout: portDS.announceReceiptTimeout,
      acceptable:
        config.acceptable?.map((text) => requireClockIdentity('ptp.acceptable', text)) ?? null,
    }),
    slave: createSlave({
      delayMechanism: portDS.delayMechanism === 2 ? 'P2P' : 'E2E',
      domainNumber,
      eventPort: ports.event,
      contexts: { first: 2, step: 2 }, // the master's are odd, see clock.ts
      leapTable,
    }),
    master,
    agent: createAgent({ sets, portSets: [portDS], about, nowNs, ports }),
    grantor,
    requester,
    places: {},
    asymmetries: asymmetriesOf(config.delayAsymmetryNs ?? 0),
    extendsTimeout: config.port?.extendsAnnounceTimeout ?? true,
    trouble: createTrouble(),
    listenUntilNs: null,
    decideNs: nowNs,
    armedNs: null,
    served: '',
    listedUntilNs: nowNs,
  };
}

const ABOUT: About = {
  productDescription: 'clockbraid;;',
  revisionData: ';;',
  userDescription: '',
  manufacturerIdentity: 0,
  physicalAddress: new Uint8Array(0),
  profileIdentity: PROFILE_IDENTITIES.defaultE2E,
  unicastNegotiation: false,
};

function identitiesOf(config: OrdinaryClockConfig): Identity[] {
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

function mastersOf(config: OrdinaryClockConfig, own: readonly string[]): string[] | null {
  const { masters, mode } = config;
  if (masters === undefined) return null;
  if (mode === 'plain') {
    throw new ConfigError('ptp.masters', 'none with plain multicast', masters);
  }
  const ips = masters.map((text, n) => requireIp(`ptp.masters.${n}`, text));
  for (const [n, ip] of ips.entries()) {
    if (!isUnicast(ip)) throw new ConfigError(`ptp.masters.${n}`, 'a unicast address', ip);
    if (ips.indexOf(ip) < n) throw new ConfigError(`ptp.masters.${n}`, 'each address once', ip);
    if (!own.some((local) => isIpv6(local) === isIpv6(ip))) {
      throw new ConfigError(`ptp.masters.${n}`, 'an address of the family of our own', ip);
    }
  }
  return ips;
}

function asymmetriesOf(given: number | Readonly<Record<string, number>>): Record<string, number> {
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

function requireWord(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new ConfigError(field, `one of ${allowed.join(', ')}`, value);
}

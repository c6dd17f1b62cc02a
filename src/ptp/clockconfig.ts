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
import { createEnterprise, type Enterprise } from './enterprise.ts';
import { enterpriseTlv, type PhaseAdjustment } from './enterprisetlv.ts';
import { createTrouble, type Trouble } from './fault.ts';
import type { Followed } from './feasible.ts';
import { createGrantor, type Grantor, stopServing } from './grantor.ts';
import { type Ipv6Scope, type Ports, PTP_PORTS } from './groups.ts';
import { requireClockIdentity } from './identity.ts';
import type { LeapTable } from './leapseconds.ts';
import { type Agent, createAgent } from './manage.ts';
import { createMaster, type Master } from './master.ts';
import { deriveIdentities, type Identity } from './ownidentity.ts';
import { createPortDS, intervalOfLog, type PortConfig, type PortDS } from './portds.ts';
import { PORT_TABLE, type PortTable, SLAVE_ONLY_TABLE } from './portstate.ts';
import type { DelayMode, ProfileName, Revision } from './profile.ts';
import { type Profiled, profiled } from './profiled.ts';
import { createForeignTable, type ForeignTable } from './qualified.ts';
import { createRequester, type Requester } from './requester.ts';
import { ownServed, type Served } from './served.ts';
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

/** What all ports of a clock have in common. Plain data. */
export interface Shared {
  readonly sets: Datasets;
  readonly agent: Agent;
  readonly served: Served;
  /** Somebody is told our own time, and people that this is so. */
  isLeading: boolean;
  /** By a clock of several ports: see feasible.ts. */
  followed: readonly Followed[];
}

/** One port with its clock; a boundary clock has several. Plain data; only clock.ts' parts change it. */
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
  readonly shared: Shared;
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
  /** Null under other profiles. */
  readonly enterprise: Enterprise | null;
  /** False: management messages are not answered. */
  readonly management: boolean;
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
  /** The wait of PRE_MASTER is over then. */
  qualifyNs: Tick | null;
  /** Something happened that the state decision has to hear of. */
  isUndecided: boolean;
  /** Paths may have to be others, once that is decided. */
  isUnarranged: boolean;
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
export function createOrdinaryClock(given: OrdinaryClockConfig): OrdinaryClock {
  const one = profiled(given);
  const { shared, portSets } = createShared([one], identityOf(one.config));
  return createPort(one, portSets[0], shared);
}

/** The clockIdentity: that of the primary address. Throws ConfigError. */
export const identityOf = (config: OrdinaryClockConfig): string =>
  identitiesOf(config).find(({ isPrimary }) => isPrimary)?.clockIdentity ?? '';

/** What the ports have in common, and the data set of each. Throws ConfigError. */
export function createShared(
  ports: readonly [Profiled, ...Profiled[]],
  clockIdentity: string,
): { readonly shared: Shared; readonly portSets: readonly [PortDS, ...PortDS[]] } {
  const [{ config, profile }, ...others] = ports;
  const { nowNs, role } = config;
  const defaultDS = createDefaultDS({
    ...config.clock,
    clockIdentity,
    slaveOnly: role === 'slave' && others.length === 0,
    numberPorts: ports.length,
  });
  const sets = createDatasets(defaultDS, config.own);
  const dataset = (of: Profiled, portNumber: number): PortDS =>
    createPortDS({ clockIdentity, portNumber }, of.config.port);
  const portSets = [dataset(ports[0], 1), ...others.map((of, n) => dataset(of, n + 2))] as const;
  const about: About = {
    ...ABOUT,
    unicastNegotiation: ports.some(hasGrantor),
    ...(profile.name === 'enterprise' && { profileIdentity: PROFILE_IDENTITIES.enterprise }),
    ...config.about,
  };
  const udpPorts = config.ports && { ports: config.ports };
  const agent = createAgent({ sets, portSets, about, nowNs, ...udpPorts });
  const shared = { sets, agent, served: ownServed(), isLeading: false, followed: [] };
  return { shared, portSets: [...portSets] };
}

const hasGrantor = ({ profile, config }: Profiled): boolean =>
  config.role !== 'slave' && profile.name !== 'enterprise';

/** One port of a clock. Throws ConfigError. */
export function createPort(one: Profiled, portDS: PortDS, shared: Shared): OrdinaryClock {
  const { config, profile, isAlternate, delayMode, management } = one;
  const isEnterprise = profile.name === 'enterprise';
  const {
    mode = 'plain',
    role = 'any',
    epochS,
    nowNs,
    ports = PTP_PORTS,
    leapTable = null,
  } = config;
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
  const primaryIp = identities.find(({ isPrimary }) => isPrimary)?.address ?? '';
  const { sets, agent, served } = shared;
  const { defaultDS } = sets;
  const { domainNumber, numberPorts } = defaultDS;
  const { portIdentity } = portDS;
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
  const grantor = hasGrantor(one)
    ? createGrantor({
        port: portIdentity,
        addresses: mode === 'dual-ended' ? addresses : [primaryIp],
        domainNumber,
        generalPort: ports.general,
        ...(config.limits && { limits: config.limits }),
      })
    : null;
  if (grantor !== null) stopServing(grantor, nowNs); // until it is MASTER
  const multicastSync = config.multicastSync ?? isPlain;
  const master = createMaster({
    ...{ sets, portDS, epochS, nowNs, ports, served },
    delayMode: multicastSync ? delayMode : 'unicast',
    ...(isAlternate && { alternateSets: createDatasets(defaultDS, config.own) }),
  });
  if (profile.tlvs.some(({ rule }) => rule === 'required')) {
    const { portNumber } = portIdentity;
    master.announceTlvs = [enterpriseTlv(portNumber, delayMode, config.maxPhaseAdjustment)];
  }
  const heard = {
    receiver: portIdentity,
    ownIdentities: identities.map((identity) => identity.clockIdentity),
    announceIntervalS: intervalOfLog(logAnnounceInterval) ?? 1,
    announceReceiptTimeout: portDS.announceReceiptTimeout,
    acceptable:
      config.acceptable?.map((text) => requireClockIdentity('ptp.acceptable', text)) ?? null,
  };
  const alternates = createForeignTable({ ...heard, isOfAlternates: true });
  const enterprise = isEnterprise ? createEnterprise(profile, alternates) : null;
  if (enterprise !== null) enterprise.problem = config.problem ?? null;
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
    shared,
    sets,
    portDS,
    own: { ...config.own },
    foreign: createForeignTable(heard),
    slave: createSlave({
      delayMechanism: portDS.delayMechanism === 2 ? 'P2P' : 'E2E',
      domainNumber,
      eventPort: ports.event,
      contexts: contextsOf(portIdentity.portNumber, numberPorts),
      leapTable,
    }),
    master,
    agent,
    grantor,
    requester,
    enterprise,
    management,
    places: {},
    asymmetries: asymmetriesOf(config.delayAsymmetryNs ?? 0),
    extendsTimeout: config.port?.extendsAnnounceTimeout ?? !profile.isTimeoutExact,
    trouble: createTrouble(),
    listenUntilNs: null,
    qualifyNs: null,
    isUndecided: false,
    isUnarranged: false,
    decideNs: nowNs,
    armedNs: null,
    served: '',
    listedUntilNs: nowNs,
  };
}

/** Numbers of transmit outputs tell the port, see clock.ts. */
const contextsOf = (portNumber: number, numberPorts: number) => ({
  first: 2 * numberPorts + 2 * (portNumber - 1),
  step: 2 * numberPorts,
});

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

/**
 * The plain data of an ordinary clock: one port, its data sets and the parts that speak for it.
 * IEEE 1588-2008 §7.5, §9; RFC 8039 §5. clock.ts runs it.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import type { Tick } from '../units.ts';
import {
  asymmetriesOf,
  type ClockMode,
  type ClockRole,
  identitiesOf,
  mastersOf,
  type OrdinaryClockConfig,
  requireWord,
} from './clockconfig.ts';
import { slaveContexts } from './contexts.ts';
import {
  createDatasets,
  createDefaultDS,
  type Datasets,
  type TimePropertiesDS,
} from './dataset.ts';
import { PROFILE_IDENTITIES } from './description.ts';
import { createEnterprise, type Enterprise } from './enterprise.ts';
import { enterpriseTlv } from './enterprisetlv.ts';
import { createTrouble, type Trouble } from './fault.ts';
import type { Followed } from './feasible.ts';
import { createGrantor, type Grantor, stopServing } from './grantor.ts';
import { type Ipv6Scope, type Ports, PTP_PORTS } from './groups.ts';
import { requireClockIdentity } from './identity.ts';
import { type Agent, createAgent } from './manage.ts';
import { createMaster, type Master } from './master.ts';
import type { Identity } from './ownidentity.ts';
import { createPortDS, intervalOfLog, type PortDS } from './portds.ts';
import { PORT_TABLE, type PortTable, SLAVE_ONLY_TABLE } from './portstate.ts';
import { type Profiled, profiled } from './profiled.ts';
import { createForeignTable, type ForeignTable } from './qualified.ts';
import { createRequester, type Requester } from './requester.ts';
import { ownServed, type Served } from './served.ts';
import { createSlave, type Slave } from './slave.ts';
import type { About } from './told.ts';

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
      contexts: slaveContexts(portIdentity.portNumber, numberPorts),
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

const ABOUT: About = {
  productDescription: 'clockbraid;;',
  revisionData: ';;',
  userDescription: '',
  manufacturerIdentity: 0,
  physicalAddress: new Uint8Array(0),
  profileIdentity: PROFILE_IDENTITIES.defaultE2E,
  unicastNegotiation: false,
};

/**
 * A port in MASTER state: what it is and when it serves. transmit.ts sends its Announces, Syncs and
 * Follow_Ups, respond.ts its Delay_Resps and Pdelay_Resps. IEEE 1588-2008 §9.2.5, §9.5, §11;
 * RFC 8039 §5.2.1, §5.3.1.
 *
 * Stamps are readings of the host's clock; served.ts says what is served at them.
 */
import { requireInteger } from '../errors.ts';
import type { Stamp, Tick } from '../units.ts';
import { type Allowance, type AllowanceConfig, createAllowance } from './allowance.ts';
import type { Datasets } from './dataset.ts';
import {
  createStreams,
  type Destination,
  type Leg,
  replaceDestinations,
  type Streams,
} from './destination.ts';
import { type Ports, PTP_PORTS } from './groups.ts';
import type { PortIdentity } from './identity.ts';
import type { PortDS } from './portds.ts';
import type { PortState } from './portstate.ts';
import type { DelayMode } from './profile.ts';
import { ownServed, type Served, servedAt } from './served.ts';
import type { Timestamp } from './timestamp.ts';
import type { Tlv } from './tlv.ts';

export interface MasterConfig {
  /** Kept, not copied: what they say when a message leaves is what it says. */
  readonly sets: Datasets;
  readonly portDS: PortDS;
  /** Unix second that stamps count from (integer). */
  readonly epochS: number;
  readonly nowNs: Tick;
  /** Own UDP ports. Default 319 and 320. */
  readonly ports?: Ports;
  /** UDP ports of all others. Default as own. */
  readonly remotePorts?: Ports;
  /** Which requests are answered; hybrid answers each in its kind. Default hybrid. */
  readonly delayMode?: DelayMode;
  /** Data sets of an alternate master. Default: it is none. */
  readonly alternateSets?: Datasets;
  /** Answers to requests without a grant; null: none. Default 256/s an address, 4096/s in all. */
  readonly ungranted?: AllowanceConfig | null;
  /** Kept, not copied. Default: the host's clock. */
  readonly served?: Served;
}

/** An event message whose departure is awaited. */
export type Pending =
  | {
      readonly type: 'Sync';
      readonly leg: Leg;
      readonly sequenceId: number;
      readonly logMessageInterval: number;
      /** A Follow_Up is owed. */
      readonly twoStep: boolean;
    }
  | {
      readonly type: 'Pdelay_Resp';
      readonly localIp: string;
      readonly remoteIp: string;
      readonly sequenceId: number;
      readonly requestingPortIdentity: PortIdentity;
      readonly correctionField: bigint;
    };

/** Plain data; only master.ts, transmit.ts and respond.ts change it. */
export interface Master {
  readonly sets: Datasets;
  readonly portDS: PortDS;
  readonly epochS: number;
  readonly ports: Ports;
  readonly remotePorts: Ports;
  readonly delayMode: DelayMode;
  readonly streams: Streams;
  readonly ungranted: Allowance | null;
  readonly served: Served;
  /** Serves while another is best too, and says so by the alternateMasterFlag (EP-062). May be set. */
  isAlternate: boolean;
  /** What it says of itself then, as `sets` speak of the best. Null: `sets`. */
  readonly alternateSets: Datasets | null;
  /** Go with every Announce: PATH_TRACE, the Enterprise profile's. May be set. */
  announceTlvs: readonly Tlv[];
  nextContext: number;
  /** By context, oldest first. */
  readonly pending: Map<number, Pending>;
  readonly tally: MasterTally;
}

/** Messages given to the host; `unsent`: event messages that it refused. */
export interface MasterTally {
  Announce: number;
  Sync: number;
  Follow_Up: number;
  Delay_Resp: number;
  Pdelay_Resp: number;
  Pdelay_Resp_Follow_Up: number;
  unsent: number;
}

/** Departures awaited at most; a host tells each right after the send, or never. */
const MAX_PENDING = 4096;
const UNGRANTED: AllowanceConfig = { perAddressPerS: 256, totalPerS: 4096 };

/** Throws ConfigError. */
export function createMaster(config: MasterConfig): Master {
  const { ports = PTP_PORTS, remotePorts = ports, ungranted = UNGRANTED, nowNs } = config;
  requireInteger('ptp.epochS', config.epochS, -(2 ** 40), 2 ** 40);
  for (const [name, of] of Object.entries({ ports, remotePorts })) {
    requireInteger(`ptp.${name}.event`, of.event, 1, 65535);
    requireInteger(`ptp.${name}.general`, of.general, 1, 65535);
  }
  return {
    sets: config.sets,
    portDS: config.portDS,
    epochS: config.epochS,
    ports,
    remotePorts,
    delayMode: config.delayMode ?? 'hybrid',
    streams: createStreams(),
    ungranted: ungranted && createAllowance('ptp.ungranted', ungranted, nowNs),
    served: config.served ?? ownServed(),
    isAlternate: config.alternateSets !== undefined,
    alternateSets: config.alternateSets ?? null,
    announceTlvs: [],
    nextContext: 1,
    pending: new Map(),
    tally: {
      Announce: 0,
      Sync: 0,
      Follow_Up: 0,
      Delay_Resp: 0,
      Pdelay_Resp: 0,
      Pdelay_Resp_Follow_Up: 0,
      unsent: 0,
    },
  };
}

/**
 * From now on these get what they are granted, and nobody else: grants of the grantor and what goes
 * by multicast, all of them. Ask {@link nextMasterDue} after it.
 */
export const setDestinations = (
  master: Master,
  destinations: readonly Destination[],
  nowNs: Tick,
): void => replaceDestinations(master.streams, destinations, nowNs);

/** When something is due to be sent; null while the port serves nobody. */
export const nextMasterDue = (master: Master): Tick | null =>
  isServing(master) ? (master.streams.queue[0]?.dueNs ?? null) : null;

/** MASTER, or an alternate. Announces, Syncs and Delay_Resps leave then only. */
export const isServing = (master: Master): boolean =>
  master.served.isReady && (master.portDS.portState === 'MASTER' || isAlternateNow(master));

/** What the alternateMasterFlag says. */
export const isAlternateNow = ({ isAlternate, alternateSets, portDS }: Master): boolean =>
  isAlternate &&
  (alternateSets === null
    ? portDS.portState === 'PASSIVE'
    : ALTERNATING.includes(portDS.portState) &&
      alternateSets.timePropertiesDS.currentUtcOffsetValid);

/** States of a port that has found a better master. */
const ALTERNATING: readonly PortState[] = ['PASSIVE', 'UNCALIBRATED', 'SLAVE'];

/** The data sets that the port speaks of now. */
export const spokenSets = (master: Master): Datasets =>
  (isAlternateNow(master) && master.alternateSets) || master.sets;

/** A stamp as the clock serves it: TAI, or its UTC as an arbitrary timescale. */
export function servedTime(master: Master, at: Stamp): Timestamp {
  const { served, epochS } = master;
  const { timePropertiesDS } = spokenSets(master);
  const ours = isAlternateNow(master) ? { ...served, plan: null } : served;
  return servedAt(ours, timePropertiesDS, epochS, at);
}

/** Keeps what is owed after a departure. @returns the context to send with */
export function awaitDeparture(master: Master, pending: Pending): number {
  const context = master.nextContext++;
  master.pending.set(context, pending);
  if (master.pending.size > MAX_PENDING) {
    const [oldest] = master.pending.keys();
    if (oldest !== undefined) master.pending.delete(oldest);
  }
  return context;
}

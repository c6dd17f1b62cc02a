/**
 * A PTP port as slave over N paths, single-ended (an identity per local address) and dual-ended
 * (one identity on all): Syncs and answered requests become one-way measurements. RFC 8039 §5.2.1,
 * §5.3.1, §5.5. Offsets are the core's business; whom to follow on which path is for the caller:
 * the best master algorithm and the grants are not here.
 *
 * {@link hear}, {@link wake}, {@link sent}, {@link unsent} and {@link stepClock} are the inputs of
 * a machine (machine.ts); {@link nextDue} says when to wake it.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import { noDrops, type PathEvent } from '../machine.ts';
import { isIpv6, type PathKey, pathKey, requireIp } from '../path.ts';
import type { Tick } from '../units.ts';
import type { TimePropertiesDS } from './dataset.ts';
import { type PortIdentity, portText, requireClockIdentity, samePort } from './identity.ts';
import type { LeapTable } from './leapseconds.ts';
import { createMasterTime, takeProperties, type UtcNews } from './mastertime.ts';
import { begin, pause, retime, voidRequests } from './requests.ts';
import { createSlavePath, type Following, freshExchange, type SlavePath } from './slavepath.ts';
import {
  type DelayMechanism,
  delayLog,
  forwardUntil,
  pathOf,
  requestsOf,
  type Slave,
} from './slavestate.ts';
import { voidSyncs } from './syncs.ts';

export { nextDue, sent, unsent, wake } from './ask.ts';
export { type Arrival, hear, isForSlave, type SlaveMessage } from './hear.ts';
export type { UtcNews } from './mastertime.ts';
export type { Following } from './slavepath.ts';
export type { DelayMechanism, Slave } from './slavestate.ts';
export { type SlavePathStatus, status, strays } from './slavestatus.ts';

export interface SlaveConfig {
  /** E2E: Delay_Req; P2P: Pdelay_Req, to the master over each path. */
  readonly delayMechanism: DelayMechanism;
  /** (0–255, default 0) */
  readonly domainNumber?: number;
  /** (0–15, default 0) */
  readonly majorSdoId?: number;
  /** (0–255, default 0) */
  readonly minorSdoId?: number;
  /** Own UDP port of event messages. (default 319) */
  readonly eventPort?: number;
  /** That of all others. (default as own) */
  readonly remoteEventPort?: number;
  /** Intervals of silence until a path is down. (2–255, default 4) */
  readonly receiptTimeout?: number;
  /** Requests go out no faster, whatever a master says. (log2 s, −7..7, default −7) */
  readonly fastestLogDelay?: number;
  /** Numbers of transmit outputs, if other machines share the host. (default from 1, step 1) */
  readonly contexts?: { readonly first: number; readonly step: number };
  /** Own list of leap seconds, for masters that serve TAI and do not know UTC. */
  readonly leapTable?: LeapTable | null;
  /** (1–65536, default 256, as many as the core takes) */
  readonly maxPaths?: number;
}

export interface NewPath {
  readonly remoteIp: string;
  readonly localIp: string;
  /** Single-ended: of the local address; dual-ended: the clock's. */
  readonly identity: PortIdentity;
  /** Where requests go if not to the remote address: a multicast group. */
  readonly requestIp?: string;
  /** delayAsymmetry of IEEE 1588, positive if Syncs take longer than requests. (ns, default 0) */
  readonly delayAsymmetryNs?: number;
}

/** Throws ConfigError. */
export function createSlave(config: SlaveConfig): Slave {
  const { delayMechanism, domainNumber = 0, majorSdoId = 0, minorSdoId = 0 } = config;
  const { eventPort = 319, receiptTimeout = 4, fastestLogDelay = -7, maxPaths = 256 } = config;
  const { remoteEventPort = eventPort } = config;
  const { first, step } = config.contexts ?? { first: 1, step: 1 };
  if (delayMechanism !== 'E2E' && delayMechanism !== 'P2P') {
    throw new ConfigError('ptp.delayMechanism', '"E2E" or "P2P"', delayMechanism);
  }
  requireInteger('ptp.domainNumber', domainNumber, 0, 255);
  requireInteger('ptp.majorSdoId', majorSdoId, 0, 15);
  requireInteger('ptp.minorSdoId', minorSdoId, 0, 255);
  requireInteger('ptp.eventPort', eventPort, 1, 65535);
  requireInteger('ptp.remoteEventPort', remoteEventPort, 1, 65535);
  requireInteger('ptp.receiptTimeout', receiptTimeout, 2, 255);
  requireInteger('ptp.fastestLogDelay', fastestLogDelay, -7, 7);
  requireInteger('ptp.contexts.first', first, 0, 2 ** 32);
  requireInteger('ptp.contexts.step', step, 1, 2 ** 16);
  requireInteger('ptp.maxPaths', maxPaths, 1, 65536);
  return {
    delayMechanism,
    domainNumber,
    majorSdoId,
    minorSdoId,
    eventPort,
    remoteEventPort,
    receiptTimeout,
    fastestLogDelay,
    contextStep: step,
    maxPaths,
    paths: [],
    index: {},
    times: {},
    leapTable: config.leapTable ?? null,
    nextContext: first,
    unstamped: {},
    strays: { received: 0, drops: noDrops() },
  };
}

/** Takes up a path; it follows nobody yet. Throws ConfigError if it exists or is malformed. */
export function addPath(slave: Slave, path: NewPath): PathEvent {
  const remoteIp = requireIp('path.remoteIp', path.remoteIp);
  const localIp = requireIp('path.localIp', path.localIp);
  const requestIp = requireIp('path.requestIp', path.requestIp ?? remoteIp);
  if (isIpv6(remoteIp) !== isIpv6(localIp)) {
    throw new ConfigError('path.localIp', `an address of the family of ${remoteIp}`, localIp);
  }
  if (isIpv6(requestIp) !== isIpv6(localIp)) {
    throw new ConfigError('path.requestIp', `an address of the family of ${localIp}`, requestIp);
  }
  const { portNumber } = path.identity;
  requireInteger('path.identity.portNumber', portNumber, 1, 65534);
  const clockIdentity = requireClockIdentity('path.identity', path.identity.clockIdentity);
  const identity = { clockIdentity, portNumber };
  const key = pathKey(remoteIp, localIp);
  if (slave.index[key] !== undefined) throw new ConfigError('path', 'each pair once', key);
  if (slave.paths.length >= slave.maxPaths) {
    throw new ConfigError('path', `at most ${slave.maxPaths} paths`, slave.paths.length + 1);
  }
  slave.index[key] = slave.paths.length;
  const created = createSlavePath(remoteIp, localIp, identity, requestIp);
  created.asymmetry = BigInt(Math.round((path.delayAsymmetryNs ?? 0) * 65536));
  slave.paths.push(created);
  return { type: 'path', path: key, event: 'added', reason: `as ${portText(identity)}` };
}

/** Where requests of a path go from now on: its remote address, or a group. Throws ConfigError. */
export function askAt(slave: Slave, key: PathKey, requestIp: string): void {
  requirePath(slave, key).requestIp = requestIp;
}

/** The path over which a master is followed: clocks are known by identity, not address (EP-099). */
export const pathTo = (slave: Slave, master: PortIdentity): PathKey | undefined => {
  const text = portText(master);
  return slave.paths.find(({ masterKey }) => masterKey === text)?.key;
};

/** Gives a path up; what still arrives for it is `unknown-path`. Throws ConfigError if unknown. */
export function removePath(slave: Slave, key: PathKey): PathEvent {
  const path = requirePath(slave, key);
  slave.paths = slave.paths.filter((other) => other !== path);
  slave.index = Object.fromEntries(slave.paths.map((other, at) => [other.key, at]));
  forgetTime(slave, path.masterKey);
  return { type: 'path', path: key, event: 'removed', reason: 'asked to' };
}

/**
 * Says whom a path follows and at what intervals; null for nobody. The same master again only
 * changes the intervals; another one begins afresh: nothing of the old one is paired, answered or
 * converted any more. Throws ConfigError if the path is unknown.
 */
export function follow(
  slave: Slave,
  key: PathKey,
  following: Following | null,
  nowNs: Tick,
): PathEvent[] {
  const path = requirePath(slave, key);
  const before = path.following;
  const isSame = before !== null && following !== null && samePort(before.master, following.master);
  if (isSame) {
    changeIntervals(slave, path, following, nowNs);
    return [];
  }
  const oldKey = path.masterKey;
  path.following = following === null ? null : copyOf(following);
  path.masterKey = following === null ? null : portText(following.master);
  Object.assign(path, freshExchange());
  if (path.masterKey !== null) slave.times[path.masterKey] ??= createMasterTime();
  forgetTime(slave, oldKey);
  if (path.contact !== 'reachable') return [];
  path.contact = 'unreachable';
  const reason = `follows ${path.masterKey ?? 'nobody'} now, no longer ${oldKey}`;
  return [{ type: 'path', path: key, event: 'unreachable', reason }];
}

function changeIntervals(slave: Slave, path: SlavePath, next: Following, nowNs: Tick): void {
  const before = path.following;
  const logBefore = delayLog(slave, path);
  path.following = copyOf(next);
  if (before?.logDelayInterval !== next.logDelayInterval) path.toldDelayLog = null;
  if (before?.logSyncInterval !== next.logSyncInterval) path.toldSyncLog = null;
  const requests = requestsOf(slave, path);
  const log = delayLog(slave, path);
  if (log === logBefore) return;
  if (log === null) pause(requests);
  else if (logBefore !== null) retime(requests, log, nowNs);
  else if (path.syncHeardNs !== null && nowNs < forwardUntil(slave, path, path.syncHeardNs)) {
    begin(requests, nowNs);
  }
}

const copyOf = ({ master, ...intervals }: Following): Following => ({
  ...intervals,
  master: { ...master },
});

/**
 * Takes what the newest Announce of a master says of its time. Call it for every Announce of a
 * master that a path follows, first right after {@link follow}; others are not kept.
 */
export function hearTime(
  slave: Slave,
  master: PortIdentity,
  properties: TimePropertiesDS,
  nowNs: Tick,
): UtcNews {
  const time = slave.times[portText(master)];
  return time === undefined ? 'unknown' : takeProperties(time, properties, slave.leapTable, nowNs);
}

/** The local clock was stepped: no stamp of before is paired with what comes after. */
export function stepClock(slave: Slave): void {
  for (const path of slave.paths) {
    voidSyncs(path.syncs);
    voidRequests(path.delays);
    voidRequests(path.pdelays);
    path.lastSync = null;
    path.anchoredNs = null;
  }
}

/** currentDS.offsetFromMaster: PTP counts slave − master, we count remote − local. (ns) */
export const offsetFromMasterNs = (offsetS: number): number => 0 - offsetS * 1e9;

function requirePath(slave: Slave, key: PathKey): SlavePath {
  const path = pathOf(slave, key);
  if (path === undefined) throw new ConfigError('path', 'a path of this slave', key);
  return path;
}

/** Forgets the time of a master that no path follows any more. */
function forgetTime(slave: Slave, masterKey: string | null): void {
  if (masterKey === null) return;
  if (!slave.paths.some((path) => path.masterKey === masterKey)) delete slave.times[masterKey];
}

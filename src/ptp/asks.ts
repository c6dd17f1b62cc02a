/**
 * What we want of which master, over which path, under which identity of ours: the table of the
 * asking side of unicast negotiation. RFC 8039 §5.2.1, §5.3.1, §5.5 (PTP-S05, PTP-D04). Plain data;
 * requester.ts sends and hears.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import type { DropReason } from '../machine.ts';
import { type PathKey, pathParts } from '../path.ts';
import { type Tick, tick } from '../units.ts';
import { createDemand, type Demand, demandDue, type Promised, unwanted } from './demand.ts';
import { type PortIdentity, samePort } from './identity.ts';
import type { Signaling } from './message.ts';
import {
  createVoice,
  type Ends,
  keyOf,
  type Negotiable,
  notForUs,
  type Voice,
} from './negotiation.ts';

export interface RequesterConfig {
  /** (0–127, default 0) */
  readonly domainNumber?: number;
  /** UDP port of general messages, ours and theirs. (default 320) */
  readonly generalPort?: number;
  /** Asked for. (s, 10–1000, default 300) */
  readonly durationS?: number;
  /** Asked for. (log2 s, −10–19, default Announce 1, else 0) */
  readonly intervals?: Partial<Record<Negotiable, number>>;
  /** (1–4096, default 256) */
  readonly maxPaths?: number;
}

/** Plain data. */
export interface Requester {
  readonly voice: Voice;
  readonly durationS: number;
  readonly intervals: Readonly<Record<Negotiable, number>>;
  readonly maxPaths: number;
  /** One per path; two while one under a former identity of ours is being cancelled. */
  readonly asks: Map<PathKey, Ask[]>;
  dueNs: Tick | null;
}

/** All we ask of one master over one path under one identity. */
export interface Ask extends Ends {
  /** Ours. */
  readonly port: PortIdentity;
  /** Theirs, if told beforehand. */
  toldMaster: PortIdentity | null;
  /** Theirs, since a grant named it; forgotten when no grant is left. */
  master: PortIdentity | null;
  demands: Demand[];
  /** Of the last request. [0, 1) */
  jitter: number;
}

/** What is wanted over one path. */
export interface Wish {
  /** Own identity on this path (PTP-S10: the one that belongs to its local address). */
  readonly port: PortIdentity;
  /** The master's, if known; else it is learnt from its first grant. */
  readonly master?: PortIdentity | null;
  /** What is not listed is cancelled. */
  readonly types: readonly Negotiable[];
}

/** Throws ConfigError. */
export function createRequester(config: RequesterConfig = {}): Requester {
  const { domainNumber = 0, generalPort = 320, durationS = 300, maxPaths = 256 } = config;
  requireInteger('ptp.domainNumber', domainNumber, 0, 127);
  requireInteger('ptp.generalPort', generalPort, 1, 65535);
  requireInteger('ptp.grantDurationS', durationS, 10, 1000);
  requireInteger('ptp.maxPaths', maxPaths, 1, 4096);
  const intervals = { Announce: 1, Sync: 0, Delay_Resp: 0, Pdelay_Resp: 0, ...config.intervals };
  for (const [type, log2S] of Object.entries(intervals)) {
    requireInteger(`ptp.intervals.${type}`, log2S, -10, 19);
  }
  const voice = createVoice(domainNumber, generalPort);
  return { voice, durationS, intervals, maxPaths, asks: new Map(), dueNs: null };
}

/**
 * From now on exactly these types are wanted over a path; an empty list gives the path up. Sends
 * nothing itself: see {@link requesterDue}. Throws ConfigError beyond `maxPaths`.
 */
export function want(requester: Requester, key: PathKey, wish: Wish, nowNs: Tick): void {
  const { port, master = null, types } = wish;
  const asks = requester.asks.get(key) ?? [];
  let ask = asks.find((other) => samePort(other.port, port));
  if (ask === undefined && types.length > 0) {
    if (!requester.asks.has(key) && requester.asks.size >= requester.maxPaths) {
      throw new ConfigError('ptp.paths', `at most ${requester.maxPaths}`, requester.asks.size + 1);
    }
    ask = { ...pathParts(key), port, toldMaster: null, master: null, demands: [], jitter: 0.5 };
    requester.asks.set(key, [...asks, ask]);
  }
  for (const other of asks) if (other !== ask) giveUp(other, [], nowNs);
  if (ask !== undefined) {
    ask.toldMaster = master;
    if (master && ask.master && !samePort(master, ask.master)) renounce(ask, nowNs);
    giveUp(ask, types, nowNs);
    for (const type of types) demandIn(ask, type, requester.intervals[type], nowNs);
  }
  tidy(requester, key);
  arm(requester);
}

/** All that was asked for is to be cancelled. */
export function wantNothing(requester: Requester, nowNs: Tick): void {
  for (const ask of [...requester.asks.values()].flat()) giveUp(ask, [], nowNs);
  arm(requester);
}

/** The path's master was silent, or is another one: what it granted is not believed in any more. */
export function askAnew(requester: Requester, key: PathKey, nowNs: Tick): void {
  for (const ask of requester.asks.get(key) ?? []) renounce(ask, nowNs);
  arm(requester);
}

function renounce(ask: Ask, nowNs: Tick): void {
  ask.master = null;
  ask.demands = ask.demands.map((demand) =>
    demand.phase === 'wanted' ? createDemand(demand.type, demand.wantedLog, nowNs) : demand,
  );
}

/** True while a grant of this type runs, as far as {@link stepRequester} has been called in time. */
export const isGranted = (requester: Requester, key: PathKey, type: Negotiable): boolean =>
  promiseOf(requester, key, type) !== null;

/** The running grant, or null. */
export function promiseOf(
  requester: Requester,
  key: PathKey,
  type: Negotiable,
): Readonly<Promised> | null {
  for (const { demands } of requester.asks.get(key) ?? []) {
    const demand = demands.find((one) => one.type === type && one.phase === 'wanted');
    if (demand !== undefined) return demand.grant;
  }
  return null;
}

/** One path as people and the clock may want to see it. */
export interface AskedPath {
  readonly path: PathKey;
  readonly port: PortIdentity;
  /** Who granted, or null. */
  readonly master: PortIdentity | null;
  readonly types: readonly { readonly type: Negotiable; readonly grant: Promised | null }[];
}

/** All paths over which something is wanted. */
export function askedPaths(requester: Requester): AskedPath[] {
  const found: AskedPath[] = [];
  for (const [path, asks] of requester.asks) {
    for (const { port, master, demands } of asks) {
      const wanted = demands.filter(({ phase }) => phase === 'wanted');
      const types = wanted.map(({ type, grant }) => ({ type, grant: grant && { ...grant } }));
      if (types.length > 0) found.push({ path, port, master, types });
    }
  }
  return found;
}

/** When {@link stepRequester} has something to do, or null. */
export const requesterDue = (requester: Requester): Tick | null => requester.dueNs;

/** The record a Signaling message is for, or why it is for none (SEC-12). */
export function askFor(requester: Requester, message: Signaling, ends: Ends): Ask | DropReason {
  const asks = requester.asks.get(keyOf(ends));
  const [first] = asks ?? [];
  if (asks === undefined || first === undefined) return 'unknown-path';
  const ask = asks.find(({ port }) => samePort(port, message.targetPortIdentity));
  const reason = notForUs(requester.voice, (ask ?? first).port, message);
  if (reason !== null || ask === undefined) return reason ?? 'target';
  const master = ask.master ?? ask.toldMaster;
  const isOther = master !== null && !samePort(master, message.header.sourcePortIdentity);
  return isOther ? 'identity' : ask;
}

/** Wants nothing but these types any more; what nobody was asked for needs no cancel. */
function giveUp(ask: Ask, types: readonly Negotiable[], nowNs: Tick): void {
  ask.demands = ask.demands.filter(
    ({ type, phase, grant, isAsked }) =>
      types.includes(type) || phase === 'cancelling' || grant !== null || isAsked,
  );
  for (const demand of ask.demands) {
    if (!types.includes(demand.type) && demand.phase === 'wanted') unwanted(demand, nowNs);
  }
}

function demandIn(ask: Ask, type: Negotiable, wantedLog: number, nowNs: Tick): void {
  const at = ask.demands.findIndex((demand) => demand.type === type);
  if (at < 0) ask.demands.push(createDemand(type, wantedLog, nowNs));
  else if (ask.demands[at]?.phase === 'cancelling') {
    ask.demands[at] = createDemand(type, wantedLog, nowNs); // wanted again
  }
}

/** Another clock may sit at the address by now: the next request is for whoever is there. */
export function forgetMaster(ask: Ask): void {
  if (ask.demands.every(({ grant }) => grant === null)) ask.master = null;
}

export function tidy(requester: Requester, key: PathKey): void {
  const asks = (requester.asks.get(key) ?? []).filter(({ demands }) => demands.length > 0);
  if (asks.length === 0) requester.asks.delete(key);
  else requester.asks.set(key, asks);
}

export function arm(requester: Requester): void {
  let dueNs = Number.POSITIVE_INFINITY;
  for (const asks of requester.asks.values()) {
    for (const { demands } of asks) {
      for (const demand of demands) dueNs = Math.min(dueNs, demandDue(demand));
    }
  }
  requester.dueNs = dueNs === Number.POSITIVE_INFINITY ? null : tick(dueNs);
}

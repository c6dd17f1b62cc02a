/**
 * Over which address pairs a clock follows its master, and as whom: addresses are learnt from
 * Announces, or stand in the master table; a master heard from two addresses is dual-ended, any
 * other is asked by one identity per own address. RFC 8039 §5.2.1, §5.3.1, §5.5 (MP-15, PTP-D02,
 * PTP-D15, PTP-U2…U7).
 */
import type { Output } from '../machine.ts';
import { isIpv6, type PathKey, pathKey } from '../path.ts';
import { NS_PER_S, type Tick } from '../units.ts';
import type { OrdinaryClock, Places } from './clockstate.ts';
import { copyTime } from './dataset.ts';
import { isWidowed, modeOf, usedAlternates } from './enterprise.ts';
import { peerGroup, primaryGroup } from './groups.ts';
import { type PortIdentity, samePort } from './identity.ts';
import type { Negotiable } from './negotiation.ts';
import type { DelayMode } from './profile.ts';
import { type ForeignMaster, parentOf, receiptTimeoutNs } from './qualified.ts';
import { askAnew, askedPaths, promiseOf, want } from './requester.ts';
import { addPath, askAt, type Following, follow, hearTime, removePath } from './slave.ts';
import { pathOf } from './slavestate.ts';

/** Addresses that are believed of one master: anybody can send in its name. */
const MOST_PLACES = 16;
/** An address that is silent is forgotten after so many announce receipt timeouts. */
const PLACE_TIMEOUTS = 4;
/** So long a master has to be heard from a second address. (announce intervals) */
const DUAL_SPAN = 3;
/** Nor less than a request takes that has to be repeated. (s) */
const MIN_DUAL_S = 5;

/** An Announce of a foreign master came from this address. @returns true if that is news */
export function notePlace(clock: OrdinaryClock, key: string, ip: string, nowNs: Tick): boolean {
  const places = clock.places[key];
  if (places === undefined) {
    clock.places[key] = { ips: { [ip]: nowNs }, sinceNs: nowNs, isDual: false, chosenIp: ip };
    return true;
  }
  if (places.ips[ip] !== undefined) {
    places.ips[ip] = nowNs;
    return false;
  }
  if (Object.keys(places.ips).length >= MOST_PLACES) return false;
  places.ips[ip] = nowNs;
  places.isDual = true;
  return true;
}

/** Forgets masters that are gone, and addresses of the others. @returns true if any went */
export function agePlaces(clock: OrdinaryClock, nowNs: Tick): boolean {
  let hasChanged = false;
  const alternates = clock.enterprise?.alternates.masters ?? [];
  const known = new Set([...clock.foreign.masters, ...alternates].map(({ key }) => key));
  for (const [key, places] of Object.entries(clock.places)) {
    if (!known.has(key)) {
      delete clock.places[key];
      hasChanged = true;
      continue;
    }
    const limitNs = PLACE_TIMEOUTS * receiptTimeoutNs(clock.foreign);
    for (const [ip, heardNs] of Object.entries(places.ips)) {
      if (nowNs - heardNs < limitNs) continue;
      delete places.ips[ip];
      hasChanged = true;
    }
    const [first] = Object.keys(places.ips);
    if (places.ips[places.chosenIp] === undefined && first !== undefined) places.chosenIp = first;
  }
  return hasChanged;
}

/** What is done over one pair. */
interface Way {
  readonly key: PathKey;
  readonly remoteIp: string;
  readonly localIp: string;
  readonly port: PortIdentity;
  /** The parent is followed over it; else it only is asked for Announces, or is an alternate's. */
  readonly isParents: boolean;
  /** The alternate master that is measured over it (EP-091). */
  readonly alternate?: ForeignMaster;
}

const isFollowing = ({ portDS }: OrdinaryClock): boolean =>
  portDS.portState === 'UNCALIBRATED' || portDS.portState === 'SLAVE';

const placesOfParent = (clock: OrdinaryClock): Places | null =>
  (isFollowing(clock) && clock.places[clock.foreign.parent ?? '']) || null;

/** True while the parent is followed as a dual-ended one. */
export const isDualNow = (clock: OrdinaryClock): boolean =>
  clock.mode === 'dual-ended' && placesOfParent(clock)?.isDual === true;

/** True while a dual-ended clock has not given up that its new master is one, too. */
function mayBeDual({ foreign }: OrdinaryClock, places: Places, nowNs: Tick): boolean {
  const spanNs = Math.max(DUAL_SPAN * foreign.announceIntervalNs, MIN_DUAL_S * NS_PER_S);
  return places.isDual || nowNs - places.sinceNs < spanNs;
}

function waysOf(clock: OrdinaryClock, nowNs: Tick): Way[] {
  const { mode, masters, slave } = clock;
  const places = placesOfParent(clock);
  const isDual = isDualNow(clock);
  const parents: string[] = [];
  if (places !== null) {
    if (isDual) parents.push(...ordered(Object.keys(places.ips), masters ?? []));
    else parents.push(places.chosenIp);
  }
  const table = masters ?? [];
  const all = [...parents, ...table.filter((ip) => !parents.includes(ip))];
  // As nobody knows yet whether a master of the table is dual-ended, it is asked as if it were.
  const isOne = mode === 'dual-ended' && (places === null || mayBeDual(clock, places, nowNs));
  const ways = all.flatMap((remoteIp): Way[] => {
    const isParents = parents.includes(remoteIp);
    const group = isParents ? parents : table;
    return localsFor(clock, remoteIp, group, isOne).map((localIp) => ({
      key: pathKey(remoteIp, localIp),
      remoteIp,
      localIp,
      port: portOf(clock, localIp, isOne),
      isParents,
    }));
  });
  ways.push(...alternateWays(clock, ways, nowNs));
  return ways.slice(0, slave.maxPaths);
}

/**
 * Alternates at addresses of their own, while there is a best master to compare them with, or one
 * of them is about to be it.
 */
function alternateWays(clock: OrdinaryClock, taken: readonly Way[], nowNs: Tick): Way[] {
  if (!isFollowing(clock) && !isWidowed(clock, nowNs)) return [];
  const { primaryIp: localIp, portDS } = clock;
  const keys = new Set(taken.map(({ key }) => key));
  return usedAlternates(clock, nowNs).flatMap((alternate): Way[] => {
    const remoteIp = clock.places[alternate.key]?.chosenIp;
    if (remoteIp === undefined || isIpv6(remoteIp) !== isIpv6(localIp)) return [];
    const key = pathKey(remoteIp, localIp);
    if (keys.has(key)) return [];
    keys.add(key);
    return [{ key, remoteIp, localIp, port: portDS.portIdentity, isParents: false, alternate }];
  });
}

/** Own addresses that are paired with one of a master. */
function localsFor(
  { addresses, pairing }: OrdinaryClock,
  remoteIp: string,
  group: readonly string[],
  isOne: boolean,
): readonly string[] {
  const sameFamily = (ip: string) => isIpv6(ip) === isIpv6(remoteIp);
  const locals = addresses.filter(sameFamily);
  if (!isOne || pairing === 'mesh') return locals;
  const local = locals[group.filter(sameFamily).indexOf(remoteIp)];
  return local === undefined ? [] : [local];
}

function portOf(clock: OrdinaryClock, localIp: string, isOne: boolean): PortIdentity {
  const own = clock.identities.find(({ address }) => address === localIp);
  return isOne || own === undefined
    ? clock.portDS.portIdentity
    : { clockIdentity: own.clockIdentity, portNumber: clock.portDS.portIdentity.portNumber };
}

/** As in the table, others after it, so that both ends of 1:1 pairs can be told. */
const ordered = (ips: string[], table: readonly string[]): string[] => [
  ...table.filter((ip) => ips.includes(ip)),
  ...ips.filter((ip) => !table.includes(ip)).sort(),
];

/** Brings paths and requests in line with the parent, its addresses and the master table. */
export function arrange(clock: OrdinaryClock, nowNs: Tick): Output[] {
  clock.isUnarranged = false;
  const ways = waysOf(clock, nowNs);
  const parent = isFollowing(clock) ? parentOf(clock.foreign) : null;
  const parentPort = parent?.announce.sourcePortIdentity ?? null;
  const outputs: Output[] = [];
  for (const path of [...clock.slave.paths]) {
    const way = ways.find(({ key }) => key === path.key);
    const master = way && masterOver(way, parentPort);
    const isSame =
      way !== undefined &&
      master &&
      samePort(way.port, path.identity) &&
      (path.following === null || samePort(path.following.master, master));
    if (!isSame) outputs.push(removePath(clock.slave, path.key));
  }
  for (const way of ways) {
    if (masterOver(way, parentPort) === null) continue;
    const { remoteIp, localIp, port: identity } = way;
    const master = way.alternate ?? parent;
    const requestIp = requestIpOf(clock, remoteIp, localIp, master && toldMode(clock, master));
    if (clock.slave.index[way.key] !== undefined) {
      askAt(clock.slave, way.key, requestIp);
      continue;
    }
    const delayAsymmetryNs = asymmetryOf(clock, way);
    const path = { remoteIp, localIp, identity, requestIp, delayAsymmetryNs };
    outputs.push(addPath(clock.slave, path));
  }
  // Only now: a path whose master is another than before is a new one, and parked no more
  askFor(clock, ways, parentPort, nowNs);
  outputs.push(...followParent(clock, nowNs));
  const alternates = ways.flatMap(({ alternate }) => alternate ?? []);
  for (const { announce } of parent === null ? [] : [parent, ...alternates]) {
    hearTime(clock.slave, announce.sourcePortIdentity, copyTime(announce), nowNs);
  }
  return outputs;
}

function asymmetryOf({ asymmetries }: OrdinaryClock, { key, localIp, remoteIp }: Way): number {
  return (
    [key, localIp, remoteIp, ''].map((of) => asymmetries[of]).find((ns) => ns !== undefined) ?? 0
  );
}

/** Whose Syncs are measured over a way; null: nobody's. */
const masterOver = (way: Way, parent: PortIdentity | null): PortIdentity | null =>
  way.alternate?.announce.sourcePortIdentity ?? (way.isParents ? parent : null);

const toldMode = ({ enterprise }: OrdinaryClock, { announce }: ForeignMaster): DelayMode | null =>
  enterprise === null ? null : modeOf(announce);

/** @param told what the master says of its delay mode (EP-081) */
function requestIpOf(
  clock: OrdinaryClock,
  remoteIp: string,
  localIp: string,
  told: DelayMode | null,
): string {
  const requests = told === null || told === 'hybrid' ? clock.delayRequests : told;
  if (clock.mode !== 'plain' || requests === 'unicast') return remoteIp;
  const isE2e = clock.portDS.delayMechanism === 1;
  return isE2e ? primaryGroup(localIp, clock.scope) : peerGroup(localIp);
}

function askFor(
  clock: OrdinaryClock,
  ways: readonly Way[],
  parent: PortIdentity | null,
  nowNs: Tick,
): void {
  const { requester, masters, portDS } = clock;
  if (requester === null) return;
  const wanted = new Set(ways.map(({ key }) => key));
  for (const { path, port } of askedPaths(requester)) {
    if (!wanted.has(path)) want(requester, path, { port, types: [] }, nowNs);
  }
  const announce: Negotiable[] = masters === null ? [] : ['Announce'];
  const isE2e = portDS.delayMechanism === 1;
  const answer = isE2e ? 'Delay_Resp' : 'Pdelay_Resp';
  for (const { key, port, isParents } of ways) {
    // Announces go on where nothing is measured: they tell that the address is still the master's
    const types = [...announce];
    const { parked = null, isTraced = false } = pathOf(clock.slave, key) ?? {};
    if (isParents && parked === null) types.push('Sync', answer);
    // ptpd answers no Delay_Req without a grant; Pdelay_Reqs everybody does
    else if (isParents && isTraced && isE2e) types.push(answer);
    want(requester, key, { port, master: isParents ? parent : null, types }, nowNs);
  }
}

/** Tells all paths whom they follow, and the intervals that were granted. */
export function followParent(clock: OrdinaryClock, nowNs: Tick): Output[] {
  const parent = parentOf(clock.foreign);
  if (parent === null) return [];
  const { sourcePortIdentity } = parent.announce;
  const alternates = new Map(
    usedAlternates(clock, nowNs).map(({ key, announce }) => [
      `${clock.places[key]?.chosenIp}`,
      announce.sourcePortIdentity,
    ]),
  );
  const parentIp = clock.places[parent.key]?.chosenIp;
  return clock.slave.paths.flatMap(({ key, remoteIp }) => {
    const alternate = remoteIp === parentIp ? undefined : alternates.get(remoteIp);
    const following = followingOf(clock, key, alternate ?? sourcePortIdentity);
    return follow(clock.slave, key, following, nowNs);
  });
}

function followingOf(clock: OrdinaryClock, key: PathKey, master: PortIdentity): Following {
  const { requester, portDS } = clock;
  const { logSyncInterval, logMinDelayReqInterval, logMinPdelayReqInterval } = portDS;
  const isE2e = portDS.delayMechanism === 1;
  const logDelayInterval = isE2e ? logMinDelayReqInterval : logMinPdelayReqInterval;
  if (requester === null) {
    // The best may have become an alternate, or an alternate the best, since its last Announce.
    const alternate = clock.enterprise !== null;
    return { master, logSyncInterval, logDelayInterval, alternate };
  }
  const sync = promiseOf(requester, key, 'Sync');
  const answers = promiseOf(requester, key, 'Delay_Resp');
  return {
    master,
    logSyncInterval: sync?.logInterval ?? logSyncInterval,
    // Nobody answers Delay_Reqs that were not granted; Pdelay_Reqs everybody does.
    logDelayInterval: isE2e ? (answers?.logInterval ?? null) : logDelayInterval,
  };
}

/** Nobody believes a grant that nothing comes of for longer. (s) */
const SILENCE_S = 8;

/**
 * Granted, and yet nothing comes on paths that are down: the master has forgotten, or took a cancel
 * of before for one of now. Paths that go down are {@link doubtGrants}' business.
 */
export function doubtSilence(clock: OrdinaryClock, nowNs: Tick): void {
  const { requester, slave } = clock;
  if (requester === null) return;
  for (const { key, contact, parked, syncHeardNs, reverseNs } of slave.paths) {
    if (contact === 'reachable' || parked !== null) continue;
    const isSilent = (type: Negotiable, heardNs: Tick | null): boolean => {
      const promise = promiseOf(requester, key, type);
      if (promise === null) return false;
      const { untilNs, durationS, logInterval } = promise;
      const sinceNs = Math.max(untilNs - durationS * NS_PER_S, heardNs ?? 0);
      return nowNs - sinceNs >= Math.max(SILENCE_S, 4 * 2 ** logInterval) * NS_PER_S;
    };
    if (isSilent('Sync', syncHeardNs) || isSilent('Delay_Resp', reverseNs)) {
      doubtGrants(clock, key, nowNs);
    }
  }
}

/** A path is silent, or the master is gone: whatever it granted may be forgotten there. */
export function doubtGrants(clock: OrdinaryClock, key: PathKey | null, nowNs: Tick): void {
  const { requester } = clock;
  if (requester === null) return;
  for (const { path } of askedPaths(requester)) {
    if (key === null || path === key) askAnew(requester, path, nowNs);
  }
}

/**
 * Who announces: which clocks act as masters of a domain, from which addresses, and in which delay
 * mode. IEEE 1588-2008 §9.3; RFC 8039 §5.2.1, §5.3.1 (PTP-S03, PTP-D03, PTP-D16); Enterprise
 * Profile §3, §5, §8.
 */
import { isIpv6 } from '../path.ts';
import { compareDatasets, type Dataset, datasetOfAnnounce } from '../ptp/bmca.ts';
import { contentOfAnnounce } from '../ptp/content.ts';
import { NO_INTERVAL } from '../ptp/header.ts';
import { ALL_PORTS } from '../ptp/identity.ts';
import type { Announce } from '../ptp/message.ts';

import type { Heard, Tell } from './finding.ts';
import { modeOfAnnounce } from './profiletlv.ts';
import { remember } from './waiting.ts';

/** One address a master announces from. */
interface Place {
  lastS: number;
  lastId: number;
  count: number;
}

export interface Master {
  readonly sender: string;
  readonly clockIdentity: string;
  readonly domainNumber: number;
  readonly isIpv6: boolean;
  readonly places: Map<string, Place>;
  dataset: Dataset;
  lastS: number;
  intervalS: number;
  isAlternate: boolean;
  /** By multicast without alternateMasterFlag, without a break, since. (s) */
  actingSinceS: number;
  /** Delay mode of its TLV: 0 multicast, 1 unicast, 2 hybrid; null if it tells none. */
  mode: number | null;
}

export interface Masters {
  readonly masters: Map<string, Master>;
  /** Domain, and the families that were announced in it. */
  readonly families: Map<string, Set<boolean>>;
  /** Addresses that are known to be one clock's: the index of the clock. */
  readonly clocks: ReadonlyMap<string, number>;
  /** By clock: the address that announced last, with its identity. */
  readonly primary: Map<number, { readonly ip: string; readonly identity: string; atS: number }>;
}

export function createMasters(clocks: readonly (readonly string[])[]): Masters {
  const index = clocks.flatMap((ips, n) => ips.map((ip) => [ip, n] as const));
  return {
    masters: new Map(),
    families: new Map(),
    clocks: new Map(index),
    primary: new Map(),
  };
}

/** Intervals without an Announce after which a master is gone. */
const GONE = 4;
/** Two masters side by side for longer are no take-over. (intervals) */
const TAKEOVER = 6;
/** An address that has announced so often is one the clock announces from. */
const SETTLED = 3;

/** Masters of a domain that have announced lately. */
export function* liveMasters({ masters }: Masters, domain: number, nowS: number) {
  for (const master of masters.values()) {
    if (master.domainNumber !== domain) continue;
    if (nowS - master.lastS <= GONE * master.intervalS + 1) yield master;
  }
}

/** Addresses from which a master has announced lately. */
export const livePlaces = ({ places, intervalS }: Master, nowS: number): string[] =>
  [...places].filter(([, { lastS }]) => nowS - lastS <= GONE * intervalS + 1).map(([ip]) => ip);

export function checkAnnounce(state: Masters, heard: Heard<Announce>, tell: Tell): void {
  const { message, src, sender, atS, isGroup } = heard;
  const { header } = message;
  const { domainNumber, logMessageInterval: log } = header;
  const v6 = isIpv6(src);
  const key = `${sender} ${domainNumber} ${v6}`;
  const known = state.masters.get(key);
  const dataset = datasetOfAnnounce(contentOfAnnounce(message), ALL_PORTS);
  const intervalS = log === NO_INTERVAL || Math.abs(log) > 10 ? 2 : 2 ** log;
  const isAlternate = header.flags.alternateMaster;
  const isGone = known === undefined || atS - known.lastS > GONE * known.intervalS + 1;
  const actingSinceS = isGone || known.isAlternate ? atS : known.actingSinceS;
  const mode = modeOfAnnounce(heard.bytes);
  const master: Master = known ?? {
    sender,
    clockIdentity: header.sourcePortIdentity.clockIdentity,
    domainNumber,
    isIpv6: v6,
    places: new Map(),
    ...{ dataset, lastS: atS, intervalS, isAlternate, actingSinceS, mode },
  };
  Object.assign(master, { dataset, lastS: atS, intervalS, isAlternate, actingSinceS, mode });
  if (known === undefined) remember(state.masters, key, master, 1024);
  checkFamilies(state, heard, v6, tell);
  checkPlaces(master, heard, tell);
  checkPrimary(state, heard, tell);
  if (isGroup && !isAlternate) checkBest(state, master, heard, tell);
}

function checkFamilies({ families }: Masters, heard: Heard<Announce>, v6: boolean, tell: Tell) {
  const domain = String(heard.message.header.domainNumber);
  const seen = families.get(domain) ?? remember(families, domain, new Set<boolean>());
  seen.add(v6);
  if (seen.size > 1) tell('EP-023', heard, `domain ${domain} is announced over IPv4 and IPv6`);
}

function checkPlaces(master: Master, heard: Heard<Announce>, tell: Tell): void {
  const { places, intervalS } = master;
  const { src, atS, isGroup, message } = heard;
  const { sequenceId } = message.header;
  const others = [...places].filter(
    ([ip, { lastS }]) => ip !== src && atS - lastS <= GONE * intervalS,
  );
  for (const [ip, place] of others) {
    if (!places.has(src)) {
      const text = `${master.clockIdentity} announces from ${ip} and from ${src}`;
      tell('EP-003', heard, text);
    }
    // Copies of one Announce leave together: another address has this id, or still the one before.
    const behind = (sequenceId - place.lastId + 0x10000) % 0x10000;
    const ahead = (0x10000 - behind) % 0x10000;
    if (ahead > 1 && behind > GONE + 1) {
      tell('PTP-D16', heard, `sequenceId is ${sequenceId}, at ${ip} it was ${place.lastId}`);
    } else if (ahead > 1 && behind >= 2 && isGroup && place.count >= SETTLED) {
      tell('PTP-D03', heard, `Announce ${(sequenceId + 0xffff) % 0x10000} did not come from ${ip}`);
    }
  }
  const place = places.get(src);
  const step = place === undefined ? 1 : (sequenceId - place.lastId + 0x10000) % 0x10000;
  const skipped = (sequenceId + 0xffff) % 0x10000;
  const from = others.find(([, { lastId }]) => lastId === skipped || lastId === sequenceId);
  if (isGroup && from !== undefined && step > 1 && step <= GONE + 1) {
    tell('PTP-D03', heard, `Announce ${skipped} came from ${from[0]}, not from ${src}`);
  }
  if (place === undefined) {
    remember(places, src, { lastS: atS, lastId: sequenceId, count: 1 }, 256);
    return;
  }
  Object.assign(place, { lastS: atS, lastId: sequenceId, count: place.count + 1 });
}

/** Of addresses that are one clock's, with an identity each, only one announces. */
function checkPrimary(state: Masters, heard: Heard<Announce>, tell: Tell): void {
  const { src, atS, message } = heard;
  const clock = state.clocks.get(src);
  if (clock === undefined) return;
  const identity = message.header.sourcePortIdentity.clockIdentity;
  const last = state.primary.get(clock);
  if (last === undefined || last.ip === src || last.identity === identity) {
    state.primary.set(clock, { ip: last?.ip ?? src, identity, atS });
    return;
  }
  tell('PTP-S03', heard, `its clock announces as ${last.identity} from ${last.ip}`);
}

/** Two clocks side by side that both act as the master: the worse one should not. */
function checkBest(state: Masters, master: Master, heard: Heard<Announce>, tell: Tell): void {
  const { atS } = heard;
  const isActing = ({ actingSinceS, intervalS, isAlternate }: Master): boolean =>
    !isAlternate && atS - actingSinceS > TAKEOVER * Math.max(intervalS, master.intervalS);
  if (!isActing(master)) return;
  for (const other of liveMasters(state, master.domainNumber, atS)) {
    const isOther = other.clockIdentity !== master.clockIdentity && other.isIpv6 === master.isIpv6;
    if (!isOther || !isActing(other)) continue;
    if (!compareDatasets(other.dataset, master.dataset).startsWith('a-better')) continue;
    const text = `${other.sender} is better, and both have been masters of domain ${master.domainNumber} for ${(atS - Math.max(other.actingSinceS, master.actingSinceS)).toFixed(0)} s`;
    tell('EP-062', heard, text);
    tell('EP-092', heard, text);
    tell('1588-two-masters', heard, text);
    return;
  }
}

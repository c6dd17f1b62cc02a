/**
 * What a port under the Enterprise Profile knows beside the best master (draft-01 §3, §8, §9;
 * RFC 9760): alternate masters that it may use too, masters that ought not to be there, and
 * whether it may be master itself. decide.ts asks it; clocks of other profiles have none.
 */
import type { Output, PortOutput } from '../machine.ts';
import { type Tick, tick } from '../units.ts';
import type { OrdinaryClock } from './clockstate.ts';
import type { AnnounceContent, TimePropertiesDS } from './dataset.ts';
import { delayModeOf } from './enterprisetlv.ts';
import { bestForeign, expireForeign, hearAnnounce, moveForeign } from './foreign.ts';
import { portText } from './identity.ts';
import { citation, type DelayMode, type Profile } from './profile.ts';
import {
  type ForeignMaster,
  type ForeignTable,
  isQualified,
  parentOf,
  receiptTimeoutNs,
} from './qualified.ts';
import {
  createWatch,
  isAnySeen,
  isToldOf,
  note,
  recall,
  restart,
  sight,
  unsee,
  type Watch,
} from './watch.ts';

/** Plain data of one port. */
export interface Enterprise {
  readonly profile: Profile;
  /** Masters that say they are alternates. */
  readonly alternates: ForeignTable;
  readonly rogues: Watch;
  readonly unacceptable: Watch;
  /** Identities heard from two addresses at once. */
  readonly twins: Watch;
  /** Why there is no current count of leap seconds, for people. May be set. */
  problem: string | null;
  /** It was told that the port may not be master. */
  isGateTold: boolean;
  /** The best master fell silent, and an alternate is to take its place until then; else null. */
  widowedUntilNs: Tick | null;
}

export const createEnterprise = (profile: Profile, alternates: ForeignTable): Enterprise => ({
  ...{ profile, alternates },
  rogues: createWatch(),
  unacceptable: createWatch(),
  twins: createWatch(),
  problem: null,
  isGateTold: false,
  widowedUntilNs: null,
});

/** Intervals within which foreign masters qualify; by then everybody has heard the better one. */
const QUALIFYING = 4;

/** How long masters take to agree who is best, and who is silent for it is gone. (ns) */
const windowNs = ({ foreign }: OrdinaryClock): number =>
  receiptTimeoutNs(foreign) + QUALIFYING * foreign.announceIntervalNs;

const spans = (clock: OrdinaryClock, isAtOnce: boolean) => ({
  windowNs: isAtOnce ? 0 : windowNs(clock),
  silenceNs: windowNs(clock),
});

/** A current UTC−TAI count, without which no port is master (EP-064). */
export function isGated({ enterprise, own, sets }: OrdinaryClock): boolean {
  const gate = enterprise?.profile.leapSecondGate ?? null;
  if (gate === null) return false;
  // A boundary clock repeats what the master says that its slave port follows.
  return !(sets.defaultDS.numberPorts === 1 ? own : sets.timePropertiesDS).currentUtcOffsetValid;
}

/** The port would be master but for the gate: told once until it opens. */
export function tellGate(clock: OrdinaryClock): PortOutput[] {
  const { enterprise } = clock;
  if (enterprise === null || enterprise.isGateTold) return [];
  enterprise.isGateTold = true;
  const { profile, problem } = enterprise;
  const section = citation(profile, profile.leapSecondGate?.section ?? '');
  const isOwn = !clock.own.currentUtcOffsetValid;
  const why = isOwn ? (problem ?? 'UTC − TAI is not known') : 'its master does not tell UTC − TAI';
  return [told(clock, 'leap-seconds', `not master, as ${why} (${section})`)];
}

const told = (clock: OrdinaryClock, event: PortOutput['event'], text: string): PortOutput => {
  const { portState: state, portIdentity } = clock.portDS;
  return { type: 'port', event, state, text: `port ${portIdentity.portNumber}: ${text}` };
};

/**
 * What an Announce means beside the best master algorithm. Masters move between the tables as
 * their alternateMasterFlag says.
 * @returns outputs, and whether the Announce goes on to the algorithm
 */
export function hearBeside(
  clock: OrdinaryClock,
  enterprise: Enterprise,
  announce: AnnounceContent,
  nowNs: Tick,
): { readonly outputs: Output[]; readonly isForAlgorithm: boolean; readonly isChange: boolean } {
  const { foreign } = clock;
  const { alternates, unacceptable } = enterprise;
  const key = portText(announce.sourcePortIdentity);
  const { clockIdentity } = announce.sourcePortIdentity;
  const outputs: Output[] = [];
  if (foreign.acceptable !== null && !foreign.acceptable.includes(clockIdentity)) {
    if (!announce.alternateMasterFlag && sight(unacceptable, key, nowNs, spans(clock, true))) {
      const text = `ignores unacceptable master ${key}, not in the acceptable master table`;
      outputs.push(told(clock, 'unacceptable-master', text));
    }
    return { outputs, isForAlgorithm: true, isChange: false }; // which refuses it
  }
  if (!announce.alternateMasterFlag) {
    if (foreign.promoted === key) foreign.promoted = null;
    const isMoved = moveForeign(alternates, foreign, key, nowNs) !== null;
    return { outputs, isForAlgorithm: true, isChange: isMoved };
  }
  unsee(enterprise.rogues, key);
  if (foreign.promoted === key) return { outputs, isForAlgorithm: true, isChange: false };
  const isParent = foreign.parent === key;
  const isMoved = moveForeign(foreign, alternates, key, nowNs) !== null;
  const heard = hearAnnounce(alternates, announce, nowNs);
  const isQualifiedNow = heard.type === 'heard' && heard.isChange;
  if (isMoved || isQualifiedNow) {
    const isUsed = heard.type === 'heard' && isQualified(alternates, heard.master, nowNs);
    if (isUsed) outputs.push(told(clock, 'alternate-master', `alternate master ${key}`));
  }
  return { outputs, isForAlgorithm: false, isChange: isMoved || isParent || isQualifiedNow };
}

/** Rogue: beside the best one for longer than masters take to agree, and not flagged (EP-005). */
export function judgeRogue(
  clock: OrdinaryClock,
  { rogues }: Enterprise,
  key: string,
  nowNs: Tick,
): Output[] {
  const { foreign, portDS } = clock;
  const best = portDS.portState === 'MASTER' ? 'this clock' : foreign.parent;
  if (best === null || best === key) {
    unsee(rogues, key);
    return [];
  }
  if (!sight(rogues, key, nowNs, spans(clock, false))) return [];
  const text = `ignores rogue master ${key}: ${best} is better, and it does not say it is an alternate`;
  return [told(clock, 'rogue-master', text)];
}

/** Another master is best: the others need time to hear of it. */
export const restartRogues = (clock: OrdinaryClock, nowNs: Tick): void => {
  if (clock.enterprise !== null) restart(clock.enterprise.rogues, nowNs);
};

/** After so much silence at its address an identity is believed elsewhere. (announce intervals) */
const MOVE_SPAN = 2.5;

/**
 * One identity must not come from two addresses, each heard after the other (EP-003). Its first
 * address stays the one it is believed at, until it is silent there.
 * @returns outputs, and true if the Announce is to be ignored
 */
export function judgePlace(
  clock: OrdinaryClock,
  { twins }: Enterprise,
  key: string,
  ip: string,
  nowNs: Tick,
): { readonly outputs: Output[]; readonly isIgnored: boolean } {
  const places = clock.places[key];
  if (places === undefined) return { outputs: [], isIgnored: false };
  const limitNs = MOVE_SPAN * clock.foreign.announceIntervalNs;
  const isAlive = (at: string) => nowNs - (places.ips[at] ?? Number.NEGATIVE_INFINITY) < limitNs;
  const { chosenIp } = places;
  if (chosenIp === ip) {
    const twin = recall(twins, `${key} `, nowNs, limitNs);
    const outputs = twin === null ? [] : [toldTwin(clock, key, ip, twin.slice(key.length + 1))];
    return { outputs, isIgnored: false };
  }
  if (isAlive(chosenIp)) {
    note(twins, `${key} ${ip}`, nowNs, windowNs(clock));
    return { outputs: [], isIgnored: true };
  }
  delete places.ips[chosenIp]; // it moved
  places.chosenIp = ip;
  unsee(twins, `${key} ${ip}`);
  return { outputs: [], isIgnored: false };
}

/** Somebody else sends with an identity of ours. */
export const hearOwnIdentity = (
  clock: OrdinaryClock,
  identity: string,
  ip: string,
  nowNs: Tick,
): Output[] =>
  clock.enterprise !== null &&
  !clock.addresses.includes(ip) &&
  sight(clock.enterprise.twins, `${identity} ${ip}`, nowNs, spans(clock, true))
    ? [toldTwin(clock, identity, clock.primaryIp, ip)]
    : [];

const toldTwin = (clock: OrdinaryClock, key: string, one: string, other: string): Output =>
  told(clock, 'duplicate-identity', `duplicate identity ${key} at ${one} and ${other}`);

/**
 * No acceptable master is announced as best, one that is not acceptable is, and an alternate is
 * acceptable: it counts as any other until there is a better one (EP-095).
 */
export function promoteAlternate(clock: OrdinaryClock, nowNs: Tick): void {
  const { enterprise, foreign } = clock;
  if (enterprise === null || foreign.acceptable === null) return;
  const { alternates, unacceptable } = enterprise;
  const { promoted } = foreign;
  if (promoted !== null) {
    const isBeside = foreign.masters.some(
      (master) => master.key !== promoted && isQualified(foreign, master, nowNs),
    );
    if (isBeside) moveForeign(foreign, alternates, promoted, nowNs);
    else if (foreign.masters.some(({ key }) => key === promoted)) return;
    foreign.promoted = null;
    if (isBeside) return;
  }
  if (!isAnySeen(unacceptable, nowNs, windowNs(clock))) return;
  if (bestForeign(foreign, nowNs) !== null) return;
  const best = bestForeign(alternates, nowNs);
  if (best === null || moveForeign(alternates, foreign, best.key, nowNs) === null) return;
  foreign.promoted = best.key;
}

/**
 * Masters that are measured beside the best one: alternates that are acceptable and heard often
 * enough, and while masters change, who was measured so far and is not yet or no longer the best.
 */
export function usedAlternates(clock: OrdinaryClock, nowNs: Tick): ForeignMaster[] {
  const { enterprise, foreign, slave } = clock;
  if (enterprise === null) return [];
  const { alternates, rogues } = enterprise;
  const measured = new Set(slave.paths.map(({ masterKey }) => masterKey));
  const changing = foreign.masters.filter(
    (one) =>
      one.key !== foreign.parent &&
      measured.has(one.key) &&
      isQualified(foreign, one, nowNs) &&
      !isToldOf(rogues, one.key),
  );
  const qualified = alternates.masters.filter((one) => isQualified(alternates, one, nowNs));
  return [...changing, ...qualified].slice(0, MOST_BESIDE);
}

/** Anybody may call himself an alternate, and each is asked: see the acceptable master table. */
const MOST_BESIDE = 8;

/**
 * A new master may be one announce interval later than us in seeing that the old one is gone, and
 * its Announce takes another: what is measured of alternates goes on for so long. (intervals)
 */
const WIDOWED = 2;

/** The best master is gone, and no other is announced as best yet. */
export function beginWidowed({ enterprise, foreign }: OrdinaryClock, nowNs: Tick): void {
  if (enterprise === null) return;
  enterprise.widowedUntilNs = tick(nowNs + WIDOWED * foreign.announceIntervalNs);
}

/** True while alternates are measured without a best master to compare them with. */
export const isWidowed = ({ enterprise, portDS }: OrdinaryClock, nowNs: Tick): boolean =>
  portDS.portState === 'LISTENING' && nowNs < (enterprise?.widowedUntilNs ?? nowNs);

/** @returns true when it is over */
export function ageWidowed({ enterprise }: OrdinaryClock, nowNs: Tick): boolean {
  if (enterprise === null || nowNs < (enterprise.widowedUntilNs ?? Infinity)) return false;
  enterprise.widowedUntilNs = null;
  return true;
}

/** Forgets alternates that are silent. @returns true if any is */
export function ageAlternates(clock: OrdinaryClock, nowNs: Tick): boolean {
  const alternates = clock.enterprise?.alternates;
  if (alternates === undefined) return false;
  const { length } = alternates.masters;
  expireForeign(alternates, nowNs);
  return alternates.masters.length < length;
}

/** How delay is measured with a master: what it says itself; null if it says nothing known. */
export const modeOf = ({ enterprise }: AnnounceContent): DelayMode | null =>
  enterprise === undefined ? null : delayModeOf(enterprise);

/** The master a path's record is of, best or alternate. */
export function masterOf(clock: OrdinaryClock, key: string): ForeignMaster | null {
  const parent = parentOf(clock.foreign);
  if (parent?.key === key) return parent;
  return clock.enterprise?.alternates.masters.find((one) => one.key === key) ?? null;
}

/** Says what our own time is from now on. */
export function tellProblem(
  { enterprise, sets }: OrdinaryClock,
  own: TimePropertiesDS,
  problem: string | null,
): void {
  if (enterprise === null) return;
  enterprise.problem = problem;
  const isAlone = sets.defaultDS.numberPorts === 1;
  const isOpen = isAlone || sets.timePropertiesDS.currentUtcOffsetValid;
  if (own.currentUtcOffsetValid && isOpen) enterprise.isGateTold = false;
}

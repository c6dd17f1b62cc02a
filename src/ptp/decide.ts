/**
 * State decisions of a clock: Announces, their absence, and what follows for its ports, the data
 * sets and the parts. IEEE 1588-2008 §9.2.5, §9.2.6, §9.3; texts as ptp4l logs them.
 */
import type { DropReason, Output } from '../machine.ts';
import { type Tick, tick } from '../units.ts';
import { type Decision, datasetOfAnnounce, datasetOfClock, decideStates } from './bmca.ts';
import type { OrdinaryClock } from './clockstate.ts';
import { contentOfAnnounce } from './content.ts';
import { type AnnounceContent, becomeGrandmaster, copyTime, followMaster } from './dataset.ts';
import { intervalNs } from './destination.ts';
import {
  ageAlternates,
  ageWidowed,
  beginWidowed,
  hearBeside,
  isGated,
  judgePlace,
  judgeRogue,
  promoteAlternate,
  restartRogues,
  tellGate,
} from './enterprise.ts';
import { isFeasible, noteFollowed } from './feasible.ts';
import {
  bestForeign,
  clearForeign,
  expireForeign,
  type ForeignRefusal,
  hearAnnounce,
  nextExpiry,
  setParent,
} from './foreign.ts';
import { startServing, stopServing } from './grantor.ts';
import { portText } from './identity.ts';
import type { Incoming } from './incoming.ts';
import type { Announce } from './message.ts';
import { keyOf } from './negotiation.ts';
import {
  eventOfDecision,
  GATED_TABLE,
  nextPortState,
  type PortEvent,
  type PortState,
  qualificationIntervals,
} from './portstate.ts';
import { type ForeignMaster, parentOf, receiptTimeoutNs } from './qualified.ts';
import { promiseOf } from './requester.ts';
import { hearTime, removePath } from './slave.ts';
import { agePlaces, arrange, doubtGrants, doubtSilence, isDualNow, notePlace } from './ways.ts';

/** linuxptp's names. */
const LOGGED: Readonly<Partial<Record<PortEvent, string>>> = {
  initialized: 'INIT_COMPLETE',
  'fault-detected': 'FAULT_DETECTED',
  'fault-cleared': 'FAULT_CLEARED',
  'announce-receipt-timeout': 'ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES',
  'synchronization-fault': 'SYNCHRONIZATION_FAULT',
  'master-clock-selected': 'MASTER_CLOCK_SELECTED',
  'qualification-timeout': 'QUALIFICATION_TIMEOUT_EXPIRES',
  'recommended-grandmaster': 'RS_GRAND_MASTER',
  'recommended-master': 'RS_MASTER',
  'recommended-slave': 'RS_SLAVE',
  'recommended-slave-new': 'RS_SLAVE',
  'recommended-passive': 'RS_PASSIVE',
};

const DROPS: Readonly<Record<ForeignRefusal, DropReason>> = {
  'own-clock': 'identity',
  'reserved-identity': 'identity',
  'alternate-master': 'alternate-master',
  'steps-removed': 'loop',
  'path-trace': 'loop',
  'not-acceptable': 'denied',
  full: 'server-full',
};

/** An event of the port state machine. */
export function fire(clock: OrdinaryClock, event: PortEvent, nowNs: Tick): Output[] {
  const { portDS, grantor } = clock;
  const before = portDS.portState;
  const allowed = nextPortState(clock.table, before, event);
  const isBarred = allowed !== null && SERVING.includes(allowed) && isGated(clock);
  const after = isBarred ? nextPortState(GATED_TABLE, before, event) : allowed;
  const gate = isBarred ? tellGate(clock) : [];
  if (after === null || after === before) return gate;
  portDS.portState = after;
  if (grantor !== null && after === 'MASTER') startServing(grantor);
  if (grantor !== null && before === 'MASTER') stopServing(grantor, nowNs);
  const isWaiting = after === 'LISTENING' && clock.role !== 'slave';
  clock.listenUntilNs = isWaiting ? tick(nowNs + listenNs(clock)) : null;
  clock.qualifyNs = after === 'PRE_MASTER' ? tick(nowNs + qualificationNs(clock)) : null;
  return [said(clock, 'state', `${before} to ${after} on ${LOGGED[event] ?? event}`), ...gate];
}

/** States that no port may be in without a count of leap seconds. */
const SERVING: readonly PortState[] = ['PRE_MASTER', 'MASTER'];

/** Somebody who is to be nothing but master listens to nobody, but to its own other ports. */
const listenNs = ({ role, sets, foreign }: OrdinaryClock): number =>
  role === 'master' && sets.defaultDS.numberPorts === 1 ? 0 : receiptTimeoutNs(foreign);

const qualificationNs = ({ foreign, sets }: OrdinaryClock): number =>
  qualificationIntervals('M3', sets.currentDS.stepsRemoved) * foreign.announceIntervalNs;

function said(clock: OrdinaryClock, event: 'state' | 'foreign-master', text: string): Output {
  const { portState: state, portIdentity } = clock.portDS;
  return { type: 'port', event, state, text: `port ${portIdentity.portNumber}: ${text}` };
}

/** An Announce in the right domain, from no identity of ours. */
export function takeAnnounce(
  clock: OrdinaryClock,
  message: Announce,
  { remote, local }: Incoming,
  nowNs: Tick,
): Output[] {
  const { foreign, portDS, requester } = clock;
  const refused = (reason: DropReason): Output[] => [{ type: 'drop', reason, from: remote }];
  if (clock.role === 'master' || !isUp(portDS.portState)) return refused('port-state');
  // Whoever is not in the master table was not asked, however good a clock it says it is (SEC-12).
  if (clock.masters?.includes(remote.ip) === false) return refused('unasked');
  const content = contentOfAnnounce(message);
  const { enterprise } = clock;
  const beside: Output[] = [];
  if (enterprise !== null) {
    const sender = portText(content.sourcePortIdentity);
    const place = judgePlace(clock, enterprise, sender, remote.ip, nowNs);
    if (place.isIgnored) return [...place.outputs, ...refused('wrong-address')];
    beside.push(...place.outputs);
    const known = hearBeside(clock, enterprise, content, nowNs);
    beside.push(...known.outputs);
    if (!known.isForAlgorithm) {
      // whoever found no room is not remembered at all
      const isKept = enterprise.alternates.masters.some(({ key }) => key === sender);
      if (isKept) notePlace(clock, sender, remote.ip, nowNs);
      return [...beside, ...hearAlternate(clock, content, known.isChange, nowNs)];
    }
    if (known.isChange) clock.isUndecided = true;
  }
  const path = keyOf({ remoteIp: remote.ip, localIp: local.ip });
  const promise = requester && promiseOf(requester, path, 'Announce');
  const heard = hearAnnounce(
    foreign,
    content,
    nowNs,
    promise ? intervalNs(promise.logInterval) : foreign.announceIntervalNs,
  );
  if (heard.type === 'refused') return [...beside, ...refused(DROPS[heard.reason])];
  const { key } = heard.master;
  const outputs: Output[] = beside;
  if (clock.listenUntilNs !== null) clock.listenUntilNs = tick(nowNs + listenNs(clock));
  if (heard.isNew) outputs.push(said(clock, 'foreign-master', `new foreign master ${key}`));
  const isNews = notePlace(clock, key, remote.ip, nowNs);
  const isParent = key === foreign.parent && isFollowing(portDS.portState);
  if (heard.isChange) clock.isUndecided = true;
  else if (isParent) {
    followMaster(clock.sets, content);
    if (hearTime(clock.slave, content.sourcePortIdentity, copyTime(content), nowNs) === 'changed') {
      // What was measured in the time that was does not compare.
      for (const one of [...clock.slave.paths]) outputs.push(removePath(clock.slave, one.key));
      outputs.push(...fire(clock, 'synchronization-fault', nowNs), ...arrange(clock, nowNs));
    }
  }
  if (isNews && (isParent || isDualNow(clock))) clock.isUnarranged = true;
  if (enterprise !== null) {
    const rogue = judgeRogue(clock, enterprise, key, nowNs);
    outputs.push(...rogue);
    // the parent's mode may be another, a rogue is not measured any more
    if (key === foreign.parent || rogue.length > 0) clock.isUnarranged = true;
  }
  return outputs;
}

/** An alternate master is measured beside the best one, and never decided for. */
function hearAlternate(
  clock: OrdinaryClock,
  content: AnnounceContent,
  isChange: boolean,
  nowNs: Tick,
): Output[] {
  const outputs: Output[] = [];
  if (isChange) clock.isUndecided = true;
  clock.isUnarranged = true;
  const { sourcePortIdentity } = content;
  if (hearTime(clock.slave, sourcePortIdentity, copyTime(content), nowNs) === 'changed') {
    const masterKey = portText(sourcePortIdentity);
    for (const one of clock.slave.paths.filter((path) => path.masterKey === masterKey)) {
      outputs.push(removePath(clock.slave, one.key));
    }
  }
  return outputs;
}

const isUp = (state: PortState): boolean =>
  state !== 'INITIALIZING' && state !== 'FAULTY' && state !== 'DISABLED';
export const isFollowing = (state: PortState): boolean =>
  state === 'UNCALIBRATED' || state === 'SLAVE';

/**
 * The state decision (§9.3.3) of all ports of a clock, at every announce interval and whenever a
 * master changes. Data sets first: a port tells them as soon as it is master.
 */
export function decide(ports: readonly OrdinaryClock[], nowNs: Tick): Output[] {
  const [first] = ports;
  if (first === undefined) return [];
  const { sets, own } = first;
  for (const port of ports) promoteAlternate(port, nowNs);
  const bests = ports.map((port) => bestOf(port, nowNs));
  const candidates = ports.map(({ portDS: { portState: state, portIdentity } }, n) => {
    const best = bests[n] ?? null;
    return { state, best: best && datasetOfAnnounce(best.announce, portIdentity) };
  });
  const { decisions } = decideStates(datasetOfClock(sets.defaultDS), candidates);
  const best = bests[decisions.indexOf('S1')] ?? null;
  if (best === null) becomeGrandmaster(sets, own);
  else {
    followMaster(sets, best.announce);
    remember(ports, best, nowNs);
  }
  return ports.flatMap((port, n) => settle(port, decisions[n] ?? null, bests[n] ?? null, nowNs));
}

/** The best foreign master of a port; of a boundary clock's, one that is no echo of itself. */
function bestOf({ foreign, portDS, sets, shared }: OrdinaryClock, nowNs: Tick) {
  if (sets.defaultDS.numberPorts === 1) return bestForeign(foreign, nowNs);
  const parent = isFollowing(portDS.portState) ? foreign.parent : null;
  return bestForeign(
    foreign,
    nowNs,
    ({ key, announce }) => key === parent || isFeasible(shared.followed, announce, nowNs),
  );
}

function remember(ports: readonly OrdinaryClock[], { announce }: ForeignMaster, nowNs: Tick): void {
  const [first] = ports;
  if (first === undefined || ports.length === 1) return;
  const timeoutNs = Math.max(...ports.map(({ foreign }) => receiptTimeoutNs(foreign)));
  const intervalNs = Math.max(...ports.map(({ foreign }) => foreign.announceIntervalNs));
  const { shared } = first;
  shared.followed = noteFollowed(shared.followed, announce, timeoutNs, intervalNs, nowNs);
}

/** What a decision means to one port; null: it stays as it is. */
function settle(
  clock: OrdinaryClock,
  decision: Decision | null,
  best: ForeignMaster | null,
  nowNs: Tick,
): Output[] {
  clock.isUndecided = false;
  if (decision === null) return [];
  const { foreign, portDS } = clock;
  const parentBefore = foreign.parent;
  const stateBefore = portDS.portState;
  const isSlave = decision === 'S1' && best !== null;
  const isNew = isSlave && (parentBefore !== best.key || !isFollowing(stateBefore));
  const isMaster = decision === 'M1' || decision === 'M2' || decision === 'M3';
  setParent(foreign, isMaster ? null : best);
  const outputs: Output[] = [];
  if (isNew) {
    const { grandmasterIdentity } = best.announce;
    outputs.push(chosen(clock, 'best-master', `selected best master clock ${grandmasterIdentity}`));
  }
  outputs.push(...fire(clock, eventOfDecision(decision, isNew), nowNs));
  if (isNew || portDS.portState !== stateBefore || foreign.parent !== parentBefore) {
    restartRogues(clock, nowNs);
    outputs.push(...arrange(clock, nowNs));
  }
  return outputs;
}

/** People are told once that nobody is followed and somebody is served. */
export function toldLeading(ports: readonly OrdinaryClock[]): Output[] {
  const leader = ports.find(({ portDS }) => portDS.portState === 'MASTER');
  const isLed = ports.some(({ portDS }) => isFollowing(portDS.portState));
  const isLeading = leader !== undefined && !isLed;
  const outputs: Output[] = [];
  for (const { shared } of ports.slice(0, 1)) {
    if (isLeading && !shared.isLeading) outputs.push(ownChosen(leader));
    shared.isLeading = isLeading;
  }
  return outputs;
}

function chosen(clock: OrdinaryClock, event: 'best-master' | 'grandmaster', text: string): Output {
  return { type: 'port', event, state: clock.portDS.portState, text };
}

const ownChosen = (clock: OrdinaryClock): Output =>
  chosen(
    clock,
    'grandmaster',
    `selected local clock ${clock.sets.defaultDS.clockIdentity} as best master`,
  );

/**
 * Power-up: the port listens from now on, and asks the masters of its table.
 * @param chance random, [0, 1)
 */
export function initialize(clock: OrdinaryClock, nowNs: Tick, chance: number): Output[] {
  clearForeign(clock.foreign);
  if (clock.enterprise !== null) clearForeign(clock.enterprise.alternates);
  drawExtension(clock, chance);
  clock.decideNs = tick(nowNs + clock.foreign.announceIntervalNs);
  return [...fire(clock, 'initialized', nowNs), ...arrange(clock, nowNs)];
}

/** Ports that lost the same master must not all take over at once (§9.2.6.11). */
function drawExtension({ foreign, extendsTimeout }: OrdinaryClock, chance: number): void {
  if (extendsTimeout) foreign.extensionNs = Math.round(chance * foreign.announceIntervalNs);
}

/** The sockets are broken: the port forgets everybody, and is silent until {@link mend}. */
export function breakDown(clock: OrdinaryClock, nowNs: Tick): Output[] {
  const outputs = fire(clock, 'fault-detected', nowNs);
  if (clock.portDS.portState !== 'FAULTY') return outputs;
  clearForeign(clock.foreign);
  if (clock.enterprise !== null) clearForeign(clock.enterprise.alternates);
  clock.places = {};
  clock.isUndecided = true;
  doubtGrants(clock, null, nowNs);
  return [...outputs, ...arrange(clock, nowNs)];
}

/** The port tries again. @param chance random, [0, 1) */
export function mend(clock: OrdinaryClock, nowNs: Tick, chance: number): Output[] {
  clock.trouble.untilNs = null;
  return [...fire(clock, 'fault-cleared', nowNs), ...initialize(clock, nowNs, chance)];
}

/** What the passing of time does to masters and port. @param chance random, [0, 1) */
export function passTime(clock: OrdinaryClock, nowNs: Tick, chance: number): Output[] {
  const { foreign, portDS } = clock;
  const outputs: Output[] = [];
  const parent = parentOf(foreign);
  if (expireForeign(foreign, nowNs) !== null && parent !== null) {
    drawExtension(clock, chance);
    outputs.push(...loseParent(clock, nowNs));
  }
  const { isReady } = clock.shared.served;
  const laterNs = tick(nowNs + foreign.announceIntervalNs);
  if (clock.listenUntilNs !== null && nowNs >= clock.listenUntilNs) {
    if (isReady) {
      drawExtension(clock, chance);
      outputs.push(...takeOver(clock, nowNs));
    } else clock.listenUntilNs = laterNs;
  }
  if (clock.qualifyNs !== null && nowNs >= clock.qualifyNs) {
    if (isReady) outputs.push(...fire(clock, 'qualification-timeout', nowNs));
    else clock.qualifyNs = laterNs;
  }
  if (nowNs >= clock.decideNs) {
    const spanNs = foreign.announceIntervalNs;
    const lateSpans = Math.floor((nowNs - clock.decideNs) / spanNs);
    clock.decideNs = tick(clock.decideNs + (lateSpans + 1) * spanNs);
    const isOther = [ageAlternates(clock, nowNs), agePlaces(clock, nowNs)].includes(true);
    clock.isUndecided = true;
    const isDoubted = clock.mode === 'dual-ended' && !isDualNow(clock);
    if ((isOther || isDoubted) && isFollowing(portDS.portState)) {
      clock.isUnarranged = true;
    }
    if (ageWidowed(clock, nowNs)) clock.isUnarranged = true;
    doubtSilence(clock, nowNs);
  }
  return outputs;
}

/** The announce receipt timeout: another master that qualifies, or our own time. */
function loseParent(clock: OrdinaryClock, nowNs: Tick): Output[] {
  doubtGrants(clock, null, nowNs);
  clock.isUndecided = true;
  if (bestOf(clock, nowNs) !== null) return [];
  beginWidowed(clock, nowNs);
  return takeOver(clock, nowNs);
}

function takeOver(clock: OrdinaryClock, nowNs: Tick): Output[] {
  clock.isUndecided = true;
  const outputs = fire(clock, 'announce-receipt-timeout', nowNs);
  if (clock.portDS.portState === 'LISTENING' && clock.listenUntilNs !== null) {
    // still not allowed to: listen on
    clock.listenUntilNs = tick(nowNs + Math.max(listenNs(clock), clock.foreign.announceIntervalNs));
  }
  return [...outputs, ...arrange(clock, nowNs)];
}

/** When {@link passTime} has something to do. */
export function decisionDue(clock: OrdinaryClock): Tick {
  const expiryNs = nextExpiry(clock.foreign) ?? Number.POSITIVE_INFINITY;
  const listenedNs = clock.listenUntilNs ?? Number.POSITIVE_INFINITY;
  const qualifyNs = clock.qualifyNs ?? Number.POSITIVE_INFINITY;
  return tick(Math.min(clock.decideNs, expiryNs, listenedNs, qualifyNs));
}

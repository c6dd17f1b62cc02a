/**
 * State decisions of an ordinary clock: Announces, their absence, and what follows for the port,
 * the data sets and the parts. IEEE 1588-2008 §9.2.5, §9.2.6, §9.3; texts as ptp4l logs them.
 */
import type { DropReason, Output } from '../machine.ts';
import { type Tick, tick } from '../units.ts';
import { datasetOfAnnounce, datasetOfClock, decideStates } from './bmca.ts';
import type { OrdinaryClock } from './clockconfig.ts';
import { contentOfAnnounce } from './content.ts';
import { becomeGrandmaster, copyTime, followMaster } from './dataset.ts';
import { intervalNs } from './destination.ts';
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
import type { Incoming } from './incoming.ts';
import type { Announce } from './message.ts';
import { keyOf } from './negotiation.ts';
import { eventOfDecision, nextPortState, type PortEvent, type PortState } from './portstate.ts';
import { parentOf, receiptTimeoutNs } from './qualified.ts';
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
  const after = nextPortState(clock.table, before, event);
  if (after === null || after === before) return [];
  portDS.portState = after;
  if (grantor !== null && after === 'MASTER') startServing(grantor);
  if (grantor !== null && before === 'MASTER') stopServing(grantor, nowNs);
  const isWaiting = after === 'LISTENING' && clock.role !== 'slave';
  clock.listenUntilNs = isWaiting ? tick(nowNs + listenNs(clock)) : null;
  return [said(clock, 'state', `${before} to ${after} on ${LOGGED[event] ?? event}`)];
}

/** Somebody who is to be nothing but master listens to nobody. */
const listenNs = (clock: OrdinaryClock): number =>
  clock.role === 'master' ? 0 : receiptTimeoutNs(clock.foreign);

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
  const content = contentOfAnnounce(message);
  const path = keyOf({ remoteIp: remote.ip, localIp: local.ip });
  const promise = requester && promiseOf(requester, path, 'Announce');
  const heard = hearAnnounce(
    foreign,
    content,
    nowNs,
    promise ? intervalNs(promise.logInterval) : foreign.announceIntervalNs,
  );
  if (heard.type === 'refused') return refused(DROPS[heard.reason]);
  const { key } = heard.master;
  const outputs: Output[] = [];
  if (clock.listenUntilNs !== null) clock.listenUntilNs = tick(nowNs + listenNs(clock));
  if (heard.isNew) outputs.push(said(clock, 'foreign-master', `new foreign master ${key}`));
  const isNews = notePlace(clock, key, remote.ip, nowNs);
  const isParent = key === foreign.parent && isFollowing(portDS.portState);
  if (heard.isChange) outputs.push(...decide(clock, nowNs));
  else if (isParent) {
    followMaster(clock.sets, content);
    if (hearTime(clock.slave, content.sourcePortIdentity, copyTime(content), nowNs) === 'changed') {
      // What was measured in the time that was does not compare.
      for (const one of [...clock.slave.paths]) outputs.push(removePath(clock.slave, one.key));
      outputs.push(...fire(clock, 'synchronization-fault', nowNs), ...arrange(clock, nowNs));
    }
  }
  if (isNews && (isParent || isDualNow(clock))) outputs.push(...arrange(clock, nowNs));
  return outputs;
}

const isUp = (state: PortState): boolean =>
  state !== 'INITIALIZING' && state !== 'FAULTY' && state !== 'DISABLED';
export const isFollowing = (state: PortState): boolean =>
  state === 'UNCALIBRATED' || state === 'SLAVE';

/** The state decision (§9.3.3), at every announce interval and whenever a master changes. */
export function decide(clock: OrdinaryClock, nowNs: Tick): Output[] {
  const { foreign, portDS, sets } = clock;
  const best = bestForeign(foreign, nowNs);
  const bestSet = best && datasetOfAnnounce(best.announce, portDS.portIdentity);
  const own = datasetOfClock(sets.defaultDS);
  const { decisions } = decideStates(own, [{ state: portDS.portState, best: bestSet }]);
  const [decision = null] = decisions;
  if (decision === null) return [];
  const parentBefore = foreign.parent;
  const stateBefore = portDS.portState;
  const outputs: Output[] = [];
  let isNew = false;
  if (decision === 'S1' && best !== null) {
    isNew = parentBefore !== best.key || !isFollowing(stateBefore);
    setParent(foreign, best);
    followMaster(sets, best.announce);
    if (isNew) {
      outputs.push(chosen(clock, 'best-master', `selected best master clock ${bestSet?.identity}`));
    }
  } else if (decision === 'P1' || decision === 'P2') {
    setParent(foreign, best);
  } else {
    setParent(foreign, null);
    becomeGrandmaster(sets, clock.own);
  }
  outputs.push(...fire(clock, eventOfDecision(decision, isNew), nowNs));
  if (portDS.portState === 'MASTER' && stateBefore !== 'MASTER') outputs.push(ownChosen(clock));
  if (isNew || portDS.portState !== stateBefore || foreign.parent !== parentBefore) {
    outputs.push(...arrange(clock, nowNs));
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
  clock.places = {};
  becomeGrandmaster(clock.sets, clock.own);
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
  if (clock.listenUntilNs !== null && nowNs >= clock.listenUntilNs) {
    drawExtension(clock, chance);
    outputs.push(...takeOver(clock, nowNs));
  }
  if (nowNs >= clock.decideNs) {
    const spanNs = foreign.announceIntervalNs;
    const lateSpans = Math.floor((nowNs - clock.decideNs) / spanNs);
    clock.decideNs = tick(clock.decideNs + (lateSpans + 1) * spanNs);
    const isOther = agePlaces(clock, nowNs);
    outputs.push(...decide(clock, nowNs));
    const isDoubted = clock.mode === 'dual-ended' && !isDualNow(clock);
    if ((isOther || isDoubted) && isFollowing(portDS.portState)) {
      outputs.push(...arrange(clock, nowNs));
    }
    doubtSilence(clock, nowNs);
  }
  return outputs;
}

/** The announce receipt timeout: another master that qualifies, or our own time. */
function loseParent(clock: OrdinaryClock, nowNs: Tick): Output[] {
  doubtGrants(clock, null, nowNs);
  const another = bestForeign(clock.foreign, nowNs) !== null;
  return another ? decide(clock, nowNs) : takeOver(clock, nowNs);
}

function takeOver(clock: OrdinaryClock, nowNs: Tick): Output[] {
  const outputs = fire(clock, 'announce-receipt-timeout', nowNs);
  becomeGrandmaster(clock.sets, clock.own);
  if (clock.portDS.portState === 'MASTER') outputs.push(ownChosen(clock));
  return [...outputs, ...arrange(clock, nowNs)];
}

/** When {@link passTime} has something to do. */
export function decisionDue(clock: OrdinaryClock): Tick {
  const expiryNs = nextExpiry(clock.foreign) ?? Number.POSITIVE_INFINITY;
  const listenNs = clock.listenUntilNs ?? Number.POSITIVE_INFINITY;
  return tick(Math.min(clock.decideNs, expiryNs, listenNs));
}

/**
 * One ordinary clock: a pure machine (machine.ts) that gives every message to the part it is for,
 * and time to each part when it wants it. RFC 8039 §5; IEEE 1588-2008 §9. decide.ts says what the
 * port is, ways.ts over which addresses it follows whom, serving.ts whom it tells the time. A
 * boundary clock is several of its ports (boundary.ts).
 */
import type { Address, Datagram, DropReason, Input, Output } from '../machine.ts';
import { isUnicast, type PathKey } from '../path.ts';
import { type Tick, tick } from '../units.ts';
import type { OrdinaryClock } from './clockstate.ts';
import { isOfMaster, numbered, ofMaster } from './contexts.ts';
import { becomeGrandmaster, type TimePropertiesDS } from './dataset.ts';
import {
  breakDown,
  decide,
  decisionDue,
  fire,
  initialize,
  isFollowing,
  mend,
  passTime,
  takeAnnounce,
  toldLeading,
} from './decide.ts';
import { hearOwnIdentity, tellProblem } from './enterprise.ts';
import { noteError, noteSuccess } from './fault.ts';
import { forgetPeer, grantorDue, stepGrantor } from './grantor.ts';
import type { Incoming } from './incoming.ts';
import { answerManagement } from './manage.ts';
import { nextMasterDue } from './master.ts';
import { type Message, readMessage } from './message.ts';
import { admit, park } from './probe.ts';
import { relayManagement } from './relay.ts';
import { requesterDue, stepRequester } from './requester.ts';
import { answerDelayReq, answerPdelayReq } from './respond.ts';
import { refreshServed, serve, servingDue } from './serving.ts';
import { hearSignaling } from './signaling.ts';
import { hear, pathTo, sent, nextDue as slaveDue, stepClock, unsent, wake } from './slave.ts';
import { pathOf } from './slavestate.ts';
import { masterSent, masterUnsent } from './transmit.ts';
import { MESSAGE_TYPES } from './types.ts';
import { arrange, doubtGrants, followParent } from './ways.ts';

export type { OrdinaryClockConfig } from './clockconfig.ts';
export { createOrdinaryClock, type OrdinaryClock } from './clockstate.ts';
export { isDualNow } from './ways.ts';

/** Processes one input. Strangers' bytes become drops. */
export function stepOrdinaryClock(clock: OrdinaryClock, input: Input): Output[] {
  return armed(clock, stepPort([clock], clock, input));
}

/**
 * Parks a path, whose Sync and Delay_Resp are cancelled then, or admits it again.
 * @param reason one sentence, no trailing full stop
 */
export function setParked(
  clock: OrdinaryClock,
  key: PathKey,
  isParked: boolean,
  reason: string,
  nowNs: Tick,
): Output[] {
  const outputs: Output[] = [...(isParked ? park : admit)(clock.slave, key, reason)];
  if (outputs.length > 0) clock.isUnarranged = true;
  return armed(clock, conclude([clock], clock, outputs, nowNs));
}

/** A trace of a path begins or has ended: the master of a parked one answers it in between. */
export function setTraced(
  clock: OrdinaryClock,
  key: PathKey,
  isTraced: boolean,
  nowNs: Tick,
): Output[] {
  const path = pathOf(clock.slave, key);
  if (path === undefined || path.isTraced === isTraced) return [];
  path.isTraced = isTraced;
  if (path.parked === null) return [];
  clock.isUnarranged = true;
  return armed(clock, conclude([clock], clock, [], nowNs));
}

/** The trouble of a socket that the host told of its own accord. */
export const hearSocketError = (
  clock: OrdinaryClock,
  local: Address,
  code: string,
  nowNs: Tick,
): Output[] => armed(clock, hearPortError([clock], clock, local, code, nowNs));

/** Nobody takes datagrams at an address (ICMP): nothing is sent there until it asks again (SEC-08). */
export function hearUnreachable(clock: OrdinaryClock, remoteIp: string, nowNs: Tick): Output[] {
  forgetAddress(clock, remoteIp);
  return armed(clock, conclude([clock], clock, [], nowNs));
}

const armed = (clock: OrdinaryClock, outputs: Output[]): Output[] =>
  armedFor(clock, nextDue(clock), outputs);

/** Asks for a timeout at `dueNs`, unless that is asked for already. */
export function armedFor(
  machine: { armedNs: Tick | null },
  dueNs: Tick,
  outputs: Output[],
): Output[] {
  if (dueNs !== machine.armedNs) {
    machine.armedNs = dueNs;
    outputs.push({ type: 'timer', atNs: dueNs });
  }
  return outputs;
}

/** Processes the input of one port, and what follows from it for all ports of its clock. */
export const stepPort = (
  ports: readonly OrdinaryClock[],
  port: OrdinaryClock,
  input: Input,
): Output[] => conclude(ports, port, take(ports, port, input), input.nowNs);

/** As {@link hearSocketError}, of one port. */
export const hearPortError = (
  ports: readonly OrdinaryClock[],
  port: OrdinaryClock,
  local: Address,
  code: string,
  nowNs: Tick,
): Output[] =>
  local.port === port.ports.event ? conclude(ports, port, suffer(port, code, nowNs), nowNs) : [];

/** Nothing is sent there until it asks again. */
export function forgetAddress({ grantor }: OrdinaryClock, remoteIp: string): void {
  if (grantor !== null) forgetPeer(grantor, remoteIp);
}

const suffer = (clock: OrdinaryClock, code: string, nowNs: Tick): Output[] =>
  noteError(clock.trouble, code, nowNs) ? breakDown(clock, nowNs) : [];

/** What follows from what one port did, for all ports of its clock. */
export function conclude(
  ports: readonly OrdinaryClock[],
  port: OrdinaryClock,
  outputs: Output[],
  nowNs: Tick,
): Output[] {
  if (port.isUndecided) outputs.push(...decide(ports, nowNs));
  if (port.isUnarranged) outputs.push(...arrange(port, nowNs));
  for (const each of ports) followContact(each, outputs, nowNs);
  outputs.push(...toldLeading(ports));
  if (ports.length > 1) refreshServed(ports);
  for (const each of ports) serve(each, outputs, nowNs);
  return outputs;
}

/** When the clock next wants a timeout. */
export function nextDue(clock: OrdinaryClock): Tick {
  if (clock.portDS.portState === 'INITIALIZING') return clock.decideNs;
  if (clock.trouble.untilNs !== null) return clock.trouble.untilNs;
  const { grantor, requester, slave, master } = clock;
  const times = [
    decisionDue(clock),
    grantor && grantorDue(grantor),
    requester && requesterDue(requester),
    slaveDue(slave),
    nextMasterDue(master),
    servingDue(clock),
  ];
  return tick(Math.min(...times.map((atNs) => atNs ?? Number.POSITIVE_INFINITY)));
}

/** Says what our own time is from now on: leap seconds come, lists expire. */
export const tellTime = (
  clock: OrdinaryClock,
  own: TimePropertiesDS,
  problem: string | null = null,
): void => tellPorts([clock], own, problem);

/** As {@link tellTime}, to all ports of a clock. */
export function tellPorts(
  ports: readonly OrdinaryClock[],
  own: TimePropertiesDS,
  problem: string | null = null,
): void {
  for (const port of ports) {
    port.own = { ...own };
    tellProblem(port, own, problem);
    const { alternateSets } = port.master;
    if (alternateSets !== null) becomeGrandmaster(alternateSets, own);
  }
  if (ports.some(({ portDS }) => isFollowing(portDS.portState))) return;
  const [first] = ports;
  if (first !== undefined) becomeGrandmaster(first.sets, own);
}

function take(ports: readonly OrdinaryClock[], clock: OrdinaryClock, input: Input): Output[] {
  const { nowNs } = input;
  switch (input.type) {
    case 'datagram':
      return takeDatagram(ports, clock, input.datagram, nowNs);
    case 'timeout':
      clock.armedNs = null;
      return takeTimeout(clock, nowNs, input.random);
    case 'sent':
      if (isOfMaster(input.context)) {
        const context = ofMaster(clock, input.context);
        return numbered(clock, masterSent(clock.master, context, input.sentAtNs));
      }
      return sent(clock.slave, input.context, input.sentAtNs, nowNs, input.stampKind);
    case 'unsent': {
      const { context, code } = input;
      // event messages alone have contexts
      if (!isOfMaster(context)) {
        return [...unsent(clock.slave, context, code), ...suffer(clock, code, nowNs)];
      }
      const isOfPeer = isToPeer(clock, ofMaster(clock, context));
      const told = masterUnsent(clock.master, ofMaster(clock, context), code);
      return isOfPeer ? told : [...told, ...suffer(clock, code, nowNs)];
    }
    case 'clock-step':
      stepClock(clock.slave);
      return [];
  }
}

/** Anybody can ask from an address that nothing can be sent to: that breaks no port (SEC-08). */
function isToPeer({ master }: OrdinaryClock, context: number): boolean {
  const pending = master.pending.get(context);
  if (pending === undefined) return true;
  return isUnicast(pending.type === 'Sync' ? pending.leg.remoteIp : pending.remoteIp);
}

const isNoDrop = ({ type }: Output): boolean => type !== 'drop';

function takeDatagram(
  ports: readonly OrdinaryClock[],
  clock: OrdinaryClock,
  datagram: Datagram,
  nowNs: Tick,
): Output[] {
  const message = readMessage(datagram.bytes);
  const refused = typeof message === 'string' ? message : refusal(clock, message, datagram);
  if (refused !== null || typeof message === 'string') {
    const outputs = refusedAs(refused ?? 'malformed', datagram);
    if (refused !== 'identity' || typeof message === 'string') return outputs;
    const { clockIdentity } = message.header.sourcePortIdentity;
    return [...hearOwnIdentity(clock, clockIdentity, datagram.remote.ip, nowNs), ...outputs];
  }
  noteSuccess(clock.trouble);
  const incoming: Incoming = { ...datagram, group: datagram.group ?? null };
  const ends = { localIp: datagram.local.ip, remoteIp: datagram.remote.ip };
  switch (message.type) {
    case 'Announce':
      return takeAnnounce(clock, message, incoming, nowNs);
    case 'Delay_Req':
      return answerDelayReq(clock.master, message, incoming, nowNs);
    case 'Pdelay_Req':
      return numbered(clock, answerPdelayReq(clock.master, message, incoming, nowNs));
    case 'Management': {
      const { portIdentity: ingress } = clock.portDS;
      if (!clock.management) return refusedAs('denied', datagram);
      const answers = answerManagement(clock.agent, message, { ...incoming, ingress }, nowNs);
      const copies = relayManagement(ports, clock, message, datagram, nowNs);
      return copies.length === 0 ? answers : [...answers.filter(isNoDrop), ...copies];
    }
    case 'Signaling': {
      const outputs = hearSignaling(clock, message, ends, nowNs);
      outputs.push(...followParent(clock, nowNs)); // grants change intervals
      return outputs;
    }
    default: {
      const outputs = hear(
        clock.slave,
        { message, datagram, ...pathOfPlain(clock, message) },
        nowNs,
      );
      if (message.type === 'Sync' && !outputs.some(isRefusal)) tellSync(clock, datagram);
      return outputs;
    }
  }
}

const refusedAs = (reason: DropReason, { remote }: Datagram): Output[] => [
  { type: 'drop', reason, from: remote },
];

/** Why a message is none for this clock, whatever its type. */
function refusal(clock: OrdinaryClock, message: Message, datagram: Datagram): DropReason | null {
  const { header, type } = message;
  const { local, remote, group } = datagram;
  const { ports, mode, primaryIp } = clock;
  if (clock.portDS.portState === 'FAULTY') return 'port-state';
  if (header.domainNumber !== clock.sets.defaultDS.domainNumber) return 'domain';
  if (header.majorSdoId !== 0) return 'sdo';
  if (!isUnicast(remote.ip)) return 'denied';
  const { clockIdentity } = header.sourcePortIdentity;
  if (clock.foreign.ownIdentities.includes(clockIdentity)) return 'identity';
  const { event } = MESSAGE_TYPES[type];
  if (local.port !== (event ? ports.event : ports.general)) return 'unknown-port';
  if (group === undefined || type === 'Announce') return null;
  // A group is heard once an interface, by each address: one of them speaks for us.
  if (type === 'Signaling' || local.ip !== primaryIp) return 'target';
  const isAsked = type === 'Management' || type === 'Delay_Req' || type === 'Pdelay_Req';
  return isAsked || mode === 'plain' ? null : 'unasked';
}

/**
 * In multicast a clock is known by its identity: bridges put in addresses of their own (EP-026,
 * EP-099), and what goes to ff02::6b comes from a link-local one.
 */
function pathOfPlain({ mode, slave }: OrdinaryClock, { header }: Message): { path?: PathKey } {
  if (mode !== 'plain') return {};
  const path = pathTo(slave, header.sourcePortIdentity);
  return path === undefined ? {} : { path };
}

/** True of a drop that is about the message at hand, not about the halves of others. */
const isRefusal = (output: Output): boolean =>
  output.type === 'drop' && output.reason !== 'unpaired';

/** For TIME_STATUS_NP: the last Sync that was of use. */
function tellSync(clock: OrdinaryClock, { receivedAtNs }: Datagram): void {
  const { agent, master } = clock;
  agent.lastSyncNs = BigInt(master.epochS) * 1_000_000_000n + BigInt(Math.round(receivedAtNs));
}

function takeTimeout(clock: OrdinaryClock, nowNs: Tick, random: Uint8Array): Output[] {
  const { grantor, requester, slave, portDS } = clock;
  const chance = ((random[0] ?? 0) * 256 + (random[1] ?? 0)) / 65536;
  if (portDS.portState === 'INITIALIZING') return initialize(clock, nowNs, chance);
  const { untilNs } = clock.trouble;
  if (untilNs !== null) return nowNs < untilNs ? [] : mend(clock, nowNs, chance);
  const outputs = decisionDue(clock) <= nowNs ? passTime(clock, nowNs, chance) : [];
  const isDue = (atNs: Tick | null): boolean => atNs !== null && atNs <= nowNs;
  if (grantor !== null && isDue(grantorDue(grantor))) outputs.push(...stepGrantor(grantor, nowNs));
  let left = random.subarray(2);
  if (requester !== null && isDue(requesterDue(requester))) {
    const half = isDue(slaveDue(slave)) ? left.length >> 1 : left.length;
    outputs.push(...stepRequester(requester, nowNs, left.subarray(0, half)));
    left = left.subarray(half);
    outputs.push(...followParent(clock, nowNs)); // grants may have run out
  }
  if (isDue(slaveDue(slave))) outputs.push(...wake(slave, nowNs, left));
  return outputs;
}

/** Paths that come up make a slave of an uncalibrated port; the last one gone unmakes it. */
function followContact(clock: OrdinaryClock, outputs: Output[], nowNs: Tick): void {
  const { portDS, slave } = clock;
  let hasNews = false;
  for (const output of [...outputs]) {
    if (output.type !== 'path') continue;
    if (output.event === 'unreachable') doubtGrants(clock, output.path, nowNs);
    if (output.event === 'reachable' || output.event === 'unreachable') hasNews = true;
  }
  const { portState } = portDS;
  // An alternate that becomes the best is measured already, there is no news of it.
  if (portState !== 'UNCALIBRATED' && !(hasNews && isFollowing(portState))) return;
  const { parent } = clock.foreign;
  const isLocked = slave.paths.some(
    ({ contact, masterKey }) => contact === 'reachable' && masterKey === parent,
  );
  const event = isLocked ? 'master-clock-selected' : 'synchronization-fault';
  outputs.push(...fire(clock, event, nowNs));
}

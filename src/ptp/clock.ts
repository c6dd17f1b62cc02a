/**
 * One ordinary clock: a pure machine (machine.ts) that gives every message to the part it is for,
 * and time to each part when it wants it. RFC 8039 §5; IEEE 1588-2008 §9. decide.ts says what the
 * port is, ways.ts over which addresses it follows whom. A boundary clock is several of its ports
 * (boundary.ts).
 */
import type { Datagram, DropReason, Input, Output } from '../machine.ts';
import { isUnicast } from '../path.ts';
import { type Tick, tick } from '../units.ts';
import type { OrdinaryClock } from './clockconfig.ts';
import { becomeGrandmaster, type TimePropertiesDS } from './dataset.ts';
import {
  decide,
  decisionDue,
  fire,
  initialize,
  isFollowing,
  passTime,
  takeAnnounce,
  toldLeading,
} from './decide.ts';
import { type Destination, multicastDestinations } from './destination.ts';
import { hearOwnIdentity, tellProblem } from './enterprise.ts';
import { activeGrants, grantorDue, grantsVersion, stepGrantor } from './grantor.ts';
import type { Incoming } from './incoming.ts';
import { answerManagement } from './manage.ts';
import { isServing, nextMasterDue, setDestinations } from './master.ts';
import { type Message, readMessage } from './message.ts';
import { relayManagement } from './relay.ts';
import { requesterDue, stepRequester } from './requester.ts';
import { answerDelayReq, answerPdelayReq } from './respond.ts';
import { hearSignaling } from './signaling.ts';
import { hear, pathTo, sent, nextDue as slaveDue, stepClock, unsent, wake } from './slave.ts';
import { masterSent, masterUnsent, sendDue } from './transmit.ts';
import { MESSAGE_TYPES } from './types.ts';
import { arrange, doubtGrants, followParent } from './ways.ts';

export {
  createOrdinaryClock,
  type OrdinaryClock,
  type OrdinaryClockConfig,
} from './clockconfig.ts';
export { isDualNow } from './ways.ts';

/** Processes one input. Strangers' bytes become drops. */
export function stepOrdinaryClock(clock: OrdinaryClock, input: Input): Output[] {
  const outputs = stepPort([clock], clock, input);
  const dueNs = nextDue(clock);
  if (dueNs !== clock.armedNs) {
    clock.armedNs = dueNs;
    outputs.push({ type: 'timer', atNs: dueNs });
  }
  return outputs;
}

/** Processes the input of one port, and what follows from it for all ports of its clock. */
export function stepPort(
  ports: readonly OrdinaryClock[],
  port: OrdinaryClock,
  input: Input,
): Output[] {
  const { nowNs } = input;
  const outputs = take(ports, port, input);
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
  const { grantor, requester, slave, master } = clock;
  const times = [
    decisionDue(clock),
    grantor && grantorDue(grantor),
    requester && requesterDue(requester),
    slaveDue(slave),
    nextMasterDue(master),
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

/** Which port of a clock a transmit output was of. */
export const portOfContext = (context: number, numberPorts: number): number =>
  Math.floor((context % (2 * numberPorts)) / 2);

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
      return sent(clock.slave, input.context, input.sentAtNs, nowNs);
    case 'unsent':
      if (isOfMaster(input.context)) {
        return masterUnsent(clock.master, ofMaster(clock, input.context), input.code);
      }
      return unsent(clock.slave, input.context, input.code);
    case 'clock-step':
      stepClock(clock.slave);
      return [];
  }
}

/** Contexts: of port i of n the slave's are 2 n k + 2 i, and the master's 2 n k + 2 i + 1. */
const isOfMaster = (context: number): boolean => context % 2 === 1;
const ofMaster = ({ sets }: OrdinaryClock, context: number): number =>
  Math.floor(context / (2 * sets.defaultDS.numberPorts));

function numbered({ sets, portDS }: OrdinaryClock, outputs: Output[]): Output[] {
  const first = 2 * (portDS.portIdentity.portNumber - 1) + 1;
  const step = 2 * sets.defaultDS.numberPorts;
  return outputs.map((output) =>
    output.type === 'transmit' && output.context !== undefined
      ? { ...output, context: step * output.context + first }
      : output,
  );
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
    default:
      if (message.type === 'Sync') tellSync(clock, datagram);
      return hear(clock.slave, { message, datagram, ...pathOfMaster(clock, message) }, nowNs);
  }
}

const refusedAs = (reason: DropReason, { remote }: Datagram): Output[] => [
  { type: 'drop', reason, from: remote },
];

/** Transparent clocks may put their own address in the place of the master's (EP-026, EP-099). */
function pathOfMaster({ enterprise, slave }: OrdinaryClock, { header }: Message) {
  const path = enterprise === null ? undefined : pathTo(slave, header.sourcePortIdentity);
  return path === undefined ? {} : { path };
}

/** Why a message is none for this clock, whatever its type. */
function refusal(clock: OrdinaryClock, message: Message, datagram: Datagram): DropReason | null {
  const { header, type } = message;
  const { local, remote, group } = datagram;
  const { ports, mode, primaryIp } = clock;
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

/** For TIME_STATUS_NP. */
function tellSync(clock: OrdinaryClock, { receivedAtNs }: Datagram): void {
  const { agent, master } = clock;
  agent.lastSyncNs = BigInt(master.epochS) * 1_000_000_000n + BigInt(Math.round(receivedAtNs));
}

function takeTimeout(clock: OrdinaryClock, nowNs: Tick, random: Uint8Array): Output[] {
  const { grantor, requester, slave, portDS } = clock;
  if (portDS.portState === 'INITIALIZING') return initialize(clock, nowNs);
  const outputs = decisionDue(clock) <= nowNs ? passTime(clock, nowNs) : [];
  const isDue = (atNs: Tick | null): boolean => atNs !== null && atNs <= nowNs;
  if (grantor !== null && isDue(grantorDue(grantor))) outputs.push(...stepGrantor(grantor, nowNs));
  let left = random;
  if (requester !== null && isDue(requesterDue(requester))) {
    const half = isDue(slaveDue(slave)) ? random.length >> 1 : random.length;
    outputs.push(...stepRequester(requester, nowNs, random.subarray(0, half)));
    left = random.subarray(half);
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

/** A boundary clock tells nobody the time as long as it does not know that of its master. */
function refreshServed(ports: readonly OrdinaryClock[]): void {
  const [first] = ports;
  if (first === undefined) return;
  const { served } = first.shared;
  const follower = ports.find(({ portDS }) => isFollowing(portDS.portState));
  served.plan = follower?.slave.times[follower.foreign.parent ?? '']?.plan ?? null;
  const isKnown = served.plan !== null && served.estimate !== null;
  served.isReady = follower === undefined || isKnown;
}

/** Destinations as granted and configured, and whatever is due to be sent. */
function serve(clock: OrdinaryClock, outputs: Output[], nowNs: Tick): void {
  const { grantor, master, portDS } = clock;
  const isMaster = grantor === null ? isServing(master) : portDS.portState === 'MASTER';
  const served = `${isMaster}|${grantor === null ? 0 : grantsVersion(grantor)}`;
  if (served !== clock.served) {
    clock.served = served;
    setDestinations(master, isMaster ? destinations(clock, nowNs) : [], nowNs);
  }
  const dueNs = nextMasterDue(master);
  if (dueNs !== null && dueNs <= nowNs) outputs.push(...numbered(clock, sendDue(master, nowNs)));
}

function destinations(clock: OrdinaryClock, nowNs: Tick): Destination[] {
  const { grantor, mode, portDS, masters } = clock;
  const granted = grantor === null ? [] : activeGrants(grantor, nowNs);
  if (masters !== null) return [...granted];
  const { logAnnounceInterval, logSyncInterval } = portDS;
  const announced = multicastDestinations({
    localIps: mode === 'dual-ended' ? clock.addresses : [clock.primaryIp],
    logAnnounceInterval,
    logSyncInterval: null,
    scope: clock.scope,
  });
  const synced = !clock.multicastSync
    ? []
    : multicastDestinations({
        localIps: [clock.primaryIp],
        logAnnounceInterval,
        logSyncInterval,
        scope: clock.scope,
      }).filter(({ messageType }) => messageType === 'Sync');
  return [...granted, ...announced, ...synced];
}

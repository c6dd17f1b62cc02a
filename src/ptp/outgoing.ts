/** What all messages of a master port have in common: header, ports, padding. */
import type { Output } from '../machine.ts';
import { isIpv6, isUnicast } from '../path.ts';
import type { Ports } from './groups.ts';
import { createHeader, type Header, NO_INTERVAL } from './header.ts';
import { isAlternateNow, type Master, spokenSets } from './master.ts';
import { IPV6_PADDING, type Message, writeMessage } from './message.ts';
import { MESSAGE_TYPES, type MessageType } from './types.ts';

/** Own address and unicast address or group. */
export interface Route {
  readonly localIp: string;
  readonly remoteIp: string;
}

/** UDP ports of both ends. */
export interface PortPair {
  readonly ports: Ports;
  readonly remotePorts: Ports;
}

/** What the messages differ in. */
export interface Saying {
  readonly sequenceId: number;
  /** Default: none, 0x7f. */
  readonly logMessageInterval?: number;
  readonly correctionField?: bigint;
  readonly twoStep?: boolean;
}

/** Only these tell whether an alternate master sent them (§13.3.2.6). */
const FLAGGED = new Set<string>(['Announce', 'Sync', 'Follow_Up', 'Delay_Resp']);

/** The unicast flag is what stock clocks go by, not the address. */
export function headerOf(
  master: Master,
  type: MessageType,
  { remoteIp }: Route,
  { sequenceId, logMessageInterval = NO_INTERVAL, correctionField = 0n, twoStep = false }: Saying,
): Header {
  const { timePropertiesDS, defaultDS } = spokenSets(master);
  return createHeader(type, {
    sourcePortIdentity: master.portDS.portIdentity,
    domainNumber: defaultDS.domainNumber,
    sequenceId,
    logMessageInterval,
    correctionField,
    flags: {
      ...(type === 'Announce' && timePropertiesDS),
      alternateMaster: FLAGGED.has(type) && isAlternateNow(master),
      twoStep,
      unicast: isUnicast(remoteIp),
    },
  });
}

/** logMessageInterval of Sync, Follow_Up and Delay_Resp: the interval goes without saying (§13.3.2.11). */
export const toldInterval = ({ remoteIp }: Route, logInterval: number): number =>
  isUnicast(remoteIp) ? NO_INTERVAL : logInterval;

export type Transmit = Extract<Output, { type: 'transmit' }>;

/** From our port to theirs, event or general as the message is, with what IPv6 needs after it. */
export function packet(ports: PortPair, message: Message, { localIp, remoteIp }: Route): Transmit {
  const { event } = MESSAGE_TYPES[message.type];
  const { ports: own, remotePorts: theirs } = ports;
  return {
    type: 'transmit',
    bytes: writeMessage(message, isIpv6(remoteIp) ? IPV6_PADDING : 0),
    from: { ip: localIp, port: event ? own.event : own.general },
    to: { ip: remoteIp, port: event ? theirs.event : theirs.general },
  };
}

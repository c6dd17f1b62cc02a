/**
 * What both sides of unicast negotiation share: which messages can be asked for, and the Signaling
 * messages that carry it. IEEE 1588-2008 §16.1; RFC 8039 §5.2.1, §5.3.1. The side that serves is
 * grantor.ts, the side that asks requester.ts, signaling.ts the door to both.
 */
import type { DropReason, Output } from '../machine.ts';
import { isIpv6, type PathKey, pathKey } from '../path.ts';
import { createHeader } from './header.ts';
import { ALL_CLOCKS, isReserved, type PortIdentity } from './identity.ts';
import { IPV6_PADDING, type Signaling, writeMessage } from './message.ts';
import type { Tlv } from './tlv.ts';
import { MESSAGE_TYPES, messageTypeOf } from './types.ts';

/** Follow_Up comes with Sync, Pdelay_Resp_Follow_Up with Pdelay_Resp. */
export const NEGOTIABLE = ['Announce', 'Sync', 'Delay_Resp', 'Pdelay_Resp'] as const;
export type Negotiable = (typeof NEGOTIABLE)[number];

/** The type that a negotiation TLV's code means; null if nobody can ask for it. */
export const negotiableOf = (code: number): Negotiable | null =>
  NEGOTIABLE.find((type) => type === messageTypeOf(code)) ?? null;

export const codeOf = (type: Negotiable): number => MESSAGE_TYPES[type].code;

/** TLVs of one kind that are looked at in one message: there are four types to ask for. */
export const MOST_TLVS = 8;

/** The two addresses of a path. */
export interface Ends {
  readonly localIp: string;
  readonly remoteIp: string;
}

export const keyOf = ({ remoteIp, localIp }: Ends): PathKey => pathKey(remoteIp, localIp);

/** How a port speaks. Part of the state of both sides. */
export interface Voice {
  readonly domainNumber: number;
  /** UDP port of general messages, here and there: 320 but in tests. */
  readonly generalPort: number;
  /** Of the next Signaling message. (u16) */
  sequenceId: number;
}

export const createVoice = (domainNumber = 0, generalPort = 320): Voice => ({
  domainNumber,
  generalPort,
  sequenceId: 0,
});

/** One Signaling message from `port` to `target`, unicast. */
export function signal(
  voice: Voice,
  { localIp, remoteIp }: Ends,
  port: PortIdentity,
  target: PortIdentity,
  tlvs: readonly Tlv[],
): Output {
  const { domainNumber, generalPort, sequenceId } = voice;
  voice.sequenceId = (sequenceId + 1) & 0xffff;
  const header = createHeader('Signaling', {
    domainNumber,
    sourcePortIdentity: port,
    sequenceId,
    flags: { unicast: true },
  });
  const message: Signaling = { type: 'Signaling', header, targetPortIdentity: target, tlvs };
  return {
    type: 'transmit',
    bytes: writeMessage(message, isIpv6(remoteIp) ? IPV6_PADDING : 0),
    from: { ip: localIp, port: generalPort },
    to: { ip: remoteIp, port: generalPort },
  };
}

/** Why a Signaling message is none for `port`, or null: it is. */
export function notForUs(voice: Voice, port: PortIdentity, message: Signaling): DropReason | null {
  const { domainNumber, majorSdoId, sourcePortIdentity } = message.header;
  if (domainNumber !== voice.domainNumber) return 'domain';
  if (majorSdoId !== 0) return 'sdo';
  const { clockIdentity } = sourcePortIdentity;
  if (isReserved(clockIdentity) || clockIdentity === port.clockIdentity) return 'identity';
  return isTarget(message.targetPortIdentity, port) ? null : 'target';
}

/** True if a targetPortIdentity, wildcards and all, means this port (§13.12.1). */
const isTarget = (target: PortIdentity, port: PortIdentity): boolean =>
  (target.clockIdentity === ALL_CLOCKS || target.clockIdentity === port.clockIdentity) &&
  (target.portNumber === 0xffff || target.portNumber === port.portNumber);

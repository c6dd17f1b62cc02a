/** Rules that one message breaks by itself: fields, flags, addresses. IEEE 1588-2008 §13, annex D. */
import { isIpv6 } from '../path.ts';
import { peerGroup } from '../ptp/groups.ts';
import { NO_INTERVAL } from '../ptp/header.ts';
import { isReserved } from '../ptp/identity.ts';
import type { Message, WireFault } from '../ptp/message.ts';
import { IPV6_PADDING } from '../ptp/message.ts';
import { readU8, readU16 } from '../ptp/octets.ts';
import { MESSAGE_TYPES } from '../ptp/types.ts';
import type { Heard, Tell } from './finding.ts';
import type { Revision, RuleId } from './rules.ts';

/** The rule that bytes break which are no message, and what they did. */
export const FAULTS: Readonly<Record<WireFault, { readonly rule: RuleId; readonly text: string }>> =
  {
    short: { rule: '1588-length', text: 'the datagram is shorter than a header' },
    version: { rule: '1588-version', text: 'the version is not 2' },
    'message-type': { rule: '1588-message-type', text: 'the message type is reserved' },
    length: { rule: '1588-length', text: 'messageLength is too short, or more than there is' },
    timestamp: { rule: '1588-timestamp', text: 'the nanoseconds are a second or more' },
    action: { rule: '1588-action', text: 'there is no such action' },
    tlv: {
      rule: '1588-tlv',
      text: 'a TLV has an odd length, overruns the message or is too short',
    },
  };

export const isPdelay = ({ type }: Message): boolean => type.startsWith('Pdelay');
export const isPrimaryGroup = (ip: string): boolean =>
  isIpv6(ip) ? /^ff0[0-9a-f]::181$/.test(ip) : ip === '224.0.1.129';

export function checkWire(heard: Heard, ports: Ports, revision: Revision | null, tell: Tell): void {
  checkFields(heard, tell);
  checkFlags(heard, tell);
  checkInterval(heard, revision, tell);
  checkAddresses(heard, ports, tell);
}

interface Ports {
  readonly event: number;
  readonly general: number;
}

function checkFields(heard: Heard, tell: Tell): void {
  const { message, bytes, dst } = heard;
  const { header, type } = message;
  const put = (rule: RuleId, text: string) => tell(rule, heard, text);
  const extra = bytes.length - readU16(bytes, 2);
  if (extra > 0 && !(isIpv6(dst) && extra === IPV6_PADDING)) {
    put('1588-trailing', `${extra} octets follow the message`);
  }
  if (header.majorSdoId !== 0) put('1588-sdo', `transportSpecific is ${header.majorSdoId}`);
  if (header.minorVersionPTP === 0) {
    if (header.minorSdoId !== 0) put('1588-reserved', `octet 5 is ${header.minorSdoId}`);
    if (header.messageTypeSpecific !== 0) {
      put('1588-reserved', `octets 16 to 19 are ${header.messageTypeSpecific}`);
    }
    const { controlField } = MESSAGE_TYPES[type];
    if (header.controlField !== controlField) {
      put('1588-control', `controlField is ${header.controlField}, not ${controlField}`);
    }
  }
  if (header.domainNumber > 127) put('1588-domain', `domainNumber is ${header.domainNumber}`);
  const { clockIdentity, portNumber } = header.sourcePortIdentity;
  if (isReserved(clockIdentity)) put('1588-identity', `clockIdentity is ${clockIdentity}`);
  else if ((portNumber === 0 || portNumber === 0xffff) && type !== 'Management') {
    put('1588-identity', `the port number is ${portNumber}`);
  }
  const uncorrected = type === 'Announce' || type === 'Signaling' || type === 'Management';
  if (uncorrected && header.correctionField !== 0n) {
    put('1588-correction', `correctionField is ${header.correctionField}`);
  }
  if (message.type !== 'Announce') return;
  const { stepsRemoved, grandmasterIdentity } = message;
  const isOwn = grandmasterIdentity === clockIdentity;
  if (stepsRemoved >= 255) put('1588-steps', `stepsRemoved is ${stepsRemoved}`);
  else if (isOwn !== (stepsRemoved === 0)) {
    const other = isOwn ? 'its own' : 'another one';
    put('1588-steps', `stepsRemoved is ${stepsRemoved}, the grandmaster is ${other}`);
  }
  if (header.flags.leap59 && header.flags.leap61) put('1588-leap', 'leap59 and leap61 are set');
}

/** Bits of octet 6 that each type may have, besides unicastFlag and the profile's. */
const ALTERNATE = 0x01;
const TWO_STEP = 0x02;
const RESERVED_FIRST = 0x18;

function checkFlags(heard: Heard, tell: Tell): void {
  const { message, bytes, isGroup } = heard;
  const { header, type } = message;
  const [first, second] = [readU8(bytes, 6), readU8(bytes, 7)];
  const mayAlternate =
    type === 'Announce' || type === 'Sync' || type === 'Follow_Up' || type === 'Delay_Resp';
  if ((first & ALTERNATE) !== 0 && !mayAlternate) {
    tell('1588-flags', heard, 'alternateMasterFlag is set');
  }
  if ((first & TWO_STEP) !== 0 && type !== 'Sync' && type !== 'Pdelay_Resp') {
    tell('1588-flags', heard, 'twoStepFlag is set');
  }
  const reserved = header.minorVersionPTP === 0 ? 0xc0 : 0x80;
  if ((second & ~reserved & 0xff) !== 0 && type !== 'Announce') {
    tell('1588-flags', heard, 'flags of the timescale are set');
  }
  if ((first & RESERVED_FIRST) !== 0 || (second & reserved) !== 0) {
    tell('1588-reserved', heard, 'a reserved flag is set');
  }
  if (header.flags.unicast === isGroup) {
    const way = isGroup ? 'multicast' : 'unicast';
    const state = isGroup ? 'set' : 'not set';
    tell('1588-unicast-flag', heard, `unicastFlag is ${state}, it was sent by ${way}`);
  }
}

/** IEEE 1588-2008 table 24. A unicast Delay_Resp may tell a rate in RFC 9760. */
function checkInterval(heard: Heard, revision: Revision | null, tell: Tell): void {
  const { message, isGroup } = heard;
  const { logMessageInterval: log } = message.header;
  const { type } = message;
  const isTold =
    type === 'Announce' ||
    (isGroup && (type === 'Sync' || type === 'Follow_Up' || type === 'Delay_Resp'));
  if (isTold) {
    if (log < -30 || log > 30) tell('1588-log-interval', heard, `logMessageInterval is ${log}`);
  } else if (log !== NO_INTERVAL && !(revision === 'rfc9760' && type === 'Delay_Resp')) {
    tell('1588-log-interval', heard, `logMessageInterval is ${log}, not 127`);
  }
}

function checkAddresses(heard: Heard, ports: Ports, tell: Tell): void {
  const { message, isGroup, dst, dstPort, hops } = heard;
  const port = MESSAGE_TYPES[message.type].event ? ports.event : ports.general;
  if (dstPort !== port) tell('1588-port', heard, `it was sent to port ${dstPort}, not ${port}`);
  if (!isGroup) return;
  const pdelay = isPdelay(message);
  if (pdelay ? dst !== peerGroup(dst) : !isPrimaryGroup(dst)) {
    tell(isIpv6(dst) ? 'EP-038' : 'EP-037', heard, `it was sent to ${dst}`);
    tell('1588-group', heard, `it was sent to ${dst}`);
  }
  if (pdelay && !isIpv6(dst) && hops !== null && hops > 1) {
    tell('1588-hops', heard, `its TTL is ${hops}`);
  }
}

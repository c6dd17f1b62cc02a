/** Rules of the Enterprise Profile that one message breaks, or one and the masters known by now. */

import { NO_INTERVAL } from '../ptp/header.ts';
import { ALL_CLOCKS } from '../ptp/identity.ts';
import type { DelayReq, DelayResp, Management, Message, Signaling } from '../ptp/message.ts';
import type { Heard, Tell } from './finding.ts';
import { liveMasters, livePlaces, type Master, type Masters } from './masters.ts';
import { checkProfileTlv, MULTICAST_MODE, UNICAST_MODE } from './profiletlv.ts';
import type { Revision } from './rules.ts';
import { isPdelay } from './wire.ts';

export interface Context {
  readonly masters: Masters;
  readonly revision: Revision;
  readonly tell: Tell;
}

/** Before that an Announce may not have come yet. (s) */
const START_S = 4;
const GROUP_RULES = { Sync: 'EP-034', Follow_Up: 'EP-035', Announce: 'EP-036' } as const;
/** Management of what the profile forbids: GRANDMASTER_CLUSTER_TABLE and so on (1588 table 40). */
const FORBIDDEN_SETS = new Map<number, 'EP-121' | 'EP-122' | 'EP-123' | 'EP-124'>([
  [0x2014, 'EP-121'],
  [0x2017, 'EP-123'],
  [0x2018, 'EP-122'],
  [0x201e, 'EP-124'],
  [0x201f, 'EP-124'],
  [0x2020, 'EP-124'],
  [0x2021, 'EP-124'],
]);

export function checkEnterprise(heard: Heard, context: Context): void {
  const { message, isGroup, dst } = heard;
  const { tell } = context;
  const { type, header } = message;
  if (type === 'Sync' || type === 'Follow_Up' || type === 'Announce') {
    if (!isGroup) tell(GROUP_RULES[type], heard, `it was sent to ${dst}`);
    if (header.flags.alternateMaster) {
      tell('EP-alternate', heard, 'alternateMasterFlag is set');
    }
  }
  if (isPdelay(message)) tell('EP-120', heard, `a ${type} was sent`);
  checkRates(heard, tell);
  switch (message.type) {
    case 'Announce':
      if (!header.flags.currentUtcOffsetValid) {
        tell('EP-064', heard, 'currentUtcOffsetValid is not set');
      }
      checkProfileTlv(heard, header.sourcePortIdentity.portNumber, tell);
      break;
    case 'Delay_Req':
      checkRequest({ ...heard, message }, context);
      break;
    case 'Delay_Resp':
      checkResponse({ ...heard, message }, context);
      break;
    case 'Signaling':
      checkSignaling({ ...heard, message }, tell);
      break;
    case 'Management':
      checkManagement({ ...heard, message }, tell);
      break;
  }
}

function checkRates(heard: Heard, tell: Tell): void {
  const { type, header } = heard.message;
  const { logMessageInterval: log } = header;
  if (log === NO_INTERVAL) return;
  if (type === 'Announce' && log !== 0) {
    tell('EP-053', heard, `logMessageInterval is ${log}: an Announce every ${2 ** log} s`);
  }
  if ((type === 'Sync' || type === 'Delay_Resp') && (log < -7 || log > 7)) {
    tell('EP-052', heard, `logMessageInterval is ${log}`);
  }
}

function checkRequest(heard: Heard<DelayReq>, { masters, revision, tell }: Context): void {
  const { message, isGroup, dst, src, atS } = heard;
  const live = [...liveMasters(masters, message.header.domainNumber, atS)].filter(
    (master) => master.isIpv6 === src.includes(':'),
  );
  if (live.length === 0) return;
  const isDraft = revision === 'draft-01';
  if (isGroup) {
    const isUnicast = live.every(({ mode, isAlternate }) => isAlternate || mode === UNICAST_MODE);
    if (isDraft && isUnicast) tell('EP-040', heard, 'it went to a group, the mode is unicast');
    return;
  }
  const asked = live.filter((master) => livePlaces(master, atS).includes(dst));
  if (asked.length === 0) {
    const from = live.flatMap((master) => livePlaces(master, atS));
    const text = `it was sent to ${dst}, Announces come from ${[...new Set(from)].join(', ')}`;
    if (atS > START_S) tell('EP-098', heard, text);
  } else if (isDraft && asked.every(({ mode }) => mode === MULTICAST_MODE)) {
    tell('EP-042', heard, `it was sent to ${dst}, the mode is multicast`);
  }
}

function checkResponse(heard: Heard<DelayResp>, { masters, revision, tell }: Context): void {
  if (revision !== 'draft-01') return;
  const { message, isGroup, sender, atS, dst } = heard;
  const isSender = (master: Master) => master.sender === sender;
  const own = [...liveMasters(masters, message.header.domainNumber, atS)].find(isSender);
  if (own?.mode === UNICAST_MODE && isGroup) {
    tell('EP-040', heard, 'it went to a group, the mode is unicast');
  }
  if (own?.mode === MULTICAST_MODE && !isGroup) {
    tell('EP-042', heard, `it was sent to ${dst}, the mode is multicast`);
  }
}

const NEGOTIATION: readonly Message['tlvs'][number]['type'][] = [
  'REQUEST_UNICAST_TRANSMISSION',
  'GRANT_UNICAST_TRANSMISSION',
  'CANCEL_UNICAST_TRANSMISSION',
  'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION',
];

function checkSignaling(heard: Heard<Signaling>, tell: Tell): void {
  const { message, isGroup, dst } = heard;
  const tlv = message.tlvs.find(({ type }) => NEGOTIATION.includes(type));
  if (tlv !== undefined) tell('EP-121', heard, `it has a ${tlv.type} TLV`);
  const { clockIdentity } = message.targetPortIdentity;
  if (clockIdentity !== ALL_CLOCKS && isGroup) {
    tell('EP-113', heard, `it is for ${clockIdentity}, it went to ${dst}`);
  }
}

function checkManagement(heard: Heard<Management>, tell: Tell): void {
  const { message, isGroup, dst } = heard;
  const { clockIdentity } = message.targetPortIdentity;
  const isForAll = clockIdentity === ALL_CLOCKS;
  if (isForAll && !isGroup) tell('EP-111', heard, `it is for all, it was sent to ${dst}`);
  if (!isForAll && isGroup) tell('EP-112', heard, `it is for ${clockIdentity}, it went to ${dst}`);
  if (message.action === 'GET') return;
  for (const tlv of message.tlvs) {
    if (tlv.type !== 'MANAGEMENT') continue;
    const rule = FORBIDDEN_SETS.get(tlv.managementId);
    const id = tlv.managementId.toString(16).padStart(4, '0');
    if (rule !== undefined) tell(rule, heard, `${message.action} of ${id}`);
  }
}

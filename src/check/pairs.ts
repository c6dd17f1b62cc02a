/**
 * Messages that belong together: Sync and Follow_Up, Delay_Req and Delay_Resp. IEEE 1588-2008 §9.5,
 * RFC 8039 §5.2.1, §5.3.1 (PTP-S12, PTP-S13, PTP-D10, PTP-D14), Enterprise Profile §6 (EP-044,
 * EP-045).
 */
import { isIpv6 } from '../path.ts';
import { portText } from '../ptp/identity.ts';
import type { DelayReq, DelayResp, FollowUp, Message, Sync } from '../ptp/message.ts';
import type { Heard, Kept, Tell } from './finding.ts';
import { createWaiting, expire, remember, type Waiting, wait, waitingFor } from './waiting.ts';

interface Asked {
  readonly kept: Kept;
  isAnswered: boolean;
}

/** Questions of one port to one address. */
interface Asker {
  readonly kept: Kept;
  asked: number;
  answered: number;
}

export interface Pairs {
  /** Syncs, by port, domain, sequenceId and destination. */
  readonly syncs: Waiting<Asked>;
  /** Follow_Ups that came before their Sync. */
  readonly followUps: Waiting<Asked>;
  /** Delay_Reqs, by port and sequenceId, and by the addresses of an answer. */
  readonly requests: Waiting<Asked>;
  readonly ways: Waiting<Asked>;
  readonly askers: Map<string, Asker>;
  /** General messages are in the capture: without them nothing is known of what is missing. */
  hasGeneral: boolean;
}

/** Follow_Ups and answers come within. (s) */
const PATIENCE_S = 2;
/** What belongs to messages from before the capture comes within. (s) */
const START_S = 1;

export const createPairs = (): Pairs => ({
  syncs: createWaiting(),
  followUps: createWaiting(),
  requests: createWaiting(),
  ways: createWaiting(),
  askers: new Map(),
  hasGeneral: false,
});

export function checkPairs(pairs: Pairs, heard: Heard, tell: Tell): void {
  const { message } = heard;
  switch (message.type) {
    case 'Sync':
      takeSync(pairs, { ...heard, message }, tell);
      break;
    case 'Follow_Up':
      takeFollowUp(pairs, { ...heard, message }, tell);
      break;
    case 'Delay_Req':
      takeRequest(pairs, { ...heard, message });
      break;
    case 'Delay_Resp':
      takeResponse(pairs, { ...heard, message }, tell);
      break;
  }
}

const eventKey = ({ message, sender, dst }: Kept): string =>
  `${sender} ${message.header.sequenceId} ${dst}`;

function keep<M extends Message>(heard: Heard<M>): Asked {
  const { bytes: _, ...kept } = heard;
  return { kept, isAnswered: false };
}

function takeSync(pairs: Pairs, heard: Heard<Sync>, tell: Tell): void {
  const { header } = heard.message;
  const asked = keep(heard);
  const key = eventKey(heard);
  const early = waitingFor(pairs.followUps, key).find(
    ({ kept, isAnswered }) => !isAnswered && kept.src === heard.src,
  );
  if (early !== undefined) {
    early.isAnswered = true;
    asked.isAnswered = true;
    judge(heard.message, early.kept, tell);
  }
  if (!header.flags.twoStep) asked.isAnswered = true;
  wait(pairs.syncs, key, asked, heard.atS);
}

function judge(sync: Sync, followUp: Kept, tell: Tell): void {
  if (!sync.header.flags.twoStep) {
    tell('1588-follow-up-orphan', followUp, 'it follows a one-step Sync');
  }
  const [a, b] = [sync.header.domainNumber, followUp.message.header.domainNumber];
  if (a !== b) tell('1588-domain-mix', followUp, `its Sync is of domain ${a}, it of domain ${b}`);
}

function takeFollowUp(pairs: Pairs, heard: Heard<FollowUp>, tell: Tell): void {
  const key = eventKey(heard);
  const syncs = waitingFor(pairs.syncs, key);
  const own = syncs.find(({ kept }) => kept.src === heard.src);
  if (own !== undefined) {
    own.isAnswered = true;
    if (own.kept.message.type === 'Sync') judge(own.kept.message, heard, tell);
    return;
  }
  const other = syncs.find(({ isAnswered }) => !isAnswered);
  if (other !== undefined) {
    other.isAnswered = true;
    if (other.kept.message.type === 'Sync') judge(other.kept.message, heard, tell);
    // over IPv6 a transparent clock is the source of what it changes (EP-027); a group is no path
    const isCorrected = heard.isGroup && isIpv6(heard.src);
    if (!isCorrected) tell('PTP-D14', heard, `its Sync came from ${other.kept.src}`);
    return;
  }
  wait(pairs.followUps, key, keep(heard), heard.atS);
}

function takeRequest(pairs: Pairs, heard: Heard<DelayReq>): void {
  const asked = keep(heard);
  const { src, dst, sender, atS, message } = heard;
  const { sequenceId } = message.header;
  wait(pairs.requests, `${sender} ${sequenceId}`, asked, atS);
  wait(pairs.ways, `${dst} ${src} ${sequenceId}`, asked, atS);
}

function takeResponse(pairs: Pairs, heard: Heard<DelayResp>, tell: Tell): void {
  const { message, src, dst, isGroup } = heard;
  const { sequenceId, domainNumber } = message.header;
  const asker = portText(message.requestingPortIdentity);
  const requests = waitingFor(pairs.requests, `${asker} ${sequenceId}`);
  const fits = (request: Kept): boolean => (isGroup ? request.isGroup : request.src === dst);
  const request =
    requests.find(({ kept }) => fits(kept) && (isGroup || kept.dst === src)) ??
    requests.find(({ kept }) => fits(kept)) ??
    requests[0];
  if (request === undefined) {
    const [way] = waitingFor(pairs.ways, `${src} ${dst} ${sequenceId}`);
    if (way !== undefined) {
      way.isAnswered = true;
      tell('PTP-S13', heard, `it names ${asker}, ${way.kept.sender} asked`);
    } else if (heard.atS > START_S) {
      tell('1588-delay-resp-orphan', heard, `no Delay_Req ${sequenceId} of ${asker} was seen`);
    }
    return;
  }
  request.isAnswered = true;
  const { kept } = request;
  const asked = kept.message.header.domainNumber;
  if (asked !== domainNumber) {
    const text = `its Delay_Req is of domain ${asked}, it of domain ${domainNumber}`;
    tell('1588-domain-mix', heard, text);
  }
  if (kept.isGroup) {
    if (!isGroup) tell('EP-044', heard, 'its Delay_Req was sent by multicast, it by unicast');
  } else if (isGroup) {
    tell('EP-045', heard, `its Delay_Req was sent by unicast from ${kept.src}, it by multicast`);
  } else if (kept.src !== dst) {
    tell('PTP-S12', heard, `its Delay_Req came from ${kept.src}`);
  } else if (kept.dst !== src) {
    tell('PTP-D10', heard, `its Delay_Req was sent to ${kept.dst}`);
  }
}

/** What should have come by now did not. `isLast`: nothing more will come. */
export function expirePairs(pairs: Pairs, nowS: number, isLast: boolean, tell: Tell): void {
  const dueS = nowS - PATIENCE_S;
  expire(pairs.syncs, dueS, ({ kept, isAnswered }) => {
    if (isAnswered || !pairs.hasGeneral) return;
    tell('1588-follow-up-missing', kept, `no Follow_Up within ${PATIENCE_S} s`);
  });
  expire(pairs.followUps, dueS, ({ kept, isAnswered }) => {
    if (isAnswered || kept.atS <= START_S) return;
    tell('1588-follow-up-orphan', kept, 'no Sync with its sequenceId was seen');
  });
  expire(pairs.ways, dueS, () => {});
  expire(pairs.requests, dueS, ({ kept, isAnswered }) => {
    const key = `${kept.sender} ${kept.src} ${kept.dst}`;
    const asker =
      pairs.askers.get(key) ?? remember(pairs.askers, key, { kept, asked: 0, answered: 0 });
    asker.asked++;
    if (isAnswered) asker.answered++;
  });
  if (!isLast || !pairs.hasGeneral) return;
  for (const { kept, asked, answered } of pairs.askers.values()) {
    if (asked < 3 || asked - answered <= asked / 10) continue;
    tell('1588-unanswered', kept, `${asked - answered} of ${asked} Delay_Reqs were not answered`);
  }
}

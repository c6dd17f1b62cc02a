/**
 * Unicast negotiation, the side that asks: per path, own identity and type it requests, repeats,
 * renews and cancels. IEEE 1588-2008 §16.1; RFC 8039 §5.2.1, §5.3.1, §5.5 (PTP-S05, S06, S19, S20,
 * PTP-D04, D05). What is wanted of whom is for the clock to say (first Announce, then Sync and
 * Delay_Resp of the one it follows, PTP-U7); demand.ts knows the times.
 */
import type { DropReason, Output, PathEvent } from '../machine.ts';
import type { Tick } from '../units.ts';
import { type Ask, arm, askFor, forgetMaster, type Requester, tidy } from './asks.ts';
import {
  asked,
  CANCEL_TRIES,
  cancelled,
  denied,
  granted,
  hasten,
  lapsed,
  mayJoin,
  takenBack,
} from './demand.ts';
import { ALL_PORTS } from './identity.ts';
import type { Signaling } from './message.ts';
import { codeOf, type Ends, keyOf, MOST_TLVS, negotiableOf, signal } from './negotiation.ts';
import { intervalOfLog } from './portds.ts';
import type { Tlv, UnicastCancel, UnicastGrant } from './tlv.ts';

export {
  type AskedPath,
  askAnew,
  askedPaths,
  createRequester,
  isGranted,
  promiseOf,
  type Requester,
  type RequesterConfig,
  requesterDue,
  type Wish,
  want,
} from './asks.ts';

/** Random bytes one request takes. */
export const REQUEST_RANDOM_BYTES = 2;

/** Sends what is due and ends what has ended. @param random fresh, as with every timeout */
export function stepRequester(requester: Requester, nowNs: Tick, random: Uint8Array): Output[] {
  const outputs: Output[] = [];
  let used = 0;
  for (const ask of [...requester.asks.values()].flat()) {
    expire(ask, nowNs, outputs);
    if (!ask.demands.some(({ dueNs }) => nowNs >= dueNs)) continue;
    if (used + REQUEST_RANDOM_BYTES > random.length) break; // the rest at the next timeout
    ask.jitter = ((random[used] ?? 0) * 256 + (random[used + 1] ?? 0)) / 65536;
    used += REQUEST_RANDOM_BYTES;
    send(requester, ask, nowNs, outputs);
    tidy(requester, keyOf(ask));
  }
  arm(requester);
  return outputs;
}

/** Takes the grants, cancels and acknowledgements of one Signaling message. */
export function hearAsRequester(
  requester: Requester,
  message: Signaling,
  ends: Ends,
  nowNs: Tick,
): Output[] {
  const found = askFor(requester, message, ends);
  if (typeof found === 'string') return drop(requester, found, ends);
  const outputs: Output[] = [];
  const acknowledged: UnicastCancel[] = [];
  for (const tlv of message.tlvs.slice(0, MOST_TLVS)) {
    if (tlv.type === 'GRANT_UNICAST_TRANSMISSION') {
      const reason = hearGrant(requester, found, message, tlv, nowNs, outputs);
      if (reason !== null) outputs.push(...drop(requester, reason, ends));
    } else if (tlv.type === 'CANCEL_UNICAST_TRANSMISSION' && !tlv.maintainGrant) {
      hearCancel(found, tlv, nowNs, outputs);
      acknowledged.push({ ...tlv, type: 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION' });
    } else if (tlv.type === 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION') {
      if (!hearEnd(found, tlv)) outputs.push(...drop(requester, 'unasked', ends));
    }
  }
  if (acknowledged.length > 0) {
    const to = message.header.sourcePortIdentity;
    outputs.push(signal(requester.voice, ends, found.port, to, acknowledged));
  }
  forgetMaster(found);
  tidy(requester, keyOf(ends));
  arm(requester);
  return outputs;
}

/** True if a cancel or acknowledgement of this type is about something we asked for. */
export function isAskedFor(
  requester: Requester,
  message: Signaling,
  ends: Ends,
  { messageType }: UnicastCancel,
): boolean {
  const found = askFor(requester, message, ends);
  const type = negotiableOf(messageType);
  return typeof found !== 'string' && found.demands.some((demand) => demand.type === type);
}

function hearGrant(
  requester: Requester,
  ask: Ask,
  message: Signaling,
  tlv: UnicastGrant,
  nowNs: Tick,
  outputs: Output[],
): DropReason | null {
  const { logInterMessagePeriod, durationField } = tlv;
  const type = negotiableOf(tlv.messageType);
  const demand = ask.demands.find((one) => one.type === type);
  if (demand === undefined || !demand.isAsked) return 'unasked';
  if (demand.phase === 'cancelling') return null; // crossed our cancel
  // A denial's interval means nothing.
  if (durationField === 0) {
    if (demand.grant === null) {
      outputs.push(event(ask, 'denied', `the master will not send ${demand.type}`));
    }
    denied(demand, nowNs, ask.jitter);
    return null;
  }
  const intervalS = intervalOfLog(logInterMessagePeriod);
  if (intervalS === null) return 'interval';
  const durationS = Math.min(durationField, requester.durationS);
  if (demand.grant === null) {
    const reason = `${demand.type} every ${intervalS} s for ${durationS} s`;
    outputs.push(event(ask, 'granted', reason));
    if (type === 'Announce') hastenOthers(requester, nowNs);
  }
  granted(demand, logInterMessagePeriod, durationS, nowNs, ask.jitter);
  ask.master = message.header.sourcePortIdentity;
  return null;
}

function hastenOthers(requester: Requester, nowNs: Tick): void {
  for (const { demands, jitter } of [...requester.asks.values()].flat()) {
    for (const demand of demands) if (demand.type === 'Announce') hasten(demand, nowNs, jitter);
  }
}

function hearCancel(ask: Ask, tlv: UnicastCancel, nowNs: Tick, outputs: Output[]): void {
  const type = negotiableOf(tlv.messageType);
  const demand = ask.demands.find((one) => one.type === type && one.phase === 'wanted');
  if (demand === undefined || (demand.grant === null && !demand.isAsked)) return;
  takenBack(demand, nowNs, ask.jitter);
  outputs.push(event(ask, 'cancelled', `the master no longer sends ${demand.type}`));
}

/** An acknowledgement. @returns false if we cancelled nothing of the kind */
function hearEnd(ask: Ask, { messageType }: UnicastCancel): boolean {
  const type = negotiableOf(messageType);
  const before = ask.demands.length;
  ask.demands = ask.demands.filter((one) => one.type !== type || one.phase !== 'cancelling');
  return ask.demands.length < before;
}

function expire(ask: Ask, nowNs: Tick, outputs: Output[]): void {
  for (const demand of ask.demands) {
    if (demand.grant === null || nowNs < demand.grant.untilNs) continue;
    if (demand.phase === 'cancelling') {
      demand.grant = null;
      continue;
    }
    lapsed(demand, nowNs);
    outputs.push(event(ask, 'expired', `${demand.type} was not renewed`));
  }
  forgetMaster(ask);
}

/** One message with all requests that are due, and one with all cancels. */
function send(requester: Requester, ask: Ask, nowNs: Tick, outputs: Output[]): void {
  const requests: Tlv[] = [];
  const cancels: Tlv[] = [];
  // Stock masters know a peer by its address and acknowledge nothing: under a former identity of
  // ours a second cancel would end what the present one has got since (PTP-D15).
  const isFormer = requester.asks.get(keyOf(ask))?.at(-1) !== ask;
  const mostCancels = isFormer ? 1 : CANCEL_TRIES;
  for (const demand of ask.demands) {
    const messageType = codeOf(demand.type);
    if (demand.phase === 'cancelling') {
      if (nowNs < demand.dueNs) continue;
      cancelled(demand, nowNs);
      if (demand.tries > mostCancels) continue;
      const type = 'CANCEL_UNICAST_TRANSMISSION';
      cancels.push({ type, messageType, maintainRequest: false, maintainGrant: false });
    } else if (mayJoin(demand, nowNs)) {
      asked(demand, nowNs, ask.jitter);
      requests.push({
        type: 'REQUEST_UNICAST_TRANSMISSION',
        messageType,
        logInterMessagePeriod: demand.askedLog,
        durationField: requester.durationS,
      });
    }
  }
  const target = ask.master ?? ask.toldMaster ?? ALL_PORTS;
  for (const tlvs of [requests, cancels]) {
    if (tlvs.length > 0) outputs.push(signal(requester.voice, ask, ask.port, target, tlvs));
  }
  ask.demands = ask.demands.filter(
    ({ phase, tries }) => phase === 'wanted' || tries <= mostCancels,
  );
}

const event = (ask: Ask, what: PathEvent['event'], reason: string): PathEvent => ({
  type: 'path',
  path: keyOf(ask),
  event: what,
  reason,
});

function drop({ voice }: Requester, reason: DropReason, { remoteIp }: Ends): Output[] {
  return [{ type: 'drop', reason, from: { ip: remoteIp, port: voice.generalPort } }];
}

/**
 * What a request for unicast messages is granted: all of it, less, or nothing (PTP-S16, SEC-07,
 * SEC-08).
 *
 * No answer of a peer proves that it is where it says: who forges its address can ask, renew and
 * cancel blindly. So what a request sets off is bounded by the request's own size; first grants are
 * short; newcomers share one half of what there is; and peers that came back are displaced by
 * nobody.
 */
import { NS_PER_S, type Tick } from '../units.ts';
import { addLoad, type GrantLimits, hasRoom, loadOf, NO_LOAD, unaskedOctets } from './caps.ts';
import {
  admit,
  type Bucket,
  type Client,
  clientOf,
  clientsAt,
  end,
  type Grant,
  type GrantTable,
  give,
  grantOf,
  loadOfClient,
  MOST_IDENTITIES,
  makeKnown,
  type Terms,
} from './grants.ts';
import type { PortIdentity } from './identity.ts';
import { type Ends, negotiableOf } from './negotiation.ts';
import type { UnicastGrant, UnicastRequest } from './tlv.ts';
import { MESSAGE_TYPES } from './types.ts';

/** Who asks, and the bucket it gets if it gets anything. */
export interface Asker extends Ends {
  readonly port: PortIdentity;
  readonly bucket: Bucket;
}

/** A client that asks again after this share of a grant has come back. */
const RENEWAL_SHARE = 0.25;
const REQUEST_OCTETS = 10;
const GRANT_OCTETS = 12;

/** Answers all requests of one message, in their order. Grants are in the table then. */
export function answerAsks(
  table: GrantTable,
  limits: GrantLimits,
  asks: readonly UnicastRequest[],
  asker: Asker,
  nowNs: Tick,
): UnicastGrant[] {
  const { bytes } = MESSAGE_TYPES.Signaling;
  const answered = bytes + GRANT_OCTETS * asks.length;
  let budget = limits.factor * (bytes + REQUEST_OCTETS * asks.length) - answered;
  return asks.map(({ messageType, logInterMessagePeriod, durationField }, n) => {
    const type = negotiableOf(messageType);
    const ask = { logInterval: logInterMessagePeriod, durationS: durationField };
    // A long grant of Announces must not leave too little for the Syncs asked for with them.
    const least = asks.slice(n).map((one) => leastOctets(one, limits, asker.remoteIp));
    const [own = 0] = least;
    const others = least.reduce((sum, octets) => sum + octets, -own);
    const share = Math.max(budget - others, Math.min(own, budget));
    const terms = type && decide(table, limits, { type, ...ask }, asker, share, nowNs);
    if (terms) budget -= terms.load.octets;
    return {
      type: 'GRANT_UNICAST_TRANSMISSION',
      messageType,
      logInterMessagePeriod,
      durationField: terms ? terms.durationS : 0,
      renewalInvited: terms !== null,
    };
  });
}

/** What the shortest grant costs that would do. */
function leastOctets(
  { messageType, logInterMessagePeriod: log, durationField }: UnicastRequest,
  { minDurationS, minLogInterval, maxLogInterval }: GrantLimits,
  remoteIp: string,
): number {
  const type = negotiableOf(messageType);
  if (type === null || log < minLogInterval || log > maxLogInterval) return 0;
  return loadOf(type, log, Math.min(minDurationS, durationField), remoteIp).octets;
}

function decide(
  table: GrantTable,
  limits: GrantLimits,
  { type, logInterval, durationS: askedS }: Omit<Terms, 'load'>,
  asker: Asker,
  budget: number,
  nowNs: Tick,
): Terms | null {
  if (logInterval < limits.minLogInterval || logInterval > limits.maxLogInterval) return null;
  const client = clientOf(table, asker, asker.port);
  const old = client && grantOf(client, type);
  if (client && !client.isKnown && old && isRenewal(old, nowNs)) makeKnown(table, client);
  const isKnown = client?.isKnown ?? false;

  const octets = unaskedOctets(type, asker.remoteIp);
  const durationS = Math.min(
    askedS,
    limits.maxDurationS,
    isKnown ? limits.maxDurationS : limits.firstDurationS,
    octets === 0 ? limits.maxDurationS : Math.floor(Math.floor(budget / octets) * 2 ** logInterval),
  );
  if (durationS < Math.max(1, Math.min(askedS, limits.minDurationS))) return null;

  const seat = client ? null : findSeat(table, asker);
  if (seat === 'taken') return null;
  const freed = seat ? loadOfClient(seat) : (old?.load ?? NO_LOAD);
  const terms = {
    type,
    logInterval,
    durationS,
    load: loadOf(type, logInterval, durationS, asker.remoteIp),
  };
  const change = addLoad(terms.load, freed, -1);
  if (!hasRoom(table.ledger, limits, asker.remoteIp, change, !isKnown)) return null;

  if (seat) end(table, seat);
  give(table, client ?? takeIn(table, asker), terms, nowNs);
  return terms;
}

const isRenewal = ({ startedNs, durationS, untilNs }: Grant, nowNs: Tick): boolean =>
  nowNs < untilNs && nowNs - startedNs >= RENEWAL_SHARE * durationS * NS_PER_S;

/** Whose place at an address a new identity gets: nobody's (null), or that of another newcomer. */
function findSeat(table: GrantTable, asker: Ends): Client | null | 'taken' {
  const others = clientsAt(table, asker);
  if (others.length < MOST_IDENTITIES) return null;
  return others.find(({ isKnown }) => !isKnown) ?? 'taken';
}

function takeIn(table: GrantTable, { localIp, remoteIp, port, bucket }: Asker): Client {
  const client: Client = { localIp, remoteIp, port, isKnown: false, grants: [], bucket };
  admit(table, client);
  return client;
}

/**
 * Pdelay_Req, Pdelay_Resp and Pdelay_Resp_Follow_Up of one path: the peer-to-peer mechanism as
 * RFC 8039 §5.1 takes it, unicast to the master of the path (IEEE 1588-2008 §11.4; PTP-P1).
 * Matched like delays.ts; the two answers of a two-step responder come in any order.
 */
import type { DropReason, StampKind } from '../machine.ts';
import { NS_PER_S, type Stamp } from '../units.ts';
import { find, type Request, type Requests } from './requests.ts';
import type { SyncStamps } from './syncs.ts';
import type { Timestamp } from './timestamp.ts';

interface Response {
  /** When the request was received; zero if only the turnaround is told. (responder's time) */
  readonly receipt: Timestamp;
  readonly correction: bigint;
  readonly receivedAtNs: Stamp;
  readonly stampKind?: StampKind | undefined;
}
interface ResponseFollowUp {
  /** When the response was sent; zero as above. (responder's time) */
  readonly origin: Timestamp;
  readonly correction: bigint;
}

export interface PdelayAnswer {
  response: (Response & { readonly isTwoStep: boolean }) | null;
  followUp: ResponseFollowUp | null;
}

/** An exchange with all that belongs to it. */
export interface PdelayStamps {
  readonly sentAtNs: Stamp;
  readonly sentKind?: StampKind;
  readonly response: Response;
  /** Null of a one-step responder: its correctionField has the turnaround. */
  readonly followUp: ResponseFollowUp | null;
}

/** @returns the exchange if it is complete, null while it waits, or why it is not used */
export function takePdelayResp(
  requests: Requests<PdelayAnswer>,
  sequenceId: number,
  response: PdelayAnswer['response'],
): PdelayStamps | DropReason | null {
  const request = find(requests, sequenceId);
  if (typeof request === 'string') return request;
  request.answer ??= { response: null, followUp: null };
  if (request.answer.response !== null) return 'duplicate';
  request.answer.response = response;
  return completedPdelay(request);
}

/** @returns as {@link takePdelayResp} */
export function takePdelayFollowUp(
  requests: Requests<PdelayAnswer>,
  sequenceId: number,
  followUp: ResponseFollowUp,
): PdelayStamps | DropReason | null {
  const request = find(requests, sequenceId);
  if (typeof request === 'string') return request;
  request.answer ??= { response: null, followUp: null };
  if (request.answer.followUp !== null) return 'duplicate';
  request.answer.followUp = followUp;
  return completedPdelay(request);
}

/** The exchange of a request whose send stamp and answers are there; it is used up. */
export function completedPdelay(request: Request<PdelayAnswer>): PdelayStamps | null {
  const { sentAtNs, sentKind, answer } = request;
  if (sentAtNs === null || answer === null || answer.response === null) return null;
  const { isTwoStep, ...response } = answer.response;
  if (isTwoStep && answer.followUp === null) return null;
  request.fate = 'used';
  const followUp = isTwoStep ? answer.followUp : null;
  return { sentAtNs, response, followUp, ...(sentKind && { sentKind }) };
}

/** Of the round trip: how much longer a turnaround may seem, as clocks differ in rate. */
const RATE_TOLERANCE = 1 / 1024;
/** Round trips: what both ways may seem to take, with corrections below zero. */
const MOST_WAYS = 2;
/** Farther from the Syncs of its sender, Pdelay stamps are of another clock than theirs. (ns) */
const SAME_CLOCK_NS = NS_PER_S / 10;

/**
 * Both ways together, without the turnaround: ((t4 − t1) − (t3 − t2)) − corrections (§11.4.3).
 * @returns 2^-16 ns, or `hold` if the turnaround exceeds the round trip, or is far below zero
 */
export function bothWays(stamps: PdelayStamps): bigint | 'hold' {
  const { sentAtNs, response, followUp } = stamps;
  const roundTrip = inUnits(response.receivedAtNs - sentAtNs);
  const turnaround = followUp === null ? 0n : between(response.receipt, followUp.origin) << 16n;
  const corrections = response.correction + (followUp?.correction ?? 0n);
  const both = roundTrip - turnaround - corrections;
  const share = Number(both) / Number(roundTrip);
  return share >= -RATE_TOLERANCE && share <= MOST_WAYS ? both : 'hold';
}

/**
 * True if the responder's stamps are there and read the clock that its Syncs are stamped by. The
 * standard asks for their difference only, so this must be seen: its response and its Sync took
 * about as long.
 */
export function hasMasterStamps(
  stamps: PdelayStamps,
  sync: SyncStamps,
): stamps is PdelayStamps & { readonly followUp: ResponseFollowUp } {
  const { response, followUp } = stamps;
  if (followUp === null) return false;
  const remoteNs = Number(between(sync.origin, followUp.origin));
  const correctionNs = Number(response.correction - sync.correction) / 65536;
  const localNs = response.receivedAtNs - sync.receivedAtNs;
  return Math.abs(localNs - remoteNs - correctionNs) <= SAME_CLOCK_NS;
}

/** (ns) */
const between = (from: Timestamp, to: Timestamp): bigint =>
  BigInt(to.seconds - from.seconds) * 1_000_000_000n + BigInt(to.nanoseconds - from.nanoseconds);

/** 2^-16 ns of a span between local stamps: seconds at most here, so exact. */
const inUnits = (ns: number): bigint => BigInt(Math.round(ns * 65536));

/**
 * Delay_Req and Delay_Resp of one path: the reverse direction of the end-to-end mechanism (IEEE
 * 1588-2008 §11.3; PTP-S13, PTP-D11). Matched by sequenceId among the requests of this path alone;
 * the addresses and identities have been looked at before.
 */
import type { DropReason, StampKind } from '../machine.ts';
import type { Stamp } from '../units.ts';
import { find, type Request, type Requests } from './requests.ts';
import type { Timestamp } from './timestamp.ts';

/** What a Delay_Resp says. */
export interface DelayAnswer {
  /** When the Delay_Req was received. (master's time) */
  readonly receipt: Timestamp;
  /** Of the Delay_Req on its way, and the receipt's part below a ns, negative. (2^-16 ns) */
  readonly correction: bigint;
}

/** A Delay_Req with all that belongs to it. */
export interface DelayStamps extends DelayAnswer {
  readonly sentAtNs: Stamp;
  readonly sentKind?: StampKind;
}

/** @returns the measurement if it is complete, null while it waits, or why it is not used */
export function takeDelayResp(
  requests: Requests<DelayAnswer>,
  sequenceId: number,
  answer: DelayAnswer,
): DelayStamps | DropReason | null {
  const request = find(requests, sequenceId);
  if (typeof request === 'string') return request;
  if (request.answer !== null) return 'duplicate';
  request.answer = answer;
  return completedDelay(request);
}

/** The measurement of a request whose send stamp and answer are there; it is used up. */
export function completedDelay(request: Request<DelayAnswer>): DelayStamps | null {
  const { sentAtNs, sentKind, answer } = request;
  if (sentAtNs === null || answer === null) return null;
  request.fate = 'used';
  return { ...answer, sentAtNs, ...(sentKind && { sentKind }) };
}

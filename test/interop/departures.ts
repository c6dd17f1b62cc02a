/** Interleaved mode (RFC 9769) as captures show it: what belongs together, and when replies left. */
import * as assert from 'uvu/assert';
import { distanceS, type NtpPacket } from './capture.ts';

/** A loaded machine is late by less. (s) */
const BOUND_S = 2e-2;

export interface Answered {
  request: NtpPacket;
  reply: NtpPacket;
  isInterleaved: boolean;
}

/** Each reply of one pair with the request it answers by its origin; there must be one. */
export function answered(
  requests: readonly NtpPacket[],
  replies: readonly NtpPacket[],
): Answered[] {
  return replies.map((reply) => {
    const request = requests.find(({ rec, xmt }) => reply.org === rec || reply.org === xmt);
    assert.ok(request, `origin ${reply.org} answers no request`);
    return { request, reply, isInterleaved: reply.org === request.rec };
  });
}

/**
 * Every interleaved reply tells the departure of the very reply its request named: not before the
 * stamp written into that one, and later where the kernel stamped.
 */
export function assertDepartures(pairs: readonly Answered[], kernel: boolean): void {
  for (const { request, reply, isInterleaved } of pairs) {
    assert.is.not(reply.rec, reply.xmt);
    if (!isInterleaved) continue;
    const named = pairs.find((one) => one.reply.rec === request.org);
    assert.ok(named, `${request.org} names no reply`);
    assert.ok(distanceS(reply.xmt, named.reply.atS) < BOUND_S, `${reply.xmt}`);
    if (named.isInterleaved) continue;
    const isFit = kernel ? reply.xmt > named.reply.xmt : reply.xmt >= named.reply.xmt;
    assert.ok(isFit, `${reply.xmt}, said before: ${named.reply.xmt}`);
  }
}

/**
 * Interleaved mode of a client (RFC 9769 §2). The server's answer carries the precise departure of
 * its answer before, so an exchange is complete one poll later. Which earlier answer is meant is
 * written down with the request that asks for it: whatever is lost, late or comes twice, an answer
 * is either to the request in flight or to none.
 */
import type { Datagram, StampKind } from '../machine.ts';
import type { Stamp, Tick } from '../units.ts';
import { type NtpTime, sameTime } from './packet.ts';

/** The last valid answer: what an interleaved one completes. */
export interface Base {
  /** Its receive timestamp, by which the server knows it again. */
  remoteReceive: NtpTime;
  /** When the request it answered left, and when it came. */
  localSendNs: Stamp;
  localReceiveNs: Stamp;
  /** Whose stamps these are, where the host tells. */
  localSendKind?: StampKind | undefined;
  localReceiveKind?: StampKind | undefined;
  atNs: Tick;
  /** It came in basic mode and has been an exchange already. */
  isMeasured: boolean;
}

/** A request that an interleaved answer may follow. */
export interface Interleave {
  /** What went out as receive timestamp: random, not a time; comes back as origin. */
  cookie: NtpTime;
  base: Base;
}

/** Requests in a row for one base, so that lost answers do not keep it for ever. */
const MOST_REQUESTS = 4;
/** An exchange that is older when it is complete comes too late for the core. (s) */
const MOST_AGE_S = 56;

/**
 * The base that the next request may ask for; null if it must be a basic one.
 * @param unanswered requests since the last valid answer, the next one counted
 */
export const usableBase = (base: Base | null, unanswered: number, nowNs: Tick): Base | null =>
  base !== null && unanswered <= MOST_REQUESTS && nowNs - base.atNs <= MOST_AGE_S * 1e9
    ? base
    : null;

interface Asked {
  readonly cookie: NtpTime;
  readonly sentAtNs: Stamp | null;
  readonly sentKind?: StampKind | undefined;
  readonly interleave: Interleave | null;
}

/** The exchange an answer completes: three of its four stamps, the fourth is the answer's transmit. */
export type Pairing = Omit<Base, 'atNs' | 'isMeasured'> & {
  /** The earlier exchange that an interleaved answer completes; null in basic mode. */
  readonly base: Base | null;
};

/** Tells by the origin what is answered, and how; null if it is not this request. */
export function pair(
  request: Asked | null,
  header: { readonly origin: NtpTime; readonly receive: NtpTime },
  { receivedAtNs, stampKind }: Pick<Datagram, 'receivedAtNs' | 'stampKind'>,
): Pairing | null {
  if (request === null || request.sentAtNs === null) return null;
  const { sentAtNs, sentKind, interleave } = request;
  if (sameTime(header.origin, request.cookie)) {
    const { receive } = header;
    return {
      remoteReceive: receive,
      localSendNs: sentAtNs,
      localReceiveNs: receivedAtNs,
      localSendKind: sentKind,
      localReceiveKind: stampKind,
      base: null,
    };
  }
  if (interleave === null || !sameTime(header.origin, interleave.cookie)) return null;
  const { atNs: _, isMeasured: __, ...stamps } = interleave.base;
  return { ...stamps, base: interleave.base };
}

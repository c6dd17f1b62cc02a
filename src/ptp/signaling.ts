/**
 * The door for received Signaling messages: gives each negotiation TLV to the side it is for. Two
 * clocks may ask each other over one path, so a cancel or acknowledgement goes to whoever has
 * something to end. Other TLVs are nobody's and no fault (BASE-B8).
 */
import type { Output } from '../machine.ts';
import type { Tick } from '../units.ts';
import { type Grantor, hearAsGrantor } from './grantor.ts';
import type { Signaling } from './message.ts';
import type { Ends } from './negotiation.ts';
import { hearAsRequester, isAskedFor, type Requester } from './requester.ts';
import type { Tlv } from './tlv.ts';

/** What a port does of negotiation; null: not that (Enterprise: neither, EP-041). */
export interface Roles {
  readonly grantor: Grantor | null;
  readonly requester: Requester | null;
}

/** @param ends as received: the own address it came to, the address it came from */
export function hearSignaling(
  { grantor, requester }: Roles,
  message: Signaling,
  ends: Ends,
  nowNs: Tick,
): Output[] {
  const forGrantor: Tlv[] = [];
  const forRequester: Tlv[] = [];
  for (const tlv of message.tlvs) {
    if (tlv.type === 'REQUEST_UNICAST_TRANSMISSION') forGrantor.push(tlv);
    else if (tlv.type === 'GRANT_UNICAST_TRANSMISSION') forRequester.push(tlv);
    else if (
      tlv.type === 'CANCEL_UNICAST_TRANSMISSION' ||
      tlv.type === 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION'
    ) {
      const isAsked = requester !== null && isAskedFor(requester, message, ends, tlv);
      (isAsked || grantor === null ? forRequester : forGrantor).push(tlv);
    }
  }
  const from = { ip: ends.remoteIp, port: (grantor ?? requester)?.voice.generalPort ?? 0 };
  const nobody: Output[] = [{ type: 'drop', reason: 'unasked', from }];
  const outputs: Output[] = [];
  if (forGrantor.length > 0) {
    const part = { ...message, tlvs: forGrantor };
    outputs.push(...(grantor === null ? nobody : hearAsGrantor(grantor, part, ends, nowNs)));
  }
  if (forRequester.length > 0) {
    const part = { ...message, tlvs: forRequester };
    outputs.push(...(requester === null ? nobody : hearAsRequester(requester, part, ends, nowNs)));
  }
  return outputs;
}

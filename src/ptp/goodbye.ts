/**
 * Grants that a master took back: the cancels are repeated until the peer acknowledges them.
 * IEEE 1588-2008 §16.1.4.3.
 */
import type { Output } from '../machine.ts';
import { type Tick, tick, tickAfter } from '../units.ts';
import { type PortIdentity, portText } from './identity.ts';
import {
  codeOf,
  type Ends,
  keyOf,
  type Negotiable,
  negotiableOf,
  signal,
  type Voice,
} from './negotiation.ts';
import type { UnicastCancel } from './tlv.ts';

/** Whom to tell, and what has ended. */
export interface Leaving extends Ends {
  readonly port: PortIdentity;
  readonly types: readonly Negotiable[];
}

interface Goodbye extends Leaving {
  types: readonly Negotiable[];
  triesLeft: number;
  dueNs: Tick;
}

/** By path and portIdentity. Plain data. */
export type Goodbyes = Map<string, Goodbye>;

/** A cancel is sent so often until it is acknowledged, and so far apart. */
const TRIES = 3;
const SPAN_S = 1;
/** So many cancels per 10 ms: thousands of peers are told one after the other. */
const PER_PAUSE = 64;
const PAUSE_S = 0.01;

/** Begins to tell. */
export function addGoodbyes(goodbyes: Goodbyes, leaving: readonly Leaving[], nowNs: Tick): void {
  leaving.forEach((one, n) => {
    const key = goodbyeKey(one, one.port);
    const before = goodbyes.get(key)?.types ?? [];
    const types = [...new Set([...before, ...one.types])];
    const dueNs = tickAfter(nowNs, Math.floor(n / PER_PAUSE) * PAUSE_S);
    goodbyes.set(key, { ...one, types, triesLeft: TRIES, dueNs });
  });
}

/** The cancels that are due. */
export function sayGoodbyes(
  goodbyes: Goodbyes,
  voice: Voice,
  port: PortIdentity,
  nowNs: Tick,
): Output[] {
  const outputs: Output[] = [];
  for (const [key, goodbye] of [...goodbyes]) {
    if (nowNs < goodbye.dueNs) continue;
    if (goodbye.triesLeft === 0) {
      goodbyes.delete(key);
      continue;
    }
    goodbye.triesLeft--;
    goodbye.dueNs = tickAfter(nowNs, SPAN_S);
    const tlvs = goodbye.types.map((type) => cancelTlv('CANCEL_UNICAST_TRANSMISSION', type));
    outputs.push(signal(voice, goodbye, port, goodbye.port, tlvs));
  }
  return outputs;
}

/** When {@link sayGoodbyes} has something to say, or null. */
export function nextGoodbye(goodbyes: Goodbyes): Tick | null {
  let dueNs = Number.POSITIVE_INFINITY;
  for (const goodbye of goodbyes.values()) dueNs = Math.min(dueNs, goodbye.dueNs);
  return goodbyes.size === 0 ? null : tick(dueNs);
}

/**
 * Says no more of one type's end: it is acknowledged, or granted again.
 * @returns false if nothing was to be said
 */
export function settle(
  goodbyes: Goodbyes,
  ends: Ends,
  port: PortIdentity,
  messageType: number,
): boolean {
  const key = goodbyeKey(ends, port);
  const goodbye = goodbyes.get(key);
  const left = goodbye?.types.filter((type) => type !== negotiableOf(messageType)) ?? [];
  if (goodbye === undefined || left.length === goodbye.types.length) return false;
  goodbye.types = left;
  if (left.length === 0) goodbyes.delete(key);
  return true;
}

const goodbyeKey = (ends: Ends, port: PortIdentity): string => `${keyOf(ends)} ${portText(port)}`;

export const cancelTlv = (type: UnicastCancel['type'], message: Negotiable): UnicastCancel => ({
  type,
  messageType: codeOf(message),
  maintainRequest: false,
  maintainGrant: false,
});

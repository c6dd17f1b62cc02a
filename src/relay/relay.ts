/**
 * An end-to-end transparent clock between two Ethernet interfaces: every frame crosses, and what an
 * event message of PTP waited here is added to a correctionField. IEEE 1588-2008 §10.2, §11.5;
 * draft-ietf-tictoc-ptp-enterprise-profile-01 §5, §10. Pure: frames and stamps in, frames out.
 *
 * two-step: event messages cross unchanged, the residence follows in Follow_Up, Delay_Resp or
 * Pdelay_Resp_Follow_Up, measured by the stamps of both interfaces. one-step: it is written into the
 * event message itself right before it leaves.
 */
import type { Stamp, Tick } from '../units.ts';
import type { Crossing, Held, RelayOutput, Residence, Side } from './crossing.ts';
import {
  destination,
  destinationPort,
  findUdp,
  isGroup,
  mend,
  resized,
  setPorts,
  setSource,
  source,
} from './frame.ts';
import {
  addCorrection,
  addressText,
  becomeFollowUp,
  CODE,
  exchangeOfRequester,
  exchangeOfSource,
  followUpOctets,
  isTwoStep,
  setTwoStep,
  typeOf,
} from './message.ts';
import { enter, type Residences } from './residence.ts';

export type { RelayOutput, Side };

export interface OwnAddresses {
  /** 4 octets. */
  readonly ipv4?: Uint8Array;
  /** 16 octets, of any scope but the link's. */
  readonly ipv6?: Uint8Array;
  /** 16 octets, of fe80::/10. */
  readonly ipv6Link?: Uint8Array;
}

export interface RelayConfig {
  /** Default two-step. none: carries, and corrects nothing: for comparison. */
  readonly mode?: 'two-step' | 'one-step' | 'none';
  /**
   * Whose source address becomes the relay's: `altered` (default): messages it changed, over IPv6
   * (EP-027); `timed`: also every Sync and Follow_Up, in both families; `none`.
   */
  readonly resource?: 'altered' | 'timed' | 'none';
  /** The relay's own addresses on each side. */
  readonly own?: readonly [OwnAddresses, OwnAddresses];
  /** UDP ports of PTP. (default 319, 320) */
  readonly ports?: { readonly event: number; readonly general: number };
}

export type RelayInput =
  | {
      readonly type: 'frame';
      /** Where it came in. */
      readonly side: Side;
      readonly bytes: Uint8Array;
      readonly receivedAtNs: Stamp;
      readonly nowNs: Tick;
    }
  /** The frame with this context left. */
  | { readonly type: 'sent'; readonly context: number; readonly sentAtNs: Stamp }
  | { readonly type: 'unsent'; readonly context: number };

export interface RelayTally {
  /** Event messages that crossed. */
  events: number;
  /** Messages whose correctionField was given a residence. */
  corrected: number;
  /** Frames that are no PTP, and other PTP messages. */
  others: number;
  generals: number;
  /** Answers to what did not pass here: carried as they are. */
  unmatched: number;
  /** Follow-ups whose event message never left, or at no known time: not carried. */
  lost: number;
  /** Residence of event messages, ns. */
  leastNs: number;
  mostNs: number;
  sumNs: number;
}

interface Awaited {
  readonly residences: readonly Residence[];
  readonly receivedAtNs: Stamp;
  sealedAtNs: Stamp | null;
}

/** Plain data; only {@link stepRelay} changes it. */
export interface Relay {
  readonly mode: 'two-step' | 'one-step' | 'none';
  readonly resource: 'altered' | 'timed' | 'none';
  readonly own: readonly [OwnAddresses, OwnAddresses];
  readonly ports: { readonly event: number; readonly general: number };
  readonly residences: Residences;
  readonly awaited: Map<number, Awaited>;
  nextContext: number;
  /** From the reading before the send to the departure, smoothed. (ns) */
  departureNs: number;
  readonly tally: RelayTally;
}

const MOST_AWAITED = 8192;
const SUBNANOSECONDS = 65536;

export const createRelay = (config: RelayConfig = {}): Relay => ({
  mode: config.mode ?? 'two-step',
  resource: config.resource ?? 'altered',
  own: config.own ?? [{}, {}],
  ports: config.ports ?? { event: 319, general: 320 },
  residences: new Map(),
  awaited: new Map(),
  nextContext: 1,
  departureNs: 0,
  tally: {
    events: 0,
    corrected: 0,
    others: 0,
    generals: 0,
    unmatched: 0,
    lost: 0,
    leastNs: Number.POSITIVE_INFINITY,
    mostNs: 0,
    sumNs: 0,
  },
});

export function stepRelay(relay: Relay, input: RelayInput): RelayOutput[] {
  if (input.type !== 'frame') return noteDeparture(relay, input);
  const bytes = input.bytes.slice();
  const side: Side = input.side === 0 ? 1 : 0;
  const where = findUdp(bytes);
  const port = where === null ? 0 : destinationPort(bytes, where);
  const isOurs = port === relay.ports.event || port === relay.ports.general;
  const isPtp = isOurs && relay.mode !== 'none';
  const type = where && isPtp ? typeOf(bytes.subarray(where.payload, where.end)) : null;
  if (where === null) {
    relay.tally.others++;
    return [{ side, bytes }];
  }
  if (type === null) {
    relay.tally.others++;
    mend(bytes, where);
    return [{ side, bytes }];
  }
  const ptp = bytes.subarray(where.payload, where.end);
  return cross(relay, { ...input, side, bytes, where, ptp, type });
}

function cross(relay: Relay, frame: Crossing): RelayOutput[] {
  switch (frame.type) {
    case CODE.sync:
    case CODE.pdelayResp:
      return crossWithFollowUp(relay, frame);
    case CODE.delayReq:
    case CODE.pdelayReq:
      return crossRequest(relay, frame);
    case CODE.followUp:
      return correct(relay, frame, [`S${exchangeOfSource(frame.ptp)}${receiver(frame)}`]);
    case CODE.delayResp:
      return correct(relay, frame, [`D${exchangeOfRequester(frame.ptp)}${receiver(frame)}`]);
    case CODE.pdelayRespFollowUp:
      return correct(relay, frame, [answerKey(frame), requestKey(frame)]);
    default:
      relay.tally.generals++;
      mend(frame.bytes, frame.where);
      return [{ side: frame.side, bytes: frame.bytes }];
  }
}

// Streams to different receivers may share identity and sequenceIds (RFC 8039 §5.3.1).
const receiver = ({ bytes, where }: Crossing): string =>
  isGroup(bytes, where) ? '' : addressText(destination(bytes, where));
const sender = ({ bytes, where }: Crossing): string =>
  isGroup(bytes, where) ? '' : addressText(source(bytes, where));
const requestKey = (frame: Crossing): string =>
  `Q${exchangeOfRequester(frame.ptp)}${receiver(frame)}`;
const answerKey = (frame: Crossing): string =>
  `R${exchangeOfSource(frame.ptp)}${requestKey(frame)}`;

/** A Sync or Pdelay_Resp: what comes after it carries the residence, or it does itself. */
function crossWithFollowUp(relay: Relay, frame: Crossing): RelayOutput[] {
  const { ptp, type, nowNs } = frame;
  const isSync = type === CODE.sync;
  if (relay.mode === 'one-step' && isSync) return [leave(relay, frame, [], true)];
  const key = isSync ? `S${exchangeOfSource(ptp)}${receiver(frame)}` : answerKey(frame);
  const residence = enter(relay.residences, key, nowNs);
  if (isTwoStep(ptp)) return [leave(relay, frame, [residence], false)];
  // made two-step here, so that the kernel's stamp can be told
  const octets = followUpOctets(ptp);
  const bytes = resized(frame.bytes, frame.where, octets);
  const where = { ...frame.where, end: frame.where.payload + octets };
  const followUp = { ...frame, bytes, where, ptp: bytes.subarray(where.payload, where.end) };
  becomeFollowUp(followUp.ptp);
  setPorts(bytes, where, relay.ports.general, relay.ports.general);
  setTwoStep(ptp);
  const keys = isSync ? [key] : [key, requestKey(frame)];
  return [
    leave(relay, frame, [residence], true),
    ...correct(
      relay,
      { ...followUp, type: isSync ? CODE.followUp : CODE.pdelayRespFollowUp },
      keys,
    ),
  ];
}

/** A Delay_Req or Pdelay_Req: the answer carries the residence, or it does itself. */
function crossRequest(relay: Relay, frame: Crossing): RelayOutput[] {
  const { ptp, type, nowNs, where } = frame;
  // over IPv6 it would have to take our address (EP-027), and its answer would not find home
  if (relay.mode === 'one-step' && type === CODE.delayReq && where.family === 4) {
    return [leave(relay, frame, [], true)];
  }
  const letter = type === CODE.delayReq ? 'D' : 'Q';
  const key = `${letter}${exchangeOfSource(ptp)}${sender(frame)}`;
  return [leave(relay, frame, [enter(relay.residences, key, nowNs)], false)];
}

/** Sends an event message; without residences it is given its own as it leaves. */
function leave(
  relay: Relay,
  frame: Crossing,
  residences: readonly Residence[],
  isAltered: boolean,
): RelayOutput {
  const { receivedAtNs, where, bytes, side, ptp, type } = frame;
  relay.tally.events++;
  const context = relay.nextContext++;
  const awaited: Awaited = { residences, receivedAtNs, sealedAtNs: null };
  for (const [old, { residences: lost }] of relay.awaited) {
    if (relay.awaited.size < MOST_AWAITED) break;
    relay.awaited.delete(old);
    for (const one of lost) one.isLost = true;
  }
  relay.awaited.set(context, awaited);
  takeSource(relay, frame, isAltered, type === CODE.sync);
  mend(bytes, where);
  if (residences.length > 0) return { side, bytes, context };
  const seal = (_: Uint8Array, atNs: Stamp): void => {
    awaited.sealedAtNs = atNs;
    addCorrection(ptp, toCorrection(atNs + relay.departureNs - receivedAtNs));
    relay.tally.corrected++;
    mend(bytes, where);
  };
  return { side, bytes, context, seal };
}

/** The source becomes ours where {@link RelayConfig.resource} asks for it. */
function takeSource(relay: Relay, frame: Crossing, isAltered: boolean, isTimed: boolean): void {
  const { bytes, where, side } = frame;
  const { resource, own } = relay;
  const isDemanded = isAltered && where.family === 6 && resource !== 'none';
  if (!isDemanded && !(isTimed && resource === 'timed')) return;
  const address = ownAddress(own[side], source(bytes, where), where.family);
  if (address !== undefined) setSource(bytes, where, address);
}

/** Of the scope that the source has now, as far as there is one. */
function ownAddress(
  { ipv4, ipv6, ipv6Link }: OwnAddresses,
  before: Uint8Array,
  family: 4 | 6,
): Uint8Array | undefined {
  if (family === 4) return ipv4;
  const isOnLink = before[0] === 0xfe && ((before[1] ?? 0) & 0xc0) === 0x80;
  return isOnLink ? (ipv6Link ?? ipv6) : (ipv6 ?? ipv6Link);
}

/** Sends a general message with the residences of these exchanges, as soon as all are known. */
function correct(relay: Relay, frame: Crossing, keys: readonly string[]): RelayOutput[] {
  const { bytes, where, side, type } = frame;
  const isFollowUp = type === CODE.followUp;
  const residences = keys
    .map((key) => relay.residences.get(key))
    .filter((one) => one !== undefined);
  if (residences.length === 0 && isFollowUp && relay.mode === 'two-step') {
    // overtook its Sync, or will never meet it
    residences.push(enter(relay.residences, keys[0] ?? '', frame.nowNs));
  }
  if (residences.length === 0) {
    if (relay.mode === 'two-step') relay.tally.unmatched++;
    relay.tally.generals++;
    takeSource(relay, frame, false, isFollowUp);
    mend(bytes, where);
    return [{ side, bytes }];
  }
  return finish(relay, { frame, residences });
}

/** Sends what was held, or holds it on for the next residence that is not known yet. */
function finish(relay: Relay, held: Held): RelayOutput[] {
  const { frame, residences } = held;
  const { side, bytes, where, ptp, type } = frame;
  const open = residences.find(({ correction, isLost }) => correction === null && !isLost);
  if (open !== undefined) {
    open.waiting.push(held);
    return [];
  }
  if (residences.some(({ isLost }) => isLost)) {
    relay.tally.lost++;
    return [];
  }
  for (const { correction } of residences) addCorrection(ptp, correction ?? 0n);
  relay.tally.corrected++;
  takeSource(relay, frame, true, type === CODE.followUp);
  mend(bytes, where);
  return [{ side, bytes }];
}

const toCorrection = (ns: number): bigint => BigInt(Math.round(ns * SUBNANOSECONDS));

/** An event message left, or did not: what waited for that moment goes. */
function noteDeparture(relay: Relay, input: Exclude<RelayInput, { type: 'frame' }>): RelayOutput[] {
  const awaited = relay.awaited.get(input.context);
  if (awaited === undefined) return [];
  relay.awaited.delete(input.context);
  const { residences, receivedAtNs, sealedAtNs } = awaited;
  const stayedNs = input.type === 'sent' ? input.sentAtNs - receivedAtNs : -1;
  // less than nothing: the clock was stepped
  const isKnown = stayedNs >= 0 && stayedNs < MOST_STAY_NS;
  if (isKnown) note(relay, stayedNs);
  if (isKnown && sealedAtNs !== null && input.type === 'sent') {
    const spanNs = input.sentAtNs - sealedAtNs;
    relay.departureNs += (spanNs - relay.departureNs) * DEPARTURE_PACE;
  }
  const outputs: RelayOutput[] = [];
  for (const residence of residences) {
    if (isKnown) residence.correction = toCorrection(stayedNs);
    else residence.isLost = true;
    for (const held of residence.waiting.splice(0)) outputs.push(...finish(relay, held));
  }
  return outputs;
}

const MOST_STAY_NS = 60e9;
const DEPARTURE_PACE = 1 / 16;

function note({ tally }: Relay, stayedNs: number): void {
  tally.leastNs = Math.min(tally.leastNs, stayedNs);
  tally.mostNs = Math.max(tally.mostNs, stayedNs);
  tally.sumNs += stayedNs;
}

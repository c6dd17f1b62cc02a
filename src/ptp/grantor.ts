/**
 * Unicast negotiation, the side that serves: requests become grants or denials. IEEE 1588-2008
 * §16.1; RFC 8039 §5.2.1, §5.3.1 (PTP-S08, PTP-D06). Sends nothing of what it grants: others do,
 * to whom `activeGrants` lists. How much is granted is for terms.ts to say.
 */
import { requireInteger } from '../errors.ts';
import type { DropReason, Output } from '../machine.ts';
import { isUnicast, requireIp } from '../path.ts';
import { type Tick, tick } from '../units.ts';
import { checkLimits, GRANT_LIMITS, type GrantLimits } from './caps.ts';
import {
  addGoodbyes,
  cancelTlv,
  type Goodbyes,
  type Leaving,
  nextGoodbye,
  sayGoodbyes,
  settle,
} from './goodbye.ts';
import {
  type Bucket,
  clientOf,
  createGrantTable,
  end,
  type Grant,
  type GrantTable,
  grantOf,
  nextSweep,
  running,
  sweep,
  takeToken,
} from './grants.ts';
import type { PortIdentity } from './identity.ts';
import type { Signaling } from './message.ts';
import {
  createVoice,
  type Ends,
  MOST_TLVS,
  type Negotiable,
  negotiableOf,
  notForUs,
  signal,
  type Voice,
} from './negotiation.ts';
import { answerAsks } from './terms.ts';
import type { UnicastCancel, UnicastRequest } from './tlv.ts';

export interface GrantorConfig {
  /** Ours: the same on all addresses that serve. */
  readonly port: PortIdentity;
  /** Own addresses that serve: all of a dual-ended clock, else the primary one. */
  readonly addresses: readonly string[];
  /** (0–127, default 0) */
  readonly domainNumber?: number;
  /** UDP port of general messages, ours and theirs. (default 320) */
  readonly generalPort?: number;
  readonly limits?: Partial<GrantLimits>;
}

/** Plain data. */
export interface Grantor {
  readonly port: PortIdentity;
  addresses: string[];
  readonly voice: Voice;
  readonly limits: GrantLimits;
  /** False: requests are not answered, not even denied, so that peers soon ask again. */
  isServing: boolean;
  readonly table: GrantTable;
  /** Answers to those who have no grant. */
  readonly strangers: Bucket;
  /** Grants that we took back and whose end is not acknowledged yet, by path and portIdentity. */
  readonly goodbyes: Goodbyes;
}

/** Answers to one client: so many at once, so many per second after. */
const CLIENT_BURST = 16;
const CLIENT_PER_S = 1;

/** A grantor that serves from now on. Throws ConfigError. */
export function createGrantor(config: GrantorConfig): Grantor {
  const { port, addresses, domainNumber = 0, generalPort = 320 } = config;
  requireInteger('ptp.domainNumber', domainNumber, 0, 127);
  requireInteger('ptp.generalPort', generalPort, 1, 65535);
  const limits = checkLimits({ ...GRANT_LIMITS, ...config.limits });
  return {
    port,
    addresses: addresses.map((ip, n) => requireIp(`ptp.addresses.${n}`, ip)),
    voice: createVoice(domainNumber, generalPort),
    limits,
    isServing: true,
    table: createGrantTable(),
    strangers: { tokens: limits.denialsPerS, countedNs: tick(0) },
    goodbyes: new Map(),
  };
}

/** What is to be sent now, one stream per path and type. The records change with renewals. */
export const activeGrants = (grantor: Grantor, nowNs: Tick): Readonly<Grant>[] =>
  running(grantor.table, nowNs);

/** Another number whenever {@link activeGrants} may list others, or other intervals. */
export const grantsVersion = (grantor: Grantor): number => grantor.table.version;

/** True if that port was granted that type over that path. */
export function isServed(
  grantor: Grantor,
  ends: Ends,
  port: PortIdentity,
  type: Negotiable,
  nowNs: Tick,
): boolean {
  const client = clientOf(grantor.table, ends, port);
  const grant = client && grantOf(client, type);
  return grant !== undefined && nowNs < grant.untilNs;
}

/** Takes the requests, cancels and acknowledgements of one Signaling message. */
export function hearAsGrantor(
  grantor: Grantor,
  message: Signaling,
  ends: Ends,
  nowNs: Tick,
): Output[] {
  const reason = refusal(grantor, message, ends);
  if (reason !== null) return drop(grantor, reason, ends);
  const { sourcePortIdentity: source } = message.header;
  const asks: UnicastRequest[] = [];
  const cancels: UnicastCancel[] = [];
  const outputs: Output[] = [];
  for (const tlv of message.tlvs) {
    if (tlv.type === 'REQUEST_UNICAST_TRANSMISSION' && asks.length < MOST_TLVS) asks.push(tlv);
    if (tlv.type === 'CANCEL_UNICAST_TRANSMISSION' && cancels.length < MOST_TLVS) cancels.push(tlv);
    if (tlv.type === 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION') {
      const isExpected = settle(grantor.goodbyes, ends, source, tlv.messageType);
      if (!isExpected) outputs.push(...drop(grantor, 'unasked', ends));
    }
    if (outputs.length === MOST_TLVS) break;
  }
  if (cancels.length > 0) outputs.push(...hearCancels(grantor, message, cancels, ends, nowNs));
  if (asks.length > 0) outputs.push(...hearAsks(grantor, message, asks, ends, nowNs));
  return outputs;
}

/** Ends what has ended and says again what was not acknowledged. */
export function stepGrantor(grantor: Grantor, nowNs: Tick): Output[] {
  sweep(grantor.table, nowNs);
  return sayGoodbyes(grantor.goodbyes, grantor.voice, grantor.port, nowNs);
}

/** When {@link stepGrantor} has something to do, or null. */
export function grantorDue(grantor: Grantor): Tick | null {
  const sweepNs = nextSweep(grantor.table);
  const goodbyeNs = nextGoodbye(grantor.goodbyes);
  if (sweepNs === null || goodbyeNs === null) return sweepNs ?? goodbyeNs;
  return tick(Math.min(sweepNs, goodbyeNs));
}

/** Takes grants back and says so, at {@link grantorDue}: an address goes, or the time it served. */
export function takeBack(
  grantor: Grantor,
  isMeant: (grant: Readonly<Grant>) => boolean,
  nowNs: Tick,
): void {
  const leaving: Leaving[] = [];
  for (const client of [...grantor.table.clients.values()].flat()) {
    const types = client.grants.filter(isMeant).map(({ messageType }) => messageType);
    for (const type of types) end(grantor.table, client, type);
    const { localIp, remoteIp, port } = client;
    if (types.length > 0) leaving.push({ localIp, remoteIp, port, types });
  }
  addGoodbyes(grantor.goodbyes, leaving, nowNs);
}

/** The port is a master no more: takes everything back and answers no request until it is. */
export function stopServing(grantor: Grantor, nowNs: Tick): void {
  grantor.isServing = false;
  takeBack(grantor, () => true, nowNs);
}

/** The port is a master again. */
export function startServing(grantor: Grantor): void {
  grantor.isServing = true;
}

/** Ends all grants of an address that cannot be reached (ICMP), without a word. */
export function forgetPeer(grantor: Grantor, remoteIp: string): void {
  for (const clients of [...grantor.table.clients.values()]) {
    for (const client of clients) if (client.remoteIp === remoteIp) end(grantor.table, client);
  }
}

function refusal(grantor: Grantor, message: Signaling, ends: Ends): DropReason | null {
  if (!isUnicast(ends.remoteIp)) return 'denied';
  if (!grantor.addresses.includes(ends.localIp)) return 'target';
  return notForUs(grantor.voice, grantor.port, message);
}

function drop(grantor: Grantor, reason: DropReason, { remoteIp }: Ends): Output[] {
  const from = { ip: remoteIp, port: grantor.voice.generalPort };
  return [{ type: 'drop', reason, from }];
}

function hearAsks(
  grantor: Grantor,
  message: Signaling,
  asks: readonly UnicastRequest[],
  ends: Ends,
  nowNs: Tick,
): Output[] {
  if (!grantor.isServing) return drop(grantor, 'port-state', ends);
  const { table } = grantor;
  const { sourcePortIdentity: port } = message.header;
  sweep(table, nowNs);
  const client = clientOf(table, ends, port);
  if (client && !takeToken(client.bucket, CLIENT_PER_S, CLIENT_BURST, nowNs)) {
    return drop(grantor, 'rate-limited', ends);
  }
  const bucket = { tokens: CLIENT_BURST - 1, countedNs: nowNs };
  const asker = { localIp: ends.localIp, remoteIp: ends.remoteIp, port, bucket };
  const answers = answerAsks(table, grantor.limits, asks, asker, nowNs);
  const granted = answers.filter(({ durationField }) => durationField > 0);
  for (const { messageType } of granted) settle(grantor.goodbyes, ends, port, messageType);
  if (client === undefined && granted.length === 0 && !takeStranger(grantor, nowNs)) {
    return drop(grantor, 'rate-limited', ends);
  }
  return [signal(grantor.voice, ends, grantor.port, port, answers)];
}

/** Acknowledged whether there was such a grant or not: the last acknowledgement may be lost. */
function hearCancels(
  grantor: Grantor,
  message: Signaling,
  cancels: readonly UnicastCancel[],
  ends: Ends,
  nowNs: Tick,
): Output[] {
  const { sourcePortIdentity: port } = message.header;
  let hasEnded = false;
  const tlvs: UnicastCancel[] = [];
  for (const cancel of cancels) {
    const type = negotiableOf(cancel.messageType);
    if (type === null || cancel.maintainRequest) continue;
    const client = clientOf(grantor.table, ends, port);
    if (client && end(grantor.table, client, type)) hasEnded = true;
    tlvs.push(cancelTlv('ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION', type));
  }
  if (tlvs.length === 0) return drop(grantor, 'unasked', ends);
  if (!hasEnded && !takeStranger(grantor, nowNs)) return drop(grantor, 'rate-limited', ends);
  return [signal(grantor.voice, ends, grantor.port, port, tlvs)];
}

const takeStranger = (grantor: Grantor, nowNs: Tick): boolean =>
  takeToken(grantor.strangers, grantor.limits.denialsPerS, grantor.limits.denialsPerS, nowNs);

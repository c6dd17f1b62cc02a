/**
 * One type of message from one port to one address: its sequenceIds and its rate.
 * IEEE 1588-2008 §7.3.7, §7.7.2.1; Enterprise Profile §7 (EP-052).
 */
import { NO_INTERVAL } from '../ptp/header.ts';
import { portText } from '../ptp/identity.ts';
import type { Heard, Tell } from './finding.ts';
import { remember } from './waiting.ts';

interface Stream {
  lastId: number;
  lastS: number;
  /** Where the rate is measured from. */
  fromId: number;
  fromS: number;
  count: number;
  log: number;
}

export interface Streams {
  readonly streams: Map<string, Stream>;
  /** What masters allow: log2 s by port of the slave, and by slave and master address. */
  readonly allowed: Map<string, number>;
  /** By type and addresses: a new agreement was made, sequenceIds may begin anywhere. */
  readonly anew: Map<string, true>;
}

export const createStreams = (): Streams => ({
  streams: new Map(),
  allowed: new Map(),
  anew: new Map(),
});

/** Grants and their ends, both ways between two addresses: what was promised starts anew. */
export function restartStreams({ anew }: Streams, { message, src, dst }: Heard): void {
  for (const tlv of message.tlvs) {
    if (!AGREEMENTS.includes(tlv.type)) continue;
    for (const way of [`${src} ${dst}`, `${dst} ${src}`]) {
      for (const type of TYPES) remember(anew, `${type} ${way}`, true);
    }
  }
}

const AGREEMENTS = ['GRANT_UNICAST_TRANSMISSION', 'CANCEL_UNICAST_TRANSMISSION'];

const TYPES: readonly string[] = ['Announce', 'Sync', 'Delay_Req', 'Pdelay_Req'];
/** Messages that a rate is measured over. */
const WINDOW = 16;
/** Delay_Reqs are spread at random: their mean settles later. */
const ASKED_WINDOW = 64;
const TOLERANCE = 0.3;
/** Ids that may be skipped without the rate being measured anew. */
const LOST = 8;
/** A sender that was silent for so long may have started anew. (intervals) */
const SILENCE = 4;

/** @param granted log2 s that the master promised this pair of addresses, if it is known */
export function checkStream(
  { streams, allowed, anew }: Streams,
  heard: Heard,
  granted: number | null,
  tell: Tell,
): void {
  const { message, sender, src, dst, atS } = heard;
  const { sequenceId, logMessageInterval, domainNumber } = message.header;
  if (message.type === 'Delay_Resp') {
    const asker = portText(message.requestingPortIdentity);
    if (logMessageInterval !== NO_INTERVAL) remember(allowed, asker, logMessageInterval);
    return;
  }
  if (!TYPES.includes(message.type)) return;
  const told = logMessageInterval === NO_INTERVAL ? granted : logMessageInterval;
  const log = message.type === 'Delay_Req' ? (allowed.get(sender) ?? granted) : told;
  const key = `${message.type} ${sender} ${domainNumber} ${src} ${dst}`;
  const fresh: Stream = {
    lastId: sequenceId,
    lastS: atS,
    fromId: sequenceId,
    fromS: atS,
    count: 1,
    log: log ?? NO_INTERVAL,
  };
  const stream = streams.get(key);
  if (stream === undefined) {
    remember(streams, key, fresh);
    return;
  }
  const step = (sequenceId - stream.lastId + 0x10000) % 0x10000;
  const usualS = 2 ** (log ?? 0);
  const isAgreed = anew.delete(`${message.type} ${src} ${dst}`);
  const isAnew = isAgreed || sequenceId < 2 || atS - stream.lastS > SILENCE * usualS + 1;
  if (step === 0 || step > 0x8000) {
    if (!isAnew) {
      const how = step === 0 ? 'is that of the message before' : `comes after ${stream.lastId}`;
      tell('1588-sequence', heard, `sequenceId ${sequenceId} ${how}`);
    }
    streams.set(key, fresh);
    return;
  }
  if (step > 1 && !isAnew) {
    tell('1588-gap', heard, `sequenceId goes from ${stream.lastId} to ${sequenceId}`);
  }
  if (isAnew || step > LOST || stream.log !== (log ?? NO_INTERVAL)) {
    streams.set(key, fresh);
    return;
  }
  stream.lastId = sequenceId;
  stream.lastS = atS;
  const isAsked = message.type === 'Delay_Req' || message.type === 'Pdelay_Req';
  if (++stream.count <= (isAsked ? ASKED_WINDOW : WINDOW)) return;
  checkRate(stream, heard, log, tell);
  streams.set(key, fresh);
}

/** The mean interval of a whole window: neither lost messages nor skipped ids are held against it. */
function checkRate(stream: Stream, heard: Heard, log: number | null, tell: Tell): void {
  const ids = (stream.lastId - stream.fromId + 0x10000) % 0x10000;
  const spanS = stream.lastS - stream.fromS;
  const meanS = spanS / (stream.count - 1);
  const { type } = heard.message;
  const asked = type === 'Delay_Req' || type === 'Pdelay_Req';
  const mean = `${meanS.toPrecision(3)} s apart`;
  if (type === 'Delay_Req' && meanS < (1 - TOLERANCE) / 128) {
    tell('EP-052', heard, `Delay_Reqs come ${mean}`);
  }
  if (log === null || log < -30 || log > 30) return;
  const toldS = 2 ** log;
  const isFast = meanS < toldS * (1 - TOLERANCE);
  const isSlow = spanS / ids > toldS * (1 + TOLERANCE);
  if (asked) {
    if (isFast) tell('1588-delay-rate', heard, `they come ${mean}, allowed are ${toldS} s`);
  } else if (isFast || isSlow) {
    tell('1588-rate', heard, `they come ${mean}, told are ${toldS} s`);
  }
}

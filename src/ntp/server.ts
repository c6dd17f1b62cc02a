/**
 * NTP responder: every request is answered from its own contents, the clock and one record about
 * the source; only clients that ask in interleaved mode (RFC 9769) leave something behind
 * (saved.ts). RFC 5905 §8, fig. 31; RFC 8039 §5.2.2, §5.3.2: from the address that was asked, so
 * that a client's path stays a path. Never says more than it was asked: 48 octets.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import {
  type Datagram,
  type DropReason,
  type Drops,
  type Input,
  noDrops,
  type Output,
  type Step,
} from '../machine.ts';
import type { Stamp, Tick } from '../units.ts';
import {
  CLIENT_MODE,
  HEADER_BYTES,
  type Header,
  isNoTime,
  NO_TIME,
  type NtpTime,
  RECEIVE_OFFSET,
  readHeader,
  readTime,
  SERVER_MODE,
  sameTime,
  TRANSMIT_OFFSET,
  writeHeader,
  writeTime,
} from './packet.ts';
import { type Access, createRules, isAllowed, type Rule, readIp } from './prefix.ts';
import { createRateLimit, type RateLimit, type RateLimitConfig, take } from './ratelimit.ts';
import { asciiRefid } from './refid.ts';
import {
  claim,
  clientOf,
  createSaved,
  departed,
  departureOf,
  forget,
  keep,
  type Saved,
  type SavedConfig,
} from './saved.ts';
import { ntpFromStamp } from './stamp.ts';

export type { Access } from './prefix.ts';
export type { RateLimitConfig } from './ratelimit.ts';
export type { SavedConfig } from './saved.ts';

/** What the server says about its time. Said word for word: whoever sets it keeps it current. */
export interface Source {
  /** 0 none, 1 last minute has 61 s, 2 it has 59 s, 3 unsynchronized. */
  readonly leap: 0 | 1 | 2 | 3;
  /** 1 primary, 2–15; 0 or 16 unsynchronized. */
  readonly stratum: number;
  readonly rootDelayS: number;
  readonly rootDispersionS: number;
  /** Four octets in wire order; see refid.ts for what they mean. */
  readonly refid: ArrayLike<number>;
  /** (log2 s, −127..0) */
  readonly precisionLog2S: number;
  /** When the local clock was last set from its source; null if never. */
  readonly referenceNs: Stamp | null;
}

/** Of a server that nobody has told anything yet. */
export const UNSYNCHRONIZED: Source = {
  leap: 3,
  stratum: 0,
  rootDelayS: 0,
  rootDispersionS: 0,
  refid: [0, 0, 0, 0],
  precisionLog2S: -20,
  referenceNs: null,
};

export interface ServerConfig {
  /** Unix second that stamps count from. */
  readonly epochS: number;
  readonly source: Source;
  /** null: answer everybody as often as they ask. */
  readonly rateLimit: RateLimitConfig | null;
  readonly access: Access;
  /** What to remember for clients in interleaved mode. null or left out: basic mode only. */
  readonly interleaved?: SavedConfig | null;
}

export interface NtpServer {
  epochS: number;
  leap: number;
  stratum: number;
  rootDelayS: number;
  rootDispersionS: number;
  refid: number;
  precisionLog2S: number;
  reference: NtpTime;
  limit: RateLimit | null;
  /** Poll exponent a RATE kiss asks for. */
  kissPollLog2S: number;
  rules: Rule[];
  saved: Saved | null;
  tally: {
    received: number;
    answered: number;
    /** Of these, in interleaved mode. */
    interleaved: number;
    kisses: number;
    drops: Drops;
  };
}

/** What ntpsec, too, shows while it has no time (stratum 0 would else read as a kiss). */
const UNSYNCHRONIZED_REFID = asciiRefid('INIT');
const RATE_REFID = asciiRefid('RATE');

/** Throws ConfigError. */
export function createNtpServer(config: ServerConfig): NtpServer {
  requireInteger('epochS', config.epochS, -(2 ** 40), 2 ** 40);
  const server: NtpServer = {
    epochS: config.epochS,
    leap: 3,
    stratum: 0,
    rootDelayS: 0,
    rootDispersionS: 0,
    refid: UNSYNCHRONIZED_REFID,
    precisionLog2S: 0,
    reference: NO_TIME,
    limit: config.rateLimit === null ? null : createRateLimit(config.rateLimit),
    kissPollLog2S: config.rateLimit?.intervalLog2S ?? 0,
    rules: createRules(config.access),
    saved: config.interleaved == null ? null : createSaved(config.interleaved),
    tally: { received: 0, answered: 0, interleaved: 0, kisses: 0, drops: noDrops() },
  };
  setSource(server, config.source);
  return server;
}

/** Changes what the server says from now on. Without synchronized time it says just that. */
export function setSource(server: NtpServer, source: Source): void {
  requireInteger('source.leap', source.leap, 0, 3);
  requireInteger('source.stratum', source.stratum, 0, 16);
  requireInteger('source.precisionLog2S', source.precisionLog2S, -127, 0);
  requireSpan('source.rootDelayS', source.rootDelayS);
  requireSpan('source.rootDispersionS', source.rootDispersionS);
  if (source.refid.length !== 4) {
    throw new ConfigError('source.refid', 'four octets', source.refid.length);
  }
  let refid = 0;
  for (let i = 0; i < 4; i++) {
    const octet = source.refid[i] ?? -1;
    requireInteger(`source.refid.${i}`, octet, 0, 255);
    refid = refid * 256 + octet;
  }
  const { referenceNs } = source;
  const synchronized = source.leap !== 3 && source.stratum >= 1 && source.stratum <= 15;
  server.leap = synchronized ? source.leap : 3;
  server.stratum = synchronized ? source.stratum : 0; // 16 is sent as 0
  server.refid = synchronized ? refid : UNSYNCHRONIZED_REFID;
  server.rootDelayS = source.rootDelayS;
  server.rootDispersionS = source.rootDispersionS;
  server.precisionLog2S = source.precisionLog2S;
  server.reference = referenceNs === null ? NO_TIME : ntpFromStamp(server.epochS, referenceNs);
}

/** The one mutator. */
export const stepNtpServer: Step<NtpServer> = (server: NtpServer, input: Input): Output[] => {
  if (input.type === 'datagram') return answer(server, input.datagram, input.nowNs);
  const { saved, epochS } = server;
  if (saved === null) return [];
  if (input.type === 'sent') departed(saved, input.context, ntpFromStamp(epochS, input.sentAtNs));
  if (input.type === 'clock-step') forget(saved); // of two clocks, so to speak
  return [];
};

const scratch = new Uint16Array(8); // filled and used up within one step

function answer(server: NtpServer, datagram: Datagram, nowNs: Tick): Output[] {
  server.tally.received++;
  const { remote } = datagram;
  if (remote.port === 0) return drop(server, 'unknown-port', datagram); // nobody can be there
  const request = readHeader(datagram.bytes);
  if (typeof request === 'string') return drop(server, request, datagram);
  if (request.mode !== CLIENT_MODE) return drop(server, 'mode', datagram);
  if (!readIp(remote.ip, scratch) || !isAllowed(server.rules, scratch)) {
    return drop(server, 'denied', datagram);
  }
  const taken = server.limit === null ? 'pass' : take(server.limit, scratch, nowNs);
  if (taken === 'drop') return drop(server, 'rate-limited', datagram);
  if (taken === 'kiss') return [kiss(server, request, datagram)];
  server.tally.answered++;
  return server.saved !== null && asksInterleaved(request)
    ? [replySaved(server, server.saved, request, datagram, nowNs)]
    : [reply(server, request, datagram)];
}

function drop(server: NtpServer, reason: DropReason, datagram: Datagram): Output[] {
  server.tally.drops[reason]++;
  return [{ type: 'drop', reason, from: datagram.remote }];
}

function reply(server: NtpServer, request: Header, datagram: Datagram): Output {
  const { epochS } = server;
  const receive = known(ntpFromStamp(epochS, datagram.receivedAtNs));
  return {
    type: 'transmit',
    bytes: writeReply(server, request, {
      origin: request.transmit,
      receive,
      transmit: after(receive), // until sealed
    }),
    from: datagram.local,
    to: datagram.remote,
    seal: (sealed, sentAtNs) => sealReply(sealed, epochS, sentAtNs),
  };
}

/** RFC 9769 §2: a client that copies nothing but its two cookies has these three, all different. */
const asksInterleaved = ({ version, origin, receive, transmit }: Header): boolean =>
  version === 4 && !isNoTime(origin) && !isNoTime(receive) && !sameTime(receive, transmit);

/**
 * Answers with the departure of the answer that the request names, if that is known; else in basic
 * mode. Either way the client can ask for this answer's departure next. Expects the client's address
 * in `scratch`.
 */
function replySaved(
  server: NtpServer,
  saved: Saved,
  request: Header,
  datagram: Datagram,
  nowNs: Tick,
): Output {
  const { epochS } = server;
  const client = clientOf(saved, scratch);
  const transmit = claim(saved, client, request.origin, nowNs);
  const arrival = ntpFromStamp(epochS, datagram.receivedAtNs);
  const { receive, context } = keep(saved, client, arrival, nowNs);
  const route = { from: datagram.local, to: datagram.remote, context };
  if (transmit !== null) {
    server.tally.interleaved++;
    const times = { origin: request.receive, receive, transmit };
    return { type: 'transmit', bytes: writeReply(server, request, times), ...route };
  }
  const times = { origin: request.transmit, receive, transmit: NO_TIME };
  return {
    type: 'transmit',
    bytes: writeReply(server, request, times),
    ...route,
    seal: (sealed, sentAtNs) =>
      writeTime(sealed, TRANSMIT_OFFSET, departureOf(receive, ntpFromStamp(epochS, sentAtNs))),
  };
}

/** What every reply begins with: 24 octets, version and poll left zero (of the request). */
export function replyHead(server: NtpServer): Uint8Array {
  const nobody = { version: 0, pollLog2S: 0 };
  const times = { origin: NO_TIME, receive: NO_TIME, transmit: NO_TIME };
  return writeReply(server, nobody, times).subarray(0, 24);
}

function writeReply(
  server: NtpServer,
  request: Pick<Header, 'version' | 'pollLog2S'>,
  times: { origin: NtpTime; receive: NtpTime; transmit: NtpTime },
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, {
    leap: server.leap,
    version: request.version,
    mode: SERVER_MODE,
    stratum: server.stratum,
    pollLog2S: request.pollLog2S,
    precisionLog2S: server.precisionLog2S,
    rootDelayS: server.rootDelayS,
    rootDispersionS: server.rootDispersionS,
    refid: server.refid,
    reference: server.reference,
    origin: times.origin,
    receive: times.receive,
    transmit: times.transmit,
  });
  return bytes;
}

/** Tells nothing but the code: like ntpd, the request's own stamp stands in for all three. */
function kiss(server: NtpServer, request: Header, datagram: Datagram): Output {
  server.tally.kisses++;
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, {
    leap: 3,
    version: request.version,
    mode: SERVER_MODE,
    stratum: 0,
    pollLog2S: Math.max(request.pollLog2S, server.kissPollLog2S),
    precisionLog2S: 0,
    rootDelayS: 0,
    rootDispersionS: 0,
    refid: RATE_REFID,
    reference: NO_TIME,
    origin: request.transmit,
    receive: request.transmit,
    transmit: request.transmit,
  });
  return { type: 'transmit', bytes, from: datagram.local, to: datagram.remote };
}

/** Writes the departure; a clock too coarse to have moved must not make it equal the arrival. */
function sealReply(bytes: Uint8Array, epochS: number, sentAtNs: Stamp): void {
  const sent = known(ntpFromStamp(epochS, sentAtNs));
  const receive = readTime(bytes, RECEIVE_OFFSET);
  writeTime(bytes, TRANSMIT_OFFSET, sameTime(sent, receive) ? after(receive) : sent);
}

/** Zero would mean "no time": the first instant of an era is told 2^-32 s late. */
const known = (time: NtpTime): NtpTime => (isNoTime(time) ? after(time) : time);

const after = ({ seconds, fraction }: NtpTime): NtpTime =>
  fraction < 0xffffffff
    ? { seconds, fraction: fraction + 1 }
    : { seconds: (seconds + 1) >>> 0, fraction: seconds === 0xffffffff ? 1 : 0 };

function requireSpan(field: string, value: number): void {
  if (!(value >= 0 && value < 65536)) throw new ConfigError(field, '0 to 65536 s', value);
}

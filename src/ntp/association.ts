/**
 * What an MPNTP client keeps per path: one independent NTP association (RFC 8039 §5.2.2, §5.3.2).
 * Plain records only, so that a whole client can be written to a file. Counters sit apart in
 * `tally`: they are all a rejected packet may change.
 */
import { type Address, type Drops, noDrops } from '../machine.ts';
import { type PathKey, pathKey } from '../path.ts';
import type { Stamp, Tick } from '../units.ts';
import type { Base, Interleave } from './interleave.ts';
import { NO_TIME, type NtpTime } from './packet.ts';
import { refidText } from './refid.ts';

export interface Tally {
  /** Requests that left the host. */
  sent: number;
  /** Requests the host refused to send. */
  unsent: number;
  /** Datagrams that came in on this path, good or bad. */
  received: number;
  /** Answers that were used. */
  valid: number;
  /** Those of them in interleaved mode. */
  interleaved: number;
  drops: Drops;
}

/** The request in flight. Gone once answered, invalidated or followed by the next one. */
export interface Request {
  /** Number that ties `sent` and `unsent` inputs to it. */
  context: number;
  /** What went out as transmit timestamp: random, not a time. */
  cookie: NtpTime;
  /** True time of sending; null until the host has told. */
  sentAtNs: Stamp | null;
  /** What it asks for in interleaved mode; null if it is a basic request. */
  interleave: Interleave | null;
}

/** What the server said about itself in its last valid answer. */
export interface ServerInfo {
  leap: number;
  stratum: number;
  precisionLog2S: number;
  rootDelayS: number;
  rootDispersionS: number;
  refid: number;
}

export interface Association {
  key: PathKey;
  remote: Address;
  localIp: string;
  /** 0: whichever the address has. */
  localPort: number;
  /** The pair it is of; other paths of it differ in the local port. */
  pair: PathKey;
  /** Paths of this pair that poll. */
  lanes: number;
  /** Poll exponent, raised by RATE kisses only. */
  pollLog2S: number;
  /** Added to the poll exponent while the path is silent. */
  backoff: number;
  /** Quick first exchanges still to send, and when the next one is due. */
  burstLeft: number;
  burstNs: Tick;
  /** Next regular poll: a place on the grid, plus a jitter that does not add up. */
  gridNs: Tick;
  jitterNs: number;
  /** When the last request was handed out. */
  polledNs: Tick | null;
  request: Request | null;
  /** Requests with a low hop limit, newest last: see probe.ts. */
  probes: { readonly context: number; readonly cookie: NtpTime }[];
  /** Does not poll, for its route is another path's. */
  isParked: boolean;
  /** Ask in interleaved mode where the server can (RFC 9769). */
  interleaved: boolean;
  base: Base | null;
  /** Receive and transmit stamp of the last valid answer (duplicate test). */
  lastReceive: NtpTime;
  lastTransmit: NtpTime;
  /** RFC 5905 §9.2: eight polls, newest lowest; bit set = answered. */
  reach: number;
  /** Polls since the last valid answer. */
  unanswered: number;
  contact: 'new' | 'reachable' | 'unreachable';
  /** The last request could not be sent. */
  blocked: boolean;
  /** Kiss code that stopped this path for good. */
  stopped: 'DENY' | 'RSTR' | null;
  server: ServerInfo | null;
  lastValidNs: Tick | null;
  tally: Tally;
}

/** One path as people see it. A copy: changing it changes nothing. */
export interface PathStatus {
  readonly path: PathKey;
  readonly remotePort: number;
  /** 8-bit register, newest poll lowest. */
  readonly reach: number;
  /** Poll exponent in force, silence included. (log2 s) */
  readonly pollLog2S: number;
  /** From the last valid answer; null before the first. */
  readonly stratum: number | null;
  readonly leap: number | null;
  /** Dotted quad (stratum 2 and up) or name, printable. */
  readonly refid: string | null;
  readonly precisionLog2S: number | null;
  readonly rootDelayS: number | null;
  readonly rootDispersionS: number | null;
  readonly sent: number;
  readonly unsent: number;
  readonly received: number;
  readonly valid: number;
  /** Of these, in interleaved mode. */
  readonly interleaved: number;
  readonly drops: Readonly<Drops>;
  readonly stopped: 'DENY' | 'RSTR' | null;
  readonly isParked: boolean;
  readonly lastValidNs: Tick | null;
}

export function createAssociation(
  remote: Address,
  local: { readonly ip: string; readonly port: number | undefined },
  start: { pollLog2S: number; burst: number; atNs: Tick; interleaved: boolean },
): Association {
  return {
    key: pathKey(remote.ip, local.ip, local.port),
    remote: { ip: remote.ip, port: remote.port },
    localIp: local.ip,
    localPort: local.port ?? 0,
    pair: pathKey(remote.ip, local.ip),
    lanes: 1,
    pollLog2S: start.pollLog2S,
    backoff: 0,
    burstLeft: start.burst,
    burstNs: start.atNs,
    gridNs: start.atNs,
    jitterNs: 0,
    polledNs: null,
    request: null,
    probes: [],
    isParked: false,
    interleaved: start.interleaved,
    base: null,
    lastReceive: NO_TIME,
    lastTransmit: NO_TIME,
    reach: 0,
    unanswered: 0,
    contact: 'new',
    blocked: false,
    stopped: null,
    server: null,
    lastValidNs: null,
    tally: { sent: 0, unsent: 0, received: 0, valid: 0, interleaved: 0, drops: noDrops() },
  };
}

export function statusOf(path: Association): PathStatus {
  const { server, tally } = path;
  return {
    path: path.key,
    remotePort: path.remote.port,
    reach: path.reach,
    pollLog2S: path.pollLog2S + path.backoff,
    stratum: server?.stratum ?? null,
    leap: server?.leap ?? null,
    refid: server === null ? null : refidText(server.stratum, server.refid),
    precisionLog2S: server?.precisionLog2S ?? null,
    rootDelayS: server?.rootDelayS ?? null,
    rootDispersionS: server?.rootDispersionS ?? null,
    sent: tally.sent,
    unsent: tally.unsent,
    received: tally.received,
    valid: tally.valid,
    interleaved: tally.interleaved,
    drops: { ...tally.drops },
    stopped: path.stopped,
    isParked: path.isParked,
    lastValidNs: path.lastValidNs,
  };
}

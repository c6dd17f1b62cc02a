/**
 * The shapes every protocol machine speaks. A machine is a plain-object state and one function
 * `step(state, input): Output[]`. It owns no socket, timer, clock or random source: time and
 * random bytes arrive in the input, wishes leave as outputs. drive.ts is the only caller in
 * production; tests call it with logical time.
 */
import type { PathKey } from './path.ts';
import type { Seconds, Stamp, Tick } from './units.ts';

/** An IP literal (IPv4 dotted, or IPv6 as `canonicalIp` prints it) and a UDP port. */
export interface Address {
  readonly ip: string;
  readonly port: number;
}

/** One received datagram. `bytes` is only valid during the step. */
export interface Datagram {
  readonly bytes: Uint8Array;
  /** The local address it arrived at (the bound socket's); of a group, ours on the interface. */
  readonly local: Address;
  /** The group it was sent to, canonical and without zone; left out if it was sent to us alone. */
  readonly group?: string;
  readonly remote: Address;
  /** Local clock at receipt. */
  readonly receivedAtNs: Stamp;
  /** How it came, where the host can tell. */
  readonly arrival?: Arrival;
}

/** What the network layer knew of a datagram. */
export interface Arrival {
  /** The address it was sent to, also where the socket is bound to all. */
  readonly ip: string;
  /** Number of the interface it came by. */
  readonly ifindex: number;
  /** Hop limit (TTL) that was left. */
  readonly hops: number;
}

export type Input =
  | { readonly type: 'datagram'; readonly datagram: Datagram; readonly nowNs: Tick }
  /** A transmit output left the host at `sentAtNs`; with kernel stamps this comes ms later. */
  | {
      readonly type: 'sent';
      readonly context: number;
      readonly sentAtNs: Stamp;
      readonly nowNs: Tick;
    }
  /** A transmit output could not be sent (`code` as the host names it, e.g. ENETUNREACH). */
  | {
      readonly type: 'unsent';
      readonly context: number;
      readonly code: string;
      readonly nowNs: Tick;
    }
  /** The timer asked for has come. `random` is fresh; a machine uses it once, front to back. */
  | { readonly type: 'timeout'; readonly nowNs: Tick; readonly random: Uint8Array }
  /** The local clock was stepped by `byS` (new − old); stamps before and after do not compare. */
  | { readonly type: 'clock-step'; readonly byS: Seconds; readonly nowNs: Tick };

/** What a router (or the remote end) sent back of a datagram of ours. */
export interface Returned {
  /** Who sent it back: a router on the way, or the destination. Null if the host does not know. */
  readonly routerIp: string | null;
  /** Where the datagram was to go. */
  readonly to: Address;
  /** As ICMP or ICMPv6 numbers them, by the family of `to`. */
  readonly type: number;
  readonly code: number;
  /** What came back of the datagram's payload; often all of it. */
  readonly quoted: Uint8Array;
  /** Local clock when the error came; null or left out if the host has no stamp of it. */
  readonly receivedAtNs?: Stamp | null;
}

/** An input for machines that asked for it (drive.ts, `stepReturned`). */
export interface ReturnedInput {
  readonly type: 'returned';
  /** The socket it came to. */
  readonly local: Address;
  readonly returned: Returned;
  readonly nowNs: Tick;
}

/** Bytes of randomness that come with every timeout. */
export const RANDOM_BYTES = 64;

/**
 * One valid exchange of one path, ready for the core. NTP: the two remote stamps stay in wire
 * form inside `packet` (48 bytes), the two local ones are what the host read.
 */
export interface ExchangeOutput {
  readonly type: 'exchange';
  readonly path: PathKey;
  readonly packet: Uint8Array;
  readonly localSendNs: Stamp;
  readonly localReceiveNs: Stamp;
}

/**
 * One message of one path that crossed it in one direction, stamped at both ends. PTP: forward
 * from a Sync, reverse from a Delay_Req; the two come at rates of their own. The way took
 * `receive − send − correction`: forward with the remote stamp as send, reverse with the local one.
 */
export interface OneWayOutput {
  readonly type: 'oneway';
  readonly path: PathKey;
  /** forward: remote to local. */
  readonly direction: 'forward' | 'reverse';
  /** The remote end's stamp, leap seconds taken out. (Unix ns, i64) */
  readonly remoteNs: bigint;
  /** Time spent in bridges, and the stamps' parts below a nanosecond. (2^-16 ns, i64) */
  readonly correction: bigint;
  readonly localNs: Stamp;
}

export type Output =
  | {
      readonly type: 'transmit';
      readonly bytes: Uint8Array;
      readonly from: Address;
      readonly to: Address;
      /** If given, a `sent` or `unsent` input with this number follows. */
      readonly context?: number;
      /** Hop limit of this datagram alone; `unsent` with ENOTSUP where the host has none. */
      readonly hops?: number;
      /** Called with the clock reading taken right before the send, to write it into the bytes. */
      readonly seal?: (bytes: Uint8Array, sentAtNs: Stamp) => void;
    }
  /** Wake me (type `timeout`) at this time; replaces the timer asked for before. */
  | { readonly type: 'timer'; readonly atNs: Tick }
  | ExchangeOutput
  | OneWayOutput
  | PathEvent
  | PortOutput
  | { readonly type: 'drop'; readonly reason: DropReason; readonly from: Address };

/** Something happened to a path that a human may want to know. */
export interface PathEvent {
  readonly type: 'path';
  readonly path: PathKey;
  readonly event:
    | 'reachable'
    | 'unreachable'
    | 'rate'
    | 'stopped'
    | 'unsent'
    | 'added'
    | 'removed'
    | 'parked' // does not poll any more: another path takes the same way
    | 'admitted' // polls again
    | 'granted' // PTP: a master sends a type of message from now on
    | 'denied' // PTP: it will not
    | 'expired' // PTP: its promise ended and was not renewed
    | 'cancelled'; // PTP: it took its promise back
  /** One sentence, no trailing full stop. */
  readonly reason: string;
}

/** PTP: a port changed its state, or heard of or chose a master. */
export interface PortOutput {
  readonly type: 'port';
  readonly event:
    | 'state'
    | 'foreign-master'
    | 'best-master'
    | 'grandmaster'
    | 'alternate-master' // one that may be used beside the best
    | 'rogue-master' // acts as master although another is better
    | 'unacceptable-master' // not in the acceptable master table
    | 'duplicate-identity' // two clocks, or two ways, with one identity
    | 'leap-seconds'; // not master, for want of their current count
  /** State of the port now, as ptp4l prints it. */
  readonly state: string;
  /** One sentence, as ptp4l logs it: `port 1: LISTENING to UNCALIBRATED on RS_SLAVE`. */
  readonly text: string;
}

/** Why a stranger's datagram was not used. Closed list; counted by name. */
export type DropReason =
  | 'short' // fewer bytes than a header has: NTP 48, PTP 34
  | 'malformed' // extension fields or MAC that do not parse
  | 'version' // NTP: not 3 or 4 (client: not the one asked); PTP: not 2
  | 'mode' // not a mode this side takes
  | 'unknown-path' // no such {remote, local} pair
  | 'unknown-port' // right address, wrong source port
  | 'duplicate' // same receive and transmit stamps as the last one
  | 'origin' // origin is not the outstanding cookie
  | 'zero-timestamp' // origin, receive or transmit is zero
  | 'unsynchronized' // LI 3, stratum 0 (no kiss code) or stratum > 15
  | 'root-distance' // root delay/2 + root dispersion >= 16 s
  | 'hold' // remote says it held the packet longer than the exchange took, or too long
  | 'loop' // the server follows us
  | 'kiss' // a kiss-o'-death, acted upon or ignored
  | 'stopped' // the path was told DENY or RSTR and no longer listens
  | 'rate-limited' // server: client over its rate, no answer
  | 'denied' // server: access list
  | 'server-full' // server: table full
  | 'message-type' // PTP: a reserved one
  | 'length' // PTP: messageLength exceeds the datagram, or is too short for the type
  | 'timestamp' // PTP: a second or more of nanoseconds
  | 'action' // PTP: a management action that does not exist, or that nobody waits for
  | 'tlv' // PTP: a TLV of odd length, past the message's end, or too short for its type
  | 'domain' // PTP: another domain's
  | 'sdo' // PTP: another sdoId's
  | 'target' // PTP: meant for another clock or port
  | 'port-state' // PTP: the port is in a state that does not take it
  | 'identity' // PTP: from an identity no other clock can have, or not the one that was asked
  | 'interval' // PTP: a grant whose interval or duration nobody can use
  | 'wrong-address' // PTP: from a master we follow, but between addresses that are no path
  | 'not-parent' // PTP: from a port that this path does not follow
  | 'alternate-master' // PTP: flagged so, on a path that takes the best master only
  | 'delay-mechanism' // PTP: of the mechanism that is not in use
  | 'requester' // PTP: the answer to another port's request
  | 'unasked' // PTP: the answer to a request that never was
  | 'stale' // PTP: too late for its other half, or for its request
  | 'unpaired' // PTP: its other half (Follow_Up, Sync, our own send stamp) never came
  | 'correction' // PTP: a correctionField that says it is too large to be told
  | 'utc' // PTP: the master does not say how its time becomes UTC
  | 'leap-second' // PTP: stamped so near a leap second that its UTC is in doubt
  | 'clock-step'; // PTP: stamped before the local clock was stepped

/** One count per reason a datagram was not used. */
export type Drops = Record<DropReason, number>;

export const noDrops = (): Drops => ({
  short: 0,
  malformed: 0,
  version: 0,
  mode: 0,
  'unknown-path': 0,
  'unknown-port': 0,
  duplicate: 0,
  origin: 0,
  'zero-timestamp': 0,
  unsynchronized: 0,
  'root-distance': 0,
  hold: 0,
  loop: 0,
  kiss: 0,
  stopped: 0,
  'rate-limited': 0,
  denied: 0,
  'server-full': 0,
  'message-type': 0,
  length: 0,
  timestamp: 0,
  action: 0,
  tlv: 0,
  domain: 0,
  sdo: 0,
  target: 0,
  'port-state': 0,
  identity: 0,
  interval: 0,
  'wrong-address': 0,
  'not-parent': 0,
  'alternate-master': 0,
  'delay-mechanism': 0,
  requester: 0,
  unasked: 0,
  stale: 0,
  unpaired: 0,
  correction: 0,
  utc: 0,
  'leap-second': 0,
  'clock-step': 0,
});

/** The one shape of a machine's mutator. */
export type Step<State> = (state: State, input: Input) => Output[];

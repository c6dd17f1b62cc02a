/**
 * What a slave keeps per path: one instance of the protocol, independent of all other paths
 * (RFC 8039 §5.2.1, §5.3.1; MP-06). Plain records. Counters sit apart in `tally`: they are all a
 * rejected packet may change.
 */
import { type Drops, noDrops } from '../machine.ts';
import { type PathKey, pathKey } from '../path.ts';
import type { Stamp, Tick } from '../units.ts';
import type { DelayAnswer } from './delays.ts';
import type { PortIdentity } from './identity.ts';
import type { PdelayAnswer } from './pdelays.ts';
import { createRequests, type Requests } from './requests.ts';
import { createSyncs, type SyncStamps, type Syncs } from './syncs.ts';

/** Whom a path follows, and how often the two of them speak. */
export interface Following {
  /** Only its Syncs and answers are used (BASE-B5). */
  readonly master: PortIdentity;
  /** Takes messages with the alternateMasterFlag too (EP-091). Default false. */
  readonly alternate?: boolean;
  /** Interval of its Syncs, granted or configured; a Sync that tells its own wins. (log2 s) */
  readonly logSyncInterval: number;
  /** Interval of our requests, granted or configured; null: none are sent now. (log2 s) */
  readonly logDelayInterval: number | null;
}

export interface Tally {
  /** Datagrams that came in on this path, good or bad. */
  received: number;
  /** Measurements of each direction. */
  forward: number;
  reverse: number;
  /** Requests that left the host, and that it refused to send. */
  sent: number;
  unsent: number;
  drops: Drops;
}

export interface Probed {
  readonly context: number;
  readonly sequenceId: number;
  /** Nobody waits for its answer. */
  readonly isLoose: boolean;
}

/** Plain data. */
export interface SlavePath {
  readonly key: PathKey;
  readonly remoteIp: string;
  readonly localIp: string;
  /** Where requests go: the remote address, or a multicast group. */
  requestIp: string;
  /** What we are on this path (PTP-S10). */
  readonly identity: PortIdentity;
  /** Added to the correction of what comes, taken from that of what goes. (2^-16 ns) */
  asymmetry: bigint;
  following: Following | null;
  /** Text of its master, the key of its time. */
  masterKey: string | null;
  /** What a Delay_Resp said of the interval since; null if nothing. (log2 s) */
  toldDelayLog: number | null;
  /** What a Sync said of its interval. (log2 s) */
  toldSyncLog: number | null;
  syncs: Syncs;
  /** The newest complete Sync. */
  lastSync: SyncStamps | null;
  /** The newest half of one. */
  syncHeardNs: Tick | null;
  delays: Requests<DelayAnswer>;
  pdelays: Requests<PdelayAnswer>;
  /** Mean of both ways as the newest Pdelay exchange has it. (ns) */
  peerDelayNs: number | null;
  /** Receipt of the Sync that a Pdelay exchange without master's stamps was last set against. */
  anchoredNs: Stamp | null;
  /** When each direction was last measured. */
  forwardNs: Tick | null;
  reverseNs: Tick | null;
  contact: 'new' | 'reachable' | 'unreachable';
  /** Why it is parked: nothing is measured over it, as others take its way; null if it is not. */
  parked: string | null;
  /** A trace of it is under way, whose last hops only a master answers that is asked to. */
  isTraced: boolean;
  /** Requests of late that were sent with a low hop limit, see probe.ts. */
  probes: Probed[];
  /** The last request could not be sent. */
  isBlocked: boolean;
  tally: Tally;
}

/** What follows from one master; gone when the path follows another. */
export const freshExchange = () => ({
  toldDelayLog: null,
  toldSyncLog: null,
  syncs: createSyncs(),
  lastSync: null,
  syncHeardNs: null,
  delays: createRequests<DelayAnswer>(),
  pdelays: createRequests<PdelayAnswer>(),
  peerDelayNs: null,
  anchoredNs: null,
  forwardNs: null,
  reverseNs: null,
});

export function createSlavePath(
  remoteIp: string,
  localIp: string,
  identity: PortIdentity,
  requestIp: string,
): SlavePath {
  return {
    key: pathKey(remoteIp, localIp),
    remoteIp,
    localIp,
    requestIp,
    identity,
    asymmetry: 0n,
    following: null,
    masterKey: null,
    ...freshExchange(),
    contact: 'new',
    parked: null,
    isTraced: false,
    probes: [],
    isBlocked: false,
    tally: { received: 0, forward: 0, reverse: 0, sent: 0, unsent: 0, drops: noDrops() },
  };
}

/**
 * To whom a master port sends, and the streams that follow from it: one schedule and one series of
 * sequenceIds each. IEEE 1588-2008 §7.3.7, §9.5.9; RFC 8039 §5.3.1. Sends nothing: transmit.ts does.
 */
import { isUnicast } from '../path.ts';
import { NS_PER_S, type Tick, tick } from '../units.ts';
import { type Bucket, createBucket } from './allowance.ts';
import { type Ipv6Scope, primaryGroup } from './groups.ts';
import { ALL_PORTS, type PortIdentity, portText } from './identity.ts';
import { order } from './queue.ts';

/**
 * What somebody was granted (the grantor's records fit), or what is sent by multicast. Kept, not
 * copied: a renewal may move `untilNs` in place.
 */
export interface Destination {
  /** Own address that it leaves from. */
  readonly localIp: string;
  /** Unicast address, or a group. */
  readonly remote: string;
  /** Whose grant it is; null by multicast. */
  readonly targetPort: PortIdentity | null;
  /** Follow_Ups go where their Syncs go. The last two are permits: answers, not schedules. */
  readonly messageType: 'Announce' | 'Sync' | 'Delay_Resp' | 'Pdelay_Resp';
  /** Mean interval. (log2 s) */
  readonly logInterval: number;
  /** The first instant without it; null for ever. */
  readonly untilNs: Tick | null;
}

/** One address pair of a stream. */
export interface Leg {
  readonly localIp: string;
  readonly remoteIp: string;
  readonly grant: Destination;
  /** The host refused the last send. */
  isFailing: boolean;
}

/**
 * What one receiver gets of one message type. Syncs: one address pair. Announces: all pairs of the
 * receiver, each time with one sequenceId, as it hears one port over many paths (PTP-D03, PTP-D16).
 */
export interface Stream {
  readonly key: string;
  readonly messageType: 'Announce' | 'Sync';
  logInterval: number;
  dueNs: Tick;
  /** Of the next message. (u16) */
  sequenceId: number;
  legs: Leg[];
}

/** Answers to one port over one pair. */
export interface Permit {
  readonly logInterval: number;
  readonly grant: Destination;
  readonly bucket: Bucket;
}

/** Where a destination went, and the interval it had then. */
interface Held {
  readonly key: string;
  readonly logInterval: number;
  /** The last list that it was in. */
  list: number;
}

/** What a port sends to whom. */
export interface Streams {
  /** A heap, see queue.ts. */
  queue: Stream[];
  /** The same by key. */
  readonly byKey: Map<string, Stream>;
  /** By {@link permitKey}. */
  readonly permits: Map<string, Permit>;
  readonly held: Map<Destination, Held>;
  /** Lists so far. */
  lists: number;
  /** Streams begun so far: spreads their phases. */
  begun: number;
  /** Ticks of all streams so far by type: where a new one begins to count. */
  announces: number;
  syncs: number;
}

export const createStreams = (): Streams => ({
  queue: [],
  byKey: new Map(),
  permits: new Map(),
  held: new Map(),
  lists: 0,
  begun: 0,
  announces: 0,
  syncs: 0,
});

/** Shorter intervals than any profile has are made this long. (log2 s) */
const MIN_LOG_INTERVAL = -10;
/** A new stream of unicast Syncs begins within this. (s) */
const SPREAD_S = 1;
/** Fraction of the golden ratio: however many streams, their phases stay apart. */
const GOLDEN = 0.6180339887498949;
/** Slaves draw Delay_Req intervals at random, at most half the mean for a while. */
const PERMIT_MARGIN = 2;

/** log2 s → ns; exact, so that schedules do not drift. */
export const intervalNs = (logInterval: number): number =>
  2 ** Math.max(logInterval, MIN_LOG_INTERVAL) * NS_PER_S;

/**
 * Takes a whole list in place of the one before. Streams that stay keep phase and sequenceId;
 * a new one begins at once (Syncs by unicast within a second, apart from each other), and counts
 * from where all streams of its type have got to: a client that comes back sees no older ids.
 * One record per pair, port and type. Those that were in the list before cost next to nothing.
 */
export function replaceDestinations(
  streams: Streams,
  destinations: readonly Destination[],
  nowNs: Tick,
): void {
  const { held } = streams;
  const list = ++streams.lists;
  const isBeside = destinations.some(
    ({ messageType, targetPort }) => messageType === 'Sync' && targetPort === null,
  );
  let isChanged = false;
  for (const grant of destinations) {
    const known = held.get(grant);
    const { logInterval } = grant;
    if (known?.logInterval === logInterval) {
      known.list = list;
      continue;
    }
    const key = attach(streams, grant, isBeside, nowNs);
    held.set(grant, { key, logInterval, list });
    if (known !== undefined && known.key !== key) detach(streams, grant, known.key);
    isChanged = true;
  }
  // Only now, so that a new record for the same pair has found the stream of the old one.
  for (const [grant, { key, list: last }] of held) {
    if (last === list) continue;
    held.delete(grant);
    detach(streams, grant, key);
    isChanged = true;
  }
  if (!isChanged) return;
  streams.queue = [...streams.byKey.values()];
  order(streams.queue);
}

/** Forgets the pairs of a stream whose time is over. @returns false if none is left */
export function endLegs(streams: Streams, stream: Stream, nowNs: Tick): boolean {
  if (stream.legs.every(({ grant }) => isRunning(grant, nowNs))) return true;
  for (const { grant } of stream.legs) if (!isRunning(grant, nowNs)) streams.held.delete(grant);
  stream.legs = stream.legs.filter(({ grant }) => isRunning(grant, nowNs));
  if (stream.legs.length === 0) streams.byKey.delete(stream.key);
  return stream.legs.length > 0;
}

/** Where answers of a type to one port over one pair are looked up. */
export const permitKey = (
  messageType: 'Delay_Resp' | 'Pdelay_Resp',
  localIp: string,
  remoteIp: string,
  port: PortIdentity,
): string => `${messageType}|${localIp}|${remoteIp}|${portText(port)}`;

/** What a plain multicast master sends, or an MPPTP one of Announces (MP-21). */
export interface MulticastConfig {
  /** One: single-ended, from the primary (PTP-S03). All: dual-ended (PTP-D03). */
  readonly localIps: readonly string[];
  /** (log2 s) */
  readonly logAnnounceInterval: number;
  /** null: Syncs by unicast only. (log2 s) */
  readonly logSyncInterval: number | null;
  readonly scope?: Ipv6Scope;
}

/** True until the first instant without it. */
export const isRunning = ({ untilNs }: Destination, nowNs: Tick): boolean =>
  untilNs === null || nowNs < untilNs;

export function multicastDestinations(config: MulticastConfig): Destination[] {
  const { localIps, logAnnounceInterval, logSyncInterval, scope } = config;
  return localIps.flatMap((localIp): Destination[] => {
    const remote = primaryGroup(localIp, scope);
    const to = { localIp, remote, targetPort: null, untilNs: null } as const;
    const announce = { ...to, messageType: 'Announce', logInterval: logAnnounceInterval } as const;
    if (logSyncInterval === null) return [announce];
    return [announce, { ...to, messageType: 'Sync', logInterval: logSyncInterval }];
  });
}

/**
 * @param isBeside there are Syncs by multicast, too
 * @returns the key of its stream or permit
 */
function attach(streams: Streams, grant: Destination, isBeside: boolean, nowNs: Tick): string {
  const { messageType, targetPort, localIp, remote: remoteIp, logInterval } = grant;
  const { byKey, permits } = streams;
  if (messageType === 'Delay_Resp' || messageType === 'Pdelay_Resp') {
    const key = permitKey(messageType, localIp, remoteIp, targetPort ?? ALL_PORTS);
    permits.set(key, permitOf(grant, permits.get(key), nowNs));
    return key;
  }
  const key = streamKey(grant);
  const stream = byKey.get(key) ?? begin(streams, key, messageType, grant, isBeside, nowNs);
  byKey.set(key, stream);
  retime(stream, logInterval, nowNs);
  const at = stream.legs.findIndex((leg) => leg.localIp === localIp && leg.remoteIp === remoteIp);
  const isFailing = stream.legs[at]?.isFailing ?? false;
  const leg = { localIp, remoteIp, grant, isFailing };
  if (at < 0) stream.legs.push(leg);
  else stream.legs[at] = leg;
  return key;
}

function detach({ byKey, permits }: Streams, grant: Destination, key: string): void {
  if (permits.get(key)?.grant === grant) permits.delete(key);
  const stream = byKey.get(key);
  if (stream === undefined) return;
  stream.legs = stream.legs.filter((leg) => leg.grant !== grant);
  if (stream.legs.length === 0) byKey.delete(key);
}

/** Announces of different intervals cannot share their sequenceIds; nobody asks for such. */
function streamKey(destination: Destination): string {
  const { messageType, targetPort, localIp, remote, logInterval } = destination;
  const receiver = targetPort === null ? 'all' : portText(targetPort);
  return messageType === 'Announce'
    ? `Announce|${receiver}|${logInterval}`
    : `Sync|${receiver}|${localIp}|${remote}`;
}

/**
 * A slave with a grant may hear our multicast, too: the Follow_Up of one stream must not fit the
 * Sync of the other.
 */
const APART = 0x8000;

function begin(
  streams: Streams,
  key: string,
  messageType: 'Announce' | 'Sync',
  { remote, logInterval }: Destination,
  isBeside: boolean,
  nowNs: Tick,
): Stream {
  const isSpread = messageType === 'Sync' && isUnicast(remote);
  const withinNs = Math.min(intervalNs(logInterval), SPREAD_S * NS_PER_S);
  const phase = isSpread ? (streams.begun++ * GOLDEN) % 1 : 0;
  const counted = messageType === 'Sync' ? streams.syncs : streams.announces;
  return {
    key,
    messageType,
    logInterval,
    dueNs: tick(nowNs + Math.floor(phase * withinNs)),
    sequenceId: (isSpread && isBeside ? counted + APART : counted) & 0xffff,
    legs: [],
  };
}

/** A shorter interval counts from now; a longer one from the message that is due. */
function retime(stream: Stream, logInterval: number, nowNs: Tick): void {
  if (stream.logInterval === logInterval) return;
  stream.logInterval = logInterval;
  stream.dueNs = tick(Math.min(stream.dueNs, nowNs + intervalNs(logInterval)));
}

/** Keeps what is left of an interval's answers. */
function permitOf(grant: Destination, before: Permit | undefined, nowNs: Tick): Permit {
  const { logInterval } = grant;
  if (before?.logInterval === logInterval) return { ...before, grant };
  const bucket = createBucket((PERMIT_MARGIN * NS_PER_S) / intervalNs(logInterval), nowNs);
  return { logInterval, grant, bucket };
}

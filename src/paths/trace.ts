/**
 * One trace of one path: requests with a growing hop limit between the addresses and ports of the
 * path itself (PATH-03, PATH-04; Paris traceroute keeps the flow likewise). Says which hop limit
 * is next and what the answers mean; one probe is under way at a time.
 */
import { type PathKey, pathParts } from '../path.ts';
import { NS_PER_S, type Stamp, type Tick, tick } from '../units.ts';
import type { IcmpKind } from './icmp.ts';
import type { Hop, Route, RouteEnd } from './route.ts';

export interface TraceSettings {
  /** Highest hop limit. (1–64) */
  readonly maxHops: number;
  /** Probes to a hop that does not answer. (1–5) */
  readonly tries: number;
  /** Answers wanted of each hop; more than one shows load balancing by packet. (1–5) */
  readonly answers: number;
  /** Hops without answer in a row that end a trace. (1–16) */
  readonly silences: number;
  /** How long an answer may take. (ns) */
  readonly timeoutNs: number;
}

interface Probe {
  readonly id: number;
  readonly hops: number;
  readonly sentNs: Tick;
  /** Local clock when it left, by the kernel; null until that is known. */
  departedAtNs: Stamp | null;
  /** Who has sent it back; more than one, and somebody lies. */
  routers: string[];
  /** One of them proved that it saw the probe. */
  isProven: boolean;
}

interface HopState {
  routers: string[];
  delayS: number | null;
  answers: number;
  probes: number;
}

/** Plain data; only this file changes it. */
export interface Trace {
  readonly path: PathKey;
  readonly settings: TraceSettings;
  /** Hop limit being asked for. */
  at: number;
  hops: HopState[];
  /** All that were sent: late answers still tell. */
  probes: Probe[];
  /** Sent and neither answered nor given up. */
  waiting: Probe | null;
  /** Nearest hop limit with which the remote end answered; the hops before it may be in question. */
  arrivedAt: number | null;
  /** Shortest time to the remote end and back (s). */
  endDelayS: number | null;
  /** Probes in a row the host could not send. */
  unsent: number;
  end: { readonly why: RouteEnd; readonly atNs: Tick } | null;
}

const MAX_UNSENT = 3;
/** Names taken for one probe; one tells the truth, two are enough to doubt it. */
const MOST_NAMES = 4;
/** Local clock and monotonic time may differ so much over a probe's life. (s) */
const CLOCK_SLACK_S = 1e-3;

export const beginTrace = (path: PathKey, settings: TraceSettings): Trace => ({
  path,
  settings,
  at: 1,
  hops: [],
  probes: [],
  waiting: null,
  arrivedAt: null,
  endDelayS: null,
  unsent: 0,
  end: null,
});

/** The hop limit to send with now; null while one is under way, and after the end. */
export const nextHops = (trace: Trace): number | null =>
  trace.end === null && trace.waiting === null ? trace.at : null;

/** When the probe under way is given up; null if there is none. */
export const traceDue = ({ waiting, settings, end }: Trace): Tick | null =>
  waiting === null || end !== null ? null : tick(waiting.sentNs + settings.timeoutNs);

/** The probe asked for is on its way. `id` is the caller's, and new. */
export function probeSent(trace: Trace, id: number, nowNs: Tick): void {
  if (trace.end !== null) return;
  const probe: Probe = {
    id,
    hops: trace.at,
    sentNs: nowNs,
    departedAtNs: null,
    routers: [],
    isProven: false,
  };
  trace.waiting = probe;
  trace.probes.push(probe);
  hopAt(trace, trace.at).probes++;
}

/** The kernel tells when the probe left. After its answer that is of no use any more. */
export function probeDeparted(trace: Trace, id: number, atNs: Stamp): void {
  const probe = trace.probes.find((sent) => sent.id === id);
  if (probe !== undefined) probe.departedAtNs = atNs;
}

/** The host refused the probe. `cannot`: it never will (no such option, no permission). */
export function probeUnsent(trace: Trace, id: number, cannot: boolean, nowNs: Tick): void {
  if (trace.end !== null || trace.waiting?.id !== id) return;
  trace.probes.pop();
  trace.waiting = null;
  hopAt(trace, trace.at).probes--;
  trace.unsent++;
  if (cannot || trace.unsent >= MAX_UNSENT) finish(trace, 'unable', nowNs);
}

/** What came back of a probe. */
export interface Returned {
  readonly routerIp: string;
  readonly kind: IcmpKind;
  /** Local clock, where the kernel stamped it. */
  readonly receivedAtNs?: Stamp | null | undefined;
  /** Too little of it to prove that the sender saw the probe: anybody may have sent this. */
  readonly isPartial?: boolean;
}

/**
 * A router (or the remote end) sent the probe back. Unknown ids say nothing. Of what strangers could
 * send, too, only that a router is on the way is believed, only while that is asked, and until
 * somebody proves better. If two say it that are as good, the hop has two names (PATH-13).
 */
export function probeReturned(
  trace: Trace,
  id: number,
  { routerIp, kind, receivedAtNs, isPartial = false }: Returned,
  nowNs: Tick,
): void {
  if (trace.end !== null) return;
  const probe = trace.probes.find((sent) => sent.id === id);
  if (probe === undefined || probe.routers.includes(routerIp)) return;
  const isWaitedFor = trace.waiting?.id === id;
  const isFirst = probe.routers.length === 0;
  if (isPartial && (kind !== 'exceeded' || probe.isProven || (isFirst && !isWaitedFor))) return;
  if (probe.routers.length >= MOST_NAMES) return;
  const disproved = isPartial || probe.isProven ? [] : probe.routers;
  probe.routers = [...probe.routers, routerIp];
  probe.isProven ||= !isPartial;
  const { remoteIp } = pathParts(trace.path);
  const delayS = delayOf(probe, receivedAtNs ?? null, nowNs);
  if (isWaitedFor) trace.waiting = null;
  trace.unsent = 0;
  if (kind === 'port' && routerIp === remoteIp) {
    arrived(trace, probe.hops, delayS, nowNs);
    return;
  }
  if (trace.arrivedAt !== null && probe.hops >= trace.arrivedAt) return;
  const hop = hopAt(trace, probe.hops);
  hop.routers = hop.routers.filter((name) => !disproved.includes(name));
  if (!hop.routers.includes(routerIp)) hop.routers.push(routerIp);
  if (!isFirst) return;
  hop.answers++;
  hop.delayS = shorter(hop.delayS, delayS);
  if (kind !== 'exceeded') {
    trace.hops.length = probe.hops;
    finish(trace, 'refused', nowNs);
  } else if (isLoop(trace, probe.hops, routerIp, remoteIp)) finish(trace, 'loop', nowNs);
  else if (isWaitedFor) goOn(trace, nowNs);
}

/** The remote end answered the probe. */
export function probeAnswered(
  trace: Trace,
  id: number,
  nowNs: Tick,
  receivedAtNs: Stamp | null = null,
): void {
  if (trace.end !== null) return;
  const probe = trace.probes.find((sent) => sent.id === id);
  if (probe === undefined) return;
  arrived(trace, probe.hops, delayOf(probe, receivedAtNs, nowNs), nowNs);
}

/** Gives up a probe that took too long. */
export function traceTimeout(trace: Trace, nowNs: Tick): void {
  const due = traceDue(trace);
  if (due === null || nowNs < due) return;
  trace.waiting = null;
  goOn(trace, nowNs);
}

/** What is known after the end; null before. */
export function routeOf(trace: Trace): Route | null {
  if (trace.end === null) return null;
  const hops = trace.hops.map(({ routers, delayS }): Hop => ({ routers: [...routers], delayS }));
  // Silence at the far end of a trace that never arrived is no hop
  if (trace.end.why !== 'remote') while (hops.at(-1)?.routers.length === 0) hops.pop();
  const { end, endDelayS, path } = trace;
  return { path, hops, end: end.why, endDelayS, atNs: end.atNs };
}

function hopAt(trace: Trace, hops: number): HopState {
  for (;;) {
    const hop = trace.hops[hops - 1];
    if (hop !== undefined) return hop;
    trace.hops.push({ routers: [], delayS: null, answers: 0, probes: 0 });
  }
}

/**
 * The remote end is `hops` away at most: what is nearer are routers, what is farther never was. If
 * the hop before it was silent, that may have been the remote end itself, whose answer was lost: it
 * is asked once more.
 */
function arrived(trace: Trace, hops: number, delayS: number, nowNs: Tick): void {
  trace.endDelayS = shorter(trace.endDelayS, delayS);
  if (trace.arrivedAt !== null && hops >= trace.arrivedAt) return;
  trace.arrivedAt = hops;
  trace.waiting = null;
  trace.hops.length = Math.min(trace.hops.length, hops - 1);
  trace.at = hops - 1;
  const last = trace.hops[hops - 2];
  const isAsked = last !== undefined && last.answers === 0;
  if (!isAsked || last.probes >= 2 * trace.settings.tries) finish(trace, 'remote', nowNs);
}

const shorter = (known: number | null, delayS: number): number =>
  known === null ? delayS : Math.min(known, delayS);

/** Between the kernel's stamps if both are there, and the clock was not stepped between them. (s) */
function delayOf({ sentNs, departedAtNs }: Probe, receivedAtNs: Stamp | null, nowNs: Tick): number {
  const longestS = (nowNs - sentNs) / NS_PER_S;
  if (departedAtNs === null || receivedAtNs === null) return longestS;
  const delayS = (receivedAtNs - departedAtNs) / NS_PER_S;
  return delayS >= 0 && delayS <= longestS + CLOCK_SLACK_S ? delayS : longestS;
}

function finish(trace: Trace, why: RouteEnd, atNs: Tick): void {
  trace.waiting = null;
  trace.probes = [];
  trace.end = { why, atNs };
}

/** After an answer or a time-out: the same hop again, the next one, or the end. */
function goOn(trace: Trace, nowNs: Tick): void {
  const { maxHops, tries, answers, silences } = trace.settings;
  const hop = hopAt(trace, trace.at);
  const unanswered = hop.probes - hop.answers;
  const most = trace.arrivedAt === null ? tries : 2 * tries;
  if (hop.answers < answers && unanswered < most) return;
  if (trace.arrivedAt !== null) {
    finish(trace, 'remote', nowNs);
    return;
  }
  let silent = 0;
  while (silent < trace.at && trace.hops[trace.at - 1 - silent]?.answers === 0) silent++;
  if (silent >= silences) finish(trace, 'silent', nowNs);
  else if (trace.at >= maxHops) finish(trace, 'limit', nowNs);
  else trace.at++;
}

/**
 * A router comes again after another one, or three times running. Twice running happens where a
 * router passes on what it should have sent back. Behind a NAT all have the remote end's name.
 */
function isLoop(trace: Trace, hops: number, routerIp: string, remoteIp: string): boolean {
  if (routerIp === remoteIp) return false;
  const isAt = (distance: number) => trace.hops[distance - 1]?.routers.includes(routerIp) ?? false;
  if (isAt(hops - 1) && isAt(hops - 2)) return true;
  for (let nearer = hops - 2; nearer >= 1; nearer--) {
    if (isAt(nearer) && !isAt(nearer + 1)) return true;
  }
  return false;
}

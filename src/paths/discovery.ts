/**
 * Path discovery (RFC 8039 §5.4) over all paths of a client: traces each once a period, compares
 * the routes, and says which paths to park and which to admit again. Pure, and knows no protocol:
 * a probe is a wish, whoever owns the paths makes it (its next request with a low hop limit) and
 * tells what became of it. Routes are those from us to the remote end; the way back stays unknown
 * unless `symmetric` is guaranteed (PATH-15, PATH-08).
 */
import type { PathKey } from '../path.ts';
import { type Stamp, type Tick, tick } from '../units.ts';
import { type Arrivals, noteArrival, quietUntil } from './arrivals.ts';
import { type Candidate, decideParking, type Parking } from './decide.ts';
import { compareRoutes, type Route } from './route.ts';
import { checkDiscovery, type DiscoveryOptions, type DiscoverySettings } from './settings.ts';
import {
  beginTrace,
  nextHops,
  probeAnswered,
  probeDeparted,
  probeReturned,
  probeSent,
  probeUnsent,
  type Returned,
  routeOf,
  type Trace,
  traceDue,
  traceTimeout,
} from './trace.ts';
import { voteShares } from './votes.ts';

/** One path as discovery sees it. */
export interface Found {
  readonly path: PathKey;
  /** Of the round under way; null between rounds, or when it has ended. */
  trace: Trace | null;
  /** Not before this time: the path was busy with a request of its own. */
  notBeforeNs: Tick;
  /** What the last whole round saw. */
  route: Route | null;
  /** What this round has seen so far. */
  fresh: Route | null;
  parking: Parking | null;
  isSilent: boolean;
  /** Never parked: whoever owns it cannot stop it. */
  readonly isFixed: boolean;
  readonly server: string;
}

/** What is said of a path that comes later. */
export interface NewPath {
  /** Not heard yet: neither stands for others nor is parked until it is. Default false. */
  readonly isSilent?: boolean;
  /** Cannot be parked. Default false. */
  readonly isFixed?: boolean;
  /** Whose path it is: one server's paths never give way to another's. Default ''. */
  readonly server?: string;
  /** Now: the next round is brought forward for it. Default: it waits for the next. */
  readonly nowNs?: Tick;
}

/** Plain data; only this file changes it. */
export interface Discovery {
  readonly settings: DiscoverySettings;
  paths: Found[];
  /** Whose turn it is. */
  turn: number;
  arrivals: Arrivals;
  /** When the next probe of any path may go. */
  nextProbeNs: Tick;
  /** When the next round begins. */
  nextRoundNs: Tick;
  isRound: boolean;
  /** Rounds that came to an end. */
  rounds: number;
  /** How often it was decided who is parked: what paths share may be otherwise since. */
  decisions: number;
}

/** What became of a wish, and what else happened to a path. `id` numbers probes, each once. */
export type Heard =
  | { readonly type: 'timeout'; readonly random: Uint8Array }
  | { readonly type: 'sent'; readonly path: PathKey; readonly id: number }
  /** The path waits for an answer to a request of its own; ask again later. */
  | { readonly type: 'busy'; readonly path: PathKey }
  | { readonly type: 'unsent'; readonly path: PathKey; readonly id: number; readonly code: string }
  | ({ readonly type: 'returned'; readonly path: PathKey; readonly id: number } & Returned)
  | {
      readonly type: 'answered';
      readonly path: PathKey;
      readonly id: number;
      readonly receivedAtNs?: Stamp;
    }
  /** When the probe left by the local clock, if that is known before its answer comes. */
  | {
      readonly type: 'departed';
      readonly path: PathKey;
      readonly id: number;
      readonly atNs: Stamp;
    }
  /** The remote end fell silent, or is heard again. */
  | { readonly type: 'contact'; readonly path: PathKey; readonly isSilent: boolean };

export type Wish =
  /** Send the path's next request with this hop limit; answer `sent` or `busy` at once. */
  | { readonly type: 'probe'; readonly path: PathKey; readonly hops: number }
  | { readonly type: 'park'; readonly path: PathKey; readonly parking: Parking }
  | { readonly type: 'admit'; readonly path: PathKey; readonly reason: string }
  | { readonly type: 'route'; readonly route: Route; readonly isNew: boolean }
  /** All paths are traced; decisions have been made. */
  | { readonly type: 'round'; readonly number: number };

/** A busy path is asked again after this time. (ns) */
const BUSY_NS = 250e6;
/** A round begins up to this part of the period early, so that hosts do not trace in step. */
const JITTER_PART = 1 / 16;
/** Codes of hosts and systems that will never send a probe. */
const NEVER = new Set(['ENOTSUP', 'EPERM', 'EACCES', 'EINVAL', 'ENOPROTOOPT']);

/** @param serverOf see {@link NewPath.server}. Throws ConfigError. */
export function createDiscovery(
  paths: readonly PathKey[],
  options: DiscoveryOptions,
  nowNs: Tick,
  serverOf: (path: PathKey) => string = () => '',
): Discovery {
  const settings = checkDiscovery(options);
  const startNs = tick(nowNs + settings.startNs);
  return {
    settings,
    paths: paths.map((path) => newPath(path, { server: serverOf(path) })),
    turn: 0,
    arrivals: {},
    nextProbeNs: startNs,
    nextRoundNs: startNs,
    isRound: false,
    rounds: 0,
    decisions: 0,
  };
}

const newPath = (
  path: PathKey,
  { isSilent = false, isFixed = false, server = '' }: NewPath = {},
): Found => ({
  path,
  trace: null,
  notBeforeNs: tick(0),
  route: null,
  fresh: null,
  parking: null,
  isSilent,
  isFixed,
  server,
});

/** Takes up a path at the next round; nothing if it is known. */
export function addTo(discovery: Discovery, path: PathKey, told: NewPath = {}): void {
  if (find(discovery, path) !== undefined) return;
  discovery.paths.push(newPath(path, told));
  if (told.nowNs === undefined) return;
  const soonNs = tick(told.nowNs + discovery.settings.startNs);
  if (soonNs < discovery.nextRoundNs) discovery.nextRoundNs = soonNs;
}

/** Gives a path up. What it stood for is admitted. */
export function removeFrom(discovery: Discovery, path: PathKey): Wish[] {
  discovery.paths = discovery.paths.filter((found) => found.path !== path);
  const wishes: Wish[] = [];
  decide(discovery, wishes);
  return wishes;
}

/** When discovery wants its next `timeout`; null while there is nothing to trace. */
export function discoveryDue(discovery: Discovery): Tick | null {
  if (discovery.paths.length === 0) return null;
  if (!discovery.isRound) return discovery.nextRoundNs;
  let due = Number.POSITIVE_INFINITY;
  for (const { trace, notBeforeNs } of discovery.paths) {
    if (trace === null) continue;
    const atNs =
      traceDue(trace) ??
      Math.max(discovery.nextProbeNs, notBeforeNs, quietUntil(discovery.arrivals, trace));
    due = Math.min(due, atNs);
  }
  return due === Number.POSITIVE_INFINITY ? discovery.nextProbeNs : tick(due);
}

/** The one mutator. */
export function stepDiscovery(discovery: Discovery, heard: Heard, nowNs: Tick): Wish[] {
  const wishes: Wish[] = [];
  if (heard.type === 'timeout') {
    for (const { trace } of discovery.paths) if (trace !== null) traceTimeout(trace, nowNs);
    harvest(discovery, wishes);
    if (!discovery.isRound && nowNs >= discovery.nextRoundNs) {
      begin(discovery, heard.random, nowNs);
    }
    ask(discovery, wishes, nowNs);
    return wishes;
  }
  const found = find(discovery, heard.path);
  if (found === undefined) return wishes;
  const { trace } = found;
  if (heard.type === 'contact') {
    if (found.isSilent === heard.isSilent) return wishes;
    found.isSilent = heard.isSilent;
    if (discovery.rounds > 0) decide(discovery, wishes);
  } else if (trace === null) return wishes;
  else if (heard.type === 'sent') probeSent(trace, heard.id, nowNs);
  else if (heard.type === 'busy') found.notBeforeNs = tick(nowNs + BUSY_NS);
  else if (heard.type === 'departed') probeDeparted(trace, heard.id, heard.atNs);
  else if (heard.type === 'unsent') {
    probeUnsent(trace, heard.id, NEVER.has(heard.code), nowNs);
  } else {
    if (heard.type === 'answered') probeAnswered(trace, heard.id, nowNs, heard.receivedAtNs);
    else probeReturned(trace, heard.id, heard, nowNs);
    noteArrival(discovery.arrivals, trace, discovery.settings.arrivalSpacingNs, nowNs);
  }
  harvest(discovery, wishes);
  return wishes;
}

/** The last known routes, by path. */
export function routesOf(discovery: Discovery): Map<PathKey, Route> {
  const routes = new Map<PathKey, Route>();
  for (const { path, route } of discovery.paths) if (route !== null) routes.set(path, route);
  return routes;
}

/** What the voice of each path counts, [0, 1]. */
export const votesOf = (discovery: Discovery): Map<PathKey, number> =>
  voteShares(
    discovery.paths.map(({ path, parking }) => ({ path, isParked: parking !== null })),
    routesOf(discovery),
  );

const find = (discovery: Discovery, path: PathKey): Found | undefined =>
  discovery.paths.find((found) => found.path === path);

function begin(discovery: Discovery, random: Uint8Array, nowNs: Tick): void {
  const { periodNs, trace } = discovery.settings;
  const chance = ((random[0] ?? 0) * 256 + (random[1] ?? 0)) / 65536; // [0, 1)
  discovery.isRound = true;
  discovery.nextRoundNs = tick(Math.round(nowNs + periodNs * (1 - chance * JITTER_PART)));
  for (const found of discovery.paths) {
    found.fresh = null;
    found.trace = beginTrace(found.path, trace);
  }
}

/** One probe, of the path whose turn it is. */
function ask(discovery: Discovery, wishes: Wish[], nowNs: Tick): void {
  if (!discovery.isRound || nowNs < discovery.nextProbeNs) return;
  const { paths } = discovery;
  for (let step = 0; step < paths.length; step++) {
    const at = (discovery.turn + step) % paths.length;
    const found = paths[at];
    if (!found?.trace || nowNs < found.notBeforeNs) continue;
    const hops = nextHops(found.trace);
    if (hops === null || nowNs < quietUntil(discovery.arrivals, found.trace)) continue;
    discovery.turn = at + 1;
    discovery.nextProbeNs = tick(nowNs + discovery.settings.spacingNs);
    wishes.push({ type: 'probe', path: found.path, hops });
    return;
  }
}

/** Takes the routes of traces that ended, and decides once all have. */
function harvest(discovery: Discovery, wishes: Wish[]): void {
  if (!discovery.isRound) return;
  for (const found of discovery.paths) {
    const route = found.trace === null ? null : routeOf(found.trace);
    if (route === null) continue;
    found.trace = null;
    found.fresh = route;
    const isNew = found.route === null || compareRoutes(found.route, route) === 'different';
    wishes.push({ type: 'route', route, isNew });
  }
  if (discovery.paths.some(({ trace }) => trace !== null)) return;
  // Only now: routes of two rounds would be compared else
  for (const found of discovery.paths) found.route = found.fresh;
  discovery.isRound = false;
  discovery.rounds++;
  decide(discovery, wishes);
  wishes.push({ type: 'round', number: discovery.rounds });
}

function decide(discovery: Discovery, wishes: Wish[]): void {
  discovery.decisions++;
  const candidates = discovery.paths.map(
    ({ path, isSilent, isFixed, server, parking }): Candidate => ({
      path,
      isSilent,
      isFixed,
      server,
      isParked: parking !== null,
    }),
  );
  const parked = decideParking(candidates, routesOf(discovery), discovery.settings.keep);
  for (const found of discovery.paths) {
    const parking = parked.get(found.path) ?? null;
    const before = found.parking;
    found.parking = parking;
    if (parking !== null && before === null) {
      wishes.push({ type: 'park', path: found.path, parking });
    } else if (parking === null && before !== null) {
      const reason = admission(before, found.route);
      wishes.push({ type: 'admit', path: found.path, reason });
    }
  }
}

/** One sentence, no trailing full stop. */
function admission({ why, inFavourOf }: Parking, route: Route | null): string {
  if (why === 'overlap' || inFavourOf === null) return 'shares less with the others now';
  if (route === null || route.end !== 'remote') return 'its route is not known any more';
  return `no longer stands behind ${inFavourOf}`;
}

/**
 * When each path polls. Regular polls lie on a grid of even slots, so that N paths interleave;
 * jitter is laid over the grid and never adds up. Budget `shared` (NTP-C3): one slot is one poll
 * interval, so all paths together ask no more often than a single association would. Budget
 * `per-path`: every pair polls at the full rate, the slots only spread them; paths of one pair (from
 * different ports) take turns, for servers count requests by address.
 * The quick first exchanges (iburst) stand outside the budget.
 */
import type { PathKey } from '../path.ts';
import { NS_PER_S, type Tick, tick } from '../units.ts';
import type { Association } from './association.ts';

export interface Schedule {
  budget: 'shared' | 'per-path';
  minPollLog2S: number;
  maxPollLog2S: number;
  burstSpacingNs: number;
  /** Last regular poll of any path. */
  lastPollNs: Tick | null;
  /** Paths that have neither been stopped nor parked. */
  live: number;
  paths: Association[];
}

/** RFC 5905: polls without answer before the poll exponent starts to rise. */
export const UNREACH_POLLS = 24;

/** Widest jitter, as a part of the shortest poll interval: about 3 %. */
const JITTER_PART = 1 / 32;

/** When the next request of this path is due. */
export const dueNs = (path: Association): Tick =>
  path.burstLeft > 0 ? path.burstNs : tick(path.gridNs + path.jitterNs);

const isLive = ({ stopped, isParked }: Association): boolean => stopped === null && !isParked;

/** The paths of each pair, in the order given. */
export function byPair(paths: readonly Association[]): Map<PathKey, Association[]> {
  const pairs = new Map<PathKey, Association[]>();
  for (const path of paths) {
    const known = pairs.get(path.pair);
    if (known === undefined) pairs.set(path.pair, [path]);
    else known.push(path);
  }
  return pairs;
}

/** The path whose request is due first; null if none will ever be. */
export function nextPath(schedule: Schedule): Association | null {
  let first: Association | null = null;
  for (const path of schedule.paths) {
    if (!isLive(path)) continue;
    if (first === null || dueNs(path) < dueNs(first)) first = path;
  }
  return first;
}

/**
 * True if a due request is so late that its turn is over (the machine slept): it waits for its
 * next turn instead, so that a wake-up does not release one request per path at once.
 */
export const turnIsOver = (path: Association, nowNs: Tick): boolean =>
  path.burstLeft === 0 && nowNs - dueNs(path) >= pollNs(path.pollLog2S);

/** Lets a missed turn go. */
export const skip = (schedule: Schedule, path: Association, nowNs: Tick): void =>
  notBefore(schedule, path, tick(nowNs + 1));

/** Books the request just handed out and sets the next one's time. */
export function advance(
  schedule: Schedule,
  path: Association,
  nowNs: Tick,
  jitter: number, // [0, 1)
): void {
  if (path.burstLeft > 0) {
    path.burstLeft--;
    path.burstNs = tick(nowNs + schedule.burstSpacingNs * path.lanes);
    if (path.burstLeft === 0) notBefore(schedule, path, path.burstNs);
    return;
  }
  schedule.lastPollNs = nowNs;
  path.jitterNs = Math.floor(jitter * JITTER_PART * pollNs(schedule.minPollLog2S));
  const stepNs = intervalNs(schedule, path);
  path.gridNs = tick(path.gridNs + stepNs);
  notBefore(schedule, path, tick(nowNs + stepNs / 2)); // after a late poll, not at once again
}

/** One more poll went unanswered; after UNREACH_POLLS of them polls get rarer. */
export function backOff(schedule: Schedule, path: Association): void {
  if (path.unanswered <= UNREACH_POLLS) return;
  if (2 * intervalNs(schedule, path) > pollNs(schedule.maxPollLog2S)) return;
  path.backoff++;
}

/** The path answers again: back to its old rate. */
export function recover(schedule: Schedule, path: Association, nowNs: Tick): void {
  if (path.backoff === 0) return;
  const longNs = intervalNs(schedule, path);
  path.backoff = 0;
  path.gridNs = tick(path.gridNs - longNs + intervalNs(schedule, path));
  notBefore(schedule, path, tick(nowNs + 1));
}

/** Obeys a RATE kiss: at least one step slower, and no faster than the server asks. */
export function slowDown(schedule: Schedule, path: Association, nowNs: Tick, askedLog2S: number) {
  const oldNs = intervalNs(schedule, path);
  path.pollLog2S = Math.min(Math.max(path.pollLog2S + 1, askedLog2S), schedule.maxPollLog2S);
  path.backoff = 0;
  path.burstLeft = 0;
  path.gridNs = tick(path.gridNs + Math.max(intervalNs(schedule, path) - oldNs, 0));
  notBefore(schedule, path, tick(nowNs + pollNs(path.pollLog2S)));
}

/**
 * Gives every live path a new place on an even grid, in the order they are due, after paths came,
 * went or were stopped. None is asked sooner than its own poll interval allows.
 */
export function spread(schedule: Schedule, nowNs: Tick): void {
  const live = schedule.paths.filter(isLive);
  schedule.live = live.length;
  const pairs = byPair(live);
  for (const path of live) path.lanes = pairs.get(path.pair)?.length ?? 1;
  if (live.length === 0) return;
  live.sort((a, b) => a.gridNs - b.gridNs);
  const fastest = Math.min(...live.map((path) => path.pollLog2S));
  const shared = schedule.budget === 'shared';
  const slotNs = pollNs(fastest) / (shared ? 1 : pairs.size);
  const offsets = shared ? live.map((_, turn) => turn * slotNs) : laneOffsets(pairs, live, slotNs);
  let startNs = Math.max(nowNs, live[0]?.gridNs ?? 0);
  if (shared && schedule.lastPollNs !== null) {
    startNs = Math.max(startNs, schedule.lastPollNs + slotNs);
  }
  const earliest = live.map((path) => earliestNs(pairs.get(path.pair) ?? [path], path.pollLog2S));
  live.forEach((path, turn) => {
    if (path.pollLog2S !== fastest) return;
    startNs = Math.max(startNs, (earliest[turn] ?? 0) - (offsets[turn] ?? 0));
  });
  live.forEach((path, turn) => {
    const atNs = startNs + (offsets[turn] ?? 0);
    const lanes = path.lanes === 1 ? [] : (pairs.get(path.pair) ?? []);
    const ownNs = lanes.length > 0 ? laneNs(lanes) * lanes.length : pollNs(fastest);
    const roundNs = shared ? slotNs * live.length : ownNs;
    const rounds = Math.max(Math.ceil(((earliest[turn] ?? 0) - atNs) / roundNs), 0);
    path.gridNs = tick(Math.round(atNs + rounds * roundNs));
  });
}

/** Pairs stand a slot apart, the paths of each a whole poll interval of its own. */
function laneOffsets(
  pairs: ReadonlyMap<PathKey, readonly Association[]>,
  live: readonly Association[],
  slotNs: number,
): number[] {
  const seen = new Map<PathKey, { turn: number; lanes: number }>();
  return live.map((path) => {
    const place = seen.get(path.pair) ?? { turn: seen.size, lanes: 0 };
    seen.set(path.pair, place);
    return place.turn * slotNs + place.lanes++ * laneNs(pairs.get(path.pair) ?? [path]);
  });
}

/** Between two requests of one pair. */
const laneNs = (pair: readonly Association[]): number =>
  pollNs(Math.min(...pair.map(({ pollLog2S }) => pollLog2S)));

const pollNs = (pollLog2S: number): number => 2 ** pollLog2S * NS_PER_S;

/** Time between two regular polls of this path. (ns) */
const intervalNs = (schedule: Schedule, path: Association): number =>
  pollNs(path.pollLog2S + path.backoff) *
  (schedule.budget === 'shared' ? schedule.live : path.lanes);

/** When a pair may be asked again. */
const earliestNs = (pair: readonly Association[], pollLog2S: number): number =>
  Math.max(
    0,
    ...pair.map(({ polledNs }) => (polledNs === null ? 0 : polledNs + pollNs(pollLog2S))),
  );

/** Moves a path's next regular poll by whole intervals, so that it keeps its slot. */
function notBefore(schedule: Schedule, path: Association, atNs: Tick): void {
  const behindNs = atNs - path.gridNs;
  if (behindNs <= 0) return;
  const stepNs = intervalNs(schedule, path);
  path.gridNs = tick(path.gridNs + Math.ceil(behindNs / stepNs) * stepNs);
}

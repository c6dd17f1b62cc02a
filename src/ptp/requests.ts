/**
 * Requests of one path that await an answer, and when the next one is due: what Delay_Req and
 * Pdelay_Req have in common (IEEE 1588-2008 §9.5.11, §11.4). Knows no message.
 */
import type { DropReason, StampKind } from '../machine.ts';
import { NS_PER_S, type Stamp, type Tick, tick } from '../units.ts';
import { ahead, nextSequenceId } from './sequence.ts';

export interface Request<Answer> {
  readonly sequenceId: number;
  readonly askedNs: Tick;
  /** Null until the host has told; an answer may come before that. */
  sentAtNs: Stamp | null;
  /** Whose stamp that is, where the host tells. */
  sentKind?: StampKind;
  /** The answer, or as much of it as has come. */
  answer: Answer | null;
  fate: 'open' | 'used' | 'given-up' | 'clock-step';
}

/** Plain data. */
export interface Requests<Answer> {
  /** In order of asking. */
  sent: Request<Answer>[];
  /** Of the next one; null until a first has been drawn. */
  sequenceId: number | null;
  /** How many sequenceIds were used, for telling late answers from invented ones. */
  issued: number;
  dueNs: Tick | null;
  /** The next one's time is still to be drawn. */
  isUndrawn: boolean;
  lastNs: Tick | null;
}

/** An answer that comes later is of no use: sequenceIds may have come round. (ns) */
export const ANSWER_NS = 4 * NS_PER_S;
/** No two requests of a path are nearer: 128 a second (EP-052). (ns) */
export const LEAST_SPACING_NS = NS_PER_S / 128;
/** Random bytes that the time of a request takes. */
export const SPACING_BYTES = 2;

export const createRequests = <Answer>(): Requests<Answer> => ({
  sent: [],
  sequenceId: null,
  issued: 0,
  dueNs: null,
  isUndrawn: true,
  lastNs: null,
});

/**
 * Time to the next Delay_Req: uniform around the interval, from the least spacing to as much above
 * the interval as that is below it, so that the mean is the interval (§9.5.11.2). (ns)
 * @param chance [0, 1)
 */
export function randomSpacingNs(logInterval: number, chance: number): number {
  const intervalNs = 2 ** logInterval * NS_PER_S;
  const leastNs = Math.min(LEAST_SPACING_NS, intervalNs);
  return Math.round(leastNs + 2 * (intervalNs - leastNs) * chance);
}

/** Time to the next Pdelay_Req: never less than the interval (§9.5.13.2). (ns) */
export const regularSpacingNs = (logInterval: number, chance: number): number =>
  Math.round(2 ** logInterval * NS_PER_S * (1 + chance / 16));

/** Asks soon, at a time yet to be drawn: paths that begin together must not ask together. */
export function begin<Answer>(requests: Requests<Answer>, nowNs: Tick): void {
  requests.dueNs = nowNs;
  requests.isUndrawn = true;
}

/** Asks no more. Answers under way still count. */
export function pause<Answer>(requests: Requests<Answer>): void {
  requests.dueNs = null;
}

/** Draws the time of the first request: within an interval, and within a second. */
export function drawFirst<Answer>(
  requests: Requests<Answer>,
  logInterval: number,
  nowNs: Tick,
  chance: number,
): void {
  const atNs = nowNs + Math.round(Math.min(2 ** logInterval, 1) * NS_PER_S * chance);
  const lastNs = requests.lastNs ?? Number.NEGATIVE_INFINITY;
  requests.dueNs = tick(Math.max(atNs, lastNs + LEAST_SPACING_NS));
  requests.isUndrawn = false;
}

/** The interval is another one now: the next request keeps it, counted from the last. */
export function retime<Answer>(requests: Requests<Answer>, logInterval: number, nowNs: Tick): void {
  const { lastNs } = requests;
  if (requests.dueNs === null || lastNs === null) return;
  requests.dueNs = tick(Math.max(nowNs, lastNs + 2 ** logInterval * NS_PER_S));
}

/** Books a request and sets the time of the next. */
export function issue<Answer>(
  requests: Requests<Answer>,
  sequenceId: number,
  spacingNs: number,
  nowNs: Tick,
): void {
  book(requests, sequenceId, nowNs);
  // From the time it was due, so that the mean holds; a machine that slept makes no burst
  const atNs = (requests.dueNs ?? nowNs) + spacingNs;
  requests.dueNs = tick(Math.max(atNs, nowNs + LEAST_SPACING_NS));
}

/** Books a request that is sent beside those that are due. */
export function issueBeside<Answer>(
  requests: Requests<Answer>,
  sequenceId: number,
  nowNs: Tick,
): void {
  book(requests, sequenceId, nowNs);
  const { dueNs } = requests;
  if (dueNs !== null) requests.dueNs = tick(Math.max(dueNs, nowNs + LEAST_SPACING_NS));
}

/** Uses up a sequenceId for a request that no answer is wanted to. */
export function skip<Answer>(requests: Requests<Answer>, sequenceId: number): void {
  requests.sequenceId = nextSequenceId(sequenceId);
  requests.issued++;
}

function book<Answer>(requests: Requests<Answer>, sequenceId: number, nowNs: Tick): void {
  requests.sent.push({ sequenceId, askedNs: nowNs, sentAtNs: null, answer: null, fate: 'open' });
  skip(requests, sequenceId);
  requests.lastNs = nowNs;
}

/** The request with this sequenceId, or why there is none. */
export function find<Answer>(
  requests: Requests<Answer>,
  sequenceId: number,
): Request<Answer> | DropReason {
  for (let n = requests.sent.length - 1; n >= 0; n--) {
    const request = requests.sent[n];
    if (request?.sequenceId !== sequenceId) continue;
    if (request.fate === 'open') return request;
    if (request.fate === 'clock-step') return 'clock-step';
    return request.fate === 'used' ? 'duplicate' : 'stale';
  }
  if (requests.sequenceId === null) return 'unasked';
  const behind = -ahead(sequenceId, requests.sequenceId);
  return behind > 0 && behind <= requests.issued ? 'stale' : 'unasked';
}

/** True if an answer with this sequenceId would be taken for one of these requests. */
export function isInFlight<Answer>(requests: Requests<Answer>, sequenceId: number): boolean {
  const { sent } = requests;
  const oldest = sent[0]?.sequenceId;
  const newest = sent.at(-1)?.sequenceId;
  if (oldest === undefined || newest === undefined) return false;
  if (ahead(sequenceId, oldest) < 0 || ahead(sequenceId, newest) > 0) return false;
  return typeof find(requests, sequenceId) !== 'string';
}

/**
 * Forgets requests that are too old for an answer.
 * @returns how many answers had come, or begun to come, but were never complete
 */
export function forget<Answer>(requests: Requests<Answer>, nowNs: Tick): number {
  const { sent } = requests;
  if (sent[0] === undefined || nowNs - sent[0].askedNs < ANSWER_NS) return 0;
  const old = sent.filter((request) => nowNs - request.askedNs >= ANSWER_NS);
  requests.sent = sent.slice(old.length);
  return old.filter((request) => request.fate === 'open' && request.answer !== null).length;
}

/** The local clock was stepped: send stamps of before do not compare. */
export function voidRequests<Answer>(requests: Requests<Answer>): void {
  for (const request of requests.sent) if (request.fate === 'open') request.fate = 'clock-step';
}

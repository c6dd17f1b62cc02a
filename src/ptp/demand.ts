/**
 * One type of message that we ask one master for over one path: when to ask, how often, how
 * quick. Plain data and arithmetic; requester.ts sends and hears.
 */
import { NS_PER_S, type Tick, tick, tickAfter, tickSpan } from '../units.ts';
import type { Negotiable } from './negotiation.ts';

/** A running grant as we see it. */
export interface Promised {
  /** (log2 s) */
  logInterval: number;
  durationS: number;
  /** The first instant without it. */
  untilNs: Tick;
}

export interface Demand {
  readonly type: Negotiable;
  /** What we want. (log2 s) */
  wantedLog: number;
  /** What we ask for: slower after denials. */
  askedLog: number;
  /** `cancelling`: wanted no more, and not acknowledged yet. */
  phase: 'wanted' | 'cancelling';
  grant: Promised | null;
  /** A request is out and nobody has answered it. */
  isAsked: boolean;
  /** Requests without an answer, or cancels sent. */
  tries: number;
  denials: number;
  /** When it was last asked earlier than planned. */
  hastenedNs: Tick | null;
  /** When to ask, or to cancel, next. */
  dueNs: Tick;
}

export const createDemand = (type: Negotiable, wantedLog: number, nowNs: Tick): Demand => ({
  type,
  wantedLog,
  askedLog: wantedLog,
  phase: 'wanted',
  grant: null,
  isAsked: false,
  tries: 0,
  denials: 0,
  hastenedNs: null,
  dueNs: nowNs,
});

/** Longest pause between requests that nobody answers. (s) */
const MAX_PAUSE_S = 16;
/** Until those ask again that asked in vain, once one is answered. (s) */
const SOON_S = 0.5;
/** Between two times that a demand is hastened, at the least. (s) */
const HASTE_PAUSE_S = 64;
/** Longest pause after a denial. (s) */
const MAX_DENIED_S = 64;
/** Doublings of the interval that denials may lead to. */
const SLOWER_STEPS = 3;
/** From this length of a grant on, its renewal asks for the next quicker interval again. (s) */
const MIN_QUICKER_S = 60;
/** Grants are renewed between these shares of their time (PTP-S06: at ¾ at the latest). */
const RENEW_FROM = 0.5;
const RENEW_TO = 0.75;
/** Pauses between renewals that nobody answers: a quarter of what is left, in these bounds. (s) */
const MIN_RENEW_PAUSE_S = 0.25;
const MAX_RENEW_PAUSE_S = 2;
/** A cancel is sent so often until it is acknowledged, and so far apart. */
export const CANCEL_TRIES = 3;
const CANCEL_PAUSE_S = 1;

/** A pause of 0.75 to 1.25 times `s`: clocks that started together must not ask together. */
const jittered = (s: number, jitter: number): number => s * (0.75 + 0.5 * jitter);

/** A request goes out now. @param jitter random, [0, 1) */
export function asked(demand: Demand, nowNs: Tick, jitter: number): void {
  const { grant, tries } = demand;
  demand.isAsked = true;
  demand.tries++;
  const pauseS =
    grant === null
      ? Math.min(2 ** Math.min(tries, 10), MAX_PAUSE_S)
      : Math.max(
          Math.min(tickSpan(nowNs, grant.untilNs) / 4, MAX_RENEW_PAUSE_S),
          MIN_RENEW_PAUSE_S,
        );
  demand.dueNs = tickAfter(nowNs, jittered(pauseS, jitter));
}

/** A grant came. @param durationS of the grant, or ours if that is less */
export function granted(
  demand: Demand,
  logInterval: number,
  durationS: number,
  nowNs: Tick,
  jitter: number,
): void {
  demand.grant = { logInterval, durationS, untilNs: tickAfter(nowNs, durationS) };
  demand.isAsked = false;
  demand.tries = 0;
  demand.denials = 0;
  if (demand.askedLog > demand.wantedLog && durationS >= MIN_QUICKER_S) demand.askedLog--;
  const share = RENEW_FROM + (RENEW_TO - RENEW_FROM) * jitter;
  demand.dueNs = tickAfter(nowNs, share * durationS);
}

/**
 * A master is up that was not: it may be the one that was asked in vain, and is asked again soon. Not
 * often: whoever forges grants makes each request that nobody answers twice as frequent at most.
 */
export function hasten(demand: Demand, nowNs: Tick, jitter: number): void {
  const { phase, grant, isAsked, tries, hastenedNs } = demand;
  if (phase !== 'wanted' || grant !== null || !isAsked || tries < 2) return;
  if (hastenedNs !== null && tickSpan(hastenedNs, nowNs) < HASTE_PAUSE_S) return;
  demand.hastenedNs = nowNs;
  demand.tries = 0;
  demand.dueNs = tick(Math.min(demand.dueNs, tickAfter(nowNs, jittered(SOON_S, jitter))));
}

/** A denial came: asks for less, then for all again, ever more seldom. A running grant goes on. */
export function denied(demand: Demand, nowNs: Tick, jitter: number): void {
  const slower = (demand.askedLog - demand.wantedLog + 1) % (SLOWER_STEPS + 1);
  demand.askedLog = demand.wantedLog + slower;
  rest(demand, nowNs, jitter);
}

/** The master took its grant back: asks again, but not at once. */
export function takenBack(demand: Demand, nowNs: Tick, jitter: number): void {
  demand.grant = null;
  rest(demand, nowNs, jitter);
}

function rest(demand: Demand, nowNs: Tick, jitter: number): void {
  demand.isAsked = false;
  demand.tries = 0;
  demand.denials++;
  const pauseS = Math.min(2 ** Math.min(demand.denials, 10), MAX_DENIED_S);
  demand.dueNs = tickAfter(nowNs, jittered(pauseS, jitter));
}

/** The grant has ended, or is not believed in any more: asks at once, but after denials as planned. */
export function lapsed(demand: Demand, nowNs: Tick): void {
  demand.grant = null;
  demand.tries = 0;
  if (demand.denials === 0) demand.dueNs = nowNs;
}

/** Wanted no more. */
export function unwanted(demand: Demand, nowNs: Tick): void {
  demand.phase = 'cancelling';
  demand.tries = 0;
  demand.dueNs = nowNs;
}

/** A cancel goes out now. */
export function cancelled(demand: Demand, nowNs: Tick): void {
  demand.tries++;
  demand.dueNs = tickAfter(nowNs, CANCEL_PAUSE_S);
}

/** True if a demand may be asked with others of its path that are due: saves a message. */
export function mayJoin(demand: Demand, nowNs: Tick): boolean {
  const { phase, grant, isAsked, denials, dueNs } = demand;
  if (phase !== 'wanted') return false;
  if (nowNs >= dueNs) return true;
  if (grant === null || isAsked || denials > 0) return false;
  return nowNs >= grant.untilNs - (1 - RENEW_FROM) * grant.durationS * NS_PER_S;
}

/** When something is to be done about a demand. */
export const demandDue = ({ grant, dueNs }: Demand): Tick =>
  grant === null ? dueNs : tick(Math.min(dueNs, grant.untilNs));

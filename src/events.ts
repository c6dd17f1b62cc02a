/**
 * From the core's verdicts to events that people want to hear of, each of them once: suspicion of a
 * path, a contradiction, a majority lost, holdover, a step. What comes and goes is told when it
 * comes and when it stayed away; what keeps coming back must stay away longer and longer.
 */
import type { PathState, Verdict } from './core.ts';
import { clockText, explainPath } from './explain.ts';
import { formatSeconds } from './format.ts';
import { fall, type Latch, newLatch, rise, turn } from './latch.ts';
import type { PathKey } from './path.ts';

/** Something about clock or paths that a person, or a program in charge, may want to act on. */
export type ClockEvent = {
  /** When it was told, local Unix s. */
  readonly atS: number;
  /** One sentence, no trailing full stop. */
  readonly reason: string;
} & (
  | {
      /**
       * `suspicion`: what this path says of the clock is not believed, or believed no longer: an
       * attack, a lie, or asymmetry. `cleared`: that is over. `rerouted`: it got longer or shorter.
       * `contradiction`: an exchange of it contradicted what no delay can: some stamp or clock lied.
       */
      readonly type: 'suspicion' | 'cleared' | 'rerouted' | 'contradiction';
      readonly path: PathKey;
      readonly state: PathState;
      /** First exchange that showed it, local Unix s; 0: not known. */
      readonly sinceS: number;
    }
  /** The paths disagree and none has a majority; or one has again. */
  | { readonly type: 'majority-lost' | 'majority-back' }
  /** Nothing carries the clock but prediction, since no path is heard or none can be believed. */
  | { readonly type: 'holdover' | 'back' }
  /** The offset started again, by `byS` (new − old, s; null: not known): the local clock was set. */
  | { readonly type: 'step'; readonly byS: number | null }
);

export type ClockEventType = ClockEvent['type'];

export interface EventWatch {
  /** Takes a verdict of the core; `path` is the key behind its index. */
  take(verdict: Verdict, path: PathKey | undefined): void;
  /** Time passes: what was waiting for it is told. Verdicts do that themselves. */
  advance(atS: number): void;
  /** No path is heard any more (a host knows that before the core does), or one is again. */
  silent(atS: number): void;
  heard(atS: number): void;
  /** The path was closed: it is not spoken of any more. */
  forget(path: PathKey): void;
  /** Something waits until then; Infinity: nothing does. */
  readonly dueS: number;
}

/** Verdicts by vote alone must last so many exchanges of the path to be told … */
const VOTED = 128;
/** … and a lost majority so many of the mean path. */
const LOST = 16;

const JUMPED = 4;
const ONE_SIDED = 11;
const CONTRADICTS = 12;
const REROUTED = 14;
/** Reasons that rest on evidence of the path itself. */
const SURE: readonly number[] = [JUMPED, ONE_SIDED, CONTRADICTS];
/** States that say nothing of whether a path is to be believed. */
const MUTE: readonly PathState[] = ['stale', 'closed'];

interface Watched {
  readonly path: PathKey;
  readonly suspicion: Latch;
  readonly contradiction: Latch;
  readonly reroute: Latch;
  /** What was said of it last. */
  said: Verdict & { readonly about: 'path' };
}

/** @param emit called synchronously, in the order of time; must not throw */
export function createEventWatch(emit: (event: ClockEvent) => void): EventWatch {
  const watched = new Map<PathKey, Watched>();
  const majority = newLatch();
  let clock: (Verdict & { readonly about: 'clock' }) | null = null;
  let steps = 0;
  let isSilent = false;
  let isTorn = false;
  let dueS = Number.POSITIVE_INFINITY;

  function* latches(): Generator<{ latch: Latch; of: Watched | null }> {
    yield { latch: majority, of: null };
    for (const of of watched.values()) {
      yield { latch: of.suspicion, of };
      yield { latch: of.contradiction, of };
      yield { latch: of.reroute, of };
    }
  }

  function findDue(): void {
    dueS = Number.POSITIVE_INFINITY;
    for (const { latch } of latches()) dueS = Math.min(dueS, latch.dueS);
  }

  function advance(atS: number): void {
    while (dueS <= atS) {
      for (const { latch, of } of latches()) {
        if (latch.dueS !== dueS) continue;
        const rose = turn(latch, (of?.said ?? clock)?.intervalS ?? 0);
        if (of === null) tellMajority(dueS, rose);
        else if (latch === of.suspicion) tellSuspicion(of, dueS, rose);
        else if (rose) tellOnce(of, dueS, latch === of.reroute ? 'rerouted' : 'contradiction');
        break;
      }
      findDue();
    }
  }

  function tellSuspicion({ path, said }: Watched, atS: number, rose: boolean): void {
    const { state, sinceS } = said;
    const reason = rose ? explainPath(said) : 'nothing speaks against it any more';
    emit({ type: rose ? 'suspicion' : 'cleared', atS, path, state, sinceS, reason });
  }

  function tellOnce(
    { path, said }: Watched,
    atS: number,
    type: 'rerouted' | 'contradiction',
  ): void {
    const { state, sinceS } = said;
    const reason =
      type === 'rerouted'
        ? explainPath(said)
        : 'its exchange contradicts what all paths together allow: some stamp or clock lied';
    emit({ type, atS, path, state, sinceS: type === 'rerouted' ? sinceS : atS, reason });
  }

  function tellMajority(atS: number, rose: boolean): void {
    if (rose) {
      const since = clock === null ? '' : ` since ${clockText(clock.agreedAtS)}`;
      const goesBy =
        clock?.agreement === 'holdover'
          ? 'and there is no clean history to go by'
          : 'the clock stays with what they agreed on before';
      const reason = `the paths disagree${since} and none has a majority: ${goesBy}`;
      emit({ type: 'majority-lost', atS, reason });
    } else emit({ type: 'majority-back', atS, reason: 'most paths agree again' });
    holdOver(atS, isSilent, rose && clock?.agreement === 'holdover');
  }

  /** Says that the clock is held over, or is not any more; never twice. */
  function holdOver(atS: number, silent: boolean, torn: boolean): void {
    const was = isSilent || isTorn;
    isSilent = silent;
    isTorn = torn;
    if (was === (silent || torn)) return;
    if (was) emit({ type: 'back', atS, reason: 'the clock goes by its paths again' });
    else {
      const why = silent ? 'no path is heard' : 'no majority and no clean history to go by';
      emit({ type: 'holdover', atS, reason: `${why}: the clock is held over` });
    }
  }

  function takePath(verdict: Verdict & { readonly about: 'path' }, path: PathKey): void {
    const { atS, intervalS, state, reason, lies } = verdict;
    let of = watched.get(path);
    if (of === undefined) {
      of = {
        ...{ path, said: verdict },
        ...{ suspicion: newLatch(), contradiction: newLatch(), reroute: newLatch() },
      };
      watched.set(path, of);
    }
    if (lies) rise(of.contradiction, atS, 0);
    else fall(of.contradiction, atS, intervalS);
    if (!MUTE.includes(state)) {
      of.said = verdict;
      const isSuspect = state === 'quarantined' ? !isSplit(reason) : SURE.includes(reason);
      const delayS = SURE.includes(reason) ? 0 : VOTED * intervalS;
      if (isSuspect) rise(of.suspicion, atS, delayS);
      else fall(of.suspicion, atS, intervalS);
      if (reason === REROUTED) rise(of.reroute, atS, 0);
      else fall(of.reroute, atS, intervalS);
    }
  }

  function takeClock(verdict: Verdict & { readonly about: 'clock' }): void {
    const { atS, agreement, intervalS, stepS, gapS } = verdict;
    clock = verdict;
    if (gapS > 0) holdOver(atS - gapS, true, isTorn);
    advance(atS);
    holdOver(atS, false, isTorn);
    if (verdict.steps > steps) {
      const by = stepS === 0 ? '' : ` by ${formatSeconds(stepS, true)}`;
      const reason = `the offset started again${by}: the local clock was set`;
      emit({ type: 'step', atS, byS: stepS === 0 ? null : stepS, reason });
    }
    steps = verdict.steps;
    if (agreement === 'history' || agreement === 'holdover') {
      rise(majority, atS, LOST * intervalS);
    } else fall(majority, atS, intervalS);
  }

  return {
    take(verdict, path) {
      advance(verdict.about === 'clock' ? verdict.atS - verdict.gapS : verdict.atS);
      if (verdict.about === 'clock') takeClock(verdict);
      else if (path !== undefined) takePath(verdict, path);
      findDue();
      advance(verdict.atS);
    },
    advance,
    silent(atS) {
      advance(atS);
      holdOver(atS, true, isTorn);
    },
    heard(atS) {
      if (isSilent) holdOver(atS, false, isTorn);
    },
    forget(path) {
      watched.delete(path);
      findDue();
    },
    get dueS() {
      return dueS;
    },
  };
}

/** No majority, and no other fault of this path. */
const isSplit = (reason: number): boolean => reason === 9 || reason === 13;

/** An event as recordings, `replay --json` and others write it: flat, times as text in ns. */
export function eventFields(event: ClockEvent): Record<string, string | number | null> {
  const { type, atS, reason, ...rest } = event;
  const { sinceS, ...more } = rest as { sinceS?: number };
  return {
    ...{ event: type, at: nsText(atS) },
    ...more,
    ...(sinceS === undefined || sinceS === 0 ? {} : { since: nsText(sinceS) }),
    reason,
  };
}

/** Unix seconds as ns in decimal, as right as an f64 is (a quarter of a microsecond). */
const nsText = (s: number): string => `${Math.round(s * 1e6)}000`;

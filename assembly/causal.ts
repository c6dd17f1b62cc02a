/**
 * The causal interval: delays are never negative, so on every exchange
 *   θ <= remoteReceive − localSend   and   θ >= remoteSend − localReceive.
 * Widened by how fast two clocks can part and intersected over all paths and all time, this needs
 * no assumption about symmetry, noise or who delays what. The fastest way there and the fastest way
 * back may be different paths. An empty intersection proves that some stamp lied or a clock was
 * stepped; which of the two, most paths decide. Until all of them have spoken, and as long as it is
 * a tie, the interval covers both sides; whoever contradicted must fit for a while before it may
 * narrow the interval again, since a lie that happens to fit would cut off the truth.
 * A one-way measurement bounds one side only.
 */

import { axisS, nowNs } from './clock';
import { forwardS, reverseS } from './exchange';
import {
  CLOCK,
  CLOCK_CAUSAL_EARLIEST_S,
  CLOCK_CAUSAL_LATEST_S,
  CLOCK_CONTRADICTIONS,
  CLOCK_EARLIEST_S,
  CLOCK_LATEST_S,
  CLOCK_REST_S,
  CLOCK_UNCERTAINTY_S,
  CLOCK_VALID,
  PATH_AT_S,
  PATH_CONTRADICTS,
} from './memory';
import { FORWARD, REVERSE, spanS } from './oneway';
import {
  isFresh,
  pathEnd,
  row,
  STAT_CAUSAL_AT_S,
  STAT_CAUSAL_HIGH_S,
  STAT_CAUSAL_LOW_S,
  STAT_CAUSAL_MUTE,
  STAT_CAUSAL_SINCE_S,
  stat,
} from './path';
import { boundOf, forgetContradictions, noteContradiction } from './sides';

/** Bound on |frequency|: no clock worth the name is off by more than 500 ppm (s/s). */
const FASTEST: f64 = 5.0e-4;
/** Clocks tick; an interval may be empty by this much and mean nothing, s. */
const GRAIN_S: f64 = 1.0e-6;
/** So many exchanges of a path that contradicted must fit before it narrows the interval again. */
const MUTE: f64 = 16.0;
/** Sigmas of the clock that it may lie outside before the interval is doubted. */
const SIGMAS: f64 = 4.0;
/** Farther apart than two i64 of ns can say: nothing is known on that side, s. */
const UNKNOWN_S: f64 = 1.0e11;

let low: f64 = 0;
let high: f64 = 0;
let known: bool = false;
/** False only if no path is marked as contradicting. */
let disputed: bool = false;

export function clearCausal(): void {
  known = false;
  disputed = false;
  low = 0;
  high = 0;
  for (let j = 0; j < pathEnd; j++) {
    store<f64>(row(j), 0.0, PATH_CONTRADICTS);
    store<f64>(stat(j), 0.0, STAT_CAUSAL_MUTE);
    forgetContradictions(j);
  }
}

/**
 * The exchange of path i in exchange.ts came `dtS` after the last of any; it is `lateS` older than
 * the newest. What contradicts is left out, unless most paths contradict: then it starts again.
 */
export function boundCausal(i: i32, dtS: f64, lateS: f64): void {
  const slack = FASTEST * lateS;
  // a round trip clamped at zero may leave the ends crossed
  const newLow = min<f64>(-forwardS, reverseS) - slack;
  const newHigh = max<f64>(-forwardS, reverseS) + slack;
  low -= FASTEST * dtS;
  high += FASTEST * dtS;
  const s = stat(i);
  if (!known) {
    known = true;
    low = newLow;
    high = newHigh;
  } else if (max<f64>(low, newLow) > min<f64>(high, newHigh) + GRAIN_S) {
    store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_CONTRADICTIONS) + 1.0, CLOCK_CONTRADICTIONS);
    contradict(i, newLow, newHigh);
    count(axisS(nowNs));
    if (2 * contradicting > asked) {
      clearCausal();
      known = true;
      low = newLow;
      high = newHigh;
    }
  } else {
    store<f64>(row(i), 0.0, PATH_CONTRADICTS);
    const mute = load<f64>(s, STAT_CAUSAL_MUTE);
    if (mute > 0.0) store<f64>(s, mute - 1.0, STAT_CAUSAL_MUTE);
    else narrow(newLow, newHigh);
  }
  publish();
}

/**
 * A lie about stamps need not contradict: it may just squeeze the interval past the truth. When the
 * clock that most paths carry lies clearly outside, somebody lied, and the interval covers both.
 */
export function reconcileCausal(): void {
  if (!known || load<f64>(CLOCK, CLOCK_VALID) == 0.0) return;
  const rest = load<f64>(CLOCK, CLOCK_REST_S);
  const slack = SIGMAS * load<f64>(CLOCK, CLOCK_UNCERTAINTY_S) + GRAIN_S;
  if (rest + slack >= low && rest - slack <= high) return;
  store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_CONTRADICTIONS) + 1.0, CLOCK_CONTRADICTIONS);
  low = min<f64>(low, load<f64>(CLOCK, CLOCK_EARLIEST_S));
  high = max<f64>(high, load<f64>(CLOCK, CLOCK_LATEST_S));
  publish();
}

/**
 * As boundCausal, for the span in oneway.ts. A path contradicts as long as either direction does,
 * and what it says is what both said last.
 */
export function boundSide(i: i32, side: usize, dtS: f64, lateS: f64): void {
  const newLow = side == REVERSE ? -UNKNOWN_S : -spanS - FASTEST * lateS;
  const newHigh = side == REVERSE ? spanS + FASTEST * lateS : UNKNOWN_S;
  low -= FASTEST * dtS;
  high += FASTEST * dtS;
  const contradicts = known && max<f64>(low, newLow) > min<f64>(high, newHigh) + GRAIN_S;
  const isMarked = noteContradiction(i, side, contradicts);
  if (!known) {
    known = true;
    low = newLow;
    high = newHigh;
  } else if (contradicts) {
    store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_CONTRADICTIONS) + 1.0, CLOCK_CONTRADICTIONS);
    const nowS = axisS(nowNs);
    const from = boundOf(i, FORWARD, nowS, FASTEST);
    const to = boundOf(i, REVERSE, nowS, FASTEST);
    contradict(i, min<f64>(from, to), max<f64>(from, to));
    count(nowS);
    if (2 * contradicting > asked) {
      clearCausal();
      known = true;
      low = newLow;
      high = newHigh;
    }
  } else if (!isMarked) {
    store<f64>(row(i), 0.0, PATH_CONTRADICTS);
    const s = stat(i);
    const mute = load<f64>(s, STAT_CAUSAL_MUTE);
    if (mute > 0.0) store<f64>(s, mute - 1.0, STAT_CAUSAL_MUTE);
    else narrow(newLow, newHigh);
  }
  publish();
}

function narrow(newLow: f64, newHigh: f64): void {
  const nextLow = max<f64>(low, newLow);
  const nextHigh = min<f64>(high, newHigh);
  low = min<f64>(nextLow, nextHigh);
  high = max<f64>(nextLow, nextHigh);
}

/** Marks path i and keeps what it says. */
function contradict(i: i32, newLow: f64, newHigh: f64): void {
  const s = stat(i);
  const nowS = axisS(nowNs);
  // an exchange that fitted by chance is no new beginning
  if (load<f64>(s, STAT_CAUSAL_MUTE) == 0.0) store<f64>(s, nowS, STAT_CAUSAL_SINCE_S);
  store<f64>(row(i), 1.0, PATH_CONTRADICTS);
  store<f64>(s, MUTE, STAT_CAUSAL_MUTE);
  store<f64>(s, nowS, STAT_CAUSAL_AT_S);
  store<f64>(s, newLow, STAT_CAUSAL_LOW_S);
  store<f64>(s, newHigh, STAT_CAUSAL_HIGH_S);
  disputed = true;
}

/** Fresh paths, how many of them contradicted last, and when the one longest silent spoke, axis s. */
let asked: i32 = 0;
let contradicting: i32 = 0;
let oldestS: f64 = 0;

function count(nowS: f64): void {
  asked = 0;
  contradicting = 0;
  oldestS = nowS;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    const p = row(j);
    asked++;
    if (load<f64>(p, PATH_CONTRADICTS) != 0.0) contradicting++;
    oldestS = min<f64>(oldestS, load<f64>(p, PATH_AT_S));
  }
}

/** While paths contradict, what they say counts too, until all have spoken and most of them fit. */
function publish(): void {
  let from = low;
  let to = high;
  if (disputed) {
    const nowS = axisS(nowNs);
    count(nowS);
    disputed = contradicting > 0;
    const decided = 2 * contradicting < asked;
    for (let j = 0; j < pathEnd && disputed; j++) {
      if (load<f64>(row(j), PATH_CONTRADICTS) == 0.0 || !isFresh(j, nowS)) continue;
      const s = stat(j);
      if (decided && load<f64>(s, STAT_CAUSAL_SINCE_S) <= oldestS) continue;
      const wider = FASTEST * max<f64>(nowS - load<f64>(s, STAT_CAUSAL_AT_S), 0.0);
      from = min<f64>(from, load<f64>(s, STAT_CAUSAL_LOW_S) - wider);
      to = max<f64>(to, load<f64>(s, STAT_CAUSAL_HIGH_S) + wider);
    }
  }
  store<f64>(CLOCK, from, CLOCK_CAUSAL_EARLIEST_S);
  store<f64>(CLOCK, to, CLOCK_CAUSAL_LATEST_S);
}

/**
 * The causal interval: delays are never negative, so on every exchange
 *   θ <= remoteReceive − localSend   and   θ >= remoteSend − localReceive.
 * Widened by how fast two clocks can part and intersected over all paths and all time, this needs
 * no assumption about symmetry, noise or who delays what. The fastest way there and the fastest way
 * back may be different paths. Only a remote clock that lies about its stamps can make it wrong;
 * an empty intersection proves that some stamp lied or a clock was stepped. A one-way measurement
 * bounds one side only.
 */

import { axisS, nowNs } from './clock';
import { forwardS, reverseS } from './exchange';
import {
  CLOCK,
  CLOCK_CAUSAL_EARLIEST_S,
  CLOCK_CAUSAL_LATEST_S,
  CLOCK_CONTRADICTIONS,
  PATH_CONTRADICTS,
} from './memory';
import { REVERSE, spanS } from './oneway';
import { isFresh, pathEnd, row } from './path';
import { forgetContradictions, noteContradiction } from './sides';

/** Bound on |frequency|: no clock worth the name is off by more than 500 ppm (s/s). */
const FASTEST: f64 = 5.0e-4;
/** Clocks tick; an interval may be empty by this much and mean nothing, s. */
const GRAIN_S: f64 = 1.0e-6;

/** Farther apart than two i64 of ns can say: nothing is known on that side, s. */
const UNKNOWN_S: f64 = 1.0e11;

let low: f64 = -UNKNOWN_S;
let high: f64 = UNKNOWN_S;

export function clearCausal(): void {
  low = -UNKNOWN_S;
  high = UNKNOWN_S;
}

/**
 * The exchange of path i in exchange.ts came `dtS` after the last of any; it is `lateS` older than
 * the newest. What contradicts is left out, unless most paths contradict: then it starts again.
 */
export function boundCausal(i: i32, dtS: f64, lateS: f64): void {
  const slack = FASTEST * lateS;
  widen(dtS);
  const contradicts = narrow(-forwardS - slack, reverseS + slack);
  store<f64>(row(i), contradicts ? 1.0 : 0.0, PATH_CONTRADICTS);
  if (contradicts) leave(-forwardS - slack, reverseS + slack);
  publish();
}

/** As boundCausal, for the span in oneway.ts. */
export function boundSide(i: i32, side: usize, dtS: f64, lateS: f64): void {
  const slack = FASTEST * lateS;
  const newLow = side == REVERSE ? -UNKNOWN_S : -spanS - slack;
  const newHigh = side == REVERSE ? spanS + slack : UNKNOWN_S;
  widen(dtS);
  const contradicts = narrow(newLow, newHigh);
  store<f64>(row(i), noteContradiction(i, side, contradicts) ? 1.0 : 0.0, PATH_CONTRADICTS);
  if (contradicts) leave(newLow, newHigh);
  publish();
}

function widen(dtS: f64): void {
  low -= FASTEST * dtS;
  high += FASTEST * dtS;
}

/** Intersects with a new interval; true (and nothing done) if that contradicts. */
function narrow(newLow: f64, newHigh: f64): bool {
  const nextLow = max<f64>(low, newLow);
  const nextHigh = min<f64>(high, newHigh);
  if (nextLow > nextHigh + GRAIN_S) return true;
  low = min<f64>(nextLow, nextHigh);
  high = max<f64>(nextLow, nextHigh);
  return false;
}

/** A contradiction: if most paths contradict, only the newest measurement counts. */
function leave(newLow: f64, newHigh: f64): void {
  store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_CONTRADICTIONS) + 1.0, CLOCK_CONTRADICTIONS);
  if (!mostContradict()) return;
  low = newLow;
  high = newHigh;
}

function publish(): void {
  store<f64>(CLOCK, low, CLOCK_CAUSAL_EARLIEST_S);
  store<f64>(CLOCK, high, CLOCK_CAUSAL_LATEST_S);
}

/** True if the last measurement of most fresh paths contradicted; clears their marks then. */
function mostContradict(): bool {
  const nowS = axisS(nowNs);
  let asked = 0;
  let contradicting = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    asked++;
    if (load<f64>(row(j), PATH_CONTRADICTS) != 0.0) contradicting++;
  }
  if (2 * contradicting <= asked) return false;
  for (let j = 0; j < pathEnd; j++) {
    store<f64>(row(j), 0.0, PATH_CONTRADICTS);
    forgetContradictions(j);
  }
  return true;
}

/**
 * The causal interval: delays are never negative, so on every exchange
 *   θ <= remoteReceive − localSend   and   θ >= remoteSend − localReceive.
 * Widened by how fast two clocks can part and intersected over all paths and all time, this needs
 * no assumption about symmetry, noise or who delays what. The fastest way there and the fastest way
 * back may be different paths. Only a remote clock that lies about its stamps can make it wrong;
 * an empty intersection proves that some stamp lied or a clock was stepped.
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
import { isFresh, pathEnd, row } from './path';

/** Bound on |frequency|: no clock worth the name is off by more than 500 ppm (s/s). */
const FASTEST: f64 = 5.0e-4;
/** Clocks tick; an interval may be empty by this much and mean nothing, s. */
const GRAIN_S: f64 = 1.0e-6;

let low: f64 = 0;
let high: f64 = 0;
let known: bool = false;

export function clearCausal(): void {
  known = false;
  low = 0;
  high = 0;
}

/**
 * The exchange of path i in exchange.ts came `dtS` after the last of any; it is `lateS` older than
 * the newest. What contradicts is left out, unless most paths contradict: then it starts again.
 */
export function boundCausal(i: i32, dtS: f64, lateS: f64): void {
  const slack = FASTEST * lateS;
  const newLow = -forwardS - slack;
  const newHigh = reverseS + slack;
  low -= FASTEST * dtS;
  high += FASTEST * dtS;
  const nextLow = known ? max<f64>(low, newLow) : newLow;
  const nextHigh = known ? min<f64>(high, newHigh) : newHigh;
  const contradicts = nextLow > nextHigh + GRAIN_S;
  store<f64>(row(i), contradicts ? 1.0 : 0.0, PATH_CONTRADICTS);
  if (!contradicts) {
    low = min<f64>(nextLow, nextHigh);
    high = max<f64>(nextLow, nextHigh);
  } else {
    store<f64>(CLOCK, load<f64>(CLOCK, CLOCK_CONTRADICTIONS) + 1.0, CLOCK_CONTRADICTIONS);
    if (mostContradict()) {
      low = newLow;
      high = newHigh;
    }
  }
  known = true;
  store<f64>(CLOCK, low, CLOCK_CAUSAL_EARLIEST_S);
  store<f64>(CLOCK, high, CLOCK_CAUSAL_LATEST_S);
}

/** True if the last exchange of most fresh paths contradicted; clears their marks then. */
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
  for (let j = 0; j < pathEnd; j++) store<f64>(row(j), 0.0, PATH_CONTRADICTS);
  return true;
}

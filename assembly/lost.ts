/**
 * Notices that what was learnt is worth nothing: no state may be so wrong that good exchanges cannot
 * lead out of it. A path whose delays are all of another size than those it was learnt from is met
 * anew. The clock starts again if it is no number a clock can have, if its combiner gives up, or if
 * most paths prove exchange by exchange that it is impossible: delays are never negative, so the
 * truth is within delay/2 of every offset. And it starts again after a storm: when most paths told
 * much that cannot be true, what was learnt of them meanwhile is none of their own.
 */
import { axisS, nowNs } from './clock';
import { delayS, forwardS, offsetS, reverseS } from './exchange';
import {
  CLOCK,
  CLOCK_FREQUENCY,
  CLOCK_REST_S,
  CLOCK_UNCERTAINTY_S,
  CLOCK_VALID,
  PATH_CONTRADICTS,
  PATH_EXCESS_S,
  PATH_FLOOR_S,
  PATH_TAKEN,
} from './memory';
import {
  isFresh,
  pathEnd,
  row,
  STAT_AWAY,
  STAT_AWAY_LEAST_S,
  STAT_AWAY_MOST_S,
  STAT_LONG,
  STAT_NONSENSE,
  STAT_SHORT,
  stat,
} from './path';

/** So many delays in a row below this share of the mean excess: the queues of before are history. */
const SHORT_RUN: f64 = 8.0;
const SHORT_SHARE: f64 = 0.02;
/** So many in a row this many times longer both ways than the longest usual: so is the route. */
const LONG_RUN: f64 = 16.0;
const LONG_TIMES: f64 = 256.0;
/** Delays below this are not told apart, s. */
const LEAST_S: f64 = 1.0e-7;
/** Exchanges a path must have to know its own delays. */
const KNOWN: f64 = 32.0;
const AWAY_RUN: f64 = 8.0;
/** Clocks tick, s. */
const GRAIN_S: f64 = 1.0e-6;
/** Beyond these nothing is a clock's, s and s/s. */
const MOST_S: f64 = 1.0e11;
const MOST_FREQUENCY: f64 = 1.0;
/** A storm: on most paths this share of the exchanges was nonsense; memory in exchanges. */
const STORM: f64 = 0.25;
const STORM_MEMORY: f64 = 32.0;
/** So many good exchanges in a row end it. */
const CALM: i32 = 64;

let resigned: bool = false;
let storm: bool = false;
let calm: i32 = 0;

export function clearLost(): void {
  resigned = false;
  storm = false;
  calm = 0;
}

/** Path i told something that cannot be true: an order, a hold, a time, a bound was broken. */
export function noteNonsense(i: i32): void {
  const s = stat(i);
  const share = load<f64>(s, STAT_NONSENSE);
  const next = share + (1.0 - share) / STORM_MEMORY;
  store<f64>(s, next, STAT_NONSENSE);
  calm = 0;
  if (storm || next < STORM) return;
  const nowS = axisS(nowNs);
  let asked = 0;
  let wild = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    asked++;
    if (load<f64>(stat(j), STAT_NONSENSE) >= STORM) wild++;
  }
  storm = 2 * wild > asked;
}

/** True if the exchange ends a storm. */
function calms(i: i32): bool {
  if (load<f64>(row(i), PATH_CONTRADICTS) != 0.0) {
    noteNonsense(i);
    return false;
  }
  const s = stat(i);
  store<f64>(s, load<f64>(s, STAT_NONSENSE) * (1.0 - 1.0 / STORM_MEMORY), STAT_NONSENSE);
  return storm && ++calm >= CALM;
}

/** The combiner cannot make sense of its state any more. */
export function giveUp(): void {
  resigned = true;
}

/** Call it before path i learns from the exchange: true if its delays are another path's. */
export function isOtherRoute(i: i32): bool {
  const p = row(i);
  const s = stat(i);
  if (load<f64>(p, PATH_TAKEN) < KNOWN) return false;
  const excess = load<f64>(p, PATH_EXCESS_S);
  const isShort = delayS + LEAST_S < SHORT_SHARE * excess;
  const short = isShort ? load<f64>(s, STAT_SHORT) + 1.0 : 0.0;
  store<f64>(s, short, STAT_SHORT);
  const usual = LONG_TIMES * (load<f64>(p, PATH_FLOOR_S) + excess + LEAST_S);
  if (delayS < usual && load<f64>(s, STAT_LONG) == 0.0) return short >= SHORT_RUN;
  const clock = load<f64>(CLOCK, CLOCK_REST_S);
  const isLong = 2.0 * min<f64>(reverseS - clock, forwardS + clock) > usual;
  const long = isLong ? load<f64>(s, STAT_LONG) + 1.0 : 0.0;
  store<f64>(s, long, STAT_LONG);
  return short >= SHORT_RUN || long >= LONG_RUN;
}

/** Call it after the update with path i, `lateS` older than the newest: true if the clock is lost. */
export function isLost(i: i32, lateS: f64): bool {
  return calms(i) || resigned || !isSane() || (lateS == 0.0 && isAway(i) && mostAway());
}

/** False if a number left the range in which clocks live (NaN fails every comparison). */
function isSane(): bool {
  return (
    load<f64>(CLOCK, CLOCK_VALID) == 0.0 ||
    (abs<f64>(load<f64>(CLOCK, CLOCK_REST_S)) < MOST_S &&
      load<f64>(CLOCK, CLOCK_UNCERTAINTY_S) < MOST_S &&
      abs<f64>(load<f64>(CLOCK, CLOCK_FREQUENCY)) < MOST_FREQUENCY)
  );
}

/** True if the clock was excluded for long, always on one side, by more than that scatters. */
function isAway(i: i32): bool {
  if (load<f64>(CLOCK, CLOCK_VALID) == 0.0) return false;
  const s = stat(i);
  const residual = offsetS - load<f64>(CLOCK, CLOCK_REST_S);
  if (abs<f64>(residual) <= delayS * 0.5 + GRAIN_S) {
    store<f64>(s, 0.0, STAT_AWAY);
    return false;
  }
  const run = load<f64>(s, STAT_AWAY);
  // a row that scatters too much is no proof: the next one may be
  const spent = abs<f64>(run) >= AWAY_RUN && !isFar(s);
  const same = run * residual > 0.0 && !spent;
  const least = same ? min<f64>(load<f64>(s, STAT_AWAY_LEAST_S), residual) : residual;
  const most = same ? max<f64>(load<f64>(s, STAT_AWAY_MOST_S), residual) : residual;
  const next = (same ? abs<f64>(run) : 0.0) + 1.0;
  store<f64>(s, residual > 0.0 ? next : -next, STAT_AWAY);
  store<f64>(s, least, STAT_AWAY_LEAST_S);
  store<f64>(s, most, STAT_AWAY_MOST_S);
  return next >= AWAY_RUN && isFar(s);
}

function isFar(s: usize): bool {
  const least = load<f64>(s, STAT_AWAY_LEAST_S);
  const most = load<f64>(s, STAT_AWAY_MOST_S);
  return min<f64>(abs<f64>(least), abs<f64>(most)) > most - least;
}

function mostAway(): bool {
  const nowS = axisS(nowNs);
  let asked = 0;
  let away = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    const s = stat(j);
    asked++;
    if (abs<f64>(load<f64>(s, STAT_AWAY)) >= AWAY_RUN && isFar(s)) away++;
  }
  return 2 * away > asked;
}

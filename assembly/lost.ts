/**
 * Notices that what was learnt is worth nothing: no state may be so wrong that good exchanges cannot
 * lead out of it. A path whose delays are all of another size than those it was learnt from is met
 * anew. The clock starts again if it is no number a clock can have, if it steps again and again, or if
 * most paths prove exchange by exchange that it is impossible and agree on another place: delays are
 * never negative, so the truth is within delay/2 of every offset. And it starts again after a storm,
 * when most paths told much that cannot be true, unless what they tell now confirms it.
 */
import { axisS, nowNs } from './clock';
import { delayS, forwardS, offsetS, reverseS } from './exchange';
import {
  CLOCK,
  CLOCK_FREQUENCY,
  CLOCK_REST_S,
  CLOCK_STEPS,
  CLOCK_UNCERTAINTY_S,
  CLOCK_VALID,
  PATH_CONTRADICTS,
  PATH_DELAY_S,
  PATH_EXCESS_S,
  PATH_FLOOR_S,
  PATH_OFFSET_S,
  PATH_TAKEN,
} from './memory';
import {
  freshVotes,
  isFresh,
  isMost,
  openPaths,
  pathEnd,
  row,
  STAT_AWAY,
  STAT_AWAY_LEAST_S,
  STAT_AWAY_MOST_S,
  STAT_LONG,
  STAT_LONG_STEPS,
  STAT_NONSENSE,
  STAT_SHORT,
  stat,
  voteOf,
} from './path';

/** So many delays in a row below this share of the mean excess: the queues of before are history. */
const SHORT_RUN: f64 = 8.0;
const SHORT_SHARE: f64 = 0.02;
/**
 * So many in a row this many times longer than the usual: so is the route, if it is so both ways.
 * (One way only is congestion or an attack.) If the clock stepped meanwhile, too, and most paths are
 * so, nothing is left of the world that was learnt.
 */
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
/** So many good exchanges in a row end it; the second half tells what it left. */
const CALM: i32 = 64;
/** The clock is confirmed if the mean of those residuals is within so many of their deviations. */
const CONFIRMED: f64 = 0.45; // 2.5 of the mean's own

/** So many steps, each so few exchanges per path after the last: it is not the clock that moves. */
const STEP_RUN: i32 = 3;
const STEP_SOON: i32 = 32;

let resigned: bool = false;
let taken: i32 = 0;
let stepsSeen: f64 = 0;
let steppedAt: i32 = 0;
let stepRun: i32 = 0;
let storm: bool = false;
let calm: i32 = 0;
let sum: f64 = 0;
let squares: f64 = 0;

export function clearLost(): void {
  resigned = false;
  taken = 0;
  stepsSeen = load<f64>(CLOCK, CLOCK_STEPS);
  steppedAt = 0;
  stepRun = 0;
  storm = false;
  calm = 0;
}

/** Path i told something that cannot be true. */
function noteNonsense(i: i32): void {
  const s = stat(i);
  const share = load<f64>(s, STAT_NONSENSE);
  const next = share + (1.0 - share) / STORM_MEMORY;
  store<f64>(s, next, STAT_NONSENSE);
  calm = 0;
  if (storm || next < STORM) return;
  const nowS = axisS(nowNs);
  let wild: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    if (load<f64>(stat(j), STAT_NONSENSE) >= STORM) wild += voteOf(j);
  }
  storm = isMost(wild, freshVotes(nowS));
}

/** True if the exchange of path i ends a storm that left the clock elsewhere. */
function endsStorm(i: i32): bool {
  if (load<f64>(row(i), PATH_CONTRADICTS) != 0.0) {
    noteNonsense(i);
    return false;
  }
  const s = stat(i);
  store<f64>(s, load<f64>(s, STAT_NONSENSE) * (1.0 - 1.0 / STORM_MEMORY), STAT_NONSENSE);
  if (!storm) return false;
  if (++calm <= CALM >> 1) {
    sum = 0;
    squares = 0;
    return false;
  }
  const residual = offsetS - load<f64>(CLOCK, CLOCK_REST_S);
  sum += residual;
  squares += residual * residual;
  if (calm < CALM) return false;
  storm = false;
  const mean = sum / f64(CALM >> 1);
  const variance = squares / f64(CALM >> 1) - mean * mean;
  return !(mean * mean <= CONFIRMED * CONFIRMED * variance + GRAIN_S * GRAIN_S);
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
  if (delayS <= usual) {
    store<f64>(s, 0.0, STAT_LONG);
    return short >= SHORT_RUN;
  }
  const long = load<f64>(s, STAT_LONG) + 1.0;
  const steps = load<f64>(CLOCK, CLOCK_STEPS);
  if (long == 1.0) store<f64>(s, steps, STAT_LONG_STEPS);
  store<f64>(s, long, STAT_LONG);
  if (long < LONG_RUN) return false;
  if (steps > load<f64>(s, STAT_LONG_STEPS) && mostLong()) resigned = true;
  const clock = load<f64>(CLOCK, CLOCK_REST_S);
  return 2.0 * min<f64>(reverseS - clock, forwardS + clock) > usual;
}

function mostLong(): bool {
  const nowS = axisS(nowNs);
  let long: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    if (load<f64>(stat(j), STAT_LONG) >= LONG_RUN) long += voteOf(j);
  }
  return isMost(long, freshVotes(nowS));
}

/** Call it after the update with path i, `lateS` older than the newest: true if the clock is lost. */
export function isLost(i: i32, lateS: f64): bool {
  return (
    endsStorm(i) ||
    stepsOnAndOn() ||
    resigned ||
    !isSane() ||
    (lateS == 0.0 && isAway(i) && mostAwayAlike())
  );
}

/** The third step in a row that came so soon after the last. */
function stepsOnAndOn(): bool {
  taken++;
  const steps = load<f64>(CLOCK, CLOCK_STEPS);
  if (steps == stepsSeen) return false;
  stepsSeen = steps;
  stepRun = taken - steppedAt <= STEP_SOON * openPaths ? stepRun + 1 : 1;
  steppedAt = taken;
  return stepRun >= STEP_RUN;
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

/** True if most fresh paths are away, where the last exchange can be, too. */
function mostAwayAlike(): bool {
  const nowS = axisS(nowNs);
  let away: f64 = 0;
  for (let j = 0; j < pathEnd; j++) {
    if (!isFresh(j, nowS)) continue;
    const s = stat(j);
    if (abs<f64>(load<f64>(s, STAT_AWAY)) < AWAY_RUN || !isFar(s)) continue;
    const apart = abs<f64>(load<f64>(row(j), PATH_OFFSET_S) - offsetS);
    if (apart <= (load<f64>(row(j), PATH_DELAY_S) + delayS) * 0.5 + GRAIN_S) away += voteOf(j);
  }
  return isMost(away, freshVotes(nowS));
}

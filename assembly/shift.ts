/**
 * Which direction of a path's delay moved? A delay attack (or a queue one way) shifts the offset
 * with the delay: spans of one direction stop coming near the floor they always came near, while
 * those of the other still do. Each direction keeps its own floor, so that asymmetry of old is no
 * news, and learns how often a span exceeds each of seven heights above it if the one before did. A
 * run of spans that all exceed a height is evidence, in nats, by how rare such a run was: neither a
 * law of queueing nor independence is assumed.
 *
 * Spans come with θ taken out: one-way delays, give or take θ's own error.
 */
import { MAX_PATHS, SHIFT_BYTES, SHIFTS } from './memory';

/** Heights above the floor: an eighth of the mean queueing, and doubled again and again. */
const HEIGHTS: i32 = 7;
const LOWEST: f64 = 0.125;
/** θ's uncertainty counts so often in the lowest height. */
const SIGMAS: f64 = 4.0;

/** Exchanges before a path's history counts; in the first half it starts again. */
const SETTLED: u32 = 256;
const MEMORY: u32 = 512;
/** Counts of runs fade each time weights are learnt; a rare height borrows from the one below. */
const COUNTS_FADE: f64 = 1.0 / 512.0;
const BORROWED: f64 = 2.0;
const LEARN_EVERY: u32 = 64;
const USUAL_FADES: f64 = 1.0 / 128.0; // each time
/** The floor is what this share of the spans stays below: least spans grow with their number … */
const BELOW: f64 = 0.03;
/** … found by steps of this share of the mean queueing; far above a span it falls half the way. */
const STEP: f64 = 1.0 / 256.0;
const DROP: f64 = 0.5;
/** One span counts as this many means at the most, once a mean is known. */
const MOST_MEANS: f64 = 16.0;
const YOUNG: u32 = 16;

/** Evidence of a shift, nats, at least; and more than this many times what is usual here. */
const EVIDENCE: f64 = 24.0;
const UNUSUAL: f64 = 1.5;
const UNUSUAL_MORE: f64 = 4.0;
const RUN: f64 = 12.0;
const RUN_S: f64 = 8.0;
/** A shift is over when so many exchanges in a row gave less than this evidence. */
const CALM: f64 = 6.0;
const CALM_AGAIN: f64 = 12.0;
const CALM_RUN: f64 = 32.0;
/** The other direction is at rest while its evidence is below this share (or CALM) … */
const AT_REST: f64 = 0.25;
/** … and moves, too, once it is above this one (and CALM_AGAIN). */
const MOVES_TOO: f64 = 0.5;
/** No shift is told from an error of θ below so many of its sigmas. */
const LEAST_SIGMAS: f64 = 8.0;
/** Spans of late that are kept, a power of two; fewer than RUN. */
const LATE: u32 = 8;

// slots of one direction, reverse (local→remote) first, SIDE apart; a span's rank is how many
// heights it reached, 0…7
const S_FLOOR: usize = 0; // s, θ taken out
const S_MEAN: usize = 8; // mean of span − floor, s
const S_RANK: usize = 16; // of the last span
const S_USUAL: usize = 24; // strongest evidence of an ordinary run, fading
const S_PEAK: usize = 32; // strongest of the run in progress
const S_EVIDENCE: usize = 40; // of the run in progress, nats; 0 while it is short
const S_OTHER: usize = 48; // the other direction's floor when the run began, s
const S_MOVED: usize = 56; // 1: this direction shifted
const S_CALM: usize = 64; // exchanges in a row that looked as of old
const S_SHIFT: usize = 72; // how far, s
const S_SINCE: usize = 80; // first exchange that showed it, axis s
const S_LATE: usize = 88; // the last 8 spans, s
const S_LAST: usize = 152; // per rank: the last exchange of that rank
const S_NEXT_AT: usize = 216; // per rank: when the one after it came, axis s
const S_FROM: usize = 280; // per rank: spans that came after one of that rank …
const S_BOTH: usize = 344; // … and by the lesser rank of the two
const S_WEIGHT: usize = 408; // per height: nats for one more span in a row that reaches it
const SIDE: usize = 464;
// slots of the path
const G_TAKEN: usize = 2 * SIDE;
const G_ALONE: usize = G_TAKEN + 8; // 1: one direction moved and the other is at rest
const G_CHANGE_REVERSE: usize = G_TAKEN + 16; // the last change of route, s
const G_CHANGE_FORWARD: usize = G_TAKEN + 24;
const G_CHANGE_AT: usize = G_TAKEN + 32; // axis s

export function clearShifts(): void {
  memory.fill(SHIFTS, 0, SHIFT_BYTES * usize(MAX_PATHS));
}

/** Path i has no history. */
export function openShift(i: i32): void {
  memory.fill(shift(i), 0, SHIFT_BYTES);
}

function shift(i: i32): usize {
  return SHIFTS + usize(i) * SHIFT_BYTES;
}

/** θ was put elsewhere: runs in progress mean nothing, the rest of the history does. */
export function restartRuns(i: i32): void {
  const g = shift(i);
  endRun(g, load<f64>(g, G_TAKEN));
  endRun(g + SIDE, load<f64>(g, G_TAKEN));
  store<f64>(g, 0.0, G_ALONE);
}

/**
 * One exchange of path i: its one-way spans less θ, and θ's 1 sigma, s; at axis time nowS.
 * `isClean`: the path has a history that a shift can be told from.
 */
export function watchShift(
  i: i32,
  reverse: f64,
  forward: f64,
  sigma: f64,
  nowS: f64,
  isClean: bool,
): void {
  const g = shift(i);
  const taken = load<f64>(g, G_TAKEN) + 1.0;
  store<f64>(g, taken, G_TAKEN);
  const turn = u32(taken);
  const late = S_LATE + (usize(turn & (LATE - 1)) << 3);
  store<f64>(g + late, reverse);
  store<f64>(g + SIDE + late, forward);
  if (turn <= SETTLED / 2) settle(g, turn, reverse, forward);
  const age = turn < SETTLED / 2 ? turn % (SETTLED / 4) : turn - SETTLED / 2;
  const pace = age < MEMORY ? 1.0 / f64(age + 1) : 1.0 / f64(MEMORY);
  const isYoung = age < YOUNG;
  watchSide(g, g + SIDE, reverse, sigma, nowS, taken, isYoung, pace);
  watchSide(g + SIDE, g, forward, sigma, nowS, taken, isYoung, pace);
  if (turn < SETTLED) return;
  if (turn % LEARN_EVERY == 0) {
    learnWeights(g);
    learnWeights(g + SIDE);
  }
  const reverseRuns = weighRun(g, taken);
  if ((weighRun(g + SIDE, taken) || reverseRuns) && isClean) {
    claimShift(g, g + SIDE, sigma, nowS, taken);
    claimShift(g + SIDE, g, sigma, nowS, taken);
    noteAlone(g);
  }
}

/** θ moves much at first, so what was learnt against it is forgotten now and then. */
function settle(g: usize, turn: u32, reverse: f64, forward: f64): void {
  const taken = f64(turn);
  if (turn == 1) {
    restartSide(g, reverse, taken);
    restartSide(g + SIDE, forward, taken);
  } else if (turn % (SETTLED / 4) == 0) {
    restartSide(g, leastOf(g), taken);
    restartSide(g + SIDE, leastOf(g + SIDE), taken);
  }
}

/** True if the delay of one direction moved and that of the other did not. */
export function isOneSided(i: i32): bool {
  return load<f64>(shift(i), G_ALONE) != 0.0;
}

/** True if the delay of both directions moved. */
export function isLonger(i: i32): bool {
  const g = shift(i);
  return load<f64>(g, S_MOVED) != 0.0 && load<f64>(g + SIDE, S_MOVED) != 0.0;
}

/** How far a direction moved (reverse 0, forward 1), s; 0 if it did not. */
export function shiftOf(i: i32, direction: i32): f64 {
  return load<f64>(side(i, direction), S_SHIFT);
}

/** First exchange that showed it, over both directions, axis s. */
export function shiftedAt(i: i32): f64 {
  const g = shift(i);
  if (load<f64>(g, S_MOVED) == 0.0) return load<f64>(g + SIDE, S_SINCE);
  if (load<f64>(g + SIDE, S_MOVED) == 0.0) return load<f64>(g, S_SINCE);
  return min<f64>(load<f64>(g, S_SINCE), load<f64>(g + SIDE, S_SINCE));
}

/** The route of path i changed: what its directions moved by is remembered and believed. */
export function noteChange(i: i32, reverse: f64, forward: f64, nowS: f64): void {
  const g = shift(i);
  const known = isLonger(i);
  const shiftReverse = known ? shiftOf(i, 0) : reverse;
  const shiftForward = known ? shiftOf(i, 1) : forward;
  const at = known ? shiftedAt(i) : nowS;
  if (known) {
    for (let s = g; s <= g + SIDE; s += SIDE) {
      store<f64>(s, load<f64>(s, S_FLOOR) + load<f64>(s, S_SHIFT), S_FLOOR);
      endRun(s, load<f64>(g, G_TAKEN));
    }
    store<f64>(g, 0.0, G_ALONE);
  } else {
    openShift(i);
  }
  store<f64>(g, shiftReverse, G_CHANGE_REVERSE);
  store<f64>(g, shiftForward, G_CHANGE_FORWARD);
  store<f64>(g, at, G_CHANGE_AT);
}

/** What a direction moved by in the last change of route, s, and when, axis s. */
export function changeOf(i: i32, direction: i32): f64 {
  return load<f64>(shift(i) + (usize(direction) << 3), G_CHANGE_REVERSE);
}
export function changedAt(i: i32): f64 {
  return load<f64>(shift(i), G_CHANGE_AT);
}

function side(i: i32, direction: i32): usize {
  return shift(i) + usize(direction) * SIDE;
}

/** Is just one direction shifted? Asked while it shows; what was so stays so while it calms down. */
function noteAlone(g: usize): void {
  const reverse = load<f64>(g, S_MOVED) != 0.0;
  const forward = load<f64>(g + SIDE, S_MOVED) != 0.0;
  if (reverse == forward) {
    store<f64>(g, 0.0, G_ALONE);
    return;
  }
  const evidence = load<f64>(reverse ? g : g + SIDE, S_EVIDENCE);
  if (evidence < CALM_AGAIN) return;
  const others = load<f64>(reverse ? g + SIDE : g, S_EVIDENCE);
  if (others <= max<f64>(CALM, AT_REST * evidence)) store<f64>(g, 1.0, G_ALONE);
  else if (others > max<f64>(CALM_AGAIN, MOVES_TOO * evidence)) store<f64>(g, 0.0, G_ALONE);
}

/** Least of the last 8 spans, s. */
function leastOf(s: usize): f64 {
  let least = load<f64>(s, S_LATE);
  for (let k: usize = 1; k < usize(LATE); k++)
    least = min<f64>(least, load<f64>(s + (k << 3), S_LATE));
  return least;
}

/** The floor is put somewhere, and what was learnt above it is forgotten. */
function restartSide(s: usize, floorS: f64, taken: f64): void {
  store<f64>(s, floorS, S_FLOOR);
  memory.fill(s + S_FROM, 0, SIDE - S_FROM);
  endRun(s, taken);
}

function endRun(s: usize, taken: f64): void {
  for (let r: usize = 0; r <= usize(HEIGHTS) << 3; r += 8) store<f64>(s + r, taken, S_LAST);
  store<f64>(s, 0.0, S_RANK);
  store<f64>(s, 0.0, S_PEAK);
  store<f64>(s, 0.0, S_EVIDENCE);
  store<f64>(s, 0.0, S_MOVED);
  store<f64>(s, 0.0, S_SHIFT);
  store<f64>(s, 0.0, S_CALM);
}

/** Folds one span into its direction, at this pace into its mean. */
function watchSide(
  s: usize,
  other: usize,
  span: f64,
  sigma: f64,
  nowS: f64,
  taken: f64,
  isYoung: bool,
  pace: f64,
): void {
  const floorS = load<f64>(s, S_FLOOR);
  const mean = load<f64>(s, S_MEAN);
  const above = span - floorS;
  const moved = load<f64>(s, S_MOVED) != 0.0;
  const lowest = max<f64>(LOWEST * mean, SIGMAS * sigma);
  if (above < -lowest) store<f64>(s, floorS + DROP * above, S_FLOOR);
  else if (above < 0.0) store<f64>(s, floorS - (1.0 - BELOW) * STEP * mean, S_FLOOR);
  else if (!moved) store<f64>(s, floorS + BELOW * STEP * mean, S_FLOOR);
  const rank = rankOf(above / lowest) << 3;
  const before = usize(load<f64>(s, S_RANK));
  store<f64>(s, f64(rank), S_RANK);
  store<f64>(s + before, nowS, S_NEXT_AT);
  store<f64>(s + rank, taken, S_LAST);
  if (rank == 0) store<f64>(s, load<f64>(other, S_FLOOR), S_OTHER);
  if (moved) return;
  const both = min<usize>(before, rank);
  store<f64>(s + before, load<f64>(s + before, S_FROM) + 1.0, S_FROM);
  store<f64>(s + both, load<f64>(s + both, S_BOTH) + 1.0, S_BOTH);
  const heard = isYoung ? max<f64>(above, 0.0) : min<f64>(above, MOST_MEANS * mean);
  store<f64>(s, max<f64>(mean + (heard - mean) * pace, 0.0), S_MEAN);
}

/** How many of 1, 2, 4 … 64 `ratio` reaches; NaN reaches none. */
function rankOf(ratio: f64): usize {
  if (!(ratio >= 1.0)) return 0;
  const exponent = i32(reinterpret<u64>(ratio) >> 52) - 1023;
  return usize(min<i32>(exponent + 1, HEIGHTS));
}

/** Nats per span and height: how rare it is to stay above it, beyond what the one below says. */
function learnWeights(s: usize): void {
  store<f64>(s, load<f64>(s, S_USUAL) * (1.0 - USUAL_FADES), S_USUAL);
  let above: f64 = 0; // spans after one that reached the height
  let stayed: f64 = 0; // those of them that did, too
  for (let r: usize = 0; r <= usize(HEIGHTS) << 3; r += 8) {
    const from = load<f64>(s + r, S_FROM) * (1.0 - COUNTS_FADE);
    const both = load<f64>(s + r, S_BOTH) * (1.0 - COUNTS_FADE);
    store<f64>(s + r, from, S_FROM);
    store<f64>(s + r, both, S_BOTH);
    above += from;
    stayed += both;
  }
  let stays: f64 = 1.0;
  let before: f64 = 0; // −ln of it, of the height below
  for (let h: usize = 0; h < usize(HEIGHTS) << 3; h += 8) {
    above -= load<f64>(s + h, S_FROM);
    stayed -= load<f64>(s + h, S_BOTH);
    stays = min<f64>(stays, (stayed + BORROWED * stays) / (above + BORROWED));
    const rare = -Math.log(stays);
    store<f64>(s + h, rare - before, S_WEIGHT);
    before = rare;
  }
}

/** Weighs the run in progress, if it is one; true if something is to be decided. */
function weighRun(s: usize, taken: f64): bool {
  const moved = load<f64>(s, S_MOVED) != 0.0;
  const peak = load<f64>(s, S_PEAK);
  const isRun = taken - load<f64>(s, S_LAST) >= RUN;
  if (!isRun && !moved && peak == 0.0) return false;
  const evidence = isRun ? evidenceOf(s, taken) : 0.0;
  store<f64>(s, evidence, S_EVIDENCE);
  if (evidence > peak) store<f64>(s, evidence, S_PEAK);
  if (moved) followShift(s, evidence, taken);
  else if (!isRun) {
    store<f64>(s, max<f64>(load<f64>(s, S_USUAL), peak), S_USUAL);
    store<f64>(s, 0.0, S_PEAK);
  }
  return moved || evidence >= EVIDENCE;
}

/** Nats of the run in progress: each height counts the spans in a row that reached it. */
function evidenceOf(s: usize, taken: f64): f64 {
  let last: f64 = 0;
  let evidence: f64 = 0;
  for (let h: usize = 0; h < usize(HEIGHTS) << 3; h += 8) {
    last = max<f64>(last, load<f64>(s + h, S_LAST));
    evidence += (taken - last) * load<f64>(s + h, S_WEIGHT);
  }
  return evidence;
}

/** Is the run of late spans of this direction more than chance, and more than usual here? */
function claimShift(s: usize, other: usize, sigma: f64, nowS: f64, taken: f64): void {
  const least = max<f64>(EVIDENCE, UNUSUAL * load<f64>(s, S_USUAL) + UNUSUAL_MORE);
  if (load<f64>(s, S_MOVED) != 0.0 || load<f64>(s, S_EVIDENCE) < least) return;
  // it began when the highest height that is reached by half of the run was reached first
  let last = load<f64>(s, S_LAST);
  let began: usize = 0;
  const half = 0.5 * (taken + last);
  for (let r: usize = 8; r < usize(HEIGHTS) << 3 && load<f64>(s + r, S_LAST) <= half; r += 8) {
    if (load<f64>(s + r, S_LAST) <= last) continue;
    last = load<f64>(s + r, S_LAST);
    began = r;
  }
  const since = load<f64>(s + began, S_NEXT_AT);
  if (taken - last < RUN || nowS - since < RUN_S) return;
  const by = leastOf(s) - load<f64>(s, S_FLOOR);
  if (by < LEAST_SIGMAS * sigma) return;
  if (load<f64>(other, S_FLOOR) < load<f64>(s, S_OTHER) - AT_REST * by) {
    // the other direction got shorter meanwhile: θ moved, or this path's stamps did, not its delay
    store<f64>(s, leastOf(s), S_FLOOR);
    endRun(s, taken);
    return;
  }
  store<f64>(s, 1.0, S_MOVED);
  store<f64>(s, 0.0, S_CALM);
  store<f64>(s, by, S_SHIFT);
  store<f64>(s, since, S_SINCE);
  // its run may be short yet
  store<f64>(other, evidenceOf(other, taken), S_EVIDENCE);
}

/** While a direction is shifted: how far now, and is it over? */
function followShift(s: usize, evidence: f64, taken: f64): void {
  if (evidence >= CALM_AGAIN) {
    store<f64>(s, leastOf(s) - load<f64>(s, S_FLOOR), S_SHIFT);
    store<f64>(s, 0.0, S_CALM);
    return;
  }
  if (evidence >= CALM) return;
  const calm = load<f64>(s, S_CALM) + 1.0;
  store<f64>(s, calm, S_CALM);
  if (calm < CALM_RUN) return;
  // what comes and goes by itself is usual here, as far as that may be believed
  const usual = load<f64>(s, S_USUAL);
  store<f64>(
    s,
    max<f64>(usual, min<f64>(load<f64>(s, S_PEAK), UNUSUAL * usual + EVIDENCE)),
    S_USUAL,
  );
  endRun(s, taken);
}

/**
 * What the core says of paths and clock beyond numbers: who is caught lying, whether the paths
 * agree, and the list of what became otherwise since the host last asked (VERDICTS). At most one
 * row an exchange is written: about the clock, or the path of the exchange, or now and then another
 * path; what is left over is told with a later exchange. A state counts once it lasted a few
 * exchanges of its path.
 */
import { nowNs, unixS } from './clock';
import {
  AGREE_FEW,
  AGREE_HOLDOVER,
  AGREE_MAJORITY,
  CLOCK,
  CLOCK_AGREED_AT_S,
  CLOCK_AGREEMENT,
  CLOCK_REFUSED,
  CLOCK_STEP_S,
  CLOCK_STEPS,
  CLOCK_TAKEN,
  MAX_VERDICTS,
  PATH_CONTRADICTS,
  PATH_INTERVAL_S,
  PATH_REASON,
  PATH_REASON_S,
  PATH_SHIFT_FORWARD_S,
  PATH_SHIFT_REVERSE_S,
  PATH_SINCE_S,
  PATH_STATE,
  REASON_NO_MAJORITY,
  REASON_NONE,
  STATE_STALE,
  VERDICT_AT_S,
  VERDICT_BYTES,
  VERDICT_GAP_S,
  VERDICT_INTERVAL_S,
  VERDICT_LIES,
  VERDICT_ORDER,
  VERDICT_PATH,
  VERDICT_REASON,
  VERDICT_REASON_S,
  VERDICT_SHIFT_FORWARD_S,
  VERDICT_SHIFT_REVERSE_S,
  VERDICT_SINCE_S,
  VERDICT_STATE,
  VERDICTS,
} from './memory';
import {
  isOpen,
  openPaths,
  pathEnd,
  row,
  STAT_DWELT,
  STAT_LIES,
  STAT_SAYS,
  STAT_TOLD,
  sayingOf,
  stat,
} from './path';
import { isOneSided } from './shift';

/** Exchanges of a path that a state must last to be told. */
const DWELL: f64 = 4.0;
/** So many contradictions more than half forgotten ones, and the path is a liar. */
const LIAR: f64 = 3.0;
const MOST_LIES: f64 = 8.0;
const FORGET: f64 = 0.125;
/** Other paths are looked at once in so many exchanges, a power of two: some fall silent. */
const LOOK_EVERY: i32 = 8;

let rows: i32 = 0;
/** Path to be looked at next, beside the one of the exchange, now and then. */
let turn: i32 = 0;
let looked: i32 = 0;
let liars: i32 = 0;
let agreed: i32 = AGREE_FEW;
let toldAgreement: i32 = AGREE_FEW;
let toldSteps: f64 = 0;
/** How long no path was heard, before the last exchange; 0: told, or none. */
let gapS: f64 = 0;

export function clearVerdicts(): void {
  rows = 0;
  turn = 0;
  looked = 0;
  liars = 0;
  agreed = AGREE_FEW;
  toldAgreement = AGREE_FEW;
  toldSteps = 0;
  gapS = 0;
}

/** Rows written since the last call; they stay until the next exchange. */
export function takeVerdicts(): i32 {
  const written = rows;
  rows = 0;
  return written;
}

/** Path i was closed: what it said is forgotten. */
export function forgetVerdict(i: i32): void {
  countLies(i, 0.0);
}

/** Caught by its own words: it contradicted the causal interval again and again, others did not. */
export function isLying(i: i32): bool {
  return load<f64>(stat(i), STAT_LIES) >= LIAR && 2 * liars < openPaths;
}

/** True if what this path says of the clock is no evidence, whatever the others say. */
export function isConvicted(i: i32): bool {
  return isOneSided(i) || isLying(i);
}

/** Says whether the paths agree (AGREE_*). */
export function setAgreement(agreement: i32): void {
  if (agreed == agreement) return;
  agreed = agreement;
  store<f64>(CLOCK, f64(agreement), CLOCK_AGREEMENT);
  store<f64>(CLOCK, unixS(nowNs), CLOCK_AGREED_AT_S);
}

/** The same for combiners that only say it of a path: here of path i. */
export function agreeAsPath(i: i32): void {
  const reason = i32(load<f64>(row(i), PATH_REASON));
  if (reason == REASON_NO_MAJORITY) setAgreement(AGREE_HOLDOVER);
  else if (reason == REASON_NONE) setAgreement(openPaths > 1 ? AGREE_MAJORITY : AGREE_FEW);
}

/** No path was heard for so long beyond its turn, until now. */
export function noteGap(s: f64): void {
  if (s > 0.0) gapS = max<f64>(gapS, s);
}

/** After an exchange of path i was taken. */
export function tell(i: i32): void {
  weighLies(i);
  speak(i);
}

function weighLies(i: i32): void {
  const lies = load<f64>(stat(i), STAT_LIES);
  const contradicts = load<f64>(row(i), PATH_CONTRADICTS) != 0.0;
  if (contradicts) countLies(i, min<f64>(lies + 1.0, MOST_LIES));
  else if (lies > 0.0) countLies(i, max<f64>(lies - FORGET, 0.0));
}

/** Writes down what became otherwise, after anything of path i was taken. */
export function speak(i: i32): void {
  const s = stat(i);
  date(i);
  if (saidOf(i) != load<f64>(s, STAT_TOLD)) {
    store<f64>(s, load<f64>(s, STAT_DWELT) + 1.0, STAT_DWELT);
    if (rows < MAX_VERDICTS && !tellClock()) tellPath(i);
    return;
  }
  if (load<f64>(s, STAT_DWELT) != 0.0) store<f64>(s, 0.0, STAT_DWELT);
  if (rows >= MAX_VERDICTS || tellClock() || (++looked & (LOOK_EVERY - 1)) != 0) return;
  if (++turn >= pathEnd) turn = 0;
  if (turn == i || !isOpen(turn)) return;
  date(turn);
  tellPath(turn);
}

/** A combiner may set a state several times in one exchange; only the outcome is dated. */
function date(i: i32): void {
  const says = sayingOf(i);
  if (says == load<f64>(stat(i), STAT_SAYS)) return;
  store<f64>(stat(i), says, STAT_SAYS);
  store<f64>(row(i), unixS(nowNs), PATH_SINCE_S);
}

function countLies(i: i32, lies: f64): void {
  const before = load<f64>(stat(i), STAT_LIES);
  store<f64>(stat(i), lies, STAT_LIES);
  if (before < LIAR && lies >= LIAR) liars++;
  else if (before >= LIAR && lies < LIAR) liars--;
}

/** State, reason and whether it lied of late, in one number. */
function saidOf(i: i32): f64 {
  return sayingOf(i) * 2.0 + (load<f64>(stat(i), STAT_LIES) > 0.0 ? 1.0 : 0.0);
}

function tellClock(): bool {
  const agreement = agreed;
  const steps = load<f64>(CLOCK, CLOCK_STEPS);
  if (agreement == toldAgreement && steps == toldSteps && gapS == 0.0) return false;
  if (steps != toldSteps) {
    // it was the clock, not the paths
    for (let j = 0; j < pathEnd; j++) countLies(j, 0.0);
  }
  toldAgreement = agreement;
  toldSteps = steps;
  const r = nextRow(-1);
  store<f64>(r, f64(agreement), VERDICT_STATE);
  store<f64>(r, steps, VERDICT_REASON);
  store<f64>(r, load<f64>(CLOCK, CLOCK_STEP_S), VERDICT_REASON_S);
  store<f64>(r, load<f64>(CLOCK, CLOCK_AGREED_AT_S), VERDICT_SINCE_S);
  store<f64>(r, meanIntervalS(), VERDICT_INTERVAL_S);
  store<f64>(r, gapS, VERDICT_GAP_S);
  gapS = 0;
  return true;
}

function tellPath(i: i32): bool {
  const s = stat(i);
  const p = row(i);
  const said = saidOf(i);
  if (said == load<f64>(s, STAT_TOLD)) return false;
  const silent = load<f64>(p, PATH_STATE) == f64(STATE_STALE);
  if (!silent && load<f64>(s, STAT_DWELT) < DWELL) return false;
  store<f64>(s, said, STAT_TOLD);
  store<f64>(s, 0.0, STAT_DWELT);
  const r = nextRow(i);
  store<f64>(r, load<f64>(p, PATH_STATE), VERDICT_STATE);
  store<f64>(r, load<f64>(p, PATH_REASON), VERDICT_REASON);
  store<f64>(r, load<f64>(p, PATH_REASON_S), VERDICT_REASON_S);
  store<f64>(r, load<f64>(p, PATH_SINCE_S), VERDICT_SINCE_S);
  store<f64>(r, load<f64>(p, PATH_SHIFT_REVERSE_S), VERDICT_SHIFT_REVERSE_S);
  store<f64>(r, load<f64>(p, PATH_SHIFT_FORWARD_S), VERDICT_SHIFT_FORWARD_S);
  store<f64>(r, load<f64>(s, STAT_LIES) > 0.0 ? 1.0 : 0.0, VERDICT_LIES);
  store<f64>(r, load<f64>(p, PATH_INTERVAL_S), VERDICT_INTERVAL_S);
  return true;
}

function nextRow(path: i32): usize {
  const r = VERDICTS + usize(rows++) * VERDICT_BYTES;
  memory.fill(r, 0, VERDICT_BYTES);
  store<f64>(r, load<f64>(CLOCK, CLOCK_TAKEN) + load<f64>(CLOCK, CLOCK_REFUSED), VERDICT_ORDER);
  store<f64>(r, unixS(nowNs), VERDICT_AT_S);
  store<f64>(r, f64(path), VERDICT_PATH);
  return r;
}

function meanIntervalS(): f64 {
  let sum: f64 = 0;
  let counted = 0;
  for (let j = 0; j < pathEnd; j++) {
    const intervalS = load<f64>(row(j), PATH_INTERVAL_S);
    if (!isOpen(j) || intervalS == 0.0) continue;
    sum += intervalS;
    counted++;
  }
  return counted == 0 ? 0.0 : sum / f64(counted);
}

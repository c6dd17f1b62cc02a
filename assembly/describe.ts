/** What braid says of its paths, in states and reasons, and of whether they agree. */
import { B_CHANGED, B_JUMP, B_LATE, B_TAKEN, braidRow, K_FREE, K_MEAN } from './braidrow';
import { centreS, isTight, voters } from './majority';
import {
  AGREE_FEW,
  AGREE_HISTORY,
  AGREE_HOLDOVER,
  AGREE_MAJORITY,
  CLOCK,
  CLOCK_AGREEMENT,
  PATH_TAKEN,
  REASON_CONTRADICTS,
  REASON_DISAGREES,
  REASON_FEW,
  REASON_HOLDOVER,
  REASON_JUMPED,
  REASON_NO_MAJORITY,
  REASON_NONE,
  REASON_ONE_SIDED,
  REASON_QUEUE,
  REASON_REROUTED,
  STATE_CHANGED,
  STATE_CONGESTED,
  STATE_GOOD,
  STATE_QUARANTINED,
  STATE_WARMING,
} from './memory';
import {
  clearShift,
  countFresh,
  isOpen,
  pathEnd,
  row,
  setShift,
  setState,
  WARM_EXCHANGES,
} from './path';
import { changedAt, changeOf, isChanged, isLonger, isOneSided, shiftedAt, shiftOf } from './shift';
import { isConvicted, isLying, setAgreement } from './verdict';

const CONGESTED_RATIO: f64 = 5.0;

/** Do the paths agree, or what does the clock go by? `isClean`: some path has a clean history. */
export function compareAll(isClean: bool, nowS: f64): void {
  if (voters >= 2 && isTight()) setAgreement(AGREE_MAJORITY);
  else if (voters < 2 && (countFresh(nowS) < 2 || !isAnyConvicted())) setAgreement(AGREE_FEW);
  else setAgreement(isClean ? AGREE_HISTORY : AGREE_HOLDOVER);
}

function isAnyConvicted(): bool {
  for (let j = 0; j < pathEnd; j++) if (isOpen(j) && isConvicted(j)) return true;
  return false;
}

export function describeBraid(i: i32): void {
  const k = braidRow(i);
  const p = row(i);
  const changed = load<f64>(k, B_CHANGED);
  if (changed > 0.0) store<f64>(k, changed - 1.0, B_CHANGED);
  const isFree = load<f64>(k, K_FREE) != 0.0;
  const isYoung = load<f64>(p, PATH_TAKEN) < WARM_EXCHANGES;
  if (!isYoung && !isLying(i)) {
    if (isOneSided(i)) return describeShift(i, isFree ? STATE_QUARANTINED : STATE_CONGESTED);
    if (changed > 0.0 && !isFree && isChanged(i)) return describeChange(i, load<f64>(k, B_JUMP));
    if (isLonger(i) && !isFree) return describeLonger(i);
  }
  clearShift(i);
  if (isYoung) setState(i, STATE_WARMING, REASON_FEW, 0.0);
  else if (isLying(i) || isFree) {
    const reason = isLying(i) ? REASON_CONTRADICTS : REASON_DISAGREES;
    setState(i, STATE_QUARANTINED, reason, load<f64>(k, K_MEAN) - centreS);
  } else describeQueue(i, max<f64>(load<f64>(k, B_LATE), load<f64>(k, B_LATE + 8)));
}

/** One direction moved: its delay, and the offset with it. */
function describeShift(i: i32, state: i32): void {
  const reverse = shiftOf(i, 0);
  const forward = shiftOf(i, 1);
  setState(i, state, REASON_ONE_SIDED, reverse + forward);
  setShift(i, reverse, forward, shiftedAt(i));
}

function describeChange(i: i32, jump: f64): void {
  const reverse = changeOf(i, 0);
  const forward = changeOf(i, 1);
  if (jump != 0.0) setState(i, STATE_CHANGED, REASON_JUMPED, jump);
  else setState(i, STATE_CHANGED, REASON_REROUTED, reverse + forward);
  setShift(i, reverse, forward, changedAt(i));
}

/** Both directions moved: a longer route, or queues; if it lasts, it is believed. */
function describeLonger(i: i32): void {
  const reverse = shiftOf(i, 0);
  const forward = shiftOf(i, 1);
  setState(i, STATE_CONGESTED, REASON_QUEUE, reverse + forward);
  setShift(i, reverse, forward, shiftedAt(i));
}

function describeQueue(i: i32, late: f64): void {
  const agreement = i32(load<f64>(CLOCK, CLOCK_AGREEMENT));
  if (isCongested(i, late)) setState(i, STATE_CONGESTED, REASON_QUEUE, late);
  else if (agreement == AGREE_HISTORY) setState(i, STATE_GOOD, REASON_NO_MAJORITY, 0.0);
  else if (agreement == AGREE_HOLDOVER) setState(i, STATE_GOOD, REASON_HOLDOVER, 0.0);
  else setState(i, STATE_GOOD, REASON_NONE, 0.0);
}

/** Queues much longer than at most of the other paths. */
function isCongested(i: i32, late: f64): bool {
  let quieter = 0;
  let others = 0;
  for (let j = 0; j < pathEnd; j++) {
    const k = braidRow(j);
    if (j == i || load<f64>(k, B_TAKEN) == 0.0) continue;
    others++;
    if (max<f64>(load<f64>(k, B_LATE), load<f64>(k, B_LATE + 8)) * CONGESTED_RATIO < late)
      quieter++;
  }
  return others > 0 && 2 * quieter >= others;
}

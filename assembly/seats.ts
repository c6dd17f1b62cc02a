/**
 * Who sits in braid's joint filter. The full covariance between path floors costs the square of
 * their number, so at most SEATS paths have a column there and carry θ; every other path follows:
 * its floor is learnt against θ alone and it says nothing about θ, but it votes, it is watched, and
 * it takes a seat as soon as a seated path falls silent or proves blunter. So the cost of an
 * exchange stays bounded while any number of paths stands by with its floor known.
 */
import { B_EDGE2, B_FLOOR, B_FLOOR2, B_LATE, B_SEAT, B_TAKEN, braidRow, K_FREE } from './braidrow';
import { columnOf, covariance, crossOf, p00, placeColumn } from './joint';
import { isFresh, isOpen, pathEnd } from './path';

/** Columns of the joint filter; beyond these more paths add next to nothing to what is known. */
const SEATS: i32 = 16;
/** A follower this much sharper than the bluntest seated path takes its seat. */
const SHARPER: f64 = 2.0;
/** Exchanges after which a follower's queueing is known well enough to compare. */
const KNOWN: f64 = 64.0;

/** One bit per seat. */
let taken: u32 = 0;

export function clearSeats(): void {
  taken = 0;
}

/** Seat of path i, 0..SEATS − 1, or −1 if it follows. */
export function seatOf(i: i32): i32 {
  return i32(load<f64>(braidRow(i), B_SEAT)) - 1;
}

/** Floor of path i, s. */
export function floorOf(i: i32): f64 {
  const seat = seatOf(i);
  return seat < 0 ? load<f64>(braidRow(i), B_FLOOR) : columnOf(seat);
}

export function floorVariance(i: i32): f64 {
  const seat = seatOf(i);
  return seat < 0 ? load<f64>(braidRow(i), B_FLOOR2) : load<f64>(covariance(seat, seat));
}

/** Covariance of the floor of path i with θ; a follower's is not kept. */
export function floorCross(i: i32): f64 {
  const seat = seatOf(i);
  return seat < 0 ? 0.0 : load<f64>(crossOf(seat));
}

/** Puts the floor of path i somewhere, independent of everything else. */
export function placeFloor(i: i32, floorS: f64, variance: f64): void {
  const k = braidRow(i);
  const seat = seatOf(i);
  if (seat >= 0) return placeColumn(seat, floorS, variance);
  store<f64>(k, floorS, B_FLOOR);
  store<f64>(k, variance, B_FLOOR2);
}

/** The floor of path i is known no better than with this variance, s². */
export function doubtFloor(i: i32, variance: f64): void {
  const seat = seatOf(i);
  const cell = seat < 0 ? braidRow(i) + B_FLOOR2 : covariance(seat, seat);
  if (load<f64>(cell) < variance) store<f64>(cell, variance);
}

/** Gives path i a seat if one is free. */
export function trySeat(i: i32): void {
  if (seatOf(i) >= 0) return;
  for (let seat = 0; seat < SEATS; seat++) {
    if ((taken & (1 << seat)) == 0) return sit(i, seat);
  }
}

/** Path i gives its seat up, if it has one; its floor stays known. */
export function leaveSeat(i: i32): void {
  const seat = seatOf(i);
  if (seat < 0) return;
  const k = braidRow(i);
  store<f64>(k, columnOf(seat), B_FLOOR);
  store<f64>(k, load<f64>(covariance(seat, seat)), B_FLOOR2);
  store<f64>(k, 0.0, B_SEAT);
  placeColumn(seat, 0.0, 0.0);
  taken &= ~(1 << seat);
}

function sit(i: i32, seat: i32): void {
  const k = braidRow(i);
  taken |= 1 << seat;
  store<f64>(k, f64(seat + 1), B_SEAT);
  // a follower's floor was read off θ and shares its error, which nobody kept account of
  placeColumn(seat, load<f64>(k, B_FLOOR), load<f64>(k, B_FLOOR2) + p00);
}

/** Seats the sharpest paths that are heard; at most one change a call unless seats fell silent. */
export function reseat(nowS: f64): void {
  for (let changes = 0; changes < SEATS; changes++) {
    let bluntest = -1;
    let least: f64 = Infinity;
    let sharpest = -1;
    let most: f64 = 0;
    for (let j = 0; j < pathEnd; j++) {
      if (!isOpen(j)) continue;
      const worth = worthOf(j, nowS);
      if (seatOf(j) >= 0) {
        if (worth < least) bluntest = j;
        least = min<f64>(least, worth);
      } else if (worth > most) {
        sharpest = j;
        most = worth;
      }
    }
    if (sharpest < 0) return;
    if (taken != (1 << SEATS) - 1) trySeat(sharpest);
    else if (most > SHARPER * least && (least == 0.0 || changes == 0)) {
      const seat = seatOf(bluntest);
      leaveSeat(bluntest);
      sit(sharpest, seat);
    } else return;
  }
}

/** Sharpness of a path that is heard and trusted, 1/s²; 0 for the others. */
function worthOf(i: i32, nowS: f64): f64 {
  const k = braidRow(i);
  if (!isFresh(i, nowS) || load<f64>(k, K_FREE) != 0.0) return 0.0;
  if (seatOf(i) < 0 && load<f64>(k, B_TAKEN) < KNOWN) return 0.0;
  return sharpness(k) + sharpness(k + 8);
}

/**
 * Fisher information of an exponential with a soft edge is about 1/(L·s) per packet, 1/s²; `side`
 * is the path's row, plus 8 for the other direction.
 */
export function sharpness(side: usize): f64 {
  return 1.0 / (load<f64>(side, B_LATE) * sqrt<f64>(load<f64>(side, B_EDGE2)));
}

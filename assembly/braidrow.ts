/**
 * Per-path scalars of braid: it keeps its own slots in the rows that the Kalman filter uses when it
 * is in charge, but for the three that majority.ts reads (K_MEAN, K_INFORMATION, K_VOTE).
 * Slots that exist for both directions come in pairs, reverse (local→remote) first.
 */
export { K_FREE, K_INFORMATION, K_MEAN, K_VOTE, kalmanRow as braidRow } from './kalmanrow';

export const B_TAKEN: usize = 0;
export const B_LATE: usize = 8; // pair: mean queueing L, s
export const B_EDGE2: usize = 24; // pair: square of the edge's softness, s²
export const B_QUIET: usize = 40; // pair: exchanges since one came near the floor
export const B_QUIET_AT: usize = 56; // pair: when that silence began, axis s
export const B_QUIET_LATE: usize = 144; // pair: L when it began, s
export const B_QUIET_LEAST: usize = 160; // pair: least residual since, s
export const B_PENDING: usize = 72; // shifts in a row that θ did not follow
export const B_PENDING_S: usize = 80; // the last of them, s
export const B_BLOCK: usize = 176; // exchanges in the current block of least spans
export const B_CHANGED: usize = 112; // exchanges the state stays "changed"
export const B_JUMP: usize = 120; // size of the last change, s
export const B_SHORT: usize = 184; // round trips in a row far shorter than the queueing
export const B_SEAT: usize = 192; // seat in the joint filter + 1; 0: it follows (seats.ts)
export const B_FLOOR: usize = 200; // a follower's floor, s
export const B_FLOOR2: usize = 208; // its variance, s²
export const B_CLEAN: usize = 216; // assessments in which it agreed with a majority, tightly

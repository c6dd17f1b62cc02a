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
export const B_NEAR: usize = 224; // pair: share of packets that queued less than L
export const B_ALIKE: usize = 240; // pair: share of those that queued as the one before them did
export const B_LAST: usize = 256; // pair: 1 if the last one queued less than L
export const B_DOUBT: usize = 272; // this and the last block: largest variance θ had in it, s²
export const B_ANCHOR: usize = 288; // 1: its least spans once agreed with θ
export const B_ORIGIN: usize = 296; // floor when the path was met: origin of the moments, s
export const B_MEAN: usize = 304; // pair: mean one-way delay beyond the origin, s
export const B_SQUARE: usize = 320; // pair: its mean square, s²
export const B_CUBE: usize = 336; // pair: its mean cube, s³
export const B_REFIT: usize = 352; // exchange at which the law is fitted again
export const B_POOLED: usize = 360; // 1: both directions queue by the same law, learnt as one
export const B_MOMENTS: usize = 368; // pair: delays in them
export const B_QUICK: usize = 384; // pair: packets in a row that queued far less than L
// the law that spans with stamps of the other kind follow (stamps.ts, other.ts)
export const B_OTHER_LATE: usize = 400; // pair: as B_LATE; 0: none was met yet
export const B_OTHER_EDGE2: usize = 416; // pair: as B_EDGE2
export const B_OTHER_TAKEN: usize = 432; // pair: spans it was learnt from

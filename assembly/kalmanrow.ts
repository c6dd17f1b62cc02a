/** The per-path scalars of the joint Kalman filter: one row a path, slots in bytes. */
import { KALMAN, KALMAN_BYTES } from './memory';

export const K_TAKEN: usize = 0;
export const K_NOISE: usize = 8; // variance left at zero excess, s²
export const K_DIVISOR: usize = 16; // excess² / divisor is the queueing variance
export const K_EXCESS2: usize = 24; // mean excess²
export const K_PRODUCT: usize = 32; // mean residual · excess
export const K_SLOPE: usize = 40; // offset per excess, [−1/2, 1/2]
export const K_LATE2: usize = 48; // mean excess² of late packets
export const K_LATE_RESIDUAL2: usize = 56; // mean residual² of late packets
export const K_BAD: usize = 64; // gated in a row
export const K_PRIOR: usize = 72; // bias prior variance in force, s²
export const K_AT: usize = 80; // axis time of the last bias walk
export const K_MEAN: usize = 88; // weighted mean of measurement − θ, s
export const K_INFORMATION: usize = 96; // its information, 1/s²
export const K_FREE: usize = 104; // 1: symmetry assumption taken away
export const K_CHANGED: usize = 112; // exchanges the state stays "changed"
export const K_R: usize = 120; // mean variance given to measurements
export const K_VOTE: usize = 128; // runs of agreeing (+) or disagreeing (−) assessments
export const K_JUMP: usize = 136; // size of the last change, s
export const K_PLAIN: usize = 144; // mean residual before the slope's correction, s
export const K_MEAN_EXCESS: usize = 152; // mean excess that goes with it, s

export function kalmanRow(i: i32): usize {
  return KALMAN + usize(i) * KALMAN_BYTES;
}

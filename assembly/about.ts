/**
 * The core describes itself in words: the names behind its numbers. Strings are static, so the
 * stub runtime never allocates; read through as-bind, on cold paths only.
 */
import { COMBINERS } from './combine';
import { ABI_VERSION, MAX_BATCH, MAX_PATHS } from './memory';

export function abiVersion(): i32 {
  return ABI_VERSION;
}

export function maxPaths(): i32 {
  return MAX_PATHS;
}

export function maxBatch(): i32 {
  return MAX_BATCH;
}

export function combinerCount(): i32 {
  return COMBINERS;
}

/** Name of a combiner, '' past the last. */
export function combinerName(id: i32): string {
  switch (id) {
    case 0:
      return 'kalman';
    case 1:
      return 'rfc5905';
    case 2:
      return 'average';
    case 3:
      return 'weighted';
    case 4:
      return 'best';
    case 5:
      return 'braid';
    case 6:
      return 'median';
    case 7:
      return 'trimmed';
    case 8:
      return 'failover';
    case 9:
      return 'khronos';
    default:
      return '';
  }
}

/** Name of a path state, '' past the last. */
export function stateName(id: i32): string {
  switch (id) {
    case 0:
      return 'closed';
    case 1:
      return 'warming';
    case 2:
      return 'good';
    case 3:
      return 'congested';
    case 4:
      return 'quarantined';
    case 5:
      return 'changed';
    case 6:
      return 'stale';
    case 7:
      return 'standby';
    case 8:
      return 'same-route';
    default:
      return '';
  }
}

/** Name of an exchange status (0 …), '' past the last. */
export function statusName(id: i32): string {
  switch (id) {
    case 0:
      return 'used';
    case 1:
      return 'held';
    case 2:
      return 'duplicate';
    case 3:
      return 'order';
    case 4:
      return 'hold';
    case 5:
      return 'late';
    default:
      return '';
  }
}

/** True if this build uses 128-bit SIMD. */
export function isSimd(): bool {
  return ASC_FEATURE_SIMD;
}

/**
 * A watchdog over the pool of paths after Khronos (RFC 9523).
 *
 * Taken from RFC 9523: a random sample of m of the pool; its lowest and highest third cut off; it
 * is accepted if what is left spans no more than 2w and its mean is no farther than ERR + 2w from
 * the clock; else another sample is drawn; after K of them panic: the whole pool, a third cut off
 * at each end, whatever it says.
 *
 * Ours: the pool is the paths of one client, not hundreds of servers, and nothing is asked extra: a
 * sample is drawn at every exchange from the paths' tracks (track.ts). w is not 25 ms but scaled by
 * the paths' own sigmas, and ERR is 2w, the proportion of the reference implementation. There is no
 * threshold H, since the estimate that is guarded is the accepted sample's own mean. Samples come
 * from xorshift32 with a seed: replays give the same bits; who must not be foreseen sets the seed.
 */
import { axisS, nowNs } from './clock';
import {
  CLOCK,
  CLOCK_FREQUENCY,
  CLOCK_REST_S,
  CLOCK_VALID,
  PATH_FLOOR_S,
  REASON_DISAGREES,
  REASON_PANIC,
  STATE_GOOD,
  STATE_QUARANTINED,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import { keyAt, putKey, sortKeys, tagAt } from './order';
import { markStale, row, setState } from './path';
import {
  CARDS,
  describeSound,
  gatherPool,
  halfOf,
  offsetOf,
  pathOf,
  pool,
  poolMean,
  publishPool,
  setWeight,
  varianceOf,
  weightOf,
} from './pool';
import { settleTrack, TRACK_USED, takeTrack } from './track';
import { scatterAbout } from './vote';

const SAMPLE: i32 = 12; // m
const TRIES: i32 = 5; // K
const CUT: i32 = 3; // one part in CUT at each end
const LEAST_W_S: f64 = 10.0e-6;
const W_SIGMAS: f64 = 3.0;
const ERR_WIDTHS: f64 = 2.0;
/** Part of a path's sigma that asymmetry makes, as a share of half its delay. */
const ASYMMETRY: f64 = 0.02;
const DEFAULT_SEED: u32 = 0x9e3779b9;

let seeded: u32 = DEFAULT_SEED;
let random: u32 = DEFAULT_SEED;
let publishedAtS: f64 = 0;

/** Seeds the sampling, now and after every reset; 0 means the constant. */
export function seed(value: u32): void {
  seeded = value == 0 ? DEFAULT_SEED : value;
  random = seeded;
}

export function clearKhronos(): void {
  random = seeded;
  publishedAtS = 0;
}

/** One exchange of path i. */
export function updateKhronos(i: i32, lateS: f64): i32 {
  const nowS = axisS(nowNs);
  const taken = takeTrack(i, nowS, lateS);
  markStale(nowS);
  gatherPool(nowS);
  const w = width();
  const accepted = drawAccepted(w, nowS);
  const offset = poolMean();
  publishPool(offset, scatterAbout(offset), nowS);
  publishedAtS = nowS;
  let carries = false;
  for (let k = 0; k < pool; k++) {
    const away = offsetOf(k) - offset;
    if (weightOf(k) > 0.0 && pathOf(k) == i) carries = true;
    if (weightOf(k) <= 0.0 && abs<f64>(away) > 2.0 * w + halfOf(k))
      setState(pathOf(k), STATE_QUARANTINED, REASON_DISAGREES, away);
    else if (!accepted) setState(pathOf(k), STATE_GOOD, REASON_PANIC, 2.0 * w);
    else describeSound(k, i);
  }
  settleTrack(i, nowS, offset, carries);
  return carries && taken == TRACK_USED ? STATUS_USED : STATUS_HELD;
}

/** Somebody carried the clock to now. */
export function passKhronos(): void {
  publishedAtS = axisS(nowNs);
}

/** w: three sigmas of the middle path, its asymmetry included, s. */
function width(): f64 {
  for (let k = 0; k < pool; k++) {
    const asymmetry = ASYMMETRY * 0.5 * load<f64>(row(pathOf(k)), PATH_FLOOR_S);
    putKey(k, sqrt<f64>(varianceOf(k) + asymmetry * asymmetry), 0.0);
  }
  sortKeys(pool);
  const middle = 0.5 * (keyAt((pool - 1) >> 1) + keyAt(pool >> 1));
  return max<f64>(W_SIGMAS * middle, LEAST_W_S);
}

/** Leaves the weights of an accepted sample, or of the panic; false if it was panic. */
function drawAccepted(w: f64, nowS: f64): bool {
  const known = load<f64>(CLOCK, CLOCK_VALID) != 0.0;
  const passedS = nowS - publishedAtS;
  const heldS = load<f64>(CLOCK, CLOCK_REST_S) + load<f64>(CLOCK, CLOCK_FREQUENCY) * passedS;
  // a sample that is the whole pool is the same every time
  const tries = pool > SAMPLE ? TRIES : 1;
  for (let n = 0; n < tries; n++) {
    const span = cutSample(draw(SAMPLE));
    if (span > 2.0 * w) continue;
    if (!known || abs<f64>(poolMean() - heldS) <= 2.0 * w + ERR_WIDTHS * w) return true;
  }
  cutSample(draw(pool));
  return false;
}

/** Sorts a random sample of at most `most` rows by offset; returns its size. */
function draw(most: i32): i32 {
  const size = min<i32>(most, pool);
  for (let k = 0; k < pool; k++) store<f64>(CARDS + (usize(k) << 3), f64(k));
  for (let n = 0; n < size; n++) {
    const card = CARDS + (usize(n) << 3);
    if (size < pool) {
      const other = CARDS + ((usize(n) + usize(next() % u32(pool - n))) << 3);
      const swap = load<f64>(card);
      store<f64>(card, load<f64>(other));
      store<f64>(other, swap);
    }
    const k = load<f64>(card);
    putKey(n, offsetOf(i32(k)), k);
  }
  sortKeys(size);
  return size;
}

/** Gives weight to what is left of the sorted sample; returns its span, s. */
function cutSample(size: i32): f64 {
  const cut = size / CUT;
  for (let k = 0; k < pool; k++) setWeight(k, 0.0);
  for (let n = cut; n < size - cut; n++) setWeight(i32(tagAt(n)), 1.0);
  return keyAt(size - cut - 1) - keyAt(cut);
}

/** xorshift32 (Marsaglia 2003); never 0. */
function next(): u32 {
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  return random;
}

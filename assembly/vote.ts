/**
 * Combiners that vote, against delay attacks. Every fresh path's track (track.ts: the filtered
 * offset of that path alone) casts a window; the largest clique of windows is the majority
 * (Marzullo's sweep). `median` takes the clique's weighted median; `trimmed` drops what lies far
 * from it and averages the rest by 1/variance. Without a majority the clock is held over.
 * Source: RFC 8039 §6 (reference [DELAY-ATT]); the window's lean is ours: what was delayed must
 * admit by how much, so paths delayed after a clean history neither win nor break a vote.
 */
import { axisS, carryClock, nowNs } from './clock';
import {
  REASON_DISAGREES,
  REASON_NO_MAJORITY,
  STATE_QUARANTINED,
  STATUS_HELD,
  STATUS_USED,
} from './memory';
import { keyAt, putKey, sortKeys, tagAt } from './order';
import { isMost, markStale, setState, VOTE_DUST, voteOf } from './path';
import {
  blameAll,
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

/** Farther from the median than this many (sigma + scale of the others) is dropped. */
const TRIM: f64 = 3.0;
/** Standard deviation per median absolute deviation, of a normal distribution. */
const MAD_SCALE: f64 = 1.4826;

/** One exchange of path i; `trims`: trimmed, else median. */
export function updateVote(i: i32, dtS: f64, lateS: f64, trims: bool): i32 {
  const nowS = axisS(nowNs);
  const taken = takeTrack(i, nowS, lateS);
  markStale(nowS);
  gatherPool(nowS);
  if (!electClique()) {
    carryClock(dtS);
    blameAll(REASON_NO_MAJORITY);
    return STATUS_HELD;
  }
  let offset = weightedMedian();
  if (trims) {
    trimAround(offset);
    offset = poolMean();
  }
  publishPool(offset, scatterAbout(offset), nowS);
  const carries = describeVote(i, offset);
  settleTrack(i, nowS, offset, carries);
  return carries && taken == TRACK_USED ? STATUS_USED : STATUS_HELD;
}

/**
 * The clique of windows with the most votes; its members get weights 1/variance. False if it is no
 * majority. Votes are whole, or parts that add up to whole ones within {@link VOTE_DUST}.
 */
export function electClique(): bool {
  let cast: f64 = 0;
  for (let k = 0; k < pool; k++) {
    const vote = voteOf(pathOf(k));
    cast += vote;
    putKey(k, offsetOf(k) - halfOf(k), vote);
    putKey(pool + k, offsetOf(k) + halfOf(k), -vote);
  }
  sortKeys(2 * pool); // stable: at equal edges a window opens before another closes
  let count: f64 = 0;
  let most: f64 = 0;
  let low: f64 = 0;
  let high: f64 = 0;
  for (let e = 0; e < 2 * pool; e++) {
    count += tagAt(e);
    if (tagAt(e) <= 0.0 || count < most - VOTE_DUST) continue;
    // of cliques alike in number the one that agrees best
    if (count <= most + VOTE_DUST && keyAt(e + 1) - keyAt(e) <= high - low) continue;
    most = count;
    low = keyAt(e);
    high = keyAt(e + 1);
  }
  if (!isMost(most, cast)) return false;
  for (let k = 0; k < pool; k++) {
    const inside = offsetOf(k) - halfOf(k) <= low && offsetOf(k) + halfOf(k) >= high;
    setWeight(k, inside ? 1.0 / varianceOf(k) : 0.0);
  }
  return true;
}

/** Weighted median of the rows with weight, between the two next to the middle if it falls there. */
export function weightedMedian(): f64 {
  let members = 0;
  let total: f64 = 0;
  for (let k = 0; k < pool; k++) {
    if (weightOf(k) <= 0.0) continue;
    putKey(members++, offsetOf(k), weightOf(k));
    total += weightOf(k);
  }
  return middleOf(members, total);
}

/** Each key stands in the middle of its weight; read at half of the total, linear in between. */
function middleOf(members: i32, total: f64): f64 {
  sortKeys(members);
  const half = 0.5 * total;
  let before: f64 = 0;
  for (let k = 0; k < members; k++) {
    const at = before + 0.5 * tagAt(k);
    if (at >= half) {
      if (k == 0) return keyAt(0);
      const last = before - 0.5 * tagAt(k - 1);
      return keyAt(k - 1) + ((keyAt(k) - keyAt(k - 1)) * (half - last)) / (at - last);
    }
    before += tagAt(k);
  }
  return keyAt(members - 1);
}

/** Takes the weight from members far from the median `psi`. */
export function trimAround(psi: f64): void {
  let members = 0;
  let total: f64 = 0;
  for (let k = 0; k < pool; k++) {
    if (weightOf(k) <= 0.0) continue;
    putKey(members++, abs<f64>(offsetOf(k) - psi), weightOf(k));
    total += weightOf(k);
  }
  const scale = MAD_SCALE * middleOf(members, total);
  for (let k = 0; k < pool; k++) {
    const most = TRIM * (sqrt<f64>(varianceOf(k)) + scale);
    if (abs<f64>(offsetOf(k) - psi) > most) setWeight(k, 0.0);
  }
}

/** Variance that the members' differences show beyond their own variances (Birge's ratio), s². */
export function scatterAbout(offset: f64): f64 {
  let weights: f64 = 0;
  let squares: f64 = 0;
  let members: f64 = 0;
  for (let k = 0; k < pool; k++) {
    const w = weightOf(k);
    if (w <= 0.0) continue;
    const away = offsetOf(k) - offset;
    weights += w;
    squares += w * away * away;
    members += 1.0;
  }
  const ratio = members > 1.0 ? squares / (members - 1.0) : 0.0;
  return (max<f64>(ratio, 1.0) - 1.0) / weights;
}

/** States of all rows by their weight; true if path i carries. */
export function describeVote(i: i32, offset: f64): bool {
  let carries = false;
  for (let k = 0; k < pool; k++) {
    if (weightOf(k) > 0.0) {
      describeSound(k, i);
      if (pathOf(k) == i) carries = true;
    } else {
      setState(pathOf(k), STATE_QUARANTINED, REASON_DISAGREES, offsetOf(k) - offset);
    }
  }
  return carries;
}

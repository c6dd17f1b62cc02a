/**
 * Slow, obvious twin of the rfc5905 combiner: clock filter (§10), selection (select.ts), cluster
 * (§11.2.2) and combine (§11.2.3) of RFC 5905 on plain lists, worked out anew for every exchange,
 * with offsets carried along the trend of the combined ones (assembly/trend.ts).
 */
import { freshPath, isFresh, newestS, type Path, takeMeasurement, WARM } from './paths.ts';
import { meets, select } from './select.ts';

const PHI = 15e-6;
const MAX_DISPERSION = 16;
const MIN_DISPERSION = 0.005;
const PRECISION = 2 ** -20;
const MIN_SURVIVORS = 3;
const STAGES = 8;

interface Stage {
  readonly offsetS: number;
  readonly delayS: number;
  readonly dispersionS: number;
  readonly atS: number;
}

interface Peer {
  readonly index: number;
  readonly offsetS: number;
  readonly halfS: number;
  readonly jitterS: number;
}

export interface Rfc5905Twin {
  /** Takes one measurement of a path. */
  take(index: number, offsetS: number, delayS: number, roundTripS: number, atS: number): void;
  /** The combined offset, null while there is none. */
  offsetS(): number | null;
  path(index: number): { readonly state: string; readonly weight: number };
}

export function createRfc5905Twin(count: number): Rfc5905Twin {
  const paths: Path[] = Array.from({ length: count }, freshPath);
  const stages: Stage[][] = paths.map(() => []);
  const trend = createTrend();
  let combined: number | null = null;
  let combinedAtS = 0;

  function filter(index: number, nowS: number): Peer | null {
    // eight stages; the empty ones are as late and as uncertain as can be, the newest comes first
    const held = [...(stages[index] ?? [])].reverse();
    const all: (Stage | null)[] = [...held, ...Array(STAGES - held.length).fill(null)];
    const delayOf = (stage: Stage | null) => stage?.delayS ?? MAX_DISPERSION;
    const byDelay = all
      .map((stage, age) => ({ stage, age }))
      .sort((a, b) => delayOf(a.stage) - delayOf(b.stage) || a.age - b.age)
      .map(({ stage }) => stage);
    const first = byDelay.find((stage) => stage !== null);
    if (first === undefined || first === null) return null;
    const grown = (stage: Stage | null) =>
      stage === null
        ? MAX_DISPERSION
        : Math.min(stage.dispersionS + PHI * (nowS - stage.atS), MAX_DISPERSION);
    const dispersion = byDelay.reduce(
      (sum, stage, rank) => sum + grown(stage) / 2 ** (rank + 1),
      0,
    );
    const carried = (stage: Stage) => stage.offsetS + trend.slope() * (nowS - stage.atS);
    const squares = held.map((stage) => (carried(stage) - carried(first)) ** 2);
    const total = squares.reduce((sum, square) => sum + square, 0);
    const jitterS = Math.max(Math.sqrt(total / Math.max(held.length - 1, 1)), PRECISION);
    const half = Math.max(first.delayS, MIN_DISPERSION) / 2;
    const halfS = half + dispersion + PHI * (nowS - first.atS) + jitterS;
    return { index, offsetS: carried(first), halfS, jitterS };
  }

  function set(index: number, state: string, weight: number): void {
    const path = paths[index];
    if (path === undefined) return;
    path.state = state;
    path.weight = weight;
  }

  return {
    take(index, offsetS, delayS, roundTripS, atS) {
      const path = paths[index];
      if (path === undefined) throw new Error(`twin: no path ${index}`);
      takeMeasurement(path, offsetS, delayS, atS);
      const dispersionS = 2 * PRECISION + PHI * roundTripS;
      const stage = { offsetS, delayS: Math.max(delayS, PRECISION), dispersionS, atS };
      stages[index] = [...(stages[index] ?? []), stage].slice(-STAGES);
      const newest = newestS(paths);
      for (const [k, one] of paths.entries()) {
        if (one.taken > 0 && !isFresh(one, newest)) set(k, 'stale', 0);
      }
      const peers = paths.flatMap((one, k) => {
        const peer = isFresh(one, newest) ? filter(k, atS) : null;
        return peer === null ? [] : [peer];
      });
      const found = select(peers);
      const members = peers.filter((peer) => found !== null && meets(peer, found));
      for (const peer of peers) if (!members.includes(peer)) set(peer.index, 'quarantined', 0);
      const survivors = cluster(members);
      for (const peer of members) if (!survivors.includes(peer)) set(peer.index, 'standby', 0);
      if (survivors.length === 0) {
        // nobody to ask: the clock runs on at the trend's rate
        if (combined !== null) combined += trend.slope() * (atS - combinedAtS);
        combinedAtS = atS;
        return;
      }
      const total = survivors.reduce((sum, { halfS }) => sum + 1 / halfS, 0);
      const sum = survivors.reduce((all, peer) => all + peer.offsetS / peer.halfS, 0);
      for (const peer of survivors) {
        const warm = (paths[peer.index]?.taken ?? 0) >= WARM;
        set(peer.index, warm ? 'good' : 'warming', 1 / peer.halfS / total);
      }
      combined = sum / total;
      combinedAtS = atS;
      trend.add(combined, atS);
    },
    offsetS: () => combined,
    path: (index) => paths[index] ?? { state: '', weight: Number.NaN },
  };
}

/** All pairs, each time. */
function cluster(members: readonly Peer[]): readonly Peer[] {
  let left = members;
  while (left.length > MIN_SURVIVORS) {
    const spreadOf = ({ offsetS }: Peer) =>
      Math.sqrt(
        left.reduce((sum, other) => sum + (other.offsetS - offsetS) ** 2, 0) / (left.length - 1),
      );
    const scores = left.map((peer) => spreadOf(peer) * peer.halfS);
    const worst = left[scores.indexOf(Math.max(...scores))];
    const least = Math.min(...left.map(({ jitterS }) => jitterS));
    if (worst === undefined || spreadOf(worst) <= least) break;
    left = left.filter((peer) => peer !== worst);
  }
  return left;
}

/** A line through all combined offsets since the last step, their weights fading by 1/128. */
function createTrend() {
  let points: { readonly z: number; readonly atS: number }[] = [];
  let slope = 0;
  const prior = 1e-8;
  return {
    slope: () => slope,
    add(z: number, atS: number): void {
      const last = points[points.length - 1];
      if (last !== undefined && Math.abs(z - last.z) > 0.128 + 5e-4 * (atS - last.atS)) points = [];
      points.push({ z, atS });
      if (points.length < 8) return;
      const rows = points.map((point, k) => ({
        w: (127 / 128) ** (points.length - 1 - k),
        t: point.atS - atS,
        y: point.z - (points[0]?.z ?? 0),
      }));
      const sum = (of: (row: (typeof rows)[number]) => number) =>
        rows.reduce((all, row) => all + row.w * of(row), 0);
      const weight = sum(() => 1);
      const [t, y] = [sum((row) => row.t) / weight, sum((row) => row.y) / weight];
      const spread = sum((row) => (row.t - t) ** 2);
      if (!(spread > 0)) return;
      const raw = sum((row) => (row.t - t) * (row.y - y)) / spread;
      const scatter = sum((row) => (row.y - y - raw * (row.t - t)) ** 2) / weight;
      const variance = Math.max(scatter, 1e-24) / spread;
      slope = (raw * prior) / (prior + variance);
    },
  };
}

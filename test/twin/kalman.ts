/**
 * TypeScript twin of the core's joint Kalman combiner, exchange by exchange: stamps are judged and
 * turned into offset and delay here, statistics are in paths.ts, the filter itself in filter.ts.
 * Plain and direct on purpose: the benches run it beside the core.
 *
 * Times go in as ns since any epoch, as numbers (exact below 2^53).
 */
import { createFilter, type Estimate, MAX_PATHS } from './filter.ts';
import { freshPath, metAnew, type Path, takeMeasurement } from './paths.ts';

const LATE_S = 64;
const LATE_RUN = 8;
const LONG_S = 1e6;

export type TwinStatus = 'used' | 'held' | 'duplicate' | 'order' | 'hold' | 'late';

export interface TwinClock extends Estimate {
  /** Whole seconds taken off the offset. */
  readonly baseS: number;
}

export interface KalmanTwin {
  openPath(): number;
  closePath(path: number): void;
  /** One exchange: local send, remote receive, remote send, local receive in ns. */
  exchange(path: number, t1: number, t2: number, t3: number, t4: number): TwinStatus;
  clock(): TwinClock | null;
  path(path: number): Path;
}

export function createKalmanTwin(): KalmanTwin {
  const paths: Path[] = [];
  let filter = createFilter(paths);
  let startNs = 0;
  let nowNs = 0;
  let baseS = 0;
  let based = false;
  let lateRun = 0;

  function axisS(ns: number): number {
    return (ns - startNs) / 1e9;
  }

  function at(i: number): Path {
    const path = paths[i];
    if (path === undefined || !path.open) throw new Error(`twin: path ${i} is not open`);
    return path;
  }

  function exchange(i: number, t1: number, t2: number, t3: number, t4: number): TwinStatus {
    const path = at(i);
    const status = judge(path, t1, t2, t3, t4);
    if (status !== 'used') {
      path.refused++;
      return status;
    }
    let dtS = based ? (t4 - nowNs) / 1e9 : 0;
    if (!based || dtS < -LATE_S || dtS > LONG_S) {
      begin(t1, t2, t4);
      dtS = 0;
    }
    lateRun = 0;
    if (dtS > 0) nowNs = t4;
    const gated = take(i, t1, t2, t3, t4, dtS);
    if (!filter.gaveUp()) return gated ? 'held' : 'used';
    begin(t1, t2, t4);
    return take(i, t1, t2, t3, t4, 0) ? 'held' : 'used';
  }

  /** Starts from nothing with this exchange; the axis of time stays. */
  function begin(t1: number, t2: number, t4: number): void {
    if (based) {
      for (const [k, path] of paths.entries()) if (path.open) paths[k] = metAnew(path);
      filter = createFilter(paths);
    } else startNs = t4;
    based = true;
    nowNs = t4;
    baseS = Math.trunc((t2 - t1) / 1e9);
  }

  /** True if the filter held it back. */
  function take(i: number, t1: number, t2: number, t3: number, t4: number, dtS: number): boolean {
    const path = at(i);
    const reverseS = (t2 - t1 - baseS * 1e9) / 1e9;
    const forwardS = (t4 - t3 + baseS * 1e9) / 1e9;
    const delayS = Math.max(reverseS + forwardS, 0);
    const offsetS = (reverseS - forwardS) * 0.5;
    takeMeasurement(path, offsetS, delayS, axisS(t4));
    path.sent = t1;
    path.received = t4;
    return filter.measure(i, Math.max(dtS, 0), Math.max(-dtS, 0), axisS(nowNs));
  }

  /** What the stamps alone say. */
  function judge(path: Path, t1: number, t2: number, t3: number, t4: number): TwinStatus {
    if (path.taken > 0 && path.sent === t1 && path.received === t4) return 'duplicate';
    if (t4 < t1 || t3 < t2) return 'order';
    if ((t4 - t1 - (t3 - t2)) / 1e9 < -(20e-6 + 5e-4 * ((t3 - t2) / 1e9))) return 'hold';
    return based && (t4 - nowNs) / 1e9 < -LATE_S && ++lateRun < LATE_RUN ? 'late' : 'used';
  }

  return {
    openPath() {
      const unused = paths.findIndex((path) => !path.open);
      const i = unused < 0 ? paths.length : unused;
      if (i >= MAX_PATHS) throw new Error('twin: all paths are open');
      paths[i] = freshPath();
      filter.forget(i);
      return i;
    },
    closePath(i) {
      at(i).open = false;
      filter.forget(i);
      while (paths[paths.length - 1]?.open === false) paths.pop();
    },
    exchange,
    clock: () => (based ? { baseS, ...filter.estimate() } : null),
    path: (i) => at(i),
  };
}

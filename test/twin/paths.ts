/**
 * Path statistics of the twin: plain records and arrays, one function per rule of assembly/path.ts.
 * Times in seconds on the clock's axis.
 */

export interface Path {
  open: boolean;
  taken: number;
  refused: number;
  gated: number;
  /** Last measurement. */
  offsetS: number;
  delayS: number;
  atS: number;
  /** The stamps of it, to know a repeat. */
  sent: number;
  received: number;
  /** Least delay of each block of 512 exchanges since the floor started. */
  blocks: number[];
  inBlock: number;
  floorS: number;
  /** Mean of delay − floor. */
  excessS: number;
  /** Half the mean squared difference of successive offsets. */
  variance: number;
  intervalS: number;
  weight: number;
  state: string;
  // --- of the filter ---
  counted: number;
  /** Variance left at zero excess. */
  noise: number;
  /** excess² / divisor is the queueing variance. */
  divisor: number;
  squares: number;
  product: number;
  meanResidual: number;
  meanExcess: number;
  slope: number;
  lateSquares: number;
  lateResiduals: number;
  /** Mean variance given to measurements. */
  given: number;
  bad: number;
  prior: number;
  walkedAtS: number;
  /** Weighted mean of measurement − θ, and its information. */
  mean: number;
  information: number;
  free: boolean;
  changed: number;
  vote: number;
  /** Last residual, and that of the last change of the path. */
  residualS: number;
  jumpS: number;
  /** Quickest exchange of late: offset, delay (0: none), time. */
  bestOffsetS: number;
  bestDelayS: number;
  bestAtS: number;
  asymmetryS: number;
}

export const WARM = 4;
const BLOCK = 512;
const BLOCKS = 4;
const MEMORY = 64;
const MOST_EXCESS = 16;

export const freshPath = (): Path => ({
  open: true,
  taken: 0,
  refused: 0,
  gated: 0,
  offsetS: 0,
  delayS: 0,
  atS: 0,
  sent: Number.NaN,
  received: Number.NaN,
  blocks: [],
  inBlock: 0,
  floorS: 0,
  excessS: 0,
  variance: 0,
  intervalS: 0,
  weight: 0,
  state: 'warming',
  asymmetryS: 0,
  ...freshFilter(),
});

const freshFilter = () => ({
  counted: 0,
  noise: 0,
  divisor: 0,
  squares: 0,
  product: 0,
  meanResidual: 0,
  meanExcess: 0,
  slope: 0,
  lateSquares: 0,
  lateResiduals: 0,
  given: 0,
  bad: 0,
  prior: 0,
  walkedAtS: 0,
  mean: 0,
  information: 0,
  free: false,
  changed: 0,
  vote: 0,
  residualS: 0,
  jumpS: 0,
  bestOffsetS: 0,
  bestDelayS: 0,
  bestAtS: 0,
});

/** A plain mean that turns into a moving one: `old` moves towards `value` by `share`. */
export const towards = (old: number, value: number, share: number): number =>
  old + (value - old) * share;

export function takeMeasurement(path: Path, offsetS: number, delayS: number, atS: number): void {
  if (path.taken > 0) {
    const gap = Math.max(atS - path.atS, 0);
    const most = path.taken > 1 ? 8 * path.intervalS + 1e-3 : gap;
    const share = 1 / Math.min(path.taken, 16);
    path.intervalS = towards(path.intervalS, Math.min(gap, most), share);
    const step = offsetS - path.offsetS;
    path.variance = towards(path.variance, step * step * 0.5, 1 / Math.min(path.taken, MEMORY));
  }
  path.delayS = delayS;
  lowerFloor(path);
  const share = 1 / Math.min(path.taken + 1, MEMORY);
  const most = MOST_EXCESS * path.excessS + path.floorS + 1e-6;
  path.excessS = towards(path.excessS, Math.min(delayS - path.floorS, most), share);
  path.taken++;
  path.offsetS = offsetS;
  path.atS = atS;
}

/** Floor: the least delay of the running block and the three before it. */
function lowerFloor(path: Path): void {
  if (path.blocks.length === 0 || path.inBlock === BLOCK) {
    path.blocks.push(path.delayS);
    path.inBlock = 0;
  }
  path.inBlock++;
  const last = path.blocks.length - 1;
  path.blocks[last] = Math.min(path.blocks[last] ?? path.delayS, path.delayS);
  path.blocks = path.blocks.slice(-BLOCKS);
  path.floorS = Math.min(...path.blocks);
}

/** The route changed: floor and excess start with the last delay. */
export function resetFloor(path: Path): void {
  path.blocks = [];
  path.excessS = 0;
  lowerFloor(path);
}

/** As if just opened, but for the counters. */
export const metAnew = ({ refused, gated }: Path): Path => ({ ...freshPath(), refused, gated });

/** The newest last exchange of any path. */
export const newestS = (paths: readonly Path[]): number =>
  Math.max(...paths.filter(({ open, taken }) => open && taken > 0).map(({ atS }) => atS));

/** Heard of within 4.5 of its mean spacings, of the time that some path was last heard of. */
export function isFresh(path: Path, newest: number): boolean {
  if (!path.open || path.taken === 0) return false;
  const most = path.taken < 2 ? 1e9 : 4.5 * path.intervalS + 1e-3;
  return newest - path.atS <= most;
}

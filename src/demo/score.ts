/** True errors, kept while the demo runs: of each combiner and of each path used alone. */
import type { CombinerName } from '../core.ts';
import type { PathKey } from '../path.ts';

export interface ErrorFigures {
  readonly rms: number;
  readonly p95: number;
  readonly max: number;
}

export interface Scoreboard {
  /** Error (s) of a combiner's offset right after an exchange. */
  addCombiner(name: CombinerName, errorS: number): void;
  /** Error (s) of a path's own offset: what a client with this one path would have. */
  addPath(path: PathKey, errorS: number): void;
  combiner(name: CombinerName): ErrorFigures | null;
  path(path: PathKey): ErrorFigures | null;
}

export function createScoreboard(): Scoreboard {
  const combiners = new Map<string, number[]>();
  const paths = new Map<string, number[]>();
  const add = (map: Map<string, number[]>, key: string, errorS: number) => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [Math.abs(errorS)]);
    else list.push(Math.abs(errorS));
  };
  return {
    addCombiner: (name, errorS) => add(combiners, name, errorS),
    addPath: (path, errorS) => add(paths, path, errorS),
    combiner: (name) => figures(combiners.get(name)),
    path: (path) => figures(paths.get(path)),
  };
}

function figures(errors: readonly number[] | undefined): ErrorFigures | null {
  if (errors === undefined || errors.length === 0) return null;
  const sorted = [...errors].sort((a, b) => a - b);
  const squares = sorted.reduce((sum, error) => sum + error * error, 0);
  return {
    rms: Math.sqrt(squares / sorted.length),
    p95: sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)] ?? 0,
    max: sorted[sorted.length - 1] ?? 0,
  };
}

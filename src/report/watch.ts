/** Watches path states for the first word that something is wrong with them. */
import type { PathState } from '../core.ts';
import type { Mark } from '../sim/trace.ts';

/** States that say so. */
export const TROUBLE: readonly PathState[] = ['congested', 'quarantined', 'changed', 'stale'];

interface Watched {
  readonly mark: Mark;
  readonly path: number;
  /** Its state when the event began; undefined before. */
  before: PathState | undefined;
}

export interface Watch {
  /** True if at this time some path is to be looked at after each round. */
  isOn(atS: number): boolean;
  /** When the next event begins; Infinity if there is none. */
  nextS(atS: number): number;
  /** Looks at the paths. Call it when the event begins, before its first exchange, and then on. */
  look(atS: number, state: (path: number) => PathState): void;
  /** Time to detect: of the path that took longest; null if there was nothing to detect. */
  report(): number | null;
}

export function createWatch(marks: readonly Mark[]): Watch {
  let open: Watched[] = marks.flatMap((mark) =>
    mark.paths.map((path) => ({ mark, path, before: undefined })),
  );
  let longestS = open.length === 0 ? null : 0;
  const late = (byS: number) => {
    longestS = Math.max(longestS ?? 0, byS);
  };
  return {
    isOn: (atS) => open.some(({ mark }) => mark.fromS <= atS),
    nextS: (atS) =>
      Math.min(
        ...open.map(({ mark }) => (mark.fromS > atS ? mark.fromS : Number.POSITIVE_INFINITY)),
      ),
    look(atS, stateOf) {
      open = open.filter((watched) => {
        const { mark, path, before } = watched;
        if (mark.fromS > atS) return true;
        if (atS >= mark.toS) {
          late(Number.POSITIVE_INFINITY);
          return false;
        }
        const state = stateOf(path);
        if (before === undefined) {
          watched.before = state;
          return true;
        }
        // a path that was in trouble all along has told nothing new
        if (state === before || !TROUBLE.includes(state)) return true;
        late(atS - mark.fromS);
        return false;
      });
    },
    report: () => (open.length > 0 ? Number.POSITIVE_INFINITY : longestS),
  };
}

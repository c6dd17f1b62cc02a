/**
 * The selection algorithm as RFC 5905 §11.2.1 and its code skeleton (A.5.5.1) tell it: one list of
 * all edges, and for each number of intervals left out a scan from below and one from above.
 */

export interface Interval {
  readonly offsetS: number;
  /** Root distance, >= 0. */
  readonly halfS: number;
}

export interface Intersection {
  readonly lowS: number;
  readonly highS: number;
}

interface Edge {
  readonly atS: number;
  /** −1 lower, 0 middle, +1 upper. */
  readonly type: -1 | 0 | 1;
}

/** The intersection, or null if every one leaves out half of the intervals or more. */
export function select(intervals: readonly Interval[]): Intersection | null {
  const edges = intervals
    .flatMap(({ offsetS, halfS }): Edge[] => [
      { atS: offsetS - halfS, type: -1 },
      { atS: offsetS, type: 0 },
      { atS: offsetS + halfS, type: 1 },
    ])
    .sort((a, b) => a.atS - b.atS || a.type - b.type);
  const backwards = [...edges].reverse();
  for (let allow = 0; 2 * allow < intervals.length; allow++) {
    const wanted = intervals.length - allow;
    const below = scan(edges, -1, wanted);
    const above = scan(backwards, 1, wanted);
    if (below === null || above === null) continue;
    if (below.middles + above.middles > allow || below.atS > above.atS) continue;
    return { lowS: below.atS, highS: above.atS };
  }
  return null;
}

/** The first edge at which `wanted` intervals are open, and the middles passed before it. */
function scan(edges: readonly Edge[], opens: -1 | 1, wanted: number) {
  let open = 0;
  let middles = 0;
  for (const { atS, type } of edges) {
    open += type * opens;
    if (open >= wanted) return { atS, middles };
    if (type === 0) middles++;
  }
  return null;
}

/** True for an interval that meets the intersection. */
export const meets = ({ offsetS, halfS }: Interval, { lowS, highS }: Intersection): boolean =>
  offsetS + halfS >= lowS && offsetS - halfS <= highS;

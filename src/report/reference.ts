/**
 * Figures measured elsewhere on the same models, and the goals. Rms of the error, s.
 *
 * Source: measured before this project began. Real chronyd 4.8, ntpsec 1.2.2 and ptp4l 4.4 ran in a
 * discrete-event simulator (clknetsim) on the same delay laws, at 1 s poll (A16: 16 s), errors at every second from 3600 s to 18000 s, pooled over 3 seeds. A daemon's error
 * includes its control loop, ours is the estimate's alone; so compare orders of magnitude.
 */

export const PEERS = ['chrony', 'tuned', 'ntpsec', 'ptp4l', 'gauss', 'limit', 'goal'] as const;
export type Peer = (typeof PEERS)[number];

export const PEER_NOTES: Readonly<Record<Peer, string>> = {
  chrony: 'chrony 4.8, defaults',
  tuned: 'chrony 4.8, the best options for each scenario, chosen afterwards',
  ntpsec: 'ntpsec 1.2.2 (ntpd 4.2.8p15 is about the same)',
  ptp4l: 'ptp4l 4.4, linreg servo, one path, 1 Sync/s; two paths: fail-over',
  gauss: 'ideal Gaussian Kalman filter over all paths, variances known',
  limit: 'Bayes limit: a filter that knows every law (particle filter, else Fisher bound)',
  goal: 'what the default combiner is to reach',
};

/** Null: not measured, or there is none. */
export type Reference = Readonly<Record<Peer, number | null>>;

type Figure = number | null;
type Line = readonly [
  name: string,
  paths: number,
  /** Power of ten of the unit. */
  power: number,
  ...[Figure, Figure, Figure, Figure, Figure, Figure, Figure],
];

const US = -6;
const NS = -9;
const _ = null;

/** In the order of PEERS. */
const LINES: readonly Line[] = [
  ['A', 1, US, 106, 31.7, 257, _, 28.9, 3.37, 5],
  ['A', 2, US, 70.9, 20.6, 348, _, 22.8, 2.38, _],
  ['A', 4, US, 48.9, 14.2, 258, _, 16.4, 1.65, 3],
  ['A', 8, US, 34.9, 9.66, 193, _, 13.7, 1.19, 2.2],
  ['A16', 1, US, 107, 52.6, 144, _, 82.1, 17.1, 20],
  ['A16', 2, US, 67.7, 88.8, 127, _, 59.9, 4.93, _],
  ['A16', 4, US, 51.0, 43.7, 97.7, _, 50.7, 7.83, 11],
  ['A16', 8, US, 34.1, 29.9, 69.5, _, 37.5, 2.93, 8],
  ['Aq8', 1, US, 106, 33.3, 257, _, 50.1, 4.02, 13],
  ['Aq8', 4, US, 48.9, 19.1, 243, _, 30.8, 2.39, 7],
  ['Ahet', 1, US, 26.8, 6.06, 64.4, _, 9.81, 1.34, _],
  ['Ahet', 2, US, 27.1, 6.78, 135, _, 9.25, 1.15, _],
  ['Ahet', 4, US, 47.6, 15.0, 165, _, 8.69, 1.22, 2.5],
  ['Ahet', 8, US, 86.9, 39.3, 189, _, 9.14, 1.01, 2.5],
  ['Bln', 1, US, 71.8, 18.3, 163, _, 31.3, 6.54, _],
  ['Bln', 2, US, 47.1, 13.5, 211, _, 21.3, 4.86, _],
  ['Bln', 4, US, 33.3, 9.41, 188, _, 15.3, 3.79, 5],
  ['Bln', 8, US, 23.1, 6.73, 147, _, 12.6, 2.89, _],
  ['Bpar', 1, US, 40.7, 6.6, 84.9, _, _, 1.4, _],
  ['Bpar', 2, US, 28.0, 5.32, 116, _, _, 1.08, _],
  ['Bpar', 4, US, 19.5, 4.04, 109, _, _, 0.95, 2],
  ['Bpar', 8, US, 13.7, 3.24, 90.4, _, _, 0.64, _],
  ['Berl', 1, US, 85.2, 40.6, 286, _, 19.5, 13.1, _],
  ['Berl', 4, US, 39.8, 22.2, 295, _, 12.2, 7.64, 10],
  ['Berl', 8, US, 27.9, 14.6, 257, _, 9.19, 5.85, _],
  ['Bq', 1, US, 733, 17.0, 796, _, 180, _, _],
  ['Bq', 4, US, 353, 14.4, 416, _, 92.4, _, 4],
  ['Bq', 8, US, 248, 12.2, 259, _, 67.2, _, _],
  ['C', 1, US, 1007, 1002, 1037, _, 1008, _, _],
  ['C', 2, US, 463, 457, 560, _, 504, _, 520],
  ['C', 4, US, 224, 219, 271, _, 253, 1.65, 4],
  ['C', 8, US, 113, 109, 191, _, 128, 1.19, 3],
  ['D1', 4, US, 635, 54.3, 278, _, 1096, 1.65, 4],
  ['D1r', 4, US, 617, 97.9, 281, _, 1066, 1.65, 4],
  ['D2', 5, US, 1035, 47.1, 277, _, 1750, 1.24, 4],
  ['E', 2, US, 191, 55.6, 485, _, 46.9, 1.19, 8],
  ['E', 4, US, 104, 34.1, 460, _, 23.6, 1.12, 5],
  ['F', 1, US, 644, 102, 1405, _, 3528, 3.37, 8],
  ['F', 4, US, 127, 40.0, 271, _, 864, 1.65, 4],
  ['Rup', 1, US, 100, 1008, _, _, 30, _, 8],
  ['Rup', 4, US, 48.7, 54.6, _, _, 17.3, _, 5],
  ['Rdn', 1, US, 105, 46, _, _, 30, _, 8],
  ['Rdn', 4, US, 51.6, 20.2, _, _, 17.3, _, 5],
  ['Plan', 1, NS, 1062, 617, _, 2718, 897, 220, 300],
  ['Plan', 2, NS, 712, 489, _, _, 675, _, _],
  ['Plan', 4, NS, 491, 460, _, _, 547, 100, 140],
  ['Plan', 8, NS, 347, 451, _, _, 433, _, _],
  ['PlanC', 4, NS, 2236, _, _, _, 2564, _, 150],
  ['PlanE', 2, NS, 939, _, _, 2787, 766, _, _],
  ['PlanE', 4, NS, 519, _, _, _, 582, _, 150],
  ['PlanF', 1, NS, 8340, _, _, 52962, 39347, _, _],
  ['PlanF', 4, NS, 1597, _, _, _, 9741, _, 150],
  ['Phw', 1, NS, 30, 50, _, 14, 8.8, 8.7, 11],
  ['Phw', 4, NS, 29, 51, _, _, 5.2, 5.2, 7],
];

const NONE: Reference = {
  ...{ chrony: _, tuned: _, ntpsec: _, ptp4l: _, gauss: _, limit: _, goal: _ },
};

/** What is known of this scenario with so many paths. */
export function referenceOf(scenario: string, paths: number): Reference {
  const line = LINES.find(([name, count]) => name === scenario && count === paths);
  if (line === undefined) return NONE;
  const [, , power, ...figures] = line;
  const entries = PEERS.map((peer, index) => {
    const figure = figures[index] ?? null;
    return [peer, figure === null ? null : Number(`${figure}e${power}`)];
  });
  return Object.fromEntries(entries) as Record<Peer, number | null>;
}

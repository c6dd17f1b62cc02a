/** Figures of the scoreboard in words: the same in tables for people and for documents. */
import { formatSeconds } from '../format.ts';
import type { Board, Cell } from './board.ts';
import type { Figures } from './figures.ts';

export const dash = '-';

/** A size or a bias. */
export const sizeText = (s: number | null, signed = false): string =>
  s === null || Number.isNaN(s) ? dash : formatSeconds(s, signed);

/** A time to detect or to recover. */
export function timeText(s: number | null): string {
  if (s === null) return dash;
  if (!Number.isFinite(s)) return 'never';
  return s < 0.5 ? '0s' : `${s < 10 ? s.toFixed(1) : Math.round(s)}s`;
}

/** A share; 100% only if it is all of them. */
export function shareText(share: number | null): string {
  if (share === null || Number.isNaN(share)) return dash;
  if (share === 0 || share === 1) return `${share * 100}%`;
  const text = (share * 100).toFixed(2);
  return `${text === '100.00' ? '99.99' : text === '0.00' ? '0.01' : text}%`;
}

export const neesText = (nees: number): string =>
  Number.isNaN(nees) ? dash : nees >= 100 ? nees.toExponential(0) : nees.toFixed(2);

/** Columns that tell more about one combiner in one row. */
export const DETAILS: readonly {
  readonly title: string;
  readonly of: (figures: Figures) => string;
}[] = [
  { title: 'rms', of: ({ rmsS }) => sizeText(rmsS) },
  { title: 'p95', of: ({ p95S }) => sizeText(p95S) },
  { title: 'max', of: ({ maxS }) => sizeText(maxS) },
  { title: 'bias', of: ({ biasS }) => sizeText(biasS, true) },
  { title: 'detect', of: ({ detectS }) => timeText(detectS) },
  { title: 'recover', of: ({ recoverS }) => timeText(recoverS) },
  { title: 'inside', of: ({ inside }) => shareText(inside) },
  { title: 'causal', of: ({ causal }) => shareText(causal) },
  { title: '<=4u', of: ({ within4 }) => shareText(within4) },
  { title: 'nees', of: ({ nees }) => neesText(nees) },
  { title: 'accused', of: ({ falseAlarms }) => shareText(falseAlarms) },
];

/** How the board was made and how to read it, one sentence each. */
export function legend({ seeds }: Board): string[] {
  const span = seeds.length === 1 ? `seed ${seeds[0]}` : `${seeds.length} seeds`;
  return [
    `Ours: rms of the clock's error right after each exchange from 3600 s to 18000 s, pooled over ${span}.`,
    'chrony, tuned, ntpsec, ptp4l, gauss, limit: measured elsewhere on the same models (reference.ts); a daemon includes its control loop.',
    '* reaches the goal.',
  ];
}

export const DETAIL_LEGEND: readonly string[] = [
  'detect: from an event until every path it hits is no longer called good; for congestion and outages too.',
  'recover: until the error, in windows of a minute (8 polls), stays below 3 times its rms before the event; median of the seeds.',
  'inside: share of truths in [earliest, latest]. causal: share in the causal interval. <=4u: share of errors of at most 4 uncertainties. nees: mean (error/uncertainty)².',
  'accused: share of exchanges on clean paths while they were called quarantined, changed or stale.',
];

/** True if this combiner reaches the row's goal. */
export const reaches = ({ figures }: Cell, goalS: number | null): boolean =>
  goalS !== null && figures.rmsS <= goalS;

export const rowName = ({ scenario, paths }: { scenario: string; paths: number }): string =>
  `${scenario} ${paths}`;

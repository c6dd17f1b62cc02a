/** The scoreboard for machines. Seconds; null: does not apply; "never" where a time has no end. */
import type { Board } from './board.ts';
import type { Figures } from './figures.ts';
import { PEER_NOTES } from './reference.ts';

export const BOARD_VERSION = 1;

export function boardJson(board: Board): object {
  const { combiners, seeds, rows } = board;
  return {
    accuracy: {
      version: BOARD_VERSION,
      evaluated: 'error right after each exchange, 3600..18000 s of virtual time',
      combiners,
      seeds,
      referenceNotes: PEER_NOTES,
      rows: rows.map(({ scenario, title, paths, cells, reference }) => ({
        ...{ scenario, title, paths, reference },
        combiners: Object.fromEntries(
          cells.map(({ combiner, figures, runs }) => [
            combiner,
            { ...figuresJson(figures), seeds: runs.map(figuresJson) },
          ]),
        ),
      })),
    },
  };
}

function figuresJson(figures: Figures): object {
  return {
    scored: figures.count,
    unscored: figures.unscored,
    rms: plain(figures.rmsS),
    p95: plain(figures.p95S),
    max: plain(figures.maxS),
    bias: plain(figures.biasS),
    inside: plain(figures.inside),
    causal: plain(figures.causal),
    within4: plain(figures.within4),
    nees: plain(figures.nees),
    detect: time(figures.detectS),
    recover: time(figures.recoverS),
    accused: figures.falseAlarms,
  };
}

const plain = (value: number): number | null => (Number.isFinite(value) ? value : null);
const time = (s: number | null): number | 'never' | null =>
  s === Number.POSITIVE_INFINITY ? 'never' : s;

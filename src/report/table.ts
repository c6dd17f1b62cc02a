/** The scoreboard as aligned text. */
import type { Board } from './board.ts';
import { PEER_NOTES, PEERS } from './reference.ts';
import { DETAIL_LEGEND, DETAILS, legend, reaches, rowName, sizeText } from './words.ts';

/** Right-aligned columns but for the first `left` ones. */
export function aligned(rows: readonly (readonly string[])[], left = 1): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** One row per scenario and number of paths: rms of every combiner, then what others reached. */
export function boardTable(board: Board): string[] {
  const header = ['scenario', 'paths', ...board.combiners, '|', ...PEERS];
  const rows = board.rows.map((row) => [
    row.scenario,
    String(row.paths),
    ...row.cells.map(
      (cell) => sizeText(cell.figures.rmsS) + (reaches(cell, row.reference.goal) ? '*' : ' '),
    ),
    '|',
    ...PEERS.map((peer) => sizeText(row.reference[peer])),
  ]);
  return aligned([header, ...rows]);
}

/** One row per scenario, number of paths and combiner: everything. */
export function detailTable(board: Board): string[] {
  const header = ['scenario', 'combiner', ...DETAILS.map(({ title }) => title)];
  const rows = board.rows.flatMap((row) =>
    row.cells.map(({ combiner, figures }, index) => [
      index === 0 ? rowName(row) : '',
      combiner,
      ...DETAILS.map(({ of }) => of(figures)),
    ]),
  );
  return aligned([header, ...rows], 2);
}

/** The whole scoreboard for a terminal. */
export function boardText(board: Board, withDetails: boolean): string {
  const notes = PEERS.map((peer) => `${peer}: ${PEER_NOTES[peer]}.`);
  const details = withDetails ? ['', ...detailTable(board), '', ...DETAIL_LEGEND] : [];
  return `${[...boardTable(board), '', ...legend(board), ...notes, ...details].join('\n')}\n`;
}

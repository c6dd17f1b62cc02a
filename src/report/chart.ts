/** The scoreboard as a picture: a row per scenario and number of paths, a dot per combiner. */
import { formatSeconds } from '../format.ts';
import type { Board, Row } from './board.ts';
import { colourOf, dot, peerMark } from './marks.ts';
import { PEER_NOTES, PEERS } from './reference.ts';
import { element, line, picture, text } from './svg.ts';
import { rowName } from './words.ts';

const WIDTH = 1120;
const LEFT = 400;
const RIGHT = WIDTH - 30;
const ROW = 21;
const LEGEND_ROW = 19;
const MUTED = { fill: '#666666' };

const PANELS: readonly (readonly [Row['scale'], string])[] = [
  ['wide', 'Wide area: milliseconds of queueing'],
  ['lan', 'LAN and hardware timestamps: microseconds and less'],
];

/** @param chosen the combiner that stands out, the default one */
export function boardChart(board: Board, chosen: string): string {
  const parts: string[] = [];
  let y = 34;
  parts.push(
    text(20, y, 'Error of the combined clock, rms', { 'font-size': 19, 'font-weight': 'bold' }),
  );
  const seeds = board.seeds.length;
  const about = `errors after each exchange from 3600 s to 18000 s, pooled over ${seeds} seed${seeds === 1 ? '' : 's'}; further left is better. A 4: scenario A over 4 paths`;
  y += 20;
  parts.push(text(20, y, about, MUTED));
  const legend = legendOf(board, y + 14, chosen);
  parts.push(legend.markup);
  y = legend.bottom;
  for (const [scale, title] of PANELS) {
    const rows = board.rows.filter((row) => row.scale === scale);
    if (rows.length === 0) continue;
    const panel = panelOf(rows, title, board.combiners, chosen, y + 24);
    parts.push(panel.markup);
    y = panel.bottom;
  }
  return picture(WIDTH, y + 20, 'Error of the combined clock by scenario', parts.join('\n'));
}

interface Part {
  readonly markup: string;
  readonly bottom: number;
}

function legendOf({ combiners }: Board, top: number, chosen: string): Part {
  const parts: string[] = [];
  let x = 28;
  let y = top + LEGEND_ROW;
  for (const name of combiners) {
    const width = 30 + name.length * 8;
    if (x + width > RIGHT) {
      x = 28;
      y += LEGEND_ROW;
    }
    parts.push(dot(x, y - 4, colourOf(combiners, name, chosen), name === chosen));
    parts.push(text(x + 11, y, name, name === chosen ? { 'font-weight': 'bold' } : {}));
    x += width;
  }
  y += LEGEND_ROW + 4;
  parts.push(text(20, y, 'Measured elsewhere on the same models:', MUTED));
  for (const [index, peer] of PEERS.entries()) {
    const column = index % 2;
    if (column === 0) y += LEGEND_ROW;
    const left = 28 + column * 540;
    parts.push(peerMark(peer, left, y - 4));
    parts.push(text(left + 12, y, `${peer}: ${PEER_NOTES[peer]}`, { 'font-size': 11 }));
  }
  return { markup: parts.join('\n'), bottom: y };
}

function panelOf(
  rows: readonly Row[],
  title: string,
  combiners: readonly string[],
  chosen: string,
  top: number,
): Part {
  const axis = axisOf(rows);
  const first = top + 36;
  const bottom = first + rows.length * ROW;
  const parts = [text(20, top + 8, title, { 'font-size': 14, 'font-weight': 'bold' })];
  parts.push(...bands(rows, first));
  for (let power = axis.least; power <= axis.most; power++) {
    const x = axis.x(10 ** power);
    parts.push(line([x, first], [x, bottom], { stroke: '#bbbbbb' }));
    const label = formatSeconds(10 ** power)
      .replace(/\.0+/, '')
      .replace('us', 'µs');
    for (const y of [first - 6, bottom + 15]) {
      parts.push(text(x, y, label, { 'text-anchor': 'middle', ...MUTED }));
    }
    if (power === axis.most) continue;
    for (const step of [2, 5]) {
      const minor = axis.x(step * 10 ** power);
      parts.push(line([minor, first], [minor, bottom], { stroke: '#e8e8e8' }));
    }
  }
  for (const [index, row] of rows.entries()) {
    const isNew = row.scenario !== rows[index - 1]?.scenario;
    parts.push(rowOf(row, isNew, first + (index + 0.5) * ROW, axis.x, combiners, chosen));
  }
  return { markup: parts.join('\n'), bottom: bottom + 18 };
}

/** Every other scenario on grey. */
function bands(rows: readonly Row[], first: number): string[] {
  let isGrey = true;
  return rows.flatMap(({ scenario }, index) => {
    if (scenario !== rows[index - 1]?.scenario) isGrey = !isGrey;
    const place = { x: 20, y: first + index * ROW, width: RIGHT - 20, height: ROW };
    return isGrey ? [element('rect', { ...place, fill: '#f4f4f6' })] : [];
  });
}

function rowOf(
  row: Row,
  isNew: boolean,
  y: number,
  x: (s: number) => number,
  combiners: readonly string[],
  chosen: string,
): string {
  const parts = [text(26, y + 4, rowName(row), { 'font-weight': 'bold' })];
  if (isNew) parts.push(text(92, y + 4, shortened(row.title), { 'font-size': 10.5, ...MUTED }));
  for (const peer of PEERS) {
    const figure = row.reference[peer];
    if (figure !== null) parts.push(peerMark(peer, x(figure), y));
  }
  const ordered = [...row.cells].sort(
    (a, b) => Number(a.combiner === chosen) - Number(b.combiner === chosen),
  );
  for (const { combiner, figures } of ordered) {
    if (!(figures.rmsS > 0)) continue;
    const colour = colourOf(combiners, combiner, chosen);
    parts.push(dot(x(figures.rmsS), y, colour, combiner === chosen));
  }
  return parts.join('');
}

const MOST_TITLE = 50;
const shortened = (title: string): string =>
  title.length > MOST_TITLE ? `${title.slice(0, MOST_TITLE - 1).trimEnd()}…` : title;

/** Whole decades around all figures, logarithmic. */
function axisOf(rows: readonly Row[]) {
  const figures = rows.flatMap(({ cells, reference }) => [
    ...cells.map(({ figures: { rmsS } }) => rmsS),
    ...PEERS.flatMap((peer) => reference[peer] ?? []),
  ]);
  const powers = figures.filter((s) => s > 0 && Number.isFinite(s)).map(Math.log10);
  const least = Math.floor(Math.min(...powers, 0) + 1e-9);
  const most = Math.max(Math.ceil(Math.max(...powers, least) - 1e-9), least + 1);
  const perDecade = (RIGHT - LEFT) / (most - least);
  return { least, most, x: (s: number) => LEFT + (Math.log10(s) - least) * perDecade };
}

/** Routes as a picture: own addresses left, servers right, routers by distance between them. */
import { localEnd } from '../path.ts';
import type { PathsView } from '../paths/view.ts';
import { element, line, picture, text } from '../report/svg.ts';
import { delayText, isDirect, isKnown, type RouteGroup, routeGroups } from './pathstext.ts';

const COLOURS = ['#1f6fb4', '#d1662b', '#2f8f4e', '#8a4fb0', '#b03a5b', '#6b6b1f', '#1f8f8f'];
const COLUMN = 190;
const ROW = 56;
const TOP = 70;
const LEFT = 100;

type Place = readonly [x: number, y: number];

export function pathsSvg(view: PathsView): string {
  const groups = routeGroups(view);
  const lastColumn = 1 + Math.max(0, ...groups.map(({ view: { hops } }) => hops?.length ?? 0));
  const columns = new Map<number, string[]>();
  const put = (column: number, name: string): void => {
    const names = columns.get(column) ?? [];
    if (!names.includes(name)) names.push(name);
    columns.set(column, names);
  };
  const stops = new Map(groups.map((group) => [group.letter, stopsOf(group, lastColumn)]));
  for (const group of groups) {
    for (const n of group.paths) put(0, endOf(view, n - 1));
    for (const [column, name] of stops.get(group.letter) ?? []) put(column, name);
  }
  const rows = Math.max(1, ...[...columns.values()].map(({ length }) => length));
  const height = TOP + rows * ROW + 30 + groups.length * 18;
  const place = (column: number, name: string): Place => {
    const names = columns.get(column) ?? [];
    const gap = (rows * ROW) / Math.max(names.length, 1);
    return [LEFT + column * COLUMN, TOP + (names.indexOf(name) + 0.5) * gap];
  };
  const parts: string[] = [];
  groups.forEach((group, n) => {
    const colour = COLOURS[n % COLOURS.length] ?? '#000000';
    const shift = (n - (groups.length - 1) / 2) * 3; // routes over one link lie side by side
    const way = stops.get(group.letter) ?? [];
    const [first] = way;
    for (const at of group.paths) {
      const path = view.paths[at - 1];
      if (path === undefined || first === undefined) continue;
      const dashes: Record<string, string> =
        path.parking === null ? {} : { 'stroke-dasharray': '2 5' };
      parts.push(edge(place(0, localEnd(path.path)), place(...first), shift, colour, dashes));
    }
    for (let at = 1; at < way.length; at++) {
      const from = way[at - 1];
      const to = way[at];
      if (from === undefined || to === undefined) continue;
      parts.push(edge(place(...from), place(...to), shift, colour, {}));
    }
  });
  const delays = shortestDelays(groups, lastColumn);
  const timesUsed = (column: number, name: string) =>
    [...stops.values()].filter((way) => way.some(([c, n]) => c === column && n === name)).length;
  for (const [column, names] of columns) {
    for (const name of names) {
      const isShared = column > 0 && column < lastColumn && timesUsed(column, name) > 1;
      const delayS = delays.get(`${column} ${name}`) ?? null;
      parts.push(node(place(column, name), name, delayText(delayS), isShared));
    }
  }
  groups.forEach((group, n) => {
    const y = height - 14 - (groups.length - 1 - n) * 18;
    const colour = COLOURS[n % COLOURS.length] ?? '#000000';
    const direct = isDirect(group.view) ? ' (direct, no router)' : ' (not wholly known)';
    const known = isKnown(group.view) ? '' : direct;
    parts.push(
      line([20, y - 4], [44, y - 4], { stroke: colour, 'stroke-width': 3 }),
      text(52, y, `route ${group.letter}: paths ${group.paths.join(', ')}${known}`),
    );
  });
  parts.push(
    text(20, 26, 'Routes from here to the server', { 'font-size': 16, 'font-weight': 'bold' }),
    text(
      20,
      46,
      'Filled: on several routes. Dotted: parked, does not poll. The way back is not seen.',
      {
        fill: '#555555',
      },
    ),
  );
  const width = 2 * LEFT + lastColumn * COLUMN;
  return picture(Math.max(width, 560), height, 'Routes', parts.join('\n'));
}

const endOf = ({ paths }: PathsView, n: number): string => {
  const path = paths[n];
  return path === undefined ? '' : localEnd(path.path);
};

/** Of all routes that pass a place, by column and name. (s) */
function shortestDelays(groups: readonly RouteGroup[], lastColumn: number): Map<string, number> {
  const delays = new Map<string, number>();
  for (const group of groups) {
    const { hops, endDelayS } = group.view;
    stopsOf(group, lastColumn).forEach(([column, name], at) => {
      const isEnd = at >= (hops?.length ?? 0);
      const delayS = isEnd ? endDelayS : (hops?.[at]?.delayS ?? null);
      const key = `${column} ${name}`;
      if (delayS !== null) delays.set(key, Math.min(delayS, delays.get(key) ?? delayS));
    });
  }
  return delays;
}

/** Column and name of what a route passes, its end included. */
function stopsOf({ letter, view }: RouteGroup, lastColumn: number): [number, string][] {
  const stops = (view.hops ?? []).map(({ routers }, hop): [number, string] => [
    hop + 1,
    routers.length === 0 ? `? (${letter}${hop + 1})` : routers.join(' or '),
  ]);
  if (view.end === 'remote') stops.push([lastColumn, view.remoteIp]);
  else stops.push([(view.hops?.length ?? 0) + 1, `? (${letter})`]);
  return stops;
}

function edge(
  [x1, y1]: Place,
  [x2, y2]: Place,
  shift: number,
  colour: string,
  more: Readonly<Record<string, string>>,
): string {
  return line([x1, y1 + shift], [x2, y2 + shift], {
    stroke: colour,
    'stroke-width': 2.5,
    'stroke-opacity': 0.85,
    ...more,
  });
}

function node([cx, cy]: Place, name: string, delay: string, isShared: boolean): string {
  const circle = element('circle', {
    cx,
    cy,
    r: 7,
    fill: isShared ? '#333333' : '#ffffff',
    stroke: '#333333',
    'stroke-width': 2,
  });
  const label = text(cx, cy - 13, name, { 'text-anchor': 'middle', 'font-size': 11 });
  if (delay === '') return `${circle}\n${label}`;
  const time = { 'text-anchor': 'middle', 'font-size': 10, fill: '#555555' };
  return `${circle}\n${label}\n${text(cx, cy + 19, delay, time)}`;
}

/** Routes as text: who polls, what is on each route, what they share. */
import { pairOf } from '../path.ts';
import type { PathsView, RouteView } from '../paths/view.ts';

/** Name of a route: A … Z, then R27 and so on. */
export const routeLetter = (number: number | null): string =>
  number === null ? '-' : number <= 26 ? String.fromCharCode(64 + number) : `R${number}`;

/** One route with the paths that take it. */
export interface RouteGroup {
  readonly letter: string;
  readonly view: RouteView;
  /** Positions in the list of paths, from 1. */
  readonly paths: readonly number[];
}

export function routeGroups({ paths }: PathsView): RouteGroup[] {
  const groups: { letter: string; view: RouteView; paths: number[] }[] = [];
  paths.forEach((view, n) => {
    if (view.route === null) return;
    const letter = routeLetter(view.route);
    const group = groups.find((one) => one.letter === letter);
    if (group === undefined) groups.push({ letter, view, paths: [n + 1] });
    else group.paths.push(n + 1);
  });
  return groups;
}

/** Letters of the other routes that this router is on. */
export const sharedWith = (groups: readonly RouteGroup[], own: string, router: string): string[] =>
  groups
    .filter(({ letter, view }) => letter !== own && isOn(view, router))
    .map(({ letter }) => letter);

const isOn = ({ hops }: RouteView, router: string): boolean =>
  hops?.some(({ routers }) => routers.length === 1 && routers[0] === router) ?? false;

const ENDS: Readonly<Record<string, string>> = {
  refused: 'a router would not pass it on',
  silent: 'no answer from here on',
  loop: 'a loop',
  limit: 'no answer within the highest hop limit',
  unable: 'this host cannot trace: it needs Linux and kernel stamps',
};

export function pathsText(view: PathsView): string[] {
  const groups = routeGroups(view);
  const lines = [summary(view, groups.filter((group) => isKnown(group.view)).length), ''];
  const width = Math.max(4, ...view.paths.map(({ path }) => path.length));
  lines.push(`  #  ${'path'.padEnd(width)}  route  state`);
  view.paths.forEach((one, n) => {
    const number = String(n + 1).padStart(3);
    lines.push(
      `${number}  ${one.path.padEnd(width)}  ${routeLetter(one.route).padEnd(5)}  ${stateText(view, one)}`,
    );
  });
  for (const group of groups) lines.push('', ...routeLines(groups, group));
  lines.push('', ...overlapLines(view), ...findings(view), ...directLines(view));
  return lines;
}

function summary(view: PathsView, routes: number): string {
  const direct = directPaths(view).length;
  const unknown = view.paths.filter((one) => !isKnown(one) && !isDirect(one)).length;
  const isBoth = view.paths.some(({ direction }) => direction === 'both');
  const back = isBoth ? ' (both directions, as you said)' : '; the way back cannot be seen';
  if (direct === view.paths.length) {
    return `${subject(view)}, directly connected: no router in between${back}`;
  }
  const parts = [subject(view), count(routes, 'known route')];
  if (direct > 0) parts.push(`${direct} directly connected`);
  if (unknown > 0) parts.push(`${unknown} not wholly known`);
  return `${parts.join(', ')}${isBoth ? '' : ' from here'}${back}`;
}

function subject({ paths }: PathsView): string {
  const pairs = count(new Set(paths.map(({ path }) => pairOf(path))).size, 'address pair');
  return paths.some(({ localPort }) => localPort !== undefined)
    ? `${count(paths.length, 'path')} of ${pairs}`
    : pairs;
}

const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

/** Every hop has one name. */
export const isKnown = ({ end, hops, remoteIp }: RouteView): boolean =>
  end === 'remote' &&
  hops !== null &&
  hops.length > 0 &&
  hops.every(({ routers }) => routers.length === 1 && routers[0] !== remoteIp);

/** The remote end answered the first hop limit: nothing is missing, there is no router. */
export const isDirect = ({ end, hops }: RouteView): boolean =>
  end === 'remote' && hops?.length === 0;

/** Positions in the list of paths, from 1. */
const directPaths = ({ paths }: PathsView): number[] =>
  paths.flatMap((path, n) => (isDirect(path) ? n + 1 : []));

function stateText({ paths }: PathsView, { parking, vote }: RouteView): string {
  if (parking === null) return vote < 1 ? `polls, 1/${Math.round(1 / vote)} vote` : 'polls';
  const standIn = paths.findIndex(({ path }) => path === parking.inFavourOf);
  return parking.why === 'redundant'
    ? `parked: same route as path ${standIn + 1}`
    : 'parked: shares most with the others';
}

function routeLines(groups: readonly RouteGroup[], { letter, view, paths }: RouteGroup): string[] {
  const lines = [`${letter}  path${paths.length > 1 ? 's' : ''} ${paths.join(' ')}`];
  const hops = view.hops ?? [];
  const width = Math.max(8, ...hops.map(({ routers }) => routers.join(' or ').length));
  hops.forEach(({ routers, delayS }, hop) => {
    const name = routers.length === 0 ? '?' : routers.join(' or ');
    const [only] = routers;
    const others =
      routers.length === 1 && only !== undefined ? sharedWith(groups, letter, only) : [];
    const time = delayText(delayS);
    const shared = others.length === 0 ? '' : `  = ${others.join(' ')}`;
    lines.push(
      `${String(hop + 1).padStart(4)}  ${name.padEnd(width)}  ${time.padStart(10)}${shared}`.trimEnd(),
    );
  });
  const end = view.end === 'remote' ? view.remoteIp : (ENDS[view.end ?? ''] ?? '');
  const time = delayText(view.endDelayS).padStart(10);
  lines.push(`${String(hops.length + 1).padStart(4)}  ${end.padEnd(width)}  ${time}`.trimEnd());
  return lines;
}

/** Round trips on one link take microseconds. */
export const delayText = (delayS: number | null): string =>
  delayS === null
    ? ''
    : delayS < 1e-3
      ? `${(delayS * 1e6).toFixed(0)} us`
      : `${(delayS * 1e3).toFixed(2)} ms`;

/** Shared hops of each two paths, as a part of the shorter route. */
function overlapLines({ paths, overlaps }: PathsView): string[] {
  if (paths.length < 2 || paths.length > 16) return [];
  const cells = (row: readonly string[]) => row.map((cell) => cell.padStart(5)).join('');
  const lines = [
    'shared hops (count, = all, ? unknown)',
    `     ${cells(paths.map((_, n) => `${n + 1}`))}`,
  ];
  overlaps.forEach((row, n) => {
    const texts = row.map((overlap, m) => {
      if (n === m) return '.';
      if (overlap === null) return '?';
      const mark = overlap.fraction === null ? '?' : overlap.fraction === 1 ? '=' : '';
      return `${overlap.shared}${mark}`;
    });
    lines.push(`${String(n + 1).padStart(5)}${cells(texts)}`);
  });
  return lines;
}

function directLines(view: PathsView): string[] {
  const direct = directPaths(view);
  if (direct.length < 2) return [];
  const list = direct.join(' ');
  return [
    '',
    `direct: paths ${list} pass no router, so nothing tells if they are one link or several`,
  ];
}

function findings({ forks, folds, localFolds, joins }: PathsView): string[] {
  const lines: string[] = [];
  for (const { routerIp, nextIps, remoteIp, isPerPacket, isByPort } of forks) {
    const where = routerIp === null ? 'on the first hop' : `behind ${routerIp}`;
    const by = isByPort ? 'by their ports, too' : 'by their addresses';
    const how = isPerPacket ? 'packet by packet' : by;
    lines.push(`ECMP: ${where} packets to ${remoteIp} go on to ${nextIps.join(' or ')}, ${how}`);
  }
  for (const { remoteIps, isTranslated } of folds) {
    lines.push(
      isTranslated
        ? `NAT: routers before ${remoteIps.join(', ')} answer in the server's name`
        : `NAT? no route tells ${remoteIps.join(', ')} apart: they may be one machine`,
    );
  }
  for (const ips of localFolds) {
    lines.push(`one way: no route tells ${ips.join(', ')} apart (one link, or NAT folds them)`);
  }
  for (const { remoteIp, routerIp, localEnds, hops } of joins) {
    const rest = count(hops, 'router');
    lines.push(
      `one way from ${routerIp} on, for the last ${rest}, to ${remoteIp}: ${localEnds.join(', ')}`,
    );
  }
  return lines.length === 0 ? [] : ['', ...lines];
}

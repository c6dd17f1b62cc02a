/** Colours and shapes of the scoreboard's picture. */
import type { Peer } from './reference.ts';
import { element, line } from './svg.ts';

/** Distinct also to most colour-blind eyes (Okabe and Ito), the strongest first; then some more. */
const COLOURS = [
  ...['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#7a5195', '#8c6d31'],
  ...['#17becf', '#999933', '#882255', '#44aa99'],
];
/** The default combiner's. */
const CHOSEN = '#d7191c';

/** Colour of a combiner: the default one stands out. */
export function colourOf(combiners: readonly string[], combiner: string, chosen: string): string {
  if (combiner === chosen) return CHOSEN;
  const others = combiners.filter((name) => name !== chosen);
  return COLOURS[others.indexOf(combiner) % COLOURS.length] ?? '#000000';
}

export const dot = (x: number, y: number, colour: string, isChosen: boolean): string =>
  element('circle', {
    ...{ cx: x, cy: y, r: isChosen ? 5.5 : 4, fill: colour },
    ...(isChosen ? { stroke: '#ffffff', 'stroke-width': 1 } : { 'fill-opacity': 0.85 }),
  });

const GREY = '#555555';
const open = { fill: '#ffffff', stroke: GREY, 'stroke-width': 1.3 };
const polygon = (points: readonly (readonly [number, number])[], more: object): string =>
  element('polygon', {
    points: points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' '),
    ...more,
  });

/** The mark of somebody else's figure. */
export function peerMark(peer: Peer, x: number, y: number): string {
  const r = 4.5;
  switch (peer) {
    case 'chrony':
      return polygon(
        [
          [x - r, y],
          [x, y - r],
          [x + r, y],
          [x, y + r],
        ],
        { fill: GREY },
      );
    case 'tuned':
      return polygon(
        [
          [x - r, y],
          [x, y - r],
          [x + r, y],
          [x, y + r],
        ],
        open,
      );
    case 'ntpsec':
      return polygon(
        [
          [x - r, y + r - 1],
          [x, y - r],
          [x + r, y + r - 1],
        ],
        open,
      );
    case 'ptp4l':
      return polygon(
        [
          [x - r, y - r + 1],
          [x, y + r],
          [x + r, y - r + 1],
        ],
        open,
      );
    case 'gauss':
      return element('rect', { x: x - 3.5, y: y - 3.5, width: 7, height: 7, ...open });
    case 'limit':
      return line([x, y - 7], [x, y + 7], { stroke: '#000000', 'stroke-width': 2 });
    case 'goal':
      return line([x, y - 8], [x, y + 8], {
        ...{ stroke: '#1a9850', 'stroke-width': 2.5, 'stroke-dasharray': '3 1.6' },
      });
  }
}

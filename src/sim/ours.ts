/** Scenarios beyond those of published.ts: what must fail honestly, and what only many paths survive. */
import {
  alike,
  END_S,
  EVENT_S,
  event,
  exp,
  happening,
  link,
  MS,
  many,
  type Named,
  path,
  plain,
  wide,
} from './build.ts';
import { DEFAULTS, LINK } from './scenario.ts';

/** Paths 1..n. */
const first = (n: number): number[] => Array.from({ length: n }, (_, k) => k + 1);

const wandering = (wander: number) => (k: number) => ({
  paths: many(k, path(plain)),
  clock: { ...DEFAULTS.clock, wander },
});

export const OURS: readonly Named[] = [
  wide(
    'G4',
    [1, 4, 8],
    'gamma-4 jitter: light tails',
    alike(link({ law: 'erlang', meanS: 1 * MS, stages: 4 })),
  ),
  wide(
    'Seg',
    [2, 4],
    'half of the paths share one queue with a memory',
    (k) => {
      const shared = { ...LINK, queues: [exp(0.3 * MS)], segments: ['shared'] };
      return {
        segments: [{ name: 'shared', queue: { law: 'correlated', meanS: 2 * MS, timeS: 20 } }],
        paths: [...many(k >> 1, path(shared)), ...many(k - (k >> 1), path(plain))],
      };
    },
    2,
  ),
  wide(
    'Major',
    [8],
    'most paths (5 of 8) delayed by 1 ms on the way back, after a clean history',
    (k) => ({
      paths: many(k, path(plain)),
      events: [event('attack', first((k >> 1) + 1), { byS: 1 * MS })],
    }),
    2,
  ),
  wide(
    'Hop',
    [4],
    'an attacker of 10 ms hops from path to path every 10 minutes',
    (k) => ({
      paths: many(k, path(plain)),
      events: [event('attack', first(k), { byS: 10 * MS, hopS: 600 })],
    }),
    2,
  ),
  wide(
    'Lie',
    [5],
    'most paths (3 of 5) delayed by 10 ms from the start: nobody can tell, the bound must hold',
    (k) => ({
      paths: many(k, path(plain)),
      events: [event('attack', first((k >> 1) + 1), { byS: 10 * MS, fromS: 0 })],
    }),
    2,
  ),
  wide(
    'Stamp',
    [4],
    'somebody moves the remote stamps of path 1 by 20 ms',
    happening(plain, event('manipulation', [1], { byS: 20 * MS })),
  ),
  wide(
    'Rem',
    [4],
    'somebody removes 9 of 10 packets of path 1',
    happening(plain, event('removal', [1], { direction: 'reverse', share: 0.9 })),
  ),
  wide('Back', [2, 4], 'the best path dies for an hour and comes back 3 ms longer', (k) => ({
    paths: [path(link(exp(0.2 * MS))), ...many(k - 1, path(link(exp(2 * MS))))],
    events: [
      event('outage', [1], { direction: 'both', toS: END_S }),
      event('reroute', [1], { direction: 'both', byS: 3 * MS, fromS: END_S }),
    ],
  })),
  wide('Step', [1, 4], 'the local clock jumps by 50 ms', (k) => ({
    paths: many(k, path(plain)),
    clock: { ...DEFAULTS.clock, steps: [{ atS: EVENT_S, byS: 50 * MS }] },
  })),
  wide('Aq7', [4], 'A, oscillator 100 times worse', wandering(1e-7)),
  wide('Aq11', [4], 'A, oscillator 100 times better', wandering(1e-11)),
];

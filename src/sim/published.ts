/** The scenarios of the scoreboard, exactly, with the number of paths as a parameter. */
import {
  alike,
  asymmetric,
  END_S,
  event,
  exp,
  happening,
  lan,
  link,
  MS,
  many,
  type Named,
  NS,
  path,
  plain,
  US,
  wide,
} from './build.ts';
import { DEFAULTS, LINK } from './scenario.ts';

const wire = link(exp(10 * US), { baseS: 50 * US, noiseS: 50 * NS });
const hardware = link({ law: 'gauss', sdS: 20 * NS }, { baseS: 5 * US, noiseS: 0 });

/** Jitter of Ahet's paths, ms, best first; further ones are as the last. */
const UNEQUAL_MS = [0.25, 0.5, 1, 2, 2, 4, 4, 8];

export const PUBLISHED: readonly Named[] = [
  wide('A', [1, 2, 4, 8], 'exponential jitter of 1 ms', alike(plain)),
  wide('A16', [1, 2, 4, 8], 'A, polled every 16 s', (k) => ({
    paths: many(k, path(plain)),
    pollS: 16,
  })),
  wide('Aq8', [1, 4], 'A, oscillator 10 times worse', (k) => ({
    paths: many(k, path(plain)),
    clock: { ...DEFAULTS.clock, wander: 1e-8 },
  })),
  wide('Ahet', [1, 2, 4, 8], 'very unequal paths, best first: 0.25 to 8 ms', (k) => ({
    paths: Array.from({ length: k }, (_, n) => path(link(exp((UNEQUAL_MS[n] ?? 8) * MS)))),
  })),
  wide(
    'Bln',
    [1, 2, 4, 8],
    'lognormal jitter',
    alike(link({ law: 'lognormal', medianS: 0.5 * MS, sigma: 1 })),
  ),
  wide(
    'Bpar',
    [1, 2, 4, 8],
    'Pareto jitter of infinite variance',
    alike(link({ law: 'lomax', scaleS: 0.5 * MS, shape: 1.8 })),
  ),
  wide(
    'Berl',
    [1, 4, 8],
    'Erlang-3 jitter: a soft edge',
    alike(link({ law: 'erlang', meanS: 1 * MS, stages: 3 })),
  ),
  wide('Bq', [1, 4, 8], 'queues with a memory of 20 s', (k) => {
    const queues = [{ law: 'correlated', meanS: 1 * MS, timeS: 20 } as const, exp(0.1 * MS)];
    return { paths: many(k, path({ ...LINK, queues })) };
  }),
  wide('C', [1, 2, 4, 8], 'path 1 asymmetric by 2 ms from the start', asymmetric(plain, 2 * MS)),
  wide(
    'D1',
    [4],
    'path 1 delayed by 10 ms on the way back',
    happening(plain, event('attack', [1], { byS: 10 * MS })),
  ),
  wide(
    'D1r',
    [4],
    'path 1 delayed on the way back, growing to 10 ms at 10 us/s',
    happening(plain, event('attack', [1], { byS: 10 * MS, ramp: 10 * US })),
  ),
  wide(
    'D2',
    [5],
    'paths 1 and 2 delayed by 10 ms on the way back',
    happening(plain, event('attack', [1, 2], { byS: 10 * MS })),
    2,
  ),
  wide('E', [2, 4], 'the best path dies', (k) => ({
    paths: [path(link(exp(0.2 * MS))), ...many(k - 1, path(link(exp(2 * MS))))],
    events: [event('outage', [1], { direction: 'both' })],
  })),
  wide(
    'F',
    [1, 4],
    'path 1 congested on the way back for an hour',
    happening(plain, event('congestion', [1], { toS: END_S, byS: 3 * MS, randomS: 10 * MS })),
  ),
  wide(
    'Rup',
    [1, 4],
    'path 1 rerouted, 3 ms longer both ways',
    happening(plain, event('reroute', [1], { direction: 'both', byS: 3 * MS })),
  ),
  wide(
    'Rdn',
    [1, 4],
    'path 1 rerouted, 3 ms shorter both ways',
    happening(plain, event('reroute', [1], { direction: 'both', byS: -3 * MS })),
  ),
  lan('Plan', [1, 2, 4, 8], 'LAN: exponential jitter of 10 us', alike(wire)),
  lan('PlanC', [4], 'LAN, path 1 asymmetric by 20 us from the start', asymmetric(wire, 20 * US)),
  lan(
    'PlanE',
    [2, 4],
    'LAN, path 1 dies',
    happening(wire, event('outage', [1], { direction: 'both' })),
  ),
  lan(
    'PlanF',
    [1, 4],
    'LAN, path 1 congested on the way back for an hour',
    happening(wire, event('congestion', [1], { toS: END_S, byS: 30 * US, randomS: 100 * US })),
  ),
  lan('Phw', [1, 4], 'hardware timestamps: Gaussian, 20 ns', alike(hardware)),
];

/** Delay laws and scenarios after ALGORITHMS §3 (the subset the foundation is held to). */
import { exponential, normal, type Random } from './random.ts';
import type { DelayLaw, World, WorldPath } from './world.ts';

const BASE_S = 5e-3;
const STAMP_S = 1e-6;

type Jitter = (random: Random) => number;
type Extra = (at: number, random: Random) => number;

/** base + jitter + stamp noise (+ extra). */
export function law(jitter: Jitter, extra?: Extra, baseS = BASE_S, stampS = STAMP_S): DelayLaw {
  return ({ at, random }) =>
    baseS +
    jitter(random) +
    stampS * normal(random) +
    (extra === undefined ? 0 : extra(at, random));
}

export const expo =
  (meanS: number): Jitter =>
  (random) =>
    meanS * exponential(random);

const erlang3 =
  (meanS: number): Jitter =>
  (random) =>
    ((exponential(random) + exponential(random) + exponential(random)) * meanS) / 3;

const path = (reverse: DelayLaw, forward: DelayLaw = reverse): WorldPath => ({ reverse, forward });
const many = (count: number, jitter: Jitter): WorldPath[] =>
  Array.from({ length: count }, () => path(law(jitter)));

/** The first path replaced by one whose remote→local direction is disturbed. */
function disturbed(count: number, extra: Extra): WorldPath[] {
  const [, ...rest] = many(count, expo(1e-3));
  return [path(law(expo(1e-3)), law(expo(1e-3), extra)), ...rest];
}

const HOURS_5 = 18000;
const world = (paths: WorldPath[], pollS = 1, durationS = HOURS_5): World => ({
  paths,
  pollS,
  durationS,
});

export const SCENARIOS: Record<string, (paths: number, pollS?: number) => World> = {
  A: (k, pollS) => world(many(k, expo(1e-3)), pollS),
  Aq8: (k, pollS) => ({ ...world(many(k, expo(1e-3)), pollS), wanderPerS: 1e-8 }),
  Ahet: (k, pollS) =>
    world(
      [0.25, 0.5, 1, 2, 2, 4, 4, 8].slice(0, k).map((ms) => path(law(expo(ms * 1e-3)))),
      pollS,
    ),
  Berl: (k, pollS) => world(many(k, erlang3(1e-3)), pollS),
  C: (k, pollS) =>
    world(
      disturbed(k, () => 2e-3),
      pollS,
    ),
  D1: (k, pollS) =>
    world(
      disturbed(k, (at) => (at >= 7200 ? 10e-3 : 0)),
      pollS,
    ),
  D1r: (k, pollS) =>
    world(
      disturbed(k, (at) => Math.min(10e-3, Math.max(0, 10e-6 * (at - 7200)))),
      pollS,
    ),
  D2: (k, pollS) => {
    const lied = (at: number) => (at >= 7200 ? 10e-3 : 0);
    const [first] = disturbed(1, lied);
    return first === undefined
      ? world([], pollS)
      : world([first, first, ...many(k - 2, expo(1e-3))], pollS);
  },
  F: (k, pollS) =>
    world(
      disturbed(k, (at, random) =>
        at >= 7200 && at < 10800 ? 3e-3 + 10e-3 * exponential(random) : 0,
      ),
      pollS,
    ),
  E: (k, pollS) => {
    const dying: DelayLaw = (packet) =>
      packet.at >= 7200 ? Number.POSITIVE_INFINITY : law(expo(0.2e-3))(packet);
    return world([path(dying), ...many(k - 1, expo(2e-3))], pollS);
  },
  Rup: (k, pollS) => {
    const moved = law(expo(1e-3), (at) => (at >= 7200 ? 3e-3 : 0));
    return world([path(moved), ...many(k - 1, expo(1e-3))], pollS);
  },
  Plan: (k, pollS) =>
    world(
      Array.from({ length: k }, () => path(law(expo(10e-6), undefined, 50e-6, 50e-9))),
      pollS,
    ),
  Phw: (k, pollS) =>
    world(
      Array.from({ length: k }, () =>
        path(law((random) => 20e-9 * normal(random), undefined, 5e-6, 0)),
      ),
      pollS,
    ),
};

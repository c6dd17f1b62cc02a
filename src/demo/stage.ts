/** What both demos play on: a far clock that is a known amount off, the weather, true errors. */
import { COMBINERS, type CombinerName } from '../core.ts';
import type { Ensemble } from '../ensemble.ts';
import type { PathKey } from '../path.ts';
import type { Host } from '../udp/udp.ts';
import { type Stamp, stamp } from '../units.ts';
import { shiftedHost } from './impair.ts';
import { createScoreboard, type Scoreboard } from './score.ts';
import { makeWeather, SERVER_IPS, type Weather } from './weather.ts';

export interface Stage {
  /** The remote end's host, on its own clock. */
  readonly far: Host;
  readonly weather: Weather;
  readonly scores: Scoreboard;
  /** The one in charge first. */
  readonly combiners: readonly CombinerName[];
  /** True offset (remote − local clock) at a local reading, s. */
  truth(at: Stamp): number;
  /** Share of the time that has passed, [0, 1]. */
  progress(): number;
  /** Scores a path's own offset, and one of each combiner, s; not while all settle. */
  score(
    at: Stamp,
    ensemble: Ensemble,
    path: PathKey,
    offsetOf: (core: Ensemble['cores'][number]) => number | undefined,
  ): void;
}

/** The remote clock is this far ahead … */
const OFFSET_S = 0.25;
/** … and this much faster. */
const FREQUENCY = 12e-6;
/** Errors count from this share of the run on. */
const SETTLE = 0.2;

export interface StageOptions {
  readonly host: Host;
  readonly seed: number;
  readonly seconds: number;
  readonly combiner: CombinerName;
}

export function setStage(
  { host, seed, seconds, combiner }: StageOptions,
  lie: (bytes: Uint8Array) => void,
): Stage {
  const startNs = host.clock.now();
  const startTick = host.clock.tick();
  const progress = () => Math.min((host.clock.tick() - startTick) / 1e9 / seconds, 1);
  const truth = (at: Stamp) => OFFSET_S + ((at - startNs) / 1e9) * FREQUENCY;
  const show = (real: Stamp) => stamp(Math.round(real + truth(real) * 1e9));
  const scores = createScoreboard();
  return {
    far: shiftedHost(host, show),
    weather: makeWeather(seed, lie, progress),
    scores,
    combiners: [combiner, ...COMBINERS.filter((name) => name !== combiner)],
    truth,
    progress,
    score(at, ensemble, path, offsetOf) {
      if (progress() < SETTLE) return;
      const trueS = truth(at);
      const raw = ensemble.report(path)?.offsetS;
      if (raw !== undefined) scores.addPath(path, raw - trueS);
      for (const core of ensemble.cores) {
        const offsetS = offsetOf(core);
        if (offsetS !== undefined) scores.addCombiner(core.combiner, offsetS - trueS);
      }
    },
  };
}

/** A port that is free on the first remote address; taken for all addresses. */
export async function freePort(host: Host): Promise<number> {
  const udp = await host.openUdp(
    { ip: SERVER_IPS[0], port: 0 },
    { onDatagram: () => {}, onError: () => {} },
  );
  const { port } = udp.local;
  await udp.close();
  return port;
}

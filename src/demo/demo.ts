/**
 * The demo's engine: an embedded dual-ended server on a clock that is a known amount off, a client
 * over 8 loopback paths with weather, all combiners on the same exchanges. No root, no network.
 */

import type { ClientEvents } from '../client.ts';
import { type Client, openClient } from '../client.ts';
import { COMBINERS, type CombinerName, isRefused } from '../core.ts';
import { localSource, openServer } from '../serve.ts';
import { formatTarget } from '../target.ts';
import type { Host } from '../udp/udp.ts';
import { type Stamp, stamp } from '../units.ts';
import { impairedHost, shiftedHost } from './impair.ts';
import { createScoreboard, type Scoreboard } from './score.ts';
import { CLIENT_IPS, makeWeather, SERVER_IPS, type Weather } from './weather.ts';

export interface DemoOptions {
  readonly host: Host;
  readonly seed: number;
  readonly seconds: number;
  readonly combiner: CombinerName;
  readonly events?: ClientEvents;
}

export interface Demo {
  readonly client: Client;
  readonly scores: Scoreboard;
  readonly weather: Weather;
  readonly combiners: readonly CombinerName[];
  /** True offset (server − client clock) at a local reading, s. */
  truth(at: Stamp): number;
  /** Share of the time that has passed, [0, 1]. */
  progress(): number;
  close(): Promise<void>;
}

/** The server's clock is this far ahead … */
const OFFSET_S = 0.25;
/** … and this much faster. */
const FREQUENCY = 12e-6;
/** Errors count from this share of the run on. */
const SETTLE = 0.2;
const POLL_LOG2S = -3;

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { host, seed, seconds, combiner } = options;
  const startNs = host.clock.now();
  const startTick = host.clock.tick();
  const progress = () => Math.min((host.clock.tick() - startTick) / 1e9 / seconds, 1);
  const truth = (at: Stamp) => OFFSET_S + ((at - startNs) / 1e9) * FREQUENCY;
  const show = (real: Stamp) => stamp(Math.round(real + truth(real) * 1e9));

  const far = shiftedHost(host, show);
  const port = await freePort(far);
  const weather = makeWeather(seed, port, progress);
  const server = await openServer({
    host: impairedHost(far, weather.fateOf),
    addresses: SERVER_IPS,
    port,
    source: localSource(1, far),
    rateLimit: null,
  });
  const scores = createScoreboard();
  const combiners = [combiner, ...COMBINERS.filter((name) => name !== combiner)];
  const client = await openClient({
    host: impairedHost(host, weather.fateOf),
    servers: SERVER_IPS.map((ip) => formatTarget(ip, port)),
    locals: CLIENT_IPS,
    combiner,
    compare: combiners.slice(1),
    minPollLog2S: POLL_LOG2S,
    maxPollLog2S: POLL_LOG2S,
    budget: 'per-path',
    iburst: 0,
    events: {
      ...options.events,
      onSample(sample, ensemble) {
        options.events?.onSample?.(sample, ensemble);
        if (isRefused(sample.status) || progress() < SETTLE) return;
        const trueS = truth(sample.atNs);
        const raw = ensemble.report(sample.path)?.offsetS;
        if (raw !== undefined) scores.addPath(sample.path, raw - trueS);
        for (const core of ensemble.cores) {
          const clock = core.clock();
          if (clock !== null) scores.addCombiner(core.combiner, clock.offsetS - trueS);
        }
      },
    },
  }).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  return {
    client,
    scores,
    weather,
    combiners,
    truth,
    progress,
    async close() {
      await client.close();
      await server.close();
    },
  };
}

/** A port that is free on the first server address; taken for all of them. */
async function freePort(host: Host): Promise<number> {
  const udp = await host.openUdp(
    { ip: SERVER_IPS[0], port: 0 },
    { onDatagram: () => {}, onError: () => {} },
  );
  const { port } = udp.local;
  await udp.close();
  return port;
}

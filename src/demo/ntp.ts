/** The demo over NTP: a server on two addresses, a client on four. */
import { openClient } from '../client.ts';
import { isRefused } from '../core.ts';
import { localSource, openServer } from '../serve.ts';
import { reachText } from '../status.ts';
import { formatTarget } from '../target.ts';
import type { Demo, DemoOptions } from './demo.ts';
import { impairedHost } from './impair.ts';
import { lieInNtp } from './lies.ts';
import { freePort, setStage } from './stage.ts';
import { CLIENT_IPS, SERVER_IPS } from './weather.ts';

const POLL_LOG2S = -3;

export async function startNtpDemo(options: DemoOptions): Promise<Demo> {
  const { host, combiner } = options;
  const stage = setStage(options, lieInNtp);
  const { far, weather, combiners } = stage;
  const port = await freePort(far);
  const server = await openServer({
    host: impairedHost(far, weather.fateOf),
    addresses: SERVER_IPS,
    port,
    source: localSource(1, far),
    rateLimit: null,
  });
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
        if (isRefused(sample.status)) return;
        stage.score(sample.atNs, ensemble, sample.path, (core) => core.clock()?.offsetS);
      },
    },
  }).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  return {
    ...stage,
    protocol: 'ntp',
    host: client.host,
    ensemble: client.ensemble,
    paths: () =>
      client.status().paths.map(({ path, state, reason, reach, report }) => {
        return { path, state, reason, heard: reachText(reach), report };
      }),
    async close() {
      await client.close();
      await server.close();
    },
  };
}

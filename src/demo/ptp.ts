/** The demo over PTP: a dual-ended master on two addresses, a dual-ended slave on four, two ports. */
import { isRefused } from '../core.ts';
import type { PathKey } from '../path.ts';
import { openPtpClock } from '../ptpclock.ts';
import type { Demo, DemoOptions, DemoPath } from './demo.ts';
import { impairedHost } from './impair.ts';
import { lieInPtp } from './lies.ts';
import { freePort, setStage } from './stage.ts';
import { CLIENT_IPS, DEMO_PATHS, SERVER_IPS } from './weather.ts';

/** As often as the NTP demo polls; Announces too, so that it starts at once. */
const INTERVALS = { logAnnounceInterval: -3, logSyncInterval: -3, logMinDelayReqInterval: -3 };
/** Announces: a busy machine may be silent for 2 s. */
const ANNOUNCE_TIMEOUT = 16;

export async function startPtpDemo(options: DemoOptions): Promise<Demo> {
  const { host, combiner, events } = options;
  const stage = setStage(options, lieInPtp);
  const { far, weather, combiners } = stage;
  const event = await freePort(far);
  let general = event;
  while (general === event) general = await freePort(far);
  const both = {
    mode: 'dual-ended',
    ports: { event, general },
    port: { ...INTERVALS, announceReceiptTimeout: ANNOUNCE_TIMEOUT },
  } as const;
  const master = await openPtpClock({
    ...both,
    role: 'master',
    host: impairedHost(far, weather.fateOf),
    addresses: SERVER_IPS,
    masters: [],
  });
  const slave = await openPtpClock({
    ...both,
    role: 'slave',
    host: impairedHost(host, weather.fateOf),
    addresses: CLIENT_IPS,
    masters: SERVER_IPS,
    combiner,
    compare: combiners.slice(1),
    events: {
      onPath: (change) => events?.onPath?.(change),
      onClockStep: (byS) => events?.onClockStep?.(byS),
      onSample(sample, ensemble) {
        events?.onSample?.(sample, ensemble);
        if (isRefused(sample.status)) return;
        const { epochS } = host.clock;
        const { path, atNs } = sample;
        // not every measurement moves the clock: it is asked for this one's time
        stage.score(atNs, ensemble, path, (core) => core.clockAt(epochS, atNs)?.offsetS);
      },
    },
  }).catch(async (error: unknown) => {
    await master.close();
    throw error;
  });
  return {
    ...stage,
    protocol: 'ptp',
    host: slave.host,
    ensemble: slave.ensemble,
    paths() {
      const views = new Map(slave.status().paths.map((view) => [view.path, view]));
      return DEMO_PATHS.map((path): DemoPath => {
        const view = views.get(path);
        if (view === undefined) return waiting(path);
        const { state, reason, forward, reverse, report } = view;
        return { path, state, reason, heard: `${forward}/${reverse}`, report };
      });
    },
    async close() {
      await slave.close();
      await master.close();
    },
  };
}

const waiting = (path: PathKey): DemoPath => ({
  path,
  state: 'waiting',
  reason: 'no master chosen yet',
  heard: '0/0',
  report: null,
});

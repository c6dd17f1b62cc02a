/**
 * The demo's engine: a dual-ended server or master on a clock that is a known amount off, a client
 * or slave over 8 loopback paths with weather, all combiners on the same measurements. No root, no
 * network.
 */
import type { ClientEvents } from '../client.ts';
import type { CombinerName, PathReport } from '../core.ts';
import type { Ensemble } from '../ensemble.ts';
import type { PathKey } from '../path.ts';
import type { ViewState } from '../status.ts';
import type { Host } from '../udp/udp.ts';
import type { Stamp } from '../units.ts';
import { startNtpDemo } from './ntp.ts';
import { startPtpDemo } from './ptp.ts';
import type { Scoreboard } from './score.ts';
import type { Weather } from './weather.ts';

export type Protocol = 'ntp' | 'ptp';

export interface DemoOptions {
  readonly host: Host;
  readonly protocol: Protocol;
  readonly seed: number;
  readonly seconds: number;
  readonly combiner: CombinerName;
  readonly events?: ClientEvents;
}

/** One of the 8 paths, of either protocol. */
export interface DemoPath {
  readonly path: PathKey;
  readonly state: ViewState;
  readonly reason: string;
  /** What came: NTP the reach register, octal; PTP the Syncs and the Delay_Resps. */
  readonly heard: string;
  readonly report: PathReport | null;
}

export interface Demo {
  readonly protocol: Protocol;
  readonly host: Host;
  readonly ensemble: Ensemble;
  readonly scores: Scoreboard;
  readonly weather: Weather;
  readonly combiners: readonly CombinerName[];
  paths(): readonly DemoPath[];
  /** True offset (remote − local clock) at a local reading, s. */
  truth(at: Stamp): number;
  /** Share of the time that has passed, [0, 1]. */
  progress(): number;
  close(): Promise<void>;
}

export const startDemo = (options: DemoOptions): Promise<Demo> =>
  options.protocol === 'ptp' ? startPtpDemo(options) : startNtpDemo(options);

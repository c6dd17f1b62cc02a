/**
 * clockbraid: time over many network paths at once.
 * Multipath NTP (RFC 8039) for Node, Deno and Bun, combined in a WASM core. Observes only.
 */
export {
  type BoundaryClockHandle,
  type BoundaryClockOptions,
  type BoundaryPortConfig,
  type BoundaryPortStatus,
  type BoundaryStatus,
  openBoundaryClock,
} from './boundaryclock.ts';
export {
  type Client,
  type ClientEvents,
  type ClientOptions,
  type ClientStatus,
  type Now,
  openClient,
} from './client.ts';
export {
  type Agreement,
  type ClockAt,
  COMBINERS,
  type CombinedClock,
  type CombinerName,
  type Core,
  createCore,
  explainPath,
  type Finding,
  type PathReport,
  type PathState,
  type Status,
  type Verdict,
} from './core.ts';
export type { Sample } from './ensemble.ts';
export { ConfigError, CoreError, HostError } from './errors.ts';
export { type ClockEvent, createEventWatch, type EventWatch } from './events.ts';
export type { PathKey } from './path.ts';
export type { DiscoveryOptions } from './paths/settings.ts';
export type { PathsView, RouteView } from './paths/view.ts';
export {
  openPtpClock,
  type PtpClock,
  type PtpClockOptions,
  type PtpDatasets,
  type PtpEvents,
  type PtpPathView,
  type PtpStatus,
} from './ptpclock.ts';
export {
  localSource,
  openServer,
  type Server,
  type ServerOptions,
  type ServerStatus,
} from './serve.ts';
export type { PathView, ViewState } from './status.ts';
export {
  openTransparentClock,
  type TransparentClock,
  type TransparentClockOptions,
  type TransparentClockStatus,
} from './transparent.ts';
export { chooseHost, type Stamps } from './udp/choose.ts';
export type { Clock, Handlers, Host, PumpMode, StampKind, Udp } from './udp/udp.ts';
export { VERSION } from './version.ts';

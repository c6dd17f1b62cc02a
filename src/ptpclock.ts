/**
 * The library's PTP clock: one ordinary clock over one or many addresses, as slave, master or
 * whatever the best master algorithm says (RFC 8039 §5). Observes, and serves the local clock as
 * it is; it never touches a clock.
 */
import { ConfigError } from './errors.ts';
import type { Address, Input } from './machine.ts';
import type { PathKey } from './path.ts';
import type { DiscoveryOptions } from './paths/settings.ts';
import { type PathsView, viewPaths } from './paths/view.ts';
import {
  createOrdinaryClock,
  hearSocketError,
  hearUnreachable,
  type OrdinaryClock,
  type OrdinaryClockConfig,
  tellTime,
} from './ptp/clock.ts';
import type { TimePropertiesDS } from './ptp/dataset.ts';
import {
  createDomains,
  type Domains,
  domainKey,
  domainsDue,
  hearDomainsError,
  hearDomainsUnreachable,
  stepDomains,
} from './ptp/domains.ts';
import {
  type PtpEvents,
  type PtpHandle,
  type PtpMachine,
  type PtpRunOptions,
  type PtpRunStatus,
  runPtp,
  type Start,
} from './ptprun.ts';
import {
  type PtpDatasets,
  type PtpPathView,
  type PtpPortStatus,
  viewPtpPort,
} from './ptpstatus.ts';
import { createTracingClock } from './ptptracing.ts';
import {
  concludeTracing,
  stepTracing,
  stepTracingReturned,
  type Tracing,
  tracingDue,
} from './tracing.ts';
import type { Tick } from './units.ts';

export type { PtpDatasets, PtpEvents, PtpPathView };

export interface PtpClockOptions extends PtpRunOptions, Omit<OrdinaryClockConfig, keyof Start> {
  /**
   * Several domains at once, a clock in each, all combined (RFC 9760). The first is the one that
   * `status()` has the data sets of. Default: that of `clock`, or 0.
   */
  readonly domains?: readonly number[];
  /**
   * A slave traces the routes of all its paths from time to time, with requests from its event
   * port, and cancels what it was granted on pairs that take another's route (RFC 8039 §5.4). Paths
   * of a multicast mode are never parked. Needs kernel stamps; without them all routes stay unknown
   * and all paths are used. Default: left out, no probe is sent. Not with `domains`.
   */
  readonly discovery?: DiscoveryOptions | undefined;
}

export interface PtpStatus extends PtpRunStatus, PtpPortStatus {
  readonly datasets: PtpDatasets;
  /** One in most cases: see `domains` of the options. */
  readonly domains: readonly {
    readonly domainNumber: number;
    readonly state: string;
    readonly grandmasterIdentity: string;
  }[];
}

export interface PtpClock extends PtpHandle {
  status(): PtpStatus;
  /** What discovery found; null without `discovery`. */
  routes(): PathsView | null;
}

/**
 * Opens two sockets per address and the groups, and starts.
 * @throws ConfigError for wrong options, HostError if an address cannot be bound
 */
export async function openPtpClock(options: PtpClockOptions): Promise<PtpClock> {
  const { machine, handle, status } = await runPtp(options, (start): Machine => {
    const domains = createDomains(
      domainsOf(options).map((clock) => createOrdinaryClock({ ...options, ...start, clock })),
    );
    const { clocks } = domains;
    const { discovery } = options;
    if (discovery !== undefined) return tracingMachine(clocks, options, discovery, start.nowNs);
    return {
      tracing: null,
      ports: clocks,
      bound: clocks.slice(0, 1),
      keyOf: (port: OrdinaryClock, key: PathKey) => domainKey(domains, port, key),
      step: (input: Input) => stepDomains(domains, input),
      firstTimer: () => domainsDue(domains),
      hearError: (local: Address, code: string, nowNs: Tick) =>
        hearDomainsError(domains, local, code, nowNs),
      hearUnreachable: (remoteIp: string, nowNs: Tick) =>
        hearDomainsUnreachable(domains, remoteIp, nowNs),
      tellOwn(own: TimePropertiesDS, problem: string | null) {
        for (const clock of clocks) tellTime(clock, own, problem);
      },
    };
  });
  const clocks = machine.ports;
  const { tracing } = machine;
  return {
    ...handle,
    routes: () => tracing && viewPaths(tracing.discovery, handle.host.clock.tick()),
    status() {
      const nowNs = handle.host.clock.tick();
      const [{ sets, portDS }] = clocks;
      const views = clocks.map((clock) => viewPtpPort(clock, nowNs));
      return {
        ...viewPtpPort(clocks[0], nowNs),
        serves: views.flatMap(({ serves }) => serves),
        sent: sumOf(views.map(({ sent }) => sent)),
        datasets: structuredClone({ ...sets, portDS }),
        domains: clocks.map((clock) => ({
          domainNumber: clock.sets.defaultDS.domainNumber,
          state: clock.portDS.portState,
          grandmasterIdentity: clock.sets.parentDS.grandmasterIdentity,
        })),
        ...status(nowNs),
      };
    },
  };
}

interface Machine extends PtpMachine {
  readonly ports: Domains['clocks'];
  readonly tracing: Tracing | null;
}

/** Throws ConfigError. */
function tracingMachine(
  clocks: Domains['clocks'],
  { role }: PtpClockOptions,
  discovery: DiscoveryOptions,
  nowNs: Tick,
): Machine {
  const [clock] = clocks;
  if (clocks.length > 1) {
    throw new ConfigError('discovery', 'none with several domains', clocks.length);
  }
  if (role === 'master') throw new ConfigError('discovery', 'a clock that may be slave', role);
  const tracing = createTracingClock(clock, discovery, nowNs);
  return {
    tracing,
    discovery: tracing.discovery,
    ports: clocks,
    step: (input) => stepTracing(tracing, input),
    stepReturned: (input) => stepTracingReturned(tracing, input),
    firstTimer: () => tracingDue(tracing),
    hearError: (local, code, nowNs) =>
      concludeTracing(tracing, hearSocketError(clock, local, code, nowNs), nowNs),
    hearUnreachable: (remoteIp, nowNs) =>
      concludeTracing(tracing, hearUnreachable(clock, remoteIp, nowNs), nowNs),
    tellOwn: (own, problem) => tellTime(clock, own, problem),
  };
}

type ClockSets = NonNullable<OrdinaryClockConfig['clock']>;

/** The clock of each domain. Throws ConfigError. */
function domainsOf({ domains, clock = {} }: PtpClockOptions): ClockSets[] {
  if (domains === undefined) return [clock];
  if (clock.domainNumber !== undefined) {
    throw new ConfigError('ptp.clock.domainNumber', 'none with domains', clock.domainNumber);
  }
  return domains.map((domainNumber) => ({ ...clock, domainNumber }));
}

/** Sums by name. */
function sumOf(tallies: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of tallies.flatMap(Object.entries<number>)) {
    sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

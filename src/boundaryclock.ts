/**
 * The library's boundary clock: several PTP ports, one of which follows a master at most, the
 * others serve what it makes of that master's time. It never touches the local clock.
 */
import type { Core } from './core.ts';
import type { Address } from './machine.ts';
import {
  type BoundaryClockConfig,
  type BoundaryPortConfig,
  boundaryDue,
  createBoundaryClock,
  hearBoundaryError,
  hearBoundaryUnreachable,
  stepBoundaryClock,
  tellBoundaryTime,
  tellEstimate,
} from './ptp/boundary.ts';
import type { Datasets } from './ptp/dataset.ts';
import type { PortDS } from './ptp/portds.ts';
import {
  type PtpHandle,
  type PtpRunOptions,
  type PtpRunStatus,
  runPtp,
  type Start,
} from './ptprun.ts';
import { type PtpPortStatus, viewPtpPort } from './ptpstatus.ts';
import type { Stamp, Tick } from './units.ts';

export type { BoundaryPortConfig };

export interface BoundaryClockOptions
  extends PtpRunOptions,
    Omit<BoundaryClockConfig, keyof Start> {}

export interface BoundaryPortStatus extends PtpPortStatus {
  readonly portDS: PortDS;
}

export interface BoundaryStatus extends PtpRunStatus {
  readonly datasets: Datasets;
  readonly ports: readonly BoundaryPortStatus[];
  /** False while a master is followed whose time is not known yet: no port serves. */
  readonly isReady: boolean;
}

export interface BoundaryClockHandle extends PtpHandle {
  status(): BoundaryStatus;
}

/**
 * Opens two sockets per address of every port and the groups, and starts.
 * @throws ConfigError for wrong options, HostError if an address cannot be bound
 */
export async function openBoundaryClock(
  options: BoundaryClockOptions,
): Promise<BoundaryClockHandle> {
  const { machine, handle, status } = await runPtp(options, (start) => {
    const clock = createBoundaryClock({ ...options, ...start });
    const { epochS } = start;
    return {
      clock,
      ports: clock.ports,
      step: (input) => stepBoundaryClock(clock, input),
      firstTimer: () => boundaryDue(clock),
      hearError: (local: Address, code: string, nowNs: Tick) =>
        hearBoundaryError(clock, local, code, nowNs),
      hearUnreachable: (remoteIp: string, nowNs: Tick) =>
        hearBoundaryUnreachable(clock, remoteIp, nowNs),
      tellOwn: (own, problem) => tellBoundaryTime(clock, own, problem),
      aheadS: () => Math.floor(clock.shared.served.estimate?.baseS ?? 0),
      onClock(core: Core, atNs: Stamp) {
        const at = core.clockAt(epochS, atNs);
        const frequency = core.clock()?.frequency ?? 0;
        if (at !== null) tellEstimate(clock, { atNs, baseS: at.baseS, restS: at.restS, frequency });
      },
    };
  });
  const { shared, ports } = machine.clock;
  return {
    ...handle,
    status() {
      const nowNs = handle.host.clock.tick();
      return {
        datasets: structuredClone(shared.sets),
        ports: ports.map((port) => ({
          ...viewPtpPort(port, nowNs),
          portDS: structuredClone(port.portDS),
        })),
        isReady: shared.served.isReady,
        ...status(nowNs),
      };
    },
  };
}

/**
 * The library's PTP clock: one ordinary clock over one or many addresses, as slave, master or
 * whatever the best master algorithm says (RFC 8039 §5). Observes, and serves the local clock as
 * it is; it never touches a clock.
 */
import {
  createOrdinaryClock,
  nextDue,
  type OrdinaryClockConfig,
  stepOrdinaryClock,
  tellTime,
} from './ptp/clock.ts';
import {
  type PtpEvents,
  type PtpHandle,
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

export type { PtpDatasets, PtpEvents, PtpPathView };

export interface PtpClockOptions extends PtpRunOptions, Omit<OrdinaryClockConfig, keyof Start> {}

export interface PtpStatus extends PtpRunStatus, PtpPortStatus {
  readonly datasets: PtpDatasets;
}

export interface PtpClock extends PtpHandle {
  status(): PtpStatus;
}

/**
 * Opens two sockets per address and the groups, and starts.
 * @throws ConfigError for wrong options, HostError if an address cannot be bound
 */
export async function openPtpClock(options: PtpClockOptions): Promise<PtpClock> {
  const { machine, handle, status } = await runPtp(options, (start) => {
    const clock = createOrdinaryClock({ ...options, ...start });
    return {
      clock,
      ports: [clock],
      step: (input) => stepOrdinaryClock(clock, input),
      firstTimer: () => nextDue(clock),
      tellOwn: (own, problem) => tellTime(clock, own, problem),
    };
  });
  const { clock } = machine;
  return {
    ...handle,
    status() {
      const nowNs = handle.host.clock.tick();
      return {
        ...viewPtpPort(clock, nowNs),
        datasets: structuredClone({ ...clock.sets, portDS: clock.portDS }),
        ...status(nowNs),
      };
    },
  };
}

/** What `clockbraid ptp` shows of its clock, whichever it is. */
import type { BoundaryClockHandle } from '../boundaryclock.ts';
import type { Leap } from '../chrony.ts';
import type { CombinedClock } from '../core.ts';
import type { PtpClock, PtpDatasets, PtpPathView } from '../ptpclock.ts';
import type { Host } from '../udp/udp.ts';
import { boundaryStatusLine, offsetLine, ptpStatusLine } from './ptptable.ts';

export interface PtpView {
  readonly host: Host;
  status(): {
    /** Above the table of paths, for a terminal. */
    readonly head: readonly string[];
    /** For a log; null while nothing is known. */
    readonly line: string | null;
    readonly paths: readonly PtpPathView[];
    readonly clock: CombinedClock | null;
    readonly problem: string | null;
  };
  json(): string;
  /** What the grandmaster announces for the end of this UTC day. */
  leap(): Leap;
  close(): Promise<void>;
}

const leapFrom = ({ datasets }: { datasets: Pick<PtpDatasets, 'timePropertiesDS'> }): Leap => {
  const { leap59, leap61 } = datasets.timePropertiesDS;
  return leap61 ? 1 : leap59 ? 2 : 0;
};

export const viewOfClock = (ptp: PtpClock): PtpView => ({
  host: ptp.host,
  status() {
    const status = ptp.status();
    const { datasets, state, serves, host, paths, clock, problem } = status;
    const { defaultDS, parentDS, currentDS } = datasets;
    const head = [
      `clockbraid ptp  ${state}, ${defaultDS.clockIdentity} on ${host}, ${serves.length} grants served`,
      `grandmaster ${parentDS.grandmasterIdentity}, stepsRemoved ${currentDS.stepsRemoved}`,
    ];
    return { head, line: offsetLine(status), paths, clock, problem };
  },
  json: () => ptpStatusLine(ptp),
  leap: () => leapFrom(ptp.status()),
  close: () => ptp.close(),
});

export const viewOfBoundary = (boundary: BoundaryClockHandle): PtpView => ({
  host: boundary.host,
  status() {
    const { datasets, ports, host, paths, clock, problem, isReady } = boundary.status();
    const { defaultDS, parentDS, currentDS } = datasets;
    const states = ports.map(({ state }, n) => `port ${n + 1} ${state}`).join(', ');
    const head = [
      `clockbraid ptp boundary  ${defaultDS.clockIdentity} on ${host}: ${states}`,
      `grandmaster ${parentDS.grandmasterIdentity}, stepsRemoved ${currentDS.stepsRemoved}${isReady ? '' : ', its time not known yet: nobody is served'}`,
    ];
    const state = ports.some((port) => port.state === 'SLAVE') ? 'SLAVE' : 'MASTER';
    const isFollowing = paths.length > 0;
    const line = isFollowing ? offsetLine({ clock, state, datasets, paths }) : null;
    return { head, line, paths, clock, problem };
  },
  json: () => boundaryStatusLine(boundary),
  leap: () => leapFrom(boundary.status()),
  close: () => boundary.close(),
});

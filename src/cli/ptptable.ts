/** A PTP clock for people and programs: table, log line as ptp4l's, status document. */
import type { BoundaryClockHandle } from '../boundaryclock.ts';
import { formatSeconds } from '../format.ts';
import { offsetFromMasterNs } from '../ptp/slave.ts';
import type { PtpClock, PtpPathView, PtpStatus } from '../ptpclock.ts';
import type { Host } from '../udp/udp.ts';
import { clockJson, STATUS_VERSION, timeText } from './json.ts';
import { pathsJson } from './pathsjson.ts';
import { formatOffset } from './table.ts';

/** One line per path, header first; lines are cut at `columns`. */
export function ptpTable(views: readonly PtpPathView[], columns: number): string[] {
  const width = Math.max(4, ...views.map(({ path }) => path.length));
  const line = (cells: readonly string[]) => {
    const [path = '', state = '', identity = '', ...rest] = cells;
    const numbers = rest.slice(0, -1).map((cell, n) => cell.padStart(WIDTHS[n] ?? 7));
    const why = rest.at(-1) ?? '';
    return [path.padEnd(width), state.padEnd(11), identity.padEnd(20), ...numbers, why]
      .join(' ')
      .trimEnd()
      .slice(0, columns);
  };
  const titles = [
    ...['path', 'state', 'identity', 'sync', 'delay', 'offset', 'stamps', '+/-', 'delay', 'share'],
  ];
  const rows = views.map(({ path, state, identity, forward, reverse, report, reason, stamps }) =>
    line([
      path,
      state,
      identity,
      `${forward}`,
      `${reverse}`,
      report === null ? '-' : formatOffset(report.offsetS),
      stamps,
      report === null ? '-' : formatSeconds(report.noiseS),
      report === null ? '-' : formatSeconds(report.delayS / 2),
      report === null ? '-' : `${Math.round(report.weight * 100)}%`,
      reason,
    ]),
  );
  return [line([...titles, 'why']), ...rows];
}

/** Of the columns after the identity. */
const WIDTHS = [6, 6, 13, 6, 7, 7, 5];

/** What a log line tells of. */
type Offset = Pick<PtpStatus, 'clock' | 'state' | 'paths'> & {
  readonly datasets: Pick<PtpStatus['datasets'], 'currentDS'>;
};

/** As ptp4l: `master offset         -4 s2 freq  +12345 path delay      9876`. */
export function offsetLine({ clock, state, datasets, paths }: Offset): string | null {
  if (clock === null) return null;
  const servo = state === 'SLAVE' ? 's2' : 's0';
  const offset = `${Math.round(offsetFromMasterNs(clock.offsetS))}`.padStart(10);
  const ppb = Math.round(clock.frequency * -1e9);
  const frequency = `${ppb < 0 ? '' : '+'}${ppb}`.padStart(7);
  const delay = `${Math.round(datasets.currentDS.meanPathDelayNs)}`.padStart(9);
  const up = paths.filter(({ state: of }) => of !== 'unreachable' && of !== 'waiting').length;
  return `master offset ${offset} ${servo} freq ${frequency} path delay ${delay} paths ${up}/${paths.length}`;
}

export function ptpStatusLine(ptp: PtpClock): string {
  const { serves, ...status } = ptp.status();
  const routes = ptp.routes();
  const found = routes && { rounds: routes.rounds, ...pathsJson(routes) };
  return statusLine(ptp.host, status, { serves, ...(found && { discovery: found }) });
}

export const boundaryStatusLine = (boundary: BoundaryClockHandle): string =>
  statusLine(boundary.host, boundary.status());

type Told = Pick<PtpStatus, 'clock' | 'paths'> & { readonly datasets: object };

function statusLine({ clock }: Host, status: Told, last: object = {}): string {
  const { datasets, clock: combined, paths, ...rest } = status;
  return JSON.stringify({
    ptp: {
      version: STATUS_VERSION,
      at: timeText(clock.epochS, clock.now()),
      ...rest,
      ...datasets,
      combined: clockJson(combined),
      paths: paths.map(({ report, ...path }) => ({
        ...path,
        offset: report?.offsetS ?? null,
        delay: report?.delayS ?? null,
        jitter: report?.jitterS ?? null,
        noise: report?.noiseS ?? null,
        weight: report?.weight ?? null,
        vote: report?.vote ?? null,
      })),
      ...last,
    },
  });
}

/** What people are told about a PTP clock: its data sets, and each path as machine and core see it. */
import type { PathReport, StampCounts } from './core.ts';
import { explainPath } from './explain.ts';
import { type PathKey, pathParts } from './path.ts';
import { isDualNow, type OrdinaryClock } from './ptp/clock.ts';
import type { Datasets } from './ptp/dataset.ts';
import { activeGrants } from './ptp/grantor.ts';
import { portText } from './ptp/identity.ts';
import type { PortDS } from './ptp/portds.ts';
import { askedPaths } from './ptp/requester.ts';
import { type SlavePathStatus, status as slaveStatus } from './ptp/slave.ts';
import { stampsInUse, type ViewStamps, type ViewState } from './status.ts';
import { type Tick, tickSpan } from './units.ts';

export interface PtpPathView {
  readonly path: PathKey;
  readonly remoteIp: string;
  readonly localIp: string;
  /** Who takes its event stamps on this side: the kernel, this process, or the one or the other. */
  readonly stamps: ViewStamps;
  /** How many it has taken, of sending and of receiving; null before the first measurement. */
  readonly stampCounts: StampCounts | null;
  /** What we are on this path, as pmc prints it. */
  readonly identity: string;
  readonly master: string | null;
  readonly state: ViewState;
  /** One sentence, '' if there is nothing to say. */
  readonly reason: string;
  /** Types that the master has granted and until when. (s from now) */
  readonly granted: Readonly<Record<string, number>>;
  /** Measurements of each direction, and requests that left. */
  readonly forward: number;
  readonly reverse: number;
  readonly sent: number;
  readonly logSyncInterval: number;
  readonly logDelayInterval: number | null;
  /** How the master's time becomes UTC; null while unknown. */
  readonly utc: { readonly offsetS: number; readonly from: string } | null;
  /** Since the last measurement of the direction that is longer ago; null before both. (s) */
  readonly ageS: number | null;
  readonly drops: Readonly<Record<string, number>>;
  readonly report: PathReport | null;
}

/** One port. */
export interface PtpPortStatus {
  /** As ptp4l prints it. */
  readonly state: string;
  readonly mode: OrdinaryClock['mode'];
  /** The master is followed over several of its addresses. */
  readonly isDual: boolean;
  /** {address, clockIdentity} of each address of ours. */
  readonly identities: readonly { readonly address: string; readonly clockIdentity: string }[];
  /** Unicast grants that we serve now. */
  readonly serves: readonly {
    readonly path: PathKey;
    readonly messageType: string;
    readonly logInterval: number;
  }[];
  /** Messages that we sent as a master. */
  readonly sent: Readonly<Record<string, number>>;
}

/** As pmc names them. */
export interface PtpDatasets extends Datasets {
  readonly portDS: PortDS;
}

export function viewPtpPort(port: OrdinaryClock, nowNs: Tick): PtpPortStatus {
  const { sets, portDS, grantor, master, mode, identities } = port;
  const isDual = isDualNow(port);
  return {
    state: portDS.portState,
    mode,
    isDual,
    identities: identities.map(({ address, clockIdentity }) => ({
      address,
      clockIdentity: isDual ? sets.defaultDS.clockIdentity : clockIdentity,
    })),
    serves: (grantor === null ? [] : activeGrants(grantor, nowNs)).map((grant) => ({
      path: `${grant.remote}|${grant.localIp}` as const,
      messageType: grant.messageType,
      logInterval: grant.logInterval,
    })),
    sent: onlyCounted({ ...master.tally }),
  };
}

/** All paths of a port. @param report the core's view of a path */
export function viewPtpPaths(
  clock: OrdinaryClock,
  report: (path: PathKey) => PathReport | null,
  nowNs: Tick,
  stampsOf: (localIp: string) => ViewStamps,
): PtpPathView[] {
  const grants = grantsByPath(clock, nowNs);
  return slaveStatus(clock.slave).map((status) =>
    viewPtpPath(status, grants.get(status.path) ?? {}, report(status.path), nowNs, stampsOf),
  );
}

function viewPtpPath(
  status: SlavePathStatus,
  granted: Readonly<Record<string, number>>,
  report: PathReport | null,
  nowNs: Tick,
  stampsOf: (localIp: string) => ViewStamps,
): PtpPathView {
  const { path, identity, following, tally, forwardNs, reverseNs } = status;
  const { forward, reverse, sent, drops } = tally;
  const measured = report !== null && report.taken > 0 ? report : null;
  const isBoth = forwardNs !== null && reverseNs !== null;
  const [state, reason] = judge(status, measured);
  return {
    path,
    ...pathParts(path),
    stamps: stampsInUse(report?.stamps ?? null, stampsOf(pathParts(path).localIp)),
    stampCounts: report?.stamps ?? null,
    identity: portText(identity),
    master: following === null ? null : portText(following.master),
    state,
    reason,
    granted,
    forward,
    reverse,
    sent,
    logSyncInterval: status.logSyncInterval,
    logDelayInterval: status.logDelayInterval,
    utc: status.utc && { offsetS: status.utc.offsetS, from: status.utc.from },
    ageS: isBoth ? tickSpan(Math.min(forwardNs, reverseNs) as Tick, nowNs) : null,
    drops: onlyCounted(drops),
    report: measured,
  };
}

function judge(status: SlavePathStatus, report: PathReport | null): [ViewState, string] {
  const { contact, tally, parked } = status;
  if (parked !== null) return ['parked', parked];
  if (contact === 'unreachable') return ['unreachable', 'not measured both ways any more'];
  if (contact === 'new' || report === null) {
    if (tally.forward === 0) return ['waiting', 'no Sync to use yet'];
    return ['waiting', unanswered(tally)];
  }
  return [report.state, explainPath(report)];
}

/** Masters of the Power profile measure peer to peer (EP-130); ptpd's multicast mode hears no other. */
function unanswered({ sent, reverse }: SlavePathStatus['tally']): string {
  if (sent === 0) return 'no Delay_Resp granted yet';
  if (sent < MANY || reverse > 0) return 'no Delay_Resp to use yet';
  return `no answer to ${sent} requests: the master may measure peer to peer, or hear multicast only`;
}

/** Requests without any answer that are no accident. */
const MANY = 8;

function grantsByPath(
  { requester }: OrdinaryClock,
  nowNs: Tick,
): Map<PathKey, Record<string, number>> {
  const found = new Map<PathKey, Record<string, number>>();
  for (const { path, types } of requester === null ? [] : askedPaths(requester)) {
    const granted = types.flatMap(({ type, grant }) =>
      grant === null ? [] : [[type, tickSpan(nowNs, grant.untilNs)] as const],
    );
    found.set(path, Object.fromEntries(granted));
  }
  return found;
}

/** Only what occurred. */
export const onlyCounted = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

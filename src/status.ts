/** What people are told about a path: the machine's view and the core's in one record. */
import type { PathReport, PathState } from './core.ts';
import { explainPath } from './explain.ts';
import { formatSeconds } from './format.ts';
import type { PathStatus } from './ntp/client.ts';
import { type PathKey, pathParts } from './path.ts';
import { type Tick, tickSpan } from './units.ts';

/** A core state, or what only the machine knows. */
export type ViewState = PathState | 'unreachable' | 'stopped' | 'parked' | 'waiting';

/** As the hosts have them. */
export type ViewStamps = 'kernel' | 'user';

export interface PathView {
  readonly path: PathKey;
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly localIp: string;
  /** The port its requests come from; null if its socket is closed. */
  readonly localPort: number | null;
  /** Who takes its stamps on this side: the kernel, or this process. */
  readonly stamps: ViewStamps;
  readonly state: ViewState;
  /** One sentence, '' if there is nothing to say. */
  readonly reason: string;
  /** 8-bit register of the last polls, newest lowest. */
  readonly reach: number;
  readonly pollLog2S: number;
  readonly stratum: number | null;
  /** Leap indicator of the last valid answer: 0 none, 1 a second more, 2 one less. (0–2) */
  readonly leap: number | null;
  readonly refid: string | null;
  /** Since the last valid reply; null before the first, s. */
  readonly ageS: number | null;
  readonly sent: number;
  readonly valid: number;
  /** Of these, in interleaved mode. */
  readonly interleaved: number;
  /** Dropped datagrams by reason, only those that occurred. */
  readonly drops: Readonly<Record<string, number>>;
  /** The core's figures; null before the first valid exchange. */
  readonly report: PathReport | null;
}

/** The reach register as NTP programs print it. */
export const reachText = (reach: number): string => reach.toString(8).padStart(3, '0');

/** Joins the two views of one path. */
export function viewPath(
  status: PathStatus,
  report: PathReport | null,
  nowNs: Tick,
  { stamps, localPort }: { readonly stamps: ViewStamps; readonly localPort: number | null },
): PathView {
  const { remoteIp, localIp } = pathParts(status.path);
  const { remotePort, reach, pollLog2S, stratum, leap, refid, sent, valid, interleaved } = status;
  const measured = report !== null && report.taken > 0 ? report : null;
  const ageS = status.lastValidNs === null ? null : tickSpan(status.lastValidNs, nowNs);
  const drops = Object.fromEntries(Object.entries(status.drops).filter(([, count]) => count > 0));
  const [state, reason] = judge(status, measured, ageS);
  return {
    path: status.path,
    remoteIp,
    remotePort,
    localIp,
    localPort,
    stamps,
    state,
    reason,
    reach,
    pollLog2S,
    stratum,
    leap,
    refid,
    ageS,
    sent,
    valid,
    interleaved,
    drops,
    report: measured,
  };
}

function judge(
  status: PathStatus,
  report: PathReport | null,
  ageS: number | null,
): [ViewState, string] {
  if (status.stopped !== null) return ['stopped', `the server said ${status.stopped}`];
  if (status.isParked) return ['parked', 'does not poll: other paths take its way'];
  if (status.reach === 0 && ageS !== null) {
    return ['unreachable', `no valid reply for ${formatSeconds(ageS)}`];
  }
  if (report === null) {
    if (status.unsent > 0 && status.sent === 0) return ['unreachable', 'requests cannot be sent'];
    if (status.sent < 2) return ['waiting', 'first request under way'];
    return ['unreachable', `no valid reply to ${status.sent} requests${worstDrop(status)}`];
  }
  return [report.state, explainPath(report)];
}

function worstDrop(status: PathStatus): string {
  const worst = Object.entries(status.drops).sort(([, a], [, b]) => b - a)[0];
  return worst === undefined || worst[1] === 0 ? '' : `, ${worst[1]} dropped as ${worst[0]}`;
}

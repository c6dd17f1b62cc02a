/** The whole state of an MPNTP client, and the timer that follows from it. */
import type { Address, Drops, Output } from '../machine.ts';
import { type PathKey, pathKey } from '../path.ts';
import { type Tick, tick } from '../units.ts';
import type { Association } from './association.ts';
import type { ClientSettings } from './config.ts';
import { dueNs, nextPath, type Schedule } from './schedule.ts';

/** All a client knows. Plain data; only the files of this folder change it. */
export interface NtpClient extends Schedule, ClientSettings {
  /** Position in `paths` by key. */
  index: Record<PathKey, number>;
  ownRefids: number[];
  /** Remote addresses that told us to go away, with the kiss code. */
  deniedIps: Record<string, 'DENY' | 'RSTR'>;
  nextContext: number;
  /** The timer last asked for. */
  timerNs: Tick | null;
  /** Datagrams that belong to no path. */
  strays: { received: number; drops: Drops };
}

/** The path between a remote address and one of our sockets; the pair's key if there is none. */
export function pathOf(client: NtpClient, remoteIp: string, local: Address): PathKey {
  const own = pathKey(remoteIp, local.ip, local.port);
  return client.index[own] === undefined ? pathKey(remoteIp, local.ip) : own;
}

/** The path whose request in flight has this context number. */
export const byContext = (client: NtpClient, context: number): Association | undefined =>
  client.paths.find((path) => path.request?.context === context);

/** Appends the one timer output if the schedule changed or the old timer is used up. */
export function arm(
  client: NtpClient,
  outputs: Output[],
  used: boolean,
  nowNs: Tick = tick(0),
): Output[] {
  const next = nextPath(client);
  const atNs = next === null ? null : tick(Math.max(dueNs(next), nowNs));
  if (atNs !== null && (used || atNs !== client.timerNs)) outputs.push({ type: 'timer', atNs });
  client.timerNs = atNs;
  return outputs;
}

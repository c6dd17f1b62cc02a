/**
 * What discovery asks of the client: a path's next request with a low hop limit (RFC 8039 §5.4,
 * PATH-03, PATH-04, PATH-14), and paths that do not poll because others take the same way. A probe
 * is an ordinary request in all but its hop limit; if it reaches the server, so is the answer.
 */
import { ConfigError } from '../errors.ts';
import type { Output } from '../machine.ts';
import { isIpv6, type PathKey } from '../path.ts';
import { NS_PER_S, type Tick } from '../units.ts';
import type { Association } from './association.ts';
import {
  cookieFrom,
  HEADER_BYTES,
  readTime,
  sameTime,
  TRANSMIT_OFFSET,
  writeRequest,
} from './packet.ts';
import { spread } from './schedule.ts';
import { arm, type NtpClient } from './state.ts';

/** Random bytes one probe takes. */
export const PROBE_RANDOM_BYTES = 8;
/** A request of the path's own is waited for so long. (ns) */
const PATIENCE_NS = 2 * NS_PER_S;
/** Probes remembered per path, for what routers send back late. */
const MOST_PROBES = 16;

export type Probing =
  | { readonly context: number; readonly outputs: Output[] }
  /** The path waits for an answer to a request of its own. */
  | 'busy'
  /** The server told it to stop, or there is no such path. */
  | 'stopped';

/** Makes the path's next request a probe. It counts neither in reach nor in the schedule. */
export function probe(
  client: NtpClient,
  key: PathKey,
  hops: number,
  random: Uint8Array,
  nowNs: Tick,
): Probing {
  const path = client.paths[client.index[key] ?? -1];
  if (path === undefined || path.stopped !== null) return 'stopped';
  const isPolling = path.request !== null && path.request.context !== path.probes.at(-1)?.context;
  if (isPolling && path.polledNs !== null && nowNs - path.polledNs < PATIENCE_NS) return 'busy';
  const cookie = cookieFrom(random, 0);
  const context = client.nextContext++;
  path.request = { context, cookie, sentAtNs: null, interleave: null };
  path.probes.push({ context, cookie });
  if (path.probes.length > MOST_PROBES) path.probes.shift();
  const output: Output = {
    type: 'transmit',
    bytes: writeRequest(cookie, path.pollLog2S + path.backoff),
    from: { ip: path.localIp, port: path.localPort },
    to: path.remote,
    context,
    hops,
  };
  return { context, outputs: [output] };
}

/** The probe in flight on a path; null if there is none, or its request is a poll. */
export function probeInFlight(client: NtpClient, key: PathKey): number | null {
  const path = client.paths[client.index[key] ?? -1];
  const context = path?.request?.context;
  if (path === undefined || context === undefined) return null;
  return path.probes.some((sent) => sent.context === context) ? context : null;
}

/** The host could not send a probe: no poll was lost. */
export function probeUnsent(client: NtpClient, key: PathKey, context: number): void {
  const path = client.paths[client.index[key] ?? -1];
  if (path?.request?.context === context) path.request = null;
}

export interface ReturnedProbe {
  readonly context: number;
  /** Without the cookie: a stranger who guessed our port could have sent it. */
  readonly isPartial: boolean;
}

/**
 * The probe that a router sent back, by its cookie. IPv4 routers that return less than the whole
 * request (RFC 792 asks for 8 bytes after the IP header; RFC 4443 for all that fits) speak of the
 * probe in flight, if there is one, and its answer may come all the same.
 */
export function returnedProbe(
  client: NtpClient,
  key: PathKey,
  quoted: Uint8Array,
): ReturnedProbe | null {
  const path = client.paths[client.index[key] ?? -1];
  if (path === undefined) return null;
  if (quoted.length < HEADER_BYTES) {
    const context = isIpv6(key) ? null : probeInFlight(client, key);
    return context === null ? null : { context, isPartial: true };
  }
  const cookie = readTime(quoted, TRANSMIT_OFFSET);
  const sent = path.probes.find((one) => sameTime(one.cookie, cookie));
  if (sent === undefined) return null;
  const { context } = sent;
  if (path.request?.context === context) path.request = null; // it will not be answered
  return { context, isPartial: false };
}

/** Stops polling a path; it stays known, and probes still go over it. */
export function parkPath(client: NtpClient, key: PathKey, reason: string, nowNs: Tick): Output[] {
  const path = known(client, key);
  if (path.isParked) return [];
  path.isParked = true;
  path.request = null;
  path.base = null;
  path.burstLeft = 0;
  path.reach = 0;
  path.unanswered = 0;
  spread(client, nowNs);
  return arm(client, [{ type: 'path', path: key, event: 'parked', reason }], false, nowNs);
}

/** Lets a parked path poll again. */
export function admitPath(client: NtpClient, key: PathKey, reason: string, nowNs: Tick): Output[] {
  const path = known(client, key);
  if (!path.isParked) return [];
  path.isParked = false;
  spread(client, nowNs);
  return arm(client, [{ type: 'path', path: key, event: 'admitted', reason }], false, nowNs);
}

function known(client: NtpClient, key: PathKey): Association {
  const path = client.paths[client.index[key] ?? -1];
  if (path === undefined) throw new ConfigError('path', 'a path of this client', key);
  return path;
}

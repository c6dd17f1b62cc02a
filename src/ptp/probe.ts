/**
 * What path discovery asks of a slave port: a path's next request with a low hop limit (RFC 8039
 * §5.4, PATH-03, PATH-04, PATH-14), and paths that are parked because others take the same way. A
 * probe is a Delay_Req (or Pdelay_Req) in all but its hop limit. One that reaches the master of a
 * measured path is a measurement like any other; of a parked one its answer only ends the trace.
 */
import type { Datagram, Output, PathEvent } from '../machine.ts';
import { isUnicast, type PathKey, pathKey } from '../path.ts';
import type { Tick } from '../units.ts';
import { requestOutput } from './ask.ts';
import { samePort } from './identity.ts';
import type { Message } from './message.ts';
import { issueBeside, skip } from './requests.ts';
import { freshExchange } from './slavepath.ts';
import { delayLog, pathOf, requestsOf, type Slave } from './slavestate.ts';

/** Random bytes one probe may take. */
export const PROBE_RANDOM_BYTES = 2;
/** Probes remembered per path, for what routers send back late. */
const MOST_PROBES = 16;
/** Where a message has its sourcePortIdentity and its sequenceId. IEEE 1588-2008 §13.3.1. */
const SEQUENCE_OFFSET = 30;

/** 'stopped': there is no such path, or its requests go by multicast. */
export type Probing =
  | { readonly context: number; readonly sequenceId: number; readonly outputs: Output[] }
  | 'stopped';

/**
 * Sends a path's next request now, beside those that are due, with this hop limit. What the master
 * has not granted (and what a parked path asks) is no measurement: nobody waits for the answer.
 */
export function probe(
  slave: Slave,
  key: PathKey,
  hops: number,
  random: Uint8Array,
  nowNs: Tick,
): Probing {
  const path = pathOf(slave, key);
  if (path === undefined || !isUnicast(path.requestIp)) return 'stopped';
  const requests = requestsOf(slave, path);
  requests.sequenceId ??= ((random[0] ?? 0) << 8) | (random[1] ?? 0);
  const isLoose = delayLog(slave, path) === null || path.syncHeardNs === null;
  const { output, context, sequenceId } = requestOutput(slave, path, requests.sequenceId, hops);
  if (isLoose) skip(requests, sequenceId);
  else issueBeside(requests, sequenceId, nowNs);
  path.probes.push({ context, sequenceId, isLoose });
  if (path.probes.length > MOST_PROBES) path.probes.shift();
  return { context, sequenceId, outputs: [output] };
}

/** The host could not send a probe: it is no trouble of the port. */
export function probeUnsent(slave: Slave, key: PathKey, context: number): void {
  delete slave.unstamped[context];
  const path = pathOf(slave, key);
  const probed = path?.probes.find((one) => one.context === context);
  if (path === undefined || probed === undefined) return;
  path.probes = path.probes.filter((one) => one !== probed);
  const requests = requestsOf(slave, path);
  requests.sent = requests.sent.filter(({ sequenceId }) => sequenceId !== probed.sequenceId);
}

/**
 * The probe that a router sent back, by its sequenceId. What routers returned less of (RFC 792 asks
 * for 8 bytes after the IP header) is nobody's: PTP's ports are no secret, any stranger could send
 * as much and make routes alike (SEC-08). Such a hop stays unknown.
 */
export function returnedProbe(slave: Slave, key: PathKey, quoted: Uint8Array): number | null {
  if (quoted.length < SEQUENCE_OFFSET + 2) return null;
  const sequenceId = ((quoted[SEQUENCE_OFFSET] ?? 0) << 8) | (quoted[SEQUENCE_OFFSET + 1] ?? 0);
  const probes = pathOf(slave, key)?.probes ?? [];
  return probes.find((one) => one.sequenceId === sequenceId)?.context ?? null;
}

export interface Answered {
  readonly path: PathKey;
  readonly context: number;
  /** Nobody waits for this answer, the machine is not to see it. */
  readonly isLoose: boolean;
}

/** The probe that a message answers, null if it is none of these. */
export function answeredProbe(
  slave: Slave,
  message: Message,
  { remote, local }: Pick<Datagram, 'remote' | 'local'>,
): Answered | null {
  const { type, header } = message;
  if (type !== 'Delay_Resp' && type !== 'Pdelay_Resp' && type !== 'Pdelay_Resp_Follow_Up') {
    return null;
  }
  const path = pathOf(slave, pathKey(remote.ip, local.ip));
  if (path === undefined || header.domainNumber !== slave.domainNumber) return null;
  if (!samePort(message.requestingPortIdentity, path.identity)) return null;
  const master = path.following?.master;
  if (master === undefined || !samePort(header.sourcePortIdentity, master)) return null;
  const found = path.probes.find(({ sequenceId }) => sequenceId === header.sequenceId);
  if (found === undefined) return null;
  return { path: path.key, context: found.context, isLoose: found.isLoose };
}

/** Stops measuring over a path; it stays known, and probes still go over it. */
export function park(slave: Slave, key: PathKey, reason: string): PathEvent[] {
  const path = pathOf(slave, key);
  if (path === undefined || path.parked !== null) return [];
  path.parked = reason;
  Object.assign(path, freshExchange());
  path.contact = 'new';
  return [{ type: 'path', path: key, event: 'parked', reason }];
}

/** Lets a parked path measure again. */
export function admit(slave: Slave, key: PathKey, reason: string): PathEvent[] {
  const path = pathOf(slave, key);
  if (path === undefined || path.parked === null) return [];
  path.parked = null;
  return [{ type: 'path', path: key, event: 'admitted', reason }];
}

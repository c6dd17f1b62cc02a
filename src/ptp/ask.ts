/**
 * The sending half of a slave port: Delay_Req and Pdelay_Req, each over the path that brings the
 * Syncs, with its addresses swapped and its identity (PTP-S10, PTP-D08). IEEE 1588-2008 §9.5.11.
 */
import type { Output, StampKind } from '../machine.ts';
import { isIpv6, isUnicast } from '../path.ts';
import { type Stamp, type Tick, tick } from '../units.ts';
import { completedDelay } from './delays.ts';
import { createHeader } from './header.ts';
import { tidy } from './hear.ts';
import { samePort } from './identity.ts';
import { contact, contactUntil, measureDelay, measurePdelay } from './measure.ts';
import { IPV6_PADDING, type Message, writeMessage } from './message.ts';
import { completedPdelay } from './pdelays.ts';
import {
  drawFirst,
  find,
  isInFlight,
  issue,
  pause,
  type Request,
  type Requests,
  randomSpacingNs,
  regularSpacingNs,
} from './requests.ts';
import { nextSequenceId } from './sequence.ts';
import type { SlavePath } from './slavepath.ts';
import { delayLog, forwardUntil, pathOf, requestsOf, type Slave } from './slavestate.ts';
import { NO_TIMESTAMP } from './timestamp.ts';

/** Random bytes that one draw takes: a u16. */
const DRAW_BYTES = 2;

/** Draws u16s from fresh random bytes, front to back. */
interface Draws {
  left(): number;
  u16(): number;
}

function drawsOf(random: Uint8Array): Draws {
  let at = 0;
  return {
    left: () => Math.floor((random.length - at) / DRAW_BYTES),
    u16() {
      at += DRAW_BYTES;
      return ((random[at - 2] ?? 0) << 8) | (random[at - 1] ?? 0);
    },
  };
}

/**
 * Sends what is due, as far as the random bytes reach, and looks which paths have gone silent.
 * @param random fresh; 2 bytes per request, up to 4 more for the first of a path
 */
export function wake(slave: Slave, nowNs: Tick, random: Uint8Array): Output[] {
  const outputs: Output[] = [];
  for (const path of slave.paths) {
    const untilNs = contactUntil(slave, path);
    if (untilNs === null || nowNs < untilNs) continue;
    outputs.push(...tidy(slave, path, nowNs), ...contact(slave, path, nowNs));
  }
  forgetContexts(slave);
  const draws = drawsOf(random);
  for (const path of dueFirst(slave, nowNs)) {
    outputs.push(...tidy(slave, path, nowNs));
    const log = delayLog(slave, path);
    const { syncHeardNs } = path;
    const requests = requestsOf(slave, path);
    if (log === null || syncHeardNs === null || nowNs >= forwardUntil(slave, path, syncHeardNs)) {
      pause(requests);
      continue;
    }
    if (requests.isUndrawn) {
      if (draws.left() < 2) break; // the rest at the next timeout
      requests.sequenceId ??= draws.u16();
      drawFirst(requests, log, nowNs, draws.u16() / 65536);
    }
    if ((requests.dueNs ?? nowNs) > nowNs) continue;
    if (draws.left() < 1) break;
    outputs.push(request(slave, path, log, nowNs, draws.u16() / 65536));
  }
  return outputs;
}

/** Paths with a request due, the longest due first. */
function dueFirst(slave: Slave, nowNs: Tick): SlavePath[] {
  const dueNs = (path: SlavePath): number =>
    requestsOf(slave, path).dueNs ?? Number.POSITIVE_INFINITY;
  return slave.paths.filter((path) => dueNs(path) <= nowNs).sort((a, b) => dueNs(a) - dueNs(b));
}

/** When {@link wake} has something to do; null if nothing will be. */
export function nextDue(slave: Slave): Tick | null {
  let first = Number.POSITIVE_INFINITY;
  for (const path of slave.paths) {
    const dueNs = requestsOf(slave, path).dueNs ?? Number.POSITIVE_INFINITY;
    const untilNs = contactUntil(slave, path) ?? Number.POSITIVE_INFINITY;
    first = Math.min(first, dueNs, untilNs);
  }
  return first === Number.POSITIVE_INFINITY ? null : tick(first);
}

function request(
  slave: Slave,
  path: SlavePath,
  logInterval: number,
  nowNs: Tick,
  chance: number,
): Output {
  const isE2e = slave.delayMechanism === 'E2E';
  const requests = requestsOf(slave, path);
  const { output, sequenceId } = requestOutput(slave, path, requests.sequenceId ?? 0);
  const spacingNs = isE2e
    ? randomSpacingNs(logInterval, chance)
    : regularSpacingNs(logInterval, chance);
  issue(requests, sequenceId, spacingNs, nowNs);
  return output;
}

/** A request of a path as it is sent. @param wanted sequenceId, if it is free @param hops its limit */
export function requestOutput(
  slave: Slave,
  path: SlavePath,
  wanted: number,
  hops?: number,
): { readonly output: Output; readonly context: number; readonly sequenceId: number } {
  const sequenceId = freeSequenceId(slave, path, wanted);
  const type = slave.delayMechanism === 'E2E' ? 'Delay_Req' : 'Pdelay_Req';
  const header = createHeader(type, {
    sourcePortIdentity: path.identity,
    sequenceId,
    domainNumber: slave.domainNumber,
    majorSdoId: slave.majorSdoId,
    minorSdoId: slave.minorSdoId,
    flags: { unicast: isUnicast(path.requestIp) },
  });
  const message: Message = { type, header, originTimestamp: NO_TIMESTAMP, tlvs: [] };
  const context = slave.nextContext;
  slave.nextContext += slave.contextStep;
  slave.unstamped[context] = { path: path.key, sequenceId };
  const output: Output = {
    type: 'transmit',
    bytes: writeMessage(message, isIpv6(path.requestIp) ? IPV6_PADDING : 0),
    from: { ip: path.localIp, port: slave.eventPort },
    to: { ip: path.requestIp, port: slave.remoteEventPort },
    context,
    ...(hops !== undefined && { hops }),
  };
  return { output, context, sequenceId };
}

/**
 * The next sequenceId of a path that no other path with the same identity has in flight: where one
 * clockIdentity stands on all addresses, an answer that strays to another path matches nothing
 * there (PTP-D11).
 */
function freeSequenceId(slave: Slave, path: SlavePath, wanted: number): number {
  const others = slave.paths.filter(
    (other) => other !== path && samePort(other.identity, path.identity),
  );
  let sequenceId = wanted;
  while (others.some((other) => isInFlight(requestsOf(slave, other), sequenceId))) {
    sequenceId = nextSequenceId(sequenceId);
  }
  return sequenceId;
}

/** The host has sent a request. Contexts of others are ignored. */
export function sent(
  slave: Slave,
  context: number,
  sentAtNs: Stamp,
  nowNs: Tick,
  stampKind?: StampKind,
): Output[] {
  const found = stamped(slave, context);
  if (found === null) return [];
  const { path, sequenceId } = found;
  path.tally.sent++;
  path.isBlocked = false;
  const from = { ip: path.remoteIp, port: slave.remoteEventPort };
  if (slave.delayMechanism === 'E2E') {
    const delay = stamp(path.delays, sequenceId, { sentAtNs, stampKind }, completedDelay);
    return delay === null ? [] : measureDelay(slave, path, delay, nowNs, from);
  }
  const pdelay = stamp(path.pdelays, sequenceId, { sentAtNs, stampKind }, completedPdelay);
  return pdelay === null ? [] : measurePdelay(slave, path, pdelay, nowNs, from);
}

/** The host could not send a request: it is lost, the next one is tried as planned. */
export function unsent(slave: Slave, context: number, code: string): Output[] {
  const found = stamped(slave, context);
  if (found === null) return [];
  const { path, sequenceId } = found;
  const requests = requestsOf(slave, path);
  requests.sent = requests.sent.filter((request) => request.sequenceId !== sequenceId);
  path.tally.unsent++;
  if (path.isBlocked) return [];
  path.isBlocked = true;
  return [{ type: 'path', path: path.key, event: 'unsent', reason: `the host said ${code}` }];
}

function stamped(slave: Slave, context: number): { path: SlavePath; sequenceId: number } | null {
  const entry = slave.unstamped[context];
  delete slave.unstamped[context];
  if (entry === undefined) return null;
  const path = pathOf(slave, entry.path);
  return path === undefined ? null : { path, sequenceId: entry.sequenceId };
}

function stamp<Answer, Stamps>(
  requests: Requests<Answer>,
  sequenceId: number,
  { sentAtNs, stampKind }: { sentAtNs: Stamp; stampKind: StampKind | undefined },
  completed: (request: Request<Answer>) => Stamps | null,
): Stamps | null {
  const request = find(requests, sequenceId);
  if (typeof request === 'string') return null;
  request.sentAtNs = sentAtNs;
  if (stampKind !== undefined) request.sentKind = stampKind;
  return completed(request);
}

/** Contexts of requests that are forgotten: the host never said what became of them. */
function forgetContexts(slave: Slave): void {
  for (const [context, { path, sequenceId }] of Object.entries(slave.unstamped)) {
    const owner = pathOf(slave, path);
    const isAlive =
      owner !== undefined &&
      requestsOf(slave, owner).sent.some((request) => request.sequenceId === sequenceId);
    if (!isAlive) delete slave.unstamped[Number(context)];
  }
}

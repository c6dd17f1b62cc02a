/**
 * An ordinary PTP clock and path discovery as one machine, as tracing.ts is for NTP: two machines
 * under one timer. Discovery wishes for probes, the slave port makes them of its next requests;
 * discovery decides, the clock cancels what was granted on pairs that are parked. A clock that is
 * master has no paths, and sends no probe (PATH-07).
 */
import {
  type Address,
  type Input,
  type Output,
  RANDOM_BYTES,
  type ReturnedInput,
} from './machine.ts';
import { type PathKey, pathKey } from './path.ts';
import {
  addTo,
  createDiscovery,
  type Discovery,
  discoveryDue,
  type Heard,
  removeFrom,
  stepDiscovery,
  type Wish,
} from './paths/discovery.ts';
import { icmpKind } from './paths/icmp.ts';
import type { DiscoveryOptions } from './paths/settings.ts';
import {
  hearSocketError,
  hearUnreachable,
  nextDue,
  type OrdinaryClock,
  setParked,
  stepOrdinaryClock,
} from './ptp/clock.ts';
import { readMessage } from './ptp/message.ts';
import {
  answeredProbe,
  PROBE_RANDOM_BYTES,
  probe,
  probeUnsent,
  returnedProbe,
} from './ptp/probe.ts';
import { type Tick, tick } from './units.ts';

/** Plain data. */
export interface TracingClock {
  readonly clock: OrdinaryClock;
  readonly discovery: Discovery;
  /** Probes handed to the host that it has not spoken of yet, by context. */
  handedOut: Record<number, PathKey>;
  /** The timer last asked for. */
  armedNs: Tick | null;
}

/** Throws ConfigError. Begin by arming a timer for {@link tracingClockDue}. */
export function createTracingClock(
  clock: OrdinaryClock,
  options: DiscoveryOptions,
  nowNs: Tick,
): TracingClock {
  const discovery = createDiscovery([], options, nowNs);
  const tracing: TracingClock = { clock, discovery, handedOut: {}, armedNs: null };
  tracing.armedNs = tracingClockDue(tracing);
  return tracing;
}

/** When either machine wants its next `timeout`. */
export const tracingClockDue = ({ clock, discovery }: TracingClock): Tick =>
  tick(Math.min(nextDue(clock), discoveryDue(discovery) ?? Number.POSITIVE_INFINITY));

/** The one mutator, beside those below. */
export function stepTracingClock(tracing: TracingClock, input: Input): Output[] {
  const { clock } = tracing;
  const { nowNs } = input;
  const outputs: Output[] = [];
  switch (input.type) {
    case 'timeout':
      tracing.armedNs = null;
      timeout(tracing, input.random, nowNs, outputs);
      break;
    case 'unsent': {
      const path = takeProbe(tracing, input.context);
      if (path === undefined) outputs.push(...stepOrdinaryClock(clock, input));
      else {
        const { context: id, code } = input;
        probeUnsent(clock.slave, path, id);
        hear(tracing, { type: 'unsent', path, id, code }, nowNs, outputs);
      }
      break;
    }
    case 'datagram': {
      const message = readMessage(input.datagram.bytes);
      const answered =
        typeof message === 'string' ? null : answeredProbe(clock.slave, message, input.datagram);
      if (answered?.isLoose !== true) outputs.push(...stepOrdinaryClock(clock, input));
      if (answered !== null) {
        const { path, context: id } = answered;
        const { receivedAtNs } = input.datagram;
        hear(tracing, { type: 'answered', path, id, receivedAtNs }, nowNs, outputs);
      }
      break;
    }
    case 'sent': {
      const path = takeProbe(tracing, input.context);
      outputs.push(...stepOrdinaryClock(clock, input));
      if (path === undefined) break;
      const { context: id, sentAtNs: atNs } = input;
      hear(tracing, { type: 'departed', path, id, atNs }, nowNs, outputs);
      break;
    }
    default:
      outputs.push(...stepOrdinaryClock(clock, input));
  }
  return finish(tracing, outputs, nowNs);
}

/** What routers send back; what is not of our probes says nothing. */
export function stepTracingClockReturned(tracing: TracingClock, input: ReturnedInput): Output[] {
  const { returned, local, nowNs } = input;
  const { slave } = tracing.clock;
  const { routerIp, to, type, code, quoted, receivedAtNs } = returned;
  const outputs: Output[] = [];
  const kind = icmpKind(to.ip, type, code);
  const isEvent = local.port === slave.eventPort && to.port === slave.remoteEventPort;
  if (kind === null || routerIp === null || !isEvent) return outputs;
  const path = pathKey(to.ip, local.ip);
  const id = returnedProbe(slave, path, quoted);
  if (id === null) return outputs;
  const heard: Heard = { type: 'returned', path, id, routerIp, kind, receivedAtNs };
  hear(tracing, heard, nowNs, outputs);
  return finish(tracing, outputs, nowNs);
}

/** The trouble of a socket. */
export const hearTracingError = (
  tracing: TracingClock,
  local: Address,
  code: string,
  nowNs: Tick,
): Output[] => finish(tracing, hearSocketError(tracing.clock, local, code, nowNs), nowNs);

/** Nobody takes datagrams at an address. */
export const hearTracingUnreachable = (
  tracing: TracingClock,
  remoteIp: string,
  nowNs: Tick,
): Output[] => finish(tracing, hearUnreachable(tracing.clock, remoteIp, nowNs), nowNs);

/** Each machine that is due gets its part of the random bytes. */
function timeout(tracing: TracingClock, random: Uint8Array, nowNs: Tick, outputs: Output[]): void {
  const { clock, discovery } = tracing;
  if (nextDue(clock) <= nowNs) {
    const part = random.subarray(0, RANDOM_BYTES - OWN_RANDOM_BYTES);
    outputs.push(...stepOrdinaryClock(clock, { type: 'timeout', nowNs, random: part }));
  }
  const ownNs = discoveryDue(discovery);
  if (ownNs === null || ownNs > nowNs) return;
  const part = random.subarray(RANDOM_BYTES - OWN_RANDOM_BYTES);
  const own = part.subarray(PROBE_RANDOM_BYTES);
  // A step wishes for one probe at most
  const wishes = stepDiscovery(discovery, { type: 'timeout', random: own }, nowNs);
  grant(tracing, wishes, { outputs, nowNs, random: part.subarray(0, PROBE_RANDOM_BYTES) });
}

/** Discovery's part of the random bytes. */
const OWN_RANDOM_BYTES = 8;
const NO_RANDOM = new Uint8Array(0);

function hear(tracing: TracingClock, heard: Heard, nowNs: Tick, outputs: Output[]): void {
  const wishes = stepDiscovery(tracing.discovery, heard, nowNs);
  grant(tracing, wishes, { outputs, nowNs, random: NO_RANDOM });
}

function grant(
  tracing: TracingClock,
  wishes: readonly Wish[],
  { outputs, nowNs, random }: { outputs: Output[]; nowNs: Tick; random: Uint8Array },
): void {
  const { clock } = tracing;
  for (const wish of wishes) {
    const { type } = wish;
    if (type === 'probe') {
      const { path } = wish;
      const made = probe(clock.slave, path, wish.hops, random, nowNs);
      if (made === 'stopped') {
        hear(tracing, { type: 'sent', path, id: NEVER_SENT }, nowNs, outputs);
        hear(tracing, { type: 'unsent', path, id: NEVER_SENT, code: 'EPERM' }, nowNs, outputs);
      } else {
        tracing.handedOut[made.context] = path;
        outputs.push(...made.outputs);
        hear(tracing, { type: 'sent', path, id: made.context }, nowNs, outputs);
      }
    } else if (type === 'park') {
      const { why, inFavourOf } = wish.parking;
      const reason =
        why === 'redundant' ? `same route as ${inFavourOf}` : 'shares most with the others';
      outputs.push(...setParked(clock, wish.path, true, reason, nowNs));
    } else if (type === 'admit') {
      const { path, reason } = wish;
      outputs.push(...setParked(clock, path, false, reason, nowNs));
      hear(tracing, { type: 'contact', path, isSilent: true }, nowNs, outputs); // till it is measured
    }
  }
}

/** Contexts of requests are whole numbers above 0. */
const NEVER_SENT = -1;

function takeProbe(tracing: TracingClock, context: number): PathKey | undefined {
  const path = tracing.handedOut[context];
  delete tracing.handedOut[context];
  return path;
}

/** Tells discovery which paths there are and who is heard; one timer for both machines. */
function finish(tracing: TracingClock, outputs: Output[], nowNs: Tick): Output[] {
  const { clock, discovery } = tracing;
  // What discovery decides makes more outputs, which it hears of in their turn
  for (let at = 0; at < outputs.length; at++) {
    const output = outputs[at];
    if (output?.type !== 'path') continue;
    const { path, event } = output;
    if (event === 'added') {
      // Nobody can stop what was never asked for: plain masters send to all
      addTo(discovery, path, { nowNs, isSilent: true, isFixed: clock.requester === null });
    } else if (event === 'removed') {
      grant(tracing, removeFrom(discovery, path), { outputs, nowNs, random: NO_RANDOM });
    } else if (event === 'reachable' || event === 'unreachable') {
      hear(tracing, { type: 'contact', path, isSilent: event !== 'reachable' }, nowNs, outputs);
    }
  }
  const kept = outputs.filter(({ type }) => type !== 'timer');
  const due = tracingClockDue(tracing);
  if (due !== tracing.armedNs) kept.push({ type: 'timer', atNs: due });
  tracing.armedNs = due;
  return kept;
}

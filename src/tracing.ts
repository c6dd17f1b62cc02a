/**
 * A machine and path discovery as one: two machines under one timer. Discovery wishes for probes,
 * the machine makes them of its own requests; discovery decides, the machine parks and admits. What
 * machines do each in their way is a {@link Traceable}: of NTP in ntptracing.ts, of PTP in
 * ptptracing.ts.
 */
import { type Input, type Output, RANDOM_BYTES, type ReturnedInput } from './machine.ts';
import type { PathKey } from './path.ts';
import {
  addTo,
  type Discovery,
  discoveryDue,
  type Heard,
  removeFrom,
  stepDiscovery,
  type Wish,
} from './paths/discovery.ts';
import { icmpKind } from './paths/icmp.ts';
import { type Tick, tick } from './units.ts';

/** A probe, by the context of its request: a whole number above 0. */
export interface Probe {
  readonly path: PathKey;
  readonly id: number;
}

/** A machine, and how it does what discovery asks of it. */
export interface Traceable {
  /** Discovery's part of a timeout's random bytes, at their end: first a probe's, then its own. */
  readonly randomBytes: number;
  readonly probeRandomBytes: number;
  /** Paths that are new, or use the network again, are silent until they are heard. */
  readonly isSilentAtFirst: boolean;
  /** Paths that come now cannot be parked. */
  isFixed(): boolean;
  /** When it wants its next `timeout`; null if it does not. */
  due(): Tick | null;
  step(input: Input): Output[];
  /** Steps, but for what is no answer to the machine; says which probe it answers. */
  receive(input: Input & { type: 'datagram' }): { outputs: Output[]; answered: Probe | null };
  /** The probe that came back. `isPartial`: too little came to prove it. */
  returned(input: ReturnedInput): (Probe & { readonly isPartial?: boolean }) | null;
  /** Makes the path's next request a probe; `busy`: not now, `stopped`: never. */
  probe(path: PathKey, hops: number, random: Uint8Array, nowNs: Tick): Probing;
  probeUnsent(path: PathKey, context: number): void;
  /** @param reason one sentence, no trailing full stop */
  setParked(path: PathKey, isParked: boolean, reason: string, nowNs: Tick): Output[];
}

export type Probing =
  | { readonly context: number; readonly outputs: readonly Output[] }
  | 'busy'
  | 'stopped';

export interface Tracing {
  readonly machine: Traceable;
  readonly discovery: Discovery;
  /** Probes handed to the host that it has not spoken of yet, by context. */
  handedOut: Record<number, PathKey>;
  /** The timer last asked for. */
  armedNs: Tick | null;
}

/** Begin by arming a timer for {@link tracingDue}. */
export function createTracing(machine: Traceable, discovery: Discovery): Tracing {
  const tracing: Tracing = { machine, discovery, handedOut: {}, armedNs: null };
  tracing.armedNs = tracingDue(tracing);
  return tracing;
}

/** When either machine wants its next `timeout`; null if none does. */
export function tracingDue({ machine, discovery }: Tracing): Tick | null {
  const one = machine.due();
  const other = discoveryDue(discovery);
  if (one === null || other === null) return one ?? other;
  return tick(Math.min(one, other));
}

/** One step of both. */
interface Turn {
  readonly tracing: Tracing;
  readonly nowNs: Tick;
  readonly outputs: Output[];
}

/** The one mutator, beside those below. */
export function stepTracing(tracing: Tracing, input: Input): Output[] {
  const { machine } = tracing;
  const outputs: Output[] = [];
  const turn: Turn = { tracing, nowNs: input.nowNs, outputs };
  switch (input.type) {
    case 'timeout':
      tracing.armedNs = null;
      timeout(turn, input.random);
      break;
    case 'unsent': {
      const { context: id, code } = input;
      const path = takeProbe(tracing, id);
      if (path === undefined) outputs.push(...machine.step(input));
      else {
        machine.probeUnsent(path, id);
        hear(turn, { type: 'unsent', path, id, code });
      }
      break;
    }
    case 'datagram': {
      const { outputs: told, answered } = machine.receive(input);
      const { receivedAtNs } = input.datagram;
      outputs.push(...told);
      if (answered !== null) hear(turn, { type: 'answered', ...answered, receivedAtNs });
      break;
    }
    case 'sent': {
      const { context: id, sentAtNs: atNs } = input;
      const path = takeProbe(tracing, id);
      outputs.push(...machine.step(input));
      if (path !== undefined) hear(turn, { type: 'departed', path, id, atNs });
      break;
    }
    default:
      outputs.push(...machine.step(input));
  }
  return finish(turn);
}

/** What routers send back; what is not of our probes says nothing. */
export function stepTracingReturned(tracing: Tracing, input: ReturnedInput): Output[] {
  const { routerIp, to, type, code, receivedAtNs } = input.returned;
  const kind = icmpKind(to.ip, type, code);
  if (kind === null || routerIp === null) return [];
  const probe = tracing.machine.returned(input);
  if (probe === null) return [];
  const turn: Turn = { tracing, nowNs: input.nowNs, outputs: [] };
  hear(turn, { type: 'returned', ...probe, routerIp, kind, receivedAtNs });
  return finish(turn);
}

/** Ends a step that the machine took by itself. */
export const concludeTracing = (tracing: Tracing, outputs: Output[], nowNs: Tick): Output[] =>
  finish({ tracing, nowNs, outputs });

/** Each machine that is due gets its part of the random bytes. */
function timeout(turn: Turn, random: Uint8Array): void {
  const { tracing, nowNs, outputs } = turn;
  const { machine, discovery } = tracing;
  const probeAt = RANDOM_BYTES - machine.randomBytes;
  const ownAt = probeAt + machine.probeRandomBytes;
  const machineNs = machine.due();
  if (machineNs !== null && machineNs <= nowNs) {
    const part = random.subarray(0, probeAt);
    outputs.push(...machine.step({ type: 'timeout', nowNs, random: part }));
  }
  const ownNs = discoveryDue(discovery);
  if (ownNs === null || ownNs > nowNs) return;
  // A step wishes for one probe at most
  hear(turn, { type: 'timeout', random: random.subarray(ownAt) }, random.subarray(probeAt, ownAt));
}

const NO_RANDOM = new Uint8Array(0);

/** @param random of the probe that a `timeout` may wish for */
function hear(turn: Turn, heard: Heard, random: Uint8Array = NO_RANDOM): void {
  const wishes = stepDiscovery(turn.tracing.discovery, heard, turn.nowNs);
  for (const wish of wishes) grant(turn, wish, random);
}

function grant(turn: Turn, wish: Wish, random: Uint8Array): void {
  const { tracing, nowNs, outputs } = turn;
  const { machine } = tracing;
  if (wish.type === 'probe') {
    const { path, hops } = wish;
    const made = machine.probe(path, hops, random, nowNs);
    if (made === 'busy') hear(turn, { type: 'busy', path });
    else if (made === 'stopped') {
      hear(turn, { type: 'sent', path, id: NEVER_SENT });
      hear(turn, { type: 'unsent', path, id: NEVER_SENT, code: 'EPERM' });
    } else {
      tracing.handedOut[made.context] = path;
      outputs.push(...made.outputs);
      hear(turn, { type: 'sent', path, id: made.context });
    }
  } else if (wish.type === 'park') {
    const { why, inFavourOf } = wish.parking;
    const reason =
      why === 'redundant' ? `same route as ${inFavourOf}` : 'shares most with the others';
    outputs.push(...machine.setParked(wish.path, true, reason, nowNs));
  } else if (wish.type === 'admit') {
    const { path, reason } = wish;
    outputs.push(...machine.setParked(path, false, reason, nowNs));
    if (machine.isSilentAtFirst) hear(turn, { type: 'contact', path, isSilent: true });
  }
}

/** No probe has this number. */
const NEVER_SENT = -1;

function takeProbe(tracing: Tracing, context: number): PathKey | undefined {
  const path = tracing.handedOut[context];
  delete tracing.handedOut[context];
  return path;
}

/** Tells discovery which paths there are and who is heard; one timer for both machines. */
function finish(turn: Turn): Output[] {
  const { tracing, nowNs, outputs } = turn;
  const { machine, discovery } = tracing;
  // What discovery decides makes more outputs, which it hears of in their turn
  for (let at = 0; at < outputs.length; at++) {
    const output = outputs[at];
    if (output?.type !== 'path') continue;
    const { path, event } = output;
    if (event === 'added') {
      const isSilent = machine.isSilentAtFirst;
      addTo(discovery, path, { nowNs, isSilent, isFixed: machine.isFixed() });
    } else if (event === 'removed') {
      for (const wish of removeFrom(discovery, path)) grant(turn, wish, NO_RANDOM);
    } else if (event === 'reachable' || event === 'unreachable' || event === 'stopped') {
      hear(turn, { type: 'contact', path, isSilent: event !== 'reachable' });
    }
  }
  const kept = outputs.filter(({ type }) => type !== 'timer');
  const due = tracingDue(tracing);
  if (due !== null && due !== tracing.armedNs) kept.push({ type: 'timer', atNs: due });
  tracing.armedNs = due;
  return kept;
}

/**
 * The only loop: sockets and timers of a host on one side, one pure machine on the other. It owns
 * the sockets and the timer, feeds inputs in order, performs transmit and timer outputs and hands
 * all others on. It knows no protocol.
 */
import {
  type Address,
  type Input,
  type Output,
  RANDOM_BYTES,
  type ReturnedInput,
  type StampKind,
  type Step,
} from './machine.ts';
import { isIpv6 } from './path.ts';
import type { Handlers, Host, Icmp, MulticastOptions, MulticastUdp, Udp } from './udp/udp.ts';
import { NS_PER_MS, type Seconds, type Stamp, type Tick } from './units.ts';

/** Outputs that are for people and the core, not for the host. */
export type Report = Exclude<Output, { type: 'transmit' } | { type: 'timer' }>;

export interface DriveOptions<State> {
  readonly host: Host;
  readonly state: State;
  readonly step: Step<State>;
  /**
   * What routers send back goes here, too, where the host has it whole (stampKind `kernel`). Then
   * onSocketError and onUnreachable are not told of hop limits that ran out.
   */
  readonly stepReturned?: (state: State, input: ReturnedInput) => Output[];
  /**
   * One socket each; two entries must differ in address or port. A transmit output goes through
   * the socket whose address and port its `from` names, the port as asked for here (0, too) or as
   * bound.
   */
  readonly locals: readonly Address[];
  /** How all sockets send to groups. Left out: they are not sent to. */
  readonly multicast?: MulticastOptions;
  /** Groups to listen to. Their datagrams reach the machine as those of the sockets do. */
  readonly groups?: readonly GroupAddress[];
  /** When the machine first wants a timeout; null for machines that only answer. */
  readonly firstTimer: Tick | null;
  onReport(report: Report): void;
  /** The local clock was stepped; the machine has been told already. */
  onClockStep?(byS: Seconds): void;
  /** A socket's asynchronous trouble (ICMP errors and the like), for the log. */
  onSocketError?(local: Address, code: string): void;
  /** Nobody takes datagrams at this address; see Handlers in udp/udp.ts. */
  onUnreachable?(remoteIp: string, code: string): void;
}

/** A group on the interface that has the local address, and the port to listen on. */
export interface GroupAddress {
  readonly group: string;
  readonly local: Address;
}

export interface Drive {
  /** The bound sockets, with their real ports, in the order of `locals`. */
  readonly sockets: readonly Udp[];
  /** Performs outputs that came from outside a step (a path added at run time). */
  perform(outputs: readonly Output[]): void;
  /** Stops the timer and closes the sockets; resolved when the ports are free. Idempotent. */
  close(): Promise<void>;
}

const CLOCK_CHECK_MS = 1000;
const ICMP_TIME_EXCEEDED = 11;
const ICMP6_TIME_EXCEEDED = 3;
/** A timer may fire this early; the machine is told the time it asked for. */
const EARLY_NS = 1 * NS_PER_MS;

/**
 * Opens the sockets and starts the machine.
 * @throws HostError if an address cannot be bound (then none stays open)
 */
export async function drive<State>(options: DriveOptions<State>): Promise<Drive> {
  const { host, state, step } = options;
  const sockets: Udp[] = [];
  const joined: MulticastUdp[] = [];
  const byIp = new Map<string, Map<number, Udp>>();
  const inputs: (Input | ReturnedInput)[] = [];
  let feeding = false;
  let closed = false;
  let cancelTimer: (() => void) | null = null;

  function feed(input: Input | ReturnedInput): void {
    if (closed) return;
    inputs.push(input);
    if (feeding) return;
    feeding = true;
    try {
      for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
        if (next.type === 'returned') perform(options.stepReturned?.(state, next) ?? []);
        else perform(step(state, next));
      }
    } finally {
      feeding = false;
    }
  }

  function perform(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.type === 'transmit') transmit(output);
      else if (output.type === 'timer') arm(output.atNs);
      else options.onReport(output);
    }
  }

  function transmit(output: Output & { type: 'transmit' }): void {
    const { from, to, bytes, seal, context, hops } = output;
    const udp = byIp.get(from.ip)?.get(from.port);
    if (context === undefined) {
      if (hops === undefined) udp?.send(bytes, to, seal);
      else if (udp?.stampKind === 'kernel') udp.send(bytes, to, seal, { hops });
      return;
    }
    const departed = (sentAtNs: Stamp, stampKind: StampKind) =>
      feed({ type: 'sent', context, sentAtNs, stampKind, nowNs: host.clock.tick() });
    const options = udp?.stampKind === 'kernel' ? { departed, hops } : {};
    const isAble = hops === undefined || udp?.stampKind !== 'user';
    const sent = (isAble ? udp?.send(bytes, to, seal, options) : 'ENOTSUP') ?? 'ENOSOCKET';
    if (typeof sent === 'string') {
      feed({ type: 'unsent', context, code: sent, nowNs: host.clock.tick() });
    } else if (options.departed === undefined) departed(sent, 'user'); // else it tells by itself
  }

  function arm(atNs: Tick): void {
    cancelTimer?.();
    const delayMs = Math.max(0, (atNs - host.clock.tick()) / NS_PER_MS);
    cancelTimer = host.setTimer(() => {
      cancelTimer = null;
      if (closed) return;
      const now = host.clock.tick();
      if (now < atNs - EARLY_NS) return arm(atNs);
      const nowNs = now < atNs ? atNs : now;
      feed({ type: 'timeout', nowNs, random: host.randomBytes(RANDOM_BYTES) });
    }, delayMs);
  }

  let cancelCheck: (() => void) | null = null;
  function checkClock(): void {
    if (closed) return;
    cancelCheck = host.setTimer(checkClock, CLOCK_CHECK_MS);
    const byS = host.clock.check();
    if (byS === 0) return;
    feed({ type: 'clock-step', byS, nowNs: host.clock.tick() });
    options.onClockStep?.(byS);
  }

  async function close(): Promise<void> {
    closed = true;
    cancelTimer?.();
    cancelCheck?.();
    await Promise.all([...joined, ...sockets].map((udp) => udp.close()));
  }

  /** `local` as asked for, or bound. */
  function takeReturned(local: Address, icmp: Icmp): void {
    feed({ type: 'returned', local, returned: icmp, nowNs: host.clock.tick() });
    const { to, type, errorCode } = icmp;
    if (type === (isIpv6(to.ip) ? ICMP6_TIME_EXCEEDED : ICMP_TIME_EXCEEDED)) return;
    const isGone = errorCode === 'ECONNREFUSED';
    if (isGone && options.onUnreachable) options.onUnreachable(to.ip, errorCode);
    else options.onSocketError?.(local, isGone ? errorCode : 'EHOSTUNREACH');
  }

  const handlersOf = (local: Address): Handlers => ({
    onDatagram: (datagram) => feed({ type: 'datagram', datagram, nowNs: host.clock.tick() }),
    onError: (code) => options.onSocketError?.(local, code),
    ...(options.stepReturned && { onIcmp: (icmp: Icmp) => takeReturned(local, icmp) }),
    ...(options.onUnreachable && {
      onUnreachable: (remoteIp: string, code: string) => options.onUnreachable?.(remoteIp, code),
    }),
  });

  try {
    const udpOptions = options.multicast === undefined ? {} : { multicast: options.multicast };
    for (const local of options.locals) {
      const udp = await host.openUdp(local, handlersOf(local), udpOptions);
      sockets.push(udp);
      const byPort = byIp.get(local.ip) ?? new Map<number, Udp>();
      byIp.set(local.ip, byPort.set(local.port, udp).set(udp.local.port, udp));
    }
    for (const { group, local } of options.groups ?? []) {
      joined.push(await host.openMulticast(group, local, handlersOf(local)));
    }
  } catch (error) {
    await close();
    throw error;
  }
  cancelCheck = host.setTimer(checkClock, CLOCK_CHECK_MS);
  if (options.firstTimer !== null) arm(options.firstTimer);
  return { sockets, perform, close };
}

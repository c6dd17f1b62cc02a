/**
 * A boundary clock: a pure machine (machine.ts) of several ports with one set of data sets. One
 * port at most follows a master, the others serve or are passive (IEEE 1588-2008 §6.5.3, §9.3.3;
 * BASE-B10). Each has modes, intervals and a family of its own: IPv4 and IPv6 meet here (EP-022).
 *
 * Nothing steers the host's clock: the host says by {@link tellEstimate} what UTC is, and the
 * ports serve that. A master lost, they go on with it: what a clock shows that was steered once.
 */
import { ConfigError } from '../errors.ts';
import type { Address, Input, Output } from '../machine.ts';
import { type Tick, tick } from '../units.ts';
import {
  armedFor,
  conclude,
  forgetAddress,
  hearPortError,
  nextDue,
  stepPort,
  tellPorts,
} from './clock.ts';
import type { OrdinaryClockConfig } from './clockconfig.ts';
import {
  createPort,
  createShared,
  identityOf,
  type OrdinaryClock,
  type Shared,
} from './clockstate.ts';
import { portOfContext } from './contexts.ts';
import type { TimePropertiesDS } from './dataset.ts';
import { type Ports, PTP_PORTS } from './groups.ts';
import { profiled } from './profiled.ts';
import { type Estimate, stepServed } from './served.ts';

/** What an ordinary clock has one of, however many ports. */
type OfClock =
  | 'clockIdentity'
  | 'mac'
  | 'clock'
  | 'own'
  | 'problem'
  | 'leapTable'
  | 'about'
  | 'epochS'
  | 'nowNs';

/** One port. `role` slave: never a master; master: never a slave. Default any. */
export type BoundaryPortConfig = Omit<OrdinaryClockConfig, OfClock | 'ports'>;

export interface BoundaryClockConfig extends Pick<OrdinaryClockConfig, OfClock> {
  /** Two at least; port 1 is the first. No address twice. */
  readonly ports: readonly BoundaryPortConfig[];
  /** UDP ports, here and there. (default 319, 320) */
  readonly udpPorts?: Ports;
}

/** Plain data; only this file and clock.ts' parts change it. */
export interface BoundaryClock {
  readonly ports: readonly OrdinaryClock[];
  readonly shared: Shared;
  /** The timer that was asked for last. */
  armedNs: Tick | null;
}

const MOST_PORTS = 64;

/** Throws ConfigError. */
export function createBoundaryClock(config: BoundaryClockConfig): BoundaryClock {
  const { ports, udpPorts = PTP_PORTS } = config;
  const [first, ...rest] = ports;
  if (first === undefined || ports.length < 2 || ports.length > MOST_PORTS) {
    throw new ConfigError('ptp.ports', `2 to ${MOST_PORTS} ports`, ports.length);
  }
  if (ports.every(({ role }) => role === 'slave')) {
    throw new ConfigError('ptp.ports', 'a port that may be master', 'slaves only');
  }
  const { udpPorts: _, ...common } = { ...config, ports: udpPorts };
  const clockIdentity = identityOf({ ...common, ...first });
  const of = (port: BoundaryPortConfig) => profiled({ ...common, ...port, clockIdentity });
  const one = of(first);
  const others = rest.map(of);
  const { shared, portSets } = createShared([one, ...others], clockIdentity);
  const made = [one, ...others].map((port, n) =>
    createPort(port, portSets[n] ?? portSets[0], shared),
  );
  const ips = made.flatMap(({ addresses }) => addresses);
  const twice = ips.find((ip, n) => ips.indexOf(ip) < n);
  if (twice !== undefined) throw new ConfigError('ptp.ports', 'each address at one port', twice);
  const ownIdentities = [...new Set(made.flatMap(({ foreign }) => foreign.ownIdentities))];
  for (const { foreign, enterprise } of made) {
    foreign.ownIdentities = ownIdentities;
    if (enterprise !== null) enterprise.alternates.ownIdentities = ownIdentities;
  }
  return { ports: made, shared, armedNs: null };
}

/** Processes one input. Strangers' bytes become drops. */
export const stepBoundaryClock = (clock: BoundaryClock, input: Input): Output[] =>
  armed(clock, step(clock, input));

/** The trouble of a socket that the host told of its own accord. */
export function hearBoundaryError(
  clock: BoundaryClock,
  local: Address,
  code: string,
  nowNs: Tick,
): Output[] {
  const { ports } = clock;
  const port = ports.find(({ addresses }) => addresses.includes(local.ip));
  return port === undefined ? [] : armed(clock, hearPortError(ports, port, local, code, nowNs));
}

/** Nobody takes datagrams at an address (ICMP): nothing is sent there until it asks again. */
export function hearBoundaryUnreachable(
  clock: BoundaryClock,
  remoteIp: string,
  nowNs: Tick,
): Output[] {
  const { ports } = clock;
  const [first] = ports;
  if (first === undefined) return [];
  for (const port of ports) forgetAddress(port, remoteIp);
  return armed(clock, conclude(ports, first, [], nowNs));
}

const armed = (clock: BoundaryClock, outputs: Output[]): Output[] =>
  armedFor(clock, boundaryDue(clock), outputs);

/** When the clock next wants a timeout. */
export const boundaryDue = ({ ports }: BoundaryClock): Tick =>
  tick(Math.min(...ports.map((port) => nextDue(port))));

/** Says what our own time is from now on: leap seconds come, lists expire. */
export const tellBoundaryTime = (
  { ports }: BoundaryClock,
  own: TimePropertiesDS,
  problem: string | null = null,
): void => tellPorts(ports, own, problem);

/** Says what UTC is from now on, by the combined clock of all that the ports measured. */
export function tellEstimate({ shared }: BoundaryClock, estimate: Estimate): void {
  shared.served.estimate = estimate;
}

function step(clock: BoundaryClock, input: Input): Output[] {
  const { ports, shared } = clock;
  switch (input.type) {
    case 'datagram': {
      const { local, remote } = input.datagram;
      const port = ports.find(({ addresses }) => addresses.includes(local.ip));
      if (port === undefined) return [{ type: 'drop', reason: 'unknown-port', from: remote }];
      return stepPort(ports, port, input);
    }
    case 'timeout': {
      clock.armedNs = null;
      // One port a time: whoever is due as well asks again at once, and gets fresh random bytes.
      const due = ports.reduce((a, b) => (nextDue(a) <= nextDue(b) ? a : b));
      return stepPort(ports, due, input);
    }
    case 'clock-step':
      stepServed(shared.served, input.byS);
      return ports.flatMap((port) => stepPort(ports, port, input));
    default: {
      const port = ports[portOfContext(input.context, ports.length)];
      return port === undefined ? [] : stepPort(ports, port, input);
    }
  }
}

/**
 * A boundary clock: a pure machine (machine.ts) of several ports with one set of data sets. One
 * port at most follows a master, the others serve or are passive (IEEE 1588-2008 §6.5.3, §9.3.3;
 * BASE-B10). Each has modes, intervals and a family of its own: IPv4 and IPv6 meet here (EP-022).
 *
 * Nothing steers the host's clock: the host says by {@link tellEstimate} what UTC is, and the
 * ports serve that. A master lost, they go on with it: what a clock shows that was steered once.
 */
import { ConfigError } from '../errors.ts';
import type { Input, Output } from '../machine.ts';
import { type Tick, tick } from '../units.ts';
import { nextDue, portOfContext, stepPort, tellPorts } from './clock.ts';
import {
  ABOUT,
  createPort,
  identitiesOf,
  type OrdinaryClock,
  type OrdinaryClockConfig,
  type Shared,
} from './clockconfig.ts';
import { createDatasets, createDefaultDS, type TimePropertiesDS } from './dataset.ts';
import { type Ports, PTP_PORTS } from './groups.ts';
import { createAgent } from './manage.ts';
import { createPortDS } from './portds.ts';
import { type Estimate, ownServed, stepServed } from './served.ts';

/** What an ordinary clock has one of, however many ports. */
type OfClock =
  | 'clockIdentity'
  | 'mac'
  | 'clock'
  | 'own'
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
  const { ports, nowNs, own, udpPorts = PTP_PORTS } = config;
  const [first] = ports;
  if (first === undefined || ports.length < 2 || ports.length > MOST_PORTS) {
    throw new ConfigError('ptp.ports', `2 to ${MOST_PORTS} ports`, ports.length);
  }
  if (ports.every(({ role }) => role === 'slave')) {
    throw new ConfigError('ptp.ports', 'a port that may be master', 'slaves only');
  }
  const common = { ...commonOf(config), ports: udpPorts };
  const clockIdentity = identityOf({ ...common, ...first });
  const numberPorts = ports.length;
  const defaultDS = createDefaultDS({ ...config.clock, clockIdentity, numberPorts });
  const sets = createDatasets(defaultDS, own);
  const portSets = ports.map(({ port }, n) =>
    createPortDS({ clockIdentity, portNumber: n + 1 }, port),
  );
  const about = { ...ABOUT, unicastNegotiation: true, ...config.about };
  const agent = createAgent({ sets, portSets, about, nowNs, ports: udpPorts });
  const shared: Shared = { sets, agent, served: ownServed(), isLeading: false };
  const made = portSets.map((portDS, n) => {
    return createPort({ ...common, ...(ports[n] ?? first), clockIdentity }, portDS, shared);
  });
  const ips = made.flatMap(({ addresses }) => addresses);
  const twice = ips.find((ip, n) => ips.indexOf(ip) < n);
  if (twice !== undefined) throw new ConfigError('ptp.ports', 'each address at one port', twice);
  const ownIdentities = made.flatMap(({ foreign }) => foreign.ownIdentities);
  for (const { foreign } of made) foreign.ownIdentities = [...new Set(ownIdentities)];
  return { ports: made, shared, armedNs: null };
}

/** Without what {@link createPort} takes of one port. */
function commonOf({ ports, udpPorts, ...common }: BoundaryClockConfig) {
  return common;
}

const identityOf = (config: OrdinaryClockConfig): string =>
  identitiesOf(config).find(({ isPrimary }) => isPrimary)?.clockIdentity ?? '';

/** Processes one input. Strangers' bytes become drops. */
export function stepBoundaryClock(clock: BoundaryClock, input: Input): Output[] {
  const outputs = step(clock, input).filter(({ type }) => type !== 'timer');
  const dueNs = boundaryDue(clock);
  if (dueNs !== clock.armedNs) {
    clock.armedNs = dueNs;
    outputs.push({ type: 'timer', atNs: dueNs });
  }
  return outputs;
}

/** When the clock next wants a timeout. */
export const boundaryDue = ({ ports }: BoundaryClock): Tick =>
  tick(Math.min(...ports.map((port) => nextDue(port))));

/** Says what our own time is from now on: leap seconds come, lists expire. */
export const tellBoundaryTime = ({ ports }: BoundaryClock, own: TimePropertiesDS): void =>
  tellPorts(ports, own);

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

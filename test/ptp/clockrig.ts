/**
 * Clocks on a network of logical time: every message goes through the codec, takes its pair's
 * delay, may be cut, and a group's is heard at every address of its family and segment of every
 * other host. All clocks show EPOCH_S + tick + what their host is ahead, and how it drifts.
 */
import type { Address, Input, Output, PathEvent } from '../../src/machine.ts';
import { isIpv6, isUnicast, type PathKey, pathKey } from '../../src/path.ts';
import type { DiscoveryOptions } from '../../src/paths/settings.ts';
import {
  type BoundaryClock,
  type BoundaryClockConfig,
  boundaryDue,
  createBoundaryClock,
  stepBoundaryClock,
} from '../../src/ptp/boundary.ts';
import {
  createOrdinaryClock,
  nextDue,
  type OrdinaryClock,
  type OrdinaryClockConfig,
  stepOrdinaryClock,
} from '../../src/ptp/clock.ts';
import { createDomains, type Domains, domainsDue, stepDomains } from '../../src/ptp/domains.ts';
import { type Message, readMessage } from '../../src/ptp/message.ts';
import { createTracingClock } from '../../src/ptptracing.ts';
import { stepTracing, stepTracingReturned, type Tracing, tracingDue } from '../../src/tracing.ts';
import { type Stamp, stamp, type Tick, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { EPOCH_S, TAI } from './slaverig.ts';

export const S = 1e9;

export interface Told {
  readonly atS: number;
  readonly output: Output;
}

export interface Host {
  /** Of a boundary clock, its first port. */
  readonly clock: OrdinaryClock;
  readonly boundary: BoundaryClock | null;
  /** Clocks in several domains, `clock` is the first. */
  readonly domains: Domains | null;
  /** With path discovery, `clock` is its own. */
  readonly tracing?: Tracing;
  readonly ports: readonly OrdinaryClock[];
  readonly aheadNs: number;
  /** Clock rate / true rate − 1. */
  readonly drift: number;
  isUp: boolean;
  readonly told: Told[];
}

/** One message on the wire. */
export interface Seen {
  readonly atS: number;
  readonly from: string;
  readonly to: string;
  readonly message: Message;
  readonly bytes: Uint8Array;
  /** Its hop limit. */
  readonly hops: number;
}

export interface World {
  nowNs: Tick;
  readonly hosts: Host[];
  /** `from|to`: nothing passes. */
  readonly cuts: Set<string>;
  readonly seen: Seen[];
  delayNs: (from: string, to: string) => number;
  /** The address that receivers see a message come from. */
  sourceOf: (seen: Seen) => string;
  /** By address: multicast stays within. */
  segmentOf: (ip: string) => string;
  /** By path, seen from who sends: addresses of the routers on the way. Default none. */
  readonly routes: Map<PathKey, readonly string[]>;
  /** Of its own, so that a test tells the same whichever tests ran before. */
  readonly random: ReturnType<typeof createRandom>;
  /** Called with every output but transmit and timer. */
  onOutput: (host: Host, output: Output) => void;
  /** What a host refuses to send, as ENETUNREACH. */
  refuses?: (output: Output & { readonly type: 'transmit' }) => boolean;
  /** Sees every input of every clock and what it led to. */
  onStep?: (host: Host, input: Input, outputs: readonly Output[]) => void;
}

interface Flight {
  readonly atNs: number;
  readonly bytes: Uint8Array;
  readonly from: Address;
  readonly to: Address;
}

const flights = new WeakMap<World, Flight[]>();

/** @param seed of what the clocks draw */
export function createWorld(seed = 588): World {
  const world: World = {
    nowNs: tick(0),
    hosts: [],
    cuts: new Set(),
    seen: [],
    delayNs: () => 100_000,
    sourceOf: ({ from }) => from,
    segmentOf: () => '',
    routes: new Map(),
    random: createRandom(seed),
    onOutput: () => {},
  };
  flights.set(world, []);
  return world;
}

export const PORT = { logAnnounceInterval: 0, logSyncInterval: -1, logMinDelayReqInterval: -1 };

export function addClock(
  world: World,
  config: Partial<OrdinaryClockConfig> & Pick<OrdinaryClockConfig, 'mode' | 'addresses'>,
  aheadNs = 0,
  drift = 0,
): Host {
  const clock = createOrdinaryClock({
    own: TAI,
    epochS: EPOCH_S,
    nowNs: world.nowNs,
    port: PORT,
    ...config,
  });
  const none = { boundary: null, domains: null };
  return addHost(world, { clock, ...none, ports: [clock], aheadNs, drift });
}

/** A clock that traces its paths. */
export function addTracing(
  world: World,
  discovery: DiscoveryOptions,
  config: Partial<OrdinaryClockConfig> & Pick<OrdinaryClockConfig, 'mode' | 'addresses'>,
): Host & { readonly tracing: Tracing } {
  const host = addClock(world, config);
  world.hosts.pop();
  const tracing = createTracingClock(host.clock, discovery, world.nowNs);
  return addHost(world, { ...host, tracing });
}

/** One clock in each domain, at the same address. */
export function addDomains(
  world: World,
  numbers: readonly number[],
  config: Partial<OrdinaryClockConfig> & Pick<OrdinaryClockConfig, 'addresses'>,
): Host & { readonly domains: Domains } {
  const clocks = numbers.map((domainNumber) =>
    createOrdinaryClock({
      own: TAI,
      epochS: EPOCH_S,
      nowNs: world.nowNs,
      ...config,
      clock: { ...config.clock, domainNumber },
    }),
  );
  const domains = createDomains(clocks);
  const [clock] = domains.clocks;
  return addHost(world, { clock, domains, boundary: null, ports: clocks, aheadNs: 0, drift: 0 });
}

export function addBoundary(
  world: World,
  ports: BoundaryClockConfig['ports'],
  config: Partial<BoundaryClockConfig> = {},
  aheadNs = 0,
  drift = 0,
): Host & { readonly boundary: BoundaryClock } {
  const boundary = createBoundaryClock({
    own: TAI,
    epochS: EPOCH_S,
    nowNs: world.nowNs,
    ...config,
    ports: ports.map((port) => ({ port: PORT, ...port })),
  });
  const [clock] = boundary.ports;
  if (clock === undefined) throw new Error('a boundary clock without ports');
  const { ports: all } = boundary;
  return addHost(world, { clock, boundary, domains: null, ports: all, aheadNs, drift });
}

function addHost<T extends Omit<Host, 'isUp' | 'told'>>(world: World, fields: T) {
  const host = { ...fields, isUp: true, told: [] };
  world.hosts.push(host);
  return host;
}

export function dueOf({ boundary, domains, clock, tracing }: Host): Tick {
  if (tracing !== undefined) return tracingDue(tracing) ?? nextDue(clock);
  if (domains !== null) return domainsDue(domains);
  return boundary === null ? nextDue(clock) : boundaryDue(boundary);
}

export function stepOf({ boundary, domains, clock, tracing }: Host, input: Input): Output[] {
  if (tracing !== undefined) return stepTracing(tracing, input);
  if (domains !== null) return stepDomains(domains, input);
  return boundary === null ? stepOrdinaryClock(clock, input) : stepBoundaryClock(boundary, input);
}

/** What the host's clock shows. */
export const clockOf = ({ aheadNs, drift }: Host, nowNs: Tick): Stamp =>
  stamp(nowNs + aheadNs + drift * nowNs);

export function run(world: World, untilS: number): void {
  const wire = flights.get(world) ?? [];
  for (;;) {
    const flight = wire.reduce<Flight | null>((a, b) => (a && a.atNs <= b.atNs ? a : b), null);
    const host = world.hosts
      .filter(({ isUp }) => isUp)
      .reduce<Host | null>((a, b) => (a && dueOf(a) <= dueOf(b) ? a : b), null);
    const hostNs = host === null ? Number.POSITIVE_INFINITY : dueOf(host);
    const dueNs = Math.min(flight?.atNs ?? Number.POSITIVE_INFINITY, hostNs);
    if (dueNs > untilS * S) break;
    world.nowNs = tick(Math.max(world.nowNs, dueNs));
    if (flight !== null && flight.atNs <= hostNs) {
      wire.splice(wire.indexOf(flight), 1);
      arrive(world, flight);
    } else if (host !== null) {
      const { nowNs } = world;
      const input = { type: 'timeout', nowNs, random: world.random.bytes(64) } as const;
      step(world, host, input);
    }
  }
  world.nowNs = tick(untilS * S);
}

function arrive(world: World, { bytes, from, to }: Flight): void {
  for (const host of world.hosts) {
    const addresses = new Set(host.ports.flatMap((port) => port.addresses));
    if (!host.isUp || addresses.has(from.ip)) continue;
    for (const ip of addresses) {
      if (isUnicast(to.ip) ? ip !== to.ip : !isHeard(world, from.ip, ip)) continue;
      const group = isUnicast(to.ip) ? {} : { group: to.ip };
      const receivedAtNs = clockOf(host, world.nowNs);
      const local = { ip, port: to.port };
      const datagram = { bytes, local, remote: from, receivedAtNs, ...group };
      const input = { type: 'datagram', datagram, nowNs: world.nowNs } as const;
      step(world, host, input);
    }
  }
}

const isHeard = (world: World, from: string, ip: string): boolean =>
  !world.cuts.has(pathKey(from, ip)) &&
  isIpv6(from) === isIpv6(ip) &&
  world.segmentOf(from) === world.segmentOf(ip);

/** Gives a clock one input and does what it wants. */
export function step(world: World, host: Host, input: Input): Output[] {
  const outputs = stepOf(host, input);
  world.onStep?.(host, input, outputs);
  perform(world, host, outputs);
  return outputs;
}

export function perform(world: World, host: Host, outputs: readonly Output[]): void {
  const { nowNs } = world;
  for (const output of outputs) {
    if (output.type !== 'transmit') {
      if (output.type === 'timer') continue;
      host.told.push({ atS: nowNs / S, output });
      world.onOutput(host, output);
      continue;
    }
    const { bytes, from, to, seal, context, hops = 64 } = output;
    if (world.refuses?.(output) === true) {
      if (context === undefined) continue;
      step(world, host, { type: 'unsent', context, code: 'ENETUNREACH', nowNs });
      continue;
    }
    const sentAtNs = clockOf(host, nowNs);
    seal?.(bytes, sentAtNs);
    const message = readMessage(bytes);
    if (typeof message === 'string') throw new Error(`sent what is ${message}`);
    const seen = { atS: nowNs / S, from: from.ip, to: to.ip, message, bytes, hops };
    world.seen.push(seen);
    const routerIp = world.routes.get(pathKey(to.ip, from.ip))?.[hops - 1];
    if (routerIp === undefined && !world.cuts.has(pathKey(from.ip, to.ip))) {
      const atNs = nowNs + world.delayNs(from.ip, to.ip);
      const source = { ip: world.sourceOf(seen), port: from.port };
      flights.get(world)?.push({ atNs, bytes, from: source, to });
    }
    if (context === undefined) continue;
    const input = { type: 'sent', context, sentAtNs, nowNs } as const;
    step(world, host, input);
    if (routerIp === undefined || host.tracing === undefined) continue;
    const [type, code, quoted] = [isIpv6(to.ip) ? 3 : 11, 0, bytes.slice()];
    const returned = { routerIp, to, type, code, quoted };
    const error = { type: 'returned', local: from, returned, nowNs } as const;
    perform(world, host, stepTracingReturned(host.tracing, error));
  }
}

/** Puts a message on the wire that no clock of the world sends. */
export function inject(world: World, from: Address, to: Address, bytes: Uint8Array): void {
  flights.get(world)?.push({ atNs: world.nowNs, bytes, from, to });
}

/** Nothing passes between two addresses from now on; or it does again. */
export function cut(world: World, a: string, b: string, isCut = true): void {
  for (const key of [pathKey(a, b), pathKey(b, a)]) {
    if (isCut) world.cuts.add(key);
    else world.cuts.delete(key);
  }
}

/** `port` outputs as text, since a time. */
export const portTexts = (host: Host, sinceS = 0): string[] =>
  host.told.flatMap(({ atS, output }) =>
    atS >= sinceS && output.type === 'port' ? [output.text] : [],
  );

export const pathEvents = (host: Host, sinceS = 0): (PathEvent & { atS: number })[] =>
  host.told.flatMap(({ atS, output }) =>
    atS >= sinceS && output.type === 'path' ? [{ ...output, atS }] : [],
  );

export const dropReasons = (host: Host): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { output } of host.told) {
    if (output.type === 'drop') counts[output.reason] = (counts[output.reason] ?? 0) + 1;
  }
  return counts;
};

/** Times of one-way measurements of a path. (s) */
export const measuredAt = (host: Host, path: PathKey, direction: 'forward' | 'reverse'): number[] =>
  host.told.flatMap(({ atS, output }) =>
    output.type === 'oneway' && output.path === path && output.direction === direction ? [atS] : [],
  );

/** Paths measured in a span of time. */
export const measuredPaths = (host: Host, fromS: number, untilS: number): PathKey[] => [
  ...new Set(
    host.told.flatMap(({ atS, output }) =>
      output.type === 'oneway' && atS >= fromS && atS < untilS ? [output.path] : [],
    ),
  ),
];

/** Messages of a type, since a time. */
export const sentBy = (world: World, type: Message['type'], from?: string, sinceS = 0): Seen[] =>
  world.seen.filter(
    ({ message, from: source, atS }) =>
      message.type === type && (from === undefined || from === source) && atS >= sinceS,
  );

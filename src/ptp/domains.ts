/**
 * Several ordinary clocks of one host, one per domain, over the same sockets: RFC 9760's way to
 * redundancy, as each domain has a grandmaster of its own. They know nothing of each other; their
 * measurements meet in one ensemble. One pure machine to the host (machine.ts).
 */
import { ConfigError } from '../errors.ts';
import type { Address, Input, Output } from '../machine.ts';
import type { PathKey } from '../path.ts';
import { type Tick, tick } from '../units.ts';
import {
  armedFor,
  hearSocketError,
  hearUnreachable,
  nextDue,
  type OrdinaryClock,
  stepOrdinaryClock,
} from './clock.ts';

/** Plain data. */
export interface Domains {
  readonly clocks: readonly [OrdinaryClock, ...OrdinaryClock[]];
  armedNs: Tick | null;
}

/** Throws ConfigError unless each has a domain of its own. */
export function createDomains(clocks: readonly OrdinaryClock[]): Domains {
  const [first, ...others] = clocks;
  if (first === undefined) throw new ConfigError('ptp.domains', 'one domain at least', clocks);
  const numbers = clocks.map(numberOf);
  if (new Set(numbers).size < numbers.length) {
    throw new ConfigError('ptp.domains', 'each domain once', numbers);
  }
  return { clocks: [first, ...others], armedNs: null };
}

const numberOf = ({ sets }: OrdinaryClock): number => sets.defaultDS.domainNumber;

/**
 * The key of a clock's path among those of all: two grandmasters may have one address. With one
 * domain the path's own; else `remote|local#domain`.
 */
export const domainKey = ({ clocks }: Domains, clock: OrdinaryClock, key: PathKey): PathKey =>
  clocks.length === 1 ? key : `${key}#${numberOf(clock)}`;

/** When the next of them wants a timeout. */
export const domainsDue = ({ clocks }: Domains): Tick => tick(Math.min(...clocks.map(nextDue)));

/** Processes one input; see machine.ts. */
export function stepDomains(domains: Domains, input: Input): Output[] {
  const parts = give(domains, input).map(
    ([clock, part]) => [clock, stepOrdinaryClock(clock, part)] as const,
  );
  if (input.type === 'timeout') domains.armedNs = null;
  return concluded(domains, parts);
}

/** The trouble of a socket, which all of them share. */
export const hearDomainsError = (
  domains: Domains,
  local: Address,
  code: string,
  nowNs: Tick,
): Output[] =>
  concluded(
    domains,
    domains.clocks.map((clock) => [clock, hearSocketError(clock, local, code, nowNs)] as const),
  );

/** Nobody takes datagrams at an address. */
export const hearDomainsUnreachable = (domains: Domains, remoteIp: string, nowNs: Tick): Output[] =>
  concluded(
    domains,
    domains.clocks.map((clock) => [clock, hearUnreachable(clock, remoteIp, nowNs)] as const),
  );

function concluded(
  domains: Domains,
  parts: readonly (readonly [OrdinaryClock, readonly Output[]])[],
): Output[] {
  const outputs = parts.flatMap(([clock, own]) =>
    own.flatMap((output) => told(domains, clock, output)),
  );
  return armedFor(domains, domainsDue(domains), outputs);
}

/** Where domainNumber stands in a message. */
const DOMAIN_OFFSET = 4;

/** Who gets an input, and what of it. */
function give({ clocks }: Domains, input: Input): [OrdinaryClock, Input][] {
  switch (input.type) {
    case 'datagram': {
      const number = input.datagram.bytes[DOMAIN_OFFSET];
      return [[clocks.find((clock) => numberOf(clock) === number) ?? clocks[0], input]];
    }
    case 'timeout': {
      const due = clocks.filter((clock) => nextDue(clock) <= input.nowNs);
      const share = Math.floor(input.random.length / Math.max(due.length, 1));
      return due.map((clock, n) => {
        const random = input.random.subarray(n * share, (n + 1) * share);
        return [clock, { ...input, random }];
      });
    }
    case 'sent':
    case 'unsent': {
      const clock = clocks[input.context % clocks.length] ?? clocks[0];
      return [[clock, { ...input, context: Math.floor(input.context / clocks.length) }]];
    }
    case 'clock-step':
      return clocks.map((clock) => [clock, input]);
  }
}

/** An output of one of them as the host and people are to have it. */
function told(domains: Domains, clock: OrdinaryClock, output: Output): Output[] {
  const { clocks } = domains;
  switch (output.type) {
    case 'timer':
      return [];
    case 'transmit': {
      const { context } = output;
      if (context === undefined) return [output];
      return [{ ...output, context: context * clocks.length + clocks.indexOf(clock) }];
    }
    case 'path':
    case 'oneway':
      return [{ ...output, path: domainKey(domains, clock, output.path) }];
    case 'port':
      if (clocks.length === 1) return [output];
      return [{ ...output, text: `domain ${numberOf(clock)} ${output.text}` }];
    default:
      return [output];
  }
}

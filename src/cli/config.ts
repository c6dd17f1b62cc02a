/** The daemon's configuration file: TOML, kebab-case, every unknown key an error. */
import type { ClientOptions, ClientPair } from '../client.ts';
import { COMBINERS } from '../core.ts';
import { ConfigError } from '../errors.ts';
import {
  flag,
  integer,
  knownKeys,
  number,
  optionalText,
  type Table,
  table,
  tables,
  texts,
  word,
} from '../fields.ts';
import { DISCOVERY_LIMITS, type DiscoveryOptions } from '../paths/settings.ts';
import { formatTarget, NTP_PORT, parseTarget } from '../target.ts';
import { MOST_PATHS } from './client.ts';
import { readToml } from './toml.ts';

export interface RunConfig {
  readonly client: Omit<ClientOptions, 'host' | 'signal' | 'events'>;
  /** Recording to append to while running. */
  readonly record: string | undefined;
  /** Socket of a chronyd to feed. */
  readonly chrony: string | undefined;
  /** Seconds between status lines. */
  readonly statusIntervalS: number;
}

/**
 * Reads a configuration text.
 * @param file its name, for messages
 * @throws ConfigError: key, what is allowed, what it got; syntax errors with line and column
 */
export function readConfig(text: string, file: string): RunConfig {
  const root = readToml(text, file);
  const at = (path: string) => `${file}: ${path}`;
  knownKeys(at(''), root, ['source', 'combiner', 'poll', 'discovery', 'output', 'observability']);
  const sources = tables(root.source, at('source'));
  if (sources.length === 0) throw new ConfigError(at('source'), 'at least one [[source]]', 'none');
  const discovery = readDiscovery(root.discovery, at('discovery'));
  const servers: string[] = [];
  const pairs: ClientPair[] = [];
  for (const [index, source] of sources.entries()) {
    const isOneOfSeveral = discovery !== null && sources.length > 1; // nobody else asks
    const name = isOneOfSeveral ? `source.${index}` : undefined;
    readSource(source, at(`source.${index}`), name, servers, pairs);
  }
  const combiner = table(root.combiner, at('combiner'));
  knownKeys(at('combiner'), combiner, ['kind']);
  const kind = word(combiner.kind, at('combiner.kind'), COMBINERS, 'braid');
  const poll = table(root.poll, at('poll'));
  knownKeys(at('poll'), poll, ['min', 'max', 'budget', 'iburst']);
  const minPollLog2S = integer(poll.min, at('poll.min'), -4, 17, 6);
  const output = table(root.output, at('output'));
  knownKeys(at('output'), output, ['record', 'chrony']);
  const observability = table(root.observability, at('observability'));
  knownKeys(at('observability'), observability, ['status-interval']);
  return {
    client: {
      servers,
      ...(pairs.length > 0 ? { pairs } : {}),
      combiner: kind,
      minPollLog2S,
      maxPollLog2S: integer(poll.max, at('poll.max'), minPollLog2S, 17, Math.max(10, minPollLog2S)),
      budget: word(poll.budget, at('poll.budget'), ['shared', 'per-path'] as const, 'shared'),
      iburst: integer(poll.iburst, at('poll.iburst'), 0, 8, 4),
      ...(discovery === null ? {} : { discovery }),
    },
    record: optionalText(output.record, at('output.record')),
    chrony: optionalText(output.chrony, at('output.chrony')),
    statusIntervalS: integer(
      observability['status-interval'],
      at('observability.status-interval'),
      1,
      86400,
      1,
    ),
  };
}

/** Null if discovery was not asked for. */
function readDiscovery(value: unknown, at: string): DiscoveryOptions | null {
  if (value === undefined) return null;
  const discovery = table(value, at);
  const known = ['period', 'keep', 'rate', 'answers', 'max-hops', 'role', 'symmetric'];
  knownKeys(at, discovery, known);
  const { period, keep, rate, answers, 'max-hops': maxHops, role, symmetric } = discovery;
  const { periodS, probesPerS, answers: perHop, maxHops: hops } = DISCOVERY_LIMITS;
  return {
    periodS: number(period, `${at}.period`, periodS, periodS.fallback),
    probesPerS: number(rate, `${at}.rate`, probesPerS, probesPerS.fallback),
    keep: keep === undefined ? null : integer(keep, `${at}.keep`, 1, MOST_PATHS, 1),
    answers: integer(answers, `${at}.answers`, perHop.least, perHop.most, perHop.fallback),
    maxHops: integer(maxHops, `${at}.max-hops`, hops.least, hops.most, hops.fallback),
    role: word(role, `${at}.role`, ['slave'] as const, 'slave'), // servers do not trace (PATH-07)
    symmetric: flag(symmetric, `${at}.symmetric`, false),
  };
}

/** @param name of the server where there are several, each a clock of its own */
function readSource(
  source: Table,
  at: string,
  name: string | undefined,
  servers: string[],
  pairs: ClientPair[],
): void {
  knownKeys(at, source, [
    'mode',
    'address',
    'addresses',
    'port',
    'local-addresses',
    'interleaved',
    'ports',
    'path',
  ]);
  const interleaved = flag(source.interleaved, `${at}.interleaved`, false);
  const ports = integer(source.ports, `${at}.ports`, 1, 64, 1);
  const manner = (isInterleaved: boolean, count = ports) => ({
    ...(isInterleaved && { interleaved: true }),
    ...(count > 1 && { ports: count }),
    ...(name !== undefined && { source: name }),
  });
  word(source.mode, `${at}.mode`, ['mpntp'] as const, 'mpntp');
  const port = integer(source.port, `${at}.port`, 1, 65535, NTP_PORT);
  const target = (text: string, field: string) => {
    const { name, port: own } = parseTarget(field, text, port);
    return formatTarget(name, own);
  };
  const one = optionalText(source.address, `${at}.address`);
  const addresses = [
    ...(one === undefined ? [] : [one]),
    ...texts(source.addresses, `${at}.addresses`),
  ].map((text) => target(text, `${at}.address`));
  const paths = tables(source.path, `${at}.path`);
  for (const [index, path] of paths.entries()) {
    const field = `${at}.path.${index}`;
    knownKeys(field, path, ['name', 'remote-address', 'local-address', 'interleaved', 'ports']);
    const ownPorts = integer(path.ports, `${field}.ports`, 1, 64, ports);
    const own = flag(path.interleaved, `${field}.interleaved`, interleaved);
    optionalText(path.name, `${field}.name`);
    const remote = optionalText(path['remote-address'], `${field}.remote-address`);
    const local = optionalText(path['local-address'], `${field}.local-address`);
    if (local === undefined) {
      throw new ConfigError(`${field}.local-address`, 'a local IP address', 'nothing');
    }
    const remotes = remote === undefined ? addresses : [target(remote, `${field}.remote-address`)];
    for (const server of remotes) pairs.push({ server, local, ...manner(own, ownPorts) });
  }
  if (addresses.length === 0 && pairs.length === 0) {
    throw new ConfigError(`${at}.address`, 'a host name or IP address', 'nothing');
  }
  const locals = texts(source['local-addresses'], `${at}.local-addresses`);
  if (locals.length > 0) {
    for (const server of addresses) {
      for (const local of locals) pairs.push({ server, local, ...manner(interleaved) });
    }
  } else if (paths.length === 0 && (interleaved || ports > 1 || name !== undefined)) {
    pairs.push(...addresses.map((server) => ({ server, ...manner(interleaved) })));
  } else if (paths.length === 0) {
    servers.push(...addresses);
  }
}

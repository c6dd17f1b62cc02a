/** Options that `query`, `run` and `record` share, and what they mean for the library's client. */
import type { ClientOptions } from '../client.ts';
import { COMBINERS } from '../core.ts';
import { ConfigError } from '../errors.ts';
import { canonicalIp, ipv4Octets, isIpv6 } from '../path.ts';
import { formatTarget, NTP_PORT, parseTarget } from '../target.ts';
import type { Host } from '../udp/udp.ts';
import type { Args, Option } from './args.ts';

export const CLIENT_OPTIONS: Readonly<Record<string, Option>> = {
  local: {
    type: 'string',
    multiple: true,
    value: 'ADDR',
    help: 'local address; each one makes a path to each server address',
  },
  paths: {
    type: 'string',
    value: 'N',
    help: "at most N paths; without --local, over this machine's own addresses",
  },
  port: { type: 'string', value: 'P', help: 'port of servers that name none (default 123)' },
  interleaved: {
    type: 'boolean',
    help: 'ask in interleaved mode (RFC 9769) where servers can',
  },
  combiner: { type: 'string', value: 'NAME', help: `${COMBINERS.join(', ')} (default braid)` },
};

export interface ClientChoice {
  readonly options: ClientOptions;
  /** Resolved addresses of all servers. */
  readonly remotes: readonly string[];
}

/** What the core holds. */
export const MOST_PATHS = 256;

/** The part of the client's options that comes from these flags. Resolves names. */
export async function clientOptions(
  args: Args,
  host: Host,
  servers: readonly string[] = args.positionals,
): Promise<ClientChoice> {
  const port = args.number('port', NTP_PORT, { least: 1, most: 65535, integer: true });
  const most = args.number('paths', undefined, { least: 1, most: MOST_PATHS, integer: true });
  const given = args.texts('local').map((text) => {
    const ip = canonicalIp(text);
    if (ip === null) throw new ConfigError('--local', 'an IPv4 or IPv6 literal', text);
    return ip;
  });
  const combiner = args.choice('combiner', 'braid', COMBINERS);
  const interleaved = args.flag('interleaved');
  const targets = servers.map((text, index) => parseTarget(`HOST ${index + 1}`, text, port));
  const resolved = await Promise.all(
    targets.map(async (target) => ({ ...target, ips: await host.resolve(target.name) })),
  );
  const remotes = resolved.flatMap(({ ips }) => ips);
  const locals = given.length > 0 ? given : most === undefined ? undefined : host.localAddresses();
  if (locals === undefined) {
    return { options: { servers, port, combiner, interleaved, host }, remotes };
  }
  const pairs: { server: string; local: string }[] = [];
  for (const { ips, port: own } of resolved) {
    for (const remote of ips) {
      for (const local of locals) {
        if (isIpv6(local) !== isIpv6(remote)) continue;
        if (given.length === 0 && scopeOf(local) !== scopeOf(remote)) continue;
        pairs.push({ server: formatTarget(remote, own), local });
      }
    }
  }
  if (pairs.length === 0) {
    throw new ConfigError(
      given.length > 0 ? '--local' : '--paths',
      `an own address that fits ${remotes.join(', ')}`,
      locals.join(', '),
    );
  }
  const limit = most ?? pairs.length;
  return {
    options: { servers: [], pairs: pairs.slice(0, limit), port, combiner, interleaved, host },
    remotes,
  };
}

type Scope = 'loopback' | 'link' | 'private' | 'public';

/** How far an address reaches, as far as its text tells. */
export function scopeOf(ip: string): Scope {
  const octets = ipv4Octets(ip);
  if (octets !== null) {
    const [a = 0, b = 0] = octets;
    if (a === 127) return 'loopback';
    if (a === 169 && b === 254) return 'link';
    if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)) return 'private';
    return 'public';
  }
  if (ip === '::1') return 'loopback';
  if (/^fe[89ab]/i.test(ip)) return 'link';
  return /^f[cd]/i.test(ip) ? 'private' : 'public';
}

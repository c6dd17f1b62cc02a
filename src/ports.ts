/**
 * Several paths of one {remote, local} pair, each from a local port of its own: routers that choose
 * among equal routes by addresses and ports then send them different ways. Beyond RFC 8039.
 */
import { ConfigError, requireInteger } from './errors.ts';
import { type PathKey, pathKey, pathParts } from './path.ts';
import type { Host, Udp } from './udp/udp.ts';

const MOST_PORTS = 64;

/** Throws ConfigError. */
export function checkPorts(field: string, ports: number): number {
  requireInteger(field, ports, 1, MOST_PORTS);
  return ports;
}

interface Ported {
  readonly key: PathKey;
  /** Wanted of this pair; 1: it is one path, and the system chooses the port. */
  readonly ports: number;
}

/**
 * The paths of all pairs. Ports are the system's choice, made now: they last as long as the paths
 * (MP-32). Pairs of one local address use the same ones.
 * @throws HostError if an address cannot be bound; ConfigError if that makes more than `most` paths
 */
export async function spreadPorts<Pair extends Ported>(
  host: Host,
  pairs: readonly Pair[],
  most: number,
): Promise<Pair[]> {
  const wanted = new Map<string, number>();
  let paths = 0;
  for (const { key, ports } of pairs) {
    const { localIp } = pathParts(key);
    paths += ports;
    if (ports > 1) wanted.set(localIp, Math.max(ports, wanted.get(localIp) ?? 0));
  }
  if (paths > most) throw new ConfigError('paths', `at most ${most} {server, local, port}`, paths);
  const chosen = new Map<string, number[]>();
  for (const [ip, count] of wanted) chosen.set(ip, await freePorts(host, ip, count));
  return pairs.flatMap((pair) => {
    if (pair.ports === 1) return [pair];
    const { remoteIp, localIp } = pathParts(pair.key);
    const ports = (chosen.get(localIp) ?? []).slice(0, pair.ports);
    return ports.map((port) => ({ ...pair, key: pathKey(remoteIp, localIp, port) }));
  });
}

/** Ports nobody has at this address; all open at once, so that each comes once. */
async function freePorts(host: Host, ip: string, count: number): Promise<number[]> {
  const deaf = { onDatagram: () => undefined, onError: () => undefined };
  const open: Udp[] = [];
  try {
    while (open.length < count) open.push(await host.openUdp({ ip, port: 0 }, deaf));
    return open.map(({ local }) => local.port);
  } finally {
    await Promise.all(open.map((udp) => udp.close()));
  }
}

/** Texts that name a server or an address with a port: `host`, `host:port`, `[v6]:port`, `v6`. */
import { ConfigError } from './errors.ts';
import { canonicalIp } from './path.ts';

export const NTP_PORT = 123;

export interface Target {
  /** A name, or a canonical IP literal. */
  readonly name: string;
  readonly port: number;
}

/**
 * Reads a target.
 * @throws ConfigError naming `field`
 */
export function parseTarget(field: string, text: string, defaultPort = NTP_PORT): Target {
  const bracket = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  if (bracket !== null) {
    const ip = canonicalIp(bracket[1] ?? '');
    if (ip === null) throw new ConfigError(field, 'an IPv6 literal between [ and ]', text);
    return { name: ip, port: parsePort(field, bracket[2], defaultPort) };
  }
  const ip = canonicalIp(text);
  if (ip !== null) return { name: ip, port: defaultPort };
  const colon = text.lastIndexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const port = parsePort(field, colon < 0 ? undefined : text.slice(colon + 1), defaultPort);
  const literal = canonicalIp(name);
  if (literal === null && !/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(name)) {
    throw new ConfigError(field, 'a host name or IP address, with :port if not the default', text);
  }
  if (literal === null && /^[\d.]+$/.test(name)) {
    throw new ConfigError(field, 'an IPv4 address of four numbers 0..255', text);
  }
  return { name: literal ?? name, port };
}

function parsePort(field: string, text: string | undefined, defaultPort: number): number {
  if (text === undefined) return defaultPort;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535) {
    throw new ConfigError(`${field} port`, '1..65535', text);
  }
  return port;
}

/** Prints an address and port as a target. */
export function formatTarget(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

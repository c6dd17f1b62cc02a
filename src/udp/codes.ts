/**
 * Errors of three runtimes in one language: a code as POSIX names it, and the rest of a sentence
 * that says what to do.
 */
import { HostError } from '../errors.ts';
import type { Address } from '../machine.ts';
import { canonicalIp, isIpv6 } from '../path.ts';

export const isDeno = (): boolean => 'Deno' in globalThis;

const CODE_OF_NAME: Readonly<Record<string, string>> = {
  AddrInUse: 'EADDRINUSE',
  AddrNotAvailable: 'EADDRNOTAVAIL',
  BadResource: 'EBADF',
  ConnectionRefused: 'ECONNREFUSED',
  HostUnreachable: 'EHOSTUNREACH',
  Interrupted: 'EINTR',
  NetworkDown: 'ENETDOWN',
  NetworkUnreachable: 'ENETUNREACH',
  NotADirectory: 'ENOTDIR',
  NotCapable: 'EACCES',
  NotFound: 'ENOENT',
  PermissionDenied: 'EACCES',
  RangeError: 'EINVAL',
  TimedOut: 'ETIMEDOUT',
  TypeError: 'EINVAL',
};

/** POSIX-like code of whatever a runtime throws, `UNKNOWN` if it does not tell. */
export function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (code === 'ERR_SOCKET_DGRAM_NOT_RUNNING') return 'EBADF';
  if (typeof code === 'string' && !code.startsWith('ERR_')) return code;
  return CODE_OF_NAME[String(name)] ?? 'UNKNOWN';
}

/** An error with a code, for {@link reasonOf} to word. */
export const coded = (code: string, message: string): Error =>
  Object.assign(new Error(message), { code });

export const addressText = ({ ip, port }: Address): string =>
  isIpv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`;

/** The rest of the sentence "cannot bind …:" or "cannot join …:". */
export function reasonOf({ ip, port }: Address, error: unknown): string {
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  const code = codeOf(error);
  if (name === 'NotCapable') return `${code}, ${message}`; // names the --allow-net it wants
  if (code === 'EADDRINUSE') return `${code}, another socket holds this address and port`;
  if (code === 'EADDRNOTAVAIL') return `${code}, no interface of this machine has this address`;
  if (code === 'EAFNOSUPPORT')
    return `${code}, this machine has no ${isIpv6(ip) ? 'IPv6' : 'IPv4'}`;
  if (code === 'EACCES' && port > 0 && port < 1024) {
    return `${code}, ports below 1024 need a privilege: grant CAP_NET_BIND_SERVICE or take a port from 1024 up`;
  }
  if (code === 'EINVAL' && /^fe[89ab]/.test(ip) && !ip.includes('%')) {
    return `${code}, a link-local address needs its zone, e.g. ${ip}%eth0`;
  }
  return `${code}, ${message}`;
}

/**
 * An address to bind, in canonical form.
 * @param doing what shall be done with it, e.g. `bind`
 * @throws HostError if the address or the port is none
 */
export function requireLocal(doing: string, { ip, port }: Address): Address {
  const canonical = canonicalIp(ip);
  const at = addressText({ ip, port });
  if (canonical === null) throw new HostError(`cannot ${doing} ${at}: "${ip}" is no IP literal`);
  if (!(Number.isInteger(port) && port >= 0 && port < 65536)) {
    throw new HostError(`cannot ${doing} ${at}: the port must be an integer from 0 to 65535`);
  }
  return { ip: canonical, port };
}

/**
 * What the plain adapters share: checks before a bind or a send, error codes and sentences, timer,
 * random bytes, names and addresses. Asks for no permission in Deno beyond --allow-net.
 */
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { HostError } from '../errors.ts';
import type { Address } from '../machine.ts';
import { canonicalIp, isIpv6 } from '../path.ts';
import { makeClock } from './clock.ts';
import type { Clock, Handlers, Host, Udp } from './udp.ts';

/** Opens one socket; what it throws is put into words by {@link makeHost}. */
export type Open = (local: Address, handlers: Handlers, clock: Clock) => Promise<Udp>;

/** Completes an adapter's `open` to a host with a clock of its own. */
export function makeHost(name: string, open: Open): Host {
  const clock = makeClock();
  return {
    name,
    clock,
    async openUdp(local, handlers) {
      const { ip, port } = requireLocal(local);
      try {
        return await open({ ip, port }, loud(handlers), clock);
      } catch (cause) {
        throw new HostError(
          `cannot bind ${addressText({ ip, port })}: ${reason(ip, port, cause)}`,
          {
            cause,
          },
        );
      }
    },
    setTimer,
    randomBytes,
    resolve,
    localAddresses,
  };
}

/**
 * Makes what a handler throws fatal, as a bug should be. Left alone, Bun hands it to the socket's
 * error handler and Deno's node:dgram goes deaf without a word.
 */
function loud(handlers: Handlers): Handlers {
  const rethrow = (error: unknown) =>
    queueMicrotask(() => {
      throw error;
    });
  return {
    onDatagram(datagram) {
      try {
        handlers.onDatagram(datagram);
      } catch (error) {
        rethrow(error);
      }
    },
    onError(code) {
      try {
        handlers.onError(code);
      } catch (error) {
        rethrow(error);
      }
    },
  };
}

/**
 * Why a datagram cannot be sent from this socket, as code, or null. Some runtimes throw here, some
 * report later, some send to port 4464 when asked for 70000; a stranger's source port may be 0.
 */
export function refusal(local: Address, to: Address): string | null {
  if (!(Number.isInteger(to.port) && to.port > 0 && to.port < 65536)) return 'EINVAL';
  return isIpv6(local.ip) === isIpv6(to.ip) ? null : 'EAFNOSUPPORT';
}

/**
 * Canonical text of a sender's address as the runtime shows it. Deno leaves out the zone of a
 * link-local sender; it can only be the zone of the socket.
 */
export function senderIp(text: string, local: Address): string {
  const ip = canonicalIp(text) ?? text;
  if (!/^fe[89ab]/.test(ip) || ip.includes('%')) return ip;
  const percent = local.ip.indexOf('%');
  return percent < 0 ? ip : ip + local.ip.slice(percent);
}

/**
 * Lets Deno's event loop turn once after a bind. Before, a fresh socket is not yet known to be
 * writable: its first datagrams wait, and then leave in reverse order (300 of 300 sockets).
 */
export const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const CODE_OF_NAME: Readonly<Record<string, string>> = {
  AddrInUse: 'EADDRINUSE',
  AddrNotAvailable: 'EADDRNOTAVAIL',
  BadResource: 'EBADF',
  ConnectionRefused: 'ECONNREFUSED',
  HostUnreachable: 'EHOSTUNREACH',
  Interrupted: 'EINTR',
  NetworkDown: 'ENETDOWN',
  NetworkUnreachable: 'ENETUNREACH',
  NotCapable: 'EACCES',
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

/** Longest delay setTimeout takes; a longer one fires at once in Node, Deno and Bun (ms). */
const LONGEST_MS = 2 ** 31 - 1;

/** See {@link Host.setTimer}. `longestMs` is there for the test of long delays. */
export function setTimer(
  callback: () => void,
  delayMs: number,
  longestMs = LONGEST_MS,
): () => void {
  let leftMs = Math.max(delayMs || 0, 0); // NaN is 0
  let handle: ReturnType<typeof setTimeout>;
  const arm = () => {
    const partMs = Math.min(leftMs, longestMs);
    leftMs -= partMs;
    handle = setTimeout(leftMs > 0 ? arm : callback, partMs);
  };
  arm();
  return () => clearTimeout(handle);
}

/** One call of getRandomValues gives no more than this. */
const RANDOM_AT_ONCE = 65536;

/** See {@link Host.randomBytes}. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_AT_ONCE) {
    globalThis.crypto.getRandomValues(bytes.subarray(at, at + RANDOM_AT_ONCE));
  }
  return bytes;
}

/** See {@link Host.resolve}. Rejects with HostError. */
export async function resolve(name: string): Promise<string[]> {
  const literal = canonicalIp(name);
  if (literal !== null) return [literal];
  try {
    const found = await lookup(name, { all: true, verbatim: true });
    return [...new Set(found.map(({ address }) => canonicalIp(address) ?? address))];
  } catch (cause) {
    const code = codeOf(cause);
    const hint = code === 'EPERM' && isDeno() ? `, Deno needs --allow-net=${name}` : '';
    throw new HostError(`cannot resolve "${name}": ${code}${hint}`, { cause });
  }
}

/** See {@link Host.localAddresses}. Empty where the system or Deno's permissions keep them secret. */
export function localAddresses(): string[] {
  if (!mayListInterfaces()) return [];
  try {
    const entries = Object.values(networkInterfaces()).flatMap((entry) => entry ?? []);
    return [...new Set(entries.map(({ address }) => canonicalIp(address) ?? address))];
  } catch {
    return [];
  }
}

interface DenoPermissions {
  readonly permissions?: {
    querySync(descriptor: { name: 'sys'; kind: 'networkInterfaces' }): { state: string };
  };
}

export const isDeno = (): boolean => 'Deno' in globalThis;

/** In Deno only if already granted (--allow-sys=networkInterfaces): asking would stop at a prompt. */
function mayListInterfaces(): boolean {
  const { Deno } = globalThis as { Deno?: DenoPermissions };
  const permissions = Deno?.permissions;
  if (permissions === undefined) return true;
  return permissions.querySync({ name: 'sys', kind: 'networkInterfaces' }).state === 'granted';
}

function requireLocal({ ip, port }: Address): Address {
  const canonical = canonicalIp(ip);
  const at = addressText({ ip, port });
  if (canonical === null) throw new HostError(`cannot bind ${at}: "${ip}" is no IP literal`);
  if (!(Number.isInteger(port) && port >= 0 && port < 65536)) {
    throw new HostError(`cannot bind ${at}: the port must be an integer from 0 to 65535`);
  }
  return { ip: canonical, port };
}

const addressText = ({ ip, port }: Address): string =>
  isIpv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`;

/** The rest of the sentence "cannot bind …:". */
function reason(ip: string, port: number, error: unknown): string {
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

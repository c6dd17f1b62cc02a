/**
 * What the plain adapters share: checks before a bind or a send, error codes and sentences, timer,
 * random bytes, names and addresses. Asks for no permission in Deno beyond --allow-net.
 */
import { lookup } from 'node:dns/promises';
import { HostError } from '../errors.ts';
import type { Address } from '../machine.ts';
import { canonicalIp, isIpv6 } from '../path.ts';
import { makeClock } from './clock.ts';
import { addressText, coded, codeOf, isDeno, reasonOf, requireLocal } from './codes.ts';
import { groupInterface, interfaceAddresses, isLinkLocal, zoneOf } from './interfaces.ts';
import { type Join, makeMulticast } from './multicast.ts';
import type { Clock, Handlers, Host, MulticastOptions, SendOptions, Udp } from './udp.ts';

/** Sending to groups, checked and complete. */
export interface Sending {
  readonly hops: number;
  readonly loopback: boolean;
  /** Name of the interface to send from; always there with IPv6, IPv4 can do without. */
  readonly zone: string | null;
}

/** Opens one socket; what it throws is put into words by {@link makeHost}. */
export type Open = (
  local: Address,
  handlers: Handlers,
  clock: Clock,
  sending: Sending | null,
) => Promise<Udp>;

/** Completes an adapter's `open` and `join` to a host with a clock of its own. */
export function makeHost(name: string, open: Open, join: Join, clock = makeClock()): Host {
  const openMulticast = makeMulticast(join, clock);
  return {
    name,
    clock,
    async openUdp(given, handlers, options) {
      const local = requireLocal('bind', given);
      try {
        const sending = options?.multicast ? checkSending(local.ip, options.multicast) : null;
        return await open(local, loud(handlers), clock, sending);
      } catch (cause) {
        throw new HostError(`cannot bind ${addressText(local)}: ${reasonOf(local, cause)}`, {
          cause,
        });
      }
    },
    openMulticast: (group, local, handlers) => openMulticast(group, local, loud(handlers)),
    setTimer,
    randomBytes,
    resolve,
    localAddresses,
  };
}

function checkSending(ip: string, { hops = 1, loopback = false }: MulticastOptions): Sending {
  if (!(Number.isInteger(hops) && hops >= 1 && hops <= 255)) {
    throw coded('EINVAL', `the hop limit for groups must be an integer from 1 to 255, not ${hops}`);
  }
  return { hops, loopback, zone: groupInterface(ip, interfaceAddresses()) };
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
  const guard =
    <Given>(handle: (given: Given) => void) =>
    (given: Given) => {
      try {
        handle(given);
      } catch (error) {
        rethrow(error);
      }
    };
  return {
    onDatagram: guard((datagram) => handlers.onDatagram(datagram)),
    onError: guard((code) => handlers.onError(code)),
    ...(handlers.onIcmp && { onIcmp: guard((icmp) => handlers.onIcmp?.(icmp)) }),
    ...(handlers.onUnreachable && {
      onUnreachable(remoteIp: string, code: string) {
        guard(() => handlers.onUnreachable?.(remoteIp, code))(null);
      },
    }),
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

/** As {@link refusal}, of an adapter that cannot set a single datagram's hop limit or DSCP. */
export function plainRefusal(local: Address, to: Address, options?: SendOptions): string | null {
  if (options?.hops !== undefined || options?.dscp !== undefined) return 'ENOTSUP';
  return refusal(local, to);
}

/**
 * Canonical text of a sender's address as the runtime shows it. Deno leaves out the zone of a
 * link-local sender; it can only be the zone of the socket.
 */
export function senderIp(text: string, local: Address): string {
  const ip = canonicalIp(text) ?? text;
  const zone = zoneOf(local.ip);
  return zone === null || !isLinkLocal(ip) || zoneOf(ip) !== null ? ip : `${ip}%${zone}`;
}

/**
 * Lets Deno's event loop turn once after a bind. Before, a fresh socket is not yet known to be
 * writable: its first datagrams wait, and then leave in reverse order (300 of 300 sockets).
 */
export const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

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
export const localAddresses = (): string[] => [
  ...new Set((interfaceAddresses() ?? []).map(({ ip }) => ip)),
];

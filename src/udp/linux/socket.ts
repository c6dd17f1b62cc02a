/** Our own UDP sockets: opened, bound, read and written through the C library. */
import type { Address, Arrival } from '../../machine.ts';
import { isIpv6 } from '../../path.ts';
import { refusal } from '../common.ts';
import type { Handlers, SendOptions, Udp } from '../udp.ts';
import {
  AF_INET,
  AF_INET6,
  IP_PKTINFO,
  IP_RECVERR,
  IP_RECVTTL,
  IPV6_RECVERR,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_RXQ_OVFL,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from './constants.ts';
import { makeDescriptor } from './descriptor.ts';
import { failure } from './errno.ts';
import { allocate } from './memory.ts';
import { MOST_BYTES } from './sender.ts';
import { boundName, SOCKADDR_BYTES } from './sockaddr.ts';
import type { System } from './system.ts';

/** Wished for; the system gives less without a word (net.core.rmem_max). */
const RECEIVE_BUFFER_BYTES = 1 << 20;

export interface SocketOptions {
  /** Others may bind the same address and port (for groups). */
  readonly isShared?: boolean;
  /** More settings, before anything can arrive. */
  settings?(fd: number): void;
  /** Only what came by this interface is taken. */
  readonly onlyIfindex?: number;
  /** What is said to be local instead of the bound address (a group's is ours). */
  readonly localIp?: string;
}

/**
 * Opens and binds.
 * @throws Error with a code
 */
export function openSocket(
  system: System,
  asked: Address,
  handlers: Handlers,
  options: SocketOptions = {},
): Udp {
  const fd = bound(system, asked, options);
  try {
    return attach(system, fd, asked, handlers, options);
  } catch (error) {
    system.ffi.libc.close(fd);
    throw error;
  }
}

function bound(system: System, asked: Address, { isShared, settings }: SocketOptions): number {
  const { ffi, addresses, options } = system;
  const v6 = isIpv6(asked.ip);
  const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = ffi.libc.socket(v6 ? AF_INET6 : AF_INET, type, 0);
  if (fd < 0) throw failure(ffi, 'socket');
  try {
    if (isShared) options.setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (v6) {
      options.setInt(fd, SOL_IPV6, IPV6_V6ONLY, 1); // so that :: and 0.0.0.0 can share a port
      for (const name of [IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVERR]) {
        options.setInt(fd, SOL_IPV6, name, 1);
      }
    } else {
      for (const name of [IP_PKTINFO, IP_RECVTTL, IP_RECVERR]) {
        options.setInt(fd, SOL_IP, name, 1);
      }
    }
    options.setInt(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    options.setInt(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
    options.setStamping(fd);
    settings?.(fd);
    const name = allocate(ffi, SOCKADDR_BYTES);
    const length = addresses.write(name, 0, asked);
    if (ffi.libc.bind(fd, name.bytes, length) < 0) throw failure(ffi, 'bind');
    return fd;
  } catch (error) {
    ffi.libc.close(fd);
    throw error;
  }
}

const isByte = (value: number | undefined, least: number, most: number): boolean =>
  value === undefined || (Number.isInteger(value) && value >= least && value <= most);

function attach(
  system: System,
  fd: number,
  asked: Address,
  handlers: Handlers,
  { localIp = asked.ip, onlyIfindex = 0 }: SocketOptions,
): Udp {
  const { batch, addresses, sender } = system;
  const { said } = batch;
  const local: Address = { ip: localIp, port: boundName(system.ffi, fd).view.getUint16(2) };

  const descriptor = makeDescriptor(system, fd, {
    batch,
    isHeld: true,
    onMessage(bytes, nameAt) {
      if (onlyIfindex !== 0 && said.ifindex !== 0 && said.ifindex !== onlyIfindex) return;
      const remote = addresses.read(batch.names, nameAt);
      if (remote === null) return;
      const { receivedAtNs } = descriptor.stamped();
      handlers.onDatagram({
        bytes,
        local,
        remote,
        receivedAtNs,
        arrival: arrivalOf(system, local),
      });
    },
    onFailure() {},
    onIcmp(icmp) {
      const isGone = icmp.errorCode === 'ECONNREFUSED';
      if (handlers.onIcmp) handlers.onIcmp(icmp);
      else if (isGone && handlers.onUnreachable) handlers.onUnreachable(icmp.to.ip, icmp.errorCode);
      // Whatever a stranger's ICMP says, it is about one peer and not about this socket
      else handlers.onError(isGone ? icmp.errorCode : 'EHOSTUNREACH');
    },
  });
  return {
    local,
    stampKind: 'kernel',
    counts: descriptor.counts,
    send(bytes, to, seal, options) {
      const code = descriptor.isClosed ? 'EBADF' : refusalOf(local, to, bytes, options);
      if (code !== null) return code;
      const { departed, hops, dscp } = options ?? {};
      const beside = { isStamped: departed !== undefined, hops, dscp };
      const prepare = () => sender.prepare(to, beside);
      return descriptor.send({ bytes, prepare, seal, departed });
    },
    close: descriptor.close,
  };
}

function refusalOf(
  local: Address,
  to: Address,
  bytes: Uint8Array,
  options?: SendOptions,
): string | null {
  if (bytes.length > MOST_BYTES) return 'EMSGSIZE';
  if (!isByte(options?.hops, 1, 255) || !isByte(options?.dscp, 0, 63)) return 'EINVAL';
  return refusal(local, to);
}

/** Of the message that is open in the system's batch. */
function arrivalOf({ batch, addresses }: System, local: Address): Arrival {
  const { said, control } = batch;
  const { destinationAt, ifindex, hops } = said;
  if (destinationAt < 0) return { ip: local.ip, ifindex, hops };
  const read = isIpv6(local.ip) ? addresses.readIpv6 : addresses.readIpv4;
  return { ip: read(control.bytes, destinationAt), ifindex, hops };
}

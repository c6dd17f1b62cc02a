/**
 * Several sockets on one address, one for each worker (SO_REUSEPORT). A small program in the kernel
 * picks the socket by the client's address, so that all datagrams of one client come to one worker.
 */
import { HostError } from '../../errors.ts';
import type { Address } from '../../machine.ts';
import { isIpv6 } from '../../path.ts';
import { addressText, reasonOf, requireLocal } from '../codes.ts';
import {
  AF_INET,
  AF_INET6,
  IP_MTU_DISCOVER,
  IP_PMTUDISC_PROBE,
  IPV6_V6ONLY,
  SO_ATTACH_REUSEPORT_CBPF,
  SO_RCVBUF,
  SO_RCVTIMEO,
  SO_REUSEPORT,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from './constants.ts';
import { failure } from './errno.ts';
import type { Ffi } from './libc.ts';
import { allocate, setPointer } from './memory.ts';
import { makeOptions } from './options.ts';
import { boundName, makeAddresses, SOCKADDR_BYTES } from './sockaddr.ts';

/** How clients are told apart. */
export interface Picking {
  /** IPv6 clients of one /64 are one. */
  readonly isByPrefix: boolean;
  /** Keeps strangers from choosing addresses of one worker. (u32) */
  readonly seed: number;
}

export interface SharedSockets {
  /** As bound, with the real port. */
  readonly local: Address;
  /** One for each worker, in their order. Whoever asked for them closes them. */
  readonly fds: readonly number[];
  /** Why the kernel does not pick by the client's address, null if it does. */
  readonly whyUnpicked: string | null;
}

/** Wished for; the system gives less without a word (net.core.rmem_max). */
const RECEIVE_BUFFER_BYTES = 1 << 20;

/** Longest waits for a datagram, and for room in the send buffer (ms). */
const RECEIVE_MS = 100;
const SEND_MS = 10;

/** struct timeval. */
function timeval(ms: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint32(8, ms * 1000, true);
  return new Uint8Array(view.buffer);
}

/**
 * Opens and binds one blocking socket per worker; with kernel stamps of receipt, and of departure if asked.
 * @throws HostError if the address cannot be bound (then none stays open)
 */
export function openSockets(
  ffi: Ffi,
  asked: Address,
  workers: number,
  picking: Picking,
): SharedSockets {
  const local = requireLocal('bind', asked);
  const fds: number[] = [];
  let whyUnpicked: string | null = null;
  let { port } = local;
  try {
    for (let n = 0; n < workers; n++) {
      const fd = openOne(ffi, local.ip, workers > 1);
      fds.push(fd);
      if (n === 0 && workers > 1) whyUnpicked = pickByClient(ffi, fd, local.ip, workers, picking);
      port = bindTo(ffi, fd, { ip: local.ip, port });
    }
    return { local: { ip: local.ip, port }, fds, whyUnpicked };
  } catch (cause) {
    for (const fd of fds) ffi.libc.close(fd);
    const why = reasonOf(local, cause);
    throw new HostError(`cannot bind ${addressText(local)}: ${why}`, { cause });
  }
}

function openOne(ffi: Ffi, ip: string, isShared: boolean): number {
  const family = isIpv6(ip) ? AF_INET6 : AF_INET;
  const fd = ffi.libc.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failure(ffi, 'socket');
  try {
    const options = makeOptions(ffi);
    if (isShared) options.setInt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (isIpv6(ip)) options.setInt(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    // Replies fit every link. Said so, the kernel keeps no fragment numbers per client (5 % of the
    // cost of a reply), and nobody's ICMP changes how they leave
    else options.setInt(fd, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    options.setInt(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
    options.setBytes(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(RECEIVE_MS));
    options.setBytes(fd, SOL_SOCKET, SO_SNDTIMEO, timeval(SEND_MS));
    options.setStamping(fd);
    return fd;
  } catch (error) {
    ffi.libc.close(fd);
    throw error;
  }
}

/** @returns the port */
function bindTo(ffi: Ffi, fd: number, local: Address): number {
  const name = allocate(ffi, SOCKADDR_BYTES);
  const length = makeAddresses(ffi).write(name, 0, local);
  if (ffi.libc.bind(fd, name.bytes, length) < 0) throw failure(ffi, 'bind');
  return boundName(ffi, fd).view.getUint16(2);
}

// Classic BPF, linux/bpf_common.h: loads count from the network header on
const NETWORK = 0xfff00000; // SKF_NET_OFF
const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const MULTIPLY = 0x24; // BPF_ALU | BPF_MUL | BPF_K
const SHIFT_RIGHT = 0x74;
const MODULO = 0x94;
const XOR = 0xa4;
const XOR_X = 0xac;
const TO_X = 0x07; // BPF_MISC | BPF_TAX
const RETURN_A = 0x16;
const GOLDEN = 0x9e3779b1;
/** Where the source address stands in the IP header. */
const SOURCE_AT = 12;
const SOURCE6_AT = 8;

/** The kernel's program: its instructions as code and operand. */
export function pickingProgram(
  ip: string,
  workers: number,
  { isByPrefix, seed }: Picking,
): readonly (readonly [code: number, operand: number])[] {
  const words = isIpv6(ip) ? (isByPrefix ? 2 : 4) : 1;
  const from = NETWORK + (isIpv6(ip) ? SOURCE6_AT : SOURCE_AT);
  const program: [number, number][] = [[LOAD, from], [XOR, seed >>> 0], [MULTIPLY, GOLDEN]]; // biome-ignore format: one line
  for (let word = 1; word < words; word++) {
    program.push([TO_X, 0], [LOAD, from + 4 * word], [XOR_X, 0], [MULTIPLY, GOLDEN]);
  }
  program.push([SHIFT_RIGHT, 16], [MODULO, workers], [RETURN_A, 0]);
  return program;
}

/**
 * Has the kernel pick among `workers` sockets; said to one of them, it holds for all.
 * @returns why it cannot, null if it does
 */
export function pickByClient(
  ffi: Ffi,
  fd: number,
  ip: string,
  workers: number,
  picking: Picking,
): string | null {
  const program = pickingProgram(ip, workers, picking);
  const code = allocate(ffi, 8 * program.length);
  const head = allocate(ffi, 16); // struct sock_fprog
  for (const [n, [instruction, operand]] of program.entries()) {
    code.view.setUint16(8 * n, instruction, true);
    code.view.setUint32(8 * n + 4, operand, true);
  }
  head.view.setUint16(0, program.length, true);
  setPointer(head, 8, code.address);
  const set = ffi.libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, head.bytes, 16);
  return set < 0 ? failure(ffi, 'SO_ATTACH_REUSEPORT_CBPF').message : null;
}

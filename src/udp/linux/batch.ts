/**
 * Many messages of one recvmmsg call: the headers, and what the kernel says beside the bytes
 * (control messages) in one record that is overwritten with each {@link Batch.open}.
 */
import {
  IP_PKTINFO,
  IP_RECVERR,
  IP_TTL,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  IPV6_RECVERR,
  MSG_DONTWAIT,
  MSG_TRUNC,
  PACKET_AUXDATA,
  PACKET_TX_TIMESTAMP,
  SO_RXQ_OVFL,
  SO_TIMESTAMPING,
  SOL_IP,
  SOL_IPV6,
  SOL_PACKET,
  SOL_SOCKET,
} from './constants.ts';
import type { Ffi } from './libc.ts';
import { allocate, type Memory, setPointer } from './memory.ts';

/** struct mmsghdr, struct iovec, room for a socket address, room for control messages (bytes). */
const HEADER_BYTES = 64;
const IOVEC_BYTES = 16;
const NAME_BYTES = 32;
const CONTROL_BYTES = 256;
/** struct cmsghdr. */
const CMSG_BYTES = 16;

/** What the kernel said of one message. Zero and −1 where it said nothing. */
export interface Said {
  /** Unix time of receipt, or of departure in the error queue; 0 s: there is no stamp. */
  stampS: number;
  stampNs: number;
  /** Hop limit (TTL) left, −1: not told. */
  hops: number;
  /** Number of the interface it came by, 0: not told. */
  ifindex: number;
  /** Where in {@link Batch.control} the destination address stands, −1: not told. */
  destinationAt: number;
  /** Datagrams that this socket lost for want of buffer, in all; −1: none so far. */
  lost: number;
  /** Where in {@link Batch.control} a sock_extended_err stands, −1: it is no error. */
  errorAt: number;
  /** Where in {@link Batch.control} a tpacket_auxdata stands, −1: not told. */
  auxAt: number;
}

export interface Batch {
  /** Most messages at once. */
  readonly size: number;
  readonly said: Said;
  readonly control: Memory;
  readonly names: Memory;
  /** All that the kernel is pointed at: to be referenced for as long as it may write. */
  readonly memory: readonly Memory[];
  /**
   * Receives as many messages as there are, up to the size of the batch. Never waits.
   * @returns how many; −1 if the call failed
   */
  receive(fd: number, flags: number): number;
  /**
   * Reads what was said of message `n` into {@link said}.
   * @returns its bytes, valid until the next receive; null if it was longer than a slot
   */
  open(n: number): Uint8Array | null;
  /** Where the sender's address stands in {@link names}. */
  nameAt(n: number): number;
}

/** @param slotBytes longest message taken whole; `headroom` bytes stay free before each */
export function makeBatch(ffi: Ffi, count: number, slotBytes: number, headroom = 0): Batch {
  const headers = allocate(ffi, HEADER_BYTES * count);
  const iovecs = allocate(ffi, IOVEC_BYTES * count);
  const names = allocate(ffi, NAME_BYTES * count);
  const control = allocate(ffi, CONTROL_BYTES * count);
  const stride = slotBytes + headroom;
  const slots = allocate(ffi, stride * count);
  for (let n = 0; n < count; n++) {
    const at = HEADER_BYTES * n;
    setPointer(headers, at, names.address + NAME_BYTES * n);
    setPointer(headers, at + 16, iovecs.address + IOVEC_BYTES * n);
    headers.view.setUint32(at + 24, 1, true);
    setPointer(headers, at + 32, control.address + CONTROL_BYTES * n);
    setPointer(iovecs, IOVEC_BYTES * n, slots.address + stride * n + headroom);
    iovecs.view.setUint32(IOVEC_BYTES * n + 8, slotBytes, true);
  }
  const words = new Uint32Array(headers.bytes.buffer);
  const controls = new Int32Array(control.bytes.buffer);
  const said: Said = {
    stampS: 0,
    stampNs: 0,
    hops: -1,
    ifindex: 0,
    destinationAt: -1,
    lost: -1,
    errorAt: -1,
    auxAt: -1,
  };
  let dirty = count;

  function rearm(): void {
    for (let n = 0; n < dirty; n++) {
      const at = (HEADER_BYTES / 4) * n;
      words[at + 2] = NAME_BYTES;
      words[at + 10] = CONTROL_BYTES;
      words[at + 12] = 0;
    }
    dirty = 0;
  }

  /** One control message; its content stands at byte `at`. */
  function take(level: number, type: number, at: number): void {
    const word = at >> 2;
    if (level === SOL_SOCKET) {
      if (type === SO_TIMESTAMPING) {
        // The first of three: software. Seconds and nanoseconds are 64 bits each.
        said.stampS = (controls[word] ?? 0) >>> 0;
        said.stampNs = controls[word + 2] ?? 0;
      } else if (type === SO_RXQ_OVFL) said.lost = (controls[word] ?? 0) >>> 0;
    } else if (level === SOL_IP) {
      if (type === IP_PKTINFO) {
        said.ifindex = controls[word] ?? 0;
        said.destinationAt = at + 8; // ipi_addr: what stood in the header
      } else if (type === IP_TTL) said.hops = controls[word] ?? -1;
      else if (type === IP_RECVERR) said.errorAt = at;
    } else if (level === SOL_IPV6) {
      if (type === IPV6_PKTINFO) {
        said.destinationAt = at;
        said.ifindex = controls[word + 4] ?? 0;
      } else if (type === IPV6_HOPLIMIT) said.hops = controls[word] ?? -1;
      else if (type === IPV6_RECVERR) said.errorAt = at;
    } else if (level === SOL_PACKET) {
      if (type === PACKET_AUXDATA) said.auxAt = at;
      else if (type === PACKET_TX_TIMESTAMP) said.errorAt = at;
    }
  }

  return {
    size: count,
    said,
    control,
    names,
    memory: [headers, iovecs, names, control, slots],
    receive(fd, flags) {
      rearm();
      const received = ffi.libc.recvmmsg(fd, headers.bytes, count, flags | MSG_DONTWAIT, null);
      dirty = Math.max(received, 1); // a failed call may have written into the first
      return received;
    },
    open(n) {
      said.stampS = 0;
      said.stampNs = 0;
      said.hops = -1;
      said.ifindex = 0;
      said.destinationAt = -1;
      said.lost = -1;
      said.errorAt = -1;
      said.auxAt = -1;
      const header = (HEADER_BYTES / 4) * n;
      const end = CONTROL_BYTES * n + (words[header + 10] ?? 0);
      for (let at = CONTROL_BYTES * n; at + CMSG_BYTES <= end; ) {
        const word = at >> 2;
        const length = controls[word] ?? 0;
        if (length < CMSG_BYTES) break;
        take(controls[word + 2] ?? 0, controls[word + 3] ?? 0, at + CMSG_BYTES);
        at += (length + 7) & ~7;
      }
      if (((words[header + 12] ?? 0) & MSG_TRUNC) !== 0) return null;
      const from = stride * n + headroom;
      return slots.bytes.subarray(from, from + (words[header + 14] ?? 0));
    },
    nameAt: (n) => NAME_BYTES * n,
  };
}

/** One sendmsg call with what goes beside the bytes: a stamp asked for, hop limit, DSCP. */
import type { Address } from '../../machine.ts';
import {
  IP_TOS,
  IP_TTL,
  IPV6_HOPLIMIT,
  IPV6_TCLASS,
  SO_TIMESTAMPING,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  TX_SOFTWARE,
} from './constants.ts';
import type { Ffi } from './libc.ts';
import { allocate, type Memory, setPointer } from './memory.ts';
import { type Addresses, SOCKADDR_BYTES } from './sockaddr.ts';

/** What goes beside the bytes of one message. */
export interface Beside {
  /** Ask the kernel when it leaves. */
  readonly isStamped: boolean;
  readonly hops?: number | undefined;
  readonly dscp?: number | undefined;
}

export interface Sender {
  /** As in {@link Batch}. */
  readonly memory: readonly Memory[];
  /** Where the next message goes, and with what. What takes time is done here, before the stamp. */
  prepare(to: Address, beside: Beside): void;
  /** As {@link prepare}, with a socket address as it stands in memory. */
  prepareRaw(sockaddr: Uint8Array, isStamped: boolean): void;
  /** Sends what was prepared, with these bytes. @returns −1 if it was refused: errno says why */
  send(fd: number, bytes: Uint8Array): number;
}

/** Longest datagram that UDP over IPv4 takes. */
export const MOST_BYTES = 65507;
/** Room for each control message with an int: header and padding included. */
const INT_CONTROL_BYTES = 24;
const INT_CONTROL_LENGTH = 20;

export function makeSender(ffi: Ffi, addresses: Addresses): Sender {
  const header = allocate(ffi, 56);
  const iovec = allocate(ffi, 16);
  const name = allocate(ffi, SOCKADDR_BYTES);
  const control = allocate(ffi, 3 * INT_CONTROL_BYTES);
  const data = allocate(ffi, 65536);
  setPointer(header, 0, name.address);
  setPointer(header, 16, iovec.address);
  header.view.setUint32(24, 1, true);
  setPointer(iovec, 0, data.address);
  let controlBytes = 0;

  function say(level: number, type: number, value: number): void {
    const { view } = control;
    view.setUint32(controlBytes, INT_CONTROL_LENGTH, true);
    view.setInt32(controlBytes + 8, level, true);
    view.setInt32(controlBytes + 12, type, true);
    view.setInt32(controlBytes + 16, value, true);
    controlBytes += INT_CONTROL_BYTES;
  }

  function prepared(nameBytes: number): void {
    header.view.setUint32(8, nameBytes, true);
    setPointer(header, 32, controlBytes === 0 ? 0 : control.address);
    header.view.setUint32(40, controlBytes, true);
  }

  return {
    memory: [header, iovec, name, control, data],
    prepare(to, { isStamped, hops, dscp }) {
      const length = addresses.write(name, 0, to);
      const isIpv6 = length === SOCKADDR_BYTES;
      controlBytes = 0;
      if (isStamped) say(SOL_SOCKET, SO_TIMESTAMPING, TX_SOFTWARE);
      if (hops !== undefined) {
        if (isIpv6) say(SOL_IPV6, IPV6_HOPLIMIT, hops);
        else say(SOL_IP, IP_TTL, hops);
      }
      if (dscp !== undefined) {
        if (isIpv6) say(SOL_IPV6, IPV6_TCLASS, dscp << 2);
        else say(SOL_IP, IP_TOS, dscp << 2);
      }
      prepared(length);
    },
    prepareRaw(sockaddr, isStamped) {
      name.bytes.set(sockaddr);
      controlBytes = 0;
      if (isStamped) say(SOL_SOCKET, SO_TIMESTAMPING, TX_SOFTWARE);
      prepared(sockaddr.length);
    },
    send(fd, bytes) {
      data.bytes.set(bytes);
      iovec.view.setUint32(8, bytes.length, true);
      return ffi.libc.sendmsg(fd, header.bytes, 0);
    },
  };
}

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

export interface SendMessage {
  readonly bytes: Uint8Array;
  /** Ask the kernel when it leaves. */
  readonly isStamped: boolean;
  readonly hops?: number | undefined;
  readonly dscp?: number | undefined;
}

export interface Sender {
  /** As in {@link Batch}. */
  readonly memory: readonly Memory[];
  /** Where the bytes go. Kept until the next call. */
  toAddress(to: Address): void;
  /** As {@link toAddress}, with a socket address as it stands in memory. */
  toSockaddr(bytes: Uint8Array): void;
  /** @returns −1 if it was refused: errno says why */
  send(fd: number, message: SendMessage): number;
}

/** Longest datagram that UDP over IPv4 takes. */
export const MOST_BYTES = 65507;
/** Room for each control message with an int: header and padding included. */
const INT_CONTROL_BYTES = 24;
const INT_CONTROL_LENGTH = 20;

export function makeSender(ffi: Ffi, addresses: Addresses | null): Sender {
  const header = allocate(ffi, 56);
  const iovec = allocate(ffi, 16);
  const name = allocate(ffi, SOCKADDR_BYTES);
  const control = allocate(ffi, 3 * INT_CONTROL_BYTES);
  const data = allocate(ffi, 65536);
  setPointer(header, 0, name.address);
  setPointer(header, 16, iovec.address);
  header.view.setUint32(24, 1, true);
  setPointer(iovec, 0, data.address);
  let isIpv6 = false;
  let controlBytes = 0;

  function say(level: number, type: number, value: number): void {
    const { view } = control;
    view.setUint32(controlBytes, INT_CONTROL_LENGTH, true);
    view.setInt32(controlBytes + 8, level, true);
    view.setInt32(controlBytes + 12, type, true);
    view.setInt32(controlBytes + 16, value, true);
    controlBytes += INT_CONTROL_BYTES;
  }

  return {
    memory: [header, iovec, name, control, data],
    toAddress(to) {
      const length = addresses?.write(name, 0, to) ?? 0;
      isIpv6 = length === SOCKADDR_BYTES;
      header.view.setUint32(8, length, true);
    },
    toSockaddr(bytes) {
      name.bytes.set(bytes);
      header.view.setUint32(8, bytes.length, true);
    },
    send(fd, { bytes, isStamped, hops, dscp }) {
      data.bytes.set(bytes);
      iovec.view.setUint32(8, bytes.length, true);
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
      setPointer(header, 32, controlBytes === 0 ? 0 : control.address);
      header.view.setUint32(40, controlBytes, true);
      return ffi.libc.sendmsg(fd, header.bytes, 0);
    },
  };
}

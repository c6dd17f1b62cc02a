/** Socket options as the three families of values they take. */
import {
  OPT_CMSG,
  OPT_ID,
  OPT_TSONLY,
  REPORT_SOFTWARE,
  RX_SOFTWARE,
  SO_TIMESTAMPING,
  SOL_SOCKET,
} from './constants.ts';
import { failure } from './errno.ts';
import type { Ffi } from './libc.ts';
import { allocate } from './memory.ts';

export interface Options {
  /** @throws Error with a code */
  setInt(fd: number, level: number, name: number, value: number): void;
  getInt(fd: number, level: number, name: number): number;
  /** @throws Error with a code */
  setBytes(fd: number, level: number, name: number, bytes: Uint8Array): void;
  /**
   * Stamps on everything received; on what is sent where it is asked for with the datagram.
   * Numbers of departures begin again at 0.
   */
  setStamping(fd: number): void;
}

const STAMPING = RX_SOFTWARE | REPORT_SOFTWARE | OPT_TSONLY | OPT_CMSG;

export function makeOptions(ffi: Ffi): Options {
  const value = allocate(ffi, 128);
  const length = allocate(ffi, 4);
  const set = (fd: number, level: number, name: number, bytes: number) => {
    if (ffi.libc.setsockopt(fd, level, name, value.bytes, bytes) < 0) {
      throw failure(ffi, `setsockopt(${level}, ${name})`);
    }
  };
  const setInt = (fd: number, level: number, name: number, int: number) => {
    value.view.setInt32(0, int, true);
    set(fd, level, name, 4);
  };
  return {
    setInt,
    getInt(fd, level, name) {
      length.view.setUint32(0, 4, true);
      if (ffi.libc.getsockopt(fd, level, name, value.bytes, length.bytes) < 0) {
        throw failure(ffi, `getsockopt(${level}, ${name})`);
      }
      return value.view.getInt32(0, true);
    },
    setBytes(fd, level, name, bytes) {
      value.bytes.set(bytes);
      set(fd, level, name, bytes.length);
    },
    setStamping(fd) {
      setInt(fd, SOL_SOCKET, SO_TIMESTAMPING, STAMPING); // off and on: that is what resets it
      setInt(fd, SOL_SOCKET, SO_TIMESTAMPING, STAMPING | OPT_ID);
    },
  };
}

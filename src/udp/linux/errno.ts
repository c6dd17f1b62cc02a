/** Error numbers of Linux (asm-generic) as the codes that codes.ts knows. */
import { coded } from '../codes.ts';
import type { Ffi } from './libc.ts';

const CODES: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  4: 'EINTR',
  9: 'EBADF',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  19: 'ENODEV',
  20: 'ENOTDIR',
  22: 'EINVAL',
  23: 'ENFILE',
  24: 'EMFILE',
  71: 'EPROTO',
  90: 'EMSGSIZE',
  91: 'EPROTOTYPE',
  92: 'ENOPROTOOPT',
  93: 'EPROTONOSUPPORT',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  100: 'ENETDOWN',
  101: 'ENETUNREACH',
  105: 'ENOBUFS',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  112: 'EHOSTDOWN',
  113: 'EHOSTUNREACH',
};

export const codeOfErrno = (errno: number): string => CODES[errno] ?? `errno ${errno}`;

/** An error with a code, for a call that has just failed. */
export function failure(ffi: Ffi, call: string): Error {
  const code = codeOfErrno(ffi.errno());
  return coded(code, `${call} failed`);
}

/** What an ICMP error says of a probe. RFC 792, RFC 4443 §3. */
import { isIpv6 } from '../path.ts';

/**
 * `exceeded`: the hop limit ran out at the sender of the error, which therefore is on the way.
 * `port`: the datagram arrived and nobody listens. `refused`: the sender of the error would not or
 * could not pass it on.
 */
export type IcmpKind = 'exceeded' | 'port' | 'refused';

/** Null: an error that says nothing of the way (too big, bad parameter, reassembly). */
export function icmpKind(remoteIp: string, type: number, code: number): IcmpKind | null {
  if (isIpv6(remoteIp)) {
    if (type === 3) return code === 0 ? 'exceeded' : null;
    if (type !== 1) return null;
    return code === 4 ? 'port' : 'refused';
  }
  if (type === 11) return code === 0 ? 'exceeded' : null;
  if (type !== 3 || code === 4) return null; // 4: too big, says path MTU discovery
  return code === 3 ? 'port' : 'refused';
}

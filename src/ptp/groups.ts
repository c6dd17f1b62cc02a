/** Where PTP goes by multicast, and the UDP ports. IEEE 1588-2008 annexes D and E. */
import { isIpv6 } from '../path.ts';

/** UDP ports: of one clock's sockets, or of those it talks to. */
export interface Ports {
  /** Sync, Delay_Req, Pdelay_Req and Pdelay_Resp: messages that are timestamped. */
  readonly event: number;
  readonly general: number;
}

/** The same on both ends of every path. */
export const PTP_PORTS: Ports = { event: 319, general: 320 };

/** X of ff0X::181: one hex digit; e is global, 2 the link, 5 the site. ptp4l takes e. */
export type Ipv6Scope = `${number}` | 'a' | 'b' | 'c' | 'd' | 'e' | 'f';

/** The group of all messages but Pdelay_*, in the family of an address (EP-037, EP-038). */
export const primaryGroup = (localIp: string, scope: Ipv6Scope = 'e'): string =>
  isIpv6(localIp) ? `ff0${scope}::181` : '224.0.1.129';

/** The group of Pdelay_*, which never leave the link, in the family of an address. */
export const peerGroup = (localIp: string): string =>
  isIpv6(localIp) ? 'ff02::6b' : '224.0.0.107';

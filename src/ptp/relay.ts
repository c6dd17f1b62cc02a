/**
 * Management messages on their way through a boundary clock: the only messages that it passes on
 * (IEEE 1588-2008 §15.3.3; BASE-B10). One hop is taken off, nothing else is changed but the flag
 * that says how it travels; who gives it on is as in linuxptp.
 */
import type { Datagram, Output } from '../machine.ts';
import { isIpv6 } from '../path.ts';
import type { Tick } from '../units.ts';
import { allow } from './allowance.ts';
import type { OrdinaryClock } from './clockstate.ts';
import { primaryGroup } from './groups.ts';
import { IPV6_PADDING, type Management } from './message.ts';
import { readU16 } from './octets.ts';
import type { PortState } from './portstate.ts';

/** A port that listens only, or is passive, says nothing that it is not asked (§9.2.5). */
const RELAYING: readonly PortState[] = ['PRE_MASTER', 'MASTER', 'UNCALIBRATED', 'SLAVE'];

const BOUNDARY_HOPS_OFFSET = 45;
const FLAGS_OFFSET = 6;
const UNICAST_FLAG = 0x04;

/** By multicast only: with unicast discovery nobody is known who would want it. */
const isRelaying = ({ portDS, masters, management }: OrdinaryClock): boolean =>
  RELAYING.includes(portDS.portState) && masters === null && management;

/**
 * Copies of a message that came in by `ingress` for the other ports of its clock. Counted against
 * what its sender may ask for (SEC-08).
 */
export function relayManagement(
  ports: readonly OrdinaryClock[],
  ingress: OrdinaryClock,
  message: Management,
  { bytes, remote }: Datagram,
  nowNs: Tick,
): Output[] {
  const { boundaryHops, targetPortIdentity } = message;
  const { sets, agent } = ingress;
  if (targetPortIdentity.clockIdentity === sets.defaultDS.clockIdentity) return [];
  if (boundaryHops === 0 || !RELAYING.includes(ingress.portDS.portState)) return [];
  const others = ports.filter((port) => port !== ingress && isRelaying(port));
  if (others.length === 0 || !allow(agent.allowance, remote.ip, others.length, nowNs)) return [];
  const length = readU16(bytes, 2);
  return others.map(({ primaryIp, scope, ports: { general } }): Output => {
    const to = primaryGroup(primaryIp, scope);
    const copy = new Uint8Array(length + (isIpv6(to) ? IPV6_PADDING : 0));
    copy.set(bytes.subarray(0, length));
    copy[BOUNDARY_HOPS_OFFSET] = boundaryHops - 1;
    copy[FLAGS_OFFSET] = (bytes[FLAGS_OFFSET] ?? 0) & ~UNICAST_FLAG;
    return {
      type: 'transmit',
      bytes: copy,
      from: { ip: primaryIp, port: general },
      to: { ip: to, port: general },
    };
  });
}

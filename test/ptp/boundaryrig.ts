/** Somebody who manages clocks of clockrig.ts, and what they answer. */
import { createHeader } from '../../src/ptp/header.ts';
import { ALL_CLOCKS } from '../../src/ptp/identity.ts';
import { MANAGEMENT_IDS, type ManagementName } from '../../src/ptp/management.ts';
import { writeMessage } from '../../src/ptp/message.ts';
import { clockOf, type Host, perform, type Seen, stepOf, type World } from './clockrig.ts';

export const MANAGER = { clockIdentity: 'aabbcc.fffe.0000aa', portNumber: 7 };

interface Question {
  readonly from: string;
  readonly hops: number;
  readonly target?: string;
  readonly id?: ManagementName;
}

/** A GET by multicast, heard at the host's first port. */
export function get(world: World, host: Host, question: Question): void {
  const { from, hops, target = ALL_CLOCKS, id = 'DEFAULT_DATA_SET' } = question;
  const bytes = writeMessage({
    type: 'Management',
    header: createHeader('Management', { sourcePortIdentity: MANAGER, sequenceId: 5 }),
    targetPortIdentity: { clockIdentity: target, portNumber: 0xffff },
    startingBoundaryHops: hops,
    boundaryHops: hops,
    action: 'GET',
    tlvs: [{ type: 'MANAGEMENT', managementId: MANAGEMENT_IDS[id], dataField: new Uint8Array(0) }],
  });
  const { nowNs } = world;
  const datagram = {
    bytes,
    local: { ip: host.clock.primaryIp, port: 320 },
    group: '224.0.1.129',
    remote: { ip: from, port: 320 },
    receivedAtNs: clockOf(host, nowNs),
  };
  perform(world, host, stepOf(host, { type: 'datagram', datagram, nowNs }));
}

/** The management messages among some. */
export const managementOf = (seen: readonly Seen[]) =>
  seen.flatMap(({ from, to, message }) => {
    if (message.type !== 'Management') return [];
    const { clockIdentity: clock, portNumber: port } = message.header.sourcePortIdentity;
    const { action, boundaryHops: hops, targetPortIdentity } = message;
    return [{ from, to, action, hops, clock, port, target: targetPortIdentity.clockIdentity }];
  });

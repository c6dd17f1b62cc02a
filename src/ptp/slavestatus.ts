/** What a slave port tells people about its paths. Changes nothing. */
import type { Drops } from '../machine.ts';
import type { PathKey } from '../path.ts';
import type { Tick } from '../units.ts';
import type { PortIdentity } from './identity.ts';
import type { Following, SlavePath, Tally } from './slavepath.ts';
import { delayLog, type Slave, syncLog } from './slavestate.ts';
import type { UtcPlan } from './timeprops.ts';

/** One path for display. */
export interface SlavePathStatus {
  readonly path: PathKey;
  readonly identity: PortIdentity;
  readonly following: Following | null;
  readonly contact: SlavePath['contact'];
  /** Why it is parked, null if it is not. */
  readonly parked: string | null;
  /** In use now; null if no requests are sent. (log2 s) */
  readonly logSyncInterval: number;
  readonly logDelayInterval: number | null;
  /** How its master's time becomes UTC; null while unknown. */
  readonly utc: UtcPlan | null;
  /** Last measurement of each direction. */
  readonly forwardNs: Tick | null;
  readonly reverseNs: Tick | null;
  /** P2P: newest mean of both ways. (ns) */
  readonly peerDelayNs: number | null;
  readonly tally: Readonly<Tally>;
}

export const status = (slave: Slave): SlavePathStatus[] =>
  slave.paths.map((path) => ({
    path: path.key,
    identity: path.identity,
    following: path.following,
    contact: path.contact,
    parked: path.parked,
    logSyncInterval: syncLog(path),
    logDelayInterval: delayLog(slave, path),
    utc: (path.masterKey === null ? null : slave.times[path.masterKey]?.plan) ?? null,
    forwardNs: path.forwardNs,
    reverseNs: path.reverseNs,
    peerDelayNs: path.peerDelayNs,
    tally: { ...path.tally, drops: { ...path.tally.drops } },
  }));

/** Datagrams that belonged to no path, and why they were dropped. */
export const strays = (slave: Slave): { received: number; drops: Drops } => ({
  received: slave.strays.received,
  drops: { ...slave.strays.drops },
});

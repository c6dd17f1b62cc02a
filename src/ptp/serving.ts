/** Whom a clock tells the time: the destinations of its master port, and when they are made anew. */
import type { Output } from '../machine.ts';
import { type Tick, tick } from '../units.ts';
import type { OrdinaryClock } from './clockstate.ts';
import { numbered } from './contexts.ts';
import { isFollowing } from './decide.ts';
import { type Destination, multicastDestinations } from './destination.ts';
import { activeGrants, grantsVersion } from './grantor.ts';
import { isServing, nextMasterDue, setDestinations } from './master.ts';
import { sendDue } from './transmit.ts';

/** A boundary clock tells nobody the time as long as it does not know that of its master. */
export function refreshServed(ports: readonly OrdinaryClock[]): void {
  const [first] = ports;
  if (first === undefined) return;
  const { served } = first.shared;
  const follower = ports.find(({ portDS }) => isFollowing(portDS.portState));
  served.plan = follower?.slave.times[follower.foreign.parent ?? '']?.plan ?? null;
  const isKnown = served.plan !== null && served.estimate !== null;
  served.isReady = follower === undefined || isKnown;
}

/**
 * A long list is not made anew for every request of a flood: this long it stands, for each grant
 * beyond so many. (ns)
 */
const REST_NS = 3000;
const SHORT_LIST = 64;

/** What the destinations follow from: see {@link OrdinaryClock.served}. */
const servedNow = (clock: OrdinaryClock): string =>
  `${isServed(clock)}|${clock.grantor === null ? 0 : grantsVersion(clock.grantor)}`;

/** Others are told the time: by the master, or under some profiles by an alternate one. */
const isServed = ({ grantor, master, portDS }: OrdinaryClock): boolean =>
  grantor === null ? isServing(master) : portDS.portState === 'MASTER';

/** When {@link serve} wants to look again: grants have changed that rest. */
export const servingDue = (clock: OrdinaryClock): Tick | null =>
  servedNow(clock) === clock.served ? null : clock.listedUntilNs;

/** Destinations as granted and configured, and whatever is due to be sent. */
export function serve(clock: OrdinaryClock, outputs: Output[], nowNs: Tick): void {
  const { master, served: before } = clock;
  const isMaster = isServed(clock);
  const served = servedNow(clock);
  const isTurned = !before.startsWith(`${isMaster}|`);
  if (served !== before && (isTurned || nowNs >= clock.listedUntilNs)) {
    clock.served = served;
    const list = isMaster ? destinations(clock, nowNs) : [];
    setDestinations(master, list, nowNs);
    clock.listedUntilNs = tick(nowNs + Math.max(0, list.length - SHORT_LIST) * REST_NS);
  }
  const dueNs = nextMasterDue(master);
  if (dueNs !== null && dueNs <= nowNs) outputs.push(...numbered(clock, sendDue(master, nowNs)));
}

function destinations(clock: OrdinaryClock, nowNs: Tick): Destination[] {
  const { grantor, mode, portDS, masters } = clock;
  const granted = grantor === null ? [] : activeGrants(grantor, nowNs);
  if (masters !== null) return [...granted];
  const { logAnnounceInterval, logSyncInterval } = portDS;
  const announced = multicastDestinations({
    localIps: mode === 'dual-ended' ? clock.addresses : [clock.primaryIp],
    logAnnounceInterval,
    logSyncInterval: null,
    scope: clock.scope,
  });
  const synced = !clock.multicastSync
    ? []
    : multicastDestinations({
        localIps: [clock.primaryIp],
        logAnnounceInterval,
        logSyncInterval,
        scope: clock.scope,
      }).filter(({ messageType }) => messageType === 'Sync');
  return [...granted, ...announced, ...synced];
}

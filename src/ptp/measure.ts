/**
 * From the stamps of one path to one-way measurements in Unix time, and what they say of the path:
 * both directions are needed, so a path is up while both keep coming. RFC 8039 §5.2.1, §5.3.1.
 */
import type { Address, Output, PathEvent, StampKind } from '../machine.ts';
import { NS_PER_S, type Stamp, type Tick } from '../units.ts';
import type { DelayStamps } from './delays.ts';
import { unixNs } from './mastertime.ts';
import { bothWays, hasMasterStamps, type PdelayStamps } from './pdelays.ts';
import type { SlavePath } from './slavepath.ts';
import { drop, forwardUntil, reverseUntil, type Slave } from './slavestate.ts';
import type { SyncStamps } from './syncs.ts';
import type { Timestamp } from './timestamp.ts';

/** correctionField of a correction that is too large to be told (§13.3.2.7); positive only. */
export const UNTOLD_CORRECTION = 0x7fff_ffff_ffff_ffffn;

interface OneWay {
  readonly direction: 'forward' | 'reverse';
  readonly remote: Timestamp;
  /** The remote stamp meant is so much later than `remote`. (2^-16 ns, default 0) */
  readonly laterBy?: bigint;
  /** (2^-16 ns) */
  readonly correction: bigint;
  readonly localNs: Stamp;
  readonly localKind?: StampKind | undefined;
}

/** A Sync is complete. */
export function measureSync(
  slave: Slave,
  path: SlavePath,
  sync: SyncStamps,
  nowNs: Tick,
  from: Address,
): Output[] {
  const { origin, correction, receivedAtNs, stampKind } = sync;
  const oneWay = {
    direction: 'forward',
    remote: origin,
    correction,
    localNs: receivedAtNs,
    localKind: stampKind,
  } as const;
  const output = measured(slave, path, oneWay, nowNs, from);
  if (output.type === 'drop') return [output];
  path.lastSync = sync;
  return [...contact(slave, path, nowNs), output];
}

/** A Delay_Req is answered. */
export function measureDelay(
  slave: Slave,
  path: SlavePath,
  delay: DelayStamps,
  nowNs: Tick,
  from: Address,
): Output[] {
  const { receipt, correction, sentAtNs, sentKind } = delay;
  const oneWay = {
    direction: 'reverse',
    remote: receipt,
    correction,
    localNs: sentAtNs,
    localKind: sentKind,
  } as const;
  const output = measured(slave, path, oneWay, nowNs, from);
  return output.type === 'drop' ? [output] : [...contact(slave, path, nowNs), output];
}

/**
 * A Pdelay exchange is complete. Where the master gave both its stamps it is a measurement of each
 * direction. Otherwise it tells both ways together, and the newest Sync's forward way taken from
 * that is the reverse one: offset and delay come out as §11.2 has them.
 */
export function measurePdelay(
  slave: Slave,
  path: SlavePath,
  pdelay: PdelayStamps,
  nowNs: Tick,
  from: Address,
): Output[] {
  const both = bothWays(pdelay);
  if (both === 'hold') return [drop(path, 'hold', from)];
  path.peerDelayNs = Number(both) / 131072;
  const { lastSync: sync } = path;
  if (sync === null) return [];
  const outputs: Output[] = [];
  if (hasMasterStamps(pdelay, sync)) {
    const { response, followUp, sentAtNs, sentKind } = pdelay;
    const there: OneWay = {
      direction: 'reverse',
      remote: response.receipt,
      correction: followUp.correction, // the request's, copied by the responder
      localNs: sentAtNs,
      localKind: sentKind,
    };
    const back: OneWay = {
      direction: 'forward',
      remote: followUp.origin,
      correction: response.correction,
      localNs: response.receivedAtNs,
      localKind: response.stampKind,
    };
    outputs.push(measured(slave, path, there, nowNs, from));
    if (outputs[0]?.type === 'oneway') outputs.push(measured(slave, path, back, nowNs, from));
  } else if (path.anchoredNs !== sync.receivedAtNs) {
    path.anchoredNs = sync.receivedAtNs;
    const there: OneWay = {
      direction: 'reverse',
      remote: sync.origin,
      laterBy: both + sync.correction,
      correction: 0n,
      localNs: sync.receivedAtNs, // of another moment than what it stands for: no kind
    };
    outputs.push(measured(slave, path, there, nowNs, from));
  }
  return [...contact(slave, path, nowNs), ...outputs];
}

/** The measurement, or the drop that it becomes. */
function measured(
  slave: Slave,
  path: SlavePath,
  { direction, remote, laterBy = 0n, correction, localNs, localKind }: OneWay,
  nowNs: Tick,
  from: Address,
): Output {
  const time = path.masterKey === null ? undefined : slave.times[path.masterKey];
  if (time === undefined) return drop(path, 'utc', from);
  if (correction >= UNTOLD_CORRECTION || correction <= -UNTOLD_CORRECTION) {
    return drop(path, 'correction', from);
  }
  const isForward = direction === 'forward';
  const toMeant = laterBy + (isForward ? correction : -correction);
  const unix = unixNs(time, remote, toMeant, slave.leapTable, nowNs);
  if (typeof unix === 'string') return drop(path, unix, from);
  path.tally[direction]++;
  if (isForward) path.forwardNs = nowNs;
  else path.reverseNs = nowNs;
  return {
    type: 'oneway',
    path: path.key,
    direction,
    remoteNs: unix + (laterBy >> 16n),
    // laterBy: what is below a ns; only a reverse one is later. Asymmetry: §11.6.2, §11.6.3
    correction: correction - (laterBy & 0xffffn) + (isForward ? path.asymmetry : -path.asymmetry),
    localNs,
    ...(localKind && { localKind }),
  };
}

/** Looks whether the path came up or went down; at most one event. */
export function contact(slave: Slave, path: SlavePath, nowNs: Tick): PathEvent[] {
  const { forwardNs, reverseNs } = path;
  if (forwardNs === null || reverseNs === null) return [];
  const isForward = nowNs < forwardUntil(slave, path, forwardNs);
  const isReverse = nowNs < reverseUntil(slave, path, reverseNs);
  if (isForward && isReverse) {
    if (path.contact === 'reachable') return [];
    const reason = path.contact === 'new' ? 'measured both ways' : 'measured both ways again';
    path.contact = 'reachable';
    return [{ type: 'path', path: path.key, event: 'reachable', reason }];
  }
  if (path.contact !== 'reachable') return [];
  path.contact = 'unreachable';
  const reason = isForward
    ? noAnswer(slave, reverseNs, nowNs)
    : noSync(slave, path, forwardNs, nowNs);
  return [{ type: 'path', path: path.key, event: 'unreachable', reason }];
}

/** When {@link contact} may have something to say on its own. */
export const contactUntil = (slave: Slave, path: SlavePath): Tick | null =>
  path.contact !== 'reachable' || path.forwardNs === null || path.reverseNs === null
    ? null
    : (Math.min(
        forwardUntil(slave, path, path.forwardNs),
        reverseUntil(slave, path, path.reverseNs),
      ) as Tick);

function noSync(slave: Slave, path: SlavePath, lastNs: Tick, nowNs: Tick): string {
  const { syncHeardNs } = path;
  const comes = syncHeardNs !== null && nowNs < forwardUntil(slave, path, syncHeardNs);
  return `${comes ? 'Syncs come, but none to use' : 'no Sync'} for ${ageS(lastNs, nowNs)}`;
}

function noAnswer(slave: Slave, lastNs: Tick, nowNs: Tick): string {
  const answer = slave.delayMechanism === 'E2E' ? 'Delay_Resp' : 'Pdelay_Resp';
  return `Syncs come, but no ${answer} to use for ${ageS(lastNs, nowNs)}`;
}

const ageS = (lastNs: Tick, nowNs: Tick): string => `${Math.round((nowNs - lastNs) / NS_PER_S)} s`;

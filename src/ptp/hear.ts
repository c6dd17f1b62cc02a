/**
 * The receiving half of a slave port: finds the path of a message by its addresses, looks whether
 * it is from the master that the path follows and to us, and takes it. RFC 8039 §5.2.1, §5.3.1;
 * IEEE 1588-2008 §9.5.4–9.5.7.
 */
import type { Datagram, DropReason, Output } from '../machine.ts';
import { type PathKey, pathKey } from '../path.ts';
import type { Tick } from '../units.ts';
import { takeDelayResp } from './delays.ts';
import { portText, samePort } from './identity.ts';
import { measureDelay, measurePdelay, measureSync, UNTOLD_CORRECTION } from './measure.ts';
import type {
  DelayResp,
  FollowUp,
  Message,
  PdelayResp,
  PdelayRespFollowUp,
  Sync,
} from './message.ts';
import { takePdelayFollowUp, takePdelayResp } from './pdelays.ts';
import { begin, forget, retime } from './requests.ts';
import type { SlavePath } from './slavepath.ts';
import { delayLog, drop, isInterval, pathOf, requestsOf, type Slave } from './slavestate.ts';
import { giveUp, takeFollowUp, takeSync } from './syncs.ts';

/** What a master sends to a slave, Announce, Signaling and Management aside. */
export type SlaveMessage = Sync | FollowUp | DelayResp | PdelayResp | PdelayRespFollowUp;

const TYPES: ReadonlySet<Message['type']> = new Set([
  'Sync',
  'Follow_Up',
  'Delay_Resp',
  'Pdelay_Resp',
  'Pdelay_Resp_Follow_Up',
]);

export const isForSlave = (message: Message): message is SlaveMessage => TYPES.has(message.type);

/** One message that came in. */
export interface Arrival {
  readonly message: SlaveMessage;
  readonly datagram: Datagram;
  /** Its path if not the one of the datagram's addresses: of a multicast, say. */
  readonly path?: PathKey;
}

/** Uses one message, or drops it. */
export function hear(slave: Slave, arrival: Arrival, nowNs: Tick): Output[] {
  const { message, datagram } = arrival;
  const path = pathOf(slave, arrival.path ?? pathKey(datagram.remote.ip, datagram.local.ip));
  if (path === undefined) {
    const reason = strayReason(slave, message);
    slave.strays.received++;
    slave.strays.drops[reason]++;
    return [{ type: 'drop', reason, from: datagram.remote }];
  }
  path.tally.received++;
  const refused = refusal(slave, path, message);
  if (refused !== null) return [drop(path, refused, datagram.remote)];
  const outputs = tidy(slave, path, nowNs);
  outputs.push(...take(slave, path, message, datagram, nowNs));
  return outputs;
}

/** A master that we follow, seen between other addresses, deserves a word: X-3. */
function strayReason(slave: Slave, { header }: SlaveMessage): DropReason {
  const isFollowed = slave.times[portText(header.sourcePortIdentity)] !== undefined;
  return isFollowed && header.domainNumber === slave.domainNumber
    ? 'wrong-address'
    : 'unknown-path';
}

/** Why a message between the right addresses is none for us, or null. */
function refusal(slave: Slave, path: SlavePath, message: SlaveMessage): DropReason | null {
  const { header, type } = message;
  if (header.domainNumber !== slave.domainNumber) return 'domain';
  // minorSdoId is a reserved octet in 1588-2008
  const hasMinor = header.minorVersionPTP > 0;
  if (header.majorSdoId !== slave.majorSdoId) return 'sdo';
  if (hasMinor && header.minorSdoId !== slave.minorSdoId) return 'sdo';
  const { following, parked } = path;
  if (
    parked !== null ||
    following === null ||
    !samePort(header.sourcePortIdentity, following.master)
  ) {
    return 'not-parent';
  }
  if (header.flags.alternateMaster && following.alternate !== true) return 'alternate-master';
  if (type === 'Sync' || type === 'Follow_Up') return untold(message);
  const mechanism = type === 'Delay_Resp' ? 'E2E' : 'P2P';
  if (mechanism !== slave.delayMechanism) return 'delay-mechanism';
  if (!samePort(message.requestingPortIdentity, path.identity)) return 'requester';
  return untold(message);
}

const untold = ({ header }: SlaveMessage): DropReason | null =>
  header.correctionField === UNTOLD_CORRECTION ? 'correction' : null;

/** Reports the halves of a path whose other halves did not come in time. */
export function tidy(slave: Slave, path: SlavePath, nowNs: Tick): Output[] {
  const from = { ip: path.remoteIp, port: slave.remoteEventPort };
  const halves = giveUp(path.syncs, nowNs) + forget(requestsOf(slave, path), nowNs);
  const outputs: Output[] = [];
  for (let n = 0; n < halves; n++) outputs.push(drop(path, 'unpaired', from));
  return outputs;
}

function take(
  slave: Slave,
  path: SlavePath,
  message: SlaveMessage,
  { receivedAtNs, stampKind, remote }: Datagram,
  nowNs: Tick,
): Output[] {
  const { sequenceId, correctionField: correction, flags } = message.header;
  const refused = (reason: DropReason | null): Output[] =>
    reason === null ? [] : [drop(path, reason, remote)];
  switch (message.type) {
    case 'Sync': {
      const origin = flags.twoStep ? null : message.originTimestamp;
      const half = { sequenceId, origin, correction, receivedAtNs, stampKind };
      const sync = takeSync(path.syncs, half, nowNs);
      if (typeof sync === 'string') return refused(sync);
      hearInterval(slave, path, message, nowNs);
      return sync === null ? [] : measureSync(slave, path, sync, nowNs, remote);
    }
    case 'Follow_Up': {
      const half = { sequenceId, origin: message.preciseOriginTimestamp, correction };
      const sync = takeFollowUp(path.syncs, half, nowNs);
      if (sync === null || typeof sync === 'string') return refused(sync);
      return measureSync(slave, path, sync, nowNs, remote);
    }
    case 'Delay_Resp': {
      const answer = { receipt: message.receiveTimestamp, correction };
      const delay = takeDelayResp(path.delays, sequenceId, answer);
      if (typeof delay === 'string') return refused(delay);
      hearDelayInterval(slave, path, message.header.logMessageInterval, nowNs);
      return delay === null ? [] : measureDelay(slave, path, delay, nowNs, remote);
    }
    case 'Pdelay_Resp': {
      const receipt = message.requestReceiptTimestamp;
      const isTwoStep = flags.twoStep;
      const stamped = { receivedAtNs, ...(stampKind && { stampKind }) };
      const response = { receipt, correction, ...stamped, isTwoStep };
      const pdelay = takePdelayResp(path.pdelays, sequenceId, response);
      if (pdelay === null || typeof pdelay === 'string') return refused(pdelay);
      return measurePdelay(slave, path, pdelay, nowNs, remote);
    }
    case 'Pdelay_Resp_Follow_Up': {
      const followUp = { origin: message.responseOriginTimestamp, correction };
      const pdelay = takePdelayFollowUp(path.pdelays, sequenceId, followUp);
      if (pdelay === null || typeof pdelay === 'string') return refused(pdelay);
      return measurePdelay(slave, path, pdelay, nowNs, remote);
    }
  }
}

/** A path that brings Syncs is a path to ask over (PTP-S10). */
function hearInterval(slave: Slave, path: SlavePath, { header }: Sync, nowNs: Tick): void {
  path.syncHeardNs = nowNs;
  if (isInterval(header.logMessageInterval)) path.toldSyncLog = header.logMessageInterval;
  const requests = requestsOf(slave, path);
  if (requests.dueNs === null && delayLog(slave, path) !== null) begin(requests, nowNs);
}

/** 0x7f, and what lies outside all reason, tells nothing. */
function hearDelayInterval(slave: Slave, path: SlavePath, told: number, nowNs: Tick): void {
  if (!isInterval(told) || told === path.toldDelayLog) return;
  const before = delayLog(slave, path);
  path.toldDelayLog = told;
  const log = delayLog(slave, path);
  if (log !== null && log !== before) retime(path.delays, log, nowNs);
}

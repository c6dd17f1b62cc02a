/**
 * Answers of a port to delay requests: Delay_Resp of a master, Pdelay_Resp of any port that is up.
 * IEEE 1588-2008 §9.5.12, §11.3, §11.4; RFC 8039 §5.2.1, §5.3.1; Enterprise draft-01 §6.
 *
 * One request draws one Delay_Resp, or one Pdelay_Resp with its Follow_Up, and no TLV of it comes
 * back. A grant bounds how often; whoever has none shares an allowance: ptp4l asks before it is
 * granted, hybrid slaves never are (SEC-08).
 */
import type { DropReason, Output } from '../machine.ts';
import { isUnicast } from '../path.ts';
import type { Stamp, Tick } from '../units.ts';
import { allow, take } from './allowance.ts';
import { isRunning, permitKey } from './destination.ts';
import { isReserved, type PortIdentity } from './identity.ts';
import type { Incoming } from './incoming.ts';
import { awaitDeparture, isServing, type Master, servedTime } from './master.ts';
import { CORRECTION_OFFSET, type DelayReq, type PdelayReq } from './message.ts';
import { writeI64 } from './octets.ts';
import { headerOf, packet, type Route, toldInterval } from './outgoing.ts';
import { servedSpan } from './served.ts';
import { NO_TIMESTAMP } from './timestamp.ts';

/** The answer to a Delay_Req, or why there is none. */
export function answerDelayReq(
  master: Master,
  request: DelayReq,
  incoming: Incoming,
  nowNs: Tick,
): Output[] {
  const reason = isServing(master)
    ? refusal(master, request, incoming, nowNs)
    : ('port-state' as const);
  if (reason !== null) return drop(reason, incoming);
  master.tally.Delay_Resp++;
  const { sequenceId, correctionField, sourcePortIdentity } = request.header;
  const route = wayBack(request, incoming);
  const logMessageInterval = toldInterval(route, master.portDS.logMinDelayReqInterval);
  const saying = { sequenceId, correctionField, logMessageInterval };
  const answer = {
    type: 'Delay_Resp',
    header: headerOf(master, 'Delay_Resp', route, saying),
    receiveTimestamp: servedTime(master, incoming.receivedAtNs),
    requestingPortIdentity: sourcePortIdentity,
    tlvs: [],
  } as const;
  return [packet(master, answer, route)];
}

const DOWN: readonly string[] = ['INITIALIZING', 'FAULTY', 'DISABLED'];

/** As {@link answerDelayReq}; two-step clocks send the rest when the answer has left. */
export function answerPdelayReq(
  master: Master,
  request: PdelayReq,
  incoming: Incoming,
  nowNs: Tick,
): Output[] {
  const reason = DOWN.includes(master.portDS.portState)
    ? ('port-state' as const)
    : refusal(master, request, incoming, nowNs);
  if (reason !== null) return drop(reason, incoming);
  master.tally.Pdelay_Resp++;
  const { sequenceId, correctionField, sourcePortIdentity } = request.header;
  const route = wayBack(request, incoming);
  const twoStep = master.sets.defaultDS.twoStepFlag;
  const common = { type: 'Pdelay_Resp', requestingPortIdentity: sourcePortIdentity } as const;
  if (twoStep) {
    const header = headerOf(master, 'Pdelay_Resp', route, { sequenceId, twoStep });
    const requestReceiptTimestamp = servedTime(master, incoming.receivedAtNs);
    const owed = { ...common, ...route, sequenceId, correctionField };
    const context = awaitDeparture(master, owed);
    const answer = { ...common, header, requestReceiptTimestamp, tlvs: [] };
    return [{ ...packet(master, answer, route), context }];
  }
  // One-step: no times, the time it took is part of the correction (§11.4.3 a).
  const header = headerOf(master, 'Pdelay_Resp', route, { sequenceId, correctionField });
  const answer = { ...common, header, requestReceiptTimestamp: NO_TIMESTAMP, tlvs: [] };
  const seal = (bytes: Uint8Array, sentAtNs: Stamp) => {
    const heldNs = servedSpan(master.served, incoming.receivedAtNs, sentAtNs);
    const held = BigInt(Math.round(heldNs)) << 16n;
    writeI64(bytes, CORRECTION_OFFSET, correctionField + held);
  };
  return [{ ...packet(master, answer, route), seal }];
}

/** A group's request is answered to the group, another to its sender, always from the asked. */
const wayBack = (request: DelayReq | PdelayReq, incoming: Incoming): Route => ({
  localIp: incoming.local.ip,
  remoteIp:
    isByUnicast(request, incoming) || incoming.group === null ? incoming.remote.ip : incoming.group,
});

/** The address decides, and the flag where a host cannot tell the address (EP-045). */
const isByUnicast = (request: DelayReq | PdelayReq, incoming: Incoming): boolean =>
  incoming.group === null || request.header.flags.unicast;

function refusal(
  master: Master,
  request: DelayReq | PdelayReq,
  incoming: Incoming,
  nowNs: Tick,
): DropReason | null {
  const { header } = request;
  const { defaultDS } = master.sets;
  const { delayMechanism } = master.portDS;
  const { delayMode } = master;
  const { clockIdentity } = header.sourcePortIdentity;
  if (header.domainNumber !== defaultDS.domainNumber) return 'domain';
  if (header.majorSdoId !== 0) return 'sdo';
  if (clockIdentity === defaultDS.clockIdentity || isReserved(clockIdentity)) return 'identity';
  if ((request.type === 'Delay_Req') !== (delayMechanism === 1)) return 'delay-mechanism';
  if (!isUnicast(incoming.remote.ip)) return 'denied';
  const byUnicast = isByUnicast(request, incoming);
  if (delayMode !== 'hybrid' && delayMode !== (byUnicast ? 'unicast' : 'multicast')) return 'mode';
  return charge(master, request, incoming, header.sourcePortIdentity, nowNs);
}

/** Counts the answer against the grant, or what strangers share. */
function charge(
  master: Master,
  { type }: DelayReq | PdelayReq,
  { local, remote }: Incoming,
  port: PortIdentity,
  nowNs: Tick,
): DropReason | null {
  const answer = type === 'Delay_Req' ? 'Delay_Resp' : 'Pdelay_Resp';
  const permit = master.streams.permits.get(permitKey(answer, local.ip, remote.ip, port));
  if (permit !== undefined && isRunning(permit.grant, nowNs)) {
    return take(permit.bucket, 1, nowNs) ? null : 'rate-limited';
  }
  if (master.ungranted === null) return 'denied';
  const packets = type === 'Pdelay_Req' && master.sets.defaultDS.twoStepFlag ? 2 : 1;
  return allow(master.ungranted, remote.ip, packets, nowNs) ? null : 'rate-limited';
}

const drop = (reason: DropReason, { remote }: Incoming): Output[] => [
  { type: 'drop', reason, from: remote },
];

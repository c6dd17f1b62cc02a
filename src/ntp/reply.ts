/** The receiving half of the client. RFC 5905 §8, §9.2; kisses §7.4. */
import type { Datagram, DropReason, Output } from '../machine.ts';
import type { Tick } from '../units.ts';
import type { Association } from './association.ts';
import { pair } from './interleave.ts';
import { HEADER_BYTES, type Header, RECEIVE_OFFSET, readHeader, writeTime } from './packet.ts';
import { kissCode } from './refid.ts';
import { recover, slowDown, spread } from './schedule.ts';
import { arm, type NtpClient, pathOf } from './state.ts';
import { judge } from './verdict.ts';

/**
 * Finds the path by its addresses (and our port, if it has one), judges the packet and uses, obeys
 * or drops it.
 */
export function receive(client: NtpClient, datagram: Datagram, nowNs: Tick): Output[] {
  const at = client.index[pathOf(client, datagram.remote.ip, datagram.local)];
  const path = at === undefined ? undefined : client.paths[at];
  if (path === undefined) {
    client.strays.received++;
    client.strays.drops['unknown-path']++;
    return [{ type: 'drop', reason: 'unknown-path', from: datagram.remote }];
  }
  path.tally.received++;
  if (datagram.remote.port !== path.remote.port) return drop(path, 'unknown-port', datagram);
  if (path.stopped !== null) return drop(path, 'stopped', datagram);
  const header = readHeader(datagram.bytes);
  if (typeof header === 'string') return drop(path, header, datagram);
  const verdict = judge(path, header, datagram, client.ownRefids);
  if (verdict === 'valid') return accept(client, path, header, datagram, nowNs);
  if (verdict === 'rate') return obeyRate(client, path, header, datagram, nowNs);
  if (verdict === 'stop') return obeyStop(client, path, header, datagram, nowNs);
  return drop(path, verdict, datagram);
}

function drop(path: Association, reason: DropReason, datagram: Datagram): Output[] {
  path.tally.drops[reason]++;
  return [{ type: 'drop', reason, from: datagram.remote }];
}

function accept(
  client: NtpClient,
  path: Association,
  header: Header,
  datagram: Datagram,
  nowNs: Tick,
): Output[] {
  const { receivedAtNs, stampKind } = datagram;
  const { sentAtNs, sentKind } = path.request ?? {};
  const pairing = pair(path.request, header, datagram);
  if (pairing === null || sentAtNs == null) return drop(path, 'origin', datagram); // judge() has seen to it
  const { base, localSendNs, localReceiveNs, localSendKind, localReceiveKind } = pairing;
  const packet = new Uint8Array(HEADER_BYTES); // not slice(): a Buffer's would share its memory
  packet.set(datagram.bytes.subarray(0, HEADER_BYTES));
  writeTime(packet, RECEIVE_OFFSET, pairing.remoteReceive);
  path.request = null; // a replay meets no cookie
  if (path.interleaved) {
    path.base = {
      remoteReceive: header.receive,
      localSendNs: sentAtNs,
      localReceiveNs: receivedAtNs,
      localSendKind: sentKind,
      localReceiveKind: stampKind,
      atNs: nowNs,
      isMeasured: base === null,
    };
  }
  path.lastReceive = header.receive;
  path.lastTransmit = header.transmit;
  path.server = {
    leap: header.leap,
    stratum: header.stratum,
    precisionLog2S: header.precisionLog2S,
    rootDelayS: header.rootDelayS,
    rootDispersionS: header.rootDispersionS,
    refid: header.refid,
  };
  path.reach |= 1;
  path.unanswered = 0;
  path.lastValidNs = nowNs;
  path.tally.valid++;
  if (base !== null) path.tally.interleaved++;
  const outputs: Output[] = [];
  if (path.contact !== 'reachable') {
    const reason = path.contact === 'new' ? 'first answer' : 'answers again';
    path.contact = 'reachable';
    outputs.push({ type: 'path', path: path.key, event: 'reachable', reason });
  }
  // An exchange counts once, also where a better departure of the same answer comes later
  if (!base?.isMeasured) {
    outputs.push({
      ...{ type: 'exchange', path: path.key, packet, localSendNs, localReceiveNs },
      ...(localSendKind && { localSendKind }),
      ...(localReceiveKind && { localReceiveKind }),
    });
  }
  if (path.backoff === 0) return outputs;
  recover(client, path, nowNs);
  return arm(client, outputs, false);
}

function obeyRate(
  client: NtpClient,
  path: Association,
  header: Header,
  datagram: Datagram,
  nowNs: Tick,
): Output[] {
  const before = path.pollLog2S;
  path.request = null; // one kiss, one step
  slowDown(client, path, nowNs, header.pollLog2S);
  // The server means our address: the pair's other ports get slower, too
  for (const other of client.paths) {
    if (other === path || other.pair !== path.pair || other.pollLog2S >= path.pollLog2S) continue;
    slowDown(client, other, nowNs, path.pollLog2S);
  }
  if (path.lanes > 1) spread(client, nowNs);
  const reason = `server sent RATE: poll exponent ${before} to ${path.pollLog2S}`;
  const outputs = drop(path, 'kiss', datagram);
  outputs.push({ type: 'path', path: path.key, event: 'rate', reason });
  return arm(client, outputs, false);
}

/** DENY and RSTR speak for the server's address: no other local address may go on asking. */
function obeyStop(
  client: NtpClient,
  path: Association,
  header: Header,
  datagram: Datagram,
  nowNs: Tick,
): Output[] {
  const code = kissCode(header.refid) === 'RSTR' ? 'RSTR' : 'DENY';
  const outputs = drop(path, 'kiss', datagram);
  client.deniedIps[path.remote.ip] = code;
  for (const other of client.paths) {
    if (other.remote.ip !== path.remote.ip || other.stopped !== null) continue;
    other.stopped = code;
    other.request = null;
    outputs.push(stoppedEvent(other));
  }
  spread(client, nowNs);
  return arm(client, outputs, false);
}

export const stoppedEvent = (path: Association): Output => ({
  type: 'path',
  path: path.key,
  event: 'stopped',
  reason: `server sent ${path.stopped}`,
});

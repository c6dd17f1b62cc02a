/**
 * Askers and servers of unicast negotiation on a wire of logical time, for tests: every message
 * goes through the codec, may be late, lost or doubled, and nobody does anything between events.
 */
import type { Address, Output } from '../../src/machine.ts';
import { type Grantor, grantorDue, stepGrantor } from '../../src/ptp/grantor.ts';
import type { PortIdentity } from '../../src/ptp/identity.ts';
import { readMessage, type Signaling } from '../../src/ptp/message.ts';
import { type Requester, requesterDue, stepRequester } from '../../src/ptp/requester.ts';
import { hearSignaling } from '../../src/ptp/signaling.ts';
import { type Tick, tick } from '../../src/units.ts';
import { createRandom, type Random } from '../fuzz/random.ts';

export const port = (clockIdentity: string, portNumber = 1): PortIdentity => ({
  clockIdentity,
  portNumber,
});
export const MASTER = port('da9721.fffe.b7c4d9');
export const SLAVE = port('ae600b.fffe.70c1ab');

export const S = 1e9;
export const at = (s: number): Tick => tick(Math.round(s * S));

/** Signaling messages among outputs. */
export function signals(outputs: readonly Output[]): Signaling[] {
  return outputs.flatMap((output) => (output.type === 'transmit' ? [parse(output.bytes)] : []));
}

export function parse(bytes: Uint8Array): Signaling {
  const message = readMessage(bytes);
  if (typeof message === 'string' || message.type !== 'Signaling') {
    throw new Error(`sent no Signaling message: ${typeof message === 'string' ? message : '?'}`);
  }
  return message;
}

export const octetsOf = (outputs: readonly Output[]): number =>
  outputs.reduce((sum, one) => sum + (one.type === 'transmit' ? one.bytes.length : 0), 0);

export const drops = (outputs: readonly Output[]): string[] =>
  outputs.flatMap((output) => (output.type === 'drop' ? [output.reason] : []));

export const events = (outputs: readonly Output[]): string[] =>
  outputs.flatMap((output) => (output.type === 'path' ? [output.event] : []));

/** What is told of one message on the wire. */
export interface Sent {
  readonly atS: number;
  readonly from: string;
  readonly to: string;
  readonly message: Signaling;
}

/** A host with some addresses, and what it does of negotiation. */
export interface Node {
  readonly ips: readonly string[];
  grantor: Grantor | null;
  requester: Requester | null;
}

export interface Lab {
  nowNs: Tick;
  readonly nodes: Node[];
  readonly random: Random;
  /** One-way delay. (s) */
  delayS: () => number;
  /** True: this message is lost. */
  loses: (sent: Sent) => boolean;
  readonly wire: { atNs: Tick; bytes: Uint8Array; from: Address; to: Address }[];
  /** All that was sent, lost or not. */
  readonly sent: Sent[];
  /** All outputs that are no transmissions. */
  readonly told: { atS: number; output: Output }[];
}

export const createLab = (nodes: Node[], seed = 1): Lab => ({
  nowNs: tick(0),
  nodes,
  random: createRandom(seed),
  delayS: () => 0.01,
  loses: () => false,
  wire: [],
  sent: [],
  told: [],
});

/** Runs until `untilS`. @param check called before and after each event */
export function run(lab: Lab, untilS: number, check: (nowNs: Tick) => void = () => {}): void {
  for (;;) {
    const dueNs = Math.min(
      ...lab.nodes.map(({ grantor }) => (grantor && grantorDue(grantor)) ?? Infinity),
      ...lab.nodes.map(({ requester }) => (requester && requesterDue(requester)) ?? Infinity),
      ...lab.wire.map(({ atNs }) => atNs),
    );
    if (dueNs > at(untilS)) break;
    if (dueNs - 1 > lab.nowNs) check(tick(dueNs - 1));
    lab.nowNs = tick(Math.max(dueNs, lab.nowNs));
    turn(lab);
    check(lab.nowNs);
  }
  lab.nowNs = at(untilS);
}

function turn(lab: Lab): void {
  const { nowNs, wire } = lab;
  const arrived = wire.filter(({ atNs }) => atNs <= nowNs);
  for (const one of arrived) {
    wire.splice(wire.indexOf(one), 1);
    const node = lab.nodes.find(({ ips }) => ips.includes(one.to.ip));
    if (node === undefined) continue;
    const ends = { localIp: one.to.ip, remoteIp: one.from.ip };
    put(lab, hearSignaling(node, parse(one.bytes), ends, nowNs));
  }
  for (const { grantor, requester } of lab.nodes) {
    const grantorNs = grantor && grantorDue(grantor);
    if (grantor && grantorNs !== null && grantorNs <= nowNs) put(lab, stepGrantor(grantor, nowNs));
    const requesterNs = requester && requesterDue(requester);
    if (requester && requesterNs !== null && requesterNs <= nowNs) {
      put(lab, stepRequester(requester, nowNs, lab.random.bytes(64)));
    }
  }
}

function put(lab: Lab, outputs: readonly Output[]): void {
  const atS = lab.nowNs / S;
  for (const output of outputs) {
    if (output.type !== 'transmit') {
      lab.told.push({ atS, output });
      continue;
    }
    const { bytes, from, to } = output;
    const sent = { atS, from: from.ip, to: to.ip, message: parse(bytes) };
    lab.sent.push(sent);
    if (!lab.loses(sent)) {
      lab.wire.push({ atNs: tick(lab.nowNs + lab.delayS() * S), bytes, from, to });
    }
  }
}

/** When messages with a TLV of this type left an address. (s) */
export const timesOf = (lab: Lab, from: string, type: string): number[] =>
  lab.sent
    .filter((sent) => sent.from === from && sent.message.tlvs.some((tlv) => tlv.type === type))
    .map(({ atS }) => atS);

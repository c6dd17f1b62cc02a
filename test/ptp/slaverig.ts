/**
 * A slave port in logical time, and masters to go with it. True time is the tick; a master shows
 * Unix EPOCH_S + tick (+ 37 s where it serves TAI), our clock is AHEAD_NS ahead of that.
 */
import type { OneWayOutput, Output, StampKind } from '../../src/machine.ts';
import { type PathKey, pathKey, pathParts } from '../../src/path.ts';
import type { TimePropertiesDS } from '../../src/ptp/dataset.ts';
import { NO_TIME_FLAGS } from '../../src/ptp/flags.ts';
import { createHeader, type HeaderFields } from '../../src/ptp/header.ts';
import type { PortIdentity } from '../../src/ptp/identity.ts';
import { type Message, readMessage, writeMessage } from '../../src/ptp/message.ts';
import {
  addPath,
  createSlave,
  type Following,
  follow,
  hear,
  hearTime,
  isForSlave,
  nextDue,
  type Slave,
  type SlaveConfig,
  sent,
  wake,
} from '../../src/ptp/slave.ts';
import { NO_TIMESTAMP, type Timestamp } from '../../src/ptp/timestamp.ts';
import { stamp, type Tick, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';

export const S = 1e9;
export const MS = 1e6;
export const EPOCH_S = 1_700_000_000;
export const EPOCH_NS = BigInt(EPOCH_S) * 1_000_000_000n;
export const AHEAD_NS = 250_000;
export const UTC_OFFSET_S = 37;

export const MASTER: PortIdentity = { clockIdentity: 'da9721.fffe.b7c4d9', portNumber: 1 };
export const OTHER: PortIdentity = { clockIdentity: 'aabbcc.fffe.000001', portNumber: 1 };
export const own = (n: number): PortIdentity => ({
  clockIdentity: `026362.00c6.3364${n.toString(16).padStart(2, '0')}`,
  portNumber: 1,
});

/** Serves TAI and says how it becomes UTC. */
export const TAI: TimePropertiesDS = {
  ...NO_TIME_FLAGS,
  currentUtcOffset: UTC_OFFSET_S,
  currentUtcOffsetValid: true,
  ptpTimescale: true,
  timeSource: 0x20,
};
/** As stock ptp4l with a software clock: UTC as an arbitrary timescale (WIRE §2.10). */
export const ARB: TimePropertiesDS = { ...TAI, currentUtcOffsetValid: false, ptpTimescale: false };

export const FOLLOWING: Following = { master: MASTER, logSyncInterval: 0, logDelayInterval: 0 };

/** A master's timestamp at a tick. @param utcOffsetS PTP − UTC of the timescale it serves */
export function masterTime(atNs: number, utcOffsetS = UTC_OFFSET_S): Timestamp {
  const seconds = Math.floor(atNs / S);
  return { seconds: EPOCH_S + seconds + utcOffsetS, nanoseconds: atNs - seconds * S };
}
/** What our clock shows at a tick. */
export const localAt = (atNs: number) => stamp(atNs + AHEAD_NS);

/** Header fields without the sender and the number, which the makers below know. */
type But = Partial<HeaderFields>;

const header = (
  type: Message['type'],
  sequenceId: number,
  { flags, ...but }: But,
  more: But['flags'] = {},
) =>
  createHeader(type, {
    sourcePortIdentity: MASTER,
    sequenceId,
    flags: { unicast: true, ...more, ...flags },
    ...but,
  });

/** Two-step, but if `origin` is given. */
export const sync = (sequenceId: number, but: But = {}, origin?: Timestamp): Message => ({
  type: 'Sync',
  header: header('Sync', sequenceId, but, { twoStep: origin === undefined }),
  originTimestamp: origin ?? NO_TIMESTAMP,
  tlvs: [],
});
export const followUp = (sequenceId: number, origin: Timestamp, but: But = {}): Message => ({
  type: 'Follow_Up',
  header: header('Follow_Up', sequenceId, but),
  preciseOriginTimestamp: origin,
  tlvs: [],
});
export const delayResp = (
  sequenceId: number,
  requestingPortIdentity: PortIdentity,
  receiveTimestamp: Timestamp,
  but: But = {},
): Message => ({
  type: 'Delay_Resp',
  header: header('Delay_Resp', sequenceId, but),
  receiveTimestamp,
  requestingPortIdentity,
  tlvs: [],
});
export const pdelayResp = (
  sequenceId: number,
  requestingPortIdentity: PortIdentity,
  requestReceiptTimestamp: Timestamp,
  but: But = {},
): Message => ({
  type: 'Pdelay_Resp',
  header: header('Pdelay_Resp', sequenceId, but, { twoStep: true }),
  requestReceiptTimestamp,
  requestingPortIdentity,
  tlvs: [],
});
export const pdelayFollowUp = (
  sequenceId: number,
  requestingPortIdentity: PortIdentity,
  responseOriginTimestamp: Timestamp,
  but: But = {},
): Message => ({
  type: 'Pdelay_Resp_Follow_Up',
  header: header('Pdelay_Resp_Follow_Up', sequenceId, but),
  responseOriginTimestamp,
  requestingPortIdentity,
  tlvs: [],
});

/** A request that went out. */
export interface Asked {
  readonly path: PathKey;
  readonly atNs: number;
  readonly message: Message;
  readonly bytes: Uint8Array;
  readonly from: { ip: string; port: number };
  readonly to: { ip: string; port: number };
  readonly context: number;
}
export const idOf = ({ message }: Asked): number => message.header.sequenceId;
/** The honest answer to a Delay_Req, received after `wayNs`. */
export const answerTo = (asked: Asked, wayNs = 48_700, but: But = {}): Message =>
  delayResp(
    idOf(asked),
    asked.message.header.sourcePortIdentity,
    masterTime(asked.atNs + wayNs),
    but,
  );

export interface Rig {
  readonly slave: Slave;
  nowNs: Tick;
  readonly asked: Asked[];
  readonly outputs: Output[];
  /** Answers `sent` at once, as drive.ts does. Default true. */
  stamps: boolean;
  /** Whose stamps they are; undefined: nobody tells. */
  kind: StampKind | undefined;
  at(ns: number): Rig;
  /** A message arrives now. */
  hear(message: Message, path?: PathKey): Output[];
  /** Wakes the slave whenever it is due, up to a time; `answer` may feed the rig. */
  run(untilNs: number, answer?: (asked: Asked) => void): Asked[];
  /** Lets the first Sync in and the first request out; the request. */
  firstRequest(path?: PathKey): Asked;
}

export const REMOTE = '192.0.2.1';
export const LOCAL = '198.51.100.1';
export const PATH = pathKey(REMOTE, LOCAL);

export function createRig(
  config: Partial<SlaveConfig> = {},
  paths: { remoteIp: string; localIp: string; identity: PortIdentity; requestIp?: string }[] = [
    { remoteIp: REMOTE, localIp: LOCAL, identity: own(1) },
  ],
  following: Following | null = FOLLOWING,
  time: TimePropertiesDS | null = TAI,
): Rig {
  const slave = createSlave({ delayMechanism: 'E2E', ...config });
  const random = createRandom(7);
  for (const path of paths) {
    addPath(slave, path);
    if (following === null) continue;
    follow(slave, pathKey(path.remoteIp, path.localIp), following, tick(0));
  }
  if (following !== null && time !== null) hearTime(slave, following.master, time, tick(0));

  const file = (outputs: Output[]): Output[] => {
    for (const output of outputs) {
      rig.outputs.push(output);
      if (output.type !== 'transmit') continue;
      const message = readMessage(output.bytes);
      if (typeof message === 'string') throw new Error(`sent what is ${message}`);
      const { bytes, from, to, context = -1 } = output;
      const path = pathKey(to.ip, from.ip);
      rig.asked.push({ path, atNs: rig.nowNs, message, bytes, from, to, context });
      if (rig.stamps) file(sent(slave, context, localAt(rig.nowNs), rig.nowNs, rig.kind));
    }
    return outputs;
  };

  const rig: Rig = {
    slave,
    nowNs: tick(0),
    asked: [],
    outputs: [],
    stamps: true,
    kind: undefined,
    at(ns) {
      rig.nowNs = tick(ns);
      return rig;
    },
    hear(message, path = PATH) {
      const { remoteIp, localIp } = pathParts(path);
      const bytes = writeMessage(message);
      const read = readMessage(bytes);
      if (typeof read === 'string' || !isForSlave(read)) throw new Error('not for a slave');
      const datagram = {
        bytes,
        remote: { ip: remoteIp, port: 319 },
        local: { ip: localIp, port: 319 },
        receivedAtNs: localAt(rig.nowNs),
        stampKind: rig.kind,
      };
      return file(hear(slave, { message: read, datagram }, rig.nowNs));
    },
    run(untilNs, answer = () => {}) {
      const first = rig.asked.length;
      for (;;) {
        const dueNs = nextDue(slave);
        if (dueNs === null || dueNs > untilNs) break;
        rig.nowNs = tick(Math.max(dueNs, rig.nowNs));
        const before = rig.asked.length;
        file(wake(slave, rig.nowNs, random.bytes(64)));
        for (const asked of rig.asked.slice(before)) answer(asked);
      }
      rig.nowNs = tick(Math.max(untilNs, rig.nowNs));
      return rig.asked.slice(first);
    },
    firstRequest(path = PATH) {
      const before = rig.asked.length;
      rig.hear(sync(1, {}, masterTime(rig.nowNs)), path);
      rig.run(rig.nowNs + S);
      const asked = rig.asked.slice(before).find((one) => one.path === path);
      if (asked === undefined) throw new Error('nothing was asked');
      return asked;
    },
  };
  return rig;
}

export const oneWays = (outputs: readonly Output[]): OneWayOutput[] =>
  outputs.filter((output) => output.type === 'oneway');
/** Reasons of the drops among the outputs. */
export const drops = (outputs: readonly Output[]): string[] =>
  outputs.flatMap((output) => (output.type === 'drop' ? [output.reason] : []));
/** `event: reason` of the path events among the outputs. */
export const events = (outputs: readonly Output[]): string[] =>
  outputs.flatMap((o) => (o.type === 'path' ? [`${o.event}: ${o.reason}`] : []));

/** What a one-way measurement says the way took, true offset known. (2^-16 ns) */
export function transit(oneWay: OneWayOutput): bigint {
  const local = EPOCH_NS + BigInt(Math.round(oneWay.localNs));
  const span = oneWay.direction === 'forward' ? local - oneWay.remoteNs : oneWay.remoteNs - local;
  return (span << 16n) - oneWay.correction;
}

/** The protocol state: everything but counters. */
export const protocolState = (slave: Slave): string =>
  JSON.stringify(slave, (name, value) => {
    if (name === 'tally' || name === 'strays') return undefined;
    return typeof value === 'bigint' ? `${value}n` : value;
  });

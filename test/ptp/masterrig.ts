/** A master port in logical time: its outputs as a host would perform them, read by the codec. */
import type { Output } from '../../src/machine.ts';
import {
  createDatasets,
  createDefaultDS,
  type TimePropertiesDS,
  UNKNOWN_TIME,
} from '../../src/ptp/dataset.ts';
import type { Destination } from '../../src/ptp/destination.ts';
import {
  createMaster,
  type Master,
  type MasterConfig,
  nextMasterDue,
  setDestinations,
} from '../../src/ptp/master.ts';
import { type Message, readMessage } from '../../src/ptp/message.ts';
import { createPortDS, type PortConfig } from '../../src/ptp/portds.ts';
import { masterSent, sendDue } from '../../src/ptp/transmit.ts';
import { type Stamp, stamp, type Tick, tick } from '../../src/units.ts';

export const S = 1e9;
export const EPOCH_S = 1_700_000_000;
/** The master of the captures, and their slave. */
export const MASTER = { clockIdentity: 'da9721.fffe.b7c4d9', portNumber: 1 };
export const SLAVE = { clockIdentity: 'ae600b.fffe.70c1ab', portNumber: 1 };
export const LOCAL = '10.77.0.1';
export const REMOTE = '10.77.0.2';
export const GROUP = '224.0.1.129';

/** As ptp4l with a software clock has it in the captures. */
export const PTP4L_TIME: TimePropertiesDS = { ...UNKNOWN_TIME, currentUtcOffset: 37 };
/** TAI of a master with a leap seconds list. */
export const TAI: TimePropertiesDS = {
  ...PTP4L_TIME,
  currentUtcOffsetValid: true,
  ptpTimescale: true,
};

/** One message that left. */
export interface Left {
  atNs: Tick;
  sentAtNs: Stamp;
  message: Message;
  bytes: Uint8Array;
  from: { ip: string; port: number };
  to: { ip: string; port: number };
}

export interface Rig {
  master: Master;
  nowNs: Tick;
  left: Left[];
  /** Everything but transmits. */
  others: Output[];
  /** Performs outputs; what leaves is stamped `lateNs` after the tick. */
  perform(outputs: readonly Output[]): Left[];
  /** Lets time pass; each timer fires late by what `lateNs` says. */
  run(untilS: number, lateNs?: () => number): Left[];
  set(...destinations: Destination[]): void;
}

interface Options extends Partial<MasterConfig> {
  time?: TimePropertiesDS;
  port?: PortConfig;
  twoStepFlag?: boolean;
  /** The host takes this long from the tick to the stamp. */
  sendNs?: number;
}

export function createRig(options: Options = {}): Rig {
  const { time = PTP4L_TIME, port = {}, twoStepFlag = true, sendNs = 1000, ...config } = options;
  const { clockIdentity } = MASTER;
  const defaultDS = createDefaultDS({ clockIdentity, priority1: 10, twoStepFlag });
  const portDS = createPortDS(MASTER, port);
  portDS.portState = 'MASTER';
  const sets = createDatasets(defaultDS, time);
  const master = createMaster({ sets, portDS, epochS: EPOCH_S, nowNs: tick(0), ...config });
  const rig: Rig = {
    master,
    nowNs: tick(0),
    left: [],
    others: [],
    perform(outputs) {
      const left: Left[] = [];
      const queue = [...outputs];
      for (let output = queue.shift(); output !== undefined; output = queue.shift()) {
        if (output.type !== 'transmit') {
          rig.others.push(output);
          continue;
        }
        const { bytes, from, to, seal, context } = output;
        const sentAtNs = stamp(rig.nowNs + sendNs);
        seal?.(bytes, sentAtNs);
        left.push({ atNs: rig.nowNs, sentAtNs, message: read(bytes), bytes, from, to });
        if (context !== undefined) queue.push(...masterSent(master, context, sentAtNs));
      }
      rig.left.push(...left);
      return left;
    },
    run(untilS, lateNs = () => 0) {
      const from = rig.left.length;
      for (;;) {
        const due = nextMasterDue(master);
        if (due === null) break;
        const atNs = Math.max(due + lateNs(), rig.nowNs);
        if (atNs > untilS * S) break;
        rig.nowNs = tick(atNs);
        rig.perform(sendDue(master, rig.nowNs));
      }
      rig.nowNs = tick(Math.max(untilS * S, rig.nowNs));
      return rig.left.slice(from);
    },
    set: (...destinations) => setDestinations(master, destinations, rig.nowNs),
  };
  return rig;
}

export function read(bytes: Uint8Array): Message {
  const message = readMessage(bytes);
  if (typeof message === 'string') throw new Error(`we sent what is no message: ${message}`);
  return message;
}

/** A grant to the captured slave. */
export const granted = (over: Partial<Destination> = {}): Destination => ({
  localIp: LOCAL,
  remote: REMOTE,
  targetPort: SLAVE,
  messageType: 'Sync',
  logInterval: 0,
  untilNs: null,
  ...over,
});

export const ofType = (left: readonly Left[], type: Message['type']): Left[] =>
  left.filter(({ message }) => message.type === type);

/** The only one. */
export function only<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined || items.length > 1) throw new Error(`${items.length} instead of one`);
  return item;
}

/** Streams of PTP messages for the linter's tests: sound ones, and the means to break them. */
import type { Finding, Seen } from '../../src/check/finding.ts';
import { createLint, endLint, type LintOptions, stepLint } from '../../src/check/lint.ts';
import { isUnicast } from '../../src/path.ts';
import { enterpriseTlv } from '../../src/ptp/enterprisetlv.ts';
import { createHeader, type HeaderFields } from '../../src/ptp/header.ts';
import type { PortIdentity } from '../../src/ptp/identity.ts';
import { type Message, writeMessage } from '../../src/ptp/message.ts';
import { NO_TIMESTAMP } from '../../src/ptp/timestamp.ts';
import type { Tlv } from '../../src/ptp/tlv.ts';
import { MESSAGE_TYPES, type MessageType } from '../../src/ptp/types.ts';

/** A message on its way, before it is octets. */
export interface Item {
  readonly atS: number;
  readonly src: string;
  readonly dst: string;
  /** Default: that of the message type. */
  readonly port?: number;
  readonly hops?: number;
  readonly message: Message;
  /** Zero octets after it. */
  readonly padding?: number;
  /** Changes its octets. */
  readonly spoil?: (bytes: Uint8Array) => Uint8Array | undefined;
}

export const GROUP = '224.0.1.129';
export const MASTER = '10.0.0.1';
export const SLAVE = '10.0.0.9';
export const portOf = (identity: string, portNumber = 1): PortIdentity => ({
  clockIdentity: identity,
  portNumber,
});
export const M = portOf('aaaaaa.fffe.000001');
export const S = portOf('bbbbbb.fffe.000009');
const TIME = { seconds: 1_700_000_000, nanoseconds: 5 };

type Fields = Partial<HeaderFields>;

/** Any message with its usual body. */
export function make(
  type: MessageType,
  source: PortIdentity,
  sequenceId: number,
  { flags = {}, ...fields }: Fields = {},
  body: object = {},
  tlvs: readonly Tlv[] = [],
): Message {
  const header = createHeader(type, { sourcePortIdentity: source, sequenceId, ...fields, flags });
  const bodies = {
    Sync: { originTimestamp: NO_TIMESTAMP },
    Delay_Req: { originTimestamp: TIME },
    Pdelay_Req: { originTimestamp: TIME },
    Pdelay_Resp: { requestReceiptTimestamp: TIME, requestingPortIdentity: S },
    Follow_Up: { preciseOriginTimestamp: TIME },
    Delay_Resp: { receiveTimestamp: TIME, requestingPortIdentity: S },
    Pdelay_Resp_Follow_Up: { responseOriginTimestamp: TIME, requestingPortIdentity: S },
    Announce: {
      originTimestamp: TIME,
      currentUtcOffset: 37,
      grandmasterPriority1: 128,
      grandmasterClockQuality: {
        clockClass: 248,
        clockAccuracy: 0xfe,
        offsetScaledLogVariance: 0xffff,
      },
      grandmasterPriority2: 128,
      grandmasterIdentity: source.clockIdentity,
      stepsRemoved: 0,
      timeSource: 0xa0,
    },
    Signaling: { targetPortIdentity: S },
    Management: {
      targetPortIdentity: S,
      startingBoundaryHops: 0,
      boundaryHops: 0,
      action: 'RESPONSE',
    },
  };
  return { type, header, ...bodies[type], ...body, tlvs } as Message;
}

/** Body of a Follow_Up whose Sync left then. */
export const originAt = (atS: number) => ({
  preciseOriginTimestamp: {
    seconds: TIME.seconds + Math.floor(atS),
    nanoseconds: Math.floor((atS % 1) * 1e9),
  },
});

const TOLD = { currentUtcOffsetValid: true, ptpTimescale: true };

/** One Announce of an Enterprise master. */
export const announce = (
  sequenceId: number,
  source = M,
  fields: Fields = {},
  body: object = {},
  tlvs: readonly Tlv[] = [enterpriseTlv(source.portNumber, 'hybrid')],
): Message =>
  make(
    'Announce',
    source,
    sequenceId,
    { logMessageInterval: 0, ...fields, flags: { ...TOLD, ...fields.flags } },
    body,
    tlvs,
  );

/** An Enterprise master by multicast and its hybrid slave, `seconds` long. */
export function hybridStream(seconds = 40): Item[] {
  const items: Item[] = [];
  for (let n = 0; n < seconds; n++) {
    const sync = { flags: { twoStep: true }, logMessageInterval: 0 };
    const asked = { flags: { unicast: true } };
    items.push(
      { atS: n, src: MASTER, dst: GROUP, message: announce(n) },
      { atS: n + 0.1, src: MASTER, dst: GROUP, message: make('Sync', M, n, sync) },
      {
        atS: n + 0.101,
        src: MASTER,
        dst: GROUP,
        message: make('Follow_Up', M, n, { logMessageInterval: 0 }, originAt(n + 0.1)),
      },
      { atS: n + 0.5, src: SLAVE, dst: MASTER, message: make('Delay_Req', S, n, asked) },
      { atS: n + 0.501, src: MASTER, dst: SLAVE, message: make('Delay_Resp', M, n, asked) },
    );
  }
  return items;
}

export const MASTERS = ['10.0.0.1', '10.0.0.2'];
export const SLAVES = ['10.0.0.8', '10.0.0.9'];
const UNICAST = { flags: { unicast: true } };

export const grant = (messageType: number, durationField = 300): Tlv => ({
  type: 'GRANT_UNICAST_TRANSMISSION',
  messageType,
  logInterMessagePeriod: 0,
  durationField,
  renewalInvited: true,
});

/** A dual-ended pair over 2 × 2 paths: Announces by multicast, the rest negotiated. */
export function dualStream(seconds = 40): Item[] {
  const items: Item[] = [];
  for (const [p, src] of MASTERS.entries()) {
    for (const [q, dst] of SLAVES.entries()) {
      const tlvs = [grant(MESSAGE_TYPES.Sync.code), grant(MESSAGE_TYPES.Delay_Resp.code)];
      const n = 2 * p + q;
      items.push({ atS: 0.01 * n, src, dst, message: make('Signaling', M, n, UNICAST, {}, tlvs) });
    }
  }
  for (let n = 0; n < seconds; n++) {
    for (const [p, src] of MASTERS.entries()) {
      items.push({ atS: 1 + n + 0.001 * p, src, dst: GROUP, message: announce(n, M, {}, {}, []) });
      for (const [q, dst] of SLAVES.entries()) {
        const atS = 1.1 + n + 0.02 * p + 0.01 * q;
        const two = { flags: { unicast: true, twoStep: true } };
        items.push(
          { atS, src, dst, message: make('Sync', M, n, two) },
          {
            ...{ atS: atS + 0.001, src, dst },
            message: make('Follow_Up', M, n, UNICAST, originAt(atS)),
          },
          { atS: atS + 0.4, src: dst, dst: src, message: make('Delay_Req', S, n, UNICAST) },
          { atS: atS + 0.401, src, dst, message: make('Delay_Resp', M, n, UNICAST) },
        );
      }
    }
  }
  return items;
}

export function seenOf(item: Item): Seen {
  const { message, src, dst, hops = null, padding = 0 } = item;
  const { event } = MESSAGE_TYPES[message.type];
  const port = item.port ?? (event ? 319 : 320);
  const bytes = writeMessage(message, padding);
  return {
    atNs: 1_700_000_000_000_000_000n + BigInt(Math.round(item.atS * 1e9)),
    ...{ src, dst, hops, srcPort: port, dstPort: port },
    bytes: item.spoil?.(bytes) ?? bytes,
  };
}

/** All that the linter finds in these, in the order of their times. */
export function findingsOf(items: readonly Item[], options: LintOptions = {}): Finding[] {
  const lint = createLint(options);
  const found = [...items]
    .sort((a, b) => a.atS - b.atS)
    .flatMap((item) => stepLint(lint, seenOf(item)));
  return [...found, ...endLint(lint)];
}

export const rulesIn = (findings: readonly Finding[]): string[] =>
  [...new Set(findings.map(({ rule }) => rule))].sort();

/** Changes the first message of a type at or after `atS`. */
export function change(
  items: readonly Item[],
  type: MessageType,
  edit: (item: Item) => Item | null,
  atS = 8,
): Item[] {
  const at = items.findIndex((item) => item.message.type === type && item.atS >= atS);
  return items.flatMap((item, n) => (n === at ? (edit(item) ?? []) : [item]));
}

/** Changes all messages of a type. */
export const changeAll = (
  items: readonly Item[],
  type: MessageType,
  edit: (item: Item) => Item | null,
): Item[] => items.flatMap((item) => (item.message.type === type ? (edit(item) ?? []) : [item]));

/** With another header. */
export const withHeader = (item: Item, { flags = {}, ...fields }: Fields): Item => {
  const { header } = item.message;
  const merged = { ...header, ...fields, flags: { ...header.flags, ...flags } };
  return { ...item, message: { ...item.message, header: merged } as Message };
};

/** With another body. */
export const withBody = (item: Item, body: object): Item => ({
  ...item,
  message: { ...item.message, ...body } as Message,
});

/** By unicast to `dst`, as such. */
export const toUnicast = (item: Item, dst: string): Item => ({
  ...withHeader(item, { flags: { unicast: true }, logMessageInterval: 0x7f }),
  dst,
});

export const isGroupItem = ({ dst }: Item): boolean => !isUnicast(dst);

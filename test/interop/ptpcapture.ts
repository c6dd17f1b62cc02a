/** What tshark reads in a capture of PTP. */
import { runOk } from './spawn.ts';

export interface PtpPacket {
  atS: number;
  src: string;
  dst: string;
  sport: number;
  dport: number;
  /** messageType (IEEE 1588-2008 table 19). */
  type: number;
  unicast: boolean;
  /** `0x…` */
  clockIdentity: string;
  sequenceId: number;
  /** alternateMasterFlag */
  alternate: boolean;
  logInterval: number;
  /** The UDP payload in hex: tshark misreads the Enterprise Profile's TLV. */
  payload: string;
  /** tlvTypes of a Signaling message, in order. */
  tlvs: readonly number[];
  /** messageTypes that they are about. */
  about: readonly number[];
  /** requestingPortIdentity's clockIdentity in a Delay_Resp. */
  asker: string;
  /** Hop limit (TTL). */
  hops: number;
}

export const TYPE = {
  Sync: 0,
  Delay_Req: 1,
  Pdelay_Req: 2,
  Pdelay_Resp: 3,
  Follow_Up: 8,
  Delay_Resp: 9,
  Pdelay_Resp_Follow_Up: 10,
  Announce: 11,
  Signaling: 12,
} as const;
/** tlvTypes of negotiation. */
export const REQUEST_TLV = 4;
/** Everything but Announce, Signaling and Management: by unicast only (MP-21). */
export const TIMED = [0, 1, 2, 3, 8, 9, 10];

const FIELDS = [
  'frame.time_epoch',
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'ipv6.dst',
  'udp.srcport',
  'udp.dstport',
  'ptp.v2.messagetype',
  'ptp.v2.flags.unicast',
  'ptp.v2.clockidentity',
  'ptp.v2.sequenceid',
  'ptp.v2.sig.tlv.tlvType',
  'ptp.v2.flags.alternatemaster',
  'ptp.v2.logmessageperiod',
  'udp.payload',
  'ptp.v2.sig.tlv.messageType',
  'ptp.v2.dr.requestingsourceportidentity',
  'ip.ttl',
  'ipv6.hlim',
];

/** Frames that left a host, in the order they were seen. @throws Error if tshark cannot read it */
export async function analysePtp(
  ns: string,
  file: string,
): Promise<{ packets: PtpPacket[]; complaints: string[] }> {
  const tshark = ['tshark', '-n', '-r', file, '-T', 'fields', '-E', 'separator=/t'];
  const columns = (names: readonly string[]) => names.flatMap((name) => ['-e', name]);
  const limit = { timeoutMs: 60_000 };
  const text = await runOk(ns, [...tshark, '-Y', 'ptp', ...columns(FIELDS)], limit);
  const complaints = await runOk(
    ns,
    [
      ...tshark,
      ...['-Y', '_ws.malformed || _ws.expert.severity >= "Warning"'],
      ...columns(['frame.number', '_ws.col.Info', '_ws.expert.message']),
    ],
    limit,
  );
  return { packets: lines(text).map(packetOf), complaints: lines(complaints) };
}

const isSet = (flag: string | undefined): boolean => flag === '1' || flag === 'True';

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** As tshark lists them: `4,4`, `0x0b,0x00`. */
const numbers = (text = ''): number[] => (text === '' ? [] : text.split(',').map(Number));

function packetOf(line: string): PtpPacket {
  const columns = line.split('\t');
  const [at, src4, dst4, src6, dst6, sport, dport, type, unicast, identity, sequenceId] = columns;
  const [tlvs, alternate, logInterval, payload = '', about, asker, ttl, hlim] = columns.slice(11);
  return {
    atS: Number(at),
    src: src4 || src6 || '',
    dst: dst4 || dst6 || '',
    sport: Number(sport),
    dport: Number(dport),
    type: Number(type),
    unicast: isSet(unicast),
    alternate: isSet(alternate),
    logInterval: Number(logInterval),
    payload: payload.replaceAll(':', ''),
    clockIdentity: identity ?? '',
    sequenceId: Number(sequenceId),
    tlvs: numbers(tlvs),
    about: numbers(about),
    asker: asker ?? '',
    hops: Number(ttl || hlim),
  };
}

/**
 * Captures in a namespace and what tshark, an independent judge, reads in them. Timestamps are
 * taken raw from the payload (tshark prints them as dates); see WIRE.md §1.1 for the layout.
 */
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { runOk, sleep, until } from './spawn.ts';

export interface Capture {
  file: string;
  /** Ends it; all packets seen so far are in the file then. */
  stop(): Promise<void>;
}

/** One NTP packet. Timestamps are 16 hex digits, as on the wire. */
export interface NtpPacket {
  /** When it was captured, Unix time. (s) */
  atS: number;
  src: string;
  dst: string;
  sport: number;
  dport: number;
  /** 3 client, 4 server, 6 control (RFC 5905 §7.3) */
  mode: number;
  version: number;
  stratum: number;
  pollLog2S: number;
  /** Octets of UDP payload. */
  length: number;
  ref: string;
  org: string;
  rec: string;
  xmt: string;
  /** IPv6 flow label, e.g. `0x0a1b2c`; absent for IPv4. */
  flow: string | undefined;
}

export interface Analysis {
  packets: NtpPacket[];
  /** Packets tshark calls malformed or warns of, one line each. */
  complaints: string[];
}

/** Zero timestamp: unknown (RFC 5905 §6). */
export const ZERO = '0'.repeat(16);

const FIELDS = [
  'frame.time_epoch',
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'ipv6.dst',
  'udp.srcport',
  'udp.dstport',
  'ntp.flags.mode',
  'ntp.flags.vn',
  'ntp.stratum',
  'ntp.ppoll',
  'udp.payload',
  'ipv6.flow',
] as const;

/** Starts a capture of `filter` on one interface of `ns` (`any`: all). It runs when this returns. */
export async function startCapture(
  lab: Pick<Lab, 'scratch' | 'start'>,
  ns: string,
  link: string,
  filter = 'udp port 123 and not host 127.0.0.1',
): Promise<Capture> {
  const file = join(lab.scratch('capture'), 'packets.pcapng');
  const running = lab.start(ns, ['dumpcap', '-q', '-i', link, '-f', filter, '-w', file]);
  let ended = false;
  running.exited.then(() => {
    ended = true;
  });
  // dumpcap names its file once the socket is open and filtered.
  await until(
    'capture running',
    () => {
      if (ended) throw new Error(`dumpcap ended at once:\n${running.stderr()}`);
      return running.stderr().includes('File:');
    },
    { everyMs: 10, detail: running.stderr },
  );
  return {
    file,
    async stop() {
      // The kernel hands packets over in blocks, a part-filled one only after a while.
      await sleep(400);
      await running.stop('SIGINT');
    },
  };
}

/** Reads a capture with tshark. @throws Error if tshark cannot read it */
export async function analyse(lab: Lab, file: string): Promise<Analysis> {
  const tshark = ['tshark', '-n', '-r', file, '-T', 'fields', '-E', 'separator=/t'];
  const columns = (names: readonly string[]) => names.flatMap((name) => ['-e', name]);
  const [packets, complaints] = await Promise.all([
    runOk(lab.client, [...tshark, '-Y', 'ntp', ...columns(FIELDS)]),
    runOk(lab.client, [
      ...tshark,
      ...['-Y', '_ws.malformed || _ws.expert.severity >= "Warning"'],
      ...columns(['frame.number', '_ws.col.Info', '_ws.expert.message']),
    ]),
  ]);
  return { packets: lines(packets).map(ntpPacket), complaints: lines(complaints) };
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

function ntpPacket(line: string): NtpPacket {
  const values = line.split('\t');
  const field = (name: (typeof FIELDS)[number]) => values[FIELDS.indexOf(name)] ?? '';
  const payload = field('udp.payload').replaceAll(':', '');
  const stamp = (octet: number) => payload.slice(2 * octet, 2 * octet + 16);
  return {
    atS: Number(field('frame.time_epoch')),
    src: field('ip.src') || field('ipv6.src'),
    dst: field('ip.dst') || field('ipv6.dst'),
    sport: Number(field('udp.srcport')),
    dport: Number(field('udp.dstport')),
    mode: Number(field('ntp.flags.mode')),
    version: Number(field('ntp.flags.vn')),
    stratum: Number(field('ntp.stratum')),
    pollLog2S: Number(field('ntp.ppoll')),
    length: payload.length / 2,
    ref: stamp(16),
    org: stamp(24),
    rec: stamp(32),
    xmt: stamp(40),
    flow: field('ipv6.flow') || undefined,
  };
}

/** Seconds between an NTP timestamp on the wire and a Unix time, in the nearer era. (s) */
export function distanceS(stamp: string, unixS: number): number {
  const NTP_EPOCH_S = 2_208_988_800; // 1900 to 1970
  const seconds = Number.parseInt(stamp.slice(0, 8), 16);
  const fraction = Number.parseInt(stamp.slice(8), 16) / 2 ** 32;
  const apart = (((seconds + fraction - unixS - NTP_EPOCH_S) % 2 ** 32) + 2 ** 32) % 2 ** 32;
  return Math.min(apart, 2 ** 32 - apart);
}

/** Packets of one mode, by pair: `src|dst`. */
export function byPair(packets: readonly NtpPacket[], mode: number): Map<string, NtpPacket[]> {
  const pairs = new Map<string, NtpPacket[]>();
  for (const packet of packets) {
    if (packet.mode !== mode) continue;
    const key = `${packet.src}|${packet.dst}`;
    pairs.set(key, [...(pairs.get(key) ?? []), packet]);
  }
  return pairs;
}

/** What the suites with stock PTP peers ask of a run and of its packets. */
import * as assert from 'uvu/assert';
import type { PtpLine } from './program.ts';
import { type PtpPacket, REQUEST_TLV, TIMED, TYPE } from './ptpcapture.ts';

export const RATES = ['--announce', '0', '--sync', '-3', '--delay', '-3'];
/** ptpd grants no more than it is configured for. */
export const SLOWER = ['--announce', '0', '--sync', '-2', '--delay', '-2'];
export const FILTER = 'udp portrange 319-320';
/** Generous: two cores shared by many. (s) */
export const BOUND_S = 20e-3;

export const isMulticast = (ip: string): boolean => ip.startsWith('224.') || ip.startsWith('ff');

export const isUp = (line: PtpLine): boolean =>
  line.paths.length > 0 && line.paths.every(({ forward, reverse }) => forward > 3 && reverse > 3);

export const offsetOf = (line: PtpLine | undefined): number =>
  Math.abs(line?.combined?.offset ?? Number.POSITIVE_INFINITY);

/** Everything timed goes by unicast and says so, from and to one port (MP-09, MP-21). */
export function assertMpptp(packets: readonly PtpPacket[]): void {
  const timed = packets.filter(({ type }) => TIMED.includes(type));
  assert.ok(timed.length > 0);
  for (const packet of timed) {
    assert.not(isMulticast(packet.dst), JSON.stringify(packet));
    assert.ok(packet.unicast, JSON.stringify(packet));
    assert.is(packet.sport, packet.dport);
  }
}

/** Addresses, each with the one identity it showed (MP-28, PTP-S01, PTP-S10). */
export function bijection(packets: readonly PtpPacket[]): string[] {
  const shown = [...new Set(packets.map((one) => `${one.src} ${one.clockIdentity}`))].sort();
  const ips = new Set(packets.map(({ src }) => src));
  assert.is(shown.length, ips.size, `an identity per address: ${shown}`);
  assert.is(new Set(packets.map((one) => one.clockIdentity)).size, ips.size, 'and one for each');
  return shown;
}

/** Longest time between two Syncs to an address. (s) */
export function syncGapS(packets: readonly PtpPacket[], ip: string): number {
  const syncs = packets.filter(({ dst, type }) => dst === ip && type === TYPE.Sync);
  assert.ok(syncs.length > 10, `${ip}: ${syncs.length} Syncs`);
  return Math.max(...syncs.slice(1).map(({ atS }, n) => atS - (syncs[n]?.atS ?? 0)));
}

/** When an address asked for a type of message. (s) */
export const askedAt = (packets: readonly PtpPacket[], ip: string, type: number): number[] =>
  packets
    .filter(({ src, tlvs, about }) => {
      return src === ip && about.some((of, n) => of === type && tlvs[n] === REQUEST_TLV);
    })
    .map(({ atS }) => atS);

/** `src|dst` of all messages of a type, sorted. */
export const pairsOf = (packets: readonly PtpPacket[], type: number): string[] =>
  [
    ...new Set(packets.filter((one) => one.type === type).map(({ src, dst }) => `${src}|${dst}`)),
  ].sort();

export const swapped = (pairs: readonly string[]): string[] =>
  pairs.map((pair) => pair.split('|').reverse().join('|')).sort();

/** What the recording tests share: pieces of bytes, seeded exchanges, snapshots of a core. */
import type { Core } from '../../src/core.ts';
import type { BadLine } from '../../src/recording/replay.ts';
import type { Random } from '../sim/random.ts';

export const HEADER = {
  created: '2025-11-20T00:53:20Z',
  runtime: 'test 1.0',
  combiner: 'kalman',
  epochS: 1_763_600_000,
} as const;

export const KEYS = ['192.0.2.1|198.51.100.7', '192.0.2.2|198.51.100.7', '2001:db8::1|2001:db8::7'];

/** The UTF-8 bytes of a text. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An async iterable of the bytes in pieces of the given sizes, the last one repeated. */
export async function* pieces(
  bytes: Uint8Array,
  sizes: readonly number[] = [65536],
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let n = 0; at < bytes.length; n++) {
    const size = sizes[Math.min(n, sizes.length - 1)] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

export const joined = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

/** Everything the core shows: combined clock and all path reports, byte for byte. */
export function snapshot(core: Core): Uint8Array {
  const { memory, CLOCK, PATHS, PATH_BYTES, MAX_PATHS } = core.exports;
  const clock = new Uint8Array(memory.buffer, CLOCK.value, 128);
  const paths = new Uint8Array(memory.buffer, PATHS.value, PATH_BYTES.value * MAX_PATHS.value);
  return joined(clock, paths);
}

export interface Wire {
  readonly path: number;
  /** The 48 bytes of the server's reply. */
  readonly packet: Uint8Array;
  /** ns since HEADER.epochS. */
  readonly localSendNs: number;
  readonly localReceiveNs: number;
  /** True offset at local receive, s. */
  readonly truthS: number;
}

/** Seeded NTP exchanges, `paths` of them per second, server 0.25 s ahead and 20 ppm fast. */
export function* exchanges(random: Random, paths: number, count: number): Generator<Wire> {
  for (let n = 0; n < count; n++) {
    const sendS = n / paths;
    const out = 4e-3 - 1e-3 * Math.log(random());
    const back = 4e-3 - 1e-3 * Math.log(random());
    const truth = (s: number) => 0.25 + 20e-6 * s;
    const packet = new Uint8Array(48);
    const view = new DataView(packet.buffer);
    packet[0] = 0x24;
    packet[1] = 1;
    ntp(view, 32, sendS + out + truth(sendS + out));
    ntp(view, 40, sendS + out + 30e-6 + truth(sendS + out + 30e-6));
    const receiveS = sendS + out + 30e-6 + back;
    yield {
      path: n % paths,
      packet,
      localSendNs: Math.round(sendS * 1e9),
      localReceiveNs: Math.round(receiveS * 1e9),
      truthS: truth(receiveS),
    };
  }
}

function ntp(view: DataView, at: number, s: number): void {
  const whole = Math.floor(s);
  view.setUint32(at, HEADER.epochS + 2_208_988_800 + whole);
  view.setUint32(at + 4, Math.floor((s - whole) * 2 ** 32));
}

/** Bad lines as `file:line reason`. */
export function complaints(): { readonly list: string[]; onBadLine(bad: BadLine): void } {
  const list: string[] = [];
  return { list, onBadLine: ({ file, line, reason }) => list.push(`${file}:${line} ${reason}`) };
}

/** Runs `body` with `count` seeded random numbers generators' worth of cases. */
export const below = (random: Random, n: number): number => Math.floor(random() * n);

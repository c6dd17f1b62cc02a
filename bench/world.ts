/**
 * The benches' input: seeded exchanges over many paths, made with + − × ÷ and rounding only.
 * Math.log and Math.cos, which test/sim uses, may differ in the last bit between runtimes; here
 * every runtime gets the same nanoseconds, so that their results can be compared bit by bit.
 */
import type { Core } from '../src/core.ts';
import { type Random, seeded } from '../src/demo/random.ts';
import {
  KIND_FORWARD,
  KIND_NTP,
  KIND_REVERSE,
  RECORD_LOCAL,
  RECORD_REMOTE,
  setHead,
  setUnixNs,
} from '../src/recording/record.ts';
import { EPOCH_S, type Exchange, writeExchange } from '../test/sim/world.ts';

export { EPOCH_S, type Exchange };

const POLL_NS = 1e9;
const HOLD_NS = 20_000;
const BASE_NS = 5_000_000;
const QUEUE_NS = 4_000_000;
/** The local clock is this slow at the start, and its frequency wanders by so much per poll. */
const BEHIND_NS = 10_000_000;
const FREQUENCY = 1e-5;
const WANDER = 1e-9;
/** 2^32 / 10^9: NTP units per ns. */
const NTP_PER_NS = 4.294967296;
const NTP_EPOCH_S = 2_208_988_800;

/** u³ is skewed as queueing is: mostly short, mean 1/4, at times four times that. */
const queue = (random: Random): number => {
  const u = random();
  return QUEUE_NS * u * u * u;
};

/** `count` exchanges in order of receipt, one per path and second, evenly staggered. */
export function exchangesOver(paths: number, count: number, seed: number): Exchange[] {
  const random = seeded(seed);
  const exchanges: Exchange[] = [];
  let frequency = FREQUENCY;
  let behind = BEHIND_NS;
  for (let n = 0; n < count; n++) {
    const stepNs = POLL_NS / paths;
    const at = n * stepNs;
    frequency += (WANDER * (random() - 0.5) * stepNs) / POLL_NS;
    behind += frequency * stepNs;
    const t2 = BASE_NS + queue(random);
    const t4 = t2 + HOLD_NS + BASE_NS + queue(random);
    // the remote clock is the true one: it shows `behind` more than ours
    exchanges.push({
      path: n % paths,
      t1: Math.round(at - behind),
      t2: Math.round(at + t2),
      t3: Math.round(at + t2 + HOLD_NS),
      t4: Math.round(at + t4 - behind),
      truth: behind / 1e9,
      at: (at + t4) / 1e9,
    });
  }
  return exchanges.sort((a, b) => a.t4 - b.t4);
}

/** The exchanges as the core's records, to be copied into a batch. */
export function recordsOf(core: Core, exchanges: readonly Exchange[]): Uint8Array {
  const bytes = new Uint8Array(exchanges.length * core.recordBytes);
  const slot = new Uint8Array(core.records.buffer, core.records.byteOffset, core.recordBytes);
  for (const [k, exchange] of exchanges.entries()) {
    writeExchange(core, 0, exchange);
    bytes.set(slot, k * core.recordBytes);
  }
  return bytes;
}

/** The exchanges one way at a time, as PTP measures: a Delay_Req, then a Sync; two records each. */
export function oneWaysOf(core: Core, exchanges: readonly Exchange[]): Uint8Array {
  const bytes = new Uint8Array(2 * exchanges.length * core.recordBytes);
  const view = new DataView(bytes.buffer);
  for (const [k, { path, t1, t2, t3, t4 }] of exchanges.entries()) {
    const reverse = 2 * k * core.recordBytes;
    setHead(view, reverse, path, KIND_REVERSE);
    setUnixNs(view, reverse + RECORD_LOCAL, EPOCH_S, t1);
    setUnixNs(view, reverse + RECORD_REMOTE, EPOCH_S, t2);
    const forward = reverse + core.recordBytes;
    setHead(view, forward, path, KIND_FORWARD);
    setUnixNs(view, forward + RECORD_REMOTE, EPOCH_S, t3);
    setUnixNs(view, forward + RECORD_LOCAL, EPOCH_S, t4);
  }
  return bytes;
}

/** The server's 48-byte reply of each exchange; its stamps are good to 2^-32 s. */
export function repliesOf(exchanges: readonly Exchange[]): Uint8Array[] {
  return exchanges.map(({ t2, t3 }) => {
    const packet = new Uint8Array(48);
    const view = new DataView(packet.buffer);
    view.setUint8(0, 0x24); // LI 0, version 4, server
    view.setUint8(1, 1);
    writeNtp(view, 32, t2);
    writeNtp(view, 40, t3);
    return packet;
  });
}

/** The same exchanges as records whose remote stamps are NTP's, for comparing with packets. */
export function ntpRecordsOf(core: Core, exchanges: readonly Exchange[]): Uint8Array {
  const bytes = new Uint8Array(exchanges.length * core.recordBytes);
  const view = new DataView(bytes.buffer);
  for (const [k, { path, t1, t2, t3, t4 }] of exchanges.entries()) {
    const at = k * core.recordBytes;
    setHead(view, at, path, KIND_NTP);
    setUnixNs(view, at + 8, EPOCH_S, t1);
    writeNtp(view, at + 16, t2, true);
    writeNtp(view, at + 24, t3, true);
    setUnixNs(view, at + 32, EPOCH_S, t4);
  }
  return bytes;
}

function writeNtp(view: DataView, at: number, ns: number, little = false): void {
  const whole = Math.floor(ns / 1e9);
  const seconds = EPOCH_S + whole + NTP_EPOCH_S;
  const fraction = Math.floor((ns - whole * 1e9) * NTP_PER_NS);
  view.setUint32(little ? at + 4 : at, seconds, little);
  view.setUint32(little ? at : at + 4, fraction, little);
}

/**
 * The NTP server's fast path in a typed coat: instantiates responder.wasm, tells it whom to serve
 * and what to say. Its memory map is assembly/responder/memory.ts.
 */
import { ConfigError, CoreError } from '../errors.ts';
import { type Access, createRules } from '../ntp/prefix.ts';
import { createRateLimit, type RateLimitConfig } from '../ntp/ratelimit.ts';
import type { Tick } from '../units.ts';
import { responderBytes } from './bytes.ts';

const RESPONDER_VERSION = 1;

/** Slots of {@link Responder.counts}, in the order of COUNT_* in the map. */
export const COUNTS = [
  'received',
  'answered',
  'kisses',
  'left',
  'too-long',
  'unstamped',
  'short',
  'malformed',
  'version',
  'mode',
  'unknown-port',
  'denied',
  'rate-limited',
] as const;

export interface ResponderConfig {
  /** null: answer everybody as often as they ask. */
  readonly rateLimit: RateLimitConfig | null;
  readonly access: Access;
  /** Leave requests in interleaved mode to the caller. */
  readonly interleaved: boolean;
}

export interface Responder {
  /** All its memory; it never moves. */
  readonly bytes: Uint8Array;
  /** Messages of one batch. */
  readonly messages: number;
  /** Where things stand in {@link bytes}: struct mmsghdr to receive and to send, a struct timespec. */
  readonly headersAt: number;
  readonly repliesAt: number;
  readonly nowAt: number;
  readonly counts: Float64Array;
  /** Once, before the first batch: where the memory stands in the process. */
  place(address: number): void;
  /** The first 24 octets of every reply from now on (replyHead in ntp/server.ts). */
  setHead(head: Uint8Array): void;
  /** Answers a batch that was received, but for the time of departure. @returns replies to send */
  answer(count: number, nowNs: Tick): number;
  /** Stamps the time that stands at nowAt into replies `from` to before `to`. */
  seal(from: number, to: number): void;
  /** The requests of the last answer() that are the caller's. */
  left(): readonly Left[];
}

/** A request in interleaved mode that may be answered; views are good until the next batch. */
export interface Left {
  readonly bytes: Uint8Array;
  /** Where its struct sockaddr stands in the memory. */
  readonly nameAt: number;
  /** Kernel's stamp of its receipt, Unix time. 0 s: none. */
  readonly stampS: number;
  readonly stampNs: number;
}

interface Global {
  readonly value: number;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  setup(address: bigint): void;
  setRules(count: number): number;
  setLimit(intervalNs: number, burst: number, mask: number, seed: number, size: number): number;
  setKissPoll(log2S: number): void;
  setInterleaved(on: number): void;
  answer(count: number, nowNs: number): number;
  leftCount(): number;
  seal(from: number, to: number): void;
  readonly RESPONDER_VERSION: Global;
  readonly MESSAGES: Global;
  readonly MSG_LENGTH: Global;
  readonly HEADERS: Global;
  readonly HEADER_BYTES: Global;
  readonly REPLY_HEADERS: Global;
  readonly NAMES: Global;
  readonly NAME_BYTES: Global;
  readonly SLOTS: Global;
  readonly SLOT_BYTES: Global;
  readonly STAMPS: Global;
  readonly LEFT: Global;
  readonly HEAD: Global;
  readonly NOW: Global;
  readonly COUNTS: Global;
  readonly RULES: Global;
  readonly RULE_BYTES: Global;
  readonly MAX_RULES: Global;
}

interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/**
 * Makes a responder with buckets and memory of its own.
 * @throws ConfigError as the server machine does, and for more rules than it has room for
 */
export function createResponder({ rateLimit, access, interleaved }: ResponderConfig): Responder {
  const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  const module = new wasm.Module(responderBytes);
  const raw = new wasm.Instance(module, {}).exports as Exports;
  if (raw.RESPONDER_VERSION?.value !== RESPONDER_VERSION) {
    throw new CoreError(`responder version expected ${RESPONDER_VERSION}`);
  }
  const { buffer } = raw.memory;
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  const headersAt = raw.HEADERS.value;
  const headerBytes = raw.HEADER_BYTES.value;
  const namesAt = raw.NAMES.value;
  const nameBytes = raw.NAME_BYTES.value;
  const slotsAt = raw.SLOTS.value;
  const slotBytes = raw.SLOT_BYTES.value;
  const stampsAt = raw.STAMPS.value;
  const leftAt = raw.LEFT.value;
  const lengthAt = raw.MSG_LENGTH.value;
  writeRules(raw, view, access);
  setLimit(raw, rateLimit);
  raw.setInterleaved(interleaved ? 1 : 0);
  const nothing: readonly Left[] = [];

  function leftOne(place: number): Left {
    const n = view.getUint32(leftAt + 4 * place, true);
    const length = view.getUint32(headersAt + headerBytes * n + lengthAt, true);
    const from = slotsAt + slotBytes * n;
    return {
      bytes: bytes.subarray(from, from + length),
      nameAt: namesAt + nameBytes * n,
      stampS: view.getUint32(stampsAt + 8 * n, true),
      stampNs: view.getUint32(stampsAt + 8 * n + 4, true),
    };
  }

  return {
    bytes,
    messages: raw.MESSAGES.value,
    headersAt,
    repliesAt: raw.REPLY_HEADERS.value,
    nowAt: raw.NOW.value,
    counts: new Float64Array(buffer, raw.COUNTS.value, COUNTS.length),
    place: (address) => raw.setup(BigInt(address)),
    setHead: (head) => bytes.set(head, raw.HEAD.value),
    answer: raw.answer,
    seal: raw.seal,
    left() {
      const count = raw.leftCount();
      return count === 0 ? nothing : Array.from({ length: count }, (_, place) => leftOne(place));
    },
  };
}

function writeRules(raw: Exports, view: DataView, access: Access): void {
  const rules = createRules(access);
  const most = raw.MAX_RULES.value;
  if (rules.length > most) {
    const given = rules.length - 1;
    throw new ConfigError('access', `at most ${most - 1} prefixes with workers`, given);
  }
  for (const [n, { groups, bits, allow }] of rules.entries()) {
    const at = raw.RULES.value + raw.RULE_BYTES.value * n;
    for (let half = 0; half < 2; half++) {
      const mask = maskOf(bits - 64 * half);
      view.setBigUint64(at + 8 * half, half64(groups, 4 * half) & mask, true);
      view.setBigUint64(at + 16 + 8 * half, mask, true);
    }
    view.setUint32(at + 32, allow ? 1 : 0, true);
  }
  raw.setRules(rules.length);
}

/** The leading `bits` of 64 set. */
const maskOf = (bits: number): bigint =>
  bits <= 0 ? 0n : BigInt.asUintN(64, -1n << BigInt(Math.max(64 - bits, 0)));

const half64 = (groups: readonly number[], from: number): bigint =>
  groups.slice(from, from + 4).reduce((all, group) => (all << 16n) | BigInt(group), 0n);

function setLimit(raw: Exports, config: RateLimitConfig | null): void {
  if (config === null) return;
  const { intervalNs, burst, leakMask, seed, seenNs } = createRateLimit(config);
  raw.setLimit(intervalNs, burst, leakMask, seed, seenNs.length);
  raw.setKissPoll(config.intervalLog2S);
}

/**
 * The core in a typed coat: calls are checked, and what comes back are records (coretold.ts). No host
 * is needed: this module runs in Node, Deno, Bun, browsers and edge workers.
 * The memory map behind it is assembly/memory.ts.
 */
import { type CoreExports, instantiate } from './coremodule.ts';
import {
  type BatchResult,
  type ClockAt,
  type CombinedClock,
  type PathReport,
  readClock,
  readClockAt,
  readPath,
  readResult,
  readStatus,
  readVerdict,
  type Status,
  type Verdict,
} from './coretold.ts';
import { ConfigError, CoreError } from './errors.ts';
import { type StampKind, stampBits } from './stamps.ts';

export { ABI_VERSION, type CoreExports } from './coremodule.ts';
export {
  AGREEMENTS,
  type Agreement,
  type BatchResult,
  type ClockAt,
  type CombinedClock,
  type Finding,
  isRefused,
  PATH_STATES,
  type PathReport,
  type PathState,
  STATUSES,
  type StampCounts,
  type Status,
  type Verdict,
} from './coretold.ts';
export { explainPath } from './explain.ts';
export type { StampKind };
export { ConfigError, CoreError };

/** Combiners by name, in the order of their numbers in the core. */
export const COMBINERS = [
  'kalman',
  'rfc5905',
  'average',
  'weighted',
  'best',
  'braid',
  'median',
  'trimmed',
  'failover',
  'khronos',
] as const;
export type CombinerName = (typeof COMBINERS)[number];

/** forward: remote to local; reverse: local to remote. */
export type Direction = 'forward' | 'reverse';

export interface Core {
  readonly combiner: CombinerName;
  readonly maxPaths: number;
  /** Most records one {@link ingest} takes. */
  readonly maxBatch: number;
  /** Forgets everything, paths too; may choose another combiner. */
  reset(combiner?: CombinerName): void;
  /**
   * Opens a path and returns its index, 0..maxPaths − 1.
   * @throws CoreError if all are open
   */
  openPath(): number;
  /** Closes a path; its index may be given out again. */
  closePath(path: number): void;
  /**
   * Path `path` shares its route with `other`, which speaks for both: `path` keeps no weight and no
   * vote. Null: it speaks for itself again.
   * @throws ConfigError if one of them is not open, or `other` shares a route itself
   */
  shareRoute(path: number, other: number | null): void;
  /**
   * From now on the voice of a path counts as much in majorities, 0..1 (1: as at the beginning).
   * Paths that are known to pass one router should have one vote between them. `braid`, `kalman`,
   * `median`, `trimmed` and `failover` look at it; the others have no vote.
   * @throws ConfigError if it is not open, or the vote is none
   */
  setVote(path: number, vote: number): void;
  /**
   * One NTP exchange: the server's reply (>= 48 bytes) and what the local clock showed at send and
   * receipt, ns since `epochS` (Unix s); and whose these stamps are, where that is known.
   */
  ntpExchange(
    path: number,
    packet: Uint8Array,
    epochS: number,
    localSendNs: number,
    localReceiveNs: number,
    sendKind?: StampKind,
    receiveKind?: StampKind,
  ): Status;
  /**
   * One measurement of one direction (PTP: `forward` from a Sync, `reverse` from a Delay_Req); the
   * two may come at different rates.
   * @param remoteNs the remote end's stamp, Unix ns, i64
   * @param localNs what the local clock showed, ns since `epochS` (Unix s)
   * @param correction time to take off the span, 2^-16 ns, i64
   * @param localKind whose the local stamp is, where that is known
   * @throws ConfigError if a stamp or a correction is no i64
   */
  oneWay(
    path: number,
    direction: Direction,
    remoteNs: bigint,
    epochS: number,
    localNs: number,
    correction: bigint,
    localKind?: StampKind,
  ): Status;
  /** The 40-byte record of the last {@link ntpExchange} or {@link oneWay}, copied. */
  lastRecord(): Uint8Array;
  /** Batch input, `recordBytes` apart, layout RECORD_* in assembly/memory.ts. */
  readonly records: DataView;
  readonly recordBytes: number;
  /** Batch output, f64 rows of `resultSlots`, layout RESULT_* in assembly/memory.ts. */
  readonly results: Float64Array;
  readonly resultSlots: number;
  /** Takes the first `count` records and writes a result row for each. */
  ingest(count: number): void;
  /** As ingest, without result rows. */
  absorb(count: number): void;
  /** Row `index` of the last ingest as a record. */
  result(index: number): BatchResult;
  /** The combined clock as of the newest exchange, null while there is none. */
  clock(): CombinedClock | null;
  /** The combined clock carried to a local time, null while there is none. */
  clockAt(epochS: number, ns: number): ClockAt | null;
  path(path: number): PathReport;
  /**
   * What became otherwise since the last call, in order: states and reasons of paths that lasted a
   * few exchanges, agreement and steps of the clock. Take them after each batch, else some are lost.
   */
  takeVerdicts(): readonly Verdict[];
  /** The instance's raw exports, for embedders. */
  readonly exports: CoreExports;
}

const PACKET_BYTES = 48;
const MAX_VERDICTS = 1024;
const NOTHING: readonly Verdict[] = [];

export interface CoreOptions {
  /** Default `braid`. */
  readonly combiner?: CombinerName;
  /** A compiled WebAssembly.Module or its bytes, for hosts that forbid compiling (edge workers). */
  readonly module?: object | Uint8Array | ArrayBuffer;
}

/**
 * Makes a core of its own: fixed memory of 2 MiB, no sharing with other cores.
 * @throws ConfigError for an unknown combiner, CoreError if the module's ABI is another
 */
export function createCore(options: CoreOptions = {}): Core {
  let combiner = options.combiner ?? 'braid';
  const raw = instantiate(options.module);
  const buffer = raw.memory.buffer;
  const packet = new Uint8Array(buffer, raw.PACKET.value, PACKET_BYTES);
  const clockSlots = new Float64Array(buffer, raw.CLOCK.value, 20);
  const atSlots = new Float64Array(buffer, raw.AT.value, 4);
  const maxPaths = raw.MAX_PATHS.value;
  const maxBatch = raw.MAX_BATCH.value;
  const pathSlots = raw.PATH_BYTES.value / 8;
  const paths = new Float64Array(buffer, raw.PATHS.value, pathSlots * maxPaths);
  const recordBytes = raw.RECORD_BYTES.value;
  const records = new DataView(buffer, raw.RECORDS.value, recordBytes * maxBatch);
  const resultSlots = raw.RESULT_BYTES.value / 8;
  const results = new Float64Array(buffer, raw.RESULTS.value, resultSlots * maxBatch);

  const verdictSlots = raw.VERDICT_BYTES.value / 8;
  const verdicts = new Float64Array(buffer, raw.VERDICTS.value, verdictSlots * MAX_VERDICTS);

  function checkPath(path: number): void {
    if (!(Number.isInteger(path) && path >= 0 && path < maxPaths)) {
      throw new ConfigError('path', `an open path index, 0..${maxPaths - 1}`, path);
    }
  }

  function batch(count: number): void {
    if (!(Number.isInteger(count) && count >= 0 && count <= maxBatch)) {
      throw new ConfigError('count', `0..${maxBatch} records`, count);
    }
  }

  const core: Core = {
    get combiner() {
      return combiner;
    },
    maxPaths,
    maxBatch,
    records,
    recordBytes,
    results,
    resultSlots,
    exports: raw,
    reset(name = combiner) {
      const id = COMBINERS.indexOf(name);
      if (id < 0) throw new ConfigError('combiner', `one of ${COMBINERS.join(', ')}`, name);
      combiner = name;
      raw.reset(id);
    },
    openPath() {
      const index = raw.openPath();
      if (index < 0) {
        throw new CoreError(`all ${maxPaths} paths of this core are open; close one first`);
      }
      return index;
    },
    closePath(path) {
      checkPath(path);
      raw.closePath(path);
    },
    shareRoute(path, other) {
      checkPath(path);
      if (other !== null) checkPath(other);
      if (raw.shareRoute(path, other ?? -1) < 0) {
        throw new ConfigError('other', 'another open path that speaks for itself', other);
      }
    },
    setVote(path, vote) {
      checkPath(path);
      if (raw.setVote(path, vote) < 0) {
        throw new ConfigError('vote', '0 to 1 for an open path', vote);
      }
    },
    ntpExchange(path, bytes, epochS, localSendNs, localReceiveNs, sendKind, receiveKind) {
      checkPath(path);
      packet.set(bytes.length === PACKET_BYTES ? bytes : bytes.subarray(0, PACKET_BYTES));
      const stamps = stampBits(sendKind, receiveKind);
      return readStatus(raw.ntpExchangeBy(path, epochS, localSendNs, localReceiveNs, stamps), path);
    },
    oneWay(path, direction, remoteNs, epochS, localNs, correction, localKind) {
      checkPath(path);
      checkI64('remoteNs', remoteNs);
      checkI64('correction', correction);
      if (direction !== 'forward' && direction !== 'reverse') {
        throw new ConfigError('direction', 'forward or reverse', direction);
      }
      const isReverse = direction === 'reverse';
      const stamps = isReverse ? stampBits(localKind, undefined) : stampBits(undefined, localKind);
      const reverse = isReverse ? 1 : 0;
      const code = raw.oneWayBy(path, reverse, remoteNs, epochS, localNs, correction, stamps);
      return readStatus(code, path);
    },
    lastRecord: () => new Uint8Array(buffer, raw.RECORDS.value, recordBytes).slice(),
    ingest(count) {
      batch(count);
      raw.ingest(count);
    },
    absorb(count) {
      batch(count);
      raw.absorb(count);
    },
    result(index) {
      const at = index * resultSlots;
      return readResult((slot) => results[at + slot] ?? 0, index);
    },
    clock: () => readClock((slot) => clockSlots[slot] ?? 0),
    clockAt(epochS, ns) {
      if (raw.clockAt(epochS, ns) === 0) return null;
      return readClockAt((slot) => atSlots[slot] ?? 0, clockSlots[1] ?? 0);
    },
    path(path) {
      checkPath(path);
      const at = path * pathSlots;
      return readPath((slot) => paths[at + slot] ?? 0, clockSlots[1] ?? 0);
    },
    takeVerdicts() {
      const rows = raw.takeVerdicts();
      if (rows === 0) return NOTHING;
      return Array.from({ length: rows }, (_, index) => {
        const at = index * verdictSlots;
        return readVerdict((slot) => verdicts[at + slot] ?? 0);
      });
    },
  };
  core.reset(combiner);
  return core;
}

function checkI64(field: string, value: bigint): void {
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return;
  throw new ConfigError(field, 'a bigint of 64 bits', value);
}

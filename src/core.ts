/**
 * The core in a typed coat: instantiates core.wasm, checks its ABI, and turns slots into records.
 * No host is needed: this module runs in Node, Deno, Bun, browsers and edge workers.
 * The memory map behind it is assembly/memory.ts.
 */
import { coreBytes } from './corebytes.ts';
import { ConfigError, CoreError } from './errors.ts';
import { type StampKind, stampBits } from './stamps.ts';

export { explainPath } from './explain.ts';
export type { StampKind };
export { ConfigError, CoreError };

/** The ABI this wrapper was written for. */
export const ABI_VERSION = 1;

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

/** Path states by name, in the order of their numbers in the core. */
export const PATH_STATES = [
  'closed',
  'warming',
  'good',
  'congested',
  'quarantined',
  'changed',
  'stale',
  'standby',
  'same-route',
] as const;
export type PathState = (typeof PATH_STATES)[number];

/** forward: remote to local; reverse: local to remote. */
export type Direction = 'forward' | 'reverse';

/**
 * What the core did with an exchange or a one-way measurement, in the order of its numbers. `held`:
 * no weight; of one-way measurements, too, that wait for the other direction.
 */
export const STATUSES = ['used', 'held', 'duplicate', 'order', 'hold', 'late'] as const;
export type Status = (typeof STATUSES)[number];

/** Do the paths agree, in the order of the core's numbers. */
export const AGREEMENTS = ['few', 'majority', 'history', 'holdover'] as const;
/**
 * `few`: fewer than two paths to compare. `history`: no majority, the clock stays with what the
 * paths agreed on before. `holdover`: no majority and no clean history either; the clock is held
 * over and its interval reaches all paths.
 */
export type Agreement = (typeof AGREEMENTS)[number];

/** Statuses that changed nothing but counters. */
export const isRefused = (status: Status): boolean => status !== 'used' && status !== 'held';

/** The clock that all paths combine to. offset = remote − local: seconds to add to local time. */
export interface CombinedClock {
  /** Best offset, s. Loses digits when the clocks are decades apart; base + rest does not. */
  readonly offsetS: number;
  /** Whole seconds of the offset … */
  readonly baseS: number;
  /** … and the rest, s. */
  readonly restS: number;
  /** Remote rate / local rate − 1, s/s. */
  readonly frequency: number;
  /** 1 sigma of the offset, s. */
  readonly uncertaintyS: number;
  /** 1 sigma of the frequency, s/s. */
  readonly frequencyUncertainty: number;
  /** Safe interval of the offset, s: 4 sigma plus the asymmetry bound on both sides. */
  readonly earliestS: number;
  readonly latestS: number;
  /**
   * Causal interval of the offset, s: holds whatever the routes, queues or delays do, as long as
   * remote stamps are honest and the clocks part by less than 500 ppm. Beyond ±9e10 s: nothing is
   * known on that side (after a clock step, until both directions were heard again).
   */
  readonly causalEarliestS: number;
  readonly causalLatestS: number;
  /** Exchanges that contradicted the causal interval: some stamp lied, or a clock was stepped. */
  readonly contradictions: number;
  /** Do the paths agree, and since when (local Unix s, 0: not known). */
  readonly agreement: Agreement;
  readonly agreedAtS: number;
  /** The part of the interval that asymmetric routes could hide, s. */
  readonly asymmetryBoundS: number;
  /** Paths that carried weight. */
  readonly paths: number;
  /** Exchanges and one-way measurements, each counted. */
  readonly taken: number;
  readonly refused: number;
  /** Times the offset started again because the local clock was stepped. */
  readonly steps: number;
  /** Random-walk coefficient of the frequency in use, s²/s³; 0 where a combiner has none. */
  readonly wander: number;
}

/** The clock carried to some moment. */
export interface ClockAt {
  readonly offsetS: number;
  readonly baseS: number;
  readonly restS: number;
  readonly uncertaintyS: number;
  readonly earliestS: number;
  readonly latestS: number;
}

/** What the core knows of one path. */
export interface PathReport {
  readonly state: PathState;
  /** Number of the reason; see {@link explainPath} for the sentence. */
  readonly reason: number;
  readonly reasonS: number;
  /** Since when it holds, local Unix s; 0: not known. */
  readonly sinceS: number;
  /** How far its delay moved since then, local→remote and remote→local, s; 0: not, or not known. */
  readonly shiftReverseS: number;
  readonly shiftForwardS: number;
  /** Exchanges taken, those put together of one-way measurements, too. */
  readonly taken: number;
  readonly refused: number;
  /** One-way measurements taken, by direction. */
  readonly forwards: number;
  readonly reverses: number;
  /** Last raw offset, s. */
  readonly offsetS: number;
  /** Last delay, s. */
  readonly delayS: number;
  /** Least delay in memory, s. */
  readonly floorS: number;
  /** Mean of delay − floor, s. */
  readonly excessS: number;
  readonly jitterS: number;
  /** (forward − reverse one-way delay)/2 as estimated, s, and its 1 sigma. */
  readonly asymmetryS: number;
  readonly asymmetrySigmaS: number;
  /** Share in the combination, 0..1. */
  readonly weight: number;
  /** What its voice counts in majorities, 0..1: see {@link Core.setVote}. */
  readonly vote: number;
  /** 1 sigma given to the last measurement, s. */
  readonly noiseS: number;
  /** Last measurement − prediction, s. */
  readonly residualS: number;
  /** Mean spacing of exchanges, s. */
  readonly intervalS: number;
  /** Measurements the combiner set aside. */
  readonly gated: number;
  /** Local stamps taken by whose they were, as far as it was told. */
  readonly stamps: StampCounts;
}

/** Local stamps of a path. */
export interface StampCounts {
  /** Of sending: requests. */
  readonly send: Readonly<Record<StampKind, number>>;
  /** Of receiving: answers, Syncs. */
  readonly receive: Readonly<Record<StampKind, number>>;
}

/** What of a path's report a verdict repeats; all that {@link explainPath} needs. */
export type Finding = Pick<
  PathReport,
  'state' | 'reason' | 'reasonS' | 'sinceS' | 'shiftReverseS' | 'shiftForwardS'
>;

/** Something became otherwise; see {@link Core.takeVerdicts}. */
export type Verdict = {
  /** Exchanges the core was given until then, this one included. */
  readonly order: number;
  /** Local receive of the newest exchange, Unix s. */
  readonly atS: number;
  /** Mean spacing of the path's exchanges (of the clock: of all paths'), s; 0: not known. */
  readonly intervalS: number;
} & (
  | (Finding & {
      readonly about: 'path';
      /** Index. */
      readonly path: number;
      /** It contradicted the causal interval of late. */
      readonly lies: boolean;
    })
  | {
      readonly about: 'clock';
      readonly agreement: Agreement;
      readonly agreedAtS: number;
      /** Times the offset started again so far, and by how much the last time, s; 0: not known. */
      readonly steps: number;
      readonly stepS: number;
      /** No path was heard for so long beyond its turn, until this exchange, s; 0: some was. */
      readonly gapS: number;
    }
);

/** One row of results of a batch; `valid` false means there is no clock yet. */
export interface BatchResult {
  readonly status: Status;
  readonly valid: boolean;
  readonly offsetS: number;
  readonly uncertaintyS: number;
  readonly earliestS: number;
  readonly latestS: number;
  readonly frequency: number;
  readonly pathState: PathState;
  readonly pathOffsetS: number;
  readonly causalEarliestS: number;
  readonly causalLatestS: number;
}

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

interface Global {
  readonly value: number;
}

/** The raw exports a wrapper needs; all of them are listed in assembly/index.ts. */
export interface CoreExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly ABI_VERSION: Global;
  readonly MAX_PATHS: Global;
  readonly MAX_BATCH: Global;
  readonly PACKET: Global;
  readonly CLOCK: Global;
  readonly AT: Global;
  readonly PATHS: Global;
  readonly PATH_BYTES: Global;
  readonly RECORDS: Global;
  readonly RECORD_BYTES: Global;
  readonly RESULTS: Global;
  readonly RESULT_BYTES: Global;
  readonly MEASURED_BYTES: Global;
  readonly INTERVAL_BYTES: Global;
  readonly SELECTED_BYTES: Global;
  readonly VERDICTS: Global;
  readonly VERDICT_BYTES: Global;
  reset(combiner: number): number;
  openPath(): number;
  closePath(path: number): number;
  ntpExchange(path: number, epochS: number, localSendNs: number, localReceiveNs: number): number;
  /** As ntpExchange; `stamps` tells whose the local stamps are (assembly/index.ts). */
  ntpExchangeBy(
    path: number,
    epochS: number,
    localSendNs: number,
    localReceiveNs: number,
    stamps: number,
  ): number;
  oneWay(
    path: number,
    reverse: number,
    remoteNs: bigint,
    epochS: number,
    localNs: number,
    correction: bigint,
  ): number;
  /** As oneWay, with `stamps` as ntpExchangeBy has it. */
  oneWayBy(
    path: number,
    reverse: number,
    remoteNs: bigint,
    epochS: number,
    localNs: number,
    correction: bigint,
    stamps: number,
  ): number;
  ingest(count: number): number;
  absorb(count: number): number;
  /** Offset and delay of each record, nothing else; rows MEASURED_* in RESULTS. */
  measureBatch(count: number, baseS: number): number;
  /** RFC 5905's selection over sets of intervals in RECORDS; rows SELECTED_* in RESULTS. */
  selectBatch(sets: number, count: number): number;
  clockAt(epochS: number, ns: number): number;
  takeVerdicts(): number;
  shareRoute(path: number, other: number): number;
  setVote(path: number, vote: number): number;
  /** Seeds the sampling of `khronos`, now and after every reset; 0: the built-in constant. */
  seed(value: number): void;
}

/** The members of WebAssembly used here; declared by hand so that no host types are needed. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array | ArrayBuffer) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
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

let compiled: object | undefined;

/**
 * Makes a core of its own: fixed memory of 2 MiB, no sharing with other cores.
 * @throws ConfigError for an unknown combiner, CoreError if the module's ABI is another
 */
export function createCore(options: CoreOptions = {}): Core {
  let combiner = options.combiner ?? 'braid';
  const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  const raw = new wasm.Instance(moduleOf(wasm, options.module), {}).exports as CoreExports;
  if (raw.ABI_VERSION?.value !== ABI_VERSION) {
    throw new CoreError(`core ABI expected ${ABI_VERSION}, got ${raw.ABI_VERSION?.value}`);
  }
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

  function status(code: number, path: number): Status {
    const name = STATUSES[code];
    if (name !== undefined) return name;
    throw new CoreError(`core refused path ${path}: it is not open (code ${code})`);
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
      return status(raw.ntpExchangeBy(path, epochS, localSendNs, localReceiveNs, stamps), path);
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
      return status(code, path);
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
      const f = (slot: number) => results[at + slot] ?? 0;
      return {
        status: status(f(0), index),
        valid: f(1) !== 0,
        offsetS: f(2),
        uncertaintyS: f(3),
        earliestS: f(4),
        latestS: f(5),
        frequency: f(6),
        pathState: PATH_STATES[f(7)] ?? 'closed',
        pathOffsetS: f(9),
        causalEarliestS: f(10),
        causalLatestS: f(11),
      };
    },
    clock() {
      const f = (slot: number) => clockSlots[slot] ?? 0;
      if (f(0) === 0) return null;
      return {
        offsetS: f(1) + f(2),
        baseS: f(1),
        restS: f(2),
        frequency: f(3),
        uncertaintyS: f(4),
        frequencyUncertainty: f(5),
        earliestS: f(1) + f(6),
        latestS: f(1) + f(7),
        paths: f(8),
        steps: f(9),
        asymmetryBoundS: f(10),
        taken: f(11),
        refused: f(12),
        wander: f(13),
        causalEarliestS: f(1) + f(14),
        causalLatestS: f(1) + f(15),
        contradictions: f(16),
        agreement: AGREEMENTS[f(17)] ?? 'few',
        agreedAtS: f(18),
      };
    },
    clockAt(epochS, ns) {
      if (raw.clockAt(epochS, ns) === 0) return null;
      const base = clockSlots[1] ?? 0;
      const rest = atSlots[0] ?? 0;
      return {
        offsetS: base + rest,
        baseS: base,
        restS: rest,
        uncertaintyS: atSlots[1] ?? 0,
        earliestS: base + (atSlots[2] ?? 0),
        latestS: base + (atSlots[3] ?? 0),
      };
    },
    path(path) {
      checkPath(path);
      const at = path * pathSlots;
      const f = (slot: number) => paths[at + slot] ?? 0;
      return {
        state: PATH_STATES[f(1)] ?? 'closed',
        reason: f(2),
        reasonS: f(3),
        sinceS: f(22),
        shiftReverseS: f(23),
        shiftForwardS: f(24),
        taken: f(4),
        refused: f(5),
        offsetS: (clockSlots[1] ?? 0) + f(6),
        delayS: f(7),
        floorS: f(8),
        excessS: f(9),
        jitterS: f(10),
        asymmetryS: f(11),
        asymmetrySigmaS: f(12),
        weight: f(13),
        vote: f(32),
        noiseS: f(14),
        residualS: f(15),
        intervalS: f(17),
        gated: f(18),
        forwards: f(27),
        reverses: f(26),
        stamps: { send: { user: f(28), kernel: f(30) }, receive: { user: f(29), kernel: f(31) } },
      };
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

/** A row of VERDICT_* slots. */
function readVerdict(f: (slot: number) => number): Verdict {
  const head = { order: f(0), atS: f(1), intervalS: f(10) };
  if (f(2) < 0) {
    const agreement = AGREEMENTS[f(3)] ?? 'few';
    const [steps, stepS, agreedAtS, gapS] = [f(4), f(5), f(6), f(11)];
    return { ...head, about: 'clock', agreement, agreedAtS, steps, stepS, gapS };
  }
  return {
    ...head,
    about: 'path',
    path: f(2),
    state: PATH_STATES[f(3)] ?? 'closed',
    reason: f(4),
    reasonS: f(5),
    sinceS: f(6),
    shiftReverseS: f(7),
    shiftForwardS: f(8),
    lies: f(9) !== 0,
  };
}

function moduleOf(wasm: Wasm, given: CoreOptions['module']): object {
  if (given instanceof Uint8Array || given instanceof ArrayBuffer) return new wasm.Module(given);
  if (given !== undefined) return given;
  compiled ??= new wasm.Module(coreBytes);
  return compiled;
}

/** The core's module: core.wasm or what a host gives instead, its ABI checked, and its raw exports. */
import { coreBytes } from './corebytes.ts';
import { CoreError } from './errors.ts';

/** The ABI this wrapper was written for. */
export const ABI_VERSION = 1;

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

let compiled: object | undefined;

/**
 * Makes an instance with memory of its own.
 * @param given a compiled WebAssembly.Module or its bytes; default: core.wasm
 * @throws CoreError if its ABI is another
 */
export function instantiate(given: object | undefined): CoreExports {
  const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  const raw = new wasm.Instance(moduleOf(wasm, given), {}).exports as CoreExports;
  if (raw.ABI_VERSION?.value !== ABI_VERSION) {
    throw new CoreError(`core ABI expected ${ABI_VERSION}, got ${raw.ABI_VERSION?.value}`);
  }
  return raw;
}

function moduleOf(wasm: Wasm, given: object | undefined): object {
  if (given instanceof Uint8Array || given instanceof ArrayBuffer) return new wasm.Module(given);
  if (given !== undefined) return given;
  compiled ??= new wasm.Module(coreBytes);
  return compiled;
}

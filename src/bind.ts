/**
 * The core's description of itself: limits and the names behind its numbers, strings included.
 * Through as-bind, so on cold paths only (`clockbraid about`, tests); it costs 160–300 ns a call.
 * The packet path goes through core.ts.
 */
import { instantiate } from 'as-bind/dist/as-bind.esm.js';
import { coreBytes } from './corebytes.ts';
import { CoreError } from './errors.ts';

/** What core.wasm says of itself; lists are in the order of the core's numbers. */
export interface CoreDescription {
  readonly abiVersion: number;
  /** Paths one core can have open. */
  readonly maxPaths: number;
  /** Records one batch call takes. */
  readonly maxBatch: number;
  /** True for the build with 128-bit SIMD. */
  readonly simd: boolean;
  readonly combiners: string[];
  readonly states: string[];
  readonly statuses: string[];
}

/** The exports of assembly/about.ts as as-bind hands them out: strings are strings, bool is 0/1. */
interface About {
  abiVersion(): number;
  maxPaths(): number;
  maxBatch(): number;
  isSimd(): number;
  combinerName(id: number): string;
  stateName(id: number): string;
  statusName(id: number): string;
}

/** More names than this in a list mean that its end is missing. */
const MOST_NAMES = 256;

/**
 * Reads the description.
 * @param bytes core.wasm or core.scalar.wasm; default the built-in core
 * @throws CoreError if the bytes are no core
 */
export async function describeCore(bytes: Uint8Array = coreBytes): Promise<CoreDescription> {
  let about: About;
  try {
    about = (await instantiate(bytes, {})).exports as About;
  } catch (cause) {
    throw new CoreError('these bytes are not a core.wasm with its description', { cause });
  }
  return {
    abiVersion: about.abiVersion(),
    maxPaths: about.maxPaths(),
    maxBatch: about.maxBatch(),
    simd: Boolean(about.isSimd()),
    combiners: names(about.combinerName),
    states: names(about.stateName),
    statuses: names(about.statusName),
  };
}

/** All names from 0 up to the first empty one. */
function names(nameOf: (id: number) => string): string[] {
  const found: string[] = [];
  for (let id = 0; id < MOST_NAMES; id++) {
    const name = nameOf(id);
    if (name === '') return found;
    found.push(name);
  }
  throw new CoreError(`a list of names in the core has no end within ${MOST_NAMES}`);
}

/** What embedders build on: no imports, fixed memory, exports, codes and the names behind them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeCore } from '../../src/bind.ts';
import {
  ABI_VERSION,
  COMBINERS,
  CoreError,
  createCore,
  type Finding,
  isRefused,
  PATH_STATES,
  STATUSES,
} from '../../src/core.ts';
import { coreBytes } from '../../src/corebytes.ts';
import { explainPath } from '../../src/explain.ts';
import { BUILDS, rawOf } from './rig.ts';

const test = suite('core ABI');

interface Descriptor {
  readonly name: string;
  readonly kind: string;
}

interface Wasm {
  readonly Module: {
    new (bytes: Uint8Array): object;
    imports(module: object): Descriptor[];
    exports(module: object): Descriptor[];
  };
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

const wasm = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;

interface Raw {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  __new(bytes: number, id: number): number;
}

test('no build imports anything, and both export the same names', () => {
  const lists = BUILDS.map(({ name, bytes }) => {
    const module = new wasm.Module(bytes);
    assert.equal(wasm.Module.imports(module), [], name);
    return wasm.Module.exports(module).map(({ name, kind }) => `${kind} ${name}`);
  });
  assert.equal(lists[0], lists[1]);
  const wanted = ['absorb', 'clockAt', 'closePath', 'ingest', 'ntpExchange', 'openPath', 'reset'];
  wanted.push('setVote', 'shareRoute', 'takeVerdicts');
  for (const name of wanted) assert.ok(lists[0]?.includes(`function ${name}`), name);
});

test('memory is fixed: 2 MiB that cannot grow, so no view ever detaches', () => {
  for (const { name, bytes } of BUILDS) {
    const raw = new wasm.Instance(new wasm.Module(bytes), {}).exports as Raw;
    assert.is(raw.memory.buffer.byteLength, 32 * 65536, name);
    assert.throws(
      () => raw.memory.grow(1),
      (error: unknown) => error instanceof Error,
    );
  }
});

test('the memory map lies above the static data and inside the memory', () => {
  for (const { bytes } of BUILDS) {
    const core = rawOf(createCore({ module: bytes }));
    assert.is(core.PACKET.value, 65536);
    assert.ok(core.MAP_END.value < core.memory.buffer.byteLength, `ends at ${core.MAP_END.value}`);
    // the heap begins where the static data ends; the stub runtime hands it out from there
    const heap = (core as unknown as Raw).__new(16, 0);
    assert.ok(heap > 0 && heap + 1024 < 65536, `heap at ${heap}`);
  }
});

test('regions follow each other without overlap, in this order', () => {
  const core = rawOf(createCore());
  const regions = [
    [core.PACKET.value, 48],
    [core.CLOCK.value, 16 * 8],
    [core.AT.value, 4 * 8],
    [core.PATHS.value, core.PATH_BYTES.value * core.MAX_PATHS.value],
    [core.RECORDS.value, core.RECORD_BYTES.value * core.MAX_BATCH.value],
    [core.RESULTS.value, core.RESULT_BYTES.value * core.MAX_BATCH.value],
    [core.VERDICTS.value, core.VERDICT_BYTES.value * 1024],
    [core.MAP_END.value, 0],
  ] as const;
  regions.forEach(([address, length], index) => {
    assert.is(address % 8, 0, `region ${index} is aligned`);
    const next = regions[index + 1];
    if (next !== undefined) assert.ok(address + length <= next[0], `region ${index}`);
  });
  assert.is(core.RECORD_BYTES.value, 40);
  assert.is(core.RESULT_BYTES.value, 96);
  assert.is(core.VERDICT_BYTES.value, 96);
});

test('a module of another ABI is refused with one sentence', () => {
  assert.is(ABI_VERSION, 1);
  const bytes = coreBytes.slice();
  const globals = wasm.Module.exports(new wasm.Module(bytes));
  assert.ok(globals.some(({ name, kind }) => name === 'ABI_VERSION' && kind === 'global'));
  const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  assert.throws(
    () => createCore({ module: empty }),
    (error: unknown) =>
      error instanceof CoreError && error.message === 'core ABI expected 1, got undefined',
  );
});

test('the core describes itself with the names and limits of the wrapper (as-bind)', async () => {
  for (const { name, bytes } of BUILDS) {
    const said = await describeCore(bytes);
    const core = createCore({ module: bytes });
    assert.equal(said, {
      abiVersion: ABI_VERSION,
      maxPaths: core.maxPaths,
      maxBatch: core.maxBatch,
      simd: name === 'simd',
      combiners: [...COMBINERS],
      states: [...PATH_STATES],
      statuses: [...STATUSES],
    });
  }
  assert.equal(await describeCore(), await describeCore(coreBytes));
});

test('bytes that are no core are refused by the description too', async () => {
  for (const bytes of [new Uint8Array(3), new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])]) {
    let caught: unknown;
    try {
      await describeCore(bytes);
    } catch (error) {
      caught = error;
    }
    assert.ok(caught instanceof CoreError);
  }
});

test('used and held count, every other status was refused', () => {
  assert.equal(STATUSES.filter(isRefused), ['duplicate', 'order', 'hold', 'late']);
});

test('every REASON_ of the core has its sentence, with its figure where it has one', () => {
  // REASON_* of assembly/memory.ts; the count is checked against the source in abi.node.test.ts
  const finding: Finding = {
    ...{ state: 'good', reason: 0, reasonS: -0.0123, sinceS: 0 },
    ...{ shiftReverseS: 0, shiftForwardS: 0 },
  };
  const sentences = Array.from({ length: 17 }, (_, reason) => explainPath({ ...finding, reason }));
  assert.is(sentences[0], '');
  assert.is(new Set(sentences).size, 17);
  const figures = [2, 3, 4, 5, 6, 7, 10, 11, 14, 16];
  for (const reason of figures) assert.match(sentences[reason] ?? '', /12\.3ms/);
  for (const reason of [3, 4, 11, 14]) assert.match(sentences[reason] ?? '', /-12\.3ms/);
  for (const sentence of sentences) assert.not.match(sentence, / since |NaN|undefined/);
  assert.is(explainPath({ ...finding, reason: 17 }), '');
});

test('sentences name the direction, the amount and the UTC time since when', () => {
  const sinceS = Date.UTC(2026, 10, 20, 12, 3, 10) / 1000 + 0.25;
  const finding: Finding = {
    ...{ state: 'quarantined', reason: 11, reasonS: 0.0098, sinceS },
    ...{ shiftReverseS: 0, shiftForwardS: 0.0098 },
  };
  assert.is(
    explainPath(finding),
    'offset shifts with its delay: +9.80ms on the way back since 12:03:10',
  );
  assert.is(
    explainPath({ ...finding, shiftReverseS: 0.002, shiftForwardS: 0 }),
    'offset shifts with its delay: +2.00ms on the way there since 12:03:10',
  );
  assert.is(
    explainPath({ ...finding, reason: 14, shiftReverseS: -0.003, shiftForwardS: -0.0031 }),
    'rerouted: delay moved by -3.00ms on the way there, -3.10ms on the way back since 12:03:10',
  );
  for (const reason of [2, 3, 9, 12, 13]) {
    assert.match(explainPath({ ...finding, reason }), / since 12:03:10/);
  }
});

test('the 256th path opens, the 257th is refused with a clear sentence', () => {
  const core = createCore();
  for (let path = 0; path < core.maxPaths; path++) assert.is(core.openPath(), path);
  for (let again = 0; again < 3; again++) {
    assert.throws(
      () => core.openPath(),
      (error: unknown) =>
        error instanceof CoreError &&
        error.message === 'all 256 paths of this core are open; close one first',
    );
  }
  core.closePath(17);
  assert.is(core.openPath(), 17);
});

test('cores share nothing', () => {
  const [one, other] = [createCore(), createCore({ combiner: 'best' })];
  one.openPath();
  assert.is(one.path(0).state, 'warming');
  assert.is(other.path(0).state, 'closed');
  assert.is(other.combiner, 'best');
});

test.run();

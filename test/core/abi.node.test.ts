/** The bundle in a browser-like host, and the parts of the ABI that only the sources can tell. */
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AGREEMENTS, COMBINERS, PATH_STATES, STATUSES } from '../../src/core.ts';

const test = suite('core ABI (sources and bundle)');

/** src/core.ts as package.json bundles it, but as a script that leaves `core` behind. */
async function bundle(format: 'esm' | 'iife'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ['src/core.ts'],
    bundle: true,
    write: false,
    format,
    globalName: 'core',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    loader: { '.wasm': 'binary' },
  });
  return outputFiles[0]?.text ?? '';
}

test('the bundled core imports nothing, node: least of all', async () => {
  const text = await bundle('esm');
  assert.not.match(text, /\bimport\b\s*[('"{*]|\brequire\s*\(|node:|\bBuffer\b|\bprocess\b/);
});

test('it runs in a context that has WebAssembly and nothing else', async () => {
  const context = createContext({}, { codeGeneration: { strings: false, wasm: true } });
  assert.is(
    runInContext('typeof process + typeof fetch + typeof atob', context),
    'undefined'.repeat(3),
  );
  runInContext(await bundle('iife'), context);
  const status = runInContext(
    `const made = core.createCore();
     const path = made.openPath();
     const reply = new Uint8Array(48);
     const view = new DataView(reply.buffer);
     view.setUint32(32, 3972588800); // 1763600000 + 2208988800, mod 2^32
     view.setUint32(40, 3972588800);
     const told = made.ntpExchange(path, reply, 1763600000, -5e6, 5e6);
     JSON.stringify([told, made.clock().offsetS, made.path(path).delayS.toFixed(9)])`,
    context,
  );
  assert.equal(JSON.parse(status), ['used', 0, '0.010000000']);
});

/** `export const PREFIX_NAME: type = number` of assembly/memory.ts, by number. */
function codes(prefix: string): string[] {
  const source = readFileSync('assembly/memory.ts', 'utf8');
  const found: string[] = [];
  for (const [, name, number] of source.matchAll(
    new RegExp(`export const ${prefix}_(\\w+): i32 = (-?\\d+);`, 'g'),
  )) {
    if (name !== undefined) found[Number(number)] = name.toLowerCase().replaceAll('_', '-');
  }
  return found;
}

test('states and statuses of the memory map are those of the wrapper', () => {
  assert.equal(codes('STATE'), [...PATH_STATES]);
  assert.equal(codes('STATUS'), [...STATUSES]);
  assert.equal(codes('AGREE'), [...AGREEMENTS]);
});

test('the memory map has seventeen reasons: a new one needs its sentence and a line in abi.test.ts', () => {
  assert.is(codes('REASON').length, 17);
});

test('combiners have the numbers of the wrapper', () => {
  const source = readFileSync('assembly/combine.ts', 'utf8');
  COMBINERS.forEach((name, number) => {
    assert.match(source, `${name.toUpperCase()}_COMBINER: i32 = ${number};`);
  });
});

test.run();

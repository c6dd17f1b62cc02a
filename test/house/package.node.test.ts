/** What the package promises: version, sizes, no runtime dependency, a core for every host. */
import { readFileSync, statSync } from 'node:fs';
import vm from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VERSION } from '../../src/version.ts';

// @types/node has no WebAssembly without the DOM library
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: { new (bytes: Uint8Array): object; imports(module: object): unknown[] };
  };
};

const test = suite('package');
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

test('the version is the same everywhere', () => {
  assert.is(VERSION, manifest.version);
});

test('the built package needs no runtime dependency and has no install script', () => {
  assert.is(manifest.dependencies, undefined);
  assert.equal(Object.keys(manifest.optionalDependencies), ['koffi']); // and it runs without
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare']) {
    assert.is(manifest.scripts[hook], undefined, hook);
  }
  for (const file of [
    'build/clockbraid.js',
    'build/index.js',
    'build/core.js',
    'build/worker.js',
  ]) {
    const bare = [...readFileSync(file, 'utf8').matchAll(/^import[^;'"]*['"]([^'"]+)['"]/gm)]
      .map((match) => match[1] ?? '')
      .filter((name) => !name.startsWith('node:'));
    assert.equal(bare, [], file);
  }
});

/** Most bytes raw and gzipped; raise them on purpose, not by accident. */
const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  'build/core.wasm': [95_000, 42_000],
  'build/core.scalar.wasm': [95_000, 42_000],
  'build/responder.wasm': [5_000, 2_500],
  'build/worker.js': [90_000, 30_000],
  'build/core.js': [140_000, 60_000],
  'build/index.js': [650_000, 195_000],
  'build/clockbraid.js': [1_150_000, 330_000],
};

test('sizes are printed and stay below their limits', () => {
  for (const [file, [mostRaw, mostGzip]] of Object.entries(SIZES)) {
    const raw = statSync(file).size;
    const gzip = gzipSync(readFileSync(file)).length;
    console.log(`    ${file.padEnd(24)} ${String(raw).padStart(7)} bytes, ${gzip} gzipped`);
    assert.ok(raw <= mostRaw, `${file} has ${raw} bytes, at most ${mostRaw}`);
    assert.ok(gzip <= mostGzip, `${file} has ${gzip} bytes gzipped, at most ${mostGzip}`);
  }
});

test('core.js works in a browser-like host: no node:, no process, no Buffer', async () => {
  assert.not.match(readFileSync('build/core.js', 'utf8'), /['"]node:/);
  const bundled = await build({
    stdin: {
      contents: `import { createCore } from './build/core.js';
        const core = createCore();
        const path = core.openPath();
        core.records.setUint32(0, path, true);
        core.records.setBigInt64(8, 10n ** 18n, true);
        core.records.setBigInt64(16, 10n ** 18n + 3n * 10n ** 9n, true);
        core.records.setBigInt64(24, 10n ** 18n + 3n * 10n ** 9n, true);
        core.records.setBigInt64(32, 10n ** 18n + 2n * 10n ** 6n, true);
        core.ingest(1);
        globalThis.offsetS = core.clock().offsetS;`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    platform: 'neutral',
  });
  const page: Record<string, unknown> = { WebAssembly, atob };
  vm.runInNewContext(bundled.outputFiles[0]?.text ?? '', page);
  assert.ok(Math.abs(Number(page.offsetS) - 2.999) < 1e-9, String(page.offsetS));
});

test('the modules import nothing', async () => {
  for (const file of ['build/core.wasm', 'build/core.scalar.wasm', 'build/responder.wasm']) {
    const module = new WebAssembly.Module(readFileSync(file));
    assert.equal(WebAssembly.Module.imports(module), [], file);
  }
});

test.run();

/** Tests and benches, made to run in every runtime: what they share stands in a file of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * @param {string} outdir made if it is not there
 * @param {(string | { in: string, out: string })[]} entryPoints each becomes an .mjs there
 */
export async function bundleInto(outdir, entryPoints) {
  mkdirSync(outdir, { recursive: true });
  writeFileSync(join(outdir, 'package.json'), '{"type":"module"}');
  await build({
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    packages: 'external',
    loader: { '.wasm': 'binary' },
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  });
}

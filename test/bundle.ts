/** Programs of tests, made to run by themselves in any of the three runtimes. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';

/** A new folder inside the checkout, where Node finds koffi; the caller's to remove. */
export function folderInBuild(name: string): string {
  mkdirSync('build', { recursive: true });
  return mkdtempSync(resolve('build', `${name}-`));
}

/** Makes one file of a program: a file of the checkout, or a text that imports from its root. */
export async function bundleProgram(
  program: { readonly file: string } | { readonly text: string },
  outfile: string,
): Promise<void> {
  await build({
    ...('file' in program
      ? { entryPoints: [program.file] }
      : { stdin: { contents: program.text, resolveDir: '.' } }),
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    loader: { '.wasm': 'binary' },
    external: ['node:*'],
    logLevel: 'warning',
  });
}

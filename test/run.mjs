/**
 * Test runner: bundles every test/**\/*.test.ts once with esbuild and runs the same output in the
 * runtimes asked for. `node test/run.mjs [--runtime node|deno|bun|all] [part-of-a-file-name …]`
 * A file that registers no test fails (uvu alone would pass it silently); see exec.ts.
 * Files under test/interop run in Node only, and last, two at a time: they need root and stock peers.
 */
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { bundleInto } from './split.mjs';

const RUNTIMES = ['node', 'deno', 'bun'];
const args = process.argv.slice(2);
const at = args.indexOf('--runtime');
const asked = at < 0 ? 'all' : args.splice(at, 2)[1];
if (asked !== 'all' && !RUNTIMES.includes(asked)) {
  console.error(`--runtime expected one of ${RUNTIMES.join(', ')}, all; got "${asked}"`);
  process.exit(2);
}
const runtimes = asked === 'all' ? RUNTIMES : [asked];

const files = readdirSync('test', { recursive: true })
  .map((file) => join('test', String(file)))
  .filter((file) => file.endsWith('.test.ts'))
  .filter((file) => args.length === 0 || args.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${args.join(' ')}`);
  process.exit(1);
}

const outdir = join('build', 'test', String(process.pid));
await bundleInto(outdir, [
  ...['test/exec.ts', ...files].map((file) => ({
    in: file,
    out: relative('test', file).replace(/\.ts$/, ''),
  })),
  { in: 'src/worker.ts', out: 'worker' }, // of a server under test
]);
const built = files.map((file) => relative('test', file).replace(/\.ts$/, '.mjs'));
const isInterop = (file) => file.startsWith('interop');
const isNodeOnly = (file) => isInterop(file) || basename(file).includes('.node.');

const COMMANDS = {
  node: ['node', '--enable-source-maps'],
  deno: ['npx', 'deno', 'run', '-A', '--quiet', '--unstable-net'],
  bun: ['npx', 'bun', '--no-install'],
};

/** @param show gets the output at the end; without it there is output all the time */
function start(runtime, list, show) {
  const [command, ...rest] = COMMANDS[runtime];
  return new Promise((resolve) => {
    const child = spawn(command, [...rest, join(outdir, 'exec.mjs'), ...list], {
      stdio: show === undefined ? 'inherit' : ['inherit', 'pipe', 'pipe'],
    });
    const chunks = [];
    for (const pipe of [child.stdout, child.stderr])
      pipe?.on('data', (chunk) => chunks.push(chunk));
    child.on('close', (code) => {
      show?.(Buffer.concat(chunks).toString());
      resolve(code ?? 1);
    });
  });
}

function run(runtime, list) {
  if (list.length === 0) return 0;
  console.log(`\n== ${runtime}: ${list.length} test files`);
  return start(runtime, list);
}

const LANES = 2;
/** Interop tests wait for peers nearly all the time: two files at once, in namespaces of their own. */
async function runInterop(list) {
  if (list.length < 2) return run('node', list);
  console.log(`\n== interop: ${list.length} test files, ${LANES} at a time`);
  const left = [...list];
  let worst = 0;
  const lane = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      const code = await start('node', [file], (text) => console.log(text.trimEnd()));
      worst = Math.max(worst, code);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return worst;
}
let failed = 0;
for (const runtime of runtimes) {
  const list = built.filter(
    (file) => !isInterop(file) && (runtime === 'node' || !isNodeOnly(file)),
  );
  failed += (await run(runtime, list)) === 0 ? 0 : 1;
}
if (runtimes.includes('node')) failed += (await runInterop(built.filter(isInterop))) === 0 ? 0 : 1;
rmSync(outdir, { recursive: true, force: true });
console.log(failed === 0 ? '\nall runs passed' : `\n${failed} run(s) failed`);
process.exit(failed === 0 ? 0 : 1);

/**
 * Runs already bundled uvu files in one process, in whichever runtime this is. Importing a file
 * that queues no test is an error, so is a test that throws nothing but ran nothing.
 * argv: paths relative to this file.
 */
import process from 'node:process';

const scope = globalThis as Record<string, unknown>;
scope.UVU_DEFER = 1;
const queue: unknown[][] = [];
scope.UVU_QUEUE = queue;
const { exec } = await import('uvu');

let silent = 0;
for (const [index, file] of process.argv.slice(2).entries()) {
  queue.push([file]);
  scope.UVU_INDEX = index;
  await import(new URL(file, import.meta.url).href);
  if ((queue[index]?.length ?? 0) < 2) {
    console.error(`${file}: no test ran (is .run() missing?)`);
    silent++;
  }
}
await exec(false);
process.exit(silent > 0 ? 1 : (process.exitCode ?? 0));

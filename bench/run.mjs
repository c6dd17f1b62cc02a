/**
 * Bundles bench/*.ts once with esbuild, as test/run.mjs does, and runs the same bundle in the
 * runtimes asked for. Tables on stdout, progress on stderr.
 *   node bench/run.mjs [--runtime node|deno|bun|all] [--rounds N] [--json FILE] [case …]
 * Cases: accuracy, exchange, kalman, braid, rfc5905, combiners, oneway (ns per Sync or Delay_Req),
 * native, replay, server, ptp (packets that a PTP master serves, beside ptp4l's as root), ptprms (offset
 * from a ptp4l master with our clock; needs root, namespaces and test/interop/peers.sh), stamps (errors
 * of plain and kernel stamps, over loopback and, as root, a veth pair, idle and with every core busy), pump
 * (delay and CPU of the Linux host's pumps); default all.
 * Needs `npm run build` before.
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleInto } from '../test/split.mjs';

const outdir = join('build', 'bench', String(process.pid));
process.once('exit', () => rmSync(outdir, { recursive: true, force: true }));
await bundleInto(outdir, ['bench/main.ts', 'bench/worker.ts']);
const { main } = await import(pathToFileURL(resolve(outdir, 'main.mjs')).href);
process.exit(await main(process.argv.slice(2), join(outdir, 'worker.mjs')));

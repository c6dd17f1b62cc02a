/**
 * How a program ends that has all kinds of clocks open, in each runtime: close() takes less than a
 * second, and then nothing keeps the process; a process that exits without close() is not kept either.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundleProgram, folderInBuild } from '../bundle.ts';
import { RUNTIMES, run } from '../cli/program.ts';

const test = suite('shutdown');
const folder = folderInBuild('shutdown');
const program = join(folder, 'program.mjs');
const MOST_MS = 1000;

const PROGRAM = `
import process from 'node:process';
import { chooseHost, openBoundaryClock, openClient, openPtpClock, openServer } from './src/index.ts';
const [stamps, pump, ending] = process.argv.slice(2);
const chosen = { stamps, pump };
const server = await openServer({ ...chosen, addresses: ['127.0.0.1'], port: 0, source: { leap: 0, stratum: 2 } });
const client = await openClient({
  ...chosen,
  servers: ['127.0.0.1:' + server.addresses[0].port],
  locals: ['127.0.0.21', '127.0.0.22'],
  iburst: 8,
  iburstSpacingS: 0.1,
});
const event = 30_000 + 2 * (process.pid % 9000);
const ports = { event, general: event + 1 };
const quick = { logAnnounceInterval: -3, logSyncInterval: -4, logMinDelayReqInterval: -4, logMinPdelayReqInterval: -4 };
const ptp = { ...chosen, mode: 'single-ended', ports, port: quick };
const master = await openPtpClock({ ...ptp, role: 'master', addresses: ['127.0.0.23'], masters: [] });
const slave = await openPtpClock({ ...ptp, role: 'slave', addresses: ['127.0.0.24'], masters: ['127.0.0.23'] });
const samples = async (clock) => {
  let count = 0;
  for await (const _ of clock.samples()) if (++count >= 4) return;
};
await Promise.all([samples(client), samples(slave)]);
const about = { host: client.host.name, pump: client.status().pump };
if (ending === 'exit') {
  console.log(JSON.stringify({ ...about, endMs: Date.now() }));
  process.exit(3);
}
if (ending === 'throw') {
  console.log(JSON.stringify({ ...about, endMs: Date.now() }));
  throw new Error('of the test');
}
const from = performance.now();
await Promise.all([client, server, master, slave].map((each) => each.close()));
console.log(JSON.stringify({ ...about, closeMs: performance.now() - from, endMs: Date.now() }));
`;

interface Outcome {
  readonly host: string;
  readonly pump: string | null;
  /** What all the closes took. */
  readonly closeMs?: number;
  /** When the program had nothing more to do. */
  readonly endMs: number;
}

test.before(async () => {
  await bundleProgram({ text: PROGRAM }, program);
});

test.after(() => rmSync(folder, { recursive: true }));

const CODES = { close: 0, exit: 3, throw: 1 } as const;

for (const runtime of RUNTIMES) {
  for (const [stamps, pump] of [
    ['plain', 'timer'],
    ['auto', 'timer'],
    ['auto', 'async'],
  ] as const) {
    test(`${runtime}, ${stamps} stamps, pump ${pump}: NTP and PTP clocks end in less than a second`, async () => {
      for (const ending of ['close', 'exit', 'throw'] as const) {
        const { code, out, err } = await run(runtime, [stamps, pump, ending], {
          deno: ['-A', '--quiet', '--unstable-net'],
          program,
        });
        const endedMs = Date.now();
        assert.is(code, CODES[ending], `${ending}: ${out}${err}`);
        const { closeMs = 0, endMs, host, pump: used } = JSON.parse(out) as Outcome;
        if (host.includes('async')) assert.is(used, 'async');
        assert.ok(closeMs < MOST_MS, `close() took ${closeMs} ms on ${host}`);
        assert.ok(
          endedMs - endMs < MOST_MS,
          `${ending}: ended ${endedMs - endMs} ms late on ${host}`,
        );
      }
    });
  }
}

test.run();

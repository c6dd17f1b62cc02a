/**
 * `serve --workers` in every runtime with stock chronyd as its client, basic and interleaved, IPv4
 * and IPv6, judged by captures and by `chronyc ntpdata`. One kernel clock: the true offset is 0.
 */
import * as assert from 'uvu/assert';
import { analyse, byPair, startCapture } from './capture.ts';
import { answered, assertDepartures } from './departures.ts';
import { createLab, type Lab } from './lab.ts';
import { chronydClient } from './peers.ts';
import { type Runtime, startServe } from './program.ts';
import { interopSuite } from './require.ts';
import { until } from './spawn.ts';

const test = interopSuite('interop: a server with workers');
let made: Promise<Lab> | undefined;
const theLab = () => {
  made ??= createLab({ family: 'both', serverAddresses: 2, clientAddresses: 1 });
  return made;
};
test.afterEach(async () => (await made)?.stopAll());
test.after(async () => (await made)?.close());

const BOUND_S = 2e-2;
const POLLS = 8;
const RUNTIMES: readonly Runtime[] = ['node', 'deno', 'bun'];

for (const [n, runtime] of RUNTIMES.entries()) {
  const workers = 1 + n;
  test(`${runtime}, ${workers} workers: chronyd takes its answers, with and without xleave, IPv4 and IPv6 (NTP-M2, RFC 9769)`, async () => {
    const lab = await theLab();
    const ips = [...lab.serverIps(4), ...lab.serverIps(6)];
    const args = ['--stratum', '2', '--rate', 'off', '--json', '--workers', String(workers)];
    const serve = await startServe(lab, ips, args, 0, runtime);
    const capture = await startCapture(lab, lab.server, 'any');
    for (const xleave of [false, true]) {
      const chronyd = await chronydClient(lab, lab.client, ips, { pollLog2S: -2, xleave });
      const seen = await until(
        `chronyd has answers of all addresses, xleave ${xleave}`,
        async () => {
          const data = await chronyd.ntpdata();
          const isSo = data.every(
            ({ interleaved, valid }) => interleaved === xleave && valid >= POLLS,
          );
          return data.length === ips.length && isSo && data;
        },
        { timeoutMs: 30_000, everyMs: 200, detail: () => chronyd.log() + serve.stderr() },
      );
      await chronyd.stop();
      for (const { tests, offsetS, delayS } of seen) {
        assert.match(tests, /^1{6}/, 'packet tests 1-3 and 5-7');
        assert.ok(Math.abs(offsetS) < BOUND_S && delayS < 0.05, `${offsetS}, ${delayS}`);
      }
    }
    await capture.stop();
    const { stdout, stderr } = await serve.stop();
    assert.match(stderr, `Linux (`);
    assert.match(stderr, `, ${workers} worker`);
    const { packets, complaints } = await analyse(lab, capture.file);
    assert.equal(complaints, []);
    const requests = byPair(packets, 3);
    let interleaved = 0;
    let replied = 0;
    for (const [key, replies] of byPair(packets, 4)) {
      const [src, dst] = key.split('|');
      const pairs = answered(requests.get(`${dst}|${src}`) ?? [], replies);
      assertDepartures(pairs, true);
      interleaved += pairs.filter((pair) => pair.isInterleaved).length;
      replied += pairs.length;
    }
    assert.ok(interleaved >= ips.length * (POLLS - 4), `${interleaved}`);
    assert.match(stdout, `"answered":${replied},"interleaved":${interleaved},`);
  });
}

test.run();

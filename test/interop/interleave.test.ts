/**
 * Interleaved mode (RFC 9769) between the built program and stock chronyd, judged by captures and
 * by `chronyc ntpdata`. One kernel clock: the true offset is 0.
 */
import * as assert from 'uvu/assert';
import { analyse, byPair, distanceS, startCapture, ZERO } from './capture.ts';
import { answered, assertDepartures } from './departures.ts';
import { createLab } from './lab.ts';
import { chronydClient, chronydServer } from './peers.ts';
import { startRun, startServe } from './program.ts';
import { interopSuite } from './require.ts';
import { until } from './spawn.ts';

const test = interopSuite('interop: interleaved mode');
const theLab = test.shared(() =>
  createLab({ family: 'both', serverAddresses: 2, clientAddresses: 2 }),
);

const BOUND_S = 2e-2;
const POLLS = 16;

for (const family of [4, 6] as const) {
  test(`run: chronyd tells us when its answers left, IPv${family}; requests tell nothing (RFC 9769, NTP-C6, NTP-S3)`, async () => {
    const lab = await theLab();
    await chronydServer(lab, lab.server, { stratum: 2 });
    const capture = await startCapture(lab, lab.client, 'any');
    const config = { servers: lab.serverIps(family), locals: lab.clientIps(family), pollLog2S: -2 };
    const { running, lines } = startRun(lab, { ...config, interleaved: true });
    const detail = () => running.stderr() + running.stdout();
    await until(
      'all paths have interleaved answers',
      () => lines().some(({ paths }) => paths.every(({ interleaved }) => interleaved >= POLLS)),
      { timeoutMs: 30_000, detail },
    );
    await running.stop();
    await capture.stop();
    const last = lines().at(-1);
    assert.ok(last?.combined, detail());
    assert.is(last.paths.length, lab.pairs(family).length);
    assert.ok(last.combined.earliest <= 0 && last.combined.latest >= 0, detail());
    assert.ok(Math.abs(last.combined.offset) < BOUND_S, detail());
    for (const { path, samples, interleaved, delay, offset, drops } of last.paths) {
      // the first two are basic (WIRE §1.8), and now and then one after a loss
      assert.ok(interleaved >= POLLS && samples - interleaved >= 2, `${path}: ${interleaved}`);
      assert.ok(delay !== null && delay < 0.05 && Math.abs(offset ?? 1) < BOUND_S, path);
      assert.equal(
        Object.keys(drops).filter((reason) => reason !== 'origin'),
        [],
        path,
      );
    }
    const { packets, complaints } = await analyse(lab, capture.file);
    assert.equal(complaints, []);
    const requests = byPair(packets, 3);
    const replies = byPair(packets, 4);
    for (const { path, localIp, remoteIp } of lab.pairs(family)) {
      const asked = requests.get(`${localIp}|${remoteIp}`) ?? [];
      const pairs = answered(asked, replies.get(path) ?? []);
      assert.equal(
        pairs.slice(0, 3).map(({ isInterleaved }) => isInterleaved),
        [false, false, true],
      );
      assertDepartures(pairs, true);
      const cookies = asked.flatMap(({ rec, xmt }) => (rec === ZERO ? [xmt] : [rec, xmt]));
      assert.is(new Set(cookies).size, cookies.length);
      for (const { rec, xmt, org, ref, length, atS } of asked) {
        assert.equal([ref, length], [ZERO, 48]);
        assert.ok(rec === ZERO || distanceS(rec, atS) > 3600, `${rec} is the local time`);
        assert.ok(distanceS(xmt, atS) > 3600, `${xmt} is the local time`);
        assert.is(org === ZERO, rec === ZERO);
      }
    }
  });

  test(`serve: chronyd with xleave says "Interleaved: Yes", IPv${family} (RFC 9769)`, async () => {
    const lab = await theLab();
    const ips = lab.serverIps(family);
    const serve = await startServe(lab, ips, ['--stratum', '2', '--rate', 'off', '--json']);
    const capture = await startCapture(lab, lab.server, 'any');
    const chronyd = await chronydClient(lab, lab.client, ips, { pollLog2S: -2, xleave: true });
    const seen = await until(
      'chronyd has interleaved answers of both addresses',
      async () => {
        const data = await chronyd.ntpdata();
        const isSo = data.every(({ interleaved, valid }) => interleaved && valid >= POLLS);
        return data.length === 2 && isSo && data;
      },
      { timeoutMs: 30_000, everyMs: 200, detail: chronyd.log },
    );
    await chronyd.stop();
    await capture.stop();
    const { stdout } = await serve.stop();
    for (const { tests, offsetS, delayS } of seen) {
      assert.match(tests, /^1{6}/, 'packet tests 1-3 and 5-7');
      assert.ok(Math.abs(offsetS) < BOUND_S && delayS < 0.05, `${offsetS}, ${delayS}`);
    }
    const { packets, complaints } = await analyse(lab, capture.file);
    assert.equal(complaints, []);
    const requests = byPair(packets, 3);
    let interleaved = 0;
    for (const [key, replies] of byPair(packets, 4)) {
      const [src, dst] = key.split('|');
      const pairs = answered(requests.get(`${dst}|${src}`) ?? [], replies);
      assertDepartures(pairs, false); // the plain host has one stamp
      interleaved += pairs.filter((pair) => pair.isInterleaved).length;
    }
    assert.ok(interleaved >= 2 * (POLLS - 4), `${interleaved}`);
    assert.match(stdout, `"interleaved":${interleaved},`);
  });
}

test.run();

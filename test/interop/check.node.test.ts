/**
 * `clockbraid check` on traffic of ptp4l and of ourselves, captured by dumpcap and heard live. The
 * program is run as a user would.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import * as assert from 'uvu/assert';
import { LASTING_LIST } from '../ptp/leaplist.ts';
import { startCapture } from './capture.ts';
import { createLan, type Lan, LINK, lanIp } from './lan.ts';
import { pmc, ptp4l } from './linuxptp.ts';
import { checked, startPtp } from './program.ts';
import { FILTER, RATES } from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { sleep, until } from './spawn.ts';

const test = interopSuite('interop: check on captures and live traffic', 'ptp');

const theLan = test.shared(() => createLan({ here: 2, there: 3 }));

/** What a busy machine or a slow start may add, and nobody should be failed for. */
const WEATHER = ['1588-rate', '1588-delay-rate', '1588-gap', '1588-unanswered'];

function keep(file: string, name: string): void {
  const folder = process.env.CLOCKBRAID_KEEP_CAPTURES;
  if (folder !== undefined) copyFileSync(file, `${folder}/${name}.pcapng`);
}

async function capturedOf(name: string, seconds: number, start: (lan: Lan) => Promise<void>) {
  const lan = await theLan();
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  await start(lan);
  await sleep(seconds * 1000);
  await capture.stop();
  await lan.stopAll();
  keep(capture.file, name);
  return { lan, file: capture.file };
}

const rules = (check: { rules: readonly { rule: string; severity: string }[] }) =>
  check.rules.map(({ rule }) => rule).filter((rule) => !WEATHER.includes(rule));

for (const family of [4, 6] as const) {
  test(`ptp4l's default profile over IPv${family}: clean as such; as Enterprise its TLV, Announce rate and UTC offset`, async () => {
    const { lan, file } = await capturedOf(`ptp4l-${family}`, 14, async (lan) => {
      ptp4l(lan, lan.here, { family, extra: ['logAnnounceInterval 1', 'masterOnly 1'] });
      ptp4l(lan, lan.there, { family, extra: ['slaveOnly 1'] });
    });
    const plain = await checked(lan.there, [file]);
    assert.equal(rules(plain), [], plain.text);
    assert.is(plain.code, 0);
    const draft = await checked(lan.there, [file, '--profile', 'enterprise']);
    assert.equal(rules(draft).sort(), ['EP-053', 'EP-064', 'EP-066'], draft.text);
    assert.is(draft.code, 1);
    const rfc = await checked(lan.there, [
      file,
      '--profile',
      'enterprise',
      '--revision',
      'rfc9760',
    ]);
    assert.equal(rules(rfc).sort(), ['EP-053', 'EP-064'], rfc.text);
  }, 60);
}

test("ptp4l's hybrid slave on a stock master is answered by multicast; targeted pmc too (EP-045, EP-112)", async () => {
  const { lan, file } = await capturedOf('hybrid', 12, async (lan) => {
    ptp4l(lan, lan.here, { extra: ['masterOnly 1'] });
    ptp4l(lan, lan.there, { extra: ['slaveOnly 1', 'hybrid_e2e 1'] });
    await sleep(6000);
    await pmc(lan.there, ['GET DEFAULT_DATA_SET']);
  });
  const found = await checked(lan.there, [file, '--profile', 'enterprise']);
  assert.ok(rules(found).includes('EP-045'), found.text);
  assert.ok(rules(found).includes('EP-112'), found.text);
}, 60);

test('our single-ended slave on our master: nothing to find, in mpptp too (MP-21, PTP-S10, PTP-S12)', async () => {
  const M = lanIp('here', 1);
  const ips = [1, 2, 3].map((n) => lanIp('there', n));
  const { lan, file } = await capturedOf('single', 12, async (lan) => {
    startPtp(lan, lan.here, ['master', M, '--unicast', ...RATES]);
    const slave = startPtp(lan, lan.there, ['slave', ...ips, '--master', M, ...RATES]);
    await until('paths', () => slave.lines().at(-1)?.paths.length === 3, {
      timeoutMs: 30_000,
      detail: slave.log,
    });
  });
  const found = await checked(lan.there, [file, '--profile', 'mpptp', '--clock', ips.join()]);
  assert.equal(rules(found), [], found.text);
  assert.is(found.code, 0, found.text);
  assert.ok(found.messages > 200, found.text);
}, 90);

test('our dual-ended pair: nothing to find (PTP-D03…D16)', async () => {
  const masters = [1, 2].map((n) => lanIp('here', n));
  const ips = [1, 2, 3].map((n) => lanIp('there', n));
  const { lan, file } = await capturedOf('dual', 12, async (lan) => {
    startPtp(lan, lan.here, ['master', ...masters, '--unicast', ...RATES]);
    const slave = startPtp(lan, lan.there, [
      ...['slave', ...ips, '--mode', 'dual-ended', ...RATES],
      ...masters.flatMap((ip) => ['--master', ip]),
    ]);
    await until('paths', () => slave.lines().at(-1)?.paths.length === 6, {
      timeoutMs: 30_000,
      detail: slave.log,
    });
  });
  const found = await checked(lan.there, [file, '--profile', 'mpptp']);
  assert.equal(rules(found), [], found.text);
  assert.is(found.code, 0, found.text);
}, 90);

for (const revision of ['draft-01', 'rfc9760']) {
  test(`our Enterprise master (${revision}) and our slave: nothing to find (EP-034…EP-038, EP-045, EP-050, EP-052, EP-053, EP-064, EP-066…EP-076, EP-098, EP-120…EP-124)`, async () => {
    const { lan, file } = await capturedOf(`enterprise-${revision}`, 16, async (lan) => {
      const leap = join(lan.scratch('leap'), 'leap-seconds.list');
      writeFileSync(leap, LASTING_LIST);
      const enterprise = [
        ...['--profile', 'enterprise', '--revision', revision, '--leap-file', leap],
        ...['--sync', '-3', '--delay', '-3'],
      ];
      const master = startPtp(lan, lan.here, ['master', lanIp('here', 1), ...enterprise]);
      await until('MASTER', () => master.lines().at(-1)?.state === 'MASTER', {
        timeoutMs: 30_000,
        detail: master.log,
      });
      startPtp(lan, lan.there, ['slave', lanIp('there', 1), ...enterprise]);
    });
    const of = ['--profile', 'enterprise', '--revision', revision];
    const found = await checked(lan.there, [file, ...of]);
    assert.equal(rules(found), [], found.text);
    assert.is(found.code, 0, found.text);
    assert.ok(found.messages > 200, found.text);
  }, 90);
}

test('live on two addresses: what ptp4l sends to groups is heard and judged as in a capture', async () => {
  const lan = await theLan();
  ptp4l(lan, lan.here, { extra: ['masterOnly 1'] });
  await sleep(8000);
  const live = await checked(lan.there, [
    ...['live', lanIp('there', 1), lanIp('there', 2), '--seconds', '5'],
    ...['--profile', 'enterprise'],
  ]);
  assert.is(live.code, 1, live.text);
  assert.ok(live.messages > 40, live.text);
  assert.ok(live.copies > 40, live.text);
  assert.equal(rules(live).sort(), ['EP-064', 'EP-066'], live.text);
}, 60);

test.run();

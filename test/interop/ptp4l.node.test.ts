/**
 * The built program as PTP slave and master against stock ptp4l and pmc, and against itself over
 * disjoint routes, in every runtime. One kernel clock: the true offset is 0. tshark judges what left.
 */
import * as assert from 'uvu/assert';
import { startCapture } from './capture.ts';
import { createLab } from './lab.ts';
import { createLan, LINK, lanIp } from './lan.ts';
import { pmc, ptp4l } from './linuxptp.ts';
import { startPtp } from './program.ts';
import { analysePtp, type PtpPacket, TYPE } from './ptpcapture.ts';
import {
  askedAt,
  assertMpptp,
  BOUND_S,
  bijection,
  FILTER,
  isMulticast,
  isUp,
  offsetOf,
  pairsOf,
  RATES,
  swapped,
  syncGapS,
} from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { sleep, until } from './spawn.ts';

const test = interopSuite('interop: PTP with ptp4l', 'ptp');

const SLAVES = 8;
const theLan = test.shared(() => createLan({ here: 1, there: SLAVES }));
const theLab = test.shared(() => createLab({ family: 4, serverAddresses: 2, clientAddresses: 3 }));

const M = lanIp('here', 1);
/** Of the shortest grant that we ask for. (s) */
const GRANT_S = 10;
/** Our clock and the kernel's are this near. (s) */
const CLOCKS_S = 1e-6;
/** By address family: what each address called itself, in every run the same (PTP-S01). */
const known = new Map<number, string[]>();

for (const [runtime, family, seconds] of [
  ['node', 4, 33],
  ['node', 6, 33],
  ['deno', 4, 12],
  ['bun', 4, 12],
] as const) {
  test(`${runtime}: a single-ended slave with ${SLAVES} identities on ptp4l, IPv${family}, ${seconds} s: all paths granted and renewed (MP-28, PTP-S01…S20, PTP-U3, PTP-U6, PTP-U7)`, async () => {
    const lan = await theLan();
    const capture = await startCapture(lan, lan.there, LINK, FILTER);
    const ips = Array.from({ length: SLAVES }, (_, n) => lanIp('there', n + 1, family));
    const own = ['slave', ...ips, '--master', lanIp('here', 1, family), ...RATES];
    // before its master: it asks until somebody answers (PTP-S19)
    const slave = startPtp(lan, lan.there, [...own, '--grant-seconds', `${GRANT_S}`], runtime);
    await sleep(1500);
    ptp4l(lan, lan.here, { family, extra: ['unicast_listen 1', 'masterOnly 1'] });
    const text = () => slave.log();
    await until(
      'all paths up',
      () => slave.lines().some((line) => line.paths.length === SLAVES && isUp(line)),
      { timeoutMs: 40_000, detail: text },
    );
    await sleep(seconds * 1000);
    const line = slave.lines().at(-1);
    await slave.running.stop();
    await capture.stop();
    assert.is(line?.state, 'SLAVE', text());
    assert.not.match(text(), /expired|denied|unreachable|SYNCHRONIZATION_FAULT/);
    assert.ok(offsetOf(line) < BOUND_S, JSON.stringify(line?.combined));
    for (const { combined } of slave.lines()) {
      const { causalEarliest = 0, causalLatest = 0 } = combined ?? {};
      const holds = causalEarliest < CLOCKS_S && causalLatest > -CLOCKS_S;
      assert.ok(holds, `surely ${causalEarliest} to ${causalLatest}`);
    }
    for (const { path, forward, reverse, ageS } of line?.paths ?? []) {
      assert.ok(forward > 6 * seconds && reverse > 4 * seconds, `${path}: ${forward} ${reverse}`);
      assert.ok((ageS ?? 9) < 2, `${path}: ${ageS} s ago`);
    }
    const { packets, complaints } = await analysePtp(lan.there, capture.file);
    assert.equal(complaints, []);
    const ours = packets.filter(({ src }) => ips.includes(src));
    assertMpptp(ours);
    const shown = bijection(ours);
    assert.is(shown.length, SLAVES);
    assert.equal(shown, known.get(family) ?? shown);
    known.set(family, shown);
    assert.equal(
      ours.filter(({ dst, type }) => isMulticast(dst) || type === TYPE.Announce),
      [],
    );
    for (const ip of ips) {
      const gapS = syncGapS(packets, ip);
      assert.ok(gapS < 1, `${ip}: a gap of ${gapS} s`);
      const [announced = 0] = askedAt(ours, ip, TYPE.Announce);
      for (const type of [TYPE.Sync, TYPE.Delay_Resp]) {
        const [asked = 0, ...renewed] = askedAt(ours, ip, type);
        assert.ok(announced < asked, `${ip} asks for Announces first (PTP-U7)`);
        // one at least in every grant's time (PTP-S06)
        assert.ok(renewed.length >= Math.floor(seconds / GRANT_S), `${ip}: ${renewed.length}`);
      }
      const asker = ours.find(({ src }) => src === ip)?.clockIdentity;
      const answers = packets.filter(({ dst, type }) => dst === ip && type === TYPE.Delay_Resp);
      for (const { asker: told } of answers) assert.is(told, asker);
    }
  }, 110);
}

test('ptp4l slaves by unicast and by multicast on our master, and pmc reads it (BASE-B4, EP-110)', async () => {
  const lan = await theLan();
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  const master = startPtp(lan, lan.here, ['master', M, '--priority1', '7', ...RATES]);
  await until('MASTER', () => master.lines().some(({ state }) => state === 'MASTER'), {
    detail: master.log,
  });
  for (const options of [
    { masters: [M], extra: ['slaveOnly 1', 'unicast_req_duration 20'] },
    { extra: ['slaveOnly 1'] },
  ]) {
    const slave = ptp4l(lan, lan.there, options);
    await until('its summary', () => /rms +\d+ max/.test(slave.log()), {
      timeoutMs: 30_000,
      detail: () => slave.log() + master.log(),
    });
    assert.match(slave.log(), /LISTENING to UNCALIBRATED on RS_SLAVE/);
    const rms = Number(/rms +(\d+)/.exec(slave.log())?.[1]);
    assert.ok(rms < BOUND_S * 1e9, slave.log());
    await slave.stop();
  }
  const said = await pmc(lan.there, [
    'GET DEFAULT_DATA_SET',
    'GET CURRENT_DATA_SET',
    'GET PARENT_DATA_SET',
    'GET PORT_DATA_SET',
    'GET TIME_PROPERTIES_DATA_SET',
    'GET CLOCK_DESCRIPTION',
    'SET PRIORITY1 3',
  ]);
  const identity = master.lines().at(-1)?.defaultDS.clockIdentity ?? '?';
  assert.match(said, /RESPONSE MANAGEMENT DEFAULT_DATA_SET/);
  assert.match(said, /priority1 +7\n/);
  assert.match(said, /RESPONSE MANAGEMENT CURRENT_DATA_SET/);
  assert.match(said, new RegExp(`grandmasterIdentity +${identity}`));
  assert.match(said, /portState +MASTER/);
  assert.match(said, /timeSource +0xa0/);
  assert.match(said, /productDescription +clockbraid/);
  assert.match(said, /seq 6 RESPONSE MANAGEMENT_ERROR_STATUS/);
  await capture.stop();
  const { packets, complaints } = await analysePtp(lan.there, capture.file);
  assert.equal(complaints, []);
  assert.ok(
    packets.some(({ src, dst, type }) => src === M && isMulticast(dst) && type === TYPE.Sync),
  );
  assert.ok(
    packets.some(({ src, dst, type }) => src === M && !isMulticast(dst) && type === TYPE.Sync),
  );
}, 100);

test('our plain slave on a ptp4l that knows multicast only', async () => {
  const lan = await theLan();
  ptp4l(lan, lan.here, { extra: ['masterOnly 1'] });
  const slave = startPtp(lan, lan.there, ['slave', lanIp('there', 1), ...RATES]);
  await until(
    'measured',
    () => slave.lines().some((line) => line.state === 'SLAVE' && isUp(line)),
    {
      timeoutMs: 30_000,
      detail: slave.log,
    },
  );
  const { offset } = slave.lines().at(-1)?.combined ?? { offset: 1 };
  assert.ok(Math.abs(offset) < BOUND_S, `${offset}`);
});

test('takeover by the best master clock algorithm, ptp4l and us, both ways (BASE-B1, BASE-B3)', async () => {
  const lan = await theLan();
  const theirs = ptp4l(lan, lan.here, { extra: ['priority1 100'] });
  const detail = () => theirs.log();
  await until('ptp4l is master', () => /to MASTER on/.test(theirs.log()), { detail });
  const worse = startPtp(lan, lan.there, [
    'master',
    lanIp('there', 1),
    '--priority1',
    '101',
    ...RATES,
  ]);
  await until('we follow', () => worse.lines().at(-1)?.state === 'SLAVE', { detail: worse.log });
  await theirs.stop();
  await until('we lead', () => worse.lines().at(-1)?.state === 'MASTER', { detail: worse.log });
  await worse.running.stop();
  const again = ptp4l(lan, lan.here, { extra: ['priority1 100'] });
  await until('ptp4l is master', () => /to MASTER on/.test(again.log()), { detail: again.log });
  const better = startPtp(lan, lan.there, [
    'master',
    lanIp('there', 1),
    '--priority1',
    '99',
    ...RATES,
  ]);
  await until('ptp4l follows', () => /MASTER to UNCALIBRATED on RS_SLAVE/.test(again.log()), {
    detail: () => again.log() + better.log(),
  });
  assert.is(better.lines().at(-1)?.state, 'MASTER');
  await better.running.stop();
  await until(
    'ptp4l leads again',
    () => /UNCALIBRATED to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES/.test(again.log()),
    { detail: again.log },
  );
}, 120);

for (const runtime of ['node', 'deno', 'bun'] as const) {
  const isLong = runtime === 'node';
  const cut = isLong ? '; one is cut and mended without a BMCA event' : '';
  test(`${runtime}: a dual-ended pair over 2 × 3 disjoint routes${cut} (PTP-D01…D18, MP-21)`, async () => {
    const lab = await theLab();
    const [servers, clients] = [lab.serverIps(4), lab.clientIps(4)];
    const capture = await startCapture(lab, lab.client, 'any', FILTER);
    startPtp(lab, lab.server, ['master', ...servers, '--unicast', ...RATES], runtime);
    const slave = startPtp(
      lab,
      lab.client,
      [
        ...['slave', ...clients, '--mode', 'dual-ended'],
        ...servers.flatMap((ip) => ['--master', ip]),
        ...RATES,
      ],
      runtime,
    );
    const detail = slave.log;
    const last = () => slave.lines().at(-1);
    await until('all pairs up', () => last()?.paths.length === 6 && slave.lines().some(isUp), {
      timeoutMs: 40_000,
      detail,
    });
    const before = await lab.forwarded();
    await sleep(2000);
    const carried = (await lab.forwarded()).map((now, n) => now - (before[n] ?? 0));
    assert.ok(
      carried.every((packets) => packets > 20),
      `per router: ${carried}`,
    );
    if (isLong) {
      const [pair] = lab.pairs(4);
      if (pair === undefined) throw new Error('no pair');
      const stateOf = () => last()?.paths.find(({ path }) => path === pair.path)?.state;
      const portEvents = () => slave.log().match(/port 1: \w+ to/g)?.length;
      const events = portEvents();
      lab.setLink(pair.router, 'down');
      await until('the path is down', () => stateOf() === 'unreachable', {
        timeoutMs: 10_000,
        detail,
      });
      assert.is(last()?.paths.filter(({ state }) => state === 'unreachable').length, 1);
      lab.setLink(pair.router, 'up');
      await until(
        'it is back',
        () => !['unreachable', 'waiting'].includes(stateOf() ?? 'waiting'),
        {
          timeoutMs: 40_000,
          detail,
        },
      );
      assert.is(portEvents(), events, slave.log());
    }
    assert.is(last()?.isDual, true);
    assert.ok(offsetOf(last()) < BOUND_S);
    await capture.stop();
    const { packets, complaints } = await analysePtp(lab.client, capture.file);
    assert.equal(complaints, []);
    assertMpptp(packets);
    assert.equal(
      packets.filter(({ dst }) => isMulticast(dst)),
      [],
    );
    assert.is(new Set(packets.map(({ clockIdentity }) => clockIdentity)).size, 2);
    const paths = lab
      .pairs(4)
      .map(({ path }) => path)
      .sort();
    assert.equal(pairsOf(packets, TYPE.Sync), paths);
    assert.equal(pairsOf(packets, TYPE.Follow_Up), paths);
    assert.equal(pairsOf(packets, TYPE.Delay_Resp), paths);
    assert.equal(pairsOf(packets, TYPE.Delay_Req), swapped(paths));
    const syncs = packets.filter(({ type }) => type === TYPE.Sync);
    const idOf = ({ src, dst, sequenceId }: PtpPacket) => `${src}|${dst} ${sequenceId}`;
    const ids = new Set(syncs.map(idOf));
    for (const one of packets) {
      if (one.type === TYPE.Follow_Up) assert.ok(ids.has(idOf(one)), `${idOf(one)} (PTP-D14)`);
    }
    // Each Announce by every pair with one sequenceId.
    const announces = packets.filter(({ type }) => type === TYPE.Announce);
    const byId = new Map<number, Set<string>>();
    for (const { sequenceId, src } of announces) {
      byId.set(sequenceId, (byId.get(sequenceId) ?? new Set()).add(src));
    }
    // from the first one that both were granted
    const sizes = [...byId.values()].map(({ size }) => size);
    const shared = sizes.slice(sizes.indexOf(2), -1);
    assert.ok(sizes.includes(2) && shared.every((size) => size === 2), `addresses: ${sizes}`);
  }, 150);
}

test.run();

/** The built program as PTP slave and master with stock ptpd, which knows IPv4 alone. */
import * as assert from 'uvu/assert';
import { startCapture } from './capture.ts';
import { createLan, LINK, lanIp } from './lan.ts';
import { ptpd } from './linuxptp.ts';
import { type PtpLine, startPtp } from './program.ts';
import { analysePtp, TYPE } from './ptpcapture.ts';
import {
  askedAt,
  assertMpptp,
  BOUND_S,
  bijection,
  FILTER,
  isMulticast,
  isUp,
  offsetOf,
  RATES,
  SLOWER,
  syncGapS,
} from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { sleep, until } from './spawn.ts';

const test = interopSuite('interop: PTP with ptpd', 'ptp');

const SLAVES = 8;
const theLan = test.shared(() => createLan({ here: 1, there: SLAVES }));

const M = lanIp('here', 1);
const GRANT_S = 10;
const SECONDS = 33;

test(`a single-ended slave with ${SLAVES} identities on ptpd, ${SECONDS} s: all paths granted and renewed (PTP-S05, S06, S08, S19, S20)`, async () => {
  const lan = await theLan();
  const theirs = ptpd(lan, lan.here, 'masteronly');
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  const ips = Array.from({ length: SLAVES }, (_, n) => lanIp('there', n + 1));
  const slave = startPtp(lan, lan.there, [
    ...['slave', ...ips, '--master', M, '--grant-seconds', `${GRANT_S}`],
    ...SLOWER,
  ]);
  const detail = () => slave.log() + theirs.log();
  await until(
    'all paths up',
    () => slave.lines().some((line) => line.paths.length === SLAVES && isUp(line)),
    { timeoutMs: 45_000, detail },
  );
  const upS = Date.now() / 1000;
  const said = slave.log().length;
  await sleep(SECONDS * 1000);
  const line = slave.lines().at(-1);
  await slave.running.stop();
  await capture.stop();
  assert.is(line?.state, 'SLAVE', detail());
  assert.not.match(slave.log().slice(said), /expired|denied|unreachable|SYNCHRONIZATION_FAULT/);
  assert.ok(offsetOf(line) < BOUND_S, JSON.stringify(line?.combined));
  const { packets, complaints } = await analysePtp(lan.there, capture.file);
  assert.equal(complaints, []);
  const ours = packets.filter(({ src }) => ips.includes(src));
  assertMpptp(ours);
  assert.is(bijection(ours).length, SLAVES);
  assert.equal(
    ours.filter(({ dst, type }) => isMulticast(dst) || type === TYPE.Announce),
    [],
  );
  const since = packets.filter(({ atS }) => atS > upS);
  for (const ip of ips) {
    const gapS = syncGapS(since, ip);
    assert.ok(gapS < 1.5, `${ip}: a gap of ${gapS} s`);
    const renewed = askedAt(since, ip, TYPE.Sync);
    assert.ok(renewed.length >= Math.floor(SECONDS / GRANT_S), `${ip}: ${renewed.length}`);
  }
}, 120);

test('ptpd slaves on our master, by unicast negotiation and plain (MP-27)', async () => {
  const lan = await theLan();
  const master = startPtp(lan, lan.here, ['master', M, ...RATES]);
  const types = (line: PtpLine | undefined) => new Set(line?.serves.map((one) => one.messageType));
  const negotiating = ptpd(lan, lan.there, 'slaveonly', [M]);
  await until('all granted', () => types(master.lines().at(-1)).size === 3, {
    timeoutMs: 45_000,
    detail: () => master.log() + negotiating.log(),
  });
  await negotiating.stop();
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  const plain = ptpd(lan, lan.there, 'slaveonly', [], 'multicast');
  const answers = () => master.lines().at(-1)?.sent.Delay_Resp ?? 0;
  const before = answers();
  await until('Delay_Reqs answered', () => answers() > before + 4, {
    timeoutMs: 45_000,
    detail: () => master.log() + plain.log(),
  });
  await capture.stop();
  const { packets, complaints } = await analysePtp(lan.there, capture.file);
  assert.equal(complaints, []);
  for (const { type, src, dst } of packets) {
    if (src === M && type === TYPE.Delay_Resp) assert.ok(isMulticast(dst)); // as it was asked
  }
}, 120);

test.run();

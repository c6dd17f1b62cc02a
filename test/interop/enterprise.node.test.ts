/**
 * The built program under the Enterprise Profile with stock ptp4l, pmc and ptpd, which know nothing
 * of it, and with itself: masters that take over, masters that ought not to be there. One kernel
 * clock: the true offset is 0. tshark judges what left.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { LASTING_LIST, WHOLE_LIST } from '../ptp/leaplist.ts';
import { startCapture } from './capture.ts';
import type { Ground } from './ground.ts';
import { createLan, LINK, lanIp } from './lan.ts';
import { pmc, ptp4l, ptpd } from './linuxptp.ts';
import { type PtpLine, startPtp } from './program.ts';
import { analysePtp, type PtpPacket, TYPE } from './ptpcapture.ts';
import { BOUND_S, FILTER } from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { createSegment, type Segment, segmentIp } from './segment.ts';
import { sleep, until } from './spawn.ts';

const test = interopSuite('interop: Enterprise Profile', 'ptp');

const theLan = test.shared(() => createLan({ here: 1, there: 1 }));
const theSegment = test.shared(() => createSegment(4));

const GROUP = '224.0.1.129';
const [M, S] = [lanIp('here', 1), lanIp('there', 1)];
const RATES = ['--sync', '-3', '--delay', '-3'];
const ENTERPRISE = ['--profile', 'enterprise', ...RATES];
/** Type, length, port 1, OUI, profile 1, revision 1; mode, adjustment and unit follow. */
const TLV = '0003000c000100005e000101';

/** Of ours: the system's may have run out. */
function leapFile(place: Pick<Ground, 'scratch'>, text = LASTING_LIST) {
  const file = join(place.scratch('leap'), 'leap-seconds.list');
  writeFileSync(file, text);
  return ['--leap-file', file];
}

const isUp = (line: PtpLine | undefined, paths = 1) =>
  line !== undefined &&
  line.state === 'SLAVE' &&
  line.paths.length === paths &&
  line.paths.every(({ forward, reverse }) => forward > 8 && reverse > 4);

const of = (packets: readonly PtpPacket[], type: number, src: string) =>
  packets.filter((one) => one.type === type && one.src === src);
const targets = (packets: readonly PtpPacket[]) => [...new Set(packets.map(({ dst }) => dst))];

/** What draft-01 §6–§8 and §12 say of whatever a master sends. */
function assertMaster(packets: readonly PtpPacket[], ip: string, mode = '02'): void {
  const announces = of(packets, TYPE.Announce, ip);
  assert.ok(announces.length > 3, `${announces.length} Announces of ${ip}`);
  for (const { payload, dst, dport, unicast, logInterval } of announces) {
    assert.is(payload.slice(128, 160), `${TLV}${mode}000000`); // EP-066…EP-076
    assert.equal([dst, dport, unicast, logInterval], [GROUP, 320, false, 0]); // EP-036, EP-050
  }
  const gaps = announces.slice(1).map(({ atS }, n) => atS - (announces[n]?.atS ?? 0));
  gaps.sort((a, b) => a - b);
  assert.ok(Math.abs((gaps[gaps.length >> 1] ?? 0) - 1) < 0.05, `Announces ${gaps} s apart`);
  for (const { dst, dport, unicast } of of(packets, TYPE.Sync, ip)) {
    assert.equal([dst, dport, unicast], [GROUP, 319, false]); // EP-034
  }
  const ids = new Set(of(packets, TYPE.Sync, ip).map(({ sequenceId }) => sequenceId));
  for (const { dst, dport, sequenceId } of of(packets, TYPE.Follow_Up, ip)) {
    assert.equal([dst, dport], [GROUP, 320]); // EP-035
    assert.ok(ids.has(sequenceId) || sequenceId === Math.min(...ids) - 1);
  }
  for (const type of [2, 3, 10, 12]) assert.equal(of(packets, type, ip), []); // EP-041, EP-120
}

for (const [hybrid, answered] of [
  [0, GROUP],
  [1, S],
] as const) {
  test(`ptp4l, hybrid_e2e ${hybrid}, as slave of our master: answered by ${hybrid ? 'unicast' : 'multicast'} (EP-044…EP-047, EP-082, EP-132)`, async () => {
    const lan = await theLan();
    const capture = await startCapture(lan, lan.there, LINK, FILTER);
    const args = ['master', M, ...ENTERPRISE, '--preferred', ...leapFile(lan)];
    const master = startPtp(lan, lan.here, args);
    const slave = ptp4l(lan, lan.there, { extra: ['slaveOnly 1', `hybrid_e2e ${hybrid}`] });
    await until('its summary', () => /rms +\d+ max/.test(slave.log()), {
      timeoutMs: 30_000,
      detail: () => slave.log() + master.log(),
    });
    assert.match(slave.log(), /LISTENING to UNCALIBRATED on RS_SLAVE/);
    const rms = Number(/rms +(\d+)/.exec(slave.log())?.[1]);
    // it compares our TAI to a clock that shows UTC
    const offsetS = rms / 1e9;
    assert.ok(Math.abs(offsetS - 37) < BOUND_S || offsetS < BOUND_S, slave.log());
    await sleep(3000);
    const said =
      hybrid === 1 ? await pmc(lan.there, ['GET DEFAULT_DATA_SET', 'GET PRIORITY1']) : '';
    await capture.stop();
    const { packets, complaints } = await analysePtp(lan.there, capture.file);
    assert.equal(complaints, []);
    assertMaster(packets, M);
    assert.equal(targets(of(packets, TYPE.Delay_Req, S)), [hybrid === 1 ? M : GROUP]);
    assert.equal(targets(of(packets, TYPE.Delay_Resp, M)), [answered]);
    if (hybrid === 0) return;
    // pmc asks by multicast, and is answered by unicast (EP-110…EP-112)
    assert.match(said, /RESPONSE MANAGEMENT DEFAULT_DATA_SET/);
    const answers = of(packets, 13, M);
    assert.ok(answers.length >= 2 && answers.every(({ dst, unicast }) => dst === S && unicast));
  }, 80);
}

for (const mode of ['hybrid', 'multicast'] as const) {
  test(`ptpd, ${mode}, as slave of our master, and as master of our slave (EP-045, EP-047, EP-132)`, async () => {
    const lan = await theLan();
    const capture = await startCapture(lan, lan.there, LINK, FILTER);
    const master = startPtp(lan, lan.here, [
      ...['master', M, '--profile', 'enterprise', '--sync', '-2', '--delay', '-2', '--preferred'],
      ...leapFile(lan),
    ]);
    const follower = ptpd(lan, lan.there, 'slaveonly', [], mode);
    await until('MASTER', () => master.lines().at(-1)?.state === 'MASTER', { detail: master.log });
    await sleep(14_000);
    await capture.stop();
    await master.running.stop();
    await follower.stop();
    const { packets, complaints } = await analysePtp(lan.there, capture.file);
    assert.equal(complaints, []);
    assertMaster(packets, M);
    const asked = of(packets, TYPE.Delay_Req, S);
    assert.ok(asked.length > 5, follower.log());
    const answers = of(packets, TYPE.Delay_Resp, M);
    assert.equal(targets(answers), [mode === 'hybrid' ? S : GROUP]);
    assert.ok(answers.length >= asked.length - 2, `${answers.length} of ${asked.length} answered`);

    const theirs = ptpd(lan, lan.here, 'masteronly', [], mode);
    // in its multicast mode it hears nothing else, and it has no TLV to say so
    const slave = startPtp(lan, lan.there, ['slave', S, ...ENTERPRISE, '--delay-mode', mode]);
    await until('measured', () => isUp(slave.lines().at(-1)), {
      timeoutMs: 45_000,
      detail: () => slave.log() + theirs.log(),
    });
    assert.ok(Math.abs(slave.lines().at(-1)?.combined?.offset ?? 1) < BOUND_S);
  }, 120);
}

for (const hybrid of [0, 1]) {
  test(`our slave on ptp4l, hybrid_e2e ${hybrid}: asks by unicast, takes the answer either way (EP-010, EP-045, EP-098, EP-132)`, async () => {
    const lan = await theLan();
    const capture = await startCapture(lan, lan.there, LINK, FILTER);
    const theirs = ptp4l(lan, lan.here, { extra: ['masterOnly 1', `hybrid_e2e ${hybrid}`] });
    const slave = startPtp(lan, lan.there, ['slave', S, ...ENTERPRISE]);
    await until('measured', () => isUp(slave.lines().at(-1)), {
      timeoutMs: 40_000,
      detail: () => slave.log() + theirs.log(),
    });
    assert.ok(Math.abs(slave.lines().at(-1)?.combined?.offset ?? 1) < BOUND_S);
    await capture.stop();
    const { packets, complaints } = await analysePtp(lan.there, capture.file);
    assert.equal(complaints, []);
    assert.equal(targets(of(packets, TYPE.Delay_Req, S)), [M]);
    assert.equal(targets(of(packets, TYPE.Delay_Resp, M)), [hybrid === 1 ? S : GROUP]);
    assert.equal(
      packets.filter(({ src, type }) => src === S && type !== TYPE.Delay_Req),
      [],
    );
  }, 80);
}

for (const [mode, octet, to] of [
  ['multicast', '00', GROUP],
  ['unicast', '01', M],
] as const) {
  test(`our slave obeys the ${mode} mode of our master (EP-040, EP-042, EP-081)`, async () => {
    const lan = await theLan();
    const capture = await startCapture(lan, lan.there, LINK, FILTER);
    const master = startPtp(lan, lan.here, [
      ...['master', M, ...ENTERPRISE, '--preferred', '--delay-mode', mode, ...leapFile(lan)],
    ]);
    const slave = startPtp(lan, lan.there, ['slave', S, ...ENTERPRISE]);
    await until('measured', () => isUp(slave.lines().at(-1)), {
      timeoutMs: 40_000,
      detail: () => slave.log() + master.log(),
    });
    assert.ok(Math.abs(slave.lines().at(-1)?.combined?.offset ?? 1) < BOUND_S);
    await sleep(3000);
    await capture.stop();
    const { packets, complaints } = await analysePtp(lan.there, capture.file);
    assert.equal(complaints, []);
    assertMaster(packets, M, octet);
    assert.equal(targets(of(packets, TYPE.Delay_Req, S)), [to]);
    assert.equal(targets(of(packets, TYPE.Delay_Resp, M)), [mode === 'unicast' ? S : GROUP]);
  }, 80);
}

test('IPv6: ff0e::181, ptp4l follows us and we follow it (EP-020, EP-038)', async () => {
  const lan = await theLan();
  const [m6, s6] = [lanIp('here', 1, 6), lanIp('there', 1, 6)];
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  const master = startPtp(lan, lan.here, [
    ...['master', m6, ...ENTERPRISE, '--preferred', ...leapFile(lan)],
  ]);
  const slave = ptp4l(lan, lan.there, { family: 6, extra: ['slaveOnly 1'] });
  await until('its summary', () => /rms +\d+ max/.test(slave.log()), {
    timeoutMs: 30_000,
    detail: () => slave.log() + master.log(),
  });
  await capture.stop();
  await master.running.stop();
  await slave.stop();
  const { packets, complaints } = await analysePtp(lan.there, capture.file);
  assert.equal(complaints, []);
  const ours = packets.filter(({ src, type }) => src === m6 && type !== TYPE.Delay_Resp);
  assert.equal(targets(ours), ['ff0e::181']);
  ptp4l(lan, lan.here, { family: 6, extra: ['masterOnly 1', 'hybrid_e2e 1'] });
  const us = startPtp(lan, lan.there, ['slave', s6, ...ENTERPRISE]);
  await until('measured', () => isUp(us.lines().at(-1)), { timeoutMs: 40_000, detail: us.log });
}, 110);

test('without a current leap second list: LISTENING, silent, and one clear word (EP-064)', async () => {
  const lan = await theLan();
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  const args = ['master', M, ...ENTERPRISE, '--preferred', ...leapFile(lan, WHOLE_LIST)];
  const master = startPtp(lan, lan.here, args);
  await sleep(7000);
  assert.is(master.lines().at(-1)?.state, 'LISTENING', master.log());
  const words = master.log().match(/not master, as the leap seconds list expired on 2026-06-28/g);
  assert.is(words?.length, 1, master.log());
  await capture.stop();
  const { packets } = await analysePtp(lan.there, capture.file);
  assert.equal(packets, []);
}, 40);

/** Starts a preferred master of ours on a host of the segment. */
const preferredOn = (segment: Segment, host: number, priority1: number) =>
  startPtp(segment, segment.hosts[host] ?? '', [
    ...['master', segmentIp(host), ...ENTERPRISE, '--preferred', '--priority1', `${priority1}`],
    ...leapFile(segment),
  ]);
const slaveOn = (segment: Segment, host: number, args: readonly string[] = []) =>
  startPtp(segment, segment.hosts[host] ?? '', ['slave', segmentIp(host), ...ENTERPRISE, ...args]);
type Started = ReturnType<typeof startPtp>;
const last = (one: Started) => one.lines().at(-1);
const idOf = (one: Started) => last(one)?.defaultDS.clockIdentity ?? '?';
const follows = (slave: Started, id: string) =>
  last(slave)?.parentDS.grandmasterIdentity === id && last(slave)?.state === 'SLAVE';
const ready = (one: Started) => until('a line', () => last(one) !== undefined, { detail: one.log });

test('two preferred masters of ours: the loser is an alternate, both are combined, and they take over both ways (EP-062, EP-090, EP-091, COMB-11)', async () => {
  const segment = await theSegment();
  const capture = await startCapture(segment, segment.hosts[3] ?? '', LINK, FILTER);
  const best = preferredOn(segment, 0, 10);
  const second = preferredOn(segment, 1, 20);
  const slave = slaveOn(segment, 3);
  const detail = () => slave.log() + best.log() + second.log();
  const wait = { timeoutMs: 40_000, detail };
  await until('both measured', () => isUp(last(slave), 2), wait);
  const [one, two] = [idOf(best), idOf(second)];
  assert.ok(follows(slave, one), detail());
  await until(
    'both weigh',
    () => last(slave)?.paths.every(({ weight }) => (weight ?? 0) > 0.01),
    wait,
  );
  assert.ok(Math.abs(last(slave)?.combined?.offset ?? 1) < BOUND_S);
  const kept = `${segmentIp(1)}|${segmentIp(3)}`;
  await sleep(2000);
  await capture.stop();
  await best.running.stop();
  await until('the second takes over', () => follows(slave, two), wait);
  const again = preferredOn(segment, 0, 10);
  await until('the best is back', () => follows(slave, one) && isUp(last(slave), 2), {
    ...wait,
    detail: () => detail() + again.log(),
  });
  assert.not.match(slave.log(), new RegExp(`path ${kept.replace('|', '\\|')} removed`), detail());
  assert.not.match(slave.log(), /rogue/);
  const { packets, complaints } = await analysePtp(segment.hosts[3] ?? '', capture.file);
  assert.equal(complaints, []);
  assertMaster(packets, segmentIp(0));
  assertMaster(packets, segmentIp(1));
  const flags = (ip: string) => {
    const sent = packets.filter(({ src, type }) => src === ip && type !== 13);
    return sent.slice(sent.length >> 1).map(({ alternate }) => alternate);
  };
  assert.equal([...new Set(flags(segmentIp(0)))], [false]);
  assert.equal([...new Set(flags(segmentIp(1)))], [true]);
  assert.equal(targets(of(packets, TYPE.Delay_Req, segmentIp(3))).sort(), [
    segmentIp(0),
    segmentIp(1),
  ]);
}, 150);

test('ours and ptp4l as masters: takeover both ways, the slave follows (EP-060, EP-132)', async () => {
  const segment = await theSegment();
  const theirs = ptp4l(segment, segment.hosts[1] ?? '', {
    extra: ['priority1 50', 'hybrid_e2e 1'],
  });
  const slave = slaveOn(segment, 3);
  const detail = () => slave.log() + theirs.log();
  const wait = { timeoutMs: 40_000, detail };
  await until('it is followed', () => isUp(last(slave)), wait);
  const ours = preferredOn(segment, 0, 10);
  await ready(ours);
  await until('we take over', () => follows(slave, idOf(ours)), wait);
  await until('it yields', () => /MASTER to UNCALIBRATED on RS_SLAVE/.test(theirs.log()), wait);
  const id = idOf(ours);
  await ours.running.stop();
  await until('it takes over', () => !follows(slave, id) && last(slave)?.state === 'SLAVE', wait);
  await until('measured', () => isUp(last(slave)), wait);
  assert.not.match(slave.log(), /rogue/);
}, 150);

test('a rogue master does not move the slave: worse and unflagged, or better and not acceptable (EP-005, EP-092…EP-095)', async () => {
  const segment = await theSegment();
  const best = preferredOn(segment, 0, 100);
  await ready(best);
  const slave = slaveOn(segment, 3, ['--acceptable', idOf(best)]);
  const open = slaveOn(segment, 1);
  const detail = () => slave.log() + open.log() + best.log();
  const wait = { timeoutMs: 40_000, detail };
  await until('measured', () => isUp(last(slave)) && isUp(last(open)), wait);
  const host = segment.hosts[2] ?? '';
  const rogueArgs = ['master', segmentIp(2), '--master-only', '--announce', '0', ...RATES];
  const rogue = startPtp(segment, host, [...rogueArgs, '--priority1', '200', ...leapFile(segment)]);
  await ready(rogue);
  const id = idOf(rogue);
  await until('named', () => open.log().includes(`ignores rogue master ${id}-1`), wait);
  assert.ok(follows(open, idOf(best)), detail());
  assert.is(last(open)?.paths.length, 1);
  await rogue.running.stop();
  const better = ptp4l(segment, host, { extra: ['priority1 1', 'masterOnly 1'] });
  await until('named', () => /ignores unacceptable master/.test(slave.log()), wait);
  await until('the open slave follows it', () => !follows(open, idOf(best)), wait);
  await sleep(3000);
  // its best went, as any master would; being an alternate it still serves the slave that trusts it
  assert.ok(follows(slave, idOf(best)), detail() + better.log());
  const { forward = 0 } = last(slave)?.paths[0] ?? {};
  await sleep(2000);
  assert.ok((last(slave)?.paths[0]?.forward ?? 0) > forward + 5, detail());
  assert.ok(Math.abs(last(slave)?.combined?.offset ?? 1) < BOUND_S);
}, 150);

test('RFC 9760: a master in each of two domains, combined by one slave (COMB-11)', async () => {
  const segment = await theSegment();
  const rfc = ['--profile', 'enterprise', '--revision', 'rfc9760', ...RATES];
  for (const host of [0, 1]) {
    startPtp(segment, segment.hosts[host] ?? '', [
      ...['master', segmentIp(host), ...rfc, '--domain', `${host}`, ...leapFile(segment)],
    ]);
  }
  const slave = startPtp(segment, segment.hosts[3] ?? '', [
    ...['slave', segmentIp(3), ...rfc, '--domain', '0', '--domain', '1'],
  ]);
  await until('both measured', () => isUp(last(slave), 2), {
    timeoutMs: 40_000,
    detail: slave.log,
  });
  await until('both weigh', () => last(slave)?.paths.every(({ weight }) => (weight ?? 0) > 0.01), {
    detail: slave.log,
  });
  assert.equal(
    last(slave)?.paths.map(({ path }) => path),
    [0, 1].map((n) => `${segmentIp(n)}|${segmentIp(3)}#${n}`),
  );
  assert.ok(Math.abs(last(slave)?.combined?.offset ?? 1) < BOUND_S);
}, 80);

test.run();

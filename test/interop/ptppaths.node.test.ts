/** Single-ended on ptp4l with a path cut; plain slaves of both families; who announces. */
import * as assert from 'uvu/assert';
import { startCapture } from './capture.ts';
import { createLan, LINK, lanIp } from './lan.ts';
import { ptp4l } from './linuxptp.ts';
import { ip } from './net.ts';
import { startPtp } from './program.ts';
import { analysePtp, TYPE } from './ptpcapture.ts';
import { BOUND_S, FILTER, isMulticast, isUp, offsetOf, RATES } from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { sleep, until } from './spawn.ts';

const test = interopSuite('interop: PTP paths and roles', 'ptp');

const theLan = test.shared(() => createLan({ here: 3, there: 4 }));

const M = lanIp('here', 1);

test('one path of a single-ended slave on ptp4l is cut and mended: down in time, back, no BMCA event, no step (MP-24, PTP-D18)', async () => {
  const lan = await theLan();
  const theirs = ptp4l(lan, lan.here, { extra: ['unicast_listen 1', 'masterOnly 1'] });
  const ips = [1, 2, 3, 4].map((n) => lanIp('there', n));
  const slave = startPtp(lan, lan.there, ['slave', ...ips, '--master', M, ...RATES]);
  const detail = () => slave.log() + theirs.log();
  const last = () => slave.lines().at(-1);
  await until('all paths up', () => last()?.paths.length === 4 && slave.lines().some(isUp), {
    timeoutMs: 30_000,
    detail,
  });
  const portEvents = () => slave.log().match(/port 1: .*|selected .*/g) ?? [];
  const events = portEvents();
  const lines = slave.lines().length;
  const cut = ips[2] ?? '';
  const stateOf = () => last()?.paths.find(({ path }) => path === `${M}|${cut}`)?.state;
  // What goes there goes to nobody's MAC: unseen by the sender, as behind a broken switch.
  ip(['-n', lan.here, 'neigh', 'replace', cut, ...NOBODY]);
  await until('the path is down', () => stateOf() === 'unreachable', { timeoutMs: 10_000, detail });
  assert.is(last()?.paths.filter(({ state }) => state === 'unreachable').length, 1);
  await sleep(3000);
  ip(['-n', lan.here, 'neigh', 'del', cut, 'dev', LINK]);
  await until('it is back', () => !['unreachable', 'waiting'].includes(stateOf() ?? 'waiting'), {
    timeoutMs: 40_000,
    detail,
  });
  assert.equal(portEvents(), events, slave.log());
  for (const line of slave.lines().slice(lines)) {
    assert.is(line.state, 'SLAVE');
    assert.ok(offsetOf(line) < BOUND_S, JSON.stringify(line.combined));
  }
}, 100);

const NOBODY = ['lladdr', '02:00:5e:00:53:01', 'dev', LINK, 'nud', 'permanent'];

test('one dual-ended master serves a dual-ended slave, a single-ended one that knows one of its addresses, and ptp4l slaves (MP-14, MP-16, MP-27)', async () => {
  const lan = await theLan();
  const theirs = [1, 2].map((n) => lanIp('there', n));
  const [one = ''] = theirs;
  const master = startPtp(lan, lan.there, ['master', ...theirs, '--multicast-sync', ...RATES]);
  await until('MASTER', () => master.lines().at(-1)?.state === 'MASTER', { detail: master.log });
  const dual = startPtp(lan, lan.there, [
    ...['slave', ...[3, 4].map((n) => lanIp('there', n)), '--mode', 'dual-ended'],
    ...['--clock-identity', '02aabb.fffe.000001'], // else both have that of the interface
    ...theirs.flatMap((address) => ['--master', address]),
    ...RATES,
  ]);
  const ours = [2, 3].map((n) => lanIp('here', n));
  const single = startPtp(lan, lan.here, ['slave', ...ours, '--master', one, ...RATES]);
  const detail = () => [master, dual, single].map(({ log }) => log()).join('\n');
  const count = ({ lines }: typeof dual) => lines().at(-1)?.paths.length;
  for (const [slave, paths] of [
    [dual, 4],
    [single, 2],
  ] as const) {
    const areUp = () => count(slave) === paths && slave.lines().some(isUp);
    await until(`${paths} paths`, areUp, { timeoutMs: 40_000, detail });
    assert.ok(offsetOf(slave.lines().at(-1)) < BOUND_S);
    assert.is(slave.lines().at(-1)?.isDual, slave === dual);
  }
  const used = single
    .lines()
    .at(-1)
    ?.paths.map(({ path }) => path.split('|')[0]);
  assert.equal([...new Set(used)], [one]);
  assert.is(
    new Set(
      single
        .lines()
        .at(-1)
        ?.paths.map(({ identity }) => identity),
    ).size,
    2,
  );
  await single.running.stop(); // ptp4l wants the ports of every address
  for (const masters of [[one], []]) {
    const slave = ptp4l(lan, lan.here, { masters, extra: ['slaveOnly 1'] });
    await until('its summary', () => /rms +\d+ max/.test(slave.log()), {
      timeoutMs: 30_000,
      detail: () => slave.log() + detail(),
    });
    await slave.stop();
  }
  assert.ok(
    dual
      .lines()
      .at(-1)
      ?.paths.every(({ state }) => state !== 'unreachable'),
    dual.log(),
  );
}, 120);

test('a dual-ended slave falls back to single-ended on ptp4l, and returns (MP-15, PTP-D15)', async () => {
  const lan = await theLan();
  const theirs = [1, 2].map((n) => lanIp('here', n));
  // another clock than ptp4l, which takes the MAC's identity as ours would: a restart within the
  // announce timeout would still be the dual-ended master that was
  const identity = ['--clock-identity', '02cb00.fffe.000001'];
  const own = ['master', ...theirs, '--unicast', ...identity, ...RATES];
  let master = startPtp(lan, lan.here, own);
  const ours = [1, 2, 3].map((n) => lanIp('there', n));
  const slave = startPtp(lan, lan.there, [
    ...['slave', ...ours, '--mode', 'dual-ended'],
    ...theirs.flatMap((address) => ['--master', address]),
    ...RATES,
  ]);
  const detail = () => slave.log();
  const follows = (isDual: boolean, paths: number) => () => {
    const line = slave.lines().at(-1);
    const used = line?.paths.filter(({ state }) => !['waiting', 'unreachable'].includes(state));
    return line?.state === 'SLAVE' && line.isDual === isDual && used?.length === paths;
  };
  const limit = { timeoutMs: 40_000, detail };
  await until('6 pairs', follows(true, 6), limit);
  await master.running.stop();
  const stock = ptp4l(lan, lan.here, { extra: ['unicast_listen 1', 'masterOnly 1'] });
  // for its first seconds it may be dual-ended yet
  const identities = () =>
    new Set(
      slave
        .lines()
        .at(-1)
        ?.paths.map(({ identity }) => identity),
    );
  const areThree = () => follows(false, 3)() && identities().size === 3;
  await until('3 identities', areThree, limit);
  await sleep(4000);
  assert.ok(areThree(), slave.log());
  await stock.stop();
  master = startPtp(lan, lan.here, own);
  await until('6 pairs again', follows(true, 6), limit);
  const one = slave
    .lines()
    .at(-1)
    ?.paths.map(({ identity }) => identity);
  assert.is(new Set(one).size, 1);
}, 150);

test('over IPv6 ptp4l slaves follow our master, by unicast and plain (MP-02, MP-27)', async () => {
  const lan = await theLan();
  const six = lanIp('here', 1, 6);
  const master = startPtp(lan, lan.here, ['master', six, ...RATES]);
  for (const options of [
    { masters: [six], extra: ['slaveOnly 1', 'unicast_req_duration 20'] },
    { extra: ['slaveOnly 1'] },
  ]) {
    const slave = ptp4l(lan, lan.there, { family: 6, ...options });
    await until('its summary', () => /rms +\d+ max/.test(slave.log()), {
      timeoutMs: 30_000,
      detail: () => slave.log() + master.log(),
    });
    const rms = Number(/rms +(\d+)/.exec(slave.log())?.[1]);
    assert.ok(rms < BOUND_S * 1e9, slave.log());
    await slave.stop();
  }
}, 90);

test('over IPv6 our plain slave follows a ptp4l that knows multicast only (MP-02)', async () => {
  const lan = await theLan();
  ptp4l(lan, lan.here, { family: 6, extra: ['masterOnly 1'] });
  const slave = startPtp(lan, lan.there, ['slave', lanIp('there', 1, 6), ...RATES]);
  await until('measured', () => slave.lines().some((one) => one.state === 'SLAVE' && isUp(one)), {
    timeoutMs: 30_000,
    detail: slave.log,
  });
  assert.ok(offsetOf(slave.lines().at(-1)) < BOUND_S);
}, 60);

test('of a single-ended clock that leads, the primary alone announces (PTP-S03, PTP-S17)', async () => {
  const lan = await theLan();
  const capture = await startCapture(lan, lan.here, LINK, FILTER);
  const ips = [1, 2, 3].map((n) => lanIp('here', n));
  const [, primary = ''] = ips;
  const own = ['master', ...ips, '--mode', 'single-ended', '--primary', primary, ...RATES];
  const master = startPtp(lan, lan.here, own);
  await until('MASTER', () => master.lines().at(-1)?.state === 'MASTER', { detail: master.log });
  await sleep(3000);
  await capture.stop();
  const { packets, complaints } = await analysePtp(lan.here, capture.file);
  assert.equal(complaints, []);
  const announces = packets.filter(({ type }) => type === TYPE.Announce);
  assert.ok(announces.length >= 2);
  assert.equal([...new Set(packets.map(({ src }) => src))], [primary]);
  assert.is(new Set(packets.map(({ clockIdentity }) => clockIdentity)).size, 1);
  assert.ok(packets.every(({ dst, type }) => isMulticast(dst) === (type === TYPE.Announce)));
  assert.not.match(master.log(), /new foreign master/);
}, 60);

test.run();

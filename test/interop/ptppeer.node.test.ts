/** The peer delay mechanism: plain and by unicast, with stock ptp4l over one link, and our own pairs. */
import * as assert from 'uvu/assert';
import { startCapture } from './capture.ts';
import { createLab } from './lab.ts';
import { createLan, LINK, lanIp } from './lan.ts';
import { ptp4l } from './linuxptp.ts';
import { type PtpLine, startPtp } from './program.ts';
import { analysePtp, type PtpPacket, TYPE } from './ptpcapture.ts';
import {
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
} from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { sleep, until } from './spawn.ts';

const test = interopSuite('interop: PTP peer delay', 'ptp');

const theLan = test.shared(() => createLan({ here: 1, there: 3 }));
const theLab = test.shared(() => createLab({ family: 4, serverAddresses: 2, clientAddresses: 2 }));

const P2P = ['--p2p', ...RATES];
const isSlave = (line: PtpLine) => line.state === 'SLAVE' && isUp(line);

for (const family of [4, 6] as const) {
  test(`plain over IPv${family}: we follow ptp4l, and ptp4l follows us (PTP-P1)`, async () => {
    const lan = await theLan();
    const theirs = ptp4l(lan, lan.here, { family, delayMechanism: 'P2P', extra: ['masterOnly 1'] });
    const slave = startPtp(lan, lan.there, ['slave', lanIp('there', 1, family), ...P2P]);
    const detail = () => slave.log() + theirs.log();
    await until('measured', () => slave.lines().some(isSlave), { timeoutMs: 30_000, detail });
    assert.ok(offsetOf(slave.lines().at(-1)) < BOUND_S);
    await slave.running.stop();
    await theirs.stop();
    const master = startPtp(lan, lan.here, ['master', lanIp('here', 1, family), ...P2P]);
    const follower = ptp4l(lan, lan.there, {
      ...{ family, delayMechanism: 'P2P', extra: ['slaveOnly 1'] },
    });
    await until('its summary', () => /rms +\d+ max.*delay +-?\d+/.test(follower.log()), {
      timeoutMs: 30_000,
      detail: () => follower.log() + master.log(),
    });
    const rms = Number(/rms +(\d+)/.exec(follower.log())?.[1]);
    assert.ok(rms < BOUND_S * 1e9, follower.log());
  }, 90);
}

/** Types 2, 3 and 10 by unicast over the very pairs, requests from the slave's side. */
function assertPeers(packets: readonly PtpPacket[], pairs: readonly string[], slaves: string[]) {
  assertMpptp(packets.filter(({ src }) => slaves.includes(src)));
  const asked = packets.filter(({ type, src }) => type === TYPE.Pdelay_Req && slaves.includes(src));
  assert.equal(pairsOf(asked, TYPE.Pdelay_Req), swapped(pairs));
  const answers = packets.filter(({ dst }) => slaves.includes(dst));
  assert.equal(pairsOf(answers, TYPE.Pdelay_Resp), pairs);
  assert.equal(pairsOf(answers, TYPE.Pdelay_Resp_Follow_Up), pairs);
  assert.equal(pairsOf(packets, TYPE.Delay_Req), []);
}

test('by unicast: a single-ended slave with 3 identities on ptp4l (PTP-P1)', async () => {
  const lan = await theLan();
  const theirs = ptp4l(lan, lan.here, {
    ...{ delayMechanism: 'P2P', extra: ['unicast_listen 1', 'masterOnly 1'] },
  });
  const ips = [1, 2, 3].map((n) => lanIp('there', n));
  const M = lanIp('here', 1);
  const capture = await startCapture(lan, lan.there, LINK, FILTER);
  const slave = startPtp(lan, lan.there, ['slave', ...ips, '--master', M, ...P2P]);
  const detail = () => slave.log() + theirs.log();
  const areUp = (line: PtpLine) => line.paths.length === 3 && isSlave(line);
  await until('measured', () => slave.lines().some(areUp), { timeoutMs: 30_000, detail });
  await sleep(2000);
  assert.ok(offsetOf(slave.lines().at(-1)) < BOUND_S);
  await capture.stop();
  const { packets, complaints } = await analysePtp(lan.there, capture.file);
  assert.equal(complaints, []);
  bijection(packets.filter(({ src }) => ips.includes(src)));
  const pairs = ips.map((ip) => `${M}|${ip}`).sort();
  assertPeers(
    packets.filter(({ src, dst }) => src === M || dst === M),
    pairs,
    ips,
  );
}, 90);

for (const mode of ['dual-ended', 'single-ended'] as const) {
  test(`by unicast: our ${mode} pair over disjoint routes (PTP-P1, MP-22)`, async () => {
    const lab = await theLab();
    const [servers, clients] = [lab.serverIps(4), lab.clientIps(4)];
    const used = mode === 'dual-ended' ? servers : servers.slice(0, 1);
    const capture = await startCapture(lab, lab.client, 'any', FILTER);
    startPtp(lab, lab.server, ['master', ...used, '--unicast', ...P2P]);
    const slave = startPtp(lab, lab.client, [
      ...['slave', ...clients, '--mode', mode],
      ...used.flatMap((ip) => ['--master', ip]),
      ...P2P,
    ]);
    const pairs = lab
      .pairs(4)
      .flatMap(({ path, remoteIp }) => (used.includes(remoteIp) ? [path] : []))
      .sort();
    const areUp = (line: PtpLine) => line.paths.length === pairs.length && isSlave(line);
    await until('all pairs up', () => slave.lines().some(areUp), {
      timeoutMs: 40_000,
      detail: slave.log,
    });
    await sleep(1000);
    assert.ok(offsetOf(slave.lines().at(-1)) < BOUND_S);
    assert.is(slave.lines().at(-1)?.isDual, mode === 'dual-ended');
    await capture.stop();
    const { packets, complaints } = await analysePtp(lab.client, capture.file);
    assert.equal(complaints, []);
    assert.equal(
      packets.filter(({ dst }) => isMulticast(dst)),
      [],
    );
    assertPeers(packets, pairs, clients);
  }, 90);
}

test.run();

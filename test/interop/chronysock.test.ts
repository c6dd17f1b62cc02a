/**
 * Our combined clock as the only reference clock of a stock chronyd that may not set the clock: it
 * selects it, on the right side, in every runtime; and it may be restarted.
 */
import * as assert from 'uvu/assert';
import { chronySample } from '../../src/chrony.ts';
import { openUnixSender } from '../../src/udp/unix.ts';
import { createLab, type Lab } from './lab.ts';
import { type ChronydSock, chronydServer, chronydSock } from './peers.ts';
import { FEEDERS, startPtp, startRun, startServe } from './program.ts';
import { interopSuite } from './require.ts';
import { until } from './spawn.ts';

const test = interopSuite('interop: chrony SOCK');
const theLab = test.shared(() => createLab({ family: 4, serverAddresses: 2, clientAddresses: 2 }));

const BOUND_S = 2e-2;
const AHEAD_MS = 300;

/** `#*`: chronyc's mark of a selected reference clock. */
const selected = (chronyd: ChronydSock, detail: () => string) =>
  until(
    'chronyd selects the feed',
    async () => {
      const [source] = await chronyd.sources();
      return source?.state === '*' && source.ip === 'MPTS' && source;
    },
    { timeoutMs: 30_000, everyMs: 200, detail },
  );

const config = async (lab: Lab) => ({
  servers: lab.serverIps(4),
  locals: lab.clientIps(4),
  pollLog2S: -1,
});

for (const [name, runtime] of Object.entries(FEEDERS)) {
  test(`chronyd selects what run feeds it, with its sign: ${name}`, async () => {
    const lab = await theLab();
    await startServe(
      lab,
      lab.serverIps(4),
      ['--stratum', '2', '--rate', 'off', '--stamps', 'plain'],
      AHEAD_MS,
    );
    const chronyd = await chronydSock(lab, lab.client);
    const args = ['--chrony', chronyd.socket, '--stamps', 'plain'];
    const { running } = startRun(lab, await config(lab), args, runtime);
    const detail = () => running.stderr() + chronyd.log();
    await selected(chronyd, detail);
    const { aheadS, leap, refid } = await chronyd.tracking();
    assert.match(refid, 'MPTS');
    assert.is(leap, 'Normal');
    // chronyc(1): positive where the text says "slow of NTP time", the system's clock behind
    assert.ok(Math.abs(Math.abs(aheadS) - AHEAD_MS / 1000) < BOUND_S, `${aheadS}\n${detail()}`);
    assert.ok(aheadS > 0, `${aheadS}`);
    assert.match(running.stderr(), `chrony: samples go to ${chronyd.socket}`);
  });
}

test('a chronyd that is not there yet, or restarted, is one line each', async () => {
  const lab = await theLab();
  await chronydServer(lab, lab.server, { stratum: 2 });
  const socket = `${lab.scratch('late')}/mpts.sock`;
  const { running } = startRun(lab, await config(lab), ['--chrony', socket]);
  const told = () =>
    running
      .stderr()
      .split('\n')
      .filter((line) => line.includes('chrony: '));
  await until('it is told', () => told().length > 0, { detail: running.stderr });
  for (const round of [1, 2]) {
    const chronyd = await chronydSock(lab, lab.client, { socket, refclock: 'poll 1 filter 1' });
    await selected(chronyd, () => running.stderr() + chronyd.log());
    assert.is(told().length, 2 * round, running.stderr());
    await chronyd.stop();
    await until('it is told', () => told().length > 2 * round, { detail: running.stderr });
  }
  await running.stop();
  const lines = told();
  assert.is(lines.length, 5, running.stderr());
  lines.forEach((line, n) => {
    assert.match(line, n % 2 === 0 ? 'no chronyd listens there' : 'samples go to');
  });
});

for (const [leap, said] of [
  [1, 'Insert second'],
  [2, 'Delete second'],
] as const) {
  test(`chronyd reads leap ${leap} of a sample as "${said}"`, async () => {
    const lab = await theLab();
    const chronyd = await chronydSock(lab, lab.client);
    const sender = openUnixSender(chronyd.socket);
    let last: string | null = null;
    await until(
      'chronyd has it of its source',
      async () => {
        const us = Math.floor((performance.timeOrigin + performance.now()) * 1000) - 1000;
        const unixS = Math.floor(us / 1e6);
        const at = { unixS, us: us - unixS * 1e6 };
        last = await sender.send(chronySample({ ...at, offsetS: 1e-4, leap }));
        // tracking would tell in June and December only
        return (await chronyd.leap()) === said;
      },
      { timeoutMs: 30_000, everyMs: 200, detail: () => `${last}\n${chronyd.log()}` },
    );
    sender.close();
  });
}

test('chronyd selects what ptp slave feeds it', async () => {
  const lab = await theLab();
  const [master = ''] = lab.serverIps(4);
  const rates = ['--announce', '-2', '--sync', '-3', '--delay', '-3'];
  startPtp(lab, lab.server, ['master', master, '--unicast', '--clock-class', '6', ...rates]);
  const chronyd = await chronydSock(lab, lab.client);
  const slave = startPtp(lab, lab.client, [
    ...['slave', ...lab.clientIps(4), '--master', master, ...rates],
    ...['--chrony', chronyd.socket],
  ]);
  const source = await selected(chronyd, () => slave.log() + chronyd.log());
  assert.ok(Math.abs(source.offsetS) < BOUND_S, `${source.offsetS}`);
});

test.run();

/** The lab proves itself: stock peers on both sides, before anything of ours is tried in it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as assert from 'uvu/assert';
import { analyse, byPair, startCapture, ZERO } from './capture.ts';
import { createLab, provePaths } from './lab.ts';
import { ip } from './net.ts';
import { chronydClient, chronydServer, ntpdClient, ntpdServer, settled } from './peers.ts';
import { interopSuite } from './require.ts';
import { run, runOk, until } from './spawn.ts';

const test = interopSuite('interop: the lab itself, stock peers on both sides');
const theLab = test.shared(() =>
  createLab({ family: 'both', serverAddresses: 2, clientAddresses: 3 }),
);

const BOUND_S = 1e-3;
const CAP_SYS_TIME = 1n << 25n; // capabilities(7)

const canSetClock = (status: string): boolean =>
  [...status.matchAll(/^Cap(?:Prm|Eff|Bnd|Inh|Amb):\s+([0-9a-f]+)/gm)].some(
    ([, bits]) => (BigInt(`0x${bits}`) & CAP_SYS_TIME) !== 0n,
  );

test('nothing started in the lab can set the clock', async () => {
  const lab = await theLab();
  const status = await runOk(lab.client, ['cat', '/proc/self/status']);
  assert.match(status, /^CapEff:/m);
  assert.not(canSetClock(status), status);
  const daemon = lab.start(lab.client, ['sleep', '30']);
  const comm = () => readFileSync(`/proc/${daemon.pid}/comm`, 'utf8').trim();
  await until('sleep running', () => comm() === 'sleep', { everyMs: 5 });
  assert.not(canSetClock(readFileSync(`/proc/${daemon.pid}/status`, 'utf8')));
  assert.is((await daemon.stop()).signal, 'SIGTERM');
});

test('every pair has a router of its own, both ways, IPv4 and IPv6 (MP-08)', async () => {
  const lab = await theLab();
  assert.is(lab.pairs(4).length, 6);
  assert.is(lab.pairs(6).length, 6);
  assert.is(new Set(lab.pairs(4).map((pair) => pair.router)).size, 6);
  await provePaths(lab);
});

test('the proof of disjoint paths fails when one policy rule is gone, on either side', async () => {
  for (const side of ['client', 'server'] as const) {
    const lab = await createLab({ family: 6, serverAddresses: 2, clientAddresses: 2 });
    try {
      ip(['-6', '-n', lab[side], 'rule', 'del', 'pref', '1003']);
      const error = await provePaths(lab).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      assert.match(`${error}`, 'fd00:1:2::1|fd00:2:2::1: routers forwarded');
    } finally {
      await lab.close();
    }
  }
});

test('fewer routers than pairs: pairs share them in turn (MP-11)', async () => {
  const lab = await createLab({
    family: 4,
    serverAddresses: 1,
    clientAddresses: 3,
    routers: 1,
  });
  try {
    assert.equal(
      lab.pairs().map((pair) => pair.router),
      [0, 0, 0],
    );
  } finally {
    await lab.close();
  }
});

test('a router link taken down cuts its pair alone, and mends with all its routes', async () => {
  const lab = await theLab();
  const answers = () =>
    Promise.all(
      lab.pairs().map(async ({ localIp, remoteIp, router }) => {
        const ping = ['ping', '-n', '-c', '1', '-W', '1', '-I', localIp, remoteIp];
        return { router, answered: (await run(lab.client, ping)).code === 0 };
      }),
    );
  lab.setLink(4, 'down');
  const cut = await answers();
  lab.setLink(4, 'up');
  for (const { router, answered } of cut) assert.is(answered, router !== 4, `router ${router}`);
  await provePaths(lab);
});

test('chronyd and ntpd both select a chronyd server, IPv4 and IPv6', async () => {
  const lab = await theLab();
  await chronydServer(lab, lab.server, { stratum: 3 });
  const chronyd = await chronydClient(lab, lab.client, lab.serverIps());
  const ntpd = await ntpdClient(lab, lab.client, lab.serverIps());
  const sources = await settled(chronyd.sources, BOUND_S);
  assert.equal(new Set(sources.map((source) => source.ip)), new Set(lab.serverIps()));
  assert.ok(sources.every(({ stratum }) => stratum === 3));
  for (const data of await chronyd.ntpdata()) {
    assert.is(data.mode, 'Server');
    assert.ok(lab.clientIps().includes(data.localIp), data.localIp);
    assert.ok(data.valid > 0 && data.valid <= data.sent, `${data.valid} of ${data.sent}`);
  }
  const peers = await settled(ntpd.peers, BOUND_S);
  assert.equal(new Set(peers.map((peer) => peer.ip)), new Set(lab.serverIps()));
  assert.ok(peers.every(({ stratum }) => stratum === 3));
});

test('a chronyd client selects an ntpd server, IPv4 and IPv6', async () => {
  const lab = await theLab();
  await ntpdServer(lab, lab.server, { stratum: 2 });
  const client = await chronydClient(lab, lab.client, lab.serverIps());
  const sources = await settled(client.sources, BOUND_S);
  assert.is(sources.length, 4);
  assert.ok(sources.every(({ stratum }) => stratum === 2));
});

test('a capture shows both directions of every pair and nothing malformed', async () => {
  const lab = await theLab();
  await chronydServer(lab, lab.server);
  const capture = await startCapture(lab, lab.client, 'any');
  const clients = await Promise.all(
    lab.clientIps().map((localIp) => {
      const remotes = lab.pairs().filter((pair) => pair.localIp === localIp);
      return chronydClient(
        lab,
        lab.client,
        remotes.map((pair) => pair.remoteIp),
        { localIps: [localIp] },
      );
    }),
  );
  await until('every client has reach 377', async () => {
    const all = await Promise.all(clients.map((client) => client.sources()));
    return all.flat().every(({ reach }) => reach === 0o377);
  });
  await Promise.all(clients.map((client) => client.stop()));
  await capture.stop();
  const { packets, complaints } = await analyse(lab, capture.file);
  assert.equal(complaints, []);
  const [requests, replies] = [byPair(packets, 3), byPair(packets, 4)];
  assert.is(requests.size, lab.pairs().length);
  for (const { localIp, remoteIp } of lab.pairs()) {
    const asked = requests.get(`${localIp}|${remoteIp}`) ?? [];
    const answered = replies.get(`${remoteIp}|${localIp}`) ?? [];
    assert.ok(asked.length >= 8, `${localIp} asked ${remoteIp} ${asked.length} times`);
    assert.is(answered.length, asked.length);
    assert.ok(asked.every(({ org, length }) => length === 48 && org === ZERO));
    const cookies = new Set(asked.map(({ xmt }) => xmt));
    assert.ok(answered.every(({ org, stratum }) => cookies.has(org) && stratum === 1));
    assert.ok(asked.every(({ flow }) => (flow !== undefined) === localIp.includes(':')));
  }
});

test('tshark would complain of a packet cut short', async () => {
  const lab = await theLab();
  const capture = await startCapture(lab, lab.client, 'any');
  const [pair] = lab.pairs(4);
  const program = `const socket = require('dgram').createSocket('udp4');
    socket.send(Buffer.from('23000020', 'hex'), 123, '${pair?.remoteIp}', () => socket.close())`;
  await runOk(lab.client, [process.execPath, '-e', program]);
  await capture.stop();
  assert.is((await analyse(lab, capture.file)).complaints.length, 1);
});

test('close() leaves no namespace, no process and no folder', async () => {
  const lab = await createLab({ family: 4, serverAddresses: 1, clientAddresses: 1 });
  const folder = lab.scratch('x');
  const running = lab.start(lab.server, ['sleep', '30']);
  await lab.close();
  assert.not(existsSync(dirname(folder)));
  assert.not(existsSync(`/proc/${running.pid}`));
  const left = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
  for (const ns of [lab.server, lab.client, ...lab.routers]) assert.not.match(left, ns);
});

test.run();

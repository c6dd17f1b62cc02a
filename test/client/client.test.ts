/** The library over real loopback sockets, in whichever runtime this is. Truth: offset 0. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openClient } from '../../src/client.ts';
import { impairedHost, shiftedHost } from '../../src/demo/impair.ts';
import { ConfigError, CoreError, HostError } from '../../src/errors.ts';
import { pathParts } from '../../src/path.ts';
import { localSource, openServer } from '../../src/serve.ts';
import { formatTarget } from '../../src/target.ts';
import { stamp } from '../../src/units.ts';
import { host, pause, until } from './loopback.ts';

const test = suite('client');

const open = (addresses: string[], shiftS = 0) => {
  const far =
    shiftS === 0 ? host : shiftedHost(host, (real) => stamp(Math.round(real + shiftS * 1e9)));
  return openServer({
    host: far,
    addresses,
    port: 0,
    source: localSource(3, far),
    rateLimit: null,
  });
};

const quick = { minPollLog2S: -4, maxPollLog2S: -4, budget: 'per-path', iburst: 0 } as const;

test('a dual-ended client measures every pair, each from its own address (NTP-D3, MP-12)', async () => {
  const server = await open(['127.0.0.1', '127.0.0.2']);
  const client = await openClient({
    host,
    ...quick,
    servers: server.addresses.map(({ ip, port }) => formatTarget(ip, port)),
    locals: ['127.0.0.3', '127.0.0.4', '127.0.0.5'],
  });
  assert.is(client.paths.length, 6);
  const seen = new Set<string>();
  let taken = 0;
  for await (const sample of client.samples()) {
    seen.add(sample.path);
    if (++taken >= 60) break;
  }
  assert.is(seen.size, 6);
  const { clock, paths } = client.status();
  assert.ok(clock !== null && Math.abs(clock.offsetS) < 0.02, `offset ${clock?.offsetS}`);
  assert.ok(paths.every(({ reach, stratum }) => reach > 0 && stratum === 3));
  for (const { stamps, stampCounts, report, path } of paths) {
    const { send, receive } = stampCounts ?? { send: { user: 0, kernel: 0 }, receive: null };
    assert.is(send.user + send.kernel, (report?.taken ?? 0) + (report?.refused ?? 0), path);
    assert.is((receive?.user ?? 0) + (receive?.kernel ?? 0), send.user + send.kernel, path);
    assert.ok(stamps !== 'kernel' || send.kernel > send.user, `${path}: ${stamps}`);
  }
  await client.close();
  await server.close();
});

test('interleaved mode by path: the exchanges of both kinds agree (NTP-C6)', async () => {
  const server = await open(['127.0.0.1', '127.0.0.2'], 1);
  const [one = '', other = ''] = server.addresses.map(({ ip, port }) => formatTarget(ip, port));
  const client = await openClient({
    host,
    ...quick,
    servers: [other],
    pairs: [{ server: one }, { server: one, local: '127.0.0.4', interleaved: false }],
    interleaved: true,
  });
  assert.equal(client.paths, ['127.0.0.1|0.0.0.0', '127.0.0.1|127.0.0.4', '127.0.0.2|0.0.0.0']);
  let taken = 0;
  for await (const _ of client.samples()) if (++taken >= 30) break;
  const { clock, paths } = client.status();
  assert.ok(Math.abs((clock?.offsetS ?? 0) - 1) < 0.02, `offset ${clock?.offsetS}`);
  for (const { path, valid, interleaved, report } of paths) {
    const wanted = path.endsWith('.4') ? 0 : valid - 2; // the first two answers are basic
    assert.ok(valid > 4 && interleaved <= wanted && interleaved >= wanted / 2, path);
    assert.ok(Math.abs((report?.offsetS ?? 0) - 1) < 0.02, `${path}: ${report?.offsetS}`);
  }
  assert.ok(server.status().interleaved >= taken / 3);
  await client.close();
  await server.close();
});

test('several ports per pair: each is a path, keeps its port, and is measured (MP-32)', async () => {
  const server = await open(['127.0.0.1', '127.0.0.2']);
  const [one = '', other = ''] = server.addresses.map(({ ip, port }) => formatTarget(ip, port));
  const client = await openClient({
    host,
    ...quick,
    ports: 4,
    pairs: [
      { server: one, local: '127.0.0.3' },
      { server: other, local: '127.0.0.3' },
      { server: other, local: '127.0.0.4', ports: 1 },
    ],
    servers: [],
  });
  const keys = client.paths.map(pathParts);
  assert.equal(
    keys.map(({ remoteIp, localIp }) => `${remoteIp}|${localIp}`),
    [
      ...new Array(4).fill('127.0.0.1|127.0.0.3'),
      ...new Array(4).fill('127.0.0.2|127.0.0.3'),
      '127.0.0.2|127.0.0.4',
    ],
  );
  const ports = keys.map(({ localPort }) => localPort);
  assert.is(new Set(ports.slice(0, 4)).size, 4);
  assert.equal(ports.slice(4), [...ports.slice(0, 4), undefined]);
  const seen = new Set<string>();
  for await (const { path } of client.samples()) if (seen.add(path).size === 9) break;
  for (const { path, localPort, valid } of client.status().paths) {
    const own = pathParts(path).localPort;
    assert.ok(localPort !== null && localPort > 0 && (own === undefined || own === localPort));
    assert.ok(valid > 0, path);
  }
  await client.close();
  await server.close();
});

test('the sign: a server 1 s ahead gives offset +1, one behind −1; now() holds the truth', async () => {
  for (const shiftS of [1, -1]) {
    const server = await open(['127.0.0.1'], shiftS);
    const [address] = server.addresses;
    const client = await openClient({
      host,
      ...quick,
      servers: [formatTarget('127.0.0.1', address?.port ?? 0)],
      locals: ['127.0.0.3', '127.0.0.4'],
    });
    assert.is(client.now(), null);
    let taken = 0;
    for await (const _ of client.samples()) if (++taken >= 16) break;
    const offsetS = client.status().clock?.offsetS ?? Number.NaN;
    assert.ok(Math.abs(offsetS - shiftS) < 0.02, `offset ${offsetS}, wanted ${shiftS}`);
    const now = client.now();
    const local = BigInt(host.clock.epochS) * 10n ** 9n + BigInt(Math.round(host.clock.now()));
    const aheadS = Number((now?.best ?? 0n) - local) / 1e9;
    assert.ok(Math.abs(aheadS - shiftS) < 0.02, `now() is ${aheadS} s ahead`);
    assert.ok(now !== null && now.earliest <= now.best && now.best <= now.latest);
    await client.close();
    await server.close();
  }
});

test('an unsynchronized server never sets the clock (NTP-M3)', async () => {
  const server = await openServer({ host, addresses: ['127.0.0.1'], port: 0, rateLimit: null });
  const reasons = new Set<string>();
  const client = await openClient({
    host,
    ...quick,
    servers: [formatTarget('127.0.0.1', server.addresses[0]?.port ?? 0)],
    events: { onDrop: (reason) => reasons.add(reason) },
  });
  for (let turn = 0; turn < 100 && reasons.size === 0; turn++) {
    await pause(20);
  }
  assert.equal([...reasons], ['unsynchronized']);
  assert.is(client.status().clock, null);
  assert.is(client.now(), null);
  await client.close();
  await server.close();
});

test('an AbortSignal closes the client and ends its samples', async () => {
  const server = await open(['127.0.0.1']);
  const controller = new AbortController();
  const client = await openClient({
    host,
    ...quick,
    servers: [formatTarget('127.0.0.1', server.addresses[0]?.port ?? 0)],
    signal: controller.signal,
  });
  let taken = 0;
  for await (const _ of client.samples()) if (++taken === 3) controller.abort();
  assert.ok(taken >= 3);
  assert.is((await client.samples().next()).done, true);
  await client.close();
  await server.close();
});

test('a dead path is unreachable, the others carry on, and it comes back (MP-24)', async () => {
  let dead = false;
  const server = await open(['127.0.0.1']);
  const port = server.addresses[0]?.port ?? 0;
  const client = await openClient({
    host: impairedHost(host, (from) => ({
      delayMs: dead && from.ip === '127.0.0.4' ? Number.POSITIVE_INFINITY : 0,
    })),
    ...quick,
    servers: [formatTarget('127.0.0.1', port)],
    locals: ['127.0.0.3', '127.0.0.4'],
  });
  const stateOf = (ip: string) =>
    client.status().paths.find(({ localIp }) => localIp === ip)?.state;
  await until(() => (client.status().clock?.taken ?? 0) > 20);
  dead = true;
  await until(() => stateOf('127.0.0.4') === 'unreachable');
  const before = client.status().clock?.taken ?? 0;
  await until(() => (client.status().clock?.taken ?? 0) > before + 5);
  assert.ok(Math.abs(client.status().clock?.offsetS ?? 1) < 0.02);
  dead = false;
  await until(() => stateOf('127.0.0.4') !== 'unreachable');
  await client.close();
  await server.close();
});

test('mistakes are one sentence and leave nothing open', async () => {
  const config = async (options: Parameters<typeof openClient>[0], word: RegExp) => {
    try {
      const client = await openClient({ host, ...options });
      await client.close();
      assert.unreachable('was accepted');
    } catch (error) {
      assert.instance(error, ConfigError);
      assert.match((error as Error).message, word);
    }
  };
  await config({ servers: [] }, /servers/);
  await config({ servers: ['127.0.0.1:99999'] }, /1\.\.65535/);
  await config({ servers: ['127.0.0.1'], locals: ['no'] }, /locals\.0/);
  await config({ servers: ['127.0.0.1'], locals: ['::1'] }, /family/);
  await config({ servers: ['127.0.0.1'], minPollLog2S: 40 }, /minPollLog2S/);
  await config({ servers: ['127.0.0.1'], combiner: 'nope' as 'kalman' }, /kalman, rfc5905/);
  try {
    await openClient({ host, servers: ['127.0.0.1'], locals: ['127.0.0.3', '192.0.2.77'] });
    assert.unreachable('was bound');
  } catch (error) {
    assert.instance(error, HostError);
    assert.match((error as Error).message, /192\.0\.2\.77/);
  }
});

test('more paths than the core holds is a clear error', async () => {
  const locals = Array.from({ length: 257 }, (_, n) => `127.0.${1 + (n >> 7)}.${1 + (n & 127)}`);
  try {
    const client = await openClient({ host, servers: ['127.0.0.1:11123'], locals });
    await client.close();
    assert.unreachable('was accepted');
  } catch (error) {
    assert.ok(error instanceof ConfigError || error instanceof CoreError);
    assert.match((error as Error).message, /at most 256/);
  }
  const many = { host, servers: ['127.0.0.1:11123'], locals: locals.slice(0, 5), ports: 64 };
  for (const options of [many, { ...many, ports: 65 }, { ...many, ports: 0.5 }]) {
    try {
      await (await openClient(options)).close();
      assert.unreachable('was accepted');
    } catch (error) {
      assert.ok(error instanceof ConfigError, `${error}`);
      assert.match(error.message, options.ports === 64 ? /at most 256/ : /ports.*1\.\.64/);
    }
  }
});

test('the server answers with the four right stamps only from the asked address, rate-limited', async () => {
  const server = await openServer({
    host,
    addresses: ['127.0.0.1', '127.0.0.2'],
    port: 0,
    source: localSource(2, host),
    rateLimit: { intervalLog2S: 4, burst: 2, leak: 0, tableSize: 16 },
  });
  const client = await openClient({
    host,
    ...quick,
    servers: [formatTarget('127.0.0.2', server.addresses[1]?.port ?? 0)],
    locals: ['127.0.0.9'],
  });
  await until(
    () => server.status().kisses >= 1,
    () => 'no RATE kiss',
  );
  const { answered } = server.status();
  assert.ok(answered >= 1 && answered <= 3, `${answered} answered`);
  await client.close();
  await server.close();
});

test.run();

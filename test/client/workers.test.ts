/** A server with workers: answers, counts, one client in one worker, death, and a clean end. */
import { readdirSync, readlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openClient } from '../../src/client.ts';
import { ConfigError } from '../../src/errors.ts';
import { openServer, type Server, type ServerOptions } from '../../src/serve.ts';
import { chooseHost, plainHost } from '../../src/udp/choose.ts';
import { linuxHost, loadFfi } from '../../src/udp/linux/host.ts';
import { allocate } from '../../src/udp/linux/memory.ts';
import type { Host, Udp } from '../../src/udp/udp.ts';

const test = suite('a server with workers');
const VOUCHED = { leap: 0, stratum: 2, refid: [127, 127, 1, 1] } as const;
const CYCLES = 100;

const pause = (host: Host, ms: number) => new Promise<void>((done) => host.setTimer(done, ms));

/** A client socket that collects what comes. */
async function clientAt(host: Host, ip: string) {
  const replies: Uint8Array[] = [];
  const udp: Udp = await host.openUdp(
    { ip, port: 0 },
    { onDatagram: ({ bytes }) => replies.push(bytes.slice()), onError: () => {} },
  );
  return { udp, replies };
}

const requestOf = (first = 0x23): Uint8Array => {
  const bytes = new Uint8Array(48);
  bytes[0] = first;
  bytes[47] = 1;
  return bytes;
};

async function until(host: Host, what: string, isSo: () => boolean): Promise<void> {
  const from = host.clock.tick();
  while (!isSo()) {
    if (host.clock.tick() - from > 5e9) throw new Error(`not within 5 s: ${what}`);
    await pause(host, 5);
  }
}

const open = (options: Partial<ServerOptions>): Promise<Server> =>
  openServer({
    addresses: ['127.0.0.1'],
    port: 0,
    source: VOUCHED,
    rateLimit: null,
    workers: 2,
    ...options,
  });
const where = (server: Server, n = 0) => server.addresses[n] ?? { ip: '', port: 0 };
const received = (server: Server) => server.status().received;
const descriptors = () => readdirSync('/proc/self/fd').length;

const refused =
  (field: string, expected: string) =>
  (error: unknown): boolean =>
    error instanceof ConfigError && error.field === field && error.message.includes(expected);

async function rejects(options: Partial<ServerOptions>, is: (error: unknown) => boolean) {
  const error = await open(options).then(
    (server) => server.close(),
    (cause: unknown) => cause,
  );
  assert.ok(is(error), String(error));
}

const found = linuxHost();
if (typeof found === 'string') {
  test(`SKIPPED: ${found}`, () => {
    console.log(`\nSKIPPED a server with workers: ${found}`);
  });
} else {
  test('what does not go together is refused in one sentence', async () => {
    await rejects({ stamps: 'plain' }, refused('stamps', '"auto" or "kernel" with workers'));
    await rejects({ host: plainHost() }, refused('workers', '0 with plain stamps'));
    await rejects({ workers: 65 }, refused('workers', 'an integer 0..64'));
    await rejects({ onDrop: () => {} }, refused('onDrop', 'none with workers'));
    await rejects({ source: { stratum: 77 } }, refused('source.stratum', '0..16'));
    await rejects({ access: { deny: ['x'] } }, refused('access.deny.0', 'an address'));
    const held = await found.openUdp(
      { ip: '127.0.0.1', port: 0 },
      { onDatagram: () => {}, onError: () => {} },
    );
    await rejects({ port: held.local.port }, (error) => /EADDRINUSE/.test(String(error)));
    await held.close();
  });

  for (const workers of [1, 3]) {
    test(`${workers}: answers from each address as asked, counts, and follows its source`, async () => {
      const host = chooseHost('kernel');
      const deny = ['127.0.0.9'];
      const addresses = ['127.0.0.1', '127.0.0.2', '::1'];
      const server = await open({ workers, addresses, access: { deny } });
      const [a, b, denied] = await Promise.all(
        ['127.0.0.3', '::1', '127.0.0.9'].map((ip) => clientAt(host, ip)),
      );
      if (!a || !b || !denied) throw new Error('no clients');
      const ask = (from: typeof a, n: number, bytes = requestOf()) =>
        void from.udp.send(bytes, where(server, n));
      ask(a, 0);
      ask(a, 1);
      ask(b, 2);
      ask(a, 0, requestOf(0x24)); // mode 4
      ask(a, 0, requestOf(0x33)); // version 6
      ask(a, 0, new Uint8Array(20));
      ask(a, 0, new Uint8Array(50).fill(0x23));
      ask(denied, 0);
      await until(host, 'replies', () => a.replies.length === 2 && b.replies.length === 1);
      await until(host, 'counts', () => received(server) === 8);
      for (const reply of [...a.replies, ...b.replies]) {
        assert.equal([reply.length, reply[0], reply[1]], [48, 0x24, 2]);
        const now = new DataView(reply.buffer);
        // receive and transmit, ours: close to each other and to now
        const unixS = now.getUint32(40) - 2_208_988_800;
        assert.ok(Math.abs(unixS - host.clock.epochS - host.clock.now() / 1e9) < 2);
        assert.ok(now.getBigUint64(40) > now.getBigUint64(32));
        assert.ok(now.getBigUint64(40) - now.getBigUint64(32) < 2n ** 32n);
      }
      const status = server.status();
      const drops = { mode: 1, version: 1, short: 1, malformed: 1, denied: 1 };
      assert.equal({ ...status.drops }, { ...drops, ...status.drops });
      assert.is(Object.keys(status.drops).length, 5);
      assert.equal([status.answered, status.kisses, status.interleaved], [3, 0, 0]);
      assert.is(status.workers.length, workers);
      for (const wrong of [{ stratum: 99 }, { refid: [1, 2] }, { refid: new Array(12).fill(1) }]) {
        assert.throws(
          () => server.setSource(wrong),
          (error: unknown) => error instanceof ConfigError,
        );
      }
      server.setSource({ stratum: 7 });
      await pause(host, 150); // told in the next turn
      ask(a, 1);
      await until(host, 'another stratum', () => a.replies.at(-1)?.[1] === 7);
      const from = host.clock.tick();
      await server.close();
      assert.ok(host.clock.tick() - from < 1e9, 'closed within a second');
      assert.is(received(server), 9, 'the counts stay');
      await Promise.all([a, b, denied].map(({ udp }) => udp.close()));
    });
  }

  test('whatever its port, a client comes to one worker, and clients are shared out', async () => {
    const host = chooseHost('kernel');
    const server = await open({ workers: 4 });
    const used = new Set<number>();
    for (let n = 1; n <= 24; n++) {
      const before = server.status().workers;
      const sockets = await Promise.all(
        Array.from({ length: 6 }, () => clientAt(host, `127.0.${n}.1`)),
      );
      for (const { udp } of sockets) udp.send(requestOf(), where(server));
      await until(host, 'six counted', () => received(server) === 6 * n);
      const grown = server.status().workers.map((count, index) => count - (before[index] ?? 0));
      assert.equal(
        grown.filter((count) => count > 0),
        [6],
        `${grown}`,
      );
      used.add(grown.indexOf(6));
      await Promise.all(sockets.map(({ udp }) => udp.close()));
    }
    assert.ok(used.size >= 3, `workers used: ${[...used]}`);
    await server.close();
  });

  test('the rate limit is the client’s, not the worker’s', async () => {
    const host = chooseHost('kernel');
    const rateLimit = { intervalLog2S: 10, burst: 4, leak: 0, tableSize: 64 };
    const server = await open({ workers: 3, rateLimit });
    const sockets = await Promise.all(Array.from({ length: 9 }, () => clientAt(host, '127.0.0.3')));
    for (const { udp } of sockets) udp.send(requestOf(), where(server));
    await until(host, 'nine counted', () => received(server) === 9);
    const { answered, kisses, drops } = server.status();
    assert.equal([answered, kisses, drops['rate-limited']], [4, 1, 4]);
    await until(host, 'replies', () => sockets.flatMap(({ replies }) => replies).length === 5);
    await Promise.all(sockets.map(({ udp }) => udp.close()));
    await server.close();
  });

  test('interleaved mode works through workers, with departures by the kernel (RFC 9769)', async () => {
    const addresses = ['127.0.0.1', '127.0.0.2'];
    const server = await open({ addresses });
    const client = await openClient({
      servers: server.addresses.map(({ ip, port }) => `${ip}:${port}`),
      locals: ['127.0.0.3'],
      interleaved: true,
      minPollLog2S: -4,
      maxPollLog2S: -4,
      budget: 'per-path',
      iburst: 0,
      signal: AbortSignal.timeout(10_000),
    });
    let last = 0;
    for await (const _ of client.samples()) {
      last = server.status().interleaved;
      if (last >= 10) break;
    }
    assert.ok(last >= 10, `${last}`);
    const { answered, received: all } = server.status();
    assert.ok(answered >= last && answered === all);
    assert.ok(client.status().paths.every(({ interleaved }) => interleaved > 0));
    await client.close();
    await server.close();
  });

  test('a signal while workers are started ends it within a second', async () => {
    const host = chooseHost('kernel');
    const asked = new AbortController();
    const opening = open({ workers: 64, signal: asked.signal });
    await pause(host, 100);
    const from = host.clock.tick();
    asked.abort();
    const server = await opening;
    assert.ok(host.clock.tick() - from < 1e9);
    assert.ok(server.status().workers.length < 64, 'the rest were not started');
    assert.is(socketsAt(where(server).port).length, 0);
  });

  test('a worker that dies is told, and the others serve its clients', async () => {
    const host = chooseHost('kernel');
    const told: string[] = [];
    const server = await open({ onTrouble: (text) => told.push(text) });
    const [victim = -1] = socketsAt(where(server).port);
    const ffi = loadFfi();
    if (typeof ffi === 'string') throw new Error(ffi);
    ffi.libc.close(victim);
    await until(host, 'death is told', () => told.length > 0);
    assert.is(told.length, 1);
    assert.match(
      told[0] ?? '',
      /^worker [12] has died, 1 serve its clients now: its socket is gone/,
    );
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, n) => clientAt(host, `127.0.1.${n + 1}`)),
    );
    for (const { udp } of clients) udp.send(requestOf(), where(server));
    await until(host, 'all answered', () => clients.every(({ replies }) => replies.length === 1));
    await Promise.all(clients.map(({ udp }) => udp.close()));
    const from = host.clock.tick();
    await server.close();
    assert.ok(host.clock.tick() - from < 1e9);
    assert.is(told.length, 1, 'a close is no death');
  });

  test(`${CYCLES} times opened, asked and closed, it holds nothing, each time closed at once`, async () => {
    const host = chooseHost('kernel');
    const client = await clientAt(host, '127.0.0.3');
    let slowestNs = 0;
    const cycle = async (n: number) => {
      const server = await open({ workers: 1 + (n % 2) });
      client.udp.send(requestOf(), where(server));
      await until(host, 'an answer', () => client.replies.length > 0);
      client.replies.length = 0;
      const from = host.clock.tick();
      await server.close();
      await server.close();
      slowestNs = Math.max(slowestNs, host.clock.tick() - from);
    };
    for (let n = 0; n < 4; n++) await cycle(n);
    await pause(host, 50);
    const before = descriptors();
    for (let n = 0; n < CYCLES; n++) await cycle(n);
    await pause(host, 50);
    const after = descriptors();
    assert.ok(after <= before, `${after} descriptors, ${before} before`);
    assert.ok(slowestNs < 1e9, `closed within ${slowestNs / 1e6} ms`);
    await client.udp.close();
  });
}

/** Descriptors of UDP sockets of this process that are bound to a port. */
function socketsAt(port: number): number[] {
  const ffi = loadFfi();
  if (typeof ffi === 'string') throw new Error(ffi);
  const name = allocate(ffi, 128);
  const length = allocate(ffi, 4);
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      try {
        if (!readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')) return false;
      } catch {
        return false;
      }
      length.view.setUint32(0, 128, true);
      const known = ffi.libc.getsockname(fd, name.bytes, length.bytes) === 0;
      return known && name.view.getUint16(0, true) === 2 && name.view.getUint16(2) === port;
    });
}

test.run();

/**
 * Path discovery over an ECMP diamond (RFC 8039 §5.4), in every runtime: which route a pair takes is
 * known from the routers' own kernel, that nothing else is sent from what the routers forward.
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import * as assert from 'uvu/assert';
import { pathKey } from '../../src/path.ts';
import { createDiamond, type Diamond } from './diamond.ts';
import type { Family } from './net.ts';
import type { Plan } from './paths.program.ts';
import { bundlePathsProgram, roundOf } from './pathsrun.ts';
import { RUNTIMES } from './program.ts';
import { interopSuite } from './require.ts';
import { describe, run, runOk, sleep, start, until } from './spawn.ts';

const test = interopSuite('interop: path discovery', 'namespaces');

const PROGRAM = resolve('build', 'clockbraid.js');
const PORT = 11123;

const { folder, bundled } = bundlePathsProgram();

interface Found {
  paths: {
    path: string;
    direction: string;
    route: number;
    end: string;
    hops: { routers: string[]; delay: number | null }[];
    delay: number | null;
    localPort: number;
    state: string;
    why: string | null;
    inFavourOf: string | null;
  }[];
  overlaps: ({ shared: number; fraction: number | null } | null)[][];
  folds: { remoteIps: string[]; isTranslated: boolean }[];
  forks: { routerIp: string | null; nextIps: string[]; isPerPacket: boolean }[];
}

const theDiamond = test.shared(createDiamond);
test.after(async () => {
  rmSync(folder, { recursive: true, force: true });
});

async function withServer<T>(diamond: Diamond, body: () => Promise<T>): Promise<T> {
  const addresses = [
    `${diamond.serverIp(4)}:${PORT}`,
    `${diamond.twinIp(4)}:${PORT}`,
    `[${diamond.serverIp(6)}]:${PORT}`,
  ];
  const options = ['--stratum', '2', '--rate', 'off'];
  const server = start(
    diamond.server,
    [process.execPath, PROGRAM, 'serve', ...addresses, ...options],
    {
      timeoutMs: 50_000,
    },
  );
  try {
    await until('the server serves', () => /serving on/.test(server.stderr()));
    return await body();
  } finally {
    await server.stop();
  }
}

for (const [runtime, argv] of Object.entries(RUNTIMES)) {
  for (const family of [4, 6] as const satisfies readonly Family[]) {
    test(`${runtime}, IPv${family}: four pairs are two routes, and two of them are parked (PATH-02, PATH-04, PATH-12)`, async () => {
      const diamond = await theDiamond();
      const sources = diamond.sources(family);
      const serverIp = diamond.serverIp(family);
      await withServer(diamond, async () => {
        const locals = sources.flatMap((source) => ['--local', source.ip]);
        const command = [
          ...argv,
          PROGRAM,
          'paths',
          serverIp,
          '--port',
          `${PORT}`,
          '--json',
          ...locals,
        ];
        const result = await run(diamond.client, command, { timeoutMs: 40_000 });
        assert.is(result.code, 0, describe(command, result));
        const found = JSON.parse(result.stdout) as Found;
        assert.equal(
          found.paths.map(({ path, hops, end, direction }) => ({
            path,
            routers: hops.map(({ routers }) => routers.join()),
            end,
            direction,
          })),
          sources.map(({ ip, branch }) => ({
            path: pathKey(serverIp, ip),
            routers: diamond.route(family, branch),
            end: 'remote',
            direction: 'reverse',
          })),
        );
        // By the kernel's stamps: microseconds between veths, whatever else this machine does
        const delays = found.paths.flatMap(({ hops }) => hops.map(({ delay }) => delay ?? -1));
        assert.ok(Math.min(...delays) > 0 && Math.min(...delays) < 0.02, `${delays}`);
        assert.ok(found.paths.every(({ delay }) => delay !== null && delay > 0));
        assert.is(new Set(found.paths.map(({ localPort }) => localPort > 1023)).size, 1);
        assert.equal(
          found.paths.map(({ state }) => state),
          ['polls', 'parked', 'polls', 'parked'],
        );
        assert.equal(
          found.paths.map(({ route }) => route),
          [1, 1, 2, 2],
        );
        assert.is(found.paths[3]?.inFavourOf, found.paths[2]?.path);
        assert.equal(found.overlaps[0]?.[1], { shared: 3, fraction: 1 });
        assert.equal(found.overlaps[0]?.[2], { shared: 1, fraction: 1 / 3 });
        const [fork] = found.forks;
        assert.is(found.forks.length, 1);
        assert.is(fork?.routerIp, diamond.route(family, 'a')[0]);
        assert.is(fork?.nextIps.length, 2);
        assert.is(fork?.isPerPacket, false);
      });
    });
  }
}

for (const [runtime, argv] of Object.entries(RUNTIMES)) {
  test(`${runtime}: routes that merge park a pair within a period, and the split admits it (PATH-09, PATH-10)`, async () => {
    const diamond = await theDiamond();
    const program = await bundled;
    const [a, , b] = diamond.sources(4);
    assert.ok(a !== undefined && b !== undefined);
    const server = diamond.serverIp(4);
    const keys = [a, b].map(({ ip }) => pathKey(server, ip));
    await withServer(diamond, async () => {
      const plan: Plan = {
        server: `${server}:${PORT}`,
        locals: [a.ip, b.ip],
        periodS: 10,
        seconds: 45,
      };
      const client = start(diamond.client, [...argv, program, JSON.stringify(plan)], {
        timeoutMs: 58_000,
      });
      try {
        const round = (n: number) => roundOf(client, n);
        const first = await round(1);
        assert.equal(first.polling, keys);
        assert.equal(first.routes[keys[1] ?? ''], diamond.route(4, 'b'));
        diamond.direct('a');
        const merged = await round(2);
        assert.equal(merged.routes[keys[1] ?? ''], diamond.route(4, 'a'));
        assert.equal(merged.polling, keys.slice(0, 1));
        assert.equal(merged.events, [`parked ${keys[1]}`]);
        diamond.direct('both');
        const split = await round(3);
        assert.equal(split.polling, keys);
        assert.equal(split.events, [`admitted ${keys[1]}`]);
        // A path that polls sends four a second, the parked one its four probes
        const sent = (path: string | undefined) =>
          (split.sent[path ?? ''] ?? 0) - (merged.sent[path ?? ''] ?? 0);
        assert.ok(sent(keys[1]) <= 6, `${sent(keys[1])} requests of the parked path`);
        assert.ok(sent(keys[0]) >= 20, `${sent(keys[0])} requests of the other`);
      } finally {
        await client.stop();
      }
    });
  });
}

/** What tshark reads of each UDP packet. */
const FIELDS = [
  'ip.src',
  'ip.dst',
  'udp.srcport',
  'udp.dstport',
  'ip.ttl',
  'udp.length',
  'ntp.flags',
];

test('on the wire: one flow a path, hop limits from 1, requests like any other (PATH-03, PATH-04, PATH-14)', async () => {
  const diamond = await theDiamond();
  const sources = diamond.sources(4);
  const server = diamond.serverIp(4);
  const file = join(folder, 'probes.pcapng');
  await withServer(diamond, async () => {
    const filter = `udp dst port ${PORT} and dst host ${server}`;
    const capture = ['dumpcap', '-q', '-i', 'n0', '-f', filter, '-w', resolve(file)];
    const running = start(diamond.client, capture, { timeoutMs: 50_000 });
    try {
      await until('capture running', () => /File:/.test(running.stderr()));
      const locals = sources.flatMap((source) => ['--local', source.ip]);
      const argv = [process.execPath, PROGRAM, 'paths', `${server}:${PORT}`, ...locals];
      await runOk(diamond.client, argv, { timeoutMs: 40_000 });
      await sleep(500);
    } finally {
      await running.stop('SIGINT');
    }
  });
  const read = ['tshark', '-r', resolve(file), '-d', `udp.port==${PORT},ntp`, '-T', 'fields'];
  const fields = [...FIELDS, '_ws.malformed'].flatMap((field) => ['-e', field]);
  const text = await runOk(diamond.client, [...read, ...fields, '-E', 'separator=;']);
  const packets = text
    .trim()
    .split('\n')
    .map((line) => line.split(';'));
  for (const source of sources) {
    const own = packets.filter(([src]) => src === source.ip);
    const probes = own.filter(([, , , , ttl]) => Number(ttl) < 32);
    const hops = probes.map(([, , , , ttl]) => Number(ttl));
    assert.equal([...new Set(hops)], [1, 2, 3, 4], text);
    assert.is(new Set(own.map((packet) => packet.slice(0, 4).join())).size, 1, text);
    assert.ok(
      own.every(([, , , , , length, flags]) => length === '56' && flags === '0x23'),
      text,
    );
    assert.ok(
      own.every((packet) => (packet[7] ?? '') === ''),
      text,
    );
  }
  assert.ok(
    packets.every(([src]) => sources.some((source) => source.ip === src)),
    text,
  );
});

test('without any privilege the routes are found all the same (PATH-13)', async () => {
  const diamond = await theDiamond();
  const sources = diamond.sources(4);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const none = ['--inh-caps=-all', '--bounding-set=-all', '--no-new-privs', '--'];
  await withServer(diamond, async () => {
    const locals = sources.flatMap((source) => ['--local', source.ip]);
    const paths = ['paths', diamond.serverIp(4), '--port', `${PORT}`, '--json', ...locals];
    const argv = [...nobody, ...none, process.execPath, PROGRAM, ...paths];
    const found = JSON.parse(await runOk(diamond.client, argv, { timeoutMs: 40_000 })) as Found;
    assert.equal(
      found.paths.map(({ hops }) => hops.map(({ routers }) => routers.join())),
      sources.map(({ branch }) => diamond.route(4, branch)),
    );
  });
});

test('two addresses that no route tells apart are reported, and one is parked (MP-19, PATH-11)', async () => {
  const diamond = await theDiamond();
  const server = diamond.serverIp(4);
  const [source] = diamond.sources(4);
  diamond.direct('a'); // the hash is of the server's address, too
  try {
    await withServer(diamond, async () => {
      const hosts = [server, diamond.twinIp(4), '--local', source?.ip ?? '', '--port', `${PORT}`];
      const argv = [process.execPath, PROGRAM, 'paths', ...hosts, '--json'];
      const found = JSON.parse(await runOk(diamond.client, argv, { timeoutMs: 40_000 })) as Found;
      assert.equal(found.folds, [{ remoteIps: [server, diamond.twinIp(4)], isTranslated: false }]);
      assert.equal(
        found.paths.map(({ state }) => state),
        ['polls', 'parked'],
      );
    });
  } finally {
    diamond.direct('both');
  }
});

test.run();

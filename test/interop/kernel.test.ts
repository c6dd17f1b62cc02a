/**
 * What only the Linux host can, over real links and a router, in every runtime: ICMP errors with
 * the router's address, hop limit and DSCP of single datagrams, where a datagram arrived, kernel
 * stamps on links other than loopback, and whole frames. The far end is plain node:dgram.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import * as assert from 'uvu/assert';
import { bundleProgram, folderInBuild } from '../bundle.ts';
import { createNamespace, newPrefix, removeNamespace } from './ground.ts';
import type { Line, Plan } from './kernel.program.ts';
import { ip } from './net.ts';
import { interopSuite } from './require.ts';
import { type Running, start, until } from './spawn.ts';

const test = interopSuite('interop: the Linux host', 'namespaces');

const PORT = 7010;
const CLOSED_PORT = 9;
const IPS = ['10.83.0.1', 'fd83:1::1'];
const ROUTER = ['10.83.0.254', 'fd83:1::ff'];
const PEERS = ['10.83.1.1', 'fd83:2::1'];
const LINK = 'e0';

const bin = (name: string) => resolve('node_modules', '.bin', name);
const RUNTIMES = [
  { host: 'Linux (koffi)', argv: [process.execPath] },
  { host: 'Linux (bun:ffi)', argv: [bin('bun'), '--no-install'] },
  {
    host: 'Linux (Deno.dlopen)',
    argv: [bin('deno'), 'run', '--quiet', '--no-prompt', '--allow-ffi'],
  },
] as const;

const folder = folderInBuild('kernel');
const program = resolve(folder, 'program.mjs');
const echo = resolve(folder, 'echo.mjs');
const ECHO = `
import { createSocket } from 'node:dgram';
for (const [type, address] of [['udp4', '${PEERS[0]}'], ['udp6', '${PEERS[1]}']]) {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  socket.on('message', (bytes, { address, port }) => socket.send(bytes, port, address));
  await new Promise((done) => socket.bind({ address, port: ${PORT} }, done));
}
console.log('ready');
`;

let spaces: { here: string; router: string; there: string } | null = null;
const running: Running[] = [];

let made: Promise<void> | undefined;
async function setUp(): Promise<typeof spaces & object> {
  made ??= makeAll();
  await made;
  if (spaces === null) throw new Error('no namespaces');
  return spaces;
}

async function makeAll(): Promise<void> {
  const prefix = newPrefix();
  const [here, router, there] = ['h', 'r', 't'].map((end) => `${prefix}-${end}`) as [
    string,
    string,
    string,
  ];
  for (const ns of [here, router, there]) await createNamespace(ns, false);
  spaces = { here, router, there };
  ip(['link', 'add', LINK, 'netns', here, 'type', 'veth', 'peer', 'name', LINK, 'netns', router]);
  ip(['link', 'add', 'e1', 'netns', router, 'type', 'veth', 'peer', 'name', 'e1', 'netns', there]);
  const add = (ns: string, link: string, address: string) =>
    ip(['-n', ns, 'address', 'add', address, 'dev', link, ...(isIpv6(address) ? ['nodad'] : [])]);
  for (const [ns, link] of [
    [here, LINK],
    [router, LINK],
    [router, 'e1'],
    [there, 'e1'],
  ] as const) {
    ip(['-n', ns, 'link', 'set', link, 'addrgenmode', 'none', 'up']);
  }
  for (const ns of [here, router, there]) ip(['-n', ns, 'link', 'set', 'lo', 'up']);
  add(here, LINK, 'fe80::1/64');
  add(router, LINK, 'fe80::2/64');
  add(router, 'e1', 'fe80::2/64');
  add(there, 'e1', 'fe80::1/64');
  const lengths = [24, 64];
  for (const n of [0, 1]) {
    add(here, LINK, `${IPS[n]}/${lengths[n]}`);
    add(router, LINK, `${ROUTER[n]}/${lengths[n]}`);
    add(router, 'e1', `${['10.83.1.254', 'fd83:2::ff'][n]}/${lengths[n]}`);
    add(there, 'e1', `${PEERS[n]}/${lengths[n]}`);
  }
  ip(['-n', here, 'route', 'add', 'default', 'via', '10.83.0.254']);
  ip(['-n', here, '-6', 'route', 'add', 'default', 'via', 'fd83:1::ff']);
  ip(['-n', there, 'route', 'add', 'default', 'via', '10.83.1.254']);
  ip(['-n', there, '-6', 'route', 'add', 'default', 'via', 'fd83:2::ff']);
  const settings = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
  const limits = ['net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0'];
  await start(router, ['sysctl', '-qw', ...settings, ...limits]).exited;
  await start(there, ['sysctl', '-qw', ...limits]).exited;
  await bundleProgram({ file: 'test/interop/kernel.program.ts' }, program);
  writeFileSync(echo, ECHO);
}

const isIpv6 = (address: string): boolean => address.includes(':');

test.afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
});
test.after(async () => {
  for (const ns of Object.values(spaces ?? {})) removeNamespace(ns);
  rmSync(folder, { recursive: true, force: true });
});

const linesOf = (from: Running): Line[] =>
  from
    .stdout()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
const only = <Event extends Line['event']>(lines: Line[], event: Event) =>
  lines.filter((line): line is Extract<Line, { event: Event }> => line.event === event);

function launch(ns: string, argv: readonly string[]): Running {
  const started = start(ns, argv, { timeoutMs: 50_000 });
  running.push(started);
  return started;
}
const said = (from: Running, event: 'ready' | 'done') =>
  until(`${event}`, () => only(linesOf(from), event).length > 0, {
    everyMs: 20,
    detail: () => `${from.stdout()}\n${from.stderr()}`,
  });

for (const { host, argv } of RUNTIMES) {
  test(`${host}: a stamp that comes late is waited for, some ms, and so are answers`, async () => {
    const slow = `${newPrefix()}-slow`;
    try {
      await setUp(); // the program
      await createNamespace(slow, false);
      ip(['-n', slow, 'link', 'set', 'lo', 'mtu', '1500', 'up']);
      const bucket = ['tbf', 'rate', '4mbit', 'burst', '1540', 'latency', '100ms'];
      const shaping = await start(slow, ['tc', 'qdisc', 'add', 'dev', 'lo', 'root', ...bucket])
        .exited;
      assert.is(shaping.code, 0, shaping.stderr);
      const plan: Plan = {
        role: 'slow',
        link: 'lo',
        ips: [],
        peers: [],
        port: 0,
        closedPort: 0,
      };
      const talking = launch(slow, [...argv, program, JSON.stringify(plan)]);
      await said(talking, 'done');
      const told = only(linesOf(talking), 'slow');
      // Each once, before its answer
      assert.is(told.length, 16);
      for (const { order } of told) assert.is(order, 'departed answer');
      // 2 fillers take 3 ms, 12 take 30, more than one waits; a busy machine may be late for some
      const [few, many] = [2, 12].map((fillers) => told.filter((each) => each.fillers === fillers));
      const late = few?.filter(({ kind, laterMs }) => kind === 'kernel' && laterMs > 1) ?? [];
      assert.ok(late.length > 0, JSON.stringify(told));
      assert.ok(many?.some(({ kind, laterMs }) => kind === 'user' && laterMs === 0));
    } finally {
      removeNamespace(slow);
    }
  });

  test(`${host}: routers are named, hops and DSCP set, arrivals told, frames whole`, async () => {
    const { here, router, there } = await setUp();
    const echoing = launch(there, [process.execPath, echo]);
    await until('echo', () => echoing.stdout().includes('ready'), { everyMs: 20 });
    const plan: Plan = {
      role: 'traffic',
      link: LINK,
      ips: IPS,
      peers: PEERS,
      port: PORT,
      closedPort: CLOSED_PORT,
    };
    const watching = launch(router, [
      ...argv,
      program,
      JSON.stringify({ ...plan, role: 'frames' } satisfies Plan),
    ]);
    await said(watching, 'ready');
    const talking = launch(here, [...argv, program, JSON.stringify(plan)]);
    await said(talking, 'done');
    const lines = linesOf(talking);
    assert.equal(lines[0], { event: 'ready', host });
    assert.equal(only(lines, 'code'), []);

    const icmps = only(lines, 'icmp').map(({ event: _, ...rest }) => rest);
    const froms = [IPS[0], '0.0.0.0', IPS[1], '::'];
    assert.equal(
      icmps,
      froms.flatMap((from = '', n) => {
        const family = n >> 1;
        const [low, closed] = family === 0 ? ['11/0', '3/3'] : ['3/0', '1/4'];
        const common = { isStamped: icmps[0]?.isStamped };
        return [
          {
            from: ROUTER[family],
            to: `${PEERS[family]} ${PORT}`,
            type: low,
            errorCode: 'EHOSTUNREACH',
            quoted: `low from ${from}`,
            ...common,
          },
          {
            from: PEERS[family],
            to: `${PEERS[family]} ${CLOSED_PORT}`,
            type: closed,
            errorCode: 'ECONNREFUSED',
            quoted: `closed from ${from}`,
            ...common,
          },
        ];
      }),
    );

    const echoes = only(lines, 'echo');
    assert.is(echoes.length, 8);
    const [ifindex] = new Set(echoes.map((each) => each.ifindex));
    for (const [n, each] of echoes.entries()) {
      assert.is(each.text, `echo ${(n % 2) + 1} from ${froms[n >> 1]}`);
      assert.is(each.arrivedAt, IPS[n >> 2]);
      assert.is(each.hops, 63); // 64, and one router
      assert.ok(each.ifindex > 0 && each.ifindex === ifindex);
      assert.is(each.kind, 'kernel');
      const [sent, departed, received] = [each.sent, each.departed, each.received].map(BigInt);
      // The user's reading, the kernel's, and a way of two links there and back
      assert.ok((sent ?? 0n) <= (departed ?? 0n), `${sent} ${departed}`);
      assert.ok((departed ?? 0n) < (received ?? 0n), `${departed} ${received}`);
    }
    const seen = only(linesOf(watching), 'ip').map(({ text, hops, dscp }) => ({
      text,
      hops,
      dscp,
    }));
    for (const from of froms) {
      const hops = 64;
      for (const expected of [
        { text: `low from ${from}`, hops: 1, dscp: 0 },
        { text: `echo 1 from ${from}`, hops, dscp: 46 },
        { text: `closed from ${from}`, hops, dscp: 0 },
        { text: `echo 2 from ${from}`, hops: 9, dscp: 0 },
      ]) {
        const found = seen.filter(({ text }) => text === expected.text);
        assert.equal(found, [expected]);
      }
    }
    for (const { local, counts } of only(lines, 'counts')) {
      if (local === LINK) continue;
      const { received, departed, lost } = counts as Record<string, unknown>;
      assert.equal(
        { received, departed, lost },
        {
          received: { kernel: 2, user: 0 },
          departed: { kernel: 4, user: 0 },
          lost: 0,
        },
      );
    }

    const out = [...only(lines, 'frame sent'), ...only(linesOf(watching), 'frame sent')];
    const got = [...only(lines, 'frame'), ...only(linesOf(watching), 'frame')];
    assert.equal(got.map(({ text, tag, kind }) => [text, tag, kind]).sort(), [
      ['answer to hello plain', null, 'broadcast'],
      ['answer to hello tagged', null, 'broadcast'],
      ['hello plain', null, 'broadcast'],
      ['hello tagged', 0x6005, got.find(({ tag }) => tag !== null)?.kind],
    ]);
    for (const { text, at, stampKind } of got) {
      const departure = out.find((each) => each.text === text);
      assert.is(stampKind, 'kernel');
      assert.is(departure?.kind, 'kernel', text);
      assert.ok(BigInt(departure?.at ?? 0) <= BigInt(at), text);
    }
  });
}

test.run();

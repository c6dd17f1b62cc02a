/**
 * Groups over two real links, in every runtime and adapter: each datagram is heard on the right
 * local address, and what we send leaves by the right link. The other side is plain node:dgram
 * and dumpcap, none of our code. (MP-05, PTP-U6, WIRE: PTP's groups, IPv4 and IPv6)
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import * as assert from 'uvu/assert';
import { bundleProgram, folderInBuild } from '../bundle.ts';
import { createNamespace, newPrefix, removeNamespace } from './ground.ts';
import type { Line, Plan } from './multicast.program.ts';
import { ip } from './net.ts';
import { interopSuite } from './require.ts';
import { type Running, runOk, sleep, start, until } from './spawn.ts';

const test = interopSuite('interop: multicast over two links', 'namespaces');

const PORTS = [319, 320] as const;
const [PORT] = PORTS;
const GROUPS = ['224.0.1.129', '224.0.0.107', 'ff0e::181', 'ff02::6b'];
/** Link n of our side has address 1 of each network, the other side 2. */
const LINKS = [0, 1].map((n) => {
  return { name: `e${n}`, here: [`10.81.${n}.1`, `fd81:${n + 1}::1`] };
});
const HERE = LINKS.flatMap(({ here }) => here);
/** Behind a router, as far as we can see: on no link. */
const FAR = ['192.0.2.77', '2001:db8::77'];

const DENO = ['run', '--quiet', '--no-prompt', '--allow-net', '--allow-sys=networkInterfaces'];
const bin = (name: string) => join(process.cwd(), 'node_modules', '.bin', name);

/** The adapters, how to start them, and what each cannot do. */
const ADAPTERS = [
  { host: 'node:dgram', argv: [process.execPath] },
  { host: 'Bun.udpSocket', argv: [bin('bun'), '--no-install'] },
  {
    host: 'Deno.listenDatagram',
    argv: [bin('deno'), ...DENO, '--unstable-net'],
    oneHopIpv6: true,
    zoneless: true,
    cannotShut: true,
  },
  {
    host: 'node:dgram (Deno without --unstable-net)',
    argv: [bin('deno'), ...DENO],
    oneHopIpv6: true,
    zoneless: true,
  },
  { host: 'Linux (koffi)', argv: [process.execPath], isKernel: true },
  { host: 'Linux (bun:ffi)', argv: [bin('bun'), '--no-install'], isKernel: true },
  { host: 'Linux (Deno.dlopen)', argv: [bin('deno'), ...DENO, '--allow-ffi'], isKernel: true },
] as const satisfies readonly Adapter[];

interface Adapter {
  readonly host: string;
  readonly argv: readonly string[];
  /** Sends to IPv6 groups with hop limit 1 only. */
  readonly oneHopIpv6?: boolean;
  /** Does not tell the zone of a link-local sender. */
  readonly zoneless?: boolean;
  /** Cannot keep an interface out: IPv4 is told by the sender. */
  readonly cannotShut?: boolean;
  /** Knows by which interface each datagram came: there are no doubts. */
  readonly isKernel?: boolean;
}

const folder = folderInBuild('multicast');
const program = join(folder, 'program.mjs');
const peer = join(folder, 'peer.mjs');
let here = '';
let there = '';
let running: Running | null = null;

/** Sends each of a list of datagrams from an address, out of a link, with node:dgram alone. */
const PEER = `
import { createSocket } from 'node:dgram';
for (const { from, link, to, port, text } of JSON.parse(process.argv[2])) {
  const v6 = from.includes(':');
  const socket = createSocket({ type: v6 ? 'udp6' : 'udp4', ipv6Only: v6 });
  await new Promise((resolve) => socket.bind({ address: from, port }, resolve));
  if (link !== null) socket.setMulticastInterface(link);
  await new Promise((resolve, reject) =>
    socket.send(text, port, to, (error) => (error ? reject(error) : resolve())));
  await new Promise((resolve) => socket.close(resolve));
}
`;

interface Sending {
  readonly from: string;
  /** As setMulticastInterface wants it; null for unicast. */
  readonly link: string | null;
  readonly to: string;
  readonly port: number;
  readonly text: string;
}

let made: Promise<void> | undefined;
const setUp = () => {
  made ??= makeAll();
  return made;
};

async function makeAll(): Promise<void> {
  const prefix = newPrefix();
  [here, there] = [`${prefix}-here`, `${prefix}-there`];
  for (const ns of [here, there]) await createNamespace(ns, false);
  for (const [n, { name }] of LINKS.entries()) {
    ip(['link', 'add', name, 'netns', here, 'type', 'veth', 'peer', 'name', name, 'netns', there]);
    for (const [end, ns] of [here, there].entries()) {
      const add = (address: string) =>
        ip(['-n', ns, 'address', 'add', address, 'dev', name, ...nodad(address)]);
      ip(['-n', ns, 'link', 'set', name, 'addrgenmode', 'none', 'up']);
      add(`10.81.${n}.${end + 1}/24`);
      add(`fd81:${n + 1}::${end + 1}/64`);
      add(`fe80::${end + 1}/64`); // the same on both links
    }
  }
  for (const ns of [here, there]) ip(['-n', ns, 'link', 'set', 'lo', 'up']);
  for (const far of FAR) ip(['-n', there, 'address', 'add', far, 'dev', 'lo', ...nodad(far)]);
  await bundleProgram({ file: 'test/interop/multicast.program.ts' }, program);
  writeFileSync(peer, PEER);
}

const nodad = (address: string) => (address.includes(':') ? ['nodad'] : []);

test.afterEach(async () => {
  await running?.stop();
  running = null;
});
test.after(async () => {
  for (const ns of [here, there]) removeNamespace(ns);
  rmSync(folder, { recursive: true, force: true });
});

const isIpv6 = (address: string): boolean => address.includes(':');

const lines = (): Line[] =>
  (running?.stdout() ?? '')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);

const said = (state: 'ready' | 'sent' | 'closed'): Promise<unknown> =>
  until(`program ${state}`, () => lines().some((line) => 'state' in line && line.state === state), {
    everyMs: 20,
    detail: () => `${running?.stdout()}\n${running?.stderr()}`,
  });

async function begin({ host, argv, isKernel }: Adapter, plan: Partial<Plan>): Promise<void> {
  await setUp();
  const full: Plan = {
    stamps: isKernel === true ? 'kernel' : 'plain',
    ips: HERE,
    groups: GROUPS,
    ports: PORTS,
    hops: 1,
    loopback: false,
    ...plan,
  };
  running = start(here, [...argv, program, JSON.stringify(full)], { timeoutMs: 50_000 });
  await said('ready');
  const first = lines().find((line) => 'state' in line);
  assert.equal(first, { state: 'ready', host });
}

const fromThere = (sendings: readonly Sending[]): Promise<string> =>
  runOk(there, [process.execPath, peer, JSON.stringify(sendings)]);

const command = (text: string): Promise<string> =>
  fromThere([{ from: '10.81.0.2', link: null, to: '10.81.0.1', port: PORT, text }]);

/** All datagrams the other side sends in the test of listening, told apart by their text. */
function everySending(): (Sending & { n: number })[] {
  return [0, 1].flatMap((n) =>
    GROUPS.flatMap((to) => {
      const own = isIpv6(to) ? [`fd81:${n + 1}::2`, `fe80::2%e${n}`] : [`10.81.${n}.2`];
      const far = FAR.filter((each) => isIpv6(each) === isIpv6(to));
      const link = isIpv6(to) ? `::%e${n}` : `10.81.${n}.2`;
      return [...own, ...far].flatMap((from) =>
        PORTS.map((port) => ({ n, from, link, to, port, text: `${from} e${n} ${to} ${port}` })),
      );
    }),
  );
}

for (const adapter of ADAPTERS as readonly Adapter[]) {
  const { host } = adapter;

  test(`${host}: what comes to a group is heard on the address of its link alone`, async () => {
    await begin(adapter, {});
    const sendings = everySending();
    await fromThere(sendings);

    const heard: string[] = [];
    const doubts: string[] = [];
    for (const { n, from, to, port, text } of sendings) {
      const local = isIpv6(to) ? `fd81:${n + 1}::1` : `10.81.${n}.1`;
      const wide = to === 'ff0e::181';
      const doubtful =
        adapter.isKernel !== true &&
        ((FAR.includes(from) && (wide || (adapter.cannotShut === true && !isIpv6(to)))) ||
          (from.startsWith('fe80:') && wide && adapter.zoneless === true));
      if (doubtful) doubts.push(...HERE.filter((each) => isIpv6(each) === isIpv6(to)));
      else heard.push([local, port, 'group', to, 'remote', from, port, text].join(' '));
    }
    const got = () =>
      lines().flatMap((line) =>
        'text' in line
          ? [`${line.local} group ${line.group} remote ${line.remote} ${line.text}`]
          : [],
      );
    await until('all heard', () => got().length >= heard.length, { everyMs: 20 }).catch(() => {});
    await sleep(100); // what should not come has its time, too
    assert.equal(got().sort(), heard.sort());
    const codes = lines().flatMap((line) => ('code' in line ? [`${line.local} ${line.code}`] : []));
    assert.equal(codes.sort(), doubts.map((each) => `${each} EINTERFACE`).sort());
  });

  test(`${host}: what we send leaves by its link, from its address and port, hops as told`, async () => {
    const hops = adapter.oneHopIpv6 === true ? 1 : 5;
    const capture = await startCapture();
    await begin(adapter, { hops });
    await command('send');
    await said('sent');
    await command('close');
    await said('closed');
    const { sent, sources } = await capture();
    const expected = PORTS.flatMap((port) =>
      LINKS.flatMap(({ name, here: ips }) =>
        ips.flatMap((own) =>
          GROUPS.filter((to) => isIpv6(to) === isIpv6(own)).map((to) =>
            [name, own, port, to, port, hops].join(' '),
          ),
        ),
      ),
    );
    assert.equal(sent, expected.sort());
    // Nothing about the interfaces that are kept out reaches a router; a busy machine's report timer
    // may catch one moment between two changes.
    assert.ok(sources.length <= 1, `${sources}`);
    // Our own members did not hear it: only the commands came.
    const texts = lines().flatMap((line) => ('text' in line ? [line.text] : []));
    assert.equal(texts, ['send', 'close']);
  });

  test(`${host}: with loopback our own members hear it, each on its link`, async () => {
    await begin(adapter, { loopback: true });
    await command('send');
    await said('sent');
    const got = lines().flatMap((line) => ('text' in line && line.group !== null ? [line] : []));
    const own = got.map(({ local, group, text }) => `${local} ${group} ${text}`);
    const expected = HERE.flatMap((each) =>
      GROUPS.filter((group) => isIpv6(group) === isIpv6(each)).flatMap((group) =>
        PORTS.map((port) => `${each} ${port} ${group} from ${each}`),
      ),
    );
    assert.equal(own.sort(), expected.sort());
  });
}

test('Deno refuses another hop limit for IPv6, the IPv4 one it sets', async () => {
  for (const adapter of ADAPTERS.slice(2, 4)) {
    const capture = await startCapture();
    await begin(adapter, { hops: 7, ips: ['10.81.0.1', '10.81.1.1'] });
    await command('send');
    await said('sent');
    await running?.stop();
    const { sent } = await capture();
    assert.is(sent.length, 8);
    assert.ok(sent.every((line) => line.endsWith(' 7')));
    running = start(here, [
      ...adapter.argv,
      program,
      JSON.stringify({
        stamps: 'plain',
        ips: ['fd81:1::1'],
        groups: [],
        ports: [PORT],
        hops: 7,
        loopback: false,
      }),
    ]);
    const { stderr } = await running.exited;
    assert.match(stderr, 'cannot bind [fd81:1::1]:319: ENOTSUP, Deno sends to IPv6 groups');
  }
});

interface Captured {
  /** `link source port group port hops` of what our side sent to groups, sorted. */
  readonly sent: readonly string[];
  /** Sources that our side named to routers (IGMPv3). */
  readonly sources: readonly string[];
}

/** Captures on both links of the other side until the returned function is called. */
async function startCapture(): Promise<() => Promise<Captured>> {
  await setUp();
  const file = join(folder, `capture-${performance.now()}.pcapng`);
  const links = LINKS.flatMap(({ name }) => ['-i', name]);
  const dumpcap = start(there, ['dumpcap', '-q', ...links, '-w', file]);
  await until('capture running', () => dumpcap.stderr().includes('File:'), {
    everyMs: 10,
    detail: dumpcap.stderr,
  });
  return async () => {
    await sleep(400); // the kernel hands over a part-filled block only after a while
    await dumpcap.stop('SIGINT');
    const fields = (filter: string, names: readonly string[]) =>
      runOk(there, [
        ...['tshark', '-n', '-r', file, '-T', 'fields', '-E', 'separator=/s', '-Y', filter],
        ...names.flatMap((name) => ['-e', name]),
      ]);
    const ports = ['udp.srcport', 'DST', 'udp.dstport'];
    const both = await Promise.all(
      [
        { of: 'ip', hops: 'ip.ttl', filter: 'ip.dst >= 224.0.0.0' },
        { of: 'ipv6', hops: 'ipv6.hlim', filter: 'ipv6.dst >= ff00::' },
      ].map(({ of, hops, filter }) =>
        fields(`udp && !icmp && !icmpv6 && ${filter}`, [
          'frame.interface_name',
          `${of}.src`,
          ...ports.map((name) => (name === 'DST' ? `${of}.dst` : name)),
          hops,
        ]),
      ),
    );
    const told = await fields('igmp.saddr || icmpv6.mldr.mar.source_address', [
      'igmp.saddr',
      'icmpv6.mldr.mar.source_address',
    ]);
    const rows = (text: string) => text.split('\n').filter((line) => line.trim() !== '');
    return { sent: both.flatMap(rows).sort(), sources: rows(told) };
  };
}

test.run();

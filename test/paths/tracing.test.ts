/** The NTP client with discovery, in logical time, over a network of scripted routers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Output } from '../../src/machine.ts';
import { createNtpClient, type NtpClient, status } from '../../src/ntp/client.ts';
import { createTracingClient } from '../../src/ntptracing.ts';
import { type PathKey, pathKey, pathParts } from '../../src/path.ts';
import { routesOf } from '../../src/paths/discovery.ts';
import { routeName } from '../../src/paths/route.ts';
import type { DiscoveryOptions } from '../../src/paths/settings.ts';
import { stepTracing, stepTracingReturned, type Tracing, tracingDue } from '../../src/tracing.ts';
import { NS_PER_S as S, stamp, type Tick, tick } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import { DEFAULTS } from '../ntp/rig.ts';
import { answerTo, stampsAt, toHex } from '../ntp/wire.ts';
import { path } from './rig.ts';

const test = suite('tracing');
const A = ['10.0.0.1', '10.0.1.1', '10.0.9.1'];
const B = ['10.0.0.1', '10.0.2.1', '10.0.9.1'];
const FOUR = [1, 2, 3, 4].map((local) => path(local));

interface Sent {
  readonly path: PathKey;
  readonly atS: number;
  readonly hops: number | null;
  readonly bytes: Uint8Array;
}

class Net {
  readonly ntp: NtpClient;
  readonly client: Tracing;
  readonly routes = new Map<PathKey, readonly string[]>([
    [path(1), A],
    [path(2), A],
    [path(3), B],
    [path(4), B],
  ]);
  sent: Sent[] = [];
  outputs: Output[] = [];
  now: Tick = tick(0);
  /** Bytes of the datagram that routers send back. */
  quoted = 48;
  /** What the host says to probes. */
  refuses: string | null = null;
  isServerDown = false;
  kiss: string | null = null;
  private mail: { atNs: number; post: () => Output[] }[] = [];
  private timerNs: Tick | null;
  private readonly random = createRandom(1);

  constructor(discovery: DiscoveryOptions = {}, iburst = 1) {
    this.ntp = createNtpClient({
      ...DEFAULTS,
      paths: FOUR.map((key) => ({
        remote: { ip: pathParts(key).remoteIp, port: 123 },
        localIp: pathParts(key).localIp,
      })),
      iburst,
    });
    const options = { startS: 10, periodS: 600, ...discovery };
    this.client = createTracingClient(this.ntp, options, this.now);
    this.timerNs = tracingDue(this.client);
  }

  until(endS: number): this {
    for (;;) {
      this.mail.sort((a, b) => a.atNs - b.atNs);
      const timerNs = this.timerNs ?? Number.POSITIVE_INFINITY;
      const letter = this.mail[0];
      const atNs = Math.min(timerNs, letter?.atNs ?? Number.POSITIVE_INFINITY);
      if (atNs > endS * S) return this;
      this.now = tick(Math.max(this.now, atNs));
      if (letter !== undefined && letter.atNs <= timerNs) {
        this.mail.shift();
        this.feed(letter.post());
      } else {
        this.timerNs = null;
        const random = this.random.bytes(64);
        this.feed(stepTracing(this.client, { type: 'timeout', nowNs: this.now, random }));
      }
    }
  }

  feed(outputs: readonly Output[]): void {
    for (const output of outputs) {
      this.outputs.push(output);
      if (output.type === 'timer') this.timerNs = output.atNs;
      if (output.type === 'transmit') this.transmit(output);
    }
  }

  private transmit({ from, to, bytes, context = -1, hops }: Output & { type: 'transmit' }): void {
    const key = pathKey(to.ip, from.ip);
    const nowNs = this.now;
    if (hops !== undefined && this.refuses !== null) {
      const code = this.refuses;
      this.feed(stepTracing(this.client, { type: 'unsent', context, code, nowNs }));
      return;
    }
    this.sent.push({ path: key, atS: nowNs / S, hops: hops ?? null, bytes });
    this.feed(stepTracing(this.client, { type: 'sent', context, sentAtNs: stamp(nowNs), nowNs }));
    const route = this.routes.get(key) ?? [];
    const routerIp = route[(hops ?? 64) - 1];
    const atNs = nowNs + 0.02 * S;
    if (routerIp !== undefined) {
      const quoted = bytes.slice(0, this.quoted);
      const returned = { routerIp, to, type: 11, code: 0, quoted };
      const local = { ip: from.ip, port: 40123 };
      this.mail.push({
        atNs,
        post: () =>
          stepTracingReturned(this.client, { type: 'returned', local, returned, nowNs: this.now }),
      });
    } else if (!this.isServerDown) {
      const kiss = this.kiss === null ? {} : { stratum: 0, refid: 0x52415445 };
      const answer = answerTo(bytes, { ...stampsAt(nowNs / S + 0.01), ...kiss });
      this.mail.push({ atNs, post: () => this.datagram(key, answer) });
    }
  }

  private datagram(key: PathKey, bytes: Uint8Array): Output[] {
    const { remoteIp, localIp } = pathParts(key);
    const datagram = {
      bytes,
      local: { ip: localIp, port: 40123 },
      remote: { ip: remoteIp, port: 123 },
      receivedAtNs: stamp(this.now),
    };
    return stepTracing(this.client, { type: 'datagram', datagram, nowNs: this.now });
  }

  events(): string[] {
    return this.outputs.flatMap((output) =>
      output.type === 'path' && /parked|admitted|removed/.test(output.event)
        ? [`${output.event} ${output.path}: ${output.reason}`]
        : [],
    );
  }

  names(): (string | null)[] {
    const routes = routesOf(this.client.discovery);
    return FOUR.map((key) => {
      const route = routes.get(key);
      return route === undefined ? null : routeName(route);
    });
  }
}

test('four pairs, two routes: both found, redundant pairs stop polling (PATH-02, PATH-10)', () => {
  const net = new Net().until(60);
  assert.equal(net.names(), [A.join(' '), A.join(' '), B.join(' '), B.join(' ')]);
  assert.equal(net.events(), [
    `parked ${path(2)}: same route as ${path(1)}`,
    `parked ${path(4)}: same route as ${path(3)}`,
  ]);
  net.sent = [];
  net.until(550);
  assert.equal([...new Set(net.sent.map((sent) => sent.path))].sort(), [path(1), path(3)]);
  // All together still poll as often as one association: every 64 s
  assert.ok(Math.abs(net.sent.length - 490 / 64) <= 2, `${net.sent.length} polls`);
});

test('a probe is a request like any other but for its hop limit, each with a new cookie (PATH-03, PATH-14)', () => {
  const net = new Net().until(60);
  const probes = net.sent.filter(({ hops }) => hops !== null);
  assert.is(probes.length, 16);
  for (const key of FOUR) {
    assert.equal(
      probes.filter((sent) => sent.path === key).map(({ hops }) => hops),
      [1, 2, 3, 4],
    );
  }
  const polls = net.sent.filter(({ hops }) => hops === null);
  const poll = polls[0]?.bytes;
  assert.ok(poll !== undefined);
  for (const { bytes } of probes) {
    assert.is(toHex(bytes.subarray(0, 40)), toHex(poll.subarray(0, 40)));
  }
  const cookies = new Set(net.sent.map(({ bytes }) => toHex(bytes.subarray(40))));
  assert.is(cookies.size, net.sent.length);
});

test('the probe that arrives is an ordinary exchange; the others cost no reach', () => {
  const net = new Net().until(60);
  const exchanges = net.outputs.filter(({ type }) => type === 'exchange').length;
  const polls = net.sent.filter(({ hops }) => hops === null).length;
  assert.is(exchanges, polls + 4);
  for (const { reach, drops } of status(net.ntp)) {
    assert.ok(reach === 0 || reach === 1 || reach === 3, `reach ${reach}`);
    assert.is(drops.origin, 0);
  }
});

test('what a parked path measures is not counted (COMB-13)', () => {
  const net = new Net({ periodS: 100 }).until(60);
  net.outputs = [];
  net.until(180);
  const measured = net.outputs.flatMap((one) => (one.type === 'exchange' ? [one.path] : []));
  assert.equal([...new Set(measured)].sort(), [path(1), path(3)]);
});

test('routes diverge: the parked pair polls again, on its own slot (PATH-09)', () => {
  const net = new Net({ periodS: 100 }).until(60);
  net.outputs = [];
  net.routes.set(path(2), ['10.0.0.1', '10.0.3.1', '10.0.9.1']);
  net.until(180);
  assert.equal(net.events(), [`admitted ${path(2)}: no longer stands behind ${path(1)}`]);
  net.sent = [];
  net.until(400);
  assert.ok(net.sent.some((sent) => sent.path === path(2) && sent.hops === null));
});

test('routers that return 8 bytes are heard; strangers’ cookies are not', () => {
  const net = new Net();
  net.quoted = 8;
  net.until(60);
  assert.is(net.names()[0], A.join(' '));
  const { client, now } = net;
  const to = { ip: '192.0.2.1', port: 123 };
  const returned = { routerIp: '10.6.6.6', to, type: 11, code: 0, quoted: new Uint8Array(48) };
  const local = { ip: '198.51.100.1', port: 40123 };
  assert.equal(stepTracingReturned(client, { type: 'returned', local, returned, nowNs: now }), []);
});

test('8 bytes are nobody’s proof: the answer is waited for, and on IPv6 they are not heard', () => {
  const net = new Net({ startS: 0 });
  const probed = () => net.sent.find(({ hops }) => hops !== null);
  for (let atS = 0; atS < 5 && probed() === undefined; atS += 0.001) net.until(atS);
  assert.ok(probed() !== undefined);
  const { client, now } = net;
  const [remoteIp = '', localIp = ''] = probed()?.path.split('|') ?? [];
  const to = { ip: remoteIp, port: 123 };
  const returned = { routerIp: '10.6.6.6', to, type: 11, code: 0, quoted: new Uint8Array(0) };
  const local = { ip: localIp, port: 40123 };
  const before = net.ntp.paths.map(({ request }) => request?.context);
  stepTracingReturned(client, { type: 'returned', local, returned, nowNs: now });
  assert.equal(
    net.ntp.paths.map(({ request }) => request?.context),
    before,
  );
  net.until(60);
  assert.is(net.names()[0], A.join(' '), 'routers that prove it take the name back');
});

test('a host without hop limits: the service goes on unfiltered (PATH-13)', () => {
  const net = new Net();
  net.refuses = 'ENOTSUP';
  net.until(200);
  assert.is(net.client.discovery.rounds, 1);
  assert.equal(net.names(), [null, null, null, null]);
  assert.equal(net.events(), []);
  assert.is(
    status(net.ntp).reduce((sum, { unsent }) => sum + unsent, 0),
    0,
  );
  assert.is(net.outputs.filter((one) => one.type === 'path' && one.event === 'unsent').length, 0);
});

test('a poll under way is waited for, a probe does not take its place', () => {
  const net = new Net({ startS: 0, probesPerS: 100 });
  net.isServerDown = true;
  net.until(30);
  for (const key of FOUR) {
    const sent = net.sent.filter((one) => one.path === key);
    const poll = sent.findIndex(({ hops }) => hops === null);
    const next = sent[poll + 1];
    assert.ok(next !== undefined && next.atS - (sent[poll]?.atS ?? 0) >= 2, `${next?.atS}`);
  }
});

test('a path parked in the midst of its first quick polls sends no more of them', () => {
  const net = new Net({ startS: 0, probesPerS: 100 }, 8).until(2);
  while (net.events().length === 0) net.until(net.now / S + 0.1);
  net.sent = [];
  net.until(60);
  assert.ok(net.sent.some((sent) => sent.path === path(1)));
  assert.ok(net.sent.every((sent) => sent.path !== path(2) && sent.path !== path(4)));
});

test('a kiss ends a trace: a server that wants less is not asked more', () => {
  const net = new Net();
  net.until(9);
  net.kiss = 'RATE';
  net.until(60);
  const probes = net.sent.filter(({ hops }) => hops !== null && hops > 3);
  assert.is(probes.length, 4, 'one a path');
});

test('a server that does not answer is asked a few times a period, no more', () => {
  const net = new Net();
  net.isServerDown = true;
  net.until(60);
  const arrived = net.sent.filter(({ hops }) => hops !== null && hops > 3);
  assert.is(arrived.length, 4 * 4 * 2);
  assert.equal(net.names(), [null, null, null, null]);
  assert.equal(net.events(), []);
});

test.run();

/** Interleaved client/server mode (RFC 9769 §2): vectors and timelines of either side alone. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import type { Output } from '../../src/machine.ts';
import { type ClientConfig, createNtpClient, status, stepNtpClient } from '../../src/ntp/client.ts';
import { createNtpServer, type NtpServer, stepNtpServer } from '../../src/ntp/server.ts';
import type { PathKey } from '../../src/path.ts';
import { seconds, stamp, tick } from '../../src/units.ts';
import {
  createRig,
  DEFAULTS,
  honest,
  OPEN_SERVER,
  protocolState,
  type Rig,
  S,
  type Sent,
} from './rig.ts';
import { answerTo, fromHex, stampsAt, toHex } from './wire.ts';

const test = suite('ntp interleaved');

const A: PathKey = '192.0.2.1|198.51.100.7';
const ONE: ClientConfig['paths'] = [
  { remote: { ip: '192.0.2.1', port: 123 }, localIp: '198.51.100.7', interleaved: true },
];
const ZERO = '0'.repeat(16);

/** The three timestamps of a packet, in hex. */
const times = (bytes: Uint8Array) => ({
  origin: toHex(bytes.subarray(24, 32)),
  receive: toHex(bytes.subarray(32, 40)),
  transmit: toHex(bytes.subarray(40, 48)),
});
const exchanges = (rig: Rig) => rig.outputs.flatMap((o) => (o.type === 'exchange' ? [o] : []));
const reasons = (outputs: Output[]) => outputs.map((o) => (o.type === 'drop' ? o.reason : o.type));

/** A client that polls every second and is answered by hand. */
const startClient = (but: Partial<ClientConfig> = {}): Rig => {
  const rig = createRig({ paths: ONE, minPollLog2S: 0, ...but });
  return rig;
};

/** Lets the next poll go out. */
const ask = (rig: Rig): Sent => {
  const before = rig.sent.length;
  while (rig.sent.length === before) rig.run(((rig.timerNs ?? 0) + 1) / S);
  return rig.inFlight(A);
};

/** Answers in interleaved mode 20 ms after; `held` is how long the answer before was really held. */
const interleavedTo = (sent: Sent, before: Sent, heldS: number) => {
  const { receive } = stampsAt(sent.atS + 0.01);
  const { receive: transmit } = stampsAt(before.atS + 0.01 + heldS);
  return answerTo(sent.bytes, { origin: times(sent.bytes).receive, receive, transmit });
};

// ---- client ----

test('without the option a request never names an earlier answer (RFC 9769 §2)', () => {
  const rig = createRig({ minPollLog2S: 0 });
  rig.run(20, honest);
  for (const { bytes } of rig.sent) {
    const { origin, receive } = times(bytes);
    assert.equal([origin, receive], [ZERO, ZERO]);
  }
  assert.is(rig.client.paths[0]?.base, null);
});

test('the first request is basic; the next names the answer and carries two cookies (NTP-C6)', () => {
  const rig = startClient();
  const first = ask(rig);
  assert.equal([times(first.bytes).origin, times(first.bytes).receive], [ZERO, ZERO]);
  rig.datagram(A, honest(first));
  const second = ask(rig);
  const { origin, receive, transmit } = times(second.bytes);
  assert.is(origin, stampsAt(first.atS + 0.01).receive);
  assert.is.not(receive, ZERO);
  assert.is.not(receive, transmit);
  assert.is(toHex(second.bytes.subarray(0, 24)), `23000020${'00'.repeat(20)}`, 'nothing else');
});

test('cookies of interleaved requests are fresh random numbers, and never alike (NTP-S3)', () => {
  const rig = startClient();
  rig.run(500, honest);
  const cookies = rig.sent.flatMap(({ bytes }) => {
    const { receive, transmit } = times(bytes);
    return receive === ZERO ? [transmit] : [receive, transmit];
  });
  assert.ok(cookies.length > 900);
  assert.is(new Set(cookies).size, cookies.length);
  const client = createNtpClient({ ...DEFAULTS, paths: ONE, minPollLog2S: 0 });
  const random = new Uint8Array(64); // the worst of all random numbers
  const base = { seconds: 7, fraction: 9 };
  const [path] = client.paths;
  assert.ok(path);
  path.base = {
    remoteReceive: base,
    localSendNs: stamp(0),
    localReceiveNs: stamp(1),
    atNs: tick(0),
    isMeasured: true,
  };
  const [transmit] = stepNtpClient(client, { type: 'timeout', nowNs: tick(1), random });
  assert.ok(transmit?.type === 'transmit');
  assert.equal(times(transmit.bytes), {
    origin: '0000000700000009',
    receive: '0000000000000003',
    transmit: '0000000000000001',
  });
});

test('an interleaved answer completes the exchange before, with its own stamps (RFC 9769 §2)', () => {
  const rig = startClient();
  const asked: Sent[] = [];
  const answeredNs: number[] = [];
  for (let n = 0; n < 5; n++) {
    const sent = ask(rig);
    const before = asked.at(-1);
    rig.nowNs = tick(rig.nowNs + 0.02 * S);
    // answers 1… are interleaved; answer n really left 1 ms + n us after it was asked for
    const bytes =
      before === undefined ? honest(sent) : interleavedTo(sent, before, 1e-3 + asked.length * 1e-6);
    rig.datagram(A, bytes);
    answeredNs.push(rig.nowNs);
    asked.push(sent);
  }
  const found = exchanges(rig);
  // The first exchange was measured in basic mode; answer 1 brings only a better departure of it
  assert.is(found.length, 1 + 3);
  found.forEach(({ localSendNs, localReceiveNs, packet }, n) => {
    const atS = asked[n]?.atS ?? Number.NaN;
    assert.is(localSendNs, atS * S);
    assert.is(localReceiveNs, answeredNs[n]);
    assert.is(times(packet).receive, stampsAt(atS + 0.01).receive);
    const left =
      n === 0 ? stampsAt(atS + 0.01).transmit : stampsAt(atS + 0.011 + (n + 1) * 1e-6).receive;
    assert.is(times(packet).transmit, left);
  });
  const [record] = status(rig.client);
  assert.equal([record?.valid, record?.interleaved, record?.reach], [5, 4, 0x1f]);
});

test('a captured interleaved answer of chronyd 4.3 becomes the exchange it completes (WIRE §1.9)', () => {
  const rig = startClient();
  rig.kinds = ['user', 'kernel'];
  const first = ask(rig);
  const receive = 'eeab652e8eae24eb';
  rig.datagram(A, answerTo(first.bytes, { receive, transmit: 'eeab652e8eb14fbc' }));
  const [path] = rig.client.paths;
  assert.ok(path?.base);
  path.base.isMeasured = false; // as if it had been an interleaved answer, too
  rig.kinds = ['kernel', 'user'];
  const second = ask(rig);
  assert.is(times(second.bytes).origin, receive);
  const { request } = path;
  assert.ok(request?.interleave);
  request.interleave.cookie = { seconds: 0xacacd2c1, fraction: 0xf08cbb9b };
  rig.datagram(
    A,
    answerTo(second.bytes, {
      origin: 'acacd2c1f08cbb9b',
      receive: 'eeab652ea858e809',
      transmit: 'eeab652e8eb1f15e',
    }),
  );
  const last = exchanges(rig).at(-1);
  assert.ok(last);
  assert.equal(times(last.packet), {
    origin: 'acacd2c1f08cbb9b',
    receive,
    transmit: 'eeab652e8eb1f15e',
  });
  assert.is(last.localSendNs, first.atS * S);
  assert.equal([last.localSendKind, last.localReceiveKind], ['user', 'kernel']);
});

test('a server that knows no interleaved mode is measured in basic mode throughout (NTP-C6)', () => {
  const rig = startClient();
  rig.run(30, honest);
  assert.is(exchanges(rig).length, rig.sent.length);
  for (const [n, { localSendNs, packet }] of exchanges(rig).entries()) {
    assert.is(localSendNs / S, rig.sent[n]?.atS);
    assert.is(times(packet).origin, times(rig.sent[n]?.bytes ?? packet).transmit);
  }
  assert.is(status(rig.client)[0]?.interleaved, 0);
});

test('an answer to the request before is dropped, also where it is interleaved', () => {
  const rig = startClient();
  const first = ask(rig);
  rig.nowNs = tick(rig.nowNs + 0.02 * S);
  rig.datagram(A, honest(first));
  const second = ask(rig);
  const late = interleavedTo(second, first, 1e-3);
  const third = ask(rig);
  const before = protocolState(rig.client);
  assert.equal(reasons(rig.datagram(A, late)), ['origin']);
  assert.equal(protocolState(rig.client), before);
  assert.is(rig.datagram(A, interleavedTo(third, first, 1e-3)).length, 0, 'valid, nothing new');
  assert.equal(reasons(rig.datagram(A, interleavedTo(third, first, 1e-3))), ['duplicate']);
  assert.equal(reasons(rig.datagram(A, honest(third))), ['origin']);
});

test('the origin of the basic request before is no cookie of an interleaved answer', () => {
  const rig = startClient();
  const first = ask(rig);
  rig.datagram(A, honest(first));
  const second = ask(rig);
  const { receive, transmit } = stampsAt(second.atS + 0.01);
  for (const origin of [times(second.bytes).origin, ZERO, times(first.bytes).transmit]) {
    assert.equal(reasons(rig.datagram(A, answerTo(second.bytes, { origin, receive, transmit }))), [
      'origin',
    ]);
  }
});

test('a departure that cannot be of the exchange named is not believed (hold)', () => {
  const rig = startClient();
  const first = ask(rig);
  rig.nowNs = tick(rig.nowNs + 0.02 * S);
  rig.datagram(A, honest(first));
  const second = ask(rig);
  for (const heldS of [-0.001, 0.03, 1]) {
    assert.equal(reasons(rig.datagram(A, interleavedTo(second, first, heldS))), ['hold']);
  }
  assert.equal(reasons(rig.datagram(A, interleavedTo(second, first, 0.019))), []);
});

test('after four requests without an answer the next one is basic again (RFC 9769 §2)', () => {
  const rig = startClient();
  const first = ask(rig);
  rig.datagram(A, honest(first));
  const origins = Array.from({ length: 6 }, () => times(ask(rig).bytes).origin);
  const named = stampsAt(first.atS + 0.01).receive;
  assert.equal(origins, [named, named, named, named, ZERO, ZERO]);
  rig.datagram(A, honest(rig.inFlight(A)));
  assert.is.not(times(ask(rig).bytes).origin, ZERO);
});

test('a path that polls too rarely for its exchanges to wait a poll stays in basic mode', () => {
  for (const [minPollLog2S, isInterleaved] of [
    [5, true],
    [6, false],
  ] as const) {
    const rig = startClient({ minPollLog2S });
    rig.run(1000, honest);
    const asked = rig.sent.slice(1).map(({ bytes }) => times(bytes).origin !== ZERO);
    assert.ok(asked.length > 10);
    assert.ok(
      asked.every((one) => one === isInterleaved),
      `poll ${minPollLog2S}: ${asked}`,
    );
  }
});

test('a step of the local clock ends what was begun before it', () => {
  const rig = startClient();
  rig.datagram(A, honest(ask(rig)));
  const second = ask(rig);
  rig.feed(stepNtpClient(rig.client, { type: 'clock-step', byS: seconds(3), nowNs: rig.nowNs }));
  assert.equal(reasons(rig.datagram(A, honest(second))), ['origin']);
  assert.is(times(ask(rig).bytes).origin, ZERO);
});

test('a RATE kiss with either cookie is obeyed, with neither it is dropped (NTP-C2)', () => {
  const refid = 0x52415445;
  for (const name of ['receive', 'transmit'] as const) {
    const rig = startClient();
    rig.datagram(A, honest(ask(rig)));
    const sent = ask(rig);
    const but = { leap: 3, stratum: 0, refid, receive: ZERO, transmit: ZERO };
    assert.equal(reasons(rig.datagram(A, answerTo(sent.bytes, { ...but, origin: ZERO }))), [
      'origin',
    ]);
    const origin = times(sent.bytes)[name];
    assert.is(reasons(rig.datagram(A, answerTo(sent.bytes, { ...but, origin })))[0], 'kiss');
    assert.is(status(rig.client)[0]?.pollLog2S, 1);
  }
});

test('an interleaved option that is no boolean is refused', () => {
  const [path] = ONE;
  const paths = [{ ...path, interleaved: 'yes' }] as unknown as ClientConfig['paths'];
  assert.throws(
    () => createNtpClient({ ...DEFAULTS, paths }),
    (e: unknown) => e instanceof ConfigError && e.field === 'paths.0.interleaved',
  );
});

// ---- server ----

const makeServer = (tableSize = 64): NtpServer =>
  createNtpServer({ ...OPEN_SERVER, interleaved: { tableSize } });

interface Reply {
  origin: string;
  receive: string;
  transmit: string;
  context: number | undefined;
}

const requestWith = (origin: string, receive: string, transmit: string, first = '23'): Uint8Array =>
  fromHex(`${first}000620${'00'.repeat(20)}${origin}${receive}${transmit}`);

/** A request at `atNs`; the answer's stamp in user space is 10 us later. */
const request = (
  server: NtpServer,
  bytes: Uint8Array,
  atNs: number,
  { ip = '198.51.100.7', port = 40123 } = {},
): Reply => {
  const datagram = {
    bytes,
    local: { ip: '192.0.2.2', port: 123 },
    remote: { ip, port },
    receivedAtNs: stamp(atNs),
  };
  const [output, ...more] = stepNtpServer(server, {
    type: 'datagram',
    datagram,
    nowNs: tick(atNs),
  });
  assert.is(more.length, 0);
  if (output?.type !== 'transmit') throw new Error(`no answer but ${JSON.stringify(output)}`);
  output.seal?.(output.bytes, stamp(atNs + 10_000));
  assert.is(output.bytes.length, 48);
  return { ...times(output.bytes), context: output.context };
};

/** The host says that an answer left at `sentAtNs`. */
const left = (server: NtpServer, { context }: Reply, sentAtNs: number): void => {
  if (context === undefined) throw new Error('nobody waits for its departure');
  const input = {
    type: 'sent',
    context,
    sentAtNs: stamp(sentAtNs),
    nowNs: tick(sentAtNs),
  } as const;
  assert.equal(stepNtpServer(server, input), []);
};

const C1 = '1111111111111111';
const C2 = '2222222222222222';
const wire = (ns: number) => stampsAt(ns / 1e9).receive;

/** Interleaved mode under way: the answer last given, which left 50 us after its request came. */
const underWay = (server: NtpServer, atNs = 1e9, who = {}): Reply => {
  const first = request(server, requestWith(ZERO, ZERO, C2), atNs, who);
  assert.is(first.context, undefined, 'a basic request leaves nothing behind');
  const second = request(server, requestWith(first.receive, C1, C2), atNs + 1e9, who);
  assert.is(second.origin, C2, 'nothing saved yet: basic');
  left(server, second, atNs + 1e9 + 50_000);
  return second;
};

test('server: basic, basic, then the departure of the answer named by origin (RFC 9769 §2)', () => {
  const server = makeServer();
  const saved = underWay(server);
  const third = request(server, requestWith(saved.receive, C1, C2), 3e9);
  assert.is(third.origin, C1);
  assert.is(
    third.transmit.slice(0, 15),
    wire(2e9 + 50_000).slice(0, 15),
    'not the one in user space',
  );
  assert.is(third.receive.slice(0, 15), wire(3e9).slice(0, 15));
  left(server, third, 3e9 + 70_000);
  const fourth = request(server, requestWith(third.receive, C1, C2), 4e9);
  assert.equal(
    [fourth.origin, fourth.transmit.slice(0, 15)],
    [C1, wire(3e9 + 70_000).slice(0, 15)],
  );
  assert.equal([server.tally.answered, server.tally.interleaved], [4, 2]);
});

test('server: a departure is told once; asked again it answers in basic mode (RFC 9769 §2)', () => {
  const server = makeServer();
  const saved = underWay(server);
  const again = requestWith(saved.receive, C1, C2);
  assert.is(request(server, again, 3e9).origin, C1);
  const basic = request(server, again, 4e9);
  assert.is(basic.origin, C2);
  assert.is(basic.transmit.slice(0, 15), wire(4e9 + 10_000).slice(0, 15));
  left(server, basic, 4e9 + 10_000);
  assert.is(request(server, requestWith(basic.receive, C1, C2), 5e9).origin, C1);
});

test('server: a departure not known yet, or never, makes a basic answer', () => {
  const server = makeServer();
  const first = request(server, requestWith(C1, C1, C2), 1e9);
  const second = request(server, requestWith(first.receive, C1, C2), 2e9);
  assert.is(second.origin, C2);
  left(server, first, 1e9 + 1); // late, but the client may ask again
  assert.is(request(server, requestWith(first.receive, C1, C2), 3e9).origin, C1);
});

for (const [what, change] of [
  ['equal cookies', (saved: Reply) => requestWith(saved.receive, C2, C2)],
  ['no receive cookie', (saved: Reply) => requestWith(saved.receive, ZERO, C2)],
  ['version 3', (saved: Reply) => requestWith(saved.receive, C1, C2, '1b')],
  ['another origin', (saved: Reply) => requestWith(saved.transmit, C1, C2)],
  ['no origin', () => requestWith(ZERO, C1, C2)],
] as const) {
  test(`server: a request with ${what} gets a basic answer (RFC 9769 §2)`, () => {
    const server = makeServer();
    const saved = underWay(server);
    assert.is(request(server, change(saved), 3e9).origin, C2);
    assert.is(request(server, requestWith(saved.receive, C1, C2), 4e9).origin, C1, 'still there');
  });
}

test('server: another port of the client will do, another address will not (RFC 9769 §2)', () => {
  for (const tableSize of [8, 4096]) {
    const server = makeServer(tableSize);
    const saved = underWay(server);
    const asked = requestWith(saved.receive, C1, C2);
    assert.is(request(server, asked, 3e9, { ip: '198.51.100.8' }).origin, C2);
    assert.is(request(server, asked, 4e9, { port: 999 }).origin, C1);
  }
});

test('server: receive timestamps of a clock that stands still or goes back are unique, and never a transmit timestamp', () => {
  const server = makeServer(4096);
  const receives = new Set<string>();
  const transmits = new Set<string>();
  for (let n = 0; n < 400; n++) {
    // stands still, then goes back a little, then a lot
    const atNs = 5e9 - (n < 200 ? 0 : n < 300 ? (n - 200) * 10 : 1e9);
    const reply = request(server, requestWith(C1, C1, C2), atNs, { ip: `10.0.0.${n % 2}` });
    left(server, reply, atNs);
    receives.add(reply.receive);
    transmits.add(reply.transmit);
    const high = Number.parseInt(reply.receive.slice(0, 8), 16) - 0xe8fe6f80;
    const receiveS = high + Number.parseInt(reply.receive.slice(8), 16) / 2 ** 32;
    assert.ok(Math.abs(receiveS - atNs / 1e9) < 2e-6, `${n}: ${receiveS} at ${atNs}`);
  }
  assert.is(receives.size, 400);
  for (const transmit of transmits) assert.not(receives.has(transmit));
});

test('server: a receive timestamp does not come again when the clock is set back to that very moment', () => {
  const server = makeServer();
  const stamps = [5e9, 6e9, 5e9, 6e9, 5e9].map(
    (atNs) => request(server, requestWith(C1, C1, C2), atNs).receive,
  );
  assert.is(new Set(stamps).size, 5, `${stamps}`);
});

test('server: an answer that took the place of another has no departure yet', () => {
  const server = makeServer(8);
  for (let n = 0; n < 8; n++) {
    left(server, request(server, requestWith(C1, C1, C2), n * 1e6), n * 1e6 + 1000);
  }
  const { receive } = request(server, requestWith(C1, C1, C2), 9e6);
  assert.is(request(server, requestWith(receive, C1, C2), 10e6).origin, C2);
});

test('server: the table keeps its size, eight answers per client, the oldest gives way', () => {
  const server = makeServer(8);
  const replies = Array.from({ length: 20 }, (_, n) => {
    const reply = request(server, requestWith(C1, C1, C2), n * 1e6);
    left(server, reply, n * 1e6 + 1000);
    return reply;
  });
  assert.is(server.saved?.savedNs.length, 8);
  const forms = replies
    .slice(-8)
    .map(({ receive }, n) => request(server, requestWith(receive, C1, C2), 1e9 + n).origin);
  // each of these requests saves an answer of its own in place of the oldest
  assert.equal(
    forms.slice(0, 4),
    [C1, C2, C2, C2].map((form, n) => forms[n] ?? form),
  );
  assert.is(forms[0], C1);
  assert.is(request(server, requestWith(replies[0]?.receive ?? '', C1, C2), 2e9).origin, C2);
});

test('server: a stale departure, or one from before a clock step, is not told', () => {
  const old = makeServer();
  const saved = underWay(old);
  assert.is(request(old, requestWith(saved.receive, C1, C2), 8196e9).origin, C2);
  const stepped = makeServer();
  const before = underWay(stepped);
  stepNtpServer(stepped, { type: 'clock-step', byS: seconds(1), nowNs: tick(2.5e9) });
  assert.is(request(stepped, requestWith(before.receive, C1, C2), 3e9).origin, C2);
});

test('server: departures of answers that gave way, and of none, are nobody’s', () => {
  const server = makeServer(8);
  const replies = Array.from({ length: 9 }, (_, n) =>
    request(server, requestWith(C1, C1, C2), n * 1e6),
  );
  const [first, second] = replies;
  assert.ok(first && second);
  left(server, first, 1);
  left(server, { ...first, context: 1e15 }, 1);
  left(server, second, 1e6 + 500);
  const ninth = replies[8]?.receive ?? '';
  assert.is(
    request(server, requestWith(ninth, C1, C2), 1e9).origin,
    C2,
    'took the slot of the first',
  );
  assert.is(
    request(server, requestWith(second.receive, C1, C2), 1.1e9).origin,
    C2,
    'gave way, too',
  );
});

test('server: its state is plain data', () => {
  const server = makeServer();
  const saved = underWay(server);
  const copy = JSON.parse(JSON.stringify(server)) as NtpServer;
  copy.limit = server.limit;
  const asked = requestWith(saved.receive, C1, C2);
  assert.equal(request(copy, asked, 3e9), request(server, asked, 3e9));
});

test('server: without the option everything is basic and nothing is remembered', () => {
  const { saved: _, ...rest } = makeServer();
  const server: NtpServer = { ...rest, saved: null };
  const first = request(server, requestWith(C1, C1, C2), 1e9);
  assert.equal([first.context, first.origin], [undefined, C2]);
});

test('server: a table of no sense is refused', () => {
  for (const tableSize of [7, 2 ** 20 + 1, 8.5]) {
    assert.throws(
      () => makeServer(tableSize),
      (e: unknown) => e instanceof ConfigError && e.field === 'interleaved.tableSize',
    );
  }
});

test.run();

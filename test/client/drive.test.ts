import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Drive, type DriveOptions, drive, type Report } from '../../src/drive.ts';
import { HostError } from '../../src/errors.ts';
import type { Address, Input, Output, ReturnedInput } from '../../src/machine.ts';
import { pathKey } from '../../src/path.ts';
import { tick } from '../../src/units.ts';
import { simHost } from '../sim/host.ts';

const test = suite('drive');

const LOCAL = { ip: '127.0.0.1', port: 0 };
const REMOTE = { ip: '127.0.0.9', port: 123 };

/** Where the first socket really is. */
const boundOf = (driven: Drive) => driven.sockets[0]?.local ?? LOCAL;

/** A machine that remembers its inputs and answers with what the test prepared. */
function scripted(answers: Record<string, Output[]>) {
  const inputs: Input[] = [];
  const step = (state: Input[], input: Input): Output[] => {
    state.push(input);
    return answers[input.type]?.splice(0) ?? [];
  };
  return { inputs, step };
}

type Options = DriveOptions<Input[]>;
type Begun = Pick<Options, 'host' | 'step' | 'firstTimer'> & { readonly inputs: Input[] };

/** Drives a {@link scripted} machine with one socket, and hears no reports, unless told otherwise. */
const begin = ({ inputs, ...options }: Begun & Partial<Options>): Promise<Drive> =>
  drive({ locals: [LOCAL], onReport: () => {}, ...options, state: inputs });

test('a timeout comes when asked for, with random bytes, and a transmit is told as sent', async () => {
  const host = simHost();
  const { inputs, step } = scripted({
    timeout: [{ type: 'transmit', bytes: Uint8Array.of(1), from: LOCAL, to: REMOTE, context: 7 }],
  });
  const driven = await begin({ host, inputs, step, firstTimer: tick(5e6) });
  host.runTo(4.9);
  assert.is(inputs.length, 0);
  host.runTo(6);
  assert.equal(
    inputs.map(({ type }) => type),
    ['timeout', 'sent'],
  );
  const [timeout, sent] = inputs;
  assert.ok(timeout?.type === 'timeout' && timeout.nowNs >= 5e6 && timeout.random.length === 64);
  assert.ok(sent?.type === 'sent' && sent.context === 7 && sent.sentAtNs === 5e6);
  assert.is(host.sent.length, 1);
  await driven.close();
  assert.is(host.openSockets, 0);
  assert.is(host.armedTimers, 0);
});

test('with kernel stamps a transmit is told as sent when it has left, with the kernel’s stamp', async () => {
  const host = simHost();
  host.departAfterMs = 3;
  const transmit = (context: number | null): Output => ({
    type: 'transmit',
    bytes: Uint8Array.of(1),
    from: LOCAL,
    to: REMOTE,
    ...(context !== null && { context }),
  });
  const { inputs, step } = scripted({ timeout: [transmit(7), transmit(null), transmit(8)] });
  const driven = await begin({ host, inputs, step, firstTimer: tick(5e6) });
  host.runTo(7.9);
  assert.is(host.sent.length, 3);
  assert.is(inputs.length, 1);
  host.runTo(8);
  assert.equal(
    inputs.slice(1).map((input) => (input.type === 'sent' ? input : null)),
    [7, 8].map((context) => ({
      ...{ type: 'sent', context, sentAtNs: 5e6 + 1000 },
      ...{ stampKind: 'kernel', nowNs: 8e6 },
    })),
  );
  host.refuse = 'ENETUNREACH';
  driven.perform([transmit(9)]);
  assert.is(inputs.at(-1)?.type, 'unsent');
  host.refuse = null;
  driven.perform([transmit(10)]);
  await driven.close();
  host.runTo(20);
  assert.is(inputs.length, 4); // nothing after close
});

test('a refused transmit is told as unsent with the code', async () => {
  const host = simHost();
  host.refuse = 'ENETUNREACH';
  const { inputs, step } = scripted({
    timeout: [{ type: 'transmit', bytes: Uint8Array.of(1), from: LOCAL, to: REMOTE, context: 3 }],
  });
  const driven = await begin({ host, inputs, step, firstTimer: tick(0) });
  host.runTo(1);
  const unsent = inputs[1];
  assert.ok(unsent?.type === 'unsent' && unsent.code === 'ENETUNREACH' && unsent.context === 3);
  await driven.close();
});

test('a transmit from an address without a socket is unsent, not lost', async () => {
  const host = simHost();
  const from = { ip: '127.0.0.77', port: 0 };
  const { inputs, step } = scripted({
    timeout: [{ type: 'transmit', bytes: Uint8Array.of(1), from, to: REMOTE, context: 4 }],
  });
  const driven = await begin({ host, inputs, step, firstTimer: tick(0) });
  host.runTo(1);
  assert.ok(inputs[1]?.type === 'unsent');
  await driven.close();
});

test('a later timer replaces the earlier one', async () => {
  const host = simHost();
  const { inputs, step } = scripted({ datagram: [{ type: 'timer', atNs: tick(9e6) }] });
  const driven = await begin({ host, inputs, step, firstTimer: tick(5e6) });
  host.deliver({ bytes: Uint8Array.of(0), local: boundOf(driven), remote: REMOTE });
  host.runTo(8);
  assert.equal(
    inputs.map(({ type }) => type),
    ['datagram'],
  );
  host.runTo(10);
  assert.is(inputs.length, 2);
  await driven.close();
});

test('a step of the local clock reaches the machine within a second, with its sign', async () => {
  for (const byS of [0.25, -3]) {
    const host = simHost();
    const { inputs, step } = scripted({});
    const steps: number[] = [];
    const driven = await begin({
      host,
      inputs,
      step,
      firstTimer: null,
      onClockStep: (s) => steps.push(s),
    });
    host.runTo(500);
    host.stepClock(byS);
    host.runTo(1600);
    assert.equal(steps, [byS]);
    const [input] = inputs;
    assert.ok(input?.type === 'clock-step' && input.byS === byS);
    await driven.close();
  }
});

test('reports go out in order, and nothing happens after close', async () => {
  const host = simHost();
  const path = pathKey(REMOTE.ip, LOCAL.ip);
  const { inputs, step } = scripted({
    datagram: [
      { type: 'drop', reason: 'origin', from: REMOTE },
      { type: 'path', path, event: 'reachable', reason: 'x' },
    ],
  });
  const reports: Report[] = [];
  const driven = await begin({
    host,
    inputs,
    step,
    firstTimer: null,
    onReport: (report) => reports.push(report),
  });
  host.deliver({ bytes: Uint8Array.of(0), local: boundOf(driven), remote: REMOTE });
  assert.equal(
    reports.map(({ type }) => type),
    ['drop', 'path'],
  );
  await driven.close();
  host.runTo(60_000);
  assert.is(inputs.length, 1);
});

/** A transmit from an address, for {@link scripted}. */
const transmit = (from: Address, context: number, to: Address = REMOTE): Output => ({
  type: 'transmit',
  bytes: Uint8Array.of(context),
  from,
  to,
  context,
});

test('each address has two sockets, and a transmit leaves by the port it names (PTP 319/320)', async () => {
  const host = simHost();
  const locals = ['127.0.0.1', '127.0.0.2'].flatMap((ip) => [
    { ip, port: 1319 },
    { ip, port: 1320 },
  ]);
  const { inputs, step } = scripted({
    timeout: locals.map((from, index) => transmit(from, index)).reverse(),
  });
  const driven = await begin({
    host,
    inputs,
    step,
    locals,
    firstTimer: tick(0),
  });
  assert.equal(
    driven.sockets.map(({ local }) => local),
    locals,
  );
  host.runTo(1);
  const left = host.sent.map(({ bytes, from }) => [bytes[0], from]);
  assert.equal(left, [...locals.entries()].reverse());
  for (const local of locals) host.deliver({ bytes: Uint8Array.of(9), local, remote: REMOTE });
  const arrived = inputs.flatMap((each) => (each.type === 'datagram' ? [each.datagram.local] : []));
  assert.equal(arrived, locals);
  await driven.close();
  assert.is(host.openSockets, 0);
});

test('the right address with a port no socket has is unsent', async () => {
  const host = simHost();
  const local = { ip: '127.0.0.1', port: 1319 };
  const { inputs, step } = scripted({ timeout: [transmit({ ...local, port: 1320 }, 5)] });
  const driven = await begin({
    host,
    inputs,
    step,
    locals: [local],
    firstTimer: tick(0),
  });
  host.runTo(1);
  assert.ok(inputs[1]?.type === 'unsent' && inputs[1].code === 'ENOSOCKET');
  assert.is(host.sent.length, 0);
  await driven.close();
});

test('a socket on any free port is found as port 0 and as the port it got (NTP-D5)', async () => {
  const host = simHost();
  const { inputs, step } = scripted({ timeout: [transmit(LOCAL, 1)] });
  const driven = await begin({
    host,
    inputs,
    step: (state, input) =>
      input.type === 'datagram' ? [transmit(input.datagram.local, 2)] : step(state, input),
    firstTimer: tick(0),
  });
  const bound = boundOf(driven);
  assert.is.not(bound.port, 0);
  host.runTo(1);
  host.deliver({ bytes: Uint8Array.of(0), local: bound, remote: REMOTE });
  assert.equal(
    host.sent.map(({ bytes, from }) => [bytes[0], from]),
    [
      [1, bound],
      [2, bound],
    ],
  );
  await driven.close();
});

test('what comes to a group reaches the machine with the group and the local address', async () => {
  const host = simHost();
  const local = { ip: '127.0.0.1', port: 1319 };
  const { inputs, step } = scripted({});
  const driven = await begin({
    host,
    inputs,
    step,
    locals: [local],
    multicast: { hops: 3 },
    groups: [{ group: '224.0.1.129', local }],
    firstTimer: null,
  });
  assert.is(host.openSockets, 2);
  assert.equal(host.multicast, [{ hops: 3 }]);
  const bytes = Uint8Array.of(1);
  host.deliver({ bytes, local, remote: REMOTE, group: '224.0.1.129' });
  host.deliver({ bytes, local, remote: REMOTE, group: '224.0.0.107' }); // not joined
  host.deliver({ bytes, local, remote: REMOTE });
  const groups = inputs.map((each) => each.type === 'datagram' && each.datagram.group);
  assert.equal(groups, ['224.0.1.129', undefined]);
  await driven.close();
  assert.is(host.openSockets, 0);
});

test('what cannot be bound or joined leaves nothing open', async () => {
  const host = simHost();
  const locals = [1319, 1320, 1319].map((port) => ({ ip: '127.0.0.1', port }));
  const rest = { host, state: [], step: () => [], firstTimer: null, onReport: () => {} };
  const groups = ['127.0.0.1', '127.0.0.2'].map((ip) => {
    return { group: '224.0.1.129', local: { ip, port: 1319 } };
  });
  host.deafIp = '127.0.0.2';
  for (const [options, why] of [
    [{ ...rest, locals }, 'EADDRINUSE'],
    [{ ...rest, locals: locals.slice(0, 2), groups }, 'EADDRNOTAVAIL'],
  ] as const) {
    const thrown = await drive(options).then(
      () => null,
      (error: unknown) => error,
    );
    assert.instance(thrown, HostError);
    assert.match(`${thrown}`, why);
    assert.is(host.openSockets, 0);
  }
});

test('a hop limit goes to the socket with the datagram; without kernel stamps nothing is sent', async () => {
  for (const [departAfterMs, sentHops, told] of [
    [1, [3], ['sent']],
    [null, [], ['unsent']],
  ] as const) {
    const host = simHost();
    host.departAfterMs = departAfterMs;
    const { inputs, step } = scripted({});
    const driven = await begin({ host, inputs, step, firstTimer: null });
    const output: Output = {
      type: 'transmit',
      bytes: Uint8Array.of(1),
      from: LOCAL,
      to: REMOTE,
      context: 7,
      hops: 3,
    };
    driven.perform([output]);
    host.runTo(2);
    assert.equal(
      host.sent.map(({ hops }) => hops),
      sentHops,
    );
    assert.equal(
      inputs.map(({ type }) => type),
      told,
    );
    const [input] = inputs;
    if (input?.type === 'unsent') assert.is(input.code, 'ENOTSUP');
    await driven.close();
  }
});

test('what routers send back goes to a machine that asked for it, troubles to the log as well', async () => {
  const host = simHost();
  host.departAfterMs = 1;
  const { inputs, step } = scripted({});
  const returned: ReturnedInput[] = [];
  const errors: string[] = [];
  const gone: string[] = [];
  const driven = await begin({
    host,
    inputs,
    step,
    stepReturned: (_, input) => {
      returned.push(input);
      return [{ type: 'drop', reason: 'malformed', from: REMOTE }];
    },
    firstTimer: null,
    onReport: (report) => errors.push(report.type),
    onSocketError: (_, code) => errors.push(code),
    onUnreachable: (ip, code) => gone.push(`${ip} ${code}`),
  });
  const icmp = { routerIp: '10.0.0.1', to: REMOTE, quoted: Uint8Array.of(1), receivedAtNs: null };
  const bounce = (type: number, code: number, errorCode: string) =>
    host.bounce(boundOf(driven), { ...icmp, type, code, errorCode });
  bounce(11, 0, 'EHOSTUNREACH');
  assert.equal(errors.splice(0), ['drop']);
  bounce(3, 1, 'EHOSTUNREACH');
  assert.equal(errors.splice(0), ['drop', 'EHOSTUNREACH']);
  bounce(3, 3, 'ECONNREFUSED');
  assert.equal(errors, ['drop']);
  assert.equal(gone, [`${REMOTE.ip} ECONNREFUSED`]);
  assert.is(returned.length, 3);
  assert.is(returned[0]?.local.ip, LOCAL.ip);
  assert.is(returned[0]?.returned.routerIp, '10.0.0.1');
  assert.is(inputs.length, 0);
  await driven.close();
});

test.run();

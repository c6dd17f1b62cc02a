import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { drive, type Report } from '../../src/drive.ts';
import type { Input, Output } from '../../src/machine.ts';
import { pathKey } from '../../src/path.ts';
import { tick } from '../../src/units.ts';
import { simHost } from '../sim/host.ts';

const test = suite('drive');

const LOCAL = { ip: '127.0.0.1', port: 0 };
const REMOTE = { ip: '127.0.0.9', port: 123 };

/** A machine that remembers its inputs and answers with what the test prepared. */
function scripted(answers: Record<string, Output[]>) {
  const inputs: Input[] = [];
  const step = (state: Input[], input: Input): Output[] => {
    state.push(input);
    return answers[input.type]?.splice(0) ?? [];
  };
  return { inputs, step };
}

test('a timeout comes when asked for, with random bytes, and a transmit is told as sent', async () => {
  const host = simHost();
  const { inputs, step } = scripted({
    timeout: [{ type: 'transmit', bytes: Uint8Array.of(1), from: LOCAL, to: REMOTE, context: 7 }],
  });
  const driven = await drive({
    host,
    state: inputs,
    step,
    locals: [LOCAL],
    firstTimer: tick(5e6),
    onReport: () => {},
  });
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

test('a refused transmit is told as unsent with the code', async () => {
  const host = simHost();
  host.refuse = 'ENETUNREACH';
  const { inputs, step } = scripted({
    timeout: [{ type: 'transmit', bytes: Uint8Array.of(1), from: LOCAL, to: REMOTE, context: 3 }],
  });
  const driven = await drive({
    host,
    state: inputs,
    step,
    locals: [LOCAL],
    firstTimer: tick(0),
    onReport: () => {},
  });
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
  const driven = await drive({
    host,
    state: inputs,
    step,
    locals: [LOCAL],
    firstTimer: tick(0),
    onReport: () => {},
  });
  host.runTo(1);
  assert.ok(inputs[1]?.type === 'unsent');
  await driven.close();
});

test('a later timer replaces the earlier one', async () => {
  const host = simHost();
  const { inputs, step } = scripted({ datagram: [{ type: 'timer', atNs: tick(9e6) }] });
  const driven = await drive({
    host,
    state: inputs,
    step,
    locals: [LOCAL],
    firstTimer: tick(5e6),
    onReport: () => {},
  });
  host.deliver({ bytes: Uint8Array.of(0), local: LOCAL, remote: REMOTE });
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
    const driven = await drive({
      host,
      state: inputs,
      step,
      locals: [LOCAL],
      firstTimer: null,
      onReport: () => {},
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
  const driven = await drive({
    host,
    state: inputs,
    step,
    locals: [LOCAL],
    firstTimer: null,
    onReport: (report) => reports.push(report),
  });
  host.deliver({ bytes: Uint8Array.of(0), local: LOCAL, remote: REMOTE });
  assert.equal(
    reports.map(({ type }) => type),
    ['drop', 'path'],
  );
  await driven.close();
  host.runTo(60_000);
  assert.is(inputs.length, 1);
});

test.run();

/** What `clockbraid ptp boundary --port …` makes of its words. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Args, readArgs } from '../../src/cli/args.ts';
import { boundaryOptions } from '../../src/cli/boundary.ts';
import { ptpCommand } from '../../src/cli/ptp.ts';

const test = suite('clockbraid ptp boundary');

function argsOf(line: string): Args {
  const args = readArgs(ptpCommand, ['boundary', ...line.split(' ')]);
  if (args === null) throw new Error('help was asked for');
  return args;
}
const optionsOf = (line: string) => boundaryOptions(argsOf(line), ptpCommand.options);
const said = (line: string): string => {
  try {
    optionsOf(line);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test('a port takes what is said of all, and its own in place of it', () => {
  const { ports, clock } = optionsOf(
    '--port 192.0.2.1 --port 2001:db8::1,sync=-3,master-only --sync -1 --delay -2 --priority1 9',
  );
  assert.equal(clock, { priority1: 9 });
  assert.equal(
    ports.map(({ addresses, role, mode }) => [addresses, role, mode]),
    [
      [['192.0.2.1'], 'any', 'plain'],
      [['2001:db8::1'], 'master', 'plain'],
    ],
  );
  const intervals = ports.map(({ port }) => [port?.logSyncInterval, port?.logMinDelayReqInterval]);
  assert.equal(intervals, [
    [-1, -2],
    [-3, -2],
  ]);
});

test('modes, addresses and masters of each port', () => {
  const { ports, udpPorts } = optionsOf(
    '--port 10.0.0.1,10.0.1.1,mode=single-ended,master=10.9.0.1,master=10.9.1.1,slave-only --port 10.2.0.1,unicast --port 10.3.0.1,hybrid,p2p --event-port 1319 --general-port 1320',
  );
  const [up, unicast, hybrid] = ports;
  assert.equal(up?.masters, ['10.9.0.1', '10.9.1.1']);
  assert.is(up?.role, 'slave');
  assert.is(up?.mode, 'single-ended');
  assert.equal(up?.addresses, ['10.0.0.1', '10.0.1.1']);
  assert.equal(unicast?.masters, []);
  assert.is(unicast?.mode, 'single-ended');
  assert.is(hybrid?.delayRequests, 'unicast');
  assert.is(hybrid?.port?.delayMechanism, 2);
  assert.equal(udpPorts, { event: 1319, general: 1320 });
});

test('profiles may differ by port (EP-080)', () => {
  const { ports } = optionsOf(
    '--port 10.0.0.1 --port 10.1.0.1,delay-mode=unicast --profile enterprise',
  );
  assert.equal(
    ports.map(({ profile, delayMode }) => [profile, delayMode]),
    [
      ['enterprise', undefined],
      ['enterprise', 'unicast'],
    ],
  );
});

test('what is wrong is said with the port it is about', () => {
  for (const [line, pattern] of [
    ['--domain 3', /needs --port ADDR, twice at least/],
    ['--port 10.0.0.1,sinc=2', /"--port 10\.0\.0\.1" expected .*perhaps "sync", got "sinc"/],
    ['--port 10.0.0.1,sync=x', /"--port 10\.0\.0\.1: sync" expected an integer .*got "x"/],
    ['--port 10.0.0.1,domain=3', /which "--domain" is not/],
    ['--port 10.0.0.1,p2p=1', /"--port 10\.0\.0\.1: p2p" expected no value/],
    ['--port 10.0.0.1,sync', /expected a value, sync=LOG2S/],
    ['--port sync=1', /"--port" expected an IP address of ours/],
    ['--port 10.0.0.1 --master 10.0.0.2', /"--master" is one port's/],
    ['--port 10.0.0.1 --domain 1 --domain 2', /one "--domain"/],
    ['--port 10.0.0.1,mode=fast', /"--port 10\.0\.0\.1: mode" expected one of plain/],
  ] as const) {
    assert.match(said(line), pattern, line);
  }
});

test.run();

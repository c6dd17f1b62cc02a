/** What Deno must be given, and what not: one small program run with exact permission flags. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bundleProgram } from '../bundle.ts';

const test = suite('udp permissions in Deno');
const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
const program = join(folder, 'program.mjs');

const PROGRAM = `
import { chooseHost } from './src/udp/choose.ts';
const host = chooseHost();
const codes = [];
let got = 0;
let arrived;
const arrival = new Promise((resolve) => { arrived = resolve; });
const udp = await host.openUdp({ ip: '127.0.0.1', port: 0 }, {
  onDatagram: ({ bytes }) => { got += bytes.length; arrived(); },
  onError: (code) => { codes.push(code); },
});
udp.send(new Uint8Array(1), { ip: '127.0.0.2', port: 9 });
udp.send(new Uint8Array(48), udp.local);
await arrival;
const refused = await host.openUdp({ ip: '127.0.0.3', port: 0 }, { onDatagram() {}, onError() {} })
  .then(() => 'bound', ({ name, message }) => name + ': ' + message);
let grouped = null;
const member = await host.openMulticast('233.252.0.1', udp.local, {
  onDatagram: ({ group }) => { grouped = group; arrived(); },
  onError: (code) => { codes.push(code); },
});
const sender = await host.openUdp({ ip: '127.0.0.1', port: 0 },
  { onDatagram() {}, onError() {} }, { multicast: {} });
await new Promise((resolve) => { arrived = resolve; sender.send(new Uint8Array(1), { ip: '233.252.0.1', port: udp.local.port }); });
const secret = await host.openMulticast('ff02::6b', { ip: '::1', port: 1 }, { onDatagram() {}, onError() {} })
  .then(() => 'joined', ({ message }) => message);
await Promise.all([member.close(), sender.close()]);
const addresses = host.localAddresses();
const resolved = await host.resolve('127.0.0.1');
const denied = await host.resolve('localhost').then(String, ({ message }) => message);
const step = host.clock.check();
await udp.close();
console.log(JSON.stringify({ name: host.name, grouped, secret, got, codes, refused, addresses, resolved, denied, step }));
`;

interface Outcome {
  readonly name: string;
  readonly got: number;
  readonly grouped: string | null;
  readonly secret: string;
  readonly codes: readonly string[];
  readonly refused: string;
  readonly addresses: readonly string[];
  readonly resolved: readonly string[];
  readonly denied: string;
  readonly step: number;
}

function run(flags: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(
    join('node_modules', '.bin', 'deno'),
    ['run', '--quiet', '--no-prompt', ...flags, program],
    { encoding: 'utf8', timeout: 20_000 },
  );
  // Ending by itself is part of it: close() has to resolve, and nothing may be left running.
  assert.is(status, 0, stderr);
  return JSON.parse(stdout) as Outcome;
}

test.before(async () => {
  await bundleProgram({ text: PROGRAM }, program);
});

test.after(() => rmSync(folder, { recursive: true }));

for (const { name, flags, sendRefusal } of [
  {
    name: 'Deno.listenDatagram',
    flags: ['--unstable-net', '--allow-net=127.0.0.1,233.252.0.1'],
    sendRefusal: 'EACCES',
  },
  {
    name: 'node:dgram (Deno without --unstable-net)',
    flags: ['--allow-net=127.0.0.1,233.252.0.1'],
    sendRefusal: 'UNKNOWN', // all that Deno's node:dgram tells
  },
]) {
  test(`${flags.join(' ')} is enough for everything but the interface list`, () => {
    const outcome = run(flags);
    assert.is(outcome.name, name);
    assert.is(outcome.got, 48);
    assert.equal(outcome.codes, [sendRefusal]);
    assert.match(
      outcome.refused,
      'HostError: cannot bind 127.0.0.3:0: EACCES, Requires net access',
    );
    assert.is(outcome.grouped, '233.252.0.1');
    assert.match(outcome.secret, 'EPERM, its interface is needed and secret here; Deno needs');
    assert.equal(outcome.addresses, []);
    assert.equal(outcome.resolved, ['127.0.0.1']);
    assert.is(
      outcome.denied,
      'cannot resolve "localhost": EPERM, Deno needs --allow-net=localhost',
    );
    assert.is(outcome.step, 0);
  });
}

test('--allow-sys=networkInterfaces gives the interface list', () => {
  const flags = ['--allow-net=127.0.0.1,233.252.0.1', '--allow-sys=networkInterfaces'];
  assert.ok(run(flags).addresses.includes('127.0.0.1'));
});

test.run();

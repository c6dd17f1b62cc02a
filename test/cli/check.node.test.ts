/** `clockbraid check` in the three runtimes: files, standard input, configurations, live traffic. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { framesOf, pcapngOf } from '../capture/files.ts';
import { hybridStream, type Item, seenOf, withBody } from '../check/rig.ts';
import { lastJson, RUNTIMES, run } from './program.ts';

const test = suite('cli: check');
const DENO = { deno: ['--allow-net', '--unstable-net', '--allow-read', '--allow-sys'] };

let folder = '';
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'clockbraid-check-'));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

function captureOf(items: readonly Item[]): Uint8Array {
  const frames = items.map(seenOf).map(({ src, dst, dstPort, bytes, atNs }) => {
    const [[, , frame] = []] = framesOf({ src, dst, port: dstPort, payload: [...bytes] });
    return { ticks: atNs, frame: frame ?? [] };
  });
  return pcapngOf(1, frames, { isLittle: true, resolution: 9 });
}

const noTlv = (items: Item[]) =>
  items.map((item) => (item.message.type === 'Announce' ? withBody(item, { tlvs: [] }) : item));

for (const runtime of RUNTIMES) {
  test(`${runtime}: a clean capture ends 0, one without TLV 1, with time, sender, message and section`, async () => {
    const clean = join(folder, 'clean.pcapng');
    const bare = join(folder, 'bare.pcapng');
    writeFileSync(clean, captureOf(hybridStream(30)));
    writeFileSync(bare, captureOf(noTlv(hybridStream(30))));
    const good = await run(runtime, ['check', clean, '--profile', 'enterprise'], DENO);
    assert.is(good.code, 0, good.err);
    assert.is(good.out, '150 messages, 150 frames: no rule broken\n');
    const bad = await run(runtime, ['check', bare, '--profile', 'enterprise'], DENO);
    assert.is(bad.code, 1, bad.err);
    const [first = ''] = bad.out.split('\n');
    assert.is(
      first,
      '2023-11-14T22:13:20.000000000Z error aaaaaa.fffe.000001-1 (10.0.0.1 > 224.0.1.129) Announce 0: the TLV is missing [EP-066, draft-ietf-tictoc-ptp-enterprise-profile-01 §8]',
    );
    assert.is(bad.out.match(/the TLV is missing/g)?.length, 3, 'the first three are shown');
    assert.match(bad.out, /30 × error +EP-066: .*; by aaaaaa\.fffe\.000001-1/);
    const rfc = await run(
      runtime,
      ['check', bare, '--profile', 'enterprise', '--revision', 'rfc9760', '--json'],
      DENO,
    );
    assert.is(rfc.code, 0, rfc.out + rfc.err);
    const json = await run(
      runtime,
      ['check', bare, '--profile', 'enterprise', '--all', '--json'],
      DENO,
    );
    assert.is(json.out.trimEnd().split('\n').length, 31);
    const { check } = lastJson(json) as { check: { errors: number; rules: { rule: string }[] } };
    assert.is(check.errors, 30);
    assert.equal(
      check.rules.map(({ rule }) => rule),
      ['EP-066'],
    );
  });

  test(`${runtime}: a file cut short, no capture and no PTP are one sentence each, and end 1`, async () => {
    const whole = captureOf(hybridStream(5));
    const write = (name: string, bytes: Uint8Array) => {
      const file = join(folder, name);
      writeFileSync(file, bytes);
      return file;
    };
    const cut = write('cut.pcapng', whole.subarray(0, whole.length - 100));
    const text = write('text.pcapng', new TextEncoder().encode('hello there'));
    const none = write('none.pcapng', captureOf([]));
    const outcome = await run(runtime, ['check', cut, text, none], DENO);
    assert.is(outcome.code, 1);
    assert.match(
      outcome.err,
      /cut\.pcapng: it ends within a block that began at octet \d+: it was cut off/,
    );
    assert.match(outcome.err, /text\.pcapng: it is neither a pcap nor a pcapng file/);
    assert.match(outcome.err, /none\.pcapng: no PTP over UDP in it/);
    assert.match(outcome.out, /24 messages, /);
    const missing = await run(runtime, ['check', join(folder, 'missing')], DENO);
    assert.is(missing.code, 1);
    assert.match(missing.err, /cannot read ".*missing": no such file or folder/);
  });

  test(`${runtime}: configurations: every violation, as options and as TOML; usage ends 2`, async () => {
    const options = ['--sync', '-8', '--announce', '1', '--p2p'];
    const enterprise = ['--profile', 'enterprise'];
    const bad = await run(
      runtime,
      ['check', 'ptp', 'master', '10.0.0.1', ...options, ...enterprise],
      DENO,
    );
    assert.is(bad.code, 1, bad.err);
    assert.match(
      bad.out,
      /error announce 1: .*\[draft-01 §7\]\nerror sync -8: .*\nerror p2p yes: /,
    );
    assert.match(bad.out, /3 errors\n$/);
    const ports = ['--port', '10.0.0.1,sync=-8', '--port', 'fd00::1,delay=9,slave-only'];
    const boundary = await run(
      runtime,
      ['check', 'ptp', 'boundary', ...ports, ...enterprise],
      DENO,
    );
    assert.is(boundary.code, 1, boundary.err);
    assert.match(
      boundary.out,
      /^error port 10\.0\.0\.1: sync -8: .*\nerror port fd00::1: delay 9: .*\n2 errors\n$/,
    );
    const file = join(folder, 'clock.toml');
    writeFileSync(
      file,
      '[ptp]\nrole = "master"\naddresses = ["10.0.0.1"]\nsync = -8\nannounce = 1\np2p = true\n',
    );
    const toml = await run(runtime, ['check', 'config', file, ...enterprise], DENO);
    assert.is(toml.out, bad.out, toml.err);
    const good = await run(runtime, ['check', 'ptp', 'slave', '10.0.0.1', '--delay', '-3'], DENO);
    assert.is(good.code, 0, good.out + good.err);
    writeFileSync(file, '[ptp]\nrole = "master"\naddresses = ["10.0.0.1"]\nsink = -8\n');
    for (const args of [
      ['config', file],
      ['ptp', 'both', '10.0.0.1'],
      ['live'],
      ['x', '--profile', 'y'],
    ]) {
      const wrong = await run(runtime, ['check', ...args], DENO);
      assert.is(wrong.code, 2, args.join(' '));
      assert.is(wrong.err.trimEnd().split('\n').length, 1, wrong.err);
    }
  });

  test(`${runtime}: live on loopback, ports of our own: nothing heard, and it says so`, async () => {
    const port = 21_000 + Math.floor(Math.random() * 20_000);
    const live = await run(
      runtime,
      [
        ...['check', 'live', '127.0.0.1', '--seconds', '0.5', '--json'],
        ...['--event-port', `${port}`, '--general-port', `${port + 1}`],
      ],
      DENO,
    );
    assert.is(live.code, 1, live.err);
    assert.match(live.err, /no PTP was heard/);
    assert.equal(lastJson(live), {
      check: { messages: 0, copies: 0, errors: 0, warnings: 0, rules: [] },
    });
  });
}

test('the rules of a profile are listed', async () => {
  const { out, code } = await run('node', [
    'check',
    'rules',
    '--profile',
    'enterprise',
    '--revision',
    'rfc9760',
  ]);
  assert.is(code, 0);
  assert.match(out, /EP-120 +error +peer-to-peer delay measurement is not used \(RFC 9760 §13\)/);
  assert.not.match(out, /EP-066|MP-21/);
});

test.run();

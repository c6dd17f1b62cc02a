/** The built program, in the three runtimes: what the README and --help promise. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS } from '../../src/core.ts';
import { lastJson, RUNTIMES, run, start } from './program.ts';

const test = suite('cli');
const COMMANDS = [
  ...['demo', 'query', 'run', 'serve', 'record', 'replay', 'sim', 'bench', 'doctor', 'about'],
];

interface DemoSummary {
  protocol: string;
  combiner: string;
  bestPathRms: number;
  combiners: Record<string, { rms: number; p95: number; max: number }>;
}

for (const runtime of RUNTIMES) {
  test(`${runtime}: demo as nobody ends by itself, and kalman beats the best path and all averages`, async () => {
    const outcome = await run(runtime, ['demo', '--seconds', '8', '--json'], { nobody: true });
    assert.is(outcome.code, 0, outcome.err);
    assert.ok(outcome.ms < 14_000, `${outcome.ms} ms for 8 s`);
    const { summary } = lastJson(outcome) as unknown as { summary: DemoSummary };
    const { braid, kalman, average, weighted } = summary.combiners;
    const rms = (figures: { rms: number } | undefined) => figures?.rms ?? Number.NaN;
    assert.is(summary.combiner, 'braid');
    assert.ok(rms(kalman) < summary.bestPathRms, JSON.stringify(summary));
    assert.ok(
      rms(braid) < summary.bestPathRms && rms(braid) < rms(average),
      JSON.stringify(summary),
    );
    assert.ok(rms(kalman) < rms(average) && rms(kalman) < rms(weighted), JSON.stringify(summary));
    for (const { rms: r, p95, max } of Object.values(summary.combiners)) {
      assert.ok(r > 0 && p95 > 0 && max >= p95);
    }
  });

  test(`${runtime}: the first screen comes within 2 s and names every path and trouble`, async () => {
    const outcome = await run(runtime, ['demo', '--seconds', '3'], { nobody: true });
    assert.is(outcome.code, 0, outcome.err);
    assert.ok(
      (outcome.firstMs ?? Infinity) < 2000 + 1500,
      `first output after ${outcome.firstMs} ms`,
    );
    for (const word of ['congested', 'asymmetric', 'lying', 'dying', 'true error', 'next:']) {
      assert.match(outcome.out, word);
    }
    assert.is(outcome.out.split('127.0.0.11|127.0.0.21').length > 1, true);
  });

  test(`${runtime}: demo --ptp as nobody: braid and kalman beat the best path and the average, too`, async () => {
    const outcome = await run(runtime, ['demo', '--ptp', '--seconds', '8', '--json'], {
      nobody: true,
    });
    assert.is(outcome.code, 0, outcome.err);
    const { summary } = lastJson(outcome) as unknown as { summary: DemoSummary };
    const { braid, kalman, average } = summary.combiners;
    const rms = (figures: { rms: number } | undefined) => figures?.rms ?? Number.NaN;
    assert.is(summary.protocol, 'ptp');
    for (const figures of [braid, kalman]) {
      assert.ok(rms(figures) > 0 && rms(figures) < summary.bestPathRms, JSON.stringify(summary));
      assert.ok(rms(figures) < rms(average), JSON.stringify(summary));
    }
  });

  test(`${runtime}: demo --ptp shows every path, its Syncs and answers, and every trouble`, async () => {
    const outcome = await run(runtime, ['demo', '--ptp', '--seconds', '4'], { nobody: true });
    assert.is(outcome.code, 0, outcome.err);
    const last = outcome.out.slice(outcome.out.lastIndexOf('\nclockbraid demo'));
    for (const word of ['congested', 'asymmetric', 'lying', 'dying', 'sync/delay']) {
      assert.match(last, word);
    }
    const rows = [...last.matchAll(/^127\.0\.0\.1[12]\|127\.0\.0\.2[1-4] +\S+ +(\d+)\/(\d+) /gm)];
    assert.is(rows.length, 8, last);
    for (const [row, syncs, delays] of rows)
      assert.ok(Number(syncs) > 3 && Number(delays) > 3, row);
  });

  test(`${runtime}: query over 2 × 2 paths against serve, table and JSON, then a clean stop`, async () => {
    const port = 21_000 + Math.floor(Math.random() * 20_000);
    const args = [`127.0.0.1:${port}`, `127.0.0.2:${port}`];
    const server = start(runtime, [
      'serve',
      ...args,
      '--stratum',
      '5',
      '--seconds',
      '20',
      '--json',
    ]);
    await new Promise((resolve) => server.child.stderr?.once('data', resolve));
    const json = await run(runtime, [
      ...['query', ...args, '--local', '127.0.0.3', '--local', '127.0.0.4'],
      ...['--samples', '3', '--json'],
    ]);
    assert.is(json.code, 0, json.err);
    const { query } = lastJson(json) as {
      query: { paths: { samples: number; stratum: number }[]; combined: { offset: number } };
    };
    assert.is(query.paths.length, 4);
    assert.ok(query.paths.every(({ samples, stratum }) => samples === 3 && stratum === 5));
    assert.ok(Math.abs(query.combined.offset) < 0.05);
    server.child.kill('SIGTERM');
    const { code, out } = await server.outcome;
    assert.is(code, 0);
    const { serve } = JSON.parse(out.trim()) as { serve: { answered: number } };
    assert.ok(serve.answered >= 12);
  });

  test(`${runtime}: a recorded demo --ptp replays with its truth`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
    const file = join(folder, 'ptp.cbr');
    const deno = ['--allow-net', '--unstable-net', '--allow-read', '--allow-write'];
    const demo = ['demo', '--ptp', '--seconds', '3', '--record', file, '--json'];
    try {
      const { code, err } = await run(runtime, demo, { deno });
      assert.is(code, 0, err);
      const replay = await run(runtime, ['replay', file, '--json', '--settle', '1'], { deno });
      const { summary } = lastJson(replay) as { summary: { exchanges: number; rms: number } };
      assert.ok(summary.exchanges > 100 && summary.rms > 0 && summary.rms < 0.05, replay.out);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${runtime}: record, then replay gives the live run's figures; JSON Lines too`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
    const file = join(folder, 'demo.cbr');
    const deno = ['--allow-net', '--unstable-net', '--allow-read', '--allow-write'];
    try {
      const demo = await run(runtime, ['demo', '--seconds', '3', '--record', file, '--json'], {
        deno,
      });
      assert.is(demo.code, 0, demo.err);
      const settle = ['--settle', '0.6'];
      const replay = await run(
        runtime,
        ['replay', file, '--combiner', 'all', '--json', ...settle],
        { deno },
      );
      assert.is(replay.code, 0, replay.err);
      const { summary } = lastJson(replay) as {
        summary: { exchanges: number; rms: number; combiners: Record<string, { rms: number }> };
      };
      assert.ok(summary.exchanges > 100);
      assert.equal(Object.keys(summary.combiners).length, COMBINERS.length);
      assert.ok(summary.rms > 0 && summary.rms < 0.05);
      const lines = await run(runtime, ['replay', file, '--to-jsonl'], { deno });
      const open = await run(runtime, ['replay', '-', '--json', ...settle], {
        deno,
        input: lines.out,
      });
      const again = lastJson(open) as { summary: { exchanges: number; rms: number } };
      assert.is(again.summary.exchanges, summary.exchanges);
      // JSON Lines hold whole ns, the recording 2^-32 s
      const before = summary.combiners.braid?.rms ?? 0;
      assert.ok(Math.abs(again.summary.rms - before) < 1e-7, `${again.summary.rms}, ${before}`);
      const first = JSON.parse(open.out.slice(0, open.out.indexOf('\n')));
      assert.equal(Object.keys(first), [
        ...['at', 'offset', 'uncertainty', 'earliest', 'latest', 'frequency', 'path', 'pathState'],
        ...['causalEarliest', 'causalLatest'],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${runtime}: mistakes are one sentence with exit code 2, failures 1`, async () => {
    const cases: readonly (readonly [string[], number, RegExp])[] = [
      [['demmo'], 2, /did you mean "demo"/],
      [['demo', '--sed', '3'], 2, /did you mean "--seed"/],
      [['demo', '--seconds', 'x'], 2, /"--seconds" expected a number 3\.\.3600, got "x"/],
      [['query'], 2, /takes 1 to 16 HOST/],
      [['query', '127.0.0.1:0'], 2, /1\.\.65535/],
      [['run'], 2, /--config/],
      [['serve', '0.0.0.0'], 2, /local IP address/],
      [['serve', '224.0.1.1'], 2, /a unicast address/],
      [['ptp', 'master', '127.0.0.1', '--chrony', '/x'], 2, /"--chrony" is not for/],
      [['ptp', 'slave', '127.0.0.1', '--chrony', 'x'.repeat(108)], 2, /path of 1 to 107 bytes/],
      [['replay', '/nowhere/at/all'], 1, /cannot read/],
    ];
    for (const [args, code, message] of cases) {
      const outcome = await run(runtime, args, { deno: ['--allow-net', '--allow-read'] });
      assert.is(outcome.code, code, `${args.join(' ')}: ${outcome.err}`);
      assert.match(outcome.err, message);
      assert.is(outcome.err.trimEnd().split('\n').length, 1, outcome.err);
      assert.not.match(outcome.err, /\bat .*:\d+:\d+/);
    }
  });
}

test('--help everywhere names every option and exits 0', async () => {
  const overview = await run('node', ['--help']);
  assert.is(overview.code, 0);
  for (const command of COMMANDS) {
    assert.match(overview.out, command);
    const help = await run('node', [command, '--help']);
    assert.is(help.code, 0);
    assert.match(help.out, `usage: clockbraid ${command}`);
  }
  assert.is((await run('node', [])).code, 2);
});

test('replay names bad lines with file and line, goes on, and --strict stops', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
  const file = join(folder, 'a.jsonl');
  const good = (k: number) =>
    `{"path":"192.0.2.1|198.51.100.7","localSend":"${1_763_600_000 + k}000000000","remoteReceive":"${1_763_600_000 + k}005000000","remoteSend":"${1_763_600_000 + k}005020000","localReceive":"${1_763_600_000 + k}010020000"}`;
  writeFileSync(file, [good(0), 'nonsense', good(1), '{"path":1}', good(2)].join('\n'));
  try {
    const outcome = await run('node', ['replay', file, '--json']);
    assert.is(outcome.code, 0);
    assert.match(outcome.err, `${file}:2: `);
    assert.match(outcome.err, `${file}:4: `);
    const { summary } = lastJson(outcome) as { summary: { exchanges: number; badLines: number } };
    assert.is(summary.exchanges, 3);
    assert.is(summary.badLines, 2);
    assert.is(outcome.out.trimEnd().split('\n').length, 4);
    const strict = await run('node', ['replay', file, '--json', '--strict']);
    assert.is(strict.code, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('run reads its configuration and prints a status line per second', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
  const port = 21_000 + Math.floor(Math.random() * 20_000);
  const file = join(folder, 'run.toml');
  writeFileSync(
    file,
    `[[source]]\naddress = "127.0.0.1:${port}"\nlocal-addresses = ["127.0.0.3", "127.0.0.4"]\n[poll]\nmin = -3\nmax = -3\nbudget = "per-path"\niburst = 0\n`,
  );
  const server = start('node', [
    'serve',
    `127.0.0.1:${port}`,
    '--stratum',
    '5',
    '--seconds',
    '20',
    '--rate',
    'off',
  ]);
  try {
    await new Promise((resolve) => server.child.stderr?.once('data', resolve));
    const outcome = await run('node', ['run', '--config', file, '--seconds', '3', '--json']);
    assert.is(outcome.code, 0, outcome.err);
    const lines = outcome.out.trimEnd().split('\n');
    assert.is(lines.length, 3);
    const { status } = JSON.parse(lines[2] ?? '') as {
      status: { combined: { offset: number }; paths: { reach: string; state: string }[] };
    };
    assert.ok(Math.abs(status.combined.offset) < 0.05);
    assert.ok(status.paths.length === 2 && status.paths.every(({ reach }) => reach !== '000'));
    // PATH-13: without probes it goes on with all paths, and says so
    appendFileSync(file, '[discovery]\n');
    const blind = await run('node', [
      'run',
      '--config',
      file,
      '--seconds',
      '1',
      '--stamps',
      'plain',
    ]);
    assert.match(
      blind.err,
      /no route is traced, which takes kernel timestamps \(here node:dgram\)/,
    );
    assert.not.match(outcome.err, /traced/);
  } finally {
    server.child.kill('SIGTERM');
    await server.outcome;
    rmSync(folder, { recursive: true });
  }
});

test('Ctrl-C stops a running command cleanly in under 2 s', async () => {
  for (const runtime of RUNTIMES) {
    const { child, outcome } = start(runtime, ['demo', '--seconds', '60']);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const asked = Date.now();
    child.kill('SIGINT');
    const { code, out } = await outcome;
    assert.is(code, 0);
    assert.ok(Date.now() - asked < 2000, `${runtime} took ${Date.now() - asked} ms`);
    assert.match(out, 'next:');
  }
});

test('--stamps chooses whose stamps, status and about tell, and a wrong word is refused', async () => {
  const port = 21_000 + Math.floor(Math.random() * 20_000);
  const server = start('node', ['serve', `127.0.0.1:${port}`, '--stratum', '5', '--seconds', '30']);
  await new Promise((resolve) => server.child.stderr?.once('data', resolve));
  const about = lastJson(await run('node', ['about', '--json'])) as {
    about: { host: string; whyPlain: string | null };
  };
  const isKernelHere = about.about.whyPlain === null;
  try {
    for (const runtime of RUNTIMES) {
      for (const stamps of isKernelHere ? ['plain', 'kernel', 'auto'] : ['plain']) {
        const outcome = await run(
          runtime,
          ['query', `127.0.0.1:${port}`, '--samples', '1', '--stamps', stamps, '--json'],
          { deno: ['--allow-net', '--unstable-net', '--allow-ffi'], nobody: true },
        );
        assert.is(outcome.code, 0, outcome.err);
        const { query } = lastJson(outcome) as { query: { paths: { stamps: string }[] } };
        assert.is(query.paths[0]?.stamps, stamps === 'plain' ? 'user' : 'kernel', outcome.out);
        assert.is(outcome.err, '');
      }
    }
  } finally {
    server.child.kill('SIGTERM');
    await server.outcome;
  }
  const wrong = await run('node', ['query', '127.0.0.1', '--stamps', 'hardware']);
  assert.is(wrong.code, 2);
  assert.match(wrong.err, '"--stamps" expected one of auto, kernel, plain, got "hardware"');
});

test('serve tells at the end what became of every request', async () => {
  const port = 21_000 + Math.floor(Math.random() * 20_000);
  const server = start('node', ['serve', `127.0.0.1:${port}`, '--stratum', '5', '--rate', '10']);
  await new Promise((resolve) => server.child.stderr?.once('data', resolve));
  const request = new Uint8Array(48).fill(1);
  request[0] = 0x23;
  const client = createSocket('udp4');
  for (let n = 0; n < 40; n++) client.send(request, port, '127.0.0.1');
  await new Promise((resolve) => setTimeout(resolve, 300));
  client.close();
  server.child.kill('SIGTERM');
  const { err } = await server.outcome;
  assert.match(err, '40 requests, 16 answered, 1 kissed, 23 rate-limited');
});

test('without FFI it says why in one line and takes plain stamps, or fails if kernel ones are a must', async () => {
  const why = 'no kernel timestamps: Deno needs --allow-ffi for them';
  const port = 21_000 + Math.floor(Math.random() * 20_000);
  const serve = (...more: string[]) =>
    run('deno', ['serve', `127.0.0.1:${port}`, '--seconds', '0.2', ...more]);
  const plain = await serve();
  assert.is(plain.code, 0);
  assert.is(plain.err.split('\n')[0], `clockbraid: ${why}; stamps by Deno.listenDatagram`);
  const strict = await serve('--stamps', 'kernel');
  assert.is(strict.code, 1);
  assert.is(strict.err, `clockbraid: ${why}\n`);
  const asked = await serve('--stamps', 'plain');
  assert.not.match(asked.err, 'no kernel');

  // koffi is optional: the program alone in a folder
  const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
  try {
    const program = join(folder, 'clockbraid.mjs');
    copyFileSync('build/clockbraid.js', program);
    const { stdout } = spawnSync(process.execPath, [program, 'about', '--json'], {
      encoding: 'utf8',
      cwd: folder,
    });
    const { about } = JSON.parse(stdout) as { about: { host: string; whyPlain: string } };
    assert.is(about.host, 'node:dgram');
    assert.is(about.whyPlain, 'no kernel timestamps: the optional package koffi is not installed');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();

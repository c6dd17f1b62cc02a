/** `clockbraid ptp` as a user runs it, in the three runtimes, without root: high ports, loopback. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WHOLE_LIST } from '../ptp/leaplist.ts';
import { lastJson, type Outcome, RUNTIMES, run, start } from './program.ts';

const test = suite('cli ptp');

const DENO = [
  '--allow-net',
  '--unstable-net',
  '--allow-read',
  '--allow-write',
  '--allow-sys',
  '--allow-ffi',
];

let last = 22_000 + 2 * Math.floor(Math.random() * 4000);
/** Ports of their own, and quick intervals. */
function options(): string[] {
  last += 2;
  const quick = ['--announce', '-2', '--sync', '-3', '--delay', '-3'];
  return ['--event-port', `${last}`, '--general-port', `${last + 1}`, ...quick];
}

const LOCALS = ['127.0.0.3', '127.0.0.4'];

interface PtpLine {
  ptp: {
    state: string;
    mode: string;
    defaultDS: { clockIdentity: string };
    timePropertiesDS: Record<string, unknown>;
    combined: { offset: number } | null;
    paths: { path: string; state: string; forward: number; reverse: number }[];
    serves: { messageType: string }[];
    problem: string | null;
  };
}

const linesOf = ({ out }: Outcome): PtpLine['ptp'][] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as PtpLine).ptp);

/** A master that is one already. */
async function master(...args: string[]) {
  const started = start('node', ['ptp', 'master', ...args]);
  let text = '';
  await new Promise<void>((resolve) => {
    started.child.once('close', () => resolve());
    for (const stream of [started.child.stdout, started.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        text += data.toString();
        if (text.includes('LISTENING to MASTER')) resolve();
      });
    }
  });
  return {
    async stop(): Promise<Outcome> {
      started.child.kill('SIGTERM');
      return started.outcome;
    },
  };
}

for (const runtime of RUNTIMES) {
  test(`${runtime}: a slave of two addresses: log lines as ptp4l's, the table, exit code 0`, async () => {
    const ports = options();
    const far = await master('127.0.0.1', '--unicast', ...ports);
    const args = ['ptp', 'slave', ...LOCALS, '--master', '127.0.0.1', '--seconds', '4', ...ports];
    const { out, err, code } = await run(runtime, args, { deno: DENO, nobody: runtime === 'node' });
    assert.is(code, 0, err);
    assert.is(err, '');
    for (const line of [
      /^clockbraid\[\d+\.\d{3}\]: port 1: INITIALIZING to LISTENING on INIT_COMPLETE$/m,
      /: port 1: new foreign master 026362\.007f\.000001-1$/m,
      /: selected best master clock 026362\.007f\.000001$/m,
      /: port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED$/m,
      /: path 127\.0\.0\.1\|127\.0\.0\.4 granted: Sync every 0\.125 s for \d+ s$/m,
      /: master offset +-?\d+ s2 freq +[+-]\d+ path delay +-?\d+ paths 2\/2$/m,
      /^path +state +identity +sync +delay +offset/m,
      /^127\.0\.0\.1\|127\.0\.0\.3 \w+ +026362\.007f\.000003-1 +\d+ +\d+/m,
      /^127\.0\.0\.1\|127\.0\.0\.4 \w+ +026362\.007f\.000004-1 +\d+ +\d+/m,
      /^combined: offset [+-]/m,
    ]) {
      assert.match(out, line);
    }
    assert.is((await far.stop()).code, 0);
  });

  test(`${runtime}: master and dual-ended slave with --json: a line a second, both stop on SIGINT`, async () => {
    const ports = options();
    const addresses = ['127.0.0.1', '127.0.0.2'];
    const far = start(runtime, ['ptp', 'master', ...addresses, '--unicast', '--json', ...ports], {
      deno: DENO,
    });
    await new Promise((resolve) => far.child.stdout?.once('data', resolve));
    const masters = addresses.flatMap((ip) => ['--master', ip]);
    const near = start(
      runtime,
      [...['ptp', 'slave', ...LOCALS, '--mode', 'dual-ended', '--json'], ...masters, ...ports],
      { deno: DENO },
    );
    let text = '';
    await new Promise<void>((resolve) => {
      near.child.once('close', () => resolve());
      near.child.stdout?.on('data', (data: Buffer) => {
        text += data.toString();
        if (text.split('\n').length > 5) resolve();
      });
    });
    near.child.kill('SIGINT');
    const outcome = await near.outcome;
    assert.is(outcome.code, 0, outcome.err);
    assert.match(outcome.err, /LISTENING to UNCALIBRATED on RS_SLAVE/);
    const lines = linesOf(outcome);
    const ptp = lines.at(-1);
    assert.ok(lines.length >= 5 && ptp !== undefined);
    assert.is(ptp.state, 'SLAVE');
    assert.is(ptp.mode, 'dual-ended');
    assert.is(ptp.paths.length, 4);
    assert.ok(ptp.paths.every(({ forward, reverse }) => forward > 0 && reverse > 0));
    assert.ok(Math.abs(ptp.combined?.offset ?? 1) < 0.05);
    far.child.kill('SIGINT');
    const served = await far.outcome;
    assert.is(served.code, 0, served.err);
    const busiest = Math.max(...linesOf(served).map(({ serves }) => serves.length));
    assert.is(busiest, 12);
  });

  test(`${runtime}: --record, then replay gives the live figures`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
    const file = join(folder, 'ptp.cbr');
    const ports = options();
    const far = await master('127.0.0.1', '--unicast', ...ports);
    try {
      const args = ['ptp', 'slave', ...LOCALS, '--master', '127.0.0.1', '--seconds', '4'];
      const live = await run(runtime, [...args, '--json', '--record', file, ...ports], {
        deno: DENO,
      });
      assert.is(live.code, 0, live.err);
      const ptp = linesOf(live).at(-1);
      const measurements = (ptp?.paths ?? []).reduce((sum, p) => sum + p.forward + p.reverse, 0);
      const replay = await run(runtime, ['replay', file, '--json'], { deno: DENO });
      assert.is(replay.code, 0, replay.err);
      const { summary } = lastJson(replay) as { summary: { exchanges: number } };
      // what came between the last line and the end is recorded, too
      const further = summary.exchanges - measurements;
      assert.ok(further >= 0 && further < 60, `${summary.exchanges}, live ${measurements}`);
      const results = replay.out
        .split('\n')
        .filter((line) => line.startsWith('{"at"'))
        .map((line) => JSON.parse(line) as { offset: number | null });
      const { offset = Number.NaN } = ptp?.combined ?? {};
      const isThere = results.some((one) => one.offset === offset);
      assert.ok(isThere, `${offset} is not among the replayed`);
    } finally {
      await far.stop();
      rmSync(folder, { recursive: true });
    }
  });

  test(`${runtime}: mistakes are one sentence with exit code 2, failures 1`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
    const file = join(folder, 'leap');
    writeFileSync(file, '3692217600 37\n');
    const slave = ['ptp', 'slave', '127.0.0.3', '--event-port', '21319', '--general-port', '21320'];
    const cases: readonly (readonly [string[], number, RegExp])[] = [
      [['ptp'], 2, /takes 1 to 65 "slave" or "master" and ADDR, or "boundary", got 0/],
      [['ptp', 'boss', '127.0.0.1'], 2, /is for "slave", "master" or "boundary", not "boss"/],
      [[...slave, '--mod', 'x'], 2, /did you mean "--mode"/],
      [[...slave, '--mode', 'multi'], 2, /"--mode" expected one of plain, single-ended, dual-end/],
      [[...slave, '--master', 'ntp.example'], 2, /"ptp\.masters\.0" .*got "ntp\.example"/],
      [[...slave, '--master', '::1'], 2, /"ptp\.masters\.0" expected .* family/],
      [[...slave, '--master', '127.0.0.1', '--mode', 'plain'], 2, /none with plain multicast/],
      [[...slave, '--domain', '128'], 2, /"--domain" expected an integer 0\.\.127, got "128"/],
      [[...slave, '--sync', '-11'], 2, /"--sync" expected an integer -10\.\.22, got "-11"/],
      [[...slave, '--profile', 'enterprise', '--sync', '-8'], 2, /-7\.\.7 .*draft-01 §7.*got -8/],
      [[...slave, '--profile', 'enterprise', '--p2p'], 2, /RFC 8039 §5\.1.*draft-01 §12/],
      [[...slave, '--profile', 'enterprise', '--domain', '1', '--domain', '1'], 2, /each domain/],
      [[...slave, '--revision', 'rfc9760'], 2, /profile "enterprise"/],
      [[...slave, '--clock-identity', 'x'], 2, /"ptp\.clockIdentity" expected a clockIdentity as/],
      [[...slave, '--event-port', '21320'], 2, /"ptp\.ports\.general" expected another port/],
      [[...slave, '--combiner', 'nope'], 2, /"--combiner" expected one of .*braid/],
      [['ptp', 'slave', 'localhost'], 2, /got "localhost"/],
      [
        [...slave, '--leap-file', file],
        2,
        /leap" expected a line "#@" with its expiry, got "none"/,
      ],
      [[...slave, '--leap-file', '/nowhere'], 1, /cannot read "?\/nowhere/],
      [[...slave.slice(0, 2), '192.0.2.77', ...slave.slice(3)], 1, /cannot bind 192\.0\.2\.77:/],
    ];
    try {
      for (const [args, code, message] of cases) {
        const outcome = await run(runtime, args, { deno: DENO, timeoutMs: 10_000 });
        assert.is(outcome.code, code, `${args.join(' ')}: ${outcome.err}`);
        assert.match(outcome.err, message);
        assert.is(outcome.err.trimEnd().split('\n').length, 1, outcome.err);
        assert.not.match(outcome.err, /\bat .*:\d+:\d+/);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`${runtime}: nobody on port 319 is told the way out`, async () => {
    const outcome = await run(runtime, ['ptp', 'slave', '127.0.0.3', '--seconds', '1'], {
      deno: DENO,
      nobody: true,
    });
    if (process.getuid?.() !== 0 && outcome.code === 0) return; // may bind low ports after all
    assert.is(outcome.code, 1, outcome.out);
    assert.match(outcome.err, /cannot bind 127\.0\.0\.3:319: EACCES, ports below 1024 .* 1024 up/);
    assert.is(outcome.err.trimEnd().split('\n').length, 1, outcome.err);
  });
}

test('--help names the roles, every option, and commands of which two work here', async () => {
  const { out, code } = await run('node', ['ptp', '--help']);
  assert.is(code, 0);
  assert.match(out, 'usage: clockbraid ptp slave|master ADDR… [options]');
  for (const name of ['master', 'unicast', 'mode', 'event-port', 'general-port', 'leap-file']) {
    assert.match(out, `--${name}`);
  }
  const shown = [...out.matchAll(/^ {2}clockbraid (ptp .*)$/gm)].map(([, args = '']) =>
    args.split(' '),
  );
  assert.is(shown.length, 4);
  const [, , first = [], second = []] = shown; // the others need addresses of one's own
  const far = await master(...first.slice(2), '--announce', '-2');
  const near = await run('node', [...second, '--seconds', '10', '--announce', '-2']);
  assert.is(near.code, 0, near.out);
  await far.stop();
});

test('a slave that hears nobody ends with exit code 1', async () => {
  const args = ['ptp', 'slave', '127.0.0.3', '--master', '127.0.0.1', ...options()];
  const { code, out } = await run('node', [...args, '--seconds', '1.5']);
  assert.is(code, 1);
  assert.match(out, 'INITIALIZING to LISTENING');
});

test('leap files: current, expired, missing, a second left out; what a master says of its time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
  const file = join(folder, 'leap-seconds.list');
  const day = 86_400;
  const ntp = 2_208_988_800;
  const today = Math.floor(Date.now() / 1000 / day) * day + ntp;
  const lists: readonly (readonly [string, Record<string, unknown>, RegExp | null])[] = [
    [
      WHOLE_LIST.replace('#@\t3991593600', `#@\t${today + 100 * day}`),
      { currentUtcOffset: 37, currentUtcOffsetValid: true, ptpTimescale: true, leap59: false },
      null,
    ],
    [
      WHOLE_LIST.replace('#@\t3991593600', `#@\t${today - day}`),
      { currentUtcOffset: 37, currentUtcOffsetValid: false, ptpTimescale: false },
      /the leap seconds list expired on \d{4}-\d\d-\d\d: serving UTC as an arbitrary timescale/,
    ],
    [
      // the last second of yesterday was left out: one less
      `${WHOLE_LIST.replace('#@\t3991593600', `#@\t${today + day}`)}${today} 36\n`,
      { currentUtcOffset: 36, currentUtcOffsetValid: true, ptpTimescale: true, leap59: false },
      null,
    ],
  ];
  try {
    for (const [text, properties, said] of lists) {
      writeFileSync(file, text);
      const args = ['ptp', 'master', '127.0.0.1', '--unicast', '--leap-file', file, '--json'];
      const outcome = await run('node', [...args, '--seconds', '1', ...options()]);
      assert.is(outcome.code, 0, outcome.err);
      const told = linesOf(outcome).at(-1)?.timePropertiesDS ?? {};
      for (const [name, value] of Object.entries(properties)) assert.is(told[name], value, name);
      if (said === null) assert.not.match(outcome.err, 'arbitrary');
      else assert.match(outcome.err, said);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();

/** `sim` and `bench accuracy` of the built program, in the three runtimes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS } from '../../src/core.ts';
import { NAMED } from '../../src/sim/named.ts';
import { lastJson, RUNTIMES, run } from './program.ts';

const test = suite('cli sim');

const deno = ['--allow-read', '--allow-write'];

async function inFolder(job: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'clockbraid-'));
  try {
    await job(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Summary {
  readonly exchanges: number;
  readonly badLines: number;
  readonly combiners: Record<string, { rms: number; max: number; inside: number }>;
}
const summaryOf = (outcome: Parameters<typeof lastJson>[0]): Summary =>
  (lastJson(outcome) as unknown as { summary: Summary }).summary;

for (const runtime of RUNTIMES) {
  test(`${runtime}: sim scores at once what replay says of its recording, in both forms`, () =>
    inFolder(async (folder) => {
      const [binary, lines] = [join(folder, 'a.cbr'), join(folder, 'a.jsonl')];
      const what = ['sim', 'F', '--paths', '3', '--seed', '5', '--seconds', '2000'];
      const settle = ['--settle', '500'];
      const at = await run(runtime, [...what, ...settle, '--json'], { deno });
      assert.is(at.code, 0, at.err);
      const wrote = await run(runtime, [...what, '--out', binary], { deno });
      assert.is(wrote.code, 0, wrote.err);
      assert.match(wrote.out, /F: .*\n3 paths, 2000 s.*\nwritten to .* times real time/);
      const open = await run(runtime, [...what, '--jsonl', '--out', lines], { deno });
      assert.is(open.code, 0, open.err);
      const wanted = summaryOf(at);
      assert.is(wanted.exchanges, 6000);
      assert.equal(Object.keys(wanted.combiners), [...COMBINERS]);
      for (const file of [binary, lines]) {
        const args = ['replay', file, '--combiner', 'all', '--json', ...settle];
        const got = summaryOf(await run(runtime, args, { deno }));
        assert.is(got.badLines, 0);
        assert.equal(got.combiners, wanted.combiners, file);
      }
    }));

  test(`${runtime}: a scenario of 18000 s runs more than 1000 times faster than it would happen`, async () => {
    const outcome = await run(runtime, ['sim', 'A', '--combiner', 'kalman'], { deno: [] });
    assert.is(outcome.code, 0, outcome.err);
    const factor = /([\d,]+) times real time/.exec(outcome.out)?.[1]?.replaceAll(',', '');
    assert.ok(Number(factor) > 1000, outcome.out);
    assert.match(outcome.out, /72000 measurements .* errors count from 3600 s/);
    assert.match(outcome.out, /kalman +rms .* inside 100\.00%/);
  });

  test(`${runtime}: bench accuracy writes JSON, a picture and Markdown, progress on stderr`, () =>
    inFolder(async (folder) => {
      const file = (name: string) => join(folder, name);
      const outcome = await run(
        runtime,
        [
          ...['bench', 'accuracy', '--scenarios', 'Phw,D1', '--paths', '1', '--seeds', '2'],
          ...['--combiners', 'kalman,average', '--details'],
          ...['--json', file('a.json'), '--svg', file('a.svg'), '--markdown', file('a.md')],
        ],
        { deno },
      );
      assert.is(outcome.code, 0, outcome.err);
      assert.match(outcome.err, /^\[1\/2\] D1 1: .* to go\n\[2\/2\] Phw 1: /);
      assert.match(outcome.out, /Phw +1 .*30\.0ns/);
      assert.match(outcome.out, /D1 1 +kalman/);
      const { accuracy } = JSON.parse(readFileSync(file('a.json'), 'utf8'));
      assert.is(accuracy.rows.length, 2);
      assert.is(accuracy.rows[1].combiners.kalman.seeds.length, 2);
      assert.is(accuracy.rows[1].reference.chrony, 30e-9);
      assert.match(readFileSync(file('a.svg'), 'utf8'), /^<svg .*<\/svg>\n$/s);
      assert.match(readFileSync(file('a.md'), 'utf8'), /\| Phw 1 +\|/);
    }));
}

test('sim --list names every scenario', async () => {
  const { out, code } = await run('node', ['sim', '--list']);
  assert.is(code, 0);
  for (const { name, title } of NAMED) assert.ok(out.includes(` ${name} `) && out.includes(title));
});

test("the example of sim's help is a scenario that runs", () =>
  inFolder(async (folder) => {
    const help = await run('node', ['sim', '--help']);
    const example = help.out.slice(help.out.indexOf('  seconds ='), help.out.indexOf('\nLaws:'));
    const file = join(folder, 'mine.toml');
    writeFileSync(file, example);
    const outcome = await run('node', ['sim', file, '--seconds', '600', '--json']);
    assert.is(outcome.code, 0, outcome.err);
    // 3 paths × 600 s × (8 Syncs + 1 Delay_Req), 1 % lost
    assert.ok(summaryOf(outcome).exchanges > 15_900);
    assert.ok(summaryOf(outcome).exchanges < 16_150);
  }));

test('sim pipes JSON Lines to replay; the report goes to stderr', async () => {
  const made = await run('node', ['sim', 'A', '--seconds', '99', '--jsonl', '--out', '-']);
  assert.is(made.code, 0, made.err);
  assert.is(made.out.trimEnd().split('\n').length, 1 + 4 * 99);
  assert.match(made.err, /written to standard output/);
  const replayed = await run('node', ['replay', '-', '--json'], { input: made.out });
  assert.is(summaryOf(replayed).exchanges, 396);
});

test('bench writes to standard output on request, the table to stderr', async () => {
  const args = ['bench', 'accuracy', '--scenarios', 'Phw', '--paths', '1', '--seeds', '1'];
  const { out, err, code } = await run('node', [...args, '--json', '-']);
  assert.is(code, 0, err);
  assert.is(JSON.parse(out).accuracy.rows.length, 1);
  assert.match(err, /Phw +1 /);
});

test('bench accuracy --quick scores one seed', async () => {
  const { code, err, out } = await run('node', ['bench', 'accuracy', '--quick']);
  assert.is(code, 0, err);
  assert.match(out, /pooled over seed 1/);
});

test('mistakes are one sentence with exit code 2', async () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['sim'], /needs a scenario/],
    [['sim', 'PlanX'], /"Plan" perhaps/],
    [['sim', 'A', '--paths', '257'], /1\.\.256/],
    [['sim', 'D2', '--paths', '1'], /2\.\.256 for D2/],
    [['sim', 'A', '--combiner', 'kalmann'], /one of kalman/],
    [['sim', 'A', '--jsonl'], /needs --out/],
    [['sim', 'A', '--out', '-'], /add --jsonl/],
    [['sim', 'x.toml', '--paths', '3'], /a file lists its paths/],
    [['sim', 'A', '--settle', '99999'], /0\.\.18000/],
    [['bench'], /takes 1/],
    [['bench', 'speed'], /knows accuracy, not "speed"/],
    [['bench', 'accuracy', '--scenarios', 'A,AA'], /scenario/],
    [['bench', 'accuracy', '--combiners', 'kalman,x'], /some of kalman/],
    [['bench', 'accuracy', '--paths', '0'], /integers 1\.\.256/],
    [['bench', 'accuracy', '--quick', '--paths', '2'], /chooses scenarios/],
    [['bench', 'accuracy', '--json', '-', '--svg', '-'], /only one of json, svg/],
  ];
  for (const [args, message] of cases) {
    const outcome = await run('node', args);
    assert.is(outcome.code, 2, `${args.join(' ')}: ${outcome.err}`);
    assert.match(outcome.err, message);
    assert.is(outcome.err.trimEnd().split('\n').length, 1, outcome.err);
  }
  assert.is((await run('node', ['sim', '/nowhere/x.toml'])).code, 1);
});

test('replay names an attack: a list of events for people, lines of events for machines', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'a.cbr');
    await run('node', ['sim', 'D1', '--paths', '4', '--seconds', '7260', '--out', file]);
    const lines: string[] = [];
    for (const runtime of RUNTIMES) {
      const text = await run(runtime, ['replay', file], { deno });
      assert.is(text.code, 0, text.err);
      assert.match(
        text.out,
        /\nevents:\n {2}2025-11-20T02:53:\d\dZ Suspicion of 192\.0\.2\.1\|198\.51\.100\.1: offset shifts with its delay: \+\S+ms on the way back since 02:53:\d\d\n$/,
      );
      const json = await run(runtime, ['replay', file, '--json'], { deno });
      const told = json.out.split('\n').filter((line) => line.startsWith('{"event":'));
      assert.is(told.length, 1);
      lines.push(told[0] ?? '');
    }
    assert.is(new Set(lines).size, 1, 'runtimes differ');
    const { event, path, state, reason, at, since } = JSON.parse(lines[0] ?? '{}');
    assert.is(`${event} ${path} ${state}`, 'suspicion 192.0.2.1|198.51.100.1 quarantined');
    assert.ok(BigInt(since) < BigInt(at) && reason.length > 0);
    const quiet = await run('node', [
      'sim',
      'A',
      '--paths',
      '4',
      '--seconds',
      '900',
      '--out',
      file,
    ]);
    assert.is(quiet.code, 0);
    assert.not.match((await run('node', ['replay', file])).out, /event/);
  }));

test.run();

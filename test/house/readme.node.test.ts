/** Runs every TypeScript example of the README in Node, Deno and Bun and holds it to its output. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { transformSync } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('readme');
const readme = readFileSync('README.md', 'utf8');
const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

// inside the package, so that 'clockbraid' means itself
const folder = join('build', `readme-${process.pid}`);

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  node: [process.execPath],
  deno: ['node_modules/.bin/deno', 'run', '--no-prompt', '-A', '--unstable-net'],
  bun: ['node_modules/.bin/bun', '--no-install'],
};

test('there are examples', () => {
  assert.ok(examples.length >= 2);
});

for (const [index, example] of examples.entries()) {
  for (const [runtime, [command = '', ...args]] of Object.entries(COMMANDS)) {
    test(`example ${index + 1} prints what it says in ${runtime}`, () => {
      const wanted = [...example.matchAll(/^\/\/ prints: (.*)$/gm)].map((match) => match[1]);
      assert.ok(wanted.length > 0, 'an example says what it prints');
      mkdirSync(folder, { recursive: true });
      const file = join(folder, `example${index}.mjs`);
      writeFileSync(file, transformSync(example, { loader: 'ts', target: 'es2022' }).code);
      try {
        const { stdout, stderr, status } = spawnSync(command, [...args, file], {
          encoding: 'utf8',
          timeout: 30_000,
        });
        assert.is(status, 0, stderr);
        assert.equal(stdout.trimEnd().split('\n'), wanted);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
}

test('every option that the README gives to a command exists', () => {
  const program = readFileSync('build/clockbraid.js', 'utf8');
  const calls = readme.matchAll(
    /(?:npx clockbraid|^\| `)(?: ?)(demo|query|run|serve|ptp|record|replay|sim|bench) ([^\n]*)/gm,
  );
  let checked = 0;
  for (const [, , rest = ''] of calls) {
    for (const [, flag = ''] of rest.matchAll(/--([a-z-]+)/g)) {
      checked++;
      assert.ok(program.includes(`${flag}: {`) || program.includes(`"${flag}": {`), `--${flag}`);
    }
  }
  assert.ok(checked > 12, `only ${checked} options were found`);
});

test.run();

/** The table of the Enterprise Profile's requirements is the one that the tests make. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('requirements');

test('test/ENTERPRISE.md is up to date', () => {
  const argv = ['test/requirements.mjs', '--check'];
  const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  assert.is(status, 0, stderr);
});

test('it has every requirement once, and tests for most', () => {
  const ids = [...readFileSync('test/ENTERPRISE.md', 'utf8').matchAll(/^\| (EP-\d{3}) .*$/gm)];
  assert.is(new Set(ids.map(([, id]) => id)).size, ids.length);
  assert.ok(ids.length >= 88);
  const tested = ids.filter(([row]) => row.includes('| tested |')).length;
  assert.ok(tested > ids.length / 2, `${tested} of ${ids.length}`);
});

test.run();

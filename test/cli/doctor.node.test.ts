/** `clockbraid doctor` in the three runtimes, as root and as nobody. */
import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Facts } from '../../src/doctor/facts.ts';
import type { Diagnosis } from '../../src/doctor/judge.ts';
import { lastJson, type ProgramOptions, RUNTIMES, type Runtime, run } from './program.ts';

const test = suite('cli doctor');
const ALL = ['-A', '--unstable-net'];

interface Doctor {
  version: number;
  healthy: boolean;
  diagnoses: Diagnosis[];
  facts: Facts;
}

async function doctor(runtime: Runtime, options: ProgramOptions): Promise<Doctor> {
  const outcome = await run(runtime, ['doctor', '--json'], options);
  const { doctor: found } = lastJson(outcome) as { doctor: Doctor };
  assert.is(outcome.code, found.healthy ? 0 : 1, outcome.err);
  assert.is(outcome.err, '');
  const hasProblem = found.diagnoses.some(({ level }) => level === 'problem');
  assert.is(found.healthy, !hasProblem);
  return found;
}

for (const runtime of RUNTIMES) {
  test(`${runtime}: facts and diagnoses of this machine, as nobody`, async () => {
    const { facts, diagnoses, version } = await doctor(runtime, { nobody: true, deno: ALL });
    assert.is(version, 1);
    assert.is(diagnoses.length, 8);
    assert.is(facts.platform, process.platform);
    assert.ok(Math.abs(facts.nowUnixS - Date.now() / 1000) < 30);
    assert.ok(facts.clock.stepNs > 0 && facts.clock.stepNs < 1e6, `${facts.clock.stepNs}`);
    assert.ok(facts.clock.readNs > 0 && facts.clock.readNs < 1e6, `${facts.clock.readNs}`);
    assert.equal(
      facts.ports.map(({ port }) => port),
      [123, 319, 320],
    );
    if (process.platform !== 'linux') return;
    assert.ok(Array.isArray(facts.daemons) && facts.buffers.lost !== null);
    if (process.getuid?.() !== 0) return;
    assert.is(facts.canCapture, false);
    assert.ok(
      facts.ports.every(({ code }) => code !== null),
      'nobody has no port below 1024',
    );
  });

  test(`${runtime}: for people a line per check and the sum`, async () => {
    const { out, code, err } = await run(runtime, ['doctor'], { deno: ALL });
    const lines = out.trimEnd().split('\n');
    assert.is(lines.length, 10, out + err);
    for (const line of lines.slice(1, -1)) assert.match(line, /^(ok|note|problem) +[a-z]/);
    assert.is(/problem/.test(lines.at(-1) ?? ''), code === 1);
  });
}

test('deno with --allow-net only: what it may not read is not known, and it asks for nothing', async () => {
  const { facts, diagnoses } = await doctor('deno', {});
  assert.is(facts.daemons, null);
  assert.is(facts.leap.isHidden, true);
  const stamps = diagnoses.find(({ check }) => check === 'timestamps');
  assert.match(stamps?.text ?? '', '--allow-ffi');
});

test.run();

/** The scoreboard on real simulations: it scores what the simulator made, and reports it everywhere. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { type Board, planOf, quickPlan, rowsOf } from '../../src/report/board.ts';
import { measure } from '../../src/report/measure.ts';
import { PEERS, referenceOf } from '../../src/report/reference.ts';
import { NAMED, namedScenario } from '../../src/sim/named.ts';
import { adjusted } from '../../src/sim/scenario.ts';
import { traceOf } from '../../src/sim/trace.ts';
import { SCENARIOS } from '../sim/scenarios.ts';
import { score, simulate } from '../sim/world.ts';

const test = suite('report board');

test('measuring a trace in batches gives what feeding one exchange at a time gives', () => {
  for (const [name, paths] of [
    ['A', 4],
    ['D1', 4],
    ['E', 2],
  ] as const) {
    const scenario = adjusted(namedScenario(name, paths), { durationS: 8000 });
    const core = createCore({ combiner: 'kalman' });
    const got = measure(core, traceOf(scenario, 2), { settleS: 1600, pollS: 1 });
    const made = SCENARIOS[name]?.(paths);
    if (made === undefined) return assert.unreachable(name);
    const wanted = score(core, paths, simulate({ ...made, durationS: 8000 }, 2), 1600);
    assert.is(got.count, wanted.count);
    assert.ok(Math.abs(got.rmsS / wanted.rmsS - 1) < 1e-12);
    assert.is(got.maxS, wanted.maxS);
    assert.is(got.inside, wanted.bounded);
    assert.ok(Math.abs(got.nees / wanted.nees - 1) < 1e-9);
  }
});

test('the death of a path is detected within seconds; clean paths are not accused for it', () => {
  const scenario = adjusted(namedScenario('E', 4), { durationS: 9000 });
  const got = measure(createCore({ combiner: 'kalman' }), traceOf(scenario, 1), scenario);
  assert.ok(got.detectS !== null && got.detectS > 0 && got.detectS < 60, `${got.detectS}`);
  assert.is(got.falseAlarms, 0);
  assert.is(got.unscored, 0);
});

test('a clock that nobody steers back never recovers, and an untouched run has nothing to say', () => {
  const lied = adjusted(namedScenario('D1', 2), { durationS: 9000 });
  const average = createCore({ combiner: 'average' });
  assert.is(measure(average, traceOf(lied, 1), lied).recoverS, Number.POSITIVE_INFINITY);
  const calm = adjusted(namedScenario('A', 2), { durationS: 2000 });
  const { detectS, recoverS, falseAlarms } = measure(average, traceOf(calm, 1), calm);
  assert.equal([detectS, recoverS, falseAlarms], [null, null, 0]);
});

test('MP-25: more paths make a better clock than the best single one (report, A, K = 1, 2, 4, 8)', () => {
  const plan = planOf({ scenarios: ['A'] });
  assert.equal(
    plan.map(({ paths }) => paths),
    [1, 2, 4, 8],
  );
  const rows = [...rowsOf(plan, ['kalman'], [1, 2])];
  const rms = rows.map(({ cells }) => cells[0]?.figures.rmsS ?? Number.NaN);
  for (const [k, figure] of rms.entries()) {
    if (k > 0) assert.ok(figure < (rms[k - 1] ?? 0), `${rms}`);
  }
  assert.is(rows[0]?.cells[0]?.runs.length, 2);
  assert.is(rows[2]?.reference.chrony, 48.9e-6);
});

test('plans: names and numbers of paths as asked, impossible ones left out; quick has all kinds', () => {
  const names = (plan: ReturnType<typeof planOf>) =>
    plan.map(({ scenario, paths }) => `${scenario} ${paths}`);
  assert.equal(names(planOf({ scenarios: ['D2', 'A'], paths: [1, 4] })), ['A 1', 'A 4', 'D2 4']);
  assert.ok(planOf({}).length > 55);
  const quick = names(quickPlan());
  for (const row of ['A 1', 'A 4', 'Ahet 8', 'C 4', 'D2 5', 'Plan 4', 'Phw 4', 'Major 8']) {
    assert.ok(quick.includes(row), row);
  }
  assert.is(new Set(quick).size, quick.length);
});

test('references: figures of ALGORITHMS §1, §4 and §5 in seconds, none made up', () => {
  const of = (name: string, paths: number) => referenceOf(name, paths);
  assert.equal(of('A', 4), {
    ...{ chrony: 48.9e-6, tuned: 14.2e-6, ntpsec: 258e-6, ptp4l: null },
    ...{ gauss: 16.4e-6, limit: 1.65e-6, goal: 3e-6 },
  });
  assert.is(of('Plan', 1).ptp4l, 2718e-9);
  assert.is(of('Phw', 4).goal, 7e-9);
  assert.is(of('A16', 8).chrony, 34.1e-6);
  for (const { name, counts, scale } of NAMED) {
    for (const count of [...counts, 3, 16]) {
      for (const peer of PEERS) {
        const figure = of(name, count)[peer];
        if (figure === null) continue;
        assert.ok(counts.includes(count), `${name} ${count} is on no board`);
        assert.ok(figure > (scale === 'wide' ? 5e-7 : 1e-9), `${name} ${count} ${peer} ${figure}`);
        assert.ok(figure < (scale === 'wide' ? 4e-3 : 1e-4), `${name} ${count} ${peer} ${figure}`);
      }
    }
  }
});

test('the same seeds give the same board', () => {
  const board = (): Board['rows'] => [
    ...rowsOf(planOf({ scenarios: ['F'], paths: [2] }), ['kalman', 'best'], [7]),
  ];
  assert.equal(board(), board());
});

test.run();

/** The named scenarios: what they say happens does happen, to the right paths, at the right time. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { worldOf } from '../../src/sim/compile.ts';
import { NAMED, namedScenario } from '../../src/sim/named.ts';
import { adjusted, type Scenario } from '../../src/sim/scenario.ts';
import { traceOf } from '../../src/sim/trace.ts';
import { type Exchange, exchangesOf } from '../../src/sim/world.ts';

const test = suite('sim named');

const all = (scenario: Scenario, seed = 1): Exchange[] =>
  [...exchangesOf(worldOf(scenario), seed)].flat();
const run = (name: string, paths?: number, durationS?: number, seed = 1): Exchange[] =>
  all(adjusted(namedScenario(name, paths), { durationS }), seed);

/** One-way delays by the truth: remote − local is known at receipt, and drifts by 1e-5 only. */
const reverseS = ({ t1, t2, truth }: Exchange): number => (t2 - t1) / 1e9 - truth;
const forwardS = ({ t3, t4, truth }: Exchange): number => (t4 - t3) / 1e9 + truth;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));

/** Mean forward and reverse delay of one path (from 0) in a span of true time. */
function delays(exchanges: readonly Exchange[], path: number, fromS: number, toS = 1e9) {
  const own = exchanges.filter((one) => one.path === path && one.at >= fromS && one.at < toS);
  return { count: own.length, forward: mean(own.map(forwardS)), reverse: mean(own.map(reverseS)) };
}

const close = (got: number, wanted: number, by: number): void =>
  assert.ok(Math.abs(got - wanted) < by, `${got}, not ${wanted} ± ${by}`);

test('every scenario of ALGORITHMS §3 ships, and each builds with its own numbers of paths', () => {
  const names = NAMED.map(({ name }) => name);
  for (const name of [
    ...['A', 'A16', 'Aq8', 'Ahet', 'Bln', 'Bpar', 'Berl', 'Bq', 'C', 'D1', 'D1r', 'D2', 'E', 'F'],
    ...['Rup', 'Rdn', 'Plan', 'PlanC', 'PlanE', 'PlanF', 'Phw'],
  ]) {
    assert.ok(names.includes(name), name);
  }
  assert.is(new Set(names).size, names.length);
  for (const { name, counts } of NAMED) {
    for (const count of counts) {
      const exchanges = run(name, count, 60);
      assert.is(new Set(exchanges.map(({ path }) => path)).size, count, `${name} ${count}`);
    }
  }
});

test('the same seed gives the same exchanges, another seed others', () => {
  for (const name of ['A', 'Bq', 'Seg', 'F', 'Rem']) {
    assert.equal(run(name, 4, 300, 5), run(name, 4, 300, 5), name);
    assert.not.equal(run(name, 4, 300, 5), run(name, 4, 300, 6), name);
  }
});

test('a path draws the same delays however many others there are, event or not', () => {
  const first = (exchanges: Exchange[]) =>
    exchanges.filter(({ path }) => path === 0).map(({ t1, t2 }) => t2 - t1);
  assert.equal(first(run('A', 1, 600)), first(run('A', 8, 600)));
  const before = (exchanges: Exchange[]) => exchanges.filter(({ at }) => at < 7190);
  assert.equal(before(run('A', 4, 7300)), before(run('D1', 4, 7300)));
});

test('exchanges come in the order of receipt, causal, with truth = −(local − true)', () => {
  for (const name of ['A', 'Bpar', 'Step', 'Plan', 'Phw']) {
    const exchanges = run(name, 4, 9000);
    for (const [k, exchange] of exchanges.entries()) {
      assert.ok(k === 0 || exchange.at >= (exchanges[k - 1]?.at ?? 0));
      const readS = exchange.t4 / 1e9 - exchange.at; // local − true, by the stamp
      close(readS, -exchange.truth, 2e-9);
    }
    assert.ok(exchanges.every(({ t1, t4 }) => t4 > t1) || name === 'Step');
  }
});

test('delays have their floor and their mean, in both directions', () => {
  for (const [name, floorS, meanS] of [
    ['A', 5e-3, 6e-3],
    ['Berl', 5e-3, 6e-3],
    ['Bq', 5e-3, 6e-3],
    ['Plan', 50e-6, 60e-6],
    ['Phw', 5e-6, 5e-6],
  ] as const) {
    const exchanges = run(name, 4, 6000);
    // the truth drifts by 1e-5 during the flight, to which the reverse direction is held
    for (const values of [exchanges.map(forwardS), exchanges.map(reverseS)]) {
      close(least(values), floorS, name === 'Berl' ? 60e-6 : floorS / 50);
      close(mean(values), meanS, name === 'Bq' ? 0.5e-3 : meanS / 50);
    }
  }
});

test('C, D1, D1r, D2, F, Rup, Rdn, Major: path 1 (and who else) is late from then on', () => {
  const cases: readonly (readonly [string, number, number, number, number])[] = [
    // name, paths, affected, extra forward, extra reverse; ms, at the end
    ['C', 4, 1, 2, 0],
    ['D1', 4, 1, 10, 0],
    ['D1r', 4, 1, 10, 0],
    ['D2', 5, 2, 10, 0],
    ['Rup', 4, 1, 3, 3],
    ['Rdn', 4, 1, -3, -3],
    ['Major', 8, 5, 1, 0],
    ['Lie', 5, 3, 10, 0],
  ];
  for (const [name, paths, affected, forwardMs, reverseMs] of cases) {
    const exchanges = run(name, paths, 9200);
    for (let path = 0; path < paths; path++) {
      const after = delays(exchanges, path, 8300);
      const hit = path < affected ? 1e-3 : 0;
      close(after.forward, 6e-3 + hit * forwardMs, 0.15e-3);
      close(after.reverse, 6e-3 + hit * reverseMs, 0.15e-3);
      if (name === 'C' || name === 'Lie') continue;
      const before = delays(exchanges, path, 6000, 7199);
      close(before.forward, 6e-3, 0.15e-3);
      close(before.reverse, 6e-3, 0.15e-3);
    }
  }
  const ramp = delays(run('D1r', 4, 7800), 0, 7690, 7710); // 5 ms on the way
  close(ramp.forward, 11e-3, 1e-3);
});

test('F: congestion comes and goes; E: the dead stay silent; Back: and return', () => {
  const congested = run('F', 4, 12000);
  close(delays(congested, 0, 7200, 10800).forward, 19e-3, 1e-3);
  close(delays(congested, 0, 7200, 10800).reverse, 6e-3, 0.1e-3);
  close(delays(congested, 0, 10800).forward, 6e-3, 0.1e-3);
  const dead = run('E', 4, 9000);
  assert.is(delays(dead, 0, 7201).count, 0);
  assert.ok(delays(dead, 0, 0, 7200).count >= 7199);
  assert.ok(delays(dead, 1, 7201).count > 1700);
  const back = run('Back', 2, 12000);
  assert.is(delays(back, 0, 7201, 10800).count, 0);
  close(delays(back, 0, 10801).forward, 8.2e-3, 0.1e-3);
});

test('Hop: one path at a time is late, the next after ten minutes', () => {
  const exchanges = run('Hop', 4, 10000);
  for (let turn = 0; turn < 4; turn++) {
    const fromS = 7200 + 600 * turn;
    for (let path = 0; path < 4; path++) {
      const { forward } = delays(exchanges, path, fromS + 1, fromS + 599);
      close(forward, path === turn ? 16e-3 : 6e-3, 0.5e-3);
    }
  }
});

test('Stamp: the remote stamps move, the delay does not; Rem: 9 of 10 packets are lost', () => {
  const forged = run('Stamp', 4, 8000);
  const moved = delays(forged, 0, 7201);
  close(moved.forward, 6e-3 - 20e-3, 0.5e-3);
  close(moved.reverse, 6e-3 + 20e-3, 0.5e-3);
  close(delays(forged, 1, 7201).forward, 6e-3, 0.5e-3);
  const removed = run('Rem', 4, 17200);
  close(delays(removed, 0, 7201).count / delays(removed, 1, 7201).count, 0.1, 0.015);
});

test('Seg: paths of one segment wait together, the others do not; Step: the truth jumps', () => {
  const exchanges = run('Seg', 4, 6000);
  const rounds = (path: number): number[] =>
    exchanges.filter((one) => one.path === path).map(forwardS);
  const correlation = (a: readonly number[], b: readonly number[]): number => {
    const [ma, mb] = [mean(a), mean(b)];
    const cross = (x: readonly number[], mx: number, y: readonly number[], my: number) =>
      mean(x.map((value, k) => (value - mx) * ((y[k] ?? 0) - my)));
    return cross(a, ma, b, mb) / Math.sqrt(cross(a, ma, a, ma) * cross(b, mb, b, mb));
  };
  assert.ok(correlation(rounds(0), rounds(1)) > 0.8);
  assert.ok(Math.abs(correlation(rounds(0), rounds(2))) < 0.2);
  const truths = run('Step', 1, 7300).map(({ truth }) => truth);
  const jumps = truths.slice(1).map((truth, k) => truth - (truths[k] ?? 0));
  close(least(jumps), -50e-3, 0.1e-3);
});

test('all at once or in turns, and at the poll asked for', () => {
  const scenario = adjusted(namedScenario('A', 4), { pollS: 16, durationS: 1600 });
  assert.is(all(scenario).length, 400);
  const sent = (stagger: boolean) => {
    const exchanges = all({ ...scenario, stagger });
    const second = exchanges.filter(({ t1 }) => t1 > 15e9 && t1 < 31e9);
    return second.map(({ t1 }) => Math.round(t1 / 1e9)).sort((a, b) => a - b);
  };
  assert.equal(sent(true), [16, 20, 24, 28]);
  assert.equal(sent(false), [16, 16, 16, 16]);
  // COMB-14: unequal rates, 1:8
  const paths = scenario.paths.map((path, k) => (k === 3 ? { ...path, every: 8 } : path));
  const counts = [0, 3].map((k) => all({ ...scenario, paths }).filter((e) => e.path === k).length);
  assert.equal(counts, [100, 13]);
});

test('a trace holds what the engine made, marks included', () => {
  const scenario = adjusted(namedScenario('D2', 5), { durationS: 8000 });
  const exchanges = all(scenario);
  const trace = traceOf(scenario, 1);
  assert.is(trace.count, exchanges.length);
  const k = 31_234;
  assert.is(trace.truthS[k], exchanges[k]?.truth);
  assert.is(trace.atS[k], exchanges[k]?.at);
  const view = new DataView(trace.records.buffer);
  assert.is(view.getUint32(k * 40, true), exchanges[k]?.path);
  const t4 = view.getBigInt64(k * 40 + 32, true) - 1_763_600_000_000_000_000n;
  assert.is(Number(t4), exchanges[k]?.t4);
  assert.equal(trace.marks, [
    { kind: 'attack', fromS: 7200, toS: Number.POSITIVE_INFINITY, paths: [0, 1] },
  ]);
  assert.equal(trace.clean, [2, 3, 4]);
  assert.equal(traceOf(adjusted(namedScenario('C', 4), { durationS: 9 }), 1).clean, [1, 2, 3]);
  assert.equal(traceOf(adjusted(namedScenario('Hop', 4), { durationS: 9 }), 1).marks, [
    { kind: 'attack', fromS: 7200, toS: 7800, paths: [0] },
  ]);
});

test('unknown names and impossible numbers of paths are one sentence', () => {
  const refused = (name: string, paths: number | undefined, message: RegExp) =>
    assert.throws(
      () => namedScenario(name, paths),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    );
  refused('PlanX', 4, /"Plan" perhaps/);
  refused('nonsense', 4, /one of A, /);
  refused('D2', 1, /2\.\.256 for D2/);
  refused('A', 257, /1\.\.256/);
  refused('A', 1.5, /integer/);
});

test.run();

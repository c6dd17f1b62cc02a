/** The queueing laws of ALGORITHMS §3 against their textbook figures, and the random numbers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { localClock } from '../../src/sim/clock.ts';
import { delayOf } from '../../src/sim/laws.ts';
import { exponential, normal, seeded, stream } from '../../src/sim/random.ts';
import type { Queue } from '../../src/sim/scenario.ts';

const test = suite('sim laws');

const DRAWS = 200_000;

const draw = (queue: Queue, count = DRAWS, seed = 1): Float64Array => {
  const delay = delayOf(queue, seeded(seed), 1);
  return Float64Array.from({ length: count }, (_, n) => delay(n));
};
const mean = (values: Float64Array): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const sd = (values: Float64Array): number => {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};
const median = (values: Float64Array): number => values.slice().sort()[values.length >> 1] ?? 0;
const near = (got: number, wanted: number, share: number, what: string): void =>
  assert.ok(Math.abs(got - wanted) <= share * Math.abs(wanted), `${what}: ${got}, not ${wanted}`);

/** Mean, standard deviation, median; ms. ALGORITHMS §3 measured the first three on clknetsim. */
const LAWS: readonly (readonly [Queue, number, number, number])[] = [
  [{ law: 'exp', meanS: 1 }, 1, 1, Math.LN2],
  [{ law: 'lognormal', medianS: 0.5, sigma: 1 }, 0.824, 1.081, 0.5],
  [{ law: 'erlang', meanS: 1, stages: 3 }, 1, 0.577, 0.891],
  [{ law: 'erlang', meanS: 1, stages: 4 }, 1, 0.5, 0.918],
];

for (const [queue, wantedMean, wantedSd, wantedMedian] of LAWS) {
  test(`${JSON.stringify(queue)} has its mean, spread and median`, () => {
    const values = draw(queue);
    near(mean(values), wantedMean, 0.01, 'mean');
    near(sd(values), wantedSd, 0.03, 'sd');
    near(median(values), wantedMedian, 0.01, 'median');
    assert.ok(values.every((value) => value >= 0));
  });
}

test('lomax has its median and its tail, and no variance to speak of', () => {
  const values = draw({ law: 'lomax', scaleS: 0.5, shape: 1.8 });
  near(median(values), 0.5 * (2 ** (1 / 1.8) - 1), 0.02, 'median');
  const share = values.filter((value) => value > 5).length / DRAWS;
  near(share, 11 ** -1.8, 0.1, 'share beyond ten scales');
  assert.ok(sd(values) > 2);
});

test('gauss has two sides, none has nothing', () => {
  const values = draw({ law: 'gauss', sdS: 2 });
  assert.ok(Math.abs(mean(values)) < 0.02);
  near(sd(values), 2, 0.01, 'sd');
  assert.ok(draw({ law: 'none' }, 100).every((value) => value === 0));
});

test('a correlated queue remembers for its time, is never negative, and has its mean', () => {
  // steps far below the time, where the walk is nearly continuous
  const values = draw({ law: 'correlated', meanS: 1, timeS: 200 }, 2_000_000);
  near(mean(values), 1, 0.12, 'mean');
  near(sd(values), 1, 0.15, 'sd: stationary law is exponential');
  const correlation = (lag: number): number => {
    const m = mean(values);
    let sum = 0;
    for (let n = lag; n < values.length; n++) {
      sum += ((values[n] ?? 0) - m) * ((values[n - lag] ?? 0) - m);
    }
    return sum / (values.length - lag) / sd(values) ** 2;
  };
  assert.ok(correlation(20) > 0.8, `${correlation(20)} after a tenth of it`);
  assert.ok(correlation(200) > 0.3, `${correlation(200)} after once`);
  assert.ok(Math.abs(correlation(4000)) < 0.15, `${correlation(4000)} after twenty times`);
  assert.ok(values.every((value) => value >= 0));
});

test('a correlated queue answers late packets with the delay of their own time', () => {
  const queue: Queue = { law: 'correlated', meanS: 1, timeS: 20 };
  const forwards = delayOf(queue, seeded(7), 1);
  const inOrder = Array.from({ length: 3000 }, (_, n) => forwards(n));
  const backwards = delayOf(queue, seeded(7), 1);
  const reversed = Array.from({ length: 3000 }, (_, n) => backwards(2999 - n)).reverse();
  assert.equal(reversed, inOrder);
});

test('the local clock walks as it should: 10 ppm, 1e-9 a second, steps in their place', () => {
  const clock = { offsetS: 0.01, frequency: 1e-5, wander: 1e-9, steps: [{ atS: 500, byS: -2 }] };
  const x = localClock(clock, seeded(3));
  assert.is(x(0), 0.01);
  assert.ok(x(499.9) > 0.01 && x(500) < -1.9);
  const still = localClock({ ...clock, wander: 0, steps: [] }, seeded(3));
  near(still(1234.5) - 0.01, 1234.5e-5, 1e-9, 'offset after 1234.5 s');
  const walk = localClock({ ...clock, steps: [] }, seeded(4));
  const y = Float64Array.from({ length: 50_000 }, (_, n) => walk(n + 1) - walk(n));
  const steps = y.slice(1).map((value, n) => value - (y[n] ?? 0));
  near(sd(steps), 1e-9, 0.02, 'sd of the frequency steps');
});

test('random numbers: uniform, normal, exponential; streams differ and repeat', () => {
  const random = seeded(5);
  const uniform = Float64Array.from({ length: DRAWS }, random);
  near(mean(uniform), 0.5, 0.005, 'mean');
  assert.ok(uniform.every((value) => value > 0 && value < 1));
  const bell = Float64Array.from({ length: DRAWS }, () => normal(random));
  assert.ok(Math.abs(mean(bell)) < 0.01);
  near(sd(bell), 1, 0.01, 'sd');
  near(mean(bell.map((value) => value ** 4)), 3, 0.05, 'fourth moment');
  near(mean(Float64Array.from({ length: DRAWS }, () => exponential(random, 4))), 4, 0.02, 'mean');
  const first = (...tags: number[]) => Array.from({ length: 5 }, stream(1, ...tags));
  assert.equal(first(2, 3), first(2, 3));
  const streams = [first(2, 3), first(3, 2), first(2), first(2, 3, 0), first(2, 4)];
  assert.is(new Set(streams.map(String)).size, streams.length);
});

test('streams of neighbouring tags are not correlated', () => {
  for (const [a, b] of [
    [stream(1, 2, 0), stream(1, 2, 1)],
    [stream(1, 2, 0), stream(2, 2, 0)],
  ] as const) {
    let sum = 0;
    for (let n = 0; n < DRAWS; n++) sum += (a() - 0.5) * (b() - 0.5);
    assert.ok(Math.abs((sum * 12) / DRAWS) < 4 / Math.sqrt(DRAWS), `${(sum * 12) / DRAWS}`);
  }
});

test.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHistogram } from '../../src/recording/histogram.ts';
import { exponential, normal, type Random, seeded } from '../sim/random.ts';

const test = suite('histogram');

const LAWS: Record<string, (random: Random) => number> = {
  'normal, 10 us': (random) => Math.abs(1e-5 * normal(random)),
  'exponential, 1 ms': (random) => 1e-3 * exponential(random),
  'uniform, 100 ns': (random) => 1e-7 * random(),
  'from 1 ns to 1 s': (random) => 10 ** (-9 * random()),
  'whole seconds': (random) => Math.ceil(100 * random()),
};

test('p95 and other quantiles are within 0.4 % of the exact ones', () => {
  for (const [name, law] of Object.entries(LAWS)) {
    const random = seeded(21);
    const histogram = createHistogram();
    const sizes = Array.from({ length: 5000 }, () => law(random));
    for (const size of sizes) histogram.add(size);
    sizes.sort((a, b) => a - b);
    for (const share of [0.01, 0.5, 0.95, 0.999]) {
      const exact = sizes[Math.ceil(share * sizes.length) - 1] ?? 0;
      const got = histogram.quantile(share);
      assert.ok(Math.abs(got / exact - 1) <= 1 / 256, `${name} ${share}: ${got} for ${exact}`);
    }
    assert.ok(histogram.quantile(1) <= (sizes[sizes.length - 1] ?? 0));
  }
});

test('nothing, zero, the very small and the very large have their place', () => {
  const histogram = createHistogram();
  assert.is(histogram.quantile(0.95), 0);
  for (const size of [0, 1e-15, 5e-324]) histogram.add(size);
  assert.is(histogram.quantile(1), 0);
  histogram.add(1e12);
  assert.is(histogram.quantile(0.75), 0);
  assert.is(histogram.quantile(1), 1e12);
});

test('a single size is its own quantile to 0.4 %, never above it', () => {
  for (const size of [1e-9, 1.5e-6, 3e-3, 0.25, 1, 7, 1e6]) {
    const histogram = createHistogram();
    histogram.add(size);
    const got = histogram.quantile(0.95);
    assert.ok(got <= size && got >= size * (1 - 1 / 256), `${got} for ${size}`);
  }
});

test.run();

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PathKey, pathKey, pathParts } from '../../src/path.ts';
import { addressLikeness, selectPaths } from '../../src/paths/select.ts';
import { path } from './rig.ts';

const test = suite('select');

test('with nothing known, different prefixes win (MP-18)', () => {
  const to = (local: string) => pathKey('192.0.2.1', local);
  const eight = [
    '198.51.100.1',
    '198.51.100.2',
    '198.51.100.3',
    '198.51.101.1',
    '10.0.0.1',
    '10.0.0.2',
    '172.16.0.1',
    '172.16.0.2',
  ].map(to);
  assert.equal(
    selectPaths(eight, 3).map((key) => pathParts(key).localIp),
    ['198.51.100.1', '10.0.0.1', '172.16.0.1'],
  );
});

test('both ends’ addresses count, and another family is unlike', () => {
  const same = addressLikeness(path(1), path(1));
  const neighbours = addressLikeness(path(1), path(2));
  const apart = addressLikeness(path(1), pathKey('192.0.2.1', '10.0.0.1'));
  const bothApart = addressLikeness(path(1), pathKey('10.9.0.1', '10.0.0.1'));
  assert.ok(1 > same && same > neighbours && neighbours > apart && apart > bothApart);
  assert.is(addressLikeness(path(1), pathKey('2001:db8::1', '2001:db8:1::1')), 0);
  const six = (local: string) => pathKey('2001:db8::1', local);
  assert.ok(
    addressLikeness(six('2001:db8:1::1'), six('2001:db8:1::2')) >
      addressLikeness(six('2001:db8:1::1'), six('2001:db8:2::1')),
  );
});

test('with a known hash, the chosen fall into different buckets (MP-18)', () => {
  const paths = Array.from({ length: 12 }, (_, n) => path(n + 1));
  const bucket = (key: PathKey) => Number(key.slice(key.lastIndexOf('.') + 1)) % 4;
  const chosen = selectPaths(paths, 4, (a, b) => (bucket(a) === bucket(b) ? 1 : 0));
  assert.is(new Set(chosen.map(bucket)).size, 4);
});

test('of equals the earlier stay, and few enough are all kept in order', () => {
  const paths = [path(3), path(1), path(2)];
  assert.equal(
    selectPaths(paths, 2, () => 0.5),
    [path(3), path(1)],
  );
  assert.equal(selectPaths(paths, 3), paths);
  assert.equal(selectPaths(paths, 0), []);
});

/** Costs of n paths, symmetric, some unknown. */
const costs = (n: number) =>
  fc.array(fc.integer({ min: 0, max: 10 }), { minLength: n * n, maxLength: n * n });
const likenessOf = (n: number, values: readonly number[]) => {
  const at = (key: PathKey) => Number(key.slice(key.lastIndexOf('.') + 1)) - 1;
  return (a: PathKey, b: PathKey) => {
    const [low = 0, high = 0] = [at(a), at(b)].sort((x, y) => x - y);
    return (values[low * n + high] ?? 0) / 10;
  };
};
const worst = (chosen: readonly PathKey[], likeness: (a: PathKey, b: PathKey) => number) =>
  Math.max(0, ...chosen.flatMap((a, n) => chosen.slice(0, n).map((b) => likeness(a, b))));

test('no other choice has a smaller largest overlap', () => {
  fc.assert(
    fc.property(costs(7), fc.integer({ min: 2, max: 6 }), (values, k) => {
      const paths = Array.from({ length: 7 }, (_, n) => path(n + 1));
      const likeness = likenessOf(7, values);
      const found = worst(selectPaths(paths, k, likeness), likeness);
      for (let bits = 0; bits < 128; bits++) {
        const choice = paths.filter((_, n) => (bits >> n) & 1);
        if (choice.length === k && worst(choice, likeness) < found - 1e-9) return false;
      }
      return true;
    }),
    { numRuns: 60 },
  );
});

test('many paths: k different ones of the given, and no single exchange would help', () => {
  fc.assert(
    fc.property(costs(40), fc.integer({ min: 5, max: 12 }), (values, k) => {
      const paths = Array.from({ length: 40 }, (_, n) => path(n + 1));
      const likeness = likenessOf(40, values);
      const chosen = selectPaths(paths, k, likeness);
      assert.is(new Set(chosen).size, k);
      const found = worst(chosen, likeness);
      for (let out = 0; out < k; out++) {
        for (const next of paths) {
          if (chosen.includes(next)) continue;
          const other = chosen.map((key, n) => (n === out ? next : key));
          assert.ok(worst(other, likeness) >= found - 1e-9);
        }
      }
    }),
    { numRuns: 8 },
  );
});

test.run();

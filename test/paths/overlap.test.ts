import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pathKey } from '../../src/path.ts';
import { decideParking } from '../../src/paths/decide.ts';
import { folds, forks, overlapMatrix, overlapOf, redundant } from '../../src/paths/overlap.ts';
import { compareRoutes } from '../../src/paths/route.ts';
import { path, route, routesBy } from './rig.ts';

const test = suite('overlap');
const ONE = ['10.0.0.1', '10.0.1.1', '10.0.9.1'];
const OTHER = ['10.0.0.1', '10.0.2.1', '10.0.9.1'];

test('shared hops are a part of the shorter route (PATH-12)', () => {
  assert.equal(overlapOf(route(1, ONE), route(2, ONE)), { shared: 3, fraction: 1 });
  assert.equal(overlapOf(route(1, ONE), route(2, OTHER)), { shared: 2, fraction: 2 / 3 });
  assert.equal(overlapOf(route(1, ONE), route(2, ['10.0.9.1'])), { shared: 1, fraction: 1 });
  assert.equal(overlapOf(route(1, ONE), route(2, ['10.7.0.1'])), { shared: 0, fraction: 0 });
});

test('what a silent hop hides is not guessed (PATH-13)', () => {
  const half = route(2, ['10.0.0.1', null, '10.0.9.1']);
  assert.equal(overlapOf(route(1, ONE), half), { shared: 2, fraction: null });
  assert.is(overlapOf(route(1, ONE), route(2, [null])), null);
  assert.is(overlapOf(route(1, []), route(2, [])), null);
  const six = route(pathKey('2001:db8::1', '2001:db8:1::1'), ['2001:db8:2::1']);
  assert.is(overlapOf(route(1, ONE), six), null);
});

test('the matrix is symmetric, its rows in the order asked for, untraced paths null', () => {
  const paths = [path(1), path(2), path(3)];
  const matrix = overlapMatrix(paths, routesBy(route(1, ONE), route(3, OTHER)));
  assert.is(matrix[0]?.[2]?.shared, 2);
  assert.equal(matrix[2]?.[0], matrix[0]?.[2]);
  assert.equal(matrix[1], [null, null, null]);
});

test('two routes under four pairs are two classes (PATH-01)', () => {
  const paths = [1, 2, 3, 4].map((local) => path(local));
  const routes = routesBy(route(1, ONE), route(2, OTHER), route(3, ONE), route(4, OTHER));
  assert.equal(redundant(paths, routes), [
    [path(1), path(3)],
    [path(2), path(4)],
  ]);
});

test('a fork names the router and where packets go on', () => {
  assert.equal(forks([route(1, ONE), route(2, OTHER), route(3, ONE)]), [
    {
      remoteIp: '192.0.2.1',
      routerIp: '10.0.0.1',
      nextIps: ['10.0.1.1', '10.0.2.1'],
      isPerPacket: false,
      isByPort: false,
    },
  ]);
  assert.equal(forks([route(1, ONE), route(2, ONE)]), []);
  assert.equal(forks([route(1, ['10.0.0.1', null]), route(2, ['10.0.0.1', '10.0.2.1'])]), []);
  assert.is(forks([route(1, ['10.0.0.1', '10.0.1.1/10.0.2.1'])])[0]?.isPerPacket, true);
});

test('remote addresses that no route tells apart fold (MP-19, PATH-11)', () => {
  const paths = [path(1, 1), path(1, 2), path(1, 3), path(2, 1), path(2, 2)];
  const routes = routesBy(
    route(path(1, 1), ONE),
    route(path(1, 2), ONE),
    route(path(1, 3), OTHER),
    route(path(2, 1), OTHER),
    route(path(2, 2), OTHER),
  );
  assert.equal(folds(paths, routes), [
    { remoteIps: ['192.0.2.1', '192.0.2.2'], isTranslated: false },
  ]);
  routes.set(path(2, 2), route(path(2, 2), ONE)); // seen from here they do differ
  assert.equal(folds(paths, routes), []);
});

test('a hop in the remote end’s name shows NAT by itself', () => {
  const routes = routesBy(route(1, ['10.0.0.1', '192.0.2.1']));
  assert.equal(folds([path(1)], routes), [{ remoteIps: ['192.0.2.1'], isTranslated: true }]);
});

const candidates = (silent: number[] = [], parked: number[] = []) =>
  [1, 2, 3, 4].map((local) => ({
    path: path(local),
    isSilent: silent.includes(local),
    isParked: parked.includes(local),
  }));
const DIAMOND = routesBy(route(1, ONE), route(2, ONE), route(3, OTHER), route(4, OTHER));

test('redundant pairs are parked, one of each route goes on (PATH-02)', () => {
  const parked = decideParking(candidates(), DIAMOND, null);
  assert.equal(
    [...parked],
    [
      [path(2), { why: 'redundant', inFavourOf: path(1) }],
      [path(4), { why: 'redundant', inFavourOf: path(3) }],
    ],
  );
});

test('who polls already goes on; who does not answer stands for nobody', () => {
  assert.equal(
    [...decideParking(candidates([], [1, 4]), DIAMOND, null).keys()],
    [path(1), path(4)],
  );
  assert.equal([...decideParking(candidates([1]), DIAMOND, null).keys()], [path(4)]);
});

test('at most `keep` paths, the most disjoint; unknown ones are parked for that only', () => {
  const routes = routesBy(
    route(1, ['10.0.0.1', '10.0.1.1']),
    route(2, ['10.0.0.1', '10.0.2.1']),
    route(3, ['10.1.0.1', '10.1.1.1']),
    route(4, ['10.0.0.1', null]),
  );
  assert.is(decideParking(candidates(), routes, null).size, 0);
  const parked = decideParking(candidates(), routes, 2);
  assert.equal([...parked.keys()], [path(2), path(4)]);
  assert.is(parked.get(path(2))?.why, 'overlap');
});

const router = fc.constantFrom('10.0.0.1', '10.0.1.1', '10.0.2.1', '10.0.1.1/10.0.2.1', null);
const anyRoute = fc.record({
  hops: fc.array(router, { maxLength: 4 }),
  end: fc.constantFrom('remote' as const, 'silent' as const),
});

test('whatever the routes: parked ones are named equal to one that polls, none unknown is', () => {
  fc.assert(
    fc.property(
      fc.array(anyRoute, { minLength: 2, maxLength: 8 }),
      fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      (found, silent, before) => {
        const routes = routesBy(...found.map(({ hops, end }, n) => route(n + 1, hops, end)));
        const all = found.map((_, n) => ({
          path: path(n + 1),
          isSilent: silent[n] ?? false,
          isParked: before[n] ?? false,
        }));
        const parked = decideParking(all, routes, null);
        for (const [key, { inFavourOf }] of parked) {
          const one = routes.get(key);
          const other = inFavourOf === null ? undefined : routes.get(inFavourOf);
          if (one === undefined || other === undefined || inFavourOf === null) return false;
          if (compareRoutes(one, other) !== 'same' || parked.has(inFavourOf)) return false;
          if (all.find((each) => each.path === inFavourOf)?.isSilent) return false;
        }
        return true;
      },
    ),
  );
});

test('comparison and overlap are symmetric, and one path is never different from itself', () => {
  fc.assert(
    fc.property(anyRoute, anyRoute, (a, b) => {
      const one = route(1, a.hops, a.end);
      const other = route(2, b.hops, b.end);
      assert.is(compareRoutes(one, other), compareRoutes(other, one));
      assert.equal(overlapOf(one, other), overlapOf(other, one));
      assert.is.not(compareRoutes(one, one), 'different');
      if (compareRoutes(one, other) === 'same') assert.is(overlapOf(one, other)?.fraction, 1);
    }),
  );
});

test.run();

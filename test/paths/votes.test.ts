/** What the voices of paths count, by what is known of their routes. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { createEnsemble } from '../../src/ensemble.ts';
import { type PathKey, pathKey } from '../../src/path.ts';
import { createDiscovery } from '../../src/paths/discovery.ts';
import type { Route } from '../../src/paths/route.ts';
import { viewPaths } from '../../src/paths/view.ts';
import { voteShares } from '../../src/paths/votes.ts';
import { tick } from '../../src/units.ts';
import { keepVotes } from '../../src/voting.ts';
import { path, route, routesBy } from './rig.ts';

const test = suite('votes');
const GATE = '10.0.0.1';

const votes = (routes: readonly Route[], parked: readonly PathKey[] = []): number[] => [
  ...voteShares(
    routes.map((one) => ({ path: one.path, isParked: parked.includes(one.path) })),
    routesBy(...routes),
  ).values(),
];

test('three of five paths on one router have one vote between them (COMB-13, PATH-12)', () => {
  const shared = [1, 2, 3].map((n) => route(n, [GATE, '10.0.7.1', `10.0.1.${n}`]));
  const others = [4, 5].map((n) => route(n, [GATE, `10.0.2.${n}`, `10.0.3.${n}`]));
  assert.equal(votes([...shared, ...others]), [1 / 3, 1 / 3, 1 / 3, 1, 1]);
});

test('what all routes pass takes no vote', () => {
  assert.equal(votes([1, 2, 3].map((n) => route(n, [GATE, '10.0.9.1']))), [1, 1, 1]);
  assert.equal(votes([1, 2, 3].map((n) => route(n, [GATE, `10.0.1.${n}`]))), [1, 1, 1]);
});

test('two routers, each with another neighbour: half a vote, not a third', () => {
  const chain = [
    route(1, ['10.0.1.1']),
    route(2, ['10.0.1.1', '10.0.2.1']),
    route(3, ['10.0.2.1']),
    route(4, ['10.0.4.1']),
  ];
  assert.equal(votes(chain), [1 / 2, 1 / 2, 1 / 2, 1]);
});

test('a parked path has no voice, and does not thin out those of others', () => {
  const routes = [1, 2].map((n) => route(n, ['10.0.1.1'])).concat(route(3, ['10.0.2.1']));
  assert.equal(votes(routes, [path(2)]), [1, 0, 1]);
});

test('what is unknown is held against nobody (PATH-13)', () => {
  const unknown = [1, 2].map((n) => route(n, [null, null], 'silent'));
  assert.equal(votes([...unknown, route(3, ['10.0.1.1']), route(4, ['10.0.1.1'])]), [1, 1, 1, 1]);
  // nor does a silent hop undo what is known of the others
  const half = [1, 2].map((n) => route(n, [null, '10.0.1.1', `10.0.5.${n}`], 'silent'));
  assert.equal(votes([...half, route(3, ['10.0.2.1'])]), [1 / 2, 1 / 2, 1]);
});

test('a gateway that one path did not hear is common all the same (PATH-13)', () => {
  const heard = [1, 2, 3].map((n) => route(n, [GATE, `10.0.1.${n}`]));
  assert.equal(votes([...heard, route(4, [null, '10.0.1.4'])]), [1, 1, 1, 1]);
  assert.equal(votes([...heard, route(4, [`${GATE}/10.0.8.1`, '10.0.1.4'])]), [1, 1, 1, 1]);
  const far = [1, 2].map((n) => route(n, [`10.0.1.${n}`, '10.0.9.1']));
  assert.equal(votes([...far, route(3, ['10.0.1.3'], 'silent')]), [1, 1, 1]);
  // where it would stand is another one
  const third = 1 / 3;
  assert.equal(votes([...heard, route(4, ['10.0.8.1', null])]), [third, third, third, 1]);
  assert.equal(votes([...far, route(3, ['10.0.1.3'])]), [1 / 2, 1 / 2, 1]);
});

test('IPv4 and IPv6 name one router differently: each family by itself', () => {
  const six = pathKey('2001:db8::1', '2001:db8:1::1');
  const four = [1, 2].map((n) => route(n, [GATE, `10.0.1.${n}`]));
  assert.equal(votes([...four, route(six, ['2001:db8::99'])]), [1, 1, 1]);
});

test('no router that some routes do not pass has more than one vote', () => {
  const router = fc.integer({ min: 1, max: 6 }).map((n) => `10.0.0.${n}`);
  const routers = fc.uniqueArray(router, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(routers, { minLength: 1, maxLength: 12 }), (lists) => {
      const shares = votes(lists.map((list, n) => route(n + 1, list)));
      assert.ok(shares.every((vote) => vote > 0 && vote <= 1));
      for (const one of new Set(lists.flat())) {
        const on = shares.filter((_, n) => lists[n]?.includes(one));
        if (on.length === lists.length) continue;
        assert.ok(on.reduce((sum, vote) => sum + vote, 0) < 1 + 1e-9);
      }
    }),
  );
});

test('combiners are told once for each decision, and the view shows it', () => {
  const routes = [1, 2].map((n) => route(n, ['10.0.1.1', `10.0.5.${n}`])).concat(route(3, [GATE]));
  const keys = routes.map((one) => one.path);
  const discovery = createDiscovery(keys, {}, tick(0));
  const ensemble = createEnsemble([createCore(), createCore({ combiner: 'median' })], 0);
  for (const key of keys) ensemble.open(key);
  const refresh = keepVotes(discovery, ensemble);
  for (const [n, found] of discovery.paths.entries()) found.route = routes[n] ?? null;
  refresh();
  const told = () => ensemble.cores.map((core) => keys.map((_, n) => core.path(n).vote));
  assert.equal(
    told(),
    [
      [1, 1, 1],
      [1, 1, 1],
    ],
    'nothing was decided yet',
  );
  discovery.decisions++;
  refresh();
  assert.equal(told(), [
    [0.5, 0.5, 1],
    [0.5, 0.5, 1],
  ]);
  assert.equal(
    viewPaths(discovery, tick(0)).paths.map(({ vote }) => vote),
    [0.5, 0.5, 1],
  );
});

test.run();

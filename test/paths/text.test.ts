/** What people are shown of routes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pathsSvg } from '../../src/cli/pathssvg.ts';
import { pathsText } from '../../src/cli/pathstext.ts';
import { pathKey } from '../../src/path.ts';
import { createDiscovery, type Discovery } from '../../src/paths/discovery.ts';
import type { Route } from '../../src/paths/route.ts';
import { type PathsView, viewPaths } from '../../src/paths/view.ts';
import { NS_PER_S, tick } from '../../src/units.ts';
import { path, route } from './rig.ts';

const test = suite('paths shown');
const A = ['10.0.0.1', '10.0.1.1', '10.0.9.1'];
const B = ['10.0.0.1', '10.0.2.1', '10.0.9.1'];

function view(routes: readonly Route[], symmetric = false): PathsView {
  const paths = routes.map((one) => one.path);
  const discovery: Discovery = createDiscovery(paths, { symmetric }, tick(0));
  routes.forEach((one, n) => {
    const found = discovery.paths[n];
    if (found !== undefined) found.route = one;
  });
  const second = discovery.paths[1];
  if (second !== undefined) second.parking = { why: 'redundant', inFavourOf: path(1) };
  discovery.rounds = 1;
  return viewPaths(discovery, tick(3 * NS_PER_S));
}

const DIAMOND = [route(1, A), route(2, A), route(3, B), route(4, ['10.0.0.1', null, '10.0.9.1'])];

test('the view numbers routes, the unknown one like no other, and says the direction (PATH-08, PATH-15)', () => {
  const { paths, overlaps } = view(DIAMOND);
  assert.equal(
    paths.map((one) => one.route),
    [1, 1, 2, 3],
  );
  assert.is(paths[0]?.direction, 'reverse');
  assert.is(paths[0]?.ageS, 3);
  assert.is(overlaps[0]?.[3]?.fraction, null);
  assert.is(view(DIAMOND, true).paths[0]?.direction, 'both');
});

test('text: who polls, which hops are shared, what is not known', () => {
  const text = pathsText(view(DIAMOND)).join('\n');
  assert.match(
    text,
    /^4 address pairs, 2 known routes, 1 not wholly known from here; the way back/,
  );
  assert.match(text, / 2 {2}192\.0\.2\.1\|198\.51\.100\.2 {2}A {6}parked: same route as path 1\n/);
  assert.match(text, /\nA {2}paths 1 2\n {3}1 {2}10\.0\.0\.1 +1\.00 ms {2}= B C\n/);
  assert.match(text, /\n {3}2 {2}10\.0\.1\.1 +1\.00 ms\n/);
  assert.match(text, /\nC {2}path 4\n.*\n {3}2 {2}\?\n/);
  assert.match(text, /\n {4}1 {4}\. {3}3= {4}2 {3}2\?\n/);
  assert.match(
    text,
    /ECMP: behind 10\.0\.0\.1 packets to 192\.0\.2\.1 go on to 10\.0\.1\.1 or 10\.0\.2\.1, by their addresses/,
  );
  for (const line of text.split('\n')) assert.is(line, line.trimEnd());
});

test('text: a path without a router is direct, not unknown; two of them are not called equal', () => {
  const text = (...routes: Route[]) => pathsText(view(routes)).join('\n');
  const alone = text(route(1, []));
  assert.match(alone, /^1 address pair, directly connected: no router in between; the way back/);
  assert.not.match(alone, /known|direct: paths/);
  const two = text(route(1, []), route(2, []));
  assert.match(two, /^2 address pairs, directly connected: no router in between/);
  assert.match(two, / 2 {2}192\.0\.2\.1\|198\.51\.100\.2 {2}B /);
  assert.match(two, /direct: paths 1 2 pass no router, so nothing tells if they are one link/);
  assert.match(
    text(route(1, []), route(2, A), route(3, [null], 'silent')),
    /^3 address pairs, 1 known route, 1 directly connected, 1 not wholly known from here; the way/,
  );
  assert.match(text(route(1, [], 'silent')), /, 0 known routes, 1 not wholly known from here/);
  assert.match(pathsSvg(view([route(1, [])])), /route A: paths 1 \(direct, no router\)/);
});

test('text: what joins, what is folded, ports that part; delays in fitting units', () => {
  const other = ['10.0.8.1', '10.0.1.1', '10.0.9.1'];
  const text = (...routes: Route[]) => pathsText(view(routes)).join('\n');
  const joined = text(route(1, A), route(2, A), route(3, other));
  assert.match(joined, /one way: no route tells 198\.51\.100\.1, 198\.51\.100\.2 apart/);
  assert.match(
    joined,
    /one way from 10\.0\.1\.1 on, for the last 2 routers, to 192\.0\.2\.1: 198\.51\.100\.1, 198\.51\.100\.2, 198\.51\.100\.3/,
  );
  const key = (port: number) => pathKey('192.0.2.1', '198.51.100.1', port);
  const ported = text(route(key(40001), A), route(key(40002), B));
  assert.match(ported, /^2 paths of 1 address pair, 2 known routes/);
  assert.match(ported, /192\.0\.2\.1\|198\.51\.100\.1#40002/);
  assert.match(ported, /ECMP: behind 10\.0\.0\.1 .* by their ports, too/);
  const near = { ...route(1, A), endDelayS: 42e-6 };
  assert.match(text(near), /\n {3}4 {2}192\.0\.2\.1 +42 us\n/);
});

test('the picture tells ends of one address by their ports, and how far the routers are', () => {
  const key = (port: number) => pathKey('192.0.2.1', '198.51.100.1', port);
  const svg = pathsSvg(view([route(key(40001), A), { ...route(key(40002), B), endDelayS: 2e-3 }]));
  assert.ok(svg.includes('198.51.100.1#40001') && svg.includes('198.51.100.1#40002'));
  assert.is([...svg.matchAll(/>1\.00 ms</g)].length, 4, 'once a router');
  assert.ok(svg.includes('>2.00 ms<'), 'and the server');
});

test('text: NAT, and a host that cannot trace', () => {
  const folded = view([route(path(1, 1), A), route(path(1, 2), A)]);
  assert.match(
    pathsText(folded).join('\n'),
    /NAT\? no route tells 192\.0\.2\.1, 192\.0\.2\.2 apart/,
  );
  const translated = view([route(1, ['10.0.0.1', '192.0.2.1'])]);
  assert.match(pathsText(translated).join('\n'), /NAT: routers before 192\.0\.2\.1 answer/);
  const unable = pathsText(view([route(1, [], 'unable')])).join('\n');
  assert.match(unable, /^1 address pair, 0 known routes, 1 not wholly known/);
  assert.match(unable, /this host cannot trace/);
});

test('the picture: each router once a distance, shared ones filled, parked paths dotted', () => {
  const svg = pathsSvg(view(DIAMOND));
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1]);
  assert.is(texts.filter((text) => text === '10.0.0.1').length, 1);
  assert.is(texts.filter((text) => text === '10.0.1.1').length, 1);
  assert.ok(texts.includes('198.51.100.4') && texts.includes('192.0.2.1'));
  assert.is([...svg.matchAll(/<circle[^>]*fill="#333333"/g)].length, 2);
  assert.is([...svg.matchAll(/stroke-dasharray/g)].length, 1);
  assert.ok(!svg.includes('NaN') && !svg.includes('undefined'));
});

test('the picture of nothing known is one, too', () => {
  for (const routes of [[], [route(1, [], 'unable')], [route(1, [null, null], 'silent')]]) {
    const svg = pathsSvg(view(routes));
    assert.ok(svg.startsWith('<svg') && svg.trimEnd().endsWith('</svg>'));
    assert.ok(!svg.includes('NaN') && !svg.includes('Infinity'));
  }
});

test.run();

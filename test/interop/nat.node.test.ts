/**
 * Discovery from behind a NAT (the kernel's): addresses that would take both ways of the diamond are
 * one address beyond it, and take one.
 */
import * as assert from 'uvu/assert';
import { pathKey } from '../../src/path.ts';
import { createDiamond, type Diamond } from './diamond.ts';
import { NTP, routersOf, tracePaths, withChronyd } from './pathsrun.ts';
import { interopSuite } from './require.ts';

const test = interopSuite('interop: NAT', 'routes');

const theDiamond = test.shared(() => createDiamond({ nat: true }));

const trace = (diamond: Diamond, locals: readonly string[], more: readonly string[] = []) =>
  withChronyd(diamond, () =>
    tracePaths(diamond, [diamond.serverIp(4), ...locals.flatMap((ip) => ['--local', ip]), ...more]),
  );

test('without translation four addresses take two routes, and nothing folds them all', async () => {
  const diamond = await theDiamond();
  await diamond.translate(false);
  const sources = diamond.sources(4);
  const ips = sources.map(({ ip }) => ip);
  const found = await trace(diamond, ips);
  assert.equal(
    found.paths.map(routersOf),
    sources.map(({ branch }) => diamond.route(4, branch)),
  );
  assert.equal(found.localFolds, [ips.slice(0, 2), ips.slice(2)]);
});

test('a NAT folds them onto one route: one address polls, the others are parked, and the fold is told (PATH-10, PATH-11)', async () => {
  const diamond = await theDiamond();
  await diamond.translate(true);
  const ips = diamond.sources(4).map(({ ip }) => ip);
  const found = await trace(diamond, ips);
  const beyond = diamond.branchOf(
    { ip: diamond.publicIp, port: 0 },
    { ip: diamond.serverIp(4), port: NTP },
  );
  for (const path of found.paths) assert.equal(routersOf(path), diamond.route(4, beyond));
  assert.equal(
    found.paths.map(({ state, why }) => why ?? state),
    ['polls', 'redundant', 'redundant', 'redundant'],
  );
  assert.equal(found.localFolds, [ips]);
  assert.equal(found.forks, []);
});

test('an address that looks different here, for its first router has another name, joins the others at the next (PATH-11, PATH-12)', async () => {
  const diamond = await theDiamond();
  await diamond.translate(true);
  const [one] = diamond.sources(4);
  const ips = [one?.ip ?? '', diamond.otherIp(4)];
  const found = await trace(diamond, ips);
  const [near, other] = found.paths.map(routersOf);
  assert.is.not(near?.[0], other?.[0]);
  assert.equal(near?.slice(1), other?.slice(1));
  const server = diamond.serverIp(4);
  assert.equal(found.joins, [
    { remoteIp: server, routerIp: near?.[1] ?? '', localEnds: ips, hops: 3 },
  ]);
  assert.ok(found.paths.every(({ state }) => state === 'polls'));
  // The first hop may be two links: only who wants few paths does without one of them
  const few = await trace(diamond, ips, ['--keep', '1']);
  assert.equal(
    few.paths.map(({ state, why }) => why ?? state),
    ['polls', 'overlap'],
  );
});

test('a router beyond that keeps silent: nothing is equal, nothing is parked, no fold is told (PATH-13)', async () => {
  const diamond = await theDiamond();
  await diamond.translate(true);
  await diamond.silence('a', true);
  await diamond.silence('b', true);
  try {
    const sources = diamond.sources(4);
    const found = await trace(
      diamond,
      sources.map(({ ip }) => ip),
    );
    assert.equal(
      found.paths.map((path) => [path.end, path.state, routersOf(path)[2]]),
      sources.map(() => ['remote', 'polls', '?']),
    );
    assert.equal([found.localFolds, found.joins, found.folds], [[], [], []]);
    assert.is(new Set(found.paths.map(({ route }) => route)).size, 4);
  } finally {
    await diamond.silence('a', false);
    await diamond.silence('b', false);
  }
});

test('behind the NAT several local ports find both routes again, where routers choose by ports', async () => {
  const diamond = await theDiamond();
  const [one] = diamond.sources(4);
  await diamond.translate(true);
  await diamond.choose('ports');
  try {
    const found = await trace(diamond, [one?.ip ?? ''], ['--ports', '16']);
    const server = diamond.serverIp(4);
    const polling = found.paths.filter(({ state }) => state === 'polls');
    assert.equal(new Set(polling.map((path) => routersOf(path)[2])).size, 2);
    assert.is(polling.length, 2);
    for (const { path, localPort } of found.paths) {
      assert.is(path, pathKey(server, one?.ip ?? '', localPort));
    }
  } finally {
    await diamond.choose('addresses');
  }
});

test.run();

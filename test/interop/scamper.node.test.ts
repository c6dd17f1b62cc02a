/**
 * Our discovery beside an independent one: scamper traces the same flows (our addresses and ports,
 * after our sockets are closed) and must name the same routers, also where ports choose the route.
 */
import * as assert from 'uvu/assert';
import { pathParts } from '../../src/path.ts';
import { createDiamond, type Diamond } from './diamond.ts';
import { NTP, routersOf, scamper, tracePaths, wholeChecksums, withChronyd } from './pathsrun.ts';
import { interopSuite } from './require.ts';

const test = interopSuite('interop: scamper', 'routes');

const theDiamond = test.shared(create);
async function create(): Promise<Diamond> {
  const diamond = await createDiamond();
  await wholeChecksums(diamond);
  return diamond;
}

for (const by of ['addresses', 'ports'] as const) {
  for (const family of [4, 6] as const) {
    test(`IPv${family}, routes chosen by ${by}: scamper's Paris trace names the same routers (PATH-04, PATH-05)`, async () => {
      const diamond = await theDiamond();
      const serverIp = diamond.serverIp(family);
      await diamond.choose('addresses'); // by which the sources are picked
      const locals = diamond.sources(family).flatMap(({ ip }) => ['--local', ip]);
      await diamond.choose(by);
      const { paths } = await withChronyd(diamond, () =>
        tracePaths(diamond, [serverIp, ...locals]),
      );
      assert.is(paths.length, 4);
      for (const path of paths) {
        const own = routersOf(path);
        const { localIp } = pathParts(path.path);
        const from = { ip: localIp, port: by === 'ports' ? path.localPort : 0 };
        const branch = diamond.branchOf(from, { ip: serverIp, port: NTP });
        assert.equal(own, diamond.route(family, branch), `${path.path}: not as the kernel says`);
        assert.equal(await scamper(diamond, path, 'udp-paris'), own, path.path);
      }
    });
  }
}

test('routes chosen by ports: a trace that varies its ports shows routes the packets never take (PATH-04, PATH-06)', async () => {
  const diamond = await theDiamond();
  const serverIp = diamond.serverIp(4);
  await diamond.choose('addresses');
  const locals = diamond.sources(4).flatMap(({ ip }) => ['--local', ip]);
  await diamond.choose('ports');
  const { paths } = await withChronyd(diamond, () => tracePaths(diamond, [serverIp, ...locals]));
  let wrong = 0;
  for (const path of paths) {
    const own = routersOf(path).join();
    // each probe's port is one more: the same ports again would show the same
    for (const port of [NTP, NTP + 20, NTP + 40]) {
      if ((await scamper(diamond, path, 'udp', port)).join() !== own) wrong++;
    }
  }
  assert.ok(wrong > 0, 'a trace with other ports showed our routes 12 times out of 12');
});

test.run();

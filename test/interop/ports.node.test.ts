/**
 * One pair of addresses from several local ports (`ports`), beyond RFC 8039: routers that choose by
 * ports spread them over both ways of the diamond; discovery keeps one of each, in every runtime.
 * The server is a stock chronyd that limits the rate by address.
 */
import { rmSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { type PathKey, pathKey, pathParts } from '../../src/path.ts';
import { createDiamond } from './diamond.ts';
import type { Line, Plan } from './paths.program.ts';
import { bundlePathsProgram, NTP, roundOf, withChronyd } from './pathsrun.ts';
import { RUNTIMES } from './program.ts';
import { interopSuite } from './require.ts';
import { sleep, start } from './spawn.ts';

const test = interopSuite('interop: source ports', 'routes');
const { folder, bundled } = bundlePathsProgram();
const PORTS = 8;
/** Requests a second of one address that get an answer, in the long run: 8. The pair asks 4. */
const LIMIT = ['ratelimit interval -3 burst 4 leak 4'];

const theDiamond = test.shared(createDiamond);
test.after(async () => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the client until its first round is over, and a little longer. */
async function firstRound(ns: string, argv: readonly string[], plan: Plan): Promise<Line> {
  const client = start(ns, [...argv, JSON.stringify(plan)], { timeoutMs: 55_000 });
  try {
    const line = await roundOf(client, 1);
    await sleep(3000);
    return line;
  } finally {
    await client.stop();
  }
}

for (const family of [4, 6] as const) {
  for (const [runtime, argv] of Object.entries(RUNTIMES)) {
    if (family === 6 && runtime !== 'node') continue;
    test(`${runtime}, IPv${family}: ${PORTS} ports of one pair find both routes, one of each polls, and chronyd answers all`, async () => {
      const diamond = await theDiamond();
      await diamond.choose('addresses');
      const local = diamond.sources(family)[0]?.ip ?? '';
      await diamond.choose('ports');
      const server = diamond.serverIp(family);
      const plan: Plan = { server, locals: [local], periodS: 3600, seconds: 40, ports: PORTS };
      const program = await bundled;
      await withChronyd(
        diamond,
        async ({ served }) => {
          const run = async () => {
            const line = await firstRound(diamond.client, [...argv, program], plan);
            const paths = Object.keys(line.routes) as PathKey[];
            assert.is(paths.length, PORTS);
            const branches = paths.map((path) => {
              const { localPort = 0 } = pathParts(path);
              assert.is(path, pathKey(server, local, localPort));
              assert.is(line.localPorts[path], localPort);
              const branch = diamond.branchOf(
                { ip: local, port: localPort },
                { ip: server, port: NTP },
              );
              assert.equal(line.routes[path], diamond.route(family, branch));
              return branch;
            });
            return { line, paths, branches };
          };
          let found = await run();
          for (let again = 0; again < 3 && new Set(found.branches).size === 1; again++) {
            found = await run(); // all ports on one route: once in 128 times
          }
          const { line, paths, branches } = found;
          assert.is(new Set(branches).size, 2);
          const firsts = paths.filter((_, n) => branches.indexOf(branches[n] ?? 'a') === n);
          assert.equal([...line.polling].sort(), [...firsts].sort());
          assert.is(line.events.length, PORTS - 2);
          const { received, dropped } = await served();
          assert.ok(received > 20, `${received} requests`);
          assert.is(dropped, 0, `of ${received} requests`);
        },
        LIMIT,
      );
    });
  }
}

test.run();

/**
 * Path discovery of a PTP slave over an ECMP diamond (RFC 8039 §5.4), in every runtime, on a stock
 * ptp4l: which pairs share a route is known from the routers' own kernel, what was cancelled from a
 * capture.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { pathKey } from '../../src/path.ts';
import { startCapture } from './capture.ts';
import { createDiamond, type Diamond } from './diamond.ts';
import { type Place, ptp4l, ptpd } from './linuxptp.ts';
import { type Family, ip } from './net.ts';
import { type PtpLine, startPtp } from './program.ts';
import { analysePtp, TYPE } from './ptpcapture.ts';
import { BOUND_S, FILTER, isMulticast, offsetOf, RATES, SLOWER } from './ptpchecks.ts';
import { interopSuite } from './require.ts';
import { keepRunning, run, sleep, until } from './spawn.ts';

const test = interopSuite('interop: PTP path discovery', 'ptp');

const PERIOD_S = 10;
/** What a second session may take on a busy machine. (s) */
const SLACK_S = 20;
/** Type of the TLV that ends a grant. */
const CANCEL_TLV = 6;

interface Found {
  rounds: number;
  paths: {
    path: string;
    direction: string;
    route: number;
    end: string;
    hops: { routers: string[] }[];
    state: string;
    inFavourOf: string | null;
  }[];
  overlaps: ({ shared: number; fraction: number | null } | null)[][];
  forks: { routerIp: string | null; nextIps: string[]; isPerPacket: boolean }[];
}

type Line = PtpLine & { discovery: Found };

const folder = mkdtempSync(join(tmpdir(), 'clockbraid-diamond-'));
const { start, stopAll } = keepRunning();
const place: Place = {
  scratch: (name) => mkdtempSync(join(folder, `${name}-`)),
  start,
};
let made: Promise<Diamond> | undefined;
const theDiamond = () => {
  made ??= createDiamond().then((diamond) => {
    // ptp4l answers from whichever address the kernel likes best
    const twin = [`${diamond.twinIp(4)}/24`, `${diamond.twinIp(6)}/64`];
    for (const one of twin) ip(['-n', diamond.server, 'address', 'del', one, 'dev', 's0']);
    return diamond;
  });
  return made;
};
test.afterEach(async () => {
  (await made)?.direct('both');
  await stopAll();
});
test.after(async () => {
  (await made)?.close();
  rmSync(folder, { recursive: true, force: true });
});

for (const [runtime, family] of [
  ['node', 4],
  ['node', 6],
  ['deno', 4],
  ['deno', 6],
  ['bun', 4],
  ['bun', 6],
] as const satisfies readonly (readonly [string, Family])[]) {
  test(`${runtime}, IPv${family}: four pairs to ptp4l are two routes, the grants of two are cancelled (PATH-02, PATH-03, PATH-04, PATH-10, PATH-14)`, async () => {
    const diamond = await theDiamond();
    const sources = diamond.sources(family);
    const server = diamond.serverIp(family);
    const keys = sources.map((source) => pathKey(server, source.ip));
    const capture = await startCapture(place, diamond.client, 'n0', FILTER);
    const extra = ['unicast_listen 1', 'masterOnly 1'];
    const theirs = ptp4l(place, diamond.server, { family, extra, link: 's0' });
    const ips = sources.map((source) => source.ip);
    const discovery = [
      '--discovery',
      '--discovery-period',
      `${PERIOD_S}`,
      '--discovery-rate',
      '20',
    ];
    const own = ['slave', ...ips, '--master', server, ...discovery, '--stamps', 'kernel', ...RATES];
    const slave = startPtp(place, diamond.client, own, runtime);
    const lines = () => slave.lines() as Line[];
    const detail = () => `${slave.log()}\n${JSON.stringify(lines().at(-1))}\n${theirs.log()}`;
    const polling = ({ discovery: { paths } }: Line) =>
      paths.flatMap(({ path, state }) => (state === 'polls' ? [path] : []));
    const isTraced = ({ discovery: { paths } }: Line) =>
      paths.length === 4 && paths.every(({ end }) => end === 'remote');
    const within = (what: string, wanted: readonly string[], timeoutS: number) =>
      until(
        what,
        () =>
          lines()
            .slice(-1)
            .find((line) => isTraced(line) && `${polling(line)}` === `${wanted}`),
        {
          timeoutMs: timeoutS * 1000,
          detail,
        },
      );
    const kept = [0, 2].flatMap((n) => keys[n] ?? []);
    const { discovery: found } = await within('two routes', kept, 60);
    assert.equal(
      found.paths.map(({ path, hops, direction, route }) => ({
        ...{ path, direction, route },
        routers: hops.map(({ routers }) => routers.join()),
      })),
      sources.map(({ branch }, n) => ({
        ...{ path: keys[n], direction: 'reverse', route: branch === 'a' ? 1 : 2 },
        routers: diamond.route(family, branch),
      })),
    );
    assert.equal(found.overlaps[0]?.[1], { shared: 3, fraction: 1 });
    assert.equal(found.overlaps[0]?.[2], { shared: 1, fraction: 1 / 3 });
    assert.is(found.forks[0]?.nextIps.length, 2);
    const parkedAtS = Date.now() / 1000;
    await sleep(4000);
    const line = lines().at(-1);
    assert.equal(
      line?.paths.map(({ state }) => state === 'parked'),
      [false, true, false, true],
      detail(),
    );
    assert.ok(offsetOf(line) < BOUND_S);
    const quietUntilS = Date.now() / 1000;
    if (family === 4) {
      diamond.direct('a');
      await within('one route', keys.slice(0, 1), PERIOD_S + SLACK_S);
      diamond.direct('both');
      const split = await within('two routes again', kept, PERIOD_S + SLACK_S);
      assert.is(split.state, 'SLAVE');
      const count = () => lines().at(-1)?.paths[2]?.reverse ?? 0;
      const before = count();
      await until('measured again', () => count() > before + 5, { timeoutMs: 15_000, detail });
    }
    const stoppedAtS = Date.now() / 1000;
    await slave.running.stop();
    await theirs.stop();
    await capture.stop();
    assert.not.match(slave.log(), /FAULTY/);
    assert.not.match(
      theirs.log(),
      /error|bad|warn|malformed|ignor/i,
      'nothing of ours astonished it',
    );
    const { packets, complaints } = await analysePtp(diamond.client, capture.file);
    assert.equal(complaints, []);
    const ours = packets.filter(({ src }) => ips.includes(src));
    assert.ok(
      ours.every(({ dst }) => dst === server && !isMulticast(dst)),
      'to the master alone',
    );
    for (const n of [1, 3]) {
      const local = ips[n] ?? '';
      const cancelled = ours.filter(
        ({ src, tlvs, atS }) => src === local && tlvs.includes(CANCEL_TLV) && atS < stoppedAtS,
      );
      const about = [...new Set(cancelled.flatMap((one) => one.about))].sort();
      assert.equal(about, [TYPE.Sync, TYPE.Delay_Resp], local);
      const syncs = packets.filter(
        ({ dst, type, atS }) =>
          dst === local &&
          (type === TYPE.Sync || type === TYPE.Follow_Up) &&
          atS > parkedAtS + 1.5 &&
          atS < quietUntilS,
      );
      assert.is(syncs.length, 0, `${local}: Syncs after it was parked`);
    }
    for (const local of ips) {
      const requests = ours.filter(({ src, type }) => src === local && type === TYPE.Delay_Req);
      assert.ok(
        requests.every(({ sport, dport }) => sport === 319 && dport === 319),
        local,
      );
      const limits = new Set(requests.map(({ hops }) => hops).filter((hops) => hops < 32));
      assert.equal([...limits].sort(), [1, 2, 3, 4], `${local}: each hop was asked`);
    }
  }, 150);
}

test('ptpd answers no Delay_Req without a grant: it grants one while a parked pair is traced, and the pair stays parked (PATH-09, PATH-10)', async () => {
  const diamond = await theDiamond();
  const ips = diamond.sources(4).map((source) => source.ip);
  const server = diamond.serverIp(4);
  const theirs = ptpd(place, diamond.server, 'masteronly', [], 'unicast', 's0');
  const discovery = ['--discovery', '--discovery-period', `${PERIOD_S}`, '--discovery-rate', '20'];
  const own = ['slave', ...ips, '--master', server, ...discovery, '--stamps', 'kernel', ...SLOWER];
  const slave = startPtp(place, diamond.client, own);
  const lines = () => slave.lines() as Line[];
  const states = (line: Line) => line.discovery.paths.map(({ state }) => state).join();
  const settled = 'polls,parked,polls,parked';
  const detail = () => `${slave.log()}\n${JSON.stringify(lines().at(-1))}\n${theirs.log()}`;
  const first = await until(
    'two routes',
    () => {
      const at = lines().findIndex((line) => states(line) === settled);
      return at >= 0 && at;
    },
    { timeoutMs: 90_000, detail },
  );
  const rounds = () => lines().at(-1)?.discovery.rounds ?? 0;
  const before = rounds();
  await until('three more rounds', () => rounds() >= before + 3, { timeoutMs: 90_000, detail });
  for (const line of lines().slice(first)) {
    assert.is(states(line), settled, detail());
    assert.ok(line.discovery.paths.every(({ end }) => end === 'remote'));
  }
  assert.is(lines().at(-1)?.state, 'SLAVE');
}, 220);

test('no probe leaves a master (PATH-07)', async () => {
  const diamond = await theDiamond();
  const argv = ['build/clockbraid.js', 'ptp', 'master', diamond.serverIp(4), '--discovery'];
  const { code, stderr } = await run(diamond.server, [process.execPath, ...argv]);
  assert.is(code, 2);
  assert.match(stderr, /not for "clockbraid ptp master"/);
});

test.run();

/**
 * The library's boundary clock over real loopback sockets, in whichever runtime this is: a master,
 * the boundary clock on a clock that is wrong and drifts, a slave that never hears the master.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openBoundaryClock } from '../../src/boundaryclock.ts';
import { shiftedHost } from '../../src/demo/impair.ts';
import { ConfigError } from '../../src/errors.ts';
import { openPtpClock } from '../../src/ptpclock.ts';
import { stamp } from '../../src/units.ts';
import { host, portsFrom, until } from './loopback.ts';

const test = suite('boundary clock of the library');

/** Ports that no other test has. */
const freePorts = portsFrom(31_000, 1000);

const port = {
  logAnnounceInterval: -2,
  logSyncInterval: -4,
  logMinDelayReqInterval: -4,
  logMinPdelayReqInterval: -4,
} as const;

const [TOP, UP, DOWN, BELOW] = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
/** Loaded machines stamp late. (s) */
const BOUND_S = 0.02;

test('10 s wrong and 40 ppm fast: the slave below is right, stepsRemoved 1 and 2 (BASE-B4, BASE-B10)', async () => {
  const ports = freePorts();
  const startNs = host.clock.now();
  const wrong = shiftedHost(host, (real) => stamp(real + 10e9 + 40e-6 * (real - startNs)));
  const common = { mode: 'single-ended', port } as const;
  const top = await openPtpClock({
    ...common,
    ...{ role: 'master', addresses: [TOP], masters: [], ports, host },
    clock: { priority1: 10 },
  });
  const boundary = await openBoundaryClock({
    udpPorts: ports,
    host: wrong,
    ports: [
      { ...common, role: 'slave', addresses: [UP], masters: [TOP] },
      { ...common, addresses: [DOWN], masters: [] },
    ],
  });
  assert.is(boundary.now(), null);
  const states = () => boundary.status().ports.map(({ state }) => state);
  const slave = await openPtpClock({
    ...common,
    ...{ role: 'slave', addresses: [BELOW], masters: [DOWN], ports, host },
  });
  const why = () => JSON.stringify([boundary.status(), slave.status()]);
  const identity = top.status().datasets.defaultDS.clockIdentity;
  const isLed = () =>
    slave.status().datasets.parentDS.grandmasterIdentity === identity &&
    slave.status().paths.some(({ forward, reverse }) => forward > 30 && reverse > 30);
  await until(isLed, why);
  assert.equal(states(), ['SLAVE', 'MASTER']);
  const { datasets, isReady, ports: views, drops } = boundary.status();
  assert.ok(isReady);
  assert.is(datasets.currentDS.stepsRemoved, 1);
  assert.is(datasets.defaultDS.numberPorts, 2);
  assert.equal(
    views.map(({ portDS }) => portDS.portIdentity.portNumber),
    [1, 2],
  );
  assert.ok((views[1]?.sent.Sync ?? 0) > 30);
  assert.is(views[0]?.sent.Sync, undefined);
  assert.equal(drops['unknown-port'], undefined);
  assert.is(slave.status().datasets.currentDS.stepsRemoved, 2);
  const offsetS = slave.status().clock?.offsetS ?? 9;
  assert.ok(Math.abs(offsetS) < BOUND_S, `${offsetS}`);
  const own = boundary.status().clock?.offsetS ?? 0;
  assert.ok(Math.abs(own + 10) < 0.1, `${own}`);
  for (const clock of [slave, boundary, top]) await clock.close();
});

test('a second port at the first one’s address, or one port, is refused before anything is opened', async () => {
  const of = (...ips: string[]) =>
    openBoundaryClock({
      host,
      udpPorts: freePorts(),
      ports: ips.map((ip) => ({ mode: 'plain', addresses: [ip] })),
    }).then(
      () => '',
      (error) => (error instanceof ConfigError ? error.message : String(error)),
    );
  assert.match(await of(UP), /2 to 64 ports/);
  assert.match(await of(UP, UP), /each address at one port/);
});

test.run();

/** The library's PTP clock over real loopback sockets, in whichever runtime this is. Truth: 0. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shiftedHost } from '../../src/demo/impair.ts';
import { ConfigError, HostError } from '../../src/errors.ts';
import { parseLeapSeconds } from '../../src/ptp/leapseconds.ts';
import { openPtpClock, type PtpClock, type PtpClockOptions } from '../../src/ptpclock.ts';
import type { Handlers, Host } from '../../src/udp/udp.ts';
import { stamp } from '../../src/units.ts';
import { LASTING_LIST } from '../ptp/leaplist.ts';
import { host, pause, portsFrom, until } from './loopback.ts';
import { portsMoved } from './nat.ts';

const test = suite('ptp clock of the library');

/** Ports that no other test has. */
const freePorts = portsFrom(20_000, 10_000);

const QUICK = {
  logAnnounceInterval: -3,
  logSyncInterval: -4,
  logMinDelayReqInterval: -4,
  logMinPdelayReqInterval: -4,
} as const;

type Options = Omit<PtpClockOptions, 'mode' | 'addresses'> &
  Partial<Pick<PtpClockOptions, 'mode' | 'addresses'>>;

/** A master that is MASTER already: nobody has to ask it twice. */
async function openMaster(options: Options): Promise<PtpClock> {
  const master = await openPtpClock({
    mode: 'single-ended',
    role: 'master',
    addresses: ['127.0.0.1'],
    masters: [],
    port: QUICK,
    host,
    ...options,
  });
  await until(
    () => master.status().state === 'MASTER',
    () => master.status().state,
  );
  return master;
}

const openSlave = (options: Options): Promise<PtpClock> =>
  openPtpClock({
    mode: 'single-ended',
    role: 'slave',
    addresses: ['127.0.0.3'],
    masters: ['127.0.0.1'],
    port: QUICK,
    host,
    ...options,
  });

/** Until every path has so many measurements each way. */
const measured = (clock: PtpClock, paths: number, least = 8): Promise<void> =>
  until(
    () => {
      const views = clock.status().paths;
      const isEach = views.every(({ forward, reverse }) => forward >= least && reverse >= least);
      return views.length === paths && isEach;
    },
    () => JSON.stringify(clock.status().paths),
  );

const LOCALS = ['127.0.0.3', '127.0.0.4', '127.0.0.5'];
const same = (a: readonly string[], b: readonly string[]): void =>
  assert.equal([...a].sort(), [...b].sort());

test('a single-ended slave of three addresses: an identity each, all granted, all measured (PTP-S01, PTP-S08)', async () => {
  const ports = freePorts();
  const master = await openMaster({ ports });
  const slave = await openSlave({ ports, addresses: LOCALS, compare: ['median'] });
  assert.is(slave.now(), null);
  const seen = new Set<string>();
  let taken = 0;
  for await (const { path, clock } of slave.samples()) {
    seen.add(path);
    if (clock !== null) taken++;
    if (taken >= 60 && seen.size === 3) break;
  }
  await measured(slave, 3);
  const status = slave.status();
  assert.is(status.state, 'SLAVE');
  assert.is(status.mode, 'single-ended');
  assert.is(status.isDual, false);
  assert.is(status.combiner, 'braid');
  assert.is(status.host, host.name);
  assert.ok(Math.abs(status.clock?.offsetS ?? 1) < 0.02, `offset ${status.clock?.offsetS}`);
  assert.is(slave.ensemble.cores.length, 2);
  same(
    status.identities.map(({ address }) => address),
    LOCALS,
  );
  assert.is(new Set(status.identities.map(({ clockIdentity }) => clockIdentity)).size, 3);
  const from = master.status().datasets.defaultDS.clockIdentity;
  for (const { localIp, remoteIp, identity, master: of, granted, utc, drops } of status.paths) {
    const own = status.identities.find(({ address }) => address === localIp);
    assert.is(identity, `${own?.clockIdentity}-1`);
    assert.is(remoteIp, '127.0.0.1');
    assert.is(of, `${from}-1`);
    same(Object.keys(granted), ['Announce', 'Sync', 'Delay_Resp']);
    assert.ok(Object.values(granted).every((leftS) => leftS > 5 && leftS <= 300));
    assert.equal(utc, { offsetS: 0, from: 'arbitrary' });
    assert.equal(drops, {});
  }
  const { datasets } = status;
  assert.is(datasets.parentDS.grandmasterIdentity, from);
  assert.is(datasets.currentDS.stepsRemoved, 1);
  assert.is(datasets.portDS.portState, 'SLAVE');
  assert.ok(Math.abs(datasets.currentDS.offsetFromMasterNs) < 2e7);
  const served = master.status();
  assert.is(served.serves.length, 9);
  same(
    [...new Set(served.serves.map(({ path }) => path))],
    LOCALS.map((ip) => `${ip}|127.0.0.1`),
  );
  const { Announce = 0, Sync = 0, Follow_Up = 0, Delay_Resp = 0 } = served.sent;
  assert.ok(Announce > 3 && Delay_Resp > 20, JSON.stringify(served.sent));
  assert.ok(Sync > 20 && Follow_Up === Sync, JSON.stringify(served.sent));
  assert.match(served.problem ?? '', /no list of leap seconds/);
  await slave.close();
  await master.close();
});

test('a dual-ended pair of 2 × 3 addresses: one identity, six paths (PTP-D01, PTP-D14)', async () => {
  const ports = freePorts();
  const addresses = ['127.0.0.1', '127.0.0.2'];
  const master = await openMaster({ ports, mode: 'dual-ended', addresses });
  const slave = await openSlave({
    ports,
    mode: 'dual-ended',
    addresses: LOCALS,
    masters: addresses,
  });
  await measured(slave, 6);
  const { isDual, identities, paths, clock, datasets } = slave.status();
  assert.is(isDual, true);
  const { clockIdentity } = datasets.defaultDS;
  assert.ok(identities.every((one) => one.clockIdentity === clockIdentity));
  assert.ok(paths.every(({ identity }) => identity === `${clockIdentity}-1`));
  assert.ok(Math.abs(clock?.offsetS ?? 1) < 0.02, `offset ${clock?.offsetS}`);
  assert.is(master.status().serves.length, 18);
  await slave.close();
  await master.close();
});

test('peer to peer over two paths', async () => {
  const ports = freePorts();
  const port = { ...QUICK, delayMechanism: 2 } as const;
  const master = await openMaster({ ports, port });
  const slave = await openSlave({ ports, port, addresses: LOCALS.slice(0, 2) });
  await measured(slave, 2);
  assert.ok(Math.abs(slave.status().clock?.offsetS ?? 1) < 0.02);
  assert.ok((master.status().sent.Pdelay_Resp ?? 0) > 10);
  await slave.close();
  await master.close();
});

test('IPv6: both clocks on ::1, behind ports that are translated', async () => {
  const ports = freePorts();
  freePorts(); // the translated ones
  const master = await openMaster({ ports, addresses: ['::1'], host: portsMoved(host, 0, 2) });
  const slave = await openSlave({
    ...{ ports, addresses: ['::1'], masters: ['::1'], host: portsMoved(host, 2, 0) },
    clockIdentity: '020000.0000.000001', // the address would say the same for both
  });
  await measured(slave, 1);
  assert.is(slave.status().paths[0]?.path, '::1|::1');
  assert.ok(Math.abs(slave.status().clock?.offsetS ?? 1) < 0.02);
  await slave.close();
  await master.close();
});

test('the sign: a master 1 s ahead gives offset +1, one behind −1; TAI or not; now() holds the truth', async () => {
  // it never expires
  const leapTable = parseLeapSeconds(LASTING_LIST);
  for (const [shiftS, list] of [
    [1, null],
    [-1, leapTable],
  ] as const) {
    const ports = freePorts();
    const far = shiftedHost(host, (real) => stamp(Math.round(real + shiftS * 1e9)));
    const master = await openMaster({ ports, host: far, leapTable: list });
    const slave = await openSlave({ ports, addresses: LOCALS.slice(0, 2) });
    await measured(slave, 2, 12);
    const { clock, paths, datasets } = slave.status();
    const offsetS = clock?.offsetS ?? Number.NaN;
    assert.ok(Math.abs(offsetS - shiftS) < 0.02, `offset ${offsetS}, wanted ${shiftS}`);
    assert.ok(Math.abs(datasets.currentDS.offsetFromMasterNs + shiftS * 1e9) < 2e7); // PTP's sign
    const now = slave.now();
    const local = BigInt(host.clock.epochS) * 10n ** 9n + BigInt(Math.round(host.clock.now()));
    const aheadS = Number((now?.best ?? 0n) - local) / 1e9;
    assert.ok(Math.abs(aheadS - shiftS) < 0.02, `now() is ${aheadS} s ahead`);
    assert.ok(now !== null && now.earliest <= now.best && now.best <= now.latest);
    const { ptpTimescale, currentUtcOffset, currentUtcOffsetValid } = datasets.timePropertiesDS;
    assert.is(ptpTimescale, list !== null);
    assert.is(currentUtcOffsetValid, list !== null);
    if (list !== null) assert.is(currentUtcOffset, 37);
    assert.equal(
      paths[0]?.utc,
      list === null ? { offsetS: 0, from: 'arbitrary' } : { offsetS: 37, from: 'announced' },
    );
    assert.is(master.status().problem === null, list !== null);
    await slave.close();
    await master.close();
  }
});

test('plain multicast on the loopback interface, where the runtime lets us', async () => {
  const ports = freePorts();
  const options = { mode: 'plain', ports, port: QUICK, loopback: true, host } as const;
  const master = await openPtpClock({ ...options, role: 'master', addresses: ['127.0.0.1'] });
  const slave = await openPtpClock({ ...options, role: 'slave', addresses: ['127.0.0.2'] });
  await measured(slave, 1);
  const { state, paths, clock, mode } = slave.status();
  assert.is(state, 'SLAVE');
  assert.is(mode, 'plain');
  assert.is(paths[0]?.path, '127.0.0.1|127.0.0.2');
  assert.ok(Math.abs(clock?.offsetS ?? 1) < 0.02, `offset ${clock?.offsetS}`);
  assert.equal(master.status().serves, []);
  await slave.close();
  await master.close();
});

test('events tell of the port, the paths, each sample and what was dropped', async () => {
  const ports = freePorts();
  const texts: string[] = [];
  const paths: string[] = [];
  const dropped: string[] = [];
  let samples = 0;
  const master = await openMaster({ ports, events: { onDrop: (reason) => dropped.push(reason) } });
  const slave = await openSlave({
    ports,
    events: {
      onPort: ({ text, state }) => texts.push(`${state}: ${text}`),
      onPath: ({ event, path }) => paths.push(`${event} ${path}`),
      onSample: () => samples++,
    },
  });
  await measured(slave, 1);
  const id = master.status().datasets.defaultDS.clockIdentity;
  assert.equal(texts, [
    'LISTENING: port 1: INITIALIZING to LISTENING on INIT_COMPLETE',
    `LISTENING: port 1: new foreign master ${id}-1`,
    `LISTENING: selected best master clock ${id}`,
    'UNCALIBRATED: port 1: LISTENING to UNCALIBRATED on RS_SLAVE',
    'SLAVE: port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED',
  ]);
  const path = '127.0.0.1|127.0.0.3';
  assert.equal(paths, [
    ...[`granted ${path}`, `added ${path}`, `granted ${path}`, `granted ${path}`],
    `reachable ${path}`,
  ]);
  const [view] = slave.status().paths;
  assert.ok(samples >= 16 && samples <= (view?.forward ?? 0) + (view?.reverse ?? 0));
  const stranger = await host.openUdp(
    { ip: '127.0.0.66', port: 0 },
    { onDatagram: () => {}, onError: () => {} },
  );
  for (const port of [ports.event, ports.general]) {
    stranger.send(new Uint8Array(10), { ip: '127.0.0.1', port });
  }
  await until(
    () => dropped.length === 2,
    () => dropped.join(),
  );
  assert.equal(dropped, ['short', 'short']);
  assert.equal(master.status().drops, { short: 2 });
  await stranger.close();
  await slave.close();
  await master.close();
});

test('a signal closes the clock, ends its samples and frees its ports', async () => {
  const ports = freePorts();
  const controller = new AbortController();
  const master = await openMaster({ ports });
  const slave = await openSlave({ ports, signal: controller.signal });
  let taken = 0;
  for await (const _ of slave.samples()) if (++taken === 3) controller.abort();
  assert.ok(taken >= 3);
  assert.is((await slave.samples().next()).done, true);
  const before = slave.status().clock?.taken;
  await slave.close();
  await slave.close();
  const again = await openSlave({ ports });
  await measured(again, 1, 2);
  assert.is(slave.status().clock?.taken, before);
  await again.close();
  await master.close();
  const late = await openSlave({ ports, signal: AbortSignal.abort() }).then(
    () => 'opened',
    (error: unknown) => (error as Error).name,
  );
  assert.is(late, 'AbortError');
  {
    await using third = await openMaster({ ports });
    assert.is(third.status().state, 'MASTER');
  }
  await (await openMaster({ ports })).close();
});

test('a master that is gone: the clock keeps its time, and the port listens', async () => {
  const ports = freePorts();
  const master = await openMaster({ ports });
  const slave = await openSlave({ ports });
  await measured(slave, 1);
  await master.close();
  await until(
    () => slave.status().state === 'LISTENING',
    () => slave.status().state,
  );
  assert.equal(slave.status().paths, []);
  const now = slave.now();
  const local = BigInt(host.clock.epochS) * 10n ** 9n + BigInt(Math.round(host.clock.now()));
  assert.ok(now !== null && Math.abs(Number(now.best - local)) < 2e7, `${now?.best} ${local}`);
  await slave.close();
});

test('mistakes are one sentence with what, where and what is allowed, and leave nothing open', async () => {
  const ports = freePorts();
  const refuse = async (options: Options, type: typeof ConfigError, text: RegExp) => {
    const thrown = await openSlave({ ports, ...options }).then(
      async (clock) => {
        await clock.close();
        return null;
      },
      (error: unknown) => error,
    );
    assert.ok(thrown !== null, `accepted ${JSON.stringify(options)}`);
    assert.instance(thrown, type);
    const { message } = thrown as Error;
    assert.match(message, text);
    assert.is(message.split('\n').length, 1);
  };
  const word = (text: string) => text as never;
  const cases: readonly (readonly [Options, RegExp])[] = [
    [{ mode: word('multi') }, /"ptp\.mode" expected one of plain, single-ended, dual-ended/],
    [{ role: word('boss') }, /"ptp\.role" expected one of any, slave, master, got "boss"/],
    [{ pairing: word('2:2') }, /"ptp\.pairing" expected one of mesh, 1:1/],
    [{ addresses: [] }, /addresses" expected one or more, got \[\]/],
    [{ addresses: ['localhost'] }, /addresses\.0" .*got "localhost"/],
    [{ addresses: ['224.0.1.129'] }, /"ptp\.addresses" expected own unicast addresses/],
    [{ addresses: ['127.0.0.3', '127.0.0.3'] }, /addresses" .*got \[/],
    [{ primary: '127.0.0.9' }, /primary" expected one of 127\.0\.0\.3, got "127\.0\.0\.9"/],
    [{ mode: 'plain' }, /"ptp\.masters" expected none with plain multicast/],
    [{ masters: ['::1'] }, /"ptp\.masters\.0" expected an address of the family of our own/],
    [{ masters: ['fe80::1'] }, /"ptp\.masters\.0" expected a link-local address with its zone/],
    [{ masters: ['127.0.0.1', '127.0.0.1'] }, /"ptp\.masters\.1" expected each address once/],
    [{ masters: ['ptp.example'] }, /"ptp\.masters\.0" .*got "ptp\.example"/],
    [{ clockIdentity: 'mine' }, /"ptp\.clockIdentity" expected a clockIdentity as aabbcc/],
    [{ mac: '1:2:3' }, /mac" expected the MAC address of an interface/],
    [{ acceptable: ['x'] }, /"ptp\.acceptable" expected a clockIdentity/],
    [{ ports: { event: 0, general: 320 } }, /"ptp\.ports\.event" expected an integer 1\.\.65535/],
    [{ ports: { event: 7, general: 7 } }, /"ptp\.ports\.general" expected another port than/],
    [{ port: { logSyncInterval: 99 } }, /"ptp\.logSyncInterval" expected an integer -10\.\.22/],
    [{ port: { announceReceiptTimeout: 1 } }, /announceReceiptTimeout" expected an integer 2/],
    [{ clock: { domainNumber: 128 } }, /domainNumber" expected an integer 0\.\.127, got 128/],
    [{ clock: { priority1: -1 } }, /priority1" expected an integer 0\.\.255, got -1/],
    [{ grantDurationS: 5 }, /"ptp\.\w+" expected an integer 10\.\.1000, got 5/],
    [{ hops: 0 }, /"ptp\.hops" expected an integer 1\.\.255, got 0/],
    [{ combiner: word('nope') }, /kalman, rfc5905/],
    [{ role: 'any', limits: { factor: 1 } }, /"ptp\.limits\.factor" expected an integer 10/],
  ];
  for (const [options, text] of cases) await refuse(options, ConfigError, text);
  await refuse(
    { addresses: ['127.0.0.3', '192.0.2.77'] },
    HostError as unknown as typeof ConfigError,
    /cannot bind 192\.0\.2\.77:\d+: EADDRNOTAVAIL/,
  );
  await (await openSlave({ ports })).close(); // all ports are free again
});

/** The host, and the handlers of its sockets by port. */
function heldHost(): { held: Host; handlers: Map<number, Handlers> } {
  const handlers = new Map<number, Handlers>();
  const held: Host = {
    ...host,
    openUdp(local, given, options) {
      handlers.set(local.port, given);
      return host.openUdp(local, given, options);
    },
  };
  return { held, handlers };
}

test('who closes cancels what was granted to it and what it granted (SEC-08)', async () => {
  const ports = freePorts();
  const master = await openMaster({ ports });
  const cancelled: string[] = [];
  const onPath = ({ event, reason }: { event: string; reason: string }) => {
    if (event === 'cancelled') cancelled.push(reason);
  };
  const staying = await openSlave({ ports, addresses: ['127.0.0.3'], events: { onPath } });
  const leaving = await openSlave({ ports, addresses: ['127.0.0.5'] });
  await measured(staying, 1, 1);
  await measured(leaving, 1, 1);
  const served = () => [
    ...new Set(master.status().serves.map(({ path }) => path.split('|')[0] ?? '')),
  ];
  same(served(), ['127.0.0.3', '127.0.0.5']);
  await leaving.close();
  await until(
    () => served().length === 1,
    () => served().join(),
  );
  same(served(), ['127.0.0.3']);
  assert.equal(cancelled, []);
  await master.close();
  await until(
    () => cancelled.length === 3,
    () => cancelled.join(),
  );
  await staying.close();
});

test('what sockets say of peers and of themselves reaches the machine: grants end, the port is FAULTY (SEC-08)', async () => {
  const ports = freePorts();
  const { held, handlers } = heldHost();
  const master = await openMaster({ ports, host: held });
  const slave = await openSlave({ ports, addresses: LOCALS });
  await measured(slave, 3, 1);
  const served = (ip = '') => master.status().serves.filter(({ path }) => path.startsWith(ip));
  assert.is(served().length, 9);
  handlers.get(ports.event)?.onUnreachable?.('127.0.0.4', 'ECONNREFUSED');
  assert.is(served('127.0.0.4|').length, 0);
  assert.is(served().length, 6);
  await slave.close();
  await pause(300); // whatever is heard shows that the sockets work: its cancels, too
  for (let n = 0; n < 5; n++) {
    assert.is(master.status().state, 'MASTER');
    handlers.get(ports.event)?.onError('ENETUNREACH');
    handlers.get(ports.general)?.onError('ENETUNREACH');
    await pause(1050);
  }
  assert.is(master.status().state, 'FAULTY');
  await master.close();
});

test.run();

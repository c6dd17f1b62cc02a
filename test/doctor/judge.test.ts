/** What the doctor makes of facts, and of texts of /proc. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Facts } from '../../src/doctor/facts.ts';
import { type Diagnosis, diagnose, isHealthy } from '../../src/doctor/judge.ts';
import { canCapture, daemonOf, lostDatagrams, lostDatagrams6 } from '../../src/doctor/procfs.ts';

const test = suite('doctor');

const WELL: Facts = {
  nowUnixS: 1_800_000_000,
  platform: 'linux',
  clock: { stepNs: 60, readNs: 80, source: 'tsc' },
  stamps: { host: 'Linux (koffi)', whyPlain: null, hardware: [] },
  ports: [123, 319, 320].map((port) => ({ port, code: null })),
  canCapture: true,
  daemons: [],
  leap: {
    isHidden: false,
    file: '/usr/share/zoneinfo/leap-seconds.list',
    expiresUnixS: 1_810_000_000,
    problem: null,
  },
  hashPolicy: { ipv4: 0, ipv6: 0 },
  buffers: { usualBytes: 212_992, mostBytes: 4_194_304, lost: 0 },
};

const found = (check: Diagnosis['check'], over: Partial<Facts>): Diagnosis => {
  const one = diagnose({ ...WELL, ...over }).find((diagnosis) => diagnosis.check === check);
  if (one === undefined) throw new Error(`no ${check}`);
  return one;
};

test('a machine that has all is well', () => {
  const diagnoses = diagnose(WELL);
  assert.equal(
    diagnoses.map(({ level }) => level),
    diagnoses.map(() => 'ok'),
  );
  assert.ok(isHealthy(diagnoses));
});

test('a clock too coarse is a note, and far too coarse a problem', () => {
  const level = (stepNs: number) =>
    found('clock', { clock: { stepNs, readNs: 50, source: null } }).level;
  assert.equal([1000, 1001, 100_000, 1_000_000].map(level), ['ok', 'note', 'note', 'problem']);
});

test('kernel stamps that could be had are a problem, where there are none a note', () => {
  const stamps = { host: 'node:dgram', whyPlain: 'no kernel timestamps: x', hardware: ['ptp0'] };
  const here = found('timestamps', { stamps });
  assert.is(here.level, 'problem');
  assert.match(here.text, 'no kernel timestamps: x; stamps by node:dgram; hardware clocks');
  assert.match(here.text, 'ptp0');
  assert.is(found('timestamps', { stamps, platform: 'darwin' }).level, 'note');
});

test('ports tell who cannot have them and why', () => {
  const ports = [
    { port: 123, code: 'EADDRINUSE' },
    { port: 319, code: 'EACCES' },
    { port: 320, code: 'EACCES' },
  ];
  const { level, text } = found('ports', { ports });
  assert.is(level, 'note');
  assert.is(
    text,
    '123: another program has it; 319, 320: not allowed, it takes CAP_NET_BIND_SERVICE',
  );
});

test('two programs that may steer one clock are a problem, ptp4l with phc2sys is none', () => {
  const daemon = (name: string, steers = true) => ({ name, pid: 7, steers });
  const level = (...daemons: ReturnType<typeof daemon>[]) => found('daemons', { daemons }).level;
  assert.is(level(daemon('chronyd')), 'ok');
  assert.is(level(daemon('chronyd'), daemon('chronyd')), 'ok', 'chronyd has a helper');
  assert.is(level(daemon('chronyd'), daemon('systemd-timesyn')), 'problem');
  assert.is(level(daemon('chronyd', false), daemon('ntpd')), 'ok');
  assert.is(level(daemon('ptp4l'), daemon('phc2sys')), 'ok');
  assert.is(level(daemon('ptp4l'), daemon('phc2sys'), daemon('chronyd')), 'problem');
});

test('a list of leap seconds ends: a note before, a problem after', () => {
  const level = (nowUnixS: number) => found('leap seconds', { nowUnixS }).level;
  assert.is(level(1_810_000_000 - 30 * 86_400), 'ok');
  assert.is(level(1_810_000_000 - 30 * 86_400 + 1), 'note');
  assert.is(level(1_810_000_000), 'problem');
  const none = { isHidden: false, file: null, expiresUnixS: null, problem: null };
  assert.is(found('leap seconds', { leap: none }).level, 'note');
  assert.match(found('leap seconds', { leap: { ...none, isHidden: true } }).text, 'not known');
  assert.is(found('leap seconds', { leap: { ...none, problem: 'line 3' } }).level, 'problem');
});

test('routes that ports choose are a note', () => {
  const of = (ipv4: number | null, ipv6: number | null) =>
    found('routes', { hashPolicy: { ipv4, ipv6 } });
  assert.is(of(0, 1).level, 'note');
  assert.match(of(1, 0).text, 'event and general messages may go different ways');
  assert.is(of(null, 0).level, 'note');
  assert.match(of(null, 0).text, 'IPv4 not known, IPv6 by addresses');
  assert.match(of(9, 0).text, 'policy 9');
});

test('small buffers and lost datagrams are a note', () => {
  const of = (usualBytes: number | null, lost: number | null) =>
    found('buffers', { buffers: { usualBytes, mostBytes: null, lost } });
  assert.match(of(212_992, null).text, 'holds 256 datagrams');
  assert.is(of(100_000, 0).level, 'note');
  assert.is(of(212_992, 3).level, 'note');
  assert.is(of(null, null).level, 'note');
});

test('what cannot be found out is a note, never a problem', () => {
  const diagnoses = diagnose({
    ...WELL,
    canCapture: null,
    daemons: null,
    hashPolicy: { ipv4: null, ipv6: null },
    buffers: { usualBytes: null, mostBytes: null, lost: null },
  });
  assert.ok(isHealthy(diagnoses));
  assert.is(diagnoses.filter(({ text }) => text.includes('not known')).length, 4);
});

test('daemons are known by name, and those that were told to keep off the clock', () => {
  const of = (comm: string, ...args: string[]) =>
    daemonOf(1, `${comm}\n`, [comm, ...args, ''].join('\0'));
  assert.equal(of('chronyd', '-F', '1'), { pid: 1, name: 'chronyd', steers: true });
  assert.is(of('chronyd', '-x', '-d')?.steers, false);
  assert.is(of('chronyd', '-dx')?.steers, false);
  assert.is(of('chronyd', '-f', '/etc/x')?.steers, true);
  assert.is(of('systemd-timesyn')?.steers, true);
  assert.is(of('gpsd')?.steers, false);
  assert.is(of('node'), null);
  assert.is(of('constructor'), null);
});

test('texts of /proc are read, and others understood as not known', () => {
  assert.is(canCapture('Name:\tx\nCapEff:\t0000000000002000\n'), true);
  assert.is(canCapture('CapEff:\t0000000000001fff\n'), false);
  assert.is(canCapture(''), null);
  const snmp = 'Ip: A B\nIp: 1 2\nUdp: InDatagrams NoPorts RcvbufErrors\nUdp: 5 6 7\n';
  assert.is(lostDatagrams(snmp), 7);
  assert.is(lostDatagrams('Udp: InDatagrams\nUdp: 5\n'), null);
  assert.is(lostDatagrams(''), null);
  assert.is(lostDatagrams6('Udp6InErrors \t0\nUdp6RcvbufErrors                \t12\n'), 12);
  assert.is(lostDatagrams6(''), null);
});

test.run();

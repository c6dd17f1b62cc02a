import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import {
  addLoad,
  book,
  checkLimits,
  createLedger,
  GRANT_LIMITS,
  type GrantLimits,
  hasRoom,
  loadOf,
  NO_LOAD,
  prefixOf,
  unaskedOctets,
} from '../../src/ptp/caps.ts';
import { createRandom } from '../fuzz/random.ts';

const test = suite('ptp grant caps');

test('what a grant promises: rate × duration, Follow_Ups too (SEC-08)', () => {
  const ip = '192.0.2.1';
  // 128/s × (Sync 44 + Follow_Up 44) × 3600 s: the 40.5 MB of REQUIREMENTS SEC-08
  assert.equal(loadOf('Sync', -7, 3600, ip), { grants: 1, packetsPerS: 256, octets: 40_550_400 });
  assert.equal(loadOf('Announce', 1, 300, ip), { grants: 1, packetsPerS: 0.5, octets: 9600 });
  assert.equal(loadOf('Announce', 1, 301, ip).octets, 64 * 151, 'a message begun counts whole');
  assert.equal(loadOf('Announce', 7, 1, ip).octets, 64);
  assert.is(unaskedOctets('Sync', '2001:db8::1'), 92, 'two octets more in each packet over IPv6');
  assert.is(unaskedOctets('Announce', '2001:db8::1'), 66);
  for (const type of ['Delay_Resp', 'Pdelay_Resp'] as const) {
    assert.is(loadOf(type, -7, 300, ip).octets, 0, 'each answers a request: no amplifier');
  }
  assert.is(loadOf('Pdelay_Resp', -7, 300, ip).packetsPerS, 256);
});

test('prefixes: IPv4 /24, IPv6 /56', () => {
  assert.is(prefixOf('192.0.2.1'), prefixOf('192.0.2.254'));
  assert.is.not(prefixOf('192.0.2.1'), prefixOf('192.0.3.1'));
  assert.is.not(prefixOf('1.92.0.2'), prefixOf('192.0.2.1'));
  assert.is(prefixOf('2001:db8:0:1ff::1'), prefixOf('2001:db8:0:100::ffff'));
  assert.is.not(prefixOf('2001:db8:0:1ff::1'), prefixOf('2001:db8:0:200::1'));
  assert.is(prefixOf('fe80::1%eth0'), prefixOf('fe80::2%eth1'));
  assert.is.not(prefixOf('::1'), prefixOf('0.0.0.1'));
});

const load = (grants: number, packetsPerS: number, octets: number) => ({
  grants,
  packetsPerS,
  octets,
});
const limits: GrantLimits = {
  ...GRANT_LIMITS,
  peer: load(3, 10, 1000),
  prefix: load(5, 16, 1600),
  total: load(14, 40, 4000),
};

test('a cap may be reached, not passed: peer, prefix, total, and newcomers half of it (SEC-07)', () => {
  const ledger = createLedger();
  const fits = (ip: string, change: ReturnType<typeof load>, isNew = false) =>
    hasRoom(ledger, limits, ip, change, isNew);
  assert.ok(fits('10.0.0.1', load(3, 10, 1000)));
  assert.not(fits('10.0.0.1', load(4, 10, 1000)), 'peer: grants');
  assert.not(fits('10.0.0.1', load(3, 10.0078125, 1000)), 'peer: packets, to 2^-7');
  assert.not(fits('10.0.0.1', load(3, 10, 1001)), 'peer: octets');

  book(ledger, '10.0.0.1', load(3, 10, 1000), false);
  assert.ok(fits('10.0.0.2', load(2, 6, 600)), 'what the prefix has left');
  assert.not(fits('10.0.0.2', load(3, 6, 600)), 'prefix: grants');
  assert.not(fits('10.0.0.2', load(2, 6.5, 600)), 'prefix: packets');
  assert.not(fits('10.0.0.2', load(2, 6, 601)), 'prefix: octets');
  assert.ok(fits('10.0.1.2', load(3, 10, 1000)), 'another prefix');
  assert.ok(fits('10.0.0.1', load(0, -1, -500)), 'less always fits');
  assert.ok(fits('10.0.0.1', load(0, -1, 0)));
  assert.not(fits('10.0.0.1', load(0, -1, 1)), 'less of one, more of another');

  for (const n of [1, 2]) book(ledger, `10.0.${n}.1`, load(3, 10, 1000), true);
  book(ledger, '10.0.3.1', load(1, 0, 0), true);
  assert.equal(ledger.newcomers, load(7, 20, 2000));
  assert.not(fits('10.0.4.1', load(1, 0, 0), true), 'newcomers have their half');
  assert.ok(fits('10.0.4.1', load(3, 10, 1000)), 'whoever came back has the rest');
  book(ledger, '10.0.4.1', load(3, 10, 1000), false);
  assert.ok(fits('10.0.5.1', load(1, 0, 0)));
  assert.not(fits('10.0.5.1', load(2, 0, 0)), 'total: grants');
  assert.not(fits('10.0.5.1', load(1, 0.0078125, 0)), 'total: packets');
  assert.not(fits('10.0.5.1', load(1, 0, 1)), 'total: octets');
});

test('what was booked and taken off again leaves nothing, to the last bit', () => {
  const random = createRandom(4);
  const ledger = createLedger();
  const booked: [string, ReturnType<typeof load>, boolean][] = [];
  for (let n = 0; n < 3000; n++) {
    if (booked.length > 0 && random.below(2) === 0) {
      const [[ip, taken, isNew] = ['', NO_LOAD, false]] = booked.splice(
        random.below(booked.length),
        1,
      );
      book(ledger, ip, taken, isNew, -1);
      continue;
    }
    const ip = `10.0.${random.below(3)}.${random.below(4)}`;
    const log2S = random.below(15) - 7;
    const taken = loadOf('Sync', log2S, 1 + random.below(300), ip);
    const isNew = random.below(2) === 0;
    book(ledger, ip, taken, isNew);
    booked.push([ip, taken, isNew]);
  }
  const sum = booked.reduce((all, [, one]) => addLoad(all, one), NO_LOAD);
  assert.equal(ledger.total, sum);
  for (const [ip, taken, isNew] of booked) book(ledger, ip, taken, isNew, -1);
  assert.equal(ledger.total, NO_LOAD);
  assert.equal(ledger.newcomers, NO_LOAD);
  assert.is(ledger.peers.size + ledger.prefixes.size, 0, 'who has nothing has no entry');
});

test('limits that make no sense are refused with their name', () => {
  const wrong: [Partial<GrantLimits>, string][] = [
    [{ maxDurationS: 0 }, 'ptp.limits.maxDurationS'],
    [{ firstDurationS: 3601 }, 'ptp.limits.firstDurationS'],
    [{ minDurationS: 1.5 }, 'ptp.limits.minDurationS'],
    [{ factor: 9 }, 'ptp.limits.factor'],
    [{ minLogInterval: 3, maxLogInterval: 2 }, 'ptp.limits.maxLogInterval'],
    [{ denialsPerS: 0 }, 'ptp.limits.denialsPerS'],
    [{ peer: load(1, Number.NaN, 1) }, 'ptp.limits.peer.packetsPerS'],
    [{ prefix: load(1, 1, -1) }, 'ptp.limits.prefix.octets'],
    [{ total: load(2 ** 21, 1, 1) }, 'ptp.limits.total.grants'],
  ];
  for (const [over, field] of wrong) {
    assert.throws(
      () => checkLimits({ ...GRANT_LIMITS, ...over }),
      (error: unknown) => error instanceof ConfigError && error.field === field,
    );
  }
  assert.equal(checkLimits(GRANT_LIMITS), GRANT_LIMITS);
});

test.run();

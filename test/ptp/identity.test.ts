import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import {
  ALL_CLOCKS,
  canonicalClockIdentity,
  compareClockIdentity,
  comparePortIdentity,
  isReserved,
  NO_CLOCK,
  parsePortIdentity,
  portText,
  readClockIdentity,
  requireClockIdentity,
  samePort,
  writeClockIdentity,
} from '../../src/ptp/identity.ts';
import {
  clockIdentityOfIp,
  clockIdentityOfMac,
  deriveIdentities,
  MAX_MAC_INDEX,
} from '../../src/ptp/ownidentity.ts';
import { createRandom } from '../fuzz/random.ts';

const test = suite('ptp identity');
const isConfigError = (error: unknown) => error instanceof ConfigError;
/** The eight octets of a canonical text. */
const octetsOf = (text: string): Uint8Array => {
  const bytes = new Uint8Array(8);
  writeClockIdentity(bytes, 0, text);
  return bytes;
};
const octets = fc.uint8Array({ minLength: 8, maxLength: 8 });

test('reads the ways people write a clockIdentity, prints it as ptp4l does', () => {
  for (const text of [
    'da9721.fffe.b7c4d9',
    'DA9721.FFFE.B7C4D9',
    'da9721fffeb7c4d9',
    'da:97:21:ff:fe:b7:c4:d9',
    'DA-97-21-FF-FE-B7-C4-D9',
  ]) {
    assert.is(canonicalClockIdentity(text), 'da9721.fffe.b7c4d9', text);
  }
  for (const text of [
    '',
    'da9721.fffe.b7c4d',
    'da9721.fffeb7c4d9',
    'da:97:21:b7:c4:d9',
    'x'.repeat(16),
  ]) {
    assert.is(canonicalClockIdentity(text), null, text);
  }
});

test('a user may name any clock but the two reserved ones (PTP-S18)', () => {
  assert.is(requireClockIdentity('gm', '0000000000000001'), '000000.0000.000001');
  for (const text of [ALL_CLOCKS, NO_CLOCK, 'f'.repeat(16), 'master']) {
    assert.throws(() => requireClockIdentity('gm', text), isConfigError);
  }
});

test('octets to text and back', () => {
  fc.assert(
    fc.property(octets, (bytes) => {
      const text = readClockIdentity(bytes, 0);
      assert.is(canonicalClockIdentity(text), text);
      assert.equal([...octetsOf(text)], [...bytes]);
    }),
  );
  assert.is(
    readClockIdentity(Uint8Array.of(9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9), 2),
    '010203.0405.060708',
  );
});

test('text order is octet order, unsigned', () => {
  const number = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  fc.assert(
    fc.property(octets, octets, fc.nat(7), (a, b, shared) => {
      b.set(a.subarray(0, shared));
      const wanted = number(a) < number(b) ? -1 : number(a) > number(b) ? 1 : 0;
      assert.is(compareClockIdentity(readClockIdentity(a, 0), readClockIdentity(b, 0)), wanted);
    }),
    { numRuns: 1000 },
  );
});

test('port identities: the clock decides before the number', () => {
  const port = (clockIdentity: string, portNumber: number) => ({ clockIdentity, portNumber });
  const low = '0000aa.fffe.000001';
  const high = '0000aa.fffe.000002';
  assert.ok(comparePortIdentity(port(low, 9), port(high, 1)) < 0);
  assert.ok(comparePortIdentity(port(low, 10), port(low, 9)) > 0, 'by number, not by text');
  assert.is(comparePortIdentity(port(low, 9), port(low, 9)), 0);
  assert.ok(samePort(port(low, 9), port(low, 9)));
  assert.not(samePort(port(low, 9), port(low, 1)));
  assert.not(samePort(port(low, 9), port(high, 9)));
  assert.is(portText(port(low, 1)), '0000aa.fffe.000001-1');
  assert.equal(parsePortIdentity('0000aa.fffe.000001-1'), port(low, 1));
  assert.equal(parsePortIdentity('00-00-aa-ff-fe-00-00-01-65535'), port(low, 65535));
  for (const text of [
    '0000aa.fffe.000001',
    '0000aa.fffe.000001-65536',
    '0000aa.fffe.000001--1',
    '-1',
  ]) {
    assert.is(parsePortIdentity(text), null, text);
  }
});

test('the first identity of a MAC is the EUI-64 stock clocks use (captured, WIRE §2.12)', () => {
  assert.is(clockIdentityOfMac('da:97:21:b7:c4:d9'), 'da9721.fffe.b7c4d9');
  assert.is(clockIdentityOfMac('DA-97-21-B7-C4-D9', 0), 'da9721.fffe.b7c4d9');
});

test('further identities of a MAC are locally administered and never look like a MAC (PTP-S18)', () => {
  assert.is(clockIdentityOfMac('00:1b:19:01:02:03', 1), '021b19.0001.010203');
  assert.is(clockIdentityOfMac('02:1b:19:01:02:03', 1), '021b19.8001.010203');
  for (const mac of ['00:1b:19:01:02:03', '02:1b:19:01:02:03', 'fe:ff:ff:ff:ff:ff']) {
    const seen = new Set<string>();
    for (let index = 1; index <= MAX_MAC_INDEX; index++) {
      const identity = clockIdentityOfMac(mac, index);
      const bytes = octetsOf(identity);
      assert.is((bytes[0] ?? 0) & 3, 2, 'local, not a group');
      assert.not.match(identity, /\.fff[ef]\./);
      seen.add(identity);
    }
    assert.is(seen.size, MAX_MAC_INDEX);
  }
});

test('two {MAC, index} never share an identity, even if the MACs differ in the U/L bit only', () => {
  const seen = new Set<string>();
  const macs = ['00:1b:19:01:02:03', '02:1b:19:01:02:03', '00:1b:19:01:02:04', '04:1b:19:01:02:03'];
  for (const mac of macs) for (let i = 0; i < 64; i++) seen.add(clockIdentityOfMac(mac, i));
  assert.is(seen.size, macs.length * 64);
});

test('what is no interface address, or an index out of range, is refused', () => {
  for (const mac of [
    '',
    '00:00:00:00:00:00',
    '01:00:5e:00:01:81',
    'ff:ff:ff:ff:ff:ff',
    '1:2:3:4:5:6',
  ]) {
    assert.throws(() => clockIdentityOfMac(mac), isConfigError, mac);
  }
  for (const index of [-1, 0.5, MAX_MAC_INDEX + 1]) {
    assert.throws(() => clockIdentityOfMac('00:1b:19:01:02:03', index), isConfigError);
  }
});

test('an address has one identity, whatever its spelling, in every version (PTP-S01)', () => {
  assert.is(clockIdentityOfIp('192.0.2.1'), '026362.00c0.000201');
  assert.is(clockIdentityOfIp('::ffff:192.0.2.1'), '026362.00c0.000201');
  assert.is(clockIdentityOfIp('2001:DB8:0::1'), clockIdentityOfIp('2001:db8::1'));
  assert.is(clockIdentityOfIp('2001:db8::1'), '6e782f.16c6.a86a00');
  assert.is.not(clockIdentityOfIp('fe80::1%a'), clockIdentityOfIp('fe80::1%b'));
});

test('identities of 50000 addresses are unique, valid and local (PTP-S01, PTP-S18)', () => {
  const random = createRandom(0x1d);
  const seen = new Map<string, string>();
  for (let i = 0; i < 25000; i++) {
    const v4 = `10.${i >> 8}.${i & 255}.${random.below(256)}`;
    const v6 = `2001:db8::${random.below(4).toString(16)}:${i.toString(16)}`;
    for (const ip of [v4, v6]) {
      const identity = clockIdentityOfIp(ip);
      assert.not(seen.has(identity), `${ip} and ${seen.get(identity)}`);
      assert.not(isReserved(identity));
      assert.is((octetsOf(identity)[0] ?? 0) & 3, 2);
      seen.set(identity, ip);
    }
  }
});

test('N addresses: N identities in a bijection, one primary, whatever the order (PTP-S01, PTP-S02)', () => {
  const addresses = ['10.0.0.1', '10.0.0.2', 'fd00::1', '10.0.0.3'];
  const identities = deriveIdentities(addresses, { primary: '10.0.0.2', mac: 'da:97:21:b7:c4:d9' });
  assert.equal(
    identities.map(({ address }) => address),
    addresses,
  );
  assert.is(new Set(identities.map(({ clockIdentity }) => clockIdentity)).size, 4);
  assert.equal(
    identities.filter(({ isPrimary }) => isPrimary),
    [{ address: '10.0.0.2', clockIdentity: 'da9721.fffe.b7c4d9', isPrimary: true }],
  );
  const reversed = deriveIdentities([...addresses].reverse(), {
    primary: '10.0.0.2',
    mac: 'da:97:21:b7:c4:d9',
  });
  assert.equal(reversed.reverse(), identities);
  assert.is(deriveIdentities(['10.0.0.9', '10.0.0.1'])[0]?.isPrimary, true, 'default: the first');
});

test('addresses that cannot have identities of their own are refused', () => {
  assert.throws(() => deriveIdentities([]), isConfigError);
  assert.throws(() => deriveIdentities(['10.0.0.1', '::ffff:10.0.0.1']), isConfigError);
  assert.throws(() => deriveIdentities(['10.0.0.1', 'host']), isConfigError);
  assert.throws(() => deriveIdentities(['10.0.0.1'], { primary: '10.0.0.2' }), isConfigError);
});

test.run();

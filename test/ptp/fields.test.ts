import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import {
  ALL_PORTS,
  canonicalClockIdentity,
  portText,
  readClockIdentity,
  requireClockIdentity,
  samePort,
  writeClockIdentity,
} from '../../src/ptp/identity.ts';
import { readI64, readU48, writeI64, writeU48 } from '../../src/ptp/octets.ts';
import { taiFromUnix, timestampFromStamp, unixFromTai } from '../../src/ptp/timestamp.ts';
import { stamp } from '../../src/units.ts';
import { clockIdentity, timestamp } from './arbitrary.ts';

const test = suite('ptp fields');

test('a clockIdentity is written as ptp4l prints it, whatever form it came in', () => {
  for (const text of [
    'aabbcc.fffe.ddeeff',
    'AABBCC.FFFE.DDEEFF',
    'aabbccfffeddeeff',
    'aa:bb:cc:ff:fe:dd:ee:ff',
    'AA-BB-CC-FF-FE-DD-EE-FF',
  ]) {
    assert.is(canonicalClockIdentity(text), 'aabbcc.fffe.ddeeff');
  }
});

test('what is no clockIdentity is none', () => {
  for (const text of ['', 'aabbcc.fffe.ddeef', 'aabbcc.fffe.ddeeff0', 'gabbcc.fffe.ddeeff']) {
    assert.is(canonicalClockIdentity(text), null);
  }
  for (const text of ['aabbcc..fffe.ddeeff', '.aabbcc.fffe.ddeeff', 'a.abbcc.fffe.ddeef.f']) {
    assert.is(canonicalClockIdentity(text), null);
  }
});

test('reserved and broken clockIdentities are refused with the field named (PTP-S18)', () => {
  for (const text of ['000000.0000.000000', 'ffffff.ffff.ffffff', 'eth0']) {
    assert.throws(
      () => requireClockIdentity('identity.0', text),
      (error: unknown) => error instanceof ConfigError && error.field === 'identity.0',
    );
  }
  assert.is(requireClockIdentity('identity.0', '0000000000000001'), '000000.0000.000001');
});

test('any clockIdentity is read as it was written (fast-check)', () => {
  fc.assert(
    fc.property(clockIdentity, (identity) => {
      const bytes = new Uint8Array(12).fill(0x55);
      writeClockIdentity(bytes, 2, identity);
      assert.is(readClockIdentity(bytes, 2), identity);
      assert.equal([bytes[1], bytes[10]], [0x55, 0x55]);
      assert.is(canonicalClockIdentity(identity), identity);
    }),
  );
});

test('ports are the same only if clock and number are', () => {
  const port = { clockIdentity: 'aabbcc.fffe.ddeeff', portNumber: 1 };
  assert.ok(samePort(port, { ...port }));
  assert.not(samePort(port, { ...port, portNumber: 2 }));
  assert.not(samePort(port, { ...port, clockIdentity: 'aabbcc.fffe.ddeefe' }));
  assert.is(portText(port), 'aabbcc.fffe.ddeeff-1');
  assert.is(portText(ALL_PORTS), 'ffffff.ffff.ffffff-65535');
});

test('48 bits are exact', () => {
  const bytes = new Uint8Array(6);
  for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 47 + 1, 2 ** 48 - 1]) {
    writeU48(bytes, 0, value);
    assert.is(readU48(bytes, 0), value);
  }
});

test('64 bits replace what stood there', () => {
  for (const value of [0n, 1n, -1n, 2n ** 62n, -(2n ** 63n)]) {
    const bytes = new Uint8Array(10).fill(0x55);
    writeI64(bytes, 1, value);
    assert.is(readI64(bytes, 1), value);
    assert.equal([bytes[0], bytes[9]], [0x55, 0x55]);
  }
});

test('TAI is 37 s ahead of UTC (WIRE §2.10)', () => {
  const unix = { seconds: 1700000000, nanoseconds: 500_000_000 };
  assert.equal(taiFromUnix(unix, 37), { seconds: 1700000037, nanoseconds: 500_000_000 });
  assert.equal(unixFromTai(taiFromUnix(unix, 37), 37), unix);
});

test('a stamp becomes a timestamp to the nanosecond, before and after its epoch', () => {
  const at = (ns: number) => timestampFromStamp(1700000000, stamp(ns), 37);
  assert.equal(at(0), { seconds: 1700000037, nanoseconds: 0 });
  assert.equal(at(1_999_999_999), { seconds: 1700000038, nanoseconds: 999_999_999 });
  assert.equal(at(999_999_999.6), { seconds: 1700000038, nanoseconds: 0 });
  assert.equal(at(-1), { seconds: 1700000036, nanoseconds: 999_999_999 });
  assert.equal(at(2 ** 53 - 1), { seconds: 1700000037 + 9007199, nanoseconds: 254_740_991 });
});

test('timestamps go to TAI and back (fast-check)', () => {
  fc.assert(
    fc.property(timestamp, fc.integer({ min: -100, max: 100 }), (time, offset) => {
      assert.equal(unixFromTai(taiFromUnix(time, offset), offset), time);
    }),
  );
});

test.run();

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { md5 } from '../../src/ntp/md5.ts';
import {
  type Header,
  readHeader,
  secondsFromShort,
  shortFromSeconds,
  timeSpanS,
  writeHeader,
  writeRequest,
} from '../../src/ntp/packet.ts';
import { asciiRefid, kissCode, refidOfIp, refidText } from '../../src/ntp/refid.ts';
import { CAPTURED_REPLY, CAPTURED_REQUEST, fromHex, toHex } from './wire.ts';

const test = suite('ntp packet');

const header = (bytes: Uint8Array): Header => {
  const read = readHeader(bytes);
  if (typeof read === 'string') throw new Error(`not a packet: ${read}`);
  return read;
};

test('reads the captured reply of chronyd field by field (WIRE §1.9)', () => {
  assert.equal(header(fromHex(CAPTURED_REPLY)), {
    leap: 0,
    version: 4,
    mode: 4,
    stratum: 3,
    pollLog2S: 4,
    precisionLog2S: -25,
    rootDelayS: 0,
    rootDispersionS: 0,
    refid: 0x7f7f0101,
    reference: { seconds: 0xeeab652c, fraction: 0xff8a3f1e },
    origin: { seconds: 0x238bcf21, fraction: 0xc6a97b4d },
    receive: { seconds: 0xeeab652e, fraction: 0x74f4cd1d },
    transmit: { seconds: 0xeeab652e, fraction: 0x75013c2e },
    trailer: 'none',
  });
});

test('reads the captured interleaved reply stamps (WIRE §1.9)', () => {
  const bytes = fromHex(CAPTURED_REPLY);
  bytes.set(fromHex('acacd2c1f08cbb9beeab652ea858e809eeab652e8eb1f15e'), 24);
  const read = header(bytes);
  assert.equal(read.origin, { seconds: 0xacacd2c1, fraction: 0xf08cbb9b });
  assert.equal(read.receive, { seconds: 0xeeab652e, fraction: 0xa858e809 });
  assert.equal(read.transmit, { seconds: 0xeeab652e, fraction: 0x8eb1f15e });
  assert.ok(timeSpanS(read.receive, read.transmit) < 0);
});

test('writes the captured request octet for octet (MP-01)', () => {
  const cookie = { seconds: 0x238bcf21, fraction: 0xc6a97b4d };
  assert.is(toHex(writeRequest(cookie, 4)), CAPTURED_REQUEST);
  assert.is(toHex(writeRequest(cookie, -4)).slice(0, 8), '2300fc20');
});

test('reading and writing back is the identity on any header', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 48, maxLength: 48 }), (bytes) => {
      const read = readHeader(bytes);
      const version = ((bytes[0] ?? 0) >> 3) & 7;
      if (typeof read === 'string') return read === 'version' && version !== 3 && version !== 4;
      const written = new Uint8Array(48);
      writeHeader(written, read);
      return toHex(written) === toHex(bytes);
    }),
    { numRuns: 5000, seed: 5905 },
  );
});

const EF = (type: string, octets: number): string =>
  type + octets.toString(16).padStart(4, '0') + '00'.repeat(octets - 4);

const TAILS: [name: string, version: number, tail: string, want: string][] = [
  ['nothing', 4, '', 'none'],
  ['nothing, version 3', 3, '', 'none'],
  ['crypto-NAK', 4, '00000000', 'crypto-nak'],
  ['four octets that are no crypto-NAK', 4, '00000001', 'malformed'],
  ['MD5 MAC', 4, '11'.repeat(20), 'mac'],
  ['SHA-1 MAC', 4, '11'.repeat(24), 'mac'],
  ['MAC, version 3', 3, '11'.repeat(20), 'mac'],
  ['long MAC, version 3', 3, '11'.repeat(36), 'mac'],
  ['one unknown field', 4, EF('f323', 28), 'none'],
  ['a lone field of 16 octets, too short for a sender but clear', 4, EF('f323', 16), 'none'],
  ['two fields', 4, EF('f323', 16) + EF('0109', 32), 'none'],
  ['field and MAC', 4, EF('f323', 16) + '22'.repeat(20), 'mac'],
  ['tiny NTS fields', 4, EF('0104', 4) + EF('0204', 8) + EF('0304', 12) + EF('0404', 28), 'none'],
  ['tiny field of another type', 4, EF('f323', 12), 'malformed'],
  ['field of length 0', 4, `f3230000${'00'.repeat(24)}`, 'malformed'],
  ['field of odd length', 4, `f323001d${'00'.repeat(28)}`, 'malformed'],
  ['field longer than the packet', 4, `f3230040${'00'.repeat(24)}`, 'malformed'],
  ['field of length 65535', 4, `f323ffff${'00'.repeat(24)}`, 'malformed'],
  ['one stray octet', 4, '00', 'malformed'],
  ['one stray octet, version 3', 3, '00', 'malformed'],
  ['a field and four octets', 4, `${EF('f323', 28)}00000000`, 'malformed'],
];

for (const [name, version, tail, want] of TAILS) {
  test(`octets after the header: ${name} (WIRE §1.7)`, () => {
    const bytes = fromHex(CAPTURED_REPLY + tail);
    bytes[0] = (version << 3) | 4;
    const read = readHeader(bytes);
    assert.is(typeof read === 'string' ? read : read.trailer, want);
  });
}

test('versions 3 and 4 pass, all others do not, short packets least', () => {
  for (let version = 0; version < 8; version++) {
    const bytes = fromHex(CAPTURED_REPLY);
    bytes[0] = (version << 3) | 4;
    const read = readHeader(bytes);
    assert.is(
      typeof read === 'string' ? read : read.version,
      [3, 4].includes(version) ? version : 'version',
    );
  }
  for (let length = 0; length < 48; length++) {
    assert.is(readHeader(fromHex(CAPTURED_REPLY).subarray(0, length)), 'short');
  }
});

test('16.16 seconds: 1 s is 2^16 exactly, outside saturates', () => {
  assert.is(shortFromSeconds(1), 65536);
  assert.is(secondsFromShort(65536), 1);
  assert.is(secondsFromShort(0xffffffff), 65535.99998474121);
  assert.is(shortFromSeconds(-1), 0);
  assert.is(shortFromSeconds(65536), 0xffffffff);
  assert.is(shortFromSeconds(0.4 / 65536), 0);
  assert.is(shortFromSeconds(0.6 / 65536), 1);
});

test('spans keep sign and length across the era boundary (NTP-C5)', () => {
  const before = { seconds: 0xffffffff, fraction: 0x80000000 };
  const after = { seconds: 0, fraction: 0x80000000 };
  assert.is(timeSpanS(before, after), 1);
  assert.is(timeSpanS(after, before), -1);
  assert.is(timeSpanS(after, after), 0);
});

// RFC 1321 appendix A.5
const DIGESTS: [text: string, hex: string][] = [
  ['', 'd41d8cd98f00b204e9800998ecf8427e'],
  ['a', '0cc175b9c0f1b6a831c399e269772661'],
  ['abc', '900150983cd24fb0d6963f7d28e17f72'],
  ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
  ['abcdefghijklmnopqrstuvwxyz', 'c3fcd3d76192e4007dfb496cca67e13b'],
  [
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
    'd174ab98d277d9f5a5611c2c9f419d9f',
  ],
  ['1234567890'.repeat(8), '57edf4a22be3c955ac49da2e2107b67a'],
];

test('MD5 gives the digests of RFC 1321', () => {
  for (const [text, hex] of DIGESTS) {
    assert.is(toHex(md5(Uint8Array.from(text, (letter) => letter.charCodeAt(0)))), hex);
  }
});

test('refid of an address: IPv4 as it is, IPv6 by MD5, zone ignored (RFC 5905 §7.3)', () => {
  assert.is(refidOfIp('192.0.2.99'), 0xc0000263);
  // printf '\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01' | md5sum; the same of ::1
  assert.is(refidOfIp('2001:db8::1'), 0x39ab9b37);
  assert.is(refidOfIp('::1'), 0xcf404dc8);
  assert.is(refidOfIp('fe80::1%eth0'), refidOfIp('fe80::1'));
  assert.throws(
    () => refidOfIp('example.org'),
    (error: unknown) => error instanceof ConfigError,
  );
});

test('kiss codes are four printable characters', () => {
  assert.is(kissCode(0x52415445), 'RATE');
  assert.is(kissCode(asciiRefid('XABC')), 'XABC');
  assert.is(kissCode(0), null);
  assert.is(kissCode(asciiRefid('GPS')), null);
  assert.is(kissCode(0x7f7f0101), null);
});

test('a refid shown to people never carries control characters', () => {
  assert.is(refidText(1, asciiRefid('GPS')), 'GPS');
  assert.is(refidText(1, 0x1b5b324a), '?[2J');
  assert.is(refidText(2, 0xc0000263), '192.0.2.99');
  assert.is(refidText(1, 0), '');
});

test.run();

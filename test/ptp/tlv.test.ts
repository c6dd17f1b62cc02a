import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readTlvs, type Tlv, tlvBytes } from '../../src/ptp/tlv.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import { TLVS } from './arbitrary.ts';

const test = suite('ptp tlv');

const read = (hex: string): readonly Tlv[] | null => {
  const bytes = fromHex(hex);
  return readTlvs(bytes, 0, bytes.length);
};

/** Octets and what they say, from WIRE §2.6, §2.7. */
const VECTORS: Record<string, [string, Tlv]> = {
  'a request for Announce every 2 s': [
    '00040006b00100000010',
    {
      type: 'REQUEST_UNICAST_TRANSMISSION',
      messageType: 0xb,
      logInterMessagePeriod: 1,
      durationField: 16,
    },
  ],
  'a request for 128 Delay_Resp a second, as long as can be': [
    '0004000690f9ffffffff',
    {
      type: 'REQUEST_UNICAST_TRANSMISSION',
      messageType: 9,
      logInterMessagePeriod: -7,
      durationField: 0xffffffff,
    },
  ],
  'a grant that invites renewal': [
    '00050008b001000000100001',
    {
      type: 'GRANT_UNICAST_TRANSMISSION',
      messageType: 0xb,
      logInterMessagePeriod: 1,
      durationField: 16,
      renewalInvited: true,
    },
  ],
  'a refusal: a grant for 0 s': [
    '000500080000000000000000',
    {
      type: 'GRANT_UNICAST_TRANSMISSION',
      messageType: 0,
      logInterMessagePeriod: 0,
      durationField: 0,
      renewalInvited: false,
    },
  ],
  'a cancel (ptpd)': [
    '00060002b000',
    {
      type: 'CANCEL_UNICAST_TRANSMISSION',
      messageType: 0xb,
      maintainRequest: false,
      maintainGrant: false,
    },
  ],
  'an acknowledge with the flags of 2019': [
    '000700023200',
    {
      type: 'ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION',
      messageType: 3,
      maintainRequest: false,
      maintainGrant: true,
    },
  ],
  'a path trace of two': [
    '00080010da9721fffeb7c4d9ae600bfffe70c1ab',
    { type: 'PATH_TRACE', pathSequence: ['da9721.fffe.b7c4d9', 'ae600b.fffe.70c1ab'] },
  ],
  'an organization extension (802.1AS message interval request)': [
    '0003000c0080c200000200017f000000',
    {
      type: 'ORGANIZATION_EXTENSION',
      organizationId: 0x0080c2,
      organizationSubType: 2,
      dataField: fromHex('00017f000000'),
    },
  ],
  'one to be propagated (2019)': [
    '4000000800005e000001abcd',
    {
      type: 'ORGANIZATION_EXTENSION_PROPAGATE',
      organizationId: 0x00005e,
      organizationSubType: 1,
      dataField: fromHex('abcd'),
    },
  ],
  'one not to be propagated (2019)': [
    '8000000600005e000001',
    {
      type: 'ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE',
      organizationId: 0x00005e,
      organizationSubType: 1,
      dataField: new Uint8Array(0),
    },
  ],
  'a pad': ['8008000400000000', { type: 'PAD', length: 4 }],
  'a management error': [
    '00020008000620050000' + '0000',
    {
      type: 'MANAGEMENT_ERROR_STATUS',
      managementErrorId: 6,
      managementId: 0x2005,
      displayData: '',
    },
  ],
  'a management error with a text': [
    '0002000c000420050000' + '0000' + '026e6f00',
    {
      type: 'MANAGEMENT_ERROR_STATUS',
      managementErrorId: 4,
      managementId: 0x2005,
      displayData: 'no',
    },
  ],
  'an empty GET, as pmc -z sends it': [
    '000100022000',
    { type: 'MANAGEMENT', managementId: 0x2000, dataField: new Uint8Array(0) },
  ],
  'an alternate time offset, not known here': [
    '0009001400ffffff9d00000000000000000000' + '03414243' + '00',
    {
      type: 'OTHER',
      tlvType: 9,
      bytes: fromHex('00ffffff9d00000000000000000000' + '03414243' + '00'),
    },
  ],
};

for (const [name, [hex, tlv]] of Object.entries(VECTORS)) {
  test(`${name} is read and written`, () => {
    assert.equal(read(hex), [tlv]);
    assert.is(toHex(tlvBytes([tlv])), hex);
  });

  test(`${name} among others is one of three (BASE-B8)`, () => {
    const other: Tlv = { type: 'OTHER', tlvType: 0x7fff, bytes: fromHex('0102') };
    const all = `7fff00020102${hex}7fff00020102`;
    assert.equal(read(all), [other, tlv, other]);
    assert.is(toHex(tlvBytes([other, tlv, other])), all);
  });
}

test('unknown types are skipped and kept, empty or not (BASE-B8)', () => {
  assert.equal(read('abcd0000'), [{ type: 'OTHER', tlvType: 0xabcd, bytes: new Uint8Array(0) }]);
  const both = 'abcd00020102' + '00040006b00100000010';
  assert.equal(
    read(both)?.map((tlv) => tlv.type),
    ['OTHER', 'REQUEST_UNICAST_TRANSMISSION'],
  );
  assert.is(toHex(tlvBytes(read(both) ?? [])), both);
});

test('nothing is an empty list', () => {
  assert.equal(read(''), []);
  assert.is(toHex(tlvBytes([])), '');
});

test('an odd length is refused, known type or not (BASE-B8)', () => {
  for (const hex of [
    'abcd0001aa',
    'abcd000100',
    '800800030000' + '00',
    '000400070000000000' + '0000',
  ])
    assert.is(read(hex), null);
});

test('overruns are refused, by one octet or by many (BASE-B8)', () => {
  for (const hex of [
    'abcd000400',
    'abcd0002',
    'abcdffff0000',
    '00040006b001000000',
    'ab',
    'abcd00',
  ])
    assert.is(read(hex), null);
});

test('known types too short for what they say are refused (BASE-B8)', () => {
  for (const [name, [hex, { type }]] of Object.entries(VECTORS)) {
    if (['OTHER', 'PAD', 'MANAGEMENT'].includes(type) || name.includes('text')) continue;
    const needs = type === 'PATH_TRACE' ? 8 : type.startsWith('ORG') ? 6 : hex.length / 2 - 4;
    for (let length = type === 'PATH_TRACE' ? 2 : 0; length < needs; length += 2) {
      const cut = `${hex.slice(0, 4)}${length.toString(16).padStart(4, '0')}${hex.slice(8, 8 + 2 * length)}`;
      assert.is(read(cut), null, `${name} with ${length} octets`);
    }
  }
  assert.is(read('00010000'), null); // no managementId
  assert.is(read('0002000a000420050000' + '0000' + '026e'), null); // text past the end
});

test('more octets than a type needs are ignored: a later edition may add some', () => {
  assert.equal(read('00040008b001000000100102'), read('00040006b00100000010'));
  assert.equal(read('00060004b0001234'), read('00060002b000'));
});

test('odd data are padded to even', () => {
  const tlv: Tlv = { type: 'OTHER', tlvType: 0x7fff, bytes: fromHex('aabbcc') };
  assert.is(toHex(tlvBytes([tlv])), '7fff0004aabbcc00');
});

test('a display text is cut between characters at 255 octets', () => {
  const tlv: Tlv = {
    type: 'MANAGEMENT_ERROR_STATUS',
    managementErrorId: 1,
    managementId: 0,
    displayData: 'é'.repeat(200),
  };
  const bytes = tlvBytes([tlv]);
  assert.is(bytes[12], 254);
  assert.equal(readTlvs(bytes, 0, bytes.length), [{ ...tlv, displayData: 'é'.repeat(127) }]);
});

test('texts that are no UTF-8 are read with a mark, not refused (SEC-11)', () => {
  const [tlv] = read('0002000c000420050000' + '0000' + '0361ff62') ?? [];
  assert.is(tlv?.type === 'MANAGEMENT_ERROR_STATUS' && tlv.displayData, 'a\ufffdb');
});

for (const [type, arbitrary] of Object.entries(TLVS)) {
  test(`any ${type} is read as it was written`, () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 3 }), (tlvs) => {
        const bytes = tlvBytes(tlvs);
        assert.is(bytes.length % 2, 0);
        assert.equal(readTlvs(bytes, 0, bytes.length), tlvs);
      }),
    );
  });
}

test.run();

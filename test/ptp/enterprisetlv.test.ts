/** The Enterprise Profile's TLV, octet by octet (draft-01 §8). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  delayModeOf,
  type EnterpriseTlv,
  enterpriseTlv,
  PHASE_UNITS,
  phaseAdjustmentS,
} from '../../src/ptp/enterprisetlv.ts';
import { readTlvs, tlvBytes } from '../../src/ptp/tlv.ts';
import { fromHex, toHex } from '../ntp/wire.ts';

const test = suite('ptp enterprise tlv');

const read = (hex: string) => {
  const bytes = fromHex(hex);
  return readTlvs(bytes, 0, bytes.length);
};
const readOne = (hex: string): EnterpriseTlv => {
  const [tlv] = read(hex) ?? [];
  if (tlv?.type !== 'ENTERPRISE') throw new Error(`${hex}: ${tlv?.type}`);
  return tlv;
};

test('type 3, 12 octets, the port number before the OUI, profile 1, revision 1 (EP-067…EP-069, EP-071…EP-073)', () => {
  assert.is(toHex(tlvBytes([enterpriseTlv(1, 'hybrid')])), '0003000c000100005e00010102000000');
  assert.is(
    toHex(tlvBytes([enterpriseTlv(0x1234, 'multicast')])),
    '0003000c123400005e00010100000000',
  );
});

test('the delay mode: 0 multicast, 1 unicast, 2 hybrid; reserved ones are unknown, and the message is used (EP-074)', () => {
  for (const [code, mode] of ['multicast', 'unicast', 'hybrid'].entries()) {
    const hex = `0003000c000100005e0001010${code}000000`;
    assert.is(delayModeOf(readOne(hex)), mode);
    assert.is(toHex(tlvBytes([readOne(hex)])), hex);
  }
  for (const code of ['03', '7f', 'ff']) {
    const hex = `0003000c000100005e000101${code}000000`;
    assert.is(delayModeOf(readOne(hex)), null);
    assert.is(toHex(tlvBytes([readOne(hex)])), hex);
  }
});

test('the greatest phase adjustment in all its units (EP-065, EP-075, EP-076)', () => {
  const limited = enterpriseTlv(1, 'hybrid', { value: 500, unit: 'ns' });
  assert.is(toHex(tlvBytes([limited])), '0003000c000100005e0001010201f409');
  assert.is(phaseAdjustmentS(limited), 500e-9);
  const codes = { s: 1, ms: 3, us: 6, ns: 9, ps: 12, fs: 15 };
  assert.equal(PHASE_UNITS, codes);
  const scale = { s: 1, ms: 1e-3, us: 1e-6, ns: 1e-9, ps: 1e-12, fs: 1e-15 };
  for (const [unit, code] of Object.entries(codes) as [keyof typeof codes, number][]) {
    const tlv = enterpriseTlv(1, 'hybrid', { value: 0xffff, unit });
    assert.is(tlv.phaseUnit, code);
    const ratio = (phaseAdjustmentS(tlv) ?? 0) / (65535 * scale[unit]);
    assert.ok(Math.abs(ratio - 1) < 1e-12, `${unit}: ${ratio}`);
  }
  for (const reserved of [0, 2, 4, 16, 255]) {
    assert.is(phaseAdjustmentS({ ...limited, phaseUnit: reserved }), null);
  }
});

test('port ffff: the profile is that of every port (EP-070)', () => {
  assert.is(readOne('0003000cffff00005e00010102000000').portNumber, 0xffff);
});

test('it is tried for before the layout of IEEE 1588, and nothing else is taken for it (EP-082)', () => {
  const types = (hex: string) => read(hex)?.map(({ type }) => type);
  assert.equal(types('0003000c000100005e00010102000000'), ['ENTERPRISE']);
  // another OUI, another profile number, other lengths, the types of 2019
  for (const hex of [
    '0003000c000100008000010102000000',
    '0003000c000100005e00020102000000',
    '0003000a000100005e0001010200',
    '0003000e000100005e000101020000000000',
    '0003000c00005e000001010200000000',
  ]) {
    assert.equal(types(hex), ['ORGANIZATION_EXTENSION'], hex);
  }
  assert.equal(types('8000000c000100005e00010102000000'), [
    'ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE',
  ]);
});

test.run();

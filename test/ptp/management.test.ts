import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClockDescription, portAddress } from '../../src/ptp/description.ts';
import {
  MANAGEMENT_ERRORS,
  MANAGEMENT_IDS,
  type ManagementData,
  managementErrorTlv,
  managementName,
  managementTlv,
  readManagement,
} from '../../src/ptp/management.ts';
import { tlvBytes } from '../../src/ptp/tlv.ts';
import { fromHex, toHex } from '../ntp/wire.ts';
import {
  clockIdentity,
  clockQuality,
  i8,
  i16,
  i32,
  i64,
  portIdentity,
  record,
  timeFlags,
  u4,
  u8,
  u16,
  u24,
} from './arbitrary.ts';
import { DATA_SETS } from './datasets.ts';
import { CAPTURED } from './wire.ts';

const test = suite('ptp management');

const tlv = (managementId: number, hex: string) => ({ managementId, dataField: fromHex(hex) });

for (const [hex, data] of DATA_SETS) {
  test(`${data.id} is read and written octet for octet`, () => {
    const id = MANAGEMENT_IDS[data.id];
    assert.is(id, Number.parseInt(hex.slice(0, 4), 16));
    assert.equal(readManagement(tlv(id, hex.slice(4))), data);
    const length = (hex.length / 2).toString(16).padStart(4, '0');
    assert.is(toHex(tlvBytes([managementTlv(data)])), `0001${length}${hex}`);
  });

  test(`${data.id} of any other length is WRONG_LENGTH`, () => {
    const octets = hex.slice(4);
    for (let cut = 0; cut < octets.length; cut += 2) {
      const read = readManagement(tlv(MANAGEMENT_IDS[data.id], octets.slice(0, cut)));
      assert.is(read, 'WRONG_LENGTH', `${cut / 2} octets`);
    }
    const longer = readManagement(tlv(MANAGEMENT_IDS[data.id], `${octets}0000`));
    assert.is(longer, 'WRONG_LENGTH');
  });
}

test('SLAVE_ONLY is read from the standard’s bit and from linuxptp’s (BASE-B4)', () => {
  for (const hex of ['0100', '0200', '0300', '0000', '0400']) {
    const value = !['0000', '0400'].includes(hex);
    assert.equal(readManagement(tlv(0x2008, hex)), { id: 'SLAVE_ONLY', value }, hex);
  }
});

test('every data set that can be told has a vector here', () => {
  const covered = new Set<string>(DATA_SETS.map(([, { id }]) => id));
  for (const [name, managementId] of Object.entries(MANAGEMENT_IDS)) {
    const supported = readManagement({ managementId, dataField: new Uint8Array(1) });
    assert.is(covered.has(name), supported !== 'NOT_SUPPORTED', name);
  }
});

test('ids nobody defined and ids not done here are told apart', () => {
  assert.is(readManagement(tlv(0x2018, '')), 'NOT_SUPPORTED'); // UNICAST_MASTER_TABLE
  assert.is(readManagement(tlv(0x201d, '0000')), 'NOT_SUPPORTED'); // ALTERNATE_MASTER
  assert.is(readManagement(tlv(0xdead, '')), 'NO_SUCH_ID');
  assert.is(managementName(0x2018), 'UNICAST_MASTER_TABLE');
  assert.is(managementName(0xdead), undefined);
});

test('the zeros pmc puts into a GET are not a wrong length', () => {
  const zeros = new Uint8Array(20);
  const data = readManagement({ managementId: 0x2000, dataField: zeros });
  assert.is(typeof data === 'object' && data.id, 'DEFAULT_DATA_SET');
});

test('refusals carry id and error as ptp4l writes them (captured)', () => {
  const octets = toHex(tlvBytes([managementErrorTlv('NOT_SUPPORTED', MANAGEMENT_IDS.PRIORITY1)]));
  assert.is(octets, CAPTURED.notSupported.slice(2 * 48));
  assert.is(MANAGEMENT_ERRORS.GENERAL_ERROR, 0xfffe);
});

test('a port address is the octets of the literal, without its zone', () => {
  assert.equal(portAddress('10.77.0.1'), {
    networkProtocol: 1,
    addressField: fromHex('0a4d0001'),
  });
  assert.equal(portAddress('fe80::1%eth0'), {
    networkProtocol: 2,
    addressField: fromHex('fe800000000000000000000000000001'),
  });
});

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const octets = fc.uint8Array({ maxLength: 16 });
const description = record<ClockDescription>({
  clockType: u16,
  physicalLayerProtocol: text,
  physicalAddress: octets,
  protocolAddress: record({ networkProtocol: u16, addressField: octets }),
  manufacturerIdentity: u24,
  productDescription: text,
  revisionData: text,
  userDescription: text,
  profileIdentity: fc.uint8Array({ minLength: 6, maxLength: 6 }),
});
const is = <const Id extends ManagementData['id']>(id: Id) => fc.constant(id);
const sets: fc.Arbitrary<ManagementData>[] = [
  record({ id: is('CLOCK_DESCRIPTION'), value: description }),
  record({ id: is('USER_DESCRIPTION'), value: text }),
  record({
    id: is('DEFAULT_DATA_SET'),
    value: record({
      twoStepFlag: fc.boolean(),
      slaveOnly: fc.boolean(),
      numberPorts: u16,
      priority1: u8,
      clockQuality,
      priority2: u8,
      clockIdentity,
      domainNumber: u8,
    }),
  }),
  record({
    id: is('CURRENT_DATA_SET'),
    value: record({ stepsRemoved: u16, offsetFromMaster: i64, meanPathDelay: i64 }),
  }),
  record({
    id: is('PARENT_DATA_SET'),
    value: record({
      parentPortIdentity: portIdentity,
      parentStats: fc.boolean(),
      observedParentOffsetScaledLogVariance: u16,
      observedParentClockPhaseChangeRate: i32,
      grandmasterPriority1: u8,
      grandmasterClockQuality: clockQuality,
      grandmasterPriority2: u8,
      grandmasterIdentity: clockIdentity,
    }),
  }),
  record({
    id: is('TIME_PROPERTIES_DATA_SET'),
    value: record({ currentUtcOffset: i16, timeSource: u8, ...timeFlags }),
  }),
  record({
    id: is('PORT_DATA_SET'),
    value: record({
      portIdentity,
      portState: u8,
      logMinDelayReqInterval: i8,
      peerMeanPathDelay: i64,
      logAnnounceInterval: i8,
      announceReceiptTimeout: u8,
      logSyncInterval: i8,
      delayMechanism: u8,
      logMinPdelayReqInterval: i8,
      versionNumber: u4,
    }),
  }),
  record({
    id: is('TIME_STATUS_NP'),
    value: record({
      masterOffset: i64,
      ingressTime: i64,
      cumulativeScaledRateOffset: i32,
      scaledLastGmPhaseChange: i32,
      gmTimeBaseIndicator: u16,
      lastGmPhaseChange: fc.bigInt({ min: -(2n ** 95n), max: 2n ** 95n - 1n }),
      gmPresent: fc.boolean(),
      gmIdentity: clockIdentity,
    }),
  }),
];

test('any data set is read as it was written (fast-check)', () => {
  fc.assert(
    fc.property(fc.oneof(...sets), (data) => {
      assert.equal(readManagement(managementTlv(data)), data);
    }),
    { numRuns: 1000 },
  );
});

test('any octets under any id are data or an error, never a throw (SEC-11)', () => {
  const ids = fc.oneof(fc.constantFrom(...Object.values(MANAGEMENT_IDS)), u16);
  fc.assert(
    fc.property(ids, fc.uint8Array({ maxLength: 80 }), (managementId, dataField) => {
      const read = readManagement({ managementId, dataField });
      assert.ok(typeof read === 'string' || read.id === managementName(managementId));
    }),
    { numRuns: 5000 },
  );
});

test.run();

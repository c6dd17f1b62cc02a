import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { contentOfAnnounce } from '../../src/ptp/content.ts';
import {
  announceOf,
  becomeGrandmaster,
  type ClockConfig,
  createDatasets,
  createDefaultDS,
  followMaster,
  UNKNOWN_TIME,
} from '../../src/ptp/dataset.ts';
import { type Announce, readMessage, writeMessage } from '../../src/ptp/message.ts';
import { createPortDS, intervalOfLog } from '../../src/ptp/portds.ts';
import { fromHex } from '../ntp/wire.ts';
import { announce } from './announce.ts';
import { CAPTURED } from './wire.ts';

const test = suite('ptp data sets');
const isConfigError = (error: unknown) => error instanceof ConfigError;
const OWN = 'ae600b.fffe.70c1ab';
const own = (config: Partial<ClockConfig> = {}) =>
  createDefaultDS({ clockIdentity: OWN, ...config });
const TAI = {
  ...UNKNOWN_TIME,
  currentUtcOffset: 37,
  currentUtcOffsetValid: true,
  ptpTimescale: true,
};

test('a clock without wishes is what ptp4l is (WIRE §3.6)', () => {
  assert.equal(own(), {
    twoStepFlag: true,
    slaveOnly: false,
    numberPorts: 1,
    priority1: 128,
    clockQuality: { clockClass: 248, clockAccuracy: 0xfe, offsetScaledLogVariance: 0xffff },
    priority2: 128,
    clockIdentity: OWN,
    domainNumber: 0,
  });
  assert.equal(createPortDS({ clockIdentity: OWN, portNumber: 1 }), {
    portIdentity: { clockIdentity: OWN, portNumber: 1 },
    portState: 'INITIALIZING',
    logAnnounceInterval: 1,
    logSyncInterval: 0,
    logMinDelayReqInterval: 0,
    logMinPdelayReqInterval: 0,
    peerMeanPathDelayNs: 0,
    announceReceiptTimeout: 3,
    delayMechanism: 1,
    versionNumber: 2,
  });
});

test('slave-only means class 255 and no claim to anything', () => {
  const { clockQuality, priority1, priority2 } = own({ slaveOnly: true });
  assert.equal([clockQuality.clockClass, priority1, priority2], [255, 255, 255]);
  assert.is(own({ slaveOnly: true, priority1: 7 }).priority1, 7);
  assert.throws(() => own({ slaveOnly: true, clockClass: 248 }), isConfigError);
  assert.throws(() => own({ clockClass: 255 }), isConfigError);
});

test('every value out of its range is refused by name', () => {
  const wrong: Partial<ClockConfig>[] = [
    { priority1: 256 },
    { priority2: -1 },
    { clockClass: 0.5 },
    { clockAccuracy: 256 },
    { offsetScaledLogVariance: 65536 },
    { domainNumber: 128 },
    { numberPorts: 0 },
    { clockIdentity: 'ffffff.ffff.ffffff' },
  ];
  for (const config of wrong) {
    const [field = ''] = Object.keys(config);
    assert.throws(
      () => own(config),
      (error: unknown) => error instanceof ConfigError && error.field === `ptp.${field}`,
      field,
    );
  }
  const portIdentity = { clockIdentity: OWN, portNumber: 1 };
  for (const config of [
    { logAnnounceInterval: 23 },
    { logSyncInterval: -11 },
    { logMinDelayReqInterval: 0x7f },
    { announceReceiptTimeout: 1 },
  ]) {
    assert.throws(() => createPortDS(portIdentity, config), isConfigError);
  }
  assert.throws(() => createPortDS({ clockIdentity: OWN, portNumber: 0 }), isConfigError);
});

test('no timer comes from 0x7f, nor from beyond −10…22 (X-5)', () => {
  assert.equal([-10, -1, 0, 1, 22].map(intervalOfLog), [2 ** -10, 0.5, 1, 2, 2 ** 22]);
  assert.equal([0x7f, -11, 23, -128].map(intervalOfLog), [null, null, null, null]);
});

test('a clock that starts is its own parent, port 0', () => {
  const sets = createDatasets(own({ priority1: 9 }), TAI);
  assert.equal(sets.currentDS, { stepsRemoved: 0, offsetFromMasterNs: 0, meanPathDelayNs: 0 });
  assert.equal(sets.timePropertiesDS, TAI);
  assert.equal(sets.parentDS, {
    parentPortIdentity: { clockIdentity: OWN, portNumber: 0 },
    parentStats: false,
    observedParentOffsetScaledLogVariance: 0xffff,
    observedParentClockPhaseChangeRate: 0x7fffffff,
    grandmasterPriority1: 9,
    grandmasterClockQuality: own().clockQuality,
    grandmasterPriority2: 128,
    grandmasterIdentity: OWN,
  });
});

test('takeover: parent, grandmaster, steps and time properties are the Announce’s (BASE-B4)', () => {
  const sets = createDatasets(own(), UNKNOWN_TIME);
  const heard = announce({
    ...TAI,
    leap61: true,
    stepsRemoved: 2,
    grandmasterIdentity: '000001.0000.000001',
  });
  assert.equal(followMaster(sets, heard), { parentChanged: true, grandmasterChanged: true });
  assert.is(sets.currentDS.stepsRemoved, 3);
  assert.equal(sets.parentDS.parentPortIdentity, heard.sourcePortIdentity);
  assert.is(sets.parentDS.grandmasterIdentity, '000001.0000.000001');
  assert.is(sets.parentDS.grandmasterPriority1, 10);
  assert.equal(sets.timePropertiesDS, { ...TAI, leap61: true });
  assert.equal(followMaster(sets, heard), { parentChanged: false, grandmasterChanged: false });
  const other = announce({ sourcePortIdentity: { ...heard.sourcePortIdentity, portNumber: 2 } });
  assert.equal(followMaster(sets, other), { parentChanged: true, grandmasterChanged: true });
});

test('a slave’s master ports repeat the grandmaster, one step further (BASE-B4, BASE-B10)', () => {
  const sets = createDatasets(own(), UNKNOWN_TIME);
  const heard = announce({ ...TAI, stepsRemoved: 1, alternateMasterFlag: true });
  followMaster(sets, heard);
  const port = { clockIdentity: OWN, portNumber: 2 };
  assert.equal(announceOf(sets, port), {
    ...heard,
    sourcePortIdentity: port,
    stepsRemoved: 2,
    alternateMasterFlag: false,
  });
});

test('back to grandmaster: own values, nothing left of the old parent (BASE-B4)', () => {
  const sets = createDatasets(own(), TAI);
  const fresh = createDatasets(own(), TAI);
  followMaster(sets, announce({ grandmasterIdentity: '000001.0000.000001' }));
  sets.currentDS.offsetFromMasterNs = 5;
  assert.equal(becomeGrandmaster(sets, TAI), { parentChanged: true, grandmasterChanged: true });
  assert.equal(sets, fresh);
  assert.equal(becomeGrandmaster(sets, TAI), { parentChanged: false, grandmasterChanged: false });
  const port = { clockIdentity: OWN, portNumber: 1 };
  const own1 = announceOf(sets, port);
  assert.is(own1.grandmasterIdentity, OWN);
  assert.is(own1.stepsRemoved, 0);
});

const read = (bytes: Uint8Array): Announce => {
  const message = readMessage(bytes);
  if (typeof message === 'string' || message.type !== 'Announce') throw new Error('no Announce');
  return message;
};

test('an Announce of the wire says what the rules look at, and nothing of its bytes stays', () => {
  const bytes = fromHex(CAPTURED.announce);
  const message = read(bytes);
  assert.equal(contentOfAnnounce(message), announce());
  const pathSequence = ['000001.0000.000001', OWN];
  const flags = {
    ...message.header.flags,
    alternateMaster: true,
    leap61: true,
    synchronizationUncertain: true,
  };
  const loud = writeMessage({
    ...message,
    header: { ...message.header, flags },
    tlvs: [
      { type: 'PAD', length: 2 },
      { type: 'PATH_TRACE', pathSequence },
    ],
  });
  const content = contentOfAnnounce(read(loud));
  loud.fill(0xee);
  assert.equal(
    content,
    announce({
      alternateMasterFlag: true,
      leap61: true,
      synchronizationUncertain: true,
      pathTrace: pathSequence,
    }),
  );
});

test('data sets survive JSON: plain data, as every machine’s state', () => {
  const sets = createDatasets(own(), TAI);
  followMaster(sets, announce());
  assert.equal(JSON.parse(JSON.stringify(sets)), sets);
});

test.run();

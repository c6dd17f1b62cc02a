/** Management data in octets and in words, for the codec's tests and for tshark to judge. */
import { PROFILE_IDENTITIES, portAddress } from '../../src/ptp/description.ts';
import type { ManagementData } from '../../src/ptp/management.ts';
import { fromHex } from '../ntp/wire.ts';
import { CAPTURED } from './wire.ts';

/** Data as octets and in words: captured where WIRE.md has them, else laid out by its table. */
export const DATA_SETS: [string, ManagementData][] = [
  ['0000', { id: 'NULL_MANAGEMENT', value: null }],
  [
    '2000' + '010000010af8feffff80da9721fffeb7c4d90000', // captured
    {
      id: 'DEFAULT_DATA_SET',
      value: {
        twoStepFlag: true,
        slaveOnly: false,
        numberPorts: 1,
        priority1: 10,
        clockQuality: { clockClass: 248, clockAccuracy: 0xfe, offsetScaledLogVariance: 0xffff },
        priority2: 128,
        clockIdentity: 'da9721.fffe.b7c4d9',
        domainNumber: 0,
      },
    },
  ],
  [
    `0001${CAPTURED.clockDescription.slice(2 * 54)}`, // captured
    {
      id: 'CLOCK_DESCRIPTION',
      value: {
        clockType: 0x8000,
        physicalLayerProtocol: 'IEEE 802.3',
        physicalAddress: fromHex('da9721b7c4d9'),
        protocolAddress: portAddress('10.77.0.1'),
        manufacturerIdentity: 0,
        productDescription: ';;',
        revisionData: ';;',
        userDescription: '',
        profileIdentity: PROFILE_IDENTITIES.defaultE2E,
      },
    },
  ],
  ['0002' + '02686900', { id: 'USER_DESCRIPTION', value: 'hi' }],
  ['0002' + '03c3a921', { id: 'USER_DESCRIPTION', value: 'é!' }],
  [
    '2001' + '0001' + 'fffffffffffe8000' + '00000000bf67c000',
    {
      id: 'CURRENT_DATA_SET',
      value: { stepsRemoved: 1, offsetFromMaster: -98304n, meanPathDelay: 3_211_247_616n },
    },
  ],
  [
    '2002' + 'da9721fffeb7c4d90001' + '0000' + 'ffff7fffffff' + '0af8feffff80' + 'da9721fffeb7c4d9',
    {
      id: 'PARENT_DATA_SET',
      value: {
        parentPortIdentity: { clockIdentity: 'da9721.fffe.b7c4d9', portNumber: 1 },
        parentStats: false,
        observedParentOffsetScaledLogVariance: 0xffff,
        observedParentClockPhaseChangeRate: 0x7fffffff,
        grandmasterPriority1: 10,
        grandmasterClockQuality: {
          clockClass: 248,
          clockAccuracy: 0xfe,
          offsetScaledLogVariance: 0xffff,
        },
        grandmasterPriority2: 128,
        grandmasterIdentity: 'da9721.fffe.b7c4d9',
      },
    },
  ],
  [
    '2003' + '00253ca0',
    {
      id: 'TIME_PROPERTIES_DATA_SET',
      value: {
        currentUtcOffset: 37,
        leap61: false,
        leap59: false,
        currentUtcOffsetValid: true,
        ptpTimescale: true,
        timeTraceable: true,
        frequencyTraceable: true,
        synchronizationUncertain: false,
        timeSource: 0xa0,
      },
    },
  ],
  [
    '2004' + 'da9721fffeb7c4d90001' + '09' + 'fd' + '0000000000010000' + '010300' + '01' + 'f902',
    {
      id: 'PORT_DATA_SET',
      value: {
        portIdentity: { clockIdentity: 'da9721.fffe.b7c4d9', portNumber: 1 },
        portState: 9,
        logMinDelayReqInterval: -3,
        peerMeanPathDelay: 65536n,
        logAnnounceInterval: 1,
        announceReceiptTimeout: 3,
        logSyncInterval: 0,
        delayMechanism: 1,
        logMinPdelayReqInterval: -7,
        versionNumber: 2,
      },
    },
  ],
  ['2005' + '8000', { id: 'PRIORITY1', value: 128 }],
  ['2006' + 'ff00', { id: 'PRIORITY2', value: 255 }],
  ['2007' + '1800', { id: 'DOMAIN', value: 24 }],
  ['2008' + '0300', { id: 'SLAVE_ONLY', value: true }],
  ['2009' + '0100', { id: 'LOG_ANNOUNCE_INTERVAL', value: 1 }],
  ['200a' + '0300', { id: 'ANNOUNCE_RECEIPT_TIMEOUT', value: 3 }],
  ['200b' + 'f900', { id: 'LOG_SYNC_INTERVAL', value: -7 }],
  ['200c' + '0200', { id: 'VERSION_NUMBER', value: 2 }],
  ['2010' + 'fe00', { id: 'CLOCK_ACCURACY', value: 0xfe }],
  [
    '2011' + '00250500',
    {
      id: 'UTC_PROPERTIES',
      value: { currentUtcOffset: 37, leap61: true, leap59: false, currentUtcOffsetValid: true },
    },
  ],
  [
    '2012' + '2000',
    { id: 'TRACEABILITY_PROPERTIES', value: { timeTraceable: false, frequencyTraceable: true } },
  ],
  [
    '2013' + '0850',
    { id: 'TIMESCALE_PROPERTIES', value: { ptpTimescale: true, timeSource: 0x50 } },
  ],
  ['2014' + '0100', { id: 'UNICAST_NEGOTIATION_ENABLE', value: true }],
  ['6000' + 'fe00', { id: 'DELAY_MECHANISM', value: 0xfe }],
  ['6001' + 'ff00', { id: 'LOG_MIN_PDELAY_REQ_INTERVAL', value: -1 }],
  [
    'c000' +
      'fffffffffffffff6' +
      '17a1b2c3d4e5f607' +
      '00000001' +
      'ffffffff' +
      '0002' +
      'ffffffffffffffffffff0000' +
      '00000001' +
      'da9721fffeb7c4d9',
    {
      id: 'TIME_STATUS_NP',
      value: {
        masterOffset: -10n,
        ingressTime: 0x17a1b2c3d4e5f607n,
        cumulativeScaledRateOffset: 1,
        scaledLastGmPhaseChange: -1,
        gmTimeBaseIndicator: 2,
        lastGmPhaseChange: -65536n, // −1 ns
        gmPresent: true,
        gmIdentity: 'da9721.fffe.b7c4d9',
      },
    },
  ],
];

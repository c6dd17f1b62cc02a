/**
 * PTP packets for tests, in hex as ptp4l 3.1.1, ptpd 2.3.1 and pmc sent them (WIRE §2.7, §2.8,
 * §2.12). Where the notes elide octets of a header, they are filled in from its neighbours.
 */

/** Header, but for what differs. */
const header = (
  first: string,
  flags: string,
  source: string,
  sequence: string,
  last: string,
): string => `${first}0000${flags}${'00'.repeat(12)}${source}${sequence}${last}`;

/** The master's port, da9721.fffe.b7c4d9-1, and the slave's, ae600b.fffe.70c1ab-1. */
export const MASTER_PORT = 'da9721fffeb7c4d90001';
export const SLAVE_PORT = 'ae600bfffe70c1ab0001';

const ANNOUNCE =
  '0b02004000000400000000000000000000000000da9721fffeb7c4d9000100000501000000000000000000000025000af8feffff80da9721fffeb7c4d90000a0';

export const CAPTURED = {
  announce: ANNOUNCE,
  sync: '0002002c00000600000000000000000000000000da9721fffeb7c4d900010000007f00000000000000000000',
  followUp:
    '0802002c00000400000000000000000000000000da9721fffeb7c4d900010000020000006b00df872e5fbe2c',
  delayReq:
    '0102002c00000400000000000000000000000000ae600bfffe70c1ab00010000017f00000000000000000000',
  delayResp:
    '0902003600000400000000000000000000000000da9721fffeb7c4d900010000037f00006b00df8624dbeb0cae600bfffe70c1ab0001',
  requestAnnounce:
    '0c02003600000400000000000000000000000000ae600bfffe70c1ab00010000057fffffffffffffffffffff00040006b00100000010',
  requestThree: `${header('0c02004a', '0400', SLAVE_PORT, '0002', '057f')}${MASTER_PORT}00040006b001000000100004000600000000001000040006900000000010`,
  grant:
    '0c02003800000400000000000000000000000000da9721fffeb7c4d900010000057fae600bfffe70c1ab000100050008b001000000100001',
  cancel:
    '0c02003200000400000000000000000000000000da9721fffeb7c4d900010005057faabbccfffe000002000100060002b000',
  pdelayReq: `${header('02020036', '0000', MASTER_PORT, '0000', '057f')}${'00'.repeat(20)}`,
  pdelayResp: `${header('03020036', '0200', SLAVE_PORT, '0000', '057f')}00006b00e35a1737c24c${MASTER_PORT}`,
  pdelayRespFollowUp: `${header('0a020036', '0000', SLAVE_PORT, '0000', '057f')}00006b00e35a173880cd${MASTER_PORT}`,
  getDefaultDataSet: `${header('0d02004a', '0000', SLAVE_PORT, '0003', '047f')}${'ff'.repeat(10)}00000000000100162000${'00'.repeat(20)}`,
  defaultDataSet: `${header('0d02004a', '0000', MASTER_PORT, '0003', '047f')}${SLAVE_PORT}00000200000100162000010000010af8feffff80da9721fffeb7c4d90000`,
  notSupported: `${header('0d02003c', '0000', MASTER_PORT, '0004', '047f')}${SLAVE_PORT}00000200000200080006200500000000`,
  clockDescription: `${header('0d020064', '0000', MASTER_PORT, '0005', '047f')}${SLAVE_PORT}0000020000010030000180000a49454545203830322e330006da9721b7c4d9000100040a4d000100000000023b3b023b3b00001b19000100`,
  /** Announce with PATH_TRACE. */
  announcePath: `0b02004c${ANNOUNCE.slice(8)}00080008da9721fffeb7c4d9`,
  /** Announce with the draft's Enterprise TLV (WIRE §2.7): port 1, hybrid, adjustment unknown. */
  announceEnterprise: `0b020050${ANNOUNCE.slice(8)}0003000c000100005e00010102000000`,
} as const;

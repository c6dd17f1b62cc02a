/** The demo's attacker: its path is off by 31.25 ms and by nothing else. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lieInNtp, lieInPtp } from '../../src/demo/lies.ts';
import { createHeader } from '../../src/ptp/header.ts';
import { type Message, readMessage, writeMessage } from '../../src/ptp/message.ts';
import type { Timestamp } from '../../src/ptp/timestamp.ts';

const test = suite('lies of the demo');

const port = { clockIdentity: 'da9721.fffe.b7c4d9', portNumber: 1 };
const header = (type: 'Sync' | 'Follow_Up' | 'Delay_Req' | 'Delay_Resp') =>
  createHeader(type, { sourcePortIdentity: port, sequenceId: 7 });

const lied = (message: Message): Message | string => {
  const bytes = writeMessage(message);
  lieInPtp(bytes);
  return readMessage(bytes);
};

for (const [nanoseconds, told] of [
  [5, { seconds: 1_763_600_037, nanoseconds: 31_250_005 }],
  [990_000_000, { seconds: 1_763_600_038, nanoseconds: 21_250_000 }],
] as const) {
  const stamp: Timestamp = { seconds: 1_763_600_037, nanoseconds };

  test(`a Follow_Up and a Delay_Resp of ${nanoseconds} ns go 31.25 ms ahead`, () => {
    const followUp: Message = {
      ...{ type: 'Follow_Up', header: header('Follow_Up'), tlvs: [] },
      preciseOriginTimestamp: stamp,
    };
    assert.equal(lied(followUp), { ...followUp, preciseOriginTimestamp: told });
    const delayResp: Message = {
      ...{ type: 'Delay_Resp', header: header('Delay_Resp'), tlvs: [] },
      receiveTimestamp: stamp,
      requestingPortIdentity: port,
    };
    assert.equal(lied(delayResp), { ...delayResp, receiveTimestamp: told });
  });

  test(`a Sync and a Delay_Req of ${nanoseconds} ns stay as they are`, () => {
    for (const type of ['Sync', 'Delay_Req'] as const) {
      const message: Message = { type, header: header(type), tlvs: [], originTimestamp: stamp };
      assert.equal(lied(message), message);
    }
  });
}

test('both server stamps of an NTP reply go 31.25 ms ahead, across the second too', () => {
  for (const fraction of [0, 0xff00_0000]) {
    const view = new DataView(new ArrayBuffer(48));
    for (const offset of [32, 40]) {
      view.setUint32(offset, 0xec00_0000);
      view.setUint32(offset + 4, fraction);
    }
    lieInNtp(new Uint8Array(view.buffer));
    for (const offset of [32, 40]) {
      const before = (0xec00_0000n << 32n) + BigInt(fraction);
      assert.is(view.getBigUint64(offset) - before, 2n ** 27n);
    }
    assert.is(view.getBigUint64(24), 0n);
  }
});

test.run();

/** The sending half of a Linux socket over a system that refuses, owes and tells as it is asked to. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeOutlet } from '../../src/udp/linux/outlet.ts';
import type { System } from '../../src/udp/linux/system.ts';
import { stamp } from '../../src/units.ts';

const test = suite('outlet');

/** Answers of the next sends: null goes out, a number is the errno. Then all go out. */
function makeSystem(answers: (number | null)[]) {
  let errno = 0;
  const log: string[] = [];
  const system = {
    ffi: { errno: () => errno },
    options: { setStamping: () => log.push('restart') },
    sender: {
      send() {
        const answer = answers.shift() ?? null;
        errno = answer ?? 0;
        log.push(answer === null ? 'sent' : `refused ${answer}`);
        return answer === null ? 0 : -1;
      },
    },
    errors: {
      size: 16,
      receive() {
        log.push('errors read');
        return 0;
      },
    },
  } as unknown as System;
  return { system, log };
}

const open = (answers: (number | null)[] = []) => {
  const { system, log } = makeSystem(answers);
  const outlet = makeOutlet(system, 3, { isClosed: () => false, onIcmp: () => {} });
  const bytes = new Uint8Array(1);
  return { outlet, log, send: () => outlet.send(bytes, true, () => log.push('prepared')) };
};

test('what an earlier datagram’s error kept back is sent again, with numbers from 0', () => {
  const { send, log } = open([113]);
  assert.is(send(), null);
  assert.equal(log, ['refused 113', 'errors read', 'restart', 'prepared', 'sent']);
});

test('what is refused twice has the code of the second time', () => {
  const { send } = open([113, 101]);
  assert.is(send(), 'ENETUNREACH');
  assert.is(send(), null);
});

test('what arrives waits for owed stamps of departures, and not for long', () => {
  const { outlet } = open();
  assert.not(outlet.isHolding(0));
  let told = 0;
  outlet.expect(stamp(0), () => told++);
  assert.ok(outlet.isHolding(10));
  assert.ok(outlet.isHolding(15.9));
  assert.not(outlet.isHolding(16)); // though it is owed still: others may be behind it
  assert.ok(outlet.isHolding(17)); // and the next waits anew
  outlet.settle(performance.now() + 1000);
  assert.is(told, 1);
  assert.not(outlet.isHolding(18));
});

test.run();

/** The linter among strangers: whatever comes, it says what is wrong and neither throws nor grows. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLint, endLint, stepLint } from '../../src/check/lint.ts';
import { createRandom } from '../fuzz/random.ts';
import { dualStream, hybridStream, make, portOf, seenOf } from './rig.ts';

const test = suite('check: hostile traffic');

test('50000 spoiled datagrams: nothing is thrown, every finding is a whole sentence', () => {
  const seed = 1588;
  const random = createRandom(seed);
  const good = [...hybridStream(20), ...dualStream(20)].map(seenOf);
  for (const profile of ['default', 'mpptp', 'enterprise'] as const) {
    const lint = createLint({ profile, clocks: [['10.0.0.1', '10.0.0.2']] });
    let found = 0;
    for (let round = 0; round < 17_000; round++) {
      const seen = good[random.below(good.length)];
      if (seen === undefined) continue;
      const bytes = seen.bytes.slice(0, random.below(5) === 0 ? random.below(80) : undefined);
      for (let n = random.below(4); n > 0; n--)
        bytes[random.below(bytes.length)] = random.below(256);
      const atNs = seen.atNs + BigInt(random.below(2 ** 31)) - 2n ** 30n;
      for (const finding of stepLint(lint, { ...seen, bytes, atNs })) {
        found++;
        assert.not.match(finding.text, /undefined|NaN|\n/, `seed ${seed}, round ${round}`);
      }
    }
    endLint(lint);
    assert.ok(found > 1000, `${found} findings`);
  }
});

test('a flood of new senders and of one message again and again is judged in bounded memory and time', () => {
  const lint = createLint({ profile: 'enterprise' });
  const base = { dst: '224.0.1.129' };
  for (let n = 0; n < 60_000; n++) {
    const identity = `aaaaaa.${(n >> 8).toString(16).padStart(4, '0')}.${(n & 255).toString(16).padStart(6, '0')}`;
    const atS = n * 1e-5;
    const two = { flags: { twoStep: true }, logMessageInterval: 0 };
    const fresh = make('Sync', portOf(identity), n, two);
    const same = make('Sync', portOf('bbbbbb.fffe.000001'), 7, {
      ...two,
      correctionField: BigInt(n),
    });
    stepLint(lint, seenOf({ ...base, atS, src: '10.0.0.1', message: fresh }));
    stepLint(lint, seenOf({ ...base, atS, src: '10.0.0.2', message: same }));
  }
  assert.is(lint.messages, 120_000);
  assert.ok(lint.streams.streams.size <= 8192);
  assert.ok(lint.pairs.syncs.queue.length - lint.pairs.syncs.done <= 65_536);
  assert.ok(lint.recent.size <= 4096);
});

test('one datagram captured twice counts once', () => {
  const lint = createLint();
  const [first] = hybridStream(1);
  if (first === undefined) throw new Error('no message');
  stepLint(lint, seenOf(first));
  stepLint(lint, seenOf({ ...first, atS: first.atS + 0.0001 }));
  stepLint(lint, seenOf({ ...first, atS: first.atS + 1 }));
  assert.is(lint.messages, 2);
  assert.is(lint.copies, 1);
});

test('other traffic is passed over', () => {
  const lint = createLint();
  const bytes = new Uint8Array(48);
  const base = { atNs: 0n, src: '10.0.0.1', dst: '10.0.0.2', hops: null, bytes };
  assert.equal(stepLint(lint, { ...base, srcPort: 123, dstPort: 123 }), []);
  assert.equal(stepLint(lint, { ...base, srcPort: 319, dstPort: 40_000 }), []);
  assert.is(lint.messages, 0);
});

test.run();

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ntpFromStamp, writeStamp } from '../../src/ntp/stamp.ts';
import { stamp } from '../../src/units.ts';
import { toHex } from './wire.ts';

const test = suite('ntp stamp');

const hexOf = (epochS: number, ns: number): string => {
  const bytes = new Uint8Array(10).fill(0xaa);
  writeStamp(bytes, 1, epochS, stamp(ns));
  return toHex(bytes);
};

// WIRE §1.2: Unix time split into epochS and ns in more than one way
const VECTORS: [epochS: number, ns: number, hex: string][] = [
  [0, 0, '83aa7e8000000000'],
  [1700000000, 0.5e9, 'e8fe6f8080000000'],
  [1699999000, 1000.5e9, 'e8fe6f8080000000'],
  [1700000001, -0.5e9, 'e8fe6f8080000000'],
  [2085978495, 0.75e9, 'ffffffffc0000000'],
  [2085978496, 0.25e9, '0000000040000000'],
  [2085978000, 496.25e9, '0000000040000000'],
  [2085978496, 0, '0000000000000000'],
  [0, 1, '83aa7e8000000004'], // 4.29 units
  [0, 999_999_999, '83aa7e80fffffffc'],
];

test('stamps become NTP timestamps in both eras (NTP-C5)', () => {
  for (const [epochS, ns, hex] of VECTORS) assert.is(hexOf(epochS, ns), `aa${hex}aa`);
});

test('a fraction of a ns that rounds up to a whole second carries', () => {
  assert.equal(ntpFromStamp(0, stamp(999_999_999.9999)), { seconds: 0x83aa7e81, fraction: 0 });
  assert.equal(ntpFromStamp(2085978495, stamp(999_999_999.9999)), { seconds: 0, fraction: 0 });
});

test('agrees with exact integer arithmetic for any whole ns of 104 days', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -2_000_000_000, max: 8_000_000_000 }),
      fc.maxSafeInteger(),
      (epochS, ns) => {
        const units =
          ((BigInt(epochS) + 2208988800n) << 32n) * 1_000_000_000n + (BigInt(ns) << 32n);
        const twice = (units * 2n + 1_000_000_000n) / 2_000_000_000n; // nearest; no ties exist
        const floored = units * 2n + 1_000_000_000n < 0n ? twice - 1n : twice;
        const { seconds, fraction } = ntpFromStamp(epochS, stamp(ns));
        const got = (BigInt(seconds) << 32n) | BigInt(fraction);
        return got === BigInt.asUintN(64, floored);
      },
    ),
    { numRuns: 20_000, seed: 5905 },
  );
});

test.run();

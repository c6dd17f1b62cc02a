import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { decimalNs, exchangeLine, resultLine, summaryLine } from '../../src/recording/jsonout.ts';
import { parseLine } from '../../src/recording/parse.ts';
import { getUnixNs, KIND_NTP, KIND_UNIX, setHead } from '../../src/recording/record.ts';
import { type ReplayResult, replay } from '../../src/recording/replay.ts';
import { seeded } from '../sim/random.ts';
import { below, KEYS, pieces, utf8 } from './rig.ts';

const test = suite('jsonout');

const RESULT: ReplayResult = {
  path: '192.0.2.1|198.51.100.7',
  kind: 'exchange',
  seconds: 1_763_600_000,
  ns: 10_000_003,
  status: 'used',
  valid: true,
  offsetS: 0.25,
  uncertaintyS: 1e-7,
  earliestS: 0.2499,
  latestS: 0.2501,
  frequency: -1.5e-5,
  causalEarliestS: 0.2475,
  causalLatestS: 0.2525,
  pathState: 'good',
};

test('a result line is the issue’s, field by field and in its order', () => {
  assert.is(
    resultLine(RESULT),
    '{"at":"1763600000010000003","offset":0.25,"uncertainty":1e-7,"earliest":0.2499,' +
      '"latest":0.2501,"frequency":-0.000015,"path":"192.0.2.1|198.51.100.7","pathState":"good",' +
      '"causalEarliest":0.2475,"causalLatest":0.2525}',
  );
});

test('without a clock all figures are null', () => {
  assert.equal(JSON.parse(resultLine({ ...RESULT, valid: false, pathState: 'warming' })), {
    at: '1763600000010000003',
    offset: null,
    uncertainty: null,
    earliest: null,
    latest: null,
    frequency: null,
    path: '192.0.2.1|198.51.100.7',
    pathState: 'warming',
    causalEarliest: null,
    causalLatest: null,
  });
});

test('lines are JSON whatever a path is called and whatever a figure is', () => {
  const path = 'a"\\\n|é' as ReplayResult['path'];
  const line = JSON.parse(
    resultLine({ ...RESULT, path, frequency: Number.NaN, latestS: Infinity }),
  );
  assert.is(line.path, path);
  assert.is(line.frequency, null);
  assert.is(line.latest, null);
});

test('figures keep their last bit through a line', () => {
  const random = seeded(51);
  for (let round = 0; round < 2000; round++) {
    const offsetS = (random() - 0.5) * 10 ** (9 - 18 * random());
    assert.is(JSON.parse(resultLine({ ...RESULT, offsetS })).offset, offsetS);
  }
});

test('every i64 of ns is written exactly in decimal', () => {
  const view = new DataView(new ArrayBuffer(8));
  const random = seeded(52);
  const values = [0n, 1n, -1n, 999999999n, 1000000000n, -999999999n, -1000000000n, -1000000001n];
  values.push(2n ** 63n - 1n, -(2n ** 63n), 1763600000010000003n);
  for (let round = 0; round < 20000; round++) {
    view.setUint32(0, below(random, 2 ** 32));
    view.setUint32(4, below(random, 2 ** 32));
    values.push(view.getBigInt64(0) >> BigInt(below(random, 63)));
  }
  for (const value of values) {
    view.setBigInt64(0, value, true);
    const { seconds, ns } = getUnixNs(view, 0);
    assert.is(decimalNs(seconds, ns), value.toString());
  }
});

test('a Unix record becomes a line that parses back to the same four times', () => {
  const random = seeded(53);
  const view = new DataView(new ArrayBuffer(40));
  for (let round = 0; round < 2000; round++) {
    for (let at = 8; at < 40; at += 4) view.setUint32(at, below(random, 2 ** 32), true);
    setHead(view, 0, 0, KIND_UNIX);
    const truthS = round % 2 === 0 ? Number.NaN : random() - 0.5;
    const parsed = parseLine(exchangeLine(RESULT.path, view, 0, truthS));
    if (typeof parsed !== 'object' || !('words' in parsed)) throw new Error(String(parsed));
    assert.equal(
      parsed.words,
      [8, 16, 24, 32].map((at) => view.getBigInt64(at, true)),
    );
    assert.ok(Object.is(parsed.truthS, truthS));
  }
});

/** BigInt twin: the ns nearest to an NTP stamp, in the era nearest to the whole second `pivotS`. */
function twin(stamp: bigint, pivotS: bigint): bigint {
  const era = 2n ** 32n;
  const whole = stamp >> 32n;
  const near = pivotS + 2208988800n;
  let seconds = whole + ((near - whole) / era) * era;
  while (seconds - near >= era / 2n) seconds -= era;
  while (near - seconds > era / 2n) seconds += era;
  const fraction = stamp & (era - 1n);
  return (seconds - 2208988800n) * 1000000000n + ((fraction * 1000000000n + era / 2n) >> 32n);
}

test('NTP stamps become the nearest ns in the era nearest to local receive, beyond 2036 too', () => {
  const random = seeded(54);
  const view = new DataView(new ArrayBuffer(40));
  const pivots = [0n, 1763600000n, 2085978495n, 2085978496n, 2085978497n, -1n, 6380945792n];
  for (let round = 0; round < 20000; round++) {
    const pivotS = pivots[round % pivots.length] ?? 0n;
    setHead(view, 0, 0, KIND_NTP);
    view.setBigInt64(8, pivotS * 1000000000n, true);
    view.setBigInt64(32, pivotS * 1000000000n + 500000000n, true);
    const close = round % 3 === 0;
    const seconds = close
      ? BigInt.asUintN(32, pivotS + 2208988800n + BigInt(below(random, 100) - 50))
      : BigInt(below(random, 2 ** 32));
    // every fourth fraction lies half-way between two ns
    const fraction =
      round % 4 === 0 ? BigInt(below(random, 1024)) << 22n : BigInt(below(random, 2 ** 32));
    const stamp = (seconds << 32n) | fraction;
    view.setBigUint64(16, stamp, true);
    view.setBigUint64(24, (seconds << 32n) | 0xffffffffn, true);
    const line = JSON.parse(exchangeLine(RESULT.path, view, 0));
    assert.is(line.remoteReceive, twin(stamp, pivotS).toString());
    assert.is(line.remoteSend, twin((seconds << 32n) | 0xffffffffn, pivotS).toString());
    assert.is(line.localSend, (pivotS * 1000000000n).toString());
  }
});

test('the summary line has counts for all and errors where there was truth', async () => {
  const lines = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((k) => {
    const send = 1_763_600_000_000_000_000n + BigInt(k) * 1_000_000_000n;
    return JSON.stringify({
      path: KEYS[0],
      localSend: `${send}`,
      remoteReceive: `${send + 255_000_000n}`,
      remoteSend: `${send + 255_000_000n}`,
      localReceive: `${send + 10_000_000n}`,
      truth: 0.25,
    });
  });
  const summary = await replay(pieces(utf8(`x\n${lines.join('\n')}`)), {
    fileName: 'a',
    cores: [createCore({ combiner: 'kalman' }), createCore({ combiner: 'average' })],
  });
  const { summary: printed } = JSON.parse(summaryLine(summary));
  assert.is(printed.combiner, 'kalman');
  assert.is(printed.files, 1);
  assert.is(printed.exchanges, 10);
  assert.is(printed.badLines, 1);
  assert.is(printed.paths, 1);
  assert.is(printed.first, '1763600000010000000');
  assert.is(printed.last, '1763600009010000000');
  assert.is(printed.spanS, 9);
  assert.ok(printed.rms < 1e-9 && printed.p95 <= printed.max && printed.inside === 1);
  assert.equal(Object.keys(printed.combiners), ['kalman', 'average']);
  const { kalman } = printed.combiners;
  assert.is(kalman.rms, printed.rms);
  assert.is(kalman.used + kalman.held, 10);
  assert.equal(kalman.refused, { duplicate: 0, order: 0, hold: 0, late: 0 });
});

test.run();

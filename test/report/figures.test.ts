/** The scoreboard's figures on hand-made errors with known answers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createErrors, type ErrorOptions } from '../../src/report/errors.ts';
import { type Figures, pooled } from '../../src/report/figures.ts';

const test = suite('report figures');

const { POSITIVE_INFINITY } = Number;

interface Given {
  readonly at: number;
  readonly error: number;
  readonly uncertainty?: number;
  /** Half width of the safe interval, and of the causal one. */
  readonly half?: number;
  readonly causalHalf?: number;
}

function errorsOf(given: readonly Given[], options: Partial<ErrorOptions> = {}) {
  const errors = createErrors({ onsetS: null, windowS: 10, ...options });
  for (const { at, error, uncertainty = 1, half = 10, causalHalf = 20 } of given) {
    errors.add(at, {
      ...{ errorS: error, uncertaintyS: uncertainty },
      ...{ earliestS: error - half, latestS: error + half },
      ...{ causalEarliestS: error - causalHalf, causalLatestS: error + causalHalf },
    });
  }
  return errors.report();
}

const near = (got: number, wanted: number): void =>
  assert.ok(Math.abs(got - wanted) <= 1e-12 * Math.abs(wanted), `${got}, not ${wanted}`);

test('rms, bias, max, nees and shares of five errors', () => {
  const got = errorsOf([
    { at: 1, error: 3, uncertainty: 1, half: 3 }, // truth on the edge counts as inside
    { at: 2, error: -4, uncertainty: 0.5, half: 3.9, causalHalf: 4 },
    { at: 3, error: 0, uncertainty: 1, half: 1 },
    { at: 4, error: 1, uncertainty: 0.25, half: 1 }, // 4 sigma exactly
    { at: 5, error: 2, uncertainty: 2, half: 5, causalHalf: 1.9 },
  ]);
  assert.is(got.count, 5);
  near(got.rmsS, Math.sqrt((9 + 16 + 0 + 1 + 4) / 5));
  near(got.biasS, 2 / 5);
  assert.is(got.maxS, 4);
  near(got.inside, 4 / 5);
  near(got.causal, 4 / 5);
  near(got.within4, 4 / 5);
  near(got.nees, (9 + 64 + 0 + 16 + 1) / 5);
  assert.is(got.recoverS, null);
});

test('p95 is the size that 95 of 100 do not exceed', () => {
  const got = errorsOf(Array.from({ length: 100 }, (_, k) => ({ at: k, error: k + 1 })));
  assert.ok(Math.abs(got.p95S / 95 - 1) < 0.005, `${got.p95S}`);
});

/** Errors of ±1 each second for 100 s, then what `after` says, up to 200 s. */
const story = (after: (at: number) => number): Given[] =>
  Array.from({ length: 200 }, (_, at) => ({
    at,
    error: (at % 2 === 0 ? 1 : -1) * (at < 100 ? 1 : after(at)),
  }));

test('recovery is the end of the last window above three times the rms before', () => {
  const recover = (after: (at: number) => number) =>
    errorsOf(story(after), { onsetS: 100 }).recoverS;
  assert.is(
    recover(() => 1),
    0,
  );
  assert.is(
    recover(() => 2.99),
    0,
  );
  assert.is(
    recover((at) => (at < 125 ? 10 : 1)),
    30,
  ); // in windows of 10 s
  assert.is(
    recover((at) => (at === 150 ? 100 : 1)),
    60,
  ); // a relapse counts
  assert.is(
    recover(() => 3.01),
    POSITIVE_INFINITY,
  );
  assert.is(
    recover((at) => (at < 190 ? 1 : 9)),
    POSITIVE_INFINITY,
  ); // still bad when it ends
});

test('one large error in a window of small ones is not a failure to recover', () => {
  const got = errorsOf(
    story((at) => (at === 130 ? 8 : 1)),
    { onsetS: 100 },
  );
  assert.is(got.recoverS, 0); // (64 + 9) / 10 < 9
});

test('nothing before the event, or nothing after it: no recovery to speak of', () => {
  const only = (fromS: number, toS: number) =>
    errorsOf(
      story(() => 1).filter(({ at }) => at >= fromS && at < toS),
      { onsetS: 100 },
    ).recoverS;
  assert.is(only(0, 100), null);
  assert.is(only(100, 200), null);
});

test('no errors at all: no figures, no exception', () => {
  const got = errorsOf([]);
  assert.is(got.count, 0);
  assert.ok(Number.isNaN(got.rmsS) && Number.isNaN(got.p95S) && Number.isNaN(got.maxS));
});

const run = (over: Partial<Figures>): Figures => ({
  ...{
    count: 10,
    unscored: 0,
    rmsS: 1,
    p95S: 1,
    maxS: 1,
    biasS: 0,
    causal: 1,
    inside: 1,
    within4: 1,
  },
  ...{ nees: 1, detectS: null, recoverS: null, falseAlarms: null },
  ...over,
});

test('seeds pool as ALGORITHMS §3 says: mean of squares, mean p95, largest max, median times', () => {
  const got = pooled([
    run({
      rmsS: 3,
      p95S: 5,
      maxS: 7,
      biasS: 1,
      causal: 1,
      inside: 0.5,
      nees: 2,
      detectS: 10,
      recoverS: 5,
    }),
    run({
      rmsS: 4,
      p95S: 6,
      maxS: 9,
      biasS: -1,
      causal: 1,
      inside: 1,
      nees: 4,
      detectS: POSITIVE_INFINITY,
    }),
    run({
      rmsS: 5,
      p95S: 10,
      maxS: 8,
      biasS: 3,
      causal: 1,
      inside: 0.9,
      nees: 0,
      detectS: 20,
      recoverS: 6,
    }),
  ]);
  near(got.rmsS, Math.sqrt((9 + 16 + 25) / 3));
  near(got.p95S, 7);
  assert.is(got.maxS, 9);
  near(got.biasS, 1);
  near(got.inside, 0.8);
  near(got.nees, 2);
  assert.is(got.detectS, 20);
  assert.is(got.recoverS, 6); // of the two that tell one, the later
  assert.is(got.falseAlarms, null);
});

test('a run with more errors weighs more, one without any nothing', () => {
  const got = pooled([
    run({ count: 30, rmsS: 1, falseAlarms: 0.5 }),
    run({ count: 10, rmsS: 3, falseAlarms: 0 }),
    run({ count: 0, unscored: 7, rmsS: Number.NaN, p95S: Number.NaN, maxS: Number.NaN }),
  ]);
  near(got.rmsS, Math.sqrt((30 * 1 + 10 * 9) / 40));
  assert.is(got.p95S, 1);
  assert.is(got.maxS, 1);
  assert.is(got.unscored, 7);
  assert.is(got.falseAlarms, 0.25);
});

test.run();

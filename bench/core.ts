/**
 * ns per exchange and per update: the core beside the TypeScript twin on the same seeded exchanges,
 * the two builds of the core beside each other, and every combiner.
 */
import { COMBINERS, type CombinerName, createCore, STATUSES } from '../src/core.ts';
import { type FourStamps, holdMargin, measureUnix } from '../test/twin/exchange.ts';
import {
  type CoreFeed,
  type Feed,
  feedBatches,
  feedNothing,
  feedOneWays,
  feedPackets,
  hash,
  recordsFor,
  rowsOf,
  stampsOf,
} from './feed.ts';
import { type Case, type Comparison, near, same } from './measure.ts';
import { nativeBench } from './native.ts';
import { checkTwin, feedTwin } from './twin.ts';
import { exchangesOver, ntpRecordsOf, oneWaysOf } from './world.ts';

/** Two full batches of the core, 64 exchanges on each of 64 paths; then the cases start over. */
const EXCHANGES = 4096;
const SEED = 2025;
const PATHS = 8;
const PATH_COUNTS = [1, 2, 4, 8, 16, 32, 64];
const ONE_WAY_PATHS = [1, 4, 8];
const WIDTHS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** Slots of a result row (assembly/memory.ts RESULT_*). */
const STATUS = 0;
const OFFSET_S = 2;
const UNCERTAINTY_S = 3;
const PATH_OFFSET_S = 9;
const SLOTS = 12;

const offsetIn = (rows: Float64Array) => (index: number) =>
  rows[index * SLOTS + OFFSET_S] ?? Number.NaN;

/** The measured half of a case. */
const fedBy = ({ operations, step }: Feed): Pick<Case, 'operations' | 'run'> => ({
  operations,
  run(n) {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += step();
    return sum;
  },
});

/** What an exchange costs: in batches, one by one, in the twin, and crossing the boundary alone. */
export function exchangeBench(): Comparison {
  const exchanges = exchangesOver(PATHS, EXCHANGES, SEED);
  const records = recordsFor(exchanges);
  const rows = rowsOf({ paths: PATHS }, records);
  const absorb = feedBatches({ paths: PATHS, method: 'absorb' }, records);
  const ingest = feedBatches({ paths: PATHS, method: 'ingest' }, records);
  const packets = feedPackets({ paths: PATHS }, exchanges);
  const nothing = feedNothing();
  const end = rows[rows.length - SLOTS + OFFSET_S] ?? Number.NaN;
  const whole = `whole exchange, joint Kalman, ${PATHS} paths`;

  const held = exchanges.map((exchange) => ({ ...exchange, t3: exchange.t3 + 1e9 }));
  const heldRecords = recordsFor(held);
  const refused = feedBatches({ paths: PATHS, method: 'absorb' }, heldRecords);
  const stamps = held.map(stampsOf);
  const alone = 'arithmetic only: four timestamps to offset and delay, then refused';
  return {
    name: 'exchange',
    title: 'One exchange through the core',
    operation: 'exchange',
    notes: [
      'core: records copied into the core in batches of 2048, each judged, path statistics and clock brought up to date',
      'arithmetic only: the server claims to have held each packet longer than the exchange took; the core also counts each refusal',
      'twin: what the tests hold the core to; the filter in f64, the arithmetic in exact BigInt, its input BigInt already',
    ],
    cases: [
      {
        name: 'core, batches (absorb)',
        group: whole,
        ...fedBy(absorb),
        check: () => same('offset at the end', absorb.pass() + base(absorb), end),
      },
      {
        name: 'core, batches with result rows (ingest)',
        group: whole,
        ...fedBy(ingest),
        check: () => same('offset at the end', ingest.pass() + base(ingest), end),
      },
      {
        name: 'core, one call per packet (ntpExchange)',
        group: whole,
        ...fedBy(packets),
        check() {
          const same48 = ntpRecordsOf(packets.core, exchanges);
          const twin = feedBatches({ paths: PATHS, method: 'absorb' }, same48);
          same('offset at the end', packets.pass(), twin.pass());
          near('offset at the end, as of ns stamps', packets.pass() + base(packets), end, 1e-9);
        },
      },
      {
        name: 'twin (TypeScript)',
        group: whole,
        ...fedBy(feedTwin(PATHS, exchanges)),
        check: () => checkTwin(offsetIn(rows), PATHS, exchanges),
      },
      {
        name: 'empty wasm call',
        group: whole,
        ...fedBy(nothing),
        check: () => same('statuses', nothing.pass(), 0),
      },
      {
        name: 'core, batches (absorb)',
        group: alone,
        ...fedBy(refused),
        check() {
          const statuses = rowsOf({ paths: PATHS }, heldRecords);
          const hold = STATUSES.indexOf('hold');
          for (let k = 0; k < held.length; k++)
            same('status', statuses[k * SLOTS + STATUS] ?? -1, hold);
        },
      },
      {
        name: 'twin (TypeScript, BigInt)',
        group: alone,
        operations: EXCHANGES,
        run(n) {
          let sum = 0;
          for (let k = 0; k < n; k++) for (const one of stamps) sum += refusedByTwin(one);
          return sum;
        },
        check() {
          for (const one of stamps) same('refused', refusedByTwin(one), 1);
          for (const [k, exchange] of exchanges.entries()) {
            const { offset2 } = measureUnix(stampsOf(exchange));
            const raw = rows[k * SLOTS + PATH_OFFSET_S] ?? Number.NaN;
            near('raw offset', raw, Number(offset2) / 2e9, 1e-15);
          }
        },
      },
    ],
    digest: () => hash(rows, rowsOf({ paths: PATHS }, ntpRecordsOf(packets.core, exchanges))),
  };
}

const base = ({ core }: CoreFeed): number => core.clock()?.baseS ?? Number.NaN;
const refusedByTwin = (stamps: FourStamps): number =>
  holdMargin(measureUnix(stamps)) < 0n ? 1 : 0;

/** One update of the joint Kalman filter over 1 to 64 paths. */
export function kalmanBench(): Comparison {
  const worlds = PATH_COUNTS.map((paths) => {
    const exchanges = exchangesOver(paths, EXCHANGES, SEED + paths);
    const records = recordsFor(exchanges);
    return { paths, exchanges, records, rows: rowsOf({ paths }, records) };
  });
  const cases = worlds.flatMap(({ paths, exchanges, records, rows }): Case[] => {
    const group = paths === 1 ? '1 path' : `${paths} paths`;
    const simd = feedBatches({ paths, method: 'absorb' }, records);
    const scalar = feedBatches({ paths, method: 'absorb', build: 'scalar' }, records);
    const end = rows[rows.length - SLOTS + OFFSET_S] ?? Number.NaN;
    return [
      {
        name: 'core (wasm, SIMD)',
        group,
        ...fedBy(simd),
        check: () => same('offset at the end', simd.pass() + base(simd), end),
      },
      {
        name: 'core (wasm, scalar)',
        group,
        ...fedBy(scalar),
        check() {
          const others = rowsOf({ paths, build: 'scalar' }, records);
          for (const [k, value] of rows.entries())
            same(`result ${k}`, others[k] ?? Number.NaN, value);
        },
      },
      {
        name: 'twin (TypeScript)',
        group,
        ...fedBy(feedTwin(paths, exchanges)),
        check: () => checkTwin(offsetIn(rows), paths, exchanges),
      },
    ];
  });
  return {
    name: 'kalman',
    title: 'One update of the joint Kalman filter',
    operation: 'update',
    notes: [
      'the whole exchange is in it on both sides; the twin is written to be obvious, not to be fast',
      'both builds of the core give the same bits',
    ],
    cases,
    digest: () => hash(...worlds.map(({ rows }) => rows)),
  };
}

/** How the cost of an exchange through a combiner grows with the number of paths. */
function widthsBench(combiner: CombinerName, note: string): Comparison {
  const worlds = WIDTHS.map((paths) => {
    const exchanges = exchangesOver(paths, EXCHANGES, SEED + paths);
    const records = recordsFor(exchanges);
    return { paths, records, rows: rowsOf({ paths, combiner }, records) };
  });
  const cases = worlds.map(({ paths, records, rows }): Case => {
    const feed = feedBatches({ paths, combiner, method: 'absorb' }, records);
    const end = rows[rows.length - SLOTS + OFFSET_S] ?? Number.NaN;
    return {
      name: `${paths}`,
      group: 'paths',
      ...fedBy(feed),
      check() {
        same('offset at the end', feed.pass() + base(feed), end);
        const others = rowsOf({ paths, combiner, build: 'scalar' }, records);
        for (const [k, value] of rows.entries())
          same(`result ${k}`, others[k] ?? Number.NaN, value);
      },
    };
  });
  return {
    name: combiner,
    title: `One exchange through ${combiner}, by number of paths`,
    operation: 'exchange',
    notes: [note],
    cases,
    digest: () => hash(...worlds.map(({ rows }) => rows)),
  };
}

export const braidBench = (): Comparison =>
  widthsBench(
    'braid',
    'at most 16 paths sit in the joint filter, the others follow (assembly/seats.ts)',
  );

export const rfc5905Bench = (): Comparison =>
  widthsBench(
    'rfc5905',
    'filters, selection and combination are linear in the paths; each outlier that the cluster algorithm drops costs one look at all that are left',
  );

/** What one direction alone costs, PTP's measurement, beside a whole exchange. */
export function oneWayBench(): Comparison {
  const worlds = (['kalman', 'braid'] as const).flatMap((combiner) =>
    ONE_WAY_PATHS.map((paths) => {
      const exchanges = exchangesOver(paths, EXCHANGES / 2, SEED + paths);
      const whole = recordsFor(exchanges);
      const halves = oneWaysOf(createCore(), exchanges);
      const rows = rowsOf({ paths, combiner }, halves);
      return { combiner, paths, exchanges, whole, halves, rows };
    }),
  );
  const cases = worlds.flatMap(({ combiner, paths, exchanges, whole, halves, rows }): Case[] => {
    const group = `${combiner}, ${paths === 1 ? '1 path' : `${paths} paths`}`;
    const options = { paths, combiner };
    const exchange = feedBatches({ ...options, method: 'absorb' }, whole);
    const batch = feedBatches({ ...options, method: 'absorb' }, halves);
    const calls = feedOneWays(options, exchanges);
    const end = rows[rows.length - SLOTS + OFFSET_S] ?? Number.NaN;
    return [
      {
        name: 'exchange, batches (absorb)',
        group,
        ...fedBy(exchange),
        check: () => near('offset at the end', exchange.pass() + base(exchange), end, 1e-3),
      },
      {
        name: 'one way, batches (absorb)',
        group,
        ...fedBy(batch),
        check() {
          same('offset at the end', batch.pass() + base(batch), end);
          near('offset at the end', end, exchanges.at(-1)?.truth ?? Number.NaN, 1e-3);
          const others = rowsOf({ ...options, build: 'scalar' }, halves);
          for (const [k, value] of rows.entries())
            same(`result ${k}`, others[k] ?? Number.NaN, value);
        },
      },
      {
        name: 'one way, one call each (oneWay)',
        group,
        ...fedBy(calls),
        check: () => same('offset at the end', calls.pass() + base(calls), end),
      },
    ];
  });
  return {
    name: 'oneway',
    title: 'One one-way measurement (Sync or Delay_Req) through the core',
    operation: 'measurement',
    notes: ['the same delays as whole exchanges and one way at a time: two measurements for each'],
    cases,
    digest: () => hash(...worlds.map(({ rows }) => rows)),
  };
}

/** Every combiner over the same exchanges. */
export function combinersBench(): Comparison {
  const exchanges = exchangesOver(PATHS, EXCHANGES, SEED);
  const records = recordsFor(exchanges);
  const cases = COMBINERS.map((combiner): Case => {
    const feed = feedBatches({ paths: PATHS, combiner, method: 'absorb' }, records);
    return {
      name: combiner,
      group: `${PATHS} paths`,
      ...fedBy(feed),
      check() {
        const rows = rowsOf({ paths: PATHS, combiner }, records);
        for (const [k, { truth }] of exchanges.entries()) {
          if (k < EXCHANGES / 2) continue;
          near('offset', rows[k * SLOTS + OFFSET_S] ?? Number.NaN, truth, 2e-3);
          const uncertaintyS = rows[k * SLOTS + UNCERTAINTY_S] ?? Number.NaN;
          if (!(uncertaintyS > 0))
            throw new Error(`uncertainty: expected > 0, got ${uncertaintyS}`);
        }
        feed.pass();
        same(
          'offset at the end',
          feed.core.clock()?.offsetS ?? Number.NaN,
          rows[rows.length - SLOTS + OFFSET_S] ?? 0,
        );
      },
    };
  });
  return {
    name: 'combiners',
    title: 'One exchange through each combiner',
    operation: 'exchange',
    notes: [],
    cases,
    digest: () => hash(...COMBINERS.map((combiner) => rowsOf({ paths: PATHS, combiner }, records))),
  };
}

/** By name; made when asked for, since each holds its inputs and cores. */
export const comparisons: Readonly<Record<string, () => Comparison>> = {
  exchange: exchangeBench,
  kalman: kalmanBench,
  braid: braidBench,
  rfc5905: rfc5905Bench,
  combiners: combinersBench,
  oneway: oneWayBench,
  native: nativeBench,
};

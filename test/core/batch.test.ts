/** However a stream is cut, whichever call or build takes it: the same bits (HOUSE S17). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type CombinerName, type Core } from '../../src/core.ts';
import { createRandom } from '../fuzz/random.ts';
import { BUILDS, firstDifference, openCore, remembered } from './rig.ts';
import { makeStream, STREAMS, type StreamExchange, writeBatch } from './stream.ts';

const test = suite('core batches');

const streams = Object.entries(STREAMS).map(([name, options], index) => ({
  name,
  paths: options.paths,
  stream: makeStream(options, 100 + index),
}));

/** A way to feed a stream; returns the bytes of all result rows if there were any. */
type Feed = (core: Core, stream: readonly StreamExchange[], seed: number) => Uint8Array;

const rows = (core: Core, count: number): Uint8Array =>
  new Uint8Array(core.exports.memory.buffer)
    .subarray(core.results.byteOffset, core.results.byteOffset + count * core.resultSlots * 8)
    .slice();

const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

/** Cuts a stream into random pieces of 0…`most` records. */
function* pieces(stream: readonly StreamExchange[], seed: number, most: number) {
  const random = createRandom(seed);
  for (let at = 0; at < stream.length; ) {
    const length = random.below(4) === 0 ? random.below(3) : random.below(most + 1);
    yield stream.slice(at, at + length);
    at += length;
  }
}

const oneByOne: Feed = (core, stream) =>
  join(
    stream.map((exchange) => {
      writeBatch(core, [exchange]);
      core.ingest(1);
      return rows(core, 1);
    }),
  );

const inPieces: Feed = (core, stream, seed) => {
  const parts: Uint8Array[] = [];
  for (const piece of pieces(stream, seed, core.maxBatch)) {
    writeBatch(core, piece);
    core.ingest(piece.length);
    parts.push(rows(core, piece.length));
  }
  return join(parts);
};

const absorbed: Feed = (core, stream, seed) => {
  for (const piece of pieces(stream, seed, 300)) {
    writeBatch(core, piece);
    core.absorb(piece.length);
  }
  return new Uint8Array();
};

const mixed: Feed = (core, stream, seed) => {
  const random = createRandom(seed);
  for (const piece of pieces(stream, seed, 40)) {
    writeBatch(core, piece);
    if (random.below(2) === 0) core.ingest(piece.length);
    else core.absorb(piece.length);
  }
  return new Uint8Array();
};

function run(feed: Feed, combiner: CombinerName, build: number, seed: number) {
  const bytes = BUILDS[build]?.bytes;
  return streams.map(({ paths, stream }) => {
    const core = openCore(bytes === undefined ? { combiner } : { combiner, module: bytes }, paths);
    const results = feed(core, stream, seed);
    return { results, state: remembered(core), clock: core.clock() };
  });
}

for (const combiner of COMBINERS) {
  const reference = run(oneByOne, combiner, 0, 0);

  const isSame = (feed: Feed, build: number, seed: number): void => {
    run(feed, combiner, build, seed).forEach(({ results, state }, index) => {
      const wanted = reference[index];
      const name = streams[index]?.name;
      if (wanted === undefined) return;
      assert.is(firstDifference(state, wanted.state), -1, `${combiner} ${name}, seed ${seed}`);
      if (results.length === 0) return;
      assert.is(firstDifference(results, wanted.results), -1, `${combiner} ${name} rows`);
    });
  };

  test(`${combiner}: random batches end in the same bits and rows as one by one`, () => {
    for (const seed of [1, 2]) isSame(inPieces, 0, seed);
  });

  test(`${combiner}: absorb ends in the same bits as ingest, mixed or not`, () => {
    isSame(absorbed, 0, 3);
    isSame(mixed, 0, 4);
  });

  test(`${combiner}: the scalar build gives the same bits as the SIMD build`, () => {
    isSame(inPieces, 1, 5);
  });

  test(`${combiner}: the streams are worth comparing: a clock in each, and all rows written`, () => {
    reference.forEach(({ clock, results }, index) => {
      assert.ok(clock !== null && clock.taken > 300);
      assert.is(results.length, (streams[index]?.stream.length ?? 0) * 96);
    });
  });
}

test('ntpExchange does what the equivalent record does, to the bit', () => {
  const random = createRandom(20);
  for (const combiner of COMBINERS) {
    const packets = openCore({ combiner }, 4);
    const records = openCore({ combiner }, 4);
    const packet = new Uint8Array(64);
    const view = new DataView(packet.buffer);
    const exchanges = makeStream({ ...STREAMS.odd, paths: 4, oddIn: 20 }, 21).filter(
      ({ path }) => path % 2 === 1, // the NTP ones
    );
    for (const exchange of exchanges) {
      if (exchange.path > 3) continue;
      packet.set(random.bytes(64)); // the rest of the reply means nothing to the core
      view.setBigUint64(32, exchange.remoteReceive);
      view.setBigUint64(40, exchange.remoteSend);
      const epochS = 1_763_600_000 + random.below(3) - 1;
      const since = BigInt(epochS) * 1_000_000_000n;
      const status = packets.ntpExchange(
        exchange.path,
        random.below(2) === 0 ? packet : packet.subarray(0, 48),
        epochS,
        Number(exchange.localSend - since),
        Number(exchange.localReceive - since),
      );
      writeBatch(records, [exchange]);
      const record = new Uint8Array(records.exports.memory.buffer, records.records.byteOffset, 40);
      assert.is(firstDifference(packets.lastRecord(), record), -1);
      records.ingest(1);
      assert.is(status, records.result(0).status);
    }
    assert.is(firstDifference(remembered(packets), remembered(records)), -1, combiner);
    assert.ok((packets.clock()?.taken ?? 0) > 500);
  }
});

test('an empty batch does nothing, a full one takes every record', () => {
  const core = openCore({ combiner: 'kalman' }, 4);
  const before = remembered(core);
  core.ingest(0);
  core.absorb(0);
  assert.is(firstDifference(remembered(core), before), -1);
  const stream = makeStream({ ...STREAMS.calm, rounds: 512 }, 22);
  assert.is(stream.length, core.maxBatch);
  writeBatch(core, stream);
  core.ingest(core.maxBatch);
  assert.is(core.clock()?.taken, core.maxBatch);
  assert.ok(core.result(core.maxBatch - 1).valid);
});

test.run();

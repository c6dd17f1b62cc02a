/**
 * The same stream gives the same bits in Node, Deno and Bun: one pinned hash per combiner over
 * every result row. The stream is integer arithmetic (stream.ts) and is pinned itself.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMBINERS, type CombinerName } from '../../src/core.ts';
import { createHash } from './hash.ts';
import { BUILDS, openCore } from './rig.ts';
import { makeStream, STREAMS, type StreamExchange, writeBatch } from './stream.ts';

const test = suite('core determinism');

/** The input. Changes only with stream.ts. */
const STREAM_HASH = 'a1310ced06f9c9dd';
/** What each combiner made of it; whoever changes a combiner on purpose pins what the test prints. */
const HASHES: Record<CombinerName, string> = {
  kalman: 'b2641706ba8d893b',
  rfc5905: '5be1df8d887f2261',
  average: '160485a48107c247',
  weighted: '60f69db113014ce2',
  best: 'aa8deca3b266909b',
  braid: '599003b85d30fe4a',
  median: 'df14c91744c3a4d1',
  trimmed: '9818be521a063381',
  failover: 'ac80407ab613199c',
  khronos: 'd076ea2b7bc06fe7',
};

const streams = Object.values(STREAMS).map((options, index) => ({
  paths: options.paths,
  stream: makeStream(options, 200 + index),
}));
const BATCH = 512;

function* batches(stream: readonly StreamExchange[]) {
  for (let at = 0; at < stream.length; at += BATCH) yield stream.slice(at, at + BATCH);
}

function hashOf(combiner: CombinerName, bytes: Uint8Array): string {
  const hash = createHash();
  for (const { paths, stream } of streams) {
    const core = openCore({ combiner, module: bytes }, paths);
    for (const batch of batches(stream)) {
      writeBatch(core, batch);
      core.ingest(batch.length);
      const { buffer, byteOffset } = core.results;
      hash.add(new Uint8Array(buffer, byteOffset, batch.length * core.resultSlots * 8));
    }
  }
  return hash.text();
}

test('the hash is FNV-1a 64', () => {
  const of = (text: string) => {
    const hash = createHash();
    hash.add(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
    return hash.text();
  };
  assert.is(of(''), 'cbf29ce484222325');
  assert.is(of('a'), 'af63dc4c8601ec8c');
  assert.is(of('foobar'), '85944171f73967e8');
});

test('the stream itself is the same everywhere, and long enough', () => {
  const hash = createHash();
  let count = 0;
  for (const { stream } of streams) {
    const core = openCore({ combiner: 'kalman' }, 1);
    for (const batch of batches(stream)) {
      writeBatch(core, batch);
      const { buffer, byteOffset } = core.records;
      hash.add(new Uint8Array(buffer, byteOffset, batch.length * core.recordBytes));
      count += batch.length;
    }
  }
  assert.ok(count >= 20_000, `${count} exchanges`);
  assert.is(hash.text(), STREAM_HASH);
});

for (const combiner of COMBINERS) {
  test(`${combiner} gives the pinned bits in every runtime and both builds`, () => {
    for (const { name, bytes } of BUILDS) {
      assert.is(hashOf(combiner, bytes), HASHES[combiner], `${name} build`);
    }
  });
}

test.run();

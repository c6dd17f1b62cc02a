/** The rfc5905 combiner against its twin: same states, weights and offsets, whatever the paths do. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KIND_UNIX } from '../../src/recording/record.ts';
import { createRandom, type Random } from '../fuzz/random.ts';
import { createRfc5905Twin } from '../twin/rfc5905.ts';
import { BUILDS, openCore, writeStamps } from './rig.ts';

const test = suite('core rfc5905');

const EPOCH_NS = 1_763_600_000_000_000_000n;

interface World {
  readonly paths: number;
  readonly pollNs: number;
  readonly exchanges: number;
  readonly baseNs: number;
  readonly jitterNs: number;
  /** Share of paths off by up to `offNs`, from some moment on. */
  readonly liars: number;
  readonly offNs: number;
  /** Share of paths that fall silent for a while. */
  readonly silent: number;
}

interface Exchange {
  readonly path: number;
  readonly sentNs: number;
  readonly outNs: number;
  readonly backNs: number;
  readonly behindNs: number;
}

const unit = (random: Random): number => random.below(1 << 30) / (1 << 30);

function exchangesOf(world: World, seed: number): Exchange[] {
  const random = createRandom(seed);
  const durationNs = (world.exchanges * world.pollNs) / world.paths;
  const paths = Array.from({ length: world.paths }, () => ({
    offNs: unit(random) < world.liars ? (unit(random) - 0.5) * 2 * world.offNs : 0,
    fromNs: durationNs * unit(random) * 0.5,
    silentNs: unit(random) < world.silent ? durationNs * unit(random) : Number.POSITIVE_INFINITY,
  }));
  const exchanges: Exchange[] = [];
  let sentNs = 0;
  let behindNs = 3e6;
  for (let k = 0; k < world.exchanges; k++) {
    sentNs += Math.round((world.pollNs / world.paths) * (0.5 + unit(random)));
    behindNs += 1e-5 * (world.pollNs / world.paths);
    const path = random.below(world.paths);
    const { offNs, fromNs, silentNs } = paths[path] ?? { offNs: 0, fromNs: 0, silentNs: 0 };
    if (sentNs > silentNs && sentNs < silentNs + durationNs / 4) continue;
    const queued = () => world.jitterNs * unit(random) ** 3;
    exchanges.push({
      path,
      sentNs,
      outNs: Math.round(world.baseNs + queued()),
      backNs: Math.round(world.baseNs + queued()),
      behindNs: Math.round(behindNs + (sentNs > fromNs ? offNs : 0)),
    });
  }
  return exchanges.sort((a, b) => a.sentNs + a.outNs + a.backNs - b.sentNs - b.outNs - b.backNs);
}

/** Both take the stream; every path is compared after every exchange. Returns the states seen. */
function compare(bytes: Uint8Array, world: World, seed: number): Map<string, number> {
  const core = openCore({ combiner: 'rfc5905', module: bytes }, world.paths);
  const twin = createRfc5905Twin(world.paths);
  const seen = new Map<string, number>();
  let startNs: number | null = null;
  for (const [k, { path, sentNs, outNs, backNs, behindNs }] of exchangesOf(world, seed).entries()) {
    const localSend = EPOCH_NS + BigInt(sentNs);
    const remote = localSend + BigInt(outNs + behindNs);
    const localReceive = localSend + BigInt(outNs + backNs);
    const stamps = { path, localSend, remoteReceive: remote, remoteSend: remote, localReceive };
    writeStamps(core, 0, KIND_UNIX, stamps);
    core.ingest(1);
    startNs ??= sentNs + outNs + backNs;
    const atS = (sentNs + outNs + backNs - startNs) / 1e9;
    const offsetS = ((outNs + behindNs) / 1e9 - (backNs - behindNs) / 1e9) / 2;
    const delayS = (outNs + backNs) / 1e9;
    twin.take(path, offsetS, delayS, delayS, atS);
    const where = `seed ${seed}, exchange ${k}`;
    near(core.clock()?.offsetS, twin.offsetS(), 1e-9, `${where}: offset`);
    for (let index = 0; index < world.paths; index++) {
      const [got, wanted] = [core.path(index), twin.path(index)];
      if (got.state !== wanted.state || !(Math.abs(got.weight - wanted.weight) < 1e-7)) {
        assert.equal([got.state, got.weight], [wanted.state, wanted.weight], `${where}: ${index}`);
      }
      seen.set(got.state, (seen.get(got.state) ?? 0) + 1);
    }
  }
  return seen;
}

function near(
  got: number | null | undefined,
  wanted: number | null,
  most: number,
  what: string,
): void {
  if ((got ?? null) === null && wanted === null) return;
  const away = Math.abs((got ?? Number.NaN) - (wanted ?? Number.NaN));
  if (!(away <= most)) assert.unreachable(`${what}: ${got}, twin ${wanted}`);
}

const WORLDS: Readonly<Record<string, World>> = {
  'one path': {
    paths: 1,
    pollNs: 1e9,
    exchanges: 200,
    baseNs: 5e6,
    jitterNs: 2e6,
    liars: 0,
    offNs: 0,
    silent: 0,
  },
  'paths that agree but for queueing': {
    paths: 9,
    pollNs: 1e9,
    exchanges: 500,
    baseNs: 5e6,
    jitterNs: 4e6,
    liars: 0,
    offNs: 0,
    silent: 0,
  },
  'liars, silent paths': {
    paths: 12,
    pollNs: 4e9,
    exchanges: 700,
    baseNs: 4e6,
    jitterNs: 3e6,
    liars: 0.4,
    offNs: 6e7,
    silent: 0.3,
  },
  'many paths on a quiet network, outliers one after the other': {
    paths: 70,
    pollNs: 1e9,
    exchanges: 700,
    baseNs: 2e5,
    jitterNs: 3e5,
    liars: 0.5,
    offNs: 1.5e6,
    silent: 0.1,
  },
  'no majority': {
    paths: 6,
    pollNs: 1e9,
    exchanges: 300,
    baseNs: 1e6,
    jitterNs: 1e5,
    liars: 0.9,
    offNs: 2e8,
    silent: 0,
  },
};

for (const [name, world] of Object.entries(WORLDS)) {
  test(`${name}: the twin's states, weights and offset after every exchange`, () => {
    for (const { bytes } of BUILDS) {
      const seen = compare(bytes, world, 11);
      assert.ok((seen.get('good') ?? 0) + (seen.get('quarantined') ?? 0) > 0);
    }
  });
}

test('the worlds visit every state the combiner gives', () => {
  const [build] = BUILDS;
  const seen = new Set(
    Object.values(WORLDS).flatMap((world) => [
      ...compare(build?.bytes ?? new Uint8Array(), world, 12).keys(),
    ]),
  );
  assert.equal([...seen].sort(), ['good', 'quarantined', 'stale', 'standby', 'warming']);
});

test('a path that speaks for itself again has no say before its next exchange', () => {
  for (const { bytes } of BUILDS) {
    const core = openCore({ combiner: 'rfc5905', module: bytes }, 2);
    let at = EPOCH_NS;
    const feed = (path: number, aheadNs: bigint) => {
      at += 500_000_000n;
      const remote = at + 5_000_000n + aheadNs;
      const stamps = { path, remoteReceive: remote, remoteSend: remote };
      writeStamps(core, 0, KIND_UNIX, { ...stamps, localSend: at, localReceive: at + 10_000_000n });
      core.ingest(1);
    };
    for (let k = 0; k < 20; k++) feed(k % 2, k % 2 === 0 ? 1000n : 3000n);
    assert.ok(core.path(1).weight > 0.4);
    assert.is(core.exports.shareRoute(1, 0), 0);
    for (let k = 0; k < 20; k++) feed(k % 2, k % 2 === 0 ? 1000n : 3000n);
    assert.is(core.exports.shareRoute(1, -1), 0);
    feed(0, 1000n);
    assert.is(core.path(1).weight, 0);
    assert.is(core.path(0).weight, 1);
    near(core.clock()?.offsetS, 1e-6, 1e-8, 'the clock is that of path 0');
    feed(1, 3000n);
    assert.ok(core.path(1).weight > 0);
  }
});

test.run();

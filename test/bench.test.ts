/** The benches compute what they claim to measure: every case's check, once and untimed (HOUSE S20). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { placeOf } from '../bench/asking.ts';
import { findCompiler } from '../bench/compiler.ts';
import { comparisons } from '../bench/core.ts';
import { flood } from '../bench/flood.ts';
import { decodeResults } from '../bench/jobs.ts';
import { generate } from '../bench/load.ts';
import { type Comparison, near, ratios, same, spread, warm } from '../bench/measure.ts';
import { nativeJobs } from '../bench/native.ts';
import { generatePtp } from '../bench/ptpload.ts';
import { figuresOf, measurePtpRms } from '../bench/ptprms.ts';
import { replayBench } from '../bench/replay.ts';
import { exchangeStamps, reflect, unreflect } from '../bench/stamps.ts';
import { figure, formatTable } from '../bench/table.ts';
import { openPtpClock } from '../src/ptpclock.ts';
import { localSource, openServer } from '../src/serve.ts';
import { chooseHost } from '../src/udp/choose.ts';
import { linuxHost } from '../src/udp/linux/host.ts';

const test = suite('bench');

for (const [name, make] of Object.entries(comparisons)) {
  test(`${name}: every case computes what its group does`, () => {
    const { cases } = make();
    assert.ok(cases.length > 1);
    for (const { check, group, name: subject } of cases) {
      try {
        check();
      } catch (cause) {
        throw new Error(`${group}, ${subject}: ${(cause as Error).message}`, { cause });
      }
    }
  });
}

test('the digest of a comparison is that of its results: the same twice, another for others', () => {
  const [exchange, again, combiners] = [
    comparisons.exchange?.().digest(),
    comparisons.exchange?.().digest(),
    comparisons.combiners?.().digest(),
  ];
  assert.match(exchange ?? '', /^[0-9a-f]{8}$/);
  assert.is(again, exchange);
  assert.is.not(combiners, exchange);
});

test('where there is no C compiler none is found, and jobs go out and come back whole', () => {
  assert.is(findCompiler(['no-such-compiler']), null);
  const jobs = nativeJobs();
  const bytes = jobs.reduce((sum, { results, blocks }) => sum + 8 * results * blocks, 0);
  const parts = decodeResults(jobs, new Uint8Array(bytes));
  assert.equal(
    parts.map(({ length }) => length),
    jobs.map(({ results, blocks }) => results * blocks),
  );
  assert.throws(() => decodeResults(jobs, new Uint8Array(bytes - 8)), /expected \d+ bytes/);
});

const broken: Comparison = {
  name: 'broken',
  title: '',
  operation: '',
  notes: [],
  cases: [{ name: 'one', group: '', operations: 1, run: () => 0, check: () => same('two', 1, 2) }],
  digest: () => '',
};

test('a comparison with wrong results is not measured', () => {
  assert.throws(() => warm(broken), /broken.*one: wrong results/);
});

test('a NaN is near nothing and a sum with the wrong last bit is not the same', () => {
  assert.throws(() => near('x', Number.NaN, 1, 1), /expected 1/);
  assert.throws(() => near('x', 3, 1, 1), /got 3/);
  assert.throws(() => same('x', 0.1 + 0.2, 0.3), /expected 0.3/);
  near('x', 1.5, 1, 0.5);
  same('x', 2, 2);
});

test('the headline is the median of the ratios within rounds, not the ratio of medians', () => {
  assert.equal(spread([5, 1, 4, 2, 3]), { median: 3, low: 2, high: 4 });
  assert.equal(spread([4, 1]), { median: 2.5, low: 1.75, high: 3.25 });
  // load doubled the times of the last two rounds; the ratio does not care
  assert.is(ratios([2, 2, 2, 4, 4], [1, 1, 1, 2, 2]).median, 2);
  assert.is(ratios([2, 8, 4], [1, 4, 2]).median, 2);
  assert.ok(Number.isNaN(spread([]).median));
});

test('a table holds each row to the first of its group', () => {
  const rows = [
    { name: 'a', group: 'one', values: [[2, 2, 2]] },
    { name: 'b', group: 'one', values: [[6, 6, 6]] },
    { name: 'c', group: 'two', values: [[10, 10, 10]] },
    { name: 'd', group: 'two', values: [[5, 5, 5]] },
    { name: 'e', group: 'two', values: [[]] },
  ];
  const columns = [{ name: 'node', ratio: true }];
  const text = formatTable({ name: 't', title: 'T', unit: 'ns', columns, rows, notes: ['n'] });
  const cells = text.split('\n').map((line) => line.trim().split(/\s+/).join(' '));
  assert.equal(cells, [
    'T (ns)',
    'node',
    'one',
    'a 1.00x 2.00 ±0%',
    'b 3.00x 6.00 ±0%',
    'two',
    'c 1.00x 10.0 ±0%',
    'd 0.500x 5.00 ±0%',
    'e -',
    '· n',
  ]);
  assert.equal([0.01234, 1234, 999.6].map(figure), ['0.012', '1,230', '1,000']);
});

test('the load generators count only what answers their own requests as a server would', () => {
  const asking = { sequences: new Uint32Array([7, 9]), sentMs: new Float64Array(2) };
  const reply = new DataView(new ArrayBuffer(64));
  const at = 8;
  const place = (length = 48) => placeOf(asking, reply, at, length);
  reply.setUint8(at, 0x24);
  reply.setUint8(at + 1, 1);
  reply.setUint32(at + 24, 0x80000001);
  reply.setUint32(at + 28, 9);
  assert.is(place(), 1);
  assert.is(place(47), null);
  reply.setUint8(at + 1, 0);
  assert.is(place(), null, 'stratum 0');
  reply.setUint8(at + 1, 1);
  reply.setUint8(at, 0x23);
  assert.is(place(), null, 'a request');
  reply.setUint8(at, 0x24);
  assert.is(place(), 1);
  reply.setUint32(at + 28, 8);
  assert.is(place(), null, 'an old answer');
  reply.setUint32(at + 24, 0x80000002);
  assert.is(place(), null, 'no such place');
});

test('our server answers every request of the load generator', async () => {
  const source = localSource(1, chooseHost());
  const server = await openServer({ addresses: ['127.0.0.1'], port: 0, source, rateLimit: null });
  try {
    const port = server.addresses[0]?.port ?? 0;
    const bounds = { window: 16, mostMs: 5000, mostAnswers: 300 };
    const { answered, wrong } = await generate({ port, ...bounds });
    assert.is(answered, 300);
    assert.is(wrong, 0);
  } finally {
    await server.close();
  }
});

test('a server with a worker answers every request of the generator in batches', async () => {
  if (typeof linuxHost() === 'string') return console.log('SKIPPED: no kernel stamps');
  const source = localSource(1, chooseHost());
  const options = { addresses: ['127.0.0.1'], port: 0, source, rateLimit: null };
  const server = await openServer({ ...options, workers: 1 });
  try {
    const port = server.addresses[0]?.port ?? 0;
    const figures = flood({ port, window: 16, mostMs: 5000, mostAnswers: 300 });
    assert.ok(figures !== null && figures.answered >= 300 && figures.answered < 340);
    assert.is(figures.wrong, 0);
  } finally {
    await server.close();
  }
});

/** Our master on an address of its own, and ports for both ends. */
async function masterAt(ip: string) {
  const host = chooseHost();
  const sockets = [0, 1].map(() =>
    host.openUdp({ ip, port: 0 }, { onDatagram: () => {}, onError: () => {} }),
  );
  const [event = 0, general = 0] = (await Promise.all(sockets)).map(({ local }) => local.port);
  for (const socket of sockets) await (await socket).close();
  const ports = { event, general };
  const clock = await openPtpClock({
    ...{ mode: 'dual-ended', role: 'master', addresses: [ip], masters: [], ports },
    port: { logAnnounceInterval: 0, logSyncInterval: -7, logMinDelayReqInterval: -7 },
  });
  return { clock, ports };
}

test('our PTP master serves the slaves of the load generator, until they give it back', async () => {
  const { clock, ports } = await masterAt('127.0.0.61');
  try {
    const load = { master: '127.0.0.61', ports, pid: 1, slaves: 3, logInterval: -5 };
    const { granted, counts, requests } = await generatePtp({ ...load, measureMs: 1000 });
    assert.is(granted, 3);
    assert.ok(
      counts.Announce > 0 && counts.Sync > 9 && counts.Follow_Up > 9,
      JSON.stringify(counts),
    );
    assert.ok(requests > 9 && counts.Delay_Resp > 9, `${requests} ${JSON.stringify(counts)}`);
    assert.equal(clock.status().serves, []);
  } finally {
    await clock.close();
  }
});

test('the slave of the PTP bench measures a master with its own clock', async () => {
  const { clock, ports } = await masterAt('127.0.0.62');
  try {
    const { path, braid, kalman } = await measurePtpRms({
      ...{ master: '127.0.0.62', locals: ['127.0.0.63', '127.0.0.64'], ports },
      ...{ startMs: 15_000, settleMs: 100, measureMs: 700 },
    });
    for (const { count, rms } of [path, braid, kalman]) {
      assert.ok(count > 3 && rms > 0 && rms < 0.05, `${count} ${rms}`);
    }
  } finally {
    await clock.close();
  }
});

test('rms and mean of offsets', () => {
  assert.equal(figuresOf([3, -1, -2, 4, 0, 0]), { count: 6, mean: 4 / 6, rms: Math.sqrt(5) });
});

test('the replay bench replays what it recorded, in both forms', async () => {
  const figures = await replayBench({ exchanges: 5000, rounds: 1 });
  assert.equal(
    figures.map(({ form }) => form),
    ['msgpack', 'jsonlines'],
  );
  const [one, other] = figures;
  assert.is(one?.summary.exchanges, 5000);
  assert.equal(other?.summary.combiners, one?.summary.combiners);
});

test('stamps: offsets between two of our hosts, with plain stamps and the kernel’s', async () => {
  const { whyPlain } = chooseHost();
  for (const stamps of whyPlain === undefined
    ? (['plain', 'kernel'] as const)
    : ['plain' as const]) {
    const end = { stamps, pump: 'timer', ip: '127.0.0.1' } as const;
    const to = { ip: end.ip, port: await reflect(end) };
    const figures = await exchangeStamps({ ...end, to, count: 20, everyMs: 2 });
    await unreflect();
    assert.is(figures.lost, 0);
    assert.is(figures.host, chooseHost(stamps).name);
    for (const offsets of [figures.basic, figures.twoStep]) {
      assert.is(offsets.length, 20);
      assert.ok(offsets.every((s) => Math.abs(s) < 0.5)); // the truth is 0, the machine busy
    }
    // Those whose departure the next answer told: not the last, nor when two were answered at once
    assert.ok(figures.interleaved.length > 0 && figures.interleaved.length < 20);
    assert.ok(figures.interleaved.every((s) => figures.twoStep.includes(s)));
    if (stamps === 'plain') assert.equal(figures.basic, figures.twoStep);
    else assert.is.not(figures.basic.join(), figures.twoStep.join());
    assert.ok(figures.turnaroundS.every((s) => s > 0));
    assert.ok(figures.handoverS.length === 40 && figures.handoverS.every((s) => s > -2e-6));
  }
});

test.run();

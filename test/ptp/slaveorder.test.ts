/**
 * Whatever order a network makes of a true run, the measurements are those of the ordered run but
 * for the ones whose halves were lost (BASE-B6, MP-06). Messages keep their receive stamps.
 */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Output } from '../../src/machine.ts';
import { pathKey, pathParts } from '../../src/path.ts';
import type { Message } from '../../src/ptp/message.ts';
import { hear, isForSlave } from '../../src/ptp/slave.ts';
import { PAIR_NS } from '../../src/ptp/syncs.ts';
import { tick } from '../../src/units.ts';
import {
  type Asked,
  createRig,
  delayResp,
  drops,
  FOLLOWING,
  followUp,
  localAt,
  masterTime,
  oneWays,
  own,
  pdelayFollowUp,
  pdelayResp,
  REMOTE,
  type Rig,
  S,
  sync,
} from './slaverig.ts';

const test = suite('ptp slave: order');

/** One message of a run; messages with one `pair` make one exchange. */
interface Sent {
  readonly pair: string;
  readonly message: Message;
  readonly path: ReturnType<typeof pathKey>;
  readonly arrivesNs: number;
}

const LOCALS = ['198.51.100.1', '198.51.100.2'];
const PATHS = LOCALS.map((localIp) => ({ remoteIp: REMOTE, localIp, identity: own(9) }));

function deliver(rig: Rig, { message, path, arrivesNs }: Sent, nowNs: number): Output[] {
  if (!isForSlave(message)) throw new Error('not for a slave');
  const { remoteIp, localIp } = pathParts(path);
  const datagram = {
    bytes: new Uint8Array(0),
    remote: { ip: remoteIp, port: 319 },
    local: { ip: localIp, port: 319 },
    receivedAtNs: localAt(arrivesNs),
  };
  return hear(rig.slave, { message, datagram }, tick(nowNs));
}

/** Syncs of `count` numbers from `first` on both paths; every third is one-step. */
function syncRun(count: number, first: number, stepNs: number, fromNs: number): Sent[] {
  return PATHS.flatMap(({ remoteIp, localIp }, turn) => {
    const path = pathKey(remoteIp, localIp);
    return Array.from({ length: count }, (_, n): Sent[] => {
      const id = (first + n) & 0xffff;
      const atNs = fromNs + n * stepNs;
      const arrivesNs = atNs + 40_000 + turn;
      const pair = `${turn} sync ${n}`;
      const at = { pair, path, arrivesNs };
      if (n % 3 === 0) return [{ ...at, message: sync(id, {}, masterTime(atNs)) }];
      const correctionField = BigInt(n) << 15n;
      return [
        { ...at, message: sync(id, { correctionField }) },
        { ...at, message: followUp(id, masterTime(atNs)), arrivesNs: arrivesNs + 1000 },
      ];
    }).flat();
  });
}

/** The answers to requests, in order. */
const answers = (asked: readonly Asked[]): Sent[] =>
  asked.flatMap(({ path, atNs, message }): Sent[] => {
    const { sequenceId: id } = message.header;
    const pair = `${path} ${id}`;
    const at = { pair, path, arrivesNs: atNs + 100_000 };
    if (message.type === 'Delay_Req') {
      return [{ ...at, message: delayResp(id, own(9), masterTime(atNs + 50_000)) }];
    }
    return [
      { ...at, message: pdelayResp(id, own(9), masterTime(atNs + 20_000)) },
      { ...at, message: pdelayFollowUp(id, own(9), masterTime(atNs + 70_000)) },
    ];
  });

const MECHANISMS = ['E2E', 'P2P'] as const;

/** A slave with requests on their way, and the whole run that follows, in true order. */
function scene(delayMechanism: (typeof MECHANISMS)[number]): { rig: Rig; run: Sent[] } {
  const following = { ...FOLLOWING, logDelayInterval: -5, logSyncInterval: 3 };
  const rig = createRig({ delayMechanism }, PATHS, following);
  for (const { remoteIp, localIp } of PATHS) {
    rig.hear(sync(0xffe0, {}, masterTime(0)), pathKey(remoteIp, localIp));
  }
  const asked = rig.run(S / 2);
  rig.outputs.length = 0;
  return { rig, run: [...syncRun(30, 0xffe1, S / 100, S / 2), ...answers(asked)] };
}

const text = (outputs: readonly Output[]): string[] =>
  oneWays(outputs)
    .map((output) => JSON.stringify(output, (_, v) => (typeof v === 'bigint' ? `${v}` : v)))
    .sort();

/** What an ordered run without losses measures, by pair. */
function expected(run: readonly Sent[], rig: Rig): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const sent of run) {
    const lines = text(deliver(rig, sent, S));
    found.set(sent.pair, [...(found.get(sent.pair) ?? []), ...lines]);
  }
  return found;
}

for (const mechanism of MECHANISMS) {
  test(`${mechanism}: any order, with losses and copies, measures what is whole, once`, () => {
    const reference = scene(mechanism);
    const byPair = expected(reference.run, reference.rig);
    const whole = (kept: readonly Sent[]) =>
      [...byPair].flatMap(([pair, lines]) => {
        const count = reference.run.filter((sent) => sent.pair === pair).length;
        return new Set(kept.filter((sent) => sent.pair === pair)).size === count ? lines : [];
      });
    assert.ok([...byPair.values()].every((lines) => lines.length > 0));
    assert.ok(byPair.size > 75, `${byPair.size} pairs`);

    const { run } = reference;
    const fates = fc.array(fc.constantFrom('lost', 'once', 'once', 'once', 'twice'), {
      minLength: run.length,
      maxLength: run.length,
    });
    const keys = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: 2 * run.length,
      maxLength: 2 * run.length,
    });
    const property = fc.property(fates, keys, (fate, key) => {
      const copies = run.flatMap((sent, n) => {
        if (fate[n] === 'lost') return [];
        const here = { sent, at: key[2 * n] ?? 0 };
        return fate[n] === 'twice' ? [here, { sent, at: key[2 * n + 1] ?? 0 }] : [here];
      });
      copies.sort((a, b) => a.at - b.at);
      const { rig } = scene(mechanism);
      const outputs = copies.flatMap(({ sent }) => deliver(rig, sent, S));
      const kept = [...new Set(copies.map(({ sent }) => sent))];
      assert.equal(text(outputs), whole(kept).sort());
      assert.is(
        drops(outputs).filter((r) => r === 'duplicate').length,
        copies.length - kept.length,
      );
      assert.is(drops(outputs).length, copies.length - kept.length);
    });
    fc.assert(property, { numRuns: 60, seed: 8039 });
  });
}

test('over minutes: whoever is less than 4 s late is measured, all others are counted', () => {
  const run = syncRun(400, 0xff80, S / 4, S);
  const reference = createRig({}, PATHS);
  const byPair = new Map<string, string[]>();
  for (const sent of run) {
    const lines = text(deliver(reference, sent, sent.arrivesNs));
    byPair.set(sent.pair, [...(byPair.get(sent.pair) ?? []), ...lines]);
  }
  const all = [...byPair.values()].flat().sort();
  assert.is(all.length, 800);
  const delays = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
    minLength: run.length,
    maxLength: run.length,
  });
  const property = fc.property(delays, fc.constantFrom(0.2, 3.9, 12), (chance, spreadS) => {
    const rig = createRig({}, PATHS);
    const order = run
      .map((sent, n) => ({ sent, atNs: sent.arrivesNs + (chance[n] ?? 0) * spreadS * S }))
      .sort((a, b) => a.atNs - b.atNs);
    const outputs = order.flatMap(({ sent, atNs }) => deliver(rig, sent, atNs));
    const measured = text(outputs);
    if (spreadS * S < PAIR_NS) {
      assert.equal(measured, all);
      assert.equal(drops(outputs), []);
      return;
    }
    const known = new Set(all);
    assert.is(new Set(measured).size, measured.length);
    assert.ok(measured.every((line) => known.has(line)));
    assert.ok(measured.length > all.length / 3 && measured.length < all.length);
    // every datagram is used, dropped, or waits
    const waiting = rig.slave.paths
      .flatMap(({ syncs }) => syncs.entries)
      .filter(({ fate }) => fate === 'waits').length;
    const used = run.filter(({ pair }) => {
      const lines = byPair.get(pair) ?? [];
      return lines.every((line) => measured.includes(line));
    }).length;
    assert.is(used + drops(outputs).length + waiting, run.length);
  });
  fc.assert(property, { numRuns: 30, seed: 8039 });
});

test.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bestIndex,
  type Candidate,
  type Comparison,
  compareDatasets,
  type Dataset,
  type Decision,
  datasetOfAnnounce,
  datasetOfClock,
  decideStates,
  isBetter,
} from '../../src/ptp/bmca.ts';
import { createDefaultDS } from '../../src/ptp/dataset.ts';
import type { PortState } from '../../src/ptp/portstate.ts';
import { createRandom, type Random } from '../fuzz/random.ts';
import { compareSides, decidePort } from '../twin/bmca.ts';
import { announce } from './announce.ts';

const test = suite('ptp bmca');

const id = (n: number) => `00000a.fffe.${n.toString(16).padStart(6, '0')}`;
const port = (clock: number, portNumber = 1) => ({ clockIdentity: id(clock), portNumber });

/** A foreign master heard on port 1 of clock 50; better GMs have lower numbers all else equal. */
const dataset = (over: Partial<Dataset> = {}): Dataset => ({
  priority1: 128,
  clockClass: 248,
  clockAccuracy: 0xfe,
  offsetScaledLogVariance: 0xffff,
  priority2: 128,
  identity: id(100),
  stepsRemoved: 0,
  sender: port(100),
  receiver: port(50),
  ...over,
});

const MIRROR: Readonly<Record<Comparison, Comparison>> = {
  'a-better': 'b-better',
  'b-better': 'a-better',
  'a-better-by-topology': 'b-better-by-topology',
  'b-better-by-topology': 'a-better-by-topology',
  'error-1': 'error-1',
  'error-2': 'error-2',
};

/** One outcome and its mirror image. */
const outcome = (a: Dataset, b: Dataset, wanted: Comparison, why: string) => {
  assert.is(compareDatasets(a, b), wanted, why);
  assert.is(compareDatasets(b, a), MIRROR[wanted], `${why}, mirrored`);
};

test('each field decides, and each field before it decides first (BASE-B1, WIRE §3.1.1)', () => {
  const fields = [
    { priority1: 127 },
    { clockClass: 6 },
    { clockAccuracy: 0x21 },
    { offsetScaledLogVariance: 0x4e5d },
    { priority2: 127 },
    { identity: id(99) },
  ];
  const worse = [
    { priority1: 129 },
    { clockClass: 255 },
    { clockAccuracy: 0xff },
    { offsetScaledLogVariance: 0x10000 },
    { priority2: 129 },
  ];
  const other = dataset({ identity: id(101) });
  fields.forEach((field, at) => {
    outcome(dataset(field), other, 'a-better', JSON.stringify(field));
    // Worse in all that comes later: no matter.
    const rest = Object.assign({}, ...worse.slice(at + 1), { identity: id(200) });
    if (at < 5) outcome(dataset({ ...rest, ...field }), other, 'a-better', JSON.stringify(field));
  });
});

test('steps, sender and receiver mean nothing between different grandmasters', () => {
  const far = dataset({ identity: id(1), stepsRemoved: 254, sender: port(255) });
  outcome(far, dataset({ identity: id(2) }), 'a-better', 'identity alone');
});

test('the same grandmaster, other values: only the way to it counts (WIRE §3.1.2)', () => {
  const near = dataset({ priority1: 255 });
  outcome(near, dataset({ priority1: 0, stepsRemoved: 2 }), 'a-better', 'two steps fewer');
});

test('one step more: the receiver is held against the sender (WIRE §3.1.2b, c)', () => {
  const near = dataset({ sender: port(90) });
  const farther = (receiver: number, sender: number) =>
    dataset({ stepsRemoved: 1, receiver: port(receiver), sender: port(sender) });
  outcome(farther(50, 60), near, 'b-better', 'receiver < sender');
  outcome(farther(60, 50), near, 'b-better-by-topology', 'receiver > sender');
  outcome(farther(60, 60), near, 'error-1', 'receiver = sender');
  const samePort = dataset({ stepsRemoved: 1, receiver: port(50, 1), sender: port(50, 2) });
  outcome(samePort, near, 'b-better', 'whole port identities, as linuxptp');
});

test('equal steps: the lower sender, then the lower receiving port (WIRE §3.1.2d)', () => {
  const a = dataset();
  outcome(a, dataset({ sender: port(101) }), 'a-better-by-topology', 'sender clock');
  outcome(a, dataset({ sender: port(100, 2) }), 'a-better-by-topology', 'sender port');
  outcome(a, dataset({ receiver: port(50, 2) }), 'a-better-by-topology', 'own port');
  outcome(a, dataset({ receiver: port(49, 1) }), 'error-2', 'own clock does not count');
  outcome(a, dataset(), 'error-2', 'twice the same');
});

/** Values close together, so that ties are common. */
const anyDataset = (random: Random, identities = 3): Dataset => ({
  priority1: 127 + random.below(2),
  clockClass: random.pick([6, 127, 128, 248]),
  clockAccuracy: 0x20 + random.below(2),
  offsetScaledLogVariance: 0xfffe + random.below(2),
  priority2: 127 + random.below(2),
  identity: id(random.below(identities)),
  stepsRemoved: random.pick([0, 0, 1, 1, 2, 3, 254]),
  sender: port(random.below(3), 1 + random.below(2)),
  receiver: port(random.below(3), 1 + random.below(2)),
});

test('agrees with the second reading of the tables on 50000 random pairs (BASE-B1)', () => {
  const random = createRandom(0xb3ca);
  const counts = new Map<string, number>();
  for (let i = 0; i < 50_000; i++) {
    const a = anyDataset(random);
    const b = anyDataset(random);
    const found = compareDatasets(a, b);
    assert.is(found, compareSides(a, b), JSON.stringify({ a, b }));
    counts.set(found, (counts.get(found) ?? 0) + 1);
  }
  for (const name of Object.keys(MIRROR)) {
    assert.ok((counts.get(name) ?? 0) >= 100, `${name} came up ${counts.get(name)} times`);
  }
});

test('swapping the two mirrors the outcome: never both better (antisymmetry)', () => {
  const random = createRandom(0xa5);
  for (let i = 0; i < 20_000; i++) {
    const a = anyDataset(random);
    const b = anyDataset(random);
    assert.is(compareDatasets(b, a), MIRROR[compareDatasets(a, b)]);
    assert.is(compareDatasets(a, a), 'error-2');
  }
});

/** A world where a grandmaster says the same over all ways, and nobody hears himself. */
function anyWorld(random: Random, receivers: number): Dataset[] {
  const grandmasters = Array.from({ length: 4 }, (_, n) => ({
    ...anyDataset(random),
    identity: id(n),
  }));
  return Array.from({ length: 6 }, () => ({
    ...random.pick([grandmasters[0] ?? dataset(), ...grandmasters.slice(1)]),
    stepsRemoved: random.below(4),
    sender: port(10 + random.below(8), 1 + random.below(2)),
    receiver: port(13, 1 + random.below(receivers)),
  })).filter(({ sender }) => sender.clockIdentity !== id(13));
}

test('transitive where every grandmaster says the same everywhere', () => {
  const random = createRandom(0x77a);
  let chains = 0;
  for (let i = 0; i < 4000; i++) {
    const world = anyWorld(random, 2);
    for (const a of world) {
      for (const b of world) {
        if (!isBetter(a, b)) continue;
        for (const c of world) {
          if (!isBetter(b, c)) continue;
          chains++;
          assert.ok(isBetter(a, c), JSON.stringify({ a, b, c }));
        }
      }
    }
  }
  assert.ok(chains > 10_000, `${chains} chains`);
});

test('the best does not depend on the order in which masters are heard', () => {
  const random = createRandom(0x0dd);
  for (let i = 0; i < 5000; i++) {
    const world = anyWorld(random, 2);
    const best = world[bestIndex(world)];
    const reversed = [...world].reverse();
    const again = reversed[bestIndex(reversed)];
    if (best === undefined || again === undefined) continue;
    assert.is(compareDatasets(best, again), 'error-2');
    for (const other of world) assert.not(isBetter(other, best));
  }
});

test('nobody is the best of nobody; empty places are passed over', () => {
  assert.is(bestIndex([]), -1);
  assert.is(bestIndex([null, null]), -1);
  assert.is(bestIndex([null, dataset(), null, dataset({ priority1: 1, identity: id(3) })]), 3);
  assert.is(bestIndex([dataset(), dataset()]), 0, 'the first of equals');
});

// --- state decision ----------------------------------------------------------------------------

const clock = (config: { clockClass?: number; slaveOnly?: boolean; priority1?: number } = {}) =>
  datasetOfClock(createDefaultDS({ clockIdentity: id(50), ...config }));
const ports = (...list: [PortState, Dataset | null][]): Candidate[] =>
  list.map(([state, best]) => ({ state, best }));
const decisions = (own: Dataset, list: Candidate[]) => decideStates(own, list).decisions;

const better = dataset({ priority1: 1 });
const worse = dataset({ priority1: 200, identity: id(200), sender: port(200) });

test('D0 is the clock itself, port 0, no steps (WIRE §3)', () => {
  assert.equal(clock(), dataset({ identity: id(50), sender: port(50, 0), receiver: port(50, 0) }));
});

test('the data set of an Announce, field by field (BASE-B1)', () => {
  const heard = announce({
    grandmasterPriority1: 1,
    grandmasterClockQuality: { clockClass: 2, clockAccuracy: 3, offsetScaledLogVariance: 4 },
    grandmasterPriority2: 5,
    grandmasterIdentity: id(6),
    stepsRemoved: 7,
    sourcePortIdentity: port(8, 9),
  });
  assert.equal(datasetOfAnnounce(heard, port(50, 2)), {
    priority1: 1,
    clockClass: 2,
    clockAccuracy: 3,
    offsetScaledLogVariance: 4,
    priority2: 5,
    identity: id(6),
    stepsRemoved: 7,
    sender: port(8, 9),
    receiver: port(50, 2),
  });
});

test('ordinary clock, every line of the table (BASE-B1, PTP-S04, WIRE §3.3)', () => {
  const cases: [Dataset, [PortState, Dataset | null], Decision | null][] = [
    [clock(), ['LISTENING', null], null],
    [clock({ clockClass: 6 }), ['LISTENING', null], null],
    [clock(), ['MASTER', null], 'M2'],
    [clock(), ['SLAVE', null], 'M2'],
    [clock(), ['LISTENING', worse], 'M2'],
    [clock(), ['LISTENING', better], 'S1'],
    [clock(), ['MASTER', better], 'S1'],
    [clock({ clockClass: 6 }), ['MASTER', null], 'M1'],
    [clock({ clockClass: 6 }), ['LISTENING', worse], 'M1'],
    [clock({ clockClass: 6 }), ['LISTENING', better], 'P1'],
    [clock({ clockClass: 127 }), ['SLAVE', better], 'P1'],
    [clock({ clockClass: 128 }), ['SLAVE', better], 'S1'],
  ];
  for (const [own, [state, best], wanted] of cases) {
    assert.equal(decisions(own, ports([state, best])), [wanted], `${own.clockClass} ${state}`);
  }
});

test('boundary clock: one slave port, passive only for the same grandmaster (BASE-B10)', () => {
  const far = { ...better, stepsRemoved: 1 };
  const viaLower = { ...far, sender: port(20), receiver: port(50, 2) };
  const viaHigher = { ...far, sender: port(60), receiver: port(50, 2) };
  const list = (second: Dataset | null) =>
    decisions(clock(), ports(['LISTENING', better], ['MASTER', second], ['MASTER', null]));
  assert.equal(list(viaLower), ['S1', 'P2', 'M3'], 'receiver > sender: by topology');
  assert.equal(list(viaHigher), ['S1', 'M3', 'M3'], 'receiver < sender: better');
  assert.equal(list({ ...better, receiver: port(50, 2) }), ['S1', 'P2', 'M3'], 'one LAN twice');
  assert.equal(list({ ...better, identity: id(200) }), ['S1', 'M3', 'M3'], 'another grandmaster');
  assert.equal(list({ ...far, stepsRemoved: 2 }), ['S1', 'M3', 'M3'], 'two steps: not topology');
});

test('the best of all ports makes the slave, wherever it comes in', () => {
  const list = ports(['SLAVE', worse], ['MASTER', { ...better, receiver: port(50, 2) }]);
  assert.equal(decideStates(clock({ priority1: 220 }), list), {
    bestPort: 1,
    decisions: ['M3', 'S1'],
  });
  assert.equal(decideStates(clock(), ports(['MASTER', null])), { bestPort: -1, decisions: ['M2'] });
});

test('clocks of class up to 127 judge each port on its own (P1 beside M1)', () => {
  const list = ports(['MASTER', better], ['MASTER', worse], ['LISTENING', null]);
  assert.equal(decisions(clock({ clockClass: 6 }), list), ['P1', 'M1', null]);
});

test('ports out of service neither decide nor count', () => {
  for (const state of ['INITIALIZING', 'FAULTY', 'DISABLED'] as const) {
    assert.equal(decideStates(clock(), ports([state, better], ['MASTER', worse])), {
      bestPort: 1,
      decisions: [null, 'M2'],
    });
  }
});

test('a slave-only clock of default priority follows whoever there is', () => {
  for (const best of [better, worse, dataset({ priority1: 255, clockClass: 248 })]) {
    assert.equal(decisions(clock({ slaveOnly: true }), ports(['LISTENING', best])), ['S1']);
  }
});

test('agrees with the second reading on 10000 random clocks of 1 to 4 ports (BASE-B1)', () => {
  const random = createRandom(0xdec1);
  const states = [
    'LISTENING',
    'MASTER',
    'SLAVE',
    'PASSIVE',
    'PRE_MASTER',
    'FAULTY',
    'DISABLED',
  ] as const;
  const counts = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const heard = anyWorld(random, 1);
    const own: Dataset = {
      ...anyDataset(random),
      identity: id(13),
      stepsRemoved: 0,
      sender: port(13, 0),
      receiver: port(13, 0),
    };
    const list = Array.from({ length: 1 + random.below(4) }, (_, index): Candidate => {
      const best = random.below(4) === 0 ? null : (heard[index] ?? null);
      return {
        state: random.pick(states),
        best: best && { ...best, receiver: port(13, index + 1) },
      };
    });
    const found = decisions(own, list);
    list.forEach((_, index) => {
      assert.is(found[index], decidePort(own, list, index), JSON.stringify({ own, list, index }));
      counts.set(String(found[index]), (counts.get(String(found[index])) ?? 0) + 1);
    });
    assert.ok(found.filter((decision) => decision === 'S1').length <= 1, 'one slave port at most');
  }
  for (const name of ['M1', 'M2', 'M3', 'P1', 'P2', 'S1', 'null']) {
    assert.ok((counts.get(name) ?? 0) >= 100, `${name} came up ${counts.get(name)} times`);
  }
});

test.run();

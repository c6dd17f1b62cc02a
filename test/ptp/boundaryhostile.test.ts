/** Boundary clocks in trouble: broken sockets, and bytes of strangers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  hearBoundaryError,
  hearBoundaryUnreachable,
  stepBoundaryClock,
  tellEstimate,
} from '../../src/ptp/boundary.ts';
import { stamp } from '../../src/units.ts';
import { createRandom } from '../fuzz/random.ts';
import {
  addBoundary,
  addClock,
  createWorld,
  cut,
  type Host,
  perform,
  portTexts,
  run,
} from './clockrig.ts';

const test = suite('ptp boundary clock: trouble');

const lan = (net: number, host: number) => `10.${net}.0.${host}`;
const plain = (ip: string, more: object = {}) =>
  ({ mode: 'plain', addresses: [ip], ...more }) as const;
const states = (host: Host) => host.ports.map(({ portDS }) => portDS.portState);
const idOf = (host: Host) => host.clock.sets.defaultDS.clockIdentity;

/** Masters on the first two of three segments, a slave on the third. */
function between() {
  const world = createWorld();
  world.segmentOf = (ip) => ip.split('.').slice(0, 2).join('.');
  const first = addClock(world, plain(lan(1, 1), { clock: { priority1: 10 } }));
  const second = addClock(world, plain(lan(2, 1), { clock: { priority1: 20 } }));
  run(world, 5);
  const middle = addBoundary(world, [plain(lan(1, 2)), plain(lan(2, 2)), plain(lan(3, 1))]);
  tellEstimate(middle.boundary, { atNs: stamp(0), baseS: 0, restS: 0, frequency: 0 });
  const below = addClock(world, plain(lan(3, 2), { role: 'slave' }));
  run(world, 30);
  assert.equal(states(middle), ['SLAVE', 'MASTER', 'MASTER']);
  return { world, first, second, middle, below };
}

test('the slave port’s sockets fail: it alone is FAULTY, another port follows, and it comes back', () => {
  const { world, first, second, middle, below } = between();
  cut(world, lan(1, 1), lan(1, 2));
  for (let atS = 30; atS < 35; atS++) {
    const local = { ip: lan(1, 2), port: 319 };
    const outputs = hearBoundaryError(middle.boundary, local, 'ENETUNREACH', world.nowNs);
    perform(world, middle, outputs);
    run(world, atS + 1);
  }
  assert.is(states(middle)[0], 'FAULTY', portTexts(middle, 30).join('\n'));
  run(world, 48);
  assert.equal(states(middle), ['FAULTY', 'SLAVE', 'MASTER'], portTexts(middle, 30).join('\n'));
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(second));
  cut(world, lan(1, 1), lan(1, 2), false);
  run(world, 75);
  assert.equal(states(middle), ['SLAVE', 'MASTER', 'MASTER'], portTexts(middle, 30).join('\n'));
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(first));
});

test('an address that nobody listens at is served no more, on whichever port', () => {
  const world = createWorld();
  const unicast = (ip: string) => ({ mode: 'single-ended', addresses: [ip], masters: [] }) as const;
  const middle = addBoundary(world, [unicast(lan(1, 1)), unicast(lan(2, 1))]);
  run(world, 5);
  const ask = { mode: 'single-ended', role: 'slave', masters: [lan(2, 1)] } as const;
  const slave = addClock(world, { ...ask, addresses: [lan(2, 2)] });
  run(world, 15);
  assert.is(slave.clock.portDS.portState, 'SLAVE');
  slave.isUp = false;
  perform(world, middle, hearBoundaryUnreachable(middle.boundary, lan(2, 2), world.nowNs));
  run(world, 25);
  const late = world.seen.filter(({ to, atS }) => to === lan(2, 2) && atS > 15.5);
  assert.equal(late, []);
});

test('50,000 mutated and hostile datagrams: none throws, none unseats the master (SEC-11)', () => {
  const { world, middle, below, first } = between();
  const recorded = world.seen.map(({ bytes }) => bytes);
  const random = createRandom(20261122);
  const ips = [lan(1, 1), lan(2, 1), lan(3, 2), '203.0.113.5'];
  for (let n = 0; n < 50_000; n++) {
    const bytes = Uint8Array.from(recorded[random.below(recorded.length)] ?? []);
    for (let k = random.below(4); k > 0; k--) bytes[random.below(bytes.length)] = random.below(256);
    const length = random.below(8) === 0 ? random.below(bytes.length + 1) : bytes.length;
    const udp = random.below(2) === 0 ? 319 : 320;
    const datagram = {
      bytes: bytes.subarray(0, length),
      local: { ip: lan(1 + random.below(3), 1 + random.below(2)), port: udp },
      remote: { ip: ips[random.below(ips.length)] ?? '', port: udp },
      receivedAtNs: stamp(world.nowNs),
      ...(random.below(2) === 0 && { group: '224.0.1.129' }),
    };
    stepBoundaryClock(middle.boundary, { type: 'datagram', datagram, nowNs: world.nowNs });
  }
  for (const { foreign } of middle.ports) assert.ok(foreign.masters.length <= foreign.capacity);
  run(world, 120);
  assert.equal(states(middle), ['SLAVE', 'MASTER', 'MASTER'], portTexts(middle, 30).join('\n'));
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(first));
});

test.run();

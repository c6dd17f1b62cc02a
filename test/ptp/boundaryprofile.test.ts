/** Boundary clocks under the Enterprise Profile, in logical time. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pathKey } from '../../src/path.ts';
import type { BoundaryPortConfig } from '../../src/ptp/boundary.ts';
import { tellBoundaryTime, tellEstimate } from '../../src/ptp/boundary.ts';
import { UNKNOWN_TIME } from '../../src/ptp/dataset.ts';
import { stamp } from '../../src/units.ts';
import {
  addBoundary,
  addClock,
  createWorld,
  type Host,
  portTexts,
  run,
  sentBy,
} from './clockrig.ts';
import { TAI } from './slaverig.ts';

const test = suite('ptp boundary clock: enterprise');

const lan = (net: number, host: number) => `10.${net}.0.${host}`;
const enterprise = (ip: string, more: object = {}) =>
  ({ mode: 'plain', profile: 'enterprise', port: {}, addresses: [ip], ...more }) as const;
const states = (host: Host) => host.ports.map(({ portDS }) => portDS.portState);
const idOf = (host: Host) => host.clock.sets.defaultDS.clockIdentity;

function chain(own = TAI, ports: readonly BoundaryPortConfig[] = []) {
  const world = createWorld();
  world.segmentOf = (ip) => ip.split('.').slice(0, 2).join('.');
  const clock = { priority1: 10 };
  const top = addClock(world, enterprise(lan(1, 1), { preferred: true, clock }));
  run(world, 6);
  const middle = addBoundary(world, [enterprise(lan(1, 2)), ...ports], { own });
  return { world, top, middle };
}
const know = (host: ReturnType<typeof addBoundary>) =>
  tellEstimate(host.boundary, { atNs: stamp(0), baseS: 0, restS: 0, frequency: 0 });

test('the TLV tells the mode of the port that sends it, whatever came from above (EP-080, EP-069)', () => {
  const { world, middle } = chain(TAI, [
    enterprise(lan(2, 1), { delayMode: 'unicast' }),
    enterprise(lan(3, 1), { delayMode: 'multicast' }),
  ]);
  know(middle);
  const slaves = [lan(2, 2), lan(3, 2)].map((ip) =>
    addClock(world, enterprise(ip, { role: 'slave' })),
  );
  run(world, 30);
  assert.equal(states(middle), ['SLAVE', 'MASTER', 'MASTER'], portTexts(middle).join('\n'));
  const told = (ip: string) => {
    const [seen] = sentBy(world, 'Announce', ip).slice(-1);
    const tlv = seen?.message.tlvs.find(({ type }) => type === 'ENTERPRISE');
    return tlv?.type === 'ENTERPRISE' ? [tlv.portNumber, tlv.delayMode] : [];
  };
  assert.equal(told(lan(1, 1)), [1, 2]);
  assert.equal(told(lan(2, 1)), [2, 1]);
  assert.equal(told(lan(3, 1)), [3, 0]);
  assert.equal(
    slaves.map(({ clock }) => clock.portDS.portState),
    ['SLAVE', 'SLAVE'],
  );
  const askedAt = (ip: string) => new Set(sentBy(world, 'Delay_Req', ip).map(({ to }) => to));
  assert.equal([...askedAt(lan(2, 2))], [lan(2, 1)]);
  assert.equal([...askedAt(lan(3, 2))], ['224.0.1.129']);
});

test('without a list of leap seconds its ports are master by the count of its own master (EP-064)', () => {
  const { world, top, middle } = chain(UNKNOWN_TIME, [enterprise(lan(2, 1))]);
  know(middle);
  const below = addClock(world, enterprise(lan(2, 2), { role: 'slave' }));
  run(world, 30);
  assert.equal(states(middle), ['SLAVE', 'MASTER'], portTexts(middle).join('\n'));
  assert.is(below.clock.sets.parentDS.grandmasterIdentity, idOf(top));
  assert.is(below.clock.sets.timePropertiesDS.currentUtcOffsetValid, true);
  top.isUp = false;
  run(world, 60);
  assert.equal(states(middle), ['LISTENING', 'LISTENING'], portTexts(middle, 30).join('\n'));
  const late = sentBy(world, 'Announce', lan(2, 1), 40);
  assert.equal(late, []);
  assert.ok(portTexts(middle, 30).some((text) => /not master, as/.test(text)));
});

test('a master heard by IPv4 and by IPv6 is two paths: one port follows it, the other never mixes in (EP-021)', () => {
  const world = createWorld();
  world.segmentOf = (ip) => (ip.includes(':') ? '6' : '4');
  const [up4, up6, own4, own6] = ['10.1.0.1', 'fd01::1', '10.1.0.2', 'fd01::2'] as const;
  const clock = { priority1: 10 };
  const top = addBoundary(
    world,
    [up4, up6].map((ip) => enterprise(ip)),
    { clock },
  );
  know(top);
  run(world, 6);
  const below = addBoundary(
    world,
    [own4, own6].map((ip) => enterprise(ip)),
  );
  know(below);
  run(world, 40);
  assert.equal(states(top), ['MASTER', 'MASTER']);
  assert.equal(states(below).sort(), ['PASSIVE', 'SLAVE'], portTexts(below).join('\n'));
  const paths = below.ports.flatMap(({ slave }) => slave.paths.map(({ key }) => key));
  const follows4 = states(below)[0] === 'SLAVE';
  assert.equal(paths, [follows4 ? pathKey(up4, own4) : pathKey(up6, own6)]);
  for (const { from, to } of world.seen) assert.is(from.includes(':'), to.includes(':'));
});

test('below a master that does not know the count nobody is told one: its ports listen, whatever list it has (EP-064)', () => {
  const world = createWorld();
  world.segmentOf = (ip) => ip.split('.').slice(0, 2).join('.');
  const [clock, port] = [{ priority1: 10 }, { logAnnounceInterval: 0 }] as const;
  const own = UNKNOWN_TIME;
  const top = addClock(world, { mode: 'plain', addresses: [lan(1, 1)], clock, own, port });
  run(world, 6);
  const middle = addBoundary(world, [enterprise(lan(1, 2)), enterprise(lan(2, 1))]);
  know(middle);
  for (const untilS of [20, 30, 40]) {
    run(world, untilS);
    tellBoundaryTime(middle.boundary, TAI, null); // as the host does
  }
  assert.equal(states(middle), ['SLAVE', 'LISTENING'], portTexts(middle).join('\n'));
  assert.is(
    portTexts(middle).filter((text) => /port 2: not master, as its master does not tell/.test(text))
      .length,
    1,
  );
  top.isUp = false;
  run(world, 60);
  assert.equal(states(middle), ['MASTER', 'MASTER'], portTexts(middle, 40).join('\n'));
  top.isUp = true;
  run(world, 90);
  assert.equal(states(middle), ['SLAVE', 'LISTENING'], portTexts(middle, 60).join('\n'));
  const told = sentBy(world, 'Announce', lan(2, 1));
  assert.ok(told.length > 10);
  assert.ok(told.every(({ message }) => message.header.flags.currentUtcOffsetValid));
});

test('a preferred boundary clock is an alternate where another is best, and says so (EP-025, EP-062)', () => {
  const world = createWorld();
  world.segmentOf = (ip) => ip.split('.').slice(0, 2).join('.');
  addClock(world, enterprise(lan(1, 1), { preferred: true, clock: { priority1: 10 } }));
  const middle = addBoundary(world, [
    enterprise(lan(1, 2), { preferred: true }),
    enterprise(lan(2, 1), { preferred: true }),
  ]);
  know(middle);
  run(world, 30);
  assert.equal(states(middle), ['SLAVE', 'MASTER']);
  const up = sentBy(world, 'Announce', lan(1, 2), 15);
  assert.ok(up.length > 5);
  assert.ok(up.every(({ message }) => message.header.flags.alternateMaster));
  const down = sentBy(world, 'Announce', lan(2, 1), 15);
  assert.ok(down.every(({ message }) => !message.header.flags.alternateMaster));
});

test.run();

/** One host in several domains: a master in each, one combined clock. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCore } from '../../src/core.ts';
import { createEnsemble } from '../../src/ensemble.ts';
import { ConfigError } from '../../src/errors.ts';
import { createOrdinaryClock, type OrdinaryClockConfig } from '../../src/ptp/clock.ts';
import { createDomains } from '../../src/ptp/domains.ts';
import { tick } from '../../src/units.ts';
import {
  addClock,
  addDomains,
  createWorld,
  measuredAt,
  portTexts,
  run,
  sentBy,
} from './clockrig.ts';
import { EPOCH_S, TAI } from './slaverig.ts';

const test = suite('ptp domains');

const [M1, M2, SLAVE] = ['192.0.2.1', '192.0.2.2', '192.0.2.9'] as const;

const enterprise = { mode: 'plain', profile: 'enterprise', port: {} } as const;
const clock = (over: Partial<OrdinaryClockConfig>) =>
  createOrdinaryClock({
    ...enterprise,
    addresses: [SLAVE],
    own: TAI,
    epochS: EPOCH_S,
    nowNs: tick(0),
    ...over,
  });

for (const revision of ['rfc9760', 'draft-01'] as const) {
  test(`two domains, a master in each, both measured and combined (EP-004, EP-012, COMB-11, ${revision})`, () => {
    const world = createWorld();
    for (const [domainNumber, ip] of [M1, M2].entries()) {
      const more = { revision, role: 'master', clock: { domainNumber } } as const;
      addClock(world, { ...enterprise, addresses: [ip], ...more });
    }
    const slave = addDomains(world, [0, 1], {
      ...enterprise,
      revision,
      addresses: [SLAVE],
      role: 'slave',
    });
    run(world, 60);
    for (const { portDS } of slave.domains.clocks) assert.is(portDS.portState, 'SLAVE');
    const paths = [`${M1}|${SLAVE}#0`, `${M2}|${SLAVE}#1`] as const;
    const ensemble = createEnsemble([createCore()], EPOCH_S);
    for (const { output } of slave.told) {
      if (output.type === 'path' && output.event === 'added') ensemble.open(output.path);
      if (output.type === 'oneway') ensemble.take(output);
    }
    for (const path of paths) {
      assert.ok(measuredAt(slave, path, 'forward').length > 50, path);
      assert.ok(measuredAt(slave, path, 'reverse').length > 35, path);
      assert.ok((ensemble.report(path)?.weight ?? 0) > 0.1, path);
    }
    // each is asked in its own domain, and nothing crosses
    for (const { to, message } of sentBy(world, 'Delay_Req', SLAVE)) {
      assert.is(message.header.domainNumber, to === M1 ? 0 : 1);
    }
    assert.ok(portTexts(slave).some((text) => text.startsWith('domain 1 port 1: ')));
  });
}

test('one master in both domains at one address is two paths, and its answers are not mixed up', () => {
  const world = createWorld();
  addDomains(world, [3, 9], { ...enterprise, addresses: [M1], role: 'master' });
  const slave = addDomains(world, [9, 3], { ...enterprise, addresses: [SLAVE], role: 'slave' });
  run(world, 40);
  for (const path of [`${M1}|${SLAVE}#3`, `${M1}|${SLAVE}#9`] as const) {
    assert.ok(measuredAt(slave, path, 'reverse').length > 20, path);
  }
  assert.not(
    slave.told.some(({ output }) => output.type === 'drop' && output.reason !== 'unknown-path'),
  );
});

test('a master gone in one domain leaves the other as it was', () => {
  const world = createWorld();
  const [one] = [M1, M2].map((ip, domainNumber) =>
    addClock(world, { ...enterprise, addresses: [ip], role: 'master', clock: { domainNumber } }),
  );
  const slave = addDomains(world, [0, 1], { ...enterprise, addresses: [SLAVE], role: 'slave' });
  run(world, 20);
  if (one !== undefined) one.isUp = false;
  run(world, 50);
  const [first, second] = slave.domains.clocks;
  assert.equal([first.portDS.portState, second?.portDS.portState], ['LISTENING', 'SLAVE']);
  assert.ok(measuredAt(slave, `${M2}|${SLAVE}#1`, 'forward').filter((atS) => atS > 20).length > 28);
});

test('one domain alone keeps its keys; each domain once', () => {
  const domains = createDomains([clock({})]);
  assert.is(domains.clocks.length, 1);
  assert.throws(
    () => createDomains([clock({}), clock({})]),
    (error: unknown) => error instanceof ConfigError && /each domain once/.test(error.message),
  );
  assert.throws(
    () => createDomains([]),
    (error: unknown) => error instanceof ConfigError,
  );
});

test.run();

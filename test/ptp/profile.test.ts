/** A profile sets what it names and refuses the rest, naming the section. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.ts';
import { createOrdinaryClock, type OrdinaryClockConfig } from '../../src/ptp/clock.ts';
import { isServing } from '../../src/ptp/master.ts';
import { citation, profileOf } from '../../src/ptp/profile.ts';
import { MESSAGE_TYPES, type MessageType } from '../../src/ptp/types.ts';
import { tick } from '../../src/units.ts';
import { EPOCH_S, TAI } from './slaverig.ts';

const test = suite('ptp profile');

const clock = (over: Partial<OrdinaryClockConfig> = {}) =>
  createOrdinaryClock({
    profile: 'enterprise',
    addresses: ['192.0.2.1'],
    own: TAI,
    epochS: EPOCH_S,
    nowNs: tick(0),
    ...over,
  });

/** The one sentence of a refusal. */
function refusal(over: Partial<OrdinaryClockConfig>): string {
  try {
    clock(over);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error(`not refused: ${JSON.stringify(over)}`);
}

test('selecting it sets all it names (EP-002, EP-032, EP-046, EP-050, EP-055)', () => {
  const { portDS, sets, master, delayRequests, mode, grantor, requester, masters } = clock();
  assert.is(portDS.logAnnounceInterval, 0);
  assert.is(portDS.logSyncInterval, 0);
  assert.is(portDS.logMinDelayReqInterval, 0);
  assert.is(portDS.announceReceiptTimeout, 4);
  assert.is(portDS.delayMechanism, 1);
  assert.is(sets.defaultDS.domainNumber, 0);
  assert.is(master.delayMode, 'hybrid');
  assert.is(delayRequests, 'unicast'); // EP-010: what is for one goes to one
  assert.equal([mode, grantor, requester, masters], ['plain', null, null, null]);
  assert.not(isServing(master));
});

test('the announce receipt timeout is 3 for preferred masters, 4 for all others, and no other (EP-054, EP-055)', () => {
  assert.is(clock({ preferred: true }).portDS.announceReceiptTimeout, 3);
  assert.is(clock({ role: 'slave' }).portDS.announceReceiptTimeout, 4);
  assert.not(clock({ preferred: true }).extendsTimeout);
  assert.match(refusal({ port: { extendsAnnounceTimeout: true } }), /exact \(draft-01 §7\)/);
  assert.match(
    refusal({ port: { announceReceiptTimeout: 3 } }),
    /"ptp.announceReceiptTimeout" expected 4, which the Enterprise Profile fixes \(draft-01 §7\), got 3/,
  );
  assert.match(
    refusal({ preferred: true, port: { announceReceiptTimeout: 4 } }),
    /expected 3, .*§7/,
  );
  assert.match(refusal({ preferred: true, role: 'slave' }), /"ptp.preferred"/);
});

test('the Announce rate cannot be changed (EP-053)', () => {
  for (const logAnnounceInterval of [-1, 1]) {
    assert.match(refusal({ port: { logAnnounceInterval } }), /expected 0, .* \(draft-01 §7\)/);
  }
  clock({ port: { logAnnounceInterval: 0 } }); // what is fixed may be said
});

test('Sync and Delay_Req rates: 2^-7 to 2^7 a second, and no further (EP-051, EP-052)', () => {
  for (const name of ['logSyncInterval', 'logMinDelayReqInterval'] as const) {
    for (const log of [-7, 7]) assert.is(clock({ port: { [name]: log } }).portDS[name], log);
    for (const log of [-8, 8, 0.5]) {
      assert.match(
        refusal({ port: { [name]: log } }),
        new RegExp(`"ptp.${name}" expected -7..7 in the Enterprise Profile \\(draft-01 §7\\)`),
      );
    }
  }
});

test('MPPTP and the Enterprise Profile on one instance are refused, both sections named (X-1, EP-041, EP-120…EP-122)', () => {
  const both: [Partial<OrdinaryClockConfig>, RegExp][] = [
    [{ mode: 'single-ended' }, /RFC 8039 §5\.2\.1.*draft-01 §12/],
    [{ mode: 'dual-ended' }, /RFC 8039 §5\.3\.1.*draft-01 §12/],
    [{ masters: ['192.0.2.9'] }, /unicast discovery \(RFC 8039 §5\.5\).*draft-01 §12/],
    [{ masters: [] }, /RFC 8039 §5\.5/],
    [{ grantDurationS: 300 }, /unicast negotiation.*draft-01 §12/],
    [{ port: { delayMechanism: 2 } }, /peer-to-peer.*RFC 8039 §5\.1.*draft-01 §12/],
  ];
  for (const [over, text] of both) assert.match(refusal(over), text);
  assert.match(
    refusal({ mode: 'dual-ended', revision: 'rfc9760' }),
    /RFC 8039 §5\.3\.1.*RFC 9760 §13/,
  );
  assert.match(refusal({ multicastSync: false }), /§6/);
});

test('preferred masters, ordinary clocks and slave-only ones; and whoever may be master says so (EP-025)', () => {
  const roles = [{ preferred: true }, {}, { role: 'master' }, { role: 'slave' }] as const;
  assert.equal(
    roles.map((over) => clock(over).sets.defaultDS.slaveOnly),
    [false, false, false, true],
  );
  assert.match(refusal({ role: 'slave', preferred: true }), /"ptp.preferred"/);
});

test('an address of each family on one port is refused (EP-020, EP-023)', () => {
  assert.match(refusal({ addresses: ['192.0.2.1', '2001:db8::1'] }), /one address/);
  clock({ addresses: ['2001:db8::1'] });
});

test('delay modes: three in draft-01, hybrid alone in RFC 9760; requests obey the mode (EP-040, EP-042, EP-043)', () => {
  for (const delayMode of ['multicast', 'unicast', 'hybrid'] as const) {
    assert.is(clock({ delayMode }).master.delayMode, delayMode);
  }
  assert.is(clock({ delayMode: 'multicast' }).delayRequests, 'multicast');
  assert.is(clock({ delayMode: 'unicast' }).delayRequests, 'unicast');
  assert.is(clock({ delayRequests: 'multicast' }).delayRequests, 'multicast');
  assert.match(refusal({ delayMode: 'unicast', delayRequests: 'multicast' }), /§6/);
  assert.match(refusal({ delayMode: 'multicast', revision: 'rfc9760' }), /hybrid.*RFC 9760 §6/);
});

test('alternate masters: preferred masters by default, others if they like, none in RFC 9760 (EP-061, EP-062)', () => {
  assert.ok(clock({ preferred: true }).master.isAlternate);
  assert.not(clock().master.isAlternate);
  assert.ok(clock({ alternateMaster: true }).master.isAlternate);
  assert.not(clock({ preferred: true, alternateMaster: false }).master.isAlternate);
  assert.not(clock({ preferred: true, revision: 'rfc9760' }).master.isAlternate);
  assert.match(refusal({ alternateMaster: true, revision: 'rfc9760' }), /RFC 9760 §13/);
  assert.match(refusal({ alternateMaster: true, role: 'slave' }), /"ptp.alternateMaster"/);
});

test('the TLV goes with the Announces of draft-01 and not with those of RFC 9760 (EP-066)', () => {
  const adjusted = clock({ maxPhaseAdjustment: { value: 500, unit: 'ns' } });
  assert.equal(adjusted.master.announceTlvs, [
    {
      type: 'ENTERPRISE',
      portNumber: 1,
      revision: 1,
      delayMode: 2,
      maxPhaseAdjustment: 500,
      phaseUnit: 9,
    },
  ]);
  assert.equal(clock({ revision: 'rfc9760' }).master.announceTlvs, []);
  assert.match(refusal({ maxPhaseAdjustment: { value: 65536, unit: 'ns' } }), /maxPhaseAdjust/);
});

test('what only the Enterprise Profile knows is refused without it, so that nothing is ignored', () => {
  for (const over of [
    { revision: 'rfc9760' },
    { preferred: true },
    { delayMode: 'unicast' },
    { alternateMaster: true },
    { maxPhaseAdjustment: { value: 1, unit: 's' } },
  ] as const) {
    assert.match(refusal({ profile: 'default', ...over }), /profile "enterprise"/);
  }
  assert.match(refusal({ profile: 'power' as 'default' }), /one of default, enterprise/);
  assert.match(refusal({ revision: '2' as 'draft-01' }), /one of draft-01, rfc9760/);
});

test('the default profile is what it was: 2 s, 1 s, 1 s, 3, end to end', () => {
  const { portDS, master, enterprise } = clock({ profile: 'default' });
  assert.is(portDS.logAnnounceInterval, 1);
  assert.is(portDS.announceReceiptTimeout, 3);
  assert.is(master.delayMode, 'hybrid');
  assert.is(enterprise, null);
});

test('the profile is reported as RFC 9760 numbers it', () => {
  const { about } = clock().agent;
  assert.equal([...about.profileIdentity], [0, 0, 0x5e, 0, 1, 0]);
  assert.not(about.unicastNegotiation);
});

test('the tables name a way for every message and a section for every row', () => {
  for (const profile of [
    profileOf('default'),
    profileOf('enterprise'),
    profileOf('enterprise', 'rfc9760'),
  ]) {
    const rows = [
      ...Object.values(profile.parameters),
      ...Object.values(profile.ways),
      ...Object.values(profile.options),
      ...profile.tlvs,
      profile.delayModes,
    ];
    for (const { section } of rows) assert.match(section, /^§[J\d]/);
    assert.equal(Object.keys(profile.ways).sort(), Object.keys(MESSAGE_TYPES).sort());
  }
  const { ways } = profileOf('enterprise');
  const hybrid = (type: MessageType) => ways[type].ways.hybrid;
  assert.is(hybrid('Sync'), 'multicast'); // EP-034
  assert.is(hybrid('Follow_Up'), 'multicast'); // EP-035
  assert.is(hybrid('Announce'), 'multicast'); // EP-036
  assert.is(hybrid('Pdelay_Req'), 'never'); // EP-120
  assert.is(citation(profileOf('enterprise'), '§7'), 'draft-01 §7');
  assert.is(citation(profileOf('enterprise', 'rfc9760'), '§7'), 'RFC 9760 §7');
});

test.run();

/** Configurations held against a profile: all that is wrong is said, each with its section. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkConfig, type GivenOptions } from '../../src/check/config.ts';
import { profileOf, type Revision } from '../../src/ptp/profile.ts';

const test = suite('check: configurations');

type Values = Readonly<Record<string, string | true | readonly string[]>>;

const optionsOf = (values: Values): GivenOptions => ({
  flag: (name) => values[name] === true,
  text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
  texts: (name) => (Array.isArray(values[name]) ? values[name] : []),
});

function found(
  values: Values,
  { role = 'master', addresses = ['10.0.0.1'], name = 'enterprise', revision = 'draft-01' } = {},
) {
  const profile = profileOf(name === 'default' ? 'default' : 'enterprise', revision as Revision);
  return checkConfig({ role, addresses, options: optionsOf(values) }, profile).map(
    ({ option, section }) => `${option} ${section}`,
  );
}

test('what a profile allows is not found', () => {
  assert.equal(found({ sync: '-7', delay: '7', domain: '127', announce: '0' }), []);
  assert.equal(found({ 'announce-timeout': '4', 'delay-mode': 'unicast' }), []);
  assert.equal(found({ 'announce-timeout': '3', preferred: true, 'alternate-master': true }), []);
  assert.equal(found({ announce: '1', p2p: true, master: ['10.0.0.2'] }, { name: 'default' }), []);
});

test('all violations are said, not only the first (EP-020, EP-023, EP-052…EP-055, EP-120…EP-122, X-1)', () => {
  const values: Values = {
    ...{ announce: '1', sync: '-8', delay: '8', 'announce-timeout': '3' },
    ...{ mode: 'dual-ended', master: ['10.0.0.3'], 'grant-seconds': '60' },
    p2p: true,
    unicast: true,
  };
  assert.equal(found(values, { addresses: ['10.0.0.1', 'fd00::1'] }).sort(), [
    'ADDR draft-01 §5',
    'announce draft-01 §7',
    'announce-timeout draft-01 §7',
    'delay draft-01 §7',
    'grant-seconds draft-01 §12',
    'master draft-01 §12',
    'mode draft-01 §12',
    'p2p draft-01 §12',
    'sync draft-01 §7',
    'unicast draft-01 §6',
  ]);
});

test('the revision decides: modes, alternate masters, sections (EP-040, EP-042, EP-061)', () => {
  const values = { 'delay-mode': 'unicast', 'alternate-master': true, p2p: true } as const;
  assert.equal(found(values), ['p2p draft-01 §12']);
  assert.equal(found(values, { revision: 'rfc9760' }).sort(), [
    'alternate-master RFC 9760 §13',
    'delay-mode RFC 9760 §6',
    'p2p RFC 9760 §13',
  ]);
});

test('preferred masters wait 3 intervals, others 4 (EP-054, EP-055)', () => {
  assert.equal(found({ 'announce-timeout': '4', preferred: true }), [
    'announce-timeout draft-01 §7',
  ]);
  assert.equal(found({ 'announce-timeout': '3' }), ['announce-timeout draft-01 §7']);
  assert.equal(found({ preferred: true }, { role: 'slave' }), ['preferred draft-01 §3']);
});

test('numbers that are none, ports that are one, addresses that are nobody', () => {
  const values = { domain: '', priority1: '256', hops: '1.5', 'event-port': '320' } as const;
  assert.equal(found(values, { addresses: ['224.0.1.129', 'x'], name: 'default' }).sort(), [
    'ADDR RFC 8039 §4.1',
    'ADDR RFC 8039 §4.1',
    'domain IEEE 1588-2008 §7.1',
    'general-port IEEE 1588-2008 §D.2',
    'hops RFC 791 §3.1',
    'priority1 IEEE 1588-2008 §7.6.2.2',
  ]);
});

test('multipath: what does not go together (RFC 8039)', () => {
  const two = { addresses: ['10.0.0.1', '10.0.0.2'], name: 'default' };
  assert.equal(found({ mode: 'plain', master: ['fd00::9'] }, two).sort(), [
    'master IEEE 1588-2008 §17.5',
    'master RFC 8039 §4.1',
    'mode RFC 8039 §5.1',
  ]);
  assert.equal(found({ mode: 'single-ended', pairing: '1:1' }, two).sort(), [
    'mode RFC 8039 §5.3.1',
    'pairing RFC 8039 §5.3.1',
  ]);
  assert.equal(found({ preferred: true }, { name: 'default' }), ['preferred IEEE 1588-2008 §19.3']);
  assert.equal(found({ primary: '10.0.0.9' }, two), ['primary RFC 8039 §5.2.1']);
});

test.run();

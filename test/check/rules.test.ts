/** Every rule of the linter: sound streams pass, and one that breaks it fails with just that rule. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLint, frameFinding } from '../../src/check/lint.ts';
import { type CheckProfile, type Revision, RULE_IDS, type RuleId } from '../../src/check/rules.ts';
import { enterpriseTlv } from '../../src/ptp/enterprisetlv.ts';
import { ALL_PORTS } from '../../src/ptp/identity.ts';
import type { MessageType } from '../../src/ptp/types.ts';
import {
  announce,
  change,
  changeAll,
  dualStream,
  findingsOf,
  GROUP,
  grant,
  hybridStream,
  type Item,
  M,
  MASTER,
  MASTERS,
  make,
  originAt,
  portOf,
  rulesIn,
  S,
  SLAVE,
  SLAVES,
  toUnicast,
  withBody,
  withHeader,
} from './rig.ts';

const test = suite('check: rules');
const hybrid = hybridStream();
const dual = dualStream();
const UNICAST = { flags: { unicast: true } };
/** The slave's port on another clock. */
const OTHER = portOf('cccccc.fffe.000003');

interface Case {
  readonly profile: CheckProfile;
  readonly revision?: Revision;
  readonly items: readonly Item[];
  readonly clocks?: readonly (readonly string[])[];
  /** Rules that cannot but be broken as well. */
  readonly also?: readonly RuleId[];
}

const def = (items: readonly Item[], also: readonly RuleId[] = []): Case => ({
  profile: 'default',
  items,
  also,
});
const ent = (items: readonly Item[], also: readonly RuleId[] = []): Case => ({
  profile: 'enterprise',
  items,
  also,
});
const rfc = (items: readonly Item[]): Case => ({ ...ent(items), revision: 'rfc9760' });

/** One octet of one message is another. */
const octet = (
  type: MessageType,
  at: number,
  value: number,
  profile: CheckProfile = 'default',
) => ({
  profile,
  items: change(hybrid, type, (item) => ({
    ...item,
    spoil: (bytes) => {
      bytes[at] = value;
      return bytes;
    },
  })),
});
const header = (type: MessageType, fields: Parameters<typeof withHeader>[1]): Case =>
  def(change(hybrid, type, (item) => withHeader(item, fields)));
/** A message more; at a time when nothing else is sent. */
const more = (base: readonly Item[], ...items: readonly Partial<Item>[]): Item[] => [
  ...base,
  ...items.map((item) => ({ atS: 8.3, src: MASTER, dst: SLAVE, ...item }) as Item),
];
const tlv = (spoil: (bytes: Uint8Array) => Uint8Array | undefined): Case =>
  ent(change(hybrid, 'Announce', (item) => ({ ...item, spoil })));
/** Octet `at` of the value of the profile's TLV is another. */
const tlvOctet = (at: number, value: number): Case =>
  tlv((bytes) => {
    bytes[68 + at] = value;
    return bytes;
  });

/** A second master with its own Announces. */
const second = (alternate: boolean, domainNumber = 0): Item[] =>
  Array.from({ length: 40 }, (_, n) => ({
    atS: n + 0.3,
    src: '10.0.0.3',
    dst: GROUP,
    message: announce(
      n,
      OTHER,
      { domainNumber, flags: { alternateMaster: alternate } },
      { grandmasterPriority1: 200 },
    ),
  }));

const management = (dst: string, target: typeof M, managementId = 0x2000) => ({
  dst,
  message: make(
    'Management',
    M,
    7,
    { flags: { unicast: dst !== GROUP } },
    { targetPortIdentity: target },
    [{ type: 'MANAGEMENT', managementId, dataField: new Uint8Array(2) }],
  ),
});

const CASES: Readonly<Record<RuleId, Case>> = {
  '1588-version': octet('Delay_Resp', 1, 1),
  '1588-message-type': octet('Delay_Resp', 0, 0x0e),
  '1588-length': octet('Delay_Resp', 3, 40),
  '1588-timestamp': octet('Delay_Resp', 40, 0xff),
  '1588-action': def(
    more(hybrid, {
      ...management(SLAVE, S),
      spoil: (bytes) => {
        bytes[46] = 9;
        return bytes;
      },
    }),
  ),
  '1588-tlv': { ...octet('Announce', 67, 14), also: ['1588-gap'] },
  '1588-trailing': def(change(hybrid, 'Delay_Resp', (item) => ({ ...item, padding: 2 }))),
  '1588-sdo': header('Delay_Resp', { majorSdoId: 1 }),
  '1588-reserved': header('Delay_Resp', { messageTypeSpecific: 1 }),
  '1588-control': header('Delay_Resp', { controlField: 0 }),
  '1588-flags': header('Delay_Resp', { flags: { twoStep: true } }),
  '1588-unicast-flag': header('Delay_Resp', { flags: { unicast: false } }),
  '1588-domain': def(hybrid.map((item) => withHeader(item, { domainNumber: 128 }))),
  '1588-domain-mix': header('Delay_Resp', { domainNumber: 1 }),
  '1588-identity': def(
    more(hybrid, { dst: GROUP, message: announce(1, portOf(M.clockIdentity, 0)) }),
  ),
  '1588-correction': header('Announce', { correctionField: 1n }),
  '1588-log-interval': header('Delay_Resp', { logMessageInterval: 0 }),
  '1588-port': def(change(hybrid, 'Delay_Resp', (item) => ({ ...item, port: 319 }))),
  '1588-group': def(
    more(hybrid, {
      dst: '224.0.1.130',
      message: make('Sync', M, 9, { logMessageInterval: 0 }),
    }),
  ),
  '1588-hops': def(
    more(hybrid, { dst: '224.0.0.107', hops: 3, message: make('Pdelay_Req', S, 9) }),
  ),
  '1588-sequence': def(
    change(hybrid, 'Announce', (item) => withHeader(item, { sequenceId: 5 })),
    ['1588-gap'], // from there to the next one
  ),
  '1588-gap': def(change(hybrid, 'Announce', () => null)),
  '1588-rate': def(
    changeAll(hybrid, 'Follow_Up', (item) => withBody(item, originAt(item.atS * 1.5))).map(
      (item) => ({ ...item, atS: item.atS * 1.5 }),
    ),
  ),
  '1588-delay-rate': def(
    Array.from({ length: 160 }, (_, n): Item[] => [
      {
        ...{ atS: n / 8, src: SLAVE, dst: GROUP },
        message: make('Delay_Req', S, n),
      },
      {
        ...{ atS: n / 8 + 0.01, src: MASTER, dst: GROUP },
        message: make('Delay_Resp', M, n, { logMessageInterval: 0 }),
      },
    ]).flat(),
  ),
  '1588-follow-up-missing': def(change(hybrid, 'Follow_Up', () => null)),
  '1588-follow-up-orphan': def(
    more(hybrid, {
      dst: GROUP,
      message: make('Follow_Up', M, 999, { logMessageInterval: 0 }, originAt(8.3)),
    }),
  ),
  '1588-delay-resp-orphan': def(more(hybrid, { message: make('Delay_Resp', M, 999, UNICAST) })),
  '1588-unanswered': def(changeAll(hybrid, 'Delay_Resp', (item) => (item.atS > 9 ? null : item))),
  '1588-steps': def(change(hybrid, 'Announce', (item) => withBody(item, { stepsRemoved: 1 }))),
  '1588-leap': header('Announce', { flags: { leap59: true, leap61: true } }),
  '1588-time-jump': def(
    hybrid.map((item) =>
      item.message.type === 'Follow_Up' && item.atS > 20
        ? withBody(item, originAt(item.atS + 1))
        : item,
    ),
  ),
  '1588-two-masters': def([...hybrid, ...second(false)]),
  'MP-21': {
    profile: 'mpptp',
    items: more(dual, { dst: GROUP, message: make('Sync', M, 9, { logMessageInterval: 0 }) }),
  },
  'PTP-S03': {
    profile: 'mpptp',
    clocks: [['10.0.0.1', '10.0.0.3']],
    items: [...hybrid.filter(({ message }) => message.type === 'Announce'), ...second(true)],
  },
  'PTP-S10': def(
    more(
      dual,
      ...[12, 13, 14].map((atS) => ({
        ...{ atS: atS + 0.3, src: SLAVES[0] ?? '', dst: MASTER },
        message: make('Delay_Req', OTHER, atS, UNICAST),
      })),
      ...[12, 13, 14].map((atS) => ({
        ...{ atS: atS + 0.31, src: MASTER, dst: SLAVES[0] ?? '' },
        message: make('Delay_Resp', M, atS, UNICAST, { requestingPortIdentity: OTHER }),
      })),
    ),
  ),
  'PTP-S12': def(change(dual, 'Delay_Resp', (item) => ({ ...item, dst: '10.0.0.7' }))),
  'PTP-S13': def(
    change(dual, 'Delay_Resp', (item) => withBody(item, { requestingPortIdentity: OTHER })),
  ),
  'PTP-D03': def(
    change(dual, 'Announce', (item) => (item.src === MASTERS[1] ? item : null), 8),
    ['1588-gap'],
  ),
  'PTP-D06': def(
    more(
      dual,
      ...[8, 9].map((n) => ({
        ...{ atS: n + 0.3, src: MASTER, dst: '10.0.0.7' },
        message: make('Sync', M, n, UNICAST),
      })),
    ),
  ),
  'PTP-D08': def(
    more(
      dual,
      ...Array.from({ length: 8 }, (_, n): Partial<Item>[] => [
        {
          ...{ atS: n + 8.3, src: SLAVES[0] ?? '', dst: '10.0.0.3' },
          message: make('Delay_Req', S, n + 100, UNICAST),
        },
        {
          ...{ atS: n + 8.301, src: '10.0.0.3', dst: SLAVES[0] ?? '' },
          message: make('Delay_Resp', M, n + 100, UNICAST),
        },
      ]).flat(),
    ),
  ),
  'PTP-D10': def(change(dual, 'Delay_Resp', (item) => ({ ...item, src: '10.0.0.3' }))),
  'PTP-D14': def(change(hybrid, 'Follow_Up', (item) => ({ ...item, src: '10.0.0.3' }))),
  'PTP-D16': def(
    changeAll(dual, 'Announce', (item) =>
      item.src === MASTER
        ? item
        : withHeader(item, { sequenceId: item.message.header.sequenceId + 100 }),
    ),
  ),
  'EP-003': ent(
    hybrid.map((item) =>
      item.message.type === 'Announce' && item.atS >= 20 ? { ...item, src: '10.0.0.3' } : item,
    ),
    ['EP-098'], // where the slave asks still
  ),
  'EP-020': ent([]), // below
  'EP-023': ent(
    more(hybrid, {
      ...{ src: 'fd00::1', dst: 'ff0e::181' },
      message: announce(9, OTHER, { flags: { alternateMaster: true } }),
    }),
  ),
  'EP-034': ent(more(hybrid, { message: make('Sync', M, 9, UNICAST) })),
  'EP-035': ent(
    change(hybrid, 'Follow_Up', (item) => toUnicast(item, SLAVE)),
    ['1588-follow-up-missing', '1588-follow-up-orphan'],
  ),
  'EP-036': ent(more(hybrid, { message: announce(9, M, UNICAST) })),
  'EP-037': ent(
    more(hybrid, { dst: '224.0.1.130', message: make('Sync', M, 9, { logMessageInterval: 0 }) }),
  ),
  'EP-038': ent(
    more(hybrid, {
      ...{ src: 'fd00::1', dst: 'ff0e::182' },
      message: make('Sync', M, 9, { logMessageInterval: 0 }),
    }),
  ),
  'EP-040': ent(
    changeAll(
      changeAll(hybrid, 'Announce', (item) =>
        withBody(item, { tlvs: [enterpriseTlv(1, 'unicast')] }),
      ),
      'Delay_Resp',
      (item) => ({
        ...withHeader(item, { flags: { unicast: false }, logMessageInterval: 0 }),
        dst: GROUP,
      }),
    ),
    ['EP-045'],
  ),
  'EP-042': ent(
    changeAll(hybrid, 'Announce', (item) =>
      withBody(item, { tlvs: [enterpriseTlv(1, 'multicast')] }),
    ),
  ),
  'EP-044': ent(
    changeAll(hybrid, 'Delay_Req', (item) => ({
      ...withHeader(item, { flags: { unicast: false } }),
      dst: GROUP,
    })),
  ),
  'EP-045': ent(
    changeAll(hybrid, 'Delay_Resp', (item) => ({
      ...withHeader(item, { flags: { unicast: false }, logMessageInterval: 0 }),
      dst: GROUP,
    })),
  ),
  'EP-052': ent(
    more(
      hybrid.filter(({ message }) => message.type !== 'Sync' && message.type !== 'Follow_Up'),
      { dst: GROUP, message: make('Sync', M, 9, { logMessageInterval: -8 }) },
    ),
  ),
  'EP-053': ent(
    changeAll(hybrid, 'Announce', (item) => withHeader(item, { logMessageInterval: 1 })).map(
      (item) => (item.message.type === 'Announce' ? { ...item, atS: item.atS * 2 } : item),
    ),
  ),
  'EP-062': ent([...hybrid, ...second(false)]),
  'EP-064': ent(
    change(hybrid, 'Announce', (item) =>
      withHeader(item, { flags: { currentUtcOffsetValid: false } }),
    ),
  ),
  'EP-066': ent(change(hybrid, 'Announce', (item) => withBody(item, { tlvs: [] }))),
  'EP-068': tlv((bytes) => {
    const longer = new Uint8Array(bytes.length + 2);
    longer.set(bytes);
    longer[3] = bytes.length + 2;
    longer[67] = 14;
    return longer;
  }),
  'EP-069': tlvOctet(1, 2),
  'EP-071': tlvOctet(4, 0x5f),
  'EP-072': tlvOctet(6, 2),
  'EP-073': tlvOctet(7, 2),
  'EP-074': tlvOctet(8, 3),
  'EP-076': tlvOctet(11, 2),
  'EP-092': rfc([...hybrid, ...second(false)]),
  'EP-098': ent(
    hybrid.flatMap((item) => {
      const { type } = item.message;
      if (type === 'Delay_Req') return [{ ...item, dst: '10.0.0.3' }];
      if (type === 'Delay_Resp') return [{ ...item, src: '10.0.0.3' }];
      return [item];
    }),
  ),
  'EP-101': ent(
    more(hybrid, {
      ...{ atS: 8.01, src: MASTER, dst: GROUP },
      message: announce(8, M, {}, { grandmasterPriority2: 129 }),
    }),
    ['1588-sequence'],
  ),
  'EP-111': ent(more(hybrid, management(SLAVE, ALL_PORTS))),
  'EP-112': ent(more(hybrid, management(GROUP, S))),
  'EP-113': ent(more(hybrid, { dst: GROUP, message: make('Signaling', M, 9) })),
  'EP-120': ent(more(hybrid, { dst: '224.0.0.107', message: make('Pdelay_Req', S, 9) })),
  'EP-121': ent(more(hybrid, { message: make('Signaling', M, 9, UNICAST, {}, [grant(0)]) })),
  'EP-122': ent(more(hybrid, management(SLAVE, S, 0x2018))),
  'EP-123': ent(more(hybrid, management(SLAVE, S, 0x2017))),
  'EP-124': tlv((bytes) => {
    const longer = new Uint8Array(bytes.length + 20);
    longer.set(bytes);
    longer[3] = bytes.length + 20;
    longer.set([0, 9, 0, 16], bytes.length);
    return longer;
  }),
  'EP-alternate': rfc(
    change(hybrid, 'Announce', (item) => withHeader(item, { flags: { alternateMaster: true } })),
  ),
};

test('a sound hybrid stream breaks nothing in the default profile and both revisions (EP-034…EP-076, EP-098)', () => {
  assert.equal(findingsOf(hybrid, { profile: 'default' }), []);
  assert.equal(findingsOf(hybrid, { profile: 'enterprise' }), []);
  assert.equal(findingsOf(hybrid, { profile: 'enterprise', revision: 'rfc9760' }), []);
});

test('a sound dual-ended stream breaks nothing in the default profile and in mpptp (MP-21, PTP-D03…PTP-D16)', () => {
  assert.equal(findingsOf(dual, { profile: 'default' }), []);
  assert.equal(findingsOf(dual, { profile: 'mpptp' }), []);
});

for (const rule of RULE_IDS) {
  if (rule === 'EP-020') continue;
  test(`${rule}: what breaks it is found, and nothing else`, () => {
    const { items, also = [], profile, revision = 'draft-01', clocks = [] } = CASES[rule];
    const findings = findingsOf(items, { profile, revision, clocks });
    const text = findings.map((one) => `${one.rule} ${one.message}: ${one.text}`).join('\n');
    assert.equal(rulesIn(findings), [rule, ...also].sort(), text);
    for (const finding of findings) {
      assert.ok(finding.section.includes('§') && finding.text.length > 5, text);
      assert.not.match(finding.text, /\.$|undefined|NaN/);
    }
  });
}

test('a transparent clock that is the source of what it changed is nobody’s fault (EP-026, EP-027)', () => {
  const between = (items: readonly Item[], src: string) =>
    changeAll(items, 'Follow_Up', (item) => ({ ...item, src }));
  const to6 = (ip: string) => (ip === GROUP ? 'ff0e::181' : ip.replace('10.0.0.', 'fd00::'));
  const hybrid6 = hybrid.map((item) => ({ ...item, src: to6(item.src), dst: to6(item.dst) }));
  for (const profile of ['default', 'enterprise'] as const) {
    assert.equal(rulesIn(findingsOf(hybrid6, { profile })), []);
    assert.equal(rulesIn(findingsOf(between(hybrid6, 'fd00::77'), { profile })), [], profile);
  }
  assert.equal(rulesIn(findingsOf(between(hybrid, '10.0.0.77'), { profile: 'enterprise' })), []);
  assert.equal(rulesIn(findingsOf(between(hybrid, '10.0.0.77'))), ['PTP-D14']);
});

test('ids that are shared with other destinations are gaps, the rate is right all the same', () => {
  const shared = changeAll(hybrid, 'Announce', (item) =>
    withHeader(item, { sequenceId: 2 * item.message.header.sequenceId }),
  );
  assert.equal(rulesIn(findingsOf(shared)), ['1588-gap']);
});

test('EP-020: PTP over Ethernet is found in the Enterprise Profile only', () => {
  const [finding, ...rest] = frameFinding(createLint({ profile: 'enterprise' }), 5n, 'aa:bb');
  assert.is(finding?.rule, 'EP-020');
  assert.equal(rest, []);
  assert.equal(frameFinding(createLint(), 5n, 'aa:bb'), []);
});

test.run();

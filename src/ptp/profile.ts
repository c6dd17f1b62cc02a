/**
 * PTP profiles as data: what each says of every parameter, message type, option and TLV, and in
 * which section. The default profile is IEEE 1588-2008's; the Enterprise Profile comes as
 * draft-ietf-tictoc-ptp-enterprise-profile-01 wrote it and as RFC 9760 did. Nothing here acts:
 * profiled.ts applies a profile to a configuration, and whoever judges traffic reads the rows.
 */
import type { MessageType } from './types.ts';

export type ProfileName = 'default' | 'enterprise';
/** Of the Enterprise Profile. */
export type Revision = 'draft-01' | 'rfc9760';
/** How delay is measured: draft-01 §6.1–6.3. */
export type DelayMode = 'multicast' | 'unicast' | 'hybrid';

/** What a profile says of one number: one value only, or a range and where it begins. */
export type NumberRule =
  | { readonly kind: 'fixed'; readonly value: number; readonly section: string }
  | {
      readonly kind: 'range';
      readonly least: number;
      readonly most: number;
      readonly usual: number;
      readonly section: string;
    };

/** The numbers that profiles name, as data sets call them. */
export type ParameterName =
  | 'domainNumber'
  | 'logAnnounceInterval' // log2 s
  | 'logSyncInterval' // log2 s
  | 'logMinDelayReqInterval' // log2 s
  | 'announceReceiptTimeout' // intervals
  | 'delayMechanism'; // 1 end to end, 2 peer to peer

/**
 * Where a message goes. multicast: the primary group; either: sender's choice; as-asked: a group's
 * request is answered to the group, another to its sender; by-target: one clock by unicast, all
 * by multicast; never: not sent at all.
 */
export type Way = 'multicast' | 'unicast' | 'either' | 'as-asked' | 'by-target' | 'never';

export interface WayRule {
  /** By delay mode. */
  readonly ways: Readonly<Record<DelayMode, Way>>;
  readonly section: string;
}

/** What may be used or not. */
export type OptionName =
  | 'two-step'
  | 'peer-to-peer'
  | 'unicast-negotiation'
  | 'unicast-discovery'
  | 'grandmaster-clusters'
  | 'alternate-timescales'
  | 'alternate-masters'
  | 'acceptable-masters'
  | 'multiple-domains'
  | 'management';

export interface OptionRule {
  readonly allowed: boolean;
  /** In use unless the user says otherwise. `preferred`: by preferred masters. */
  readonly usual: boolean | 'preferred';
  readonly section: string;
}

/** A TLV that must or must not be sent. */
export interface TlvRule {
  readonly tlvType: number;
  /** Message types that it is about. */
  readonly on: readonly MessageType[];
  readonly rule: 'required' | 'forbidden';
  readonly what: string;
  readonly section: string;
}

export interface Profile {
  readonly name: ProfileName;
  /** Null: the profile has none. */
  readonly revision: Revision | null;
  /** For people: `the Enterprise Profile`, and the document that sections are of. */
  readonly title: string;
  readonly document: string;
  readonly parameters: Readonly<Record<ParameterName, NumberRule>>;
  /** Fixed for masters that are meant to be one; null: as all others. (intervals) */
  readonly preferredReceiptTimeout: NumberRule | null;
  readonly delayModes: {
    readonly allowed: readonly DelayMode[];
    readonly usual: DelayMode;
    readonly section: string;
  };
  readonly ways: Readonly<Record<MessageType, WayRule>>;
  readonly options: Readonly<Record<OptionName, OptionRule>>;
  readonly tlvs: readonly TlvRule[];
  /** No port is master without a current count of leap seconds; null: not asked for. */
  readonly leapSecondGate: { readonly section: string } | null;
  /** The announce receipt timeout is exact: no random part is added. */
  readonly isTimeoutExact: boolean;
}

const fixed = (value: number, section: string): NumberRule => ({ kind: 'fixed', value, section });
const range = (least: number, most: number, usual: number, section: string): NumberRule => ({
  kind: 'range',
  ...{ least, most, usual, section },
});

const all = (way: Way, section: string): WayRule => ({
  ways: { multicast: way, unicast: way, hybrid: way },
  section,
});
const option = (
  allowed: boolean,
  section: string,
  usual: OptionRule['usual'] = false,
): OptionRule => ({ allowed, usual, section });

/** Negotiation by Signaling, IEEE 1588-2008 §16.1. */
const NEGOTIATION_TLVS = [0x0004, 0x0005, 0x0006, 0x0007];
const ALTERNATE_TIME_OFFSET_INDICATOR = 0x0009;
const ORGANIZATION_EXTENSION = 0x0003;

/** What IEEE 1588-2008 annex J.3 starts with; ranges are those that any profile may choose. */
export const DEFAULT_PROFILE: Profile = {
  name: 'default',
  revision: null,
  title: 'the default profile',
  document: 'IEEE 1588-2008',
  parameters: {
    domainNumber: range(0, 127, 0, '§7.1'),
    logAnnounceInterval: range(-10, 22, 1, '§J.3.2'),
    logSyncInterval: range(-10, 22, 0, '§J.3.2'),
    logMinDelayReqInterval: range(-10, 22, 0, '§J.3.2'),
    announceReceiptTimeout: range(2, 255, 3, '§J.3.2'),
    delayMechanism: range(1, 2, 1, '§J.3.1'),
  },
  preferredReceiptTimeout: null,
  delayModes: { allowed: ['multicast', 'unicast', 'hybrid'], usual: 'hybrid', section: '§9.5' },
  ways: {
    Announce: all('either', '§9.5.8'),
    Sync: all('either', '§9.5.9'),
    Follow_Up: all('either', '§9.5.10'),
    Delay_Req: all('either', '§9.5.11'),
    Delay_Resp: all('either', '§9.5.12'),
    Pdelay_Req: all('either', '§9.5.13'),
    Pdelay_Resp: all('either', '§9.5.14'),
    Pdelay_Resp_Follow_Up: all('either', '§9.5.15'),
    Signaling: all('either', '§13.12'),
    Management: all('either', '§15.3'),
  },
  options: {
    'two-step': option(true, '§11.2', true),
    'peer-to-peer': option(true, '§11.4'),
    'unicast-negotiation': option(true, '§16.1'),
    'unicast-discovery': option(true, '§17.5'),
    'grandmaster-clusters': option(true, '§17.3'),
    'alternate-timescales': option(true, '§16.3'),
    'alternate-masters': option(true, '§17.4'),
    'acceptable-masters': option(true, '§17.6'),
    'multiple-domains': option(true, '§7.1'),
    management: option(true, '§15', true),
  },
  tlvs: [],
  leapSecondGate: null,
  isTimeoutExact: false,
};

/** Sections that moved between the two texts: RFC 9760 put boundary clocks before management. */
interface Sections {
  readonly management: string;
  readonly forbidden: string;
}

const DRAFT_SECTIONS: Sections = { management: '§11', forbidden: '§12' };
const RFC_SECTIONS: Sections = { management: '§12', forbidden: '§13' };

const enterprise = (
  sections: Sections,
  more: Pick<Profile, 'revision' | 'document' | 'delayModes' | 'tlvs'> &
    Pick<Profile['options'], 'alternate-masters' | 'multiple-domains' | 'management'>,
): Profile => {
  const { management, forbidden } = sections;
  const { revision, document, delayModes, tlvs } = more;
  return {
    name: 'enterprise',
    title: 'the Enterprise Profile',
    ...{ revision, document, delayModes },
    parameters: {
      domainNumber: range(0, 127, 0, '§5'),
      logAnnounceInterval: fixed(0, '§7'),
      logSyncInterval: range(-7, 7, 0, '§7'),
      logMinDelayReqInterval: range(-7, 7, 0, '§7'),
      announceReceiptTimeout: fixed(4, '§7'),
      delayMechanism: fixed(1, '§6'),
    },
    preferredReceiptTimeout: fixed(3, '§7'),
    ways: {
      Announce: all('multicast', '§6'),
      Sync: all('multicast', '§6'),
      Follow_Up: all('multicast', '§6'),
      Delay_Req: {
        ways: { multicast: 'multicast', unicast: 'unicast', hybrid: 'either' },
        section: '§6',
      },
      Delay_Resp: {
        ways: { multicast: 'multicast', unicast: 'unicast', hybrid: 'as-asked' },
        section: '§6',
      },
      Pdelay_Req: all('never', forbidden),
      Pdelay_Resp: all('never', forbidden),
      Pdelay_Resp_Follow_Up: all('never', forbidden),
      Signaling: all('by-target', management),
      Management: all('by-target', management),
    },
    options: {
      'two-step': option(true, '§6', true),
      'peer-to-peer': option(false, forbidden),
      'unicast-negotiation': option(false, forbidden),
      'unicast-discovery': option(false, forbidden),
      'grandmaster-clusters': option(false, forbidden),
      'alternate-timescales': option(false, forbidden),
      'acceptable-masters': option(true, '§9'),
      'alternate-masters': more['alternate-masters'],
      'multiple-domains': more['multiple-domains'],
      management: more.management,
    },
    tlvs: [
      ...tlvs,
      ...NEGOTIATION_TLVS.map(
        (tlvType): TlvRule => ({
          tlvType,
          on: ['Signaling'],
          rule: 'forbidden',
          what: 'unicast negotiation',
          section: forbidden,
        }),
      ),
      {
        tlvType: ALTERNATE_TIME_OFFSET_INDICATOR,
        on: ['Announce'],
        rule: 'forbidden',
        what: 'alternate timescales',
        section: forbidden,
      },
    ],
    leapSecondGate: { section: '§8' },
    isTimeoutExact: true,
  };
};

/** draft-ietf-tictoc-ptp-enterprise-profile-01. */
export const ENTERPRISE_DRAFT_01: Profile = enterprise(DRAFT_SECTIONS, {
  revision: 'draft-01',
  document: 'draft-ietf-tictoc-ptp-enterprise-profile-01',
  delayModes: { allowed: ['multicast', 'unicast', 'hybrid'], usual: 'hybrid', section: '§6' },
  tlvs: [
    {
      tlvType: ORGANIZATION_EXTENSION,
      on: ['Announce'],
      rule: 'required',
      what: 'the Enterprise Profile TLV',
      section: '§8',
    },
  ],
  'alternate-masters': option(true, '§8', 'preferred'),
  'multiple-domains': option(true, '§3'),
  management: option(true, '§11', true),
});

/** RFC 9760: no TLV, one delay mode, no alternate masters but several domains. */
export const ENTERPRISE_RFC9760: Profile = enterprise(RFC_SECTIONS, {
  revision: 'rfc9760',
  document: 'RFC 9760',
  delayModes: { allowed: ['hybrid'], usual: 'hybrid', section: '§6' },
  tlvs: [],
  'alternate-masters': option(false, '§13'),
  'multiple-domains': option(true, '§5'),
  management: option(true, '§12', false),
});

export const PROFILE_NAMES = ['default', 'enterprise'] as const satisfies readonly ProfileName[];
export const REVISIONS = ['draft-01', 'rfc9760'] as const satisfies readonly Revision[];

/** The table of a profile. */
export function profileOf(name: ProfileName, revision: Revision = 'draft-01'): Profile {
  if (name === 'default') return DEFAULT_PROFILE;
  return revision === 'draft-01' ? ENTERPRISE_DRAFT_01 : ENTERPRISE_RFC9760;
}

/** A section as sentences name it: `draft-01 §7`. */
export const citation = ({ revision, document }: Profile, section: string): string =>
  `${revision === 'draft-01' ? revision : document} ${section}`;

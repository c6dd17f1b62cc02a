/**
 * What PTP traffic is held against: one record per rule. The document named is where the rule
 * stands; ids that begin with MP, PTP and EP are those of the project's list of requirements,
 * `1588-` is the base standard. lint.ts and its parts say when a rule is broken, and how.
 */

/**
 * `default`: IEEE 1588 and what RFC 8039 says of any unicast path. `mpptp`: a network that is
 * multipath throughout. `enterprise`: the Enterprise Profile, in the revision that was chosen.
 */
export type CheckProfile = 'default' | 'mpptp' | 'enterprise';
export type Revision = 'draft-01' | 'rfc9760';
/** Errors break the document; warnings are unusual, or may be the capture's fault. */
export type Severity = 'error' | 'warning';

export interface Rule {
  readonly section: string;
  readonly severity: Severity;
  /** What ought to be, one sentence without full stop. */
  readonly text: string;
  /** Where it holds. */
  readonly profiles: readonly CheckProfile[];
  /** Only in this revision of the Enterprise Profile. */
  readonly revision?: Revision;
}

const ALL: readonly CheckProfile[] = ['default', 'mpptp', 'enterprise'];
const PLAIN: readonly CheckProfile[] = ['default', 'mpptp'];
const MPPTP: readonly CheckProfile[] = ['mpptp'];
const ENTERPRISE: readonly CheckProfile[] = ['enterprise'];

const base = (section: string, text: string, profiles = ALL): Rule => ({
  section: `IEEE 1588-2008 §${section}`,
  severity: 'error',
  text,
  profiles,
});
const odd = (section: string, text: string, profiles = ALL): Rule => ({
  ...base(section, text, profiles),
  severity: 'warning',
});
const multi = (section: string, text: string, profiles = PLAIN): Rule => ({
  section: `RFC 8039 §${section}`,
  severity: 'error',
  text,
  profiles,
});
/** Of both revisions; sections up to 9 have the same numbers, later ones moved by one. */
const ep = (section: string, text: string, severity: Severity = 'error'): Rule => ({
  section: `Enterprise Profile §${section}`,
  severity,
  text,
  profiles: ENTERPRISE,
});
const draft = (section: string, text: string, severity: Severity = 'error'): Rule => ({
  ...ep(section, text, severity),
  revision: 'draft-01',
});
const rfc = (section: string, text: string): Rule => ({
  ...ep(section, text),
  revision: 'rfc9760',
});

export const RULES = {
  '1588-version': base('13.3.2.2', 'versionPTP is 2'),
  '1588-message-type': base('13.3.2.2', 'messageType is not a reserved one'),
  '1588-length': base('13.3.2.4', 'messageLength fits the message and the datagram'),
  '1588-timestamp': base('5.3.3', 'a timestamp has less than a second of nanoseconds'),
  '1588-action': base('15.4.1.6', 'actionField is one of five'),
  '1588-tlv': base(
    '14.1',
    'TLVs have an even length, end with the message and hold what they must',
  ),
  '1588-trailing': odd('E.2', 'nothing follows a message, but two octets over IPv6'),
  '1588-sdo': odd('13.3.2.1', 'transportSpecific is 0 over UDP'),
  '1588-reserved': odd('13.3', 'reserved fields and bits are 0'),
  '1588-control': odd('13.3.2.10', 'controlField is the one of the message type'),
  '1588-flags': odd('13.3.2.6', 'flags are set only in messages that have them'),
  '1588-unicast-flag': base('13.3.2.6', 'unicastFlag says whether the message was sent by unicast'),
  '1588-domain': odd('7.1', 'domainNumber is 0 to 127'),
  '1588-domain-mix': base('7.1', 'an answer has the domainNumber of its request'),
  '1588-identity': base('7.5.2', 'a sender has an identity and a port number of its own'),
  '1588-correction': odd('13.3.2.7', 'correctionField is 0 in messages that are not corrected'),
  '1588-log-interval': odd('13.3.2.11', 'logMessageInterval is the one of the message type'),
  '1588-port': base('D.2', 'event messages go to UDP port 319, general ones to 320'),
  '1588-group': base('D.3', 'multicast goes to the groups of PTP', PLAIN),
  '1588-hops': odd('D.3', 'Pdelay messages have a TTL of 1'),
  '1588-sequence': base('7.3.7', 'sequenceIds of one type to one address go up'),
  '1588-gap': odd('7.3.7', 'sequenceIds go up by one (or messages were lost)'),
  '1588-rate': odd('7.7.2', 'messages come at the rate that their sender tells, within 30 %'),
  '1588-delay-rate': odd('9.5.11.2', 'Delay_Req come no faster than the master allows'),
  '1588-follow-up-missing': base('9.5.9', 'a Follow_Up follows each two-step Sync'),
  '1588-follow-up-orphan': odd('9.5.10', 'a Follow_Up follows a two-step Sync'),
  '1588-delay-resp-orphan': odd('9.5.12', 'a Delay_Resp answers a Delay_Req'),
  '1588-unanswered': odd('9.5.12', 'Delay_Reqs are answered'),
  '1588-steps': base('9.3.5', 'stepsRemoved is 0 at the grandmaster and only there, and below 255'),
  '1588-leap': base('8.2.4', 'the day does not end with 59 s and 61 s at once'),
  '1588-time-jump': odd('7.2', "a master's time goes on as fast as the capture's"),
  '1588-two-masters': odd('9.3', 'only the best clock of a domain is master', PLAIN),
  'MP-21': multi('5.1', 'Sync, Follow_Up, Delay_* and Pdelay_* go by unicast', MPPTP),
  'PTP-S03': multi('5.2.1', 'a single-ended clock announces from its primary identity only'),
  'PTP-S10': multi('5.2.1', 'an address of a slave shows one clockIdentity'),
  'PTP-S12': multi('5.2.1', 'a Delay_Resp goes to the address of its Delay_Req'),
  'PTP-S13': multi('5.2.1', 'a Delay_Resp names the port that asked', ALL),
  'PTP-D03': {
    ...multi('5.3.1', 'a dual-ended clock announces from each of its addresses'),
    severity: 'warning',
  },
  'PTP-D06': multi('5.3.1', 'Syncs go only to address pairs that were negotiated'),
  'PTP-D08': multi('5.3.1', 'a Delay_Req takes the addresses of the Sync, swapped'),
  'PTP-D10': multi('5.3.1', 'a Delay_Resp takes the addresses of its Delay_Req, swapped'),
  'PTP-D14': multi('5.3.1', 'a Follow_Up comes from the address of its Sync'),
  'PTP-D16': {
    ...multi('5.3.1', 'the copies of one Announce have one sequenceId'),
    severity: 'warning',
  },
  'EP-003': ep('3', 'a clockIdentity belongs to one clock', 'warning'),
  'EP-020': ep('5', 'PTP goes over UDP'),
  'EP-023': ep('5', 'a domain uses IPv4 or IPv6, not both'),
  'EP-034': ep('6', 'Sync goes by multicast to the primary group'),
  'EP-035': ep('6', 'Follow_Up goes by multicast to the primary group'),
  'EP-036': ep('6', 'Announce goes by multicast to the primary group'),
  'EP-037': ep('6', 'IPv4 multicast goes to 224.0.1.129'),
  'EP-038': ep('6', 'IPv6 multicast goes to ff0X::181'),
  'EP-040': draft('6.1', 'in unicast mode Delay_Req and Delay_Resp go by unicast'),
  'EP-042': draft('6.2', 'in multicast mode Delay_Req and Delay_Resp go by multicast'),
  'EP-044': ep('6', 'a multicast Delay_Req is answered by multicast'),
  'EP-045': ep('6', 'a unicast Delay_Req is answered by unicast'),
  'EP-052': ep('7', 'Sync and Delay_Req come once in 128 s to 128 times a second'),
  'EP-053': ep('7', 'Announce comes once a second'),
  'EP-062': draft('8', 'a master that is not the best sets alternateMasterFlag', 'warning'),
  'EP-064': ep('8', 'a master knows the current UTC offset'),
  'EP-066': draft('8', "Announce carries the profile's TLV"),
  'EP-068': draft('8', "the profile's TLV has 12 octets"),
  'EP-069': draft('8', "the profile's TLV begins with the port number of its sender, or FFFF"),
  'EP-071': draft('8', "the profile's TLV has the OUI 00-00-5E"),
  'EP-072': draft('8', 'the IETF profile number is 1'),
  'EP-073': draft('8', 'the revision is 1'),
  'EP-074': draft('8', 'the delay mode is 0, 1 or 2'),
  'EP-076': draft('8', 'the unit of the phase adjustment is 0, 1, 3, 6, 9, 12 or 15'),
  'EP-092': {
    ...rfc('8', 'a master that is not the best of its domain is silent'),
    severity: 'warning',
  },
  'EP-098': ep('9', "a Delay_Req goes to the source address of the master's Announce"),
  'EP-101': ep('10', 'a transparent clock alters no part of an Announce'),
  'EP-111': ep('11', 'management for all clocks goes by multicast'),
  'EP-112': ep('11', 'management for one clock goes by unicast'),
  'EP-113': ep('11', 'Signaling for one clock goes by unicast'),
  'EP-120': ep('12', 'peer-to-peer delay measurement is not used'),
  'EP-121': ep('12', 'unicast is not negotiated'),
  'EP-122': ep('12', 'unicast discovery is not used'),
  'EP-123': ep('12', 'grandmaster clusters are not used'),
  'EP-124': ep('12', 'alternate timescales are not used'),
  'EP-alternate': rfc('12', 'alternate masters are not used'),
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleId = keyof typeof RULES;
export const RULE_IDS = Object.keys(RULES) as RuleId[];

/** The rules that hold in a profile. */
export function rulesOf(profile: CheckProfile, revision: Revision): ReadonlySet<RuleId> {
  const holds = (id: RuleId): boolean => {
    const rule: Rule = RULES[id];
    return rule.profiles.includes(profile) && (rule.revision ?? revision) === revision;
  };
  return new Set(RULE_IDS.filter(holds));
}

/** Where a rule stands, by its document. */
export function sectionOf(id: RuleId, revision: Revision): string {
  const { section } = RULES[id];
  const number = /^Enterprise Profile §(.*)$/.exec(section)?.[1];
  if (number === undefined) return section;
  if (revision === 'draft-01') return `draft-ietf-tictoc-ptp-enterprise-profile-01 §${number}`;
  return `RFC 9760 §${Number(number) >= 11 ? Number(number) + 1 : number}`;
}

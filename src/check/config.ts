/**
 * A configuration of a PTP clock, as the options of `clockbraid ptp` tell it, held against a
 * profile: every violation, where the clock itself refuses the first.
 */
import { canonicalIp, isIpv6, isUnicast } from '../path.ts';
import { citation, type NumberRule, type OptionName, type Profile } from '../ptp/profile.ts';

/** The options by name, as text. */
export interface GivenOptions {
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
}

export interface GivenClock {
  readonly role: string;
  readonly addresses: readonly string[];
  readonly options: GivenOptions;
}

export interface ConfigFinding {
  /** Name of the option without dashes, or `ADDR`. */
  readonly option: string;
  readonly value: string;
  /** Document and section. */
  readonly section: string;
  /** What is allowed, one sentence without full stop. */
  readonly text: string;
}

type Put = (option: string, value: string, section: string, text: string) => void;

export function checkConfig(given: GivenClock, profile: Profile): ConfigFinding[] {
  const findings: ConfigFinding[] = [];
  const put: Put = (option, value, section, text) => {
    findings.push({ option, value, section, text });
  };
  checkNumbers(given, profile, put);
  checkAddresses(given, profile, put);
  if (profile.name === 'enterprise') checkEnterprise(given, profile, put);
  else checkMultipath(given, put);
  return findings;
}

/** Options that profiles give a range or a value, and what data sets call them. */
const PARAMETERS = {
  domain: 'domainNumber',
  announce: 'logAnnounceInterval',
  sync: 'logSyncInterval',
  delay: 'logMinDelayReqInterval',
  'announce-timeout': 'announceReceiptTimeout',
} as const;

/** Those that no profile changes. */
const LIMITS = {
  priority1: [0, 255, 'IEEE 1588-2008 §7.6.2.2'],
  priority2: [0, 255, 'IEEE 1588-2008 §7.6.2.3'],
  'clock-class': [0, 254, 'IEEE 1588-2008 §7.6.2.4'],
  'grant-seconds': [10, 1000, 'IEEE 1588-2008 §16.1.2'],
  hops: [1, 255, 'RFC 791 §3.1'],
  'event-port': [1, 65535, 'RFC 768'],
  'general-port': [1, 65535, 'RFC 768'],
} as const;

function checkNumbers({ options }: GivenClock, profile: Profile, put: Put): void {
  const { parameters, preferredReceiptTimeout, title } = profile;
  for (const [option, name] of Object.entries(PARAMETERS)) {
    const isTimeout = name === 'announceReceiptTimeout' && options.flag('preferred');
    const rule: NumberRule = (isTimeout && preferredReceiptTimeout) || parameters[name];
    for (const text of given(options, option)) {
      const value = numberOf(text);
      const [least, most] =
        rule.kind === 'fixed' ? [rule.value, rule.value] : [rule.least, rule.most];
      if (Number.isInteger(value) && value >= least && value <= most) continue;
      const allowed = least === most ? `it is ${least}` : `it is an integer ${least}..${most}`;
      put(option, text, citation(profile, rule.section), `${allowed} in ${title}`);
    }
  }
  for (const [option, [least, most, section]] of Object.entries(LIMITS)) {
    const text = options.text(option);
    if (text === undefined) continue;
    const value = numberOf(text);
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    put(option, text, section, `it is an integer ${least}..${most}`);
  }
  const event = options.text('event-port') ?? '319';
  const general = options.text('general-port') ?? '320';
  if (event === general) {
    put(
      'general-port',
      general,
      'IEEE 1588-2008 §D.2',
      'event and general messages have two ports',
    );
  }
}

/** All values of an option, however often it may be given. */
function given(options: GivenOptions, name: string): readonly string[] {
  const text = options.text(name);
  return text === undefined ? options.texts(name) : [text];
}

const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

function checkAddresses({ addresses, options }: GivenClock, profile: Profile, put: Put): void {
  const own = addresses.map((text) => canonicalIp(text));
  for (const [n, ip] of own.entries()) {
    const text = addresses[n] ?? '';
    if (ip === null || !isUnicast(ip)) {
      put('ADDR', text, 'RFC 8039 §4.1', 'it is a unicast address of this host');
    } else if (own.indexOf(ip) < n) put('ADDR', text, 'RFC 8039 §4.1', 'each address stands once');
  }
  const families = new Set(own.filter((ip) => ip !== null).map((ip) => isIpv6(ip)));
  if (profile.name === 'enterprise' && families.size > 1) {
    const text = 'a domain uses IPv4 or IPv6 on a port, not both';
    put('ADDR', addresses.join(' '), citation(profile, '§5'), text);
  }
  const primary = options.text('primary');
  if (primary !== undefined && !own.includes(canonicalIp(primary))) {
    put('primary', primary, 'RFC 8039 §5.2.1', 'it is one of the addresses');
  }
  for (const text of options.texts('master')) {
    const ip = canonicalIp(text);
    if (ip === null || !isUnicast(ip)) {
      put('master', text, 'IEEE 1588-2008 §17.5', 'it is a unicast address');
    } else if (families.size > 0 && !families.has(isIpv6(ip))) {
      put('master', text, 'RFC 8039 §4.1', 'an address of ours is of its family');
    }
  }
}

/** The default profile, and multipath in it. */
function checkMultipath({ role, addresses, options }: GivenClock, put: Put): void {
  const mode = options.text('mode');
  const masters = options.texts('master');
  if (mode === 'plain' && addresses.length > 1) {
    put('mode', mode, 'RFC 8039 §5.1', 'several addresses are single-ended or dual-ended');
  }
  if (mode === 'plain' && masters.length > 0) {
    put(
      'master',
      masters.join(' '),
      'IEEE 1588-2008 §17.5',
      'a plain clock asks nobody by unicast',
    );
  }
  if (role === 'master' && mode === 'single-ended' && addresses.length > 1) {
    const text = 'a master with several addresses is dual-ended';
    put('mode', mode, 'RFC 8039 §5.3.1', text);
  }
  const pairing = options.text('pairing');
  if (pairing !== undefined && mode === 'single-ended') {
    put('pairing', pairing, 'RFC 8039 §5.3.1', 'only dual-ended clocks pair addresses');
  }
  for (const option of ONLY_ENTERPRISE) {
    if (!isGiven(options, option)) continue;
    const text = 'only the Enterprise Profile has it';
    put(option, options.text(option) ?? 'yes', 'IEEE 1588-2008 §19.3', text);
  }
}

const ONLY_ENTERPRISE = ['preferred', 'delay-mode', 'alternate-master', 'max-adjustment'];

/** Options that are of MPPTP, and what of the Enterprise Profile they are against. */
const MULTIPATH = {
  master: ['unicast-discovery', 'unicast discovery is not used'],
  pairing: ['unicast-negotiation', 'unicast is not negotiated'],
  'grant-seconds': ['unicast-negotiation', 'unicast is not negotiated'],
  p2p: ['peer-to-peer', 'delay is measured end to end'],
} as const satisfies Readonly<Record<string, readonly [OptionName, string]>>;

function checkEnterprise({ role, addresses, options }: GivenClock, profile: Profile, put: Put) {
  const { delayModes, options: allowed, title, ways } = profile;
  const cite = (name: OptionName) => citation(profile, allowed[name].section);
  const mode = options.text('mode');
  if (mode === 'single-ended' || mode === 'dual-ended') {
    const rfc = `RFC 8039 §5.${mode === 'single-ended' ? 2 : 3}.1`;
    const text = `negotiated unicast over many paths (${rfc}) is for another instance`;
    put('mode', mode, cite('unicast-negotiation'), text);
  } else if (addresses.length > 1) {
    const text = `${title} has one address a port; several are MPPTP (RFC 8039 §5.1)`;
    put('ADDR', addresses.join(' '), cite('unicast-negotiation'), text);
  }
  for (const [option, [name, text]] of Object.entries(MULTIPATH)) {
    if (!isGiven(options, option)) continue;
    put(option, shownOf(options, option), cite(name), `${text} in ${title}`);
  }
  if (options.flag('unicast')) {
    put(
      'unicast',
      'yes',
      citation(profile, ways.Sync.section),
      'Announce and Sync go by multicast',
    );
  }
  const delayMode = options.text('delay-mode');
  if (delayMode !== undefined && !delayModes.allowed.some((one) => one === delayMode)) {
    const text = `it is ${delayModes.allowed.join(', ')} in ${title}`;
    put('delay-mode', delayMode, citation(profile, delayModes.section), text);
  }
  if (options.flag('hybrid') && delayMode === 'multicast') {
    const section = citation(profile, ways.Delay_Req.section);
    put('hybrid', 'yes', section, 'in multicast mode Delay_Req goes by multicast');
  }
  if (options.flag('alternate-master') && !allowed['alternate-masters'].allowed) {
    put('alternate-master', 'yes', cite('alternate-masters'), 'alternate masters are not used');
  }
  if (role !== 'master' && options.flag('preferred')) {
    put('preferred', 'yes', citation(profile, '§3'), 'a preferred master is no slave');
  }
}

const shownOf = (options: GivenOptions, name: string): string =>
  given(options, name).join(' ') || 'yes';

const isGiven = (options: GivenOptions, name: string): boolean =>
  options.flag(name) || given(options, name).length > 0;

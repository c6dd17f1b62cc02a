/**
 * A configuration under a profile: what the profile fixes is set and may not be said otherwise,
 * what it leaves a range for is kept within, the rest begins where it says. MPPTP (RFC 8039) and
 * the Enterprise Profile exclude each other on one instance.
 */
import { ConfigError, requireInteger } from '../errors.ts';
import type { OrdinaryClockConfig } from './clockconfig.ts';
import { PHASE_UNITS } from './enterprisetlv.ts';
import type { PortConfig } from './portds.ts';
import {
  citation,
  type DelayMode,
  type NumberRule,
  type OptionName,
  PROFILE_NAMES,
  type Profile,
  profileOf,
  REVISIONS,
} from './profile.ts';

/** What a profile and its options come to. */
export interface Profiled {
  readonly profile: Profile;
  /** The clock is meant to be master. */
  readonly isPreferred: boolean;
  /** Serves with the alternateMasterFlag while another is the best. */
  readonly isAlternate: boolean;
  readonly delayMode: DelayMode;
  readonly management: boolean;
  /** With all that the profile sets. */
  readonly config: OrdinaryClockConfig;
}

/** Throws ConfigError naming the section. */
export function profiled(given: OrdinaryClockConfig): Profiled {
  const { profile: name = 'default', revision, preferred = false } = given;
  requireOne('ptp.profile', name, PROFILE_NAMES);
  if (revision !== undefined) requireOne('ptp.revision', revision, REVISIONS);
  if (name === 'default') {
    refuseEnterprise(given);
    const profile = profileOf('default');
    const management = given.management ?? true;
    const rest = {
      isPreferred: false,
      isAlternate: false,
      delayMode: 'hybrid',
      management,
    } as const;
    return { profile, ...rest, config: given };
  }
  const profile = profileOf(name, revision);
  refuseMultipath(profile, given);
  const { role = 'any', port = {}, clock = {} } = given;
  if (preferred && role === 'slave') {
    throw new ConfigError('ptp.preferred', 'a clock that may be master', role);
  }
  const delayMode = modeOf(profile, given);
  const config: OrdinaryClockConfig = {
    ...given,
    mode: 'plain',
    clock: { ...clock, domainNumber: number(profile, 'domainNumber', clock.domainNumber) },
    port: portOf(profile, port, preferred),
    multicastSync: true,
    delayRequests: requestsOf(profile, given, delayMode),
  };
  return {
    profile,
    isPreferred: preferred,
    isAlternate: alternateOf(profile, given),
    delayMode,
    management: optionOf(profile, 'management', given.management, preferred),
    config,
  };
}

/** What one parameter is; fixed ones refuse another value, ranges what lies outside. */
function take(
  profile: Profile,
  field: string,
  rule: NumberRule,
  given: number | undefined,
): number {
  const { title } = profile;
  const section = citation(profile, rule.section);
  if (rule.kind === 'fixed') {
    if (given === undefined || given === rule.value) return rule.value;
    throw new ConfigError(
      `ptp.${field}`,
      `${rule.value}, which ${title} fixes (${section})`,
      given,
    );
  }
  const { least, most, usual } = rule;
  if (given === undefined) return usual;
  if (Number.isInteger(given) && given >= least && given <= most) return given;
  throw new ConfigError(`ptp.${field}`, `${least}..${most} in ${title} (${section})`, given);
}

const number = (
  profile: Profile,
  name: keyof Profile['parameters'],
  given: number | undefined,
): number => take(profile, name, profile.parameters[name], given);

function portOf(profile: Profile, port: PortConfig, isPreferred: boolean): PortConfig {
  const { preferredReceiptTimeout, parameters } = profile;
  const timeout = (isPreferred && preferredReceiptTimeout) || parameters.announceReceiptTimeout;
  const delayMechanism = number(profile, 'delayMechanism', port.delayMechanism);
  if (port.extendsAnnounceTimeout === true && profile.isTimeoutExact) {
    const section = citation(profile, parameters.announceReceiptTimeout.section);
    const expected = `false: ${profile.title} has it exact (${section})`;
    throw new ConfigError('ptp.extendsAnnounceTimeout', expected, true);
  }
  return {
    logAnnounceInterval: number(profile, 'logAnnounceInterval', port.logAnnounceInterval),
    logSyncInterval: number(profile, 'logSyncInterval', port.logSyncInterval),
    logMinDelayReqInterval: number(profile, 'logMinDelayReqInterval', port.logMinDelayReqInterval),
    announceReceiptTimeout: take(
      profile,
      'announceReceiptTimeout',
      timeout,
      port.announceReceiptTimeout,
    ),
    delayMechanism: delayMechanism === 2 ? 2 : 1,
  };
}

function modeOf(profile: Profile, { delayMode }: OrdinaryClockConfig): DelayMode {
  const { allowed, usual, section } = profile.delayModes;
  if (delayMode === undefined) return usual;
  if (allowed.includes(delayMode)) return delayMode;
  const expected = `${allowed.join(', ')} in ${profile.title} (${citation(profile, section)})`;
  throw new ConfigError('ptp.delayMode', expected, delayMode);
}

/** In the hybrid mode slaves choose; by unicast what is for one (draft-01 §4). */
function requestsOf(
  profile: Profile,
  { delayRequests }: OrdinaryClockConfig,
  mode: DelayMode,
): 'multicast' | 'unicast' {
  if (mode === 'hybrid') return delayRequests ?? 'unicast';
  if (delayRequests === undefined || delayRequests === mode) return mode;
  const section = citation(profile, profile.delayModes.section);
  throw new ConfigError(
    'ptp.delayRequests',
    `${mode}, as the delay mode is (${section})`,
    delayRequests,
  );
}

function alternateOf(profile: Profile, given: OrdinaryClockConfig): boolean {
  const { role = 'any', preferred = false, alternateMaster } = given;
  if (alternateMaster === true && role !== 'any') {
    throw new ConfigError('ptp.alternateMaster', 'a clock that may be master or slave', role);
  }
  return role === 'any' && optionOf(profile, 'alternate-masters', alternateMaster, preferred);
}

function optionOf(
  profile: Profile,
  name: OptionName,
  given: boolean | undefined,
  isPreferred: boolean,
): boolean {
  const { allowed, usual, section } = profile.options[name];
  if (given === true && !allowed) refuse(profile, `ptp.${FIELDS[name] ?? name}`, section, given);
  return given ?? (usual === 'preferred' ? isPreferred : usual);
}

/** What users call them. */
const FIELDS: Readonly<Partial<Record<OptionName, string>>> = {
  'alternate-masters': 'alternateMaster',
  management: 'management',
};

function refuse(profile: Profile, field: string, section: string, got: unknown): never {
  const cited = citation(profile, section);
  throw new ConfigError(field, `none in ${profile.title} (${cited})`, got);
}

/** both sections are named. */
function refuseMultipath(profile: Profile, given: OrdinaryClockConfig): void {
  const { mode, masters, grantDurationS, limits, pairing, multicastSync, port } = given;
  const { options, title } = profile;
  const cite = (name: OptionName) => citation(profile, options[name].section);
  const clash = (field: string, what: string, rfc: string, name: OptionName, got: unknown) => {
    const said = `${what} (RFC 8039 ${rfc}) is for another instance, ${title} forbids it`;
    throw new ConfigError(`ptp.${field}`, `nothing of MPPTP: ${said} (${cite(name)})`, got);
  };
  const negotiated = 'negotiated unicast over many paths';
  if (masters !== undefined) {
    clash('masters', 'unicast discovery', '§5.5', 'unicast-discovery', masters);
  }
  if (mode === 'single-ended') clash('mode', negotiated, '§5.2.1', 'unicast-negotiation', mode);
  if (mode === 'dual-ended') clash('mode', negotiated, '§5.3.1', 'unicast-negotiation', mode);
  if (port?.delayMechanism === 2) {
    clash('delayMechanism', 'peer-to-peer delay', '§5.1', 'peer-to-peer', 2);
  }
  const negotiation = { grantDurationS, limits, pairing };
  for (const [field, value] of Object.entries(negotiation)) {
    if (value === undefined) continue;
    clash(field, 'unicast negotiation', '§5.2.1', 'unicast-negotiation', value);
  }
  if (multicastSync === false) {
    const section = citation(profile, profile.ways.Sync.section);
    throw new ConfigError('ptp.multicastSync', `true in ${title} (${section})`, multicastSync);
  }
  const { maxPhaseAdjustment: most } = given;
  if (most === undefined) return;
  requireInteger('ptp.maxPhaseAdjustment.value', most.value, 0, 0xffff);
  requireOne('ptp.maxPhaseAdjustment.unit', most.unit, Object.keys(PHASE_UNITS));
}

/** Options that mean nothing elsewhere would be ignored in silence. */
function refuseEnterprise(given: OrdinaryClockConfig): void {
  for (const field of ONLY_ENTERPRISE) {
    const value = given[field];
    if (value === undefined || value === false) continue;
    throw new ConfigError(`ptp.${field}`, 'profile "enterprise" with it', value);
  }
}

const ONLY_ENTERPRISE = [
  'revision',
  'preferred',
  'delayMode',
  'alternateMaster',
  'maxPhaseAdjustment',
] as const;

function requireOne(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new ConfigError(field, `one of ${allowed.join(', ')}`, value);
}

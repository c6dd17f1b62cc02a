/**
 * The linter of PTP traffic: datagrams in, broken rules out. A plain state and two functions; it
 * knows neither files nor sockets. What it cannot read is a finding, never an error.
 */
import { isUnicast } from '../path.ts';
import { type Ports, PTP_PORTS } from '../ptp/groups.ts';
import { portText } from '../ptp/identity.ts';
import { readMessage } from '../ptp/message.ts';
import { checkEnterprise } from './enterprise.ts';
import type { Finding, Heard, Kept, Seen, Tell } from './finding.ts';
import { checkGrants, createGrants, type Grants, grantedLog } from './grants.ts';
import { checkAnnounce, createMasters, type Masters } from './masters.ts';
import { checkPairs, createPairs, expirePairs, type Pairs } from './pairs.ts';
import {
  type CheckProfile,
  type Revision,
  RULES,
  type RuleId,
  rulesOf,
  sectionOf,
} from './rules.ts';
import { checkStream, createStreams, restartStreams, type Streams } from './streams.ts';
import { checkTime, createTimes, type Times } from './times.ts';
import { remember } from './waiting.ts';
import { checkWire, FAULTS } from './wire.ts';

export interface LintOptions {
  /** Default `default`. */
  readonly profile?: CheckProfile;
  /** Of the Enterprise Profile. Default `draft-01`. */
  readonly revision?: Revision;
  /** Of event and general messages. Default 319 and 320. */
  readonly ports?: Ports;
  /** Addresses (canonical) that are one clock's, for PTP-S03. */
  readonly clocks?: readonly (readonly string[])[];
}

/** Plain data; only the functions here change it. */
export interface Lint {
  readonly profile: CheckProfile;
  readonly revision: Revision;
  readonly ports: Ports;
  readonly rules: ReadonlySet<RuleId>;
  readonly pairs: Pairs;
  readonly streams: Streams;
  readonly grants: Grants;
  readonly masters: Masters;
  readonly times: Times;
  /** Time of the first datagram, and the latest since. */
  firstNs: bigint | null;
  lastS: number;
  /** Datagrams seen lately, to know copies of them: when. */
  readonly recent: Map<string, number>;
  /** PTP messages that were judged; copies of them by a capture on several interfaces. */
  messages: number;
  copies: number;
}

export function createLint(options: LintOptions = {}): Lint {
  const { profile = 'default', revision = 'draft-01', ports = PTP_PORTS, clocks = [] } = options;
  return {
    ...{ profile, revision, ports },
    rules: rulesOf(profile, revision),
    pairs: createPairs(),
    streams: createStreams(),
    grants: createGrants(),
    masters: createMasters(clocks),
    times: createTimes(),
    firstNs: null,
    lastS: 0,
    recent: new Map(),
    messages: 0,
    copies: 0,
  };
}

/** A capture on several interfaces sees a datagram again within. (s) */
const COPY_S = 0.05;

/** Judges one datagram. Those that are not PTP are passed over. */
export function stepLint(lint: Lint, seen: Seen): Finding[] {
  const { ports } = lint;
  const isOurs = seen.dstPort === ports.event || seen.dstPort === ports.general;
  const isFromOurs = seen.srcPort === ports.event || seen.srcPort === ports.general;
  if (!isOurs && !isFromOurs) return [];
  const message = readMessage(seen.bytes);
  if (typeof message === 'string' && !isOurs) return [];
  lint.firstNs ??= seen.atNs;
  const atS = Number(seen.atNs - lint.firstNs) / 1e9;
  lint.lastS = Math.max(lint.lastS, atS);
  if (isCopy(lint, seen, atS)) {
    lint.copies++;
    return [];
  }
  lint.messages++;
  const findings: Finding[] = [];
  const tell = teller(lint, findings);
  expirePairs(lint.pairs, atS, false, tell);
  if (typeof message === 'string') {
    const { rule, text } = FAULTS[message];
    findings.push(findingOf(lint, rule, text, seen, null));
    return findings;
  }
  const { bytes, src, dst, dstPort, hops, atNs } = seen;
  const sender = portText(message.header.sourcePortIdentity);
  const isGroup = !isUnicast(dst);
  judge(lint, { ...{ atNs, atS, src, dst, dstPort, hops, bytes }, isGroup, message, sender }, tell);
  return findings;
}

function judge(lint: Lint, heard: Heard, tell: Tell): void {
  const { masters, revision, pairs, streams, grants, ports, profile } = lint;
  const { message, isGroup } = heard;
  const isEnterprise = profile === 'enterprise';
  if (heard.dstPort === ports.general) pairs.hasGeneral = true;
  checkWire(heard, ports, isEnterprise ? revision : null, tell);
  if (message.type === 'Announce') checkAnnounce(masters, { ...heard, message }, tell);
  checkGrants(grants, heard, tell);
  if (message.type === 'Signaling') restartStreams(streams, heard);
  checkStream(streams, heard, isGroup ? null : grantedLog(grants, heard), tell);
  checkPairs(pairs, heard, tell);
  checkTime(lint.times, heard, tell);
  if (isEnterprise) checkEnterprise(heard, { masters, revision, tell });
  const isTimed = !['Announce', 'Signaling', 'Management'].includes(message.type);
  if (isTimed && isGroup) tell('MP-21', heard, `it was sent to ${heard.dst}`);
}

/** No more datagrams: what is missing for good. */
export function endLint(lint: Lint): Finding[] {
  const findings: Finding[] = [];
  expirePairs(lint.pairs, lint.lastS, true, teller(lint, findings));
  return findings;
}

/** PTP right over Ethernet, which {@link stepLint} never sees. */
export function frameFinding(lint: Lint, atNs: bigint, mac: string): Finding[] {
  if (!lint.rules.has('EP-020')) return [];
  const about = { atNs, src: mac, dst: '' };
  return [findingOf(lint, 'EP-020', 'it was sent over Ethernet without IP', about, null)];
}

const teller =
  (lint: Lint, findings: Finding[]): Tell =>
  (rule, about, text) => {
    if (lint.rules.has(rule)) findings.push(findingOf(lint, rule, text, about, about));
  };

function findingOf(
  { revision }: Lint,
  rule: RuleId,
  text: string,
  { atNs, src, dst }: Pick<Kept, 'atNs' | 'src' | 'dst'>,
  heard: Kept | null,
): Finding {
  const { severity } = RULES[rule];
  return {
    ...{ rule, severity, section: sectionOf(rule, revision), atNs, src, dst },
    sender: heard?.sender ?? null,
    message: heard?.message.type ?? null,
    sequenceId: heard?.message.header.sequenceId ?? null,
    text,
  };
}

/** The same octets between the same addresses again at once: one datagram, captured twice. */
function isCopy({ recent }: Lint, seen: Seen, atS: number): boolean {
  let hash = 0x811c9dc5;
  for (const octet of seen.bytes) hash = Math.imul(hash ^ octet, 0x01000193);
  const key = `${seen.src} ${seen.dst} ${seen.dstPort} ${seen.bytes.length} ${hash}`;
  const before = recent.get(key);
  recent.delete(key);
  remember(recent, key, atS, 4096);
  return before !== undefined && Math.abs(atS - before) < COPY_S;
}

/** What `check` prints: findings as they come, and a table of the rules that were broken. */
import type { Finding } from '../check/finding.ts';
import { type Revision, RULES, type RuleId, sectionOf } from '../check/rules.ts';
import { remember } from '../check/waiting.ts';
import { timeText } from './json.ts';

export interface CheckReport {
  /** Text to print for these, '' for those that are only counted. */
  lines(findings: readonly Finding[]): string;
  /** The table at the end, or one line of JSON. `about` goes into both. */
  summary(about: Readonly<Record<string, number>>): string;
  readonly errors: number;
  readonly warnings: number;
}

export interface ReportOptions {
  readonly json: boolean;
  /** Show every finding, not only the first of each rule and sender. */
  readonly all: boolean;
  readonly revision: Revision;
}

/** Findings of one rule and one sender that are shown. */
const SHOWN = 3;

interface Count {
  count: number;
  readonly senders: Set<string>;
}

export function createCheckReport({ json, all, revision }: ReportOptions): CheckReport {
  const counts = new Map<RuleId, Count>();
  const shown = new Map<string, number>();
  let errors = 0;
  let warnings = 0;

  function isShown(finding: Finding): boolean {
    const sender = finding.sender ?? finding.src;
    const count = counts.get(finding.rule) ?? { count: 0, senders: new Set() };
    counts.set(finding.rule, count);
    count.count++;
    if (count.senders.size < 1000) count.senders.add(sender);
    if (finding.severity === 'error') errors++;
    else warnings++;
    const key = `${finding.rule} ${sender}`;
    const before = shown.get(key) ?? 0;
    remember(shown, key, before + 1);
    return all || before < SHOWN;
  }

  return {
    get errors() {
      return errors;
    },
    get warnings() {
      return warnings;
    },
    lines: (findings) =>
      findings
        .filter(isShown)
        .map((finding) => `${json ? jsonLine(finding) : textLine(finding)}\n`)
        .join(''),
    summary(about) {
      const rows = [...counts].map(([rule, { count, senders }]) => ({
        rule,
        severity: RULES[rule].severity,
        section: sectionOf(rule, revision),
        text: RULES[rule].text,
        count,
        senders: [...senders],
      }));
      if (json)
        return `${JSON.stringify({ check: { ...about, errors, warnings, rules: rows } })}\n`;
      const said = Object.entries(about).filter(([name, n]) => n > 0 || name === 'messages');
      const facts = said.map(([name, n]) => `${n} ${name}`).join(', ');
      const verdict =
        errors + warnings === 0 ? 'no rule broken' : `${errors} errors, ${warnings} warnings`;
      const lines = rows.map(
        ({ rule, severity, section, text, count, senders }) =>
          `  ${String(count).padStart(6)} × ${severity.padEnd(7)} ${rule}: ${text} (${section}); by ${listed(senders)}`,
      );
      return `${[`${facts}: ${verdict}`, ...lines].join('\n')}\n`;
    },
  };
}

function listed(senders: readonly string[]): string {
  const MOST = 4;
  const rest = senders.length > MOST ? ` and ${senders.length - MOST} more` : '';
  return senders.slice(0, MOST).join(', ') + rest;
}

function textLine(finding: Finding): string {
  const { rule, severity, section, src, dst, sender, message, sequenceId, text } = finding;
  const way = dst === '' ? src : `${src} > ${dst}`;
  const who = sender === null ? way : `${sender} (${way})`;
  const what = message === null ? 'datagram' : `${message} ${sequenceId}`;
  return `${timeOf(finding.atNs)} ${severity} ${who} ${what}: ${text} [${rule}, ${section}]`;
}

const jsonLine = ({ atNs, ...finding }: Finding): string =>
  JSON.stringify({ finding: { time: timeOf(atNs), ...finding } });

/** RFC 3339; seconds for times that no calendar has, as a damaged file may tell. */
export function timeOf(atNs: bigint): string {
  const second = atNs / 1_000_000_000n;
  if (second < 0n || second > 200_000_000_000n) return `${second}s`;
  return timeText(Number(second), Number(atNs % 1_000_000_000n));
}

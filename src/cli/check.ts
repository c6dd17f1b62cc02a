/** `clockbraid check`: PTP traffic in captures or on the wire, held against a profile's rules. */
import { stat } from 'node:fs/promises';
import process from 'node:process';
import type { Frame } from '../capture/frame.ts';
import { createCaptureReader } from '../capture/reader.ts';
import { createLint, endLint, type Lint, type LintOptions, stepLint } from '../check/lint.ts';
import { createFrameTally, type FrameTally, lintFrame } from '../check/packet.ts';
import { RULE_IDS, RULES, rulesOf, sectionOf } from '../check/rules.ts';
import { requireIp } from '../path.ts';
import type { Ipv6Scope } from '../ptp/groups.ts';
import { chooseHost } from '../udp/choose.ts';
import { type Args, type Command, UsageError } from './args.ts';
import { argsOfToml, checkPtpArgs } from './checkconfig.ts';
import { listen } from './checklive.ts';
import { type CheckReport, createCheckReport } from './checkreport.ts';
import { fileChunks, readText } from './files.ts';
import { type Io, pause } from './io.ts';
import { ptpCommand } from './ptp.ts';

/** Those of a clock, so that its command line can be checked as it is. */
const CLOCK_OPTIONS = Object.fromEntries(
  Object.entries(ptpCommand.options).map(([name, option]) => [
    name,
    { ...option, help: `ptp: ${option.help}` },
  ]),
);

export const checkCommand: Command = {
  name: 'check',
  summary: 'find what breaks a PTP profile in captures or live traffic',
  usage: 'FILE… | live ADDR… | ptp slave|master|boundary … | config FILE | rules [options]',
  positionals: { least: 1, most: 1024, name: 'FILE' },
  options: {
    ...CLOCK_OPTIONS,
    profile: {
      type: 'string',
      value: 'NAME',
      help: 'default (IEEE 1588, RFC 8039), mpptp (multipath throughout) or enterprise',
    },
    revision: {
      type: 'string',
      value: 'R',
      help: 'of the Enterprise Profile: draft-01 (default) or rfc9760',
    },
    clock: {
      type: 'string',
      multiple: true,
      value: 'IP,IP…',
      help: 'addresses of one clock (PTP-S03)',
    },
    seconds: { type: 'string', value: 'N', help: 'live: how long (default: until Ctrl-C)' },
    scope: { type: 'string', value: 'X', help: 'live: scope of the IPv6 group (default e)' },
    'event-port': { type: 'string', value: 'P', help: 'UDP port of event messages (default 319)' },
    'general-port': { type: 'string', value: 'P', help: 'of general messages (default 320)' },
    all: { type: 'boolean', help: 'show every finding, not only the first 3 per rule and sender' },
    strict: { type: 'boolean', help: 'warnings count as errors do' },
    json: { type: 'boolean', help: 'one line of JSON per finding, a summary line last' },
  },
  details: `FILE is a pcap or pcapng file; "-" is standard input. "live" joins the PTP groups on the
interfaces of ADDR and listens, sending nothing; what goes by unicast to others it cannot see.
"ptp" takes the options of "clockbraid ptp" and "config" a TOML file with a table [ptp] of them
(role, addresses, announce = 1, …): all that breaks the profile is listed, nothing is started.
"rules" lists the rules of the profile. Each finding says time, sender, message, what is wrong, and
where the rule stands. Exit codes: 0 clean, 1 rules broken (warnings: with --strict), no PTP at
all or a damaged file, 2 usage.

  clockbraid check capture.pcapng --profile enterprise
  clockbraid check ptp master 192.0.2.7 --sync -8 --announce 1 --profile enterprise
  clockbraid check live 192.0.2.7 --seconds 30 --profile enterprise --revision rfc9760`,
  run,
};

const PROFILES = ['default', 'mpptp', 'enterprise'] as const;
const REVISIONS = ['draft-01', 'rfc9760'] as const;
const SCOPES = [...'0123456789abcdef'] as Ipv6Scope[];
/** Between two updates of the progress line. (ms) */
const PROGRESS_MS = 500;

async function run(args: Args, io: Io): Promise<number> {
  const [first, ...rest] = args.positionals;
  const chosen = chosenOf(args);
  const { profile, revision } = chosen;
  if (first === 'rules') {
    if (rest.length > 0) throw new UsageError(`"clockbraid check rules" takes nothing more`);
    await io.out(ruleTable(args.flag('json'), chosen));
    return 0;
  }
  if (first === 'ptp') return configFound(rest, args, chosen, io);
  if (first === 'config') {
    const [file] = rest;
    if (file === undefined || rest.length > 1) {
      throw new UsageError('"clockbraid check config" takes 1 FILE');
    }
    const { positionals, args: told } = argsOfToml(checkCommand, await readText(file), file);
    const own = {
      profile: args.text('profile') === undefined ? chosenOf(told).profile : profile,
      revision: args.text('revision') === undefined ? chosenOf(told).revision : revision,
    };
    return configFound(positionals, told, own, io, args.flag('json'));
  }
  const options = { ...chosen, ...lintOptions(args) };
  const report = createCheckReport({ json: args.flag('json'), all: args.flag('all'), revision });
  let isSound = true;
  if (first === 'live') isSound = await checkLive(rest, args, io, options, report);
  else isSound = await checkFiles(args.positionals, io, options, report);
  io.err(`clockbraid: profile ${profile}${profile === 'enterprise' ? `, ${revision}` : ''}\n`);
  const isBroken = report.errors > 0 || (args.flag('strict') && report.warnings > 0);
  return isSound && !isBroken ? 0 : 1;
}

type Chosen = Pick<Required<LintOptions>, 'profile' | 'revision'>;

const chosenOf = (args: Args): Chosen => ({
  profile: args.choice('profile', 'default', PROFILES),
  revision: args.choice('revision', 'draft-01', REVISIONS),
});

/** @returns the exit code */
async function configFound(
  positionals: readonly string[],
  args: Args,
  { profile, revision }: Chosen,
  io: Io,
  json = args.flag('json'),
): Promise<number> {
  const name = profile === 'enterprise' ? 'enterprise' : 'default';
  const found = checkPtpArgs(positionals, args, name, revision);
  const lines = found.map(({ option, value, section, text }) =>
    json
      ? JSON.stringify({ finding: { option, value, section, text } })
      : `error ${option} ${value}: ${text} [${section}]`,
  );
  const errors = found.length;
  const summary = errors === 0 ? 'no rule broken' : `${errors} errors`;
  lines.push(json ? JSON.stringify({ check: { errors } }) : summary);
  await io.out(`${lines.join('\n')}\n`);
  return errors === 0 ? 0 : 1;
}

function lintOptions(args: Args): Pick<Required<LintOptions>, 'ports' | 'clocks'> {
  const port = (name: string, usual: number) =>
    args.number(name, usual, { least: 1, most: 65535, integer: true });
  const clocks = args
    .texts('clock')
    .map((text) => text.split(',').map((ip) => requireIp('--clock', ip.trim())));
  return {
    ports: { event: port('event-port', 319), general: port('general-port', 320) },
    clocks,
  };
}

/** @returns false if a file is damaged or holds no PTP */
async function checkFiles(
  files: readonly string[],
  io: Io,
  options: LintOptions,
  report: CheckReport,
): Promise<boolean> {
  let isSound = true;
  const about = { messages: 0, copies: 0, frames: 0, 'cut frames': 0 };
  for (const file of files) {
    const lint = createLint(options);
    const tally = createFrameTally();
    const problem = await checkFile(file, io, { lint, tally, report });
    if (problem !== null) io.err(`clockbraid: ${file}: ${problem}\n`);
    else if (lint.messages === 0) io.err(`clockbraid: ${file}: no PTP over UDP in it\n`);
    for (const [link, count] of tally.unread) {
      io.err(`clockbraid: ${file}: ${count} frames of link type ${link} were not read\n`);
    }
    if (problem !== null || lint.messages === 0) isSound = false;
    about.messages += lint.messages;
    about.copies += lint.copies;
    about.frames += tally.frames;
    about['cut frames'] += tally.cut;
    if (io.signal.aborted) break;
  }
  await io.out(report.summary(about));
  return isSound;
}

interface Checking {
  readonly lint: Lint;
  readonly tally: FrameTally;
  readonly report: CheckReport;
}

/** @returns what is wrong with the file, or null */
async function checkFile(file: string, io: Io, checking: Checking): Promise<string | null> {
  const { lint, tally, report } = checking;
  const reader = createCaptureReader();
  const progress = await createProgress(file, io);
  let text = '';
  const onFrame = (frame: Frame) => {
    text += report.lines(lintFrame(lint, tally, frame));
  };
  for await (const chunk of fileChunks(file)) {
    reader.push(chunk, onFrame);
    await io.out(text);
    text = '';
    progress(reader.octets, tally.frames);
    if (reader.problem !== null || io.signal.aborted) break;
  }
  progress(null, tally.frames);
  await io.out(report.lines(endLint(lint)));
  return io.signal.aborted ? null : reader.end();
}

/** A line on a terminal that says how far the reading is; null ends it. */
async function createProgress(
  file: string,
  io: Io,
): Promise<(octets: number | null, frames: number) => void> {
  if (process.stderr.isTTY !== true || file === '-') return () => {};
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  let lastMs = performance.now();
  let isDrawn = false;
  return (octets, frames) => {
    if (octets === null) {
      if (isDrawn) io.err('\r\x1b[K');
      return;
    }
    const nowMs = performance.now();
    if (nowMs - lastMs < PROGRESS_MS) return;
    lastMs = nowMs;
    isDrawn = true;
    const share = size > 0 ? `${Math.floor((100 * octets) / size)} %, ` : '';
    io.err(`\r\x1b[K${file}: ${share}${frames} frames`);
  };
}

/** @returns false if no PTP was heard */
async function checkLive(
  addresses: readonly string[],
  args: Args,
  io: Io,
  options: Required<LintOptions>,
  report: CheckReport,
): Promise<boolean> {
  if (addresses.length === 0) {
    throw new UsageError('"clockbraid check live" needs ADDR: an address of each interface');
  }
  const host = chooseHost();
  const seconds = args.number('seconds', Number.POSITIVE_INFINITY, { least: 0.1, most: 1e6 });
  const lint = createLint(options);
  const close = await listen({
    host,
    addresses: addresses.map((text) => requireIp('ADDR', text)),
    ports: options.ports,
    scope: args.choice('scope', 'e', SCOPES),
    onSeen: (seen) => void io.out(report.lines(stepLint(lint, seen))),
    onProblem: (text) => io.err(`clockbraid: ${text}\n`),
  });
  io.err(`clockbraid: listening on ${addresses.join(', ')}, ${host.name}\n`);
  for (let left = seconds * 1000; left > 0 && !io.signal.aborted; left -= 60_000) {
    await pause(Math.min(left, 60_000), io.signal);
  }
  await close();
  await io.out(report.lines(endLint(lint)));
  if (lint.messages === 0) io.err('clockbraid: no PTP was heard\n');
  await io.out(report.summary({ messages: lint.messages, copies: lint.copies }));
  return lint.messages > 0;
}

function ruleTable(json: boolean, { profile, revision }: Chosen): string {
  const holds = rulesOf(profile, revision);
  const rows = RULE_IDS.filter((id) => holds.has(id)).map((id) => ({
    id,
    severity: RULES[id].severity,
    section: sectionOf(id, revision),
    text: RULES[id].text,
  }));
  if (json) return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  return rows
    .map(
      ({ id, severity, section, text }) =>
        `${id.padEnd(23)} ${severity.padEnd(8)} ${text} (${section})\n`,
    )
    .join('');
}

/** `clockbraid doctor`: whether this machine, runtime and user have all that is worth having. */
import { readdir } from 'node:fs/promises';
import process from 'node:process';
import type { Daemon, Facts, LeapFact, PortFact } from '../doctor/facts.ts';
import { type Diagnosis, diagnose, isHealthy } from '../doctor/judge.ts';
import { canCapture, daemonOf, lostDatagrams, lostDatagrams6, whole } from '../doctor/procfs.ts';
import { ConfigError } from '../errors.ts';
import { parseLeapSeconds } from '../ptp/leapseconds.ts';
import { chooseHost } from '../udp/choose.ts';
import { codeOf } from '../udp/codes.ts';
import type { Clock, Host } from '../udp/udp.ts';
import { VERSION } from '../version.ts';
import type { Args, Command } from './args.ts';
import { readText } from './files.ts';
import type { Io } from './io.ts';
import { SYSTEM_LISTS } from './ptp.ts';
import { runtimeName } from './recordfile.ts';

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'look at clock, timestamps, permissions, other time programs, network settings',
  usage: '[--json]',
  positionals: { least: 0, most: 0, name: '' },
  options: { json: { type: 'boolean', help: 'as JSON, with the facts behind it' } },
  details: `It changes nothing; to see whether ports 123, 319 and 320 can be had it opens them for a moment.
Exit code 1 if there is a problem, 0 if there are notes at most. Deno shows /proc only with
--allow-all; what cannot be read is said to be not known.`,
  run,
};

/** Of the JSON. */
const DOCTOR_VERSION = 1;

async function run(args: Args, io: Io): Promise<number> {
  const facts = await factsOf(chooseHost());
  const diagnoses = diagnose(facts);
  const healthy = isHealthy(diagnoses);
  if (args.flag('json')) {
    const about = { version: DOCTOR_VERSION, clockbraid: VERSION, runtime: runtimeName() };
    await io.out(`${JSON.stringify({ doctor: { ...about, healthy, diagnoses, facts } })}\n`);
  } else {
    await io.out(`clockbraid ${VERSION} on ${runtimeName()}, ${facts.platform}\n`);
    await io.out(`${diagnoses.map(line).join('\n')}\n${summary(diagnoses)}\n`);
  }
  return healthy ? 0 : 1;
}

const line = ({ check, level, text }: Diagnosis): string =>
  `${level.padEnd(9)}${check.padEnd(14)}${text}`;

function summary(diagnoses: readonly Diagnosis[]): string {
  const count = (wanted: string) => diagnoses.filter(({ level }) => level === wanted).length;
  const problems = count('problem');
  const notes = count('note');
  const said = [
    ...(problems > 0 ? [`${problems} problem${problems === 1 ? '' : 's'}`] : []),
    ...(notes > 0 ? [`${notes} note${notes === 1 ? '' : 's'}`] : []),
  ];
  return said.length === 0 ? 'all is well' : said.join(', ');
}

async function factsOf(host: Host): Promise<Facts> {
  const sysctl = async (name: string) => whole((await read(`/proc/sys/net/${name}`)) ?? '');
  const [v4, v6] = [await read('/proc/net/snmp'), await read('/proc/net/snmp6')];
  const lost4 = lostDatagrams(v4 ?? '');
  const lost6 = lostDatagrams6(v6 ?? '');
  const isLinux = process.platform === 'linux';
  return {
    nowUnixS: host.clock.epochS + Math.floor(host.clock.now() / 1e9),
    platform: process.platform,
    clock: {
      ...readings(host.clock),
      source: await read('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
    },
    stamps: {
      host: host.name,
      whyPlain: host.whyPlain ?? null,
      hardware: isLinux ? await entries('/sys/class/ptp') : null,
    },
    ports: await tryPorts(host),
    canCapture: canCapture((await read('/proc/self/status')) ?? ''),
    daemons: await daemons(),
    leap: await leapFact(),
    hashPolicy: {
      ipv4: await sysctl('ipv4/fib_multipath_hash_policy'),
      ipv6: await sysctl('ipv6/fib_multipath_hash_policy'),
    },
    buffers: {
      usualBytes: await sysctl('core/rmem_default'),
      mostBytes: await sysctl('core/rmem_max'),
      lost: lost4 === null && lost6 === null ? null : (lost4 ?? 0) + (lost6 ?? 0),
    },
  };
}

/** A small file's text without the last line's end; null if it cannot be read. */
async function read(file: string): Promise<string | null> {
  try {
    return (await readText(file)).trimEnd();
  } catch {
    return null;
  }
}

async function entries(folder: string): Promise<string[] | null> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    return null;
  }
}

const READINGS = 4000;

function readings(clock: Clock): { stepNs: number; readNs: number } {
  for (let n = 0; n < READINGS; n++) clock.now(); // compiled by then
  const fromNs = clock.tick();
  let stepNs = Number.POSITIVE_INFINITY;
  let lastNs = clock.now();
  for (let n = 0; n < READINGS || !Number.isFinite(stepNs); n++) {
    const nextNs = clock.now();
    if (nextNs > lastNs) stepNs = Math.min(stepNs, nextNs - lastNs);
    lastNs = nextNs;
    if (n > 1e7) break;
  }
  const readNs = (clock.tick() - fromNs) / READINGS;
  return { stepNs: Math.round(stepNs), readNs: Math.round(readNs) };
}

/** NTP, PTP event, PTP general. */
const PORTS = [123, 319, 320];

async function tryPorts(host: Host): Promise<PortFact[]> {
  const facts: PortFact[] = [];
  for (const port of PORTS) {
    try {
      const handlers = { onDatagram: () => {}, onError: () => {} };
      const udp = await host.openUdp({ ip: '0.0.0.0', port }, handlers);
      await udp.close();
      facts.push({ port, code: null });
    } catch (error) {
      facts.push({ port, code: codeOf((error as { cause?: unknown }).cause) });
    }
  }
  return facts;
}

async function daemons(): Promise<Daemon[] | null> {
  const pids = ((await entries('/proc')) ?? []).filter((name) => /^\d+$/.test(name));
  if (pids.length === 0) return null;
  const found: Daemon[] = [];
  let known = 0;
  for (const pid of pids) {
    const comm = await read(`/proc/${pid}/comm`);
    if (comm === null) continue;
    known++;
    if (daemonOf(Number(pid), comm, '') === null) continue;
    const daemon = daemonOf(Number(pid), comm, (await read(`/proc/${pid}/cmdline`)) ?? '');
    if (daemon !== null) found.push(daemon);
  }
  return known === 0 ? null : found;
}

/** The first list that is there, as `ptp master` takes it. */
async function leapFact(): Promise<LeapFact> {
  let isHidden = false;
  for (const file of SYSTEM_LISTS) {
    try {
      const { expiresUnixS } = parseLeapSeconds(await readText(file), file);
      return { isHidden: false, file, expiresUnixS, problem: null };
    } catch (error) {
      if (error instanceof ConfigError) {
        return { isHidden: false, file, expiresUnixS: null, problem: error.message };
      }
      isHidden ||= codeOf((error as { cause?: unknown }).cause) !== 'ENOENT';
    }
  }
  return { isHidden, file: null, expiresUnixS: null, problem: null };
}

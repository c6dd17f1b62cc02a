/** `clockbraid ptp slave`, `master`, `boundary`: a PTP clock over one or many addresses. */
import { openBoundaryClock } from '../boundaryclock.ts';
import { COMBINERS } from '../core.ts';
import { ConfigError } from '../errors.ts';
import { formatSeconds } from '../format.ts';
import { type LeapTable, parseLeapSeconds } from '../ptp/leapseconds.ts';
import { PROFILE_NAMES } from '../ptp/profile.ts';
import { openPtpClock, type PtpClockOptions, type PtpEvents } from '../ptpclock.ts';
import { type Args, type Command, UsageError } from './args.ts';
import { boundaryOptions } from './boundary.ts';
import { CHRONY_OPTION, openChrony } from './chrony.ts';
import { DISCOVERY_OPTIONS, tellUntraced } from './discovery.ts';
import { readText } from './files.ts';
import { type Io, pause } from './io.ts';
import { ptpOptions } from './ptpargs.ts';
import { ptpTable } from './ptptable.ts';
import { type PtpView, viewOfBoundary, viewOfClock } from './ptpview.ts';
import { createRecordingFile } from './recordfile.ts';
import { hostOf, STAMPS_OPTION } from './stamps.ts';
import { clockLine } from './table.ts';

export const ptpCommand: Command = {
  name: 'ptp',
  summary: 'be a PTP slave, master or boundary clock on many addresses (RFC 8039)',
  usage:
    'slave|master ADDR… [options]\n       clockbraid ptp boundary --port ADDR[,OPTION…] --port ADDR[,OPTION…]… [options]',
  positionals: { least: 1, most: 65, name: '"slave" or "master" and ADDR, or "boundary"' },
  options: {
    port: {
      type: 'string',
      multiple: true,
      value: 'SPEC',
      help: 'of a boundary clock: ADDR[,ADDR…][,OPTION[=VALUE]…], options without --',
    },
    mode: {
      type: 'string',
      value: 'MODE',
      help: 'plain (all by multicast, one ADDR), single-ended or dual-ended',
    },
    master: {
      type: 'string',
      multiple: true,
      value: 'IP',
      help: 'unicast discovery: ask this address, send nothing by multicast',
    },
    unicast: { type: 'boolean', help: 'a master sends nothing by multicast' },
    'multicast-sync': { type: 'boolean', help: 'a master sends Syncs by multicast too' },
    'master-only': { type: 'boolean', help: 'a master that never yields to a better one' },
    hybrid: { type: 'boolean', help: 'a plain slave asks by unicast' },
    pairing: { type: 'string', value: 'P', help: 'dual-ended: mesh (default) or 1:1' },
    primary: { type: 'string', value: 'IP', help: 'primary of the addresses (default the first)' },
    profile: { type: 'string', value: 'NAME', help: `${PROFILE_NAMES.join(' (usual) or ')}` },
    revision: {
      type: 'string',
      value: 'REV',
      help: 'of the Enterprise Profile: draft-01 (usual) or rfc9760',
    },
    preferred: { type: 'boolean', help: 'enterprise: meant to be master, or else alternate' },
    alternate: { type: 'boolean', help: 'enterprise: alternate master while not the best' },
    'delay-mode': {
      type: 'string',
      value: 'MODE',
      help: 'enterprise master: multicast, unicast or hybrid (usual)',
    },
    'max-adjustment': {
      type: 'string',
      value: 'STEP',
      help: 'enterprise: what others may move this clock by in a Sync interval, e.g. 500ns',
    },
    acceptable: {
      type: 'string',
      multiple: true,
      value: 'ID',
      help: 'clockIdentity of a master to follow (default any)',
    },
    scope: { type: 'string', value: 'X', help: 'of the IPv6 group ff0X::181 (0..f, default e)' },
    management: { type: 'boolean', help: 'rfc9760: answer management messages' },
    'clock-identity': { type: 'string', value: 'ID', help: 'clockIdentity (default from the MAC)' },
    domain: {
      type: 'string',
      multiple: true,
      value: 'N',
      help: 'domainNumber (0..127, default 0); several are combined',
    },
    priority1: { type: 'string', value: 'N', help: '0..255 (default 128)' },
    priority2: { type: 'string', value: 'N', help: '0..255 (default 128)' },
    'clock-class': { type: 'string', value: 'N', help: 'of a master (0..254, default 248)' },
    announce: { type: 'string', value: 'LOG2S', help: 'Announce interval (-7..7, default 1)' },
    sync: { type: 'string', value: 'LOG2S', help: 'Sync interval (-7..7, default 0)' },
    delay: { type: 'string', value: 'LOG2S', help: 'Delay_Req interval (-7..7, default 0)' },
    'announce-timeout': { type: 'string', value: 'N', help: 'intervals (2..255, default 3)' },
    'grant-seconds': { type: 'string', value: 'N', help: 'asked for (10..1000, default 300)' },
    'delay-asymmetry': {
      type: 'string',
      multiple: true,
      value: '[ADDR=]NS',
      help: 'Syncs take NS longer than the mean way (of a path "remote|local", or an address)',
    },
    p2p: { type: 'boolean', help: 'peer-to-peer delay mechanism' },
    hops: { type: 'string', value: 'N', help: 'hop limit of multicast (1..255, default 1)' },
    'event-port': { type: 'string', value: 'P', help: 'UDP port of event messages (default 319)' },
    'general-port': { type: 'string', value: 'P', help: 'of general messages (default 320)' },
    'leap-file': {
      type: 'string',
      value: 'FILE',
      help: "leap-seconds.list (default the system's)",
    },
    combiner: { type: 'string', value: 'NAME', help: `${COMBINERS.join(', ')} (default braid)` },
    ...DISCOVERY_OPTIONS,
    ...STAMPS_OPTION,
    seconds: { type: 'string', value: 'N', help: 'stop after N seconds (default: on Ctrl-C)' },
    record: { type: 'string', value: 'FILE', help: 'write a recording, to replay later' },
    ...CHRONY_OPTION,
    json: { type: 'boolean', help: 'one status line of JSON per second' },
  },
  details: `ADDR are local addresses. Several make a single-ended slave (one clockIdentity each), or with
--mode dual-ended a clock with one identity on all; a master on several is dual-ended. Nothing sets or
steers the local clock; a master serves it as it is. Ports below 1024 need root or CAP_NET_BIND_SERVICE.

A boundary clock follows the best master on one port and serves what it makes of its time on the others,
which may differ in all but clock identity, domain, priorities, class and UDP ports: IPv4 and IPv6,
multicast and unicast. Options outside --port are for all its ports; slave-only is a port's alone.

  clockbraid ptp boundary --port 192.0.2.1 --port fd00::1,sync=-3,delay=-3
  clockbraid ptp boundary --port 192.0.2.1,mode=single-ended,master=192.0.2.9 --port 198.51.100.1,master-only
  clockbraid ptp master 127.0.0.1 --unicast --event-port 11319 --general-port 11320
  clockbraid ptp slave 127.0.0.2 127.0.0.3 --master 127.0.0.1 --event-port 11319 --general-port 11320`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const [role = '', ...addresses] = args.positionals;
  if (role !== 'slave' && role !== 'master' && role !== 'boundary') {
    throw new UsageError(`"clockbraid ptp" is for "slave", "master" or "boundary", not "${role}"`);
  }
  const isBoundary = role === 'boundary';
  if (isBoundary !== (addresses.length === 0)) {
    const wanted = isBoundary ? '--port ADDR, not ADDR' : 'ADDR';
    throw new UsageError(`"clockbraid ptp ${role}" takes ${wanted}; see "clockbraid ptp --help"`);
  }
  if (!isBoundary && args.texts('port').length > 0) {
    throw new UsageError('"--port" is for "clockbraid ptp boundary"');
  }
  const chronyPath = args.text('chrony');
  if (role !== 'slave' && chronyPath !== undefined) {
    throw new UsageError(`"--chrony" is not for "clockbraid ptp ${role}"`);
  }
  const host = hostOf(args, io);
  const seconds = args.number('seconds', Number.POSITIVE_INFINITY, { least: 0.1, most: 1e9 });
  const json = args.flag('json');
  const leapTable = await leapList(args.text('leap-file'), io);
  const combiner = args.choice('combiner', 'braid', COMBINERS);
  const open = openerOf(args, role, addresses);
  const startNs = host.clock.tick();
  const log = (text: string) => {
    const atS = (host.clock.tick() - startNs) / 1e9;
    const line = `clockbraid[${atS.toFixed(3)}]: ${text}\n`;
    if (json || io.isTty) io.err(line);
    else void io.out(line);
  };
  const chrony = chronyPath === undefined ? null : openChrony(chronyPath, '--chrony', host, log);
  const file = args.text('record');
  const recording = file === undefined ? null : await createRecordingFile(file, host, combiner);
  let opened: PtpView | null = null;
  const events = eventsOf(log, {
    ...recording?.events,
    onSample(sample, ensemble) {
      recording?.events.onSample?.(sample, ensemble);
      chrony?.onSample(sample, ensemble, () => opened?.leap() ?? 0);
    },
  });
  const ptp = await open({ leapTable, host, signal: io.signal, events });
  opened = ptp;
  if (args.flag('discovery')) tellUntraced(host, log);
  try {
    if (role !== 'slave') {
      const { problem } = ptp.status();
      if (problem !== null && args.text('profile') !== 'enterprise')
        log(`${problem}: serving UTC as an arbitrary timescale`);
    }
    const isSynchronized = await watch(ptp, io, { seconds, json, log });
    return role !== 'slave' || isSynchronized ? 0 : 1;
  } finally {
    await ptp.close();
    chrony?.close();
    await recording?.close();
  }
}

const MASTERS_OPTIONS = ['unicast', 'multicast-sync', 'master-only'];
const SLAVES_OPTIONS = ['hybrid', 'discovery'];

type Common = Pick<PtpClockOptions, 'leapTable' | 'host' | 'signal' | 'events'>;

/** Reads the options at once. Throws ConfigError, UsageError. */
function openerOf(
  args: Args,
  role: 'slave' | 'master' | 'boundary',
  addresses: readonly string[],
): (common: Common) => Promise<PtpView> {
  if (role !== 'boundary') {
    const others = role === 'slave' ? MASTERS_OPTIONS : SLAVES_OPTIONS;
    const misplaced = others.find((name) => args.flag(name));
    if (misplaced !== undefined) {
      throw new UsageError(`"--${misplaced}" is not for "clockbraid ptp ${role}"`);
    }
  }
  if (role === 'boundary') {
    if (args.flag('discovery')) {
      throw new UsageError('"--discovery" is not for "clockbraid ptp boundary"');
    }
    const options = boundaryOptions(args, ptpCommand.options);
    return async (common) => viewOfBoundary(await openBoundaryClock({ ...options, ...common }));
  }
  const options = ptpOptions(args, role, addresses);
  return async (common) => viewOfClock(await openPtpClock({ ...options, ...common }));
}

export const SYSTEM_LISTS = [
  '/usr/share/zoneinfo/leap-seconds.list',
  '/var/db/ntpd.leap-seconds.list',
  '/etc/ntp/leap-seconds.list',
];

/** The list of leap seconds, null if the system has none that can be read. Throws ConfigError. */
async function leapList(file: string | undefined, io: Io): Promise<LeapTable | null> {
  if (file !== undefined) return parseLeapSeconds(await readText(file), file);
  for (const name of SYSTEM_LISTS) {
    const text = await readText(name).catch(() => null);
    if (text === null) continue;
    try {
      return parseLeapSeconds(text, name);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      io.err(`clockbraid: ${error.message}\n`);
    }
  }
  return null;
}

function eventsOf(log: (text: string) => void, recorded: PtpEvents | undefined): PtpEvents {
  return {
    onSample: (sample, ensemble) => recorded?.onSample?.(sample, ensemble),
    onPort: ({ text }) => log(text),
    onPath(event) {
      recorded?.onPath?.(event);
      log(`path ${event.path} ${event.event}: ${event.reason}`);
    },
    onClockStep(byS) {
      recorded?.onClockStep?.(byS);
      log(`the local clock was stepped by ${formatSeconds(byS, true)}`);
    },
    onSocketError: (local, code) => log(`socket of ${local}: ${code}`),
  };
}

interface Watching {
  readonly seconds: number;
  readonly json: boolean;
  log(text: string): void;
}

/** Reports once a second until the time is up or Ctrl-C. @returns true if anything was measured */
async function watch(ptp: PtpView, io: Io, { seconds, json, log }: Watching): Promise<boolean> {
  const { clock } = ptp.host;
  const startNs = clock.tick();
  let drawn = 0;
  let taken = 0;
  for (let turn = 1; !io.signal.aborted; turn++) {
    const passedS = (clock.tick() - startNs) / 1e9;
    const dueS = Math.min(turn, seconds);
    await pause(Math.max(0, (dueS - passedS) * 1000), io.signal);
    const status = ptp.status();
    if (json) await io.out(`${ptp.json()}\n`);
    else if (io.isTty) {
      const lines = [
        ...status.head.map((line) => line.slice(0, io.columns)),
        '',
        ...ptpTable(status.paths, io.columns),
        '',
        clockLine(status.clock).slice(0, io.columns),
      ];
      await io.out(`${drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : ''}${lines.join('\n')}\n`);
      drawn = lines.length;
    } else {
      const { line } = status;
      const now = status.clock?.taken ?? 0;
      if (line !== null && now !== taken) log(line);
      taken = now;
    }
    if (dueS >= seconds) break;
  }
  const { paths, clock: combined } = ptp.status();
  if (!json && !io.isTty && paths.length > 0) {
    await io.out(`${[...ptpTable(paths, 200), clockLine(combined)].join('\n')}\n`);
  }
  return combined !== null;
}

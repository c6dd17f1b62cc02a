/** `clockbraid ptp slave` and `ptp master`: one PTP clock over one or many addresses. */
import { networkInterfaces } from 'node:os';
import { COMBINERS } from '../core.ts';
import { ConfigError } from '../errors.ts';
import { formatSeconds } from '../format.ts';
import { canonicalIp } from '../path.ts';
import { type LeapTable, parseLeapSeconds } from '../ptp/leapseconds.ts';
import { openPtpClock, type PtpClock, type PtpClockOptions, type PtpEvents } from '../ptpclock.ts';
import { type Args, type Command, UsageError } from './args.ts';
import { readText } from './files.ts';
import { type Io, pause } from './io.ts';
import { offsetLine, ptpStatusLine, ptpTable } from './ptptable.ts';
import { createRecordingFile } from './recordfile.ts';
import { hostOf, STAMPS_OPTION } from './stamps.ts';
import { clockLine } from './table.ts';

const LOG_INTERVAL = { least: -7, most: 4, integer: true };

export const ptpCommand: Command = {
  name: 'ptp',
  summary: 'be a PTP slave or master on one or many addresses (multipath PTP, RFC 8039)',
  usage: 'slave|master ADDR… [options]',
  positionals: { least: 2, most: 65, name: '"slave" or "master", and ADDR' },
  options: {
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
    'clock-identity': { type: 'string', value: 'ID', help: 'clockIdentity (default from the MAC)' },
    domain: { type: 'string', value: 'N', help: 'domainNumber (0..127, default 0)' },
    priority1: { type: 'string', value: 'N', help: '0..255 (default 128)' },
    priority2: { type: 'string', value: 'N', help: '0..255 (default 128)' },
    'clock-class': { type: 'string', value: 'N', help: 'of a master (0..254, default 248)' },
    announce: { type: 'string', value: 'LOG2S', help: 'Announce interval (-7..4, default 1)' },
    sync: { type: 'string', value: 'LOG2S', help: 'Sync interval (-7..4, default 0)' },
    delay: { type: 'string', value: 'LOG2S', help: 'Delay_Req interval (-7..4, default 0)' },
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
    ...STAMPS_OPTION,
    seconds: { type: 'string', value: 'N', help: 'stop after N seconds (default: on Ctrl-C)' },
    record: { type: 'string', value: 'FILE', help: 'write a recording, to replay later' },
    json: { type: 'boolean', help: 'one status line of JSON per second' },
  },
  details: `ADDR are local addresses. Several make a single-ended slave (one clockIdentity each), or with
--mode dual-ended a clock with one identity on all; a master on several is dual-ended. Nothing sets or
steers the local clock; a master serves it as it is. Ports below 1024 need root or CAP_NET_BIND_SERVICE.

  clockbraid ptp master 127.0.0.1 --unicast --event-port 11319 --general-port 11320
  clockbraid ptp slave 127.0.0.2 127.0.0.3 --master 127.0.0.1 --event-port 11319 --general-port 11320`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const [role, ...addresses] = args.positionals;
  if (role !== 'slave' && role !== 'master') {
    throw new UsageError(`"clockbraid ptp" is for "slave" or "master", not "${role}"`);
  }
  const host = hostOf(args, io);
  const seconds = args.number('seconds', Number.POSITIVE_INFINITY, { least: 0.1, most: 1e9 });
  const json = args.flag('json');
  const leapTable = await leapList(args.text('leap-file'), io);
  const options: PtpClockOptions = {
    ...optionsOf(args, role, addresses),
    leapTable,
    host,
    signal: io.signal,
  };
  const file = args.text('record');
  const recording =
    file === undefined ? null : await createRecordingFile(file, host, options.combiner ?? 'braid');
  const startNs = host.clock.tick();
  const log = (text: string) => {
    const atS = (host.clock.tick() - startNs) / 1e9;
    const line = `clockbraid[${atS.toFixed(3)}]: ${text}\n`;
    if (json || io.isTty) io.err(line);
    else void io.out(line);
  };
  const ptp = await openPtpClock({ ...options, events: eventsOf(log, recording?.events) });
  try {
    if (role === 'master') {
      const { problem } = ptp.status();
      if (problem !== null) log(`${problem}: serving UTC as an arbitrary timescale`);
    }
    const isSynchronized = await watch(ptp, io, { seconds, json, log });
    return role === 'master' || isSynchronized ? 0 : 1;
  } finally {
    await ptp.close();
    await recording?.close();
  }
}

function optionsOf(
  args: Args,
  role: 'slave' | 'master',
  addresses: readonly string[],
): PtpClockOptions {
  const masters = args.texts('master');
  const isUnicast = masters.length > 0 || args.flag('unicast');
  const several = role === 'slave' ? 'single-ended' : 'dual-ended';
  const usual = addresses.length > 1 ? several : isUnicast ? 'single-ended' : 'plain';
  const byte = (name: string) =>
    args.number(name, undefined, { least: 0, most: 255, integer: true });
  const port = (name: string, usualPort: number) =>
    args.number(name, usualPort, { least: 1, most: 65535, integer: true });
  const role3 = role === 'slave' ? 'slave' : args.flag('master-only') ? 'master' : 'any';
  const primary = args.text('primary');
  const clockIdentity = args.text('clock-identity');
  const mac = macOf(primary ?? addresses[0] ?? '');
  return {
    mode: args.choice('mode', usual, ['plain', 'single-ended', 'dual-ended']),
    role: role3,
    addresses,
    ...given({ primary, clockIdentity, mac }),
    ...(isUnicast && { masters }),
    ...(args.flag('multicast-sync') && { multicastSync: true }),
    ...(args.flag('hybrid') && { delayRequests: 'unicast' as const }),
    pairing: args.choice('pairing', 'mesh', ['mesh', '1:1']),
    clock: {
      domainNumber: args.number('domain', 0, { least: 0, most: 127, integer: true }),
      ...given({
        priority1: byte('priority1'),
        priority2: byte('priority2'),
        clockClass: args.number('clock-class', undefined, { least: 0, most: 254, integer: true }),
      }),
    },
    port: {
      logAnnounceInterval: args.number('announce', 1, LOG_INTERVAL),
      logSyncInterval: args.number('sync', 0, LOG_INTERVAL),
      logMinDelayReqInterval: args.number('delay', 0, LOG_INTERVAL),
      logMinPdelayReqInterval: args.number('delay', 0, LOG_INTERVAL),
      announceReceiptTimeout: args.number('announce-timeout', 3, {
        ...{ least: 2, most: 255, integer: true },
      }),
      delayMechanism: args.flag('p2p') ? 2 : 1,
    },
    ports: { event: port('event-port', 319), general: port('general-port', 320) },
    delayAsymmetryNs: asymmetries(args.texts('delay-asymmetry')),
    grantDurationS: args.number('grant-seconds', 300, { least: 10, most: 1000, integer: true }),
    hops: args.number('hops', 1, { least: 1, most: 255, integer: true }),
    combiner: args.choice('combiner', 'braid', COMBINERS),
  };
}

/** `NS` for all paths, `ADDR=NS` for some. */
function asymmetries(texts: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const text of texts) {
    const at = text.lastIndexOf('=');
    const ns = text.slice(at + 1).trim();
    if (!/^[+-]?[0-9]+(\.[0-9]+)?$/.test(ns)) {
      throw new UsageError(`--delay-asymmetry expects NS or ADDR=NS, not "${text}"`);
    }
    found[text.slice(0, Math.max(at, 0))] = Number(ns);
  }
  return found;
}

/** Only what was given. */
const given = <T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;

/** MAC address of the interface with this address; undefined for loopback and unknown ones. */
function macOf(address: string): string | undefined {
  const wanted = canonicalIp(address)?.replace(/%.*$/, '');
  for (const entry of Object.values(networkInterfaces()).flat()) {
    if (entry === undefined || canonicalIp(entry.address)?.replace(/%.*$/, '') !== wanted) continue;
    return entry.mac === '00:00:00:00:00:00' ? undefined : entry.mac;
  }
  return undefined;
}

const SYSTEM_LISTS = [
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
async function watch(ptp: PtpClock, io: Io, { seconds, json, log }: Watching): Promise<boolean> {
  const { clock } = ptp.host;
  const startNs = clock.tick();
  let drawn = 0;
  let taken = 0;
  for (let turn = 1; !io.signal.aborted; turn++) {
    const passedS = (clock.tick() - startNs) / 1e9;
    const dueS = Math.min(turn, seconds);
    await pause(Math.max(0, (dueS - passedS) * 1000), io.signal);
    const status = ptp.status();
    if (json) await io.out(`${ptpStatusLine(ptp)}\n`);
    else if (io.isTty) {
      const { datasets, state, serves } = status;
      const lines = [
        `clockbraid ptp  ${state}, ${datasets.defaultDS.clockIdentity} on ${status.host}, ${serves.length} grants served`,
        `grandmaster ${datasets.parentDS.grandmasterIdentity}, stepsRemoved ${datasets.currentDS.stepsRemoved}`,
        '',
        ...ptpTable(status.paths, io.columns),
        '',
        clockLine(status.clock).slice(0, io.columns),
      ];
      await io.out(`${drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : ''}${lines.join('\n')}\n`);
      drawn = lines.length;
    } else {
      const line = offsetLine(status);
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

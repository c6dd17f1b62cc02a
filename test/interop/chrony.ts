/**
 * chronyd in a lab, as server and as client; `-x` keeps it off the clock, see also spawn.ts.
 * Fields as chronyc(1) says, in our units.
 */
import { join } from 'node:path';
import {
  type ClientOptions,
  type Peer,
  peerOf,
  ready,
  type ServerOptions,
  writeConfig,
} from './daemon.ts';
import type { Ground } from './ground.ts';
import { PROGRAMS } from './require.ts';
import { run, runOk } from './spawn.ts';

/** One line of `chronyc sources`. */
export interface ChronySource {
  ip: string;
  /** `*` selected, `+` combined, `-` not combined, `?` unusable, `x` falseticker, `~` variable. */
  state: string;
  stratum: number;
  pollLog2S: number;
  /** Eight last polls, 255 = all answered. */
  reach: number;
  /** Last measured offset, adjusted by what chronyd believes since. (s) */
  offsetS: number;
  /** Its error margin. (s) */
  errorS: number;
}

/** What `chronyc ntpdata` says of the last packet of a source, and its counts. */
export interface ChronyData {
  ip: string;
  localIp: string;
  leap: string;
  mode: string;
  stratum: number;
  refid: string;
  offsetS: number;
  delayS: number;
  /** RFC 5905 packet tests 1–3, 5–7, A–D: `1` passed. */
  tests: string;
  interleaved: boolean;
  sent: number;
  received: number;
  valid: number;
}

export interface ChronydClient extends Peer {
  sources(): Promise<ChronySource[]>;
  ntpdata(): Promise<ChronyData[]>;
}

export interface ChronydServer extends Peer {
  /** NTP requests received, and those of them its rate limit left without an answer. */
  served(): Promise<{ received: number; dropped: number }>;
}

/** A chronyd that serves its own clock on every address of the host. Ready when it returns. */
export async function chronydServer(
  lab: Pick<Ground, 'scratch' | 'start'>,
  ns: string,
  { stratum = 1, extra = [] }: ServerOptions = {},
): Promise<ChronydServer> {
  const lines = [`local stratum ${stratum}`, 'allow all', 'port 123', ...extra];
  const { ask, ...peer } = await chronyd(lab, ns, 'chronyd-server', lines);
  return {
    ...peer,
    async served() {
      const [[received, dropped] = []] = await ask('serverstats');
      return { received: Number(received), dropped: Number(dropped) };
    },
  };
}

/** A chronyd that polls `servers`; returns when it runs, not when it is synchronised. */
export async function chronydClient(
  lab: Pick<Ground, 'scratch' | 'start'>,
  ns: string,
  servers: readonly string[],
  { pollLog2S = -4, localIps = [], xleave = false, extra = [] }: ClientOptions = {},
): Promise<ChronydClient> {
  const poll = `minpoll ${pollLog2S} maxpoll ${pollLog2S} iburst${xleave ? ' xleave' : ''}`;
  const lines = servers.map((server) => `server ${server} ${poll}`);
  lines.push(...localIps.map((ip) => `bindacqaddress ${ip}`));
  const { ask, ...peer } = await chronyd(lab, ns, 'chronyd-client', [...lines, 'port 0', ...extra]);
  return {
    ...peer,
    sources: async () => (await ask('sources')).map(chronySource),
    ntpdata: async () => (await ask('ntpdata')).map(chronyData),
  };
}

async function chronyd(
  lab: Pick<Ground, 'scratch' | 'start'>,
  ns: string,
  name: string,
  lines: readonly string[],
) {
  const folder = lab.scratch(name);
  const socket = join(folder, 'cmd.sock');
  const file = writeConfig(folder, [
    'user root',
    ...lines,
    'cmdport 0',
    `bindcmdaddress ${socket}`,
    `pidfile ${join(folder, 'pid')}`,
  ]);
  const running = lab.start(ns, [PROGRAMS.chronyd, '-x', '-d', '-f', file]);
  const argv = [PROGRAMS.chronyc, '-c', '-n', '-h', socket];
  await ready(name, running, async () => (await run(ns, [...argv, 'tracking'])).code === 0);
  return {
    ...peerOf(running),
    /** The lines of a chronyc report, each split at its commas. */
    async ask(report: string): Promise<string[][]> {
      const text = await runOk(ns, [...argv, report]);
      return text
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split(','));
    },
  };
}

function chronySource(fields: string[]): ChronySource {
  const [, state = '', ip = '', stratum, poll, reach = '', , adjusted, , error] = fields;
  return {
    ip,
    state,
    stratum: Number(stratum),
    pollLog2S: Number(poll),
    reach: Number.parseInt(reach, 8),
    offsetS: Number(adjusted),
    errorS: Number(error),
  };
}

function chronyData(fields: string[]): ChronyData {
  const at = (n: number) => fields[n] ?? '';
  return {
    ip: at(0),
    localIp: at(3),
    leap: at(5),
    mode: at(7),
    stratum: Number(at(8)),
    refid: at(15),
    offsetS: Number(at(18)),
    delayS: Number(at(19)),
    tests: at(23) + at(24) + at(25),
    interleaved: at(26) === 'Yes',
    sent: Number(at(30)),
    received: Number(at(31)),
    valid: Number(at(32)),
  };
}

export interface ChronydSock extends ChronydClient {
  /** Where it takes samples. */
  socket: string;
  /** Seconds its reference is ahead of the system's clock (`slow of NTP time`), leap status. */
  tracking(): Promise<{ refid: string; aheadS: number; leap: string }>;
  /** What its source says of a leap second: `Normal`, `Insert second`, `Delete second`. */
  leap(): Promise<string>;
}

/** A chronyd that knows no source but samples on a socket. */
export async function chronydSock(
  lab: Pick<Ground, 'scratch' | 'start'>,
  ns: string,
  { refclock = 'poll 1 filter 4', socket = join(lab.scratch('sock'), 'mpts.sock') } = {},
): Promise<ChronydSock> {
  const lines = [`refclock SOCK ${socket} refid MPTS ${refclock}`, 'port 0'];
  const { ask, ...peer } = await chronyd(lab, ns, 'chronyd-sock', lines);
  return {
    ...peer,
    socket,
    sources: async () => (await ask('sources')).map(chronySource),
    ntpdata: async () => (await ask('ntpdata')).map(chronyData),
    async leap() {
      const [fields = []] = await ask('selectdata');
      return fields.at(-1) ?? '';
    },
    async tracking() {
      const [fields = []] = await ask('tracking');
      return { refid: fields[1] ?? '', aheadS: Number(fields[4]), leap: fields[13] ?? '' };
    },
  };
}

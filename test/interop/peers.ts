/**
 * Stock peers in a lab: chronyd and ntpd (ntpsec) as server and as client, each with a folder of
 * its own and no way to touch the clock (`-x`; `disable ntp`; and none has CAP_SYS_TIME).
 * Signs and units are translated to ours: offset in s. Fields as chronyc(1) and ntpq(1) say.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { NTPQ_ENV, PROGRAMS } from './require.ts';
import { type Running, run, runOk, until } from './spawn.ts';

/** A running peer. */
export interface Peer {
  /** Everything it has said so far. */
  log(): string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** 1–15 (default 1) */
  stratum?: number;
  /** More lines for its configuration file. */
  extra?: readonly string[];
}

export interface ClientOptions {
  /** Poll exponent, fixed. (log2 s; default: the fastest each can, chronyd −4, ntpd 0) */
  pollLog2S?: number;
  /** Source addresses, at most one per family. (default: what the route to the server says) */
  localIps?: readonly string[];
  extra?: readonly string[];
}

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

/** One line of `ntpq -pn`. */
export interface NtpdPeer {
  ip: string;
  /** Tally: `*` system peer, `+` combined, `-` outlier, `x` falseticker, ` ` rejected. */
  state: string;
  stratum: number;
  reach: number;
  delayS: number;
  offsetS: number;
  jitterS: number;
}

export interface ChronydClient extends Peer {
  sources(): Promise<ChronySource[]>;
  ntpdata(): Promise<ChronyData[]>;
}

export interface NtpdClient extends Peer {
  peers(): Promise<NtpdPeer[]>;
  /** System variables (`rv`), as text. */
  variables(): Promise<Record<string, string>>;
}

/**
 * Waits until a client has selected a source (`*`) whose offset is within `boundS` of the truth
 * (0 in a lab), and has reached them all.
 * @returns all its sources then
 */
export function settled<T extends { state: string; reach: number; offsetS: number }>(
  ask: () => Promise<T[]>,
  boundS: number,
): Promise<T[]> {
  let last: T[] = [];
  return until(
    'a source selected, within the bound, and all reached',
    async () => {
      last = await ask();
      const selected = last.find(({ state }) => state === '*');
      const near = selected !== undefined && Math.abs(selected.offsetS) < boundS;
      return near && last.every(({ reach }) => reach > 0) && last;
    },
    { timeoutMs: 30_000, everyMs: 200, detail: () => JSON.stringify(last) },
  );
}

/** A chronyd that serves its own clock on every address of the host. Ready when it returns. */
export async function chronydServer(
  lab: Lab,
  ns: string,
  { stratum = 1, extra = [] }: ServerOptions = {},
): Promise<Peer> {
  const lines = [`local stratum ${stratum}`, 'allow all', 'port 123', ...extra];
  return await chronyd(lab, ns, 'chronyd-server', lines);
}

/** A chronyd that polls `servers`; returns when it runs, not when it is synchronised. */
export async function chronydClient(
  lab: Lab,
  ns: string,
  servers: readonly string[],
  { pollLog2S = -4, localIps = [], extra = [] }: ClientOptions = {},
): Promise<ChronydClient> {
  const poll = `minpoll ${pollLog2S} maxpoll ${pollLog2S} iburst`;
  const lines = servers.map((server) => `server ${server} ${poll}`);
  lines.push(...localIps.map((ip) => `bindacqaddress ${ip}`));
  const { ask, ...peer } = await chronyd(lab, ns, 'chronyd-client', [...lines, 'port 0', ...extra]);
  return {
    ...peer,
    sources: async () => (await ask('sources')).map(chronySource),
    ntpdata: async () => (await ask('ntpdata')).map(chronyData),
  };
}

async function chronyd(lab: Lab, ns: string, name: string, lines: readonly string[]) {
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

/**
 * An ntpd that serves its own clock on every address of the host. Ready, that is an orphan which
 * has stopped answering LI 3, stratum 0, `INIT`, when it returns.
 */
export async function ntpdServer(
  lab: Lab,
  ns: string,
  { stratum = 1, extra = [] }: ServerOptions = {},
): Promise<Peer> {
  // With `disable ntp` a local reference clock never clears LI 3; orphan mode does.
  const lines = [`tos orphan ${stratum} orphanwait 1`, ...extra];
  const server = await ntpd(lab, ns, 'ntpd-server', lines);
  await until(
    'ntpd server says it is synchronised',
    async () => (await server.variables()).leap === '00',
    { detail: server.log },
  );
  return server;
}

/** An ntpd that polls `servers`; returns when it runs, not when it is synchronised. */
export async function ntpdClient(
  lab: Lab,
  ns: string,
  servers: readonly string[],
  { pollLog2S = 0, localIps = [], extra = [] }: ClientOptions = {},
): Promise<NtpdClient> {
  const poll = `minpoll ${pollLog2S} maxpoll ${pollLog2S} iburst`;
  const lines = servers.map((server) => `server ${server} ${poll}`);
  if (localIps.length > 0) {
    const listen = [...localIps, '127.0.0.1'].map((ip) => `interface listen ${ip}`);
    lines.push('interface ignore all', ...listen);
  }
  return await ntpd(lab, ns, 'ntpd-client', [...lines, ...extra]);
}

async function ntpd(lab: Lab, ns: string, name: string, lines: readonly string[]) {
  const folder = lab.scratch(name);
  const file = writeConfig(folder, [
    'disable ntp',
    'disable kernel',
    'tinker panic 0',
    // By default ntpsec drops what is over 1/s per client and refuses queries.
    'unrestrict default limited',
    'restrict 127.0.0.1',
    ...lines,
    `driftfile ${join(folder, 'drift')}`,
    `pidfile ${join(folder, 'pid')}`,
    `statsdir ${folder}/`,
  ]);
  const running = lab.start(ns, [PROGRAMS.ntpd, '-n', '-c', file]);
  const peer = peerOf(running);
  const ask = (...query: string[]) =>
    run(ns, [PROGRAMS.ntpq, ...query, '127.0.0.1'], { env: NTPQ_ENV, timeoutMs: 5_000 });
  // Asking too early costs ntpq's own 5 s timeout.
  await ready(name, running, () => peer.log().includes('Listen normally'));
  await ready(name, running, async () => (await ask('-c', 'rv 0 leap')).stdout.includes('leap='));
  return {
    ...peer,
    peers: async () => ntpqPeers((await ask('-pn')).stdout),
    async variables() {
      const { stdout } = await ask('-c', 'rv');
      const all = stdout.matchAll(/(\w+)=("[^"]*"|[^,\s]+)/g);
      return Object.fromEntries([...all].map(([, key, value]) => [key, value])) as Record<
        string,
        string
      >;
    },
  };
}

/** `remote refid st t when poll reach delay offset jitter`, after a tally character; ms. */
function ntpqPeers(text: string): NtpdPeer[] {
  const lines = text.trimEnd().split('\n').slice(2);
  return lines.map((line) => {
    const fields = line.slice(1).trim().split(/\s+/);
    const [stratum, , , , reach = '', delay, offset, jitter] = fields.slice(-8);
    return {
      ip: fields[0] ?? '',
      state: line.slice(0, 1),
      stratum: Number(stratum),
      reach: Number.parseInt(reach, 8),
      delayS: Number(delay) / 1e3,
      offsetS: Number(offset) / 1e3,
      jitterS: Number(jitter) / 1e3,
    };
  });
}

function writeConfig(folder: string, lines: readonly string[]): string {
  const file = join(folder, 'conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function peerOf(running: Running): Peer {
  return {
    log: () => running.stdout() + running.stderr(),
    stop: async () => {
      await running.stop();
    },
  };
}

/** Waits for `probe`, and no longer than the program lives. */
async function ready(name: string, running: Running, probe: () => boolean | Promise<boolean>) {
  let ended = false;
  running.exited.then(() => {
    ended = true;
  });
  const detail = () => running.stdout() + running.stderr();
  await until(
    `${name} ready`,
    async () => {
      if (ended) throw new Error(`${name} ended at once:\n${detail()}`);
      return await probe();
    },
    { everyMs: 20, detail },
  );
}

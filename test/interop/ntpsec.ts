/**
 * ntpd (ntpsec) in a lab, as server and as client; `disable ntp` keeps it off the clock, though
 * it still tries ntp_adjtime() once at start: what stops that is spawn.ts. Fields as ntpq(1) says.
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
import type { Lab } from './lab.ts';
import { NTPQ_ENV, PROGRAMS } from './require.ts';
import { run, until } from './spawn.ts';

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

export interface NtpdClient extends Peer {
  peers(): Promise<NtpdPeer[]>;
  /** System variables (`rv`), as text. */
  variables(): Promise<Record<string, string>>;
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

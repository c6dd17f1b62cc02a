/** `clockbraid paths` in a diamond against a stock chronyd, and what scamper says of the same flows. */
import { join, resolve } from 'node:path';
import process from 'node:process';
import { pathParts } from '../../src/path.ts';
import { bundleProgram, folderInBuild } from '../bundle.ts';
import { type ChronydServer, chronydServer } from './chrony.ts';
import type { Diamond } from './diamond.ts';
import type { Line } from './paths.program.ts';
import { ROUTE_PROGRAMS } from './require.ts';
import { describe, type Running, run, runOk, until } from './spawn.ts';

export const NTP = 123;
const PROGRAM = resolve('build', 'clockbraid.js');

export interface FoundPath {
  path: `${string}|${string}`;
  localPort: number;
  route: number;
  end: string;
  hops: { routers: string[]; delay: number | null }[];
  delay: number | null;
  state: string;
  why: string | null;
}

/** What `clockbraid paths --json` prints. */
export interface FoundPaths {
  paths: FoundPath[];
  folds: { remoteIps: string[]; isTranslated: boolean }[];
  localFolds: string[][];
  joins: { remoteIp: string; routerIp: string; localEnds: string[]; hops: number }[];
  forks: { routerIp: string | null; nextIps: string[]; isByPort: boolean }[];
}

/** Runs `body` while a chronyd serves. `extra`: more of its configuration. */
export async function withChronyd<T>(
  diamond: Diamond,
  body: (server: ChronydServer) => Promise<T>,
  extra: readonly string[] = [],
): Promise<T> {
  const server = await chronydServer(diamond, diamond.server, { extra });
  try {
    return await body(server);
  } finally {
    await server.stop();
  }
}

export async function tracePaths(
  { client }: Diamond,
  args: readonly string[],
): Promise<FoundPaths> {
  const argv = [process.execPath, PROGRAM, 'paths', '--json', ...args];
  const result = await run(client, argv, { timeoutMs: 50_000 });
  if (result.code !== 0) throw new Error(describe(argv, result));
  return JSON.parse(result.stdout) as FoundPaths;
}

/** The client of paths.program.ts; `folder` is the caller's to remove. */
export function bundlePathsProgram(): { folder: string; bundled: Promise<string> } {
  const folder = folderInBuild('paths');
  const program = join(folder, 'program.mjs');
  const file = 'test/interop/paths.program.ts';
  return { folder, bundled: bundleProgram({ file }, program).then(() => program) };
}

/** What that client says after a round. */
export const roundOf = (client: Running, n: number): Promise<Line> =>
  until(
    `round ${n}`,
    () =>
      client
        .stdout()
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as Line)
        .find(({ round }) => round === n),
    { detail: () => client.stdout() + client.stderr() },
  );

/** The one router of each hop, `?` where there is none or more. */
export const routersOf = ({ hops }: FoundPath): string[] =>
  hops.map(({ routers }) => (routers.length === 1 ? (routers[0] ?? '?') : '?'));

interface ScamperTrace {
  type: string;
  stop_reason: string;
  hops?: { addr: string; probe_ttl: number }[];
}

/**
 * The client's kernel writes all of a checksum itself: scamper knows its IPv6 probes again by it, and
 * between veths it would never be finished.
 */
export async function wholeChecksums({ client }: Diamond): Promise<void> {
  await runOk(client, [ROUTE_PROGRAMS.ethtool, '-K', 'n0', 'tx', 'off']);
}

/**
 * The routers scamper sees. Nobody may hold the port here, nor listen on the other one: only ICMP
 * ends a trace of scamper's.
 * @param method `udp-paris` keeps both ports, `udp` counts the remote one up
 */
export async function scamper(
  { client }: Diamond,
  { path, localPort }: FoundPath,
  method: 'udp-paris' | 'udp',
  firstPort = NTP,
): Promise<string[]> {
  const { remoteIp, localIp } = pathParts(path);
  const ports = ['-s', `${localPort}`, '-d', `${firstPort}`];
  const trace = ['trace', '-P', method, ...ports, '-S', localIp, '-w', '1', '-q', '2', '-m', '8'];
  const argv = [ROUTE_PROGRAMS.scamper, '-O', 'json', '-o', '-', '-c', trace.join(' ')];
  const result = await run(client, [...argv, '-i', remoteIp]);
  const found = result.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as ScamperTrace)
    .find(({ type }) => type === 'trace');
  if (result.code !== 0 || found?.stop_reason !== 'COMPLETED') {
    throw new Error(describe([...argv, '-i', remoteIp], result));
  }
  const hops: string[] = [];
  for (const { addr, probe_ttl: hop } of found.hops ?? []) hops[hop - 1] ??= addr;
  return hops.filter((addr) => addr !== remoteIp);
}

/**
 * Requests/s of NTP servers on loopback: ours in each runtime and, as a measure, chronyd if it is
 * here. Server and load generator are processes of their own; servers take turns in every round.
 */
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadFigures } from './load.ts';
import { threadSecondsOf, watchOthers } from './machine.ts';
import { COMMANDS, freePort, type Runtime, start, stop, type Worker } from './processes.ts';

export interface ServerRound {
  readonly answered: number;
  readonly tookS: number;
  /** null where there is no /proc. */
  readonly serverCpuS: number | null;
  readonly loadCpuS: number;
  readonly lost: number;
  readonly wrong: number;
}

export interface ServerFigures {
  readonly name: string;
  /** null: not ours. */
  readonly runtime: Runtime | null;
  readonly rounds: readonly ServerRound[];
}

export interface ServerBench {
  readonly servers: readonly ServerFigures[];
  /** What was left out, and why. */
  readonly missing: readonly string[];
  /** Cores that other processes used meanwhile; null: unknown. */
  readonly othersCores: number | null;
}

export interface ServerOptions {
  readonly runtimes: readonly Runtime[];
  /** A worker in Node that will be asked for load. */
  readonly generator: Worker;
  readonly rounds: number;
  readonly roundMs: number;
  readonly window: number;
  onProgress(text: string): void;
}

interface Target extends Pick<ServerFigures, 'name' | 'runtime'> {
  readonly port: number;
  readonly child: ChildProcess;
}

const PROGRAM = 'build/clockbraid.js';
/** A server ends by itself after this, whatever becomes of the bench. */
const LIFE_S = 300;
const START_MS = 15_000;
/** Bound of one round beside its time. */
const MOST_ANSWERS = 2_000_000;

export async function serverBench(options: ServerOptions): Promise<ServerBench> {
  const targets: Target[] = [];
  const missing: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'clockbraid-bench-'));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', clean);
  try {
    const chronyd = await startChronyd(folder);
    if (typeof chronyd === 'string') missing.push(`chronyd: ${chronyd}`);
    else targets.push(chronyd); // first: the others are held to it
    for (const way of WAYS) {
      for (const runtime of options.runtimes) targets.push(await startOurs(runtime, way));
    }
    const rounds = targets.map((): ServerRound[] => []);
    const others = watchOthers();
    // round 0 warms up and does not count
    for (let round = 0; round <= options.rounds; round++) {
      options.onProgress(round === 0 ? 'warming up' : `round ${round} of ${options.rounds}`);
      for (const [index, target] of targets.entries()) {
        const figures = await oneRound(target, options);
        if (round > 0) rounds[index]?.push(figures);
      }
    }
    return {
      servers: targets.map(({ name, runtime }, index) => ({
        name,
        runtime,
        rounds: rounds[index] ?? [],
      })),
      missing,
      othersCores: others(), // now: the CPU time of what is stopped cannot be told from others'
    };
  } finally {
    await Promise.all(targets.map(({ child }) => stop(child)));
    process.off('exit', clean);
    clean();
  }
}

async function oneRound(target: Target, options: ServerOptions): Promise<ServerRound> {
  const pid = target.child.pid ?? 0;
  const before = threadSecondsOf(pid);
  const load = await options.generator.ask<LoadFigures>({
    ask: 'load',
    load: {
      port: target.port,
      window: options.window,
      mostMs: options.roundMs,
      mostAnswers: MOST_ANSWERS,
    },
  });
  const after = threadSecondsOf(pid);
  const { answered, lost, wrong } = load;
  return {
    answered,
    lost,
    wrong,
    tookS: load.tookMs / 1e3,
    loadCpuS: load.cpuMs / 1e3,
    serverCpuS: before === null || after === null ? null : after - before,
  };
}

/** How ours can serve: in its event loop with plain or kernel stamps, or with a worker. */
const WAYS = [
  { name: 'plain stamps', args: ['--stamps', 'plain'] },
  { name: 'kernel stamps', args: ['--stamps', 'kernel'] },
  { name: '1 worker', args: ['--workers', '1'] },
] as const;

/** Our server in one runtime, on a free port, which it tells on stderr. */
async function startOurs(runtime: Runtime, way: (typeof WAYS)[number]): Promise<Target> {
  const options = ['--port', '0', '--stratum', '1', '--rate', 'off', '--seconds', String(LIFE_S)];
  options.push(...way.args);
  const child = start([...COMMANDS[runtime], PROGRAM, 'serve', '127.0.0.1', ...options], 'server');
  let said = '';
  const port = await new Promise<number>((resolve, reject) => {
    const limit = setTimeout(() => fail('was not ready in time'), START_MS);
    const fail = (why: string) => {
      clearTimeout(limit);
      reject(new Error(`server in ${runtime} ${why}: ${said.trim()}`));
    };
    child.once('error', (error) => fail(error.message));
    child.once('exit', () => fail('ended at once'));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const found = /serving on 127\.0\.0\.1:(\d+)/.exec(said);
      if (found === null) return;
      clearTimeout(limit);
      resolve(Number(found[1]));
    });
    child.stdout?.resume();
  }).catch(async (error: unknown) => {
    await stop(child);
    throw error;
  });
  return { name: way.name, runtime, port, child };
}

/** chronyd with a clock of its own that it must not touch, or why there is none. */
async function startChronyd(folder: string): Promise<Target | string> {
  const peers = process.env.CLOCKBRAID_PEERS ?? '/opt/clockbraid-peers';
  const path = (process.env.PATH ?? '').split(':');
  const program = [join(peers, 'usr/sbin'), ...path, '/usr/sbin', '/sbin']
    .map((place) => join(place, 'chronyd'))
    .find(isExecutable);
  if (program === undefined) return `not found under ${peers} or in PATH`;
  const port = await freePort();
  const file = join(folder, 'chrony.conf');
  const lines = [
    `user ${process.env.USER ?? 'root'}`,
    'local stratum 1',
    'allow 127.0.0.0/8',
    'bindaddress 127.0.0.1',
    `port ${port}`,
    'cmdport 0',
    `bindcmdaddress ${join(folder, 'cmd.sock')}`,
    `pidfile ${join(folder, 'pid')}`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  // -x: never touches the clock; as root also without the right to (PEERS: all daemons)
  const root = process.getuid?.() === 0;
  const without = ['setpriv', '--bounding-set=-sys_time', '--inh-caps=-sys_time', '--'];
  const argv = [
    ...(root ? without : []),
    program,
    '-x',
    '-U',
    '-d',
    '-t',
    String(LIFE_S),
    '-f',
    file,
  ];
  const child = start(argv, 'server');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  child.once('error', (error) => {
    said += error.message;
  });
  for (let waited = 0; waited < START_MS; waited += 50) {
    if (child.exitCode !== null || child.pid === undefined) break;
    if (await answers(port)) return { name: 'chronyd', runtime: null, port, child };
    await sleep(50);
  }
  await stop(child);
  return `${program} did not start: ${said.trim().split('\n').at(-1) ?? ''}`;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** True if an NTP request to the port is answered at once. */
async function answers(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  const request = new Uint8Array(48);
  request[0] = 0x23;
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('message', () => resolve(true));
      socket.once('error', () => resolve(false));
      setTimeout(() => resolve(false), 100);
      socket.send(request, port, '127.0.0.1');
    });
  } finally {
    socket.close();
  }
}

/** PTP masters on loopback, under load: ours in each runtime and, where it may run, stock ptp4l. */
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { writeConfig } from '../test/interop/daemon.ts';
import { onSite } from '../test/interop/ground.ts';
import { ip } from '../test/interop/net.ts';
import { PTP_PROGRAMS } from '../test/interop/require.ts';
import { until } from '../test/interop/spawn.ts';
import { COMMANDS, type Runtime, start, startWorker, stop, type Worker } from './processes.ts';
import type { PtpLoadOptions } from './ptpload.ts';

/** A running master and who loads it. */
export interface Master extends Pick<PtpLoadOptions, 'master' | 'ports'> {
  readonly name: string;
  readonly pid: number;
  readonly generator: Worker;
  stop(): Promise<void>;
}

const PROGRAM = 'build/clockbraid.js';
/** A master ends by itself after this, whatever becomes of the bench. */
const LIFE_S = 300;
const READY_MS = 20_000;

/** Why stock PTP peers cannot run here, null if they can. */
export function withoutPeers(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it needs root, on Linux';
  try {
    accessSync(PTP_PROGRAMS.ptp4l, constants.X_OK);
    return null;
  } catch {
    return `no ${PTP_PROGRAMS.ptp4l} (test/interop/peers.sh, CLOCKBRAID_PEERS)`;
  }
}

/** Our master in one runtime, on an address of its own. It needs no root: ports are high. */
export async function ourMaster(
  runtime: Runtime,
  at: Pick<PtpLoadOptions, 'master' | 'ports'>,
  generator: Worker,
): Promise<Master> {
  const { master, ports } = at;
  const child = start(
    [
      ...[...COMMANDS[runtime], PROGRAM, 'ptp', 'master', master, '--unicast', '--json'],
      ...['--event-port', `${ports.event}`, '--general-port', `${ports.general}`],
      ...['--announce', '0', '--sync', '-7', '--delay', '-7', '--seconds', `${LIFE_S}`],
    ],
    'server',
  );
  try {
    await isMaster(runtime, child);
  } catch (error) {
    await stop(child);
    throw error;
  }
  return { ...at, name: runtime, pid: child.pid ?? 0, generator, stop: () => stop(child) };
}

/** Its status lines say so. */
async function isMaster(runtime: Runtime, child: ChildProcess): Promise<void> {
  let said = '';
  let isReady = false;
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      if (isReady) return; // the lines go on, nobody keeps them
      said += text;
      isReady = said.includes('"state":"MASTER"');
    });
  }
  child.once('exit', () => {
    ended = true;
  });
  const probe = () => {
    if (ended) throw new Error(`ptp master in ${runtime} ended at once: ${said.trim()}`);
    return isReady;
  };
  const detail = () => said;
  await until(`ptp master in ${runtime}`, probe, { timeoutMs: READY_MS, everyMs: 50, detail });
}

/** ptp4l in a namespace of its own, since its ports are 319 and 320; its load comes from in there. */
export async function ptp4lMaster(
  workerFile: string,
  onTalk: (line: string) => void,
): Promise<Master> {
  const { ns, pid, close } = await onSite(async (site) => {
    const ns = await site.namespace('ptp4l');
    ip(['-n', ns, 'link', 'set', 'lo', 'up']);
    const folder = site.scratch('ptp4l');
    const config = writeConfig(folder, [
      '[global]',
      ...['network_transport UDPv4', 'delay_mechanism E2E', 'time_stamping software'],
      ...['free_running 1', 'unicast_listen 1', 'masterOnly 1', 'announceReceiptTimeout 2'],
      ...['logAnnounceInterval 0', 'logSyncInterval -7', 'logMinDelayReqInterval -7'],
      ...['tx_timestamp_timeout 50', 'use_syslog 0', 'verbose 1'],
      `uds_address ${join(folder, 'uds')}`,
      '[lo]',
    ]);
    const running = site.start(ns, [PTP_PROGRAMS.ptp4l, '-f', config, '-i', 'lo'], {
      timeoutMs: LIFE_S * 1000,
    });
    const log = () => running.stdout() + running.stderr();
    await until('ptp4l is master', () => log().includes('to MASTER'), { detail: log });
    return { ns, pid: running.pid };
  });
  const generator = startWorker('node', workerFile, onTalk, ['ip', 'netns', 'exec', ns]);
  const ports = { event: 319, general: 320 };
  const stop = async () => {
    await generator.stop();
    await close();
  };
  return { name: 'ptp4l', master: '127.0.0.1', ports, pid, generator, stop };
}

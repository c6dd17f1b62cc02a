/** ptp4l, pmc and ptpd on a lan: free running, and with no way to touch the clock (spawn.ts). */
import { join } from 'node:path';
import process from 'node:process';
import { type Peer, peerOf, writeConfig } from './daemon.ts';
import { type Lan, LINK } from './lan.ts';
import { PTP_PROGRAMS } from './require.ts';
import { run } from './spawn.ts';

/** Where programs are started. */
export type Place = Pick<Lan, 'scratch' | 'start'>;

export interface Ptp4lOptions {
  /** Its socket for pmc. Default one of its own. */
  readonly uds?: string;
  readonly family?: 4 | 6;
  /** More lines of its [global] section. */
  readonly extra?: readonly string[];
  /** Masters to ask by unicast. */
  readonly masters?: readonly string[];
  readonly delayMechanism?: 'E2E' | 'P2P';
  /** Its interface. (default {@link LINK}) */
  readonly link?: string;
}

/** Starts ptp4l: 8 Syncs and Delay_Reqs, one Announce a second. */
export function ptp4l(
  lan: Place,
  ns: string,
  {
    family = 4,
    extra = [],
    masters = [],
    delayMechanism = 'E2E',
    uds,
    link = LINK,
  }: Ptp4lOptions = {},
): Peer {
  const folder = lan.scratch('ptp4l');
  const transport = `UDPv${family}`;
  const table = masters.map((ip) => `${transport} ${ip}`);
  const config = writeConfig(folder, [
    '[global]',
    `network_transport ${transport}`,
    `delay_mechanism ${delayMechanism}`,
    'time_stamping software',
    'free_running 1',
    'logSyncInterval -3',
    'logMinDelayReqInterval -3',
    'logMinPdelayReqInterval -3',
    'logAnnounceInterval 0',
    'summary_interval 0',
    'tx_timestamp_timeout 50',
    'use_syslog 0',
    'verbose 1',
    `uds_address ${uds ?? join(folder, 'uds')}`,
    ...extra,
    ...(table.length > 0
      ? ['[unicast_master_table]', 'table_id 1', 'logQueryInterval 0', ...table]
      : []),
    `[${link}]`,
    ...(table.length > 0 ? ['unicast_master_table 1'] : []),
  ]);
  return peerOf(lan.start(ns, [PTP_PROGRAMS.ptp4l, '-f', config, '-i', link]));
}

/** What pmc prints to these commands, asked over the network. */
export async function pmc(ns: string, commands: readonly string[]): Promise<string> {
  const argv = [PTP_PROGRAMS.pmc, '-4', '-i', LINK, '-b', '0', ...commands];
  return (await run(ns, argv)).stdout;
}

/** What pmc prints, asked of a ptp4l by its socket; others are reached through it, hop by hop. */
export async function pmcBy(
  ns: string,
  uds: string,
  hops: number,
  commands: readonly string[],
): Promise<string> {
  const own = `${uds}.pmc${process.pid}`;
  const argv = [PTP_PROGRAMS.pmc, '-u', '-s', uds, '-i', own, '-b', `${hops}`, ...commands];
  return (await run(ns, argv)).stdout;
}

/**
 * Starts ptpd, by unicast negotiation unless `mode` says otherwise; it needs some 12 s before it
 * answers. hybrid: Delay_* by unicast, all else by multicast.
 */
export function ptpd(
  lan: Place,
  ns: string,
  preset: 'masteronly' | 'slaveonly',
  masters: readonly string[] = [],
  mode: 'unicast' | 'multicast' | 'hybrid' = 'unicast',
  link: string = LINK,
): Peer {
  const folder = lan.scratch('ptpd');
  const argv = [
    ...[PTP_PROGRAMS.ptpd, '-C', '-L', '-i', link, '--clock:no_adjust=y'],
    ...['--global:log_statistics=y', `--global:statistics_file=${join(folder, 'stats')}`],
    ...['--global:log_status=y', `--global:status_file=${join(folder, 'status')}`],
    `--global:lock_file=${join(folder, 'lock')}`,
    `--ptpengine:preset=${preset}`,
    `--ptpengine:ip_mode=${mode}`,
    `--ptpengine:unicast_negotiation=${mode === 'unicast' ? 'y' : 'n'}`,
    ...['--ptpengine:log_sync_interval=-2', '--ptpengine:log_delayreq_interval=-2'],
    ...['--ptpengine:log_announce_interval=0'],
    ...(masters.length > 0 ? [`--ptpengine:unicast_destinations=${masters.join(',')}`] : []),
  ];
  return peerOf(lan.start(ns, argv));
}

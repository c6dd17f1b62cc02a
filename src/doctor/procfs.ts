/** Texts of /proc, read. Pure: who gets them from where is cli/doctor.ts. */
import type { Daemon } from './facts.ts';

/** Names as /proc has them (cut after 15 characters), and whether the program steers the clock. */
const DAEMONS: Readonly<Record<string, boolean>> = {
  chronyd: true,
  ntpd: true,
  'ntp-daemon': true,
  openntpd: true,
  'systemd-timesyn': true,
  timesyncd: true,
  ptpd: true,
  ptpd2: true,
  phc2sys: true,
  ptp4l: true,
  ts2phc: false,
  gpsd: false,
};

/**
 * @param comm text of /proc/PID/comm
 * @param cmdline text of /proc/PID/cmdline, '' if it cannot be read
 * @returns null if it has nothing to do with time
 */
export function daemonOf(pid: number, comm: string, cmdline: string): Daemon | null {
  const name = comm.trim();
  const steers = Object.hasOwn(DAEMONS, name) ? DAEMONS[name] : undefined;
  if (steers === undefined) return null;
  const args = cmdline.split('\0').slice(1);
  const isOff =
    (name === 'chronyd' && args.some((arg) => /^-[a-zA-Z0-9]*[xQ]/.test(arg))) ||
    (name === 'ptp4l' && args.some((arg) => /^--free_running(=1)?$/.test(arg)));
  return { pid, name, steers: steers && !isOff };
}

/** Number of CAP_NET_RAW. */
const NET_RAW = 13n;

/** @param status text of /proc/self/status */
export function canCapture(status: string): boolean | null {
  const [, hex] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return hex === undefined ? null : ((BigInt(`0x${hex}`) >> NET_RAW) & 1n) === 1n;
}

/** @param snmp text of /proc/net/snmp: `Udp:` names, `Udp:` numbers */
export function lostDatagrams(snmp: string): number | null {
  const [names = [], values = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  return whole(values[names.indexOf('RcvbufErrors')] ?? '');
}

/** @param snmp6 text of /proc/net/snmp6: a name and a number a line */
export function lostDatagrams6(snmp6: string): number | null {
  return whole(/^Udp6RcvbufErrors\s+(\d+)$/m.exec(snmp6)?.[1] ?? '');
}

/** A whole number that stands alone. */
export const whole = (text: string): number | null =>
  /^\d+$/.test(text.trim()) ? Number(text) : null;

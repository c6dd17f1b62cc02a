/**
 * One link with a stock PTP master on it, and two slaves' hosts: ours and stock ptp4l's, each in a
 * namespace of its own behind one switch. All share one kernel clock: the true offset is 0.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNamespace, newPrefix, removeNamespace } from '../test/interop/lab.ts';
import { LINK, lanIp } from '../test/interop/lan.ts';
import { ptp4l } from '../test/interop/linuxptp.ts';
import { ip } from '../test/interop/net.ts';
import { start, until } from '../test/interop/spawn.ts';

export interface PtpLink {
  readonly masterIp: string;
  /** Of our host. */
  readonly localIps: readonly string[];
  /** What runs a program on our host, unable to set the clock. */
  readonly within: readonly string[];
  /** Offsets that the stock slave told in the last `forS` seconds: PTP's sign, ns. */
  stockOffsets(forS: number): number[];
  close(): Promise<void>;
}

const HOSTS = ['master', 'ours', 'stock'] as const;
const STOCK_IP = lanIp('there', 99);
const LIFE_MS = 300_000;
const LINE = /ptp4l\[([\d.]+)\]: master offset +(-?\d+)/g;

/** @param paths addresses of our host */
export async function createPtpLink(paths: number): Promise<PtpLink> {
  const prefix = newPrefix();
  const at = (host: string) => `${prefix}-${host}`;
  const folder = mkdtempSync(join(tmpdir(), 'clockbraid-bench-'));
  const running: ReturnType<typeof start>[] = [];
  const lab = {
    scratch: (name: string) => mkdtempSync(join(folder, `${name}-`)),
    start(ns: string, argv: readonly string[]) {
      const one = start(ns, argv, { timeoutMs: LIFE_MS });
      running.push(one);
      return one;
    },
  };
  async function close(): Promise<void> {
    await Promise.all(running.map((one) => one.stop()));
    for (const host of ['switch', ...HOSTS]) removeNamespace(at(host));
    rmSync(folder, { recursive: true, force: true });
  }
  const masterIp = lanIp('here', 1);
  const localIps = Array.from({ length: paths }, (_, n) => lanIp('there', n + 1));
  const addresses = { master: [masterIp], ours: localIps, stock: [STOCK_IP] };
  try {
    const hub = at('switch');
    await createNamespace(hub, false);
    ip(['-n', hub, 'link', 'add', 'hub', 'type', 'bridge']);
    ip(['-n', hub, 'link', 'set', 'hub', 'up']);
    for (const host of HOSTS) {
      const ns = at(host);
      await createNamespace(ns, false);
      ip([
        'link',
        'add',
        `to-${host}`,
        'netns',
        hub,
        'type',
        'veth',
        'peer',
        'name',
        LINK,
        'netns',
        ns,
      ]);
      ip(['-n', hub, 'link', 'set', `to-${host}`, 'master', 'hub', 'up']);
      ip(['-n', ns, 'link', 'set', 'lo', 'up']);
      ip(['-n', ns, 'link', 'set', LINK, 'up']);
      for (const own of addresses[host]) {
        ip(['-n', ns, 'address', 'add', `${own}/24`, 'dev', LINK]);
      }
    }
    const listens = ['unicast_listen 1', 'masterOnly 1', 'announceReceiptTimeout 2'];
    const master = ptp4l(lab, at('master'), { extra: listens });
    await until('ptp4l is master', () => master.log().includes('to MASTER'), {
      detail: master.log,
    });
    const perSample = ['summary_interval -4', 'freq_est_interval 0'];
    const stock = ptp4l(lab, at('stock'), {
      masters: [masterIp],
      extra: ['slaveOnly 1', 'unicast_req_duration 60', ...perSample],
    });
    await until('ptp4l follows it', () => stock.log().includes('master offset'), {
      detail: stock.log,
    });
    const drop = ['setpriv', '--bounding-set=-sys_time', '--inh-caps=-sys_time', '--'];
    return {
      masterIp,
      localIps,
      within: ['ip', 'netns', 'exec', at('ours'), ...drop],
      stockOffsets(forS) {
        const lines = [...stock.log().matchAll(LINE)].map(([, atS, ns]) => [+`${atS}`, +`${ns}`]);
        const [lastS = 0] = lines.at(-1) ?? [];
        return lines.flatMap(([atS = 0, ns = 0]) => (atS > lastS - forS ? [ns] : []));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

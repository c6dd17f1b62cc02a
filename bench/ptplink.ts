/**
 * One segment with a stock PTP master on it, and two slaves' hosts: ours and stock ptp4l's. All share
 * one kernel clock: the true offset is 0.
 */
import { LINK } from '../test/interop/lan.ts';
import { type Place, ptp4l } from '../test/interop/linuxptp.ts';
import { ip } from '../test/interop/net.ts';
import { createSegment, segmentIp } from '../test/interop/segment.ts';
import { until } from '../test/interop/spawn.ts';

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

const LIFE_MS = 300_000;
const LINE = /ptp4l\[([\d.]+)\]: master offset +(-?\d+)/g;

/** @param paths addresses of our host */
export async function createPtpLink(paths: number): Promise<PtpLink> {
  const segment = await createSegment(3);
  const { scratch, close } = segment;
  const lab: Place = {
    scratch,
    start: (ns, argv) => segment.start(ns, argv, { timeoutMs: LIFE_MS }),
  };
  const [masterHost = '', ours = '', stockHost = ''] = segment.hosts;
  const masterIp = segmentIp(0);
  const more = Array.from({ length: paths - 1 }, (_, n) => segmentIp(segment.hosts.length + n));
  try {
    for (const own of more) ip(['-n', ours, 'address', 'add', `${own}/24`, 'dev', LINK]);
    const listens = ['unicast_listen 1', 'masterOnly 1', 'announceReceiptTimeout 2'];
    const master = ptp4l(lab, masterHost, { extra: listens });
    await until('ptp4l is master', () => master.log().includes('to MASTER'), {
      detail: master.log,
    });
    const perSample = ['summary_interval -4', 'freq_est_interval 0'];
    const stock = ptp4l(lab, stockHost, {
      masters: [masterIp],
      extra: ['slaveOnly 1', 'unicast_req_duration 60', ...perSample],
    });
    await until('ptp4l follows it', () => stock.log().includes('master offset'), {
      detail: stock.log,
    });
    const drop = ['setpriv', '--bounding-set=-sys_time', '--inh-caps=-sys_time', '--'];
    return {
      masterIp,
      localIps: [segmentIp(1), ...more],
      within: ['ip', 'netns', 'exec', ours, ...drop],
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

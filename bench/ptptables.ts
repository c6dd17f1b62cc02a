/** The tables about PTP: what a master serves, and how far off a slave is. */
import { BUSY, isKnown, type Made, type Plan, runtimeColumns } from './compare.ts';
import { startWorker } from './processes.ts';
import { createPtpLink } from './ptplink.ts';
import { withoutPeers } from './ptpmasters.ts';
import { figuresOf, type OffsetFigures, type PtpRmsFigures, type PtpRmsOptions } from './ptprms.ts';
import { cellText, type PtpCell, promised, ptpServerBench, served } from './ptpserver.ts';
import { figure, type Row } from './table.ts';

const PTP_MEASURE_MS = 2000;
/** The last is what our caps allow: 65,536 packets/s. */
const PTP_CELLS: readonly PtpCell[] = [
  { slaves: 1, logInterval: -7 },
  { slaves: 10, logInterval: -7 },
  { slaves: 100, logInterval: -3 },
  { slaves: 1000, logInterval: 0 },
  { slaves: 1000, logInterval: -3 },
  { slaves: 170, logInterval: -7 },
];

const RMS_PATHS = [1, 4, 8] as const;
const RMS_TIMES = { startMs: 15_000, settleMs: 3000, measureMs: 6000 } as const;
const S_PER_US = 1e-6;
const NS_PER_S = 1e9;

/** Packets/s and CPU of PTP masters; ratios to ptp4l, or to the first runtime without it. */
export async function ptpTables({ crews, workerFile, say }: Plan): Promise<Made> {
  const { runs, missing, othersCores } = await ptpServerBench({
    runtimes: crews.map(({ runtime }) => runtime),
    workerFile,
    cells: PTP_CELLS,
    measureMs: PTP_MEASURE_MS,
    onProgress: (text) => say(`ptp: ${text}`),
  });
  const notes = [
    `loopback, unicast negotiation, Announce 1/s, two-step; ${PTP_MEASURE_MS / 1000} s each; generator: one Node process`,
    'of promised: what the grants asked for add up to; slaves: CPU of the master for one of them',
    ...missing.map((text) => `left out: ${text}`),
  ];
  const rows = runs.map(({ cell, name, figures }): Row => {
    const { tookMs, masterCpuS, loadCpuS, granted } = figures;
    const perS = served(figures);
    const cpu = (masterCpuS ?? Number.NaN) / (tookMs / 1000);
    const what = `${cellText(cell)}, ${name}`;
    if (granted < cell.slaves) notes.push(`${what}: ${granted} were granted everything`);
    if (loadCpuS / (tookMs / 1000) > Math.max(BUSY, cpu)) {
      notes.push(`${what}: the generator was the busier one, packets/s is a lower bound`);
    }
    const version = crews.find(({ runtime }) => runtime === name)?.about.version;
    return {
      name: version === undefined ? name : `clockbraid, ${name} ${version}`,
      group: `${cellText(cell)}: ${figure(promised(cell))} packets/s`,
      values: [
        [perS],
        [(perS / promised(cell)) * 100],
        [cpu * 100],
        [(cpu / perS) * 1e6],
        [(cpu / cell.slaves) * 1e6],
      ].map((values) => values.filter(isKnown)),
    };
  });
  const columns = [
    { name: 'packets/s', ratio: true },
    { name: '% of promised', ratio: false },
    { name: 'CPU %', ratio: false },
    { name: 'CPU us/packet', ratio: true },
    { name: 'CPU us/s and slave', ratio: false },
  ];
  const title = 'PTP packets that a master sends to its slaves';
  const table = { name: 'ptp', title, unit: 'one run each', columns, rows, notes };
  return { tables: [table], othersCores };
}

/** Offsets that slaves tell of a master with their own clock: ours in each runtime, and ptp4l's. */
export async function ptpRmsTables({ crews, workerFile, say }: Plan): Promise<Made> {
  const why = withoutPeers();
  if (why !== null) {
    say(`ptprms: left out: ${why}`);
    return { tables: [] };
  }
  say('ptprms: building a link, starting ptp4l as master and as slave');
  const link = await createPtpLink(Math.max(...RMS_PATHS));
  const subjects = [
    { name: 'ptp4l slave meanwhile', of: 'stock' },
    { name: 'clockbraid, a path alone', of: 'path' },
    { name: 'clockbraid, kalman', of: 'kalman' },
    { name: 'clockbraid, braid', of: 'braid' },
  ] as const;
  const empty = () =>
    RMS_PATHS.flatMap((paths) =>
      subjects.map(({ name }) => ({
        name,
        group: paths === 1 ? '1 path' : `${paths} paths`,
        values: crews.map((): number[] => []),
      })),
    );
  const rms = empty();
  const mean = empty();
  try {
    for (const [column, { runtime }] of crews.entries()) {
      const worker = startWorker(runtime, workerFile, (line) => say(line), link.within);
      try {
        for (const [index, paths] of RMS_PATHS.entries()) {
          say(`ptprms: ${paths} of ${Math.max(...RMS_PATHS)} paths in ${runtime}`);
          const { masterIp: master, localIps } = link;
          const slave: PtpRmsOptions = {
            ...{ master, locals: localIps.slice(0, paths) },
            ...RMS_TIMES,
          };
          const ours = await worker.ask<PtpRmsFigures>({ ask: 'ptprms', slave });
          // ptp4l tells slave − master
          const told = link.stockOffsets(RMS_TIMES.measureMs / 1000).map((ns) => -ns / NS_PER_S);
          const found: Record<string, OffsetFigures> = { ...ours, stock: figuresOf(told) };
          for (const [row, { of }] of subjects.entries()) {
            const at = index * subjects.length + row;
            rms[at]?.values[column]?.push((found[of]?.rms ?? Number.NaN) / S_PER_US);
            mean[at]?.values[column]?.push((found[of]?.mean ?? Number.NaN) / S_PER_US);
          }
        }
      } finally {
        await worker.stop();
      }
    }
  } finally {
    await link.close();
  }
  return {
    tables: [
      {
        name: 'ptprms',
        title: 'Offset from a ptp4l master with the same clock: the truth is 0',
        unit: `rms in us, less is better, ${RMS_TIMES.measureMs / 1000} s each`,
        columns: runtimeColumns({ crews }),
        rows: rms,
        notes: [
          'veth behind a bridge, 8 Syncs and 8 Delay_Reqs a second on each path; ptp4l stamps in the kernel, clockbraid too where its host can (`clockbraid about`)',
          'all paths are identities on one link: what they share (late wake-ups) no combiner takes out',
        ],
      },
      {
        name: 'ptprms-mean',
        title: 'The part of it that stays, remote − local',
        unit: 'mean in us',
        columns: runtimeColumns({ crews }, false),
        rows: mean,
        notes: [],
      },
    ],
  };
}

/** Packets/s that PTP masters serve: so many slaves at such a rate, every master in turn. */
import { watchOthers } from './machine.ts';
import { freePort, type Runtime, startWorker } from './processes.ts';
import type { PtpLoadFigures } from './ptpload.ts';
import { type Master, ourMaster, ptp4lMaster, withoutPeers } from './ptpmasters.ts';

export interface PtpCell {
  readonly slaves: number;
  readonly logInterval: number;
}

export interface PtpRun {
  readonly cell: PtpCell;
  /** A runtime, or `ptp4l`. */
  readonly name: string;
  readonly figures: PtpLoadFigures;
}

export interface PtpServerOptions {
  readonly runtimes: readonly Runtime[];
  readonly workerFile: string;
  readonly cells: readonly PtpCell[];
  readonly measureMs: number;
  onProgress(text: string): void;
}

export interface PtpServerBench {
  readonly runs: readonly PtpRun[];
  /** What was left out, and why. */
  readonly missing: readonly string[];
  readonly othersCores: number | null;
}

/** Messages/s that a cell's grants promise: an Announce, and Sync, Follow_Up, Delay_Resp. */
export const promised = ({ slaves, logInterval }: PtpCell): number =>
  slaves * (1 + 3 * 2 ** -logInterval);

export const served = ({ counts, tookMs }: PtpLoadFigures): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0) / (tookMs / 1000);

export const cellText = ({ slaves, logInterval }: PtpCell): string =>
  `${slaves} ${slaves === 1 ? 'slave' : 'slaves'}, ${2 ** -logInterval}/s each`;

export async function ptpServerBench(options: PtpServerOptions): Promise<PtpServerBench> {
  const { runtimes, workerFile, cells, measureMs, onProgress } = options;
  const missing: string[] = [];
  const masters: Master[] = [];
  const generator = startWorker('node', workerFile, onProgress);
  try {
    const event = await freePort();
    let general = event;
    while (general === event) general = await freePort();
    const ports = { event, general };
    for (const [n, runtime] of runtimes.entries()) {
      onProgress(`starting a master in ${runtime}`);
      masters.push(await ourMaster(runtime, { master: `127.0.0.${2 + n}`, ports }, generator));
    }
    const why = withoutPeers();
    if (why !== null) missing.push(`ptp4l: ${why}`);
    else {
      onProgress('starting ptp4l');
      masters.unshift(await ptp4lMaster(workerFile, onProgress));
    }
    const runs: PtpRun[] = [];
    const others = watchOthers();
    for (const cell of cells) {
      for (const { name, pid, master, ports: of, generator: from } of masters) {
        onProgress(`${cellText(cell)}: ${name}`);
        const load = { ...cell, master, ports: of, measureMs, pid };
        runs.push({ cell, name, figures: await from.ask({ ask: 'ptpload', load }) });
      }
    }
    return { runs, missing, othersCores: others() };
  } finally {
    for (const one of masters) await one.stop();
    await generator.stop();
  }
}

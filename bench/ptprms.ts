/** Our slave for a while: the offsets it tells from a master that has the same clock as it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isRefused } from '../src/core.ts';
import { openPtpClock } from '../src/ptpclock.ts';

export interface PtpRmsOptions {
  readonly master: string;
  /** An identity, and a path, for each. */
  readonly locals: readonly string[];
  /** Default 319 and 320. */
  readonly ports?: { readonly event: number; readonly general: number };
  /** Until every path is measured both ways, at most; then it settles, then it counts. */
  readonly startMs: number;
  readonly settleMs: number;
  readonly measureMs: number;
}

/** Offsets from 0, s. */
export interface OffsetFigures {
  readonly rms: number;
  readonly mean: number;
  readonly count: number;
}

export interface PtpRmsFigures {
  /** A path's own last offset, all paths together, and each combiner's. */
  readonly path: OffsetFigures;
  readonly braid: OffsetFigures;
  readonly kalman: OffsetFigures;
}

const LOG_INTERVAL = -3;

export function figuresOf(offsets: readonly number[]): OffsetFigures {
  const count = offsets.length;
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  return {
    count,
    mean: sum(offsets) / count,
    rms: Math.sqrt(sum(offsets.map((offset) => offset * offset)) / count),
  };
}

/** @throws Error if not every path was measured in time */
export async function measurePtpRms(options: PtpRmsOptions): Promise<PtpRmsFigures> {
  const { master, locals, ports, startMs, settleMs, measureMs } = options;
  const offsets = { path: [] as number[], braid: [] as number[], kalman: [] as number[] };
  let counts = false;
  await using clock = await openPtpClock({
    mode: 'single-ended',
    role: 'slave',
    addresses: locals,
    masters: [master],
    ...(ports && { ports }),
    port: {
      logAnnounceInterval: 0,
      logSyncInterval: LOG_INTERVAL,
      logMinDelayReqInterval: LOG_INTERVAL,
    },
    combiner: 'braid',
    compare: ['kalman'],
    events: {
      onSample({ path, status }, ensemble) {
        if (!counts || isRefused(status)) return;
        const raw = ensemble.report(path)?.offsetS;
        if (raw !== undefined) offsets.path.push(raw);
        for (const core of ensemble.cores) {
          const told = core.clock()?.offsetS;
          if (told === undefined) continue;
          offsets[core.combiner === 'braid' ? 'braid' : 'kalman'].push(told);
        }
      },
    },
  });
  const isUp = () => {
    const { paths } = clock.status();
    return paths.length === locals.length && paths.every(({ report }) => (report?.taken ?? 0) > 2);
  };
  for (let waited = 0; !isUp(); waited += 50) {
    if (waited > startMs) {
      const { paths, state } = clock.status();
      throw new Error(
        `${state}: ${paths.map(({ path, reason }) => `${path} ${reason}`).join(', ')}`,
      );
    }
    await sleep(50);
  }
  await sleep(settleMs);
  counts = true;
  await sleep(measureMs);
  counts = false;
  return {
    path: figuresOf(offsets.path),
    braid: figuresOf(offsets.braid),
    kalman: figuresOf(offsets.kalman),
  };
}

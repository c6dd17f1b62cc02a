/** The table of `stamps`: errors of offsets by plain and kernel stamps, idle and with busy cores. */
import { availableParallelism } from 'node:os';
import process from 'node:process';
import type { Made, Plan } from './compare.ts';
import { start, startWorker, stop } from './processes.ts';
import type { StampsFigures } from './stamps.ts';
import type { Row } from './table.ts';

const KINDS = ['plain', 'kernel'] as const;
const FORMS = ['twoStep', 'sealed'] as const;
const WORDS = { twoStep: 'two-step', sealed: 'sealed t3' } as const;
const MOST_ROUNDS = 3;
const COUNT = 400;
const EVERY_MS = 3;
/** A spinner ends by itself after this, whatever becomes of the bench (ms). */
const SPINNER_MS = 120_000;

export async function stampsTables(plan: Plan): Promise<Made> {
  const { crews, workerFile, say } = plan;
  const rounds = Math.min(plan.rounds, MOST_ROUNDS);
  const cores = availableParallelism();
  const rows: Row[] = [];
  const notes = new Set<string>();
  let lost = 0;
  const reflectors = crews.map(({ runtime }) =>
    startWorker(runtime, workerFile, (line) => say(`${runtime}: ${line}`)),
  );
  try {
    for (const group of ['idle', `every core busy (${cores} spinners)`]) {
      const cells = new Map<string, number[][]>();
      const add = (name: string, column: number, value: number) => {
        const lists = cells.get(name) ?? crews.map((): number[] => []);
        lists[column]?.push(value);
        cells.set(name, lists);
      };
      const spinners = group === 'idle' ? [] : Array.from({ length: cores }, startSpinner);
      try {
        for (let round = 0; round < rounds; round++) {
          for (const [column, { worker, runtime }] of crews.entries()) {
            say(`stamps: ${group}, round ${round + 1} of ${rounds} in ${runtime}`);
            const reflector = reflectors[column];
            if (reflector === undefined) continue;
            for (const stamps of KINDS) {
              const { port } = await reflector.ask<{ port: number }>({ ask: 'reflect', stamps });
              const exchanges = { stamps, port, count: COUNT, everyMs: EVERY_MS };
              const figures = await worker.ask<StampsFigures>({ ask: 'stamps', exchanges });
              lost += figures.lost;
              notes.add(`${stamps} in ${runtime}: ${figures.host}`);
              for (const form of FORMS) {
                const errors = figures[form].map((s) => Math.abs(s) * 1e6).sort((a, b) => a - b);
                for (const [name, share] of [
                  ['p50', 0.5],
                  ['p99', 0.99],
                  ['most', 1],
                ] as const) {
                  add(`${stamps}, ${WORDS[form]}, ${name}`, column, quantile(errors, share));
                }
              }
            }
          }
        }
      } finally {
        await Promise.all(spinners.map(stop));
      }
      for (const [name, values] of cells) rows.push({ name, group, values });
    }
  } finally {
    await Promise.all(reflectors.map((reflector) => reflector.stop()));
  }
  const table = {
    name: 'stamps',
    title: 'Error of an offset between two processes with the same clock, over loopback',
    unit: `us, less is better, median of ${rounds} rounds of ${COUNT} exchanges`,
    columns: crews.map(({ about }) => ({
      name: `${about.runtime} ${about.version}`,
      ratio: false,
    })),
    rows,
    notes: [
      'two-step: the answer’s departure is told after it (PTP); sealed: it stands in the answer (NTP)',
      ...notes,
      ...(lost > 0 ? [`${lost} exchanges lost`] : []),
    ],
  };
  return { tables: [table] };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function startSpinner() {
  const code = `const end = Date.now() + ${SPINNER_MS}; while (Date.now() < end);`;
  return start([process.execPath, '-e', code], 'server');
}

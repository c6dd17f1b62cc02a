/** The table of `stamps`: errors of offsets by plain and kernel stamps, idle and with busy cores. */
import { availableParallelism } from 'node:os';
import { type Made, type Plan, runtimeColumns } from './compare.ts';
import { stop } from './processes.ts';
import { FORMS, type StampsFigures } from './stamps.ts';
import {
  exchangeOver,
  type Link,
  loopback,
  quantilesUs,
  startSpinner,
  veth,
} from './stampslinks.ts';
import { gatherRows } from './table.ts';

const KINDS = ['plain', 'kernel'] as const;
const WORDS = { basic: 'NTP', interleaved: 'NTP interleaved', twoStep: 'PTP' } as const;
const MOST_ROUNDS = 3;
const COUNT = 400;
const EVERY_MS = 3;

/** |error| in us, by form and share: `PTP, p99`. */
type Errors = ReadonlyMap<string, number>;

export async function stampsTables(plan: Plan): Promise<Made> {
  const { crews, workerFile, say } = plan;
  const rounds = Math.min(plan.rounds, MOST_ROUNDS);
  const cores = availableParallelism();
  const { add, rows } = gatherRows(crews.length);
  const notes = new Set([
    'NTP: the answer carries the time just before its send; interleaved: the next answer carries its stamp; PTP: a datagram after it does',
    'by plain stamps the three are the same; plain ÷ kernel: of the same round',
  ]);
  let lost = 0;

  async function measureGroup(link: Link, condition: string): Promise<void> {
    const group = `${link.name}, ${condition}`;
    for (let round = 0; round < rounds; round++) {
      for (const [column, ends] of link.ends.entries()) {
        const { runtime = '' } = crews[column] ?? {};
        say(`stamps: ${link.name}, ${condition}, round ${round + 1} of ${rounds} in ${runtime}`);
        const errors = new Map<string, Errors>();
        for (const stamps of KINDS) {
          const exchanges = { stamps, pump: 'timer', count: COUNT, everyMs: EVERY_MS } as const;
          const figures = await exchangeOver(ends, exchanges);
          lost += figures.lost;
          notes.add(`${stamps} in ${runtime}: ${figures.host}`);
          errors.set(stamps, errorsOf(figures));
        }
        for (const [what, plain] of errors.get('plain') ?? []) {
          if (what.startsWith(`${WORDS.basic},`)) add(group, `plain, ${what}`, column, plain);
        }
        for (const [what, kernel] of errors.get('kernel') ?? []) {
          add(group, `kernel, ${what}`, column, kernel);
        }
        for (const [what, kernel] of errors.get('kernel') ?? []) {
          const plain = errors.get('plain')?.get(what) ?? Number.NaN;
          add(group, `plain ÷ kernel, ${what}`, column, plain / kernel);
        }
      }
    }
  }

  for (const open of [loopback, veth]) {
    const link = await open(crews, workerFile, say);
    if (typeof link === 'string') {
      notes.add(`veth left out: ${link}`);
      continue;
    }
    try {
      await measureGroup(link, 'idle');
      const spinners = Array.from({ length: cores }, startSpinner);
      try {
        await measureGroup(link, `every core busy (${cores} spinners)`);
      } finally {
        await Promise.all(spinners.map(stop));
      }
    } finally {
      await link.close();
    }
  }
  const table = {
    name: 'stamps',
    title: 'Error of an offset between two processes with the same clock',
    unit: `us, less is better, median of ${rounds} rounds of ${COUNT} exchanges`,
    columns: runtimeColumns(plan, false),
    rows: rows(),
    notes: [...notes, ...(lost > 0 ? [`${lost} exchanges lost`] : [])],
  };
  return { tables: [table] };
}

function errorsOf(figures: StampsFigures): Errors {
  const errors = new Map<string, number>();
  for (const form of FORMS) {
    for (const [share, us] of quantilesUs(figures[form].map(Math.abs))) {
      errors.set(`${WORDS[form]}, ${share}`, us);
    }
  }
  return errors;
}

/**
 * How exact the combiners are: the quick scoreboard, in virtual time, beside what others reached. It
 * runs in this process only, since the core gives the same bits in every runtime.
 */
import { type Row as BoardRow, quickPlan, rowsOf } from '../src/report/board.ts';
import { PEER_NOTES } from '../src/report/reference.ts';
import { rowName } from '../src/report/words.ts';
import { figure, type Row, type Table } from './table.ts';

const COMBINERS = ['braid', 'kalman', 'rfc5905'] as const;
const PEERS = ['chrony', 'tuned', 'limit'] as const;
const SEEDS = [1, 2, 3];
const NS = 1e-9;

/** @param say told which scenario is next */
export function accuracyTable(say: (text: string) => void, plan = quickPlan()): Table {
  const rows: Row[] = [];
  for (const row of rowsOf(plan, COMBINERS, SEEDS)) {
    rows.push(rowOf(row));
    say(`accuracy: ${rows.length} of ${plan.length}, ${rowName(row)}`);
  }
  return {
    name: 'accuracy',
    title: 'Error of the combined clock on simulated worlds',
    unit: `rms in ns, less is better, median of ${SEEDS.length} seeds`,
    columns: [...COMBINERS, ...PEERS].map((name) => ({ name, ratio: false })),
    rows,
    notes: [
      ...PEERS.map((peer) => `${peer}: ${PEER_NOTES[peer]}; measured elsewhere on the same models`),
      `whole table: clockbraid bench accuracy, or bench/scoreboard.md; a worst seed here: ${worst(rows)}`,
    ],
  };
}

function rowOf({ cells, reference, ...entry }: BoardRow): Row {
  const ours = cells.map(({ runs }) => runs.map(({ rmsS }) => rmsS / NS));
  const theirs = PEERS.map((peer) => {
    const s = reference[peer];
    return s === null ? [] : [s / NS];
  });
  return { name: rowName(entry), group: '', values: [...ours, ...theirs] };
}

/** The seed and scenario in which the default combiner lies farthest above its own median. */
function worst(rows: readonly Row[]): string {
  const found = rows.map(({ name, values: [own = []] }) => {
    const most = Math.max(...own);
    const middle = [...own].sort((a, b) => a - b)[own.length >> 1] ?? most;
    return { name, most, times: most / middle };
  });
  const [first] = found.sort((a, b) => b.times - a.times);
  if (first === undefined) return 'none';
  return `${first.name}, braid ${figure(first.most)} ns, ${figure(first.times)} times its median`;
}

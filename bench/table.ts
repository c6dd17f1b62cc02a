/** Tables of the bench: one per comparison, a column per runtime. Plain text, for people. */
import { ratios, spread } from './measure.ts';

export interface Row {
  readonly name: string;
  readonly group: string;
  /** The rounds' values, one list per column; empty: not measured there. */
  readonly values: readonly (readonly number[])[];
}

export interface Column {
  readonly name: string;
  /** Show ratios to the first row of the group. */
  readonly ratio: boolean;
}

export interface Table {
  readonly name: string;
  readonly title: string;
  /** What the values are: `ns per exchange`. */
  readonly unit: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

/** Rows that values come in for one by one; groups and rows stand in the order of their first. */
export function gatherRows(columns: number) {
  const groups = new Map<string, Map<string, number[][]>>();
  return {
    add(group: string, name: string, column: number, value: number): void {
      const rows = groups.get(group) ?? new Map<string, number[][]>();
      const lists = rows.get(name) ?? Array.from({ length: columns }, (): number[] => []);
      lists[column]?.push(value);
      groups.set(group, rows.set(name, lists));
    },
    rows: (): Row[] =>
      [...groups].flatMap(([group, rows]) =>
        [...rows].map(([name, values]) => ({ name, group, values })),
      ),
  };
}

/** Three figures: 0.123, 12.3, 1,230. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = digits > 0 ? value : Number(value.toPrecision(3));
  return rounded.toLocaleString('en', {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3),
  });
}

/**
 * Each cell: ratio to the first row of the group (median of the rounds' ratios), median value, and
 * half the distance of its quartiles in percent of it.
 */
export function formatTable(table: Table): string {
  const label = Math.max(...table.rows.map(({ name }) => name.length)) + 4;
  const headers = table.columns.map(({ name }) => name.padStart(RATIO + VALUE).padEnd(CELL));
  const lines = [`${table.title} (${table.unit})`, `${''.padEnd(label)}${headers.join('')}`];
  let first: Row | null = null;
  for (const row of table.rows) {
    if (first === null || row.group !== first.group) {
      first = row;
      if (row.group !== '') lines.push(`  ${row.group}`);
    }
    const reference = first;
    const cells = row.values.map((values, column) => {
      const isRatio = table.columns[column]?.ratio ?? false;
      return cell(values, isRatio ? (reference.values[column] ?? []) : null);
    });
    lines.push(`    ${row.name.padEnd(label - 4)}${cells.join('')}`);
  }
  for (const note of table.notes) lines.push(`  · ${note}`);
  return lines.map((line) => line.trimEnd()).join('\n');
}

const RATIO = 9;
const VALUE = 11;
const AROUND = 7;
const CELL = RATIO + VALUE + AROUND;

function cell(values: readonly number[], reference: readonly number[] | null): string {
  if (values.length === 0) return '-'.padStart(RATIO + VALUE).padEnd(CELL);
  const { median, low, high } = spread(values);
  const ratio = reference === null ? '' : `${figure(ratios(values, reference).median)}x`;
  const around =
    median === 0 || values.length < 2 ? '' : ` ±${Math.round(((high - low) / 2 / median) * 100)}%`;
  return `${ratio.padStart(RATIO)}${figure(median).padStart(VALUE)}${around.padEnd(AROUND)}`;
}

/**
 * The bench: one worker per runtime, asked in turn, so that in every round each runtime does every
 * case once and only one of them works at a time. Prints a table per comparison.
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type Circumstances, type Crew, type Plan, TABLES } from './compare.ts';
import { loadText, type Machine, machine, watchOthers } from './machine.ts';
import { RUNTIMES, type Runtime, startWorker } from './processes.ts';
import { formatTable, type Table } from './table.ts';
import type { About } from './worker.ts';

const ROUNDS = 11;
/** Others using more than this many cores make figures doubtful. */
const QUIET_CORES = 0.1;
const NAMES = Object.keys(TABLES);

interface Report {
  readonly machine: Machine;
  readonly runtimes: readonly About[];
  readonly tables: (Table & Circumstances)[];
}

interface Options {
  readonly runtimes: readonly Runtime[];
  readonly names: readonly string[];
  readonly rounds: number;
  readonly json: string | undefined;
}

const say = (text: string) => process.stderr.write(`bench: ${text}\n`);

/** @returns the exit code */
export async function main(argv: readonly string[], workerFile: string): Promise<number> {
  const options = read(argv);
  if (typeof options === 'string') {
    say(options);
    return 2;
  }
  const crews: Crew[] = [];
  try {
    for (const runtime of options.runtimes) {
      const worker = startWorker(runtime, workerFile, (line) => say(`${runtime}: ${line}`));
      crews.push({ runtime, worker, about: await worker.ask<About>({ ask: 'about' }) });
    }
    const runtimes = crews.map(({ about }) => about);
    const report: Report = { machine: machine(), runtimes, tables: [] };
    console.log(head(report));
    const plan: Plan = { crews, rounds: options.rounds, workerFile, say };
    for (const name of options.names) {
      const { load } = machine();
      const others = watchOthers();
      const made = await TABLES[name]?.(plan);
      if (made === undefined) continue;
      const circumstances = { load, othersCores: made.othersCores ?? others() };
      for (const table of made.tables) {
        report.tables.push({ ...table, ...circumstances });
        console.log(`\n${formatTable(table)}`);
      }
      console.log(`  · ${circumstancesText(circumstances, report.machine)}`);
    }
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report)}\n`);
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    await Promise.all(crews.map(({ worker }) => worker.stop()));
  }
}

function read(argv: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        runtime: { type: 'string', default: 'all' },
        rounds: { type: 'string', default: String(ROUNDS) },
        json: { type: 'string' },
      },
    });
    const { runtime, json } = values;
    const runtimes = RUNTIMES.filter((name) => runtime === 'all' || runtime === name);
    const rounds = Number(values.rounds);
    const strange = positionals.find((name) => !NAMES.includes(name));
    if (runtimes.length === 0) {
      return `--runtime expected one of ${RUNTIMES.join(', ')}, all; got "${runtime}"`;
    }
    if (!Number.isInteger(rounds) || rounds < 1) {
      return `--rounds expected a whole number from 1, got "${values.rounds}"`;
    }
    if (strange !== undefined) return `case expected of ${NAMES.join(', ')}; got "${strange}"`;
    return { runtimes, names: positionals.length === 0 ? NAMES : positionals, rounds, json };
  } catch (error) {
    return (error as Error).message;
  }
}

function head({ machine: { cpu, cores, load, moduleBytes }, runtimes }: Report): string {
  const versions = runtimes.map(
    ({ runtime, version, engine }) => `${runtime} ${version} (${engine})`,
  );
  return [
    'clockbraid bench',
    `  runtimes      ${versions.join(', ')}`,
    `  machine       ${cpu}, ${cores} cores`,
    `  load average  ${loadText(load)}`,
    `  modules       core.wasm ${moduleBytes.simd} bytes, core.scalar.wasm ${moduleBytes.scalar} bytes`,
    '  cells         ratio to the first row of the group, median, ± half the distance of its quartiles',
  ].join('\n');
}

/** A machine that others used is said loudly: its figures are not for quoting. */
function circumstancesText({ load, othersCores }: Circumstances, { cores }: Machine): string {
  const text = `load average at the start ${loadText(load)}`;
  if (othersCores === null) return `${text}; what others used is not known here`;
  const used = `others used ${othersCores.toFixed(2)} of ${cores} cores meanwhile`;
  const verdict = othersCores > QUIET_CORES ? ': LOADED MACHINE, take the ratios only' : '';
  return `${text}; ${used}${verdict}`;
}

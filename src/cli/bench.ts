/** `clockbraid bench accuracy`: the scoreboard, in virtual time. */
import { COMBINERS, type CombinerName, createCore } from '../core.ts';
import { ConfigError } from '../errors.ts';
import { formatSeconds } from '../format.ts';
import { type Board, type Entry, planOf, quickPlan, type Row, rowsOf } from '../report/board.ts';
import { boardChart } from '../report/chart.ts';
import { boardJson } from '../report/json.ts';
import { boardMarkdown } from '../report/markdown.ts';
import { boardText } from '../report/table.ts';
import { rowName } from '../report/words.ts';
import { findNamed, MOST_PATHS } from '../sim/named.ts';
import { type Args, type Command, UsageError } from './args.ts';
import { writeText } from './files.ts';
import { type Io, pause } from './io.ts';

export const benchCommand: Command = {
  name: 'bench',
  summary: 'the scoreboard: every combiner on every scenario, beside what others reached',
  usage: 'accuracy [options]',
  positionals: { least: 1, most: 1, name: 'accuracy' },
  options: {
    scenarios: { type: 'string', value: 'A,B,…', help: 'names (default all; see sim --list)' },
    combiners: { type: 'string', value: 'A,B,…', help: `of ${COMBINERS.join(', ')} (default all)` },
    paths: {
      type: 'string',
      value: 'K,L,…',
      help: "numbers of paths (default each scenario's own)",
    },
    seeds: { type: 'string', value: 'N', help: 'seeds 1..N, pooled (default 3, quick 1)' },
    quick: { type: 'boolean', help: 'one or two scenarios of each kind, one seed' },
    details: { type: 'boolean', help: 'p95, max, bias, times to detect and recover, honesty' },
    json: { type: 'string', value: 'FILE', help: 'everything, each seed too, as JSON' },
    svg: { type: 'string', value: 'FILE', help: 'as a picture' },
    markdown: { type: 'string', value: 'FILE', help: 'as Markdown, for documents' },
  },
  details: `The clock's error is taken right after each exchange, from 3600 s to 18000 s of virtual time, and
pooled over the seeds. The figures of chrony, ntpsec and ptp4l were measured elsewhere on the same
models. FILE may be "-": standard output, and the table goes to standard error.`,
  run,
};

const FILES = ['json', 'svg', 'markdown'] as const;

async function run(args: Args, io: Io): Promise<number> {
  const [what] = args.positionals;
  if (what !== 'accuracy') throw new UsageError(`"clockbraid bench" knows accuracy, not "${what}"`);
  const piped = FILES.filter((format) => args.text(format) === '-');
  if (piped.length > 1) throw new UsageError(`only one of ${piped.join(', ')} can be "-"`);
  const plan = choosePlan(args);
  const combiners = chooseCombiners(args);
  const count = args.number('seeds', args.flag('quick') ? 1 : 3, {
    ...{ least: 1, most: 1000, integer: true },
  });
  const seeds = Array.from({ length: count }, (_, k) => k + 1);
  const rows = await measure(plan, combiners, seeds, io);
  const board: Board = { combiners, seeds, rows };
  if (rows.length > 0) {
    const text = boardText(board, args.flag('details'));
    if (piped.length > 0) io.err(text);
    else await io.out(text);
    await writeFiles(board, args, io);
  }
  return io.signal.aborted ? 1 : 0;
}

/** Runs the rows, telling how far it is; stops between two rows on Ctrl-C. */
async function measure(
  plan: readonly Entry[],
  combiners: readonly CombinerName[],
  seeds: readonly number[],
  io: Io,
): Promise<Row[]> {
  const started = performance.now();
  const rows: Row[] = [];
  for (const row of rowsOf(plan, combiners, seeds)) {
    rows.push(row);
    const tookS = (performance.now() - started) / 1000;
    const leftS = (tookS / rows.length) * (plan.length - rows.length);
    const left = rows.length < plan.length ? `, ${formatSeconds(leftS)} to go` : '';
    io.err(`[${rows.length}/${plan.length}] ${rowName(row)}: ${formatSeconds(tookS)}${left}\n`);
    await pause(0, io.signal);
    if (io.signal.aborted) break;
  }
  return rows;
}

function choosePlan(args: Args): Entry[] {
  const scenarios = list(args, 'scenarios');
  for (const name of scenarios ?? []) findNamed(name);
  const paths = list(args, 'paths')?.map((text) => {
    const count = Number(text);
    if (!Number.isInteger(count) || count < 1 || count > MOST_PATHS) {
      throw new ConfigError('--paths', `integers 1..${MOST_PATHS} with commas`, text);
    }
    return count;
  });
  if (args.flag('quick')) {
    if (scenarios === undefined && paths === undefined) return quickPlan();
    throw new UsageError('"--quick" chooses scenarios and paths itself');
  }
  const plan = planOf({ scenarios, paths });
  if (plan.length === 0) throw new ConfigError('--paths', 'enough paths for a scenario', paths);
  return plan;
}

/** Those asked for, or all with the default one first. */
function chooseCombiners(args: Args): readonly CombinerName[] {
  const chosen = createCore().combiner;
  return (
    list(args, 'combiners')?.map((name) => {
      const found = COMBINERS.find((combiner) => combiner === name);
      if (found === undefined) {
        throw new ConfigError('--combiners', `some of ${COMBINERS.join(', ')}`, name);
      }
      return found;
    }) ?? [...COMBINERS].sort((a, b) => Number(b === chosen) - Number(a === chosen))
  );
}

/** Words with commas between them. */
const list = (args: Args, name: string): string[] | undefined =>
  args
    .text(name)
    ?.split(',')
    .map((word) => word.trim());

async function writeFiles(board: Board, args: Args, io: Io): Promise<void> {
  const chosen = createCore().combiner;
  const asked = FILES.flatMap((format) => {
    const file = args.text(format);
    return file === undefined ? [] : [{ format, file }];
  });
  for (const { format, file } of asked) {
    const text =
      format === 'json'
        ? `${JSON.stringify(boardJson(board))}\n`
        : format === 'svg'
          ? boardChart(board, chosen)
          : boardMarkdown(board, 'clockbraid bench accuracy --markdown');
    if (file === '-') await io.out(text);
    else {
      await writeText(file, text);
      io.err(`${format} written to ${file}\n`);
    }
  }
}

/** `clockbraid replay`: recordings through the core, faster than they happened. */
import { COMBINERS, type CombinerName, type Core, createCore } from '../core.ts';
import type { ClockEvent } from '../events.ts';
import { formatSeconds } from '../format.ts';
import { eventLine, resultLine, summaryLine, toJsonLines } from '../recording/jsonout.ts';
import {
  type BadLine,
  createReplay,
  type ReplayResult,
  type ReplaySummary,
} from '../recording/replay.ts';
import { type Args, type Command, UsageError } from './args.ts';
import { eventText } from './events.ts';
import { fileChunks } from './files.ts';
import type { Io } from './io.ts';
import { scoreLines } from './scores.ts';

export const replayCommand: Command = {
  name: 'replay',
  summary: 'feed recordings (or JSON Lines of exchanges) through one combiner or all of them',
  usage: 'FILE… [options]',
  positionals: { least: 1, most: 1024, name: 'FILE' },
  options: {
    combiner: {
      type: 'string',
      value: 'NAME',
      help: `${COMBINERS.join(', ')}, or "all" for a scoreboard (default braid)`,
    },
    json: { type: 'boolean', help: 'one line of JSON per exchange and event, a summary line last' },
    settle: { type: 'string', value: 'S', help: 'errors count from S seconds on (default 0)' },
    strict: { type: 'boolean', help: 'stop at the first bad line, exit code 1' },
    'to-jsonl': { type: 'boolean', help: 'convert recordings to JSON Lines instead of replaying' },
  },
  details: `FILE is a recording of clockbraid or JSON Lines; "-" is standard input. Several files
are replayed one after another, as one run. The open form, one exchange a line:

  {"clockbraid":"recording","version":1}
  {"path":"192.0.2.1|198.51.100.7","localSend":"1763600000000000000","remoteReceive":"…",
   "remoteSend":"…","localReceive":"…","truth":-1.25e-6}

or one direction of one (PTP: Sync is forward, Delay_Req reverse), the correction in 2^-16 ns:

  {"path":"192.0.2.1|198.51.100.7","kind":"forward","send":"1763600000000000000","receive":"…",
   "correction":"0"}

The path is remote|local, the times are integer ns since the Unix epoch as text; "truth" (optional)
is the true offset (remote − local, s) at the last local time. With truth, errors are scored. Bad lines
are reported with file and line and counted; they never stop a replay unless --strict.

Events (suspicion of a path, a majority lost, holdover, a step) are those of the first combiner in
this replay; the ones a recording holds from its own run come out of --to-jsonl.`,
  run,
};

/** Bad lines named one by one before only the count goes on. */
const BAD_LINES_SHOWN = 20;
const OUT_BYTES = 65536;
/** Events named one by one; the rest is only counted. */
const EVENTS_SHOWN = 40;

async function run(args: Args, io: Io): Promise<number> {
  if (args.flag('to-jsonl')) return convert(args, io);
  const json = args.flag('json');
  const strict = args.flag('strict');
  const settleS = args.number('settle', 0, { least: 0, most: 1e12 });
  const choice = args.choice<CombinerName | 'all'>('combiner', 'braid', [...COMBINERS, 'all']);
  const names: readonly CombinerName[] = choice === 'all' ? COMBINERS : [choice];
  const cores = names.map((combiner) => createCore({ combiner }));
  const [first, ...others] = cores;
  if (first === undefined) throw new UsageError('no combiner');
  let shown = 0;
  let text = '';
  let drained: Promise<void> = Promise.resolve();
  const events: ClockEvent[] = [];
  let eventCount = 0;
  const put = (line: string) => {
    text += `${line}\n`;
    if (text.length < OUT_BYTES) return;
    drained = io.out(text);
    text = '';
  };
  const replay = createReplay({
    cores: [first, ...others] as [Core, ...Core[]],
    settleS,
    strict,
    onBadLine(bad) {
      if (shown++ < BAD_LINES_SHOWN) io.err(`clockbraid: ${describe(bad)}\n`);
      else if (shown === BAD_LINES_SHOWN + 1)
        io.err('clockbraid: more bad lines are only counted\n');
    },
    onClockEvent(event) {
      if (json) put(eventLine(event));
      else if (eventCount++ < EVENTS_SHOWN) events.push(event);
    },
    ...(json ? { onResult: (result: ReplayResult) => put(resultLine(result)) } : {}),
  });
  const startMs = performance.now();
  for (const file of args.positionals) {
    await replay.read(
      file,
      paced(fileChunks(file), () => drained, io),
    );
    if (replay.summary().stoppedAt !== null) break;
  }
  const summary = replay.summary();
  const tookS = (performance.now() - startMs) / 1000;
  if (json) await io.out(`${text}${summaryLine(summary)}\n`);
  else await io.out(`${report(summary, tookS)}${eventReport(events, eventCount)}`);
  if (summary.stoppedAt !== null) return 1;
  if (summary.exchanges === 0) {
    io.err(`clockbraid: no exchange in ${args.positionals.join(', ')}\n`);
    return 1;
  }
  return 0;
}

const describe = ({ file, line, reason }: BadLine): string => `${file}:${line}: ${reason}`;

/** Lets a slow reader of our output hold back the reading of the file; stops on Ctrl-C. */
async function* paced(
  chunks: AsyncIterable<Uint8Array>,
  drained: () => Promise<void>,
  io: Io,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    await drained();
    if (io.signal.aborted) return;
  }
}

function report(summary: ReplaySummary, tookS: number): string {
  const { exchanges, badLines, paths, spanS, combiners } = summary;
  const speed = Math.round(exchanges / Math.max(tookS, 1e-9));
  const lines = [
    `${exchanges} exchanges over ${paths} paths, ${formatSeconds(spanS)} of clock time, ${badLines} bad lines`,
    `replayed in ${formatSeconds(tookS)}: ${speed} exchanges/s through ${combiners.length} combiner${combiners.length > 1 ? 's' : ''}`,
    '',
  ];
  return `${[...lines, ...scoreLines(combiners)].join('\n')}\n`;
}

/** The events with their times, one a line; '' if there were none. */
function eventReport(events: readonly ClockEvent[], count: number): string {
  if (count === 0) return '';
  const lines = events.map((event) => `  ${eventText(event)}`);
  if (count > events.length) lines.push(`  and ${count - events.length} more (--json tells all)`);
  return `\nevents:\n${lines.join('\n')}\n`;
}

async function convert(args: Args, io: Io): Promise<number> {
  let bad = 0;
  for (const file of args.positionals) {
    for await (const line of toJsonLines(fileChunks(file), ({ block, reason }) => {
      bad++;
      io.err(`clockbraid: ${file}:${block}: ${reason}\n`);
    })) {
      await io.out(`${line}\n`);
      if (io.signal.aborted) return 1;
    }
  }
  return bad > 0 && args.flag('strict') ? 1 : 0;
}

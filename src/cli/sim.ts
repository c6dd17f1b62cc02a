/** `clockbraid sim`: seeded worlds in virtual time, as recordings with truth or scored at once. */
import { COMBINERS, type CombinerName, type Core, createCore } from '../core.ts';
import { formatSeconds } from '../format.ts';
import { summaryLine, toJsonLines } from '../recording/jsonout.ts';
import { createReplay } from '../recording/replay.ts';
import { MOST_PATHS, NAMED, namedScenario } from '../sim/named.ts';
import { readScenario } from '../sim/read.ts';
import { recordingOf } from '../sim/recording.ts';
import { adjusted, MOST_SECONDS, type OneWay, type Scenario } from '../sim/scenario.ts';
import { type Args, type Command, UsageError } from './args.ts';
import { fileSink, readText } from './files.ts';
import { type Io, pause } from './io.ts';
import { scoreLines } from './scores.ts';
import { readToml } from './toml.ts';

export const simCommand: Command = {
  name: 'sim',
  summary: 'simulate a scenario in virtual time: write a recording with truth, or score combiners',
  usage: 'NAME|FILE.toml [options]',
  positionals: { least: 0, most: 1, name: 'scenario' },
  options: {
    list: { type: 'boolean', help: 'list the scenarios that ship' },
    paths: { type: 'string', value: 'K', help: 'number of paths of a named scenario (1..256)' },
    seed: { type: 'string', value: 'N', help: 'the same seed, the same world (default 1)' },
    poll: { type: 'string', value: 'S', help: 'seconds between polls of a path' },
    'one-way': {
      type: 'string',
      value: 'F,R',
      help: 'measure one way at a time, as PTP does: seconds between forward and reverse ones',
    },
    seconds: { type: 'string', value: 'S', help: 'length of the run in virtual time' },
    out: { type: 'string', value: 'FILE', help: 'write a recording; "-" with --jsonl: to stdout' },
    jsonl: { type: 'boolean', help: 'the recording as JSON Lines' },
    combiner: {
      type: 'string',
      value: 'NAME',
      help: `${COMBINERS.join(', ')}, or "all" (default all, or none with --out)`,
    },
    settle: { type: 'string', value: 'S', help: 'errors count from S seconds on' },
    json: { type: 'boolean', help: 'the scores as one line of JSON' },
  },
  details: `Example of FILE.toml; seconds everywhere, paths count from 1, forward is remote to local:

  seconds = 18000
  poll = 1                  # each path; paths take turns unless stagger = false
  settle = 3600             # errors count from here on
  hold = 20e-6              # in the server
  oneway = { forward = 0.125, reverse = 1, residence = 1e-6 }   # Sync, Delay_Req, corrections

  [clock]                   # the local clock: offset (local - true), frequency, and its random
  offset = 10e-3            # walk per second
  frequency = 1e-5
  wander = 1e-9
  step = [{ at = 9000, by = 0.05 }]

  [[segment]]               # a queue that several paths share
  name = "uplink"
  queue = { law = "correlated", mean = 1e-3, time = 20 }

  [[path]]
  count = 3                 # three paths like this
  every = 1                 # 8: asked in every 8th round only
  base = 5e-3               # floor of the delay, each direction
  noise = 1e-6              # stamps, 1 sigma
  loss = 0.01
  queue = { law = "exp", mean = 1e-3 }
  segments = ["uplink"]
  forward = { base = 6e-3 } # what differs in one direction

  [[event]]
  kind = "attack"           # congestion, reroute, outage, removal, manipulation
  paths = [1, 2]
  direction = "forward"     # reverse, both
  from = 7200
  to = 10800                # default: to the end
  by = 10e-3                # constant extra delay (or shift of the remote stamps)
  ramp = 10e-6              # grows to it, s/s
  random = 1e-3             # mean of an exponential extra
  share = 0.5               # of the packets
  hop = 600                 # one path at a time, the next after so long

Laws: none · exp mean · lognormal median sigma · lomax scale shape · erlang mean stages ·
gauss sd · correlated mean time; queue = [{…}, {…}] adds them up.`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  if (args.flag('list')) {
    await io.out(list());
    return 0;
  }
  const [what] = args.positionals;
  if (what === undefined) {
    throw new UsageError('"clockbraid sim" needs a scenario; see "clockbraid sim --list"');
  }
  const seed = args.number('seed', 1, { least: 0, most: 4294967295, integer: true });
  const scenario = await choose(what, args);
  const out = args.text('out');
  const isLines = args.flag('jsonl');
  if (out === '-' && !isLines) throw new UsageError('"--out -" writes JSON Lines: add --jsonl');
  if (out === undefined && isLines) throw new UsageError('"--jsonl" needs --out FILE');
  const say = (text: string) => (out === '-' ? Promise.resolve(io.err(text)) : io.out(text));
  if (out !== undefined) {
    const told = await write(scenario, seed, { out, isLines }, io);
    if (!args.flag('json')) await say(told);
  }
  const choice = args.choice<CombinerName | 'all' | 'none'>(
    'combiner',
    out === undefined ? 'all' : 'none',
    [...COMBINERS, 'all'],
  );
  if (choice === 'none' || io.signal.aborted) return io.signal.aborted ? 1 : 0;
  await say(await score(scenario, seed, choice === 'all' ? COMBINERS : [choice], args, io));
  return io.signal.aborted ? 1 : 0;
}

function list(): string {
  const width = Math.max(...NAMED.map(({ name }) => name.length));
  const rows = NAMED.map(
    ({ name, counts, title }) =>
      `  ${name.padEnd(width)}  ${counts.join(' ').padEnd(8)} ${title}\n`,
  );
  return `Scenarios, the numbers of paths the scoreboard shows (--paths takes any), and what happens:\n\n${rows.join('')}`;
}

async function choose(what: string, args: Args): Promise<Scenario> {
  const paths = args.number('paths', undefined, { least: 1, most: MOST_PATHS, integer: true });
  const isFile = what.endsWith('.toml') || what.includes('/');
  if (isFile && paths !== undefined) {
    throw new UsageError('"--paths" is for named scenarios; a file lists its paths');
  }
  const scenario = isFile
    ? readScenario(readToml(await readText(what), what), what)
    : namedScenario(what, paths);
  const durationS = args.number('seconds', undefined, { least: 1, most: MOST_SECONDS });
  const changed = adjusted(scenario, {
    pollS: args.number('poll', undefined, { least: 1e-3, most: 1e6 }),
    durationS,
    oneWay: readOneWay(args.text('one-way')),
  });
  const settleS = args.number('settle', changed.settleS, { least: 0, most: changed.durationS });
  return { ...changed, settleS };
}

function readOneWay(text: string | undefined): OneWay | undefined {
  if (text === undefined) return undefined;
  const [forwardS = 0, reverseS = 0, ...rest] = text.split(',').map(Number);
  const isInterval = (s: number) => s >= 1e-3 && s <= 1e6;
  if (rest.length > 0 || !isInterval(forwardS) || !isInterval(reverseS)) {
    throw new UsageError(`"--one-way" expected two intervals like 0.125,1 (s), got "${text}"`);
  }
  return { forwardS, reverseS, residenceS: 0 };
}

/** The recording's bytes; lets signals in between the pieces. */
async function* pieces(scenario: Scenario, seed: number, io: Io): AsyncGenerator<Uint8Array> {
  for (const piece of recordingOf(scenario, seed)) {
    yield piece;
    await pause(0, io.signal);
    if (io.signal.aborted) return;
  }
}

async function write(
  scenario: Scenario,
  seed: number,
  { out, isLines }: { readonly out: string; readonly isLines: boolean },
  io: Io,
): Promise<string> {
  const started = performance.now();
  const sink = out === '-' ? null : await fileSink(out);
  const encoder = new TextEncoder();
  if (isLines) {
    for await (const line of toJsonLines(pieces(scenario, seed, io))) {
      if (sink === null) await io.out(`${line}\n`);
      else sink.write(encoder.encode(`${line}\n`));
    }
  } else for await (const piece of pieces(scenario, seed, io)) sink?.write(piece);
  await sink?.close();
  if (io.signal.aborted) return `stopped; what is in ${out} can be replayed\n`;
  const name = out === '-' ? 'standard output' : out;
  return `${heading(scenario, seed)}\nwritten to ${name} in ${pace(scenario.durationS, started)}\n`;
}

async function score(
  scenario: Scenario,
  seed: number,
  names: readonly CombinerName[],
  args: Args,
  io: Io,
): Promise<string> {
  const cores = names.map((combiner) => createCore({ combiner }));
  const [first, ...others] = cores;
  if (first === undefined) throw new UsageError('no combiner');
  const started = performance.now();
  const replay = createReplay({
    cores: [first, ...others] as [Core, ...Core[]],
    settleS: scenario.settleS,
  });
  await replay.read(scenario.name, pieces(scenario, seed, io));
  const summary = replay.summary();
  if (args.flag('json')) return `${summaryLine(summary)}\n`;
  const combined = `${summary.exchanges} measurements made and combined in ${pace(summary.spanS, started)}`;
  const lines = [
    ...(args.text('out') === undefined ? [heading(scenario, seed)] : []),
    `${combined}; errors count from ${scenario.settleS} s`,
    '',
    ...scoreLines(summary.combiners),
  ];
  return `${lines.join('\n')}\n`;
}

function heading(scenario: Scenario, seed: number): string {
  const { name, title, paths, pollS, durationS, oneWay } = scenario;
  const what = title === '' ? name : `${name}: ${title}`;
  const asked =
    oneWay === undefined
      ? `polled every ${pollS} s`
      : `measured one way, forward every ${oneWay.forwardS} s, reverse every ${oneWay.reverseS} s`;
  return `${what}\n${paths.length} paths, ${durationS} s, ${asked}, seed ${seed}`;
}

function pace(durationS: number, startedMs: number): string {
  const tookS = Math.max((performance.now() - startedMs) / 1000, 1e-6);
  const factor = Math.round(durationS / tookS).toLocaleString('en');
  return `${formatSeconds(tookS)}, ${factor} times real time`;
}

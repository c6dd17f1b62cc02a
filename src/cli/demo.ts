/** `clockbraid demo`: the live table, and the true errors that only a demo can know. */
import { COMBINERS, type CombinerName } from '../core.ts';
import { type Demo, startDemo } from '../demo/demo.ts';
import { formatSeconds } from '../format.ts';
import { chooseHost } from '../udp/choose.ts';
import type { Args, Command } from './args.ts';
import { createEventTail, type EventTail, eventText } from './events.ts';
import { type Io, pause } from './io.ts';
import { createRecordingFile } from './recordfile.ts';
import { mergeEvents } from './run.ts';
import { bar, clockLine, formatOffset, tableOf } from './table.ts';

const FRAME_MS = 250;
const PLAIN_FRAME_MS = 4000;
const FIRST_FRAME_MS = 1000;

export const demoCommand: Command = {
  name: 'demo',
  summary: 'watch 8 paths with congestion, asymmetry, a liar and an outage; no root, no network',
  usage: '[options]',
  positionals: { least: 0, most: 0, name: '' },
  options: {
    ptp: { type: 'boolean', help: 'PTP in place of NTP: a dual-ended master and slave' },
    seconds: { type: 'string', value: 'N', help: 'how long it runs (3..3600, default 20)' },
    seed: { type: 'string', value: 'N', help: 'seed of the weather (default 1)' },
    combiner: {
      type: 'string',
      value: 'NAME',
      help: `the one in charge: ${COMBINERS.join(', ')} (default braid)`,
    },
    record: { type: 'string', value: 'FILE', help: 'also write a recording, to replay later' },
    json: { type: 'boolean', help: 'no table; the last line is the summary as JSON' },
  },
  details: `A server runs on 127.0.0.11 and .12 with a clock 250 ms ahead and 12 ppm fast, a client on
127.0.0.21 to .24: real NTP packets between real sockets, held back, dropped and forged on the way.
With --ptp they are a PTP master and slave on the same addresses (ports above 1023, all unicast), 8
Syncs and 8 Delay_Reqs a second on each path. Four of the eight paths are in trouble. Since the true
offset is known, so are the true errors: "true error" of a path is what a client with that one path
would have.`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const seconds = args.number('seconds', 20, { least: 3, most: 3600 });
  const seed = args.number('seed', 1, { least: 0, most: 2 ** 32 - 1, integer: true });
  const combiner: CombinerName = args.choice('combiner', 'braid', COMBINERS);
  const json = args.flag('json');
  const host = chooseHost();
  const file = args.text('record');
  const tail = createEventTail();
  let running: Demo | undefined;
  const recording =
    file === undefined
      ? null
      : await createRecordingFile(file, host, combiner, (at) => running?.truth(at));
  const demo = await startDemo({
    host,
    protocol: args.flag('ptp') ? 'ptp' : 'ntp',
    seed,
    seconds,
    combiner,
    events: mergeEvents(tail.events, recording?.events),
  });
  running = demo;
  try {
    await watch(demo, tail, seconds, json, io);
  } finally {
    await demo.close();
    await recording?.close();
  }
  const scores = demo.combiners.map((name) => ({ name, figures: demo.scores.combiner(name) }));
  if (scores.every(({ figures }) => figures === null) && !io.signal.aborted) {
    io.err('clockbraid: the demo ended before any path was measured\n');
    return 1;
  }
  if (json) await io.out(`${JSON.stringify({ summary: summary(demo, seed, seconds) })}\n`);
  else await io.out(`${next(file)}\n`);
  return 0;
}

async function watch(
  demo: Demo,
  tail: EventTail,
  seconds: number,
  json: boolean,
  io: Io,
): Promise<void> {
  const started = demo.host.clock.tick();
  const endMs = seconds * 1000;
  let drawn = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (;;) {
    const ms = (demo.host.clock.tick() - started) / 1e6;
    const done = ms >= endMs || io.signal.aborted;
    const due = io.isTty || done || ms - last >= (last < 0 ? FIRST_FRAME_MS : PLAIN_FRAME_MS);
    if (!json && due && (ms >= FIRST_FRAME_MS || io.isTty || done)) {
      last = ms;
      const columns = io.isTty ? io.columns : 160;
      const lines = [
        ...frame(demo, Math.min(ms / 1000, seconds), seconds, columns),
        ...latestLines(tail, columns),
      ];
      const home = io.isTty && drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : '';
      await io.out(`${home}${lines.join('\n')}\n${io.isTty ? '' : '\n'}`);
      drawn = lines.length;
    }
    if (done) return;
    await pause(Math.min(FRAME_MS, endMs - ms), io.signal);
  }
}

function frame(demo: Demo, atS: number, seconds: number, columns: number): string[] {
  const paths = demo.paths();
  const clock = demo.ensemble.cores[0]?.clock() ?? null;
  const nowNs = demo.host.clock.now();
  const at = clock === null ? null : demo.ensemble.cores[0]?.clockAt(demo.host.clock.epochS, nowNs);
  const trueS = demo.truth(nowNs);
  const error =
    at == null
      ? ''
      : `; true ${formatOffset(trueS)}, so it errs by ${formatSeconds(at.offsetS - trueS, true)}`;
  const lines = [
    `clockbraid demo  ${atS.toFixed(1)}/${seconds} s  ${paths.length} ${demo.protocol.toUpperCase()} paths on ${demo.host.name}, combined by ${demo.ensemble.cores[0]?.combiner}`,
    '',
    ...tableOf(paths, {
      heard: demo.protocol === 'ptp' ? 'sync/delay' : 'reach',
      columns,
      extra: [
        {
          title: 'true error',
          width: 10,
          cell: ({ path, report }) =>
            report === null ? '-' : formatSeconds(demo.scores.path(path)?.rms ?? Number.NaN),
        },
        { title: 'trouble', width: 10, cell: ({ path }) => demo.weather.trouble(path) },
      ],
    }),
    '',
    `${clockLine(at == null || clock === null ? clock : { ...clock, ...at })}${error}`.slice(
      0,
      columns,
    ),
    '',
    ...scoreLines(demo, columns).map((line) => line.slice(0, columns)),
  ];
  return lines;
}

/** The latest events, if there are any. */
function latestLines({ latest }: EventTail, columns: number): string[] {
  if (latest.length === 0) return [];
  return ['', ...latest.map((event) => eventText(event).slice(0, columns))];
}

/** Rms of each combiner and of the best single path, as bars. */
function scoreLines(demo: Demo, columns: number): string[] {
  const best = bestPath(demo);
  const rows = [
    ...demo.combiners.map((name) => ({
      name: name as string,
      figures: demo.scores.combiner(name),
    })),
    { name: 'best single path', figures: best === null ? null : demo.scores.path(best) },
  ];
  const most = Math.max(...rows.map(({ figures }) => figures?.rms ?? 0));
  return rows.map(({ name, figures }) => {
    if (figures === null) return `  ${name.padEnd(17)} (settling)`;
    const text = `rms ${formatSeconds(figures.rms).padStart(7)}  p95 ${formatSeconds(figures.p95).padStart(7)}  max ${formatSeconds(figures.max).padStart(7)}`;
    return `  ${name.padEnd(17)} ${text}  ${bar(figures.rms, most, Math.max(10, Math.min(40, columns - 70)))}`;
  });
}

function bestPath(demo: Demo) {
  let best = null;
  let least = Number.POSITIVE_INFINITY;
  for (const { path } of demo.paths()) {
    const rms = demo.scores.path(path)?.rms ?? Number.POSITIVE_INFINITY;
    if (rms >= least) continue;
    least = rms;
    best = path;
  }
  return best;
}

function summary(demo: Demo, seed: number, seconds: number): object {
  const best = bestPath(demo);
  return {
    protocol: demo.protocol,
    combiner: demo.ensemble.cores[0]?.combiner,
    bestPath: best,
    bestPathRms: best === null ? null : (demo.scores.path(best)?.rms ?? null),
    combiners: Object.fromEntries(demo.combiners.map((name) => [name, demo.scores.combiner(name)])),
    seed,
    seconds,
    host: demo.host.name,
  };
}

function next(file: string | undefined): string {
  const replay =
    file === undefined
      ? 'npx clockbraid demo --record demo.cbr     then  npx clockbraid replay demo.cbr --combiner all'
      : `npx clockbraid replay ${file} --combiner all     the same packets through every combiner`;
  return `
next:
  npx clockbraid demo --seed 2              other weather
  ${replay}
  npx clockbraid demo --ptp                 the same weather over PTP
  npx clockbraid query pool.ntp.org         a real server, over one path
  npx clockbraid query HOST --local A --local B    over several of your own addresses`;
}

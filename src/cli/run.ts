/** `clockbraid run`: the client as a daemon. It observes and reports; it never steers a clock. */
import { type Leap, leapOf } from '../chrony.ts';
import { type Client, type ClientEvents, openClient } from '../client.ts';
import type { CombinerName } from '../core.ts';
import { formatSeconds } from '../format.ts';
import type { PathKey } from '../path.ts';
import { eventLine } from '../recording/jsonout.ts';
import type { ViewState } from '../status.ts';
import type { Host } from '../udp/udp.ts';
import { type Args, type Command, UsageError } from './args.ts';
import { CHRONY_OPTION, openChrony } from './chrony.ts';
import { readConfig } from './config.ts';
import { tellUntraced } from './discovery.ts';
import { createEventTail, type EventTail, eventText } from './events.ts';
import { readText } from './files.ts';
import { type Io, pause } from './io.ts';
import { clockJson, pathJson, STATUS_VERSION, timeText } from './json.ts';
import { createRecordingFile, type RecordingFile } from './recordfile.ts';
import { hostOf, STAMPS_OPTION } from './stamps.ts';
import { clockLine, pathTable } from './table.ts';

export const runCommand: Command = {
  name: 'run',
  summary: 'run the client from a configuration file; observe and report',
  usage: '--config FILE [options]',
  positionals: { least: 0, most: 0, name: '' },
  options: {
    config: { type: 'string', value: 'FILE', help: 'TOML configuration (required)' },
    ...STAMPS_OPTION,
    seconds: { type: 'string', value: 'N', help: 'stop after N seconds (default: on Ctrl-C)' },
    record: { type: 'string', value: 'FILE', help: 'write a recording, to replay later' },
    ...CHRONY_OPTION,
    json: { type: 'boolean', help: 'one status line of JSON per status interval' },
  },
  details: `Beside the states of the paths it tells events as they come: suspicion of an attack or
asymmetry and its end, a majority lost, holdover, a step (with --json as {"event":…} lines).

Example:

  [[source]]
  address = "ntp1.example.net"                  # or addresses = ["192.0.2.1", "192.0.2.2"]
  local-addresses = ["198.51.100.7", "203.0.113.9"]   # each pair is a path
  interleaved = true                            # RFC 9769, where the server can; default false
  ports = 1                                     # local ports per pair, each a path (1–64)

  [[source]]
  address = "192.0.2.50"
  [[source.path]]                               # or pairs one by one
  local-address = "198.51.100.7"

  [combiner]
  kind = "braid"          # kalman, rfc5905, average, weighted, best

  [poll]                  # log2 seconds
  min = 6
  max = 10
  budget = "shared"       # "per-path": every pair polls at the full rate
  iburst = 4

  [discovery]             # Linux: trace all pairs, park those on another's route; off without it
  period = 900            # seconds; also rate (probes/s), answers, max-hops, symmetric
  keep = 4                # of those that differ, the 4 that share least; default all

  [output]
  record = "run.cbr"
  chrony = "/run/chrony.clockbraid.sock"   # of chronyd's "refclock SOCK … refid MPTS poll 6 filter 1"

  [observability]
  status-interval = 1     # seconds`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const file = args.text('config');
  if (file === undefined) {
    throw new UsageError('"clockbraid run" needs --config FILE; see "clockbraid run --help"');
  }
  const seconds = args.number('seconds', Number.POSITIVE_INFINITY, { least: 0.1, most: 1e9 });
  const config = readConfig(await readText(file), file);
  const host = hostOf(args, io);
  const path = args.text('chrony') ?? config.chrony;
  const field = args.text('chrony') === undefined ? `${file}: output.chrony` : '--chrony';
  const log = (text: string) => io.err(`clockbraid: ${text}\n`);
  const chrony = path === undefined ? null : openChrony(path, field, host, log);
  const recording = await openRecording(
    args.text('record') ?? config.record,
    host,
    config.client.combiner ?? 'braid',
  );
  const tail = createEventTail();
  const logged = mergeEvents(logEvents(io, args.flag('json')), tail.events);
  let opened: Client | null = null;
  const events = mergeEvents(mergeEvents(logged, recording?.events), {
    onSample: (sample, ensemble) => chrony?.onSample(sample, ensemble, () => ntpLeap(opened)),
  });
  const client = await openClient({ ...config.client, host, events, signal: io.signal });
  opened = client;
  if (config.client.discovery !== undefined) tellUntraced(host, log);
  try {
    return await watchClient(client, io, {
      seconds,
      json: args.flag('json'),
      everyS: config.statusIntervalS,
      tail,
    });
  } finally {
    await client.close();
    chrony?.close();
    await recording?.close();
  }
}

const ntpLeap = (client: Client | null): Leap =>
  leapOf(
    (client?.status().paths ?? []).map(({ leap, report }) => ({
      leap,
      weight: report?.weight ?? 0,
    })),
  );

function openRecording(
  file: string | undefined,
  host: Host,
  combiner: CombinerName,
): Promise<RecordingFile | null> {
  return file === undefined ? Promise.resolve(null) : createRecordingFile(file, host, combiner);
}

export interface WatchOptions {
  readonly seconds: number;
  readonly json: boolean;
  readonly everyS: number;
  /** What the client finds out, told as it comes. */
  readonly tail: EventTail;
}

const TTY_FRAME_S = 0.5;

/** Reports until the time is up or Ctrl-C: a live table, JSON lines, or log lines on change; events. */
export async function watchClient(client: Client, io: Io, options: WatchOptions): Promise<number> {
  const { json, seconds, tail } = options;
  const everyS = !json && io.isTty ? TTY_FRAME_S : options.everyS;
  const { clock } = client.host;
  const startNs = clock.tick();
  const known = new Map<PathKey, ViewState>();
  let drawn = 0;
  for (let turn = 1; !io.signal.aborted; turn++) {
    const passedS = (clock.tick() - startNs) / 1e9;
    const dueS = Math.min(turn * everyS, seconds);
    await pause(Math.max(0, (dueS - passedS) * 1000), io.signal);
    const news = tail.drain();
    if (json) {
      for (const event of news) await io.out(`${eventLine(event)}\n`);
      await io.out(`${statusLine(client)}\n`);
    } else if (io.isTty) drawn = await draw(client, io, drawn, tail);
    else {
      await logChanges(client, io, known);
      for (const event of news) await io.out(`${eventText(event)}\n`);
    }
    if (dueS >= seconds) break;
  }
  const status = client.status();
  if (!json && !io.isTty) {
    await io.out(`${[...pathTable(status.paths, 200), clockLine(status.clock)].join('\n')}\n`);
  }
  return status.clock === null ? 1 : 0;
}

function statusLine(client: Client): string {
  const { clock } = client.host;
  const { clock: combined, paths, combiner, host, whyPlain, pump, whyTimer } = client.status();
  return JSON.stringify({
    status: {
      version: STATUS_VERSION,
      at: timeText(clock.epochS, clock.now()),
      combiner,
      host,
      whyPlain,
      pump,
      whyTimer,
      combined: clockJson(combined),
      paths: paths.map(pathJson),
    },
  });
}

async function draw(client: Client, io: Io, drawn: number, tail: EventTail): Promise<number> {
  const { clock, paths, host, combiner } = client.status();
  const lines = [
    `clockbraid run  ${paths.length} paths on ${host}, combined by ${combiner}`,
    '',
    ...pathTable(paths, io.isTty ? io.columns : 200),
    '',
    clockLine(clock).slice(0, io.columns),
    ...tail.latest.map((event) => eventText(event).slice(0, io.columns)),
  ];
  await io.out(`${drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : ''}${lines.join('\n')}\n`);
  return lines.length;
}

async function logChanges(client: Client, io: Io, known: Map<PathKey, ViewState>): Promise<void> {
  const { paths, clock } = client.status();
  for (const { path, state, reason } of paths) {
    if (known.get(path) === state) continue;
    known.set(path, state);
    const combined = clock === null ? '' : ` offset_s=${clock.offsetS}`;
    await io.out(
      `${logTime(client.host)} path=${path} state=${state} reason=${JSON.stringify(reason)}${combined}\n`,
    );
  }
}

const logTime = (host: Host): string => timeText(host.clock.epochS, host.clock.now());

function logEvents(io: Io, json: boolean): ClientEvents {
  if (json) return {};
  return {
    onClockStep: (byS) =>
      io.err(`clockbraid: the local clock was stepped by ${formatSeconds(byS, true)}\n`),
  };
}

/** Both watchers see everything, first come first. */
export function mergeEvents(a: ClientEvents, b: ClientEvents | undefined): ClientEvents {
  if (b === undefined) return a;
  return {
    onOpen(paths) {
      a.onOpen?.(paths);
      b.onOpen?.(paths);
    },
    onSample(sample, ensemble) {
      a.onSample?.(sample, ensemble);
      b.onSample?.(sample, ensemble);
    },
    onPath(event) {
      a.onPath?.(event);
      b.onPath?.(event);
    },
    onDrop(reason, from) {
      a.onDrop?.(reason, from);
      b.onDrop?.(reason, from);
    },
    onClockStep(byS) {
      a.onClockStep?.(byS);
      b.onClockStep?.(byS);
    },
    onEvent(event) {
      a.onEvent?.(event);
      b.onEvent?.(event);
    },
    onSocketError(local, code) {
      a.onSocketError?.(local, code);
      b.onSocketError?.(local, code);
    },
  };
}

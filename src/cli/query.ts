/** `clockbraid query`: ask once, over one path or many, print what came of it. */
import { type Client, openClient } from '../client.ts';
import { ConfigError } from '../errors.ts';
import type { Args, Command } from './args.ts';
import { CLIENT_OPTIONS, clientOptions, scopeOf } from './client.ts';
import { type Io, pause } from './io.ts';
import { clockJson, pathJson } from './json.ts';
import { hostOf, STAMPS_OPTION } from './stamps.ts';
import { clockLine, pathTable } from './table.ts';

/** Servers of strangers are asked no faster than this, s (RFC 8633 §3). */
const PUBLIC_INTERVAL_S = 2;
/** More paths than this to them must be asked for by number. */
const PUBLIC_PATHS = 4;
const NEAR_INTERVAL_S = 0.25;
/** How long the last reply may take, s. */
const GRACE_S = 2;

export const queryCommand: Command = {
  name: 'query',
  summary: 'ask NTP servers a few times and combine the answers',
  usage: 'HOST… [options]',
  positionals: { least: 1, most: 16, name: 'HOST' },
  options: {
    ...CLIENT_OPTIONS,
    samples: { type: 'string', value: 'N', help: 'exchanges per path (1..8, default 4)' },
    interval: {
      type: 'string',
      value: 'S',
      help: 'seconds between them (default 2; 0.25 to loopback and private addresses)',
    },
    ...STAMPS_OPTION,
    json: { type: 'boolean', help: 'one line of JSON instead of the table' },
  },
  details: `HOST is a name or address, with :port if it is not 123. Offset is remote − local: what
to add to this machine's clock. Exit code 0 if at least one path gave a time, else 1.
Public servers are asked at most every 2 s per path, and over more than 4 paths only if --paths
says so.

  clockbraid query time.example.net
  clockbraid query 192.0.2.1 192.0.2.2 --local 198.51.100.7 --local 203.0.113.9   (4 paths)`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const samples = args.number('samples', 4, { least: 1, most: 8, integer: true });
  const asked = args.number('interval', undefined, { least: 0.0625, most: 64 });
  const host = hostOf(args, io);
  const { options, remotes } = await clientOptions(args, host);
  const isPublic = remotes.some((ip) => scopeOf(ip) === 'public');
  if (
    isPublic &&
    (options.pairs ?? remotes).length > PUBLIC_PATHS &&
    args.text('paths') === undefined
  ) {
    throw new ConfigError(
      '--paths',
      `given for more than ${PUBLIC_PATHS} paths to public servers`,
      (options.pairs ?? remotes).length,
    );
  }
  if (isPublic && asked !== undefined && asked < PUBLIC_INTERVAL_S) {
    throw new ConfigError(
      '--interval',
      `at least ${PUBLIC_INTERVAL_S} s for public servers`,
      asked,
    );
  }
  const intervalS = asked ?? (isPublic ? PUBLIC_INTERVAL_S : NEAR_INTERVAL_S);
  const client = await openClient({
    ...options,
    minPollLog2S: 6,
    iburst: samples,
    iburstSpacingS: intervalS,
    budget: 'per-path',
    signal: io.signal,
  });
  try {
    await waitForSamples(client, samples, intervalS, io);
    const { clock, paths } = client.status();
    if (args.flag('json')) {
      const combined = clockJson(clock);
      await io.out(`${JSON.stringify({ query: { paths: paths.map(pathJson), combined } })}\n`);
    } else {
      const lines = [...pathTable(paths, io.isTty ? io.columns : 200), '', clockLine(clock)];
      await io.out(`${lines.join('\n')}\n`);
    }
    return clock === null ? 1 : 0;
  } finally {
    await client.close();
  }
}

/** Until every path has its samples, or the last one is overdue. */
async function waitForSamples(
  client: Client,
  samples: number,
  intervalS: number,
  io: Io,
): Promise<void> {
  const endMs = (samples * intervalS + GRACE_S) * 1000;
  const stepMs = 50;
  for (let ms = 0; ms < endMs && !io.signal.aborted; ms += stepMs) {
    const { paths } = client.status();
    const missing = paths.filter(({ state, valid }) => state !== 'stopped' && valid < samples);
    if (missing.length === 0) return;
    await pause(stepMs, io.signal);
  }
}

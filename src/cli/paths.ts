/** `clockbraid paths`: which routes the paths to servers take, and what they share. */
import { type Client, openClient } from '../client.ts';
import { ConfigError } from '../errors.ts';
import { DISCOVERY_LIMITS } from '../paths/settings.ts';
import type { PathsView } from '../paths/view.ts';
import { chooseHost } from '../udp/choose.ts';
import type { Args, Command } from './args.ts';
import { CLIENT_OPTIONS, clientOptions, scopeOf } from './client.ts';
import { keepOf, rangeText } from './discovery.ts';
import { writeText } from './files.ts';
import { type Io, pause } from './io.ts';
import { pathsJson } from './pathsjson.ts';
import { pathsSvg } from './pathssvg.ts';
import { pathsText } from './pathstext.ts';

/** More paths than this to public servers must be asked for by number. */
const PUBLIC_PATHS = 4;
/** Probes of all paths together, 1/s. */
const PUBLIC_RATE = 4;
const NEAR_RATE = 20;
/** Between requests of one pair that reach the server, if it has several ports. (s) */
const PUBLIC_ARRIVAL_S = 4;
const NEAR_ARRIVAL_S = 0.5;

const { combiner: _, interleaved: __, ...OPTIONS } = CLIENT_OPTIONS;

export const pathsCommand: Command = {
  name: 'paths',
  summary: 'trace the routes to NTP servers and show what they share',
  usage: 'HOST… [options]',
  positionals: { least: 1, most: 16, name: 'HOST' },
  options: {
    ...OPTIONS,
    ports: {
      type: 'string',
      value: 'N',
      help: 'N local ports per pair, each a path (1..64, default 1): shows ECMP by ports',
    },
    keep: { type: 'string', value: 'K', help: 'choose at most K paths, those that share least' },
    answers: {
      type: 'string',
      value: 'N',
      help: `answers per hop (${rangeText(DISCOVERY_LIMITS.answers)}); more show balancing by packet`,
    },
    'max-hops': {
      type: 'string',
      value: 'N',
      help: `highest hop limit (${rangeText(DISCOVERY_LIMITS.maxHops)})`,
    },
    symmetric: { type: 'boolean', help: 'the way back is known to be the same' },
    json: { type: 'boolean', help: 'one line of JSON instead of text' },
    svg: { type: 'string', value: 'FILE', help: 'as a picture, too' },
  },
  details: `Sends NTP requests with hop limits of 1, 2, 3 … from the addresses and ports that the paths
use; only the last one of a path reaches the server. Needs Linux (kernel stamps). Exit code 0 if the
route of at least one path is known to its end, else 1. What is not known is never taken for equal.

  clockbraid paths time.example.net --local 198.51.100.7 --local 203.0.113.9`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const { answers: perHop, maxHops: hops } = DISCOVERY_LIMITS;
  const keep = keepOf(args);
  const answers = args.number('answers', perHop.fallback, { ...perHop, integer: true });
  const maxHops = args.number('max-hops', hops.fallback, { ...hops, integer: true });
  const ports = args.number('ports', 1, { least: 1, most: 64, integer: true });
  const file = args.text('svg');
  const host = chooseHost('kernel'); // only there are hop limits and what routers send back
  const { options, remotes } = await clientOptions(args, host);
  const isPublic = remotes.some((ip) => scopeOf(ip) === 'public');
  const wanted = (options.pairs ?? remotes).length;
  if (isPublic && wanted > PUBLIC_PATHS && args.text('paths') === undefined) {
    const most = `given for more than ${PUBLIC_PATHS} paths to public servers`;
    throw new ConfigError('--paths', most, wanted);
  }
  const client = await openClient({
    ...options,
    ports,
    minPollLog2S: 6,
    iburst: 0,
    discovery: {
      startS: 0,
      periodS: 86400,
      probesPerS: isPublic ? PUBLIC_RATE : NEAR_RATE,
      arrivalSpacingS: isPublic ? PUBLIC_ARRIVAL_S : NEAR_ARRIVAL_S,
      keep,
      answers,
      maxHops,
      symmetric: args.flag('symmetric'),
    },
    signal: io.signal,
  });
  try {
    const view = await firstRound(client, io);
    if (view === null) return 1;
    const ports = new Map(client.status().paths.map(({ path, localPort }) => [path, localPort]));
    const document = () => pathsJson(view, (path) => ports.get(path) ?? null);
    if (args.flag('json')) await io.out(`${JSON.stringify(document())}\n`);
    else await io.out(`${pathsText(view).join('\n')}\n`);
    if (file !== undefined) await writeText(file, pathsSvg(view));
    return view.paths.some(({ end }) => end === 'remote') ? 0 : 1;
  } finally {
    await client.close();
  }
}

/** Null if it was interrupted. Every round ends by itself. */
async function firstRound(client: Client, io: Io): Promise<PathsView | null> {
  while (!io.signal.aborted) {
    const view = client.routes();
    if (view !== null && view.rounds > 0) return view;
    await pause(50, io.signal);
  }
  return null;
}

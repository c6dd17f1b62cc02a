/** `clockbraid serve`: an NTP server on one or more local addresses. */
import { MOST_WORKERS } from '../responder/crew.ts';
import { DEFAULT_RATE_LIMIT, localSource, openServer, type ServerOptions } from '../serve.ts';
import { formatTarget } from '../target.ts';
import type { Args, Command } from './args.ts';
import { type Io, pause } from './io.ts';
import { hostOf, STAMPS_OPTION } from './stamps.ts';

export const serveCommand: Command = {
  name: 'serve',
  summary: 'serve the local clock on one or more addresses, answering from the address asked',
  usage: 'ADDR… [options]',
  positionals: { least: 1, most: 64, name: 'ADDR' },
  options: {
    port: { type: 'string', value: 'P', help: 'port of addresses that name none (default 123)' },
    stratum: {
      type: 'string',
      value: 'N',
      help: 'vouch for the local clock at this stratum (1..15); without it every reply says "unsynchronized"',
    },
    allow: { type: 'string', multiple: true, value: 'PREFIX', help: 'answer only these' },
    deny: { type: 'string', multiple: true, value: 'PREFIX', help: 'do not answer these' },
    rate: {
      type: 'string',
      value: 'LOG2S',
      help: 'one request per client each 2^LOG2S s (-10..17, default 0), or "off"',
    },
    workers: {
      type: 'string',
      value: 'N',
      help: 'threads that only answer, for busy servers; Linux, kernel stamps (0..64, default 0)',
    },
    ...STAMPS_OPTION,
    seconds: { type: 'string', value: 'N', help: 'stop after N seconds (default: on Ctrl-C)' },
    json: { type: 'boolean', help: 'print counts as JSON at the end' },
  },
  details: `Ports below 1024 need root or CAP_NET_BIND_SERVICE. Clients over their rate are told so
with a RATE kiss now and then and otherwise not answered. Nothing sets or steers the local clock.

  clockbraid serve 127.0.0.1:11123 127.0.0.2:11123 --stratum 10`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const host = hostOf(args, io);
  const workers = args.number('workers', 0, { least: 0, most: MOST_WORKERS, integer: true });
  const stratum = args.number('stratum', undefined, { least: 1, most: 15, integer: true });
  const seconds = args.number('seconds', Number.POSITIVE_INFINITY, { least: 0.1, most: 1e9 });
  const rateLimit =
    args.text('rate') === 'off'
      ? null
      : {
          ...DEFAULT_RATE_LIMIT,
          intervalLog2S: args.number('rate', 0, { least: -10, most: 17, integer: true }),
        };
  const options: ServerOptions = {
    host,
    addresses: args.positionals,
    port: args.number('port', 123, { least: 0, most: 65535, integer: true }),
    rateLimit,
    access: { allow: args.texts('allow'), deny: args.texts('deny') },
    signal: io.signal,
    workers,
    onTrouble: (text) => io.err(`clockbraid: ${text}\n`),
    ...(stratum === undefined ? {} : { source: localSource(stratum, host) }),
  };
  const server = await openServer(options);
  const where = server.addresses.map(({ ip, port }) => formatTarget(ip, port)).join(', ');
  const what =
    stratum === undefined ? 'saying "unsynchronized" (no --stratum)' : `stratum ${stratum}`;
  const staff = workers === 0 ? '' : `, ${workers} worker${workers === 1 ? '' : 's'}`;
  io.err(`clockbraid: serving on ${where}, ${what}, ${host.name}${staff}\n`);
  for (let left = seconds * 1000; left > 0 && !io.signal.aborted; left -= 60_000) {
    await pause(Math.min(left, 60_000), io.signal);
    if (stratum !== undefined) server.setSource({ referenceNs: host.clock.now() });
  }
  await server.close();
  const status = server.status();
  if (args.flag('json')) await io.out(`${JSON.stringify({ serve: status })}\n`);
  else {
    const { received, answered, kisses, drops } = status;
    const others = Object.entries({ ...(kisses > 0 && { kissed: kisses }), ...drops });
    const rest = others.map(([what, count]) => `, ${count} ${what}`).join('');
    io.err(`clockbraid: ${received} requests, ${answered} answered${rest}\n`);
  }
  return 0;
}

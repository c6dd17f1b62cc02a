/** `clockbraid record`: run a client and write every exchange and event to a file. */
import { openClient } from '../client.ts';
import type { Args, Command } from './args.ts';
import { CLIENT_OPTIONS, clientOptions } from './client.ts';
import { createEventTail } from './events.ts';
import type { Io } from './io.ts';
import { createRecordingFile } from './recordfile.ts';
import { mergeEvents, watchClient } from './run.ts';
import { hostOf, STAMPS_OPTION } from './stamps.ts';

export const recordCommand: Command = {
  name: 'record',
  summary: 'run a client over many paths and write every exchange to a file',
  usage: 'FILE HOST… [options]',
  positionals: { least: 2, most: 17, name: 'FILE and HOST' },
  options: {
    ...CLIENT_OPTIONS,
    poll: { type: 'string', value: 'LOG2S', help: 'poll exponent (-4..17, default 6)' },
    'per-path': { type: 'boolean', help: 'every path polls at the full rate, not all together' },
    ...STAMPS_OPTION,
    seconds: { type: 'string', value: 'N', help: 'stop after N seconds (default: on Ctrl-C)' },
    json: { type: 'boolean', help: 'status lines as JSON' },
  },
  details: `The file can be replayed through any combiner: clockbraid replay FILE --combiner all`,
  run,
};

async function run(args: Args, io: Io): Promise<number> {
  const [file = '', ...servers] = args.positionals;
  const host = hostOf(args, io);
  const poll = args.number('poll', 6, { least: -4, most: 17, integer: true });
  const seconds = args.number('seconds', Number.POSITIVE_INFINITY, { least: 0.1, most: 1e9 });
  const { options } = await clientOptions(args, host, servers);
  const recording = await createRecordingFile(file, host, options.combiner ?? 'braid');
  const tail = createEventTail();
  try {
    const client = await openClient({
      ...options,
      minPollLog2S: poll,
      maxPollLog2S: Math.max(poll, 10),
      budget: args.flag('per-path') ? 'per-path' : 'shared',
      iburst: poll >= 4 ? 4 : 0,
      events: mergeEvents(tail.events, recording.events),
      signal: io.signal,
    });
    try {
      return await watchClient(client, io, {
        ...{ seconds, tail, everyS: 1 },
        json: args.flag('json'),
      });
    } finally {
      await client.close();
    }
  } finally {
    await recording.close();
  }
}
